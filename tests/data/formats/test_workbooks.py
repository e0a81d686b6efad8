"""Workbooks of every kind give the same table, percentages, dates and gaps among it."""

import datetime
import io
import re
import time
import zipfile

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest

from evidence.data import labels, readers
from evidence.data.formats import tables, workbooks
from evidence.errors import EvidenceError

HEAD = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body>'
    "<office:spreadsheet>{}</office:spreadsheet></office:body></office:document-content>"
)
WORD = '<table:table-cell office:value-type="string"{}><text:p>{}</text:p></table:table-cell>'
FIGURE = '<table:table-cell office:value-type="{}" office:value="{}"><text:p>?</text:p></table:table-cell>'  # noqa: E501
BLANK = '<table:table-cell table:number-columns-repeated="{}"/>'


def row(*cells, times=1):
    return (
        f'<table:table-row table:number-rows-repeated="{times}">{"".join(cells)}</table:table-row>'
    )


def open_document(path, **tables):
    body = "".join(
        f'<table:table table:name="{name}">{"".join(rows)}</table:table>'
        for name, rows in tables.items()
    )
    with zipfile.ZipFile(path, "w") as made:  # without "mimetype", as some programs write it
        made.writestr("content.xml", HEAD.format(body))
    return path


def test_open_document_is_read_as_it_is_shown(tmp_path):
    words = [WORD.format("", name) for name in ("urn", "share", "left", "right")]
    first = [FIGURE.format("float", 990001), FIGURE.format("percentage", 0.65), BLANK.format(1)]
    note = '<table:table-cell office:value-type="string"><office:annotation><text:p>hidden'
    note += "</text:p></office:annotation><text:p>a <text:span>b</text:span></text:p>"
    path = open_document(
        tmp_path / "t.ods",
        Notes=[row(WORD.format("", "About this file"))],
        Data=[
            row(WORD.format("", "A title"), BLANK.format(16_383)),
            row(BLANK.format(16_384), times=3),
            row(*words, BLANK.format(16_380)),
            row(*first, note + "</table:table-cell>"),
            row(WORD.format(' table:number-columns-repeated="2"', "2"), BLANK.format(9), times=2),
            row(BLANK.format(16_384), times=1_048_500),
        ],
    )
    frame = readers.table(path, ["urn", "share"])
    assert frame["urn"].tolist() == ["990001", "2", "2"]
    assert frame["right"].fillna("").tolist() == ["a b", "", ""]
    assert frame["share"].tolist() == ["65%", "2", "2"]
    with pytest.raises(EvidenceError, match="row 7, column share: no percent sign"):
        readers.table(path, ["urn"], ["share"])


@pytest.mark.parametrize("times", [1_048_577, 10**12])
def test_open_document_that_repeats_without_end_is_refused(tmp_path, times):
    for wrong in (
        row(WORD.format("", "x"), times=times),
        row(WORD.format(f' table:number-columns-repeated="{times}"', "x")),
    ):
        path = open_document(tmp_path / "t.ods", Data=[wrong])
        with pytest.raises(EvidenceError, match="not a workbook that can be read"):
            readers.table(path)


def workbook(path, percent):
    made = openpyxl.Workbook()
    made.active.append(["pupil", "score", "share", "day", "ok"])
    made.active.append([])
    day = datetime.datetime(2018, 9, 1)
    for i in range(200):
        made.active.append([f"P{i}", i / 7, i / 200, day, i % 2 == 0])
    if percent:
        for (cell,) in made.active["C3:C202"]:
            cell.number_format = "0.0%"
    made.save(path)
    return path


def test_large_workbook_is_read_by_another_library_to_the_same_table(tmp_path, monkeypatch):
    path = workbook(tmp_path / "t.xlsx", percent=False)
    plain = readers.table(path)
    assert plain["day"].tolist() == ["2018-09-01"] * 200
    monkeypatch.setattr(workbooks, "LARGE", 0)
    monkeypatch.setattr(workbooks, "_openpyxl", None)
    pd.testing.assert_frame_equal(readers.table(path), plain)
    with pytest.raises(EvidenceError, match=r"row 3, column pupil: not a number"):
        readers.table(path, numeric=["pupil"])


def test_large_workbook_with_percentages_or_long_ids_keeps_them(tmp_path, monkeypatch):
    monkeypatch.setattr(workbooks, "LARGE", 0)
    frame = readers.table(workbook(tmp_path / "t.xlsx", percent=True))
    assert frame["share"].tolist() == [pytest.approx(i / 2) for i in range(200)]
    made = openpyxl.Workbook()
    for line in (["pupil"], [9_007_199_254_740_993], [9_007_199_254_740_994]):
        made.active.append(line)
    made.save(tmp_path / "ids.xlsx")
    with zipfile.ZipFile(tmp_path / "ids.xlsx") as whole:
        parts = {name: whole.read(name) for name in whole.namelist()}
    page = "xl/worksheets/sheet1.xml"  # openpyxl writes 16 figures, other programs all of them
    parts[page] = re.sub(rb"<v>9[^<]*</v>", b"<v>90071992547409931</v>", parts[page])
    with zipfile.ZipFile(tmp_path / "ids.xlsx", "w") as whole:
        for name, content in parts.items():
            whole.writestr(name, content)
    assert readers.table(tmp_path / "ids.xlsx")["pupil"].tolist() == ["90071992547409931"] * 2


def test_stray_cell_of_a_large_workbook_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(workbooks, "LARGE", 0)
    made = openpyxl.Workbook()
    for line in (["pupil", "score"], ["A", 1]):
        made.active.append(line)
    made.active.cell(1_048_576, 300, " ")
    made.save(tmp_path / "t.xlsx")
    with zipfile.ZipFile(tmp_path / "t.xlsx") as whole:
        assert not workbooks._dense(whole, whole.namelist())
    assert readers.table(tmp_path / "t.xlsx")["score"].tolist() == [1]


def test_real_open_documents_have_all_their_sheets(shared):
    path = shared / "data/send/dsg_2023.ods"  # without "mimetype"
    assert {table.title: len(list(table.rows)) for table in tables.tables(path)} == {
        **{"Information_2022_to_2023": 13, "Allocations_summary": 168},
        **{"Schools_block_and_CSSB": 168, "High_needs_block": 167},
        **{"High_needs_deductions": 154, "Early_years_block": 167},
    }
    areas = shared / "data/inspections/area_send_2016_2022.ods"
    assert len(readers.table(areas, known=["Area name", "Ofsted region"])) == 149


@pytest.mark.slow
def test_real_workbook_of_inspections_is_read_whole(shared):
    frame = readers.table(shared / "data/inspections/england_ofsted-schools.xlsx", ["URN"])
    assert (len(frame), frame["URN"].nunique()) == (21_733, 21_733)


FRAME = pd.DataFrame(
    {"pupil": ["A", "B", "C"], "arm": [0.0, 1.0, 1.0], "score": [0.5, None, 12.25]}
)


def test_spss_file_has_codes_and_blanks_where_values_are_declared_missing(tmp_path):
    coded = FRAME.assign(score=[0.5, -99.0, 12.25])
    pyreadstat.write_sav(
        coded,
        tmp_path / "t.sav",
        variable_value_labels={"arm": {0.0: "usual", 1.0: "new"}},
        missing_ranges={"score": [-99.0]},
    )
    frame = readers.table(tmp_path / "t.sav", numeric=["score"])
    assert frame["arm"].tolist() == [0, 1, 1]
    assert frame["score"].fillna(-1).tolist() == [0.5, -1, 12.25]
    assert frame["pupil"].tolist() == ["A", "B", "C"]


@pytest.mark.parametrize("version", [114, 117, 118])
def test_stata_file_has_codes_and_blanks(tmp_path, version):
    FRAME.to_stata(
        tmp_path / "t.dta",
        write_index=False,
        version=version,
        value_labels={"arm": {0: "usual", 1: "new"}} if version == 118 else None,
    )
    frame = readers.table(tmp_path / "t.dta")
    assert frame["arm"].tolist() == [0, 1, 1]
    assert frame["score"].fillna(-1).tolist() == [0.5, -1, 12.25]


@pytest.mark.parametrize("raw", [b"$FL2rest", b"<stata_dta>rest", b"\x72\x01\x01\x00rest"])
def test_damaged_file_of_a_statistics_package_is_refused_in_one_line(tmp_path, raw):
    path = tmp_path / "t.sav"
    path.write_bytes(raw)
    with pytest.raises(EvidenceError) as caught:
        readers.table(path)
    assert str(caught.value) == f"{path}: not a file of SPSS or Stata that can be read"


def test_parquet_whose_text_is_none_is_refused_without_it(tmp_path):
    buffers = [None, pa.py_buffer(b"\0\0\0\0\x04\0\0\0"), pa.py_buffer(b"Zzy\xff")]
    column = pa.Array.from_buffers(pa.string(), 1, buffers)
    pq.write_table(pa.table({"pupil": column}), tmp_path / "t.parquet")
    with pytest.raises(EvidenceError) as caught:
        readers.table(tmp_path / "t.parquet")
    assert str(caught.value) == f"{tmp_path / 't.parquet'}: not a parquet file that can be read"


def test_damaged_open_document_is_refused_in_one_line(tmp_path):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        packed.writestr("content.xml", "<a>")
    (tmp_path / "t.ods").write_bytes(made.getvalue())
    with pytest.raises(EvidenceError, match=r"t.ods: not a workbook that can be read; save it as"):
        readers.table(tmp_path / "t.ods")


def test_parquet_keeps_its_types(tmp_path):
    frame = pd.DataFrame(
        {
            "pupil": ["1", "2", "3"],
            "n": [1, 2, 3],
            "big": [2**60, 2**60 + 1, 5],
            "gap": pd.array([1, None, 3], dtype="Int64"),
            "score": [0.5, None, 2.0],
            "day": pd.to_datetime(["2024-09-30", "2024-10-01", None]),
            "urn": [990001, 990002, 990003],
            "kind": pd.Categorical(["a", "b", "a"]),
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    read = readers.table(tmp_path / "t.parquet")
    assert read.dtypes.astype(str).to_dict() == {
        **{"pupil": "str", "n": "int64", "big": "int64", "gap": "float64", "score": "float64"},
        **{"day": frame["day"].dtype.name, "urn": "str", "kind": "str"},
    }
    assert read["big"].tolist() == frame["big"].tolist()
    assert read["urn"].tolist() == ["990001", "990002", "990003"]
    assert readers.table(tmp_path / "t.parquet", numeric=["pupil"])["pupil"].tolist() == [1, 2, 3]
    frame.assign(score=[1.0, float("inf"), 2.0]).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(EvidenceError, match=r"row 3, column score: not a number"):
        readers.table(tmp_path / "t.parquet", numeric=["score"])


@pytest.mark.slow
def test_large_parquet_is_read_about_as_fast_as_by_pandas(tmp_path, rng):
    n = 60_000
    frame = pd.DataFrame({f"x{i}": rng.normal(size=n) for i in range(9)})
    frame = frame.assign(pupil=[f"P{i}" for i in range(n)], arm="x", n=range(n), urn=990001)
    frame.to_parquet(tmp_path / "t.parquet")
    start = time.process_time()
    assert readers.table(tmp_path / "t.parquet", numeric=["x1"]).shape == (n, 13)
    assert time.process_time() - start < 1


def test_words_of_codes_are_kept_beside_them(tmp_path):
    labelled = {"arm": {0.0: "usual", 1.0: "new"}}
    pyreadstat.write_sav(FRAME, tmp_path / "t.sav", variable_value_labels=labelled)
    labelled = {"arm": {0: "usual", 1: "new"}}
    pyreadstat.write_dta(FRAME, tmp_path / "t.dta", variable_value_labels=labelled)
    for name in ("t.sav", "t.dta"):
        frame = readers.table(tmp_path / name)
        assert frame.attrs[labels.WORDS] == {"arm": {"0": "usual", "1": "new"}}
        assert readers.select(frame, {"arm": "new"})["pupil"].tolist() == ["B", "C"]
        assert readers.select(frame, {"arm": 1})["pupil"].tolist() == ["B", "C"]
