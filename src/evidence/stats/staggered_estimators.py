"""Effects of staggered starts: interactions of cohort and time (Sun–Abraham), and two stages."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from evidence.errors import EvidenceError
from evidence.stats import covariance
from evidence.stats.design import Design, sums, two_way

_FEW = 10  # treated clusters in effect, below which scores are corrected for their own weight
_RANK = 1e-9  # of the largest eigenvalue: below this, first-stage columns cannot be told apart


def reference(since: np.ndarray) -> int:
    """Return the time before the start that others are compared with: the last there is.

    Parameters
    ----------
    since : ndarray of shape (n,)
        Whole times since the start, NaN for the comparison. −1 where anyone has it; an earlier one
        where none has, as with school years without tables.
    """
    early = since[since < 0]
    return int(early.max()) if len(early) else -1


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a panel whose units start at different times and stay treated.

    Parameters
    ----------
    outcome, time : ndarray of shape (n,)
    treated : ndarray of bool, shape (n,)
    start, since : ndarray of shape (n,)
        First treated time of the row's unit; whole times since then, NaN for the comparison.
    unit, cluster : ndarray of int, shape (n,)
        Codes from 0.
    others : ndarray of shape (n, k)
        Covariates.
    weights : ndarray of shape (n,) or None
    """

    outcome: np.ndarray
    treated: np.ndarray
    start: np.ndarray
    since: np.ndarray
    unit: np.ndarray
    time: np.ndarray
    cluster: np.ndarray
    others: np.ndarray
    weights: np.ndarray | None

    @property
    def alike(self) -> covariance.Alike:
        """Which rows of different units may be set beside each other."""
        return covariance.Alike(
            np.unique(self.time, return_inverse=True)[1], 1 + self.others.shape[1]
        )

    @property
    def weight(self) -> np.ndarray:
        """Weights, or ones."""
        return np.ones(len(self.outcome)) if self.weights is None else self.weights

    def untreated(self) -> Rows:
        """Return the rows that are not treated, units and clusters counted from 0 again."""
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        kept = {name: x if x is None else x[~self.treated] for name, x in kept.items()}
        for name in ("unit", "cluster"):
            kept[name] = np.unique(kept[name], return_inverse=True)[1]
        return Rows(**kept)

    def two_way(self, interest: np.ndarray, label: str) -> Design:
        """Return the regression on `interest`, shape (n, q), with unit and time effects."""
        return two_way(interest, self.others, self.unit, self.time, self.weights, label)


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects by time since the start, shapes (q,).

    `covariance`, shape (q, q), is None where not all effects are compared with one time; `joint` is
    the test of the times before the reference: F, its two df and p. `borrowed` says whether the
    error of an effect, or of their mean, is that of the other clusters; NaN where there is none.
    """

    times: np.ndarray
    estimate: np.ndarray
    std_error: np.ndarray
    df: np.ndarray
    covariance: np.ndarray | None
    joint: tuple[float, float, float, float]
    borrowed: bool = False


Mean = tuple[float, float, float]


def sunab(rows: Rows, label: str) -> tuple[Effects, Mean]:
    """Estimate an effect for each cohort and time, and average over cohorts.

    Parameters
    ----------
    rows : Rows
    label : str
        How messages call the effects.

    Returns
    -------
    Effects
        By time since the start.
    tuple
        Mean effect over treated rows, by weight: estimate, standard error, df.

    Raises
    ------
    EvidenceError
        A cohort has no rows just before its start, or an effect is not identified.
    """
    cohort, since, known = rows.start, rows.since, ~np.isnan(rows.since)
    last = reference(since)
    bare = np.setdiff1d(cohort[known], cohort[since == last])
    if len(bare):
        raise EvidenceError(
            f"{label}: the units that start in {bare[0]:g} have no row just before their start, "
            "which method 'sunab' compares with; leave them out or use 'did2s'"
        )
    pairs = np.unique(np.column_stack([cohort, since])[known & (since != last)], axis=0)
    dummies = (cohort[:, None] == pairs[:, 0]) & (since[:, None] == pairs[:, 1])
    design = rows.two_way(dummies.astype(float), label)
    effects, residuals = design.fit(rows.outcome)
    _check_error(residuals, rows.outcome, label)
    size, at = rows.weight @ dummies, pairs[:, 1]
    times = np.unique(at)
    mix = np.where(times[:, None] == at, size, 0.0)
    mix /= mix.sum(axis=1, keepdims=True)
    after = np.where(at >= 0, size, 0.0)
    after /= after.sum()

    def infer(by: np.ndarray, *, joint: bool = True, refuse: bool = True) -> covariance.Inference:
        mixed = replace(design, coefficients=by @ design.coefficients)
        return covariance.robust(
            mixed, residuals, rows.cluster, alike=rows.alike, joint=joint, refuse=refuse
        )

    whole, early = infer(after[None]), times < last
    each = infer(mix, joint=False, refuse=False)
    joint = (np.nan,) * 4
    if early.any():
        joint = covariance.joint_test((mix @ effects)[early], infer(mix[early], refuse=False))
    return (
        Effects(
            times,
            mix @ effects,
            each.std_error,
            each.df,
            each.covariance,
            joint,
            bool(each.borrowed.any() or whole.borrowed.any()),
        ),
        (float(after @ effects), float(whole.std_error[0]), float(whole.df[0])),
    )


def did2s(rows: Rows, label: str) -> tuple[Effects, Mean]:
    """Predict what would have been from untreated rows, and average what is left.

    The parameters and returned values of :func:`sunab`.

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
    the first stage's residual in untreated rows and the second's in treated ones. A cluster that
    holds every treated row of an effect leaves no error there: its own is that of the other
    clusters (:func:`evidence.stats.covariance.robust`).
    """
    treated, since = rows.treated, rows.since
    after = np.unique(since[treated])
    average = np.column_stack([*(since[treated, None] == after).T, np.ones(treated.sum())])
    average = average * rows.weight[treated, None]
    average /= average.sum(axis=0)
    left, lines = _predict(rows, label, average)
    _check_error(left[~treated], rows.outcome, label)
    effects = average.T @ left[treated]
    errors = np.where(treated[:, None], left[:, None] - _own(since, after, effects), left[:, None])
    m = int(rows.cluster.max()) + 1
    whole = np.zeros_like(lines)
    whole[treated] = average
    weight = sums(rows.cluster, whole)
    alone = weight > 1 - 1e-9  # the second stage leaves such a cluster no error
    share = np.where(alone, 0.0, sums(rows.cluster, lines**2))
    df, expected = satterthwaite_of_scores(np.where(alone, 0.0, weight), share)
    few = (weight**2).sum(axis=0) > 1 / _FEW
    scores = np.where(alone, 0.0, sums(rows.cluster, lines * errors))
    scores = scores * np.where(few, np.sqrt(share / np.where(expected > 0, expected, 1.0)), 1.0)
    variance = np.where(few & ~alone.any(axis=0), 1.0, m / (m - 1)) * (scores**2).sum(axis=0)
    for k in np.flatnonzero(alone.any(axis=0)):
        own = lines[:, [k]] * alone[rows.cluster, k, None]
        found = rows.alike.error(own, rows.cluster, errors[:, k])
        if found is None and k == len(effects) - 1:
            raise EvidenceError(covariance.ALONE.format("cluster"))
        lent, free = (np.full((1, 1), np.nan), np.nan) if found is None else found
        variance[k], df[k] = covariance.with_lent(variance[k], df[k], lent[0, 0], free)
    std_error = np.sqrt(variance)
    before = _before(rows.untreated(), label)
    return (
        Effects(
            times=np.concatenate([before.times, after]),
            estimate=np.concatenate([before.estimate, effects[:-1]]),
            std_error=np.concatenate([before.std_error, std_error[:-1]]),
            df=np.concatenate([before.df, df[:-1]]),
            covariance=None,
            joint=before.joint,
            borrowed=bool(alone.any() or before.borrowed),
        ),
        (float(effects[-1]), float(std_error[-1]), float(df[-1])),
    )


def satterthwaite_of_scores(weight: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return df of sums of squared scores, and what each square is expected to be by variance.

    A score is s_g = u_g − a_g Σu with independent u_g of variance v_g (`share`), a the clusters'
    `weight` in a mean, both of shape (G, q). E[s_g²] = v_g(1 − 2a_g) + a_g²V with V = Σv; scaled to
    v_g their covariance is Q, and df = tr(Q)²/ΣQ² (Satterthwaite).
    """
    total = share.sum(axis=0)
    expected = share * (1 - 2 * weight) + weight**2 * total
    scale = np.divide(share, expected, out=np.zeros_like(share), where=expected > 0)
    # ΣQ² over pairs g ≠ h of scale_g scale_h (a_g a_h V − a_g v_h − a_h v_g)², by its six products
    a, v = weight, share

    def pairs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        product = (scale * x).sum(axis=0) * (scale * y).sum(axis=0)
        unequal: np.ndarray = product - (scale**2 * x * y).sum(axis=0)
        return unequal

    between = (
        total**2 * pairs(a**2, a**2)
        + 2 * pairs(a**2, v**2)
        + 2 * pairs(a * v, a * v)
        - 4 * total * pairs(a**2, a * v)
    )
    return total**2 / ((share**2).sum(axis=0) + between), expected


def _own(since: np.ndarray, after: np.ndarray, effects: np.ndarray) -> np.ndarray:
    """Return the second stage's fitted value of each row for each effect, shape (n, q + 1)."""
    by_time = np.where(since[:, None] == after, effects[:-1], 0.0)
    return np.column_stack([by_time, np.full(len(since), effects[-1])])


def _predict(rows: Rows, label: str, average: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what the first stage leaves in every row, and the lines c of the averages."""
    treated = rows.treated
    base = np.where(treated, 0.0, rows.weight)
    totals = np.bincount(rows.unit, base)
    when = np.unique(rows.time, return_inverse=True)[1]
    dummies = (when[:, None] == np.arange(1, when.max() + 1)).astype(float)
    columns = np.column_stack([rows.outcome, dummies, rows.others])
    columns = columns - (sums(rows.unit, base[:, None] * columns) / totals[:, None])[rows.unit]
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
        (sums(rows.unit, lines) / totals[:, None])[rows.unit]
        + z @ np.linalg.solve(cross, z[treated].T @ average)
    )
    return left, lines


def _before(rows: Rows, label: str) -> Effects:
    """Return the effects before the start, of untreated rows."""
    times = np.unique(rows.since[rows.since < reference(rows.since)])
    if not len(times):
        return Effects(times, times, times, times, None, (np.nan,) * 4)
    design = rows.two_way((rows.since[:, None] == times).astype(float), label)
    effects, residuals = design.fit(rows.outcome)
    inference = covariance.robust(design, residuals, rows.cluster, alike=rows.alike, refuse=False)
    joint = covariance.joint_test(effects, inference)
    borrowed = bool(inference.borrowed.any())
    return Effects(times, effects, inference.std_error, inference.df, None, joint, borrowed)


def _check_error(residuals: np.ndarray, outcome: np.ndarray, label: str) -> None:
    if np.std(residuals) <= 1e-10 * np.std(outcome):
        raise EvidenceError(covariance.EXACT.format(f"{label}: the outcome"))
