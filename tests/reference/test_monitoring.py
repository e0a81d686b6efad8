"""Monitoring: R 4.2 (survival), NHSRplotthedots, PHEindicatormethods, DfE's lists."""

import json

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.stats.monitoring import (
    control_charts,
    funnels,
    inequality,
    intervals,
    ordinal,
    survival,
)

EXACT = {"rtol": 1e-9, "atol": 1e-12}


@pytest.fixture(scope="module")
def cases(shared):
    return json.loads((shared / "reference/monitoring_cases.json").read_text())


def test_xmr_charts_are_those_of_nhsrplotthedots(shared):
    signs = {"common_cause": "common cause", "special_cause_improvement": "improvement"}
    signs |= {"special_cause_concern": "concern", "special_cause_neutral_high": "high"}
    assured = {"inconsistent": "hit and miss", "consistent_fail": "fails", None: ""}
    assured |= {"consistent_pass": "passes"}
    rules = {"Common Cause": "", "Above UCL": "outside the limits"}
    rules |= {"Below LCL": "outside the limits"}
    rules |= {f"2 in 3 {way} CL": "2 of 3 close to a limit" for way in ("Above", "Below")}
    rules |= {f"7 Points {way} CL": "one side of the centre" for way in ("Above", "Below")}
    cases = json.loads((shared / "reference/spc_cases.json").read_text())
    assert len(cases) == 12
    for case in cases:
        data = pd.DataFrame({"week": range(len(case["y"])), "y": case["y"]})
        chart = ev.monitoring.control_chart(
            data,
            value="y",
            time="week",
            rebase=np.flatnonzero(case["rebase"]).tolist(),
            fix_after=case["fix_after_n_points"] or None,
            improvement=case["improvement_direction"],
            target=case["target"],
        )
        table = chart.to_frame()
        for name, theirs in (("centre", "mean"), ("lower", "lower"), ("upper", "upper")):
            np.testing.assert_allclose(table[name], case[theirs], **EXACT)
        assert table["signal"].tolist() == [signs[word] for word in case["point_type"]]
        assert table["rule"].tolist() == [rules[word] for word in case["special_cause"]]
        assert chart.assurance == assured[case["assurance"]]
        assert chart.variation == signs[case["point_type"][-1]]


def test_p_chart_and_laney_limits_are_those_of_r(cases):
    case = cases["p_chart"]
    data = pd.DataFrame({"month": range(len(case["x"])), "x": case["x"], "n": case["n"]})
    plain, wide = (
        ev.monitoring.control_chart(data, value="x", n="n", time="month", laney=laney)
        for laney in (False, True)
    )
    for chart, theirs in ((plain, case), (wide, case["laney"])):
        np.testing.assert_allclose(chart.table["lower"], theirs["lower"], **EXACT)
        np.testing.assert_allclose(chart.table["upper"], theirs["upper"], **EXACT)
    assert plain.table["centre"].iloc[0] == pytest.approx(case["centre"], rel=1e-12)
    assert (plain.chart, wide.chart) == ("p", "p′")
    assert wide.sigma_z == pytest.approx(case["laney"]["sigma_z"], rel=1e-12)


def test_intervals_are_those_of_r(cases):
    for case in cases["intervals"]:
        x1, n1, x2, n2 = (case[name] for name in ("x1", "n1", "x2", "n2"))
        change = ev.monitoring.change(x2, n2, x1, n1)
        np.testing.assert_allclose([change.ci_lower, change.ci_upper], case["diff"], **EXACT)
        for method, theirs in (("wilson", "wilson1"), ("exact", "exact1")):
            share = ev.monitoring.proportion(x1, n1, method=method)
            np.testing.assert_allclose([share.ci_lower, share.ci_upper], case[theirs], **EXACT)
        rate = ev.monitoring.rate(x1, 1, per=1, method="exact")
        np.testing.assert_allclose([rate.ci_lower, rate.ci_upper], case["poisson_exact"], **EXACT)


def test_kaplan_meier_is_that_of_r(cases):
    case = cases["km"]
    data = pd.DataFrame({name: case[name] for name in ("weeks", "finished", "group")})
    result = ev.monitoring.timeliness(data, duration="weeks", event="finished", at=(16, 20, 26))
    for name, theirs in (
        ("time", "time"),
        ("survival", "survival"),
        ("std_error", "std_err"),
        ("ci_lower", "lower"),
        ("ci_upper", "upper"),
    ):
        wanted = np.array(case[theirs], float)
        np.testing.assert_allclose(result.table[name], wanted, **EXACT)
    within, theirs = result.within, case["at_16_20_26"]
    np.testing.assert_allclose(1 - within["done"], theirs["surv"], **EXACT)
    np.testing.assert_allclose(1 - within["ci_upper"], theirs["lower"], **EXACT)
    np.testing.assert_allclose(1 - within["ci_lower"], theirs["upper"], **EXACT)
    summary = result.summary.iloc[0]
    assert summary["restricted_mean"] == pytest.approx(case["rmst26"], rel=1e-12)
    middle = [case["quantiles"][name][1] for name in ("q", "lower", "upper")]
    assert summary[["median", "median_lower", "median_upper"]].tolist() == middle
    curve = survival.kaplan_meier(case["weeks"], case["finished"])
    for place, share in enumerate((0.25, 0.5, 0.75)):
        wanted = [case["quantiles"][name][place] for name in ("q", "lower", "upper")]
        assert [*curve.quantile(share)] == wanted
    group = pd.factorize(pd.Series(case["group"]))[0]
    chi, df, p = survival.log_rank(case["weeks"], case["finished"], group)
    assert (chi, df) == (pytest.approx(case["logrank_chisq"], rel=1e-10), 1)
    both = ev.monitoring.timeliness(data, duration="weeks", event="finished", by="group")
    assert both.p_value == pytest.approx(p)
    assert both.summary["n"].sum() == len(data)


def test_weighted_kappa_is_that_of_r(cases):
    case = cases["kappa"]
    data = pd.DataFrame({"first": case["a"], "second": case["b"]})
    for weights in ("linear", "quadratic", "unweighted"):
        result = ev.monitoring.agreement(data, first="first", second="second", weights=weights)
        assert result.kappa == pytest.approx(case[weights], rel=1e-12)
        assert result.ci_lower < result.kappa < result.ci_upper
    order = ["1", "2", "3", "4"]
    moved = ev.monitoring.transitions(data, before="first", after="second", order=order)
    assert moved.p_value == pytest.approx(case["mcnemar_exact_up_down"])


def test_wilson_and_byar_are_those_of_fingertips(shared):
    table = pd.read_excel(shared / "reference/phe/testdata_Byars_Wilson.xlsx", engine="openpyxl")
    assert len(table) > 10
    for row in table.itertuples():
        level = float(row.confidence.rstrip("%")) / 100
        low, high = (
            intervals.byar(row.x, level)
            if row.method == "Byars"
            else intervals.wilson(row.x, row.n, level)
        )
        np.testing.assert_allclose([low, high], [row.lowercl, row.uppercl], rtol=1e-9)


@pytest.mark.parametrize("sheet", ["testdata_Prop", "testdata_Prop_g"])
def test_proportions_are_those_of_fingertips(shared, sheet):
    table = pd.read_excel(
        shared / "reference/phe/testdata_Proportion.xlsx", engine="openpyxl", sheet_name=sheet
    )
    _rows(table, 1, lambda row, level: ev.monitoring.proportion(row[1], row[2], level=level))


@pytest.mark.parametrize("sheet", ["testdata_Rate", "testdata_Rate_g"])
def test_rates_are_those_of_fingertips(shared, sheet):
    table = pd.read_excel(
        shared / "reference/phe/testdata_Rate.xlsx", engine="openpyxl", sheet_name=sheet
    )

    def rate(row, level):
        return ev.monitoring.rate(row[1], row[2], per=row.multiplier, level=level)

    _rows(table, None, rate)


def _rows(table, scale, call):
    checked = 0
    for row in table.rename(columns={"Numerator": 1, "Denominator": 2}).to_dict("records"):
        if not row[2] > 0 or row["value"] != row["value"]:
            continue
        levels = {0.95: "95_0cl", 0.998: "99_8cl"}
        if "lowercl" in row:
            levels = {float(str(row["confidence"]).rstrip("%")) / 100: "cl"}
        multiplier = row["multiplier"] if scale else 1
        for level, ending in levels.items():
            found = call(pd.Series(row), level)
            got = np.array([found.estimate, found.ci_lower, found.ci_upper]) * multiplier
            want = [row["value"], row[f"lower{ending}"], row[f"upper{ending}"]]
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
            checked += 1
    assert checked >= 8


def test_funnel_limits_of_proportions_are_those_of_fingertips(shared):
    table = pd.read_csv(shared / "reference/phe/testdata_funnel_prop_outputs.csv")
    for level, names in (
        (0.95, ("Lower2s0025", "Upper2s0025")),
        (0.998, ("Lower3s0001", "Upper3s0001")),
    ):
        limits = funnels.score_limits(table["Baseline"][0] / 100, table["Population"], level)
        for ours, theirs in zip(limits, names, strict=True):  # printed to six decimals
            np.testing.assert_allclose(100 * ours, table[f"{theirs}limit"], atol=1e-6)


def test_funnel_signals_of_proportions_are_those_of_fingertips(shared):
    table = pd.read_csv(
        shared / "reference/phe/testdata_funnel_prop_inputs.csv", encoding="utf-8-sig"
    )
    result = ev.monitoring.funnel(
        table, unit="Area", count="numerator", n="denominator", limits="score"
    )
    words = {"High (0.001)": "high", "Low (0.001)": "low", "High (0.025)": "maybe high"}
    words |= {"Low (0.025)": "maybe low", "Not significant": "as the others"}
    assert result.table["signal"].tolist() == table["significance"].map(words).tolist()


def test_funnel_limits_of_rates_are_those_of_fingertips(shared):
    """One event apart: those limits come from a search by spreadsheet, to four figures."""
    table = pd.read_csv(shared / "reference/phe/testdata_funnel_rate_outputs.csv")
    for level, name in ((0.95, "2s"), (0.998, "3s")):
        limits = funnels.rate_limits(table["Events"], table["baseline"][0], level)
        for ours, side in zip(limits, ("lower", "upper"), strict=True):
            theirs = table[f"{side}_{name}_limit"]
            np.testing.assert_allclose(ours[1:], theirs[1:], rtol=1e-6)
            assert ours[0] == pytest.approx(theirs[0], rel=1e-4)


@pytest.mark.slow
def test_slope_index_is_that_of_fingertips(shared):
    table = pd.read_excel(shared / "reference/phe/testdata_SII.xlsx", engine="openpyxl")
    table = table[~table["TestDescription"].str.contains("error|warning|negative mult|x -100")]
    checked = 0
    for (text, _), group in table.groupby(["TestDescription", "Area"]):
        wanted = group.dropna(subset=["sii"])
        if wanted.empty:
            continue
        kind = "log" if "log transform" in text else "logit" if "logit" in text else "none"
        group = group.sort_values("Quantile")
        values = group["Value"].to_numpy(float), group["Population"].to_numpy(float)
        slope, relative, intercept = inequality.slope_index(*values, kind)
        scale = 100 if "x 100" in text else 1
        assert scale * slope == pytest.approx(wanted["sii"].iloc[0], rel=1e-9)
        for ours, name in ((relative, "rii"), (intercept, "Intercept")):
            for theirs in wanted[name].dropna():
                assert ours == pytest.approx(theirs, rel=1e-9)
        checked += 1
    assert checked > 20


def test_slope_index_has_limits_like_those_of_fingertips(shared):
    """Theirs are simulated too: two runs of 100,000 differ in the third figure."""
    table = pd.read_excel(shared / "reference/phe/testdata_SII.xlsx", engine="openpyxl")
    text = "default (e.g. life expectancy) - default parameters"
    group = table[(table["TestDescription"] == text) & (table["Area"] == "area1")]
    data = group[["Quantile", "Population", "Value", "StandardError"]]
    found = ev.monitoring.slope_index(
        data, value="Value", population="Population", group="Quantile", std_error="StandardError"
    ).table.iloc[0]
    for ours, theirs in (
        ("slope_lower", "sii_lowercl_1"),
        ("slope_upper", "sii_uppercl_1"),
        ("relative_lower", "rii_lowercl_1"),
        ("relative_upper", "rii_uppercl_1"),
    ):
        assert found[ours] == pytest.approx(group[theirs].dropna().iloc[0], rel=0.02)


def test_gap_index_of_ten_pupils():
    score = [98, 101, 104, 96, 110, 107, 101, 99, 112, 105]
    poor = [1, 1, 0, 1, 0, 0, 0, 1, 0, 0]
    assert inequality.gap_index(score, poor)[0] == pytest.approx(115 / 12, rel=1e-12)


@pytest.mark.parametrize(
    ("n", "low", "high"), [(30, -16.5, 28.9), (60, -10.2, 23.0), (3300, 4.7, 9.3)]
)
def test_newcombe_interval_of_a_printed_rise(n, low, high):
    found = ev.monitoring.change(62, n, 69, n, percent=True)
    assert 100 * found.ci_lower == pytest.approx(low, abs=0.05)
    assert 100 * found.ci_upper == pytest.approx(high, abs=0.05)
    assert found.verdict == ("rose" if n == 3300 else "too little data")


def test_signals_of_lewishams_inspections(shared):
    data = pd.read_csv(shared / "facts/lewisham-2019-inspections.csv", comment="#")
    found = ev.monitoring.transitions(data, before="previous", after="latest")
    assert (found.n, found.up, found.down, found.same) == (22, 3, 5, 14)
    assert found.p_value == pytest.approx(0.7265625)
    assert "do not show a direction (sign test, p = .727)" in found.sentence()
    assert found.matrix().to_numpy().sum() == 22


NEIGHBOURS = {
    ("april_2021", "Leeds"): [373, 841, 381, 351, 808, 350, 831, 392, 382, 344],
    ("may_2025", "Leeds"): [851, 882, 373, 826, 382, 355, 801, 852, 306, 839],
}


@pytest.mark.parametrize(
    "vintage", ["april_2021", pytest.param("may_2025", marks=pytest.mark.slow)]
)
def test_neighbours_are_those_of_dfes_list(shared, vintage):
    path = shared / f"data/local-authority/sn_{vintage}.xlsx"
    sheet = pd.read_excel(path, engine="openpyxl")
    bare = pd.read_excel(path, header=None, engine="openpyxl")
    places = bare.iloc[3:, 0].astype("str").str.removesuffix(".0")
    for area, code in (("Lincolnshire", 925), ("Leeds", 383), ("Lewisham", 209), (838, 838)):
        found = ev.monitoring.neighbours(sheet, area=area, vintage=vintage)
        row = bare.loc[places[places == str(code)].index[0]]
        assert found.table["code"].astype(int).tolist() == row[5:25:2].astype(int).tolist()
        assert found.code == str(code)
        again = ev.monitoring.neighbours(bare, area=str(code), vintage=vintage)
        pd.testing.assert_frame_equal(found.table, again.table)
    assert ev.monitoring.neighbours(sheet, area="Dorset").code == "838"
    old = ev.monitoring.neighbours(sheet, area=835)
    assert old.former
    assert old.area == "Dorset (Pre LG)"
    leeds = ev.monitoring.neighbours(
        sheet, area="Leeds", claimed=["Bristol", "Liverpool", "Newcastle", "Sheffield"]
    )
    assert leeds.table["code"].astype(int).tolist() == NEIGHBOURS[vintage, "Leeds"]
    wrong = ["Liverpool", "Newcastle upon Tyne"]
    assert [*leeds.not_among] == (wrong if vintage == "may_2025" else ["Bristol, City of", *wrong])


def test_lincolnshire_keeps_five_of_its_neighbours(shared):
    both = [
        set(
            ev.monitoring.neighbours(
                pd.read_excel(
                    shared / f"data/local-authority/sn_{vintage}.xlsx", engine="openpyxl"
                ),
                area=925,
            ).table["code"]
        )
        for vintage in ("april_2021", "may_2025")
    ]
    assert len(both[0] & both[1]) == 5


@pytest.mark.slow
def test_ranks_and_bands_of_ten_indicators(shared):
    """By pandas' own ranks and quartiles, of DfE's long file as it is."""
    data = pd.read_parquet(shared / "data/local-authority/bds_long_0.parquet")
    words = pd.read_csv(shared / "data/local-authority/lait_data_dictionary.csv")
    polarity = words.set_index("Measure_short")["Polarity"].replace("-", np.nan).dropna()
    data = data[(data["Region"] != "NA") & data["Short Desc"].isin(polarity.index)]
    checked = 0
    for name, group in data.groupby("Short Desc"):
        group = group[group["Years"] == group["Years"].max()]
        numbers = pd.to_numeric(group["Values"], errors="coerce")
        if numbers.notna().sum() < 100 or not isinstance(polarity[name], str):
            continue
        high = polarity[name] == "High"
        found = ev.monitoring.rank_and_band(
            group, area="LA and Regions", value="Values", polarity=polarity[name].lower()
        ).table
        ranks = numbers.rank(method="min", ascending=not high)
        np.testing.assert_array_equal(found["rank"], ranks)
        cuts = [-np.inf, *numbers.quantile([0.25, 0.5, 0.75]), np.inf]
        letters = np.array([*("DCBA" if high else "ABCD"), ""])
        bands = [
            letters[-1] if x != x else letters[sum(x > cut for cut in cuts[1:4])] for x in numbers
        ]
        assert found["band"].tolist() == bands
        checked += 1
        if checked == 10:
            break
    assert checked == 10


def test_stuart_maxwell_is_mcnemars_for_two_categories():
    """Bishop, Fienberg and Holland (1975): (b − c)²/(b + c)."""
    chi, df, _ = ordinal.stuart_maxwell(np.array([[20, 5], [10, 15]]))
    assert (chi, df) == (pytest.approx(25 / 15), 1)


def test_xmr_leaves_out_large_moving_ranges():
    values = np.array([10.0, 11, 10, 11, 10, 11, 10, 11, 60, 11, 10, 11, 10, 11, 10, 11])
    _, width = control_charts.xmr(values)
    assert width[0] == pytest.approx(2.66)


@pytest.mark.parametrize(
    ("weeks", "finished", "median"),
    [
        ([1, 2, 3, 4], [1, 1, 1, 1], 2.5),
        ([1, 2, 3, 9], [1, 1, 0, 0], 5.5),
        ([1, 2, 5, 6, 9], [1, 1, 0, 1, 1], 6),
        ([1, 2, 3, 4, 5, 6, 7, 8], [1, 1, 1, 1, 0, 0, 0, 0], 6),
        ([4, 4, 6, 6], [1, 1, 1, 1], 5),
        ([3, 3, 3, 8, 8, 9], [1, 1, 1, 0, 1, 1], 5.5),
    ],
)
def test_a_median_on_a_level_stretch_is_its_middle(weeks, finished, median):
    """``quantile(survfit(Surv(weeks, finished) ~ 1, conf.type = "log-log"), .5)``, survival 3."""
    assert survival.kaplan_meier(weeks, finished).quantile(0.5)[0] == median
