"""Panels as they come: doses, weights, other programmes, staggered starts, wrong input."""

import numpy as np
import pandas as pd
import pytest
from linearmodels.panel import PanelOLS

from evidence import impact
from evidence.errors import EvidenceError
from evidence.stats import covariance, design

from .simulated import GIVEN


def assert_refused(message, data, call=impact.did, **given):
    with pytest.raises(EvidenceError) as error:
        call(data, **(GIVEN | given))
    assert str(error.value) == message


def numbers(found):
    return found.estimate, found.std_error, found.df, found.ci_lower, found.ci_upper


@pytest.mark.parametrize("weights", [None, "n"])
@pytest.mark.parametrize("cluster", [None, "federation"])
@pytest.mark.parametrize("kind", ["CR1S", "CR2"])
def test_did_equals_regression_with_all_dummies(panel, weights, cluster, kind):
    found = impact.did(
        panel, weights=weights, cluster=cluster, overlap=["leap"], cov_type=kind, **GIVEN
    )
    dummies = pd.get_dummies(panel[["urn", "year"]].astype("str"), drop_first=True)
    others = np.column_stack([dummies.to_numpy(float), panel["leap"]])
    weight = None if weights is None else panel[weights].to_numpy(float)
    made = design.design(panel[["lamp"]].to_numpy(float), others, None, weight)
    estimate, residuals = made.fit(panel["pct"].to_numpy())
    codes = pd.factorize(panel[cluster or "urn"])[0]
    by_hand = covariance.robust(made, residuals, codes, kind)
    np.testing.assert_allclose(
        (found.estimate, found.std_error, found.df),
        (estimate[0], by_hand.std_error[0], by_hand.df[0]),
        rtol=1e-9,
    )
    assert "we allowed for leap" in found.caveats


@pytest.mark.parametrize("weights", [None, "n"])
def test_did_equals_panelols(panel, weights):
    found = impact.did(panel, weights=weights, overlap=["leap"], **GIVEN)
    rows = panel.set_index(["urn", "year"])
    oracle = PanelOLS(
        rows["pct"],
        rows[["lamp", "leap"]].astype(float),
        entity_effects=True,
        time_effects=True,
        weights=None if weights is None else rows[weights],
    ).fit()
    assert found.estimate == pytest.approx(oracle.params["lamp"], rel=1e-9)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.sample(frac=1, random_state=2),
        lambda d: d.set_index(np.zeros(len(d), int)),
        lambda d: d.assign(urn=d["urn"].astype("category")),
        lambda d: d.assign(urn=d["urn"].astype(int)),
        lambda d: d.assign(pct=d["pct"].astype("Float64"), lamp=d["lamp"].astype("boolean")),
        lambda d: d.assign(year=d["year"].astype("Int64")),
    ],
)
def test_did_whatever_the_types_and_order_gives_the_same(panel, change):
    changed = change(panel)
    before = changed.copy(deep=True)
    found = impact.did(changed, weights="n", **GIVEN)
    np.testing.assert_allclose(
        numbers(found), numbers(impact.did(panel, weights="n", **GIVEN)), rtol=1e-8
    )
    pd.testing.assert_frame_equal(changed, before)


def test_did_with_missing_rows_says_so(panel):
    holes = panel.copy()
    holes.loc[:2, "pct"] = np.nan
    found = impact.did(holes, **GIVEN)
    assert found.caveats == (f"3 of {len(panel)} rows have no record of pct and are left out",)
    assert found.n_obs == len(panel) - 3
    assert found.treatment == "lamp against no lamp"
    assert found.method == "two-way fixed effects, CR2 by urn (Satterthwaite df)"


def test_did_of_text_with_a_gap_names_the_column(panel):
    kind = np.where(np.arange(len(panel)) == 3, " ", np.where(panel["n"] > 30, "large", "small"))
    found = impact.did(panel.assign(kind=kind), covariates=["kind", "n"], **GIVEN)
    assert found.caveats == (f"1 of {len(panel)} rows has no record of kind and is left out",)


@pytest.mark.parametrize("method", ["did", "event_study", "given_past"])
def test_an_outcome_that_is_explained_exactly_is_refused(panel, method):
    with pytest.raises(EvidenceError, match=r"explained exactly by .* no error can be estimated$"):
        getattr(impact, method)(panel.assign(pct=3.0 * panel["lamp"]), **GIVEN)


def test_did_with_a_dose_scales_with_it(panel):
    half = impact.did(panel.assign(lamp=panel["lamp"] * 2), **GIVEN)
    assert half.estimate == pytest.approx(impact.did(panel, **GIVEN).estimate / 2)


def test_did_with_staggered_starts_and_few_treated_warns(panel):
    some = panel["urn"].isin(["1000", "1001"])
    early = panel.assign(
        lamp=(some & (panel["year"] >= np.where(panel["urn"] == "1000", 2016, 2018))).astype(int)
    )
    assert impact.did(early, **GIVEN).caveats == (
        "units started at 2 different times: two-way fixed effects can mislead if the effect "
        "changes with time since the start",
        "only 2 treated clusters: read the interval with great caution",
    )


def test_did_with_wrong_input_says_what_where_and_how_to_mend(panel):
    assert_refused(
        "columns 'urn' and 'year': 1 row repeats a unit and time (the first is row 199); there "
        "must be one row a unit and time",
        pd.concat([panel, panel.iloc[:1]]),
    )
    assert_refused("column 'lamp' is 0 in every row: nobody is treated", panel.assign(lamp=0))
    assert_refused(
        "column 'lamp' is the same in every row: there is nobody to compare with",
        panel.assign(lamp=1),
    )
    assert_refused(
        "column 'lamp' never changes within a unit: there is no before and after to compare",
        panel.assign(lamp=(panel["urn"] < "1012").astype(int)),
    )
    assert_refused(
        "column 'lamp': every unit starts at the same time: nobody to compare with",
        panel.assign(lamp=(panel["year"] >= 2018).astype(int)),
    )
    assert_refused(
        "column 'lamp', row 3: no treatment given (1 such row); write 0 where a unit is not "
        "treated",
        panel.assign(lamp=panel["lamp"].astype(float).mask(panel.index == 1)),
    )
    assert_refused("data has no column 'Year'; did you mean 'year'?", panel, time="Year")
    assert_refused(
        "column 'year', row 2: not a number (197 such rows); only finite numbers and empty cells "
        "are allowed",
        panel.assign(year=panel["year"].map(lambda y: f"{y - 1}/{y % 100}")),
    )
    assert_refused("column 'pct' is constant: there is nothing to explain", panel.assign(pct=50.0))
    assert_refused(
        "column 'county' has one cluster; at least two are needed",
        panel.assign(county="Lincolnshire"),
        cluster="county",
    )
    assert_refused(
        "column 'lamp': does not vary once all else in the model is held fixed, so it has no "
        "effect to estimate; leave out the covariates, strata or programmes that decide it, or "
        "add rows to compare with",
        panel.assign(twin=panel["lamp"]),
        overlap=["twin"],
    )
    assert_refused("cov_type is 'HC2'; allowed are CR0, CR1, CR1S, CR2, CR3", panel, cov_type="HC2")
    assert_refused(
        "reference is -9, but treated units have times from -3 to 1",
        panel,
        call=impact.event_study,
        reference=-9,
    )


def test_effect_size_of_percentage_points_is_the_cox_index_to_first_order(panel):
    found = impact.did(panel, **GIVEN)
    size = impact.effect_size(found, percent=60.0)
    odds = [np.log(p / (1 - p)) for p in (0.6, 0.6 + found.estimate * 1e-6)]
    assert size.estimate * 1e-4 == pytest.approx((odds[1] - odds[0]) / 1.65, rel=1e-3)
    assert size.p_value == found.p_value
    assert impact.effect_size(found, sd=10.0).estimate == pytest.approx(found.estimate / 10)
    assert impact.effect_size(found) is None
    with pytest.raises(EvidenceError, match=r"^percent is 100.0; a number between 0 and 100 "):
        impact.effect_size(found, percent=100.0)


def test_did_on_a_badly_connected_panel_with_singletons_equals_panel_ols(rng):
    """Each unit has two neighbouring times, so that times hang together as a chain does."""
    first = rng.integers(0, 19, 400)
    panel = pd.DataFrame({"unit": np.repeat(np.arange(400), 2), "time": np.repeat(first, 2)})
    panel["time"] += np.tile([0, 1], 400)
    panel["treated"] = (panel["time"] >= panel["unit"] % 25).astype(int)
    panel["outcome"] = 1000 + rng.normal(size=800) + panel["time"] + 0.3 * panel["treated"]
    panel = panel.drop(index=panel.index[1:200:10])  # twenty units with one time
    found = impact.did(panel, outcome="outcome", treatment="treated", unit="unit", time="time")
    data = panel.set_index(["unit", "time"])
    model = PanelOLS(data["outcome"], data[["treated"]], entity_effects=True, time_effects=True)
    np.testing.assert_allclose(found.estimate, model.fit().params["treated"], rtol=1e-8)
