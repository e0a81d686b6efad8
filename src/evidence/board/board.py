"""The board dashboard: one row a programme, what to do with it, what it costs, what to ask next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import ipywidgets as widgets

from evidence.board import widgets as parts
from evidence.release.site import answers
from evidence.release.store import reader
from evidence.show import programme_rows
from evidence.show.portfolio import portfolio
from evidence.show.render import render

Row = Mapping[str, Any]


@parts.dashboard
def board(folder: Path) -> Iterator[widgets.Widget]:
    """Return the dashboard of the current release."""
    record, rows = reader.release(folder), answers.of_release(folder)
    lead = "" if rows else "What is watched over time is under One area."
    top = parts.note(parts.top(record, "board", programme_rows.finding(rows), lead=lead))
    yield top
    if not rows:
        return
    picture = render(
        "front.html",
        asked=programme_rows.asked(rows),
        portfolio=portfolio(rows),
        since=record.get("since"),
    )
    yield parts.note(picture)
    begin = parts.asked("phase", "year", "decision")
    boxes = {
        name: parts.choice(
            name, title, [(every, ""), *((words, one) for one, words in offered)], begin
        )
        for name, title, every, offered in programme_rows.filters(rows)
    }
    shown = parts.note()

    def show() -> None:
        chosen = {name: box.value for name, box in boxes.items()}
        left = matching(rows, chosen)
        lead = programme_rows.decided(left)
        top.value = parts.top(record, "board", heading(left), lead=lead)
        shown.value = results(left, len(rows), chosen)

    parts.watch(boxes.values(), show, shown)
    show()
    yield from (parts.bar(*boxes.values()), shown, parts.note(parts.foot(record)))


def matching(rows: Sequence[Row], chosen: Mapping[str, str]) -> list[Row]:
    """Return the rows that agree with every choice; a programme has the years of its cohorts."""
    return [
        row
        for row in rows
        if chosen.get("phase", "") in ("", row["phase"])
        and (not chosen.get("year") or chosen["year"] in row["years"])
        and chosen.get("decision", "") in ("", row["decision"] or "none")
    ]


def heading(rows: Sequence[Row]) -> str:
    """Return what the chosen rows found: the title of the page."""
    return programme_rows.finding(rows) if rows else "No programme matches these choices"


def results(rows: Sequence[Row], total: int, chosen: Mapping[str, str] | None = None) -> str:
    """Return the rows as HTML with how many of `total` they are, or a plain sentence if none.

    Parameters
    ----------
    rows : sequence of mapping
        Those of `answers` that are chosen.
    total : int
        How many there are.
    chosen : mapping, optional
        The filters by name, for a link to this view.
    """
    if not rows:
        return render("board/results.html", board="")
    drawn = programme_rows.board(rows, link=address, cohort=address)
    said = f"{len(rows)} of {total} programmes shown"
    return parts.listed(programme_rows.sheet(rows), said, chosen or {}, here="board", board=drawn)


def address(row: Row) -> str:
    """Return the address of the page of a programme, or of a cohort's row."""
    place = {key: row[key] for key in ("programme", "cohort") if key in row}
    return "programme?" + urlencode(place)
