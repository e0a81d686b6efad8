"""Indicators as accessible workbooks, xlsx and ods: cover, contents, notes and one table a sheet.

Every table starts at the left, has its headers marked as such, no merged, hidden or empty cells,
and says in shorthand why a cell has no figure (GSS, Releasing statistics in spreadsheets).
"""

from __future__ import annotations

import io
import re
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from python_calamine import CalamineError, CalamineWorkbook

from evidence.data import schema
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
    "published": "Published already in",
    "sentence": "What it says",
    "run_id": "Run",
}
_ALWAYS = ("area", "period", "value")
_NOTES = {
    "figure": "Figures are given with the 95% range in which the true one is likely to be, where "
    "it is known. Small counts are rounded or hidden by the rules of whoever owns the data.",
    **schema.SYMBOLS,
    "no": "nothing is said here",
}
_NUMBERS = {name for name, (kind, _) in schema.INDICATORS.items() if kind == "number"}
_FLAGS = re.compile(r"\s*(\[note \d+\])+$")
_JOINER = "\u2060"
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
    names = [name for name in schema.WATCHED if name in {*schema.INDICATORS, *indicators}]
    rows = schema.validate_indicators(exports.plain_table(indicators.reindex(columns=names)))
    if rows.empty:
        raise EvidenceError("indicators: there are no rows to write")
    sheets = {
        f"Table {number}": (str(name), _table(own))
        for number, (name, own) in enumerate(rows.groupby("indicator", sort=False), start=1)
    }
    cover = {"title": title, "about": about, "contact": contact}
    path.write_bytes(write({key: exports.plain(x) for key, x in cover.items()}, sheets))
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
    try:
        book = CalamineWorkbook.from_path(str(path))
    except (OSError, CalamineError):
        raise EvidenceError(f"{path}: is no workbook that can be read") from None
    read_back = []
    for title in book.sheet_names:
        if title in _SIDES:
            continue
        rows = [[_read(cell) for cell in row] for row in book.get_sheet_by_name(title).to_python()]
        head = next(
            (place for place, cells in enumerate(rows) if cells[:1] == [_HEADS["area"]]), None
        )
        if head is None:
            raise EvidenceError(f"{path}, sheet {title!r}: has no row of headers with Area")
        read_back.append(_rows(rows[0][0], rows[head], rows[head + 1 :]))
    if not read_back:
        raise EvidenceError(f"{path}: has no sheet with a table")
    return schema.validate_indicators(pd.concat(read_back, ignore_index=True))


def _read(cell: Any) -> Any:
    """Return a cell as it was before notes were hung on it."""
    return _FLAGS.sub("", cell).replace(_JOINER, "") if isinstance(cell, str) else cell


def _table(own: pd.DataFrame) -> pd.DataFrame:
    """Return the table of an indicator: numbers, and in shorthand why there is none."""
    columns: dict[str, Any] = {}
    for name, head in _HEADS.items():
        if name not in own:
            continue
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


def _rows(name: str, heads: list[str], rows: list[list[Any]]) -> pd.DataFrame:
    """Return the rows of the contract that a table's cells stand for."""
    known = {head: key for key, head in _HEADS.items()}
    figure = _HEADS["value"]
    unit = next((h[len(figure) + 2 : -1] for h in heads if h.startswith(f"{figure} (")), "")
    keys = [known.get(figure if head.startswith(f"{figure} (") else head, "") for head in heads]
    cells = pd.DataFrame([row[: len(keys)] for row in rows], columns=keys, dtype="object")
    table = pd.DataFrame({"indicator": name, "unit": unit}, index=cells.index)
    for key, (kind, _) in schema.WATCHED.items():
        if key in ("indicator", "unit"):
            continue
        column = cells.get(key, pd.Series("[no]", cells.index))
        if kind == "number":
            table[key] = pd.to_numeric(column, errors="coerce").astype("float64")
        else:
            table[key] = column.where(column != "[no]", "").astype("str")
    signs = cells["value"].astype("str").str.extract(r"^\[(\w+)\]$")[0].fillna("")
    table["symbol"] = table["symbol"].str.strip("[]").where(signs == "", signs)
    return table


def _flags(table: pd.DataFrame) -> list[str]:
    """Return the notes that a table needs."""
    cells = {cell for cell in table.to_numpy(object).ravel() if isinstance(cell, str)}
    return [key for key in _NOTES if key == "figure" or f"[{key}]" in cells]


def _figure_head(table: pd.DataFrame) -> str:
    return next(head for head in map(str, table) if head.startswith(_HEADS["value"]))


def _notes(sheets: Mapping[str, Any]) -> pd.DataFrame:
    keys = dict.fromkeys(key for _, table in sheets.values() for key in _flags(table))
    signs = ["any figure" if key == "figure" else f"[{key}]" for key in keys]
    texts = [_NOTES[key] for key in keys]
    return pd.DataFrame({"key": [*keys], "Shorthand": signs, "What it means": texts})


_ABOUT = "Each sheet has one table. The sheet Notes says what shorthand and notes mean."


def _xlsx(cover: Mapping[str, str], sheets: Mapping[str, Any]) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # gptables leaves a file open
        import gptables

    page = gptables.Cover(
        title=_bare(cover["title"]),
        intro=[_bare(cover["about"])] if cover["about"] else None,
        about=[_ABOUT],
        contact=[_bare(cover["contact"])] if cover["contact"] else None,
    )
    written = {
        label: gptables.GPTable(
            table=table.map(_bare),
            table_name=label.replace(" ", "_"),
            title=_bare(title),
            instructions=_ABOUT,
            table_notes={_figure_head(table): "".join(f"$${key}$$" for key in _flags(table))},
        )
        for label, (title, table) in sheets.items()
    }
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.PandasDeprecationWarning)  # gptables 2.0's
        place = Path(folder) / "a.xlsx"
        gptables.write_workbook(
            str(place),
            written,
            cover=page,
            notes_table=_notes(sheets),
            workbook_options={"strings_to_formulas": False, "strings_to_urls": False},
        )
        with zipfile.ZipFile(place) as file:
            parts = {name: file.read(name) for name in file.namelist()}
    return exports.archive(parts | {"docProps/core.xml": exports.core(cover["title"])})


def _bare(text: Any) -> Any:
    """Return text in which gptables finds no reference or link: a joiner that nobody sees."""
    if not isinstance(text, str):
        return text
    return re.sub(r"\$(?=\$)|\](?=\()", rf"\g<0>{_JOINER}", text)


def _ods(cover: Mapping[str, str], sheets: Mapping[str, Any]) -> bytes:
    from odf import dc, style
    from odf.opendocument import OpenDocumentSpreadsheet

    book = OpenDocumentSpreadsheet()
    book.meta.addElement(dc.Title(text=cover["title"]))
    book.meta.addElement(dc.Language(text="en-GB"))
    styles = {}
    for name, text in {
        "title": {"fontweight": "bold", "fontsize": "16pt"},
        "head": {"fontweight": "bold", "fontsize": "12pt"},
        "text": {"fontsize": "12pt"},
    }.items():
        styles[name] = style.Style(name=name, family="table-cell")
        styles[name].addElement(style.TextProperties(fontfamily="Arial", **text))
        styles[name].addElement(style.TableCellProperties(wrapoption="wrap"))
        book.automaticstyles.addElement(styles[name])
    widths = {}
    for name, width in {"wide": "16cm", "narrow": "4.5cm"}.items():
        widths[name] = style.Style(name=name, family="table-column")
        widths[name].addElement(style.TableColumnProperties(columnwidth=width))
        book.automaticstyles.addElement(widths[name])
    lines = [[cover["title"]], *([cover[key]] for key in ("about", "contact") if cover[key])]
    _sheet(book, "Cover", [*lines, [_ABOUT]], None, styles, [widths["wide"]])
    contents = pd.DataFrame(
        {"Sheet": ["Notes", *sheets], "What it holds": ["Notes", *(t for t, _ in sheets.values())]}
    )
    narrow, wide = widths["narrow"], widths["wide"]
    _sheet(book, "Contents", [["Contents"]], contents, styles, [narrow, wide])
    notes = _notes(sheets).drop(columns="key")
    order = {key: number for number, key in enumerate(_notes(sheets)["key"], start=1)}
    notes.insert(0, "Note number", range(1, len(notes) + 1))
    _sheet(book, "Notes", [["Notes"]], notes, styles, [narrow, narrow, wide])
    for label, (title, table) in sheets.items():
        head = _figure_head(table)
        flags = "".join(f"[note {order[key]}]" for key in _flags(table))
        flagged = table.rename(columns={head: f"{head} {flags}"})
        columns = [wide if name == _HEADS["sentence"] else narrow for name in flagged]
        _sheet(book, label, [[title], [_ABOUT]], flagged, styles, columns)
    buffer = io.BytesIO()
    book.save(buffer)
    with zipfile.ZipFile(buffer) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    return exports.archive(parts, first="mimetype")


def _sheet(
    book: Any,
    name: str,
    above: list[list[str]],
    table: pd.DataFrame | None,
    styles: Mapping[str, Any],
    widths: list[Any],
) -> None:
    """Add a sheet: lines of text, the first its title, and a table whose headers are headers."""
    from odf import table as parts
    from odf import text

    def row(cells: list[Any], kind: str) -> Any:
        made = parts.TableRow()
        for value in cells:
            number = isinstance(value, float | int)
            given = {"valuetype": "float", "value": repr(value)} if number else {}
            cell = parts.TableCell(stylename=styles[kind], **(given or {"valuetype": "string"}))
            shown = np.format_float_positional(value, trim="-") if number else value
            cell.addElement(text.P(text=shown))
            made.addElement(cell)
        return made

    sheet = parts.Table(name=name)
    for width in widths:
        sheet.addElement(parts.TableColumn(stylename=width))
    for place, cells in enumerate(above):
        sheet.addElement(row(cells, "text" if place else "title"))
    if table is not None:
        heads = parts.TableHeaderRows()
        heads.addElement(row([*table.columns], "head"))
        sheet.addElement(heads)
        for cells in table.itertuples(index=False, name=None):
            sheet.addElement(row([*cells], "text"))
    book.spreadsheet.addElement(sheet)
