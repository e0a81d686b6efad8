"""Funnel plots: the limits that chance alone sets around a common rate, and over-dispersion.

References
----------
Spiegelhalter (2005), Funnel plots for comparing institutional performance, Statistics in Medicine
24, 1185–1202; and Handling over-dispersion of performance indicators, Quality and Safety in Health
Care 14, 347–351.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import betainc, gammainc, ndtri

from evidence.stats import intervals


def score_limits(centre: float, n: np.ndarray, level: float) -> intervals.Pair:
    """Return normal limits of a proportion, cut at 0 and 1: those that Wilson's test inverts."""
    n = np.asarray(n, float)
    half = ndtri(0.5 + level / 2) * np.sqrt(centre * (1 - centre) / n)
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)


def exact_limits(centre: float, n: np.ndarray, level: float) -> intervals.Pair:
    """Return the limits of a proportion whose exact interval (Clopper–Pearson) just has `centre`.

    0 or 1 where not even a count of 0 or n is beyond the limit.
    """
    tail = (1 - level) / 2

    def limits(n: float) -> tuple[float, float]:
        low = _root(lambda x: 1 - betainc(x + 1, n - x, centre) - tail if x < n else 1.0, 0, n)
        high = _root(lambda x: betainc(x, n - x + 1, centre) - tail if x > 0 else 1.0, 0, n)
        return low / n, high / n

    return _each(limits, n)


def poisson_limits(expected: np.ndarray, level: float) -> intervals.Pair:
    """Return the counts whose exact Poisson interval just has `expected`."""
    tail = (1 - level) / 2

    def limits(mean: float) -> tuple[float, float]:
        most = mean + 10 * np.sqrt(mean) + 20
        low = _root(lambda x: 1 - gammainc(x + 1, mean) - tail, 0, most)
        return low, _root(lambda x: gammainc(x, mean) - tail if x > 0 else 1.0, 0, most)

    return _each(limits, expected)


def rate_limits(counts: np.ndarray, baseline: float, level: float) -> intervals.Pair:
    """Return the rates at which so many events would be just low or high against `baseline`.

    Notes
    -----
    Fingertips' funnels of rates: baseline × count / exact limit of the count.
    """
    counts = np.asarray(counts, float)
    low, high = intervals.poisson_exact(counts, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        return baseline * counts / high, np.where(counts > 0, baseline * counts / low, np.inf)


def winsorised(z: np.ndarray, share: float = 0.1) -> np.ndarray:
    """Return z-scores with the outer `share` on either side drawn in to that quantile."""
    low, high = np.quantile(z, (share, 1 - share))
    return np.clip(z, low, high)


def overdispersion(z: np.ndarray, share: float = 0.1) -> float:
    """Return φ, the mean square of the winsorised z-scores (Spiegelhalter 2005).

    Of normal z-scores it is .68 of their variance, with a tenth drawn in on either side: limits
    widened by it still let about one in ten stand out of those that differ like all others.
    """
    return float(np.mean(winsorised(z, share) ** 2))


def between_variance(z: np.ndarray, error: np.ndarray, share: float = 0.1) -> float:
    """Return τ², the additive over-dispersion of rates with standard errors `error`.

    Notes
    -----
    DerSimonian and Laird's moment estimate with φ of the winsorised z-scores; 0 unless φ exceeds
    (k − 1)/k.
    """
    k, weight = len(z), np.asarray(error, float) ** -2
    phi = overdispersion(z, share)
    scale = weight.sum() - (weight**2).sum() / weight.sum()
    return float(max((k * phi - (k - 1)) / scale, 0.0))


def _each(limits: object, n: np.ndarray) -> intervals.Pair:
    """Return the limits for each n, worked out once for each that differs."""
    sizes, places = np.unique(np.asarray(n, float), return_inverse=True)
    pairs = np.array([limits(size) for size in sizes]).reshape(-1, 2)
    return tuple(pairs[places.reshape(np.shape(n)), side] for side in (0, 1))


def _root(gap: object, low: float, high: float) -> float:
    """Return where `gap` crosses zero, or the end at which it never does."""
    first, last = gap(low), gap(high)
    if first * last > 0 or not np.isfinite(first * last):
        return low if abs(first) < abs(last) else high
    return float(brentq(gap, low, high, xtol=1e-10))
