"""How often intervals hold the truth where one school, or very few, decide the effect.

Simulated panels of 40 schools over seven years without any effect; `benchmarks/coverage.py` runs
them and writes the table into docs/coverage.md.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from evidence import impact
from evidence.methods.core.encoded import encoded

METHODS = {
    "did": "difference in differences",
    "given_past": "given earlier results",
    "sunab": "Sun–Abraham",
    "did2s": "two-stage",
    "pre_test": "pre-test rejects",
}
DESIGNS = {
    "one": "one treated school",
    "one, errors lasting": "one treated school, errors correlated 0.6 from year to year",
    "one a start": "four starts of one school each",
    "one a start, errors lasting": "the same, errors correlated 0.6 from year to year",
    "two, one marked": "two treated schools, one of them in another programme held fixed",
    "two": "two treated schools",
    "three": "three treated schools",
}
GIVEN = {"outcome": "pct", "treatment": "lamp", "unit": "urn", "time": "year"}


def panel(rng: np.random.Generator, design: str) -> pd.DataFrame:
    """Return a panel without any effect; `other` marks the second treated school."""
    urn, year = np.repeat(np.arange(40), 7), np.tile(np.arange(2013, 2020), 40)
    start = np.full(40, 9999)
    start[: {"two": 2, "three": 3}.get(design, 1)] = 2017
    if "start" in design:
        start[:4] = [2015, 2016, 2017, 2018]
    errors = rng.normal(0, 5, (40, 7))
    for t in range(1, 7 * ("lasting" in design)):
        errors[:, t] += 0.6 * errors[:, t - 1]
    marked = (urn == 1) & (year >= 2017)
    treated = (year >= start[urn]) | (marked & ("marked" in design))
    pct = rng.normal(60, 8, 40)[urn] + errors.ravel()
    return pd.DataFrame(
        {"urn": urn, "year": year, "lamp": treated * 1, "other": marked * 1, "pct": pct}
    )


def cover(job: tuple[str, int, int]) -> pd.DataFrame:
    """Run the panels `first` to `last` of a design: a row a panel and method, whether it covers."""
    design, first, last = job
    marked = "marked" in design
    given = GIVEN | ({"overlap": ["other"]} if marked else {})
    rows = []
    for number in range(first, last):
        rng = np.random.default_rng([2026, [*DESIGNS].index(design), number])
        data = encoded(panel(rng, design))
        found = {
            "did": impact.did(data, **given),
            "given_past": impact.given_past(data, **given),
        }
        if not marked:  # both stages leave a programme out that only the treated are in
            for method in ("sunab", "did2s"):
                found[method] = impact.staggered(data, method=method, **given).att
        for method, estimate in found.items():
            rows.append((design, method, estimate.ci_lower <= 0 <= estimate.ci_upper))
        early = impact.event_study(data, **given).pre_p_value
        rows.append((design, "pre_test", early < 0.05))
    return pd.DataFrame(rows, columns=["design", "method", "covers"])


def table(found: pd.DataFrame) -> str:
    """Return the shares in per cent as a table of docs/coverage.md."""
    wide = 100 * found.pivot_table(index="design", columns="method", values="covers")
    lines = ["| design | " + " | ".join(METHODS.values()) + " |", "|---|" + "---|" * len(METHODS)]
    for design, words in DESIGNS.items():
        shares = [wide.loc[design, m] for m in METHODS]
        cells = ["–" if share != share else f"{share:.1f}" for share in shares]
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
