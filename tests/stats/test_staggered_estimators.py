"""Degrees of freedom of two-stage estimates, and their coverage with very few treated clusters."""

import numpy as np
import pandas as pd
import pytest

from evidence import impact
from evidence.stats.staggered_estimators import satterthwaite_of_scores


def test_df_of_two_stages_aresatterthwaite_of_scoress_of_the_scores(rng):
    """By the covariance of the scores written out."""
    weight = np.zeros(12)
    weight[:4] = rng.dirichlet(np.ones(4))
    share = np.where(weight > 0, 1, 0.1) * rng.uniform(0.5, 2, 12)
    centred = np.eye(12) - weight[:, None]  # s = (I − a1')u
    q = centred @ np.diag(share) @ centred.T
    df, expected = satterthwaite_of_scores(weight[:, None], share[:, None])
    np.testing.assert_allclose(expected[:, 0], np.diag(q), rtol=1e-12)
    scale = np.sqrt(share / np.diag(q))
    q = scale[:, None] * q * scale
    np.testing.assert_allclose(df, np.trace(q) ** 2 / (q**2).sum(), rtol=1e-12)


def test_two_equal_clusters_alone_leave_one_degree_of_freedom():
    df, _ = satterthwaite_of_scores(
        np.array([[0.5], [0.5], [0.0]]), np.array([[1.0], [1.0], [0.0]])
    )
    np.testing.assert_allclose(df, 1, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("treated", [2, 3])
def test_two_stages_cover_with_very_few_treated_schools(treated):
    """Two covered 88% of 95% before; a share of 300 is within 3 standard errors of 95% or above."""
    urn, year = np.repeat(np.arange(40), 7), np.tile(np.arange(2013, 2020), 40)
    held = 0
    for seed in range(300):
        rng = np.random.default_rng([treated, seed])
        pct = rng.normal(60, 8, 40)[urn] + rng.normal(0, 5, len(urn))
        lamp = ((urn < treated) & (year >= 2017)).astype(int)
        panel = pd.DataFrame({"urn": urn, "year": year, "lamp": lamp, "pct": pct})
        att = impact.staggered(panel, outcome="pct", treatment="lamp", unit="urn", time="year").att
        held += att.ci_lower <= 0 <= att.ci_upper
    assert held >= 274
