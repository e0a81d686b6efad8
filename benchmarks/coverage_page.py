"""The page and the figure that benchmarks/coverage.py writes, and the words for its settings."""

from __future__ import annotations

import html
import io
import re

import coverage_panels
import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from evidence.show import figures

EFFECT = 0.2  # standard deviations of the outcome
CORRELATION = 0.7  # of baseline and outcome, between and within schools
MEDIAN_SIZE = 35
DRAWS = 1999
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
DESIGNS = {
    "schools": "half of the schools allocated at random",
    "few": "few of the schools allocated at random",
    "classes": "whole classes allocated at random within schools",
    "pairs": "schools allocated at random within pairs",
    "pupils": "pupils allocated at random within sites",
    "varied": "pupils allocated at random within sites whose effects differ (SD 0.3)",
}


def draw(table: pd.DataFrame) -> str:
    """Return the figure as SVG with title and description: a row a method, a point a cell."""
    title = "The default intervals cover what they say; the naive ones do not"
    shown = table[(table["spread"] == 0.5) & (table["design"] == "schools")]
    marks = {10: ("o", "#12436D"), 20: ("s", "#28A197"), 40: ("^", "#801650")}
    own = {"svg.hashsalt": "coverage", "svg.fonttype": "none", "axes.grid": False}
    with matplotlib.style.context(["afcharts.afcharts", own]):
        figure = Figure(figsize=(8, 4.9), layout="constrained")
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
        figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
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


def page(table: pd.DataFrame, panels: pd.DataFrame, seconds: float) -> str:
    """Return docs/coverage.md from the results."""
    blocked = table[table["design"] != "schools"]
    table = table[table["design"] == "schools"]
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
    others = [
        "| design | units | an arm and stratum | ICC | itt | bootstrap |",
        "|---|---|---|---|---|---|",
    ]
    keys = ["design", "schools", "each", "icc"]
    for key, part in blocked.groupby(keys, sort=False):
        covered = part.set_index("method")["coverage"]
        others.append(
            f"| {DESIGNS[key[0]]} | {key[1]} | {key[2]} | {key[3]:.2f} | {covered['itt']:.1f} | "
            f"{covered['bootstrap']:.1f} |"
        )
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
        blocked="\n".join(others),
        panels=coverage_panels.table(panels),
        panels_n=int(panels.groupby(["design", "method"]).size().min()),
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
  of freedom. Studentising by the error of each draw, within what it was drawn from, mends both.
- The SD of each draw is a moment estimate (analysis of variance), scaled to the REML one of the
  sample. Against a REML fit of every draw it costs nothing and moves with it
  (`tests/methods/trials/test_resampling.py` has the bound); at effects as small as those of
  education the SD matters little, the difference all.
- `trials.randomisation_test`: exact where the effect is the same for all, whatever the sizes; with
  10 schools it takes all 252 allocations and its interval is discrete.

**What fails, and is not offered by default.** Taking pupils as independent; CR1 with normal
quantiles, the usual “clustered” default elsewhere, with few schools; drawing pupils within the same
schools again and again, the default of eefAnalytics, which never sees that other
schools might have been drawn.

Median width of the intervals relative to the default's: {widths}.

## Blocked, paired, multisite and unbalanced trials

{blocked}

(“units”: what was allocated, but sites where pupils were; “an arm and stratum”: how many of
them, and how many treated of “few”.) Units are drawn again within the arm of a stratum, and errors
are taken within it too; whole strata are drawn where one has a single unit in an arm. With fewer
than 5 units an arm no bootstrap covers what it says (2 treated of 20 schools: 84 per cent), and it
is refused.

## One school alone, or very few

Per cent of {panels_n:,} panels of 40 schools over seven years, without any effect, whose interval
holds zero; in the last column, whose pre-test rejects at 5 per cent.

{panels}

Where one school alone decides an estimate, errors by cluster are blind to it: the intervals of
cluster-robust regressions then cover 20 to 30 per cent and pre-tests reject 97. Here that school's
error is taken from how much the other schools vary from year to year, in the very contrast that is
estimated, so that it need not be independent over time; where clusters of several schools leave
nothing to compare, there is no interval. With two or three treated schools, and
one or two degrees of freedom, intervals are wide and hold the truth more often than they say.

## Every cell

Per cent of trials whose interval holds the true effect.

{table}
"""
