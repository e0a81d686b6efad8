"""The questions of a report, in its order: pictures and sections name theirs."""

from __future__ import annotations

# Name as a study, a picture and a released file carry it, and as a reader sees it.
QUESTIONS = {
    "the answer": "The answer",
    "who took part": "Who took part?",
    "the data": "What do the data look like?",
    "what changed": "What changed?",
    "for whom": "For whom?",
    "does it hold": "Does the answer hold?",
    "method": "How was it worked out?",
    "": "More",
}
