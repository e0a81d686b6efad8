"""Looking each time a trial arrives: an interval that stays valid however often one looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import stdtrit

from evidence.errors import EvidenceError
from evidence.methods.core.results import TableResult
from evidence.methods.synthesis.pooling import Column, checked, numbers
from evidence.show import words
from evidence.stats import covariance
from evidence.stats.meta_analysis import Weighted, heterogeneity


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ConfidenceSequence(TableResult):
    """The pooled effect after each trial, with ordinary and always-valid intervals.

    Parameters
    ----------
    table : DataFrame
        A row a trial, in the order of arrival: `label`, `n_studies`, `estimate`, `ci_lower`,
        `ci_upper` (always valid; infinite while there is none), `ordinary_lower`,
        `ordinary_upper` (Hartung–Knapp, as if nobody had looked before; NaN for the first).
    level : float
    """

    table: pd.DataFrame
    level: float

    def sentence(self) -> str:
        """Say the answer so far, and from when on it excluded zero."""
        last = self.table.iloc[-1]
        text = (
            f"After {words.counted(len(self.table), 'trial')}: "
            f"{words.number(last['estimate'], 2, sign=True)}, "
            f"{words.interval(last['ci_lower'], last['ci_upper'], 2)} however often one looks"
        )
        apart = (self.table["ci_lower"] > 0) | (self.table["ci_upper"] < 0)
        if not apart.any():
            return f"{text}; zero is not excluded so far."
        return f"{text}; zero was excluded after {self.table['n_studies'][apart.idxmax()]}."


def confidence_sequence(
    estimates: Column,
    std_errors: Column,
    *,
    labels: Sequence[str] | None = None,
    planned: int = 10,
    level: float = 0.95,
) -> ConfidenceSequence:
    """Pool trials as they arrive, with intervals that hold at all looks together.

    Parameters
    ----------
    estimates, std_errors : array-like of shape (k,)
        In the order of arrival. A trial that is missing because of its result is no part of what
        this promises.
    labels : sequence of str, optional
    planned : int
        After about how many trials the interval should be tightest. It must not be chosen after
        looking.
    level : float
        The true mean lies in *all* intervals with at least this probability.

    Raises
    ------
    EvidenceError
        As :func:`evidence.methods.synthesis.pooling.pool`, or `planned` is below 1.

    Notes
    -----
    With weights w_t = 1/(v_t + τ̂²_{t−1}) that are known before result t (τ̂² of the earlier ones by
    Paule–Mandel), S_t(μ) = Σ w(y − μ) and V_t(μ) = Σ w²(y − μ)², the product
    √(ρ/(ρ + V)) exp(S²/(2(ρ + V))) is at the true μ a supermartingale beginning at 1, whatever τ²
    is, where results are symmetric around μ. The interval holds all μ at which it has stayed below
    1/α. It is tightest where V is ρ(b + log(1 + b)) with b = 2 log(1/α); V is about Σw, so that
    ρ = planned × w_1/(b + log(1 + b)).

    References
    ----------
    de la Peña, V., Klass, M. and Lai, T. (2004), Annals of Probability 32(3), theorem 2.1 and
    example 4.1. Howard, S. et al. (2021), Annals of Statistics 49(2), section 4.
    """
    covariance.check_level(level)
    given = checked(estimates, std_errors, labels=labels, least=1)
    if not (numbers("planned", [planned]) >= 1).all():
        raise EvidenceError(f"planned is {planned}; 1 or more is needed")
    y, v = given.estimates, given.std_errors**2
    bound = -2 * math.log(1 - level)
    weights, ones, rows = np.empty(len(y)), np.ones((len(y), 1)), []
    low, high = -math.inf, math.inf
    for t in range(len(y)):
        one = ones[: t + 1]
        weights[t] = 1 / (v[t] + (heterogeneity(y[:t], v[:t], one[:t], "PM") if t else 0.0))
        w, rho = weights[: t + 1], planned * weights[0] / (bound + math.log1p(bound))
        middle = float(w @ y[: t + 1] / w.sum())
        here = _limits(w, y[: t + 1], middle, rho, bound)
        low, high = max(low, here[0]), min(high, here[1])
        ordinary = (math.nan, math.nan)
        if t:  # what `pool` says by default
            fit = Weighted.of(
                y[: t + 1], v[: t + 1], one, heterogeneity(y[: t + 1], v[: t + 1], one, "REML")
            )
            middle, half = float(fit.coefficients[0]), stdtrit(t, (1 + level) / 2)
            half *= math.sqrt(fit.bread[0, 0] * fit.q / t)
            ordinary = (middle - half, middle + half)
        rows.append((given.labels[t], t + 1, middle, low, high, *ordinary))
    names = ["label", "n_studies", "estimate", "ci_lower", "ci_upper"]
    table = pd.DataFrame(rows, columns=[*names, "ordinary_lower", "ordinary_upper"])
    return ConfidenceSequence(table=table, level=level)


def _limits(
    w: np.ndarray, y: np.ndarray, middle: float, rho: float, bound: float
) -> tuple[float, float]:
    """Return where the supermartingale reaches 1/α below and above `middle`; infinite if never."""

    def over(mu: float) -> float:
        scores = w * (y - mu)
        whole = rho + float(scores @ scores)
        return float(scores.sum()) ** 2 / whole - math.log(whole / rho) - bound

    ends = []
    for sign in (-1, 1):
        step = 1 / math.sqrt(w.sum())
        while over(middle + sign * step) < 0 and step < 1e6:
            step *= 1.5
        end = sign * math.inf
        if over(middle + sign * step) >= 0:
            end = brentq(over, *sorted((middle, middle + sign * step)), xtol=1e-12)
        ends.append(float(end))
    return ends[0], ends[1]
