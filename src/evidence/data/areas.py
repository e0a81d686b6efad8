"""Codes and names of England's authorities and regions, as ONS and GIAS pair them.

`areas.csv` holds them: public facts under the Open Government Licence v3, with the last day of
those authorities that are no more.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from pathlib import Path

import pandas as pd

from evidence.errors import EvidenceError, nearest

_FILLERS = {"city", "county", "of", "the", "borough", "and"}


@cache
def known() -> pd.DataFrame:
    """Return `level`, `code`, `old_code`, `name`, `region` and `until` ("" where it goes on)."""
    return pd.read_csv(Path(__file__).with_name("areas.csv"), dtype="str", keep_default_na=False)


def find(text: str, day: date) -> dict[str, str]:
    """Return the row of an area given by name or code, the one there was on a day.

    Names are known however they are written: ``Bristol``, ``St Helens``, ``London (Inner)``.

    Raises
    ------
    EvidenceError
        There is no such area; the nearest is named.
    """
    by_text, by_words = _index()
    rows = by_text.get(text.strip().casefold()) or by_words.get(_words(text), ())
    if not rows:
        raise EvidenceError(
            f"area {text!r} is no authority or region of England; {nearest(text, known()['name'])}"
        )
    open_then = [row for row in rows if not row["until"] or date.fromisoformat(row["until"]) >= day]
    return min(open_then or rows[-1:], key=lambda row: row["until"] or "9999")


@cache
def _index() -> tuple[dict[str, list[dict[str, str]]], dict[str, list[dict[str, str]]]]:
    """Return the areas by each of their texts, and by the words of their names."""
    by_text: dict[str, list[dict[str, str]]] = {}
    by_words: dict[str, list[dict[str, str]]] = {}
    for row in known().to_dict("records"):
        if row["old_code"] == "x" or "/" in row["code"]:
            continue  # ended before 2009, or two authorities in one row
        for text in filter(None, (row["name"], row["code"], row["old_code"])):
            if text != "z":
                by_text.setdefault(text.casefold(), []).append(row)
        by_words.setdefault(_words(row["name"]), []).append(row)
    for rows in by_words.values():  # the City of London is not London
        if len({row["level"] for row in rows}) > 1:
            rows.clear()
    return by_text, by_words


def _words(text: str) -> str:
    words = re.findall(r"[a-z]+", re.sub(r"[.'’]", "", text.replace("&", "and").casefold()))
    return " ".join(sorted(word for word in words if word not in _FILLERS))
