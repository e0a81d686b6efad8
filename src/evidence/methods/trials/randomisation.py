"""The randomisation test: pupils or schools are allocated again by the same rule."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.allocation_rule import asked
from evidence.methods.core.reading import kept
from evidence.methods.core.results import Estimate, words_of
from evidence.methods.trials.allocation_rule import blocks, in_order, whole_clusters
from evidence.methods.trials.itt import answer
from evidence.methods.trials.trial_data import TrialData, of_trial
from evidence.stats import covariance
from evidence.stats.permutation import (
    every,
    first_rows,
    judged,
    possible,
    shuffled,
    statistics,
)


@of_trial()
@kept
def randomisation_test(
    trial: TrialData,
    *,
    allocation: Callable[[np.random.Generator, int], object] | None = None,
    draws: int = 9999,
    seed: int = 0,
    statistic: str = "difference",
    level: float = 0.95,
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
    cluster, whole = trial.columns["cluster"], whole_clusters(trial)
    made = _draws(trial, allocation=allocation, draws=draws, seed=seed, statistic=statistic)
    p_value, (lower, upper), error, notes = judged(
        made.observed, made.values, made.slopes, made.exact, level
    )
    within = [trial.columns["strata"], None if whole else cluster]
    named = " and ".join(dict.fromkeys(filter(None, within)))
    rule = f" within {named}" if named else ""
    what = f"{cluster if whole else 'pupils'} drawn" + (rule if allocation is None else " by rule")
    estimate = answer(
        trial,
        words_of(statistic, what, len(made.values), made.exact),
        (made.observed, error, math.nan),
        level,
    )
    caveats = (*estimate.caveats, *notes)
    return replace(estimate, p_value=p_value, ci_lower=lower, ci_upper=upper, caveats=caveats)


class _Draws(NamedTuple):
    """The statistic observed, that of every draw, and how each depends on the effect assumed."""

    observed: float
    values: np.ndarray
    slopes: np.ndarray
    exact: bool


@kept
def _draws(
    trial: TrialData, *, allocation: Allocation | None, draws: int, seed: int, statistic: str
) -> _Draws:
    """Draw; kept, since an interval of another level is read off the same draws."""
    cluster = trial.columns["cluster"]
    whole = whole_clusters(trial)
    if trial.crossing and allocation is None:
        raise EvidenceError(
            f"randomisation_test: {trial.crossing}; else state the rule by allocation="
        )
    if not whole:
        trial = in_order(trial)
    unit = trial.clusters if whole else np.arange(len(trial.outcome))
    first = first_rows(unit)
    first = first[(trial.treated | trial.control)[first]]  # the units that can change places
    treated, block = trial.treated[first].astype(float), blocks(trial, whole)[first]
    rng = np.random.default_rng(seed)
    exact = False
    if allocation is not None:
        rows = trial.rows[first]
        if whole:
            codes, labels = frames.factor(trial.data, trial.column("cluster"))
            drawn = asked(allocation, rng, draws, labels, len(labels), codes[rows])
        else:
            drawn = asked(allocation, rng, draws, None, len(trial.data), rows)
    else:
        total = possible(treated, block, draws)
        exact = total <= draws
        if total < 2:
            raise EvidenceError(
                f"column {trial.columns['treatment']!r}: the rule of allocation allows no other "
                "allocation; a test needs both arms, and another unit, in at least one stratum"
            )
        drawn = every(treated, block, int(total)) if exact else shuffled(treated, block, rng, draws)
    place = np.full(int(unit.max()) + 1, -1)
    place[unit[first]] = np.arange(len(first))
    rows = np.flatnonzero(place[unit] >= 0)
    sums = (rows, place[unit[rows]], np.ones(len(rows)), len(first))
    observed, values, slopes = statistics(trial.design, trial.outcome, sums, drawn, statistic)
    return _Draws(observed, values, slopes, exact)
