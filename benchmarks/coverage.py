"""How often the 95% intervals for a cluster trial hold the true effect: 4,000 trials a cell.

``python benchmarks/coverage.py`` runs the simulation on all cores (about half an hour on two) and
writes docs/coverage.md and docs/images/coverage.svg; ``--trials 100`` is a quick look that writes
nothing.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import time
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

for library in ("OPENBLAS", "OMP", "MKL"):  # before numpy: one thread a process
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from evidence.methods import trials  # noqa: E402

DOCS = Path(__file__).resolve().parent.parent / "docs"
EFFECT = 0.2  # standard deviations of the outcome
CORRELATION = 0.7  # of baseline and outcome, between and within schools
MEDIAN_SIZE = 35
DRAWS = 1999
GIVEN = {"outcome": "score", "treatment": "arm", "cluster": "school"}
BAND = (93.5, 97.0)
METHODS = {
    "itt": "Default: OLS, CR2, Satterthwaite df",
    "bootstrap": "Default cluster bootstrap (studentised)",
    "randomisation": "Randomisation test, inverted",
    "multilevel": "Random intercept, REML, Satterthwaite df",
    "cr1": "Naive: OLS, CR1, normal",
    "classical": "Naive: OLS, pupils independent",
    "percentile": "Cluster bootstrap, percentile",
    "within": "Naive: bootstrap within schools",
}


class Cell(NamedTuple):
    """One setting of the simulation; `spread` is the standard deviation of log school size."""

    schools: int
    icc: float
    baseline: int
    spread: float = 0.5


CELLS = [
    *(
        Cell(m, icc, pre)
        for m in (10, 20, 40)
        for icc in (0.05, 0.13, 0.2)
        for pre in (False, True)
    ),
    *(Cell(20, 0.13, pre, 0.7) for pre in (False, True)),
]


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
        data = simulate(np.random.default_rng([*key, number]), cell)
        for name, low, high in intervals(data, cell.baseline, number, every=number % 5 == 0):
            rows.append((*cell, name, low <= EFFECT <= high, high - low))
    return pd.DataFrame(rows, columns=[*Cell._fields, "method", "covers", "width"])


def run(trials_each: int) -> pd.DataFrame:
    """Return a row a cell and method: `coverage` and its Monte-Carlo `error` in per cent, `n`."""
    jobs = [
        (cell, first, min(first + 100, trials_each))
        for cell in CELLS
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


def draw(table: pd.DataFrame) -> str:
    """Return the figure as SVG with title and description: a row a method, a point a cell."""
    import io

    import matplotlib.style
    from matplotlib.figure import Figure

    from evidence.show import figures

    title = "The default intervals cover what they say; the naive ones do not"
    shown = table[table["spread"] == 0.5]
    marks = {10: ("o", "#12436D"), 20: ("s", "#28A197"), 40: ("^", "#801650")}
    own = {"svg.hashsalt": "coverage", "svg.fonttype": "none", "axes.grid": False}
    with matplotlib.style.context(["afcharts.afcharts", own]):
        figure = Figure(figsize=(8, 4.6), layout="constrained")
        ax = figure.subplots()
        ax.axvspan(*BAND, color=figures.BAND, zorder=0)
        ax.axvline(95, color="#B1B4B6", linewidth=1, zorder=1)
        for place, method in enumerate(METHODS):
            found = shown[shown["method"] == method]
            for shift, (schools, (mark, colour)) in enumerate(marks.items()):
                part = found[found["schools"] == schools]
                ax.plot(
                    part["coverage"],
                    np.full(len(part), place + 0.24 * (shift - 1)),
                    mark,
                    color=colour,
                    markersize=6,
                    alpha=0.8,
                    label=f"{schools} schools" if place == 0 else None,
                )
        ax.set_yticks(range(len(METHODS)), METHODS.values())
        ax.set_ylim(len(METHODS) - 0.5, -0.5)
        ax.tick_params(axis="y", length=0)
        ax.set_xticks([40, 60, 80, 95])
        ax.set_xlabel("Per cent of 95% intervals that hold the truth")
        ax.legend(loc="upper left", frameon=False)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    parts = (
        f"{name}: {part['coverage'].min():.1f} to {part['coverage'].max():.1f} per cent"
        for name, part in ((METHODS[m], shown[shown["method"] == m]) for m in METHODS)
    )
    body = re.sub(r"<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.S)
    words = f"<title>{title}</title><desc>{html.escape('; '.join(parts))}.</desc>"
    body = re.sub(r"<svg([^>]*)>", rf'<svg role="img"\1>{words}', body, count=1, flags=re.S)
    return "\n".join(line.rstrip() for line in body.splitlines()) + "\n"


def page(table: pd.DataFrame, seconds: float) -> str:
    """Return docs/coverage.md from the results."""
    shown = table.assign(text=lambda t: t["coverage"].map("{:.1f}".format))
    wide = shown.pivot_table(
        index=["spread", "schools", "icc", "baseline"],
        columns="method",
        values="text",
        aggfunc="first",
    )[list(METHODS)].reset_index()
    lines = [
        "| schools | sizes | ICC | baseline | " + " | ".join(METHODS) + " |",
        "|" + "---|" * (4 + len(METHODS)),
    ]
    for row in wide.itertuples(index=False):
        kind = "county" if row.spread > 0.5 else "trial"
        head = f"| {row.schools} | {kind} | {row.icc:.2f} | {'yes' if row.baseline else 'no'} | "
        lines.append(head + " | ".join(getattr(row, m) for m in METHODS) + " |")
    main = table[table["spread"] == 0.5]
    ranges = []
    for name, words in METHODS.items():
        part = main[main["method"] == name]
        from_20 = part[part["schools"] >= 20]["coverage"]
        ranges.append(
            f"| `{name}` | {words} | {part['coverage'].min():.1f}–{part['coverage'].max():.1f} | "
            f"{from_20.min():.1f}–{from_20.max():.1f} | {part['error'].max():.2f} |"
        )
    wider = main.pivot_table(index=["schools", "icc", "baseline"], columns="method", values="width")
    relative = wider.div(wider["itt"], axis=0).groupby("schools").median()
    widths = "; ".join(
        f"{m} schools: bootstrap {r.bootstrap:.2f}, randomisation {r.randomisation:.2f}, "
        f"multilevel {r.multilevel:.2f}"
        for m, r in relative.iterrows()
    )
    n = int(table.loc[table["method"] == "itt", "n"].min())
    slow = int(table.loc[table["method"] == "within", "n"].min())
    return TEXT.format(
        n=n,
        slow=slow,
        draws=DRAWS,
        seconds=seconds / 60,
        ranges="\n".join(ranges),
        table="\n".join(lines),
        widths=widths,
        median=MEDIAN_SIZE,
        correlation=CORRELATION,
        effect=EFFECT,
    )


TEXT = """# Do the intervals cover what they say?

A 95% interval that holds the truth in 80% of trials calls chance an effect four times too often.
`benchmarks/coverage.py` simulates cluster trials whose effect is known and counts. This page and
the figure are written by it ({n:,} trials a row, {slow:,} for `percentile` and `within`;
{draws:,} draws; {seconds:.0f} minutes on two busy cores).

![Coverage of 95% intervals by method; the grey band is 93.5 to 97 per cent](images/coverage.svg)

| | method | coverage, all rows | from 20 schools | Monte-Carlo error, at most |
|---|---|---|---|---|
{ranges}

(“trial” rows of the table below; the Monte-Carlo error is one standard error, in points.)

**The trials.** Half of 10, 20 or 40 schools are treated. School sizes are lognormal with median
{median} and at least 5 pupils; the standard deviation of the logarithm is 0.5 (“trial”), or 0.7
(“county”), which is that of the Key Stage 2 cohorts of all Hampshire primaries in 2016 to 2018.
The outcome has variance 1, of which the ICC lies between schools; the baseline, where it is used,
correlates {correlation} with it at both levels. The true effect is {effect} standard deviations.

**What is offered by default, and why.**

- `trials.itt` with a cluster: CR2 and Satterthwaite df.
- `trials.bootstrap` with a cluster: whole schools drawn within arms, and a *symmetric studentised*
  interval. A resample of m schools an arm has (m − 1)/m of the variance, and nothing in a
  percentile, basic or bias-corrected accelerated interval makes up for that or for the few degrees
  of freedom. Studentising by the CR0 error of each draw mends both.
- The SD of each draw is a moment estimate (analysis of variance), scaled to the REML one of the
  sample. Against a REML fit of every draw it costs nothing and moves with it
  (`tests/test_resampling.py` has the bound); at effects as small as those of education the SD
  matters little, the difference all.
- `trials.randomisation_test`: exact where the effect is the same for all, whatever the sizes; with
  10 schools it takes all 252 allocations and its interval is discrete.

**What fails, and is not offered by default.** Taking pupils as independent; CR1 with normal
quantiles, the usual “clustered” default elsewhere, with few schools; drawing pupils within the same
schools again and again, the default of the peer we compare with, which never sees that other
schools might have been drawn.

Median width of the intervals relative to the default's: {widths}.

## Every cell

Per cent of trials whose interval holds the true effect.

{table}
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=4000)
    asked = parser.parse_args().trials
    began = time.perf_counter()
    results = run(asked)
    spent = time.perf_counter() - began
    if asked >= 2000:
        (DOCS / "images" / "coverage.svg").write_text(draw(results), encoding="utf-8")
        (DOCS / "coverage.md").write_text(page(results, spent), encoding="utf-8")
    print(results.to_string(float_format="{:.2f}".format))
