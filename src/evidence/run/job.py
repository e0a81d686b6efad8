"""One job, done on this machine: run in a process of its own and published if it ran whole."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from evidence.data.secrets import IN_TEXT, REFERENCE, SHORTEST
from evidence.errors import EvidenceError
from evidence.run import ledger, processes
from evidence.run.jobs import Job, Project, leaves
from evidence.run.processes import TOO_LONG

_VERSIONS = ("evidence", "papermill", "pandas", "numpy", "linearmodels")
_OF_JOB = ("run_id", "key", "programme", "cohort", "notebook_sha256", "parameters", "inputs")
_KILLED = f"its process {processes.KILLED}"
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
        the runner was asked to stop.
    seconds : float
        Wall-clock time; zero where kept.
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
    reached: Callable[[int, int], None] = lambda cell, of: None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Do one job on this machine and publish its run folder.

    Parameters
    ----------
    task : Task
        What to do.
    reached : callable, optional
        Gets the number of each cell that starts and how many there are.
    stop : Event, optional
        Set where the runner was asked to stop.

    Returns
    -------
    Outcome
        `kept` where another finished the same job first.
    """
    job, began, started = task.job, time.monotonic(), _now()
    final, stop = job.folder(task.project.runs), stop or threading.Event()
    attempt: dict[str, Any] = {"error": "", "cell": 0, "peak_mb": None}
    draft = None

    def ended(state: str, **more: Any) -> Outcome:
        return Outcome(job=job, state=state, seconds=time.monotonic() - began, **more)

    try:
        if not task.fresh and ledger.done(final):  # another was quicker since the jobs were planned
            return Outcome(job=job, state="kept")
        secrets = _secrets(job)
        for alone in (False, True):  # again where the server was killed: not by this job, perhaps
            draft = ledger.Draft(final)
            left = task.timeout and max(task.timeout - (time.monotonic() - began), 0.1)
            attempt = _execute(task, draft, [*secrets], left, reached, stop, alone)
            if not attempt.get("orphaned") or alone or stop.is_set():
                break
            draft.discard()
        error = attempt["error"] or draft.fault(secrets)
        if not error:
            seconds = time.monotonic() - began
            record = _record(task, started, seconds, attempt["peak_mb"])
            first = draft.publish(record, replace=task.fresh)
            return ended("done" if first else "kept", peak_mb=attempt["peak_mb"])
    except EvidenceError as fault:
        error = str(fault)
    except OSError as fault:
        error = ledger.fault_of(fault, draft and draft.folder)
    except Exception as fault:  # whatever it is, the other jobs go on
        error = f"the runner failed ({type(fault).__name__})"
    if draft and stop.is_set():
        draft.discard()
        return ended("stopped")
    notebook = None
    if draft:
        notebook = draft.set_aside(task.project.runs / ".failed" / job.programme / job.cohort)
    return ended("failed", error=error, cell=attempt["cell"], notebook=notebook)


def _execute(
    task: Task,
    draft: ledger.Draft,
    secrets: list[str],
    left: float | None,
    reached: Callable[[int, int], None],
    stop: threading.Event,
    alone: bool,
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
        "timeout": left,
    }
    cell, result = 0, None
    with processes.start(request, alone=alone) as process:
        if stop.is_set():  # perhaps after all that ran then was killed
            process.kill()
        with _watch(process, left) as late:
            for message in process.messages():
                if "error" in message:
                    result = message
                    break
                cell = message["cell"]
                draft.reach(cell, message["of"])
                reached(cell, message["of"])
        process.idle = result is not None and not (result["error"] or late.is_set())
    if result is None:
        error = TOO_LONG if late.is_set() else _KILLED
        result = {"error": error, "cell": cell, "peak_mb": None, "orphaned": process.orphaned}
    if result["error"] == TOO_LONG:
        result["error"] = f"took longer than {task.timeout:g} s"
    return result


@contextlib.contextmanager
def _watch(process: Any, left: float | None) -> Iterator[threading.Event]:
    """Kill the process where it goes on for too long; the event then says so."""
    late, limit = threading.Event(), left + _GRACE if left else threading.TIMEOUT_MAX
    watch = threading.Timer(limit, lambda: (late.set(), process.kill()))
    watch.daemon = True
    watch.start()
    try:
        yield late
    finally:
        watch.cancel()
        watch.join()  # it must not kill the process in its next job


def _secrets(job: Job) -> dict[str, str]:
    """Return the secrets of a job by their environment variables, all set and long enough.

    Raises
    ------
    EvidenceError
        One is not set, or is too short to be recognised in other text and taken out of it.
    """
    strings = [value for value in leaves(job.parameters) if isinstance(value, str)]
    stated = {value.removeprefix("env:") for value in strings if REFERENCE.fullmatch(value)}
    source = job.notebook.read_text(encoding="utf-8")  # a default may name one too
    for name in sorted(stated):
        if name not in os.environ:
            raise EvidenceError(f"environment variable {name} is not set; set it and run")
    names = stated | {name for name in IN_TEXT.findall(source) if name in os.environ}
    for name in sorted(names):
        if len(os.environ[name]) < SHORTEST:
            raise EvidenceError(
                f"environment variable {name} is too short to be kept secret; "
                f"{SHORTEST} characters or more can be"
            )
    return {name: os.environ[name] for name in sorted(names)}


def _record(task: Task, started: str, seconds: float, peak: float | None) -> dict[str, Any]:
    """Return what `run.json` says of a job that ran whole."""
    return {
        **{name: getattr(task.job, name) for name in _OF_JOB},
        "notebook": task.job.notebook.name,
        **task.provenance,
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in _VERSIONS},
        "started": started,
        "finished": _now(),
        "seconds": round(seconds, 2),
        "peak_mb": peak,
    }


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
