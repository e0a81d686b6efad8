"""When nothing happens, is anything said; when something does, is it found: monitoring judged.

Promises: 100,000 stable series of small schools are flagged as often as their charts say, within
0.2 points; every planted shift of two standard deviations is found, as soon as the chart says; 94
to 96% of rank intervals hold the true rank; and 78 to 82% of 80% forecasts hold in the held-back
years of the Local Authority Interactive Tool, where its long file is given.
Run: python benchmarks/false_alarms.py [bds_long_0.parquet]
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from evidence.methods.monitoring.control_chart import ControlChart, control_chart
from evidence.methods.monitoring.forecast import forecast
from evidence.methods.monitoring.ranks import rank_interval
from evidence.stats.monitoring import control_charts as charts

YEARS, PUPILS, SHARE, SHIFT = 12, (12, 30), 0.65, 2.0


def school(rng: np.random.Generator) -> ControlChart:
    """Return the chart of one small school in which nothing happens."""
    n = rng.integers(*PUPILS, YEARS, endpoint=True)
    table = pd.DataFrame({"year": range(YEARS), "count": rng.binomial(n, SHARE), "n": n})
    return control_chart(table, value="count", time="year", n="n")


def alarms(series: int, stated: int, seed: int = 2026) -> pd.DataFrame:
    """Return how often stable series are flagged, and how often their charts say they would be."""
    rng = np.random.default_rng(seed)
    n = rng.integers(*PUPILS, (series, YEARS), endpoint=True)
    count = rng.binomial(n, SHARE)
    centre, width, sigma = charts.attribute(count, n, "binomial")
    width = width * np.fmax(sigma, 1)
    low, high = np.maximum(centre - width, 0), np.minimum(centre + width, 1)
    flagged = charts.signals(count / n, centre, low, high)[1] != 0
    said = [school(rng).false_alarms(draws=4_000, seed=k)["share"] for k in range(stated)]
    found = [float(flagged.any(1).mean()), float(flagged[:, -1].mean())]
    asked = ["any point", "the last point"]
    return pd.DataFrame({"asked": asked, "found": found, "stated": np.mean(said, axis=0)})


def delays(series: int, further: int = 24, seed: int = 2026) -> pd.DataFrame:
    """Return by when a shift of two standard deviations is found, and by when a chart says so."""
    rng = np.random.default_rng(seed)
    before = rng.standard_normal(YEARS)
    table = pd.DataFrame({"year": range(YEARS), "value": before})
    stated = control_chart(table, value="value", time="year").delay(SHIFT, further=further)
    values = rng.standard_normal((series, YEARS + further))
    values[:, YEARS:] += SHIFT
    found = np.zeros(further)
    for one in values:
        here = np.zeros(further, bool)
        whole = pd.DataFrame({"year": range(len(one)), "value": one})
        for seen in range(YEARS + 1, len(one) + 1):
            chart = control_chart(
                whole[:seen], value="value", time="year", fix_after=YEARS, improvement="increase"
            )
            if (chart.table["signal"].iloc[YEARS:] == "improvement").any():
                here[seen - YEARS - 1 :] = True
                break
        found += here
    return stated.rename(columns={"found": "stated"}).assign(found=found / series)


def ranks(sets: int, areas: int = 150, seed: int = 2026) -> float:
    """Return the share of rank intervals that hold the true rank."""
    rng, held = np.random.default_rng(seed), []
    for number in range(sets):
        true, error = rng.normal(60, 5, areas), rng.uniform(0.5, 4, areas)
        data = pd.DataFrame(
            {"area": [f"{k:03d}" for k in range(areas)], "value": rng.normal(true, error)}
        ).assign(error=error)
        call = {"area": "area", "value": "value", "std_error": "error", "polarity": "high"}
        table = rank_interval(data, draws=2_000, seed=number, **call).table
        place = pd.Series(-true).rank()
        held.append(table["rank_lower"].le(place) & table["rank_upper"].ge(place))
    return float(np.mean(held))


def forecasts(path: str) -> pd.DataFrame:
    """Return for each held-back year the share of 80% forecasts that held, of how many indicators.

    An indicator counts in a year where five years before it, the last one among them, are known.
    """
    whole = pd.read_parquet(path)
    whole = whole[(whole["Region"] != "NA") & whole["Years"].str.fullmatch(r"20\d\d")]
    whole = whole[pd.to_numeric(whole["Values"], errors="coerce").notna()]
    whole = whole.assign(year=whole["Years"].astype(int))
    call, held = {"value": "Values", "unit": "LA Number"}, []
    for _, own in whole.groupby("Short Desc"):
        for year in range(2017, 2026):
            past, now = own[own["year"] < year], own[own["year"] == year]
            times = set(past["year"])
            if len(times) >= 5 and year - 1 in times and len(now) >= 100:
                found = forecast(past, time="year", **call).score(now, **call)
                held.append((year, found["held"].mean()))
    table = pd.DataFrame(held, columns=["year", "held"]).groupby("year")["held"]
    return table.agg(["mean", "size"]).reset_index()


def main(path: str | None) -> None:
    print(alarms(100_000, 400).to_string(index=False))
    print(delays(100).to_string(index=False))
    print(f"rank intervals hold {100 * ranks(200):.1f}% (94 to 96%)")
    if path:
        found = forecasts(path)
        print(found.to_string(index=False))
        share = np.average(found["mean"], weights=found["size"])
        print(f"80% forecasts hold {100 * share:.1f}% (78 to 82%)")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
