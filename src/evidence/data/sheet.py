"""A table's cells as text, its header found: every reader stands on this.

So every fault reads the same: file, row (as a spreadsheet counts: a header in the first line is
row 1), column, what is allowed. A value is never quoted.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from evidence.data import labels
from evidence.data.formats import typed_files
from evidence.data.formats.tables import Table, quoted, tables
from evidence.errors import EvidenceError, Faults, also

NUMBER = re.compile(
    r"[+\-\u2212]?((\d+|[1-9]\d{0,2}(,\d{3})+)(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?"
    r"([ \u00a0\u202f]?%)?",
    re.ASCII,
)
MISSING = frozenset({"", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None", "."})
GAPS = frozenset({*map(str.casefold, MISSING), "n.a.", "-", "--", "?", "missing"})
_WHOLE = re.compile(r"-?\d{1,15}", re.ASCII)
# leading zeros, exponents, more figures than a float keeps
_ODD = re.compile(r"[+-]?0\d|[^eE]*[eE]|\D*[1-9]\d{15,}([.,]0*)?%?$|\d+\.$", re.ASCII)
_SWAPPED = str.maketrans(",.", ".,")
_TOP = 20  # rows among which a header is looked for
_NOTE = re.compile(
    r"((sources?|(foot)?notes?|end of)\b|©|\*|\(\d\)|\[).*", re.IGNORECASE | re.DOTALL
)  # of a line under a table


@dataclass(frozen=True, slots=True)
class Sheet:
    """Cells of a file as text.

    Parameters
    ----------
    path : str or Path
        The file.
    names : list of str
        Names of the columns.
    cells : list of str
        Row after row, each as long as `names`: one long list is read far faster than many.
    lines : list of int
        The row of the file that each row of cells comes from.
    decimal : {".", ","}
        What a comma between figures is.
    frame : DataFrame or None
        The rows of a file that says of each column what it holds, in place of `cells`.
    """

    path: str | Path
    names: list[str]
    cells: list[str]
    lines: list[int]
    decimal: str = "."
    frame: pd.DataFrame | None = None
    places: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        first = {name: place for place, name in reversed([*enumerate(self.names)])}
        object.__setattr__(self, "places", first)

    def column(self, name: str) -> list[str]:
        """Return the cells of a column, the first of that name."""
        return self.at(self.places[name])

    def at(self, place: int) -> list[str]:
        """Return the cells of the column in a place, counted from 0."""
        if self.frame is not None:
            return typed_files.text(self.path, self.frame.iloc[:, place])
        return self.cells[place :: len(self.names)]

    def fault(self, place: int, column: str, reason: str) -> EvidenceError:
        """Return the error for the cell in row `place` of `column`."""
        return EvidenceError(f"{self.path}, row {self.lines[place]}, column {column}: {reason}")

    def refuse(self, wrong: Iterable[object], column: str, reason: str) -> None:
        """Raise the fault of the rows whose `wrong` is true."""
        places = list(itertools.compress(itertools.count(), wrong))
        if places:
            raise self.fault(places[0], column, reason + also(self.lines[p] for p in places[1:]))

    def need(self, name: str, required: Sequence[str], nearest: float = 0.6) -> None:
        """Refuse unless column `name` is there once.

        Parameters
        ----------
        name : str
            The column.
        required : sequence of str
            Columns by which a header is known; without one of them the first row may hold a
            pupil's values, and is not quoted.
        nearest : float
            How alike (0 to 1) a name must be to be offered instead.

        Raises
        ------
        EvidenceError
            The column is missing, or is there twice.
        """
        found = self.names.count(name)
        if found > 1:
            raise EvidenceError(f"{self.path}: column {name} stands twice; rename one of the two")
        if not found:
            columns = {other: self.column(other) for other in self.names if other}
            known = columns if labels.headed(columns, [n for n in required if n != name]) else ()
            close = [other for other in known if other.casefold() == name.casefold()]
            close = close or difflib.get_close_matches(name, known, n=1, cutoff=nearest)
            hint = f"the nearest is {close[0]}" if close else labels.UNNAMED
            raise EvidenceError(f"{self.path}: no column {name}; {hint}")

    def differ(self, columns: Sequence[str], keys: Sequence[str]) -> None:
        """Refuse when two rows have the same of `keys` (empty ones apart)."""
        seen: dict[str, int] = {}
        places = [p for p, key in enumerate(keys) if key and seen.setdefault(key, p) != p]
        if places:
            reason = f"as in row {self.lines[seen[keys[places[0]]]]}; each may stand once"
            reason += also(self.lines[place] for place in places[1:])
            raise self.fault(places[0], " and ".join(columns), reason)

    def numbers(self, column: Iterable[str]) -> dict[str, float]:
        """Return each different cell of a column that is a number, and the number.

        65% is 65.0. Where semicolons or tabs separate the cells, a comma is decimal, unless the
        column shows otherwise (1,234.5).
        """
        different = list(dict.fromkeys(column))
        if self.decimal == "," and any("," in cell for cell in different):
            swapped = {cell: cell.translate(_SWAPPED) for cell in different}
            words = [cell for cell in different if any(map(str.isdigit, cell))]
            if all(NUMBER.fullmatch(swapped[cell]) for cell in words):
                return {cell: value(swapped[cell]) for cell in words}
            if not all("." in cell for cell in different if "," in cell):
                plain = [cell for cell in different if "," not in cell]
                return {cell: value(cell) for cell in plain if NUMBER.fullmatch(cell)}
        return {cell: value(cell) for cell in different if NUMBER.fullmatch(cell)}

    def one_scale(self, name: str, column: Sequence[str], numbers: dict[str, float]) -> None:
        """Refuse a column of which some numbers have a percent sign and others none (0 apart).

        Raises
        ------
        EvidenceError
            It is so: percentages and shares of 1 may be mixed.
        """
        if _mixed(numbers):
            bare = {cell for cell in numbers if "%" not in cell and numbers[cell]}
            reason = "no percent sign, which other rows have; write all of them one way"
            self.refuse((cell in bare for cell in column), name, reason)


def value(cell: str) -> float:
    """Return the number that a cell matching `NUMBER` means; 65% is 65.0."""
    try:
        return float(cell)
    except ValueError:
        return float(cell.rstrip("%").replace(",", "").replace("\u2212", "-"))


def typed(cells: Sheet, name: str, numeric: bool) -> np.ndarray | pd.api.extensions.ExtensionArray:
    """Return a column as numbers where every cell that is not blank is one, else as text.

    URN, UPN, codes with leading zeros, long ids and other text that would not be written the same
    again as a number (1E1) stay text unless `numeric` says it must be numbers.

    Raises
    ------
    EvidenceError
        `numeric`, and a cell is not a number.
    """
    if cells.frame is not None:
        known = typed_files.kept(cells.frame.iloc[:, cells.places[name]], name, numeric)
        if known is not None:
            return known
    column = cells.column(name)
    distinct = dict.fromkeys(column)
    numbers = cells.numbers(distinct)
    different = [cell for cell in distinct if cell not in MISSING]
    words = {c for c in different if c not in numbers and c.casefold() not in GAPS}
    if numeric:
        reason = "not a number; give a number or leave it blank"
        if words and not numbers and {word.casefold() for word in words} <= labels.YES_NO:
            reason = "holds yes and no; use 1 and 0"
        cells.refuse((cell in words for cell in column), name, reason)
    code = typed_files.is_code(name) or not _as_written(numbers)
    code = code or cells.frame is not None  # text that the file says is text
    if not numeric and (code or words or not numbers or _mixed(numbers)):
        urns = name.lower().startswith("urn")
        text = {cell: (labels.urn(cell) if urns else None) or cell for cell in different}
        return pd.array(list(map(text.get, column)), dtype="str")
    values = np.array(list(map(numbers.get, column)), dtype=float)
    whole = numbers and not np.isnan(values).any() and all(map(_WHOLE.fullmatch, numbers))
    return values.astype("int64") if whole else values


def _mixed(numbers: dict[str, float]) -> bool:
    """Say whether some numbers have a percent sign and others, but for 0, have none."""
    return "%" in "".join(numbers) and any(
        number and "%" not in cell for cell, number in numbers.items()
    )


def _as_written(numbers: dict[str, float]) -> bool:
    """Say whether all are written as numbers are: not 007, 1E1, 5., +2 beside 2, or 17 figures."""
    for cell in numbers:
        if (odd := _ODD.match(cell)) and (
            odd[0][-1] not in "eE" or repr(float(cell.rstrip("%"))) != cell.lower()
        ):
            return False
    return not any(cell[0] == "+" and cell[1:] in numbers for cell in numbers)


def sheet(
    path: str | Path,
    required: Sequence[str] = (),
    fold: Callable[[str], str] = str,
    *,
    known: Sequence[str] = (),
    spills: bool = False,
) -> Sheet:
    """Read a file as cells, without blank rows.

    Parameters
    ----------
    path : str or Path
        A file of :func:`evidence.data.formats.tables.tables`; ``book.xlsx#Data`` names a sheet.
    required : sequence of str
        Columns that must be there once.
    fold : callable
        How to write the column names, such as `str.upper`.
    known : sequence of str
        Further columns by which the header is known. It is looked for in the first 20 rows, and
        in every sheet of a workbook: titles above it and sheets of notes are common.
    spills : bool
        Whether further cells of a row belong to its last column.

    Returns
    -------
    Sheet
        At least one row.

    Raises
    ------
    EvidenceError
        The file cannot be read, has no header or no rows, has a row longer than the header, or
        two of its sheets may be meant.
    """
    asked = {*required, *known}
    starts = [_Start.of(table, asked, fold) for table in tables(path)]
    start = _chosen(path, starts)
    width = len(start.names)
    found = Sheet(path, start.names, [], start.lines, start.decimal, start.frame)
    long, ends = [], []
    for line, row in start.rows:
        if any(row[width:]):
            if not spills:
                long.append(line)
            row = [*row[: width - 1], ", ".join(filter(None, row[width - 1 :]))]
        found.cells.extend(row[:width])
        found.cells.extend([""] * (width - len(row)))
        found.lines.append(line)
        ends = [*ends, row] if width > 1 and not any(row[1:]) else []
    if ends:
        _drop_notes(found, ends)
    faults = Faults()
    if long:
        faults.noted[
            f"{path}, row {long[0]}: more cells than the header has columns ({width}); "
            f"put a text that holds a comma in quotation marks{also(long[1:])}"
        ] = None
    for name in required:
        with faults.note():
            found.need(name, [*asked])
        if not any(other in found.names for other in required):
            break  # none is there: it is another file, or has no header
    faults.settle()
    if not found.lines:
        others = [other.title for other in starts if other is not start and other.names]
        more = f" of sheet {start.title!r}; the data may be on {quoted(others)}: name one as "
        raise EvidenceError(
            f"{path}: no rows below the header{f'{more}{path}#{others[0]}' if others else ''}"
        )
    return found


def _drop_notes(found: Sheet, ends: list[list[str]]) -> None:
    """Leave out the notes under a table: its last rows, with nothing but a first cell.

    Such a row is a note where it says so, where a blank row is above it, or where it has words
    under numbers.
    """
    above = found.at(0)[: len(found.lines) - len(ends)]
    numbers = len(above) > 1 and all(map(NUMBER.fullmatch, above))
    notes = 0
    for back, row in enumerate(reversed(ends), start=1):
        gap = back < len(found.lines) and found.lines[-back] - found.lines[-back - 1] > 1
        if not (gap or _NOTE.fullmatch(row[0]) or (numbers and " " in row[0])):
            break
        notes = back
    if notes and notes < len(found.lines):
        del found.lines[-notes:], found.cells[-notes * len(found.names) :]


@dataclass(frozen=True)
class _Start:
    """The header of a table, how many of the columns asked for it has, and the rows below it."""

    title: str
    decimal: str
    names: list[str]
    matches: int
    rows: Iterable[tuple[int, list[str]]]
    frame: pd.DataFrame | None = None
    lines: list[int] = field(default_factory=list)  # of a frame

    @classmethod
    def of(cls, table: Table, asked: set[str], fold: Callable[[str], str]) -> _Start:
        if table.frame is not None:
            names = [fold(str(name).strip()) for name in table.frame]
            filled = table.frame.notna().any(axis=1).to_numpy()
            lines = (np.flatnonzero(filled) + 2).tolist()
            frame = table.frame if filled.all() else table.frame[filled]
            return cls("", ".", names, len(set(names) & asked), (), frame, lines)
        rows = iter(table.rows)
        top = list(itertools.islice(rows, _TOP))
        if not top:
            return cls(table.title, table.decimal, [], 0, ())
        matches = [len(set(map(fold, row)) & asked) for _, row in top]
        filled = [len(row) - row.count("") for _, row in top]
        # a title has few cells, fewer than half as many as the fullest row, or a blank row below
        head = next(i for i, n in enumerate(filled) if 2 * n >= max(filled))
        gaps = [i for i in range(len(top) - 1) if top[i + 1][0] - top[i][0] > 1]
        if gaps and max(filled[: gaps[0] + 1]) == 1 < max(filled):
            head = max(head, gaps[0] + 1)
        if any(matches):
            head = matches.index(max(matches))
        names = list(map(fold, top[head][1]))
        below = itertools.chain(top[head + 1 :], rows)
        return cls(table.title, table.decimal, names, matches[head], below)


def _chosen(path: str | Path, starts: Sequence[_Start]) -> _Start:
    """Return the sheet that has most of the columns asked for; without any, the first one."""
    best = max((start.matches for start in starts), default=0)
    equal = [start for start in starts if start.matches == best] if best else starts[:1]
    if len(equal) > 1:
        titles = [start.title for start in equal]
        raise EvidenceError(
            f"{path}: the columns are on more than one sheet: {quoted(titles)}; name one as "
            f"{path}#{titles[0]}"
        )
    if not equal or not equal[0].names:
        others = [start.title for start in starts if start.names]
        if others:
            raise EvidenceError(
                f"{path}: sheet {equal[0].title!r} is empty; the data may be on {quoted(others)}: "
                f"name one as {path}#{others[0]}"
            )
        raise EvidenceError(f"{path}: is empty; {labels.UNNAMED}")
    return equal[0]
