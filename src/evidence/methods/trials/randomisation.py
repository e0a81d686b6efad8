"""The randomisation test: the allocation is drawn again by the rule that made it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate
from evidence.methods.trials.itt import answer, regression
from evidence.methods.trials.trial_data import read
from evidence.stats import covariance
from evidence.stats.design import Design
from evidence.stats.permutation import (
    Allocation,
    asked,
    blocks,
    every,
    first_rows,
    in_order,
    possible,
    shuffled,
    whole_clusters,
)

_TIE = 1e-9  # statistics as near as this to one another, relatively, are equal


def randomisation_test(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    baseline: str | None = None,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    allocation: Allocation | None = None,
    draws: int = 9999,
    seed: int = 0,
    statistic: str = "difference",
    level: float = 0.95,
    reference: object = None,
    arm: object = None,
) -> Estimate:
    """Test the effect against what chance could have made of the same rule of allocation.

    The arguments of :func:`evidence.methods.trials.itt`, and

    Parameters
    ----------
    allocation : callable, optional
        The rule as ``allocation(rng, draws)``, which returns an array (draws × units) with 1 where
        the draw gives the unit the arm asked about and 0 elsewhere. The units are the clusters of
        `data`, sorted by label (a DataFrame may have them in any order, its columns being the
        labels), where each cluster has one arm, else the rows of `data`. Without it whole
        clusters, or else pupils, are drawn within strata (and within clusters that have both
        arms), each arm keeping its number of units in each stratum: the rule of simple,
        stratified, blocked and paired designs. Minimised and rerandomised ones need their own.
    draws : int
        Allocations drawn. A rule that allows no more than these has each taken once instead.
    seed : int
        Of the draws; the order of the rows does not matter.
    statistic : {"difference", "t"}
        The adjusted difference, or its ratio to its classical standard error.

    Returns
    -------
    Estimate
        The difference of :func:`~evidence.methods.trials.itt`, in units of the outcome. `p_value`
        is two-sided. The interval runs from the least to the greatest effect τ for which the same
        test of outcome − τ × arm does not reject, exactly so for the allocations drawn.
        `std_error` is the standard deviation of the statistic over them with the estimate taken
        away from the treated; `df` is NaN.

    Raises
    ------
    EvidenceError
        As :func:`~evidence.methods.trials.itt`; strata vary within clusters; most clusters have
        one arm but some have more, so that the rule is not known; `draws` is no whole number from
        1; no other allocation is possible; `allocation` gives something else.

    Notes
    -----
    By Frisch and Waugh the coefficient of an assignment z is z'Wỹ / z̃'Wz̃, tildes meaning that
    the other columns are taken out, so that a draw needs no more than sums over its units. The
    p-value is (1 + #{|T*| ≥ |T|}) / (1 + draws), or the share of |T*| ≥ |T| among all possible
    allocations. Tested against τ a draw's statistic is linear in τ: it is as extreme as the
    observed one between two roots, and the interval is read off the sorted roots without a
    search. Further arms stay as they were. A draw whose arms the covariates decide counts as
    extreme.

    References
    ----------
    Phipson, B. and Smyth, G. K. (2010), Statistical Applications in Genetics and Molecular
    Biology 9(1), article 39, eq. 2. Rosenbaum, P. R. (2002), Statistical Science 17(3), section 2.
    """
    frames.one_of("statistic", statistic, ("difference", "t"))
    covariance.check_level(level)
    frames.whole("draws", draws, 1)
    frames.whole("seed", seed, 0)
    given = {"outcome": outcome, "treatment": treatment, "baseline": baseline, "cluster": cluster}
    given |= {"covariates": covariates, "strata": strata, "weights": weights}
    trial = read(data, **given, reference=reference, arm=arm)
    whole = whole_clusters(trial)
    if trial.astray and allocation is None:
        raise EvidenceError(
            f"randomisation_test: {trial.astray}; else state the rule by allocation="
        )
    if not whole:
        trial = in_order(trial)
    unit = trial.cluster if whole else np.arange(len(trial.outcome))
    first = first_rows(unit)
    first = first[(trial.treated | trial.control)[first]]  # the units that can change places
    treated, block = trial.treated[first].astype(float), blocks(trial, whole)[first]
    rng = np.random.default_rng(seed)
    exact = False
    if allocation is not None:
        rows = trial.rows[first]
        codes, labels = frames.factor(data, cluster) if whole else (None, None)
        places, total = (codes[rows], len(labels)) if whole else (rows, len(data))
        drawn = asked(allocation, rng, draws, labels, total, places)
    else:
        total = possible(treated, block, draws)
        exact = total <= draws
        if total < 2:
            raise EvidenceError(
                f"column {treatment!r}: the rule of allocation allows no other allocation; a test "
                "needs both arms, and another unit, in at least one stratum"
            )
        drawn = every(treated, block, total) if exact else shuffled(treated, block, rng, draws)
    made = regression(trial)
    place = np.full(int(unit.max()) + 1, -1)
    place[unit[first]] = np.arange(len(first))
    rows = np.flatnonzero(place[unit] >= 0)
    given = (rows, place[unit[rows]], np.ones(len(rows)), len(first))
    observed, values, slopes = statistics(made, trial.outcome, given, drawn, statistic)
    p_value, (lower, upper), error, notes = judged(observed, values, slopes, exact, level)
    within = [trial.columns["strata"], None if whole else cluster]
    named = " and ".join(dict.fromkeys(filter(None, within)))
    rule = f" within {named}" if named else ""
    what = f"{cluster if whole else 'pupils'} drawn" + (rule if allocation is None else " by rule")
    found = answer(
        trial,
        made,
        words_of(statistic, what, len(values), exact),
        (observed, error, math.nan),
        level,
    )
    caveats = (*found.caveats, *notes)
    return replace(found, p_value=p_value, ci_lower=lower, ci_upper=upper, caveats=caveats)


def words_of(statistic: str, what: str, count: int, exact: bool) -> str:
    """Say which test was made, what was drawn and how often."""
    adjusted = "difference" if statistic == "difference" else "t of the difference"
    how = f"all {count:,} allocations" if exact else f"{count:,} allocations"
    return f"randomisation test of the {adjusted}, {what}, {how}; interval by test inversion"


def statistics(
    made: Design,
    outcome: np.ndarray,
    given: tuple[np.ndarray, np.ndarray, np.ndarray, int],
    drawn: Iterator[np.ndarray],
    statistic: str,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return T, and for each draw a and b of its statistic a − τb against an effect of τ.

    Parameters
    ----------
    made : Design
        With the treatment as its one column of interest.
    given : tuple of (rows, column, value, columns)
        A draw that has 1 in `column` gives the treatment `value` to that row; every row that the
        draw treats must come from one column alone.
    drawn : iterator of ndarray of shape (draws, columns)
        0 and 1.

    Notes
    -----
    A draw that leaves nothing of the assignment once covariates are held fixed has a = ∞, b = 0.
    """
    estimate, residuals = made.fit(outcome)
    observed, scale = float(estimate[0]), made.coefficients[0, -1]
    own = made.basis[:, -1] / scale  # the real assignment, the other columns taken out
    rows, column, value, number = given
    parts = np.column_stack([residuals + observed * own, own, made.basis[:, :-1]])[rows]
    parts = (made.weights[rows] * value)[:, None] * np.column_stack([value, parts])
    shape = (number, len(rows))
    dense = sparse.csr_array((np.ones(len(rows)), (column, np.arange(len(rows)))), shape) @ parts
    root = (made.weights / np.sqrt(made.totals)[made.strata])[rows] * value
    place, shape = (column, made.strata[rows]), (number, len(made.totals))
    cells = sparse.csr_array((root, place), shape).T.tocsr()
    values, slopes = [], []
    for z in drawn:
        found = z @ dense
        square = found[:, 0] - (found[:, 3:] ** 2).sum(axis=1) - ((cells @ z.T) ** 2).sum(axis=0)
        known = square > _TIE * found[:, 0]
        divisor = np.where(known, square, 1.0)
        if statistic == "t":
            divisor = np.sqrt(divisor) / abs(scale)
        values.append(np.where(known, found[:, 1] / divisor, np.inf))
        slopes.append(np.where(known, found[:, 2] / divisor, 0.0))
    return observed, np.concatenate(values), np.concatenate(slopes)


def judged(
    observed: float, values: np.ndarray, slopes: np.ndarray, exact: bool, level: float
) -> tuple[float, tuple[float, float], float, list[str]]:
    """Return p, the interval, the standard deviation under no effect, and caveats."""
    base = 0 if exact else 1
    extreme = int((np.abs(values) >= abs(observed) * (1 - _TIE)).sum())
    lower, upper = _invert(observed, values, slopes, base, 1 - level)
    known = np.isfinite(values)
    spread = (values - observed * slopes)[known]
    error = float(np.sqrt(np.mean(spread**2))) if known.any() else math.nan
    notes = []
    if lost := int((~known).sum()):
        notes.append(f"in {lost:,} draws covariates decide the arms; they count as extreme")
    if np.isinf([lower, upper]).any():
        notes.append("too few different allocations for an interval of this level to end")
    return (base + extreme) / (base + len(values)), (lower, upper), error, notes


def _invert(
    observed: float, values: np.ndarray, slopes: np.ndarray, base: int, alpha: float
) -> tuple[float, float]:
    """Return the least and the greatest τ that the test does not reject.

    A draw is as extreme as the observed statistic where (a − τb)² ≥ (T − τ)², that is between the
    roots (T − a)/(1 − b) and (T + a)/(1 + b), or outside them where |b| > 1.
    """
    need = math.floor(alpha * (base + len(values)) + _TIE) + 1 - base
    if need <= 0:
        return -math.inf, math.inf
    known = np.isfinite(values)
    a, b = values[known], slopes[known]
    tops, bottoms = np.array([observed - a, observed + a]), np.array([1 - b, 1 + b])
    small = _TIE * max(abs(observed), np.abs(a).max(initial=0))
    same = ((np.abs(bottoms) < _TIE) & (np.abs(tops) <= small)).any(axis=0)
    always = int(same.sum() + (~known).sum())  # the real allocation, or its mirror image
    with np.errstate(divide="ignore"):
        roots = np.sort(tops[:, ~same] / bottoms[:, ~same], axis=0)
    inside = bottoms[:, ~same].prod(axis=0) >= 0
    return (
        _end(roots[0], roots[1], inside, need - always),
        -_end(-roots[1], -roots[0], inside, need - always),
    )


def _end(low: np.ndarray, high: np.ndarray, inside: np.ndarray, need: int) -> float:
    """Return the least τ that `need` of the sets [low, high] (or their outsides) hold."""
    count = int((~inside).sum())
    if count >= need:
        return -math.inf
    place = np.concatenate([low[inside], high[~inside], low[~inside]])
    step = np.repeat([1, -1], [len(low), count])
    order = np.lexsort((-step, place))
    reached = count + np.cumsum(step[order]) >= need
    return float(place[order][np.argmax(reached)])
