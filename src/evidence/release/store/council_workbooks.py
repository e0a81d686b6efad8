"""Indicators as accessible workbooks, xlsx and ods: cover, contents, notes and one table a sheet.

Every table starts at the left, has its headers marked as such, no merged, hidden or empty cells,
and says in shorthand why a cell has no figure (GSS, Releasing statistics in spreadsheets).
"""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evidence.data import schema
from evidence.data.file_formats import tables
from evidence.errors import EvidenceError
from evidence.release.store import exports

_HEADS = {
    "area": "Area",
    "group": "Group",
    "period": "Period",
    "value": "Figure",
    "symbol": "Shorthand",
    "ci_lower": "Lower end of the 95% range",
    "ci_upper": "Upper end of the 95% range",
    "n": "Out of how many",
    "comparator": "Set beside",
    "comparator_value": "Figure set beside",
    "rank": "Rank (1 is best)",
    "band": "Band",
    "sentence": "What it says",
    "run_id": "Run",
}
_ALWAYS = ("area", "period", "value")
_SAYS = {
    **{f"[{symbol}]": meaning for symbol, meaning in schema.SYMBOLS.items()},
    "[no]": "nothing is said here",
}
_NUMBERS = {name for name, (kind, _) in schema.INDICATORS.items() if kind == "number"}
_SIDES = ("Cover", "Contents", "Notes")


def to_workbook(
    indicators: pd.DataFrame,
    path: str | Path,
    *,
    title: str = "Indicators",
    about: str = "",
    contact: str = "",
) -> Path:
    """Write indicators as an accessible workbook.

    Parameters
    ----------
    indicators : DataFrame
        Rows of the `indicators` contract, as released: a sheet an indicator.
    path : str or Path
        Ends in ``.xlsx`` or ``.ods``.
    title, about, contact : str
        Of the cover.

    Returns
    -------
    Path

    Raises
    ------
    EvidenceError
        Another ending, no rows, or rows that are not of the contract.
    """
    path = Path(path)
    write = {".xlsx": _xlsx, ".ods": _ods}.get(path.suffix.lower())
    if write is None:
        raise EvidenceError(f"{path}: a workbook ends in .xlsx or .ods")
    rows = schema.validate_indicators(exports.plain_table(indicators[[*schema.INDICATORS]]))
    if rows.empty:
        raise EvidenceError("indicators: there are no rows to write")
    sheets = {
        f"Table {number}": (str(name), _table(own))
        for number, (name, own) in enumerate(rows.groupby("indicator", sort=False), start=1)
    }
    used = {cell for _, table in sheets.values() for cell in table.to_numpy().ravel()}
    notes = pd.DataFrame(
        [(sign, text) for sign, text in _SAYS.items() if sign in used]
        or [("none", "every cell holds a figure")],
        columns=["Shorthand", "What it means"],
    )
    cover = {"title": title, "about": about, "contact": contact}
    path.write_bytes(write({key: exports.plain(x) for key, x in cover.items()}, sheets, notes))
    return path


def from_workbook(path: str | Path) -> pd.DataFrame:
    """Read the indicators of a workbook that :func:`to_workbook` wrote.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    DataFrame
        Rows of the `indicators` contract.

    Raises
    ------
    EvidenceError
        A sheet is none of these tables.
    """
    read_back = []
    for sheet in tables(path):
        if sheet.title in _SIDES:
            continue
        rows = [cells for _, cells in sheet.rows]
        head = next((place for place, cells in enumerate(rows) if cells[0] == _HEADS["area"]), None)
        if head is None:
            raise EvidenceError(f"{path}, sheet {sheet.title!r}: has no row of headers with Area")
        read_back.append(_rows(rows[0][0], rows[head], rows[head + 1 :]))
    if not read_back:
        raise EvidenceError(f"{path}: has no sheet with a table")
    return schema.validate_indicators(pd.concat(read_back, ignore_index=True))


def _table(own: pd.DataFrame) -> pd.DataFrame:
    """Return the table of an indicator: numbers, and in shorthand why there is none."""
    columns: dict[str, Any] = {}
    for name, head in _HEADS.items():
        cells, number = own[name], name in _NUMBERS
        missing = cells.isna() | (cells.astype("str") == "")
        if name not in _ALWAYS and missing.all():
            continue
        why = np.where(own["symbol"] != "", "[" + own["symbol"] + "]", "[x]")
        if name == "symbol":
            if not (own["symbol"] == "u").any():
                continue
            why, missing = np.full(len(own), "[no]"), own["symbol"] != "u"
            cells = "[" + own["symbol"] + "]"
        elif not number:
            why = np.full(len(own), "[no]")
        elif name not in ("value", "ci_lower", "ci_upper"):
            why = np.full(len(own), "[x]")
        if name == "value" and (unit := own["unit"].iloc[0]):
            head = f"{head} ({unit})"
        columns[head] = [
            sign if empty else float(cell) if number else str(cell)
            for cell, empty, sign in zip(cells, missing, why, strict=True)
        ]
    return pd.DataFrame(columns)


def _rows(name: str, heads: list[str], rows: list[list[str]]) -> pd.DataFrame:
    """Return the rows of the contract that a table's cells stand for."""
    known = {head: key for key, head in _HEADS.items()}
    figure = _HEADS["value"]
    unit = next((h[len(figure) + 2 : -1] for h in heads if h.startswith(f"{figure} (")), "")
    keys = [known.get(figure if head.startswith(f"{figure} (") else head, "") for head in heads]
    cells = pd.DataFrame([row[: len(keys)] for row in rows], columns=keys, dtype="str")
    table = pd.DataFrame({"indicator": name, "unit": unit}, index=cells.index)
    for key, (kind, _) in schema.INDICATORS.items():
        if key in ("indicator", "unit"):
            continue
        column = cells.get(key, pd.Series("[no]", cells.index))
        if kind == "number":
            table[key] = pd.to_numeric(column, errors="coerce").astype("float64")
        else:
            table[key] = column.where(column != "[no]", "")
    signs = cells["value"].str.extract(r"^\[(\w+)\]$")[0].fillna("")
    table["symbol"] = table["symbol"].str.strip("[]").where(signs == "", signs)
    return table


# xlsx ---------------------------------------------------------------------------------------------


def _xlsx(cover: Mapping[str, str], sheets: Mapping[str, Any], notes: pd.DataFrame) -> bytes:
    import gptables

    def table(name: str, title: str, cells: pd.DataFrame) -> gptables.GPTable:
        return gptables.GPTable(
            table=cells,
            table_name=name,
            title=_bare(title),
            instructions="This sheet has one table; shorthand is explained on the sheet Notes.",
            index_columns={1: 0},
        )

    page = gptables.Cover(
        title=_bare(cover["title"]),
        intro=[_bare(cover["about"])] if cover["about"] else None,
        about=["Each sheet has one table. The sheet Notes says what shorthand means."],
        contact=[_bare(cover["contact"])] if cover["contact"] else None,
    )
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "a.xlsx"
        gptables.write_workbook(
            str(place),
            {
                label: table(label.replace(" ", "_"), *content)
                for label, content in sheets.items()
            },
            cover=page,
            contentsheet_options={"table_name": "contents"},
            notes_table=None,
            workbook_options={"strings_to_formulas": False, "strings_to_urls": False},
        )
        with zipfile.ZipFile(place) as file:
            parts = {name: file.read(name) for name in file.namelist()}
    return exports.archive(parts)


def _bare(text: str) -> str:
    """Return text in which nothing is a reference or a link to the writer of workbooks."""
    return re.sub(r"\$(?=\$)", "$ ", text).replace("](", "] (")
