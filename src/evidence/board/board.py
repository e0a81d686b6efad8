"""The board dashboard: what was asked, what was found, how sure, at what cost, what to ask next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import ipywidgets as widgets
import pandas as pd

from evidence.board import widgets as parts
from evidence.board.widgets import matching as matching
from evidence.release.store import reader
from evidence.show import tables, words
from evidence.show.render import render
from evidence.show.rows import records
from evidence.show.why import LEAD, why

FILTERS = (
    ("Phase", "phase", "phase", "All phases"),
    ("Year", "year", "year", "All years"),
    ("Verdict", "verdict", "verdict", "All verdicts"),
)


@parts.dashboard
def board(folder: Path) -> Iterator[widgets.Widget]:
    """Return the dashboard of the current release."""
    record = reader.release(folder)
    rows = tables.summary(reader.effects(folder), record["programmes"])
    lead = LEAD if len(rows) else "What is watched over time is under One area."
    top = parts.note(parts.top(record, "board", tables.finding(rows), lead=lead))
    yield top
    if rows.empty:
        return

    def show(left: pd.DataFrame, chosen: Mapping[str, str]) -> str:
        top.value = parts.top(record, "board", heading(left, chosen), lead=LEAD)
        return results(left, len(rows), chosen)

    yield from parts.explorer(
        rows,
        FILTERS,
        "Why should I believe this?",
        lambda row: f"{row['title']}, {row['cohort_title']}",
        show,
        lambda row: render(
            "board/reason.html", sentence=row["sentence"], why=why(row), more=address(row)
        ),
        asked_for,
    )
    yield parts.note(parts.foot(record))


def heading(rows: pd.DataFrame, chosen: Mapping[str, str]) -> str:
    """Return what the chosen rows found: the title of the page."""
    if rows.empty:
        return "No result matches these choices"
    if verdict := chosen.get("verdict"):  # such rows say nothing of how many have it
        return f"{len(rows)} with the verdict “{words.verdict(verdict)}”"
    return tables.finding(rows)


def results(rows: pd.DataFrame, total: int, chosen: Mapping[str, str] | None = None) -> str:
    """Return the rows as HTML with how many of `total` they are, or a plain sentence if none.

    Parameters
    ----------
    rows : DataFrame
        Those of `tables.summary` that are chosen.
    total : int
        How many there are.
    chosen : mapping, optional
        The filters by name, for a link to this view.
    """
    if rows.empty:
        return render("board/results.html", board="")
    drawn = tables.board(rows, link=address)
    return parts.listed(rows, total, chosen or {}, here="board", board=drawn)


def asked_for(rows: pd.DataFrame) -> str:
    """Return what was asked of the programmes in `rows`, year by year."""
    groups = rows.groupby("year", sort=True)
    return render("board/asked.html", years={year: records(some) for year, some in groups})


def address(row: Mapping[str, Any]) -> str:
    """Return the address of a row's own page."""
    return "programme?" + urlencode({"programme": row["programme"], "cohort": row["cohort"]})
