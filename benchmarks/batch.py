"""Time a batch of reports against papermill itself.

``python benchmarks/batch.py`` runs the same 40 impact reports, HTML included, in three ways, one
after another in each of five rounds, and prints medians of the ratios:

- `raw`: the papermill command and the nbconvert command, a report at a time;
- `pool`: two warm processes that call papermill and nbconvert, with one BLAS thread;
- `ours`: `evidence run` with two workers;

and `cells`, the processor time of the cells alone. An hour on two quiet cores; ``--jobs 10 --rounds
3`` is a quick look. ``--growth`` compares 40 jobs with 400, and the time to find that nothing has
changed; its jobs do next to nothing, so that what the runner adds to each cannot hide behind them.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import kill

ROOT = Path(__file__).resolve().parent.parent
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
BIN = Path(sys.executable).parent


def jobs(count: int):
    """Return `count` jobs: the impact reports of the register, again and again by other names."""
    from evidence.run.plan_jobs import Project, plan

    found = [job for job in plan(Project()) if job.notebook.stem == "impact"]
    return [
        replace(job, cohort=f"{job.cohort}-{i}", key=f"{i:04d}{job.key[4:]}")
        for i, job in zip(range(count), found * (count // len(found) + 1), strict=False)
    ]


def parameters(job) -> dict:
    return job.parameters | {"data": str(ROOT / "data"), "out": ".", "run_id": job.run_id}


def raw(count: int, place: Path) -> None:
    for job in jobs(count):
        folder = place / job.run_id
        folder.mkdir()
        given, done = folder / "given.yaml", folder / "notebook.ipynb"
        given.write_text(json.dumps(parameters(job)))
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
        papermill = [BIN / "papermill", job.notebook.resolve(), done, "-f", given, "-k", "python3"]
        subprocess.run([*papermill, "--cwd", folder], **quiet)
        subprocess.run([BIN / "jupyter", "nbconvert", "--to", "html", done], **quiet)


def pool(count: int, place: Path) -> None:
    from multiprocessing import get_context

    with get_context("spawn").Pool(2) as workers:
        workers.map(one_of_pool, [(job, place) for job in jobs(count)], chunksize=1)


def one_of_pool(task) -> None:
    import papermill
    from nbconvert import HTMLExporter

    job, place = task
    folder = place / job.run_id
    folder.mkdir()
    done = folder / "notebook.ipynb"
    papermill.execute_notebook(
        str(job.notebook.resolve()),
        str(done),
        parameters(job),
        kernel_name="python3",
        cwd=str(folder),
        progress_bar=False,
    )
    (folder / "report.html").write_text(HTMLExporter().from_filename(str(done))[0])


def ours(count: int, place: Path) -> None:
    from rich.console import Console

    from evidence.run.plan_jobs import Project
    from evidence.run.progress import Live
    from evidence.run.runner import run

    with Live(Console(file=io.StringIO())) as live:
        ends = run(jobs(count), Project(runs=place), live, workers=2)
    assert {end.state for end in ends} <= {"done", "kept"}, [end.error for end in ends]


def cells(count: int, place: Path) -> None:
    """Print the processor seconds of the cells alone, run one after another in this process."""
    from IPython.core.interactiveshell import InteractiveShell

    from evidence.run import preload  # noqa: F401

    spent = 0.0
    for job in jobs(count):
        folder = place / job.run_id
        folder.mkdir()
        os.chdir(folder)
        InteractiveShell.clear_instance()
        shell = InteractiveShell.instance()
        for cell in json.loads((ROOT / job.notebook).read_text())["cells"]:
            if cell["cell_type"] != "code":
                continue
            before = time.process_time()
            with contextlib.redirect_stdout(io.StringIO()):
                assert shell.run_cell("".join(cell["source"])).success
            spent += time.process_time() - before
            if "parameters" in cell["metadata"].get("tags", ()):
                shell.user_ns.update(parameters(job))
        os.chdir(ROOT)
    print(spent)


ARMS = {"raw": raw, "pool": pool, "ours": ours, "cells": cells}


def measure(arm: str, count: int) -> dict[str, float]:
    """Run an arm in a process of its own; return seconds, processor seconds and peak PSS in MB."""
    folder = Path(tempfile.mkdtemp(prefix="batch-"))
    env = {**os.environ, **(ONE_THREAD if arm in ("pool", "cells") else {})}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # everybody's modules are compiled, as they would be
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen(
        [sys.executable, __file__, "--arm", arm, "--jobs", str(count), "--place", str(folder)],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    peak = Peak(process.pid)
    said, _ = process.communicate()
    seconds = time.monotonic() - began
    peak.stop()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert process.returncode == 0, arm
    made = len([*folder.rglob("notebook.ipynb")])
    assert arm == "cells" or made == count, (arm, made)
    shutil.rmtree(folder)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": seconds,
        "cpu": float(said) if arm == "cells" else cpu,
        "mb": peak.mb,
    }


class Peak(threading.Thread):
    """Greatest proportional memory of a process and all below it, looked at once a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.mb, self.over = pid, 0.0, threading.Event()
        self.start()

    def run(self) -> None:  # noqa: D102
        while not self.over.wait(1):
            self.mb = max(self.mb, sum(map(_pss, _below(self.pid))) / 1024)

    def stop(self) -> None:  # noqa: D102
        self.over.set()
        self.join()


def _below(top: int) -> list[int]:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found, wave = [], [top]
    while wave:
        found += wave
        wave = [pid for pid, parent in parents.items() if parent in wave]
    return found


def _pss(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def compare(count: int, rounds: int) -> None:
    found = {arm: [] for arm in ARMS}
    for _ in range(rounds):
        for arm in ARMS:
            found[arm].append(measure(arm, count))
    one = [measure("raw", 1)["mb"] for _ in range(min(rounds, 3))]
    print(f"{count} impact reports with HTML, two workers; medians of {rounds} rounds\n")
    print("| way | seconds | processor seconds | peak PSS, MB |\n|---|---|---|---|")
    for arm, rows in found.items():
        middle = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        wall = "" if arm == "cells" else f"{middle['seconds']:.1f}"
        memory = "" if arm == "cells" else f"{middle['mb']:.0f}"
        print(f"| {arm} | {wall} | {middle['cpu']:.1f} | {memory} |")

    def ratio(mine: str, other: str, key: str) -> float:
        pairs = zip(found[mine], found[other], strict=True)
        return statistics.median(a[key] / b[key] for a, b in pairs)

    print()
    for other, goal in (("raw", 0.15), ("pool", 0.40)):
        print(f"seconds, ours to {other}: {ratio('ours', other, 'seconds'):.3f} (goal {goal})")
    print(f"processor seconds, ours to the cells': {ratio('ours', 'cells', 'cpu'):.2f} (goal 1.25)")
    memory = statistics.median(row["mb"] for row in found["ours"]) / statistics.median(one)
    print(f"peak memory, ours to one raw run: {memory:.2f} (goal 1.4)")


def growth(rounds: int) -> None:
    ratios, checks = [], []
    for _ in range(rounds):
        spent = {}
        for count in (40, 400):
            with tempfile.TemporaryDirectory(prefix="batch-") as name:
                options = kill.project(Path(name, "it"), count)
                began = time.monotonic()
                assert kill.start(options, Path(name, "log")).wait() == 0
                spent[count] = time.monotonic() - began
                began = time.monotonic()
                assert kill.start(options, Path(name, "log")).wait() == 0
                again = time.monotonic() - began
        ratios.append(spent[400] / spent[40])
        checks.append(again)
        print(f"40 jobs {spent[40]:.1f} s, 400 jobs {spent[400]:.1f} s", flush=True)
    print(f"400 jobs to 40: {statistics.median(ratios):.2f} times (goal 10.5)")
    print(f"400 jobs unchanged, found in {statistics.median(checks):.2f} s (goal 2)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    os.chdir(ROOT)
    if given.arm:
        ARMS[given.arm](given.jobs, given.place)
    elif given.growth:
        growth(given.rounds)
    else:
        compare(given.jobs, given.rounds)


if __name__ == "__main__":
    main()
