"""What a pair for explore education statistics must keep: a breach of each rule, and its message.

The pairs are made here; which of them fail follows the rules of DfE's screener.
"""

import io
import subprocess
import sys
from datetime import date

import pandas as pd
import pytest

from evidence.data import areas
from evidence.data.ees.rules import check
from evidence.errors import EvidenceError

DATA = """\
time_period,time_identifier,geographic_level,country_code,country_name,region_code,region_name,\
new_la_code,old_la_code,la_name,phase,phase_group,pupils,share
201718,Academic year,National,E92000001,England,,,,,,Total,Total,900,12.5
201819,Academic year,National,E92000001,England,,,,,,Total,Total,910,z
201819,Academic year,Regional,E92000001,England,E12000003,Yorkshire and The Humber,,,,\
Total,Total,9,x
201819,Academic year,Local authority,E92000001,England,E12000003,Yorkshire and The Humber,\
E08000035,383,Leeds,Total,Total,5,c
201819,Academic year,Local authority,E92000001,England,E12000003,Yorkshire and The Humber,\
E08000035,383,Leeds,Primary,State-funded,5,low
"""
META = """\
col_name,col_type,label,indicator_grouping,indicator_unit,indicator_dp,filter_hint,\
filter_grouping_column
phase,Filter,Phase of school,,,,Filter by phase,phase_group
phase_group,Filter,Kind of school,,,,,
pupils,Indicator,Pupils,Counts,,0,,
share,Indicator,Share of pupils,,%,1,,
"""


@pytest.fixture
def pair(tmp_path):
    """Return a function that writes a pair, changed cell by cell, and what is wrong with it."""

    def write(data=(), meta=(), drop=(), name="a", rename=None):
        tables = [pd.read_csv(io.StringIO(x), dtype="str", keep_default_na=False)
                  for x in (DATA, META)]  # fmt: skip
        for table, changes in zip(tables, (data, meta), strict=True):
            for row, column, text in changes:
                if column not in table:
                    table[column] = ""
                table.loc[slice(None) if row is None else row - 2, column] = text
        tables[0] = tables[0].drop(columns=list(drop)).rename(columns=rename or {})
        for table, ending in zip(tables, (".csv", ".meta.csv"), strict=True):
            table.to_csv(tmp_path / f"{name}{ending}", index=False)
        faults, warnings = check(tmp_path / f"{name}.csv")
        here = f"{tmp_path}/"
        return [x.replace(here, "") for x in faults], [x.replace(here, "") for x in warnings]

    return write


def test_a_pair_that_keeps_every_rule_has_neither_faults_nor_warnings(pair):
    assert pair() == ([], [])


NATIONAL = "National, Regional, Local authority, Local authority district, RSC region"
FAULTS = {
    "required column": ({"drop": ["country_name"]}, "a.csv: has no column country_name"),
    "level's column": (
        {"drop": ["old_la_code"]},
        "a.csv: has rows of level Local authority but no column old_la_code",
    ),
    "file name": (
        {"name": "a b"},
        "a b.csv: its name may have letters, figures, hyphens and underscores only",
    ),
    "space in a name": (
        {"rename": {"pupils": "all pupils"}},
        "a.csv, column all pupils: names of columns have no spaces",
    ),
    "metadata of no column": (
        {"drop": ["share"]},
        "a.meta.csv: share is no column of a.csv",
    ),
    "column of the metadata": (
        {"meta": [(None, "colour", "red")]},
        "a.meta.csv: column colour is not allowed; allowed: col_name, col_type, label, "
        "indicator_grouping, indicator_unit, indicator_dp, filter_hint, filter_grouping_column",
    ),
    "col_type": (
        {"meta": [(4, "col_type", "indicator")]},
        "a.meta.csv, row 4, column col_type: must be Filter or Indicator",
    ),
    "col_name empty": (
        {"meta": [(5, "col_name", "")]},
        "a.meta.csv, row 5, column col_name: may not be empty",
    ),
    "col_name twice": (
        {"meta": [(5, "col_name", "pupils")]},
        "a.meta.csv, row 5, column col_name: stands in an earlier row too",
    ),
    "place in the metadata": (
        {"meta": [(5, "col_name", "la_name")]},
        "a.meta.csv, row 5, column col_name: is a time or place: those are not in the metadata",
    ),
    "like a place": (
        {"rename": {"phase": "school_id"}, "meta": [(2, "col_name", "school_id")]},
        "a.meta.csv, row 2, column col_name: looks like a place: those are not in the metadata",
    ),
    "label empty": (
        {"meta": [(4, "label", " ")]},
        "a.meta.csv, row 4, column label: may not be empty",
    ),
    "label twice": (
        {"meta": [(5, "label", "Pupils")]},
        "a.meta.csv, row 5, column label: stands in an earlier row too",
    ),
    "grouping of a filter": (
        {"meta": [(2, "indicator_grouping", "Counts")]},
        "a.meta.csv, row 2, column indicator_grouping: must be empty for a filter",
    ),
    "unit of a filter": (
        {"meta": [(2, "indicator_unit", "%")]},
        "a.meta.csv, row 2, column indicator_unit: must be empty for a filter",
    ),
    "decimal places of a filter": (
        {"meta": [(2, "indicator_dp", "0")]},
        "a.meta.csv, row 2, column indicator_dp: must be empty for a filter",
    ),
    "hint of an indicator": (
        {"meta": [(4, "filter_hint", "Choose")]},
        "a.meta.csv, row 4, column filter_hint: must be empty for an indicator",
    ),
    "filter group of an indicator": (
        {"meta": [(4, "filter_grouping_column", "phase")]},
        "a.meta.csv, row 4, column filter_grouping_column: must be empty for an indicator",
    ),
    "unit": (
        {"meta": [(5, "indicator_unit", "percent")]},
        "a.meta.csv, row 5, column indicator_unit: must be empty or %, £, £m, pp, string, "
        "numberstring",
    ),
    "decimal places": (
        {"meta": [(5, "indicator_dp", "-1")]},
        "a.meta.csv, row 5, column indicator_dp: must be a whole number of decimal places, 0 or "
        "more",
    ),
    "group of no column": (
        {"meta": [(2, "filter_grouping_column", "kind")]},
        "a.meta.csv, column filter_grouping_column: kind is no column of a.csv",
    ),
    "a sex in an indicator": (
        {"rename": {"share": "female_share"}, "meta": [(5, "col_name", "female_share")]},
        "a.meta.csv, row 5, column col_name: holds a sex or ethnic group: make it a filter",
    ),
    "null": (
        {"data": [(4, "share", "NA")]},
        "a.csv, row 4, column share: NA, NULL, Null, na, null are no values: use z, x, c, low, k "
        "or u",
    ),
    "filter of one value": (
        {"data": [(None, "phase", "Total")]},
        "a.csv, column phase: a filter with one value is none: take it out of the metadata",
    ),
    "filter empty": (
        {"data": [(4, "phase", "")]},
        "a.csv, row 4, column phase: a filter may not be empty",
    ),
    "filter with spaces": (
        {"data": [(6, "phase", "Primary ")]},
        "a.csv, row 6, column phase: has spaces before or after it",
    ),
    "place with spaces": (
        {"data": [(6, "la_name", " Leeds")]},
        "a.csv, row 6, column la_name: has spaces before or after it",
    ),
    "place called all": (
        {"data": [(2, "la_name", "All")]},
        "a.csv, row 2, column la_name: a place is never Total or All: leave it empty",
    ),
    "group finer than its filter": (
        {"data": [(4, "phase_group", "Other")]},
        "a.csv, column phase_group: has more values than phase, which it groups: exchange them",
    ),
    "groups alike": (
        {"data": [(4, "phase_group", "State funded"), (4, "phase", "Secondary")]},
        "a.csv, column phase_group: two of its values differ only in signs and spaces",
    ),
    "period no number": (
        {"data": [(3, "time_period", "2018/19")]},
        "a.csv, row 3, column time_period: must be a whole number",
    ),
    "identifier": (
        {"data": [(3, "time_identifier", "academic year")]},
        "a.csv, row 3, column time_identifier: is not one of Academic year, Financial year, "
        "Calendar year, Tax year, Reporting year, Autumn and spring term, a term, month, week, "
        "quarter or half year",
    ),
    "identifiers mixed": (
        {"data": [(3, "time_identifier", "Financial year")]},
        "a.csv, row 3, column time_identifier: cannot be in one file with Academic year",
    ),
    "years that do not follow": (
        {"data": [(3, "time_period", "201820")]},
        "a.csv, row 3, column time_period: six figures are two years that follow each other",
    ),
    "four figures of an academic year": (
        {"data": [(3, "time_period", "2018")]},
        "a.csv, row 3, column time_period: Academic year has periods of 6 figures, such as 201819",
    ),
    "six figures of a calendar year": (
        {"data": [(None, "time_identifier", "Calendar year")]},
        "a.csv, row 2, column time_period: Calendar year has periods of 4 figures, such as 2018 "
        "(5 such rows)",
    ),
    "level": (
        {"data": [(2, "geographic_level", "Country")]},
        f"a.csv, row 2, column geographic_level: must be one of {NATIONAL}",
    ),
    "country's pair": (
        {"data": [(2, "country_name", "Wales")]},
        "a.csv, row 2, column country_code: code and name are no pair of the official list "
        "(capitals count)",
    ),
    "country of a region empty": (
        {"data": [(4, "country_code", "")]},
        "a.csv, row 4, column country_code: code and name are no pair of the official list "
        "(capitals count)",
    ),
    "region's pair": (
        {"data": [(4, "region_name", "Yorkshire and the Humber")]},
        "a.csv, row 4, column region_code: code and name are no pair of the official list "
        "(capitals count)",
    ),
    "authority's pair": (
        {"data": [(5, "old_la_code", "384")]},
        "a.csv, row 5, column new_la_code: new code, old code and name are no pair of the "
        "official list (capitals count)",
    ),
    "place of the level empty": (
        {"data": [(5, "la_name", "")]},
        "a.csv, row 5, column la_name: may not be empty in rows of level Local authority",
    ),
    "place of a lower level": (
        {"data": [(2, "region_code", "E12000003"), (2, "region_name", "Yorkshire and The Humber")]},
        "a.csv, row 2, column region_code: must be empty in rows of this level",
    ),
    "a row twice": (
        {
            "data": [
                (6, "phase", "Total"),
                (6, "phase_group", "Total"),
                (4, "phase", "Primary"),
                (4, "phase_group", "X"),
            ]
        },
        "a.csv, row 6, column time_period: the same time, place and filters as an earlier row",
    ),
    "figure empty": (
        {"data": [(2, "pupils", "")]},
        "a.csv, row 2, column pupils: an indicator may not be empty: use z, x, c, low or k",
    ),
    **{
        f"figure {text}": (
            {"data": [(2, "pupils", text)]},
            "a.csv, row 2, column pupils: must be a plain number or one of z, x, c, low, k, u "
            "(: ~ . - are of older releases)",
        )
        for text in (":", "~", ".", "-", "1,000", "12%", "many", "supp", "\u22125", " 5", "1e999%")
    },
}
WARNINGS = {
    "no total": (
        {"data": [(None, "phase", "Primary"), (3, "phase", "Secondary")]},
        "a.csv, column phase: has no row 'Total', which is what is shown first",
    ),
    "column in no metadata": (
        {"data": [(2, "note", "seen")]},
        "a.csv, column note: is neither a time or place nor in the metadata",
    ),
    "capitals": (
        {"rename": {"pupils": "Pupils"}, "meta": [(4, "col_name", "Pupils")]},
        "a.csv, column Pupils: names of columns are in snake_case: small letters, figures and "
        "underscores",
    ),
    "first letter": (
        {"rename": {"pupils": "1_pupils"}, "meta": [(4, "col_name", "1_pupils")]},
        "a.csv, column 1_pupils: names of columns start with a small letter",
    ),
    "decimal places not said": (
        {"meta": [(5, "indicator_dp", "")]},
        "a.meta.csv, row 5, column indicator_dp: say how many decimal places are shown",
    ),
    "region of another authority": (
        {"data": [(6, "region_code", "E12000001"), (6, "region_name", "North East")]},
        "a.csv, row 6, column region_code: is not the region of this authority",
    ),
    "labels alike": (
        {"meta": [(5, "label", " pupils")]},
        "a.meta.csv, row 5, column label: differs from an earlier one in capitals or spaces only",
    ),
    "region of an authority": (
        {"data": [(6, "region_code", ""), (6, "region_name", "")]},
        "a.csv, row 6, column region_code: give the region of each authority",
    ),
}


def cases(all_of_them):
    """One in six is quick enough for every check; the others run with the slow ones."""
    return [
        pytest.param(*case, id=name, marks=[pytest.mark.slow] if place % 6 else [])
        for place, (name, case) in enumerate(all_of_them.items())
    ]


@pytest.mark.parametrize(("changes", "message"), cases(FAULTS))
def test_a_breach_is_named(pair, changes, message):
    faults, _ = pair(**changes)
    assert faults[0].startswith(message) if message.endswith(NATIONAL) else message in faults


@pytest.mark.parametrize(("changes", "message"), cases(WARNINGS))
def test_what_the_screener_only_warns_of_is_no_fault(pair, changes, message):
    faults, warnings = pair(**changes)
    assert faults == []
    assert message in warnings


@pytest.mark.parametrize(
    "text",
    [
        "low",
        "-1.5",
        *(pytest.param(t, marks=pytest.mark.slow) for t in ("z", "x", "c", "k", "u", "0")),
    ],
)
def test_numbers_and_symbols_are_figures(pair, text):
    assert pair(data=[(2, "pupils", text)]) == ([], [])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.meta.csv", None, "no such file; a pair is NAME.csv and NAME.meta.csv"),
        ("a.csv", DATA.replace(",", ";"), "commas must separate the cells"),
        ("a.csv", DATA.encode("utf-16"), "is no comma-separated text in UTF-8"),
        ("a.csv", DATA + "201819,Academic year\n", "row 7: has another number of cells than"),
    ],
)
def test_files_that_are_no_pair_are_refused(pair, tmp_path, name, content, message):
    pair()
    path = tmp_path / name
    path.unlink()
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(EvidenceError) as error:
        check(tmp_path / "a.csv")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_real_file_has_no_faults(shared, tmp_path):
    """DfE's own release of plans within 20 weeks."""
    source = shared / "send/ehcp_2025_timeliness_20_week.csv"
    source = source if source.exists() else shared / "data/send/ehcp_2025_timeliness_20_week.csv"
    (tmp_path / "a.csv").write_bytes(source.read_bytes())
    (tmp_path / "a.meta.csv").write_text(
        META.partition("\n")[0]
        + "\nbreakdown,Filter,Breakdown,,,,,breakdown_topic\nbreakdown_topic,Filter,Topic,,,,,\n"
        "plans_issued_den,Indicator,Plans,,,0,,\n"
    )
    assert check(tmp_path / "a.csv")[0] == []


@pytest.mark.slow
def test_check_on_the_command_line_names_breaches(pair, tmp_path):
    faults, _ = pair(data=[(2, "pupils", ":")])
    command = [sys.executable, "-m", "evidence.cli", "check", f"{tmp_path}/a.csv"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path}/{faults[0]}\n"
    pair()
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/a.csv: keeps every rule\n")
    pair(meta=[(5, "indicator_dp", "")])
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == f"{tmp_path}/a.csv: keeps every rule, 1 warning\n"
    (tmp_path / "a.meta.csv").unlink()
    done = subprocess.run(command, capture_output=True, text=True)
    assert "as a pair for explore education statistics it lacks a.meta.csv" in done.stdout


@pytest.mark.parametrize(
    ("text", "day", "code"),
    [
        ("Bristol", date(2024, 9, 1), "E06000023"),
        ("st helens", date(2024, 9, 1), "E08000013"),
        ("London (Inner)", date(2024, 9, 1), "E13000001"),
        ("London", date(2024, 9, 1), "E12000007"),
        ("City of London", date(2024, 9, 1), "E09000001"),
        ("Dorset", date(2018, 9, 1), "E10000009"),
        ("Dorset", date(2019, 9, 1), "E06000059"),
        ("835", date(2024, 9, 1), "E10000009"),
        ("Durham", date(2024, 9, 1), "E06000047"),
        ("Telford & Wrekin", date(2024, 9, 1), "E06000020"),
    ],
)
def test_an_area_is_found_however_it_is_written(text, day, code):
    assert areas.find(text, day)["code"] == code
