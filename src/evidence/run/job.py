"""One job, done on this machine: run in a process of its own and published if it ran whole."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from threading import TIMEOUT_MAX, Event, Timer
from typing import Any

from evidence.data.secrets import IN_TEXT, REFERENCE, SHORTEST
from evidence.errors import EvidenceError
from evidence.run import ledger, processes
from evidence.run.plan_jobs import Job, Project, changed, leaves
from evidence.run.processes import TOO_LONG

_VERSIONS = ("evidence", "papermill", "pandas", "numpy", "linearmodels")
_OF_JOB = ("run_id", "key", "programme", "cohort", "notebook_sha256", "parameters")
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


def perform(
    job: Job,
    project: Project,
    *,
    timeout: float | None = None,
    fresh: bool = False,
    provenance: dict[str, str] | None = None,
    reached: Callable[[int, int], None] = lambda cell, of: None,
    stop: Event | None = None,
) -> Outcome:
    """Do one job on this machine and publish its run folder.

    Parameters
    ----------
    job : Job
        What to do.
    project : Project
        With absolute paths, the same on every host.
    timeout : float, optional
        Seconds for the whole report, where the register gives it none.
    fresh : bool
        Run it though its folder is there.
    provenance : dict, optional
        Code, author and lock, for `run.json`.
    reached : callable, optional
        Gets the number of each cell that starts and how many there are.
    stop : Event, optional
        Set where the runner was asked to stop.

    Returns
    -------
    Outcome
        `kept` where another finished the same job first.
    """
    began, started = time.monotonic(), _now()
    final, timeout, stop = job.folder(project.runs), job.timeout or timeout, stop or Event()
    attempt: dict[str, Any] = {"error": "", "cell": 0, "peak_mb": None}
    draft = None

    def ended(state: str, **more: Any) -> Outcome:
        return Outcome(job=job, state=state, seconds=time.monotonic() - began, **more)

    try:
        if not fresh and ledger.done(final):  # another was quicker since the jobs were planned
            return Outcome(job=job, state="kept")
        secrets = _secrets(job)
        request = _request(job, project, secrets)
        for alone in (False, True):  # again where the server was killed: not by this job, perhaps
            draft = ledger.Draft(final)
            left = timeout and max(timeout - (time.monotonic() - began), 0.1)
            request |= {"folder": str(draft.folder), "timeout": left}
            attempt = _execute(request, draft, reached, stop, alone)
            if not attempt.get("orphaned") or alone or stop.is_set():
                break
            draft.discard()
        error = attempt["error"] or draft.fault(secrets) or changed(job, project)
        if error == TOO_LONG:
            error = f"took longer than {timeout:g} s"
        if not error:
            record = _record(job, started, time.monotonic() - began, attempt["peak_mb"])
            record |= {"checks": draft.checks()}
            first = draft.publish(record | (provenance or {}), replace=fresh)
            with contextlib.suppress(OSError):
                _shown(job, project).unlink(missing_ok=True)
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
        notebook = draft.set_aside(project.runs / ".failed" / job.programme / job.cohort)
    with contextlib.suppress(OSError):  # a courtesy: easy to find in the file browser
        shown = _shown(job, project)
        shown.unlink(missing_ok=True)
        if notebook:
            shown.symlink_to(notebook.relative_to(project.runs))
    return ended("failed", error=error, cell=attempt["cell"], notebook=notebook)


def _shown(job: Job, project: Project) -> Path:
    """Return the link to the notebook of a job that failed."""
    return project.runs / f"failed-{job.programme}-{job.cohort}.ipynb"


def _request(job: Job, project: Project, secrets: dict[str, str]) -> dict[str, Any]:
    """Return what `worker.execute` needs, but for what differs between attempts."""
    places = {"data": str(project.data), "out": ".", "run_id": job.run_id}
    return {
        "notebook": str(job.notebook.resolve()),
        "title": f"{job.parameters.get('title') or job.programme}, {job.cohort}",
        "parameters": job.parameters | places,
        "secrets": [*secrets],
    }


def _execute(
    request: dict[str, Any],
    draft: ledger.Draft,
    reached: Callable[[int, int], None],
    stop: Event,
    alone: bool,
) -> dict[str, Any]:
    """Run the notebook in a process of its own; return how it ended."""
    cell = 0
    with processes.start(request, alone=alone) as process:
        if stop.is_set():  # perhaps after all that ran then was killed
            process.kill()
        with _watch(process, request["timeout"]) as late:
            for message in process.messages():
                if "error" in message:
                    process.idle = not (message["error"] or late.is_set())
                    return message
                cell = message["cell"]
                draft.reach(cell, message["of"])
                reached(cell, message["of"])
    error = TOO_LONG if late.is_set() else _KILLED
    return {"error": error, "cell": cell, "peak_mb": None, "orphaned": process.orphaned}


@contextlib.contextmanager
def _watch(process: Any, left: float | None) -> Iterator[Event]:
    """Kill the process where it goes on for too long; the event then says so."""
    late, limit = Event(), left + _GRACE if left else TIMEOUT_MAX
    watch = Timer(limit, lambda: (late.set(), process.kill()))
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


def _record(job: Job, started: str, seconds: float, peak: float | None) -> dict[str, Any]:
    """Return what `run.json` says of a job that ran whole."""
    return {
        **{name: getattr(job, name) for name in _OF_JOB},
        "notebook": job.notebook.name,
        "inputs": job.inputs | job.named,
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in _VERSIONS},
        "started": started,
        "finished": _now(),
        "seconds": round(seconds, 2),
        "peak_mb": peak,
    }


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
