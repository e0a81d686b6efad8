"""Random-effects meta-analysis: nine estimators of τ², Q-profile intervals, three levels, CR2.

Everything takes effects y, shape (k,), their sampling variances v, shape (k,), and a model matrix
X, shape (k, p). Formulas as in Viechtbauer (2010), Journal of Statistical Software 36(3).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.special import chdtri

from evidence.errors import EvidenceError

METHODS = ("REML", "PM", "DL", "FE", "ML", "EB", "SJ", "HE", "HS")
_STEPS, _CLOSE = 200, 1e-12


@dataclass(frozen=True, eq=False)
class Weighted:
    """Weighted least squares of effects with variances v + τ².

    Parameters
    ----------
    coefficients : ndarray of shape (p,)
    bread : ndarray of shape (p, p)
        (X'WX)⁻¹, their covariance where the variances are right.
    weights : ndarray of shape (k,)
    residuals : ndarray of shape (k,)
    q : float
        Σ w e²: Cochran's Q where τ² is 0.
    trace, trace_squared : float
        Of P = W − WX(X'WX)⁻¹X'W and of PP.
    """

    coefficients: np.ndarray
    bread: np.ndarray
    weights: np.ndarray
    residuals: np.ndarray
    q: float
    trace: float
    trace_squared: float

    @classmethod
    def of(cls, y: np.ndarray, v: np.ndarray, x: np.ndarray, tau2: float = 0.0) -> Weighted:
        """Fit at a given τ²."""
        w = 1 / (v + tau2)
        if x.shape[1] == 1:  # by far the most common model, without matrices
            wx = w * x[:, 0]
            total, squared = float(wx @ x[:, 0]), float(wx @ wx)
            beta = float(wx @ y) / total
            e, inner = y - beta * x[:, 0], squared / total
            trace = float(w.sum()) - inner
            trace_squared = float(w @ w) - 2 * float((w * wx) @ wx) / total + inner**2
            coefficients, bread = np.array([beta]), np.array([[1 / total]])
        else:
            wide = w[:, None] * x
            bread = np.linalg.inv(x.T @ wide)
            coefficients = bread @ (wide.T @ y)
            e = y - x @ coefficients
            inner = bread @ (wide.T @ wide)
            cubed = bread @ ((w[:, None] * wide).T @ wide)
            trace = float(w.sum() - np.trace(inner))
            trace_squared = float((w**2).sum() - 2 * np.trace(cubed) + np.trace(inner @ inner))
        return cls(coefficients, bread, w, e, float(w @ e**2), trace, trace_squared)


def heterogeneity(y: np.ndarray, v: np.ndarray, x: np.ndarray, method: str) -> float:
    """Estimate τ², the variance of true effects around what X explains; 0 or more.

    Raises
    ------
    EvidenceError
        The iterations of "PM" do not end.
    """
    k, p = x.shape
    if method == "FE" or k <= p:
        return 0.0
    fixed = Weighted.of(y, v, x)
    if method == "DL":
        found = (fixed.q - (k - p)) / fixed.trace
    elif method == "HS":
        found = (fixed.q - k) / fixed.weights.sum()
    elif method == "HE":
        equal = Weighted.of(y, np.ones(k), x)
        leverage = np.einsum("ij,jk,ik->i", x, equal.bread, x)
        found = (equal.q - v @ (1 - leverage)) / (k - p)
    elif method == "SJ":
        first = y.var()
        found = first * Weighted.of(y, v, x, first).q / (k - p) if first > 0 else 0.0
    elif method in ("PM", "EB"):  # the same equation: Q(τ²) = k − p
        found = _at_q(y, v, x, k - p)
    else:
        found = _likely(y, v, x, method == "REML")
    return max(float(found), 0.0)


def _likely(y: np.ndarray, v: np.ndarray, x: np.ndarray, restricted: bool) -> float:
    """Return the τ² at which the (restricted) likelihood stops rising, searched from HE's."""

    def score(tau2: float) -> float:
        fit = Weighted.of(y, v, x, tau2)
        scores = fit.weights * fit.residuals
        lost = fit.trace if restricted else float(fit.weights.sum())
        return float(scores @ scores) - lost

    k, p = x.shape
    start = max(Weighted.of(y, np.ones(k), x).q / (k - p) - float(v.mean()), float(v.mean()) / 10)
    low, high = (start, 2 * start) if score(start) > 0 else (0.0, start)
    while score(high) > 0:
        low, high = high, 4 * high
    if low == 0 and score(0.0) <= 0:
        return 0.0
    return float(brentq(score, low, high, xtol=1e-15, rtol=1e-13))


def _at_q(y: np.ndarray, v: np.ndarray, x: np.ndarray, target: float) -> float:
    """Return the τ² at which Q is `target`, 0 where it lies below from the start.

    Q falls and is convex, with slope −Σ(we)², so that Newton's steps from 0 never go too far.
    """
    tau2 = 0.0
    for _ in range(_STEPS):
        fit = Weighted.of(y, v, x, tau2)
        if (over := fit.q - target) <= 1e-13 * target:
            return tau2
        scores = fit.weights * fit.residuals
        step = over / float(scores @ scores)
        tau2 += step
        if step <= _CLOSE * tau2:
            return tau2
    raise EvidenceError("the variance between effects (τ²) was not found; use method='DL'")


def q_profile(y: np.ndarray, v: np.ndarray, x: np.ndarray, level: float) -> tuple[float, float]:
    """Return the interval of τ² by the Q-profile (Viechtbauer 2007, Statistics in Medicine 26)."""
    free = x.shape[0] - x.shape[1]
    tails = ((1 - level) / 2, (1 + level) / 2)
    low, high = (_at_q(y, v, x, float(chdtri(free, tail))) for tail in tails)
    return low, high


def typical_variance(v: np.ndarray, x: np.ndarray) -> float:
    """Return the "typical" sampling variance of Higgins and Thompson (2002), eq. 9."""
    return int(x.shape[0] - x.shape[1]) / Weighted.of(np.zeros(len(v)), v, x).trace


@dataclass(frozen=True, eq=False)
class Nested:
    """Effects in clusters: y = Xβ + u_cluster + w_effect + error, by restricted likelihood.

    Parameters
    ----------
    coefficients : ndarray of shape (p,)
    bread : ndarray of shape (p, p)
    between, within : float
        Variances between clusters, and between effects of one cluster.
    robust : ndarray of shape (p, p)
        CR2 covariance, with the model as working covariance.
    df : ndarray of shape (p,)
        Satterthwaite's, of each coefficient.
    log_likelihood : float
    """

    coefficients: np.ndarray
    bread: np.ndarray
    between: float
    within: float
    robust: np.ndarray
    df: np.ndarray
    log_likelihood: float


def nested(y: np.ndarray, v: np.ndarray, x: np.ndarray, cluster: np.ndarray) -> Nested:
    """Fit the three-level model of Konstantopoulos (2011), Research Synthesis Methods 2(1).

    Parameters
    ----------
    y, v : ndarray of shape (k,)
    x : ndarray of shape (k, p)
    cluster : ndarray of int, shape (k,)
        Codes from 0.

    Notes
    -----
    A cluster's covariance is D + σ²11' with D diagonal, so that its inverse and determinant need
    sums over clusters only. CR2 and its df are those of Pustejovsky and Tipton (2018), eq. 5 and
    11; what clubSandwich computes for an `rma.mv` with these clusters.
    """
    columns = np.column_stack([x, y])
    order = np.argsort(cluster, kind="stable")
    begins = np.flatnonzero(np.diff(cluster[order], prepend=-1))
    by_cluster, v_by_cluster = columns[order], v[order, None]

    def crossed(variances: np.ndarray) -> tuple[np.ndarray, float]:
        between, within = variances
        w = 1 / (v_by_cluster + within)
        weighted = w * by_cluster
        total, sums = np.add.reduceat(w, begins)[:, 0], np.add.reduceat(weighted, begins)
        shrink = between / (1 + between * total)
        whole = by_cluster.T @ weighted - sums.T @ (shrink[:, None] * sums)
        return whole, float(np.log1p(between * total).sum() - np.log(w).sum())

    def deviance(variances: np.ndarray) -> float:
        whole, logdet = crossed(variances)
        cross, right = whole[:-1, :-1], whole[:-1, -1]
        q = whole[-1, -1] - right @ np.linalg.solve(cross, right)
        return logdet + float(np.linalg.slogdet(cross)[1]) + float(q)

    start = max(heterogeneity(y, v, x, "DL") / 2, float(v.mean()) / 10)
    steps = start * 8.0 ** np.arange(-3, 2)
    first = min(map(np.array, itertools.product(steps, steps)), key=deviance)
    found = minimize(
        lambda log: deviance(np.exp(log)),
        np.log(first),
        method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-13, "maxiter": 4000},
    )
    sizes = np.exp(found.x)
    edge = [np.where([a, b], sizes, 0.0) for a, b in ((0, 1), (1, 0), (0, 0))]
    best = min([sizes, *edge], key=lambda at: deviance(at) - 1e-9 * (np.asarray(at) == 0).sum())
    between, within = (float(size) for size in best)
    whole, _ = crossed(best)
    bread = np.linalg.inv(whole[:-1, :-1])
    beta = bread @ whole[:-1, -1]
    robust, df = _cr2(y - x @ beta, v + within, between, x, cluster, bread)
    k, p = x.shape
    constant = (k - p) * np.log(2 * np.pi) - np.linalg.slogdet(x.T @ x)[1]
    return Nested(
        beta, bread, between, within, robust, df, -0.5 * (deviance(best) + float(constant))
    )


def _cr2(
    residuals: np.ndarray,
    diagonal: np.ndarray,
    between: float,
    x: np.ndarray,
    cluster: np.ndarray,
    bread: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the CR2 covariance with its df, under block covariances D + σ²11'."""
    number, p = int(cluster.max()) + 1, x.shape[1]
    scores, norms, fitted = np.zeros((number, p)), np.zeros((number, p)), np.zeros((number, p, p))
    for g in range(number):
        rows = np.flatnonzero(cluster == g)
        block, inside = np.diag(diagonal[rows]) + between, x[rows]
        root = np.linalg.cholesky(block)  # Φ = LL'; the paper's D is L'
        values, vectors = np.linalg.eigh(root.T @ (block - inside @ bread @ inside.T) @ root)
        kept = values > 1e-10 * values.max()
        half = (vectors[:, kept] / np.sqrt(values[kept])) @ vectors[:, kept].T
        lines = root @ half @ root.T @ np.linalg.solve(block, inside) @ bread
        scores[g] = lines.T @ residuals[rows]
        norms[g] = np.einsum("ij,ik,kj->j", lines, block, lines)
        fitted[g] = inside.T @ lines
    df = np.empty(p)
    for c in range(p):  # p_i'Φp_j of the lines p = (I − H)'A'Φ⁻¹XM
        gram = np.diag(norms[:, c]) - fitted[:, :, c] @ bread @ fitted[:, :, c].T
        df[c] = np.trace(gram) ** 2 / (gram**2).sum()
    return scores.T @ scores, df
