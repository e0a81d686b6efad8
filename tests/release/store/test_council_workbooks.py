"""Accessible workbooks: cover, contents, notes, one table a sheet; read back without loss."""

import zipfile
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from openpyxl import load_workbook
from run_folders import watched

import evidence as ev
from evidence.data import schema
from evidence.data.formats.tables import tables
from evidence.errors import EvidenceError

M = ev.monitoring
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"


def indicators():
    two = watched().assign(
        indicator="=1+1 | Average score", unit="points (a pupil)", group=[*"abcd"],
        ci_lower=np.nan, ci_upper=np.nan, rank=np.nan, band="", comparator_value=np.nan,
        value=[1 / 3, -0.30000000000000004, 1e-7, np.nan], symbol=["", "u", "", "c"],
        sentence=["", "http://a.example", "[x](y) $$z$$", "=a"],
    )  # fmt: skip
    return pd.concat([watched(), two], ignore_index=True)


def settled(table):
    """A missing text and an empty one are the same nothing."""
    texts = [name for name, (kind, _) in schema.INDICATORS.items() if kind == "text"]
    table = table.assign(**{name: table[name].fillna("").astype("str") for name in texts})
    return table.sort_values(["indicator", "area"]).reset_index(drop=True)


@pytest.mark.parametrize("ending", ["xlsx", pytest.param("ods", marks=pytest.mark.slow)])
def test_a_workbook_is_read_back_without_loss(tmp_path, ending):
    path = M.to_workbook(indicators(), tmp_path / f"a.{ending}", title="Fenmarch")
    kept = {"rtol": 1e-15 if ending == "xlsx" else 0, "atol": 0}  # xlsx has 16 figures
    pd.testing.assert_frame_equal(settled(M.from_workbook(path)), settled(indicators()), **kept)


@pytest.mark.parametrize("ending", ["xlsx", "ods"])
def test_a_workbook_says_where_figures_are_published_already(tmp_path, ending):
    source = ["DfE, School performance tables", "", "", "DfE, School performance tables"]
    table = watched().assign(published=source)
    read = M.from_workbook(M.to_workbook(table, tmp_path / f"a.{ending}"))
    assert sorted(read["published"]) == sorted(source)


@pytest.mark.parametrize("ending", ["xlsx", "ods"])
def test_a_workbook_has_cover_contents_notes_and_one_table_a_sheet(tmp_path, ending):
    said = {"title": "Fenmarch", "about": "Released in May.", "contact": "data@fenmarch.example"}
    path = M.to_workbook(indicators(), tmp_path / f"a.{ending}", **said)
    sheets = {sheet.title: [cells for _, cells in sheet.rows] for sheet in tables(path)}
    assert [*sheets] == ["Cover", "Contents", "Notes", "Table 1", "Table 2"]
    cover = [cells[0] for cells in sheets["Cover"]]
    assert cover[0] == "Fenmarch"
    assert {"Released in May.", "data@fenmarch.example"} <= {*cover}
    contents = {cell for row in sheets["Contents"] for cell in row}
    assert {"Table 1", "Absence", "Table 2", "=1+1 | Average score"} <= contents
    notes = {cell for row in sheets["Notes"] for cell in row}
    assert {"[z]", "not applicable", "[c]", "hidden to protect pupils"} <= notes
    head = next(row for row in sheets["Table 1"] if row[0] == "Area")
    assert head[3].split() == ["Figure", "(%)", "[note", "1][note", "2][note", "3][note", "4]"]
    assert all(cell for row in sheets["Table 1"][2:] for cell in row)  # no cell is empty
    assert sheets["Table 1"][-1][3] == "[z]"


def test_an_xlsx_marks_its_tables_and_holds_no_formula_or_link(tmp_path):
    path = M.to_workbook(indicators(), tmp_path / "a.xlsx", title="Fenmarch")
    book = load_workbook(path)
    for name in book.sheetnames[1:]:
        (table,) = book[name].tables.values()
        assert table.headerRowCount == 1
    cells = [cell for sheet in book for row in sheet.rows for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    inside = [cell.hyperlink for sheet in book for row in sheet.rows for cell in row]
    assert not [link for link in inside if link and link.target]
    assert not any(sheet.merged_cells.ranges for sheet in book)
    assert book.properties.title == "Fenmarch"


def test_an_ods_marks_its_headers_and_begins_with_its_kind(tmp_path):
    path = M.to_workbook(indicators(), tmp_path / "a.ods", title="Fenmarch")
    with zipfile.ZipFile(path) as file:
        first = file.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        content = ElementTree.fromstring(file.read("content.xml"))
    heads = [
        len(sheet.findall(f"{TABLE}table-header-rows")) for sheet in content.iter(f"{TABLE}table")
    ]
    assert heads == [0, 1, 1, 1, 1]
    assert "formula" not in str(ElementTree.tostring(content))


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["xlsx", "ods"])
def test_a_workbook_has_the_same_bytes_every_time(tmp_path, ending):
    one, two = (M.to_workbook(indicators(), tmp_path / f"{x}.{ending}") for x in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_what_is_no_workbook_is_refused(tmp_path):
    with pytest.raises(EvidenceError, match=r"a\.csv: a workbook ends in \.xlsx or \.ods$"):
        M.to_workbook(indicators(), tmp_path / "a.csv")
    with pytest.raises(EvidenceError, match="there are no rows to write"):
        M.to_workbook(indicators().iloc[:0], tmp_path / "a.ods")
    pd.DataFrame({"a": [1]}).to_excel(tmp_path / "b.xlsx")
    with pytest.raises(EvidenceError, match="sheet 'Sheet1': has no row of headers with Area"):
        M.from_workbook(tmp_path / "b.xlsx")
