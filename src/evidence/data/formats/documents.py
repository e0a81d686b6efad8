"""Documents that people write, as passages with their pages: Word, PDF and plain text."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zipfile import ZipFile

from evidence.data.formats import tagged
from evidence.data.formats.tables import decoded, most_bytes
from evidence.data.formats.workbooks import DAMAGED
from evidence.errors import EvidenceError

CELL = " | "  # between the cells of a row
PAGE = "\f"  # where a page ends inside a passage
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MARK = re.compile(r"^\s*(?:[•·●▪◦‣\uf0b7–—*-]|\(?[a-z]\)|\(?[ivx]{1,4}\)|\d{1,2}[.)])\s+")
_NUMBERED = re.compile(r"^\s*\d{1,2}(?:\.\d{1,3}){1,3}\.?\s+")
_VALUE = r"(?:[(£+−–-]*\d[\d.,]*(?:st|nd|rd|th)?%?\)?|[A-E]|n/a|-|[*x])"
_PRINTED_ROW = re.compile(rf"^(\s*[^\W\d].*?)((?:\s+{_VALUE}){{2,}})\s*$")
_COLUMNS = re.compile(r"\s*\|\s*|\t+|\s{3,}")
_FOOT = re.compile(r"^\W*(?:page\s*)?\d{1,4}(?:\s*(?:of|/)\s*\d{1,4})?\W*$", re.IGNORECASE)
_END = re.compile(r"[.!?:;][\"”’)]*$")
_PROSE = 25  # words of a cell that is a paragraph
_WIDEST, _WHOLE = 110, 160  # of a line that is wrapped; of one that is a paragraph


@dataclass(frozen=True, slots=True)
class Passage:
    """A paragraph, a heading, an item of a list or a row of a table.

    Parameters
    ----------
    page : int
        Where it begins.
    text : str
        Its words; a form feed where a page ends, ``" | "`` between cells.
    kind : {"heading", "text", "item", "row"}
    header : str
        The first row of its table, for a row; else "".
    """

    page: int
    text: str
    kind: Literal["heading", "text", "item", "row"] = "text"
    header: str = ""


def passages(path: str | Path) -> list[Passage]:
    """Read a document.

    Parameters
    ----------
    path : str or Path
        docx, pdf, or text in UTF-8, UTF-16 or Windows-1252; what it is says its content.

    Raises
    ------
    EvidenceError
        It cannot be read, or has no text.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise EvidenceError(f"{path}: cannot be read: {error.strerror}") from None
    if raw.startswith((b"\xd0\xcf\x11\xe0", b"{\\rtf")):
        raise EvidenceError(
            f"{path}: an older Word document, or one with a password; save it as docx without"
        )
    if raw.startswith(b"PK"):
        found = _word(path, raw)
    elif b"%PDF-" in raw[:1024]:
        found = _pdf(path, raw)
    elif "\0" in (text := decoded(raw)):
        raise EvidenceError(f"{path}: not a text file; give a docx, a pdf or plain text")
    else:
        found = list(_printed(text.split(PAGE)))
    if not found:
        raise EvidenceError(f"{path}: has no text; give a docx, a pdf or plain text with words")
    return found


def _word(path: str | Path, raw: bytes) -> list[Passage]:
    import docx

    try:
        with ZipFile(io.BytesIO(raw)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > (most := most_bytes(raw)):
                raise EvidenceError(f"{path}: unpacks to more than {most:,} bytes; split it")
        return list(_Word(docx.Document(io.BytesIO(raw)).part).passages())
    except EvidenceError:
        raise
    except DAMAGED:
        raise EvidenceError(
            f"{path}: no Word document, or a damaged one; save it as docx again"
        ) from None


class _Word:
    """Walk through the XML of a Word document, text boxes and notes included."""

    def __init__(self, part: Any) -> None:
        from docx.oxml import parse_xml

        self.body, self.page, self.fresh = part.element.body, 1, True
        self.notes: dict[tuple[str, str], str] = {}
        for relation in part.rels.values():
            kind = relation.reltype.rpartition("/")[2]
            if kind in ("footnotes", "endnotes") and not relation.is_external:
                for note in parse_xml(relation.target_part.blob):
                    words = "".join(text.text or "" for text in note.iter(f"{_W}t")).strip()
                    self.notes[kind[:-1], note.get(f"{_W}id", "")] = words

    def passages(self, element: Any = None) -> Iterator[Passage]:
        for child in self.body if element is None else element:
            if child.tag == f"{_W}p":
                yield from self.paragraph(child)
            elif child.tag == f"{_W}tbl":
                yield from self.table(child)
            elif isinstance(child.tag, str) and child.tag != f"{_W}sectPr":
                yield from self.passages(child)

    def paragraph(self, element: Any) -> Iterator[Passage]:
        page, text = self.text(element)
        style = "".join(one.get(f"{_W}val", "") for one in element.iter(f"{_W}pStyle")).lower()
        listed = style.startswith("list") or element.find(f"{_W}pPr/{_W}numPr") is not None
        if text.strip():
            if style.startswith(("heading", "title", "subtitle")):
                yield Passage(page, text, "heading")
            else:
                yield Passage(page, text, "item" if listed or _MARK.match(text) else "text")
        for box in element.iter(f"{_W}txbxContent"):
            if not any(up.tag.endswith("}Fallback") for up in box.iterancestors()):
                yield from self.passages(box)

    def table(self, element: Any) -> Iterator[Passage]:
        header = ""
        for row in element.iterchildren(f"{_W}tr"):
            cells, first = [], self.page
            for cell in row.iterchildren(f"{_W}tc"):
                text = " ".join(self.text(one)[1].strip() for one in cell.iter(f"{_W}p"))
                span = cell.find(f"{_W}tcPr/{_W}gridSpan")
                wide = int(span.get(f"{_W}val", 1)) if span is not None else 1
                cells += [_clean(text.replace(PAGE, " "))] + [""] * (min(wide, 60) - 1)
            self.page = min(self.page, first + 1)  # each cell may say that the page turned
            said = [cell for cell in cells if cell]
            if len(said) == 1 or any(len(cell.split()) > _PROSE for cell in said):
                yield from (Passage(self.page, cell) for cell in said)  # a frame around prose
            elif said:
                text = CELL.join(cells)
                yield Passage(self.page, text, "row", header)
                header = header or text

    def turn(self) -> str:
        """Begin a page, once though Word notes both why and where."""
        if self.fresh:
            return ""
        self.page, self.fresh = self.page + 1, True
        return PAGE

    def text(self, element: Any) -> tuple[int, str]:
        if element.find(f"{_W}pPr/{_W}pageBreakBefore") is not None:
            self.turn()
        page, parts = self.page, []
        for one in _runs(element):
            name = one.tag.removeprefix(_W)
            if name == "t" and one.text:
                self.fresh &= not one.text.strip()
                parts.append(one.text)
            elif name == "lastRenderedPageBreak" or one.get(f"{_W}type") == "page":
                parts.append(self.turn())
            elif name in ("tab", "br", "cr"):
                parts.append(" ")
            elif name == "noBreakHyphen":
                parts.append("-")
            elif name in ("footnoteReference", "endnoteReference"):
                note = self.notes.get((name.removesuffix("Reference"), one.get(f"{_W}id")))
                parts.append(f" ({note})" if note else "")
        text = "".join(parts)
        turned = len(text) - len(text.lstrip(" " + PAGE)) if PAGE in text else 0
        return page + text[:turned].count(PAGE), _clean(text[turned:])


def _runs(element: Any) -> Iterator[Any]:
    """Return what a paragraph is made of, but for the text boxes that hang on it."""
    for child in element:
        if isinstance(child.tag, str) and not child.tag.endswith(
            ("}txbxContent", "}Fallback", "}pPr", "}del", "}moveFrom")
        ):
            yield child
            yield from _runs(child)


def _pdf(path: str | Path, raw: bytes) -> list[Passage]:
    import logging

    import pypdf
    from pypdf.errors import DependencyError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    locked = False
    try:
        reader = pypdf.PdfReader(io.BytesIO(raw))
        locked = reader.is_encrypted and not reader.decrypt("")
        pages = [page.extract_text(extraction_mode="layout") for page in reader.pages]
        parts = tagged.parts(reader) if "".join(pages).strip() else None
    except (PyPdfError, DependencyError, RecursionError, AssertionError, *DAMAGED) as error:
        if locked or isinstance(error, DependencyError):
            raise EvidenceError(f"{path}: has a password; save a copy without one") from None
        raise EvidenceError(f"{path}: a damaged PDF; save or print it as PDF again") from None
    if not "".join(pages).strip():
        raise EvidenceError(f"{path}: a scan without text; have its text recognised first")
    return list(_printed(pages) if parts is None else _tagged(parts))


def _tagged(parts: list[tuple[str, list[list[tuple[int, str]]]]]) -> Iterator[Passage]:
    header = ""
    for kind, cells in parts:
        if kind == "table":
            header = ""
        said = [[word for word in cell if word[1].strip()] for cell in cells]
        if not any(said):
            continue
        page = min(cell[0][0] for cell in said if cell)
        words = [_clean(_turned(cell)) for cell in said]
        plain = [word for word in words if word]
        if kind == "row" and len(plain) > 1 and all(len(w.split()) <= _PROSE for w in plain):
            row = CELL.join(_clean(word.replace(PAGE, " ")) for word in words)
            yield Passage(page, row, "row", header)
            header = header or row
        else:  # a row of prose is a frame around it
            kind = "text" if kind == "row" else kind
            for text in plain:
                yield Passage(page, text, "item" if kind == "text" and _MARK.match(text) else kind)


def _turned(words: list[tuple[int, str]]) -> str:
    """Join words, with a form feed where the page turns."""
    text, last = "", words[0][0] if words else 1
    for page, word in words:
        text, last = text + (PAGE if page != last else "") + word, page
    return text


def _printed(pages: list[str]) -> Iterator[Passage]:
    """Put printed lines together again: wrapped paragraphs, items and rows of tables."""
    lines = [(page, line) for page, line in enumerate(pages, 1) for line in _body(line, pages)]
    lengths = sorted(len(line.strip()) for _, line in lines if line.strip())
    wide = 0.75 * min(lengths[int(0.95 * (len(lengths) - 1))] if lengths else 0, _WIDEST)
    start, text, last, header, blank, alone, item = 1, "", 1, "", True, True, None

    def whole() -> Iterator[Passage]:
        if words := _clean(text):
            short = alone and len(words) < 70 and not _END.search(words) and "%" not in words
            marked = _MARK.match(words) and not _NUMBERED.match(words)
            plain = "heading" if short and wide > 40 else "text"
            yield Passage(start, words, "item" if marked else plain)

    for page, line in lines:
        cells = _cells(line)
        left = len(line) - len(line.lstrip())
        ends = item is not None and left <= item  # what belongs to an item is set in
        if cells or not line.strip() or ends or _MARK.match(line) or _NUMBERED.match(line):
            yield from whole()
            text, item = "", left if _MARK.match(line) else None
        header = header if cells else ""
        if cells:
            yield Passage(page, CELL.join(cells), "row", header)
            header = header or CELL.join(cells)
        elif line.strip():
            alone = alone if text else blank
            start, joint = (start, PAGE if page > last else " ") if text else (page, "")
            text += joint + line.strip()
            if item is None and (len(line) > _WHOLE or len(line.strip()) < wide):
                yield from whole()
                text = ""
        last, blank = page, not line.strip()
    yield from whole()


def _body(page: str, pages: list[str]) -> list[str]:
    """Return the lines of a page without its number and what is printed on every page."""
    lines = page.splitlines()
    edge = {i for i, line in enumerate(lines) if line.strip()}
    edge = {*sorted(edge)[:2], *sorted(edge)[-2:]}

    def often(line: str) -> bool:
        return len(pages) > 2 and sum(line.strip() in page for page in pages) > len(pages) / 2

    return [x for i, x in enumerate(lines) if i not in edge or not (_FOOT.match(x) or often(x))]


def _cells(line: str) -> list[str]:
    """Return the cells of a line that is a row of a table; none elsewhere."""
    cells = [cell for cell in _COLUMNS.split(line.strip().strip("|").strip()) if cell]
    if len(cells) > 2 and len(line.split()) <= 4 * len(cells) and not _MARK.match(line):
        return cells
    row = _PRINTED_ROW.match(line)
    return [row[1].strip(), *row[2].split()] if row else []


def _clean(text: str) -> str:
    return re.sub(r"[^\S\f]+", " ", unicodedata.normalize("NFKC", text)).strip()
