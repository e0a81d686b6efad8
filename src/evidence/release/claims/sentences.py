"""Sentences of a passage, with their pages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from evidence.data.formats.documents import PAGE, Passage

_CLOSE = '"”’)]'
_LONGEST = 1_000  # characters; a longer one is text without full stops
_CLOSE = '"”’)]'
_END = re.compile(rf"(?<=[.!?])[{re.escape(_CLOSE)}]*\s+(?=[\"“‘(\[•]*[^\W_a-z])|\s+(?=[•·●▪])")
_SHORT = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|cf|vs?|nos?|st|mrs?|ms|dr|prof|rev|cllr|paras?|pp?|fig|sec|sch|approx|"
    r"incl?|ltd|dept|est|eds?|vol|art|reg|jan|feb|mar|apr|aug|sept?|oct|nov|dec|avg|max|min|ref|"
    r"tel|ext)|(?:^|(?<!band|part)(?<!grade|group|annex)\s)(?-i:[A-Z])|(?:\b[A-Z]\.)+[A-Z]|"
    r"^\s*\d+(?:\.\d+)*)\.$",
    re.IGNORECASE,
)


def sentences(passage: Passage) -> Iterator[tuple[int, str]]:
    """Split a passage, not at abbreviations, initials, decimals or numbers of paragraphs."""
    text, start = passage.text, 0
    for match in [*_END.finditer(text), None]:
        end = match.start() if match else len(text)
        short = match and _SHORT.search(text[start:end])
        end += len(match[0]) - len(match[0].lstrip(_CLOSE)) if match else 0
        if short and end - start < _LONGEST:
            continue
        for begin in range(start, end, _LONGEST):
            piece = text[begin : min(begin + _LONGEST, end)]
            blank = len(piece) - len(piece.lstrip())
            turned = text[: begin + blank].count(PAGE)
            if piece.strip():
                yield passage.page + turned, " ".join(piece.split())
        start = match.end() if match else end
