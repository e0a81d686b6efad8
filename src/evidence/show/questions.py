"""The questions of a report, in its order: pictures and sections name theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# Name as a study, a picture and a released file carry it, and as a reader sees it.
QUESTIONS = {
    "the answer": "The answer",
    "what is planned": "What is planned?",
    "what it could find": "What could it find?",
    "what is open": "What is still open?",
    "who took part": "Who took part?",
    "the data": "What do the data look like?",
    "over time": "Is it doing anything new?",
    "beside others": "How does it compare?",
    "what next": "What comes next?",
    "what changed": "What changed?",
    "for whom": "For whom?",
    "at what cost": "At what cost?",
    "does it hold": "Does the answer hold?",
    "": "More",
    "method": "How was it worked out?",
}


def grouped(items: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return items under the words of the question that each answers, in the questions' order.

    Parameters
    ----------
    items : iterable of mapping
        Each may have a `question`; without one, or with one unknown here, it is under "More".
    """
    groups: dict[str, list[Any]] = {words: [] for words in QUESTIONS.values()}
    for item in items:
        groups[QUESTIONS.get(item.get("question", ""), QUESTIONS[""])].append(item)
    return {words: some for words, some in groups.items() if some}
