"""Cost of randomisation draws and bootstrap samples against refitting a mixed model for each.

    python benchmarks/resampling.py

Promises: 10,000 draws of either on crtData (265 pupils, 22 schools) in under 1 s on one core; a
draw at least 500 times cheaper than a refit of statsmodels' MixedLM; growth with pupils no worse
than linear to 1,000,000. Runs are interleaved; medians of five are compared, and for growth the
fastest of five, which other work on the machine disturbs least. Where
../shared/data/trials/crtData.csv is absent a trial of the same shape is simulated. Ends with 1
where a promise is broken.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

for library in ("OPENBLAS", "OMP", "MKL"):  # before numpy: one core
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import statsmodels.api as sm  # noqa: E402

from evidence import trials  # noqa: E402

DRAWS, RUNS, REFITS = 10_000, 5, 5
SIZES = (1_000, 10_000, 100_000, 1_000_000)
FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "trials" / "crtData.csv"
NAMES = {
    "outcome": "Posttest",
    "treatment": "Intervention",
    "baseline": "Prettest",
    "cluster": "School",
}


def simulated(pupils: int, schools: int) -> pd.DataFrame:
    rng = np.random.default_rng(2026)
    school = np.sort(rng.integers(0, schools, pupils))
    before = rng.normal(4, 1.5, pupils)
    after = 11 + 1.8 * before + rng.normal(0, 2.4, schools)[school] + rng.normal(0, 3.8, pupils)
    arm = school % 2
    return pd.DataFrame(
        {"School": school, "Posttest": after + 3 * arm, "Intervention": arm, "Prettest": before}
    )


def seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def interleaved(
    calls: dict[str, Callable[[], object]], of: Callable[[list[float]], float] = median
) -> dict[str, float]:
    """Return the median (or what `of` takes) of the seconds of each call."""
    took = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(RUNS):
        for name, call in calls.items():
            took[name].append(seconds(call))
    return {name: of(times) for name, times in took.items()}


def refit(data: pd.DataFrame) -> None:
    design = sm.add_constant(data[["Intervention", "Prettest"]].astype(float))
    for _ in range(REFITS):
        sm.MixedLM(data["Posttest"].astype(float), design, groups=data["School"]).fit()


def main() -> bool:
    """Print what was measured; return whether every promise was kept."""
    warnings.simplefilter("ignore")  # MixedLM's, about convergence
    data = pd.read_csv(FILE) if FILE.exists() else simulated(265, 22)
    print(
        f"{'crtData' if FILE.exists() else 'simulated'}: {len(data)} pupils, "
        f"{data['School'].nunique()} schools, {DRAWS:,} draws, one core, medians of {RUNS}"
    )
    methods = {
        "randomisation test": trials.randomisation_test,
        "cluster bootstrap": trials.bootstrap,
    }
    calls = {
        name: lambda method=method: method(data, draws=DRAWS, **NAMES)
        for name, method in methods.items()
    }
    took = interleaved(calls | {"MixedLM": lambda: refit(data)})
    each = took.pop("MixedLM") / REFITS
    print(f"MixedLM (statsmodels)  {1e3 * each:9.2f} ms a refit")
    kept = True
    for name, spent in took.items():
        kept &= spent < 1 and each * DRAWS >= 500 * spent
        print(
            f"{name:22s} {spent:9.3f} s (promise: under 1), {1e6 * spent / DRAWS:6.2f} µs a draw, "
            f"a refit costs {each * DRAWS / spent:,.0f} times as much (promise: at least 500)"
        )
    print("\npupils      schools  " + "  ".join(f"{name:>18s}" for name in methods))
    spent = {}
    for pupils in SIZES:
        large = simulated(pupils, pupils // 40)
        spent[pupils] = interleaved(
            {
                name: lambda method=method, large=large: method(large, draws=1_000, **NAMES)
                for name, method in methods.items()
            },
            of=min,
        )
        shown = "  ".join(f"{spent[pupils][name]:16.3f} s" for name in methods)
        print(f"{pupils:9,d}  {pupils // 40:8,d}  {shown}")
    for name in methods:
        large = SIZES[1:]  # below, what does not grow weighs too much
        power = np.polyfit(np.log(large), np.log([spent[n][name] for n in large]), 1)[0]
        kept &= power <= 1
        print(
            f"{name}: time grows as pupils to the power {power:.2f} from {large[0]:,} to "
            f"{large[-1]:,} (1,000 draws, 40 pupils a school; promise: at most 1)"
        )
    print("promises kept" if kept else "PROMISE BROKEN")
    return kept


if __name__ == "__main__":
    sys.exit(not main())
