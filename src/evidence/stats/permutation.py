"""The rule of allocation, replayed: which units were drawn, and all that might have been."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.trials.trial_data import Participants, compact

Allocation = Callable[[np.random.Generator, int], object]

_CHUNK = 2_000_000  # numbers held at once


def whole_clusters(trial: Participants) -> bool:
    """Say whether whole clusters were allocated: there are some and each has one arm."""
    return trial.cluster is not None and trial.n_mixed == 0


def in_order(trial: Participants) -> Participants:
    """Put the rows in the order of their values: draws then do not depend on the file's order."""
    keys = [trial.weights, *trial.others.T, trial.outcome, trial.treated, trial.control]
    order = np.lexsort([k for k in (*keys, trial.strata, trial.cluster) if k is not None])
    names = ("outcome", "treated", "control", "others", "cluster", "strata", "weights", "rows")
    parts = {name: getattr(trial, name) for name in names}
    return replace(trial, **{k: v[order] for k, v in parts.items() if v is not None})


def nested_strata(trial: Participants) -> np.ndarray:
    """Return the stratum of each row, all 0 without strata, one in each cluster.

    Raises
    ------
    EvidenceError
        A cluster lies in several strata.
    """
    if trial.strata is None:
        return np.zeros(len(trial.outcome), int)
    if (trial.strata != trial.strata[first_rows(trial.cluster)][trial.cluster]).any():
        names = trial.columns
        raise EvidenceError(
            f"column {names['strata']!r} varies within {names['cluster']!r}, so that whole "
            "clusters cannot be drawn within it; give it in covariates= instead"
        )
    return trial.strata


def blocks(trial: Participants, whole: bool) -> np.ndarray:
    """Return the code of the block of each row: units change places only within one."""
    if whole:
        return nested_strata(trial)
    parts = [part for part in (trial.cluster, trial.strata) if part is not None]
    if not parts:
        return np.zeros(len(trial.outcome), int)
    return compact(parts)


def first_rows(codes: np.ndarray) -> np.ndarray:
    """Return the first row of each code 0, 1, …."""
    found = np.empty(int(codes.max()) + 1, int)
    found[codes[::-1]] = np.arange(len(codes))[::-1]  # the last to be written stays
    return found


def members(*codes: np.ndarray) -> list[np.ndarray]:
    """Return the places of each combination of codes that occurs."""
    label = compact(codes)
    order = np.argsort(label, kind="stable")
    return np.split(order, np.cumsum(np.bincount(label))[:-1])


def possible(treated: np.ndarray, block: np.ndarray, draws: int) -> float:
    """Count the allocations that keep the arm sizes of each block; inf where more than `draws`."""
    size, arm = np.bincount(block), np.bincount(block, treated).astype(int)
    total = 1
    for n, k in zip(size.tolist(), arm.tolist(), strict=True):
        logarithm = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        if logarithm > math.log(draws) + 1:  # C(n, k) may have a million digits
            return math.inf
        total *= math.comb(n, k)
        if total > draws:
            return math.inf
    return total


def every(treated: np.ndarray, block: np.ndarray, total: int) -> Iterator[np.ndarray]:
    """Give all `total` allocations that keep the arm sizes of each block, some at a time."""
    free = [m for m in members(block) if 0 < treated[m].sum() < len(m)]
    choices = []
    for units in free:
        arm = int(treated[units].sum())
        picks = np.array(list(itertools.combinations(range(len(units)), arm)))
        choice = np.zeros((len(picks), len(units)))
        np.put_along_axis(choice, picks, 1.0, axis=1)
        choices.append(choice)
    done = 0
    for number in portions(total, len(treated)):
        z = np.tile(treated, (number, 1))
        which = np.arange(done, done + number)
        index = np.unravel_index(which, [len(choice) for choice in choices])
        for units, choice, place in zip(free, choices, index, strict=True):
            z[:, units] = choice[place]
        done += number
        yield z


def shuffled(
    treated: np.ndarray, block: np.ndarray, rng: np.random.Generator, draws: int
) -> Iterator[np.ndarray]:
    """Give allocations drawn at random within blocks, some rows at a time."""
    cells = members(block)
    sizes = {len(cell) for cell in cells} - {1}
    # blocks of one size are shuffled at once
    groups = [np.array([c for c in cells if len(c) == size]) for size in sorted(sizes)]
    for number in portions(draws, len(treated)):
        z = np.tile(treated, (number, 1))
        for places in groups:
            z[:, places] = rng.permuted(z[:, places], axis=-1)
        yield z


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


def portions(draws: int, cost: int) -> Iterator[int]:
    """Split the draws, each of which holds `cost` numbers, so that memory stays bounded."""
    step = max(1, _CHUNK // cost)
    yield from (min(step, draws - done) for done in range(0, draws, step))
