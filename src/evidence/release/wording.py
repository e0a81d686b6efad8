"""Counts of pupils inside sentences: rounded and hidden as those in tables are."""

from __future__ import annotations

import math
import re

_PUPILS = re.compile(
    r"(?<![\d.,/])(?<!Year )(?<!year )(?<!Stage )(?<!stage )(?<!KS)(?<!Grade )(?<!aged )"
    r"(\d{1,3}(?:,\d{3})+|\d+)"
    r"(?=(?:\s+of\s+[\d,]+)?\s+(?:(?!schools?\b|months?\b|points?\b|years?\b|classes\b)[A-Za-z-]+\s+)?"
    r"(?:pupils?|children|child|rows?)\b)"
)
_DECIMAL_SHARE = re.compile(r"\d+\.\d+(?=%)")


def round_words(
    text: str, threshold: int = 10, base: int = 5, gone: frozenset[float] = frozenset()
) -> str:
    """Round every "N pupils" in a text as `protect` would; small ones become "fewer than …".

    So are both numbers of "N of M pupils", and rows, which are pupils in a trial. Percentages are
    told without decimals, from which exact counts could be worked out.

    Parameters
    ----------
    text : str
        A sentence.
    threshold, base : int
        As in the rules.
    gone : frozenset of float
        Rounded counts that the tables no longer show: they become "some".
    """

    def rounded(match: re.Match[str]) -> str:
        count = int(match[1].replace(",", ""))
        if count < threshold:
            return f"fewer than {threshold}"
        nearest = max(math.floor(count / base + 0.5), math.ceil(threshold / base)) * base
        return "some" if nearest in gone else f"{nearest:,}"

    whole = _DECIMAL_SHARE.sub(lambda share: f"{float(share[0]):.0f}", text)
    return _PUPILS.sub(rounded, whole)
