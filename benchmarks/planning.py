"""Planning a trial: power by formula against simulated trials, and what it costs.

``python benchmarks/planning.py`` simulates 1,000 random designs (under a minute on one core;
``--designs 50`` is a quick look), then times ten rosters of unequal schools, and the allocation of
200 schools. With ``--mcpower PYTHON``, an interpreter that has mcpower from PyPI, a trial that both
can simulate is timed in turn. Ends with 1 where power differs by more than a point.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import stdtrit

import evidence as ev
from evidence.stats import power as formulas

NESTED = ("BIRA2_pn", "CRA2_pn")
SIMULATED = [name for name in formulas.DESIGNS if not formulas.nested(name) or name in NESTED]
OTHER = """
import sys, time, mcpower
def run(draws):
    model = mcpower.MCPower("y = treatment + (1|school)", family="lme")
    model.set_variable_type("treatment=binary").set_effects("treatment=0.35")
    model.set_cluster("school", ICC=0.15, n_clusters=40, cluster_level_vars=["treatment"])
    start = time.perf_counter()
    found = model.find_power(1000, n_sims=draws, progress_callback=False, verbose=False)
    return time.perf_counter() - start, found["power_uncorrected"][0][0]
run(200)
for _ in sys.stdin:
    print(*run(10_000), flush=True)
"""


def random_design(design: str, rng: np.random.Generator) -> dict[str, float]:
    """Return sizes and shares of variance; an even number of units shares an arm."""
    if design in NESTED:
        group, pairs = int(rng.integers(2, 6)), int(rng.integers(1, 4))
        value = {"n": 2 * group * pairs, "J": 2 * int(rng.integers(30, 51)), "ic_size": group}
        value |= {"rho_ic": rng.uniform(0.02, 0.2), "rho2_trt": rng.uniform(0.02, 0.25)}
        return value | ({"omega2": rng.uniform(0.1, 0.9)} if design == "BIRA2_pn" else {})
    needed, _ = formulas.symbols(design)
    most = {"n": 15, "J": 7, "K": 5, "L": 5}
    values = {size: 2 * int(rng.integers(2, most[size])) for size in formulas.sizes(design)}
    values |= {name: rng.uniform(0.01, 0.25) for name in needed if name.startswith("rho")}
    return values | {name: rng.uniform(0.1, 0.9) for name in needed if name.startswith("omega")}


def simulated_power(
    design: str, value: dict[str, float], es: float, draws: int, rng: np.random.Generator
) -> float:
    """Return the share of simulated trials, analysed by t tests at 5%, that find the effect."""
    kinds, size = formulas.DESIGNS[design], [value[name] for name in formulas.sizes(design)]
    below = len(kinds) - len(kinds.lstrip("C"))  # levels whose units share an arm
    rest = 1 - sum(value[name] for name in value if name.startswith("rho"))
    units, outer = size[below], size[:below:-1]

    spread = rest  # variance of the mean of a unit, whatever it holds: one exact draw a unit
    for level in range(below):
        spread = value[f"rho{level + 2}"] + spread / size[level]

    # differences of means and sums of squares, each drawn from its exact distribution
    top, blocks, variance = kinds[-1:], np.prod(outer, dtype=int), 4 * spread / units
    for at, kind in formulas.levels(design):
        if kind == "B":
            variance += value[f"rho{at}"] * value[f"omega{at}"]
            variance /= size[at - 1] if at < len(size) else 1
    effect = es + rng.normal(0, np.sqrt(variance), (draws, *outer[:1]))
    if top == "B":
        df, square = size[-1] - 1, effect.var(axis=1, ddof=1) / size[-1]
    else:
        df = blocks * (units - 2)
        total = spread * rng.chisquare(df, draws)
        if top == "E":  # one effect: how blocks differ in it is residual
            total = total + effect.var(axis=1) * blocks * units / 4
            df = blocks * (units - 1) - 1
        square = total / df * 4 / (units * blocks)
    found = effect.reshape(draws, -1).mean(axis=1) / np.sqrt(square)
    return float(np.mean(np.abs(found) > stdtrit(df, 0.975)))


def simulated_nested(
    design: str, value: dict[str, float], es: float, draws: int, rng: np.random.Generator
) -> float:
    """Return the same where only the treated are taught in groups, for 60 schools or more.

    The formulas take Satterthwaite's df as known; a test estimates them, which with 10 schools
    costs up to three points of power.

    Effects are in standard deviations of those who are not: their variance is 1 − ρ of the groups.
    """
    n, schools, rho, trt = (value[name] for name in ("n", "J", "rho_ic", "rho2_trt"))
    alone, effect = 1 - trt - rho, es * np.sqrt(1 - rho)
    if design == "CRA2_pn":  # Welch's test of schools' means
        half = schools // 2
        control = trt + alone / n
        treated = control + rho * value["ic_size"] / n
        each = [_square(one, half, draws, rng) / half for one in (treated, control)]
        gap = rng.normal(effect, np.sqrt((treated + control) / half), draws)
        square = each[0] + each[1]
        df = square**2 * (half - 1) / (each[0] ** 2 + each[1] ** 2)
        return float(np.mean(np.abs(gap) > stdtrit(df, 0.975) * np.sqrt(square)))
    in_school = rho * value["ic_size"] / (n // 2) + 4 * alone / n  # a difference of means
    varies = trt * value["omega2"] + in_school
    gap = rng.normal(effect, np.sqrt(varies / schools), draws)
    square = _square(varies, schools, draws, rng) / schools
    return float(np.mean(np.abs(gap) > stdtrit(schools - 1, 0.975) * np.sqrt(square)))


def _square(variance: float, units: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the sample variance of as many units from its exact distribution."""
    return variance * rng.chisquare(units - 1, draws) / (units - 1)


def compared(design: str, draws: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return simulated power of a random design, and that of the formula."""
    least = 6.0
    while least > 5:  # what a tiny trial finds is no effect
        value = random_design(design, rng)
        least = float(ev.planning.mdes(design=design, power=rng.uniform(0.4, 0.95), **value))
    formula = ev.planning.power(design=design, es=least, **value)
    simulate = simulated_nested if design in NESTED else simulated_power
    parts = [simulate(design, value, least, part, rng) for part in _parts(draws)]
    return float(np.average(parts, weights=_parts(draws))), float(formula)


def _parts(draws: int, most: int = 20_000) -> list[int]:
    """Split draws so that none needs much memory."""
    return [min(most, draws - at) for at in range(0, draws, most)]


def rosters(rng: np.random.Generator) -> list[pd.DataFrame]:
    """Return ten rosters of unequal schools."""
    counts = rng.integers(20, 90, 10)
    return [
        pd.DataFrame({"n": rng.integers(8, 120, m), "region": rng.integers(0, 4, m)})
        for m in counts
    ]


def timed(run: Callable[[], object], times: int = 3) -> float:
    """Return the median of seconds."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def against(python: str) -> None:
    """Time a trial of 40 schools of 25 in turn with mcpower."""
    roster, ours, theirs = pd.DataFrame({"n": [25] * 40}), [], []
    es = 0.35 * np.sqrt(0.85)  # mcpower's effect is in standard deviations within schools
    with subprocess.Popen(
        [python, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        for _ in range(5):
            other.stdin.write("\n")
            other.stdin.flush()
            seconds, power = map(float, other.stdout.readline().split())
            theirs.append(seconds)
            start = time.perf_counter()
            found = ev.planning.roster_power(roster, pupils="n", rho2=0.15, es=es)
            ours.append(time.perf_counter() - start)
        other.stdin.close()
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"10,000 trials: {ratio:.3f} of mcpower's time (power {found:.3f}, theirs {power:.3f})")


def main() -> int:
    """Run all and say what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--designs", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=100_000)
    parser.add_argument("--mcpower", metavar="PYTHON")
    asked = parser.parse_args()
    rng = np.random.default_rng(2026)
    gaps = []
    for number in range(asked.designs):
        simulated, formula = compared(SIMULATED[number % len(SIMULATED)], asked.draws, rng)
        gaps.append(abs(simulated - formula))
    most, of_99 = 100 * max(gaps), 100 * np.quantile(gaps, 0.99)
    error = 100 * np.sqrt(0.25 / asked.draws)
    print(f"{len(gaps)} random designs: power differs by at most {most:.2f} points, 99% by at most")
    print(f"{of_99:.2f}; the Monte Carlo error of one is {error:.2f} points or less")
    given = {"pupils": "n", "rho2": 0.15, "r2_1": 0.4, "r2_2": 0.4, "strata": "region"}
    ten = rosters(rng)
    seconds = timed(lambda: [ev.planning.roster_power(roster, **given) for roster in ten])
    print(f"10 rosters × 10,000 trials with CR2 and strata: {seconds:.2f} s")
    columns = [f"x{at}" for at in range(6)]
    schools = pd.DataFrame(rng.normal(size=(200, 6)), columns=columns).assign(id=range(200))
    keys = {"unit": "id", "protocol": "0" * 64, "nonce": "words", "covariates": columns}
    for method in ("pairs", "rerandomisation"):
        run = timed(lambda m=method: ev.planning.allocate(schools, method=m, **keys))
        print(f"{method} of 200 schools on 6 covariates: {run:.2f} s")
    change = timed(lambda: ev.planning.mdes(design="CRA2", n=30, J=40, rho2=0.15), 50)
    print(f"one change of a design: {1000 * change:.1f} ms")
    if asked.mcpower:
        against(asked.mcpower)
    return int(max(gaps) > 0.01)


if __name__ == "__main__":
    sys.exit(main())
