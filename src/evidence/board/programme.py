"""One programme: its years, outcomes and groups, every chart, and the claim beside the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd

from evidence.board import widgets as parts
from evidence.release.store import reader
from evidence.release.store.provenance import facts
from evidence.show import tables
from evidence.show.why import why
from evidence.show.words import headline

# What a board member would ask, and which charts of the release answer it, by how they are named.
QUESTIONS = {
    "What was found?": ("effect",),
    "Did it differ before it began?": ("by-year",),
    "What would have happened anyway?": ("claim",),
    "Would another analysis say the same?": ("checks", "specifications", "curve"),
    "What else was going on in these schools?": ("overlap",),
    "Were the groups alike?": ("balance",),
    "Who was lost on the way?": ("flow",),
}
OTHER = "Further charts"


def programme(published: str | Path | None = None) -> parts.Page:
    """Return the dashboard of one programme of the current release.

    Parameters
    ----------
    published : path, optional
        Where the releases are (see `evidence.release.store.reader`).
    """
    return parts.page(published, _build)


def _build(folder: Path) -> Iterator[widgets.Widget]:
    record = reader.release(folder)
    rows = tables.summary(reader.effects(folder), record["programmes"], primary=False)
    if rows.empty:
        return iter([parts.note(f"<h1>{tables.finding(rows)}</h1>")])
    asked = parts.asked("programme", "cohort", "chart")
    cards = {card["name"]: card for card in record["programmes"]}
    titles = dict(zip(rows["programme"], rows["title"], strict=True))
    which = parts.choice(
        "Programme", [(title, name) for name, title in titles.items()], asked["programme"]
    )
    year = parts.Choice(description="Year")
    chart = parts.Choice(description="Show")
    top, shown = parts.note(), parts.note()

    def begin(cohort: str | None = None) -> None:
        own = rows[rows["programme"] == which.value]
        years = dict(zip(own["cohort"], own["cohort_title"], strict=True))
        parts.reset(year, [(title, name) for name, title in years.items()], cohort)
        choose()

    def choose(question: str | None = None) -> None:
        found = questions(_figures(record, which.value, year.value))
        options = [("Everything", ""), *((one, one) for one in found)]
        parts.reset(chart, options, question)
        show()

    def show() -> None:
        own = rows[rows["programme"] == which.value]
        card = cards[which.value]
        top.value = f"{parts.head(record, 'programme', [card])}{_title(card, own, year.value)}"
        shown.value = _answer(folder, record, card, own, year.value, chart.value)

    begin(asked["cohort"] or None)
    if asked["chart"]:
        choose(asked["chart"])
    parts.watch([which], begin, shown)
    parts.watch([year], choose, shown)
    parts.watch([chart], show, shown)
    return iter([top, parts.bar(which, year, chart), shown, parts.note(parts.foot(record))])


def questions(figures: list[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the figures under the question that each answers, in the order of the questions."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for question, names in QUESTIONS.items():
        if some := [one for one in figures if one["name"].startswith(names)]:
            found[question] = some
    known = [one for some in found.values() for one in some]
    if rest := [one for one in figures if one not in known]:
        found[OTHER] = rest
    return found


def _figures(record: Mapping[str, Any], programme: str, cohort: str) -> list[Mapping[str, Any]]:
    return [
        one for one in record["figures"] if (one["programme"], one["cohort"]) == (programme, cohort)
    ]


def _primary(rows: pd.DataFrame) -> pd.DataFrame:
    chosen = rows["primary"] & (rows["subgroup"] == "all") & (rows["estimand"] != "cace")
    return rows[chosen].drop_duplicates("cohort")


def _title(card: Mapping[str, Any], rows: pd.DataFrame, cohort: str) -> str:
    own = _primary(rows[rows["cohort"] == cohort])
    found = "No result to show for this year"
    if len(own):
        row = own.iloc[0].to_dict()
        found = headline(row, outcome=row["outcome_title"])
    facts_ = [card["phase"], card["lead"]]
    if card.get("cost") is not None:
        facts_.append(f"£{card['cost']:,.0f} a pupil a year")
    return (
        f"<h1>{parts.escape(rows['title'].iloc[0])} – {parts.escape(_small(found))}</h1>"
        f'<p class="lead">{parts.escape(card["about"])}</p>'
        f'<p class="over">{parts.escape(" · ".join(str(f) for f in facts_ if f))}</p>'
    )


def _small(text: str) -> str:
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _answer(
    folder: Path,
    record: Mapping[str, Any],
    card: Mapping[str, Any],
    rows: pd.DataFrame,
    cohort: str,
    question: str,
) -> str:
    own = rows[rows["cohort"] == cohort]
    first = _primary(own)
    years = _primary(rows)
    drawn = questions(_figures(record, card["name"], cohort))
    chosen = {"programme": card["name"], "cohort": cohort, "chart": question}
    told = f"{len(own)} outcomes and groups, {sum(map(len, drawn.values()))} charts"
    found = [parts.actions(told, parts.sheet(rows), card["name"], "programme", chosen)]
    if not question:
        if len(first):
            row = first.iloc[0].to_dict()
            found += [f'<p class="lead">{parts.escape(row["sentence"])}</p>', why(row)]
        found.append(f"<h2>Every outcome and group</h2>{tables.outcomes(own)}")
        if len(years) > 1:
            found.append(f"<h2>Every year</h2>{tables.board(years)}")
        plain = parts.sheet(rows)
        numbers = tables.frame(plain, caption="Every year, outcome and group, in numbers")
        found.append(parts.unfolded("The same as a table of numbers", numbers))
    found += [
        parts.figure(one, folder, heading)
        for heading, some in drawn.items()
        if question in ("", heading)
        for one in some
    ]
    found += [
        parts.unfolded("Where these numbers come from", origin(record, run))
        for run in record["runs"].values()
        if (run["programme"], run["cohort"]) == (card["name"], cohort)
    ]
    return "".join(found)


def origin(record: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """Return where the numbers of a run come from: notebook, files, code, author, checker."""
    lines = []
    for term, text in facts(record, run).items():
        items = text if isinstance(text, list) else [text]
        told = "".join(f"<dd>{parts.escape(item)}</dd>" for item in items)
        lines.append(f"<dt>{parts.escape(term)}</dt>{told}")
    return f'<dl class="facts">{"".join(lines)}</dl>'
