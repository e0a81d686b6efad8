"""Runs the jobs that have no run folder yet, on the cores of this machine or on a cluster."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from evidence.errors import EvidenceError
from evidence.release.store.log import person
from evidence.run import fork_client, ledger, processes
from evidence.run.job import Outcome, perform
from evidence.run.plan_jobs import Job, Project, sha256

if TYPE_CHECKING:
    from evidence.run.progress import Live


def run(
    jobs: Iterable[Job],
    project: Project,
    report: Live,
    *,
    workers: int | None = None,
    timeout: float | None = None,
    fresh: bool = False,
    executor: Executor | None = None,
) -> list[Outcome]:
    """Run those jobs that have no run folder yet.

    Parameters
    ----------
    jobs : iterable of Job
        What `plan` made.
    project : Project
        Where the runs folder and the data are.
    report : Live
        Or what else has its `begin`, `cell` (of jobs on this machine), `ended` and `note`.
    workers : int, optional
        Jobs at a time on this machine; as many as there are cores by default.
    timeout : float, optional
        Seconds for a report whose register states none.
    fresh : bool
        Run again what was done already.
    executor : Executor, optional
        Runs the jobs elsewhere, such as `distributed.Client.get_executor` returns.

    Returns
    -------
    list of Outcome
        In the order of `jobs`. Interrupted, it kills what is running on this machine (a cluster
        ends what it has begun) and returns with the rest `stopped`.

    Raises
    ------
    EvidenceError
        The runs folder cannot be written.
    """
    jobs, project = list(jobs), project.resolved()
    outcomes: dict[str, Outcome] = {}
    with ledger.open_ledger(project.runs) as shared:
        if shared:
            report.note(
                f"another runner is at work in {project.runs}; what it finishes first is kept"
            )
        waiting, damaged = [], []
        for job in jobs:
            try:
                if not fresh and ledger.done(job.folder(project.runs)):
                    outcomes[job.key] = Outcome(job=job, state="kept")
                else:
                    waiting.append(job)
            except EvidenceError as fault:
                damaged.append(Outcome(job=job, state="failed", error=str(fault)))
        report.begin(len(waiting) + len(damaged))
        if waiting and not executor and not fork_client.available():
            report.note("each report takes seconds longer to start here: only Linux can fork them")
        provenance = {}
        if waiting:
            provenance = {
                "lock_sha256": sha256(project.lock) if project.lock.exists() else "",
                "commit": _commit(project.notebooks),
                "author": person(project.notebooks),
            }
        alike = {"project": project, "fresh": fresh, "provenance": provenance, "timeout": timeout}
        work = partial(perform, **alike)
        if executor:
            ended = _elsewhere(work, waiting, executor)
        else:
            ended = _here(work, waiting, report, workers)
        with contextlib.suppress(KeyboardInterrupt), contextlib.closing(ended):
            for outcome in itertools.chain(damaged, ended):
                outcomes[outcome.job.key] = outcome
                report.ended(outcome)
    for job in jobs:
        if job.key not in outcomes:  # interrupted; one may have ended that nobody heard of
            there = job.folder(project.runs).exists() and not fresh
            outcomes[job.key] = Outcome(job=job, state="kept" if there else "stopped")
    return [outcomes[job.key] for job in jobs]


def _here(
    work: Callable[..., Outcome], jobs: list[Job], report: Live, workers: int | None
) -> Iterator[Outcome]:
    """Do the jobs in threads, each of which watches a process; give outcomes as they come."""
    stop = threading.Event()

    def one(job: Job) -> Outcome:
        if stop.is_set():
            return Outcome(job=job, state="stopped")
        return work(job, reached=partial(report.cell, job), stop=stop)

    with contextlib.ExitStack() as stack:
        stack.callback(processes.dismiss)  # when the threads have ended
        pool = stack.enter_context(ThreadPoolExecutor(workers or os.cpu_count() or 1))
        futures = [pool.submit(one, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:  # an interrupt here, or the end of whoever listens
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            processes.stop_all()
            raise


def _elsewhere(
    work: Callable[..., Outcome], jobs: list[Job], executor: Executor
) -> Iterator[Outcome]:
    """Do the jobs in an executor; one that loses a job with its host fails that job only."""
    futures = {executor.submit(work, job): job for job in jobs}
    try:
        for future in as_completed(futures):
            try:
                yield future.result()
            except Exception as error:  # whatever the engine raises, the others go on
                line = (str(error).strip().splitlines() or [type(error).__name__])[0]
                yield Outcome(job=futures[future], state="failed", error=f"cluster: {line}")
    finally:
        for future in futures:
            future.cancel()


def _commit(folder: Path) -> str:
    """Return the commit of the code, with "+" where files have changed since; "" outside git."""
    command = ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty=+"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.check_output(command, stderr=subprocess.DEVNULL, text=True, timeout=10)
        return said.strip()
    return ""
