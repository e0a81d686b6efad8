import io
import itertools

import docx
import pypdf
import pytest
from typer.testing import CliRunner

from evidence.cli import app
from evidence.data.formats.documents import passages
from evidence.errors import EvidenceError
from evidence.release.claims.check import check
from evidence.release.paper import paper as papers
from evidence.release.store import reader
from evidence.show import document, tables
from evidence.show.document import Paragraph, Table


def texts(**given):
    return dict.fromkeys(papers.ENTERED, "") | given


def refused(county, **given):
    with pytest.raises(EvidenceError) as error:
        papers.paper(county, texts(**given))
    return str(error.value)


def test_every_result_is_that_of_the_release(county):
    rows = tables.summary(reader.effects(county), reader.release(county)["programmes"])
    tables_of = [b for b in papers.paper(county).blocks if isinstance(b, Table)]
    (table,) = (b for b in tables_of if b.caption.startswith("Each cohort"))
    assert len(table.rows) == len(rows)
    for cells, row in zip(table.rows, rows.to_dict("records"), strict=True):
        size, span = tables.result(row, spoken=True)
        assert cells[3] == f"{size} ({span.removesuffix(' months')})"
        assert row["title"] in cells[0]


def test_texts_hold_results_by_their_key_and_never_by_hand(county):
    rows = tables.summary(reader.effects(county), reader.release(county)["programmes"])
    lamp = rows[rows["programme"] == "lamp"].iloc[0].to_dict()
    size, span = tables.result(lamp, spoken=True)
    own = texts(background="LAMP: {lamp.2018.result} ({lamp.2018.range}), {lamp.2018.schools}.")
    said = [b.parts[0] for b in papers.paper(county, own).blocks if isinstance(b, Paragraph)]
    assert f"LAMP: {size} ({span}), 20 schools." in said
    assert refused(county, background="LAMP closed 4.2% of the gap.") == (
        "background: '4.2%' is written by hand; put the key of a result in its place, such as "
        "{lamp.2018.result}"
    )
    faults = refused(county, risks="{lamp.2018.resuls}", recommendations="Gain 3 months")
    assert faults.startswith("2 faults: (1) ")
    assert "did you mean 'lamp.2018.result'?" in faults
    assert "recommendations: '3 months' is written by hand" in faults


@pytest.mark.slow
def test_money_and_law_may_hold_numbers(county):
    papers.paper(county, texts(finance="A rise of 3% on £20,000.", legal="Section 149, 2010."))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('subjct = "a"', "no 'subjct' in a paper; did you mean 'subject'?"),
        ("subject = 3", "subject: give text in quotation marks"),
        ('date = "22/1/27"', "date: is '22/1/27'; give a date such as 2027-01-22"),
        ("subject = ", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_meant_is_a_line(tmp_path, text, fault):
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(EvidenceError) as error:
        papers.entered(tmp_path / "p.toml")
    assert fault in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_both_files_are_the_same_every_time_and_can_be_read_by_everybody(county):
    made = papers.paper(county, texts(subject="Autumn paper", date="2027-01-22"))
    pdf, word = document.pdf(made), document.word(made)
    assert (document.pdf(made), document.word(made)) == (pdf, word)
    pages = pypdf.PdfReader(io.BytesIO(pdf))
    assert 4 <= len(pages.pages) <= 8
    assert pages.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert pages.trailer["/Root"]["/Lang"] == "en-GB"
    read = " ".join(" ".join(page.extract_text() for page in pages.pages).split())
    office = docx.Document(io.BytesIO(word))
    levels = [
        int(p.style.name[-1]) for p in office.paragraphs if p.style.name.startswith("Heading")
    ]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all("w:tblHeader" in table._tbl.xml for table in office.tables[1:])
    assert office.inline_shapes[0]._inline.docPr.get("descr")
    for text in ("Autumn paper", "22 January 2027", "Project STAR"):
        assert text in read
    assert document.reading_age(made) < 16


def test_reading_age_knows_short_words_from_long_ones():
    def age(text):
        return document.reading_age(
            document.Document("t", "a", papers.date(2027, 1, 1), [], [Paragraph([text])])
        )

    hard = "Heterogeneous implementation considerably complicates comparative interpretation."
    assert age("The cat sat on the mat. The dog ran off.") < 6 < 20 < age(hard)


def test_the_command_writes_both_and_a_file_to_fill_in(county, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    assert run(app, ["paper", "own.toml", "--blank"]).exit_code == 0
    again = run(app, ["paper", "own.toml", "--blank"])
    assert again.exit_code == 1
    assert papers.entered("own.toml") == texts()
    done = run(app, ["paper", "own.toml", "--published", str(county)])
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "papers").iterdir()} == {"paper.pdf", "paper.docx"}


@pytest.mark.parametrize(
    "write", [document.word, pytest.param(document.pdf, marks=pytest.mark.slow)]
)
def test_our_own_paper_lacks_nothing_that_a_reviewer_asks_of_others(county, tmp_path, write):
    file = tmp_path / "paper"
    file.write_bytes(write(papers.paper(county)))
    found = check(passages(file))
    assert found.claims > 20
    assert found.table.empty, list(found.lines())
