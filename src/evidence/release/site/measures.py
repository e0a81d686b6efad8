"""What is watched of an area in a release: a row a measure, with its chart, rank and judgement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.errors import EvidenceError
from evidence.release.store import reader
from evidence.show import area_rows
from evidence.show.rows import missing, records
from evidence.show.words import ASSURANCE, VARIATION

NAN = float("nan")
Record = Mapping[str, Any]


def measures(
    indicators: pd.DataFrame,
    drawn_of: Mapping[str, pd.DataFrame],
    name: str,
    link: Callable[[str], str],
) -> list[dict[str, Any]]:
    """Return the rows of an area, as `evidence.show.area_rows` shows them.

    Parameters
    ----------
    indicators : DataFrame
        The released `indicators`, of everybody.
    drawn_of : mapping
        Their control charts, as :func:`charts`.
    name : str
        The area.
    link : callable
        Gives the address of a measure.
    """
    rows = []
    whole = indicators["group"].isin(["", "all"])
    own = indicators[whole & (indicators["area"] == name)]
    for title, readings in own.groupby("indicator", sort=False):
        series = readings.drop_duplicates("period")
        known = series[series["value"].notna()]
        if known.empty:
            continue
        last = known.iloc[-1].to_dict()
        drawn = drawn_of.get(f"{title}, {name}", pd.DataFrame())
        said = last["sentence"]
        rows.append(
            {
                "area": name,
                "title": title,
                "href": link(title),
                "unit": "%" if last["unit"].startswith("%") else last["unit"],
                "time": last["period"],
                "value": last["value"],
                "lower": last["ci_lower"],
                "upper": last["ci_upper"],
                "target": drawn["target"].iloc[-1] if "target" in drawn else NAN,
                "variation": _said(VARIATION, said) or "too few" * (len(known) < area_rows.FEW),
                "assurance": _said(ASSURANCE, said),
                "rule": next((rule for rule in area_rows.RULES if f"({rule})" in said), ""),
                "readings": len(known),
                **_rank(last, indicators),
                "national": NAN if missing(last["comparator_value"]) else last["comparator_value"],
                "beside": "" if missing(last["comparator"]) else last["comparator"],
                "series": _series(known, drawn),
                "run_id": last["run_id"],
            }
        )
    return rows


def one_page(
    folder: Path, record: Record, indicators: pd.DataFrame, pages: Mapping[str, str]
) -> list[tuple[str, str, str, int]]:
    """Return areas, each with its finding and its measures as a table, and how many areas more.

    Areas whose measures all stand under one with more of them are counted with it; `pages` has the
    address of each measure.
    """
    drawn = charts(record, folder, indicators)
    found: list[tuple[str, str, str, int]] = []
    left = indicators[["area", "indicator"]].drop_duplicates()
    shown: set[str] = set()
    for name in left["area"].value_counts().index:
        own = set(left.loc[left["area"] == name, "indicator"])
        rows = measures(indicators, drawn, name, pages.__getitem__) if own - shown else []
        if rows:
            others = left.loc[left["indicator"].isin(own), "area"].nunique() - 1
            found.append((name, area_rows.finding(rows), area_rows.table(rows), others))
        shown |= own
    return found


def charts(record: Record, folder: Path, indicators: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the released control charts of indicators, by indicator and area."""
    runs = (record["runs"].get(key) for key in indicators["run_id"].unique())
    places = {reader.place_of(run) for run in runs if run}
    found = {}
    for entry in record["figures"]:
        if reader.place_of(entry) in places:
            try:
                shown = reader.picture(entry, folder)
            except (EvidenceError, ValueError, KeyError, TypeError):
                continue
            if shown["kind"] == "control_chart":
                found[shown["title"].rpartition(": ")[0]] = shown["table"]
    return found


def _series(known: pd.DataFrame, drawn: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the readings with the limits that a released chart has of them."""
    limits: dict[str, Mapping[str, Any]] = {}
    if "time" in drawn:
        limits = {str(one["time"]): one for one in records(drawn)}
    found = []
    for one in records(known[["period", "value"]]):
        at = limits.get(one["period"], {})
        ends = {key: at.get(key, NAN) for key in ("centre", "lower", "upper")}
        signal = at.get("signal", "common cause")
        found.append({"time": one["period"], "value": one["value"], "signal": signal, **ends})
    return found


def _rank(last: Mapping[str, Any], indicators: pd.DataFrame) -> dict[str, Any]:
    """Return the rank, from where to where the ranges of all areas let it be, and what is better.

    Which way is better is what the ranks of the released areas say.
    """
    same = (indicators["indicator"] == last["indicator"]) & (indicators["period"] == last["period"])
    others = indicators[same & indicators["rank"].notna()].drop_duplicates("area")
    found: dict[str, Any] = {"rank_lower": NAN, "rank_upper": NAN, "n_ranked": NAN}
    found |= {"rank": last["rank"], "polarity": ""}
    if missing(last["rank"]) or len(others) < 4 or others["rank"].max() > len(others):
        return found
    best = others.loc[others["rank"].idxmin(), "value"]
    sign = 1 if best >= others.loc[others["rank"].idxmax(), "value"] else -1
    low, high = others["ci_lower"], others["ci_upper"]
    better = (low > last["ci_upper"]) if sign > 0 else (high < last["ci_lower"])
    worse = (high < last["ci_lower"]) if sign > 0 else (low > last["ci_upper"])
    ends = {"rank_lower": 1.0 + better.sum(), "rank_upper": float(len(others) - worse.sum())}
    ends["n_ranked"] = float(len(others))
    return found | ends | {"polarity": "high" if sign > 0 else "low"}


def _said(words: Mapping[str, str], sentence: str) -> str:
    """Return which of these phrases a sentence says, the longest first; "" for none."""
    phrases = sorted(filter(None, words.values()), key=len, reverse=True)
    phrase = next((text for text in phrases if text in sentence), None)
    return next((key for key, text in words.items() if text and text == phrase), "")
