"""A plan's study: its documents, its allocation, what a changed byte does."""

import hashlib
import html
import io
import re
import shutil
import subprocess
import sys
from collections import Counter
from datetime import date

import openpyxl
import pandas as pd
import pypdf
import pytest
from docx import Document as Word
from typer.testing import CliRunner

import evidence as ev
from evidence import cli
from evidence.errors import EvidenceError
from evidence.show import document
from evidence.show.document import Heading, Strong, Table

from .protocols import protocol, write

_FILES = (1, 2, 3)  # roster, record and allocation; the protocol is the first
ORDER = {
    "protocol": "Rationale, Intervention, Research question, Design, Participants, Randomisation, "
    "Sample size, Outcome measures, Compliance, Analysis, Implementation and process evaluation, "
    "Cost evaluation, Ethics and registration, Data protection, Personnel, Risks, Timeline, "
    "References",
    "analysis_plan": "Design overview, Sample size, Primary analysis, Secondary analyses, Subgroup "
    "analyses, Further analyses, Imbalance at baseline, Missing data, Compliance, Intraclass "
    "correlations, Effect size, Changes since the protocol, References",
    "report": "Executive summary, Introduction, Methods, Sample size, Participants, Outcomes and "
    "analysis, Implementation and process evaluation, Cost, Conclusion, Limitations, References, "
    "Appendices",
}


def test_the_plan_says_what_it_could_find():
    plan = ev.Plan.read(protocol())
    least = ev.planning.mdes(design="CRA2", n=12, J=24, rho2=0.12, r2_1=0.5, r2_2=0.5)
    assert plan.mdes == least
    said = plan.answer().parts
    assert said[2] == "That is too little to find the smallest effect worth having, 0.2 SD."
    assert plan.with_(sample={"J": 240}).answer().parts[2].startswith("That is enough")
    assert plan.with_(sample={"J": 240}).protocol.sample["n"] == 12  # only what is named
    sections = plan.report().sections
    assert [s.title for s in sections] == [
        "What is planned?", "What could it find?", "What is still open?",
    ]  # fmt: skip
    assert "ethics.approval" in plan.open
    assert "implementation.found" not in plan.open  # it is found after the trial
    assert "analysis.cluster" not in plan.open


def test_documents_have_the_order_of_the_templates():
    made = ev.Plan.read(protocol()).documents()
    for name, order in ORDER.items():
        titles = [block.text for block in made[name].blocks if isinstance(block, Heading)]
        assert ", ".join(titles) == order


def test_the_report_compares_the_two_arms_that_are_asked_about():
    arms = {"together": 1, "online": 1, "usual": 1}
    for control, against in (("", "usual"), ("online", "online")):
        plan = ev.Plan.read(protocol(design={"arms": arms, "control": control}))
        tables = {b.caption: b for b in plan.documents()["report"].blocks if isinstance(b, Table)}
        assert [*tables["Attrition"].columns] == ["Pupils", "together", against]
        assert plan.protocol.trial()["control"] == against


def test_what_is_entered_is_in_the_documents_and_what_is_not_is_marked():
    def of(part, **changes):
        blocks = ev.Plan.read(protocol(**changes)).documents()["protocol"].blocks
        titles = [getattr(block, "text", "") for block in blocks]
        return [*blocks[titles.index(part) + 1].parts]

    assert of("Risks", risks="Schools may leave.") == ["Schools may leave."]
    assert of("Risks") == [Strong("To be completed")]
    blocks = ev.Plan.read(protocol()).documents()["protocol"].blocks
    assert any("£8.00 a pupil a year" in str(block) for block in blocks)


def test_documents_say_names_days_units_and_designs_in_words():
    columns = {"read_pre": {"title": "Reading before"}, "area": {"title": "Area"}}
    outcomes = [*protocol()["outcomes"],
                {"name": "att", "unit": "pp", "smallest_worthwhile": 2.0}]  # fmt: skip
    step = {"when": date(2026, 10, 7), "what": "Allocation"}
    plan = ev.Plan.read(protocol(columns=columns, outcomes=outcomes, timeline=[step]))
    tables = {b.caption: [tuple(row) for row in b.rows]
              for b in plan.documents()["protocol"].blocks if isinstance(b, Table)}  # fmt: skip
    design = dict(tables["Trial design"])
    assert [design[each] for each in ("Design", "Allocated within", "Baseline")] == [
        "Whole groups are allocated (CRA2)", "Area", "Reading before",
    ]  # fmt: skip
    measured = tables["What is measured, when, and what would be worth while"]
    assert measured[0][3:] == ("7 June 2027 to 18 June 2027", "0.2 SD")
    assert measured[2][4] == "2 percentage points"
    assert tables["Steps of the trial"] == [("Allocation", "7 October 2026")]
    shown = plan.parts("what is planned")[1]._repr_html_()
    assert shown == (
        "<p><strong>Reading</strong><sub>ij</sub> = α<sub>Area</sub> + τ · together<sub>j</sub> + "
        "β1 · Reading before<sub>ij</sub> + β2 · sex<sub>ij</sub> + u<sub>j</sub> + "
        "ε<sub>ij</sub></p>"
    )
    pupils = ev.Plan.read(protocol(outcomes=[outcomes[2] | {"primary": True}]))
    said = str(pupils.documents()["analysis_plan"].blocks)
    assert "The difference of the arms' shares in percentage points" in said
    assert "Hedges" not in said


@pytest.mark.parametrize(
    ("kind", "cluster", "words"),
    [
        ("IRA", "", "Pupils are allocated (IRA)"),
        ("BIRA2_constant", "", "Pupils are allocated within blocks (BIRA2_constant)"),
        ("CRA3", "school", "Whole groups are allocated (CRA3)"),
        ("BCRA4_fixed", "school", "Whole groups are allocated within blocks (BCRA4_fixed)"),
        ("CRA2_pn", "school", "Whole groups are allocated; only the programme's pupils are "
         "taught in groups (CRA2_pn)"),
    ],
)  # fmt: skip
def test_a_design_is_said_before_its_name(kind, cluster, words):
    values = protocol(design={"kind": kind}, analysis={"cluster": cluster}) | {"sample": {}}
    blocks = ev.Plan.read(values).documents()["analysis_plan"].blocks
    assert blocks[1].rows[0] == ["Design", words]


@pytest.mark.slow
@pytest.mark.parametrize("name", ORDER)
def test_each_table_is_one_in_every_kind_of_file(name):
    made = ev.Plan.read(protocol()).documents()[name]
    tables = [block for block in made.blocks if isinstance(block, Table)]
    office = Word(io.BytesIO(document.word(made)))
    page = document.html(made).decode()
    pdf = pypdf.PdfReader(io.BytesIO(document.pdf(made)))
    assert pdf.trailer["/Root"]["/MarkInfo"]["/Marked"]
    kinds = Counter(_kinds(pdf.trailer["/Root"]["/StructTreeRoot"]))
    assert kinds["/Table"] == page.count("<table>") == len(tables) > 1
    assert kinds["/TH"] == page.count('<th scope="col"') == sum(len(t.columns) for t in tables)
    assert len(office.tables) == len(tables) + 1  # the facts below the title
    for own, theirs in zip(tables, office.tables[1:], strict=True):
        cells = [[cell.text for cell in row.cells] for row in theirs.rows]
        assert cells == [[*row] for row in (own.columns, *own.rows)]
        assert theirs.rows[0]._tr.xpath("./w:trPr/w:tblHeader")
        assert all(f"<td>{html.escape(c)}</td>" in page or f'<td class="n">{c}</td>' in page
                   for row in own.rows for c in row)  # fmt: skip
    foot = office.sections[0].footer.paragraphs[0]
    assert foot._p.xpath("./w:fldSimple/@w:instr") == ["PAGE", "NUMPAGES"]
    assert foot.text == f"{made.foot}\tPage  of "  # the fields are no text
    assert "Made up to try the machine out" in page
    titles = [block.text for block in made.blocks if isinstance(block, Heading)]
    assert re.findall(r"<h2>(.*?)</h2>", page) == titles
    assert [p.text for p in office.paragraphs if p.style.name == "Heading 1"] == titles


def _kinds(node):
    """Yield the kinds of a PDF's tagged parts."""
    node = node.get_object()
    if isinstance(node, list):
        for each in node:
            yield from _kinds(each)
    elif isinstance(node, dict):
        yield node.get("/S")
        if "/K" in node:
            yield from _kinds(node["/K"])


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_word_opens_in_another_program_with_every_table(tmp_path):
    made = ev.Plan.read(protocol()).documents()["report"]
    (tmp_path / "report.docx").write_bytes(document.word(made))
    home = f"-env:UserInstallation={(tmp_path / 'home').as_uri()}"
    subprocess.run(["soffice", "--headless", home, "--convert-to", "pdf", "--outdir", tmp_path,
                    tmp_path / "report.docx"], check=True, capture_output=True)  # fmt: skip
    pages = [page.extract_text() for page in pypdf.PdfReader(tmp_path / "report.pdf").pages]
    text = " ".join(" ".join(pages).split())
    for block in made.blocks:
        if isinstance(block, Table):
            assert " ".join(block.columns) in text
    assert f"Page {len(pages)} of {len(pages)}" in " ".join(pages[-1].split())


@pytest.mark.slow
def test_documents_are_the_same_bytes_again_in_another_process(tmp_path):
    place, _ = write(tmp_path)
    sums = []
    for turn in ("a", "b"):
        out = tmp_path / turn
        code = "from evidence.cli import main; main()"
        subprocess.run(
            [sys.executable, "-c", code, "plan", str(place), "--out", str(out)],
            check=True,
            capture_output=True,
        )
        sums.append(
            {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(out.iterdir())}
        )
    assert len(sums[0]) == 9
    assert sums[0] == sums[1]


def run(*words):
    """Run a command."""
    return CliRunner().invoke(cli.app, [*map(str, words)])


@pytest.fixture
def sealed(tmp_path):
    """Return the files of an allocation: protocol, roster, record and table."""
    place, roster = write(tmp_path)
    files = place, roster, tmp_path / "sealed.jsonl", tmp_path / "allocation.csv"
    done = run("allocate", place, "--roster", roster, "--nonce", "3 14 15", "--sealed", files[2],
               "--out", files[3])  # fmt: skip
    assert done.exit_code == 0, done.output
    return files


def verify(place, roster, record, table):
    """Run evidence verify on an allocation."""
    return run("verify", place, "--roster", roster, "--sealed", record, "--allocation", table)


def test_the_rule_and_the_seed_are_the_protocol_s(sealed):
    place, _, record, table = sealed
    found = ev.Plan.read(place).verify(sealed[1], record, table)
    key = hashlib.sha256(place.read_bytes()).hexdigest()
    assert found.record["seed"] == hashlib.sha256(f"{key}3 14 15".encode()).hexdigest()
    both = found.table.merge(_roster(sealed[1]), left_on="unit", right_on="school")
    assert both.groupby(["area", "arm"]).size().eq(6).all()
    assert verify(*sealed).output.startswith("24 units were allocated by blocks: 12 together")
    told = run("verify", place, "--roster", sealed[1], "--sealed", record).stdout
    assert told.endswith(table.read_text())  # who lost the table has it again


def test_a_fault_of_the_roster_names_its_file_and_the_protocol_s_key(tmp_path):
    place, roster = write(tmp_path)
    table = _roster(roster)
    pd.concat([table[:-1], table[:1]]).to_csv(roster, index=False)
    with pytest.raises(EvidenceError) as caught:
        ev.Plan.read(place).allocate(roster, "3", tmp_path / "s")
    assert caught.value.faults == (
        f"{roster}, column 'school', row 25: is there already; one row a unit is needed",
        f"{roster}, stratum of row 3: 1 : 1 does not divide 11 units; change the strata or the "
        "ratio, or say uneven = true in [allocation]",
    )
    place, roster = write(tmp_path, allocation={"covariates": ["size"], "strata": ["areas"],
                                                "method": "rerandomisation"})  # fmt: skip
    with pytest.raises(EvidenceError) as caught:
        ev.Plan.read(place).allocate(roster, "3", tmp_path / "s")
    assert caught.value.faults == (
        f"{roster}: no column 'areas' (strata); did you mean 'area'?",
        f"{roster}: no column 'size' (covariates); allowed: school, area, head",
    )


def _roster(path):
    return ev.readers.table(path)


@pytest.mark.parametrize("which", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in _FILES)])
def test_one_changed_byte_is_found(sealed, which, rng):
    whole = sealed[which].read_bytes()
    for place in rng.integers(0, len(whole), 4):
        changed = bytearray(whole)
        changed[place] ^= 1
        sealed[which].write_bytes(changed)
        done = verify(*sealed)
        assert done.exit_code == 1, (place, whole[place - 9 : place + 9])
        assert "\n" not in (done.stderr.strip() or str(done.exception).strip())
    sealed[which].write_bytes(whole)
    assert verify(*sealed).exit_code == 0


def test_a_second_allocation_is_refused_however_the_protocol_is_edited(sealed):
    place, roster, record, _ = sealed
    before = record.read_bytes()
    for text in ("", "# a better idea\n"):
        place.write_text(place.read_text() + text)
        again = run("allocate", place, "--roster", roster, "--nonce", "9 9 9", "--sealed", record,
                    "--out", place.with_name("second.csv"))  # fmt: skip
        assert again.exit_code == 1
        assert "sealed already for this " in again.stderr
    assert record.read_bytes() == before
    assert not place.with_name("second.csv").exists()


def test_the_source_of_the_public_words_is_named_beforehand(tmp_path):
    place, roster = write(tmp_path, allocation={"nonce": ""})
    done = run("allocate", place, "--roster", roster, "--nonce", "3", "--sealed",
               tmp_path / "s", "--out", tmp_path / "o")  # fmt: skip
    assert "allocation, nonce is ''; say beforehand" in done.stderr
    with pytest.raises(EvidenceError, match="comes from no file"):
        ev.Plan.read(protocol()).allocate(roster, "3", tmp_path / "s")


def test_an_option_that_needs_another_is_refused():
    assert "name the protocol first" in str(run("verify", "--roster", "schools.csv").exception)
    assert "name the workbook" in str(run("check", "--protocol", "protocol.toml").exception)


def test_a_new_protocol_is_written_once(tmp_path):
    place = tmp_path / "protocol.toml"
    assert run("plan", place, "--new").exit_code == 0
    assert str(run("plan", place, "--new").exception).endswith("name another file")
    told = run("plan", place).stderr.splitlines()
    assert f"{place}: title is ''; it is needed" in told
    assert len(told) == 4


def test_the_workbook_of_the_protocol_is_given_out_and_taken_back(sealed, tmp_path):
    place, roster, record, _ = sealed
    file = tmp_path / "pupils.xlsx"
    assert run("collect", place, "--out", file, "--pupils", 5).exit_code == 0
    empty = run("check", file, "--protocol", place)
    assert empty.stderr == f"{file}: has no pupils yet\n"
    book = openpyxl.load_workbook(file)
    head = [cell.value for cell in book["Pupils"][1]]
    assert head == ["pupil", "school", "read_pre", "sex", "fsm", "read_post", "maths_post",
                    "tested"]  # fmt: skip
    for at, value in enumerate(["P1", "S03", 12, "F", "1", 30, 8, date(2027, 6, 8)], 1):
        book["Pupils"].cell(2, at).value = value
    book.save(file)
    done = run("check", file, "--protocol", place)
    assert done.stdout == f"{file}: 1 pupil, all as the protocol asks\n"
    plan = ev.Plan.read(place)
    found = plan.verify(roster, record)
    (arm,) = plan.collected([file], found.table)["arm"]
    assert arm == dict(found.table.to_numpy())["S03"]
    some = found.table[found.table["unit"] != "S03"]
    with pytest.raises(EvidenceError) as caught:
        plan.collected([file], some)
    assert str(caught.value) == (
        f"{file}, column 'school': 1 pupil of what was not allocated; write it as the allocation "
        "does"
    )
    book["Pupils"].cell(2, 6).value = 61
    book.save(file)
    told = run("check", file, "--protocol", place).stderr
    assert told == (
        f"{file}, row 2, column 'read_post': is not allowed; enter a number from 0 to 60\n"
    )
