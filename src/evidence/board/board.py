"""The board dashboard: what was asked, what was found, how sure, at what cost, what to ask next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import ipywidgets as widgets
import pandas as pd

from evidence.board import widgets as parts
from evidence.release.store import reader
from evidence.show import tables
from evidence.show.rows import records
from evidence.show.why import LEAD, why

FILTERS = (
    ("Phase", "phase", "phase", "All phases"),
    ("Year", "year", "cohort_title", "All years"),
    ("Verdict", "verdict", "verdict", "All verdicts"),
)
_COLUMNS = {name: column for _, name, column, _ in FILTERS}


def board(published: str | Path | None = None) -> parts.Page:
    """Return the dashboard of the current release.

    Parameters
    ----------
    published : path, optional
        Where the releases are (see `evidence.release.store.reader`).
    """
    return parts.page(published, _build)


def _build(folder: Path) -> Iterator[widgets.Widget]:
    record = reader.release(folder)
    rows = tables.summary(reader.effects(folder), record["programmes"])
    top = (
        f"{parts.head(record, 'board')}<h1>{parts.escape(tables.finding(rows))}</h1>"
        f'<p class="lead">{LEAD}</p>'
    )
    if rows.empty:
        return iter([parts.note(top)])
    asked = parts.asked(*_COLUMNS)
    boxes = [
        parts.choice(label, parts.distinct(every, rows[column]), asked[name])
        for label, name, column, every in FILTERS
    ]
    believed = parts.Choice(description="Why should I believe this?")
    shown, reason, questions = parts.note(), parts.note(), parts.note()

    def show() -> None:
        chosen = dict(zip(_COLUMNS, (box.value for box in boxes), strict=True))
        left = matching(rows, {_COLUMNS[name]: value for name, value in chosen.items()})
        shown.value = results(left, len(rows), chosen)
        questions.value = asked_for(left)
        parts.reset(believed, [(_label(row), place) for place, row in left.iterrows()])
        explain()

    def explain() -> None:
        if believed.value is None:
            reason.value = ""
            return
        row = rows.loc[believed.value].to_dict()
        more = f'<p class="over"><a href="{_address(row)}">Every outcome, chart and check</a></p>'
        reason.value = f'<p class="lead">{parts.escape(row["sentence"])}</p>{why(row)}{more}'

    parts.watch(boxes, show, shown)
    parts.watch([believed], explain, reason)
    show()
    return iter(
        [
            parts.note(top),
            parts.bar(*boxes),
            shown,
            believed,
            reason,
            questions,
            parts.note(parts.foot(record)),
        ]
    )


def matching(rows: pd.DataFrame, choice: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows that agree with every choice made; "" is no choice."""
    for column, value in choice.items():
        if value:
            rows = rows[rows[column] == value]
    return rows


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
        return '<p role="status">No result matches these choices.</p>'
    chosen = chosen or {}
    part = ""
    if any(chosen.values()):  # rows chosen by their verdict say nothing of how many have it
        found = chosen.get("verdict")
        title = f"{len(rows)} with the verdict “{found}”" if found else tables.finding(rows)
        part = f"<h2>{parts.escape(title)}</h2>"
    plain, told = parts.sheet(rows), f"{len(rows)} of {total} results shown"
    numbers = tables.frame(plain, caption="What each programme achieved, in numbers")
    return (
        f"{parts.actions(told, plain, 'board', 'board', chosen)}{part}"
        f"{tables.board(rows, link=_address)}"
        f"{parts.unfolded('The same as a table of numbers', numbers)}"
    )


def asked_for(rows: pd.DataFrame) -> str:
    """Return what was asked of the programmes in `rows`, year by year."""
    groups = []
    for year, some in rows.groupby("cohort_title", sort=True):
        lines = "".join(
            f"<dt>{parts.escape(row['title'])}</dt><dd>{parts.escape(row['about'])} "
            f"Did it change {parts.escape(row['outcome_title'])}?</dd>"
            for row in records(some)
        )
        groups.append(f"<h3>{parts.escape(year)}</h3><dl>{lines}</dl>")
    return parts.unfolded("What was asked, year by year", "".join(groups)) if groups else ""


def _address(row: Mapping[str, Any]) -> str:
    return "programme?" + urlencode({"programme": row["programme"], "cohort": row["cohort"]})


def _label(row: pd.Series) -> str:
    return f"{row['title']}, {row['cohort_title']}"
