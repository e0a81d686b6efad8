"""Does the analysis of programmes that nobody randomised find what is true? 1,000 made-up counties.

``python benchmarks/counties.py`` simulates counties like the sample one (schools chosen for low
results, schools in several programmes, small schools), analyses each programme and cohort as
`notebooks/impact.ipynb` does, and writes docs/impact.md and docs/images/impact.svg; about 20
minutes on two quiet cores. ``--counties 20`` is a quick look that writes nothing.
"""

from __future__ import annotations

import argparse
import html
import io
import os
import re
import time
from multiprocessing import Pool
from pathlib import Path

for library in ("OPENBLAS", "OMP", "MKL"):  # before numpy: one thread a process
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from evidence import impact  # noqa: E402
from evidence.data.sample.county import Phase, primary  # noqa: E402
from evidence.data.sample.tables import SUPPRESS  # noqa: E402

DOCS = Path(__file__).resolve().parent.parent / "docs"
PRIMARY = {  # as in data/programmes.toml, by the columns of the pupil file
    "leap": "reading_exp",
    "lamp": "maths_exp",
    "lens": "rwm_exp",
    "small-schools-maths-spring": "maths_exp",
    "small-schools-maths-autumn": "maths_exp",
    "small-schools-english-autumn": "reading_exp",
    "targeted-support": "rwm_exp",
    "year-6-booster": "rwm_exp",
    "mobilise": "rwm_exp",
}
CONTEXT = ("ks1", "fsm", "sen_k", "sen_e", "eal")
METHODS = {
    "given_past": "Default: given earlier results",
    "did": "Difference in differences",
    "naive": "Gain since the year before, less others' gain",
}
BAND = (93.0, 97.0)


def tables(county: Phase, sen: str = "") -> pd.DataFrame:
    """Return schools × years as published: whole per cent, nothing of five pupils or fewer."""
    pupils = county.pupils.assign(**county.results)
    pupils = pupils.rename(columns={"at": "urn"}).assign(
        sen_k=(pupils["sen"] == "K").astype(int), sen_e=(pupils["sen"] == "E").astype(int)
    )
    if sen:
        pupils = pupils[pupils["sen"] == sen]
    outcomes = sorted(set(PRIMARY.values()))
    made = impact.school_means(pupils, outcomes=[*outcomes, *CONTEXT])
    if not sen:  # pupil files are not rounded
        made[outcomes] = np.floor(made[outcomes] + 0.5)
        made = made[made["n_pupils"] > SUPPRESS]
    return made.dropna(subset=list(CONTEXT))


def analyse(number: int) -> list[tuple]:
    """Return for each programme and cohort of a county: truth, estimate and interval by method."""
    county = primary(np.random.default_rng([2027, number]))
    spells = pd.DataFrame(
        [(at, s.programme, s.start) for s in county.spells for at in s.schools],
        columns=["urn", "programme", "start"],
    ).assign(end=np.nan)
    panels = {sen: impact.exposure(tables(county, sen), spells) for sen in ("", "K")}
    rows = []
    for spell in county.spells:
        outcome, me = PRIMARY[spell.programme], f"{spell.programme} {spell.start}"
        panel = panels[spell.sen]
        context = [name for name in CONTEXT if np.ptp(panel[name]) > 0]
        names = (f"{s.programme} {s.start}" for s in county.spells)
        model = {
            "outcome": outcome,
            "treatment": me,
            "unit": "urn",
            "time": "year",
            "weights": "n_pupils",
        }
        held = {"overlap": [name for name in names if name != me and panel[name].any()]}
        truth = next(iter(county.truth[spell.programme][str(spell.start)].values()))["estimate"]
        key = (number, spell.programme, spell.start, truth)
        past = impact.given_past(panel, covariates=context, **held, **model)
        rows.append((*key, "given_past", past.estimate, past.ci_lower, past.ci_upper))
        rows.append((*key, "naive", *naive(panel, me, outcome)))
        if number % 5 == 0:  # the slowest of the three, and not what is on trial
            did = impact.did(panel, **held, **model)
            rows.append((*key, "did", did.estimate, did.ci_lower, did.ci_upper))
    return rows


def naive(panel: pd.DataFrame, me: str, outcome: str) -> tuple[float, float, float]:
    """Return the mean change of the schools less that of all others, with its t interval."""
    start = panel.loc[panel[me] == 1, "year"].min()
    mine = panel["urn"].isin(panel.loc[panel[me] == 1, "urn"])
    before = panel[panel["year"] == start - 1].set_index("urn")[outcome]
    after = panel[panel["year"] >= start].groupby("urn")[outcome].mean()
    change = (after - before).dropna()
    treated = change.index.isin(panel.loc[mine, "urn"])
    gain = change[treated].mean() - change[~treated].mean()
    half = 1.96 * np.sqrt(
        change[treated].var() / treated.sum() + change[~treated].var() / (~treated).sum()
    )
    return gain, gain - half, gain + half


def run(counties: int) -> pd.DataFrame:
    """Return a row a county, programme, cohort and method."""
    with Pool() as pool:
        found = pool.map(analyse, range(counties), chunksize=5)
    columns = ["county", "programme", "start", "truth", "method", "estimate", "low", "high"]
    table = pd.DataFrame([row for rows in found for row in rows], columns=columns)
    table["covers"] = (table["low"] <= table["truth"]) & (table["truth"] <= table["high"])
    table["directional"] = (table["low"] > 0) | (table["high"] < 0)
    table["error"] = table["estimate"] - table["truth"]
    return table


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return bias, spread, coverage and share of directional verdicts; shares in per cent."""
    found = table.groupby(["programme", "start", "method"]).agg(
        n=("county", "size"),
        truth=("truth", "mean"),
        estimate=("estimate", "mean"),
        bias=("error", "mean"),
        sd=("error", "std"),
        coverage=("covers", "mean"),
        directional=("directional", "mean"),
    )
    return found.assign(coverage=100 * found["coverage"], directional=100 * found["directional"])


def draw(found: pd.DataFrame) -> str:
    """Return the figure as SVG with title and description: a row a programme, a mark a method."""
    import matplotlib.style
    from matplotlib.figure import Figure

    from evidence.show import figures

    wide = found.reset_index().pivot_table(
        index=["programme", "start"], columns="method", values="coverage"
    )
    title = "The default intervals cover the truth; the naive ones seldom do"
    marks = {
        "given_past": ("o", "#12436D"),
        "did": ("s", "#28A197"),
        "naive": ("^", "#801650"),
    }
    own = {"svg.hashsalt": "impact", "svg.fonttype": "none", "axes.grid": False}
    with matplotlib.style.context(["afcharts.afcharts", own]):
        figure = Figure(figsize=(8.6, 6), layout="constrained")
        ax = figure.subplots()
        ax.axvspan(*BAND, color=figures.BAND, zorder=0)
        ax.axvline(95, color="#B1B4B6", linewidth=1, zorder=1)
        for name, (mark, colour) in marks.items():
            ax.plot(
                wide[name],
                np.arange(len(wide)),
                mark,
                color=colour,
                markersize=7,
                alpha=0.85,
                label=METHODS[name],
            )
        ax.set_yticks(range(len(wide)), [f"{p.replace('-', ' ')}, {s}" for p, s in wide.index])
        ax.set_ylim(len(wide) - 0.5, -0.5)
        ax.tick_params(axis="y", length=0)
        ax.set_xlim(0, 100)
        ax.set_xlabel("Per cent of 95% intervals that hold the true effect")
        figure.suptitle(title, x=0.01, ha="left")
        figure.legend(loc="outside lower left", ncols=1, frameon=False)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    ranges = (f"{METHODS[m]}: {wide[m].min():.0f} to {wide[m].max():.0f} per cent" for m in METHODS)
    words = f"<title>{title}</title><desc>{html.escape('; '.join(ranges))}.</desc>"
    body = re.sub(r"<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.S)
    body = re.sub(r"<svg([^>]*)>", rf'<svg role="img"\1>{words}', body, count=1, flags=re.S)
    return "\n".join(line.rstrip() for line in body.splitlines()) + "\n"


def page(found: pd.DataFrame, seconds: float) -> str:
    """Return docs/impact.md from the results."""
    wide = found.reset_index().pivot_table(index=["programme", "start"], columns="method")
    lines = []
    for key, row in wide.iterrows():
        cells = [f"{key[0]} {key[1]}", f"{row['truth', 'given_past']:+.2f}"]
        for name in METHODS:
            cells += [f"{row['bias', name]:+.2f}", f"{row['coverage', name]:.1f}"]
        cells.append(f"{row['directional', 'given_past']:.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    booster = wide.loc[("year-6-booster", 2019)]
    pooled = found.groupby("method")["coverage"].mean()
    nought = wide[wide["truth", "given_past"].abs() < 1e-9]
    return TEXT.format(
        n=int(found["n"].max()),
        minutes=seconds / 60,
        rows="\n".join(lines),
        pooled=pooled["given_past"],
        low=wide["coverage", "given_past"].min(),
        high=wide["coverage", "given_past"].max(),
        naive=pooled["naive"],
        did=pooled["did"],
        zero_low=nought["directional", "given_past"].min(),
        zero_high=nought["directional", "given_past"].max(),
        zero=nought["directional", "given_past"].mean(),
        zero_naive=nought["directional", "naive"].mean(),
        booster_truth=booster["truth", "given_past"],
        booster_naive=booster["estimate", "naive"],
        booster_ratio=booster["estimate", "naive"] / booster["truth", "given_past"],
        booster_did=booster["estimate", "did"],
        booster_ours=booster["estimate", "given_past"],
    )


TEXT = """# Does the analysis find what is true?

`benchmarks/counties.py` makes {n:,} counties like the sample one, whose true effects are known, and
analyses each programme and cohort as `notebooks/impact.ipynb` does. This page and the figure are
written by it ({minutes:.0f} minutes on two cores).

![Coverage of 95% intervals by programme; grey: 93 to 97 per cent](images/impact.svg)

- The default's intervals hold the truth in {pooled:.1f}% of cases, {low:.1f} to {high:.1f}% by
  programme; difference in differences in {did:.1f}%; the naive gain in {naive:.1f}%.
- Programmes without any effect get a directional verdict in {zero:.1f}% of cases ({zero_low:.1f} to
  {zero_high:.1f}% by cohort) from the default, and in {zero_naive:.1f}% from the naive gain.
- Year 6 Booster, chosen on low expected results, truly adds {booster_truth:.1f} percentage points.
  The naive gain is {booster_naive:.1f}, {booster_ratio:.1f} times as much;
  difference in differences says {booster_did:.1f}, the default {booster_ours:.1f}.

**The counties.** 280 primary schools, 2015 to 2019. Each school has a lasting level, each cohort a
good or a bad year, each pupil luck; results are published in whole per cent, and not at all for
five pupils or fewer. Schools are chosen for their results of the year before (or of three years,
for the Booster), as people saw them; 250 of the 280 are in some programme, most in several.

**The methods.** *Default*: `impact.given_past` with context (prior attainment, free school meals,
SEN, English as an additional language) and every other programme held fixed, the larger of the
model's error and CR2 by school.
*Difference in differences*: `impact.did`, two-way fixed effects, other programmes held fixed, CR2.
*Naive*: the change since the year before the start, less the change of all other schools, with a
t interval: the usual claim of a report.

## Every programme and cohort

Percentage points. Bias is the mean of estimate less truth; coverage the per cent of intervals that
hold the truth; the last column the per cent of directional verdicts by the default.

| cohort | truth | default: bias | coverage | DiD: bias | coverage | naive: bias | cover | verdict |
|---|---|---|---|---|---|---|---|---|
{rows}
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counties", type=int, default=1000)
    asked = parser.parse_args().counties
    began = time.perf_counter()
    results = summary(run(asked))
    spent = time.perf_counter() - began
    if asked >= 1000:
        (DOCS / "images" / "impact.svg").write_text(draw(results), encoding="utf-8")
        (DOCS / "impact.md").write_text(page(results, spent), encoding="utf-8")
    print(results.to_string(float_format="{:.2f}".format))
