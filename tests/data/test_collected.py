"""The workbook of a trial: blank, filled in, filled in wrongly."""

from datetime import date

import openpyxl
import pytest

from evidence.data.collected import MEANINGS, SHEET, Column, read, write
from evidence.errors import EvidenceError

COLUMNS = [
    Column(name="pupil", needed=True, unique=True),
    Column(name="fsm", title="Free meals", kind="code", codes={"0": "no", "01": ""}, needed=True),
    Column(name="post", kind="number", least=0, most=60),
    Column(name="tested", kind="day", least=date(2027, 6, 7), most=date(2027, 6, 18)),
    Column(name="note"),
]
ROW = ["P1", "01", 12.5, date(2027, 6, 7), "left early"]


def filled(path, *rows, head=None, sheet=SHEET):
    """Write the workbook, fill in rows and return its path."""
    write(path, COLUMNS, "A trial", 40)
    book = openpyxl.load_workbook(path)
    page = book[SHEET]
    for line, row in enumerate(rows, 2):
        for at, value in enumerate(row, 1):
            page.cell(line, at).value = value
    for at, name in enumerate(head or (), 1):
        page.cell(1, at).value = name
    page.title = sheet
    book.save(path)
    return path


def faults(path):
    """Return what is wrong with a workbook, without its name."""
    with pytest.raises(EvidenceError) as caught:
        read(path, COLUMNS)
    return [fault.removeprefix(str(path)) for fault in caught.value.faults]


def test_what_is_filled_in_is_read_with_codes_as_text(tmp_path):
    table = read(filled(tmp_path / "a.xlsx", ROW, ["P2", "0", 0, None, None]), COLUMNS)
    assert table["fsm"].tolist() == ["01", "0"]
    assert table["post"].tolist() == [12.5, 0.0]
    assert table["tested"].dropna().tolist() == ["2027-06-07"]


def test_every_wrong_cell_is_named_by_row_and_column_and_never_repeated(tmp_path):
    rows = [
        ROW,
        ["P1", "yes", 60.5, date(2027, 6, 19), ""],
        ["", "", "many", "soon", "", "besides"],
        ["P4", "1", "nan", "", ""],
    ]
    assert faults(filled(tmp_path / "a.xlsx", *rows)) == [
        ", row 4: has a cell beside the columns",
        ", row 4, column 'pupil': is empty; enter text",
        ", row 3, column 'pupil': is there already; one row a pupil is needed",
        ", row 4, column 'fsm': is empty; enter 0 (no) or 01",
        ", row 3, column 'fsm': is not allowed; enter 0 (no) or 01 (also row 5)",
        ", row 3, column 'post': is not allowed; enter a number from 0 to 60 (also rows 4, 5)",
        ", row 3, column 'tested': is not allowed; enter a day such as 2027-06-14 from "
        "2027-06-07 to 2027-06-18 (also row 4)",
    ]


@pytest.mark.parametrize("cell", ["1_0", "１２", "5,5", "inf", "-1"])
def test_a_number_is_written_plainly(tmp_path, cell):
    told = faults(filled(tmp_path / "a.xlsx", ["P1", "0", cell]))
    assert told == [", row 2, column 'post': is not allowed; enter a number from 0 to 60"]


@pytest.mark.parametrize("cell", ["20270608", "2027-W23-2", "08/06/2027", "46181"])
def test_a_day_is_written_in_one_way(tmp_path, cell):
    (told,) = faults(filled(tmp_path / "a.xlsx", ["P1", "0", 1, cell]))
    assert told.startswith(", row 2, column 'tested': is not allowed; enter a day such as 2027-")


def test_another_workbook_is_refused(tmp_path):
    assert faults(filled(tmp_path / "a.xlsx")) == [": has no pupils yet"]
    assert faults(filled(tmp_path / "b.xlsx", ROW, sheet="Sheet1")) == [
        ": has no sheet 'Pupils'; fill in the one that was given out"
    ]
    found = faults(filled(tmp_path / "c.xlsx", ROW, head=["pupil", "meals", "post"]))
    assert found == [
        ", row 1: no column 'fsm'",
        ", row 1, column 2: is not in the workbook that was given out",
    ]
    found = faults(filled(tmp_path / "d.xlsx", ROW, head=["fsm", "pupil"]))
    assert found == [", row 1: columns must be pupil, fsm, post, tested, note, in this order"]


def test_every_column_is_limited_in_the_workbook_itself(tmp_path):
    write(tmp_path / "a.xlsx", COLUMNS, "A trial", 40)
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    limits = {str(v.sqref): v for v in book[SHEET].data_validations.dataValidation}
    assert [*limits] == [f"{letter}2:{letter}41" for letter in "ABCDE"]
    kinds = [limit.type for limit in limits.values()]
    assert kinds == ["custom", "list", "decimal", "date", "textLength"]
    assert limits["B2:B41"].formula1 == f"'{MEANINGS}'!$F$3:$G$3"
    assert [cell.value for cell in book[MEANINGS][3]][5:] == ["0", "01"]
    assert book[MEANINGS]["C3"].value == "0 (no) or 01"
    with pytest.raises(EvidenceError, match="is there already"):
        write(tmp_path / "a.xlsx", COLUMNS, "A trial", 40)
