"""Expected attainment and entropy balancing: time and growth.

    python benchmarks/matching.py

Promises: expectations of 40,000 pupils in 280 schools, each school left out in turn, in under a
second by either model; growth with pupils no worse than linear to a million; at least ten times
faster than fitting anew for each school; weights of 20,000 comparison rows on ten covariates
in under a second. Medians of three on one core.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median

for library in ("OPENBLAS", "OMP", "MKL"):  # before numpy: one core
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from evidence import matching  # noqa: E402

PUPILS_A_SCHOOL = 143
MODEL = {
    "outcome": "score",
    "cluster": "urn",
    "time": "year",
    "fit_on": "similar",
    "baseline": "ks1",
    "context": ("sen", "fsm", "eal", "sex", "month"),
}


def county(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(2026)
    frame = pd.DataFrame(
        {
            "urn": rng.integers(0, n // PUPILS_A_SCHOOL, n),
            "year": rng.integers(2015, 2020, n),
            "ks1": np.round(rng.normal(15, 4, n) * 2) / 2,
            "sen": rng.choice(["N", "K", "E"], n, p=[0.83, 0.14, 0.03]),
            "fsm": rng.integers(0, 2, n),
            "eal": rng.integers(0, 2, n),
            "sex": rng.choice(["F", "M"], n),
            "month": rng.integers(1, 13, n),
        }
    )
    frame.loc[::20, "ks1"] = np.nan
    frame["score"] = 80 + 1.4 * frame["ks1"].fillna(12) + rng.normal(0, 5, n)
    return frame.assign(similar=frame["urn"] % 5 > 0)


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return median(taken)


def anew(pupils: pd.DataFrame, schools: int) -> float:
    """Return the time of least squares for each school, from those of the first `schools`."""
    dummies = pd.get_dummies(pupils[["year", "sen", "fsm", "eal", "sex", "month"]].astype(str))
    x = np.column_stack([dummies.to_numpy(float), pupils["ks1"].fillna(15), pupils["ks1"].isna()])
    y, urn = pupils["score"].to_numpy(), pupils["urn"].to_numpy()
    fit = pupils["similar"].to_numpy()

    def some() -> None:
        for school in range(schools):
            rows = fit & (urn != school)
            np.linalg.lstsq(x[rows], y[rows], rcond=None)

    return seconds(some, 1) / schools * pupils["urn"].nunique()


def main() -> None:
    for n in (40_000, 200_000, 1_000_000):
        pupils = county(n)
        for method in ("cells", "regression"):
            taken = seconds(lambda m=method, p=pupils: matching.expected(p, method=m, **MODEL))
            print(f"{method:12}{n:>10,} pupils {taken:8.3f} s {1e6 * taken / n:8.2f} µs a pupil")
        if n == 40_000:
            print(f"{'anew':12}{n:>10,} pupils {anew(pupils, 5):8.3f} s")
    rng = np.random.default_rng(2026)
    names = [f"x{j}" for j in range(10)]
    for n in (280, 20_000):
        data = pd.DataFrame(rng.normal(size=(n, 10)), columns=names)
        data["t"] = (rng.random(n) < 1 / (1 + np.exp(2.5 - 0.5 * data["x0"]))).astype(int)
        taken = seconds(lambda d=data: matching.balance_weights(d, treatment="t", covariates=names))
        print(f"{'weights':12}{n:>10,} rows   {taken:8.3f} s")


if __name__ == "__main__":
    main()
