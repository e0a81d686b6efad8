"""The workbook that schools fill in, one row a pupil: written blank, checked when it is back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd

from evidence.data.formats import workbooks
from evidence.errors import EvidenceError, also

SHEET, MEANINGS = "Pupils", "What to enter"
_WIDE = 60  # characters of a column


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What a column holds.

    Parameters
    ----------
    name, title : str
        As the file has it, and as people call it.
    kind : {"text", "number", "day", "code"}
    codes : dict
        Code and its meaning.
    least, most : float or date, optional
        Limits of a number or a day.
    needed, unique : bool
        Whether it may not be empty; whether no two rows have the same.
    """

    name: str
    title: str = ""
    kind: str = "text"
    codes: dict[str, str] = field(default_factory=dict)
    least: float | date | None = None
    most: float | date | None = None
    needed: bool = False
    unique: bool = False

    @property
    def allowed(self) -> str:
        """What may be entered, in words."""
        low, high = (f"{e:g}" if isinstance(e, int | float) else e for e in (self.least, self.most))
        ends = f" from {low}" * (low is not None) + f" to {high}" * (high is not None)
        if self.kind == "code":
            return " or ".join(f"{c} ({w})" if w else c for c, w in self.codes.items())
        kinds = {"number": "a number", "day": "a day such as 2027-06-14", "text": "text"}
        return kinds[self.kind] + ends

    def holds(self, cell: str) -> bool:
        """Say whether a cell that is not empty is allowed."""
        if self.kind == "code":
            return cell in self.codes
        if self.kind == "text":
            return True
        try:
            value = float(cell) if self.kind == "number" else date.fromisoformat(cell)
        except ValueError:
            return False
        if isinstance(value, float):  # 1_0 and digits of other scripts are slips
            plain = math.isfinite(value) and cell.isascii() and "_" not in cell
        else:
            plain = value.isoformat() == cell  # not 20270614, which others take for a number
        low, high = self.least, self.most
        return plain and (low is None or low <= value) and (high is None or value <= high)  # type: ignore[operator]


def write(path: str | Path, columns: Sequence[Column], title: str, rows: int) -> None:
    """Write the blank workbook: a header, drop-downs, limits, and a sheet that says what is meant.

    Raises
    ------
    EvidenceError
        There is such a file already.
    """
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    if Path(path).exists():
        raise EvidenceError(f"{path}: is there already; name another file")
    book = Workbook()
    page, about = book.active, book.create_sheet(MEANINGS)
    page.title, page.freeze_panes = SHEET, "A2"
    about.append(["Column", "What it is", "What may be entered", "May it be empty?"])
    for place, column in enumerate(columns, 1):
        letter, head = get_column_letter(place), page.cell(1, place, column.name)
        head.font = Font(bold=True)
        page.column_dimensions[letter].width = max(14, len(column.name) + 4)
        empty = "no" if column.needed else "yes"
        about.append([column.name, column.title or column.name, column.allowed, empty])
        cells = f"{letter}2:{letter}{rows + 1}"
        limit = _limit(column, letter, rows, place + 1)
        page.add_data_validation(limit)
        limit.add(cells)
        form = {"day": "yyyy-mm-dd", "number": "General"}.get(column.kind, "@")  # "01" stays "01"
        for row in range(2, rows + 2):
            page[f"{letter}{row}"].number_format = form
        for at, code in enumerate(column.codes):
            about.cell(place + 1, 6 + at, code).number_format = "@"
    for letter, wide in zip("ABCD", (24, 32, _WIDE, 18), strict=True):
        about.column_dimensions[letter].width = wide
    for cell in about[1]:
        cell.font = Font(bold=True)
    for row in about.iter_rows(min_row=2):
        row[2].alignment = Alignment(wrap_text=True, vertical="top")
    book.properties.title = title
    book.save(path)


def _limit(column: Column, letter: str, rows: int, line: int) -> object:
    """Return what the workbook lets be entered into a column."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    said = {"allow_blank": not column.needed, "showErrorMessage": True, "showInputMessage": True,
            "prompt": column.allowed[:250], "promptTitle": (column.title or column.name)[:32],
            "error": column.allowed[:250], "errorTitle": column.name[:32]}  # fmt: skip
    if column.kind == "code":
        last = get_column_letter(5 + len(column.codes))
        return DataValidation(
            type="list", formula1=f"'{MEANINGS}'!$F${line}:${last}${line}", **said
        )
    if column.kind == "text":
        if not column.unique:
            return DataValidation(
                type="textLength", operator="between", formula1="0", formula2="255", **said
            )
        once = f"COUNTIF(${letter}$2:${letter}${rows + 1},{letter}2)=1"
        return DataValidation(type="custom", formula1=once, **said)
    low, high = column.least, column.most
    if column.kind == "day":
        days = low or date(1900, 1, 1), high or date(2199, 12, 31)
        kind, ends = "date", [f"DATE({e.year},{e.month},{e.day})" for e in days]  # type: ignore[union-attr]
    else:
        numbers = -1e9 if low is None else low, 1e9 if high is None else high
        kind, ends = "decimal", [*map(str, numbers)]
    return DataValidation(type=kind, operator="between", formula1=ends[0], formula2=ends[1], **said)


def read(path: str | Path, columns: Sequence[Column]) -> pd.DataFrame:
    """Return a workbook that came back, numbers as numbers and everything else as text.

    Raises
    ------
    EvidenceError
        It is not the workbook that was given out; every cell that is not allowed, by row and
        column, without what it holds.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read ({error.strerror})") from None
    pages = dict(workbooks.sheets(path, raw))
    if SHEET not in pages:
        raise EvidenceError(f"{path}: has no sheet {SHEET!r}; fill in the one that was given out")
    lines = [*pages[SHEET]]
    names = [column.name for column in columns]
    head = lines[0][1] if lines and lines[0][0] == 1 else []
    while head and not head[-1]:
        head = head[:-1]
    if head != names:
        faults = [f"{path}, row 1: no column {name!r}" for name in names if name not in head]
        faults += [f"{path}, row 1, column {at}: is not in the workbook that was given out"
                   for at, name in enumerate(head, 1) if name not in names]  # fmt: skip
        order = f"{path}, row 1: columns must be {', '.join(names)}, in this order"
        raise EvidenceError(*(faults or [order]))
    if not lines[1:]:
        raise EvidenceError(f"{path}: has no pupils yet")
    width, faults = len(names), []
    body = [(line, [*cells, *[""] * width]) for line, cells in lines[1:]]
    wide = [line for line, cells in body if any(cells[width:])]
    if wide:
        faults.append(f"{path}, row {wide[0]}: has a cell beside the columns{also(wide[1:])}")
    for at, column in enumerate(columns):
        cells = [(line, row[at]) for line, row in body]

        def fault(said: str, rule: Callable[[str], bool], cells=cells, name=column.name) -> None:
            rows = [line for line, cell in cells if rule(cell)]
            if rows:
                where = f"{path}, row {rows[0]}, column {name!r}"
                faults.append(f"{where}: {said}{also(rows[1:])}")

        if column.needed:
            fault(f"is empty; enter {column.allowed}", lambda cell: not cell)
        fault(
            f"is not allowed; enter {column.allowed}",
            lambda cell, column=column: bool(cell) and not column.holds(cell),
        )
        if column.unique:
            seen: set[str] = set()
            fault(
                "is there already; one row a pupil is needed",
                lambda cell, seen=seen: bool(cell) and (cell in seen or seen.add(cell) is not None),
            )
    if faults:
        raise EvidenceError(*faults)
    table = pd.DataFrame([row[:width] for _, row in body], columns=names)
    for column in columns:
        if column.kind == "number":
            table[column.name] = pd.to_numeric(table[column.name].replace("", None))
    return table.replace("", None)
