"""A report sees its files, its settings and nothing else; the short form of its benchmark too."""

import json
from pathlib import Path

import pytest
from data.test_register import GOOD

from evidence.run.plan_jobs import Project, plan
from evidence.run.runner import run

from .test_plan_jobs import PARAMETERS, notebook
from .test_runner import PROPOSE, Silent

ROOT = Path(__file__).resolve().parents[2]


def report(place, *cells):
    """Return a project of one report, whose notebook has these cells."""
    for folder in ("data/sample", "notebooks"):
        (place / folder).mkdir(parents=True)
    (place / "data/sample/ks2_2018.csv").write_text("1")
    (place / "data/bands.txt").write_text("1")
    (place / "register.toml").write_text(GOOD)
    book = notebook(PARAMETERS, more=[*cells, PROPOSE])
    (place / "notebooks/impact.ipynb").write_text(json.dumps(book))
    return Project(
        register=place / "register.toml",
        data=place / "data",
        notebooks=place / "notebooks",
        runs=place / "runs",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "error"),
    [
        (
            "open(f'{data}/sample/ks2_2018.csv', 'w').write('2')",
            "sample/ks2_2018.csv was changed while the report ran; run again",
        ),
        (
            "open(f'{data}/bands.txt', 'w').write('2')",
            "bands.txt was changed while the report ran; run again",
        ),
        (
            "import os; os.remove(f'{data}/bands.txt')",
            "bands.txt was taken away while the report ran; put it back and run again",
        ),
        (
            "path = f'{data}/../notebooks/impact.' + 'ipynb'\n"
            "text = open(path).read().replace('half', 'a half'); open(path, 'w').write(text)",
            "impact.ipynb was changed while the report ran; save it and run again",
        ),
        ("open(f'{data}/bands.txt').read()", ""),
    ],
)
def test_what_changes_while_a_report_runs_is_told(tmp_path, cell, error):
    project = report(tmp_path, cell)
    (outcome,) = run(plan(project), project, Silent())
    assert outcome.error == error
    assert bool([*project.runs.glob("lamp/*/*/run.json")]) == (not error)


@pytest.mark.slow
def test_start_up_files_of_a_person_have_no_say(tmp_path, monkeypatch):
    mine, said = tmp_path / "mine", tmp_path / "said"
    (mine / "profile_default/startup").mkdir(parents=True)
    for path in (mine / "profile_default/startup/00-me.py", mine / "start.py"):
        path.write_text(f"open({str(said)!r}, 'a').write('x')\nshare = 0.9\n")
    monkeypatch.setenv("IPYTHONDIR", str(mine))
    monkeypatch.setenv("PYTHONSTARTUP", str(mine / "start.py"))
    project = report(tmp_path, "assert share == 0.5")
    (outcome,) = run(plan(project), project, Silent())
    assert (outcome.state, outcome.error) == ("done", "")
    assert not said.exists()


@pytest.mark.slow
def test_changes_of_every_kind_are_refused_and_faithful_runs_are_not(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import hidden_state

    kinds = len(hidden_state.CHANGES) + len(hidden_state.DURING)
    table = hidden_state.changes(tmp_path, kinds)
    assert table["made"].tolist() == [1] * kinds
    assert table.index[~table["refused"].astype(bool)].tolist() == []
    made, reasons, seconds = hidden_state.faithful(tmp_path, 3)
    assert (made, reasons) == (3, [])
    assert seconds < 1
