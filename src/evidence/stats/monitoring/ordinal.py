"""Ordered categories given twice: tables of two judgements, agreement, tests of direction."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import bdtr, chdtrc


def cross_table(first: np.ndarray, second: np.ndarray, levels: int) -> np.ndarray:
    """Return how many have each pair of codes 0 … levels − 1, shape (levels, levels)."""
    table = np.zeros((levels, levels), int)
    np.add.at(table, (first, second), 1)
    return table


def weights(levels: int, kind: str) -> np.ndarray:
    """Return how far two categories disagree, 0 to 1: "unweighted", "linear" or "quadratic"."""
    gap = np.abs(np.subtract.outer(np.arange(levels), np.arange(levels)))
    if kind == "unweighted":
        return (gap > 0).astype(float)
    return (gap / max(levels - 1, 1)) ** (1 if kind == "linear" else 2)


def kappa(table: np.ndarray, kind: str = "linear") -> tuple[float, float]:
    """Return weighted κ and its standard error; NaN where all fall in one category.

    References
    ----------
    Cohen (1968), Psychological Bulletin 70, 213–220; Fleiss, Cohen and Everitt (1969),
    Psychological Bulletin 72, 323–327, eq. 10.
    """
    n, share = table.sum(), table / table.sum()
    agree = 1 - weights(len(table), kind)
    row, column = share.sum(1), share.sum(0)
    observed, chance = (agree * share).sum(), (agree * np.outer(row, column)).sum()
    if chance == 1:
        return math.nan, math.nan
    mean = (agree @ column)[:, None] + (row @ agree)[None, :]
    variance = (share * (agree * (1 - chance) - mean * (1 - observed)) ** 2).sum()
    variance -= (observed * chance - 2 * chance + observed) ** 2
    error = math.sqrt(max(variance, 0)) / ((1 - chance) ** 2 * math.sqrt(n))
    return float((observed - chance) / (1 - chance)), float(error)


def sign_test(up: int, down: int) -> float:
    """Return the two-sided exact p of as many ups and downs if each were as likely."""
    n = up + down
    return float(min(1.0, 2 * bdtr(min(up, down), n, 0.5))) if n else 1.0


def stuart_maxwell(table: np.ndarray) -> tuple[float, int, float]:
    """Return χ², degrees of freedom and p of equal margins (Stuart 1955, Maxwell 1970).

    NaN where categories that nobody moved between leave it undefined.
    """
    used = (table.sum(0) + table.sum(1)) > 0
    table = table[np.ix_(used, used)]
    gap = (table.sum(1) - table.sum(0))[:-1]
    variance = (np.diag(table.sum(1) + table.sum(0)) - table - table.T)[:-1, :-1]
    df = len(table) - 1
    if df < 1 or np.linalg.matrix_rank(variance) < df:
        return math.nan, df, math.nan
    statistic = float(gap @ np.linalg.solve(variance, gap))
    return statistic, df, float(chdtrc(df, statistic))
