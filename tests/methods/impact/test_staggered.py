"""Staggered starts: both methods against plain computations, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from evidence import impact
from evidence.errors import EvidenceError

GIVEN = {"outcome": "pct", "treatment": "lamp", "unit": "urn", "time": "year"}


@pytest.fixture
def panel(rng):
    """Return 60 schools in 2015 to 2020; starts in 2017, 2018, 2019 or never; a growing effect."""
    school, year = np.repeat(np.arange(60), 6), np.tile(np.arange(2015, 2021), 60)
    start = np.where(school < 36, 2017 + school % 3, 9999)
    lamp = (year >= start).astype(int)
    effect = np.where(lamp == 1, 2.0 * (year - start + 1), 0.0)
    frame = pd.DataFrame({"urn": school, "year": year, "lamp": lamp, "effect": effect})
    frame["ks1"] = rng.normal(size=360)
    frame["n"] = rng.integers(10, 60, 360)
    frame["pct"] = 60 + rng.normal(0, 8, 60)[school] + rng.normal(0, 3, 360) + effect
    frame["pct"] += 2 * frame["ks1"]
    return frame.drop(index=[3, 100, 205]).reset_index(drop=True)


def assert_refused(message, data, call=impact.staggered, **given):
    with pytest.raises(EvidenceError) as error:
        call(data, **(GIVEN | given))
    assert str(error.value) == message


@pytest.mark.parametrize("weights", [None, "n"])
def test_did2s_equals_two_stages_by_hand(panel, weights):
    found = impact.staggered(panel, covariates=["ks1"], weights=weights, **GIVEN)
    w = np.ones(len(panel)) if weights is None else panel[weights].to_numpy(float)
    dummies = pd.get_dummies(panel[["urn", "year"]].astype("str")).to_numpy(float)
    first = np.column_stack([dummies, panel["ks1"]])
    treated, y = panel["lamp"].to_numpy() == 1, panel["pct"].to_numpy()
    root = np.sqrt(w)[~treated]
    beta = np.linalg.lstsq(root[:, None] * first[~treated], root * y[~treated], rcond=None)[0]
    left = y - first @ beta
    att = np.average(left[treated], weights=w[treated])
    assert found.att.estimate == pytest.approx(att, rel=1e-9)
    # Both stages as moments, stacked by school: Gardner (2021)
    cross = np.linalg.pinv(first.T @ ((w * ~treated)[:, None] * first))
    bread = (w * treated) @ first @ cross
    moment = w * treated * (left - att) - (w * ~treated * left) * (first @ bread)
    scores = np.bincount(panel["urn"], moment) / w[treated].sum()
    assert found.att.std_error == pytest.approx(np.sqrt(60 / 59 * (scores**2).sum()), rel=1e-8)
    table = found.to_frame().set_index("time")
    since = (panel["year"] - (2017 + panel["urn"] % 3))[treated]
    for k in range(4):
        mine = np.average(left[treated][since == k], weights=w[treated][since == k])
        assert table.loc[k, "estimate"] == pytest.approx(mine, rel=1e-9)


def test_one_start_makes_both_methods_plain_did(panel):
    """With one cohort, a balanced panel and no covariates all are difference in differences."""
    whole = panel[panel.groupby("urn")["year"].transform("size") == 6]
    one = whole[(whole["urn"] >= 36) | (whole["urn"] % 3 == 0)]
    plain = impact.did(one, **GIVEN)
    study = impact.event_study(one, **GIVEN)
    after = study.to_frame().query("time >= 0")["estimate"].mean()
    two_stage, sunab = (impact.staggered(one, method=m, **GIVEN) for m in ("did2s", "sunab"))
    assert two_stage.att.estimate == pytest.approx(plain.estimate, rel=1e-9)
    assert sunab.att.estimate == pytest.approx(after, rel=1e-9)
    pd.testing.assert_frame_equal(sunab.to_frame(), study.to_frame(), rtol=1e-9)
    np.testing.assert_allclose(sunab.covariance, study.covariance, rtol=1e-8)
    assert sunab.pre_p_value == pytest.approx(study.pre_p_value)


@pytest.mark.parametrize("method", ["did2s", "sunab"])
def test_staggered_finds_effects_that_grow(panel, method):
    found = impact.staggered(panel, method=method, covariates=["ks1"], **GIVEN)
    table = found.to_frame().query("time >= 0")
    truth = panel.query("lamp == 1")["effect"].mean()
    assert found.att.ci_lower < truth < found.att.ci_upper
    np.testing.assert_allclose(table["estimate"], [2, 4, 6, 8], atol=3)
    assert list(table["n_obs"]) == [36, 34, 24, 12]
    assert (found.covariance is None) == (method == "did2s")
    assert (found.n_obs, found.n_clusters, found.att.n_treated) == (357, 60, 213)


@pytest.mark.parametrize("method", ["did2s", "sunab"])
def test_staggered_whatever_the_order_and_types_gives_the_same(panel, method):
    plain = impact.staggered(panel, method=method, weights="n", **GIVEN)
    mixed = panel.sample(frac=1, random_state=1).set_index("year", drop=False)
    mixed = mixed.assign(urn=mixed["urn"].astype("str"), lamp=mixed["lamp"].astype("boolean"))
    found = impact.staggered(mixed, method=method, weights="n", **GIVEN)
    pd.testing.assert_frame_equal(found.to_frame(), plain.to_frame(), rtol=1e-7)
    assert found.att.p_value == pytest.approx(plain.att.p_value, rel=1e-7)
    assert found._repr_html_().startswith("<p>Pct, lamp against no lamp: trends did not")


@pytest.mark.parametrize("method", ["did2s", "sunab"])
def test_staggered_holds_other_programmes_fixed_and_says_so(panel, method):
    other = panel.assign(leap=((panel["urn"] % 4 == 0) & (panel["year"] > 2015)).astype(int))
    other["pct"] += 5 * other["leap"]
    found = impact.staggered(other, method=method, overlap=["leap"], **GIVEN)
    assert found.att.caveats == ("we allowed for leap",)
    truth = panel.query("lamp == 1")["effect"].mean()
    assert found.att.ci_lower < truth < found.att.ci_upper


@pytest.mark.parametrize("method", ["did2s", "sunab"])
def test_staggered_without_never_treated_compares_with_the_last(panel, method):
    some = panel[panel["urn"] < 36]
    found = impact.staggered(some, method=method, **GIVEN)
    assert found.att.caveats == (
        "every unit is treated at some time: the last to start are the comparison, and times from "
        "2019 on are left out",
    )
    assert found.to_frame()["time"].max() == 1
    cut = some[some["year"] < 2019].assign(lamp=lambda d: d["lamp"] * (d["urn"] % 3 < 2))
    same = impact.staggered(cut, method=method, **GIVEN)
    assert found.att.estimate == pytest.approx(same.att.estimate)


def test_staggered_leaves_out_units_treated_from_the_first_time(panel):
    always = panel.assign(lamp=panel["lamp"].mask(panel["urn"] == 0, 1))
    found = impact.staggered(always, **GIVEN)
    assert found.att.caveats == ("1 units are treated at all their times and are left out",)
    assert found.n_clusters == 59


def test_staggered_with_wrong_input_says_what_and_how_to_mend(panel):
    assert_refused("method is 'bjs'; allowed are did2s, sunab", panel, method="bjs")
    assert_refused(
        "column 'lamp': staggered starts need 0 and 1; for a dose use did",
        panel.assign(lamp=2 * panel["lamp"]),
    )
    assert_refused(
        "column 'lamp': 36 rows are 0 after the unit's start; staggered programmes go on once "
        "begun: keep it at 1, or leave those rows out",
        panel.assign(lamp=panel["lamp"] * (panel["year"] < 2020)),
    )
    assert_refused(
        "column 'year': times must be whole steps apart, such as years",
        panel.assign(year=panel["year"] + 0.5 * (panel["urn"] < 36) * (panel["year"] == 2016)),
    )
    assert_refused(
        "column 'lamp': nobody is treated while others are not yet; there is nobody to compare "
        "with",
        panel[(panel["year"] >= 2017) & (panel["urn"] % 3 < 2) & (panel["urn"] < 36)],
    )
    assert_refused(
        "column 'lamp', by time since the start: among untreated rows, times and covariates "
        "cannot be told apart from units; leave out covariates that do not vary there, and times "
        "without untreated units",
        panel.assign(twin=panel["lamp"] * panel["ks1"]),
        covariates=["twin"],
    )
    assert_refused(
        "column 'lamp', by time since the start: the outcome is explained exactly by what is in "
        "the model: no error can be estimated",
        panel.assign(pct=panel["urn"] + 3.0 * panel["year"] + panel["effect"]),
    )
    three = panel[panel["urn"].isin([0, 1, 50])].assign(county=lambda d: d["urn"] > 0)
    assert_refused(
        "column 'lamp': once rows without an untreated counterpart are left out, one cluster is "
        "left; at least two are needed",
        three.assign(lamp=three["lamp"].mask(three["urn"] == 0, 1)),
        cluster="county",
    )
    gap = panel[(panel["urn"] >= 36) | (panel["urn"] % 3 != 0) | (panel["year"] != 2016)]
    assert_refused(
        "column 'lamp', by time since the start: the units that start in 2017 have no row just "
        "before their start, which method 'sunab' compares with; leave them out or use 'did2s'",
        gap,
        method="sunab",
    )


def test_two_way_bias_weights_reproduce_two_way_fixed_effects(panel):
    """Without error, the weighted sum of the true effects is the estimate."""
    exact = panel.assign(pct=panel["urn"] + 3.0 * panel["year"] + panel["effect"])
    exact["pct"] += 1e-6 * np.sin(np.arange(len(exact)) ** 2)
    found = impact.two_way_bias(exact, **GIVEN)
    by_time = found.weights.set_index("time")["weight"]
    assert by_time.sum() == pytest.approx(1)
    assert found.weights["fair_weight"].sum() == pytest.approx(1)
    expected = (by_time * 2 * (by_time.index + 1)).sum()
    assert found.to_frame()["estimate"].iloc[0] == pytest.approx(expected, abs=1e-5)
    truth = exact.query("lamp == 1")["effect"].mean()
    np.testing.assert_allclose(found.to_frame()["estimate"].iloc[1:], truth, atol=1e-5)


def test_two_way_bias_without_early_starters_counts_nothing_backwards(panel):
    one = panel[(panel["urn"] >= 36) | (panel["urn"] % 3 == 1)]
    found = impact.two_way_bias(one, **GIVEN)
    assert (found.n_negative, found.negative_weight) == (0, 0.0)
    assert found.sentence().endswith("No treated row counts backwards in two-way fixed effects.")
    assert "<table" in found._repr_html_()
