"""What a rule of accountability is: its dates, what it needs, and how it decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Values = Mapping[str, np.ndarray]
KS2_PROGRESS = ("reading", "maths", "writing")


def below(values: Values, least: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Return for each score whether it is below what is the least."""
    return {name: values[name] < score for name, score in least.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule as it was in force.

    Parameters
    ----------
    title : str
    first, last : int
        The years (in which the school year ends) of results it was applied to.
    shares, scores : tuple of str
        What it needs: percentages, and scores that are means of pupils' scores.
    results : tuple of str
        What it may say; the first is the best.
    decide : callable
        ``decide(values, half_widths)``: places in `results` of arrays of any shape; half widths of
        the scores' 95% intervals.
    years : int
        For how many years running a school must be in the last of `results`.
    source : str
    """

    title: str
    first: int
    last: int
    shares: tuple[str, ...]
    scores: tuple[str, ...]
    results: tuple[str, ...]
    decide: Callable[[Values, Values], np.ndarray]
    years: int = 1
    source: str
