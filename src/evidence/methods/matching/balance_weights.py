"""Entropy balancing of comparison rows; what all methods of matching read and return."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError, shown
from evidence.methods.core import frames
from evidence.stats import entropy_balancing


def balance_weights(
    data: pd.DataFrame,
    *,
    treatment: str,
    covariates: Sequence[str],
    weights: str | None = None,
    moments: int = 1,
    reference: object = None,
    arm: object = None,
) -> pd.DataFrame:
    """Weight comparison rows so that their covariates have the means of the treated: exactly.

    Parameters
    ----------
    data : DataFrame
        One row a unit, such as a school with its results of at least two years before the start.
    treatment : str
        Column of 0/1 (or arms, see `reference` and `arm` in :func:`evidence.methods.trials.itt`).
    covariates : sequence of str
        Columns known before the start, without gaps; text becomes a 0/1 column a level.
    weights : str, optional
        Column of positive base weights, such as pupils; every row counts the same where absent.
    moments : {1, 2}
        1: means. 2: means of the squares of numbers too, so that variances agree as well.

    Returns
    -------
    DataFrame
        A row a row of `data`, with its index: `treated`; `weight` (treated rows: their base weight;
        comparison rows: of the same sum; 0 in further arms); `support` (every covariate lies within
        the range that it has in the other arm). See :func:`balance` for what was achieved.

    Raises
    ------
    EvidenceError
        A column is missing, of the wrong kind or has gaps, or no weighting of the comparison rows
        has the means of the treated; the covariates that prevent it most are named.

    Notes
    -----
    Entropy balancing (:func:`evidence.stats.entropy_balancing.tilt`): of all weightings with these
    means the one nearest to the base weights. The means agree to 1e-10 standard deviations.
    Weights are a function of the covariates only: no result after the start enters.

    References
    ----------
    Hainmueller (2012), Political Analysis 20(1), 25-46, doi 10.1093/pan/mpr025.
    """
    if moments not in (1, 2):
        raise EvidenceError(f"moments is {shown(moments)}; allowed are 1, 2")
    values, names, arms = read(data, treatment, covariates, reference, arm)
    base = np.ones(len(data)) if weights is None else frames.numbers(data, weights)
    used = arms.treated | arms.control
    if (wrong := used & ~(base > 0)).any():
        raise EvidenceError(
            f"column {weights!r}, {frames.row(wrong.argmax())}: "
            "base weights must be positive; leave out rows that shall not count"
        )
    if moments == 2:
        number = [j for j in range(values.shape[1]) if not np.isin(values[used, j], (0, 1)).all()]
        about = values[:, number] - values[used][:, number].mean(axis=0)
        values = np.column_stack([values, about**2])
        names = [*names, *(f"square of {names[j]}" for j in number)]
    target = np.average(values[arms.treated], axis=0, weights=base[arms.treated])
    scale = spread(values[used])
    distance = (values[arms.control] - target) / scale
    shares, left = entropy_balancing.tilt(distance, base[arms.control])
    if np.abs(left).max(initial=0) > entropy_balancing.NEAR:
        _refuse(distance, left, names, treatment)
    weight = np.where(arms.treated, base, 0.0)
    weight[arms.control] = shares * weight.sum()
    return answer(data, arms, values, weight)


def read(
    data: pd.DataFrame,
    treatment: str,
    covariates: Sequence[str],
    reference: object,
    arm: object,
) -> tuple[np.ndarray, list[str], frames.Arms]:
    """Return covariates as numbers, their names and the arms; gaps are refused."""
    listed = frames.listed(covariates)
    frames.require(data, (treatment, *listed))
    if not listed or treatment in listed:
        raise EvidenceError("covariates: name at least one column, and not that of the treatment")
    arms = frames.arms(data, treatment, reference, arm)
    used = arms.treated | arms.control
    for name in listed:
        gaps = used & ~frames.covariates(data, (name,))[2]
        if gaps.any():
            raise EvidenceError(
                f"column {name!r}, {frames.row(gaps.argmax())}: empty "
                f"({frames.counted(gaps.sum(), 'such row')}); a "
                "covariate to balance has no gaps: complete it, leave those rows out, or take a "
                "column that says where it is missing"
            )
    values, names, _ = frames.covariates(data, listed)
    return np.where(used[:, None], values, 0.0), names, arms


def _refuse(distance: np.ndarray, left: np.ndarray, names: list[str], treatment: str) -> None:
    """Say which covariates no weighting can balance, and what to do."""
    short = entropy_balancing.nearest_means(distance)
    outside = np.abs(short).max() > 1e-7
    size = np.abs(short if outside else left)
    worst = [
        j for j in np.argsort(-size, kind="stable")[:3] if size[j] > 1e-7 or j == size.argmax()
    ]
    which = ", ".join(
        f"{names[j]} ({size[j]:.2g} SD short)" if outside else names[j] for j in worst
    )
    if outside:
        raise EvidenceError(
            f"column {treatment!r}: no weighting of the {len(distance)} comparison rows has the "
            f"means of the treated; what stands in the way: {which}; leave such covariates or the "
            "treated rows without support out, or widen the comparison group"
        )
    raise EvidenceError(
        f"column {treatment!r}: the means of the treated lie at the very edge of what "
        f"{len(distance)} comparison rows allow, so that a few would carry all the weight; "
        f"hardest: {which}; leave such covariates out, or widen the comparison group"
    )


def spread(values: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each column; 1 where it does not vary."""
    sd = values.std(axis=0)
    return np.where(sd > 1e-12 * np.abs(values).max(axis=0, initial=0), sd, 1.0)


def answer(
    data: pd.DataFrame, arms: frames.Arms, values: np.ndarray, weight: np.ndarray
) -> pd.DataFrame:
    """Return weights with arms and common support, with the index of `data`."""
    support = np.zeros(len(data), bool)
    for own, other in ((arms.treated, arms.control), (arms.control, arms.treated)):
        low, high = values[other].min(axis=0), values[other].max(axis=0)
        support[own] = ((values[own] >= low) & (values[own] <= high)).all(axis=1)
    return pd.DataFrame(
        {"treated": arms.treated, "weight": weight, "support": support}, index=data.index
    )
