"""A board paper as councils write it, every number of it taken from the current release by its key.

What the release cannot know (to whom, background, finance, equality, legal) is entered in a TOML
file; results in it stand as keys such as ``{lamp.2018.result}``, so that none can be mistyped.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.errors import EvidenceError, nearest
from evidence.release.site.answers import of_release
from evidence.release.store import reader
from evidence.show import synthesis_figures, tables, why
from evidence.show.document import (
    Block,
    Document,
    Heading,
    Items,
    Note,
    Paragraph,
    Parts,
    Picture,
    Strong,
    Table,
)  # fmt: skip
from evidence.show.picture import Picture as Drawn
from evidence.show.programme_rows import (
    DECISIONS,
    NONE,
    PRICED,
    decided,
    finding,
    pounds,
    what_was_found,
)
from evidence.show.rows import missing, records
from evidence.show.words import capital, counted, day, number, verdict

ENTERED = {
    "report_to": "the board or committee",
    "date": "of the meeting, such as 2027-01-22",
    "subject": "the title of the paper",
    "author": "who answers for it",
    "background": "why the paper is brought",
    "recommendations": "what the board is asked to do, beside the options below",
    "risks": "risks beside those of the evidence",
    "finance": "spend and savings",
    "equality": "who gains and who may lose",
    "legal": "duties and powers",
}
_BLANK = "To be completed by the author."
# How caveats begin that say why a result is less sure; the others stand in the result's report.
_LOST = ("marked down", "the study was small", "an effect that is just worthwhile")
_KEY = re.compile(r"\{([^{}]*)\}")
_RESULT = re.compile(
    r"[+−-]?\d[\d,.]*\s*(%|per\s?cent|percentage points?|points?|pp\b|SD\b|months?\b)", re.I
)
GLOSSARY = (
    ("Better, or worse, than similar pupils", "the whole likely range lies above, or below, zero."),
    ("Likely range", "where the true effect may lie: of 100 ranges made this way, 95 hold it."),
    ("Months of progress", "an effect on attainment, by the table of the Education Endowment "
     "Foundation; its months are steps of unequal size."),
    ("Similar pupils", "those compared with: the other arm of a trial, or schools that had similar "
     "results, pupils and programmes and did not take part."),
    ("Strength", "none to five squares: five is a large randomised trial with few losses."),
    ("Too little data", "the range holds zero and reaches beyond what would matter: not yet known, "
     "which is not the same as no effect."),
)  # fmt: skip


def entered(path: str | Path | None) -> dict[str, str]:
    """Return what the author's file says; every key that it leaves out is empty.

    Raises
    ------
    EvidenceError
        The file cannot be read, or holds a key that a paper has no place for, or no text for one.
    """
    if path is None:
        return dict.fromkeys(ENTERED, "")
    try:
        given = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EvidenceError(f"{path}: no such file; evidence paper --blank writes one") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise EvidenceError(f"{path}: cannot be read: {error}") from None
    faults = [f"{path}: no {key!r} in a paper; {nearest(key, ENTERED)}"
              for key in given if key not in ENTERED]  # fmt: skip
    told = {key: value.isoformat() if isinstance(value, date) else value
            for key, value in given.items()}  # fmt: skip
    faults += [f"{path}, {key}: give text in quotation marks" for key, value in told.items()
               if not isinstance(value, str)]  # fmt: skip
    day = told.get("date")
    if isinstance(day, str) and day:
        try:
            date.fromisoformat(day)
        except ValueError:
            faults.append(f"{path}, date: is {day!r}; give a date such as 2027-01-22")
    if faults:
        raise EvidenceError(*faults)
    return dict.fromkeys(ENTERED, "") | told


def blank() -> str:
    """Return a file to fill in: a line of what is meant, and an empty text, for each key."""
    return "".join(f'# {about}\n{key} = ""\n' for key, about in ENTERED.items())


def paper(published: str | Path | None = None, texts: Mapping[str, str] | None = None) -> Document:
    """Return the paper of the current release.

    Parameters
    ----------
    published : str or Path, optional
        The evidence base.
    texts : mapping, optional
        What `entered` gives.

    Raises
    ------
    EvidenceError
        There is no release or no result in it; a text names a key that the release does not have,
        or states a result by hand: all faults at once.
    """
    record, folder = reader.release(published), reader.folder(published)
    rows = tables.summary(reader.effects(published), record["programmes"])
    found = of_release(folder)
    if rows.empty:
        raise EvidenceError("the release holds no result of a programme, so there is no paper yet")
    own = _filled(dict.fromkeys(ENTERED, "") | dict(texts or {}), rows, found, record)
    dated = date.fromisoformat(own["date"] or record["date"])
    subject = own["subject"] or "What the programmes changed"
    facts = [
        ("Report to", own["report_to"] or _BLANK),
        ("Date", day(dated)),
        ("Subject", subject),
        ("Author", own["author"] or _BLANK),
        ("Evidence", f"Release {record['number']} of the evidence base, {day(record['date'])}"),
    ]
    blocks: list[Block] = [
        Heading("Summary"),
        Paragraph([Strong(f"{finding(found)}."), " Likely ranges are 95% intervals."]),
        Paragraph([decided(found)]),
        Paragraph([_origin(found, record)]),
        Paragraph([why.LEAD.replace("grey band of differences", "band of differences")]),
        Heading("Recommendations, as options"),
        *_text(own["recommendations"]),
        *_options(found, record),
        Heading("Background"),
        *_text(own["background"], needed=True),
        Heading("The evidence"),
        _answers(found),
        Paragraph([_of_table(found, record)]),
        _results(rows),
        Paragraph([_of_table(found, record)]),
        *_picture_of_answers(found),
        Heading("How each was compared", 2),
        Items([[said] for design, said in why.DESIGNS.items() if design in set(rows["design"])]),
        _strengths(rows, record),
        Heading("Risks and limitations"),
        *_limits(rows, record),
        *_text(own["risks"]),
        Heading("Finance"),
        _costs(found),
        Paragraph([_of_table(found, record)]),
        Paragraph([PRICED]),
        *_picture_of_costs(folder, record),
        *_text(own["finance"], needed=True),
        Heading("Equality"),
        *_disadvantaged(published, rows, record),
        *_text(own["equality"], needed=True),
        Heading("Legal"),
        *_text(own["legal"], needed=True),
        Heading("What the words mean"),
        Items([[Strong(word), f": {said}"] for word, said in GLOSSARY]),
    ]
    simulated = rows["simulated"]
    band = "" if not simulated.any() else (
        "Simulated data: this county does not exist." if simulated.all()
        else "Simulated data, except for real data of "
        f"{', '.join(dict.fromkeys(rows.loc[~simulated.astype(bool), 'title']))}."
    )  # fmt: skip
    return Document(
        title=subject,
        author=own["author"] or "evidence",
        date=dated,
        facts=facts,
        blocks=blocks,
        foot=f"{subject} · release {record['number']}",
        band=band,
    )


def _filled(
    texts: dict[str, str],
    rows: pd.DataFrame,
    answers: Sequence[Mapping[str, Any]],
    record: Mapping[str, Any],
) -> dict[str, str]:
    """Put results in the place of their keys, and refuse those that are written by hand."""
    known = {"release.number": str(record["number"]), "release.date": day(record["date"])}
    for row in records(rows):
        size, span = tables.result(row, spoken=True)
        shown = {
            "result": size, "range": span, "verdict": verdict(row["verdict"]),
            "schools": _count(row, "schools"), "pupils": _count(row, "pupils"),
        }  # fmt: skip
        place = f"{row['programme']}.{row['cohort']}"
        known |= {f"{place}.{name}": value for name, value in shown.items()}
    for answer in answers:
        shown = {
            "decision": answer["decision"] or NONE, "effect": _effect(answer),
            "disadvantaged": answer["disadvantaged"], "price": answer["price_words"],
            "spend": "not known" if missing(answer["spend"]) else pounds(answer["spend"]),
        }  # fmt: skip
        known |= {f"{answer['programme']}.{name}": value for name, value in shown.items()}
    faults, done = [], {}
    for key, text in texts.items():
        for asked in _KEY.findall(text):
            if asked not in known:
                close = nearest(asked, known) if len(known) < 9 else _near(asked, known)
                faults.append(f"{key}: {{{asked}}} is not in the release; {close}")
        by_hand = (
            _RESULT.search(text) if key in ("background", "recommendations", "risks") else None
        )
        if by_hand:
            faults.append(
                f"{key}: {by_hand[0]!r} is written by hand; put the key of a result in its place, "
                "such as {lamp.2018.result}"
            )
        done[key] = _KEY.sub(lambda match: known.get(match[1], ""), text)
    if faults:
        raise EvidenceError(*faults)
    return done


def _near(asked: str, known: Mapping[str, str]) -> str:
    hint = nearest(asked, known)
    some = ", ".join(list(known)[:4])
    return hint if "mean" in hint else f"keys are written like {some}"


def _text(text: str, *, needed: bool = False) -> list[Block]:
    """Return entered text as paragraphs, or that it is still to be written."""
    parts = [part.strip() for part in text.split("\n\n") if part.strip()]
    return [Paragraph([part]) for part in parts or ([_BLANK] if needed else [])]


def _count(row: Mapping[str, Any], what: str) -> str:
    value = row[f"n_{what}"]
    hidden = row[f"n_{what}_symbol"] or "not known"
    return hidden if missing(value) else counted(value, what[:-1])


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['title']}, {row['cohort_title']}"


def _years(rows: Sequence[Mapping[str, Any]]) -> str:
    years = sorted({year for row in rows for year in row["years"]})
    return years[0] if len(years) == 1 else f"{years[0]} to {years[-1]}"


def _origin(rows: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> str:
    """Say of all results where they come from, of when they are and who was chosen."""
    return (
        f"The figures in this paper are of cohorts of {_years(rows)}; their source is release "
        f"{record['number']}, {day(record['date'])}, and schools were chosen as said under “How "
        "each was compared”."
    )


def _of_table(rows: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> str:
    """Say below a table what all of its rows rest on."""
    pupils, schools = (sum(row[key] for row in rows) for key in ("pupils", "schools"))
    return (
        f"Source: release {record['number']} of the evidence base; cohorts of {_years(rows)}, of "
        f"{counted(pupils, 'pupil')} and {counted(schools, 'school')} in all, compared with "
        "similar pupils; schools were chosen as said below; a likely range is a 95% interval."
    )


def _options(rows: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> list[Block]:
    """Return what to do with each programme, a list under each, with the reason."""
    blocks: list[Block] = [
        Paragraph([
            "The evidence alone would support the options below; what a programme is for, whom it "
            "reaches and what it costs are the board's to weigh."
        ])
    ]  # fmt: skip
    for key in DECISIONS:
        some = [row for row in rows if row["decision"] == key]
        items: list[Parts] = [
            [Strong(row["title"]), f": {_why(row)}.", *_sources(row["cohorts"], record)]
            for row in some
        ]
        if items:
            blocks += [Heading(capital(key or NONE), 2), Items(items)]
    return blocks


def _picture_of_answers(rows: Sequence[Mapping[str, Any]]) -> Iterator[Picture]:
    """Return the answers as lines."""
    shown = [row for row in rows if not missing(row["effect"])]
    names = {"label": "title", "estimate": "effect", "ci_lower": "lower", "ci_upper": "upper",
             "verdict": "verdict"}  # fmt: skip
    table = pd.DataFrame({name: [row[key] for row in shown] for name, key in names.items()})
    if len(table):
        drawn = Drawn(
            name="answers",
            kind="intervals",
            title=f"{finding(rows)} (95% intervals)",
            alt="One line a programme: estimate and likely range in standard deviations, with "
            "months along the top, in the EEF's unequal steps. The table above holds the same.",
            table=table.assign(unit="sd"),
        )
        size: tuple[float, float] = (7.2, 1.4 + 0.42 * len(table))
        yield Picture(drawn.title, drawn.alt, drawn.png(size))


def _picture_of_costs(folder: Path, record: Mapping[str, Any]) -> Iterator[Picture]:
    """Return the released picture of costs beside effects."""
    for entry in record["figures"]:
        if entry["name"] == "cost-and-effect":
            text = reader.inside(folder, f"{entry['path']}.json").read_text(encoding="utf-8")
            drawn = Drawn.from_json(text)
            size = (7.2, synthesis_figures.height(drawn.kind, drawn.table))
            yield Picture(drawn.title, drawn.alt, drawn.png(size))


def _answers(rows: Sequence[Mapping[str, Any]]) -> Table:
    cells = [
        [
            row["title"], capital(row["decision"] or NONE),
            what_was_found(row), _effect(row), row["disadvantaged"],
            row["strength"],
        ]
        for row in rows
    ]  # fmt: skip
    return Table(
        "One answer a programme, all its cohorts together",
        ["Programme", "What to do", "What was found", "Effect in months (likely range)",
         "Disadvantaged pupils (likely range)", "Strength"],
        cells, [False] * 6, [3, 1.5, 1.7, 1.7, 1.5, 1.7],
    )  # fmt: skip


def _why(row: Mapping[str, Any]) -> str:
    """Say what was found, then why that leads to what to do."""
    reason = row["reason"].rstrip(".")
    return f"{what_was_found(row)}, {_effect(row)}" + (f"; {reason}" if reason else "")


def _effect(row: Mapping[str, Any]) -> str:
    return f"{row['size']} ({row['span']})" if row["size"] else row["span"]


def _results(rows: pd.DataFrame) -> Table:
    cells = []
    for row in records(rows):
        size, span = tables.result(row, spoken=True)
        cells.append([
            _name(row), row["outcome_title"], verdict(row["verdict"]),
            f"{size} ({span.removesuffix(' months')})",
            "" if missing(row["strength"]) else f"{row['strength']:.0f} of 5",
            *(_count(row, of).removesuffix(f" {of}") for of in ("schools", "pupils")),
        ])  # fmt: skip
    return Table(
        "Each cohort's result on the primary outcome",
        ["Programme", "Outcome", "What was found", "Effect (likely range)", "Strength", "Schools",
         "Pupils"],
        cells, [False] * 4 + [True] * 3, [3.2, 3.4, 1.8, 2.2, 0.8, 0.8, 0.8],
    )  # fmt: skip


def _strengths(rows: pd.DataFrame, record: Mapping[str, Any]) -> Items:
    """Return what costs results their strength, those of one reason together, with sources."""
    alike: dict[tuple[float, str], list[Mapping[str, Any]]] = {}
    for row in records(rows):
        lost = [n for n in row["caveats"].split("; ") if n.startswith(_LOST)]
        points = -1 if missing(row["strength"]) else row["strength"]
        alike.setdefault((points, "; ".join(lost)), []).append(row)
    items: list[Parts] = []
    for (points, reasons), same in sorted(alike.items(), key=lambda one: -one[0][0]):
        word = "" if points < 0 else tables.strength(points).partition(", ")[2]
        strength = f"{capital(word)}, {counted(points, 'square')}" if word else "No strength"
        item: list[str | Note | Strong] = [Strong(strength), f"{reasons and ', '}{reasons}: "]
        for place, one in enumerate(same):
            again = place and same[place - 1]["programme"] == one["programme"]
            between = "" if not place else ", " if again else "; "
            name = one["cohort_title"] if again else _name(one)
            item += [f"{between}{name}", _source(one, record)]
        items.append([*item, "."])
    return Items(items)


def _limits(rows: pd.DataFrame, record: Mapping[str, Any]) -> list[Block]:
    rules, n = record["rules"], len(rows)
    unsure = int((rows["verdict"] == "too little data").sum())
    chosen = int((~rows["design"].isin(["randomised"])).sum())
    items: list[Parts] = [
        [f"{counted(unsure, 'result')} of {n}: too little data to tell a worthwhile effect from "
         "none. This is not the same as no effect."],
        [f"Where schools were not drawn at random ({counted(chosen, 'result')}), reasons that "
         "nobody measured may remain."],
        [f"With {counted(n, 'result')} looked at together, about {number(n / 20)} would lie "
         "outside zero by chance alone if nothing had worked."],
        [f"Counts of pupils are rounded to the nearest {rules['base']}; groups of fewer than "
         f"{rules['threshold']} pupils are hidden."],
    ]  # fmt: skip
    return [Items(items)]


def _costs(rows: Sequence[Mapping[str, Any]]) -> Table:
    cells = []
    for row in rows:
        cost = "not known" if missing(row["cost"]) else f"£{row['cost']:,.0f}"
        spend = "not known" if missing(row["spend"]) else pounds(row["spend"])
        span = f" ({row['price_range']})" if row["price_range"] else ""
        effect = "" if missing(row["price_effect"]) else f"{row['price_effect']:#.3g} SD"
        cells.append([row["title"], cost, spend, effect, f"{row['price_words']}{span}"])
    return Table(
        "Cost of each programme, as the register has it, and of a month of progress (likely range)",
        ["Programme", "A pupil a year", "In all, a year", "Effect that it rests on",
         "A pupil a month of progress"],
        cells, [False] + [True] * 4, [3, 1.1, 1.1, 1.1, 2.3],
    )  # fmt: skip


def _disadvantaged(
    published: str | Path | None, rows: pd.DataFrame, record: Mapping[str, Any]
) -> list[Block]:
    every = tables.summary(reader.effects(published), record["programmes"], primary=False)
    parts = every[every["subgroup"] != "all"]
    if parts.empty:
        return [Paragraph(["No result for a group of pupils has been released."])]
    wholes = {(row["programme"], row["cohort"]): row for row in records(rows)}
    items: list[Parts] = []
    for row in records(parts):
        size, span = tables.result(row, spoken=True)
        whole = wholes.get((row["programme"], row["cohort"]), row)
        found = f": {verdict(row['verdict'])}, {size} ({span.removesuffix(' months')}), {_of(row)}"
        items.append([Strong(f"{_name(row)}, {row['subgroup']}"), found, _source(whole, record)])
    return [Paragraph(["Compared with similar pupils, with 95% intervals:"]), Items(items)]


def _of(row: Mapping[str, Any]) -> str:
    known = [of for of in ("pupils", "schools") if not missing(row[f"n_{of}"])]
    return " in ".join(_count(row, of) for of in known) or _count(row, "pupils")


def _sources(rows: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> Iterator[str | Note]:
    for place, row in enumerate(rows):
        if place:
            yield ","
        yield _source(row, record)


def _source(row: Mapping[str, Any], record: Mapping[str, Any]) -> Note:
    """Say where a run's results come from, of how many they are and how they were compared."""
    counts = ", ".join(_count(row, of) for of in ("pupils", "schools"))
    return Note(
        f"Source: release {record['number']}, {row['programme']} {row['cohort']} ({row['year']}), "
        f"run {row['run_id']}: {row['method']}; {counts}, beside similar pupils; 95% range."
    )
