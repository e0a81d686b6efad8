"""The evidence base across hubs: what was tried where, what is new, and where numbers come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd

from evidence.board import widgets as parts
from evidence.board.board import address
from evidence.release.store import reader
from evidence.release.store.provenance import facts
from evidence.show import tables, words
from evidence.show.render import render
from evidence.show.rows import missing, records

OWN = "This hub"
FILTERS = (
    ("Hub", "hub", "hub", "All hubs"),
    ("Phase", "phase", "phase", "All phases"),
    ("Verdict", "verdict", "verdict", "All verdicts"),
    ("Strength of the evidence", "strength", "firm", "Any strength"),
)
LEAD = (
    "Verdicts and strengths side by side, as each hub released them. Pupils of different hubs are "
    "never put into one table."
)
_SAME = ["hub", "programme", "cohort", "outcome", "subgroup", "estimand"]
_FILES = {
    "bundle.zip": "Everything that was released, to merge at another hub (zip)",
    "results.xlsx": "All results (Excel)",
    "effects.csv": "Effects (CSV)",
    "indicators.csv": "Indicators (CSV)",
}


@parts.dashboard
def hub(folder: Path) -> Iterator[widgets.Widget]:
    """Return the dashboard of the evidence base across hubs."""
    record = reader.release(folder)
    hubs = record.get("hubs", {})
    rows = everything(folder, record)
    count = words.counted(len(hubs) + 1, "hub")
    tried = int(rows.groupby("hub")["programme"].nunique().sum()) if len(rows) else 0
    title = f"{words.counted(tried, 'programme')} tried in {count}"
    yield parts.note(parts.top(record, "hub", title, lead=LEAD, cards=_cards(record)))
    if rows.empty:
        return
    yield from parts.explorer(
        rows,
        FILTERS,
        "Where does this number come from?",
        lambda row: f"{row['hub']}: {row['title']}, {row['cohort_title']}",
        lambda left, chosen: side_by_side(left, len(rows), chosen),
        lambda row: render("board/origin.html", known=_origin(record, row)),
    )
    yield parts.note(render("board/news.html", news=news(folder), files=_FILES))
    yield parts.note(parts.foot(record))


def _cards(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    hubs = record.get("hubs", {}).values()
    return [*record["programmes"], *(card for meta in hubs for card in meta["programmes"])]


def everything(folder: Path, record: Mapping[str, Any]) -> pd.DataFrame:
    """Return the primary results of every hub: rows of `tables.summary` with `hub` and `firm`."""
    summaries = [tables.summary(reader.effects(folder), record["programmes"]).assign(hub=OWN)]
    for name, meta in record.get("hubs", {}).items():
        rows = tables.summary(reader.hub_effects(name, folder), meta["programmes"])
        summaries.append(rows.assign(hub=name))
    rows = pd.concat([one for one in summaries if len(one)] or summaries[:1], ignore_index=True)
    if len(rows):
        rows["firm"] = [
            "not rated" if missing(points) else tables.STRENGTH[round(points)]
            for points in rows["strength"]
        ]
    return rows


def side_by_side(rows: pd.DataFrame, total: int, chosen: Mapping[str, str]) -> str:
    """Return the chosen rows of each hub under its name; those of this one lead to their pages."""
    if rows.empty:
        return render("board/results.html", board="")
    boards = {
        hub: tables.board(some, link=address if hub == OWN else None)
        for hub, some in rows.groupby("hub", sort=False)
    }
    drawn = render("board/hubs.html", boards=boards)
    return parts.listed(rows, total, chosen, here="hub", board=drawn)


def news(folder: Path) -> list[str] | None:
    """Say what the current release has that the one before had not, and what changed.

    None where there is none before it.
    """
    earlier = reader.before(folder)
    if earlier is None:
        return None
    now, was = _by_key(folder), _by_key(earlier)
    names = {card["name"]: card["title"] or card["name"] for card in _cards(reader.release(folder))}
    lines = []
    for key, row in now.items():
        hub, programme, _, outcome, *_ = key
        what = f"{hub}{': ' * bool(hub)}{names.get(programme, programme)}, {outcome}"
        old = was.get(key)
        if old is None:
            lines.append(f"New: {what}: {words.verdict(row['verdict'])}.")
        elif row["verdict"] != old["verdict"]:
            now, before = map(words.verdict, (row["verdict"], old["verdict"]))
            lines.append(f"{what}: now {now}, before {before}.")
        elif row["estimate"] != old["estimate"] and not missing(row["estimate"]):
            lines.append(f"{what}: the figures changed, the verdict did not.")
    lines += [
        f"No longer shown: {names.get(programme, programme)}, {outcome}."
        for _, programme, _, outcome, *_ in (key for key in was if key not in now)
    ]
    return lines[:100]


def _by_key(folder: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return the effects of a release by what they are of: hub, programme, cohort, outcome …."""
    effects: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in records(reader.effects(folder, hubs=True)):
        effects.setdefault(tuple(row[name] for name in _SAME), row)
    return effects


def _origin(record: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    if row["hub"] == OWN:
        return facts(record, record["runs"][row["run_id"]])
    meta = record["hubs"][row["hub"]]
    run = meta["runs"].get(row["run_id"], {})
    return {
        "Hub": row["hub"],
        "Its release": f"{meta['number']}, {meta['date']}",
        "Bundle, SHA-256": meta["bundle"],
        "Checked by": meta["reviewer"] or "not said",
        "Run": row["run_id"],
        "Notebook, SHA-256": run.get("notebook_sha256", "not said"),
        "Version of the code": run.get("commit", "not said"),
    }
