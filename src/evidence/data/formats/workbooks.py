"""Workbooks as rows of text: xlsx, xls and OpenDocument, a sheet each.

A cell shown as 65% is 65% though the file holds 0.65; rows and columns without cells cost nothing.
"""

from __future__ import annotations

import io
import itertools
import re
import warnings
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime, time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import BadZipFile, ZipFile

from evidence.errors import EvidenceError

Rows = Iterable[tuple[int, list[str]]]
LARGE = 200_000  # bytes from which on an xlsx is read by calamine, fifteen times as fast
_PERCENT = re.compile(rb'formatCode="[^"]*%|<xf [^>]*numFmtId="(?:9|10)"')
_EXTENT = re.compile(rb'<dimension ref="[A-Z]+\d+:([A-Z]+)(\d+)"')
_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384
_EXACT = 2**53  # from here on a float skips whole numbers
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_PARAGRAPH = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}p"
# a damaged workbook fails in any of these ways, some of which quote cells
DAMAGED = (BadZipFile, LookupError, ValueError, TypeError, AttributeError, SyntaxError,
           zlib.error, EOFError, OSError, RuntimeError)  # fmt: skip


def sheets(path: str | Path, raw: bytes) -> list[tuple[str, Rows]]:
    """Return title and rows of each sheet, every row with its number; blank ones are left out.

    Raises
    ------
    EvidenceError
        The workbook cannot be read.
    """
    try:
        if not raw.startswith(b"PK"):  # an xls says of no cell that it is a percentage
            return _calamine(raw)
        with ZipFile(io.BytesIO(raw)) as archive:
            names = archive.namelist()
            if "content.xml" in names:
                return _open_document(archive.read("content.xml"))
            if "xl/workbook.bin" in names or (len(raw) > LARGE and _dense(archive, names)):
                try:
                    return _calamine(raw)
                except OverflowError:  # long ids, of which only openpyxl keeps every figure
                    pass
        return _openpyxl(path, raw)
    except DAMAGED:
        raise damaged(path) from None


def damaged(path: str | Path) -> EvidenceError:
    """Return the error of a workbook that cannot be read."""
    return EvidenceError(f"{path}: not a workbook that can be read; save it as CSV")


def _text(content: Any, percent: bool = False) -> str:
    if content is None:
        return ""
    if isinstance(content, int | float) and not isinstance(content, bool):
        if percent:
            return f"{content * 100:.10g}%"
        whole = float(content).is_integer() and abs(content) < 1e18  # ids keep every figure
        return str(int(content)) if whole else f"{content:.15g}"
    if isinstance(content, datetime) and content.time() == time():
        content = content.date()
    return str(content).strip()


def _openpyxl(path: str | Path, raw: bytes) -> list[tuple[str, Rows]]:
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles and extensions that are not read
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)

    def rows(page: Any) -> Iterator[tuple[int, list[str]]]:
        page.reset_dimensions()  # as the file states them, which may be far too large
        numbered = enumerate(page.iter_rows(), start=1)
        while True:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    part = list(itertools.islice(numbered, 1000))
                    filled = [
                        (line, [_text(c.value, "%" in (c.number_format or "")) for c in cells])
                        for line, cells in part
                        if cells
                    ]
            except DAMAGED:
                raise damaged(path) from None
            if not part:
                return
            yield from (pair for pair in filled if any(pair[1]))

    return [(page.title, rows(page)) for page in book.worksheets]


def _dense(archive: ZipFile, names: list[str]) -> bool:
    """Say whether no cell is a percentage, and no sheet has far fewer cells than its extent."""
    if "xl/styles.xml" in names and _PERCENT.search(archive.read("xl/styles.xml")):
        return False
    for name in names:
        if name.startswith("xl/worksheets/") and name.endswith(".xml"):
            with archive.open(name) as page:
                extent = _EXTENT.search(page.read(2000))
            size = archive.getinfo(name).file_size
            if not extent or _width(extent[1]) * int(extent[2]) > size:
                return False
    return True


def _width(letters: bytes) -> int:
    width = 0
    for letter in letters:
        width = 26 * width + letter - 64
    return width


def _calamine(raw: bytes) -> list[tuple[str, Rows]]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(raw))
        pages = [
            (name, book.get_sheet_by_name(name).to_python(skip_empty_area=False))
            for name in book.sheet_names
        ]
    except CalamineError:
        raise ValueError("not a workbook") from None
    for _, page in pages:
        if any(isinstance(c, float) and abs(c) >= _EXACT for cells in page for c in cells):
            raise OverflowError

    def rows(page: list[list[Any]]) -> Iterator[tuple[int, list[str]]]:
        for line, cells in enumerate(page, start=1):
            row = [_text(content) for content in cells]
            if any(row):
                yield line, row

    return [(name, rows(page)) for name, page in pages]


def _open_document(content: bytes) -> list[tuple[str, Rows]]:
    found: list[tuple[str, list[tuple[int, list[str]]]]] = []
    line = 0
    for event, element in ElementTree.iterparse(io.BytesIO(content), events=("start", "end")):
        if event == "start":
            if element.tag == f"{_TABLE}table":
                found.append((element.get(f"{_TABLE}name", ""), []))
                line = 0
        elif element.tag == f"{_TABLE}table-row":
            times = int(element.get(f"{_TABLE}number-rows-repeated", 1))
            row = _cells(element)
            if row:
                if line + times > _MOST_ROWS:
                    raise ValueError("more rows than a sheet has")
                found[-1][1].extend((line + each, row) for each in range(1, times + 1))
            line += times
            element.clear()
    return list(found)


def _cells(element: ElementTree.Element) -> list[str]:
    """Return the cells of a row up to the last that is not blank."""
    row: list[str] = []
    gap = 0
    for cell in element:
        if not cell.tag.endswith("table-cell"):
            continue
        times = int(cell.get(f"{_TABLE}number-columns-repeated", 1))
        content = _content(cell)
        if content:
            if len(row) + gap + times > _MOST_COLUMNS:
                raise ValueError("more columns than a sheet has")
            row += [""] * gap + [content] * times
        gap = 0 if content else gap + times
    return row


def _content(cell: ElementTree.Element) -> str:
    kind = cell.get(f"{_OFFICE}value-type")
    if kind in ("float", "percentage", "currency"):
        return _text(float(cell.get(f"{_OFFICE}value", "nan")), kind == "percentage")
    if kind == "date":
        return cell.get(f"{_OFFICE}date-value", "")
    parts = ("".join(part.itertext()) for part in cell if part.tag == _PARAGRAPH)
    return " ".join(parts).strip()
