"""Watched figures from odd files: the right answer, or one line that says what is wrong."""

import pandas as pd
import pytest

import evidence as ev
from evidence.errors import EvidenceError

from .test_watching import inspections, ks2, of, pupils, school, write


@pytest.fixture
def tables(tmp_path):
    for year, england in ((2017, 61), (2018, 64), (2019, 65)):
        ks2(tmp_path, year, england)
    return tmp_path


def changed(path, column, value, row=3):
    table = pd.read_csv(path, dtype="str")
    table.loc[row, column] = value
    table.to_csv(path, index=False)


def line(call):
    with pytest.raises(EvidenceError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("column", "value"), [("TELIG", "0"), ("TELIG", ""), ("PTRWM_EXP", "SUPP")]
)
def test_a_year_without_pupils_or_figure_is_no_latest_year(tables, column, value):
    changed(tables / "2019.csv", column, value)
    study = school(tables, start="2018")
    assert study.known["year"].tolist() == [2017, 2018]
    assert ", 2017/18: " in study.headlines[0]
    assert study.told.table["time"].tolist() == ["2017", "2018"]
    assert len(study.indicators) == 12  # the year stays, with its symbol


def test_schools_are_not_alike_in_results(tables):
    said = line(lambda: school(tables, traits=["n_pupils", "PTRWM_EXP"]))
    assert said.startswith("plan: traits and same have 'PTRWM_EXP', a result; ")


def test_a_prediction_is_a_percentage(tables):
    said = line(lambda: school(tables, predicted={"2019": 0.6}).headlines)
    assert said == "predicted is 0.6 for '2019'; a percentage, 0 to 100, is needed"


def gap(folder, **changes):
    plan = of("gap", pupils="", ks2=["2019.csv"], years=[2019], scores=[], reached="",
              establishments="", area="Hampshire")  # fmt: skip
    return ev.Gap.read(str(folder), plan | changes)


def test_tables_of_another_authority_are_not_taken_for_it(tables):
    said = line(lambda: gap(tables, area="Leeds"))
    assert said == "plan: area is Leeds, but the tables of 2019 are of Hampshire (850)"
    for name in ("Hampshire", "850", "E10000014", "A county that does not exist"):
        assert len(gap(tables, area=name).share.table) == 1


def test_school_years_of_pupils_meet_those_of_the_country(tables):
    path = pupils(tables)
    table = pd.read_csv(tables / path, dtype="str")
    years = {"2018": "2017/18", "2019": "2019 (prov)"}
    table.assign(year=table["year"].map(years)).to_csv(tables / path, index=False)
    study = gap(tables, pupils=path, scores=["maths"], reached="passed",
                ks2=["2018.csv", "2019.csv"], years=[2018, 2019])  # fmt: skip
    assert study.indicators["comparator_value"].tolist()[:2] == [20, 20]
    assert any(text.startswith("From 2018 to 2019 the gap moved by") for text in study._widening)


def test_an_inspection_counts_once(tmp_path):
    rows = [(1, "OS", "Gd"), (2, "Gd", "Gd"), (1, "OS", "Gd")]
    said = line(lambda: inspections(tmp_path, rows))
    assert said.endswith("inspected.csv, row 4: an earlier row says the same")
    twice = [(1, "OS", "Gd"), (1, "Gd", "RI")]  # inspected twice: two moves
    assert inspections(tmp_path, twice).flow.down == 2


def test_columns_of_the_register_are_named_where_one_is_not_read(tmp_path):
    columns = "URN EstablishmentName"
    write(tmp_path, "schools.csv", [(100_001, "School")], columns)
    said = line(lambda: inspections(tmp_path, [(100_001, "OS", "Gd")], traits=["PercentageFSM"],
                                    establishments="schools.csv"))  # fmt: skip
    assert said.startswith("plan: traits: no column 'PercentageFSM' is read; allowed are urn, ")
    assert "pct_fsm" in said


def test_shares_and_percentages_in_one_column_are_refused(tmp_path):
    rows = [(name, year, 60 + year % 3 if name != "C" else 0.61)
            for name in "ABCDE" for year in (2018, 2019)]  # fmt: skip
    write(tmp_path, "a.csv", rows, "la year rate")
    plan = of("benchmark", indicator="a.csv", value="rate", count="", n="", area="la", time="year",
              place="A", region="", neighbours="", vintage="", claimed=[])  # fmt: skip
    said = line(lambda: ev.Monitoring.read(str(tmp_path), plan))
    assert said.startswith("a.csv: column rate: 2 values from 0 to 1 beside percentages")
    assert len(ev.Monitoring.read(str(tmp_path), plan | {"unit": "points"}).table) == 10
