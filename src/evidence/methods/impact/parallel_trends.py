"""Parallel trends: drifts that a test would miss, and intervals that allow for them (honest)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import chdtri, chndtr, fdtri, ncfdtr

from evidence.errors import EvidenceError, shown
from evidence.methods.core import frames
from evidence.methods.core.results import EventStudy, TableResult
from evidence.show import words
from evidence.stats.honest_did import Smooth, relative

_FURTHEST = 1e9  # noncentrality: a test that misses this finds nothing
_KINDS = ("relative", "smoothness")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PreTrend(TableResult):
    """The smallest steady drift that the test of times before the start would find.

    Parameters
    ----------
    slope : float
        Drift a time, in the outcome's units.
    power : float
        Chance that the joint test finds it.
    table : DataFrame
        `time` from the start on and `bias`, what such a drift would add to the effect.
    outcome, treatment : str
    """

    slope: float
    power: float
    table: pd.DataFrame
    outcome: str
    treatment: str

    def sentence(self) -> str:
        """Say which drift the test would miss, and what it would do to the effect."""
        return (
            f"{self.outcome}, {self.treatment}: the test of trends before the start would find a "
            f"steady drift of {words.number(self.slope, 2)} a time in {100 * self.power:.0f}% of "
            f"cases; going on, a drift this large would by itself look like a mean effect of "
            f"{words.number(float(self.table['bias'].mean()), 2)}."
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Honest(TableResult):
    """Intervals of an effect that hold though trends were not parallel, within bounds.

    Parameters
    ----------
    table : DataFrame
        `bound`, `ci_lower`, `ci_upper`; for "relative" also `set_lower`, `set_upper`, the range of
        effects at the estimates, without their error.
    kind : {"relative", "smoothness"}
    breakdown : float
        Largest bound whose interval excludes 0; NaN where none does.
    effect : str
        Which effect.
    level : float
    outcome, treatment : str
    """

    table: pd.DataFrame
    kind: str
    breakdown: float
    effect: str
    level: float
    outcome: str
    treatment: str

    def sentence(self) -> str:
        """Say until when the conclusion holds."""
        start = f"{self.outcome}, {self.treatment}: {self.effect}"
        value, relative = words.number(self.breakdown, 2), self.kind == "relative"
        if math.isnan(self.breakdown):
            how = (
                "even if trends were parallel" if relative else "once a steady drift is allowed for"
            )
            return f"{start} is not clear of zero {how}."
        until = (
            "the trends part, from one time to the next after the start, by "
            f"{value} times the most that they parted before it"
            if relative
            else f"the drift between the groups changes by more than {value} from one time to the "
            "next"
        )
        return f"{start} stays clear of zero until {until}."


def pre_trend(study: EventStudy, *, power: float = 0.8) -> PreTrend:
    """Return the steady drift that the joint test before the start finds with this power.

    Parameters
    ----------
    study : EventStudy
        With covariance: of :func:`~evidence.methods.impact.event_study`, or of
        :func:`~evidence.methods.impact.staggered` by "sunab".
    power : float
        Proportion between the test's size and 1.

    Raises
    ------
    EvidenceError
        The study has no covariance, or no joint test; power is out of range.

    Notes
    -----
    For δ_k = γ(k − reference) the statistic of the joint test is a noncentral F with
    λ = γ² t'V⁻¹t, V the covariance of the times tested and t their distances from the reference.

    References
    ----------
    Roth, J. (2022), American Economic Review: Insights 4(3), section I; doi:10.1257/aeri.20210236.
    """
    if not isinstance(power, Real) or not 1 - study.level < power < 1:
        raise EvidenceError(
            f"power is {shown(power)}; a proportion between {1 - study.level:.2g} and 1 is needed"
        )
    times, _, covariance, _ = _parts(study)
    if math.isnan(study.pre_p_value):
        raise EvidenceError(
            "study has no joint test before the start (too few times or clusters), so that no "
            "drift can be called detectable"
        )
    early = times < study.reference
    distance = (times[early] - study.reference).astype(float)
    unit = distance @ np.linalg.solve(covariance[np.ix_(early, early)], distance)
    q, rest = study.pre_df_num, study.pre_df_denom
    critical = chdtri(q, 1 - study.level) if math.isinf(rest) else fdtri(q, rest, study.level)

    def missed(size: float) -> float:
        if math.isinf(rest):
            return chndtr(critical, q, size)
        return ncfdtr(q, rest, size, critical)

    top = 1.0
    while missed(top) > 1 - power and top < _FURTHEST:
        top *= 2
    if not missed(top) <= 1 - power:
        raise EvidenceError(
            f"study has a joint test with {rest:.1f} degrees of freedom, too few for any drift to "
            "be called detectable"
        )
    slope = math.sqrt(brentq(lambda size: missed(size) - (1 - power), 1e-12, top) / unit)
    later = times[times >= 0]
    return PreTrend(
        slope=slope,
        power=power,
        table=pd.DataFrame({"time": later, "bias": slope * (later - study.reference)}),
        outcome=study.outcome,
        treatment=study.treatment,
    )


def honest(
    study: EventStudy,
    *,
    kind: str = "relative",
    bounds: Sequence[float] | None = None,
    time: int | None = None,
) -> Honest:
    """Return intervals that allow for trends that were not parallel, and where they reach zero.

    Parameters
    ----------
    study : EventStudy
        As for :func:`pre_trend`, with reference −1.
    kind : {"relative", "smoothness"}
        What is bounded: the step of the difference in trends from one time to the next after the
        start, as a multiple of the largest such step before it; or how much that step changes from
        one time to the next, in the outcome's units.
    bounds : sequence of float, optional
        By default 0, 0.5, 1, 1.5 and 2; for "smoothness" times the median standard error before
        the start.
    time : int, optional
        The effect at this time since the start; by default the mean of all from 0 on, each time
        counting the same.

    Returns
    -------
    Honest

    Raises
    ------
    EvidenceError
        The study has no covariance, another reference, gaps between its times, or no time before
        the reference; a bound is negative.

    Notes
    -----
    Smoothness: the optimal fixed-length interval. Among a'β̂ that count the effect in full and every
    linear trend with zero, the one whose half-length χ is least, where
    P(|N(b/s, 1)| ≤ χ/s) = level, s² = a'Va and b = M Σ|cumulated weights on steps| is the worst
    bias.

    Relative: **a conservative Bonferroni variant**, not the conditional and hybrid tests of the
    paper. A tenth of the error allowed is spent on U, an upper bound of the largest step before
    the start (each step's estimate plus its one-sided error), the rest on the effect:
    θ̂ ± (M K U + t s), where K counts how often steps add up in the effect. At bound 0 nothing is
    spent on U.

    Quantiles are those of t with the least df of the study's times.

    References
    ----------
    Rambachan, A. and Roth, J. (2023), Review of Economic Studies 90(5), eq. 7 and 8 (restrictions),
    17 and 18 (interval); doi:10.1093/restud/rdad018.
    """
    frames.one_of("kind", kind, _KINDS)
    times, estimate, covariance, df = _parts(study)
    if study.reference != -1:
        raise EvidenceError(f"study has reference {study.reference}; these bounds need -1")
    if (np.diff(np.sort([*times, -1])) != 1).any() or times[0] > -2:
        raise EvidenceError(
            "study must have its times without a gap, at least one of them before -1, so that "
            "steps from one time to the next can be compared"
        )
    if time is not None and time not in times[times >= 0].tolist():
        raise EvidenceError(
            f"time is {shown(time)}; the study's times from 0 on end at {times[-1]}"
        )
    later = times >= 0
    target = np.where(later, 1 / later.sum(), 0.0) if time is None else (times == time) * 1.0
    if bounds is None:
        scale = float(np.sqrt(np.median(np.diag(covariance)[~later])))
        bounds = (np.arange(0, 2.5, 0.5) * (1 if kind == "relative" else scale)).tolist()
    bounds = [frames.number("bounds", bound, 0) for bound in frames.listed(bounds)]
    if not bounds:
        raise EvidenceError("bounds must be numbers from 0 on, at least one")
    arrays = (times, estimate, covariance, target, df, study.level)
    if kind == "relative":
        effect, reach, largest, upper, half, plain = relative(*arrays)
        most = np.asarray(bounds, float) * reach
        # With no violation at all nothing need be spent on the steps before the start.
        wide = np.where(most > 0, most * upper + half, plain)
        table = pd.DataFrame(
            {
                "bound": bounds,
                "ci_lower": effect - wide,
                "ci_upper": effect + wide,
                "set_lower": effect - most * largest,
                "set_upper": effect + most * largest,
            }
        )
        clear = abs(effect) > plain
        breakdown = max(0.0, (abs(effect) - half) / (reach * upper)) if clear else math.nan
    else:
        smooth = Smooth(*arrays)
        rows = [(bound, *smooth.interval(bound)) for bound in bounds]
        table = pd.DataFrame(rows, columns=["bound", "ci_lower", "ci_upper"])
        breakdown = smooth.breakdown()
    return Honest(
        table=table,
        kind=kind,
        breakdown=breakdown,
        effect="the mean effect" if time is None else f"the effect at time {time}",
        level=study.level,
        outcome=study.outcome,
        treatment=study.treatment,
    )


def _parts(study: EventStudy) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return times, estimates, covariance and the least df of a study."""
    if study.covariance is None:
        raise EvidenceError(
            "study has no covariance: its times are not all compared with one; use event_study, or "
            "staggered with method='sunab'"
        )
    table = study.table[study.table["time"] != study.reference]
    if not np.isfinite(study.covariance).all():
        raise EvidenceError(
            "study has an effect that one cluster alone decides, so that its covariance is not "
            "known; name smaller clusters"
        )
    return (
        table["time"].to_numpy(),
        table["estimate"].to_numpy(),
        study.covariance,
        float(table["df"].min()),
    )
