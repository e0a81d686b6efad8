"""A made-up list of neighbours, laid out as DfE's workbook."""

import pandas as pd
import pytest

import evidence as ev

from ..refusal import assert_refused

M = ev.monitoring
NAMES = {code: f"Borough {code}" for code in range(201, 213)} | {300: "Northshire, City of"}


@pytest.fixture
def sheet():
    header = ["LA num", "LA Name", "LA number", "GOInd", "GOReg"]
    header += [text for place in range(1, 11) for text in (f"SN{place}", "SNP")]
    rows = [[None] * 25, [*range(1, 26)], header]
    for code, name in NAMES.items():
        others = [other for other in NAMES if other != code][:10]
        cells = [x for other in others for x in (float(other), "Very Close")]
        rows.append([code, name, code, 1, "North", *cells])
    rows.append([942, "Newshire", 942, 1, "North", *(["-"] * 20)])
    rows += [[None] * 25, [None, "Old SNs:", *[None] * 23]]
    rows.append([835, "Oldshire (Pre LG)", 835, 1, "North", *rows[3][5:]])
    return pd.DataFrame(rows)


def test_the_header_and_the_old_block_are_found(sheet):
    found = M.neighbours(sheet, area="Northshire", vintage="May 2025", claimed=["Borough 212"])
    assert found.code == "300"
    assert found.table["code"].tolist() == [str(code) for code in range(201, 211)]
    assert set(found.table["closeness"]) == {"very close"}
    assert found.not_among == ("Borough 212",)
    assert found.sentence().endswith("; not among them: Borough 212.")
    old = M.neighbours(sheet, area="Oldshire")
    assert old.former
    assert old.caveats == ("Oldshire (Pre LG) no longer exists",)


@pytest.mark.parametrize(
    ("area", "message"),
    [
        (
            "Northshir",
            "area 'Northshir' is not in column 'LA Name'; did you mean 'Northshire, City of'?",
        ),
        (999, "area '999' is not in column 'LA Name'; there are 15 others"),
        (
            "Newshire",
            "area 'Newshire' (942) has no neighbours on the May 2025 list: it is newer "
            "than the list; take a later one",
        ),
    ],
)
def test_areas_without_a_list_are_refused(sheet, area, message):
    assert_refused(message, M.neighbours, sheet, area=area, vintage="May 2025")


def test_another_table_is_refused():
    assert_refused(
        "data is no list of statistical neighbours: no row has LA num, LA Name, SN1 … SN10",
        M.neighbours,
        pd.DataFrame({"a": [1]}),
        area="Leeds",
    )


def test_a_list_without_its_last_column_is_refused(sheet):
    assert_refused(
        "the list has no column of closeness behind SN10; give the sheet 'LA SN Groups' whole",
        M.neighbours,
        sheet.drop(columns=24),
        area="Northshire",
    )
