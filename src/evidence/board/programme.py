"""One programme: its years, outcomes and groups, every chart, and the claim beside the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd

from evidence.board import widgets as parts
from evidence.board.area import address, sheet
from evidence.release.site.measures import charts, measures
from evidence.release.store import reader
from evidence.release.store.provenance import facts
from evidence.show import area_rows, programme_rows, tables
from evidence.show.questions import QUESTIONS, grouped
from evidence.show.render import render
from evidence.show.rows import records
from evidence.show.why import why
from evidence.show.words import counted, headline

OTHER = QUESTIONS[""]


@parts.dashboard
def programme(folder: Path) -> Iterator[widgets.Widget]:
    """Return the dashboard of one programme of the current release."""
    record = reader.release(folder)
    rows = tables.summary(reader.effects(folder), record["programmes"], primary=False)
    watched = reader.indicators(folder)
    years = _years(record)
    if not years:
        yield parts.note(parts.top(record, "programme", programme_rows.finding([])))
        return
    asked = parts.asked("programme", "cohort", "chart")
    cards = {card["name"]: card for card in record["programmes"]}
    titles = [(cards[name]["title"] or name, name) for name in years]
    which = parts.choice("programme", "Programme", titles, asked)
    year = parts.Choice("cohort", description="Year")
    chart = parts.Choice("chart", description="Show")
    top, shown = parts.note(), parts.note()

    def begin(cohort: str | None = None) -> None:
        parts.reset(year, years[which.value], cohort)
        choose()

    def choose(question: str | None = None) -> None:
        by_question = questions(_figures(record, which.value, year.value))
        options = [("Everything", ""), *((one, one) for one in by_question)]
        parts.reset(chart, options, question)
        show()

    def show() -> None:
        card = cards[which.value]
        own = rows[rows["programme"] == card["name"]] if len(rows) else rows
        measured = _measured(folder, record, watched, card, year.value) if own.empty else []
        top.value = _top(record, card, own, year.value, measured)
        shown.value = _answer(folder, record, card, own, year.value, chart.value, measured)

    begin(asked["cohort"] or None)
    if asked["chart"]:
        choose(asked["chart"])
    parts.watch([which], begin, shown)
    parts.watch([year], choose, shown)
    parts.watch([chart], show, shown)
    yield parts.note(f"<style>{area_rows.STYLE}</style>")
    yield from (top, parts.bar(which, year, chart), shown, parts.note(parts.foot(record)))


def _years(record: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Return title and name of the cohorts of each programme that this release has a run of."""
    ran = {reader.place_of(run) for run in record["runs"].values()}
    found = {
        card["name"]: [
            (cohort.get("title") or cohort["name"], cohort["name"])
            for cohort in card["cohorts"]
            if f"{card['name']}/{cohort['name']}" in ran
        ]
        for card in record["programmes"]
    }
    return {name: some for name, some in found.items() if some}


def _measured(
    folder: Path, record: Mapping[str, Any], watched: pd.DataFrame, card: Any, cohort: str
) -> list[dict[str, Any]]:
    """Return what is watched, in place of an effect, of the area that has most figures."""
    place = f"{card['name']}/{cohort}"
    keys = [key for key, run in record["runs"].items() if reader.place_of(run) == place]
    own = watched[watched["run_id"].isin(keys)]
    if own.empty:
        return []
    name = own["area"].value_counts().idxmax()
    return measures(own, charts(record, folder, own), name, partial(address, name))


def questions(figures: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the figures under the question that each answers, in the order of the questions."""
    return grouped(figures)


def _figures(record: Mapping[str, Any], programme: str, cohort: str) -> list[Mapping[str, Any]]:
    return [
        one for one in record["figures"] if (one["programme"], one["cohort"]) == (programme, cohort)
    ]


def _primary(rows: pd.DataFrame) -> pd.DataFrame:
    if rows.empty:
        return rows
    chosen = rows["primary"] & (rows["subgroup"] == "all") & (rows["estimand"] != "cace")
    return rows[chosen].drop_duplicates("cohort")


def _top(
    record: Mapping[str, Any],
    card: Mapping[str, Any],
    rows: pd.DataFrame,
    cohort: str,
    measured: Sequence[Mapping[str, Any]],
) -> str:
    own = _primary(rows[rows["cohort"] == cohort] if len(rows) else rows)
    finding = area_rows.finding(measured) if measured else "no result to show for this year"
    finding = finding[:1].lower() + finding[1:]
    if len(own):
        row = own.iloc[0].to_dict()
        finding = headline(row, outcome=row["outcome_title"])
        finding = finding if finding[:2].isupper() else finding[:1].lower() + finding[1:]
    known = [card["phase"], card["lead"]]
    if card.get("cost") is not None and card["design"] != "monitoring":
        known.append(f"£{card['cost']:,.0f} a pupil a year")
    return parts.top(
        record,
        "programme",
        f"{card['title'] or card['name']} – {finding}",
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
    measured: Sequence[Mapping[str, Any]],
) -> str:
    own = rows[rows["cohort"] == cohort] if len(rows) else rows
    years, plain = _primary(rows), parts.sheet(rows) if len(rows) else sheet(measured)
    first = _primary(own)
    row = first.iloc[0].to_dict() if len(first) else None
    figures = _figures(record, card["name"], cohort)
    chosen = {"programme": card["name"], "cohort": cohort, "chart": question}
    said = ", ".join(
        (
            counted(len(measured), "measure")
            if measured
            else counted(len(own), "outcome or group", "outcomes and groups"),
            counted(len(figures), "chart"),
        )
    )
    return render(
        "board/programme.html",
        act=parts.actions(said, plain, card["name"], "programme", chosen),
        everything=not question,
        sentence=row["sentence"] if row else "",
        why=why(row) if row else "",
        outcomes=tables.outcomes(own) if len(own) else "",
        watched=area_rows.table(measured) if measured else "",
        foot=area_rows.FOOT,
        years=programme_rows.cohorts(records(years)) if len(years) > 1 else "",
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
