"""What claims of reports lack: each of the six things, in each manner of writing, and no more."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
from conftest import ROOT
from typer.testing import CliRunner

from evidence.cli import app
from evidence.data.formats.documents import CELL, Passage
from evidence.release.claims.check import COLUMNS, check
from evidence.release.claims.sentences import sentences

THINGS = {
    "d": "denominator",
    "c": "comparison",
    "i": "interval",
    "s": "selection",
    "p": "period",
    "o": "source",
}
SETS = ("develop", "held", "fresh", "last", "plain", "final", "close", "new", "unseen", "stranger")


def paragraphs(*sets):
    """Return kind and marked sentences of each paragraph of these sets."""
    text = Path(__file__).with_name("paragraphs.txt").read_text(encoding="utf-8")
    for block in re.split(r"\n\s*\n", text):
        first, *rest = [line for line in block.splitlines() if not line.startswith("#")] or [""]
        name, _, kind = first.partition(" ")
        if name in sets:
            lines = [line.split(" | ", 1) for line in rest]
            yield kind, [({THINGS[x] for x in marks.strip("-")}, said) for marks, said in lines]


def lacking(text):
    """Return what each sentence of a paragraph lacks, by its number."""
    table = check([Passage(1, text)]).table
    return {int(n): {*rows["missing"]} for n, rows in table.groupby("sentence")}


def lacks(text):
    """Return what the sentences of a paragraph lack together."""
    return set().union(*lacking(text).values())


def table_of(*rows, before=(), after=()):
    header, *rest = [CELL.join(map(str, row)) for row in rows]
    body = [Passage(1, header, "row"), *(Passage(1, row, "row", header) for row in rest)]
    return check([*before, *body, *after]).table


@pytest.mark.parametrize(
    ("name", "least"), [*((name, (0.95, 0.95)) for name in SETS), ("other", (0.95, 0.89))]
)
def test_what_is_missing_is_named_and_little_else(name, least):
    counts, wrong = Counter(), []
    for kind, lines in paragraphs(name):
        found = lacking(" ".join(said for _, said in lines))
        for number, (truth, said) in enumerate(lines, 1):
            got = found.get(number, set())
            counts.update(right=len(got & truth), more=len(got - truth), less=len(truth - got))
            wrong += [(kind, said, got ^ truth)] if got != truth else []
    assert counts["right"] > 60
    assert counts["right"] / (counts["right"] + counts["more"]) >= least[0], wrong
    assert counts["right"] / (counts["right"] + counts["less"]) >= least[1], wrong


@pytest.mark.parametrize("name", [*SETS, "other"])
def test_sentences_are_split_as_they_were_written(name):
    for _, lines in paragraphs(name):
        said = [text for _, text in lines]
        assert [text for _, text in sentences(Passage(1, " ".join(said)))] == said


def test_sentences_are_not_split_at_abbreviations_initials_and_decimals():
    text = (
        "Cllr. J. Smith of St. Mary's (cf. para. 3.2) spoke, e.g. on no. 7.\fThe rate was 3.5. "
        "“It fell.” Dr. A. B. Jones agreed. See p. 4. 12 schools rose."
    )
    assert [*sentences(Passage(3, text))] == [
        (3, "Cllr. J. Smith of St. Mary's (cf. para. 3.2) spoke, e.g. on no. 7."),
        (4, "The rate was 3.5."),
        (4, "“It fell.”"),
        (4, "Dr. A. B. Jones agreed."),
        (4, "See p. 4."),
        (4, "12 schools rose."),
    ]


# the kinds of claim that council reports have made, in the order of the catalogue of methods
@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("The maths project closed the gap to similar pupils nationally by 4.2%.", "dispo"),
        ("Project schools gained 7.0% against 3.4% year on year.", "dcispo"),
        ("Booster schools showed greater improvement yet remain a long way behind.", "dcispo"),
        ("Combined results rose from 62% to 69%, double the national rate.", "dipo"),
        ("Seven schools improved from 11% to 40% in one year.", "dcispo"),
        ("The dip of 1% in 2018 was not statistically significant.", "dcio"),
        ("Progress in reading was +0.2 and is in the top 10% nationally.", "dipo"),
        ("The city is ranked 115th and in band D.", "dipo"),
        ("Results are in line with key statistical neighbours.", "dipo"),
        ("Below the floor at KS2 were 2% of schools, and 17.1% were coasting.", "dcipo"),
        ("62% responded, of whom 96% report improvement.", "dispo"),
        ("Of the 22 schools inspected, three went up and five went down.", "cispo"),
        ("Outstanding schools fell from 32% to 29.4%.", "dcipo"),
        ("59% of plans are in time, which is forecast to rise to 90% by November.", "dio"),
        ("89.4% of primary schools took part in at least one project.", "dspo"),
        ("Four schools moved from category 3 to category 2.", "dcispo"),
        ("At Park Primary School phonics went from 56 to 65.2.", "dcispo"),
        ("Teaching that is good rose from 60% to 90% since the project began.", "dcispo"),
        ("The majority of measures improved.", "dcispo"),
        ("Fixed-term exclusions stand at 10.8%, rank 128.", "dipo"),
        ("The fund of £1.2m was good value for money.", "dcipo"),
    ],
)
def test_each_kind_of_claim_lacks_what_the_catalogue_asks_for(text, missing):
    assert lacks(text) == {THINGS[letter] for letter in missing}


@pytest.mark.parametrize("thing", THINGS.values())
def test_a_claim_lacks_only_what_was_taken_from_it(thing):
    parts = {
        "denominator": " of 1,640 pupils",
        "comparison": ", more than in schools that did not take part",
        "interval": " (95% confidence interval 0.4 to 3.2)",
        "selection": " The schools were chosen at random.",
        "period": " between 2017 and 2018",
        "source": " (source: evaluation report)",
    }
    said = {name: "" if name == thing else part for name, part in parts.items()}
    text = (
        f"In the project the scores{said['denominator']} rose by 1.8 points{said['period']}"
        f"{said['comparison']}{said['interval']}{said['source']}.{said['selection']}"
    )
    assert lacks(text) == {thing}


def test_a_sound_paper_passes():
    paper = [
        Passage(1, "Results of 2019", "heading"),
        Passage(
            1,
            "Of 3,310 pupils 66.2% reached the expected standard, compared with 64.9% in England. "
            "The 95% interval is 64.6% to 67.8%. Source: DfE, key stage 2, revised.",
        ),
        Passage(2, "Table 2: Key stage 2 in 2019, percentages"),
        Passage(2, "Subject | Pupils | Reached | 95% interval | England", "row"),
        *(
            Passage(2, row, "row", "Subject | Pupils | Reached | 95% interval | England")
            for row in (
                "Reading | 3,310 | 75 | 73.5 to 76.5 | 73",
                "Maths | 3,310 | 79 | 77 to 80 | 79",
            )
        ),
        Passage(2, "Source: DfE, key stage 2 attainment, revised."),
        Passage(3, "Meeting of 4 March 2019, Room 3, 14 High Street; call 01522 555123."),
    ]
    found = check(paper)
    assert found.table.empty
    assert found.claims == 3
    assert found.sentence() == "3 claims on 3 pages, 0 of which lack something"


@pytest.mark.slow
def test_every_finding_has_its_reason_its_question_and_its_words():
    table = check([Passage(4, said) for _, lines in paragraphs(*SETS) for _, said in lines]).table
    assert [*table] == [*COLUMNS]
    assert table["why"].str.fullmatch(r"[A-Z].*\.").all()
    assert table["ask"].str.endswith("?").all()
    assert table["words"].str.len().gt(0).all()
    assert set(table["missing"]) == {*THINGS.values()}


def test_a_row_of_a_table_is_a_claim_and_its_columns_say_what_is_there():
    header = ("Measure", "2017", "2018", "Change")
    row = ("KS2 reading, writing and maths", "62", "69", "+7")
    assert {*table_of(header, row)["missing"]} == {
        "denominator",
        "comparison",
        "interval",
        "source",
    }
    more = table_of((*header, "England", "Pupils", "95% CI"), (*row, "64", "3,310", "4.7 to 9.3"))
    assert {*more["missing"]} == {"source"}
    note = table_of(header, row, after=[Passage(1, "Source: DfE, for 3,310 pupils.")])
    assert {*note["missing"]} == {"comparison", "interval"}
    assert table_of(("Item", "Page"), ("Attendance results", "12")).empty
    assert table_of(("Action", "By"), ("Publish attainment data", "4/3/2019")).empty


def test_a_list_takes_from_its_lead_what_it_says_for_all_items():
    lead = "In 2018, compared with England and according to the DfE:"
    items = [Passage(1, "Reading rose to 75%", "item"), Passage(1, "Writing fell", "item")]
    table = check([Passage(1, lead), *items]).table
    assert {*table["missing"]} == {"denominator", "interval"}
    assert len(table) == 4


def test_the_claims_of_the_five_reports_are_found(shared):
    said = []
    with (shared / "facts/programmes-in-the-reports.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            if claim := row["printed_claim"]:
                said.append(f"{row['programme']} programme: {claim}.")
    silent = [text for text in said if not lacks(text)]
    assert len(said) == 16
    assert silent == []


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("leeds-2017-comparator-cities", {"interval"}),  # ranks "among about 150", of cities
        ("lewisham-2019-outcomes", {"denominator", "comparison", "interval"}),  # England in some
        ("lewisham-2019-categories", {"denominator", "interval"}),
    ],
)
def test_every_number_of_the_tables_of_the_reports_is_asked_about(shared, name, missing):
    lines = (shared / f"facts/{name}.csv").read_text(encoding="utf-8").splitlines()
    caption = Passage(1, f"Table 1: {lines[0].strip('# ')} Ofsted, DfE")
    rows = [*csv.reader(lines[1:])]
    table = table_of(*rows, before=[caption])
    table = table[table["words"].isin([row[0] for row in rows])]
    assert table["sentence"].nunique() == len(rows) - 1
    assert {*table["missing"]} == missing


def test_the_inspections_of_a_report_are_counted_and_asked_about(shared):
    text = (shared / "facts/lewisham-2019-inspections.csv").read_text(encoding="utf-8")
    rows = [*csv.reader(line for line in text.splitlines() if not line.startswith("#"))][1:]
    order = ["SM", "RI", "Gd", "OS"]
    up = sum(order.index(row[2]) > order.index(row[1]) for row in rows)
    down = sum(order.index(row[2]) < order.index(row[1]) for row in rows)
    claim = (
        f"Of the {len(rows)} inspections {up} went up and {down} went down, an upward trajectory."
    )
    assert lacks(claim) == {"comparison", "interval", "selection", "period", "source"}


def test_the_command_prints_a_checklist_and_writes_its_table(tmp_path):
    report, out = tmp_path / "report.txt", tmp_path / "list.csv"
    report.write_text(
        "Attendance improved significantly. Lunch is at 12.\f\nReading rose to 75%.\n"
    )
    result = CliRunner().invoke(app, ["check-report", str(report), "--csv", str(out)])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80 + len(str(out))
    assert lines[0] == "page 1, sentence 1: change, significance"
    assert "page 2, sentence 3: change" in lines
    assert "  - no source: Which published table, return or study is it from?" in lines
    with out.open(encoding="utf-8-sig") as rows:
        assert [row["page"] for row in csv.DictReader(rows)] == ["1"] * 5 + ["2"] * 5


def test_what_cannot_be_read_is_said_in_a_line(tmp_path):
    result = CliRunner().invoke(app, ["check-report", str(tmp_path / "none.docx")])
    assert result.exit_code == 1
    assert (
        str(result.exception)
        == f"{tmp_path / 'none.docx'}: cannot be read: No such file or directory"
    )


def test_long_text_without_full_stops_takes_no_time():
    assert check([Passage(1, "attendance rose by 5 of the " * 200)]).claims == 6


def test_the_example_of_the_docs_prints_what_it_says(capsys):
    text = (ROOT / "docs/checking_reports.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    exec(code, {})
    assert capsys.readouterr().out.strip() == re.search(r"# (1 claim.*)", code)[1]


CLAIM = (
    "Results rose by 4 points compared with similar schools, of 1,640 pupils (95% interval 1 to 7)"
)


@pytest.mark.parametrize("mark", ["1", "[1]"])
@pytest.mark.parametrize("note", ["1. {}", "1 {}", "[1] {}", "1{}"])
def test_what_a_footnote_says_is_not_missing(mark, note):
    said = "Evaluation report of the council, summer 2019."
    passages = [Passage(1, f"{CLAIM}.{mark}"), Passage(1, note.format(said))]
    assert check(passages).table.empty
    other = [passages[0], Passage(1, note.format(said).replace("1", "2", 1))]
    known = {"source"} if mark == "[1]" else set()  # so references to a list of sources are set
    assert {*check(other).table["missing"]} == {"period", "source"} - known


def test_what_a_section_says_of_its_figures_holds_in_it_alone():
    said = Passage(1, "All figures are of 2019, from the performance tables.")
    here = [Passage(1, "Reading", "heading"), said, Passage(1, f"{CLAIM}.")]
    assert check(here).table.empty
    elsewhere = [*here[:2], Passage(1, "Maths", "heading"), here[2]]
    assert {*check(elsewhere).table["missing"]} == {"period", "source"}
    whole = Passage(1, "All figures in this report are of 2019, from the performance tables.")
    assert check([whole, *elsewhere[2:]]).table.empty


def test_a_claim_about_figures_is_no_statement_of_their_source():
    rows = check([Passage(1, "The results published in 2019 are good."), Passage(1, f"{CLAIM}.")])
    assert "source" in set(rows.table.loc[rows.table["text"] == f"{CLAIM}.", "missing"])
