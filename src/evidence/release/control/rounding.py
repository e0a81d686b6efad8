"""Rounding of counts, of statistics and of counts of people inside sentences."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd

from evidence.data.rules import Rules

_ONES = "one|two|three|four|five|six|seven|eight|nine"
_TEENS = "ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen"
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_VALUES = {word: at for at, word in enumerate(f"{_ONES}|{_TEENS}".split("|"), 1)}
_VALUES |= {word: 10 * at for at, word in enumerate(_TENS.split("|"), 2)}
_VALUES |= {"a single": 1, "half a dozen": 6, "a dozen": 12}
# A whole number by itself: no share, sum of money, school year, "5 or more" or part of a word.
_COUNT = re.compile(
    r"(?<![\w£$€+−])(?<!\d[.,])(?<!\d{4}[/-])(?<!\d{4}-\d\d-)"
    r"(?:\d{1,3}(?:,\d{3})+|\d+|a single|(?:half )?a dozen"
    rf"|(?:{_TENS})(?:[- ](?:{_ONES}))?|{_TEENS}|{_ONES})\b"
    r"(?!\s*[%+=]|[.,]\d|-[a-z]|(?<=\d{4})[/-]\d\d\b|(?:\s+to\s+|\s*[-–]\s*)[\d.,]+%"
    r"| or (?:more|fewer|above|below|less)\b)",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"\s*((?:year|stage|grade|level) \d+|[/()–,-]|[a-z][a-z-]*|\d[\d,]*)", re.IGNORECASE
)
_PEOPLE = (
    "pupil|boy|girl|learner|student|leaver|joiner|refugee|carer|absentee|applicant|participant"
    "|respondent|newcomer|dropout|parent|adult|person|individual|child(?!ren)"
)
_UNITS = (
    "school|month|point|year|week|day|hour|minute|class|group|arm|area|programme|trial|cohort"
    "|question|item|test|result|outcome|lesson|session|book|time|square|third|quarter|deviation"
)
# What may stand between a number and what it counts, beside adjectives (link), or ends the search.
_WORD = re.compile(
    rf"(?P<people>(?:{_PEOPLE})s?|children|people)|(?P<unit>{_UNITS}|analysis)"
    rf"|(?P<units>(?:{_UNITS})e?s|analyses)"
    r"|(?P<items>rows?|cases?|answers?|who|asked)"  # which stand for pupils, or for those asked
    r"|(?P<link>of|out|from|in|to|or|and|the|all|these|those|our|own|its|their|[/()–,-])"
    r"|(?P<end>sd|for|with|were|was|is|are|be|than|then|an?|on|at|by|as|that|this|which|per|had"
    r"|has|have|do|does|did|not|if|when|where|while)",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?:years?|KS|stage|grade|level|age[ds]?|attainment|progress|table|figure|release)\s*"
    r"(?:\d+(?:\s*[,–-]\s*|\s+(?:and|or|to)\s+))*$",
    re.IGNORECASE,
)
_AGAIN = re.compile(
    r"\b(?:last|this|that|each|every|next|first|second|school)\s+year\s*$", re.IGNORECASE
)
_DATED = re.compile(r"\b(?:in|since|until|before|after|by|from|to|and|of)\s+$", re.IGNORECASE)
_BARE = re.compile(
    r"\s+(?:of (?:them|those|these)|were|had|have|has|was|did|left|took|moved|joined|missed"
    r"|passed|failed|reached|with|without|missing|in care)\b",
    re.IGNORECASE,
)
# "Two in five pupils", "one child in five"; no "7 pupils in 4 schools".
_SHARE = re.compile(
    rf"\s+in\s+({_ONES}|ten|[2-9]|10)\b|\s+[a-z]+\s+in\s+({_ONES}|ten)\b(?=\s*(?:[.,;:)]|$))",
    re.IGNORECASE,
)
_OF_SHARE = re.compile(rf"\b(?:\d|{_ONES})\s+(?:[a-z]+\s+)?in\s+$", re.IGNORECASE)
# "1 pupil has" that became "fewer than 10 pupil has"
_FEW = re.compile(
    r"([Ff]ewer than \d+(?: of [\d,]+)?\s+(?:[A-Za-z-]+\s+){0,3}?"
    rf"(?:row|case|answer|{_PEOPLE}))s?\b(?! premium)"
    r"(\s+(?:has|is|was)\b[^;.]*)?"
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
    are pupils in a trial; numbers in words up to ninety-nine; "pupils: N", "n = N", and "N of them"
    or "N had" where pupils were spoken of last. Percentages lose their decimals, from which exact
    counts could be worked out. What else a text may tell is for its reader: see `--look`.

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
        if not _is_of_people(text, match):
            return match[0]
        count = _value(match[0].lower())
        if count < rules.threshold:
            return f"{'F' if match[0].istitle() else 'f'}ewer than {rules.threshold}"
        nearest = max(math.floor(count / rules.base + 0.5) * rules.base, rules.least)
        return "some" if nearest in gone else f"{nearest:,}"

    text = _DECIMAL_SHARE.sub(lambda share: f"{float(share[0]):.0f}", text)
    return _FEW.sub(_plural, _COUNT.sub(rounded, text))


def _value(said: str) -> int:
    """Return a number that is said in figures or words."""
    if said[0].isdigit():
        return int(said.replace(",", ""))
    return _VALUES.get(said) or sum(_VALUES[part] for part in re.split("[- ]", said))


def _is_of_people(text: str, said: re.Match[str]) -> bool:
    """Say whether a number in a text counts pupils, or people."""
    before, after = text[: said.start()], text[said.end() :]
    number, figures = _value(said[0].lower()), said[0][0].isdigit()
    if _NAMED.search(before) and not _AGAIN.search(before):
        return False
    if re.fullmatch(r"(?:19|20)\d\d", said[0]) and _DATED.search(before):
        return False
    kind, rest = _counted(after, number)
    if (share := _SHARE.match(after)) and kind != "units" and (share[2] is None or not figures):
        return number >= _value((share[1] or share[2]).lower())
    if number <= 10 and _OF_SHARE.search(before) and kind != "units":
        return False
    if kind == "people":
        return figures or not re.match(r"\s+(?:per|a)\b", rest)
    if kind:
        return kind == "items" and figures
    # No noun after it: that before it, if it is of those or stands there as a figure.
    named = re.search(r"\b([a-z]+)\s*[:=(]\s*$", before, re.IGNORECASE)
    if named and (named[1].lower() == "n" or _kind(named[1]) == "people"):
        return True
    kinds = [_kind(word) for word in _TOKEN.findall(before)] if _BARE.match(after) else []
    nouns = [kind for kind in kinds if kind in {"people", "unit", "units"}]
    return nouns[-1:] == ["people"]


def _counted(after: str, number: int) -> tuple[str, str]:
    """Return of which kind the noun is that a number counts, given what stands after it.

    And what follows the noun. Two "school pupils" are no schools.
    """
    others = at = 0
    while others <= 4 and (token := _TOKEN.match(after, at)):
        kind, at = _kind(token[1]), token.end()
        if kind in {"people", "items", "units"} or (kind == "unit" and number == 1):
            return kind, after[at:]
        if kind == "end":
            break
        others += kind != "link" and not _COUNT.fullmatch(token[1])
    return "", ""


def _kind(word: str) -> str:
    match = _WORD.fullmatch(word)
    return (match.lastgroup or "") if match else ""


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
