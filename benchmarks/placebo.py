"""Programmes that never existed, among real schools: how often an effect is "found".

``python benchmarks/placebo.py FOLDER YEAR=TABLE ...`` takes the key stage 2 tables of one
authority, such as ``../shared/data/performance-tables 2017=2016_hampshire850-ks2.csv ...``, assigns
500 programmes of 20 schools at random and 500 to schools with low results in the year before the
last, and prints how often each method finds something; about 10 minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
from multiprocessing import Pool
from pathlib import Path

for library in ("OPENBLAS", "OMP", "MKL"):  # before numpy: one thread a process
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from evidence import impact  # noqa: E402
from evidence.data import readers  # noqa: E402

OUTCOMES = ("PTMAT_EXP", "PTREAD_EXP", "PTRWM_EXP")
CONTEXT = ("TKS1AVERAGE", "PTFSM6CLA1A", "PSENELK", "PSENELE", "PTEALGRP2")
SCHOOLS = 20
NOISE = 1.0  # of the choice, in standard deviations of the results that it looks at
MODEL = {"treatment": "made_up", "unit": "urn", "time": "year", "weights": "n_pupils"}
PROMISES = {"random": 7.0, "low": 10.0}  # per cent of directional verdicts, at most


def choose(rng: np.random.Generator, panel: pd.DataFrame, outcome: str, how: str) -> pd.Index:
    """Return the URNs of a made-up programme that starts in the panel's last year."""
    wide = panel.pivot_table(index="urn", columns="year", values=outcome)
    known = wide.dropna(subset=list(wide.columns[-2:]))
    if how == "random":
        return pd.Index(rng.choice(known.index, SCHOOLS, replace=False))
    seen = known.iloc[:, -2]
    return (seen + NOISE * seen.std() * rng.normal(size=len(seen))).nsmallest(SCHOOLS).index


def one(job: tuple[pd.DataFrame, str, int]) -> list[tuple]:
    """Return method, estimate and whether the verdict is directional, for one programme."""
    panel, how, number = job
    outcome = OUTCOMES[number % len(OUTCOMES)]
    rng = np.random.default_rng([2026, number, how == "low"])
    chosen = choose(rng, panel, outcome, how)
    last = panel["year"].max()
    made = panel.assign(made_up=(panel["urn"].isin(chosen) & (panel["year"] == last)).astype(int))
    past = impact.given_past(made, outcome=outcome, covariates=CONTEXT, **MODEL)
    did = impact.did(made, outcome=outcome, **MODEL)
    wide = panel.pivot_table(index="urn", columns="year", values=outcome)
    change = (wide[last] - wide[last - 1]).dropna()
    mine = change.index.isin(chosen)
    gain = change[mine].mean() - change[~mine].mean()
    error = np.sqrt(change[mine].var() / mine.sum() + change[~mine].var() / (~mine).sum())
    return [
        (how, "given_past", past.estimate, past.ci_lower > 0 or past.ci_upper < 0),
        (how, "did", did.estimate, did.ci_lower > 0 or did.ci_upper < 0),
        (how, "naive", gain, abs(gain) > 1.96 * error),
    ]


def run(panel: pd.DataFrame, programmes: int) -> pd.DataFrame:
    """Return mean estimate and per cent of directional verdicts, by choice and method."""
    jobs = [(panel, how, i) for how in PROMISES for i in range(programmes)]
    with Pool() as pool:
        rows = [row for found in pool.imap(one, jobs, chunksize=10) for row in found]
    table = pd.DataFrame(rows, columns=["chosen", "method", "estimate", "directional"])
    found = table.groupby(["chosen", "method"]).agg(
        n=("estimate", "size"), estimate=("estimate", "mean"), directional=("directional", "mean")
    )
    return found.assign(directional=100 * found["directional"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("tables", nargs="+", metavar="YEAR=TABLE")
    parser.add_argument("--programmes", type=int, default=500)
    asked = parser.parse_args()
    files = {int(y): asked.folder / name for y, name in (pair.split("=") for pair in asked.tables)}
    found = run(readers.ks2_panel(files, [*OUTCOMES, *CONTEXT]), asked.programmes)
    print(found.to_string(float_format="{:.2f}".format))
    ours = found.xs("given_past", level="method")["directional"]
    broken = [how for how, most in PROMISES.items() if ours[how] > most]
    raise SystemExit(f"promise broken: {', '.join(broken)}" if broken else 0)
