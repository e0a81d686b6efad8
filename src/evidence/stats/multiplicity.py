"""Several answers at once: p-values that account for how many questions were asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evidence.errors import EvidenceError, shown


def adjust(p_values: Sequence[float], method: str = "bh") -> np.ndarray:
    """Adjust p-values for the number of tests.

    Parameters
    ----------
    p_values : sequence of float
        NaN stands for a test that could not be made: it stays NaN and is not counted.
    method : {"bh", "holm"}
        Benjamini–Hochberg, which holds the share of false findings among the findings, or Holm,
        which holds the chance of any false finding.

    Returns
    -------
    ndarray
        In the order given.

    Raises
    ------
    EvidenceError
        The method is unknown, or a p-value lies outside 0 to 1.

    References
    ----------
    Benjamini, Y. and Hochberg, Y. (1995), JRSS B 57(1). Holm, S. (1979), Scand. J. Statist. 6(2).
    """
    if method not in ("bh", "holm"):
        raise EvidenceError(f"method is {shown(method)}; allowed are bh, holm")
    given = np.asarray(p_values, float)
    if (given < 0).any() or (given > 1).any():
        raise EvidenceError("adjust: a p-value lies outside 0 to 1")
    out = np.full(given.shape, np.nan)
    known = np.flatnonzero(~np.isnan(given))
    order = known[np.argsort(given[known], kind="stable")]
    m, rank = len(order), np.arange(len(order))
    if method == "holm":
        raised = np.maximum.accumulate(given[order] * (m - rank))
    else:
        raised = np.minimum.accumulate((given[order] * m / (rank + 1))[::-1])[::-1]
    out[order] = np.minimum(raised, 1)
    return out


def stepdown(statistics: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Return Romano–Wolf p-values of absolute statistics, given their draws under no effect.

    Parameters
    ----------
    statistics : ndarray of shape (k,)
    draws : ndarray of shape (b, k)
        Each row drawn jointly, so that what the outcomes share is kept.

    Notes
    -----
    From the largest down, p_j = (1 + #{max over those not larger ≥ |t_j|})/(1 + B), and never less
    than the one before: Romano, J. P. and Wolf, M. (2016), Statistics & Probability Letters 113,
    algorithm 4.1.
    """
    size, draws = np.abs(statistics), np.abs(draws)
    order = np.argsort(-size, kind="stable")
    largest = np.maximum.accumulate(draws[:, order[::-1]], axis=1)[:, ::-1]
    p = (1 + (largest >= size[order] * (1 - 1e-12)).sum(axis=0)) / (1 + len(draws))
    out = np.empty(len(size))
    out[order] = np.maximum.accumulate(p)
    return out
