"""Funnel plots: the limits that chance alone sets around a common rate, and over-dispersion.

References
----------
Spiegelhalter (2005), Funnel plots for comparing institutional performance, Statistics in Medicine
24, 1185–1202; and Handling over-dispersion of performance indicators, Quality and Safety in Health
Care 14, 347–351.
"""

from __future__ import annotations

import numpy as np
from scipy.special import bdtrik, ndtri, pdtrik

from evidence.stats.monitoring import intervals


def score_limits(centre: float, n: np.ndarray, level: float) -> intervals.Pair:
    """Return normal limits of a proportion, cut at 0 and 1: those that Wilson's test inverts."""
    n = np.asarray(n, float)
    half = ndtri(0.5 + level / 2) * np.sqrt(centre * (1 - centre) / n)
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)


def exact_limits(centre: float, n: np.ndarray, level: float) -> intervals.Pair:
    """Return the limits of a proportion whose exact interval (Clopper–Pearson) just has `centre`.

    0 or 1 where not even a count of 0 or n is beyond the limit.
    """
    n, tail = np.asarray(n, float), (1 - level) / 2
    low, high = bdtrik(tail, n, centre), bdtrik(1 - tail, n, centre) + 1
    return np.where((1 - centre) ** n < tail, low / n, 0.0), np.where(
        centre**n < tail, high / n, 1.0
    )


def poisson_limits(expected: np.ndarray, level: float) -> intervals.Pair:
    """Return the counts whose exact Poisson interval just has `expected`."""
    expected, tail = np.asarray(expected, float), (1 - level) / 2
    low = np.where(np.exp(-expected) < tail, pdtrik(tail, expected), 0.0)
    return low, pdtrik(1 - tail, expected) + 1


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
    drawn_in: np.ndarray = np.clip(z, low, high)
    return drawn_in


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
    k, least = len(z), np.min(error)
    weight = (np.asarray(error, float) / least) ** -2  # of any scale
    scale = weight.sum() - (weight**2).sum() / weight.sum()
    return float(max((k * overdispersion(z, share) - (k - 1)) / scale, 0.0) * least * least)
