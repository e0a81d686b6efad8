"""Rounding of counts, of statistics and of counts of people inside sentences."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd

from evidence.data.rules import Rules

_PUPILS = re.compile(
    r"(?<![\d.,/])(?<!Year )(?<!year )(?<!Stage )(?<!stage )(?<!KS)(?<!Grade )(?<!aged )"
    r"(\d{1,3}(?:,\d{3})+|\d+)"
    r"(?=(?:\s+of\s+[\d,]+)?\s+"
    r"(?:(?!schools?\b|months?\b|points?\b|years?\b|classes\b|questions?\b)[A-Za-z-]+\s+)?"
    r"(?:pupils?|children|child|boys?|girls?|learners?|students?|rows?|people|persons?|cases?"
    r"|answers?|respondents?|who|asked)\b)"
)
_WORDS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
)  # fmt: skip
_IN_WORDS = re.compile(
    rf"\b({'|'.join(_WORDS)})(?=\s+(?:(?!schools?\b|months?\b|points?\b|years?\b|classes\b)"
    r"[A-Za-z-]+\s+)?(?:pupils?|children|child|boys?|girls?|learners?|students?)\b"
    r"(?!\s+(?:in|out of|per|a)\b))",
    re.IGNORECASE,
)
# "1 pupil has" that became "fewer than 10 pupil has"
_FEW = re.compile(
    r"(fewer than \d+(?: of [\d,]+)?\s+(?:[A-Za-z-]+\s+)?"
    r"(?:pupil|boy|girl|learner|student|row|case|answer|child(?!ren)))s?\b(\s+(?:has|is|was)\b[^;.]*)?"
)
_MANY = {"has": "have", "is": "are", "was": "were"}
_NUMBER = re.compile(r"(\d[\d,]*(?:\.(\d+))?)(%?)")
_DECIMAL_SHARE = re.compile(r"\d+\.\d+(?=%)")


def half_up(values: pd.Series, base: int) -> pd.Series:
    """Return values as multiples of `base`; halves go up: numpy's own rounding is half to even."""
    return np.floor(values / base + 0.5) * base


def significant(values: pd.Series, digits: int) -> pd.Series:
    """Return values with so many significant digits; what is not zero never becomes zero."""
    return values.map(lambda value: float(f"{value:.{digits - 1}e}"))


def round_words(text: str, rules: Rules, gone: frozenset[float] = frozenset()) -> str:
    """Round every "N pupils" in a text as `protect` would; small ones become "fewer than …".

    So are cases, answers and those who were asked, both numbers of "N of M pupils", and rows, which
    are pupils in a trial. Percentages lose their decimals, from which exact counts could be worked
    out.

    Parameters
    ----------
    text : str
        A sentence.
    rules : Rules
        What may leave.
    gone : frozenset of float
        Rounded counts that the tables no longer show: they become "some".
    """

    def rounded(match: re.Match[str]) -> str:
        count = int(match[1].replace(",", ""))
        if count < rules.threshold:
            return f"fewer than {rules.threshold}"
        nearest = max(math.floor(count / rules.base + 0.5) * rules.base, rules.least)
        return "some" if nearest in gone else f"{nearest:,}"

    text = _IN_WORDS.sub(lambda word: str(_WORDS.index(word[0].lower()) + 1), text)
    whole = _DECIMAL_SHARE.sub(lambda share: f"{float(share[0]):.0f}", text)
    return _FEW.sub(_plural, _PUPILS.sub(rounded, whole))


def without_numbers(text: str, numbers: np.ndarray, shares: np.ndarray) -> str:
    """Leave out each clause of a text that says a number which its table hides.

    Parameters
    ----------
    text : str
        Clauses end in a full stop or a semicolon.
    numbers, shares : ndarray
        What is hidden, with any sign; and hidden percentages, which are told by one only.
    """

    def tells(clause: str) -> bool:
        for said in _NUMBER.finditer(clause):
            figure, half = float(said[1].replace(",", "")), 0.5 * 0.1 ** len(said[2] or "")
            hidden = np.concatenate([numbers, 100 * numbers, shares]) if said[3] else numbers
            if (np.abs(np.abs(hidden) - figure) <= half + 1e-9).any():
                return True
        return False

    kept = [clause for clause in re.split(r"(?<=[.;])\s+", text) if not tells(clause)]
    return " ".join(kept).removesuffix(";")


def _plural(match: re.Match[str]) -> str:
    who = re.sub("child$", "childre", match[1]) + ("n" if match[1].endswith("child") else "s")
    verb = r"^(\s+)(has|is|was)\b|(\band )(has|is|was)\b"
    what = re.sub(verb, lambda m: (m[1] or m[3]) + _MANY[m[2] or m[4]], match[2] or "")
    return who + what
