"""How often the 95% intervals for a trial hold the true effect: 4,000 trials a cell.

``python benchmarks/coverage.py`` runs the simulation on all cores (about half an hour on two) and
writes docs/coverage.md and docs/images/coverage.svg; ``--trials 100`` is a quick look that writes
nothing, and so is ``--design classes`` (see coverage_page.py), the cells of one design. Ends with
1 where a default interval covers less than 93.5 or more than 97 per cent by more than chance.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

for library in ("OPENBLAS", "OMP", "MKL"):  # before numpy: one thread a process
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import coverage_panels  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import synthesis  # noqa: E402
from coverage_page import (  # noqa: E402
    BAND,
    CORRELATION,
    DESIGNS,
    DRAWS,
    EFFECT,
    MEDIAN_SIZE,
    draw,
    page,
)

from evidence import trials  # noqa: E402
from evidence.methods.core.encoded import encoded  # noqa: E402

DOCS = Path(__file__).resolve().parent.parent / "docs"
GIVEN = {"outcome": "score", "treatment": "arm", "cluster": "school"}


class Cell(NamedTuple):
    """One setting of the simulation.

    Parameters
    ----------
    schools : int
        Units drawn by lot; sites, where `design` is "pupils" or "varied".
    icc : float
    baseline : int
    spread : float
        Standard deviation of log school size.
    design : str
        A key of `coverage_page.DESIGNS`.
    each : int
        Units an arm and stratum; treated units for "few".
    """

    schools: int
    icc: float
    baseline: int
    spread: float = 0.5
    design: str = "schools"
    each: int = 0


CELLS = [
    *(
        Cell(m, icc, pre)
        for m in (10, 20, 40)
        for icc in (0.05, 0.13, 0.2)
        for pre in (False, True)
    ),
    *(Cell(20, 0.13, pre, 0.7) for pre in (False, True)),
]
BLOCKED = [
    Cell(54, 0.15, False, design="pupils", each=2),
    Cell(120, 0.13, False, design="classes", each=2),
    Cell(40, 0.13, False, design="classes", each=2),
    Cell(24, 0.13, False, design="classes", each=3),
    Cell(24, 0.13, True, design="pairs", each=1),
    Cell(10, 0.15, False, design="varied", each=20),
    Cell(20, 0.15, False, design="few", each=5),
]


def simulate_blocked(rng: np.random.Generator, cell: Cell) -> tuple[pd.DataFrame, dict]:
    """Return one trial of another design, and what an analysis is told of it."""
    given = {"outcome": "score", "treatment": "arm"}
    each = cell.each
    if cell.design in ("pupils", "varied"):
        stratum = np.repeat(np.arange(cell.schools), 2 * each)
        arm = rng.permuted(np.tile([0, 1], (cell.schools, each)), axis=1).ravel()
        between = rng.normal(0, cell.icc**0.5, cell.schools)[stratum]
        varied = cell.design == "varied"
        effect = EFFECT + rng.normal(0, 0.3 * varied, cell.schools)[stratum]
        rows = between + rng.normal(0, (1 - cell.icc) ** 0.5, len(stratum)) + effect * arm
        data = pd.DataFrame({"score": rows, "arm": arm, "school": stratum, "site": stratum})
        return data, given | {"strata": "site"} | ({"cluster": "school"} if varied else {})
    data = simulate(rng, cell._replace(design="schools"))
    unit = data["school"].to_numpy()
    if cell.design == "few":
        chosen = rng.permutation(cell.schools) < each
    else:
        stratum = np.arange(cell.schools) // (2 * each)
        data["site"] = stratum[unit]
        data["score"] += rng.normal(0, 0.4, stratum[-1] + 1)[data["site"]]
        chosen = rng.permuted(np.tile([0, 1], (stratum[-1] + 1, each)), axis=1).ravel()
        given["strata"] = "site"
    data["score"] += EFFECT * (chosen[unit] - data["arm"])
    data["arm"] = chosen[unit] * 1
    given |= {"cluster": "school"} | ({"baseline": "before"} if cell.baseline else {})
    return data, given


def simulate(rng: np.random.Generator, cell: Cell) -> pd.DataFrame:
    """Return one trial: half the schools treated at random, total variance 1, lognormal sizes."""
    drawn = rng.lognormal(np.log(MEDIAN_SIZE), cell.spread, cell.schools)
    size = np.maximum(5, np.rint(drawn)).astype(int)
    school = np.repeat(np.arange(cell.schools), size)
    between = rng.normal(0, cell.icc**0.5, (cell.schools, 2))[school]
    before, new = (between + rng.normal(0, (1 - cell.icc) ** 0.5, (len(school), 2))).T
    arm = rng.permutation(np.arange(cell.schools) % 2)[school]
    after = CORRELATION * before + (1 - CORRELATION**2) ** 0.5 * new
    return pd.DataFrame(
        {"score": after + EFFECT * arm, "arm": arm, "school": school, "before": before}
    )


def intervals(
    data: pd.DataFrame, baseline: int, seed: int, every: bool
) -> Iterator[tuple[str, float, float]]:
    """Give method and interval; two bootstraps that nobody should use, only where asked for."""
    given = GIVEN | ({"baseline": "before"} if baseline else {})
    made = {
        "itt": trials.itt(data, **given),
        "bootstrap": trials.bootstrap(data, draws=DRAWS, seed=seed, **given),
        "randomisation": trials.randomisation_test(data, draws=DRAWS, seed=seed, **given),
        "multilevel": trials.multilevel(data, **given),
    }
    for name, found in made.items():
        yield name, found.ci_lower, found.ci_upper
    columns = [np.ones(len(data)), data["arm"], *([data["before"]] if baseline else [])]
    design, score = np.column_stack(columns).astype(float), data["score"].to_numpy()
    bread = np.linalg.inv(design.T @ design)
    effect = bread @ design.T @ score
    residual = score - design @ effect
    sums = np.zeros((data["school"].max() + 1, design.shape[1]))
    np.add.at(sums, data["school"].to_numpy(), design * residual[:, None])
    m, (n, k) = len(sums), design.shape
    robust = m / (m - 1) * bread @ sums.T @ sums @ bread
    classical = residual @ residual / (n - k) * bread
    for name, matrix in (("cr1", robust), ("classical", classical)):
        half = 1.959964 * matrix[1, 1] ** 0.5
        yield name, effect[1] - half, effect[1] + half
    if every:
        for name, resample in (("percentile", "cluster"), ("within", "within")):
            found = trials.bootstrap(
                data, draws=399, seed=seed, resample=resample, interval="percentile", **given
            )
            yield name, found.ci_lower, found.ci_upper


def cover(job: tuple[Cell, int, int]) -> pd.DataFrame:
    """Run the trials `first` to `last` of a cell: a row a trial and method, whether it covers."""
    cell, first, last = job
    rows = []
    for number in range(first, last):
        key = [2026, cell.schools, int(100 * cell.icc), cell.baseline, int(10 * cell.spread)]
        rng = np.random.default_rng([*key, number])
        if cell.design == "schools":
            data = encoded(simulate(rng, cell))
            found = intervals(data, cell.baseline, number, every=number % 5 == 0)
        else:
            data, given = simulate_blocked(rng, cell)
            data = encoded(data)
            found = {
                "itt": trials.itt(data, **given),
                "bootstrap": trials.bootstrap(data, draws=DRAWS, seed=number, **given),
            }
            found = ((name, made.ci_lower, made.ci_upper) for name, made in found.items())
        for name, low, high in found:
            rows.append((*cell, name, low <= EFFECT <= high, high - low))
    return pd.DataFrame(rows, columns=[*Cell._fields, "method", "covers", "width"])


def run(trials_each: int, cells: list[Cell]) -> pd.DataFrame:
    """Return a row a cell and method: `coverage` and its Monte-Carlo `error` in per cent, `n`."""
    jobs = [
        (cell, first, min(first + 100, trials_each))
        for cell in cells
        for first in range(0, trials_each, 100)
    ]
    with Pool() as pool:
        found = pd.concat(pool.imap_unordered(cover, jobs))
    table = found.groupby([*Cell._fields, "method"]).agg(
        coverage=("covers", "mean"), n=("covers", "size"), width=("width", "median")
    )
    table["error"] = 100 * np.sqrt(table["coverage"] * (1 - table["coverage"]) / table["n"])
    table["coverage"] *= 100
    return table.reset_index()


def broken(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of default intervals outside the band by more than three standard errors."""
    part = table[table["method"].isin(["itt", "bootstrap", "randomisation", "multilevel"])]
    slack = 300 * np.sqrt(0.05 * 0.95 / part["n"])
    low, high = part["coverage"] + slack < BAND[0], part["coverage"] - slack > BAND[1]
    return part[low | high]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--design", choices=DESIGNS, nargs="*")
    asked = parser.parse_args()
    chosen = [c for c in (*CELLS, *BLOCKED) if c.design in (asked.design or DESIGNS)]
    began = time.perf_counter()
    results = run(asked.trials, chosen)
    jobs = [
        (design, first, min(first + 50, asked.trials))
        for design in coverage_panels.DESIGNS
        for first in range(0, 0 if asked.design else asked.trials, 50)
    ]
    with Pool() as pool:
        panels = pd.concat([pd.DataFrame(), *pool.imap_unordered(coverage_panels.cover, jobs)])
    spent = time.perf_counter() - began
    if asked.trials >= 2000 and not asked.design:
        (DOCS / "images" / "coverage.svg").write_text(draw(results), encoding="utf-8")
        path = DOCS / "coverage.md"
        pooled = path.read_text(encoding="utf-8").partition(synthesis.HEAD)
        kept = pooled[1] + pooled[2]  # what benchmarks/synthesis.py wrote
        path.write_text(page(results, panels, spent) + kept, encoding="utf-8")
    print(results.to_string(float_format="{:.2f}".format))
    if len(wrong := broken(results)):
        sys.exit(f"PROMISE BROKEN\n{wrong.to_string(float_format='{:.2f}'.format)}")
