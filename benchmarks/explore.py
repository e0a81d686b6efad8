"""A change in a trial's live panel is on the screen within 200 ms.

Promise: of 200 random changes of outcome, pupils, method and baseline in ``study.explore()``, on
Kindergarten of Project STAR (two outcomes, 4,000 pupils of two arms, 79 schools) and, with a
baseline, its Grade 1, 95% take under 200 ms each, whatever the method and however many looks stand
above it. A change is the assignment of a control's value, as the browser's message makes it, until
the panel's picture is the new one.
Run: python benchmarks/explore.py [CHANGES]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import evidence as ev
from evidence.data.sample import make
from evidence.run.plan_jobs import Project, plan

ROOT = Path(__file__).resolve().parents[1]
MOST = 0.2  # seconds


def studies(data: Path) -> dict[str, ev.Trial]:
    """Return Kindergarten as the register has it, and Grade 1 given Kindergarten's score."""
    make(data)
    project = Project(
        register=ROOT / "data/programmes.toml", data=data, notebooks=ROOT / "notebooks"
    )
    (job,) = [job for job in plan(project) if job.label == "star/K"]
    given = job.parameters | {"data": str(data)}
    table = pd.read_csv(data / job.parameters["pupils"])
    first = table[table["gr"] == "K"].set_index("id")["math"].rename("before")
    grade = table[table["gr"] == "1"].join(first, on="id", how="inner").dropna(subset="before")
    return {
        "Kindergarten": ev.Trial.read(str(data), given),
        "Grade 1": ev.Trial.read(
            grade, given | {"where": {}, "baseline": "before", "cluster": "school"}
        ),
    }


def controls(study: ev.Trial) -> tuple[list[Any], Any]:
    """Return what can be changed in a panel, and what shows the result."""
    *menus, baseline, shown, _ = study.explore().children
    return [*menus, *([] if baseline.disabled else [baseline])], shown


def changes(study: ev.Trial, count: int, seed: int = 2026) -> pd.DataFrame:
    """Change one control at a time, at random; return what was chosen and its seconds."""
    rng, rows = np.random.default_rng(seed), []
    menus, shown = controls(study)
    for _ in range(count):
        one = menus[int(rng.integers(len(menus)))]
        before, began = shown.value, time.perf_counter()
        if hasattr(one, "options"):
            one.index = int(rng.choice([i for i in range(len(one.options)) if i != one.index]))
        else:
            one.value = not one.value
        seconds = time.perf_counter() - began
        looks = shown.value.count("<svg")
        rows.append((menus[1].value or "as planned", looks, shown.value != before, seconds))
    return pd.DataFrame(rows, columns=["method", "looks", "other", "seconds"])


def main(count: int = 200) -> int:
    with tempfile.TemporaryDirectory() as folder:
        slow = 0
        for name, study in studies(Path(folder)).items():
            table = changes(study, count)
            by = table.groupby("method")["seconds"].agg(["size", "median", "max"])
            print(by.to_string(float_format="{:.3f}".format))
            half, most = table["seconds"].quantile([0.5, 0.95])
            print(f"{name}: {count} changes, median {half * 1000:.0f} ms, p95 {most * 1000:.0f} ms, "
                  f"slowest {table['seconds'].max() * 1000:.0f} ms")  # fmt: skip
            slow += most > MOST
    return slow


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
