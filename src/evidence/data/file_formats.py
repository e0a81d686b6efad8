"""Files as tables of text: csv, the same gzipped or zipped, workbooks and parquet.

Nothing here knows what a column means; `evidence.data.sheet` finds the header and names faults.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
import warnings
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import pandas as pd

from evidence.errors import EvidenceError

MOST_BYTES = 2_000_000_000  # of one file unpacked
_SEPARATOR = re.compile(r'"?sep=(.)"?\r?(?:\n|$)', re.IGNORECASE)  # what Excel reads and hides
_SIDE = re.compile(r"(^|/)(__MACOSX/|\.)|/$")  # what archives hold beside the file


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a file.

    Parameters
    ----------
    rows : iterable of (int, list of str)
        Row after row with its number, blank ones left out.
    title : str
        The sheet of a workbook; "" elsewhere.
    decimal : {".", ","}
        What a comma between figures is: "," where semicolons or tabs separate the cells.
    """

    rows: Iterable[tuple[int, list[str]]]
    title: str = ""
    decimal: str = "."


def place(path: str | Path) -> tuple[Path, str]:
    """Return the file that a path names and the sheet after a ``#``, "" where there is none."""
    whole = Path(path)
    name, mark, title = whole.name.partition("#")
    if not mark or whole.exists():
        return whole, ""
    return whole.with_name(name), title


def tables(path: str | Path) -> list[Table]:
    """Read the tables of a file: one, but for a workbook one a sheet.

    Parameters
    ----------
    path : str or Path
        csv (comma, semicolon or tab; UTF-8, UTF-16 or Windows-1252), the same gzipped or alone in
        a zip archive, xlsx or parquet. ``book.xlsx#Data`` is the sheet "Data" alone.

    Raises
    ------
    EvidenceError
        The file cannot be read, or has no such sheet.
    """
    file, title = place(path)
    try:
        found = _tables(path, file.read_bytes())
    except FileNotFoundError:
        raise EvidenceError(f"{path}: no such file") from None
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read: {error.strerror}") from None
    if not title:
        return found
    titles = [table.title for table in found]
    if title not in titles:
        there = f"its sheets are {quoted(titles)}" if any(titles) else "it is no workbook"
        raise EvidenceError(f"{path}: has no sheet {title!r}; {there}")
    return [found[titles.index(title)]]


def quoted(titles: Iterable[str]) -> str:
    """Name sheets, the first ten of them."""
    titles = list(titles)
    more = f" and {len(titles) - 10} more" if len(titles) > 10 else ""
    return ", ".join(map(repr, titles[:10])) + more


def _tables(path: str | Path, raw: bytes) -> list[Table]:
    if raw.startswith(b"\x1f\x8b"):
        raw = _gunzipped(path, raw)
    if raw.startswith(b"PK\x03\x04"):
        return _zipped(path, raw)
    if raw.startswith(b"PAR1"):
        return [_parquet(path, raw)]
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:  # what Excel on Windows writes as plain "CSV"
            text = raw.decode("cp1252", errors="replace")
    if "\0" in text or raw.startswith((b"\xd0\xcf\x11\xe0", b"%PDF")):
        raise EvidenceError(f"{path}: not a text file; save it as CSV (UTF-8)")
    stated = _SEPARATOR.match(text)
    if stated:
        text, delimiter = text[stated.end() :], stated[1]
    else:
        head = text.lstrip().partition("\n")[0]
        delimiter = max(",;\t", key=head.count)
        if not head.count(delimiter):  # a title: whatever most of the first lines have
            delimiter = max(",;\t", key=text[:10_000].count)
    return [Table(_csv(path, text, delimiter), decimal="," if delimiter in ";\t" else ".")]


def _csv(path: str | Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    lines = io.StringIO(text, newline=None)  # CRLF and lone CR become LF
    count = 0
    try:
        for record in csv.reader(lines, delimiter=delimiter, strict=True):
            count += 1
            row = list(map(str.strip, record))
            if any(row):
                yield count, row
    except csv.Error:
        raise EvidenceError(
            f"{path}, row {count + 1}: a quotation mark is not closed or stands inside a "
            "text; double it or take it out"
        ) from None


def _gunzipped(path: str | Path, raw: bytes) -> bytes:
    parts, size = [], 0
    try:
        while raw:  # a file may hold several, one after the other
            unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
            parts.append(unpack.decompress(raw, MOST_BYTES - size + 1))
            size += len(parts[-1])
            if size > MOST_BYTES:
                raise EvidenceError(f"{path}: holds more than {MOST_BYTES:,} bytes; split it")
            if not unpack.eof:
                raise EOFError
            raw = unpack.unused_data.lstrip(b"\0")
    except (zlib.error, EOFError):
        raise EvidenceError(f"{path}: a broken gzip file; pack it again") from None
    return b"".join(parts)


def _zipped(path: str | Path, raw: bytes) -> list[Table]:
    """Read a workbook, or the one file of an archive."""
    try:
        with ZipFile(io.BytesIO(raw)) as archive:
            names = archive.namelist()
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise EvidenceError(f"{path}: holds more than {MOST_BYTES:,} bytes; split it")
            if "[Content_Types].xml" in names:
                return _workbook(path, raw)
            files = [name for name in names if not _SIDE.search(name)]
            if len(files) != 1:
                raise EvidenceError(
                    f"{path}: an archive of {len(files)} files; unpack it and name one of them"
                )
            inside = archive.read(files[0])
    except (BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError):
        raise EvidenceError(f"{path}: not a workbook that can be read; save it as CSV") from None
    if inside.startswith((b"PK\x03\x04", b"\x1f\x8b")) and b"[Content_Types].xml" not in inside:
        raise EvidenceError(f"{path}: an archive in an archive; unpack it")
    return _tables(path, inside)


def _workbook(path: str | Path, raw: bytes) -> list[Table]:
    import openpyxl

    def text(cell: object) -> str:
        content = cell.value
        if content is None:
            return ""
        if isinstance(content, int | float) and not isinstance(content, bool):
            if "%" in (cell.number_format or ""):  # a cell shown as 65% holds 0.65
                return f"{content * 100:.10g}%"
            whole = float(content).is_integer() and abs(content) < 1e18  # ids keep every figure
            return str(int(content)) if whole else f"{content:.15g}"
        return str(content).strip()

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions that are not read
            book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
    except _DAMAGED:
        raise _damaged(path) from None

    def rows(page: object) -> Iterator[tuple[int, list[str]]]:
        page.reset_dimensions()  # rows and columns without cells cost nothing
        numbered = enumerate(page.iter_rows(), start=1)
        while True:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    part = list(itertools.islice(numbered, 1000))
                    filled = [
                        (line, [text(cell) for cell in cells]) for line, cells in part if cells
                    ]
            except _DAMAGED:
                raise _damaged(path) from None
            if not part:
                return
            yield from (pair for pair in filled if any(pair[1]))

    return [Table(rows(page), page.title) for page in book.worksheets]


# a damaged workbook fails in any of these ways, some of which quote cells
_DAMAGED = (BadZipFile, LookupError, ValueError, TypeError, AttributeError, SyntaxError,
            zlib.error, EOFError, OSError, RuntimeError)  # fmt: skip


def _damaged(path: str | Path) -> EvidenceError:
    return EvidenceError(f"{path}: not a workbook that can be read; save it as CSV")


def _parquet(path: str | Path, raw: bytes) -> Table:
    from pyarrow import ArrowException

    try:
        frame = pd.read_parquet(io.BytesIO(raw), dtype_backend="numpy_nullable")
        flags = frame.select_dtypes("boolean").columns
        frame = frame.astype(dict.fromkeys(flags, "Int8"))  # 1 and 0, as files write them
    except (ArrowException, OSError, ValueError):
        raise EvidenceError(f"{path}: not a parquet file that can be read") from None
    return Table(_csv(path, frame.to_csv(index=False), ","))
