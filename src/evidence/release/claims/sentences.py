"""Sentences of a passage, with their pages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from evidence.data.documents import PAGE, Passage

_LONGEST = 1_000  # characters; a longer one is text without full stops
_END = re.compile(r"(?<=[.!?])(?:[\"”’)\]]*)\s+(?=[\"“‘(\[•]*[^\W_a-z])|\s+(?=[•·●▪])")
_SHORT = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|cf|vs?|no|nos|st|mr|mrs|ms|dr|prof|rev|cllr|para|paras|p|pp|fig|sec|"
    r"sch|approx|incl|inc|ltd|dept|est|ed|vol|art|reg|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|"
    r"dec|avg|max|min|ref|tel|ext)|(?:^|(?<!band)(?<!grade)(?<!group)(?<!appendix)(?<!annex)(?<!category)(?<!option)(?<!part)(?<!schedule)\s)[A-Z]|(?:\b[A-Z]\.)+[A-Z]|^\s*\d+(?:\.\d+)*)\.$",
    re.IGNORECASE,
)


def sentences(passage: Passage) -> Iterator[tuple[int, str]]:
    """Split a passage, not at abbreviations, initials, decimals or numbers of paragraphs."""
    text, start = passage.text, 0
    for match in [*_END.finditer(text), None]:
        end = match.start() if match else len(text)
        part = text[start:end]
        if match and _SHORT.search(part.rstrip()) and end - start < _LONGEST:
            continue
        for begin in range(start, end, _LONGEST):
            piece = text[begin : min(begin + _LONGEST, end)]
            turned = text[:begin].count(PAGE) + piece[: len(piece) - len(piece.lstrip())].count(
                PAGE
            )
            if piece.strip():
                yield passage.page + turned, " ".join(piece.split())
        start = match.end() if match else end
