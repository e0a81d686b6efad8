"""How often tests find what is not there, and how often intervals cover what is.

Bounds are 5% plus or minus about 2.6 standard errors of a share of so many samples.
"""

import numpy as np
import pandas as pd
import pytest

from evidence import impact

pytestmark = pytest.mark.slow
GIVEN = {"outcome": "pct", "treatment": "lamp", "unit": "urn", "time": "year"}


def county(rng, schools=40, treated=8, effect=0.0, starts=(2018,)):
    """Return schools in 2015 to 2019 whose errors go together over time and differ in size."""
    urn, year = np.repeat(np.arange(schools), 5), np.tile(np.arange(2015, 2020), schools)
    chosen = rng.permutation(schools)[:treated]
    start = np.full(schools, 9999)
    start[chosen] = np.resize(starts, treated)
    lamp = (year >= start[urn]).astype(int)
    pupils = rng.integers(8, 60, schools)
    drift = np.cumsum(rng.normal(0, 1.5, (schools, 5)), axis=1).ravel()
    noise = rng.normal(0, 20, len(urn)) / np.sqrt(pupils)[urn]
    pct = 60 + rng.normal(0, 8, schools)[urn] + drift + noise
    pct = pct + effect * lamp * (1 + year - start[urn])
    return pd.DataFrame({"urn": urn, "year": year, "lamp": lamp, "pct": pct})


def test_wild_bootstrap_keeps_its_size_with_eight_treated_schools(rng):
    found = [
        impact.wild_bootstrap(county(rng), draws=499, seed=k, **GIVEN).p_value for k in range(500)
    ]
    assert 0.025 < np.mean(np.array(found) <= 0.05) < 0.075


def test_randomisation_test_keeps_its_size_with_two_treated_schools(rng):
    found = [
        impact.randomisation_test(
            county(rng, treated=2, starts=(2017, 2018)), draws=199, seed=k, **GIVEN
        ).p_value
        for k in range(500)
    ]
    assert 0.025 < np.mean(np.array(found) <= 0.05) < 0.075


@pytest.mark.parametrize("method", ["did2s", "sunab"])
def test_staggered_covers_effects_that_grow_where_two_way_effects_do_not(rng, method):
    covered, plain = [], []
    for k in range(160):
        panel = county(rng, 60, 30, effect=2.0, starts=(2016, 2017, 2018))
        years_in = panel.groupby("urn")["lamp"].cumsum()[panel["lamp"] == 1]
        truth = 2.0 * years_in.mean()
        att = impact.staggered(panel, method=method, **GIVEN).att
        covered.append(att.ci_lower <= truth <= att.ci_upper)
        if k % 8 == 0:
            plain.append(impact.did(panel, **GIVEN).estimate - truth)
    assert np.mean(covered) > 0.90
    assert np.mean(plain) < -0.5  # two-way fixed effects say too little


def test_discontinuity_covers_a_jump_in_a_curve(rng):
    """The curve of Calonico et al. (2014), model 1 (Lee's elections): the jump is 0.04."""
    below, above = (0, 1.27, 7.18, 20.21, 21.54, 7.33), (0, 0.84, -3.0, 7.99, -9.01, 3.56)
    covered = []
    for _ in range(400):
        x = 2 * rng.beta(2, 4, 500) - 1
        curve = np.where(x < 0, np.polyval(below[::-1], x), 0.04 + np.polyval(above[::-1], x))
        data = pd.DataFrame({"x": x, "y": 0.48 + curve + rng.normal(0, 0.1295, 500)})
        found = impact.discontinuity(data, outcome="y", running="x", cutoff=0, treated="above")
        covered.append(found.ci_lower <= 0.04 <= found.ci_upper)
    assert 0.915 < np.mean(covered) < 0.98


def test_honest_bounds_cover_drifts_within_them(rng):
    """Trends part by the same step before and after the start: bound 1 must cover, 0 must not."""
    covered = []
    for _ in range(80):
        panel = county(rng, 60, 25)
        treated = panel.groupby("urn")["lamp"].transform("max")
        panel["pct"] += 3.0 * treated * (panel["year"] - 2017)
        made = impact.event_study(panel, **GIVEN)
        table = impact.honest(made, bounds=[0, 1]).to_frame()
        smooth = impact.honest(made, kind="smoothness", bounds=[0.5]).to_frame()
        table = pd.concat([table, smooth])
        covered.append((table["ci_lower"] <= 0) & (table["ci_upper"] >= 0))
    plain, relative, smooth = np.mean(covered, axis=0)
    assert plain < 0.5
    assert relative >= 0.95
    assert smooth > 0.88
