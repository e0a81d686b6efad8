"""Nearest neighbours: each treated row with the comparison rows most like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from scipy.special import expit

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.matching import balance_weights

_CALIPER = 0.2  # standard deviations of the logit: Austin (2011), Pharmaceutical Statistics 10(2)
_CERTAIN = 25  # a logit beyond this is no chance any more
_MOST_PAIRS = 20_000_000


def nearest(
    data: pd.DataFrame,
    *,
    treatment: str,
    covariates: Sequence[str],
    metric: str = "mahalanobis",
    ratio: int = 1,
    caliper: float | None = None,
    replacement: bool = True,
    reference: object = None,
    arm: object = None,
) -> pd.DataFrame:
    """Match each treated row with the comparison rows nearest to it.

    Parameters
    ----------
    data, treatment, covariates, reference, arm
        As in :func:`evidence.methods.matching.balance_weights`.
    metric : {"mahalanobis", "propensity"}
        Distance by the covariance within arms, or by the logit of the chance to be treated.
    ratio : int
        Comparison rows for each treated one.
    caliper : float, optional
        Largest distance: in standard deviations of the logit, .2 where absent; for "mahalanobis"
        in its own unit, none where absent.
    replacement : bool
        True: a comparison row may serve several. False: each serves once, and the sum of all
        distances is as small as it can be.

    Returns
    -------
    DataFrame
        As :func:`evidence.methods.matching.balance_weights`: a matched treated row weighs 1, its
        comparison rows 1 together; treated rows without a match weigh 0. Rows with the same
        covariates share what they weigh; of others equally near, the order of their values decides.

    Raises
    ------
    EvidenceError
        As :func:`evidence.methods.matching.balance_weights`; also where nobody can be matched,
        comparison rows are too few, or the covariates tell the arms apart entirely.

    References
    ----------
    Rubin (1980), Biometrics 36(2), 293-298; Austin (2011), Pharmaceutical Statistics 10(2).
    """
    frames.one_of("metric", metric, ("mahalanobis", "propensity"))
    frames.yes_or_no(replacement=replacement)
    given, _, arms = balance_weights.read(data, treatment, covariates, reference, arm)
    # In an order that the rows' own order does not change, to the last digit.
    order = np.lexsort((*given.T, arms.treated))
    values = given[order]
    parts = {name: getattr(arms, name)[order] for name in ("treated", "control")}
    arms, unsorted = replace(arms, **parts), arms
    frames.whole("ratio", ratio, 1)
    if caliper is not None:
        frames.number("caliper", caliper, 0, ends=False)
    treated, control = np.flatnonzero(arms.treated), np.flatnonzero(arms.control)
    needed = ratio if replacement else ratio * len(treated)
    if len(control) < needed:
        raise EvidenceError(
            f"column {treatment!r}: {len(control)} comparison rows, but {needed} are needed: lower "
            "ratio, or allow replacement"
        )
    place = values
    if metric == "propensity":
        caliper = _CALIPER if caliper is None else caliper
        place = _logit(values, arms, treatment)[:, None]
    place = _whitened(place, arms)
    reach = np.inf if caliper is None else caliper
    if replacement:
        far, partners = cKDTree(place[control]).query(place[treated], k=np.arange(1, ratio + 1))
    else:
        far, partners = _assign(place[treated], place[control], ratio, reach)
    near = far <= reach
    matched = near.sum(axis=1)
    if not matched.any():
        raise EvidenceError(
            f"no treated row has a comparison row within caliper={reach:g}: widen it, or take "
            "fewer covariates"
        )
    weight = np.zeros(len(data))
    weight[treated] = matched > 0
    share = near / np.maximum(matched, 1)[:, None]
    weight[control] = np.bincount(partners[near], share[near], len(control))
    keys = np.column_stack([values, arms.treated, arms.control])
    _, alike = np.unique(keys, axis=0, return_inverse=True)
    shared = np.empty(len(data))
    shared[order] = (np.bincount(alike, weight) / np.bincount(alike))[alike]
    return balance_weights.answer(data, unsorted, given, shared)


def _whitened(values: np.ndarray, arms: frames.Arms) -> np.ndarray:
    """Return coordinates whose Euclidean distance is Mahalanobis's; idle directions are dropped."""
    scaled = values / balance_weights.spread(values[arms.treated | arms.control])
    rest = [scaled[rows] - scaled[rows].mean(axis=0) for rows in (arms.treated, arms.control)]
    within = sum(x.T @ x for x in rest) / max(sum(map(len, rest)) - 2, 1)
    size, direction = np.linalg.eigh(within)
    kept = size > 1e-10
    if not kept.any():
        raise EvidenceError("covariates: none varies within the arms, so there is no distance")
    whitened: np.ndarray = scaled @ direction[:, kept] / np.sqrt(size[kept])
    return whitened


def _logit(values: np.ndarray, arms: frames.Arms, treatment: str) -> np.ndarray:
    """Return the logit of the chance to be treated, by Newton's method."""
    used = arms.treated | arms.control
    scaled = (values - values[used].mean(axis=0)) / balance_weights.spread(values[used])
    x, y = np.column_stack([np.ones(len(values)), scaled]), arms.treated.astype(float)
    guess = np.zeros(x.shape[1])
    for _ in range(50):
        chance = expit(x[used] @ guess)
        hessian = x[used].T @ ((chance * (1 - chance))[:, None] * x[used])
        step = np.linalg.lstsq(hessian, x[used].T @ (y[used] - chance), rcond=1e-12)[0]
        guess = guess + step
        if np.abs(step).max() < 1e-10:
            break
    if np.abs(x[used] @ guess).max() < _CERTAIN and np.abs(step).max() < 1e-10:
        return x @ guess
    raise EvidenceError(
        f"column {treatment!r}: the covariates tell treated and comparison rows apart entirely, so "
        "there is no chance to be treated to compare; take fewer, or metric='mahalanobis'"
    )


def _assign(
    treated: np.ndarray, control: np.ndarray, ratio: int, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return distances and partners, each used once, of the least sum of distances."""
    if ratio * len(treated) * len(control) > _MOST_PAIRS:
        raise EvidenceError(
            f"{len(treated)} treated and {len(control)} comparison rows are too many to match "
            "without replacement; allow replacement, or draw a comparison group first"
        )
    distance = cdist(treated, control)
    # beyond reach every pair costs the same, more than any other: first as many matches as can be
    cost = np.where(distance <= reach, distance, 1 + len(treated) * distance.max() * ratio)
    rows, partners = linear_sum_assignment(np.repeat(cost, ratio, axis=0))
    partners = partners[np.argsort(rows)].reshape(len(treated), ratio)
    return np.take_along_axis(distance, partners, axis=1), partners
