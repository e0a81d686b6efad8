"""Regression discontinuity against plain weighted regressions, and when it refuses."""

import numpy as np
import pandas as pd
import pytest

from evidence import impact
from evidence.errors import EvidenceError
from evidence.methods.impact.discontinuity import best_bandwidth
from evidence.stats import covariance, design
from evidence.stats.mccrary import jump

GIVEN = {"outcome": "gain", "running": "pct", "cutoff": 45}


@pytest.fixture
def schools(rng):
    """Return 400 schools; those below 45% were offered a programme worth 4 points."""
    pct = rng.normal(50, 12, 400)
    frame = pd.DataFrame({"pct": pct, "federation": np.arange(400) // 2})
    frame["n"], frame["ks1"] = rng.integers(10, 60, 400), rng.normal(size=400)
    frame["gain"] = 0.2 * pct + 4 * (pct < 45) + 2 * frame["ks1"] + rng.normal(0, 3, 400)
    return frame


@pytest.mark.parametrize("bias_corrected", [False, True])
@pytest.mark.parametrize("cluster", [None, "federation"])
def test_discontinuity_equals_a_weighted_regression(schools, bias_corrected, cluster):
    found = impact.discontinuity(
        schools,
        bandwidth=9,
        bias_corrected=bias_corrected,
        cluster=cluster,
        weights="n",
        covariates=["ks1"],
        **GIVEN,
    )
    near = schools[np.abs(schools["pct"] - 45) < 9]
    x, below = near["pct"].to_numpy() - 45, near["pct"].to_numpy() < 45
    shapes = [x, below * x, near["ks1"]] + ([x**2, below * x**2] if bias_corrected else [])
    columns = np.column_stack([below, np.ones(len(near)), *shapes]).astype(float)
    kernel = near["n"].to_numpy() * (1 - np.abs(x) / 9)
    root = np.sqrt(kernel)
    beta = np.linalg.lstsq(root[:, None] * columns, root * near["gain"].to_numpy(), rcond=None)[0]
    assert found.estimate == pytest.approx(beta[0], rel=1e-8)
    made = design.design(columns[:, :1], columns[:, 2:], None, kernel)
    codes = None if cluster is None else pd.factorize(near[cluster])[0]
    error = covariance.robust(
        made, near["gain"].to_numpy() - columns @ beta, codes, "CR2" if cluster else "HC2"
    )
    assert found.std_error == pytest.approx(error.std_error[0], rel=1e-8)
    assert found.df == pytest.approx(error.df[0], rel=1e-8)
    assert (found.n_treated, found.n_control) == (below.sum(), (~below).sum())
    assert found.treatment == "pct below 45 against at or above it"
    errors = "CR2 by federation" if cluster else "HC2"
    shape = "local linear, bias-corrected" if bias_corrected else "local linear"
    assert found.method == (
        f"{shape}, triangular kernel, stated bandwidth 9, {errors} (Satterthwaite df)"
    )


def test_discontinuity_from_above_is_the_mirror_image(schools):
    found = impact.discontinuity(schools, **GIVEN)
    mirrored = schools.assign(pct=-schools["pct"])
    same = impact.discontinuity(mirrored, treated="above", **(GIVEN | {"cutoff": -45}))
    assert (same.estimate, same.p_value) == pytest.approx((found.estimate, found.p_value))
    assert found.ci_lower < 4 < found.ci_upper
    assert found.estimand == "itt"


@pytest.mark.parametrize(("scale", "shift"), [(100, 0), (0.01, 7)])
def test_best_bandwidth_follows_the_units(schools, scale, shift):
    y, x = schools["gain"].to_numpy(), schools["pct"].to_numpy() - 45
    assert best_bandwidth(y * 3 + shift, x * scale) == pytest.approx(scale * best_bandwidth(y, x))


def test_best_bandwidth_shrinks_with_curvature_and_rows(rng):
    def width(n, bend):
        x = rng.uniform(-1, 1, n)
        return best_bandwidth(np.sign(x) * bend * x**2 + rng.normal(0, 0.3, n), x)

    assert width(1000, 4) < width(1000, 1)
    assert width(20_000, 4) < 0.8 * width(1000, 4)


def test_discontinuity_with_pupils_counts_schools_at_the_cutoff(schools):
    pupils = schools.loc[schools.index.repeat(5)].assign(school=np.repeat(np.arange(400), 5))
    found = impact.discontinuity(pupils, cluster="school", bandwidth=10, **GIVEN)
    near = (np.abs(schools["pct"] - 45) < 10).sum()
    assert (found.n_clusters, found.n_obs) == (near, 5 * near)
    assert found.caveats == ()


def test_discontinuity_says_when_the_rule_was_not_followed(schools):
    took = (schools["pct"] < 45).astype(int)
    near = np.abs(schools["pct"] - 45) < 10
    took[took[near & (took == 1)].index[:3]] = 0
    found = impact.discontinuity(schools.assign(took=took), treatment="took", bandwidth=10, **GIVEN)
    assert found.caveats == (
        f"3 of {near.sum()} rows did not follow the rule: this is the effect of being offered the "
        "programme, smaller than that of taking part",
    )


def test_discontinuity_says_when_units_crowd_on_one_side(schools, rng):
    moved = schools["pct"].between(45, 48) & (rng.random(400) < 0.8)
    crowded = schools.assign(pct=schools["pct"].mask(moved, 90 - schools["pct"]))
    found = impact.discontinuity(crowded, bandwidth=15, **GIVEN)
    assert len(found.caveats) == 1
    assert found.caveats[0].startswith("units crowd on one side of the cut-off (")
    assert " as many just below as just above" in found.caveats[0]
    empty = schools[~schools["pct"].between(45, 50)]
    assert impact.discontinuity(empty, bandwidth=15, **GIVEN).caveats == (
        "units crowd on one side of the cut-off (many just below, none just above): somebody may "
        "have chosen a side, which undoes the design",
    )


def test_jump_needs_units_on_both_sides_and_takes_rounded_values(rng):
    assert jump(np.arange(-19.0, 100)) is None
    values = np.round(rng.normal(5, 12, 2000))
    ratio, p_value = jump(values)
    assert abs(ratio) < 0.4
    assert p_value > 0.05
    heaped = np.where((values >= -3) & (values < 0), values + 3, values)
    ratio, p_value = jump(heaped)
    assert ratio > 0.4
    assert p_value < 0.001


def test_discontinuity_with_wrong_input_is_refused(schools):
    def refused(message, data=schools, **given):
        with pytest.raises(EvidenceError) as error:
            impact.discontinuity(data, **(GIVEN | given))
        assert str(error.value) == message

    refused("treated is 'left'; allowed are below, above", treated="left")
    refused("bandwidth is -2; a positive number is needed", bandwidth=-2)
    refused("column 'gain' is constant: there is nothing to explain", schools.assign(gain=1))
    refused(
        "column 'pct': the offered side of the cut-off has 0 rows with 0 different values in all; "
        "at least 10 and 5 are needed: give a wider bandwidth or more data",
        cutoff=0,
    )
    few = schools[(schools["pct"] > 47) | (schools["pct"] < 40)]
    refused(
        "column 'pct': the offered side of the cut-off has 0 rows with 0 different values within "
        "4 of it; at least 10 and 5 are needed: give a wider bandwidth or more data",
        few,
        bandwidth=4,
    )
    refused(
        "column 'took': 0 or 1 is needed in every row",
        schools.assign(took=2),
        treatment="took",
    )
    refused(
        "column 'gain' is explained exactly by what is in the model: no error can be estimated",
        schools.assign(gain=schools["pct"]),
    )
    refused("data has no column 'Pct'; did you mean 'pct'?", running="Pct")
