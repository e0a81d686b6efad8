"""The regression with a dummy for every unit and every time, and what a reader must know of it."""

from __future__ import annotations

import numpy as np

from evidence.methods.impact.panel_data import Panel
from evidence.stats.design import Design, design


def two_way(read: Panel, interest: np.ndarray, name: str) -> Design:
    """Make the regression on `interest`, shape (n, q), with all dummies ready.

    The longer of the two factors is absorbed; the other's dummies stand before the covariates.

    Raises
    ------
    EvidenceError
        A column of interest is explained by units, times and covariates; `name` is how the message
        calls it.
    """
    when = np.unique(read.time, return_inverse=True)[1]
    small, large = sorted((read.unit, when), key=np.max)
    dummies = (small[:, None] == np.arange(1, small.max() + 1)).astype(float)
    return design(interest, np.column_stack([dummies, read.others]), large, read.weights, name)


def left_out(read: Panel, made: Design) -> list[int]:
    """Return which covariates were dropped because the others explain them."""
    first = made.n_others - read.others.shape[1]
    return [j - first for j in made.dropped if j >= first]


def caveats(read: Panel, made: Design, df: float, fixed: bool = True) -> list[str]:
    """Return what a reader must know of a panel's regression, one sentence each.

    `fixed` says whether every unit has an effect of its own.
    """
    notes = [
        *read.caveats,
        *(f"{read.names[j]} is explained by the others and left out" for j in left_out(read, made)),
    ]
    started = np.unique(read.start[np.isfinite(read.start)])
    if fixed and len(started) > 1:
        notes.append(
            f"units started at {len(started)} different times: two-way fixed effects can mislead "
            "if the effect changes with time since the start"
        )
    if np.isfinite(read.start).all():
        notes.append("every unit is treated at some time: later starters stand in for comparison")
    return [*notes, *few_clusters(read, df)]


def few_clusters(read: Panel, df: float) -> list[str]:
    """Warn of an interval that rests on few treated clusters or few degrees of freedom."""
    treated = len(np.unique(read.cluster[read.dose != 0]))
    if treated < 5:
        return [f"only {treated} treated clusters: read the interval with great caution"]
    if df < 4:
        return ["fewer than 4 degrees of freedom: read the interval with great caution"]
    return []
