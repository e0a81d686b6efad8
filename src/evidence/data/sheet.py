"""Files as cells: csv, gzipped csv, xlsx and parquet become a header and rows of text.

Every reader uses this, so every fault reads the same: file, row (as a spreadsheet counts: a
header in the first line is row 1), column, what is allowed. A value is never quoted.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import itertools
import re
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import pandas as pd

from evidence.errors import EvidenceError

NUMBER = re.compile(r"[+\-\u2212]?(\d+(,\d{3})*(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?%?", re.ASCII)
MISSING = frozenset({"", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None", "."})
_LEADING, _WHOLE = re.compile(r"[+-]?0\d"), re.compile(r"-?\d{1,15}", re.ASCII)


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
    """

    path: str | Path
    names: list[str]
    cells: list[str]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        return self.cells[self.names.index(name) :: len(self.names)]

    def fault(self, place: int, column: str, reason: str) -> EvidenceError:
        """Return the error for the cell in row `place` of `column`."""
        return EvidenceError(f"{self.path}, row {self.lines[place]}, column {column}: {reason}")

    def refuse(self, wrong: Iterable[object], column: str, reason: str) -> None:
        """Raise the fault of the first row whose `wrong` is true."""
        for place, at_fault in enumerate(wrong):
            if at_fault:
                raise self.fault(place, column, reason)

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
            headed = any(other in self.names for other in required if other != name)
            known = [other for other in self.names if other] if headed else []
            close = difflib.get_close_matches(name, known, n=1, cutoff=nearest)
            hint = f"the nearest is {close[0]}" if close else "the first row must name the columns"
            raise EvidenceError(f"{self.path}: no column {name}; {hint}")

    def differ(self, columns: Sequence[str], keys: Sequence[str]) -> None:
        """Refuse when two rows have the same of `keys` (empty ones apart)."""
        seen: dict[str, int] = {}
        for place, key in enumerate(keys):
            if key and (first := seen.setdefault(key, place)) != place:
                reason = f"as in row {self.lines[first]}; each may stand once"
                raise self.fault(place, " and ".join(columns), reason)


def value(cell: str) -> float:
    """Return the number that a cell matching `NUMBER` means; 65% is 65.0."""
    return float(cell.rstrip("%").replace(",", "").replace("\u2212", "-"))


def typed(cells: Sheet, name: str, numeric: bool) -> pd.Series:
    """Return a column as numbers where every cell that is not blank is one, else as text.

    URN, UPN and codes with leading zeros stay text unless `numeric` says it must be numbers.

    Raises
    ------
    EvidenceError
        `numeric`, and a cell is not a number.
    """
    column = cells.column(name)
    different = [cell for cell in dict.fromkeys(column) if cell not in MISSING]
    words = {cell for cell in different if not NUMBER.fullmatch(cell)}
    if numeric and words:
        reason = "not a number; give a number or leave it blank"
        cells.refuse((cell in words for cell in column), name, reason)
    code = name.lower().startswith(("urn", "upn")) or any(map(_LEADING.match, different))
    if not numeric and (code or words or not different):
        text = {cell: cell for cell in different}
        return pd.Series(list(map(text.get, column)), dtype="str")
    numbers = {cell: value(cell) for cell in different}
    values = pd.Series(list(map(numbers.get, column)), dtype="float64")
    whole = different and values.notna().all() and all(map(_WHOLE.fullmatch, different))
    return values.astype("int64") if whole else values


def sheet(
    path: str | Path, required: Sequence[str] = (), fold: Callable[[str], str] = str
) -> Sheet:
    """Read a file as cells, without blank rows.

    Parameters
    ----------
    path : str or Path
        csv (comma, semicolon or tab; UTF-8, UTF-16 or Windows-1252), the same gzipped, xlsx
        (first sheet) or parquet.
    required : sequence of str
        Columns that must be there once. The header is looked for in the first ten rows: titles
        above it are common.
    fold : callable
        How to write the column names, such as `str.upper`.

    Returns
    -------
    Sheet
        At least one row.

    Raises
    ------
    EvidenceError
        The file cannot be read, has no header or no rows, or has a row longer than the header.
    """
    rows = ((line, row) for line, row in enumerate(_records(path), start=1) if any(row))
    top = list(itertools.islice(rows, 10))
    if not top:
        raise EvidenceError(f"{path}: is empty; the first row must name the columns")
    heads = (i for i, (_, row) in enumerate(top) if set(map(fold, row)) & set(required))
    head = next(heads, 0)
    names = list(map(fold, top[head][1]))
    found = Sheet(path, names, cells=[], lines=[])
    for line, row in itertools.chain(top[head + 1 :], rows):
        if any(row[len(names) :]):
            raise EvidenceError(
                f"{path}, row {line}: more cells than the header has columns ({len(names)}); "
                "put a text that holds a comma in quotation marks"
            )
        found.cells.extend(row[: len(names)])
        found.cells.extend([""] * (len(names) - len(row)))
        found.lines.append(line)
    for name in required:
        found.need(name, required)
    if not found.lines:
        raise EvidenceError(f"{path}: no rows below the header")
    return found


def _records(path: str | Path) -> Iterable[list[str]]:
    raw = _bytes(path)
    if raw.startswith(b"PK\x03\x04"):
        return _workbook(path, raw)
    if raw.startswith(b"PAR1"):
        return _parquet(path, raw)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:  # what Excel on Windows writes as plain "CSV"
            text = raw.decode("cp1252", errors="replace")
    if "\0" in text or raw.startswith((b"\xd0\xcf\x11\xe0", b"%PDF")):
        raise EvidenceError(f"{path}: not a text file; save it as CSV (UTF-8)")
    head = text.lstrip().partition("\n")[0]
    return _csv(path, text, max(",;\t", key=head.count))


def _csv(path: str | Path, text: str, delimiter: str) -> Iterator[list[str]]:
    lines = io.StringIO(text, newline=None)  # CRLF and lone CR become LF
    count = 0
    try:
        for record in csv.reader(lines, delimiter=delimiter, strict=True):
            yield list(map(str.strip, record))
            count += 1
    except csv.Error:
        raise EvidenceError(
            f"{path}, row {count + 1}: a quotation mark is not closed or stands inside a "
            "text; double it or take it out"
        ) from None


def _bytes(path: str | Path) -> bytes:
    try:
        raw = Path(path).read_bytes()
        return gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    except FileNotFoundError:
        raise EvidenceError(f"{path}: no such file") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise EvidenceError(f"{path}: a broken gzip file; pack it again") from None
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read: {error.strerror}") from None


def _workbook(path: str | Path, raw: bytes) -> list[list[str]]:
    import openpyxl

    def text(cell: object) -> str:
        content = cell.value
        if isinstance(content, int | float) and not isinstance(content, bool):
            # a cell shown as 65% holds 0.65
            percent = "%" in (cell.number_format or "")
            return f"{content * 100:.10g}%" if percent else f"{content:.15g}"
        return "" if content is None else str(content).strip()

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions that are not read
            book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
            return [[text(cell) for cell in row] for row in book.worksheets[0].iter_rows()]
    except (BadZipFile, LookupError, ValueError, TypeError, AttributeError, SyntaxError,
            zlib.error, EOFError, OSError, RuntimeError):  # fmt: skip
        # a damaged workbook fails in any of these ways, some of which quote cells
        raise EvidenceError(f"{path}: not a workbook that can be read; save it as CSV") from None


def _parquet(path: str | Path, raw: bytes) -> Iterable[list[str]]:
    from pyarrow import ArrowException

    try:
        frame = pd.read_parquet(io.BytesIO(raw), dtype_backend="numpy_nullable")
        flags = frame.select_dtypes("boolean").columns
        frame = frame.astype(dict.fromkeys(flags, "Int8"))  # 1 and 0, as files write them
    except (ArrowException, OSError, ValueError):
        raise EvidenceError(f"{path}: not a parquet file that can be read") from None
    return _csv(path, frame.to_csv(index=False), ",")
