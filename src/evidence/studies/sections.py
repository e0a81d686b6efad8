"""A notebook's own words: names from the register, sections, and the answer at its head."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.show import words
from evidence.show.figures import COLOURS, INK
from evidence.show.html_table import table
from evidence.show.tables import STRENGTH
from evidence.studies.posterior import Posterior
from evidence.studies.strength import Strength


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
    made = {}
    for name in names:
        codes, levels = frames.factor(data, name)
        spoken = [labels.get(f"{name}: {level}", level) for level in levels]
        if name == treatment:
            spoken = say(levels, labels)
            _distinct(spoken, "arms")
        elif spoken == levels:
            made[say(name, labels)] = data[name]
            continue
        said = np.array([*spoken, None], dtype=object)  # code −1 is missing
        made[say(name, labels)] = pd.Series(said[codes], index=data.index, dtype="str")
    return pd.DataFrame(made)


def _distinct(said: Sequence[str], what: str) -> None:
    for name in said:
        if said.count(name) > 1:
            raise EvidenceError(f"labels: two {what} would be called {name!r}; call each its own")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Section:
    """A heading with results below it."""

    title: str
    about: str
    parts: tuple[Any, ...]

    def _repr_html_(self) -> str:
        lead = f"<p>{html.escape(self.about)}</p>" if self.about else ""
        body = "".join(
            table(part)
            if isinstance(part, pd.DataFrame)
            else f"<p>{html.escape(words.capital(part))}</p>"
            if isinstance(part, str)
            else part._repr_html_()
            for part in self.parts
        )
        return f"<h2>{html.escape(self.title)}</h2>{lead}{body}"


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


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Answer:
    """What was found, at the head of a report.

    Parameters
    ----------
    title, cohort : str
        Of the programme.
    headline, verdict, sentence : str
        The finding, in a few words, in one of the fixed words, and in full.
    strength : Strength
    belief : str
        How likely it is to be worth while.
    caveats : tuple of str
    simulated : bool
    """

    title: str
    cohort: str
    headline: str
    verdict: str
    sentence: str
    strength: Strength
    belief: str
    caveats: tuple[str, ...]
    simulated: bool

    def _repr_html_(self) -> str:
        colour, points = COLOURS[self.verdict], self.strength.padlocks
        squares = "■" * points + "□" * (5 - points)
        notes = "".join(f"<li>{html.escape(words.capital(note))}.</li>" for note in self.caveats)
        band = '<p style="background:#FFF2CC;padding:8px"><b>Simulated data.</b></p>'
        return (
            (band if self.simulated else "")
            + f"<p>{html.escape(' · '.join(filter(None, (self.title, self.cohort))))}</p>"
            f'<h2 style="color:{INK};margin-top:0">{html.escape(self.headline)}</h2>'
            f'<p style="border-left:5px solid {colour};padding-left:10px;color:{colour}">'
            f"<b>{html.escape(self.verdict)}</b></p><p>{html.escape(self.sentence)}</p>"
            f'<p>Strength of the evidence: <span aria-hidden="true" style="color:{COLOURS[""]}">'
            f"{squares}</span> <b>{points} of 5, {STRENGTH[points]}</b>. "
            f"{html.escape(self.strength.why())}</p><p>{html.escape(self.belief)}</p>"
            + (f"<p>To bear in mind:</p><ul>{notes}</ul>" if notes else "")
        )


def answer(
    row: Mapping[str, Any],
    strength: Strength,
    *,
    title: str,
    cohort: str = "",
    outcome: str = "",
    belief: Posterior | None = None,
    simulated: bool = False,
) -> Answer:
    """Return the answer of a report.

    Parameters
    ----------
    row : mapping
        The primary row of `effects`.
    strength : Strength
        Of that result.
    title, cohort, outcome : str
        Programme, cohort and outcome in words.
    belief : Posterior, optional
    simulated : bool
        Whether the data are made up, which is said first.
    """
    notes = [note for note in str(row["caveats"]).split("; ") if note]
    return Answer(
        title=title,
        cohort=cohort,
        headline=words.headline(row, outcome=outcome),
        verdict=str(row["verdict"]),
        sentence=str(row["sentence"]),
        strength=strength,
        belief="" if belief is None else belief.sentence(),
        caveats=tuple(note for note in notes if note not in strength.reasons),
        simulated=simulated,
    )
