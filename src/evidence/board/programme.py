"""One programme: its years, outcomes and groups, every chart, and the claim beside the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd

from evidence.board import widgets as parts
from evidence.release.store import reader
from evidence.release.store.provenance import facts
from evidence.show import tables
from evidence.show.questions import QUESTIONS, grouped
from evidence.show.render import render
from evidence.show.why import why
from evidence.show.words import counted, headline

OTHER = QUESTIONS[""]


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
        return iter([parts.note(parts.top(record, "programme", tables.finding(rows)))])
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
        by_question = questions(_figures(record, which.value, year.value))
        options = [("Everything", ""), *((one, one) for one in by_question)]
        parts.reset(chart, options, question)
        show()

    def show() -> None:
        own = rows[rows["programme"] == which.value]
        card = cards[which.value]
        top.value = _top(record, card, own, year.value)
        shown.value = _answer(folder, record, card, own, year.value, chart.value)

    begin(asked["cohort"] or None)
    if asked["chart"]:
        choose(asked["chart"])
    parts.watch([which], begin, shown)
    parts.watch([year], choose, shown)
    parts.watch([chart], show, shown)
    return iter([top, parts.bar(which, year, chart), shown, parts.note(parts.foot(record))])


def questions(figures: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the figures under the question that each answers, in the order of the questions."""
    return grouped(figures)


def _figures(record: Mapping[str, Any], programme: str, cohort: str) -> list[Mapping[str, Any]]:
    return [
        one for one in record["figures"] if (one["programme"], one["cohort"]) == (programme, cohort)
    ]


def _primary(rows: pd.DataFrame) -> pd.DataFrame:
    chosen = rows["primary"] & (rows["subgroup"] == "all") & (rows["estimand"] != "cace")
    return rows[chosen].drop_duplicates("cohort")


def _top(
    record: Mapping[str, Any], card: Mapping[str, Any], rows: pd.DataFrame, cohort: str
) -> str:
    own = _primary(rows[rows["cohort"] == cohort])
    finding = "no result to show for this year"
    if len(own):
        row = own.iloc[0].to_dict()
        finding = headline(row, outcome=row["outcome_title"])
        finding = finding if finding[:2].isupper() else finding[:1].lower() + finding[1:]
    known = [card["phase"], card["lead"]]
    if card.get("cost") is not None:
        known.append(f"£{card['cost']:,.0f} a pupil a year")
    return parts.top(
        record,
        "programme",
        f"{rows['title'].iloc[0]} – {finding}",
        lead=card["about"],
        about=" · ".join(str(one) for one in known if one),
        cards=[card],
    )


def _answer(
    folder: Path,
    record: Mapping[str, Any],
    card: Mapping[str, Any],
    rows: pd.DataFrame,
    cohort: str,
    question: str,
) -> str:
    own, years, plain = rows[rows["cohort"] == cohort], _primary(rows), parts.sheet(rows)
    first = _primary(own)
    row = first.iloc[0].to_dict() if len(first) else None
    figures = _figures(record, card["name"], cohort)
    chosen = {"programme": card["name"], "cohort": cohort, "chart": question}
    said = ", ".join(
        (
            counted(len(own), "outcome or group", "outcomes and groups"),
            counted(len(figures), "chart"),
        )
    )
    return render(
        "board/programme.html",
        act=parts.actions(said, plain, card["name"], "programme", chosen),
        everything=not question,
        sentence=row["sentence"] if row else "",
        why=why(row) if row else "",
        outcomes=tables.outcomes(own),
        years=tables.board(years) if len(years) > 1 else "",
        numbers=tables.frame(plain, caption="Every year, outcome and group, in numbers"),
        figures={
            heading: [parts.figure(one, folder) for one in some]
            for heading, some in questions(figures).items()
            if question in ("", heading)
        },
        sources=[
            facts(record, run)
            for run in record["runs"].values()
            if (run["programme"], run["cohort"]) == (card["name"], cohort)
        ],
    )
