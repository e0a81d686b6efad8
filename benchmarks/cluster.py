"""How far does one dask scheduler go? 1,000 jobs that cost nothing.

``python benchmarks/cluster.py`` starts a scheduler and two workers on this machine and times
1,000 empty calls and 1,000 jobs that are done already (the ledger is asked, nothing is run); half a
minute. A report takes seconds, so what a job costs the scheduler says how many cores it can feed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import wait
from dataclasses import replace
from functools import partial
from pathlib import Path

from distributed import LocalCluster

from evidence.run import cluster, ledger
from evidence.run.job import perform
from evidence.run.plan_jobs import Job, Project


def nothing(_: object) -> None:
    return None


def done(runs: Path, count: int) -> list[Job]:
    """Return `count` jobs whose run folders are there."""
    job = Job(
        programme="none",
        cohort="none",
        notebook=Path("none.ipynb"),
        parameters={"outcomes": list(range(200))},
        inputs={},
        named={},
        notebook_sha256="",
        key="0" * 64,
    )
    jobs = [replace(job, key=f"{i:016d}{'0' * 48}") for i in range(count)]
    for each in jobs:
        final = each.folder(runs)
        assert ledger.Draft(final).publish({"run_id": each.run_id}, replace=False)
    return jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as local,
        cluster.connect(local.scheduler_address) as executor,
    ):
        wait([executor.submit(nothing, i) for i in range(10)])
        jobs = done(Path(folder), given.jobs)
        work = partial(perform, project=Project(runs=Path(folder)).resolved())
        for what, call, items in (
            ("empty calls", nothing, range(given.jobs)),
            ("jobs done already", work, jobs),
        ):
            began = time.perf_counter()
            wait([executor.submit(call, item) for item in items])
            seconds = time.perf_counter() - began
            each = 1000 * seconds / given.jobs
            print(f"{given.jobs} {what}: {given.jobs / seconds:.0f} a second, {each:.1f} ms each")


if __name__ == "__main__":
    main()
