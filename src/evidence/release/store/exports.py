"""Released tables as files for spreadsheets: no cell is a formula, no text is a trap.

`plain` takes out of any text what can hide or break other text; it is applied to everything that
enters a release.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, overload
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd

# Control characters, half characters, and marks that turn the direction of what follows them.
_TRAPS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)
# What begins a formula: in a cell, and in what another list separator would make a cell of.
_FORMULA = re.compile(r"(^[\s\ufeff\u200b\u00a0]*|[;,\t\r\n|][\s\"']*)(?=[=+\-@＝＋－＠])")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip file can hold
_CORE = (
    '<?xml version="1.0" encoding="UTF-8"?><cp:coreProperties xmlns:cp="http://schemas.openxml'
    'formats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "{}</cp:coreProperties>"
)


@overload
def plain(value: str) -> str: ...
@overload
def plain(value: Any) -> Any: ...
def plain(value: Any) -> Any:
    """Return text without control characters and marks of direction; lists and mappings too."""
    if isinstance(value, str):
        return _TRAPS.sub("", value)
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def plain_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose text cells and column names are `plain`."""
    return _with_texts(table, plain)


def _with_texts(table: pd.DataFrame, change: Callable[[Any], Any]) -> pd.DataFrame:
    text = table.select_dtypes(include=["str", "object"]).columns
    cells = {name: table[name].map(change, na_action="ignore").astype("str") for name in text}
    return table.assign(**cells).rename(columns=change)


def csv(table: pd.DataFrame) -> str:
    """Return a protected table as CSV whose text no spreadsheet takes for a formula."""
    safe = _with_texts(plain_table(table), _inert)
    numbers = safe.select_dtypes(include="number").columns
    safe[numbers] = safe[numbers].mask(np.isinf(safe[numbers].astype("float64")))
    text: str = safe.to_csv(index=False, float_format="%.10g", lineterminator="\n")
    return text


def _inert(cell: object) -> str:
    """Put an apostrophe before whatever a spreadsheet would take for a formula."""
    return _FORMULA.sub(r"\1'", str(cell))


def workbook(sheets: Mapping[str, pd.DataFrame]) -> bytes:
    """Return protected tables as an xlsx file; the same bytes every time.

    Every text is a cell of text, never a formula or a link; its style says so too, so that it
    stays text when somebody edits it.
    """
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook(write_only=False)
    book.remove(book.active)
    bold = Font(bold=True)
    for title, table in sheets.items():
        sheet = book.create_sheet(title)
        safe = plain_table(table)
        for place, name in enumerate(safe.columns, start=1):
            _text(sheet, 1, place, str(name)).font = bold
        for row, record in enumerate(safe.itertuples(index=False, name=None), start=2):
            for place, value in enumerate(record, start=1):
                if isinstance(value, str):
                    if value:
                        _text(sheet, row, place, value)
                elif isinstance(value, bool | np.bool_):
                    sheet.cell(row, place, bool(value))
                elif not pd.isna(value) and math.isfinite(value):
                    sheet.cell(row, place, float(value))
        sheet.freeze_panes = "A2"
    buffer = io.BytesIO()
    book.save(buffer)
    with zipfile.ZipFile(buffer) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    return archive(parts | {"docProps/core.xml": core()})


def core(title: str = "") -> bytes:
    """Return the properties of an xlsx file: its title, and neither a clock nor a person."""
    return _CORE.format(f"<dc:title>{escape(title)}</dc:title>" if title else "").encode()


def _text(sheet: Any, row: int, column: int, value: str) -> Any:
    cell = sheet.cell(row, column)
    cell.value = value[:32_767]  # as much as a cell holds
    cell.data_type = "s"  # openpyxl takes what begins with "=" for a formula
    cell.number_format = "@"
    cell.quotePrefix = True
    return cell


def archive(parts: Mapping[str, bytes], first: str = "") -> bytes:
    """Return a zip file of `parts`: sorted, all of one time, the same bytes every time.

    The part `first` stands before all others and is not compressed.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as file:
        for name in sorted(parts, key=lambda name: (name != first, name)):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr, entry.create_system = 0o644 << 16, 3
            entry.compress_type = zipfile.ZIP_STORED if name == first else zipfile.ZIP_DEFLATED
            file.writestr(entry, parts[name])
    return buffer.getvalue()
