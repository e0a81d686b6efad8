"""One job, done on this machine: run in a process of its own and published if it ran whole."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from evidence.errors import EvidenceError
from evidence.run import child, ledger
from evidence.run.jobs import Job, Project

_VERSIONS = ("evidence", "papermill", "pandas", "numpy", "linearmodels")
_SECRET = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_GRACE = 10  # seconds after its time before a job that does not stop by itself is killed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job ended.

    Parameters
    ----------
    job : Job
        The job.
    state : {"done", "kept", "failed", "stopped"}
        `kept`: its run folder was there already; `stopped`: not run, or not to its end, because
        the runner was told to stop.
    seconds : float
        Wall-clock time; nought where kept.
    peak_mb : float or None
        The kernel's peak memory, where the system tells.
    error : str
        Why it failed, in one line.
    cell : int
        The cell it failed in, counted from 1.
    notebook : Path or None
        Where the failed notebook was put, to be opened by the research lead.
    """

    job: Job
    state: str
    seconds: float = 0.0
    peak_mb: float | None = None
    error: str = ""
    cell: int = 0
    notebook: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A job with all that a process, here or on another host, needs to do it.

    Parameters
    ----------
    job : Job
    project : Project
        With absolute paths, the same on every host.
    timeout : float or None
        Seconds for the whole report.
    fresh : bool
        Run it though its folder is there.
    provenance : dict
        Code, author and lock, for `run.json`.
    """

    job: Job
    project: Project
    timeout: float | None
    fresh: bool
    provenance: dict[str, str]


def perform(
    task: Task,
    tell: Callable[[int, int], None] | None = None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Do one job on this machine and publish its run folder.

    Parameters
    ----------
    task : Task
        What to do.
    tell : callable, optional
        Is told the number of each cell that starts and how many there are.
    stop : Event, optional
        Set where the runner was told to stop.

    Returns
    -------
    Outcome
        `kept` where another finished the same job first.
    """
    job, began, started = task.job, time.monotonic(), _now()
    final = job.folder(task.project.runs)
    error = cell = draft = peak = None
    secrets = sorted({name for value in _strings(job.parameters) for name in _secret(value)})
    try:
        if not task.fresh and ledger.done(final):  # another was quicker since the jobs were planned
            return Outcome(job=job, state="kept")
        if missing := [name for name in secrets if name not in os.environ]:
            raise EvidenceError(f"environment variable {missing[0]} is not set; set it and run")
        draft = ledger.Draft(final)
        result = _execute(task, draft, secrets, tell, stop)
        error, cell, peak = result["error"], result["cell"], result["peak_mb"]
        if not error and not draft.proposes():
            error = "every cell ran but nothing was proposed: end with ev.propose(out, …)"
        if not error:
            seconds = time.monotonic() - began
            record = _record(task, started, seconds, peak)
            first = draft.publish(record, replace=task.fresh)
            state = "done" if first else "kept"
            return Outcome(job=job, state=state, seconds=seconds, peak_mb=peak)
    except EvidenceError as fault:
        error = str(fault)
    except OSError as fault:
        there = draft is None or draft.folder.exists()
        error = f"its run folder could not be written ({fault.strerror})"
        error = error if there else "its run folder was deleted while it ran"
    notebook = None
    if draft and stop and stop.is_set():
        draft.discard()
        return Outcome(job=job, state="stopped")
    if draft:
        notebook = draft.set_aside(task.project.runs / ".failed" / job.programme / job.cohort)
    seconds = time.monotonic() - began
    return Outcome(
        job=job, state="failed", seconds=seconds, error=error, cell=cell or 0, notebook=notebook
    )


def _execute(
    task: Task,
    draft: ledger.Draft,
    secrets: list[str],
    tell: Callable[[int, int], None] | None,
    stop: threading.Event | None,
) -> dict[str, Any]:
    """Run the notebook in a process of its own; return how it ended."""
    job = task.job
    places = {"data": str(task.project.data), "out": ".", "run_id": job.run_id}
    request = {
        "notebook": str(job.notebook.resolve()),
        "folder": str(draft.folder),
        "title": f"{job.parameters.get('title') or job.programme}, {job.cohort}",
        "parameters": job.parameters | places,
        "secrets": secrets,
        "timeout": task.timeout,
    }
    for _ in range(2):  # again, where the fork server was killed: that is not the job's fault
        cell = 0
        with contextlib.ExitStack() as stack:
            process = stack.enter_context(child.start(request))
            if task.timeout:
                watch = threading.Timer(task.timeout + _GRACE, process.kill)
                watch.start()
                stack.callback(watch.cancel)
            for said in process.says():
                if "error" in said:
                    return said
                cell = said["cell"]
                draft.reach(cell, said["of"])
                if tell:
                    tell(cell, said["of"])
        if not process.orphaned or (stop and stop.is_set()):
            break
    return {"error": f"its process {child.KILLED}", "cell": cell, "peak_mb": None}


def _record(task: Task, started: str, seconds: float, peak: float | None) -> dict[str, Any]:
    job = task.job
    return {
        "run_id": job.run_id,
        "key": job.key,
        "programme": job.programme,
        "cohort": job.cohort,
        "notebook": job.notebook.name,
        "notebook_sha256": job.notebook_sha256,
        "parameters": job.parameters,
        "inputs": job.inputs,
        **task.provenance,
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in _VERSIONS},
        "started": started,
        "finished": _now(),
        "seconds": round(seconds, 2),
        "peak_mb": peak,
    }


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _secret(value: str) -> list[str]:
    found = _SECRET.fullmatch(value)
    return [found[1]] if found else []


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
