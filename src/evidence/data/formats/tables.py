"""Files as tables of text: csv, the same packed, workbooks, parquet, SPSS and Stata.

Nothing here knows what a column means; `evidence.data.sheet` finds the header and names faults.
"""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pandas as pd

from evidence.data.formats import typed_files, workbooks, xml_records
from evidence.errors import EvidenceError

MOST_BYTES = 2_000_000_000  # of one file unpacked
_PLAIN_BYTES, _MOST_TIMES = (
    100_000_000,
    200,
)  # more than the first are no more than 200 times packed
_SEPARATOR = re.compile(r'"?sep=(.)"?\r?(?:\n|$)', re.IGNORECASE)  # what Excel reads and hides
_MARKS = ",;\t|"  # what separates cells
_OLD_STATA = re.compile(rb"[\x66-\x76][\x01\x02]\x01\x00")
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
    frame : DataFrame or None
        The rows below the header, in a file that says of each column what it holds.
    """

    rows: Iterable[tuple[int, list[str]]] = ()
    title: str = ""
    decimal: str = "."
    frame: pd.DataFrame | None = None


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
        csv (comma, semicolon, tab or bar; UTF-8, UTF-16 or Windows-1252), the same gzipped or alone
        in a zip archive; xlsx, xls or ods, of which ``book.xlsx#Data`` is the sheet "Data" alone;
        parquet; sav (SPSS) or dta (Stata), with codes, and their labels beside them; XML, of which
        each kind of record is a table.

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
        return [Table(frame=typed_files.parquet(path, raw))]
    if raw.startswith((*typed_files.SPSS, b"<stata_dta>")) or _OLD_STATA.match(raw):
        return [Table(frame=typed_files.statistics_package(path, raw))]
    if raw.startswith(b"\xd0\xcf\x11\xe0"):  # xls, or an older document
        return _workbook(path, raw)
    text = decoded(raw)
    if xml_records.START.match(text):
        return [Table(rows, name) for name, rows in xml_records.records(path, raw, text)]
    if "\0" in text or raw.startswith(b"%PDF"):
        raise EvidenceError(f"{path}: not a text file; save it as CSV (UTF-8)")
    stated = _SEPARATOR.match(text)
    if stated:
        text, delimiter = text[stated.end() :], stated[1]
    else:
        delimiter = _delimiter(text)
    return [Table(_csv(path, text, delimiter), decimal="," if delimiter in ";\t" else ".")]


def decoded(raw: bytes) -> str:
    """Return a text file's text: UTF-16 with its mark, UTF-8, else Windows-1252."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace").lstrip("\ufeff")  # of a mark written twice
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:  # what Excel on Windows writes as plain "CSV"
        return raw.decode("cp1252", errors="replace")


def _delimiter(text: str) -> str:
    """Return what separates cells: what the first line has most of, if most lines have as many.

    Else that line is a title, and it is what most lines have the same number of.
    """
    lines = [line for line in text[:20_000].splitlines()[:20] if line.strip()] or [""]

    def usual(mark: str) -> tuple[int, int]:
        counts = Counter(line.count(mark) for line in lines if mark in line)
        return (counts.most_common(1) or [(0, 0)])[0]

    first = max(_MARKS, key=lines[0].count)
    if lines[0].count(first) == usual(first)[0] > 0:
        return first
    return max(_MARKS, key=lambda mark: usual(mark)[1])


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


def most_bytes(raw: bytes) -> int:
    """Return how many bytes a packed file may unpack to."""
    return min(MOST_BYTES, max(_PLAIN_BYTES, _MOST_TIMES * len(raw)))


def _gunzipped(path: str | Path, raw: bytes) -> bytes:
    parts, size, most = [], 0, most_bytes(raw)
    try:
        while raw:  # a file may hold several, one after the other
            unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
            parts.append(unpack.decompress(raw, most - size + 1))
            size += len(parts[-1])
            if size > most:
                raise EvidenceError(f"{path}: unpacks to more than {most:,} bytes; split it")
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
            if sum(entry.file_size for entry in archive.infolist()) > (most := most_bytes(raw)):
                raise EvidenceError(f"{path}: unpacks to more than {most:,} bytes; split it")
            if "[Content_Types].xml" in names or "content.xml" in names:
                return _workbook(path, raw)
            files = [name for name in names if not _SIDE.search(name)]
            if len(files) != 1:
                raise EvidenceError(
                    f"{path}: an archive of {len(files)} files; unpack it and name one of them"
                )
            inside = archive.read(files[0])
    except EvidenceError:
        raise
    except workbooks.DAMAGED:
        raise workbooks.damaged(path) from None
    book = b"[Content_Types].xml" in inside or b"content.xml" in inside
    if inside.startswith((b"PK\x03\x04", b"\x1f\x8b")) and not book:
        raise EvidenceError(f"{path}: an archive in an archive; unpack it")
    return _tables(path, inside)


def _workbook(path: str | Path, raw: bytes) -> list[Table]:
    return [Table(rows, title) for title, rows in workbooks.sheets(path, raw)]
