"""A report in words: names from the register, the answer at its head, and the sections below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.show import words
from evidence.show.document import Block, Document, Heading, Paragraph
from evidence.show.document import Picture as Printed
from evidence.show.figures import COLOURS
from evidence.show.from_html import blocks
from evidence.show.html_table import table
from evidence.show.picture import Picture
from evidence.show.render import render, safe
from evidence.show.tables import STRENGTH
from evidence.studies.posterior import Posterior
from evidence.studies.strength import Strength

_MOST_ROWS = 25  # a longer table is folded


def say(value: Any, labels: Mapping[str, str]) -> Any:
    """Put words in place of names, in a name, a list of names or the values of a mapping."""
    if isinstance(value, str):
        return labels.get(value, value)
    if isinstance(value, Mapping):
        return {key: say(item, labels) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [say(item, labels) for item in value]
    return value


def in_words(
    data: pd.DataFrame, labels: Mapping[str, str], *, treatment: str, keep: Sequence[str]
) -> pd.DataFrame:
    """Return a trial's columns under the names that people call them, so that results say them.

    Parameters
    ----------
    data : DataFrame
        One row a pupil.
    labels : mapping
        Words of columns and arms by name; of a value by ``column: value``.
    treatment : str
        Column of arms.
    keep : sequence of str
        The other columns that are used; "" is passed over.

    Returns
    -------
    DataFrame
        A copy with these columns only, arms as text. Values without words stay as they are.

    Raises
    ------
    EvidenceError
        Two columns, or two arms, would be called the same.
    """
    names = list(dict.fromkeys(name for name in (treatment, *keep) if name))
    frames.require(data, names)
    _distinct([say(name, labels) for name in names], "columns")
    columns = {}
    for name in names:
        codes, levels = frames.factor(data, name)
        spoken = [labels.get(f"{name}: {level}", level) for level in levels]
        if name == treatment:
            spoken = say(levels, labels)
            _distinct(spoken, "arms")
        elif spoken == levels:
            columns[say(name, labels)] = data[name]
            continue
        said = np.array([*spoken, None], dtype=object)  # code −1 is missing
        columns[say(name, labels)] = pd.Series(said[codes], index=data.index, dtype="str")
    spoken = pd.DataFrame(columns)
    spoken.attrs = data.attrs
    return spoken


def _distinct(said: Sequence[str], what: str) -> None:
    for name in said:
        if said.count(name) > 1:
            raise EvidenceError(f"labels: two {what} would be called {name!r}; call each its own")


def raw_means(
    data: pd.DataFrame, *, before: str | None, after: Sequence[str], arms: Mapping[str, Any]
) -> pd.DataFrame:
    """Return means of each arm as they are: nothing adjusted for.

    Parameters
    ----------
    data : DataFrame
        One row a pupil of the two arms.
    before : str or None
        Column of the baseline.
    after : sequence of str
        Columns of the outcomes.
    arms : mapping
        `treatment`, `reference` and `arm`, as methods take them.

    Returns
    -------
    DataFrame
        A row a column: `measured`; for each arm "mean (SD), n, missing" in words; `difference`.
    """
    sides = frames.arms(data, arms["treatment"], arms["reference"], arms["arm"])
    rows = []
    for name in (*frames.listed(before), *after):
        values = frames.numbers(data, name)
        row, means = {"measured": name}, []
        for arm, label in ((sides.treated, sides.arm), (sides.control, sides.reference)):
            here = values[arm]
            known = here[~np.isnan(here)]
            means.append(known.mean() if len(known) else np.nan)
            spread = words.number(known.std(ddof=1), 2) if len(known) > 1 else "–"
            row[f"{label}: mean (SD), n, missing"] = (
                f"{words.number(means[-1], 2)} ({spread}), {len(known):,}, "
                f"{len(here) - len(known):,}"
            )
        rows.append(row | {"difference": words.number(means[0] - means[1], 2, sign=True)})
    return pd.DataFrame(rows)


def shown(part: Any) -> Any:
    """Return what a report shows of a part: a table, a sentence or a result that shows itself."""
    if isinstance(part, pd.DataFrame):
        whole = safe(table(part))
        if len(part) <= _MOST_ROWS:
            return whole
        return safe(render("study/folded.html", rows=len(part), table=whole))
    if not isinstance(part, str):
        return safe(part._repr_html_())
    return words.capital(part) + "." * part[-1:].isalnum()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Section:
    """What answers one question of a report; in a notebook its heading is a cell of its own."""

    title: str
    about: str
    parts: tuple[Any, ...]

    def _repr_html_(self) -> str:
        parts = [shown(part) for part in self.parts]
        return render("study/section.html", title=self.title, about=self.about, parts=parts)


def section(title: str, *parts: Any, about: str = "") -> Section | None:
    """Return a section of a report; without parts that are not None there is none.

    Parameters
    ----------
    title : str
        Its heading.
    *parts
        Results and pictures that show themselves, tables, and sentences.
    about : str
        A sentence below the heading.
    """
    shown = tuple(part for part in parts if part is not None)
    return Section(title=title, about=about, parts=shown) if shown else None


def _printed(parts: Sequence[Any]) -> list[Block]:
    """Return parts of a report as blocks to print: pictures, and what they show as HTML."""
    found: list[Block] = []
    for part in parts:
        if isinstance(part, Picture):
            found.append(Printed(part.title, part.alt, part.png()))
        elif isinstance(part, str):
            found.append(Paragraph([words.capital(part)]))
        elif isinstance(part, Block):
            found.append(part)
        elif part is not None:
            found += blocks(shown(part))
    return found


def _finding(found: list[Block]) -> list[Block]:
    """Return an answer's blocks from its heading on, which is of the first level."""
    at = next(at for at, block in enumerate(found) if isinstance(block, Heading))
    return [Heading(found[at].text), *found[at + 1 :]]  # type: ignore[union-attr]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Report:
    """An answer and the sections below it, with their headings."""

    answer: Answer | Section
    sections: tuple[Section, ...]

    def document(self, day: date, author: str = "") -> Document:
        """Return the same to print: `evidence.show.document` sets it as PDF and as Word.

        Parameters
        ----------
        day : datetime.date
            Of the document.
        author : str
            Who answers for it.
        """
        found: list[Block] = []
        if isinstance(self.answer, Answer):
            found += _finding(blocks(shown(self.answer)))
            found += _printed([self.answer.picture])
        else:
            found += _printed(self.answer.parts)
        for part in self.sections:
            found += [Heading(part.title), *_printed(part.parts)]
        cohort = getattr(self.answer, "cohort", "")
        facts = [("Date", words.day(day)), ("By", author), ("Cohort", cohort)]
        return Document(
            title=self.answer.title,
            author=author or self.answer.title,
            date=day,
            facts=[(about, said) for about, said in facts if said],
            blocks=found,
            foot=self.answer.title,
            band="Simulated data." if getattr(self.answer, "simulated", False) else "",
        )

    def _repr_html_(self) -> str:
        sections = [shown(section) for section in self.sections]
        return render("study/report.html", answer=shown(self.answer), sections=sections)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Answer:
    """What was found, at the head of a report.

    Parameters
    ----------
    title, cohort : str
        Of the programme.
    headline, verdict : str
        The finding in a few words, and in one of the fixed words.
    conclusions : tuple of str
        The finding in full, one sentence an outcome.
    strength : Strength
    belief : str
        How likely it is to be worth while.
    caveats : tuple of str
    table : DataFrame
        A row an outcome: effect size with interval, months, pupils, p-value.
    picture : Picture
        The same as a picture.
    simulated : bool
    """

    title: str
    cohort: str
    headline: str
    verdict: str
    conclusions: tuple[str, ...]
    strength: Strength
    belief: str
    caveats: tuple[str, ...]
    table: pd.DataFrame
    picture: Picture | None
    simulated: bool

    def _repr_html_(self) -> str:
        points = self.strength.padlocks
        return render(
            "study/answer.html",
            simulated=self.simulated,
            about=" · ".join(filter(None, (self.title, self.cohort))),
            headline=self.headline,
            verdict=self.verdict,
            colour=COLOURS[self.verdict],
            conclusions=self.conclusions,
            points=points,
            squares="■" * points + "□" * (5 - points),
            strength=STRENGTH[points],
            square_colour=COLOURS[""],
            why=self.strength.why(),
            belief=self.belief,
            caveats=[words.capital(note) for note in self.caveats],
            table=shown(self.table),
            picture=shown(self.picture) if self.picture else "",
        )


def answer(
    effects: pd.DataFrame | Mapping[str, Any],
    strength: Strength,
    *,
    title: str,
    cohort: str = "",
    outcome: str = "",
    titles: Mapping[str, str] | None = None,
    status: Mapping[str, str] | None = None,
    picture: Picture | None = None,
    belief: Posterior | None = None,
    simulated: bool = False,
) -> Answer:
    """Return the answer of a report.

    Parameters
    ----------
    effects : DataFrame or mapping
        Rows of the `effects` contract, that of the primary outcome first; or that row alone.
    strength : Strength
        Of that result.
    title, cohort, outcome : str
        Programme, cohort and primary outcome in words.
    titles : mapping, optional
        Name of each outcome to its words.
    status : mapping, optional
        Name of each outcome to "as planned" or "exploratory".
    picture : Picture, optional
        The effects as a picture.
    belief : Posterior, optional
        How likely the primary effect is to be worth while.
    simulated : bool
        Whether the data are made up, which is said first.
    """
    rows = effects.to_dict("records") if isinstance(effects, pd.DataFrame) else [effects]
    first = rows[0]
    named = {first["outcome"]: outcome, **(titles or {})}
    notes = [note for note in str(first["caveats"]).split("; ") if note]
    return Answer(
        title=title,
        cohort=cohort,
        headline=words.headline(first, outcome=named[first["outcome"]]),
        verdict=str(first["verdict"]),
        conclusions=tuple(str(row["sentence"]) for row in rows),
        belief="" if belief is None else belief.sentence(),
        strength=strength,
        caveats=tuple(note for note in notes if note not in strength.reasons),
        table=pd.DataFrame([_impact(row, named, status or {}) for row in rows]),
        picture=picture,
        simulated=simulated,
    )


def _impact(
    row: Mapping[str, Any], titles: Mapping[str, str], status: Mapping[str, str]
) -> dict[str, str]:
    """Return a line of the table of effects, in words."""
    group = "" if row["subgroup"] == "all" else f", {row['subgroup']}"
    main = " (primary)" if row["primary"] else ""

    def signed(*values: float) -> str:
        known = all(value == value for value in values)
        return " to ".join(words.number(x, 2, sign=True) for x in values) if known else ""

    size = signed(row["effect_size"])
    likely = f" ({signed(row['es_lower'], row['es_upper'])})" if size else ""
    months, pupils, p = row["months"], row["n_pupils"], row["p_value"]
    return {
        "outcome": f"{titles.get(row['outcome']) or row['outcome']}{group}{main}",
        "effect size (likely range)": f"{size}{likely}",
        "months": words.number(months, 0, sign=True) if months == months else "",
        "pupils": f"{pupils:,.0f}" if pupils == pupils else "",
        "p": words.p_value(p) if p == p else "",
        "verdict": words.verdict(row["verdict"]),
    } | ({"protocol": status[row["outcome"]]} if status else {})
