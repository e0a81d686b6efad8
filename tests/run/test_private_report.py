"""The private page of a run, and what a batch says of itself."""

import io
import json
import os
import subprocess
import sys

import pytest
from data.test_register import GOOD
from rich.console import Console

import evidence as ev
from evidence.run.job import Outcome
from evidence.run.plan_jobs import plan
from evidence.run.private_report import write_page
from evidence.run.progress import Live, summary

from .test_plan_jobs import notebook
from .test_plan_jobs import project as project  # the fixture


def test_page_shows_text_and_outputs_and_lets_nothing_run(tmp_path):
    cells = notebook(more=["1 + 1", "print('<i>')", "figure", "frame", "vector"])["cells"]
    cells[1]["outputs"] = [{"output_type": "execute_result", "data": {"text/plain": ["2 < 3"]}}]
    cells[2]["outputs"] = [{"output_type": "stream", "text": ["<i>\n"]}]
    cells[3]["outputs"] = [
        {"output_type": "display_data", "data": {"image/png": "QUJD\n", "text/plain": ["<Axes>"]}}
    ]
    cells[4]["outputs"] = [{"data": {"text/html": ["<p>one</p>", "<script>1</script>"]}}]
    cells[5]["outputs"] = [{"data": {"image/svg+xml": ["<svg></svg>"], "text/plain": ["x"]}}]
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "a"}, "text/plain": "VBox(…"}
    cells.append({"cell_type": "code", "source": "", "outputs": [{"data": view}]})
    cells.append({"cell_type": "markdown", "source": ["# A heading\n", "<b>raw</b>"]})
    path = tmp_path / "notebook.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    write_page(path, "LAMP & more")
    page = (tmp_path / "report.html").read_text()
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert f'http-equiv="Content-Security-Policy" content="{policy}"' in page
    assert "<title>LAMP &amp; more</title>" in page
    assert "not released: for those who may see the pupils" in page
    assert "<pre>2 &lt; 3</pre>" in page
    assert "<pre>&lt;i&gt;\n</pre>" in page
    assert '<img alt="&lt;Axes&gt;" src="data:image/png;base64,QUJD">' in page
    assert '<div class="out"><p>one</p><script>1</script></div>' in page  # which the policy stops
    assert "<svg></svg>" in page
    assert "<pre>Controls: open the notebook in JupyterLab to use them.</pre>" in page
    assert "<h1>A heading</h1>" in page
    assert "&lt;b&gt;raw&lt;/b&gt;" in page


def test_progress_without_a_terminal_is_plain_lines(project):
    (job,) = plan(project)
    out = io.StringIO()
    ends = [
        Outcome(job=job, state="done", seconds=2, peak_mb=120),
        Outcome(job=job, state="failed", seconds=1, error="took longer than 1 s"),
        Outcome(job=job, state="kept"),
        Outcome(job=job, state="stopped"),
    ]
    with Live(Console(file=out, width=100)) as live:
        live.begin(2)
        live.note("another runner is at work")
        live.cell(job, 1, 3)
        live.ended(ends[0])
        live.ended(ends[1])
    live.console.print(summary(ends))
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert lines == [
        "another runner is at work",
        "[1/2] lamp/2018: done (2.0 s)",
        "[2/2] lamp/2018: FAILED: took longer than 1 s (1.0 s)",
        "programme done unchanged failed not run seconds most MB",
        "lamp 1 1 1 1 3.0 120",
    ]


def cli(project, *words):
    places = [f"--{k}={getattr(project, k)}" for k in ("register", "data", "notebooks", "runs")]
    return subprocess.run(
        [sys.executable, "-m", "evidence.cli", *words, *places], capture_output=True, text=True
    )


@pytest.mark.slow
def test_status_says_what_is_done_running_and_damaged(project):
    row = GOOD[GOOD.index("[[programme.lamp.cohorts]]") :]
    extra = "".join(row.replace('name = "2018"', f'name = "{n}"') for n in ("a", "b", "c"))
    project.register.write_text(GOOD + extra)
    jobs = plan(project)
    for job in jobs[:2]:
        job.folder(project.runs).mkdir(parents=True)
        (job.folder(project.runs) / "run.json").write_text(json.dumps({"run_id": job.run_id}))
    (jobs[1].folder(project.runs) / "run.json").write_text("{")
    from evidence.run.ledger import Draft

    Draft(jobs[2].folder(project.runs)).reach(2, 5)
    rows = json.loads(cli(project, "status", "--json").stdout)
    assert [row["state"] for row in rows] == ["done", "damaged", "running", "to do"]
    assert (rows[2]["cell"], rows[2]["of"], rows[2]["key"]) == (2, 5, jobs[2].run_id)
    plain = cli(project, "status").stdout.splitlines()
    assert plain[2].startswith(f"running  lamp/a  {jobs[2].run_id}  cell 2/5, 0 s") or (
        "cell 2/5" in plain[2]
    )
    assert plain[-1] == "1 done, 1 damaged, 1 running, 1 to do"


@pytest.mark.slow
def test_run_of_an_unknown_key_is_one_line(project):
    done = cli(project, "run", "--key=0000")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "evidence: no job has the key '0000'; evidence status lists them\n"


@pytest.mark.parametrize(
    ("value", "reason"),
    [("-1", "timeout is -1; seconds, 0 or more, are needed"),
     ('"60"', "timeout must be a number, not '60'")],
)  # fmt: skip
def test_timeout_of_the_register_is_checked(project, value, reason):
    project.register.write_text(GOOD + f"timeout = {value}\n")
    with pytest.raises(ev.EvidenceError, match=reason):
        plan(project)


def test_timeout_of_a_cohort_goes_before_its_programmes(project):
    project.register.write_text(GOOD.replace("cost =", "timeout = 9\ncost =", 1))
    assert plan(project)[0].timeout == 9
    project.register.write_text(GOOD.replace("cost =", "timeout = 9\ncost =", 1) + "timeout = 4\n")
    assert plan(project)[0].timeout == 4


def test_secret_is_a_reference_and_never_a_value(monkeypatch):
    monkeypatch.setenv("EVIDENCE_KEY", "abc")
    assert ev.secret("env:EVIDENCE_KEY") == "abc"
    for wrong in ("abc", "env:", "file:x"):
        with pytest.raises(ev.EvidenceError, match="a secret is given as env:NAME, never as it is"):
            ev.secret(wrong)
    assert "EVIDENCE_ABSENT" not in os.environ
    with pytest.raises(ev.EvidenceError, match="EVIDENCE_ABSENT is not set; set it and run again"):
        ev.secret("env:EVIDENCE_ABSENT")
