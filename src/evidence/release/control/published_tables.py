"""Read a table as an earlier release published it: labels, counts, rounding intervals."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd

from evidence.data.rules import Rules
from evidence.release.control.column_roles import distinguishing, label_texts
from evidence.release.control.disclosure import Safe


def described(frame: pd.DataFrame, now: Safe | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the labels and the counts of a table as an earlier release showed it.

    Schools, which are public, are none, where this release counts the same and that one hid none.
    """
    same = alike(frame, now)
    dims = same._cells.labels.columns if same else distinguishing(frame)
    schools = same._cells.roles.schools if same else ()
    counts = [c for c in frame if f"{c}_symbol" in frame]
    counts = [c for c in counts if c not in schools or frame[f"{c}_symbol"].eq("c").any()]
    return label_texts(frame, dims), frame[counts]


def alike(frame: pd.DataFrame, now: Safe | None) -> Safe | None:
    """Return the table of this release where it has the columns of an earlier one."""
    return now if now and set(now._table.columns) == set(frame.columns) else None


def shares(frame: pd.DataFrame, counts: pd.DataFrame) -> list[tuple[str, str]]:
    """Return counts whose percentage of another is in the table: what is left counts too."""
    others = frame.drop(columns=counts.columns).select_dtypes("number")
    found = []
    for part, whole in permutations(counts.columns, 2) if len(others.columns) else ():
        share = 100 * counts[part] / counts[whole]
        if share.notna().any() and any(
            np.allclose(share, others[c], rtol=1e-12, atol=0, equal_nan=True) for c in others
        ):
            found.append((part, whole))
    return found


def interval(rounded: float, rules: Rules, *, amount: bool) -> tuple[float, float]:
    """Return the smallest and largest number that is shown so."""
    half = rules.base / 2
    if amount:
        return max(rounded - half, 0), rounded + half
    if rounded == 0:
        return 0, 0
    low = rules.threshold if rounded == rules.least else rounded - np.floor(half)
    return low, rounded + np.ceil(half) - 1
