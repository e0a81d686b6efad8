"""A document: headings, text with notes, tables and pictures, as PDF, as Word and as HTML.

The content is tidy (what `Document` holds); typst sets the PDF (PDF/UA-1, tagged), python-docx the
Word file, a template the page. Each is the same bytes where the content is the same.
"""

from __future__ import annotations

import base64
import io
import json
import math
import re
import struct
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from evidence.errors import EvidenceError
from evidence.show.render import render

_TEMPLATE = Path(__file__).with_name("templates") / "document.typ"
_STYLE = Path(__file__).with_name("document.css")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip file knows
PDF_STANDARD = "ua-1"
_LINE, _GAP = 98, 3  # letters of a line of a table in print, and beside each cell
_HIGH = 116  # of a picture in print, in millimetres
_MANY = 8  # columns of a table in Word, which is set in smaller letters
_TOGETHER = 8  # rows of a table in Word that is not shared out over two pages
_WIDE = 166  # of the text in Word, in millimetres


@dataclass(frozen=True, slots=True)
class Note:
    """Where a number comes from: a footnote of the PDF, a numbered source in Word."""

    note: str


@dataclass(frozen=True, slots=True)
class Strong:
    """Words that stand out."""

    strong: str


@dataclass(frozen=True, slots=True)
class Sub:
    """Letters below the line, as of a symbol in an equation."""

    sub: str


Parts = Sequence[str | Note | Strong | Sub]


class Shown:
    """What a notebook shows as the page does."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return render("document/block.html", block=self, notes=[])


@dataclass(frozen=True, slots=True)
class Heading(Shown):
    """A heading; `level` 1 or 2 below the title."""

    text: str
    level: int = 1
    kind: str = field(default="heading", init=False)


@dataclass(frozen=True, slots=True)
class Paragraph(Shown):
    """A paragraph: text, emphasis and notes in order."""

    parts: Parts
    kind: str = field(default="paragraph", init=False)


@dataclass(frozen=True, slots=True)
class Items(Shown):
    """A list: bullets or, where `kind` says so, numbers."""

    items: Sequence[Parts]
    kind: str = "bullets"


@dataclass(frozen=True, slots=True)
class Table(Shown):
    """A table: its caption or "", which columns hold numbers (`right`), their shares (`widths`)."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[bool]
    widths: Sequence[float]
    kind: str = field(default="table", init=False)

    @property
    def letters(self) -> list[float]:
        """The widths in letters of a line in print, no column narrower than its longest word."""
        least = [_GAP + max(len(word) for cell in cells for word in re.split(r"[\s-]+", cell))
                 for cells in zip(self.columns, *self.rows, strict=True)]  # fmt: skip
        asked = [_LINE * width / sum(self.widths) for width in self.widths]
        wide = [max(pair) for pair in zip(asked, least, strict=True)]
        spare = [more - word for more, word in zip(wide, least, strict=True)]
        taken = min((sum(wide) - _LINE) / (sum(spare) or 1), 1)
        return [more - each * taken for more, each in zip(wide, spare, strict=True)]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture (PNG) with what it shows in words."""

    caption: str
    alt: str
    png: bytes
    kind: str = field(default="picture", init=False)

    @property
    def wide(self) -> float:
        """How wide it is in print, in millimetres: its height leaves room for the text of it."""
        wide, high = struct.unpack(">II", self.png[16:24])  # of a PNG, in its header
        return min(160.0, _HIGH * wide / high)

    @property
    def address(self) -> str:
        """The picture itself, as a page holds it."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


Block = Heading | Paragraph | Items | Table | Picture


@dataclass(frozen=True, slots=True)
class Document:
    """What a document holds.

    Parameters
    ----------
    title, author : str
    date : datetime.date
        Of the document: the files hold no other.
    facts : sequence of (str, str)
        The box below the title, such as who it is for.
    blocks : sequence
        Headings, paragraphs, lists, tables and pictures, in order.
    foot : str
        At the foot of each page.
    band : str
        What must be seen first, such as that the data are simulated.
    """

    title: str
    author: str
    date: date
    facts: Sequence[tuple[str, str]]
    blocks: Sequence[Block]
    foot: str = ""
    band: str = ""


def reading_age(document: Document) -> float:
    """Return the age at which the sentences of a document are read with ease.

    Notes
    -----
    Flesch–Kincaid's grade (Kincaid et al. 1975: 0.39 words a sentence + 11.8 syllables a word
    − 15.59) and five years; syllables are runs of vowels, a silent e left out.
    """
    text = [
        " ".join(getattr(p, "strong", p) for p in line if isinstance(p, str | Strong))
        for line in _lines(document)
    ]
    sentences = [s for line in text for s in re.split(r"[.?!](?:\s|$)", line) if s.strip()]
    said = re.findall(r"[a-z’']+", " ".join(sentences).lower())
    syllables = sum(max(len(re.findall(r"[aeiouy]+", re.sub(r"e$", "", w))), 1) for w in said)
    if not said:
        return math.nan
    return 0.39 * len(said) / len(sentences) + 11.8 * syllables / len(said) - 15.59 + 5


def _lines(document: Document) -> list[Parts]:
    """Return what paragraphs and items hold, in order."""
    return [
        parts
        for block in document.blocks
        if isinstance(block, (Paragraph, Items))
        for parts in ([block.parts] if isinstance(block, Paragraph) else block.items)
    ]


def pdf(document: Document) -> bytes:
    """Set a document with typst: A4, tagged for screen readers (PDF/UA-1), without the network.

    Raises
    ------
    EvidenceError
        It breaks a rule of PDF/UA: a picture without words, a heading that skips a level.
    """
    import typst

    given = asdict(document)
    given["date"] = [document.date.year, document.date.month, document.date.day]
    with tempfile.TemporaryDirectory() as folder:
        for number, block in enumerate(given["blocks"]):
            if "png" in block:
                name = f"{number}.png"
                Path(folder, name).write_bytes(block["png"])
                block["png"], block["wide"] = name, document.blocks[number].wide
            elif "widths" in block:
                block["widths"] = document.blocks[number].letters
        _number_notes(given["blocks"])
        main = Path(folder, "main.typ")
        main.write_bytes(_TEMPLATE.read_bytes())
        try:
            return typst.compile(
                str(main),
                root=folder,
                sys_inputs={"content": json.dumps(given)},
                pdf_standards=PDF_STANDARD,
                ignore_system_fonts=True,
                timestamp=int(_midday(document.date).timestamp()),
            )
        except (typst.TypstError, RuntimeError) as error:
            raise EvidenceError(f"the PDF cannot be set: {error}") from None


def _number_notes(blocks: Sequence[dict[str, Any]]) -> None:
    """Give each note a label; where it stands again, its number is repeated and not its words."""
    labels: dict[str, str] = {}
    for block in blocks:
        for parts in [block.get("parts", ()), *block.get("items", ())]:
            for part in parts:
                if "note" in part and not isinstance(part, str):
                    part["again"] = part["note"] in labels
                    part["label"] = labels.setdefault(part["note"], f"note-{len(labels)}")


def html(document: Document) -> bytes:
    """Write a document as a page: one file, for screens of any width, without the network."""
    notes = dict.fromkeys(p.note for line in _lines(document) for p in line if isinstance(p, Note))
    style = _STYLE.read_text(encoding="utf-8")
    return render("document/page.html", document=document, style=style, notes=[*notes]).encode()


def word(document: Document) -> bytes:
    """Write a document as Word: real headings, repeated header rows, words for each picture."""
    from docx import Document as Word
    from docx.shared import Mm, Pt

    made, notes = Word(), []
    style = made.styles["Normal"]
    style.font.name, style.font.size = "Arial", Pt(11)
    style.paragraph_format.space_after = Pt(6)
    for name in ("Title", "Heading 1", "Heading 2"):
        _plain(made.styles[name])
    for section in made.sections:
        section.page_width, section.page_height = Mm(210), Mm(297)
        section.left_margin = section.right_margin = Mm(22)
        section.top_margin = section.bottom_margin = Mm(20)
        _foot(section.footer.paragraphs[0], document.foot, made.styles["Normal"])
    core = made.core_properties
    core.title, core.author, core.language = document.title, document.author, "en-GB"
    core.created = core.modified = _midday(document.date)
    core.last_modified_by, core.comments = document.author, ""
    if document.band:
        band = made.add_paragraph()
        band.add_run(document.band).bold = True
        band._p.get_or_add_pPr().append(_shade("FFF0CC"))
    made.add_heading(document.title, 0)
    _word_table(made, ["", ""], document.facts, [False, False], [1, 4], header=False)
    for block in document.blocks:
        match block:
            case Heading():
                made.add_heading(block.text, block.level)
            case Paragraph():
                _runs(made.add_paragraph(), block.parts, notes)
            case Items():
                bullets = "List Bullet" if block.kind == "bullets" else "List Number"
                for item in block.items:
                    _runs(made.add_paragraph(style=bullets), item, notes)
            case Table():
                if block.caption:
                    _caption(made, block.caption)
                _word_table(made, block.columns, block.rows, block.right, block.letters)
            case Picture():
                with_words = made.add_paragraph()  # in one paragraph, so that no page parts them
                with_words.paragraph_format.keep_together = True
                words = with_words.add_run(block.caption)
                words.bold = True
                words.add_break()
                with_words.add_run().add_picture(io.BytesIO(block.png), width=Mm(block.wide))
                shape = made.inline_shapes[-1]._inline.docPr
                shape.set("descr", block.alt)
                shape.set("title", block.caption)
    if notes:
        made.add_heading("Where the numbers come from", 1)
        for number, note in enumerate(notes, 1):
            source = made.add_paragraph()
            source.paragraph_format.space_after = Pt(2)
            source.add_run(f"{number}. {note}").font.size = Pt(9)
    written = io.BytesIO()
    made.save(written)
    return _undated(written.getvalue())


def _foot(paragraph: Any, text: str, style: Any) -> None:
    """Write what stands at the foot of each page, with the page and how many there are."""
    from docx.enum.text import WD_TAB_ALIGNMENT
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Mm, Pt

    paragraph.style = style
    paragraph.paragraph_format.tab_stops.add_tab_stop(Mm(_WIDE), WD_TAB_ALIGNMENT.RIGHT)
    for words, field_code in ((f"{text}\tPage ", "PAGE"), (" of ", "NUMPAGES")):
        paragraph.add_run(words).font.size = Pt(8.5)
        run = paragraph.add_run("1")  # until the reader's program counts
        run.font.size = Pt(8.5)
        simple = OxmlElement("w:fldSimple")
        simple.set(qn("w:instr"), field_code)
        run._r.addprevious(simple)
        simple.append(run._r)


def _shade(colour: str) -> Any:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    shade = OxmlElement("w:shd")
    for name, value in (("val", "clear"), ("color", "auto"), ("fill", colour)):
        shade.set(qn(f"w:{name}"), value)
    return shade


def _caption(made: Any, text: str) -> None:
    caption = made.add_paragraph()
    caption.add_run(text).bold = True
    caption.paragraph_format.keep_with_next = True


def _midday(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def _runs(paragraph: Any, parts: Parts, notes: list[str]) -> None:
    for part in parts:
        if isinstance(part, Note):
            if part.note not in notes:
                notes.append(part.note)
            paragraph.add_run(str(notes.index(part.note) + 1)).font.superscript = True
        elif isinstance(part, Sub):
            paragraph.add_run(part.sub).font.subscript = True
        else:
            text = part.strong if isinstance(part, Strong) else part
            paragraph.add_run(text).bold = isinstance(part, Strong)


def _plain(style: Any) -> None:
    from docx.oxml.ns import qn
    from docx.shared import RGBColor

    style.font.name, style.font.color.rgb = "Arial", RGBColor(0x0B, 0x0C, 0x0C)
    fonts = style.element.rPr.rFonts
    for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{theme}"), None)


def _word_table(
    made: Any,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[bool],
    widths: Sequence[float],
    *,
    header: bool = True,
) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Mm, Pt

    table = made.add_table(rows=0, cols=len(columns), style="Table Grid" if header else None)
    table.autofit = False
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Mm(_WIDE * width / sum(widths))
    for number, row in enumerate([columns, *rows] if header else rows):
        cells = table.add_row().cells
        for cell, text, end, width in zip(cells, row, right, widths, strict=True):
            cell.width = Mm(_WIDE * width / sum(widths))
            paragraph = cell.paragraphs[0]
            if header and number == 0:
                cell._tc.get_or_add_tcPr().append(_shade("F3F2F1"))
            run = paragraph.add_run(text)
            run.font.size = Pt((9.5 if len(columns) < _MANY else 8) if header else 11)
            run.bold = (header and number == 0) or (not header and cell is cells[0])
            paragraph.paragraph_format.space_after = Pt(1)
            paragraph.paragraph_format.keep_with_next = number < len(rows) <= _TOGETHER
            if end:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    for number, row in enumerate(table.rows):
        properties = row._tr.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        if header and number == 0:
            repeated = OxmlElement("w:tblHeader")
            repeated.set(qn("w:val"), "true")
            properties.append(repeated)
    after = made.add_paragraph().paragraph_format  # tables that touch would become one
    after.space_after, after.line_spacing = Pt(0), Pt(8)


def _undated(archive: bytes) -> bytes:
    """Return a zip file again, without the time at which it was made."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, old.read(name))
    return out.getvalue()
