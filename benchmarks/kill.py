"""Kill a batch of reports again and again; nothing may be lost, doubled or half written.

``python benchmarks/kill.py`` runs 100 jobs with two workers and sends kill -9 to the runner, a
job's process, the fork server or a kernel at 60 random moments (seeded), starting the runner again
where it ended. Then it compares every result with an unkilled run. Ten minutes on two cores; the
tests run ``--jobs 12 --kills 8``. Exit status 1 if any promise is broken.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

CELLS = [
    ("cohort = ''\ndata = ''\nout = ''\nrun_id = ''\n", ["parameters"]),
    ("import time, numpy as np, pandas as pd\nrng = np.random.default_rng(int(cohort[1:]))", []),
    ("import os, subprocess\nos.mkdir('once')\nsubprocess.Popen(['sleep', '9'])", []),
    ("time.sleep(0.2)\ndrawn = rng.normal(size=20_000)\nprint(drawn.tolist())", []),
    ("pd.DataFrame({'drawn': drawn}).to_parquet('effects.parquet')\ntime.sleep(0.2)", []),
    ("print(drawn.sum())", []),
]
REGISTER = """
[programme.killed]
title = "Killed"
phase = "any"
lead = "nobody"
about = "A job to be killed."
cost = 0
design = "monitoring"
notebook = "killed"
simulated = true
automatic = true
"""
COHORT = '[[programme.killed.cohorts]]\nname = "c{0}"\ntitle = "{0}"\nfiles = {{}}\n'
VICTIMS = ("runner", "job", "server", "kernel")


def project(place: Path, jobs: int) -> list[str]:
    """Write a project of `jobs` jobs; return the options that name it."""
    (place / "notebooks").mkdir(parents=True)
    cells = [
        {
            "id": f"cell-{i}",
            "cell_type": "code",
            "source": source,
            "metadata": {"tags": tags},
            "outputs": [],
            "execution_count": None,
        }
        for i, (source, tags) in enumerate(CELLS)
    ]
    kernel = {"name": "evidence", "display_name": "evidence", "language": "python"}
    whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}
    (place / "notebooks/killed.ipynb").write_text(json.dumps(whole))
    (place / "programmes.toml").write_text(REGISTER + "".join(map(COHORT.format, range(jobs))))
    names = {"register": "programmes.toml", "data": "", "notebooks": "notebooks", "runs": "runs"}
    return [f"--{option}={place / name}" for option, name in names.items()]


def start(options: list[str], log: Path) -> subprocess.Popen:
    with log.open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "evidence.cli", "run", "--workers=2", *options],
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )


def below(pid: int) -> list[int]:
    """Return the processes that a process started and that still run."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in children.read_text().split()]
        except OSError:
            continue
    return [child for child in found if running(child)]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def family(runner: int) -> dict[str, list[int]]:
    """Return the processes of a batch by what they are; jobs and kernels are forks alike."""
    server, threads = [], {}
    for p in below(runner):
        with suppress(OSError):  # it has just ended
            server += [p] * (b"forkserver" in Path(f"/proc/{p}/cmdline").read_bytes())
    for p in (child for each in server for child in below(each)):
        with suppress(OSError):
            threads[p] = len([*Path(f"/proc/{p}/task").iterdir()])
    return {
        "runner": [runner],
        "server": server,
        "kernel": [p for p, n in threads.items() if n >= 8],  # IPython's many threads
        "job": [p for p, n in threads.items() if n < 8],
    }


def hashes(runs: Path) -> dict[str, str]:
    """Return cohort to hash of what its run folder says; raise where a file is not whole."""
    import pandas as pd

    found = {}
    for folder in runs.glob("[!.]*/*/[!.]*"):
        record = json.loads((folder / "run.json").read_text())
        notebook = json.loads((folder / "notebook.ipynb").read_text())
        said = [[o.get("text") for o in cell["outputs"]] for cell in notebook["cells"]]
        drawn = pd.read_parquet(folder / "effects.parquet")["drawn"].to_list()
        assert (folder / "report.html").read_text().endswith("</html>\n")
        assert record["cohort"] not in found, "a result came twice"
        found[record["cohort"]] = hashlib.sha256(json.dumps([said, drawn]).encode()).hexdigest()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=2026)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="kill-") as name:
        options, log = project(Path(name, "whole"), given.jobs), Path(name, "log")
        began = time.monotonic()
        assert start(options, log).wait() == 0
        whole = hashes(Path(name, "whole/runs"))
        unkilled = time.monotonic() - began

        options = project(Path(name, "killed"), given.jobs)
        killed, starts, seen = Counter(), 0, set()
        began = time.monotonic()
        runner = None
        moments = [chance.uniform(0.3, 3.0) for _ in range(given.kills)]
        kinds = [chance.choice(VICTIMS) for _ in range(given.kills)]
        while True:
            if runner is None or runner.poll() is not None:
                if runner is not None and runner.returncode == 0 and not moments:
                    break
                again = runner is not None and runner.returncode == 0  # before the last kill
                fresh = ["--fresh"] if again else []
                runner, starts = start([*options, *fresh], log), starts + 1
            if not moments:
                runner.wait()
                continue
            until = time.monotonic() + moments.pop()
            kind = kinds.pop()
            victims: list[int] = []
            while not victims and runner.poll() is None:
                there = family(runner.pid)
                seen |= {pid for group in there.values() for pid in group}
                if time.monotonic() >= until:
                    victims = there[kind]
                time.sleep(0.02)
            if victims:
                victim = chance.choice(sorted(victims))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    killed[kind] += 1
                    if kind == "runner":
                        runner.wait()
                    continue
            moments.append(chance.uniform(0.3, 3.0))  # the batch, or its victim, ended first
            kinds.append(kind)
        seconds = time.monotonic() - began
        end = time.monotonic() + 10
        while (left := [pid for pid in seen if running(pid)]) and time.monotonic() < end:
            time.sleep(0.1)
        runs = Path(name, "killed/runs")
        found = hashes(runs)
        said_wrong = log.read_text().split("Traceback")[1:]
        drafts = [p for p in runs.glob("*/*/.*") if p.is_dir()]

    said = ", ".join(f"{count} {kind}" for kind, count in sorted(killed.items()))
    print(f"{given.jobs} jobs, {sum(killed.values())} kills ({said}), {starts} starts")
    print(f"{seconds:.0f} s; unkilled {unkilled:.0f} s")
    promises = {
        "results": (len(found), given.jobs),
        "lost": (len(whole.keys() - found.keys()), 0),
        "different from the unkilled run": (sum(found[c] != whole[c] for c in found), 0),
        "half-written folders": (len(drafts), 0),
        "processes alive after 10 s": (len(left), 0),
        "tracebacks": (len(said_wrong), 0),
        "kills": (sum(killed.values()), given.kills),
    }
    for what, (got, wanted) in promises.items():
        print(f"{what}: {got}" + ("" if got == wanted else f", not {wanted}"))
    for trace in said_wrong:
        print(f"Traceback{trace[:3000]}", file=sys.stderr)
    sys.exit(any(got != wanted for got, wanted in promises.values()))


if __name__ == "__main__":
    main()
