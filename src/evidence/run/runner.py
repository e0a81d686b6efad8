"""Runs jobs in worker processes and keeps the ledger of run folders.

A run folder appears by one atomic rename, when and only when every cell ran and something was
proposed for release. Its existence is the ledger; nothing is inferred from the saved notebook.
"""

from __future__ import annotations

import datetime
import json
import multiprocessing
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Protocol

from evidence.errors import EvidenceError
from evidence.release.log import person
from evidence.run.jobs import Job, Project, sha256
from evidence.run.worker import serve

_VERSIONS = ("evidence", "papermill", "pandas", "numpy", "linearmodels")
_PROPOSALS = ("effects.parquet", "indicators.parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job ended.

    Parameters
    ----------
    job : Job
        The job.
    state : {"done", "kept", "failed"}
        `kept`: its run folder was there already.
    seconds : float
        Wall-clock time; nought where kept.
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
    error: str = ""
    cell: int = 0
    notebook: Path | None = None


class Report(Protocol):
    """What the runner tells whoever shows its progress."""

    def cell(self, worker: int, job: Job, k: int, n: int) -> None:
        """Take note that worker number `worker` has reached cell `k` of `n`."""

    def ended(self, worker: int, outcome: Outcome) -> None:
        """Take note that a job has ended."""


def run(
    jobs: Iterable[Job],
    project: Project,
    report: Report,
    *,
    workers: int | None = None,
    timeout: float | None = None,
    fresh: bool = False,
) -> list[Outcome]:
    """Run those jobs that have no run folder yet.

    Parameters
    ----------
    jobs : iterable of Job
        What `plan` made.
    project : Project
        Where the runs folder and the data are.
    report : Report
        Is told of each cell and each end.
    workers : int, optional
        Worker processes; as many as there are cores by default.
    timeout : float, optional
        Seconds that any one cell may take.
    fresh : bool
        Run again what was done already.

    Returns
    -------
    list of Outcome
        In the order of `jobs`.

    Raises
    ------
    EvidenceError
        The runs folder cannot be written.
    """
    jobs = list(jobs)
    _check_writable(project.runs)
    outcomes: dict[str, Outcome] = {}
    waiting = []
    for job in jobs:
        if job.folder(project.runs).exists() and not fresh:
            outcomes[job.key] = Outcome(job=job, state="kept")
        else:
            waiting.append(job)
    lanes = [
        _Lane(number, project, timeout)
        for number in range(min(workers or os.cpu_count() or 1, len(waiting)))
    ]
    waiting.reverse()
    try:
        busy = [lane for lane in lanes if lane.start(waiting)]
        while busy:
            ready = wait([lane.connection for lane in busy] + [lane.sentinel for lane in busy])
            for lane in list(busy):
                if lane.connection not in ready and lane.sentinel not in ready:
                    continue
                outcome = lane.receive(report)
                if outcome is None:
                    continue
                outcomes[outcome.job.key] = outcome
                report.ended(lane.number, outcome)
                if not lane.start(waiting):
                    busy.remove(lane)
    finally:
        for lane in lanes:
            lane.close()
    return [outcomes[job.key] for job in jobs]


def _check_writable(runs: Path) -> None:
    try:
        runs.mkdir(parents=True, exist_ok=True)
        (runs / ".write").touch()
        (runs / ".write").unlink()
        for draft in runs.glob("*/*/.*-*"):  # what a killed runner left behind
            if not _alive(int(draft.name.split("-")[1])):
                shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise EvidenceError(
            f"{runs}: cannot write there ({error.strerror}); free it or name another with --runs"
        ) from None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _Lane:
    """One worker process and the job it has in hand; a worker that dies is replaced."""

    def __init__(self, number: int, project: Project, timeout: float | None) -> None:
        self.number, self.project, self.timeout = number, project, timeout
        self.job: Job | None = None
        self._spawn()

    def _spawn(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    @property
    def sentinel(self) -> int:
        return self.process.sentinel

    def start(self, waiting: list[Job]) -> bool:
        """Take the next job; say whether there was one."""
        if not waiting:
            return False
        self.job = job = waiting.pop()
        self.began, self.started = time.monotonic(), _now()
        self.folder = job.folder(self.project.runs).with_name(f".{job.run_id}-{os.getpid()}")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        places = {"data": str(self.project.data.resolve()), "out": ".", "run_id": job.run_id}
        self.connection.send(
            {
                "notebook": str(job.notebook.resolve()),
                "output": str(self.folder.resolve() / "notebook.ipynb"),
                "parameters": job.parameters | places,
                "folder": str(self.folder.resolve()),
                "timeout": self.timeout,
            }
        )
        return True

    def receive(self, report: Report) -> Outcome | None:
        """Take in what the worker says; return how the job ended, if it has."""
        try:
            kind, *content = self.connection.recv()
        except (EOFError, OSError):
            self._spawn()
            return self._failed("the worker process ran out of memory or was killed", 0)
        if kind == "cell":
            report.cell(self.number, self.job, *content)
            return None
        (result,) = content
        if result["error"]:
            return self._failed(result["error"], result["cell"])
        if not any((self.folder / name).exists() for name in _PROPOSALS):
            return self._failed(
                "every cell ran but nothing was proposed: end with ev.propose(out, …)",
                result["cell"],
            )
        return self._keep(result)

    def _keep(self, result: dict[str, Any]) -> Outcome:
        job, seconds = self.job, time.monotonic() - self.began
        record = {
            "run_id": job.run_id,
            "key": job.key,
            "programme": job.programme,
            "cohort": job.cohort,
            "notebook": job.notebook.name,
            "notebook_sha256": job.notebook_sha256,
            "parameters": job.parameters,
            "inputs": job.inputs,
            "lock_sha256": sha256(self.project.lock) if self.project.lock.exists() else "",
            "commit": _commit(self.project.notebooks),
            "author": person(self.project.notebooks),
            "versions": {"python": platform.python_version()}
            | {name: metadata.version(name) for name in _VERSIONS},
            "started": self.started,
            "finished": _now(),
            "seconds": round(seconds, 2),
            "peak_mb": result["peak_mb"],
        }
        (self.folder / "run.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
        for path in [p for p in self.folder.rglob("*") if p.is_file()] + [self.folder]:
            _fsync(path)
        final = job.folder(self.project.runs)
        old = final.with_name(f"{self.folder.name}-old")
        if final.exists():  # run again on purpose, or a second runner was first
            final.rename(old)
        self.folder.rename(final)
        shutil.rmtree(old, ignore_errors=True)
        return Outcome(job=job, state="done", seconds=seconds)

    def _failed(self, error: str, cell: int) -> Outcome:
        """Put what there is of the notebook aside, for the research lead to open."""
        aside = self.project.runs / ".failed" / self.job.programme / self.job.cohort
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(parents=True, exist_ok=True)
        self.folder.rename(aside)
        notebook = aside / "notebook.ipynb"
        return Outcome(
            job=self.job,
            state="failed",
            seconds=time.monotonic() - self.began,
            error=error,
            cell=cell,
            notebook=notebook if notebook.exists() else None,
        )

    def close(self) -> None:
        self.connection.close()
        self.process.join(timeout=2)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _commit(folder: Path) -> str:
    """Return the commit of the code, with "+" where files have changed since; "" outside git."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty=+"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
