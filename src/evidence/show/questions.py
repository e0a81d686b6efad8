"""The questions that a report answers, in their order: pictures and tables name theirs."""

from __future__ import annotations

# Name as a study, a picture and a released file carry it, and as a reader sees it.
QUESTIONS = {
    "what changed": "What changed?",
    "the data": "What do the data look like?",
    "who took part": "Who took part?",
    "for whom": "For whom?",
    "does it hold": "Does the answer hold?",
    "": "More",
}
