"""One area: every measure in one table of icons, then one measure beside England and others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import ipywidgets as widgets
import pandas as pd

from evidence.board import widgets as parts
from evidence.errors import EvidenceError
from evidence.release.store import reader
from evidence.release.store.provenance import facts
from evidence.show import area_rows, tables
from evidence.show.questions import grouped
from evidence.show.render import render
from evidence.show.rows import missing, records
from evidence.show.words import ASSURANCE, VARIATION, counted

LEAD = (
    "An icon says whether a figure has really changed, and whether it can be relied on to meet its "
    "target. Grey bands hold what chance alone would do."
)
NAN = float("nan")
Record = Mapping[str, Any]


def area(published: str | Path | None = None) -> parts.Page:
    """Return the dashboard of the areas whose indicators the current release holds.

    Parameters
    ----------
    published : path, optional
        Where the releases are (see `evidence.release.store.reader`).
    """
    return parts.page(published, _build)


def _build(folder: Path) -> Iterator[widgets.Widget]:
    record = reader.release(folder)
    indicators = reader.indicators(folder)
    indicators = indicators[indicators["group"].isin(["", "all"])]
    if indicators.empty:
        yield parts.note(parts.top(record, "area", "Nothing is watched in this release"))
        return
    asked = parts.asked("area", "measure")
    names = sorted(dict.fromkeys(indicators["area"]))
    drawn = charts(record, folder, indicators)
    most = indicators["area"].value_counts().idxmax()
    begin = asked["area"] if asked["area"] in names else most
    which = parts.choice("Area", [(name, name) for name in names], begin)
    measure = parts.Choice(description="Measure")
    top, shown = parts.note(), parts.note()

    @cache
    def own(name: str) -> list[dict[str, Any]]:
        return measures(indicators, drawn, name)

    def begin_area(chosen: str | None = None) -> None:
        titles = [row["title"] for row in own(which.value)]
        options = [("Every measure", ""), *((title, title) for title in titles)]
        parts.reset(measure, options, chosen)
        show()

    def show() -> None:
        rows = own(which.value)
        cards = _cards(record, rows)
        about = f"{which.value} · against {', '.join(dict.fromkeys(r['beside'] for r in rows))}"
        title = area_rows.finding(rows)
        top.value = parts.top(record, "area", title, lead=LEAD, about=about, cards=cards)
        chosen = [row for row in rows if row["title"] == measure.value]
        choice = {"area": which.value, "measure": measure.value or ""}
        shown.value = _answer(folder, record, indicators, rows, chosen, choice)

    begin_area(asked["measure"] or None)
    parts.watch([which], begin_area, shown)
    parts.watch([measure], show, shown)
    yield parts.note(f"<style>{area_rows.STYLE}</style>")
    yield from (top, parts.bar(which, measure), shown, parts.note(parts.foot(record)))


def measures(
    indicators: pd.DataFrame, drawn_of: Mapping[str, pd.DataFrame], name: str
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
    """
    rows = []
    own = indicators[indicators["area"] == name]
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
                "href": address({"area": name, "measure": title}),
                "unit": last["unit"],
                "time": last["period"],
                "value": last["value"],
                "lower": last["ci_lower"],
                "upper": last["ci_upper"],
                "target": drawn["target"].iloc[-1] if "target" in drawn else NAN,
                "variation": _said(VARIATION, said),
                "assurance": _said(ASSURANCE, said),
                "rule": next((rule for rule in area_rows.RULES if f"({rule})" in said), ""),
                "readings": len(known),
                **_rank(last, indicators),
                "national": NAN if missing(last["comparator_value"]) else last["comparator_value"],
                "beside": "England" if missing(last["comparator"]) else last["comparator"],
                "series": _series(known, drawn),
                "run_id": last["run_id"],
            }
        )
    return rows


def address(choice: Mapping[str, str]) -> str:
    """Return the address of a choice."""
    return "area?" + urlencode(choice)


def _said(words: Mapping[str, str], sentence: str) -> str:
    """Return which of these phrases a sentence says, the longest first; "" for none."""
    phrases = sorted(filter(None, words.values()), key=len, reverse=True)
    phrase = next((text for text in phrases if text in sentence), None)
    return next((key for key, text in words.items() if text and text == phrase), "")


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


def _cards(record: Record, rows: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
    runs = (record["runs"].get(row["run_id"]) for row in rows)
    whose = {run["programme"] for run in runs if run}
    return [card for card in record["programmes"] if card["name"] in whose]


def _answer(
    folder: Path,
    record: Record,
    indicators: pd.DataFrame,
    rows: list[dict[str, Any]],
    chosen: list[dict[str, Any]],
    choice: Mapping[str, str],
) -> str:
    plain = _sheet(rows)
    said = counted(len(rows), "measure")
    one = chosen[0] if chosen else None
    run = record["runs"].get(one["run_id"]) if one else None
    figures = (
        [entry for entry in record["figures"] if reader.place_of(entry) == reader.place_of(run)]
        if run
        else []
    )
    return render(
        "board/area.html",
        act=parts.actions(said, plain, "area", "area", choice),
        table=area_rows.table(rows),
        numbers=tables.frame(plain, caption="Every measure, in numbers"),
        one=one,
        know=area_rows.know(one) if one else "",
        sentence=_sentence(indicators, one) if one else "",
        beside=tables.frame(_beside(indicators, one), caption=f"{one['title']}, side by side")
        if one
        else "",
        figures={
            heading: [parts.figure(entry, folder) for entry in some]
            for heading, some in grouped(figures).items()
        },
        source=facts(record, run) if run else None,
        foot=area_rows.FOOT,
    )


def _sentence(indicators: pd.DataFrame, one: Mapping[str, Any]) -> str:
    same = (indicators["indicator"] == one["title"]) & (indicators["run_id"] == one["run_id"])
    said = [text for text in indicators.loc[same, "sentence"] if text]
    return said[-1] if said else ""


def _beside(indicators: pd.DataFrame, one: Mapping[str, Any]) -> pd.DataFrame:
    """Return the latest figure of every area that is released, and of all it is set beside.

    Official neighbours are what a report names as comparators, a row each, or releases as areas.
    """
    same = indicators["indicator"] == one["title"]
    rows = indicators[same & (indicators["period"] == one["time"])]
    now = rows.drop_duplicates("area")
    lines = [
        (row["area"], row["value"], row["ci_lower"], row["ci_upper"], row["rank"], row["symbol"])
        for row in records(now)
    ]
    own = rows[(rows["area"] == one["area"]) & rows["comparator_value"].notna()]
    others = dict(zip(own["comparator"], own["comparator_value"], strict=True))
    there = {line[0] for line in lines}
    lines += [(name, x, NAN, NAN, NAN, "") for name, x in others.items() if name not in there]
    lines.sort(key=lambda line: (line[0] != one["area"], line[0] not in others))
    return pd.DataFrame(
        {
            "Area": [line[0] for line in lines],
            "Latest": [line[5] or area_rows.figure(line[1], one["unit"]) for line in lines],
            "Likely range": [
                area_rows.span({**one, "lower": line[2], "upper": line[3]}) for line in lines
            ],
            "Rank": ["" if missing(line[4]) else f"{line[4]:.0f}" for line in lines],
        }
    )


def _sheet(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the rows as the plain table that is under the page."""
    cells = [area_rows.cells(row) for row in rows]
    return pd.DataFrame(
        {
            "Measure": [row["title"] for row in rows],
            "When": [row["time"] for row in rows],
            "Latest": [cell["value"] for cell in cells],
            "Likely range": [cell["range"] for cell in cells],
            "Target": [cell["target"] for cell in cells],
            "Change": [cell["change"][2] for cell in cells],
            "Target met?": [cell["met"][2] for cell in cells],
            "What to know": [cell["know"] for cell in cells],
        }
    )
