"""How often pooled intervals hold the truth, what looking each time does, what decisions lose.

``python benchmarks/synthesis.py`` simulates 4,000 sets of k results a cell for the coverage of the
default intervals (REML, Hartung–Knapp) and of "z"; 2,000 programmes of 100 trials, looked at after
each, for the always-valid interval; 1,000 counties whose programmes' true effects are known, for
the words of decisions; then one of 4,000 results, and a three-level posterior, for speed. The
tables go into ``docs/coverage.md``; with ``--short`` they are only printed.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from evidence import synthesis

PAGE = Path(__file__).resolve().parents[1] / "docs" / "coverage.md"
HEAD = "\n## Pooled results\n"
NUMBERS, SPREADS = (3, 5, 10, 20), (0.0, 0.05, 0.1, 0.2, 0.4)
LOOKS = ((0.0, 0.0), (0.1, 0.0), (0.0, 0.1), (0.1, 0.1), (0.1, 0.2))
RULES = ("words", "headline", "significant")


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


def decide(job: tuple[int, int]) -> np.ndarray:
    """Return what each rule loses, a programme and county: by the words, the headline, p < .05.

    A county has eight programmes of one to five trials. Programmes of a county have true effects
    around a mean of their own, N(0.05, 0.05), with an SD of 0.05 to 0.15, of which the prior,
    N(0.05, 0.1), knows nothing; results differ between trials by 0.1. Each programme costs what an
    effect of 0.03 to 0.15 is worth. "Headline" continues what had a result above zero in its best
    trial, "significant" what a fixed-effect interval keeps above zero. "Change" brings half of the
    effect at half of the cost; "test properly" costs 0.005 and then follows a trial with an error
    of 0.05.
    """
    first, last = job
    lost = np.zeros((last - first, len(RULES)))
    for number in range(first, last):
        rng = np.random.default_rng([11, number])
        middle, spread = rng.normal(0.05, 0.05), rng.uniform(0.05, 0.15)
        for _ in range(8):
            truth, worth = rng.normal(middle, spread), rng.uniform(0.03, 0.15)
            error = rng.uniform(0.1, 0.25, rng.integers(1, 6))
            y = rng.normal(truth, np.hypot(error, 0.1))
            belief = synthesis.posterior(y, error, prior_mean=0.05, prior_sd=0.1, tau_scale=0.1)
            word = synthesis.decide(belief, worthwhile=worth, trial_error=0.05).word
            net = truth - worth
            got = {"continue": net, "stop": 0.0, "change": net / 2}.get(word)
            if got is None:
                weight = belief.std_error**2 / (belief.std_error**2 + 0.05**2)
                later = belief.estimate + weight * (rng.normal(truth, 0.05) - belief.estimate)
                got = (net if later > worth else 0.0) - 0.005
            mean = float(y @ error**-2 / (error**-2).sum())
            sure = mean > 1.96 / np.sqrt((error**-2).sum())
            followed = (got, net if y.max() > 0 else 0.0, net if sure else 0.0)
            lost[number - first] += (max(0.0, net) - np.array(followed)) / 8
    return lost


def _split(each: Callable, cell: tuple, count: int, pool) -> list:
    edges = np.linspace(0, count, 17).astype(int)
    return pool.map(each, [(*cell, a, b) for a, b in itertools.pairwise(edges)], 1)


def _coverage(sets: int, pool) -> str:
    rows = ["| results | τ | Hartung–Knapp | z | prediction |", "|---|---|---|---|---|"]
    for k, tau in itertools.product(NUMBERS, SPREADS):
        shares = 100 * sum(_split(cover, (k, tau), sets, pool)) / sets
        rows.append(f"| {k} | {tau} | " + " | ".join(f"{share:.1f}" for share in shares) + " |")
        print(rows[-1], flush=True)
    return "\n".join(rows)


def _looks(programmes: int, pool) -> str:
    rows = [
        "| τ | effect | always valid: ever excludes zero | ordinary "
        "| always valid: trials until then | ordinary |",
        "|---|---|---|---|---|---|",
    ]
    for tau, effect in LOOKS:
        ends = np.array([*itertools.chain(*_split(look, (tau, effect), programmes, pool))])
        always, once = 100 * np.isfinite(ends).mean(axis=0)
        median = [f"{x:.0f}" if np.isfinite(x) else "–" for x in np.median(ends, axis=0)]
        rows.append(f"| {tau} | {effect} | {always:.1f} | {once:.1f} | {' | '.join(median)} |")
        print(rows[-1], flush=True)
    return "\n".join(rows)


def _decisions(counties: int, pool) -> str:
    lost = np.concatenate(_split(decide, (), counties, pool))
    rows = ["| rule | lost a programme (SD) | its error |", "|---|---|---|"]
    for rule, mean, sd in zip(RULES, lost.mean(axis=0), lost.std(axis=0), strict=True):
        rows.append(f"| {rule} | {mean:.4f} | {sd / np.sqrt(counties):.4f} |")
        print(rows[-1], flush=True)
    return "\n".join(rows)


def _fastest(call: Callable[[], object]) -> float:
    seconds = []
    for _ in range(20):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return 1000 * statistics.median(seconds)


def speed() -> None:
    """Print how long the two largest questions take."""
    rng = np.random.default_rng(1)
    error = errors(rng, 4000)
    y = rng.normal(0.1, np.hypot(error, 0.15))
    print(f"4,000 results: {_fastest(lambda: synthesis.pool(y, error)):.1f} ms")
    few = y[:100], error[:100]
    posterior = _fastest(lambda: synthesis.posterior(*few, cluster=np.arange(100) // 5))
    print(f"posterior of 100 results in 20 clusters: {posterior:.0f} ms")


PAGE_TEXT = """{head}
Written by `benchmarks/synthesis.py`: per cent of {sets:,} sets of k results, with standard errors
from 0.08 to 0.25 and true effects that differ by τ, whose interval holds the mean; the last column
is how often the prediction interval holds the true effect of a further trial. The default is
REML with Hartung–Knapp. Fewer than five results are shown without a mean as their headline. The
prediction interval, as `metafor` gives it, is too narrow where chance hides that effects differ (τ
is then estimated as zero): read it as the least that a further trial may differ.

{coverage}

Programmes of 100 trials each, {programmes:,} a row, looked at after every trial: per cent that ever
exclude zero, and the median number of trials until then. Where the effect is 0 all are mistakes;
where it is not, the difference is what the honesty costs.

{looks}

What following each rule loses against knowing the truth, mean of {counties:,} simulated counties
with eight programmes each (`decide` in the benchmark says how they are made).

{decisions}
"""


def main() -> None:
    """Make the tables."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--short", action="store_true")
    short = asked.parse_args().short
    numbers = {"sets": 4000, "programmes": 2000, "counties": 1000}
    if short:
        numbers = {"sets": 100, "programmes": 40, "counties": 40}
    with Pool(2) as pool:
        tables = {
            "coverage": _coverage(numbers["sets"], pool),
            "looks": _looks(numbers["programmes"], pool),
            "decisions": _decisions(numbers["counties"], pool),
        }
    speed()
    if not short:
        kept = PAGE.read_text(encoding="utf-8").partition(HEAD)[0]
        text = PAGE_TEXT.format(head=HEAD, **numbers, **tables)
        PAGE.write_text(kept + text, encoding="utf-8")


if __name__ == "__main__":
    main()
