"""Entropy balancing: the weights nearest to base weights that have exactly the means wanted."""

from __future__ import annotations

import numpy as np
from scipy import optimize, sparse

STEPS = 200
FAR = 1e8  # a multiplier beyond this puts all weight on one face of the hull
NEAR = 1e-10  # of a standard deviation: means that are met


def tilt(columns: np.ndarray, base: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights nearest to `base` under which every column has mean zero.

    Parameters
    ----------
    columns : ndarray of shape (n, k)
        Distance of each row from the means asked for, in standard deviations.
    base : ndarray of shape (n,)
        Positive.

    Returns
    -------
    weights : ndarray of shape (n,)
        Of sum 1.
    means : ndarray of shape (k,)
        What is left of the columns' means; all within 1e-10 where balance was reached.

    Notes
    -----
    Minimises Σ w log(w/q) subject to Σ wx = 0, Σ w = 1. The dual is unconstrained and convex:
    log Σ q exp(xλ), with gradient Σ wx and the weighted covariance as Hessian; Newton's steps are
    halved until it falls enough (Armijo).

    References
    ----------
    Hainmueller (2012), Political Analysis 20(1), section 3.2, doi 10.1093/pan/mpr025.
    """
    start, dual = np.log(base / base.sum()), np.zeros(columns.shape[1])
    value, weights = _dual(start, columns, dual)
    for _ in range(STEPS):
        means = weights @ columns
        if np.abs(means).max(initial=0) < 1e-14:
            break
        centred = columns - means
        covariance = centred.T @ (weights[:, None] * centred)
        # least norm: columns that others explain share what is asked of them
        step = -np.linalg.lstsq(covariance, means, rcond=1e-13)[0]
        if not np.abs(dual + step).max() < FAR:
            break  # no point of the hull: the dual falls for ever
        size, slope = 1.0, means @ step
        while size > 1e-8:
            trial, tilted = _dual(start, columns, dual + size * step)
            if trial <= value + 1e-4 * size * slope or (
                np.abs(tilted @ columns).max() < 0.5 * np.abs(means).max() and size == 1
            ):
                break
            size /= 2
        else:
            break  # rounding allows no further fall
        dual, value, weights = dual + size * step, trial, tilted
    return weights, weights @ columns


def _dual(start: np.ndarray, columns: np.ndarray, dual: np.ndarray) -> tuple[float, np.ndarray]:
    exponent = start + columns @ dual
    top = exponent.max()
    weights = np.exp(exponent - top)
    total = weights.sum()
    return float(top + np.log(total)), weights / total


def nearest_means(columns: np.ndarray) -> np.ndarray:
    """Return how far each column's mean stays from zero whatever the weights.

    The least total distance that non-negative weights leave, by linear programming: all zero if,
    and only if, the point asked for lies in the convex hull of the rows.

    Parameters
    ----------
    columns : ndarray of shape (n, k)
        As in :func:`tilt`.
    """
    n, k = columns.shape
    eye = sparse.identity(k)
    bounds = sparse.hstack([sparse.csr_array(columns.T), eye, -eye])
    ones = sparse.hstack([sparse.csr_array(np.ones((1, n))), sparse.csr_array((1, 2 * k))])
    solution = optimize.linprog(
        np.r_[np.zeros(n), np.ones(2 * k)],
        A_eq=sparse.vstack([bounds, ones]),
        b_eq=np.r_[np.zeros(k), 1.0],
    )
    apart: np.ndarray = solution.x[n + k :] - solution.x[n : n + k]
    return apart
