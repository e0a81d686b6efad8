"""The randomisation test of a panel: whole histories of treatment change places among units."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.allocation_rule import Allocation, asked
from evidence.methods.core.results import Estimate, words_of
from evidence.methods.impact.panel_data import PanelData
from evidence.methods.impact.panel_data import read as read_panel
from evidence.methods.impact.two_way import caveats, two_way
from evidence.stats import covariance
from evidence.stats.permutation import every, judged, possible, shuffled, statistics


def randomisation_test(
    panel: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    cluster: str | None = None,
    strata: str | None = None,
    weights: str | None = None,
    covariates: Sequence[str] = (),
    overlap: Sequence[str] = (),
    allocation: Allocation | None = None,
    draws: int = 999,
    seed: int = 0,
    statistic: str = "difference",
    level: float = 0.95,
) -> Estimate:
    """Test the effect of :func:`evidence.methods.impact.did` by moving treatment among units.

    The arguments of `did`, and

    Parameters
    ----------
    cluster : str, optional
        Column of groups that joined together, such as federations: whole groups change places.
    strata : str, optional
        Column, constant within units, inside which histories change places: units that were as
        likely to join.
    allocation : callable, optional
        The rule as ``allocation(rng, draws)``, which returns an array (draws × units) of 0 and 1,
        the units sorted by label; as in :func:`evidence.methods.trials.randomisation_test`. It
        needs a programme with one history, such as one start.
    draws, seed : int
        Draws and their seed. A programme with one history whose places allow no more draws has
        each taken once.
    statistic : {"difference", "t"}
        The coefficient, or its ratio to its classical standard error.

    Returns
    -------
    Estimate
        That of `did`; `p_value` two-sided; the interval holds the effects, the same for every
        treated row (or in proportion to the dose), that the test does not reject. `std_error` is
        the standard deviation of the statistic under the effect estimated; `df` is NaN.

    Raises
    ------
    EvidenceError
        As `did`; histories differ within a cluster; strata are missing or vary within units; a
        programme that ends or has doses lacks rows; no other assignment is possible.

    Notes
    -----
    p = (1 + #{|T*| ≥ |T|})/(1 + draws). The plain coefficient is the default: under the null that
    nobody's result would have differed the test is exact with it whatever the number of treated
    units, and its interval is that of the coefficient reported. It supposes that units of a stratum
    could as well have changed places; where they chose, or were chosen for their results, it tests
    that as much as the effect.

    References
    ----------
    MacKinnon, J. G. and Webb, M. D. (2020), Journal of Econometrics 218(2), section 3. Phipson, B.
    and Smyth, G. K. (2010), Statistical Applications in Genetics and Molecular Biology 9(1), eq. 2.
    """
    frames.one_of("statistic", statistic, ("difference", "t"))
    covariance.check_level(level)
    frames.whole("draws", draws, 1)
    given = {"cluster": cluster, "weights": weights, "covariates": covariates, "overlap": overlap}
    given |= {"outcome": outcome, "treatment": treatment, "unit": unit, "time": time}
    read = read_panel(panel, **given)
    name, label = cluster or unit, f"column {treatment!r}"
    mover = read.unit if cluster is None else read.cluster
    block = _blocks(panel, read, mover, strata, name)
    codes, values = _histories(read, mover, label, name)
    k, rng = len(values), np.random.default_rng(seed)
    exact = False
    if allocation is not None:
        if k > 1:
            raise EvidenceError(
                f"{label} has {k} different histories, such as starts; allocation= needs one: "
                "give strata= instead"
            )
        labels = frames.factor(panel, name)
        places = np.unique(labels[0][read.places])
        drawn = asked(allocation, rng, draws, labels[1], len(labels[1]), places)
    else:
        total = possible(codes, block, draws) if k == 1 else math.inf
        exact = total <= draws
        if not any(np.ptp(codes[block == b]) for b in range(int(block.max()) + 1)):
            raise EvidenceError(
                f"{label}: no two {name} of a stratum have different histories, so that nothing "
                "can change places; use broader strata"
            )
        drawn = every(codes, block, total) if exact else shuffled(codes, block, rng, draws)
    made = two_way(read, read.dose[:, None], label)
    rows, column, value = _columns(read, mover, values)
    given = (rows, column, value, k * len(codes))
    observed, drew, slopes = statistics(made, read.outcome, given, _one_hot(drawn, k), statistic)
    p_value, (lower, upper), error, notes = judged(observed, drew, slopes, exact, level)
    if error <= 1e-10 * np.std(read.outcome):
        raise EvidenceError(
            f"column {outcome!r} is explained exactly by treatment and covariates: there is no "
            "chance to judge by"
        )
    within = f" within {strata}" if strata else ""
    what = f"histories of {name} moved" + (within if allocation is None else " by rule")
    ever = np.isfinite(read.start)[read.unit]
    return Estimate(
        estimand="att",
        outcome=outcome,
        treatment=f"{treatment} against no {treatment}",
        method=f"{read.method}, {words_of(statistic, what, len(drew), exact)}",
        unit="score",
        estimate=observed,
        std_error=error,
        statistic=observed / error,
        df=math.nan,
        p_value=p_value,
        ci_lower=lower,
        ci_upper=upper,
        level=level,
        n_obs=made.n_obs,
        n_clusters=len(codes),
        n_treated=int(ever.sum()),
        n_control=int((~ever).sum()),
        caveats=(*caveats(read, made, math.inf), *notes),
    )


def _blocks(
    panel: pd.DataFrame, read: PanelData, mover: np.ndarray, strata: str | None, name: str
) -> np.ndarray:
    """Return the stratum of each unit that changes places."""
    if strata is None:
        return np.zeros(int(mover.max()) + 1, int)
    frames.require(panel, (strata,))
    codes = frames.factor(panel, strata)[0][read.places]
    if (codes < 0).any():
        raise EvidenceError(
            f"column {strata!r}, row {read.places[codes < 0][0] + 1}: no stratum given "
            f"({int((codes < 0).sum())} such rows); every unit needs one"
        )
    block = np.empty(int(mover.max()) + 1, int)
    block[mover] = codes
    if (block[mover] != codes).any():
        raise EvidenceError(
            f"column {strata!r} varies within {name!r}, so that histories cannot change places "
            "within it; give the stratum of the time before the start"
        )
    return np.unique(block, return_inverse=True)[1]


def _histories(
    read: PanelData, mover: np.ndarray, label: str, name: str
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return each unit's history (0 is never treated), and the treatment by time of the others."""
    times, when = np.unique(read.time, return_inverse=True)
    start = read.start[read.unit]
    lasting = (read.dose == (read.time >= start)).all()
    if lasting:  # the start says all, even at times for which a unit has no row
        table = (times >= start[:, None]).astype(float)
    else:
        table = np.full((int(read.unit.max()) + 1, len(times)), np.nan)
        table[read.unit, when] = read.dose
        if lost := int(np.isnan(table).any(axis=1).sum()):
            raise EvidenceError(
                f"{label} ends again or is a dose, and {lost} units lack a row at some time, so "
                "that their history is not known; complete them or leave those units out"
            )
        table = table[read.unit]
    own = np.empty((int(mover.max()) + 1, len(times)))
    own[mover] = table
    if (own[mover] != table).any():
        raise EvidenceError(
            f"{label} differs within {name!r}: units of one cluster that did not join together "
            "cannot change places as one; leave out cluster="
        )
    nought = np.zeros((1, len(times)))
    found, codes = np.unique(np.vstack([nought, own]), axis=0, return_inverse=True)
    codes = codes.ravel()
    order = np.argsort(np.abs(found).sum(axis=1) > 0, kind="stable")  # never treated comes first
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    return rank[codes[1:]].astype(float), list(found[order][1:])


def _columns(
    read: PanelData, mover: np.ndarray, values: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, columns (history × unit) and doses of every way a row can be treated."""
    when = np.unique(read.time, return_inverse=True)[1]
    units = int(mover.max()) + 1
    dose = np.array(values)[:, when]
    history, rows = np.nonzero(dose)
    return rows, history * units + mover[rows], dose[history, rows]


def _one_hot(drawn: Iterator[np.ndarray], k: int) -> Iterator[np.ndarray]:
    """Turn histories 0 … k of each unit into 0 and 1 by history and unit."""
    for z in drawn:
        yield np.concatenate([z == history for history in range(1, k + 1)], axis=1).astype(float)
