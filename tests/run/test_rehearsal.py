"""What `evidence check` passes can be run: wrong registers, each refused in lines that mend it."""

import copy
import os
import re
import shutil
import tomllib

import pytest
from conftest import ROOT

from evidence.data import official_tables, participation_files, readers
from evidence.data.sheet import sheet
from evidence.errors import EvidenceError
from evidence.run.plan_jobs import Project
from evidence.run.rehearsal import check
from evidence.studies.study import Study
from run import wrong_registers as wrongs

ALL = list(wrongs.wrong())
SHORT = 60
EVERY = max(1, len(ALL) // SHORT) if not os.environ.get("EVIDENCE_FUZZ") else 1
ONE_LINE = re.compile(r"[^\n]*programmes\.toml(, line \d+)?: [^\n]+")


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    folder = tmp_path_factory.mktemp("right")
    wrongs.data(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def project(right, tmp_path):
    for name, content in right.items():
        (tmp_path / name).write_bytes(content)
    register = tmp_path / "programmes.toml"
    register.write_text(wrongs.toml(wrongs.GOOD), encoding="utf-8")
    parts = {"notebooks": ROOT / "notebooks", "runs": tmp_path / "runs"}
    return Project(register=register, data=tmp_path, **parts)


@pytest.mark.slow
def test_sample_county_is_passed_and_its_data_are_told(tmp_path, sampled):
    """Of each notebook one programme, those of what is watched among them."""
    data = tmp_path / "data"
    shutil.copytree(sampled, data)
    text = (ROOT / "data/programmes.toml").read_text(encoding="utf-8")
    register = tomllib.loads(text)
    for_each = {each["notebook"]: name for name, each in register["programme"].items()}
    del for_each["synthesis"]  # it waits for a release
    kept = {name: register["programme"][name] for name in for_each.values()}
    top = text[: text.index("[programme.")]  # its sets of files
    (data / "programmes.toml").write_text(top + wrongs.toml(kept), encoding="utf-8")
    parts = {"notebooks": ROOT / "notebooks", "runs": tmp_path / "runs"}
    said = []
    assert check(Project(register=data / "programmes.toml", data=data, **parts), said.append) == []
    assert len(said) >= len(for_each) > 7
    assert any(line.startswith("gap/2019: ") and " rows of pupils" in line for line in said)


@pytest.mark.slow
def test_right_register_is_passed_and_its_data_are_told(project):
    said = []
    assert check(project, said.append) == []
    assert said == [
        "feedback/one: 400 pupils in 24 clusters of school: new 200, usual 200.",
        "network/one: 60 schools in 2016, 2017, 2018, 2019. 15 of 15 named schools are in the "
        "tables.",
    ]


SURVEY = """
[programme.survey]
title = "Survey"
phase = "All"
lead = "nobody"
about = "A survey."
cost = 0
design = "monitoring"
notebook = "survey"
[programme.survey.parameters]
area = "Fenmarch"
yes = ["Agree"]
no = ["Disagree"]
[programme.survey.parameters.asks]
"it helps" = "It helps"
[[programme.survey.cohorts]]
name = "one"
title = "One"
files = { answers = "answers.csv" }
"""


def test_a_study_of_what_is_watched_says_how_much_was_read(project):
    (project.data / "answers.csv").write_text("it helps\n" + "Agree\nDisagree\n" * 20)
    project.register.write_text(SURVEY, encoding="utf-8")
    said = []
    assert check(project, said.append) == []
    assert said == ["survey/one: 40 rows of answers."]


@pytest.mark.slow
def test_a_file_of_many_reports_is_read_once_and_nothing_is_drawn(project, monkeypatch):
    register = copy.deepcopy(wrongs.GOOD)
    cohort = register["network"]["cohorts"][0]
    register["network"]["cohorts"].append(copy.deepcopy(cohort) | {"name": "two"})
    project.register.write_text(wrongs.toml(register), encoding="utf-8")
    opened = []

    def counted(path, *args, **options):
        opened.append(str(path).rpartition("/")[2])
        return sheet(path, *args, **options)

    for room in (readers, official_tables, participation_files):
        monkeypatch.setattr(room, "sheet", counted)
    monkeypatch.setattr(Study, "parts", None)
    assert check(project) == []
    assert len(opened) == len(set(opened)) == 6


def test_there_are_more_than_300_wrong_registers():
    assert len({each.label for each in ALL}) > 300


@pytest.mark.parametrize(
    "each",
    [
        pytest.param(each, id=each.label, marks=[pytest.mark.slow] if place % 10 else [])
        for place, each in enumerate(ALL[::EVERY])
    ],
)
def test_wrong_register_is_refused(project, each):
    register = copy.deepcopy({each.who: wrongs.GOOD[each.who]})
    each.change(register, project.data)
    project.register.write_text(wrongs.toml(register), encoding="utf-8")
    try:
        faults = check(project)
    except EvidenceError as error:
        faults = [str(error)]
    assert faults
    for fault in faults:
        assert ONE_LINE.fullmatch(fault)
        assert "A000000" not in fault
        assert "fails (" not in fault


def test_every_fault_of_every_file_is_named_at_once(project):
    for name, column, cell in (
        ("ks2_2017.csv", "PTMAT_EXP", "sixty-one"),
        ("ks2_2018.csv", "URN", "Hill"),
        ("ks2_2018.csv", "TELIG", "3 4"),
        ("participation.csv", "start", "soon"),
        ("pupils.csv", "post", "x"),
        ("pupils.csv", "pre", "y"),
    ):
        path = project.data / name
        path.write_bytes(wrongs._cell(path.read_bytes(), column, cell))
    lines = project.register.read_text(encoding="utf-8").splitlines()
    at = {text: number for number, text in enumerate(lines, 1) if text.startswith("files = ")}
    trial, impact = (f"programmes.toml, line {line}" for line in at.values())
    year = "must be a school year: 2019 for 2018/19, 2018/19 or a date such as 01/09/2018"
    number = "not a number; give a number or leave it blank"
    code = "neither a number nor a code such as SUPP"
    assert [fault.replace(f"{project.data}/", "") for fault in check(project)] == [
        f"{trial}: feedback/one: pupils: pupils.csv, row 3, column pre: {number}",
        f"{trial}: feedback/one: pupils: pupils.csv, row 3, column post: {number}",
        f"{impact}: network/one: participation: participation.csv, row 3, column start: {year}",
        f"{impact}: network/one: ks2: ks2_2017.csv, row 3, column PTMAT_EXP: {code}",
        f"{impact}: network/one: ks2: ks2_2018.csv, row 3, column URN: a school's URN has six "
        "digits",
        f"{impact}: network/one: ks2: ks2_2018.csv, row 3, column TELIG: {code}",
    ]


@pytest.mark.slow
def test_design_that_the_notebook_cannot_answer_is_refused(project):
    register = copy.deepcopy(wrongs.GOOD)
    register["feedback"]["design"] = "matched"
    project.register.write_text(wrongs.toml(register), encoding="utf-8")
    (fault,) = check(project)
    assert fault.endswith(
        "line 7: feedback/one: design is 'matched', but notebook 'trial' is for randomised "
        "programmes"
    )
