"""The numbers behind staggered starts: saturated interactions, and prediction in two stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from evidence.errors import EvidenceError
from evidence.methods.impact.panel_data import PanelData
from evidence.methods.impact.two_way import two_way
from evidence.stats import covariance
from evidence.stats.design import sums

REFERENCE = -1
_RANK = 1e-9  # of the largest eigenvalue: below this, first-stage columns cannot be told apart


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects by time since the start, shapes (q,), and their mean.

    `covariance`, shape (q, q), is None where not all effects are compared with one time; `mean`
    holds estimate, standard error and df; `joint` is the test of the times before the reference.
    """

    times: np.ndarray
    estimate: np.ndarray
    std_error: np.ndarray
    df: np.ndarray
    covariance: np.ndarray | None
    mean: tuple[float, float, float]
    joint: tuple[float, float, float, float]


def sunab(read: PanelData, since: np.ndarray, weight: np.ndarray, label: str) -> Effects:
    """Estimate an effect for each cohort and time, and average over cohorts.

    Parameters
    ----------
    since : ndarray of shape (n,)
        Time since the start, NaN for the comparison.
    weight : ndarray of shape (n,)

    Raises
    ------
    EvidenceError
        A cohort has no rows just before its start, or an effect is not identified.
    """
    own, known = read.start[read.unit], ~np.isnan(since)
    bare = np.setdiff1d(own[known], own[since == REFERENCE])
    if len(bare):
        raise EvidenceError(
            f"{label}: the units that start in {bare[0]:g} have no row just before their start, "
            "which method 'sunab' compares with; leave them out or use 'did2s'"
        )
    pairs = np.unique(np.column_stack([own, since])[known & (since != REFERENCE)], axis=0)
    dummies = (own[:, None] == pairs[:, 0]) & (since[:, None] == pairs[:, 1]) & known[:, None]
    made = two_way(read, dummies.astype(float), label)
    effects, residuals = made.fit(read.outcome)
    _check_error(residuals, read.outcome, label)
    size, at = weight @ dummies, pairs[:, 1]
    times = np.unique(at)
    mix = np.where(times[:, None] == at, size, 0.0)
    mix /= mix.sum(axis=1, keepdims=True)
    after = np.where(at >= 0, size, 0.0)
    after /= after.sum()

    def infer(by: np.ndarray, joint: bool = True) -> covariance.Inference:
        mixed = replace(made, coefficients=by @ made.coefficients)
        return covariance.robust(mixed, residuals, read.cluster, "CR2", joint=joint)

    found, whole = infer(mix, joint=False), infer(after[None])
    return Effects(
        times=times,
        estimate=mix @ effects,
        std_error=found.std_error,
        df=found.df,
        covariance=found.covariance,
        mean=(float(after @ effects), float(whole.std_error[0]), float(whole.df[0])),
        joint=_joint(mix @ effects, times < REFERENCE, lambda which: infer(mix[which])),
    )


def did2s(read: PanelData, since: np.ndarray, weight: np.ndarray, label: str) -> Effects:
    """Predict what would have been from untreated rows, and average what is left.

    The parameters of :func:`sunab`.

    Raises
    ------
    EvidenceError
        Covariates cannot be told apart from units and times among untreated rows, or an effect
        before the start is not identified.

    Notes
    -----
    Each effect is c'y. With unit means of untreated rows taken out of all rows (tildes), times and
    covariates Z and weights W₀ of untreated rows, the mean a'r of what is left has
    c = a − W₀(unit means of a) − W₀Z̃(Z̃'W₀Z̃)⁻¹Z̃'a. The variance is Σ_g (c_g'e_g)², where e is
    the first stage's residual in untreated rows and the second's in treated ones.
    """
    treated = read.dose > 0
    after = np.unique(since[treated])
    average = np.column_stack([*(since[treated, None] == after).T, np.ones(treated.sum())])
    average = average * weight[treated, None]
    average /= average.sum(axis=0)
    left, lines = _predict(read, weight, label, average)
    _check_error(left[~treated], read.outcome, label)
    effects = average.T @ left[treated]
    errors = np.where(treated[:, None], left[:, None] - _own(since, after, effects), left[:, None])
    m = int(read.cluster.max()) + 1
    scores = sums(read.cluster, lines * errors)
    std_error = np.sqrt(m / (m - 1) * (scores**2).sum(axis=0))
    share = sums(read.cluster, lines**2)
    df = np.minimum(share.sum(axis=0) ** 2 / (share**2).sum(axis=0), m - 1)
    times, *early, joint = _before(read, since, label)
    return Effects(
        times=np.concatenate([times, after]),
        estimate=np.concatenate([early[0], effects[:-1]]),
        std_error=np.concatenate([early[1], std_error[:-1]]),
        df=np.concatenate([early[2], df[:-1]]),
        covariance=None,
        mean=(float(effects[-1]), float(std_error[-1]), float(df[-1])),
        joint=joint,
    )


def _own(since: np.ndarray, after: np.ndarray, effects: np.ndarray) -> np.ndarray:
    """Return the second stage's fitted value of each row for each effect, shape (n, q + 1)."""
    by_time = np.where(since[:, None] == after, effects[:-1], 0.0)
    return np.column_stack([by_time, np.full(len(since), effects[-1])])


def _predict(
    read: PanelData, weight: np.ndarray, label: str, average: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what the first stage leaves in every row, and the lines c of the averages."""
    treated = read.dose > 0
    base = np.where(treated, 0.0, weight)
    totals = np.bincount(read.unit, base)
    when = np.unique(read.time, return_inverse=True)[1]
    dummies = (when[:, None] == np.arange(1, when.max() + 1)).astype(float)
    columns = np.column_stack([read.outcome, dummies, read.others])
    columns = columns - (sums(read.unit, base[:, None] * columns) / totals[:, None])[read.unit]
    y, z = columns[:, 0], columns[:, 1:]
    scale = np.sqrt(base @ z**2)
    scale[scale == 0] = 1.0
    z = z / scale
    cross = z.T @ (base[:, None] * z)
    if np.linalg.eigvalsh(cross)[0] < _RANK * len(cross):
        raise EvidenceError(
            f"{label}: among untreated rows, times and covariates cannot be told apart from units; "
            "leave out covariates that do not vary there, and times without untreated units"
        )
    left = y - z @ np.linalg.solve(cross, z.T @ (base * y))
    lines = np.zeros((len(y), average.shape[1]))
    lines[treated] = average
    lines -= base[:, None] * (
        (sums(read.unit, lines) / totals[:, None])[read.unit]
        + z @ np.linalg.solve(cross, z[treated].T @ average)
    )
    return left, lines


def _before(
    read: PanelData, since: np.ndarray, label: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[float, float, float, float]]:
    """Return times, effects, errors, df and joint test before the start, of untreated rows."""
    part = read.rows(read.dose == 0)
    times = np.unique(since[since < REFERENCE])
    empty = np.empty(0)
    if not len(times):
        return times, empty, empty, empty, (np.nan,) * 4
    own = since[read.dose == 0]
    made = two_way(part, (own[:, None] == times).astype(float), label)
    effects, residuals = made.fit(part.outcome)
    found = covariance.robust(made, residuals, part.cluster, "CR2")
    joint = covariance.joint_test(effects, found)
    return times, effects, found.std_error, found.df, joint


def _joint(
    estimate: np.ndarray,
    which: np.ndarray,
    infer: Callable[[np.ndarray], covariance.Inference],
) -> tuple[float, float, float, float]:
    return covariance.joint_test(estimate[which], infer(which)) if which.any() else (np.nan,) * 4


def _check_error(residuals: np.ndarray, outcome: np.ndarray, label: str) -> None:
    if np.std(residuals) <= 1e-10 * np.std(outcome):
        raise EvidenceError(
            f"{label}: the outcome is explained exactly by units, times and covariates: no error "
            "can be estimated"
        )
