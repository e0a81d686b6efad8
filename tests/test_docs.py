"""Every block of code of the README and of the docs runs, and says what the page says."""

import doctest
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from conftest import ROOT
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
from traitlets.config import Config

import evidence as ev
from evidence.cli import app
from evidence.data.register import load
from evidence.run import own_project

SYBIL = Sybil([PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS)])
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
PYTHON = [
    page
    for page in PAGES
    if "```python" in page.read_text(encoding="utf-8") and page.name != "running.md"
]  # which starts clusters on machines of one's own
WITH_COMMANDS = ("evaluate_a_programme", "publish", "share", "watch_an_area")
SHELL = [ROOT / f"docs/tutorial_{name}.md" for name in WITH_COMMANDS]


@pytest.fixture(scope="module")
def example(sampled, tmp_path_factory):
    """Return the example project with its data, as `evidence demo` makes it."""
    folder = tmp_path_factory.mktemp("example")
    own_project.example(folder)
    shutil.copytree(sampled, folder / "data", dirs_exist_ok=True)
    return folder


def _names(page: str, rng) -> dict:
    """Return what a page that shows one step takes for granted."""
    schools = np.arange(60)
    if page == "matching.md":
        pupils = pd.DataFrame({"urn": np.repeat(schools, 40), "year": 2018 + np.arange(2400) % 3})
        for name in ("sen", "fsm", "eal", "mobile", "taking_part", "maths_exp"):
            pupils[name] = rng.integers(0, 2, 2400)
        pupils["taking_part"] = pupils["urn"] < 15
        pupils["sex"], pupils["birth_month"] = "F", rng.integers(1, 13, 2400)
        pupils["ks1"] = rng.normal(100, 15, 2400)
        known = ["maths_2015", "maths_2016", "maths_2017", "fsm"]
        table = pd.DataFrame(rng.normal(size=(60, 4)), columns=known)
        return {"ev": ev, "pupils": pupils, "schools": table.assign(taking_part=schools < 15)}
    if page == "national.md":
        columns = ["score", "offered", "prior", "fsm", "sen"]
        table = pd.DataFrame(rng.normal(size=(2400, 5)), columns=columns)
        table = table.assign(urn=np.repeat(schools, 40))
        table["offered"] = table["urn"] % 2
        table.to_parquet("pupils.parquet")
        return {"ev": ev, "folder": "pupils.parquet", "columns": columns}
    if page == "architecture.md":
        from evidence.methods.core.results import Estimate
        from evidence.methods.trials.trial_data import TrialData, of_trial

        return {"Estimate": Estimate, "TrialData": TrialData, "of_trial": of_trial}
    return {"c": Config()} if page == "dashboards.md" else {}


@pytest.mark.slow
@pytest.mark.parametrize("page", PYTHON, ids=lambda page: page.name)
def test_python_of_a_page_runs_and_says_what_the_page_says(page, example, rng, monkeypatch):
    monkeypatch.chdir(example)
    document = SYBIL.parse(page)
    document.namespace |= _names(page.name, rng)
    ran = [example.evaluate() for example in document.examples()]
    assert ran


@pytest.mark.slow
@pytest.mark.parametrize("page", SHELL, ids=lambda page: page.name)
def test_commands_of_a_tutorial_run(page, example, monkeypatch):
    monkeypatch.chdir(example)
    for python in SYBIL.parse(page).examples():
        python.evaluate()
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euxc", "\n".join(blocks)], cwd=example, env=os.environ | {"PATH": path},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_commands_and_options_that_pages_name_are_there():
    """Whatever stands as `evidence NAME --option` on a page is a command that has the option."""
    commands = typer.main.get_command(app).commands
    named = 0
    for page in [*PAGES, *ROOT.glob("docs/decisions/*.md"), ROOT / "CONTRIBUTING.md"]:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        blocks = re.findall(r"```.*?\n(.*?)```", text, re.S)
        code = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
        for line in [*code, *"\n".join(blocks).splitlines()]:
            for name, rest in re.findall(r"(?<!import )\bevidence ([a-z-]+)([^#&;|]*)", line):
                assert name in commands, f"{page.name}: {line}"
                known = {each for option in commands[name].params for each in option.opts}
                wrong = {*re.findall(r"(?<!\S)--[a-z-]+", rest)} - known
                assert not wrong or commands[name].ignore_unknown_options, f"{page.name}: {line}"
                named += 1
    assert named > 100


def test_links_and_tests_that_pages_name_are_there():
    for page in [*PAGES, *ROOT.glob("docs/decisions/*.md"), ROOT / "CONTRIBUTING.md"]:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
        for named, test in re.findall(r"`((?:tests|benchmarks)/[\w/.]+)(?:::(\w+))?`", text):
            assert (ROOT / named).exists(), f"{page.name}: {named}"
            assert not test or f"def {test}(" in (ROOT / named).read_text(encoding="utf-8"), test


# Known without a word: formats, systems, units of a computer, names of programmes and products.
COMMON = {
    *("GB", "MB", "HTML", "XML", "PDF", "SPSS", "SQL", "TCP", "TLS", "SSH", "README", "MIT"),
    *("DIY", "GCSE", "NHS", "RAP", "SEN2", "IPython", "McCaffrey", "LAMP", "LEAP", "LENS", "STAR"),
}
TECHNICAL = ("architecture.md", "performance.md")  # for who works on the program


def test_abbreviations_of_pages_have_an_entry_in_the_glossary_which_is_in_order():
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    entries = re.findall(r"^(\S.*)\n: ", text, re.M)
    assert entries == sorted(entries, key=str.lower)
    known = {word for entry in entries for word in re.findall(r"\w+", entry)} | COMMON
    for page in (one for one in PAGES if one.name not in TECHNICAL):
        text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.S)
        used = re.findall(r"\b[A-Z]\w?[A-Z][A-Za-z0-9]*", re.sub(r"\]\([^)]*\)", "]", text))
        assert {*used} <= known, f"{page.name}: {sorted({*used} - known)}"


def test_every_line_of_the_quality_checklists_is_shown_or_said_to_be_missing():
    page = (ROOT / "docs/quality.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| ") and "shown by" not in line]
    for line in lines:
        shown = line.rstrip(" |").rpartition(" | ")[2]
        assert re.search(r"`[\w./:-]+`|\*\*|\]\(", shown), line
    assert len(lines) > 40


@pytest.mark.slow
def test_answers_beside_their_truth_are_those_of_the_sample(example):
    page = (ROOT / "docs/were_we_right.md").read_text(encoding="utf-8").replace("−", "-")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    truth = json.loads((example / "data/sample/truth.json").read_text())["programmes"]
    held, named = 0, {}
    for card in load(example / "data/programmes.toml"):
        for cohort in card.cohorts:
            for one in card.outcomes:
                words = f"{card.title}; {cohort.title.lower()}", one.title
                named[words] = card.name, cohort.name, one.name
    for programme, outcome, true, _, interval, holds, *_ in rows[1:]:
        name, cohort, code = named[programme, outcome.rpartition(", ")[0]]
        known = truth[name][cohort][code]["estimate"]
        assert float(true) == pytest.approx(known, abs=0.051)
        low, high = map(float, interval.split(" to "))
        assert (low <= known <= high) == (holds == "yes")
        held += holds == "yes"
    assert f"{held} of {len(rows) - 1} intervals" in page
    assert len(rows) == 30


@pytest.mark.slow
def test_answers_beside_their_truth_are_those_that_the_methods_give(example):
    """Two of the page's rows, made again: what the notebooks run is what is called here."""
    page = (ROOT / "docs/were_we_right.md").read_text(encoding="utf-8").replace("−", "-")
    for name, arm, how, title in (
        ("feedback", "feedback", "cluster", "Mobilise trial: feedback in lessons"),
        ("texts", "texts", "strata", "Mobilise trial: text messages to parents"),
    ):
        pupils = pd.read_csv(example / f"data/sample/trial_{name}.csv")
        found = ev.trials.effect_size(
            pupils, outcome="post", treatment="arm", reference="control", arm=arm, baseline="pre",
            covariates=["fsm", "sex"], **{how: "urn"},
        )  # fmt: skip
        said = f"| {found.estimate:+.2f} | {found.ci_lower:+.2f} to {found.ci_upper:+.2f} | yes |"
        (row,) = [line for line in page.splitlines() if line.startswith(f"| {title}; 2018/19 ")]
        assert said in row


@pytest.mark.slow
def test_site_is_built_without_a_warning_and_fetches_nothing(tmp_path):
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        [*build, ROOT / "docs", tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for page in tmp_path.glob("**/*.html"):
        text = page.read_text(encoding="utf-8")
        types = re.findall(r">Type<.*?<dd[^>]*>(.*?)</dd>", text, re.S)
        words = [re.sub(r"<[^>]+>|\s+", " ", each).split()[0] for each in types]
        assert all(re.match(r"[a-z]|DataFrame|Picture", each) for each in words)  # no sentences
        fetched = re.findall(
            r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"(//|https?:)", text
        )
        assert not fetched, page.name
