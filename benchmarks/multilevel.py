"""The random-intercept model against ordinary least squares, and its growth with pupils.

    python benchmarks/multilevel.py

Promise: at most twice the time of statsmodels' OLS on 31,000 pupils in 2,400 schools; growth no
worse than linear to 1,000,000 pupils. Runs are interleaved and medians of five are compared. Ends
with 1 where a promise is broken.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from statistics import median

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import statsmodels.api as sm

from evidence.stats.mixed_model import random_intercept

RUNS, REPEATS = 5, 10


def trial(pupils: int, schools: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2026)
    school = rng.integers(0, schools, pupils)
    columns = rng.normal(size=(pupils, 3))
    columns[:, 0] = school % 2
    score = (
        columns @ [0.2, 0.6, 0.1] + rng.normal(0, 0.4, schools)[school] + rng.normal(size=pupils)
    )
    return score, columns, school


def seconds(call: Callable[[], object], repeats: int) -> float:
    begin = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - begin) / repeats


def main() -> bool:
    """Print what was measured; return whether every promise was kept."""
    score, columns, school = trial(31_000, 2_400)
    design = sm.add_constant(columns)  # not timed
    calls = {
        "OLS (statsmodels)": lambda: sm.OLS(score, design).fit(),
        "REML (evidence)": lambda: random_intercept(score, columns, school),
    }
    took = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(RUNS):
        for name, call in calls.items():
            took[name].append(seconds(call, REPEATS))
    for name, times in took.items():
        print(f"{name:20s} {1e3 * median(times):8.2f} ms")
    ols, reml = (median(times) for times in took.values())
    print(f"ratio                {reml / ols:8.2f}  (promise: at most 2)")

    sizes = {n: trial(n, n // 13) for n in (31_000, 100_000, 300_000, 1_000_000)}
    grown = {n: [] for n in sizes}
    for _ in range(RUNS):
        for n, data in sizes.items():
            grown[n].append(seconds(lambda data=data: random_intercept(*data), 1))
    first = median(grown[31_000]) / 31_000
    for n, times in grown.items():
        print(f"{n:>9,} pupils {1e3 * median(times):9.1f} ms, "
              f"{median(times) / n / first:.2f} times the cost a pupil of 31,000")  # fmt: skip
    worst = max(median(times) / n for n, times in grown.items()) / first
    kept = reml <= 2 * ols and worst <= 1.25
    print("promises kept" if kept else "PROMISE BROKEN")
    return kept


if __name__ == "__main__":
    sys.exit(not main())
