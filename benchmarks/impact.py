"""What the checks of an impact cost: all of them on 280 schools × 5 years, and a draw of each test.

``python benchmarks/impact.py`` prints the time of `impact.given_past`, of everything that
`notebooks/impact.ipynb` works out (checks with 999 wild bootstrap draws, rebound, event study,
matching), and of 999 draws of the randomisation test and of the wild bootstrap against refitting
`impact.did` a draw: medians of five interleaved rounds, in processor seconds of one core. It fails
above ten seconds.
"""

from __future__ import annotations

import os
import statistics
import time

for library in ("OPENBLAS", "OMP", "MKL"):  # before numpy: one thread
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from counties import CONTEXT, tables  # noqa: E402

from evidence import impact, matching  # noqa: E402
from evidence.data.sample.county import primary  # noqa: E402

ROUNDS, DRAWS, REFITS = 5, 999, 5
MOST = 10.0  # seconds


def main() -> None:
    county = primary(np.random.default_rng(2026))
    spells = pd.DataFrame(
        [(at, s.programme, s.start) for s in county.spells for at in s.schools],
        columns=["urn", "programme", "start"],
    ).assign(end=np.nan)
    panel = impact.exposure(tables(county), spells)
    names = [f"{s.programme} {s.start}" for s in county.spells]
    me = "lamp 2018"
    design = {"treatment": me, "unit": "urn", "time": "year", "weights": "n_pupils"}
    plain = {"outcome": "maths_exp", "covariates": CONTEXT, **design}
    model = {**plain, "overlap": [n for n in names if n != me]}

    def everything() -> None:
        impact.given_past(panel, **model)
        impact.rebound(panel, **model)
        impact.event_study(panel, **model)
        impact.sensitivity(panel, placebo="rwm_exp", draws=DRAWS, **model)
        before = impact.before_start(panel, **plain)
        covariates = [*before.columns[1:]]
        weights = matching.balance_weights(before, treatment="treated", covariates=covariates)
        matching.balance(
            before, treatment="treated", covariates=covariates, weights=weights["weight"]
        )

    def refit() -> None:
        for _ in range(REFITS):
            impact.did(panel, **model)

    asks = {
        "given_past": lambda: impact.given_past(panel, **model),
        "everything": everything,
        "randomisation": lambda: impact.randomisation_test(panel, draws=DRAWS, **model),
        "wild": lambda: impact.wild_bootstrap(panel, draws=DRAWS, **model),
        "refit": refit,
    }
    for ask in asks.values():
        ask()
    took: dict[str, list[float]] = {name: [] for name in asks}
    for _ in range(ROUNDS):
        for name, ask in asks.items():
            began = time.process_time()
            ask()
            took[name].append(time.process_time() - began)
    middle = {name: statistics.median(times) for name, times in took.items()}
    per_refit = middle["refit"] / REFITS
    print(f"{len(panel):,} rows, {panel['urn'].nunique()} schools")
    print(f"given_past            {middle['given_past']:7.3f} s")
    print(f"everything            {middle['everything']:7.3f} s (at most {MOST:.0f})")
    print(f"a refit of did        {per_refit:7.3f} s")
    for name in ("randomisation", "wild"):
        ratio = per_refit * DRAWS / middle[name]
        print(
            f"{name:<16}{DRAWS:>5} draws {middle[name]:6.3f} s: {ratio:,.0f} × cheaper than refits"
        )
    if middle["everything"] > MOST:
        raise SystemExit("promise broken: everything takes longer than it may")


if __name__ == "__main__":
    main()
