"""The randomisation test of a panel against refitting, and what it refuses."""

import itertools

import numpy as np
import pandas as pd
import pytest

from evidence import impact
from evidence.errors import EvidenceError

GIVEN = {"outcome": "pct", "treatment": "lamp", "unit": "urn", "time": "year"}


@pytest.fixture
def panel(rng):
    """Return 9 schools in four years; 3 start in 2018; two districts; a row missing."""
    urn, year = np.repeat(np.arange(9), 4), np.tile(np.arange(2016, 2020), 9)
    frame = pd.DataFrame({"urn": urn, "year": year, "lamp": ((urn < 3) & (year > 2017)) * 1})
    frame["district"] = np.where(urn % 2, "North", "South")
    frame["n"], frame["ks1"] = rng.integers(10, 60, 36), rng.normal(size=36)
    frame["pct"] = rng.normal(60, 8, 9)[urn] + rng.normal(0, 3, 36) + 4 * frame["lamp"]
    return frame.drop(index=30).reset_index(drop=True)


def staggered(panel):
    start = np.array([2017, 2018, 2019, 2017, *[9999] * 5])
    return panel.assign(lamp=(panel["year"] >= start[panel["urn"]]) * 1)


def refit(panel, dose, *others, weights=None):
    """Return the coefficient of `dose` beside all dummies, and √ of what is left of it."""
    root = np.ones(len(panel)) if weights is None else np.sqrt(panel[weights].to_numpy(float))
    dummies = [panel["urn"].to_numpy()[:, None] == np.arange(9)]
    dummies.append(panel["year"].to_numpy()[:, None] == np.arange(2016, 2020))
    rest = root[:, None] * np.column_stack([*dummies, panel[list(others)]]).astype(float)
    own, y = root * np.asarray(dose, float), root * panel["pct"].to_numpy()
    left = own - rest @ np.linalg.lstsq(rest, own, rcond=None)[0]
    return left @ y / (left @ left), np.sqrt(left @ left)


@pytest.mark.parametrize(
    ("others", "weights"), [((), None), pytest.param(("ks1",), "n", marks=pytest.mark.slow)]
)
def test_randomisation_test_of_one_start_is_every_refit(panel, others, weights):
    given = {"covariates": others, "weights": weights}
    found = impact.randomisation_test(panel, **GIVEN, **given)
    drawn = []
    for treated in itertools.combinations(range(9), 3):
        dose = (panel["urn"].isin(treated) & (panel["year"] > 2017)).astype(int)
        drawn.append(refit(panel, dose, *others, weights=weights)[0])
    observed = refit(panel, panel["lamp"], *others, weights=weights)[0]
    assert found.estimate == pytest.approx(observed, rel=1e-9)
    extreme = np.abs(drawn) >= abs(observed) * (1 - 1e-9)
    assert found.p_value == pytest.approx(np.mean(extreme))
    assert "treatment paths of urn permuted, all 84 allocations" in found.method
    # At an end of the interval the test of what is left turns.
    for end, out in ((found.ci_lower, -1), (found.ci_upper, 1)):
        for step, rejected in ((1e-6, True), (-1e-6, False)):
            left = panel.assign(pct=panel["pct"] - (end + out * step) * panel["lamp"])
            again = impact.randomisation_test(left, **GIVEN, **given)
            assert (again.p_value <= 0.05) == rejected


@pytest.mark.parametrize("statistic", ["difference", "t"])
def test_randomisation_test_of_several_starts_permutes_treatment_paths(panel, statistic):
    """The draws are those of `permutation.shuffled`: paths 1, 2, 3 are the starts, 0 is never."""
    several = staggered(panel)
    found = impact.randomisation_test(
        several, draws=60, strata="district", statistic=statistic, seed=4, **GIVEN
    )
    # never treated first, then by their years: (0,0,0,1), (0,0,1,1), (0,1,1,1)
    start = {0: 9999, 1: 2019, 2: 2018, 3: 2017}
    codes = np.array([3, 2, 1, 3, 0, 0, 0, 0, 0])
    rng, north = np.random.default_rng(4), np.arange(9) % 2 == 1
    z = np.tile(codes, (60, 1))
    for block in (north, ~north):  # districts of different sizes: 4 North, 5 South
        z[:, block] = rng.permuted(z[:, block], axis=1)
    observed, own = refit(panel, several["lamp"])
    drawn = []
    for row in z:
        begin = np.array([start[code] for code in row])[panel["urn"]]
        dose = (panel["year"] >= begin).astype(int)
        drawn.append(refit(panel, dose))
    drawn, left = np.array(drawn).T
    scale, own = (left, own) if statistic == "t" else (1, 1)
    extreme = np.abs(drawn * scale) >= abs(observed * own) * (1 - 1e-9)
    assert found.p_value == pytest.approx((1 + extreme.sum()) / 61)
    assert "treatment paths of urn permuted within district, 60 allocations" in found.method
    assert found.n_clusters == 9


def test_randomisation_test_moves_federations_as_one(panel):
    joint = panel.assign(federation=panel["urn"] // 3)
    found = impact.randomisation_test(joint, cluster="federation", **GIVEN)
    drawn = [
        refit(panel, ((panel["urn"] // 3 == k) & (panel["year"] > 2017)).astype(int))[0]
        for k in range(3)
    ]
    assert found.p_value == pytest.approx(np.mean(np.abs(drawn) >= abs(drawn[0]) - 1e-9))
    assert (found.ci_lower, found.ci_upper) == (-np.inf, np.inf)
    assert "too few different allocations for an interval of this level to end" in found.caveats


def test_randomisation_test_by_a_rule_of_its_own(panel):
    """Schools 0 and 1 never change; the third is drawn."""

    def rule(rng, draws):
        z = np.zeros((draws, 9))
        z[:, :2] = 1
        z[np.arange(draws), rng.integers(2, 9, draws)] = 1
        return z

    found = impact.randomisation_test(panel, allocation=rule, draws=700, **GIVEN)
    all_of_them = [
        refit(panel, (panel["urn"].isin([0, 1, k]) & (panel["year"] > 2017)).astype(int))[0]
        for k in range(2, 9)
    ]
    share = np.mean(np.abs(all_of_them) >= abs(found.estimate) - 1e-9)
    assert found.p_value == pytest.approx(share, abs=0.06)
    assert "treatment paths of urn permuted by rule, 700 allocations" in found.method


def test_randomisation_test_of_a_dose_and_of_a_programme_that_ends(panel):
    whole = panel[panel["urn"] != 7]
    ends = whole.assign(lamp=((whole["urn"] < 3) & (whole["year"] == 2018)) * 2.5)
    found = impact.randomisation_test(ends, **GIVEN)
    assert found.estimate == pytest.approx(impact.did(ends, **GIVEN).estimate)
    assert "all 56 allocations" in found.method


def test_randomisation_test_with_wrong_input_is_refused(panel):
    def refused(message, data=panel, **given):
        with pytest.raises(EvidenceError) as error:
            impact.randomisation_test(data, **(GIVEN | given))
        assert str(error.value) == message

    refused(
        "column 'lamp' has 3 different treatment paths, such as starts; allocation= needs one: "
        "give strata= instead",
        staggered(panel),
        allocation=lambda rng, draws: None,
    )
    refused(
        "column 'phase' varies within 'urn'"
        ", so that treatment paths cannot be permuted within it; give the stratum of the time "
        "before the start",
        panel.assign(phase=panel["year"] > 2017),
        strata="phase",
    )
    refused(
        "column 'district', row 3: no stratum given (1 such row); every unit needs one",
        panel.assign(district=panel["district"].mask(panel.index == 1)),
        strata="district",
    )
    refused(
        "column 'lamp': no two urn of a stratum have different treatment paths, so that "
        "there is nothing to permute; use broader strata",
        panel.assign(mine=panel["urn"] < 3),
        strata="mine",
    )
    refused(
        "column 'lamp' differs within 'pair': units of one cluster that did not join together "
        "cannot be permuted as one; leave out cluster=",
        panel.assign(pair=panel["urn"] // 2),
        cluster="pair",
    )
    refused(
        "column 'lamp' ends again or is a dose, and 1 unit lacks a row at some time, so that its "
        "treatment path is not known; complete it or leave it out",
        panel.assign(lamp=panel["lamp"] * (panel["year"] == 2018)),
    )
    refused(
        "column 'pct' is explained exactly by treatment and covariates: there is no chance to "
        "judge by",
        panel.assign(pct=panel["urn"] + panel["year"] + 4.0 * panel["lamp"]),
    )
    refused("statistic is 'z'; allowed are difference, t", statistic="z")
