"""One area: every measure in one table of icons, then one measure beside England and others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import ipywidgets as widgets
import pandas as pd

from evidence.board import widgets as parts
from evidence.release.site.measures import charts, measures
from evidence.release.store import reader
from evidence.release.store.provenance import facts
from evidence.show import area_rows, tables
from evidence.show.questions import grouped
from evidence.show.render import render
from evidence.show.rows import missing, records
from evidence.show.words import counted

NAN = float("nan")
Record = Mapping[str, Any]


@parts.dashboard
def area(folder: Path) -> Iterator[widgets.Widget]:
    """Return the dashboard of the areas whose indicators the current release holds."""
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
    begin = {"area": asked["area"] if asked["area"] in names else most}
    which = parts.choice("area", "Area", [(name, name) for name in names], begin)
    measure = parts.Choice("measure", description="Measure")
    top, shown = parts.note(), parts.note()

    @cache
    def own(name: str) -> list[dict[str, Any]]:
        return measures(indicators, drawn, name, partial(address, name))

    def begin_area(chosen: str | None = None) -> None:
        titles = [row["title"] for row in own(which.value)]
        options = [("Every measure", ""), *((title, title) for title in titles)]
        parts.reset(measure, options, chosen)
        show()

    def show() -> None:
        rows = own(which.value)
        cards = _cards(record, rows)
        against = ", ".join(filter(None, dict.fromkeys(row["beside"] for row in rows)))
        about = f"{which.value} · against {against}" if against else which.value
        title = area_rows.finding(rows)
        top.value = parts.top(record, "area", title, lead=area_rows.LEAD, about=about, cards=cards)
        chosen = [row for row in rows if row["title"] == measure.value]
        choice = {"area": which.value, "measure": measure.value or ""}
        shown.value = _answer(folder, record, indicators, rows, chosen, choice)

    begin_area(asked["measure"] or None)
    parts.watch([which], begin_area, shown)
    parts.watch([measure], show, shown)
    yield parts.note(f"<style>{area_rows.STYLE}</style>")
    yield from (top, parts.bar(which, measure), shown, parts.note(parts.foot(record)))


def address(name: str, measure: str) -> str:
    """Return the address of a measure of an area."""
    return "area?" + urlencode({"area": name, "measure": measure})


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
    plain = sheet(rows)
    said = counted(len(rows), "measure")
    one = chosen[0] if chosen else None
    beside = _beside(indicators, one) if one else ()
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
        beside=tables.frame(beside, caption=f"{one['title']}, side by side")
        if len(beside) > 1
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
    table = pd.DataFrame(
        {
            "Area": [line[0] for line in lines],
            "Latest": [line[5] or area_rows.figure(line[1], one["unit"]) for line in lines],
            "Likely range": [
                area_rows.span({**one, "lower": line[2], "upper": line[3]}) for line in lines
            ],
            "Rank": ["" if missing(line[4]) else f"{line[4]:.0f}" for line in lines],
        }
    )
    return table.loc[:, table.ne("").any()]


def sheet(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
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
