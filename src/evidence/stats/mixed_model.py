"""Random intercepts and slopes by restricted maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from evidence.errors import EvidenceError
from evidence.stats.reml import (
    Sums,
    add_up,
    differences,
    minimum,
    ratio_of,
    slope_at,
    solve,
)


@dataclass(frozen=True, eq=False)
class Mixed:
    """A fitted model with random effects by cluster.

    Parameters
    ----------
    coefficients, std_errors, df : ndarray of shape (k,)
        Fixed effects, intercept first, with Satterthwaite degrees of freedom.
    covariance : ndarray of shape (q, q)
        Of the random effects, intercept first, in squared units of the outcome.
    variance_within : float
        Variance of the rows.
    effects : ndarray of shape (m, q)
        Predicted random effects of the clusters, in the order of their codes.
    """

    coefficients: np.ndarray
    std_errors: np.ndarray
    df: np.ndarray
    covariance: np.ndarray
    variance_within: float
    effects: np.ndarray

    @property
    def variance_between(self) -> float:
        """Variance of the clusters' intercepts."""
        return float(self.covariance[0, 0])

    @property
    def icc(self) -> float:
        """Share of the variance that lies between clusters."""
        return self.variance_between / self.variance_total

    @property
    def variance_total(self) -> float:
        """Variance of intercepts and rows together."""
        return self.variance_between + self.variance_within


def random_intercept(outcome: np.ndarray, columns: np.ndarray, cluster: np.ndarray) -> Mixed:
    """Fit outcome = intercept + columns · β + cluster + error by REML.

    Parameters
    ----------
    outcome : ndarray of shape (n,)
    columns : ndarray of shape (n, k − 1)
        Of full rank together with an intercept.
    cluster : ndarray of int, shape (n,)
        Codes from 0.

    Notes
    -----
    See :func:`fit`.
    """
    return fit(add_up(outcome, columns, cluster))


def null_model(outcome: np.ndarray, cluster: np.ndarray | None) -> Mixed:
    """Fit the model of the outcome alone; without clusters all variance lies within."""
    if cluster is not None:
        return random_intercept(outcome, np.empty((len(outcome), 0)), cluster)
    return without_clusters(float(outcome.var(ddof=1)))


def without_clusters(variance: float) -> Mixed:
    """Return a model whose rows have all the variance."""
    none = np.empty(0)
    return Mixed(none, none, none, np.zeros((1, 1)), variance, np.empty((0, 1)))


def fit(sums: Sums) -> Mixed:
    """Fit the model of :func:`add_up` by restricted maximum likelihood.

    Notes
    -----
    With G the covariance of the random effects over the variance of the rows, σ²V⁻¹ = I − ZPZ',
    P = (I + GZ'Z)⁻¹G. After an orthonormal change of the fixed columns the profiled criterion
    (Bates et al. 2015, eq. 41)

        (n − k) log r²(G) + Σ log |I + G Z_i'Z_i| + log |X'V⁻¹X|

    needs only Z'Z and Z'(X, y) of each cluster. One random effect: the best of a grid, refined as
    the root of the derivative. More: G = ΛΛ', Λ lower triangular; quasi-Newton from two starts,
    then Newton's steps. The criterion is smooth and even in Λ's diagonal, so that a variance of
    zero or a correlation of one is an ordinary minimum.

    Degrees of freedom are Satterthwaite's from the observed information (Kuznetsova et al. 2017,
    eq. 4). Where G is singular they are at most the number of clusters less two.

    References
    ----------
    Bates, D. et al. (2015), Journal of Statistical Software 67(1), doi:10.18637/jss.v067.i01.
    Kuznetsova, A. et al. (2017), Journal of Statistical Software 82(13).
    """
    free = sums.n - sums.k
    place = minimum(sums, reml=True)
    ratio = ratio_of(place)
    half, inverse, residual, square, _ = solve(sums, ratio, reml=True)
    within = float(square / free)
    coefficients = -sums.back @ residual[:-1]
    coefficients[0] += sums.centre

    def variances(inverse: np.ndarray, scale: float) -> np.ndarray:
        squares: np.ndarray = np.einsum("ij,jk,ik->i", sums.back, inverse, sums.back)
        return squares * scale

    def moments(at: np.ndarray) -> np.ndarray:  # of the deviance in log σ² and Λ, and β's variances
        scale, here = np.exp(at[0]), ratio_of(at[1:])
        solved = solve(sums, here, reml=True)
        slope = slope_at(sums, at[1:], solved, 1 / scale, reml=True)
        return np.concatenate([[free - solved[3] / scale], slope, variances(solved[1], scale)])

    rates = differences(moments, np.array([np.log(within), *place]))
    parts = len(rates)
    variance = variances(inverse, within)
    spread = np.linalg.pinv(rates[:, :parts], rcond=1e-10, hermitian=True)
    df = variance**2 / np.einsum("ai,ab,bi->i", rates[:, parts:], spread, rates[:, parts:])
    if np.linalg.eigvalsh(ratio)[0] < 1e-8 * (1 + np.trace(ratio)):
        df = np.minimum(df, len(sums.each) - 2)
    effects = np.einsum("mab,mb->ma", (half @ ratio)[sums.group], sums.each @ residual)
    return Mixed(coefficients, np.sqrt(variance), df, within * ratio, within, effects)


def profile_interval(sums: Sums, j: int, level: float) -> tuple[float, float]:
    """Return the profile-likelihood interval of the caller's coefficient `j` (0 the intercept).

    Notes
    -----
    The values at which the deviance by maximum likelihood (not restricted), all else at its best,
    exceeds its minimum by z²: lme4's ``confint``, which eefAnalytics reports; Bates et al. (2015),
    section 5.1. With few clusters it is too narrow.

    Raises
    ------
    EvidenceError
        The restricted estimate itself lies outside.
    """
    fitted, z = fit(sums), float(ndtri(0.5 + level / 2))
    limit = _deviance(sums) + z**2

    def excess(value: float) -> float:
        return _deviance(sums.holding(j, value)) - limit

    if not excess(fitted.coefficients[j]) < 0:
        raise EvidenceError(
            f"no profile interval of level {level:g} can be found with {len(sums.each)} clusters: "
            "use interval='t'"
        )
    ends = []
    for step in (-z * fitted.std_errors[j], z * fitted.std_errors[j]):
        reach = step
        while excess(fitted.coefficients[j] + reach) < 0:
            reach *= 1.5
        far = fitted.coefficients[j] + reach
        ends.append(brentq(excess, fitted.coefficients[j], far, xtol=1e-8 * abs(step)))
    return ends[0], ends[1]


def _deviance(sums: Sums) -> float:
    *_, square, terms = solve(sums, ratio_of(minimum(sums, reml=False)), reml=False)
    return float(sums.n * np.log(square) + terms)
