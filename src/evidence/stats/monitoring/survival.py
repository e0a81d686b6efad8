"""Time until something happens, with cases still open: Kaplan–Meier, quantiles, log-rank test."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtri


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A Kaplan–Meier curve; arrays have one place a time at which something happened.

    Parameters
    ----------
    time, at_risk, events, survival, std_error, lower, upper : ndarray
        Greenwood's standard error; limits on the log(−log) scale, NaN where survival is 0 or 1.
    last : float
        The longest duration seen, finished or not.
    """

    time: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    survival: np.ndarray
    std_error: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    last: float

    def at(self, time: float) -> tuple[float, float, float, float]:
        """Return survival, standard error and limits at a time; NaN after the last duration."""
        if time > self.last and self.survival[-1:].sum() > 0:
            return math.nan, math.nan, math.nan, math.nan
        place = np.searchsorted(self.time, time, side="right") - 1
        if place < 0:
            return 1.0, 0.0, math.nan, math.nan
        return (
            float(self.survival[place]),
            float(self.std_error[place]),
            float(self.lower[place]),
            float(self.upper[place]),
        )

    def quantile(self, share: float) -> tuple[float, float, float]:
        """Return the time by which `share` is done, and its limits (Brookmeyer and Crowley).

        Where the curve is level at `share`, the middle of that stretch, as R's survival has it.
        """

        def first(values: np.ndarray) -> float:
            below = np.flatnonzero(values <= 1 - share + 1e-9)
            if not len(below):
                return math.nan
            after = np.flatnonzero(values < 1 - share - 1e-9)
            end = self.time[after[0]] if len(after) else self.last
            level = abs(values[below[0]] - (1 - share)) < 1e-9
            return float((self.time[below[0]] + end) / 2 if level else self.time[below[0]])

        return first(self.survival), first(self.lower), first(self.upper)

    def restricted_mean(self, until: float) -> float:
        """Return the mean duration up to `until`, the area under the curve."""
        times = np.concatenate([[0.0], self.time[self.time < until], [until]])
        height = np.concatenate([[1.0], self.survival[self.time < until]])
        return float((np.diff(times) * height).sum())


def kaplan_meier(duration: np.ndarray, event: np.ndarray, level: float = 0.95) -> Curve:
    """Return the Kaplan–Meier curve of durations; `event` is false for a case still open.

    References
    ----------
    Kaplan and Meier (1958), Journal of the American Statistical Association 53, 457–481;
    Kalbfleisch and Prentice (2002), The Statistical Analysis of Failure Time Data, section 1.4.
    """
    duration, event = np.asarray(duration, float), np.asarray(event, bool)
    time = np.unique(duration[event])
    ordered = np.sort(duration)
    at_risk = len(ordered) - np.searchsorted(ordered, time, side="left")
    done = np.sort(duration[event])
    events = np.searchsorted(done, time, side="right") - np.searchsorted(done, time, side="left")
    left = at_risk - events
    survival = np.cumprod(left / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.cumsum(events / (at_risk * left))
        std_error = survival * np.sqrt(terms)
        log = np.log(survival)
        spread = ndtri(0.5 + level / 2) * np.sqrt(terms) / log
        lower, upper = (survival ** np.exp(sign * spread) for sign in (-1, 1))
    inside = (survival > 0) & (survival < 1)
    lower, upper, std_error = (np.where(inside, x, np.nan) for x in (lower, upper, std_error))
    return Curve(
        time, at_risk, events, survival, std_error, lower, upper, float(duration.max(initial=0))
    )


def log_rank(
    duration: np.ndarray, event: np.ndarray, group: np.ndarray
) -> tuple[float, int, float]:
    """Return χ², degrees of freedom and p of the log-rank test between the codes of `group`."""
    duration, event, group = (np.asarray(x) for x in (duration, event, group))
    event = event.astype(bool)
    times, groups = np.unique(duration[event]), np.unique(group)
    risk = np.array([[(duration[group == g] >= t).sum() for t in times] for g in groups])
    done = np.array(
        [[((duration == t) & event & (group == g)).sum() for t in times] for g in groups]
    )
    n, d = risk.sum(0), done.sum(0)
    share = risk / n
    gap = (done - d * share).sum(1)
    factor = np.divide(d * (n - d), n - 1, out=np.zeros(len(n)), where=n > 1)
    variance = np.diag((factor * share).sum(1)) - (factor * share) @ share.T
    statistic = float(gap[1:] @ np.linalg.pinv(variance[1:, 1:]) @ gap[1:])
    return statistic, len(groups) - 1, float(chdtrc(len(groups) - 1, statistic))
