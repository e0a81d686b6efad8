"""150 authorities and 20 indicators as a static site: how long it takes, and how it grows.

Promise: at most 60 seconds on two cores after start-up, and at most 10.5 times as many processor
seconds for ten times as many authorities. Numbers are made up: shares of twelve years with their
denominators.
Run: python benchmarks/area_site.py [AUTHORITIES]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from evidence.methods.monitoring.areas import areas
from evidence.release.site.areas import Tables, build

INDICATORS, YEARS = 20, 12


def made_up(authorities: int, seed: int = 2026) -> pd.DataFrame:
    """Return a row an authority (and England), indicator and year."""
    rng = np.random.default_rng(seed)
    names = [f"Authority {number:04d}" for number in range(1, authorities + 1)]
    shape = (INDICATORS, authorities, YEARS)
    level = rng.normal(65, 8, (INDICATORS, 1, 1)) + rng.normal(0, 4, (INDICATORS, authorities, 1))
    size = rng.integers(300, 6_000, (INDICATORS, authorities, 1)) + np.zeros(shape)
    drift = rng.normal(0, 0.3, (INDICATORS, authorities, 1)) * np.arange(YEARS)
    share = np.clip(level + drift + rng.normal(0, 1.5, shape), 1, 99)
    count = np.round(share / 100 * size)
    everybody = [x.sum(1, keepdims=True) for x in (count, size)]
    count, size = (np.concatenate([x, y], 1) for x, y in zip((count, size), everybody, strict=True))
    place = np.indices(count.shape).reshape(3, -1)
    return pd.DataFrame(
        {
            "indicator": np.array([f"Measure {n:02d}" for n in range(1, INDICATORS + 1)])[place[0]],
            "area": np.array([*names, "England"])[place[1]],
            "time": 2013 + place[2],
            "value": (100 * count / size).ravel(),
            "n": size.ravel(),
            "polarity": np.where(place[0] % 3, "high", "low"),
            "unit": "%",
            "target": np.where(place[0] % 2, 65.0, np.nan),
        }
    )


def site(authorities: int, out: Path) -> tuple[float, float, int]:
    """Return the seconds that the site takes, those of the processor, and how many pages it has."""
    data = made_up(authorities)
    names = [name for name in data["area"].unique() if name != "England"]
    near = {name: [names[(at + step) % authorities] for step in range(1, 11)]
            for at, name in enumerate(names)}  # fmt: skip
    start, began = time.perf_counter(), time.process_time()
    found = areas(data, n="n", unit="unit", target="target")
    funnels = {name: one.table for name, one in found.funnels.items()}
    tables = Tables(table=found.table, series=found.series, funnels=funnels, neighbours=near)
    pages = build(tables, out)
    return time.perf_counter() - start, time.process_time() - began, len(pages)


def main(authorities: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        site(10, Path(folder) / "start-up")
        wall, one, pages = site(authorities, Path(folder) / "one")
        print(f"{authorities} authorities × {INDICATORS}: {pages} pages in {wall:.1f} s (60 s), "
              f"{one:.1f} of a processor")  # fmt: skip
        _, ten, pages = site(10 * authorities, Path(folder) / "ten")
        print(f"ten times as many: {pages} pages, {ten:.1f} s, {ten / one:.1f} × (10.5 ×)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 150)
