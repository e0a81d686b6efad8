"""The board dashboard: three choices, the rows they leave, and why to believe one of them.

Everything shown is released and escaped; what depends on a choice is one HTML widget.
"""

from __future__ import annotations

import html
from datetime import date
from pathlib import Path

import ipywidgets as widgets
import pandas as pd

from evidence.errors import EvidenceError
from evidence.release import base
from evidence.show import tables
from evidence.show.reasons import LEAD, band, why

STYLE = tables.STYLE + Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
FILTERS = (
    ("Phase", "phase", "All phases"),
    ("Year", "cohort_title", "All years"),
    ("Verdict", "verdict", "All verdicts"),
)


def board(published: str | Path | None = None) -> widgets.Widget:
    """Return the dashboard of the current release.

    Parameters
    ----------
    published : path, optional
        Where the releases are (see `evidence.release.base`).
    """
    try:
        record = base.release(published)
        rows = tables.summary(base.effects(published), record["programmes"])
    except (EvidenceError, OSError, ValueError, KeyError):
        return _html("<h1>There is no release to show yet</h1><p>Try again in a minute.</p>")
    if rows.empty:
        return _html(f"<h1>{tables.finding(rows)}</h1>")
    day = date.fromisoformat(record["date"])
    rules = record["rules"]
    head = (
        f"{band(record['programmes'])}"
        f'<p class="over">Evidence base · release {record["number"]} · {day.day} {day:%B %Y}</p>'
        f'<h1>{html.escape(tables.finding(rows))}</h1><p class="lead">{LEAD}</p>'
    )
    foot = (
        f'<p class="over small">Counts are rounded to the nearest {rules["base"]} and groups of '
        f"fewer than {rules['threshold']} pupils are hidden. Five squares: a large randomised "
        "trial with few losses.</p>"
    )
    choices = [
        widgets.Dropdown(
            description=label, options=[(every, ""), *((v, v) for v in dict.fromkeys(rows[column]))]
        )
        for label, column, every in FILTERS
    ]
    columns = [column for _, column, _ in FILTERS]
    chosen = widgets.Dropdown(description="Why should I believe this?")
    shown, reason = widgets.HTML(), widgets.HTML()

    def show(_: object = None) -> None:
        values = [box.value for box in choices]
        left = matching(rows, dict(zip(columns, values, strict=True)))
        shown.value = results(left, len(rows))
        chosen.options = [(_label(row), place) for place, row in left.iterrows()]
        chosen.index = None if left.empty else 0
        chosen.layout.display = "none" if left.empty else ""
        explain()

    def explain(_: object = None) -> None:
        if chosen.value is None:
            reason.value = ""
            return
        row = rows.loc[chosen.value].to_dict()
        reason.value = f'<p class="lead">{html.escape(row["sentence"])}</p>{why(row)}'

    for box in choices:
        box.observe(_guarded(show, shown), "value")
    chosen.observe(_guarded(explain, reason), "value")
    show()
    bar = widgets.HBox(choices)
    bar.add_class("bar")
    return _page([_html(head), bar, shown, chosen, reason, _html(foot)])


def matching(rows: pd.DataFrame, choice: dict[str, str]) -> pd.DataFrame:
    """Return the rows that agree with every choice made; "" is no choice."""
    for column, value in choice.items():
        if value:
            rows = rows[rows[column] == value]
    return rows


def results(rows: pd.DataFrame, total: int) -> str:
    """Return the rows as HTML with how many of `total` they are, or a plain sentence if none."""
    if rows.empty:
        return '<p role="status">No result matches these choices.</p>'
    return f'<p role="status">{len(rows)} of {total} results shown</p>{tables.board(rows)}'


def _label(row: pd.Series) -> str:
    return f"{row['title']}, {row['cohort_title']}"


def _guarded(act, place: widgets.HTML):
    """Show a plain sentence where a callback fails: the visitor would else see nothing change."""

    def run(change: object) -> None:
        try:
            act(change)
        except Exception:
            place.value = '<p role="alert">This could not be shown. Please load the page again.</p>'

    return run


def _html(content: str) -> widgets.HTML:
    return widgets.HTML(content)


def _page(parts: list[widgets.Widget]) -> widgets.VBox:
    page = widgets.VBox([_html(f"<style>{STYLE}</style>"), *parts])
    page.add_class("board")
    return page
