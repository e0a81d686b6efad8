import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from test_jobs import notebook
from test_register import GOOD

from evidence.errors import EvidenceError
from evidence.run.jobs import Project, plan
from evidence.run.runner import run

PROPOSE = "open('effects.parquet', 'w').close()"
COHORT = '[[programme.lamp.cohorts]]\nname = "{0}"\ntitle = "{0}"\nfiles = {{}}\n'


class Silent:
    def __init__(self):
        self.cells, self.ends = [], []

    def cell(self, worker, job, k, n):
        self.cells.append((job.label, k, n))

    def ended(self, worker, outcome):
        self.ends.append(outcome.job.label)


@pytest.fixture
def project(tmp_path):
    """Four cohorts of one notebook whose second cell does what its cohort is called."""
    cells = [
        "import os, signal, sys, time\nassert run_id and data",
        "if cohort == 'fails':\n    raise RuntimeError('the second cell\\nwent wrong')\n"
        "if cohort == 'dies':\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "if cohort == 'sleeps':\n    time.sleep(60)",
        f"if cohort != 'silent':\n    {PROPOSE}",
    ]
    source = 'cohort = ""\ndata = ""\nout = ""\nrun_id = ""\n'
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "impact.ipynb").write_text(json.dumps(notebook(source, more=cells)))
    return Project(
        register=tmp_path / "programmes.toml",
        data=tmp_path,
        notebooks=tmp_path / "notebooks",
        runs=tmp_path / "runs",
    )


def jobs_of(project, *cohorts):
    head = GOOD.split("[[programme.lamp.cohorts]]")[0].replace("start = 2018", "")
    project.register.write_text(head + "".join(COHORT.format(c) for c in cohorts))
    return plan(project)


@pytest.mark.slow
def test_run_failures_are_named_and_do_not_stop_the_others(project):
    jobs = jobs_of(project, "one", "fails", "dies", "silent", "two")
    report = Silent()
    outcomes = {o.job.cohort: o for o in run(jobs, project, report, workers=2)}
    assert {c: o.state for c, o in outcomes.items()} == {
        "one": "done", "fails": "failed", "dies": "failed", "silent": "failed", "two": "done",
    }  # fmt: skip
    assert outcomes["fails"].error == "RuntimeError, told in the notebook"
    assert outcomes["fails"].cell == 4
    assert outcomes["dies"].error == "the kernel ran out of memory or was killed"
    assert outcomes["dies"].seconds < 15
    assert outcomes["silent"].error.startswith("every cell ran but nothing was proposed")
    assert outcomes["fails"].notebook.is_file()
    folders = {p.parent.name for p in project.runs.glob("lamp/*/*/run.json")}
    assert folders == {j.run_id for j in jobs if j.cohort in ("one", "two")}
    assert not list(project.runs.glob("lamp/*/.*"))
    record = json.loads((jobs[0].folder(project.runs) / "run.json").read_text())
    assert record["key"] == jobs[0].key
    assert record["peak_mb"] > 10
    assert str(project.data) not in json.dumps(record)
    assert report.cells[0][2] == 5


@pytest.mark.slow
def test_run_again_executes_nothing_and_fresh_executes_all(project):
    jobs = jobs_of(project, "one")
    assert [o.state for o in run(jobs, project, Silent())] == ["done"]
    report = Silent()
    assert [o.state for o in run(jobs, project, report)] == ["kept"]
    assert report.cells == []
    assert [o.state for o in run(jobs, project, Silent(), fresh=True)] == ["done"]


@pytest.mark.slow
def test_run_cell_over_its_time_is_reported(project):
    (outcome,) = run(jobs_of(project, "sleeps"), project, Silent(), timeout=1)
    assert (outcome.state, outcome.error) == ("failed", "took longer than 1 s")


@pytest.mark.slow
def test_run_killed_worker_fails_its_job_only(project):
    jobs = jobs_of(project, "sleeps", "one")
    report = Silent()

    def kill_sleeper():
        until = time.monotonic() + 30
        while ("lamp/sleeps", 4, 5) not in report.cells and time.monotonic() < until:
            time.sleep(0.05)
        for stat in Path("/proc").glob("[0-9]*/stat"):
            pid = int(stat.parent.name)
            command = (stat.parent / "cmdline").read_bytes()
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"spawn_main" in command:
                os.kill(pid, signal.SIGKILL)
                return

    killer = threading.Thread(target=kill_sleeper)
    killer.start()
    outcomes = run(jobs, project, report, workers=1)
    killer.join()
    assert [o.state for o in outcomes] == ["failed", "done"]
    assert outcomes[0].error == "the worker process ran out of memory or was killed"


def test_run_unwritable_folder_is_one_line(project, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    there = Project(
        register=project.register, data=tmp_path, notebooks=project.notebooks, runs=blocked / "runs"
    )
    with pytest.raises(EvidenceError, match=r"runs: cannot write there \(.*\); free it or name"):
        run(jobs_of(project, "one"), there, Silent())
