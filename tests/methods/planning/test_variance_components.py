"""Shares of variance of past data, against the analysis of variance and known truths."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM

import evidence as ev

components = ev.planning.variance_components


def schools(rng, m=40, n=20, spread=0.4):
    """Return pupils of `m` schools of `n`: half the variance within is explained, 3/4 between."""
    school = np.repeat(np.arange(m), n)
    earlier = rng.normal(size=m * n) + np.sqrt(3) * spread * rng.normal(size=m)[school]
    result = earlier + spread * rng.normal(size=m)[school] + rng.normal(size=m * n)
    return pd.DataFrame({"score": result, "earlier": earlier, "school": school})


def test_rho_of_schools_of_one_size_is_that_of_the_analysis_of_variance(rng):
    data = schools(rng)
    found = components(data, outcome="score", cluster="school")
    means = data.groupby("school")["score"].mean()
    between = 20 * means.var(ddof=1)
    within = (data["score"] - data["school"].map(means)).pow(2).sum() / (40 * 19)
    rho = (between - within) / (between + 19 * within)
    first = found.table.loc[0]
    assert first["estimate"] == pytest.approx(rho, rel=1e-6)
    ratio = between / within
    exact = [
        (ratio / q - 1) / (ratio / q + 19)
        for q in (stats.f.ppf(0.975, 39, 760), stats.f.ppf(0.025, 39, 760))
    ]
    assert [first["ci_lower"], first["ci_upper"]] == pytest.approx(exact, abs=0.02)
    assert found.design_effect == pytest.approx(1 + 19 * rho)
    assert list(found.table["estimate"][1:]) == [0, 0]


@pytest.mark.slow
def test_explained_shares_are_those_of_statsmodels_with_intervals_that_narrow(rng):
    given = {"outcome": "score", "cluster": "school", "covariates": ["earlier"], "draws": 99}
    data = schools(rng)
    found = components(data, **given)

    def variances(columns):
        fit = MixedLM(data["score"], columns, groups=data["school"]).fit(reml=True)
        return np.array([fit.scale, fit.cov_re.iloc[0, 0]])

    one = np.ones((len(data), 1))
    left = variances(np.column_stack([one, data["earlier"]])) / variances(one)
    assert found.table["estimate"][1:].to_numpy() == pytest.approx(1 - left, abs=1e-4)
    more = components(schools(rng, m=160), **given)
    widths = [each.table["ci_upper"] - each.table["ci_lower"] for each in (found, more)]
    assert (widths[0] / widths[1]).between(1.3, 3.5).all()  # 2 as the schools are four times more
    assert ((found.table["ci_lower"] < found.table["estimate"])[1:]).all()
    assert (more.table["ci_lower"] < [0.64 / 2.64, 0.5, 0.75]).all()
    least = ev.planning.mdes(design="CRA2", n=20, J=40, g=1, **found.symbols())
    assert 0.1 < least < 0.4


def test_a_design_effect_that_eats_the_sample_is_said(rng):
    found = components(schools(rng, m=12, n=30, spread=0.8), outcome="score", cluster="school")
    assert "pupils of a school are alike" in found.sentence()
    worth = f"{360 / found.design_effect:,.0f} drawn one by one"
    assert f"360 pupils are worth no more than {worth}" in found.sentence()
    alike = components(schools(rng, m=40, n=5, spread=0.05), outcome="score", cluster="school")
    assert "worth" not in alike.sentence()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cluster": "place"}, "data has no column 'place'"),
        ({"covariates": ["score"]}, "column 'score' is given both as outcome and as covariate"),
        ({"covariates": ["earlier", "again"]}, "covariates earlier, again: one is decided by the"),
        ({"outcome": "same"}, "column 'same' is constant"),
        ({"outcome": "school"}, "column 'school' is given both as outcome and as cluster"),
        ({"outcome": "mean"}, "column 'mean' does not vary within schools beyond the covariates"),
        ({"covariates": ["score2"]}, "column 'score' does not vary within schools beyond the cov"),
        ({"cluster": "pair"}, "column 'pair': 2 schools with a result; at least three, with two"),
        ({"cluster": "own"}, "column 'own': 60 schools with a result; at least three, with two"),
    ],
)
def test_variance_components_refuses(rng, change, message):
    data = schools(rng, m=3)
    data["again"], data["same"], data["pair"] = 2 * data["earlier"], 1.0, data["school"] % 2
    data["own"], data["mean"], data["score2"] = np.arange(60), data["school"] * 2.0, data["score"]
    given = {"outcome": "score", "cluster": "school"} | change
    with pytest.raises(ev.EvidenceError, match=f"^{message}"):
        components(data, **given)


@pytest.mark.slow
def test_a_covariate_that_few_schools_have_does_not_stop_the_intervals(rng):
    data = schools(rng, m=8, n=6)
    data["rare"] = (data["school"] == 3) * 1.0
    found = components(data, outcome="score", cluster="school", covariates=["rare"], draws=99)
    assert np.isfinite(found.table[["estimate", "ci_lower", "ci_upper"]].to_numpy()).all()
