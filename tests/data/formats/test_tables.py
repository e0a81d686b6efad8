"""Formats: sheets, archives, separators; and that what is not there costs nothing."""

import gzip
import io
import time
import zipfile

import openpyxl
import pytest

from evidence.data import readers
from evidence.data.formats import tables
from evidence.errors import EvidenceError

TEXT = "pupil,score\nA,1\nB,2\n"


def saved(tmp_path, raw, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    return path


def book(path, *sheets):
    """Save a workbook of sheets (title and rows)."""
    made = openpyxl.Workbook()
    made.remove(made.active)
    for title, rows in sheets:
        page = made.create_sheet(title)
        for row in rows:
            page.append(row)
    made.save(path)
    return path


def archive(**files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return made.getvalue()


DATA = [["pupil", "score"], ["A", 1], ["B", 2]]


@pytest.mark.parametrize("line", ["sep=,\n", '"sep=,"\r\n', "SEP=;\n", "sep=\t\r\n", "sep=|\n"])
def test_separator_line_of_excel_is_obeyed_and_no_row(tmp_path, line):
    mark = line.strip('"\r\n')[-1]
    path = saved(tmp_path, line + TEXT.replace(",", mark))
    assert readers.table(path).to_dict("list") == {"pupil": ["A", "B"], "score": [1, 2]}
    path = saved(tmp_path, line + TEXT.replace("2", "x").replace(",", mark))
    with pytest.raises(EvidenceError, match="row 3, column score: not a number"):
        readers.table(path, numeric=["score"])


def test_archive_of_one_file_is_that_file(tmp_path):
    path = saved(tmp_path, archive(**{"a/": "", "a/t.csv": TEXT, "__MACOSX/._t.csv": "?"}))
    assert readers.table(path)["score"].tolist() == [1, 2]
    book(tmp_path / "b.xlsx", ("Data", DATA))
    path = saved(tmp_path, archive(**{"b.xlsx": (tmp_path / "b.xlsx").read_bytes()}), "t.zip")
    assert readers.table(path)["score"].tolist() == [1, 2]


def test_archive_of_several_files_or_of_archives_is_refused(tmp_path):
    path = saved(tmp_path, archive(**{"a.csv": TEXT, "b.csv": TEXT}), "t.zip")
    with pytest.raises(
        EvidenceError, match="an archive of 2 files; unpack it and name one of them"
    ):
        readers.table(path)
    path = saved(tmp_path, archive(**{"a.zip": archive(**{"b.csv": TEXT})}), "t.zip")
    with pytest.raises(EvidenceError, match="an archive in an archive; unpack it"):
        readers.table(path)


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MOST_BYTES", 1000)
    for raw in (gzip.compress(b"a\n" * 1000), archive(**{"a.csv": b"a\n" * 1000})):
        with pytest.raises(EvidenceError, match="unpacks to more than 1,000 bytes; split it"):
            readers.table(saved(tmp_path, raw))


def test_gzip_in_several_parts_is_read_whole_and_a_cut_one_refused(tmp_path):
    raw = gzip.compress(b"pupil,score\nA,1\n") + gzip.compress(b"B,2\n")
    assert readers.table(saved(tmp_path, raw))["score"].tolist() == [1, 2]
    with pytest.raises(EvidenceError, match="a broken gzip file"):
        readers.table(saved(tmp_path, raw[:-9]))


def test_sheet_is_the_one_that_has_the_columns(tmp_path):
    notes = ("About", [["Column", "Meaning"], ["pupil", "an id"], ["score", "points"]])
    path = book(tmp_path / "b.xlsx", notes, ("Data", DATA))
    assert readers.table(path, ["pupil", "score"])["score"].tolist() == [1, 2]
    assert readers.table(path, known=["score", "pupil"])["score"].tolist() == [1, 2]
    assert readers.table(f"{path}#Data")["score"].tolist() == [1, 2]
    assert list(readers.table(path)) == ["Column", "Meaning"]


@pytest.mark.parametrize(
    ("sheets", "asked", "message"),
    [
        ([("A", []), ("Data", DATA)], [], "sheet 'A' is empty; the data may be on 'Data': {}#Data"),
        (
            [("A", [["Title"]]), ("Data", DATA)],
            [],
            "no rows below the header of sheet 'A'; the data may be on 'Data': {}#Data",
        ),
        (
            [("a", DATA), ("b", DATA)],
            ["pupil"],
            "the columns are on more than one sheet: 'a', 'b'; {}#a",
        ),
    ],
)
def test_sheets_are_named_where_it_is_not_known_which_is_meant(tmp_path, sheets, asked, message):
    path = book(tmp_path / "b.xlsx", *sheets)
    with pytest.raises(EvidenceError) as caught:
        readers.table(path, asked)
    assert str(caught.value) == f"{path}: {message.format(f'name one as {path}')}"


def test_sheet_that_is_not_there_names_those_that_are(tmp_path):
    path = book(tmp_path / "b.xlsx", ("Data", DATA))
    with pytest.raises(EvidenceError, match="has no sheet 'data'; its sheets are 'Data'"):
        readers.table(f"{path}#data")
    with pytest.raises(EvidenceError, match="has no sheet 'x'; it is no workbook"):
        readers.table(f"{saved(tmp_path, TEXT)}#x")
    odd = saved(tmp_path, TEXT, "a#b.csv")
    assert len(readers.table(odd)) == 2


@pytest.mark.slow
def test_cell_in_the_last_row_and_column_costs_nothing(tmp_path):
    made = openpyxl.Workbook()
    for row in DATA:
        made.active.append(row)
    made.active.cell(1_048_576, 1, " ")
    made.active.cell(1, 16_384, " ")
    made.save(tmp_path / "b.xlsx")
    start = time.process_time()
    frame = readers.table(tmp_path / "b.xlsx")
    assert time.process_time() - start < 10  # it took 96 s and 3 GB
    assert frame["score"].tolist() == [1, 2]


def test_long_whole_numbers_of_a_workbook_keep_the_figures_it_holds(tmp_path):
    rows = [["pupil"], *([1234567890123450 + i] for i in range(3))]
    frame = readers.table(book(tmp_path / "b.xlsx", ("Data", rows)))
    assert frame["pupil"].tolist() == [str(1234567890123450 + i) for i in range(3)]


def test_file_that_is_nearly_nothing_packed_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_PLAIN_BYTES", 10_000)
    line = "abcdefghijklmnop,1\n" * 100_000
    with pytest.raises(EvidenceError, match="unpacks to more than"):
        readers.table(saved(tmp_path, gzip.compress(line.encode())))


@pytest.mark.slow
def test_table_of_ten_thousand_columns_is_read(tmp_path):
    names = ",".join(f"c{place}" for place in range(10_000))
    rows = "\n".join(",".join(str(place % 7) for place in range(10_000)) for _ in range(5))
    start = time.process_time()
    assert readers.table(saved(tmp_path, f"{names}\n{rows}\n")).shape == (5, 10_000)
    assert time.process_time() - start < 10
