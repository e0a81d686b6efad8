"""Intervals for proportions, counts and their differences."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, chdtri, ndtri

Pair = tuple[np.ndarray, np.ndarray]
Number = float | np.ndarray
Limits = tuple[Number, Number]


def wilson(count: ArrayLike, n: ArrayLike, level: float = 0.95) -> Pair:
    """Return the limits of Wilson's score interval for a proportion.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209–212.
    """
    count, n = np.asarray(count, float), np.asarray(n, float)
    z = ndtri(0.5 + level / 2)
    share = count / n
    half = z * np.sqrt(z**2 + 4 * count * (1 - share))
    low, high = ((2 * count + z**2 + sign * half) / (2 * (n + z**2)) for sign in (-1, 1))
    return np.where(count == 0, 0.0, low), np.where(count == n, 1.0, high)


def clopper_pearson(count: ArrayLike, n: ArrayLike, level: float = 0.95) -> Pair:
    """Return the limits of the exact binomial interval (Clopper and Pearson 1934)."""
    count, n = np.asarray(count, float), np.asarray(n, float)
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(count > 0, betaincinv(np.maximum(count, 1e-9), n - count + 1, tail), 0.0)
        high = betaincinv(count + 1, np.maximum(n - count, 1e-9), 1 - tail)
    return low, np.where(count < n, high, 1.0)


def poisson_exact(count: ArrayLike, level: float = 0.95) -> Pair:
    """Return the exact limits of a Poisson mean: quantiles of χ² (Garwood 1936)."""
    count = np.asarray(count, float)
    tail = (1 - level) / 2
    low = chdtri(2 * np.maximum(count, 1e-9), 1 - tail) / 2
    return np.where(count > 0, low, 0.0), chdtri(2 * count + 2, tail) / 2


def byar(count: ArrayLike, level: float = 0.95) -> Pair:
    """Return Byar's limits of a Poisson mean, NaN below where the cube would be negative.

    References
    ----------
    Breslow and Day (1987), Statistical Methods in Cancer Research II, p. 69.
    """
    count = np.asarray(count, float)
    z = ndtri(0.5 + level / 2)
    more = count + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        root = 1 - 1 / (9 * count) - z / (3 * np.sqrt(count))
        low = np.where(root >= 0, count * root**3, np.nan)
    return (
        np.where(count > 0, low, 0.0),
        more * (1 - 1 / (9 * more) + z / (3 * np.sqrt(more))) ** 3,
    )


def poisson(count: ArrayLike, level: float = 0.95) -> Pair:
    """Return exact limits of a Poisson mean below 10 and Byar's from there on, as Fingertips."""
    few = np.asarray(count, float) < 10
    pairs = zip(poisson_exact(count, level), byar(count, level), strict=True)
    low, high = (np.where(few, exact, near) for exact, near in pairs)
    return low, high


def combine(first: Number, first_limits: Limits, second: Number, limits: Limits) -> Pair:
    """Return limits of `first` − `second` from the limits of each, which are independent.

    Notes
    -----
    Newcombe (1998), Statistics in Medicine 17, 873–890, method 10, where both are proportions with
    Wilson limits; in general the method of variance estimates recovery (Zou and Donner 2008,
    Statistics in Medicine 27, 1693–1702).
    """
    difference = np.subtract(first, second)
    low = difference - np.hypot(first - first_limits[0], limits[1] - second)
    high = difference + np.hypot(first_limits[1] - first, second - limits[0])
    return low, high


def newcombe(
    first: ArrayLike, n_first: ArrayLike, second: ArrayLike, n_second: ArrayLike, level: float
) -> Pair:
    """Return Newcombe's limits of the difference of two proportions, first less second.

    `first` and `second` are counts.
    """
    shares = np.divide(first, n_first), np.divide(second, n_second)
    limits = wilson(first, n_first, level), wilson(second, n_second, level)
    return combine(shares[0], limits[0], shares[1], limits[1])
