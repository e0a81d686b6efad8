"""How often pooled intervals hold the truth, and what looking after each trial does.

``python benchmarks/synthesis.py`` simulates 4,000 sets of k results a cell for the coverage of the
default intervals (REML, Hartung–Knapp) and of "z", and 2,000 programmes of 100 trials without
effect, looked at after each, for the always-valid interval; then one of 4,000 results for speed.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from multiprocessing import Pool

import numpy as np

from evidence import synthesis

NUMBERS, SPREADS = (3, 5, 10, 20), (0.0, 0.05, 0.1, 0.2)


def errors(rng: np.random.Generator, k: int) -> np.ndarray:
    """Return standard errors as of small trials: from 0.08 to 0.25."""
    return rng.uniform(0.08, 0.25, k)


def cover(job: tuple[int, float, int, int]) -> np.ndarray:
    """Return in how many sets, `first` to `last`, the mean lies inside: HK, z, prediction."""
    k, tau, first, last = job
    held = np.zeros(3)
    for number in range(first, last):
        rng = np.random.default_rng([k, int(100 * tau), number])
        error = errors(rng, k)
        y = rng.normal(0.1, np.hypot(error, tau))
        further = rng.normal(0.1, tau)
        found = synthesis.pool(y, error)
        naive = synthesis.pool(y, error, inference="z")
        held += (
            found.ci_lower <= 0.1 <= found.ci_upper,
            naive.ci_lower <= 0.1 <= naive.ci_upper,
            found.prediction_lower <= further <= found.prediction_upper,
        )
    return held


def look(job: tuple[float, float, int, int]) -> list[tuple[float, float]]:
    """Return after how many trials each programme first excluded zero: always valid, ordinary."""
    tau, effect, first, last = job
    found = []
    for number in range(first, last):
        rng = np.random.default_rng([7, int(100 * tau), int(100 * effect), number])
        error = errors(rng, 100)
        table = synthesis.confidence_sequence(
            rng.normal(effect, np.hypot(error, tau)), error
        ).to_frame()
        ends = []
        for low, high in (("ci_lower", "ci_upper"), ("ordinary_lower", "ordinary_upper")):
            apart = (table[low] > 0) | (table[high] < 0)
            ends.append(float(table["n_studies"][apart.idxmax()]) if apart.any() else np.inf)
        found.append(tuple(ends))
    return found


def main() -> None:
    """Print the tables."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--sets", type=int, default=4000)
    asked.add_argument("--programmes", type=int, default=2000)
    given = asked.parse_args()
    with Pool(2) as pool:
        print("k  tau   Hartung-Knapp   z   prediction (per cent)")
        for k in NUMBERS:
            for tau in SPREADS:
                edges = np.linspace(0, given.sets, 9).astype(int)
                jobs = [(k, tau, a, b) for a, b in itertools.pairwise(edges)]
                shares = 100 * sum(pool.map(cover, jobs, 1)) / given.sets
                print(k, tau, *np.round(shares, 1), flush=True)
        print("tau  effect  ever excludes zero: always valid, ordinary; median trials until then")
        for tau, effect in ((0.0, 0.0), (0.1, 0.0), (0.0, 0.1), (0.1, 0.1)):
            edges = np.linspace(0, given.programmes, 41).astype(int)
            jobs = [(tau, effect, a, b) for a, b in itertools.pairwise(edges)]
            ends = np.array([*itertools.chain(*pool.map(look, jobs, 1))])
            shares = 100 * np.isfinite(ends).mean(axis=0)
            print(tau, effect, *np.round(shares, 1), *np.median(ends, axis=0), flush=True)
    rng = np.random.default_rng(1)
    error = errors(rng, 4000)
    y, seconds = rng.normal(0.1, np.hypot(error, 0.15)), []
    for _ in range(20):
        began = time.perf_counter()
        synthesis.pool(y, error)
        seconds.append(time.perf_counter() - began)
    print(f"4,000 results: {1000 * statistics.median(seconds):.1f} ms")


if __name__ == "__main__":
    main()
