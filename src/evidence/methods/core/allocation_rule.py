"""The caller's own rule of allocation, asked for draws and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.stats.permutation import portions

Allocation = Callable[[np.random.Generator, int], object]


def asked(
    allocation: Allocation,
    rng: np.random.Generator,
    draws: int,
    labels: list[str] | None,
    total: int,
    places: np.ndarray,
) -> Iterator[np.ndarray]:
    """Give the allocations of the caller's own rule, some rows at a time.

    Parameters
    ----------
    labels : list of str or None
        Of the clusters, sorted; None where the units are rows.
    total : int
        Units of the rule.
    places : ndarray of int
        Which of them are analysed and can change places.

    Raises
    ------
    EvidenceError
        The rule fails, or gives anything but `total` columns of 0 and 1.
    """
    for number in portions(draws, total):
        try:
            table = allocation(rng, number)
        except Exception as error:  # the caller's own code: its words may hold a pupil's value
            raise EvidenceError(
                f"allocation: for {number} draws the rule failed with {type(error).__name__}; it "
                "is called as allocation(rng, draws)"
            ) from error
        if labels is not None and isinstance(table, pd.DataFrame):
            codes, found = frames.factor(pd.DataFrame({"unit": table.columns}), "unit")
            table = table.iloc[:, np.argsort(codes)] if found == labels else None
        try:
            z = np.asarray(table, float)
        except (TypeError, ValueError):
            z = np.empty(0)
        if z.shape != (number, total) or not np.isin(z[:, places], (0, 1)).all():
            raise EvidenceError(
                f"allocation: for {number} draws an array of {number} × {total} with 0 and 1 is "
                f"needed, a column {'a cluster' if labels is not None else 'a row'} of data"
            )
        yield z[:, places]
