"""A document as Word and as a page: widths, notes, letters below the line, pictures."""

import io
import struct
import zlib
from datetime import date

import docx
import pypdf
import pytest

from evidence.show import document
from evidence.show.document import Document, Items, Note, Paragraph, Picture, Strong, Sub, Table


def made(*blocks):
    """Return a document of some blocks."""
    return Document("A & B", "An author", date(2027, 9, 1), [("Date", "today")], blocks, "Foot")


def png(wide, high):
    """Return a white picture of so many pixels."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", wide, high, 1, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\xff" * ((wide + 7) // 8)) * high)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_no_word_of_a_table_is_cut_where_a_line_has_room():
    names = ["Programme", "Disadvantaged pupils", "Strength", "Schools", "Pupils"]
    row = ["Project STAR: small classes", "not reported", "3 of 5, moderate", "79", "3,740"]
    table = Table("", names, [row], [False] * 5, [8, 1, 1, 1, 1])
    least = [9 + 3, 13 + 3, 8 + 3, 7 + 3, 6 + 3]
    assert all(wide >= word for wide, word in zip(table.letters, least, strict=True))
    assert sum(table.letters) == pytest.approx(98)
    assert table.letters[0] == pytest.approx(
        98 - sum(least[1:])
    )  # the first column gave what the others lacked
    enough = Table("", ["a", "b"], [["1", "2"]], [True, True], [1, 3])
    assert enough.letters == [24.5, 73.5]  # as asked
    crowded = Table("", ["x" * 60] * 2, [], [False] * 2, [1, 1])
    assert crowded.letters == [63, 63]  # no room: shared alike
    office = docx.Document(io.BytesIO(document.word(made(table))))
    widths = [cell.width.mm for cell in office.tables[1].rows[0].cells]
    assert [round(each, 1) for each in widths] == [round(166 * w / 98, 1) for w in table.letters]


def test_notes_and_letters_below_the_line_are_in_every_kind_of_file():
    note = Note("Source: release 1 <b>")
    blocks = [Paragraph([Strong("y"), Sub("ij"), " = 1", note]), Items([["one", note]], "numbers")]
    page = document.html(made(*blocks)).decode()
    assert "<strong>y</strong><sub>ij</sub> = 1" in page
    assert page.count('<sup><a href="#note-1">1</a></sup>') == 2
    assert page.count("<ol>") == 2
    assert '<li id="note-1">Source: release 1 &lt;b&gt;</li>' in page
    assert "<title>A &amp; B</title>" in page
    runs = docx.Document(io.BytesIO(document.word(made(*blocks)))).paragraphs[2].runs
    told = [(r.text, bool(r.bold), bool(r.font.subscript), bool(r.font.superscript)) for r in runs]
    assert told == [
        ("y", True, False, False), ("ij", False, True, False), (" = 1", False, False, False),
        ("1", False, False, True),
    ]  # fmt: skip
    assert blocks[0]._repr_html_() == "<p><strong>y</strong><sub>ij</sub> = 1</p>"


def test_a_picture_is_as_wide_as_its_height_lets_it_be():
    flat, tall = (Picture("Caption", "Words", png(*size)) for size in ((400, 100), (100, 200)))
    assert (flat.wide, tall.wide) == (160, 58)
    page = document.html(made(tall)).decode()
    assert '<figcaption>Caption</figcaption><img width="232" src="data:image/png;base64,' in page
    assert ' alt="Words">' in page
    shapes = docx.Document(io.BytesIO(document.word(made(flat, tall)))).inline_shapes
    assert [round(each.width.mm) for each in shapes] == [160, 58]


def test_text_is_set_in_twelve_points_and_nothing_smaller_than_nine():
    """As councils ask of what they publish; Word's letters are a sans serif, which is larger."""
    blocks = [
        Paragraph(["Said so.", Note("Where from.")]),
        Table("T", ["A"], [["b"]], [False], [1]),
    ]
    both = made(*blocks)
    sizes = {}

    def seen(text, _, matrix, font, size):
        if text.strip():
            sizes[text.strip()] = round(size * matrix[0], 1)

    page = pypdf.PdfReader(io.BytesIO(document.pdf(both))).pages[0]
    page.extract_text(visitor_text=seen)
    assert (sizes["Said so."], sizes["today"]) == (12, 12)
    assert (sizes["b"], sizes["Where from."]) == (10, 9)
    assert min(sizes.values()) == 9
    word = docx.Document(io.BytesIO(document.word(both)))
    assert word.styles["Normal"].font.size.pt == 11


def test_a_note_that_stands_again_repeats_its_number_and_not_its_words():
    blocks = [Paragraph(["One", Note("Where from.")]), Items([["Two", Note("Elsewhere.")],
              ["Three", Note("Where from.")]])]  # fmt: skip
    page = pypdf.PdfReader(io.BytesIO(document.pdf(made(*blocks)))).pages[0]
    text = " ".join(page.extract_text().split())
    assert text.count("Where from.") == text.count("Elsewhere.") == 1
    assert "One1" in text
    assert "Three1" in text
