"""Columns of published tables: symbols in place of numbers, periods as they are written, areas."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

import numpy as np
import pandas as pd

from evidence.data import school_years
from evidence.data.labels import label, stored
from evidence.data.sheet import NUMBER, value
from evidence.errors import EvidenceError, nearest
from evidence.methods.core import frames

# Symbols of official statistics in place of a number, and what they mean. None of them is zero.
SYMBOLS = {
    "z": "not applicable",
    "x": "not available",
    "c": "confidential",
    "low": "rounds to zero",
    "k": "rounds to zero",
    "u": "of low reliability",
    ":": "not available",
    "~": "rounds to zero",
    ".": "not applicable",
    "..": "not available",
    "-": "not available",
    "*": "confidential",
    "supp": "confidential",
    "lowcov": "of low coverage",
    "ne": "no entries",
    "np": "not published",
    "na": "not applicable",
    "n/a": "not applicable",
}
_YEAR = r"(?:19|20)\d\d"
_PERIOD = re.compile(
    rf"({_YEAR})(?:[-/](\d\d)|[-/]({_YEAR})|/(\d\d)-(\d\d)/(\d\d)|(\d\d))?\s*(?:\(([^)]*)\))?"
)
STATUS = {
    "prov": "provisional",
    "provisional": "provisional",
    "p": "provisional",
    "rev": "revised",
    "revised": "revised",
    "r": "revised",
    "final": "final",
    "ot": "outturn",
}
_TERMS = {"spring": 0, "summer": 1, "autumn": 2}  # in a calendar year
_PART = re.compile(
    rf"(?P<year>{_YEAR}(?:[-/]\d\d)?) (?P<part>q[1-4]|autumn|spring|summer)(?: term)?"
    rf"|(?P<part2>q[1-4]|autumn|spring|summer)(?: term)? (?P<year2>{_YEAR}(?:[-/]\d\d)?)"
)
_DATES = ("%Y-%m-%d", "%d/%m/%Y", "%Y-%m", "%b %Y", "%B %Y")


def numbers(data: pd.DataFrame, column: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a column of published numbers, NaN for a symbol, and a sentence about those.

    Spaces around a number, separators of thousands and a trailing % are read as people mean them.

    Raises
    ------
    EvidenceError
        A cell is neither a number nor a symbol of official statistics; the row is named.
    """
    frames.needed(column)
    cells = stored(data[column])
    if pd.api.types.infer_dtype(cells, skipna=True) not in ("string", "mixed", "mixed-integer"):
        found = frames.numbers(data, column)
        return found, two_scales(found, column)
    plain = np.full(len(cells), None, object)
    symbols: Counter[str] = Counter()
    for place, cell in enumerate(cells):
        text = cell.strip() if isinstance(cell, str) else cell
        if isinstance(text, str) and (meaning := SYMBOLS.get(text.lower())):
            symbols[f"{meaning} ({text})"] += 1
        elif isinstance(text, str) and NUMBER.fullmatch(text):
            plain[place] = value(text)
        else:
            plain[place] = text
    found = frames.numbers(pd.DataFrame({column: plain}), column)
    more = two_scales(found, column)
    if not symbols:
        return found, more
    parts = ", ".join(f"{count:,} {symbol}" for symbol, count in symbols.most_common())
    said = f"{column}: no number in {frames.counted(symbols.total(), 'row')}: {parts}"
    return found, (said, *more)


def percentages(data: pd.DataFrame, column: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a column of published percentages as :func:`numbers` does.

    Raises
    ------
    EvidenceError
        One is not from 0 to 100, or the column holds shares from 0 to 1, or some of these.
    """
    found, notes = numbers(data, column)
    wrong = (found < 0) | (found > 100)
    if wrong.any():
        raise EvidenceError(
            f"column {column!r}, {frames.row(wrong.argmax(), data)}: a percentage, 0 to 100, is "
            "needed"
        )
    parts = (found > 0) & (found < 1)
    some = found[found > 0]
    if parts.any() and (two_scales(found, column) or (some <= 1).all()):
        raise EvidenceError(
            f"column {column!r}, {frames.row(parts.argmax(), data)}: a share from 0 to 1 "
            f"({frames.counted(parts.sum(), 'such row')}); percentages, 0 to 100, are needed in "
            "every row"
        )
    return found, notes


def two_scales(values: np.ndarray, column: str) -> tuple[str, ...]:
    """Say where a column seems to hold both shares from 0 to 1 and percentages.

    That is where nothing lies between the two, and the shares times 100 are such percentages.
    """
    small, large = values[(values > 0) & (values < 1)], values[values >= 1]
    if not len(small) or not len(large) or large.max() > 100 or (values < 0).any():
        return ()
    if large.min() < 10 * small.max() or not 0.5 * large.min() <= 100 * small.max() <= 100:
        return ()
    many = frames.counted(len(small), "value from 0 to 1", "values from 0 to 1")
    return (f"{column}: {many} beside percentages: shares not yet times 100?",)


def numeric(data: pd.DataFrame, column: str) -> bool:
    """Say whether a column holds numbers, or text of which all but symbols is numbers."""
    if not frames.is_text(data[column]):
        return True
    cells = [cell.strip() for cell in stored(data[column]) if isinstance(cell, str)]
    figures = [text for text in cells if text and text.lower() not in SYMBOLS]
    return bool(figures) and all(NUMBER.fullmatch(text) for text in figures)


def symbols(data: pd.DataFrame, column: str) -> list[str]:
    """Return each cell's symbol as a release writes it (z, x, c, low, u), empty for a number."""
    frames.needed(column)
    written = {"confidential": "c", "not applicable": "z", "rounds to zero": "low"}
    written |= {"of low reliability": "u"}
    found = []
    for cell in stored(data[column]):
        text = cell.strip().lower() if isinstance(cell, str) else ""
        empty = isinstance(cell, str) and not text
        meaning = SYMBOLS.get(text, "not available" if empty or pd.isna(cell) else "")
        found.append(written.get(meaning, "x") if meaning else "")
    return found


def counts(
    data: pd.DataFrame, count: str, n: str, *, shares: bool = True
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return counts and what they are out of, both NaN where either is not published.

    Unless `shares`, they are events, of which one person may have several.

    Raises
    ------
    EvidenceError
        A count is negative, or above what it is out of.
    """
    (top, notes), (bottom, more) = numbers(data, count), numbers(data, n)
    for name in (count, n):
        shares_of = [isinstance(x, str) and x.strip().endswith("%") for x in stored(data[name])]
        if any(shares_of):
            raise EvidenceError(
                f"column {name!r}, {frames.row(shares_of.index(True), data)}: a percentage; counts "
                "are needed: multiply by the denominator and round"
            )
    for name, wrong, why in (
        (count, top < 0, "a count cannot be negative"),
        (n, bottom < 0, "a denominator cannot be negative"),
        (count, shares & (top > bottom), f"the count is above its denominator (column {n!r})"),
    ):
        if wrong.any():
            raise EvidenceError(
                f"column {name!r}, {frames.row(wrong.argmax(), data)}: {why} "
                f"({frames.counted(wrong.sum(), 'such row')}); is it a percentage, or are the two "
                "columns exchanged?"
            )
    some = top[~np.isnan(top)]
    parts = int((some != np.round(some)).sum())
    if shares and parts and some.max() <= 1:
        raise EvidenceError(
            f"column {count!r} holds shares from 0 to 1; counts are needed: multiply by the "
            "denominator and round"
        )
    if parts:
        notes = (*notes, f"{count}: {frames.counted(parts, 'value')} not a whole number; counts?")
    usable = (bottom > 0) & ~np.isnan(top)
    empty = int((bottom == 0).sum())
    none = (f"{n}: {frames.counted(empty, 'row')} with nobody in it left out",) if empty else ()
    top, bottom = (np.where(usable, x, np.nan) for x in (top, bottom))
    return top, bottom, (*notes, *more, *none)


@lru_cache(4096)
def period(text: str) -> tuple[int, str] | None:
    """Return the year in which a published period ends and its status, None if it is no period.

    ``2018``, ``201718``, ``2017/18``, ``2017-18``, ``2017-18 (OT)``, ``2018 (prov)`` and the three
    years ``2015/16-17/18`` end in 2018.
    """
    match = _PERIOD.fullmatch(text.strip())
    if match is None:
        return None
    first, short, full, middle, _, late, joined, status = match.groups()
    if status is not None and status.strip().lower() not in STATUS:
        return None
    said = STATUS[status.strip().lower()] if status is not None else ""
    start, tail = int(first), short or late or joined
    if full:
        end = int(full)
    elif tail is None:
        return start, said
    else:
        end = start // 100 * 100 + int(tail)
        end += 100 * (end < start and int(tail) < 10)
    step_wrong = (joined is not None and end != start + 1) or (
        middle is not None and int(middle) != (start + 1) % 100
    )
    return None if not 0 < end - start <= 10 or step_wrong else (end, said)


def following(text: str, years: int) -> str:
    """Return the year or school year that comes so many after a published one, else nothing."""
    found = re.fullmatch(rf"({_YEAR})(?:([-/])(\d\d))?", spelt(text))
    if found is None or period(text) is None:
        return ""
    first = int(found[1]) + years
    return f"{first}{found[2]}{(first + 1) % 100:02d}" if found[2] else str(first)


def spelt(text: str) -> str:
    """Return a time as people write it: 2018/19 for 201819, any other as it is."""
    joined = re.fullmatch(rf"({_YEAR})(\d\d)(\s*\([^)]*\))?", text)
    return f"{joined[1]}/{joined[2]}{joined[3] or ''}" if joined and period(text) else text


def _part(text: str) -> float:
    """Return the place in time of a term or quarter (Autumn 2018, 2018/19 Q2), NaN of others."""
    match = _PART.fullmatch(" ".join(text.casefold().split()))
    if match is None or (years := period(match["year"] or match["year2"])) is None:
        return np.nan
    (end, _), part = years, match["part"] or match["part2"]
    joined = len(match["year"] or match["year2"]) > 4
    if part in _TERMS:
        return end - (joined and part == "autumn") + _TERMS[part] / 3
    return end - 0.75 * joined + (int(part[1]) - 1) / 4  # a financial year begins in April


def times(data: pd.DataFrame, column: str) -> tuple[np.ndarray, list[str], tuple[str, ...]]:
    """Return what orders a column of times, how each is written, and what a reader must know.

    Dates, numbers, terms, quarters and periods as they are published (:func:`period`) are times.

    Raises
    ------
    EvidenceError
        A cell is none of these, or empty; the row is named.
    """
    frames.needed(column)
    values = data[column].reset_index(drop=True)
    if pd.api.types.infer_dtype(values, skipna=True) in ("datetime", "date", "datetime64"):
        values = pd.to_datetime(values, utc=True).dt.tz_localize(None)
    empty = frames.missing(data, column)
    if empty.any():
        raise EvidenceError(
            f"column {column!r}, {frames.row(empty.argmax(), data)}: no time is given"
        )
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values.to_numpy("datetime64[ns]").astype(float), _dates(values), ()
    written = [label(value) for value in stored(values)]
    read = [period(text) for text in written]
    periods = [found for found in read if found is not None]
    if len(periods) == len(written):
        notes = []
        for status in sorted({kind for _, kind in periods} - {"", "final"}):
            such = sorted(
                {text for text, (_, kind) in zip(written, periods, strict=True) if kind == status}
            )
            which = such[0] if len(such) == 1 else f"{len(such)} periods to {such[-1]}"
            notes.append(f"{status} figures: {which}")
        return np.array([end for end, _ in periods], float), written, tuple(notes)
    parts = np.array([_part(text) for text in written])
    if not np.isnan(parts).any():
        return parts, written, ()
    dated = np.zeros(len(written), bool)  # which cells are dates of the form that fits most
    for form in _DATES:
        dates = school_years.dates_of(pd.Series(written), form)
        dated = max(dated, dates.notna().to_numpy(), key=np.sum)
        if dates.notna().all():
            return dates.to_numpy("datetime64[ns]").astype(float), _dates(dates), ()
    numeric = pd.to_numeric(pd.Series(written), errors="coerce").to_numpy(float)
    known = [found is not None for found in read] if periods else np.isfinite(numeric)
    known = dated if dated.any() and not periods else known
    if not all(known):
        raise EvidenceError(
            f"column {column!r}, {frames.row(list(known).index(False), data)}: not a time; years "
            "(2018, 2017/18, 201718, 2018 (prov)), terms (Autumn 2018), quarters (2018 Q4), dates "
            "(2018-09-30) and numbers are"
        )
    return numeric, written, ()


def _dates(values: pd.Series) -> list[str]:
    months = values.dt.day.eq(1).all() and not values.dt.to_period("M").duplicated().any()
    dates: list[str] = values.dt.strftime("%Y-%m" if months else "%Y-%m-%d").tolist()
    return dates


def area(data: pd.DataFrame, column: str, wanted: object, what: str = "area") -> np.ndarray:
    """Return which rows are of an area, by its name or code.

    Raises
    ------
    EvidenceError
        There is none; the nearest is named.
    """
    if pd.isna(wanted) or not label(wanted):
        raise EvidenceError(f"no {what} is asked for; column {column!r} has their names")
    codes, names = frames.factor(data, column)
    known = {name.casefold(): place for place, name in enumerate(names)}
    text = label(wanted)
    if text.casefold() not in known:
        hint = nearest(text, names)
        hint = hint if hint.startswith("did") else f"there are {len(names)} others"
        raise EvidenceError(f"{what} {text!r} is not in column {column!r}; {hint}")
    there: np.ndarray = codes == known[text.casefold()]
    return there


def unique(data: pd.DataFrame, column: str, what: str = "area") -> list[str]:
    """Return a column in which each label stands once.

    Raises
    ------
    EvidenceError
        One is missing or stands twice; its row is named.
    """
    frames.needed(column)
    codes, names = frames.factor(data, column)
    for wrong, why in (
        (codes < 0, f"no {what} is given"),
        (pd.Series(codes).duplicated().to_numpy(), f"this {what} stands in an earlier row too"),
    ):
        if wrong.any():
            raise EvidenceError(
                f"column {column!r}, {frames.row(wrong.argmax(), data)}: {why}; one row each is "
                "needed: select one indicator, period and group"
            )
    return [names[code] for code in codes]


def among(column: str, known: np.ndarray, what: str = "areas") -> tuple[str, ...]:
    """Say how many have a value, where some have none."""
    n, have = len(known), int(known.sum())
    return () if have == n else (f"{column}: {have:,} of {n:,} {what} have a value",)
