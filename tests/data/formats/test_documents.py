"""Reports as passages: pages, lists and tables of Word, PDF and text; what cannot be read."""

import io
import zipfile

import docx
import numpy as np
import pypdf
import pytest
import typst
from docx.enum.text import WD_BREAK
from docx.oxml import OxmlElement
from matplotlib import rc_context
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from evidence.data.formats import tables
from evidence.data.formats.documents import Passage, passages
from evidence.errors import EvidenceError

PROSE = (
    "Members asked how many of the pupils who joined the school late had been counted in the\n"
    "figures, and the officer promised to find out before the next meeting of the committee."
)


def said(path):
    return [(one.page, one.kind, one.text) for one in passages(path)]


@pytest.fixture
def word(tmp_path):
    document = docx.Document()
    document.add_heading("Results", 1)
    paragraph = document.add_paragraph("Reading rose. ")
    paragraph.add_run().add_break(WD_BREAK.PAGE)
    turned = paragraph.add_run("Maths fell.")
    turned._r.insert(0, OxmlElement("w:lastRenderedPageBreak"))  # as Word notes it beside the break
    document.add_paragraph("Writing stayed.", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ["Measure", "2018", "Phonics", "64%"], strict=True):
        cell.text = text
    last = document.add_paragraph("The end.")
    last.paragraph_format.page_break_before = True
    document.save(tmp_path / "report.docx")
    return tmp_path / "report.docx"


def printed(path, *pages):
    with rc_context({"pdf.fonttype": 42}), PdfPages(path) as pdf:
        for text in pages:
            figure = Figure(figsize=(8.3, 11.7))
            figure.text(0.1, 0.9, text, family="monospace", size=8, va="top")
            pdf.savefig(figure)
    return path


def test_word_is_read_with_its_pages_lists_and_tables(word):
    assert passages(word) == [
        Passage(1, "Results", "heading"),
        Passage(1, "Reading rose. \fMaths fell."),
        Passage(2, "Writing stayed.", "item"),
        Passage(2, "Measure | 2018", "row"),
        Passage(2, "Phonics | 64%", "row", "Measure | 2018"),
        Passage(3, "The end."),
    ]


def test_word_reads_text_boxes_inserted_text_and_notes_once_and_no_deleted_text(word, tmp_path):
    with zipfile.ZipFile(word) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    box = (
        '<w:p xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><w:ins><w:r>'
        "<w:t>Added. </w:t></w:r></w:ins><w:del><w:r><w:delText>Gone.</w:delText></w:r>"
        "</w:del><w:r>"
        "<mc:AlternateContent><mc:Choice Requires='wps'><w:txbxContent><w:p><w:r><w:t>In a box."
        "</w:t></w:r></w:p></w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r><w:t>"
        "In a box.</w:t></w:r></w:p></w:txbxContent></mc:Fallback></mc:AlternateContent></w:r>"
        '<w:r><w:t>Noted</w:t><w:footnoteReference w:id="2"/><w:t>.</w:t></w:r></w:p>'
    )
    parts["word/document.xml"] = parts["word/document.xml"].replace(
        b"<w:body>", b"<w:body>" + box.encode()
    )
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    parts["word/footnotes.xml"] = (
        f'<w:footnotes xmlns:w="{space}"><w:footnote w:id="2"><w:p><w:r><w:t>Source: DfE</w:t>'
        "</w:r></w:p></w:footnote></w:footnotes>"
    ).encode()
    parts["word/_rels/document.xml.rels"] = parts["word/_rels/document.xml.rels"].replace(
        b"</Relationships>",
        b'<Relationship Id="rId99" Target="footnotes.xml" Type="http://schemas.openxmlformats.org/'
        b'officeDocument/2006/relationships/footnotes"/></Relationships>',
    )
    path = tmp_path / "boxes.docx"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert said(path)[:3] == [
        (1, "text", "Added. Noted (Source: DfE)."),
        (1, "text", "In a box."),
        (1, "heading", "Results"),
    ]


def test_pdf_is_read_with_its_pages_wrapped_lines_and_tables(tmp_path):
    table = "Measure                 2017    2018\nKS2 reading, maths        62      69"
    first, second, third = (PROSE.replace("the ", f"the {who} ") for who in ("new", "old", "six"))
    pages = [
        f"County report\n\n{first}\n\n{table}\n\nPage 1 of 3",
        f"County report\n\nThe gap narrowed by 4%.\n\n{second}\n\nPage 2 of 3",
        f"County report\n\n{third}\n\nPage 3 of 3",
    ]
    assert said(printed(tmp_path / "report.pdf", *pages)) == [
        (1, "text", " ".join(first.split())),
        (1, "row", "Measure | 2017 | 2018"),
        (1, "row", "KS2 reading, maths | 62 | 69"),
        (2, "text", "The gap narrowed by 4%."),
        (2, "text", " ".join(second.split())),
        (3, "text", " ".join(third.split())),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_read_in_any_encoding(tmp_path, encoding):
    items = "• Reading rose\n  by 2 points\n• Writing fell"
    text = f"Results – Part 1\n\n{PROSE}\n\n{items}\n\n\f{PROSE}\n"
    (tmp_path / "report.txt").write_text(text, encoding=encoding)
    prose = " ".join(PROSE.split())
    assert said(tmp_path / "report.txt") == [
        (1, "heading", "Results – Part 1"),
        (1, "text", prose),
        (1, "item", "• Reading rose by 2 points"),
        (1, "item", "• Writing fell"),
        (2, "text", prose),
    ]


TAGGED = """#set page(height: 6cm)
= Results
Phonics rose in the schools of the county.#footnote[Of 120 pupils.] Maths fell.
#table(columns: (3cm, 2cm), table.header[Measure of pupils in Year 1][In 2018],
  [Reading at the expected standard or above], [64%], [Writing], [], [Maths], [70%])
- One item that is so long that it is wrapped onto a second line of the page that it is printed on
#pagebreak()
The end.
"""


def test_a_tagged_pdf_is_read_by_its_tags_wrapped_cells_included(tmp_path):
    path = tmp_path / "report.pdf"
    path.write_bytes(typst.compile(TAGGED.encode()))
    found = passages(path)
    assert [(one.kind, one.text) for one in found] == [
        ("heading", "Results"),
        ("text", "Phonics rose in the schools of the county (Of 120 pupils.). Maths fell."),
        ("row", "Measure of pupils in Year 1 | In 2018"),
        ("row", "Reading at the expected standard or above | 64%"),
        ("text", "Writing"),
        ("row", "Maths | 70%"),
        ("item", TAGGED.split("- ")[1].split("\n")[0]),
        ("text", "The end."),
    ]
    assert {one.header for one in found if one.kind == "row"} == {"", found[2].text}
    assert (found[0].page, found[-1].page) == (1, len(pypdf.PdfReader(path).pages))


def test_tags_that_hold_too_little_of_the_text_are_not_used(tmp_path):
    path = tmp_path / "report.pdf"
    path.write_bytes(typst.compile(TAGGED.encode()))
    pdf = pypdf.PdfWriter(clone_from=path)
    document = pdf.root_object["/StructTreeRoot"]["/K"][0].get_object()
    del document["/K"][1:]  # all but the heading
    path.write_bytes(_bytes(pdf))
    assert "The end." in [one.text for one in passages(path)]


def _bytes(pdf):
    stream = io.BytesIO()
    pdf.write(stream)
    return stream.getvalue()


def _blank(password=None):
    pdf = pypdf.PdfWriter()
    pdf.add_blank_page(100, 100)
    if password is not None:
        pdf.encrypt(password, algorithm="RC4-128")
    return _bytes(pdf)


def _archive(**files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no text; give a docx, a pdf or plain text with words"),
        (b" \n\n ", "has no text; give a docx, a pdf or plain text with words"),
        (b"\x89PNG\0\0", "not a text file; give a docx, a pdf or plain text"),
        (b"\xd0\xcf\x11\xe0old", "an older Word document, or one with a password; save it as docx"),
        (b"{\\rtf1 x}", "an older Word document, or one with a password; save it as docx"),
        (b"PK\x03\x04cut", "no Word document, or a damaged one; save it as docx again"),
        (_archive(a="b"), "no Word document, or a damaged one; save it as docx again"),
        (_archive(**{"[Content_Types].xml": "<x"}), "no Word document, or a damaged one"),
        (b"%PDF-1.7 cut", "a damaged PDF; save or print it as PDF again"),
        (_blank(), "a scan without text; have its text recognised first"),
        (_blank("secret"), "has a password; save a copy without one"),
    ],
)
def test_what_is_no_report_is_said_in_a_line(tmp_path, content, said):
    (tmp_path / "report").write_bytes(content)
    with pytest.raises(EvidenceError) as error:
        passages(tmp_path / "report")
    assert str(error.value).startswith(f"{tmp_path / 'report'}: {said}")
    assert "\n" not in str(error.value)


def test_a_file_that_unpacks_to_too_much_is_refused(word, monkeypatch):
    monkeypatch.setattr(tables, "_PLAIN_BYTES", 1000)
    monkeypatch.setattr(tables, "_MOST_TIMES", 2)
    with pytest.raises(EvidenceError, match=r"unpacks to more than [\d,]+ bytes; split it$"):
        passages(word)


def test_a_pdf_locked_by_its_owner_only_can_be_read(tmp_path):
    path = printed(tmp_path / "report.pdf", PROSE)
    pdf = pypdf.PdfWriter(clone_from=path)
    pdf.encrypt("", owner_password="owner", algorithm="RC4-128")
    path.write_bytes(_bytes(pdf))
    assert said(path) == [(1, "text", " ".join(PROSE.split()))]


@pytest.mark.parametrize("make", ["word", pytest.param("pdf", marks=pytest.mark.slow)])
def test_harmed_files_are_read_or_refused_in_a_line(request, tmp_path, make, rng):
    whole = request.getfixturevalue("word") if make == "word" else printed(tmp_path / "a", PROSE)
    content = whole.read_bytes()
    for part in range(1, 12):
        harmed = np.frombuffer(content, dtype=np.uint8).copy()
        harmed[rng.integers(len(content), size=3 * part)] = rng.integers(256, size=3 * part)
        for cut in (content[: len(content) * part // 12], harmed.tobytes()):
            (tmp_path / "cut").write_bytes(cut)
            error = ""
            try:
                passages(tmp_path / "cut")
            except EvidenceError as refusal:
                error = str(refusal)
            assert "\n" not in error
