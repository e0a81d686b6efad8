"""Indicators out and in again as a pair for explore education statistics."""

import numpy as np
import pandas as pd
import pytest
from run_folders import watched

import evidence as ev
from evidence.data import schema
from evidence.data.ees.rules import check

from ..refusal import assert_refused

M = ev.monitoring
KEPT = ["indicator", "area", "group", "period", "value", "ci_lower", "ci_upper", "unit", "n",
        "symbol"]  # fmt: skip


def indicators(**changes):
    """Return four rows of one indicator and three of another, which has groups."""
    one = watched().assign(area=["Leeds", "Bristol, City of", "England", "Dorset"])
    one.loc[3, ["n", "ci_lower", "ci_upper"]] = np.nan
    two = one.iloc[:3].assign(
        indicator="English score", unit="points", group=["boys", "girls", "all"], n=np.nan,
        value=[1.25, -0.1 - 0.2, np.nan], symbol=["", "", "c"], ci_lower=np.nan, ci_upper=np.nan,
    )  # fmt: skip
    return pd.concat([one, two], ignore_index=True).assign(**changes)


def keyed(table):
    return table[KEPT].sort_values(KEPT[:4]).reset_index(drop=True)


def test_to_ees_is_read_back_without_loss(tmp_path):
    rows = indicators()
    M.to_ees(rows, tmp_path / "mine.csv")
    pd.testing.assert_frame_equal(keyed(M.from_ees(tmp_path / "mine.csv")), keyed(rows))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.csv", "mine.meta.csv"]


@pytest.mark.parametrize("unit", ["%", pytest.param("points", marks=pytest.mark.slow)])
def test_to_ees_says_where_figures_are_published_already(tmp_path, unit):
    rows = watched().assign(unit=unit, published="DfE, SEN2, Open Government Licence v3",
                            area=["Leeds", "Bristol, City of", "England", "Dorset"])  # fmt: skip
    M.to_ees(rows, tmp_path / "mine.csv")
    assert check(tmp_path / "mine.csv") == ([], [])
    kept = [*KEPT, "published"]
    pd.testing.assert_frame_equal(
        M.from_ees(tmp_path / "mine.csv")[kept].sort_values("area", ignore_index=True),
        rows[kept].sort_values("area", ignore_index=True),
    )
    rows.loc[0, "published"] = "another"
    assert_refused("indicators: Absence has more than one source", M.to_ees, rows,
                   tmp_path / "a.csv")  # fmt: skip


def test_to_ees_keeps_every_rule_and_earns_no_warning(tmp_path):
    M.to_ees(indicators(), tmp_path / "mine.csv")
    assert check(tmp_path / "mine.csv") == ([], [])
    data = pd.read_csv(tmp_path / "mine.csv", dtype="str", keep_default_na=False)
    assert data.iloc[3].tolist() == [
        "201819", "Academic year", "Local authority", "E92000001", "England", "E12000009",
        "South West", "E10000009", "835", "Dorset", "Total", "z", "z", "z", "x", "z", "z",
    ]  # fmt: skip
    meta = pd.read_csv(tmp_path / "mine.meta.csv", dtype="str", keep_default_na=False)
    assert list(meta) == [
        "col_name", "col_type", "label", "indicator_grouping", "indicator_unit", "indicator_dp",
        "filter_hint", "filter_grouping_column",
    ]  # fmt: skip
    assert meta.iloc[1].tolist() == ["absence", "Indicator", "Absence", "", "%", "1", "", ""]
    assert meta.iloc[5].tolist() == [
        "indicator_2", "Indicator", "English score", "Measured in points", "", "2", "", "",
    ]  # fmt: skip


@pytest.mark.slow
def test_to_ees_without_a_total_names_what_is_shown_first(tmp_path):
    rows = indicators().query("group != 'all'")
    M.to_ees(rows, tmp_path / "mine.csv")
    assert check(tmp_path / "mine.csv") == ([], [])
    pd.testing.assert_frame_equal(keyed(M.from_ees(tmp_path / "mine.csv")), keyed(rows))


@pytest.mark.parametrize(
    ("period", "written", "back"),
    [
        pytest.param("2018", ("2018", "Calendar year"), "2018", marks=pytest.mark.slow),
        pytest.param("201819", ("201819", "Academic year"), "2018/19", marks=pytest.mark.slow),
        ("2018-19 ", ("201819", "Academic year"), "2018/19"),
        pytest.param("1999/00", ("199900", "Academic year"), "1999/00", marks=pytest.mark.slow),
        pytest.param(
            "Autumn 2018", ("201819", "Autumn term"), "Autumn 2018/19", marks=pytest.mark.slow
        ),
        pytest.param(
            "Spring term 2018", ("201718", "Spring term"), "Spring 2017/18", marks=pytest.mark.slow
        ),
        pytest.param(
            "2018/19 Q2", ("201819", "Financial year Q2"), "2018/19 Q2", marks=pytest.mark.slow
        ),
        pytest.param("2018-09", ("2018", "September"), "2018-09", marks=pytest.mark.slow),
    ],
)
def test_periods_are_written_and_read_back(tmp_path, period, written, back):
    M.to_ees(watched().assign(period=period, area=["Leeds", "York", "Kent", "London"]),
             tmp_path / "a.csv")  # fmt: skip
    data = pd.read_csv(tmp_path / "a.csv", dtype="str")
    assert set(zip(data["time_period"], data["time_identifier"], strict=True)) == {written}
    assert set(M.from_ees(tmp_path / "a.csv")["period"]) == {back}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"period": "2018 (prov)"},
            "period '2018 (prov)' has no place in the format: years (2018, 2018/19), terms "
            "(Autumn 2018/19), quarters (2018/19 Q2) and months (2018-09) have; say in words what "
            "is provisional",
        ),
        ({"period": "2015/16-17/18"}, "period '2015/16-17/18' has no place in the format: not "
         "one year"),
        ({"period": "2016 Q4"}, "period '2016 Q4' has no place in the format: quarters are of a "
         "financial year, such as 2016/17 Q4"),
        ({"area": "Leads"}, "area 'Leads' is no authority or region of England; did you mean "
         "'Leeds'?"),
        ({"area": "Leeds", "group": "all"}, "indicators, row 3: the same indicator, area, period "
         "and group as an earlier row"),
    ],
)  # fmt: skip
def test_what_has_no_place_in_the_format_is_refused(tmp_path, changes, message):
    assert_refused(message, M.to_ees, indicators(**changes), tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_pair_of_others_is_read(tmp_path):
    (tmp_path / "a.csv").write_text(
        "time_period,time_identifier,geographic_level,country_code,country_name,sex,phase,pupils\n"
        "201819,Academic year,National,E92000001,England,Total,Total,10\n"
        "201819,Academic year,National,E92000001,England,Girls,Primary,k\n"
    )
    (tmp_path / "a.meta.csv").write_text(
        ",".join(("col_name,col_type,label,indicator_grouping,indicator_unit,indicator_dp",
                  "filter_hint,filter_grouping_column\n"))
        + "sex,Filter,Sex,,,,,\nphase,Filter,Phase,,,,,\npupils,Indicator,Pupils,Counts,,0,,\n"
    )  # fmt: skip
    found = M.from_ees(tmp_path / "a.csv")
    assert found["group"].tolist() == ["all", "Girls; Primary"]
    assert found["symbol"].tolist() == ["", "low"]
    assert set(found["unit"]) == {""}
    assert list(found) == [name for name in schema.INDICATORS if name in KEPT]
