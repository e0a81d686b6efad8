"""The random-intercept model by restricted maximum likelihood, on cluster sums alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

_ICC = np.concatenate([[0.0], np.geomspace(1e-4, 0.1, 10), np.linspace(0.15, 0.95, 17), [0.999]])


@dataclass(frozen=True, eq=False)
class Mixed:
    """A fitted random-intercept model.

    Parameters
    ----------
    coefficients, std_errors, df : ndarray of shape (k,)
        Fixed effects, intercept first, with Satterthwaite degrees of freedom.
    variance_between, variance_within : float
        Variance of the clusters' intercepts and of the rows, in squared units of the outcome.
    """

    coefficients: np.ndarray
    std_errors: np.ndarray
    df: np.ndarray
    variance_between: float
    variance_within: float

    @property
    def icc(self) -> float:
        """Share of the variance that lies between clusters."""
        return self.variance_between / self.variance_total

    @property
    def variance_total(self) -> float:
        """Both variances together."""
        return self.variance_between + self.variance_within


def random_intercept(outcome: np.ndarray, columns: np.ndarray, cluster: np.ndarray) -> Mixed:
    """Fit outcome = intercept + columns · β + cluster + error by REML.

    Parameters
    ----------
    outcome : ndarray of shape (n,)
    columns : ndarray of shape (n, k − 1)
        Of full rank together with an intercept.
    cluster : ndarray of int, shape (n,)

    Notes
    -----
    With θ the ratio of the variances, V⁻¹σ² of a cluster of size m is I − λ11', λ = θ/(1 + mθ).
    After an orthonormal change of columns the profiled criterion (Bates et al. 2015, eq. 41)

        (n − k) log r²(θ) + Σ log(1 + m_i θ) + log |I − Σ λ_i q_i q_i'|

    needs only sums by cluster q_i; the best of a grid is refined as the root of its derivative.
    Degrees of freedom are Satterthwaite's from the observed information (Kuznetsova et al. 2017,
    eq. 4). Where the variance between clusters is estimated as nought they are the number of
    clusters less two.

    References
    ----------
    Bates, D. et al. (2015), Journal of Statistical Software 67(1), doi:10.18637/jss.v067.i01.
    Kuznetsova, A. et al. (2017), Journal of Statistical Software 82(13).
    """
    n = len(outcome)
    shift = columns.mean(axis=0)
    basis, triangle = np.linalg.qr(np.column_stack([np.ones(n), columns - shift]))
    k = basis.shape[1]
    centre = outcome.mean()
    first = basis.T @ (outcome - centre)
    residual = outcome - centre - basis @ first
    codes = np.unique(cluster, return_inverse=True)[1]
    size = np.bincount(codes).astype(float)
    sums = np.column_stack([np.bincount(codes, column) for column in basis.T])
    rests = np.bincount(codes, residual)
    total = residual @ residual

    def solve(theta: float) -> tuple[np.ndarray, np.ndarray, float]:
        lam = theta / (1 + size * theta)
        matrix = np.eye(k) - (sums * lam[:, None]).T @ sums
        inner = -sums.T @ (lam * rests)
        delta = np.linalg.solve(matrix, inner)
        return matrix, delta, total - lam @ rests**2 - inner @ delta

    def log_terms(theta: float, matrix: np.ndarray) -> float:
        return np.log1p(size * theta).sum() + np.linalg.slogdet(matrix)[1]

    def criterion(theta: float) -> float:
        matrix, _, square = solve(theta)
        return (n - k) * np.log(square) + log_terms(theta, matrix)

    def slope(icc: float) -> float:
        theta = icc / (1 - icc)
        matrix, delta, square = solve(theta)
        change = 1 / (1 + size * theta) ** 2
        determinant = np.trace(np.linalg.solve(matrix, (sums * change[:, None]).T @ sums))
        fit = (n - k) * (change @ (rests - sums @ delta) ** 2) / square
        return (size / (1 + size * theta)).sum() - determinant - fit

    best = int(np.argmin([criterion(icc / (1 - icc)) for icc in _ICC]))
    low, high = _ICC[max(best - 1, 0)], _ICC[min(best + 1, len(_ICC) - 1)]
    if best == 0 and slope(0.0) >= 0:
        icc = 0.0
    else:
        icc = brentq(slope, low, high, xtol=1e-15, rtol=8.9e-16)
    theta = icc / (1 - icc)
    _, delta, square = solve(theta)
    within = square / (n - k)
    back = np.linalg.inv(triangle)
    back[0] -= shift @ back[1:]  # undo the centring: the intercept is at nought again

    def variances(scale: float, ratio: float) -> np.ndarray:
        return scale * np.einsum("ij,jk,ik->i", back, np.linalg.inv(solve(ratio)[0]), back)

    def deviance(logs: np.ndarray) -> float:
        scale, ratio = np.exp(logs[0]), np.exp(logs[1] - logs[0])
        inner, _, rest = solve(ratio)
        return (n - k) * logs[0] + rest / scale + log_terms(ratio, inner)

    coefficients = back @ (first + delta)
    coefficients[0] += centre
    variance = variances(within, theta)
    df = np.full(k, float(len(size) - 2))
    if icc > 1e-8:
        logs = np.log([within, theta * within])
        rate = _gradient(lambda x: variances(np.exp(x[0]), np.exp(x[1] - x[0])), logs)
        spread = np.linalg.inv(_gradient(lambda x: _gradient(deviance, x), logs))
        df = variance**2 / np.einsum("ai,ab,bi->i", rate, spread, rate)
    return Mixed(coefficients, np.sqrt(variance), df, theta * within, within)


def null_model(outcome: np.ndarray, cluster: np.ndarray | None) -> Mixed:
    """Fit the model of the outcome alone; without clusters all variance lies within."""
    if cluster is not None:
        return random_intercept(outcome, np.empty((len(outcome), 0)), cluster)
    none = np.empty(0)
    return Mixed(none, none, none, 0.0, float(outcome.var(ddof=1)))


def _gradient(function, place: np.ndarray, step: float = 4e-3) -> np.ndarray:
    """Return central differences of fourth order, one row a coordinate."""
    return np.array(
        [
            (
                8 * (function(place + e) - function(place - e))
                - function(place + 2 * e)
                + function(place - 2 * e)
            )
            / (12 * step)
            for e in step * np.eye(len(place))
        ]
    )
