"""Looking each time a trial arrives: an interval that stays valid however often one looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from evidence.errors import EvidenceError
from evidence.methods.core.results import TableResult
from evidence.methods.synthesis.inputs import checked, numbers
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
        `ci_upper` (always valid), `ordinary_lower`,
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
    estimates: Sequence[float] | np.ndarray | pd.Series,
    std_errors: Sequence[float] | np.ndarray | pd.Series,
    *,
    labels: Sequence[str] | None = None,
    expected: float = 0.2,
    level: float = 0.95,
) -> ConfidenceSequence:
    """Pool trials as they arrive, with intervals that hold at all looks together.

    Parameters
    ----------
    estimates, std_errors : array-like of shape (k,)
        In the order of arrival. A trial that is missing because of its result is no part of what
        this promises.
    labels : sequence of str, optional
    expected : float
        How large effects of this kind are, about. It must not be chosen after looking; a poor
        guess makes intervals wider, never wrong.
    level : float
        The true mean lies in *all* intervals with at least this probability.

    Raises
    ------
    EvidenceError
        As :func:`evidence.methods.synthesis.pooling.pool`, or `expected` is not above 0.

    Notes
    -----
    Results are normal around μ with variance v + τ². Let m_t be the density of the first t results
    mixed over μ ~ N(0, expected²) and a half-normal τ. At the true μ and τ the ratio of m_t to
    their density is a martingale beginning at 1, so that it ever reaches 1/α with probability α at
    most, whatever the mixture. The interval holds all μ for which some τ keeps it below: for each
    τ those within √(2(ℓ_τ − log m_t − log α)/Σw) of the weighted mean, ℓ_τ the largest log
    density.

    References
    ----------
    Robbins, H. (1970), Annals of Mathematical Statistics 41(5), section 3. Wasserman, L., Ramdas,
    A. and Balakrishnan, S. (2020), PNAS 117(29), section 8.
    """
    covariance.check_level(level)
    given = checked(estimates, std_errors, labels=labels, least=1)
    if not (numbers("expected", [expected]) > 0).all():
        raise EvidenceError(f"expected is {expected}; a number above 0 is needed")
    y, v = given.estimates, given.std_errors**2
    lows, highs = _always(y, v, expected, level)
    rows, ones = [], np.ones((len(y), 1))
    for t in range(len(y)):
        one, middle = ones[: t + 1], float(y[0])
        ordinary = (math.nan, math.nan)
        if t:  # what `pool` says by default
            fit = Weighted.of(
                y[: t + 1], v[: t + 1], one, heterogeneity(y[: t + 1], v[: t + 1], one, "REML")
            )
            middle, half = float(fit.coefficients[0]), stdtrit(t, (1 + level) / 2)
            half *= math.sqrt(fit.bread[0, 0] * fit.q / t)
            ordinary = (middle - half, middle + half)
        rows.append((given.labels[t], t + 1, middle, lows[t], highs[t], *ordinary))
    names = ["label", "n_studies", "estimate", "ci_lower", "ci_upper"]
    table = pd.DataFrame(rows, columns=[*names, "ordinary_lower", "ordinary_upper"])
    return ConfidenceSequence(table=table, level=level)


def _always(
    y: np.ndarray, v: np.ndarray, expected: float, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the interval after each result: the largest over a grid of τ."""
    tau = expected * np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 300)])
    share = np.exp(-0.5 * (2 * tau / expected) ** 2) * np.gradient(tau)
    w = 1 / (v + tau[:, None] ** 2)
    total, first, square = (np.cumsum(w * part, axis=1) for part in (1.0, y, y**2))
    best = 0.5 * (np.cumsum(np.log(w), axis=1) - square + first**2 / total)
    wider = total + expected**-2.0
    mixed = 0.5 * (np.cumsum(np.log(w), axis=1) - square + first**2 / wider)
    mixed -= np.log(expected) + 0.5 * np.log(wider)
    largest = mixed.max(axis=0)
    mixture = largest + np.log(share @ np.exp(mixed - largest) / share.sum())
    room = 2 * (best - mixture - math.log(1 - level)) / total
    half = np.sqrt(np.maximum(room, 0.0))
    low = np.where(room > 0, first / total - half, math.inf).min(axis=0)
    high = np.where(room > 0, first / total + half, -math.inf).max(axis=0)
    return np.maximum.accumulate(low), np.minimum.accumulate(high)
