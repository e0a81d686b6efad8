"""Panels as they come: doses, weights, other programmes, staggered starts, wrong input."""

import numpy as np
import pandas as pd
import pytest
from linearmodels.panel import PanelOLS

from evidence import impact
from evidence.errors import EvidenceError
from evidence.stats import covariance, design

GIVEN = {"outcome": "pct", "treatment": "lamp", "unit": "urn", "time": "year"}


@pytest.fixture
def panel(rng):
    """Return 40 schools in 2015 to 2019; 12 start in 2018; effect 4 points; some rows missing."""
    frame = pd.DataFrame(
        {
            "urn": np.repeat([f"10{k:02d}" for k in range(40)], 5),
            "year": np.tile(np.arange(2015, 2020), 40),
        }
    )
    school = np.repeat(np.arange(40), 5)
    frame["lamp"] = ((school < 12) & (frame["year"] >= 2018)).astype(int)
    frame["leap"] = ((school % 5 == 0) & (frame["year"] >= 2017)).astype(int)
    frame["n"] = rng.integers(10, 60, 40)[school] + rng.integers(-3, 4, 200)
    frame["federation"] = school // 2
    frame["pct"] = 60 + rng.normal(0, 8, 40)[school] + rng.normal(0, 4, 200) + 4 * frame["lamp"]
    return frame.drop(index=[2, 57, 111]).reset_index(drop=True)


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
    assert "held fixed: taking part in leap" in found.caveats


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
        "columns 'urn' and 'year': 1 row repeats a unit and time (the first is row 198); there "
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
        "column 'lamp', row 2: no treatment given (1 such rows); write 0 where a unit is not "
        "treated",
        panel.assign(lamp=panel["lamp"].astype(float).mask(panel.index == 1)),
    )
    assert_refused("data has no column 'Year'; did you mean 'year'?", panel, time="Year")
    assert_refused(
        "column 'year', row 1: not a number (197 such rows); only finite numbers and empty cells "
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
        "column 'lamp': does not vary once covariates and strata are held fixed, so it has no "
        "effect to estimate; leave out the covariate or strata that decide it",
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


def test_event_study_gives_each_time_its_effect(panel):
    found = impact.event_study(panel, weights="n", **GIVEN)
    table = found.to_frame()
    assert list(table["time"]) == [-3, -2, -1, 0, 1]
    assert table.loc[2, ["estimate", "ci_lower", "ci_upper"]].tolist() == [0.0, 0.0, 0.0]
    assert table["std_error"].isna().tolist() == [False, False, True, False, False]
    late = panel[panel["year"].isin([2017, 2018])]
    pair = impact.did(late, **GIVEN)
    plain = impact.event_study(late, reference=-1, **GIVEN).to_frame()
    np.testing.assert_allclose(
        plain.loc[1, ["estimate", "std_error", "df"]].astype(float), numbers(pair)[:3], rtol=1e-9
    )


def test_event_study_counts_from_the_start_though_its_result_is_missing(panel):
    start = (panel["urn"] == "1003") & (panel["year"] == 2018)
    found = impact.event_study(panel.assign(pct=panel["pct"].mask(start)), **GIVEN)
    assert list(found.to_frame()["time"]) == [-3, -2, -1, 0, 1]
    assert list(found.to_frame()["n_obs"]) == [12, 12, 10, 11, 12]


def test_event_study_joint_test_of_one_time_is_its_t_test(panel):
    found = impact.event_study(panel[panel["year"] > 2015], **GIVEN)
    first = found.to_frame().iloc[0]
    assert first["time"] == -2
    assert (found.pre_df_num, found.pre_df_denom) == (1, pytest.approx(first["df"]))
    assert found.pre_p_value == pytest.approx(first["p_value"])


def test_event_study_without_times_before_gives_no_joint_test(panel):
    found = impact.event_study(panel[panel["year"] > 2016], **GIVEN)
    assert np.isnan(found.pre_p_value)
    assert found.sentence() == (
        "pct, lamp against no lamp: too few times or clusters to test for differences before the "
        "start."
    )


def test_event_study_finds_a_trend_before_the_start(panel):
    drift = panel["urn"].lt("1012") * (panel["year"] - 2018) * 6
    found = impact.event_study(panel.assign(pct=panel["pct"] + drift), **GIVEN)
    assert found.pre_p_value < 0.001
    assert "trends differed before the start" in found.sentence()


@pytest.fixture
def spells():
    return pd.DataFrame(
        {
            "urn": ["1000", "1000", "1001", "1002", "1000"],
            "programme": ["lamp", "leap", "lamp", "leap", "lamp"],
            "start": [2016, 2017, 2017, 2016, 2019],
            "end": [2017, None, 2018, 2016, 2019],
        }
    )


def test_participation_counts_each_school_in_one_combination(spells):
    table = impact.participation(spells)
    assert table.to_dict("list") == {
        "programmes": ["lamp", "leap", "lamp + leap"],
        "n_programmes": [1, 1, 2],
        "n_schools": [1, 1, 1],
    }
    mine = impact.participation(spells, among="leap")
    assert mine["programmes"].tolist() == ["leap", "leap + lamp"]
    with pytest.raises(EvidenceError, match=r"^no school takes part in 'lens'$"):
        impact.participation(spells, among="lens")


def test_exposure_marks_the_years_of_each_spell(spells):
    panel = pd.DataFrame({"urn": ["1000"] * 4 + ["1009"], "year": [2016, 2017, 2018, 2019, 2017]})
    found = impact.exposure(panel, spells)
    assert found["lamp 2016"].tolist() == [1, 1, 0, 0, 0]
    assert found["lamp 2019"].tolist() == [0, 0, 0, 1, 0]
    assert found["leap 2017"].tolist() == [0, 1, 1, 1, 0]
    assert list(panel.columns) == ["urn", "year"]


def test_exposure_with_unusable_spells_is_refused(spells):
    panel = pd.DataFrame({"urn": ["1000"], "year": [2016]})
    with pytest.raises(EvidenceError) as error:
        impact.exposure(panel, spells.assign(start=[2016, None, 1, 1, 1]))
    assert str(error.value) == "column 'start', row 2: a spell has no start"
    with pytest.raises(EvidenceError) as error:
        impact.exposure(panel.assign(**{"leap 2017": 1}), spells)
    assert str(error.value) == "programme 'leap 2017' is also the name of a column of the panel"
