"""School years and dates: 2019 is 2018/19, however a cell or the columns of a table say it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import pandas as pd

_YEAR = re.compile(r"(\d{4})(?:\.0+)?", re.ASCII)
_SPAN = re.compile(r"(?:AY|SY)?\s*(\d{4})\s*(?:[/\-\u2013\u2212_]|to)?\s*((?:\d\d)?\d\d)",
                   re.ASCII | re.IGNORECASE)  # fmt: skip
_SHORT = re.compile(r"(\d\d)\s*[/\-\u2013\u2212]\s*(\d\d)", re.ASCII)
_TERM = re.compile(r"(autumn|spring|summer)(?: term)?\s+(\d{4})", re.ASCII | re.IGNORECASE)
_DATES = ("%d/%m/%Y", "%Y-%m-%d", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%y", "%Y/%m/%d",
          "%d %B %Y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%B %Y", "%b %Y")  # fmt: skip
_TIME = re.compile(r"[ T]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", re.ASCII)
_SUFFIX = re.compile(r"(?<!\d)(_?)([1-3]\d)$", re.ASCII)
_NO_YEARS = ("TAB", "ADDRESS")  # TAB15: a school with pupils at 15
_NEXT = {2019: 2022}  # no performance tables of key stage 2 for 2020 and 2021


def ends(text: str, turn: int = 9) -> int | None:
    """Return the year in which the school year of a cell ends, None where it says none.

    Parameters
    ----------
    text : str
        2019; 2018/19, 2018-19, 201819 or 18/19; Autumn 2018; or a date, day first (01/09/2018,
        2018-09-01).
    turn : int
        The month whose dates belong to the next school year.
    """
    text = text.strip()
    if year := _YEAR.fullmatch(text):
        return int(year[1]) if 1990 <= int(year[1]) <= 2100 else None
    if span := _SPAN.fullmatch(text):
        first, last = int(span[1]), span[2]
        if 1990 <= first <= 2100 and str(first + 1).endswith(last):
            return first + 1
        return None
    if (span := _SHORT.fullmatch(text)) and int(span[2]) == int(span[1]) + 1:
        return 2000 + int(span[2])
    if term := _TERM.fullmatch(text):
        return ends(term[2] if term[1].lower() != "autumn" else str(int(term[2]) + 1))
    for form in _DATES:
        try:
            day = datetime.strptime(_TIME.sub("", text), form)
        except ValueError:
            continue
        return day.year + (day.month >= turn) if 1990 <= day.year <= 2100 else None
    return None


def of_table(names: Sequence[str]) -> int | None:
    """Return the school year of a performance table, None where its columns say none.

    A table repeats the years before its own in columns whose name ends in the year, with or
    without ``_``: its own is the next after the newest of them. In tables up to 2014/15 a measure
    of four years without ``_`` ends with the table's own.
    """
    stems: dict[str, set[int]] = {}
    for name in names:
        suffix = _SUFFIX.search(name)
        if suffix and not name.startswith(_NO_YEARS):
            stems.setdefault(name[: suffix.end(1)], set()).add(2000 + int(suffix[2]))
    newest = max((max(years) for years in stems.values()), default=None)
    if newest is None:
        return None
    runs = (y for stem, y in stems.items() if not stem.endswith("_") and max(y) == newest)
    if newest <= 2015 and any(len(years) > 3 for years in runs):
        return newest
    return _NEXT.get(newest, newest + 1)


def dates_of(texts: pd.Series, form: str) -> pd.Series:
    """Return texts of one form as dates, missing where they are none: "today" is no date."""
    return pd.to_datetime(texts.where(texts.str.contains(r"\d")), format=form, errors="coerce")
