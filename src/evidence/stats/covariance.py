"""Cluster-robust inference for one regression: CR0 to CR3, HC2 and classical, with honest df.

For the regression of :mod:`evidence.stats.design`,

    (I − H)(I − H)' = I − QQ'W − WQQ' + QKQ' = I + R C R',    C = diag(±1),

where R has, for each row, one or two entries for its own stratum and few dense columns. The
adjustment of a cluster and the degrees of freedom both come from R, so that cost grows with rows
and never with their square.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import numpy as np
from scipy import sparse
from scipy.special import fdtrc, stdtr, stdtrit

from evidence.errors import EvidenceError
from evidence.stats.design import Design, sums

COV_TYPES = ("CR0", "CR1", "CR1S", "CR2", "CR3", "HC2", "classical")
_NULL = 1e-10  # eigenvalues of I − H below this are zero: the cluster decides a coefficient alone
_CHUNK = 4_000_000  # numbers held at once while the clusters are adjusted
# Clusters: to 250, and 10 more for each dense column (as measured on one core), a dense matrix of
_FEW, _MORE = 250, 10  # them costs less than sparse ones of columns; it is used as long as those
HELD = 20_000_000  # of all coefficients hold no more numbers than this


@dataclass(frozen=True, eq=False)
class Inference:
    """Standard errors and degrees of freedom of the coefficients of interest.

    Parameters
    ----------
    covariance : ndarray of shape (q, q)
    df : ndarray of shape (q,)
        Satterthwaite degrees of freedom (residual ones for ``classical``).
    n_clusters : int
    joint_df : float
        Degrees of freedom η of the Wishart approximation, for the joint test.
    """

    covariance: np.ndarray
    df: np.ndarray
    n_clusters: int
    joint_df: float

    @property
    def std_error(self) -> np.ndarray:
        """Standard errors, shape (q,)."""
        return np.sqrt(np.diag(self.covariance))


def robust(
    design: Design,
    residuals: np.ndarray,
    cluster: np.ndarray | None = None,
    cov_type: str = "CR2",
    *,
    joint: bool = True,
) -> Inference:
    """Return the covariance of the coefficients of interest and its degrees of freedom.

    Parameters
    ----------
    design : Design
        The regression.
    residuals : ndarray of shape (n,)
        Its residuals, unweighted.
    cluster : ndarray of int, optional
        Codes of the clusters; needed by CR0 to CR3. HC2 is CR2 with each row its own cluster.
    cov_type : {"CR0", "CR1", "CR1S", "CR2", "CR3", "HC2", "classical"}
        Names as in clubSandwich.
    joint : bool
        Work out the degrees of freedom of the joint test, whose time grows with the square of the
        coefficients; NaN without.

    Notes
    -----
    V = M Σ X_i'W_i A_i e_i e_i' A_i W_i X_i M, with M = (X'WX)⁻¹. CR0: A = I; CR1: √(m/(m−1));
    CR1S: √(m(n−1)/((m−1)(n−p))); CR2: A = B^(−1/2) with B the cluster's block of
    (I − H)(I − H)', the working model being independence with equal variances; CR3:
    A = (I − H_ii)⁻¹. Roots are Moore–Penrose. Degrees of freedom: with
    p_i = (I − H)_i' A_i W_i X_i M c and P_ij = p_i'p_j, tr(P)²/tr(P²); jointly η of the
    approximate Hotelling test (HTZ).

    References
    ----------
    Bell, R. M. and McCaffrey, D. F. (2002), Survey Methodology 28(2), eq. 5 and section 4.
    Pustejovsky, J. E. and Tipton, E. (2018), JBES 36(4), eq. 8 to 14 and theorem 1;
    doi:10.1080/07350015.2016.1247004.
    """
    return Sandwich.of(design, cluster, cov_type, joint=joint).inference(residuals)


@dataclass(frozen=True, eq=False)
class Sandwich:
    """All of a covariance that does not depend on the outcome; see :func:`robust`.

    Parameters
    ----------
    design : Design
    rows : ndarray of int, shape (n,) or None
        Codes of the clusters; None for ``classical``.
    adjusted : ndarray of shape (n, q)
        A_i W_i X_i M c.
    factor : float
    df : ndarray of shape (q,)
    n_clusters : int
    joint_df : float
    """

    design: Design
    rows: np.ndarray | None
    adjusted: np.ndarray
    factor: float
    df: np.ndarray
    n_clusters: int
    joint_df: float

    @classmethod
    def of(
        cls, design: Design, cluster: np.ndarray | None, cov_type: str, *, joint: bool = True
    ) -> Sandwich:
        """Adjust the clusters of a regression and work out its degrees of freedom."""
        n = design.n_obs
        if cov_type == "classical":
            free = n - design.rank
            df = np.full(len(design.coefficients), float(free))
            m = n if cluster is None else int(cluster.max()) + 1
            return cls(design, None, design.directions, 1.0, df, m, float(free))
        rows = np.arange(n) if cov_type == "HC2" else np.unique(cluster, return_inverse=True)[1]
        m = int(rows.max()) + 1
        adjusted = design.directions
        if cov_type in ("CR2", "HC2", "CR3"):
            adjusted = _adjust(design, rows, cov_type)
        factor = {
            "CR1": m / (m - 1),
            "CR1S": m / (m - 1) * (n - 1) / (n - design.rank),
        }.get(cov_type, 1.0)
        df, eta = _freedom(design, rows, adjusted, joint)
        return cls(design, rows, adjusted, factor, df, m, eta)

    def inference(self, residuals: np.ndarray) -> Inference:
        """Return the covariance of the coefficients, given the residuals of the regression."""
        if self.rows is None:
            coefficients = self.design.coefficients
            scale = self.design.weights @ residuals**2 / self.df[0]
            covariance = scale * coefficients @ coefficients.T
        else:
            scores = sums(self.rows, self.adjusted * residuals[:, None])
            covariance = self.factor * scores.T @ scores
        return Inference(covariance, self.df, self.n_clusters, self.joint_df)


def check_type(cov_type: str) -> None:
    """Refuse a type of errors that is not known."""
    if cov_type not in COV_TYPES:
        raise EvidenceError(f"cov_type is {cov_type!r}; allowed are {', '.join(COV_TYPES)}")


def check_level(level: float) -> None:
    """Refuse a level that is no proportion.

    Raises
    ------
    EvidenceError
        It does not lie between 0 and 1.
    """
    if not isinstance(level, Real) or not 0 < level < 1:
        raise EvidenceError(f"level is {level!r}; a proportion between 0 and 1 is needed")


def t_test(
    estimate: np.ndarray, std_error: np.ndarray, df: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return statistic, two-sided p-value and both ends of the interval of level `level`."""
    statistic = estimate / std_error
    half = stdtrit(df, 0.5 + level / 2) * std_error
    return statistic, 2 * stdtr(df, -np.abs(statistic)), estimate - half, estimate + half


def joint_test(estimate: np.ndarray, inference: Inference) -> tuple[float, float, float, float]:
    """Test that all coefficients are zero: F, its two degrees of freedom and p.

    Notes
    -----
    The approximate Hotelling test of Pustejovsky and Tipton (2018), eq. 17: with the Wald
    statistic Q of q coefficients, (η − q + 1)/(ηq) Q is compared with F(q, η − q + 1). Where
    η ≤ q − 1 no test is possible and p is NaN.
    """
    q, eta = len(estimate), inference.joint_df
    below = eta - q + 1
    if below <= 0:
        return np.nan, float(q), np.nan, np.nan
    wald = estimate @ np.linalg.solve(inference.covariance, estimate)
    statistic = below / (eta * q) * wald
    return float(statistic), float(q), float(below), float(fdtrc(q, below, statistic))


def _adjust(design: Design, rows: np.ndarray, cov_type: str) -> np.ndarray:
    """Return A_i W_i X_i M c, shape (n, q), all clusters of like size at once.

    Clusters are padded with empty rows to the next power of two: an empty row has R = 0, so that
    its block of B is the identity and nothing changes.
    """
    own, dense, own_signs, dense_signs = design.residual_maker()
    power, scale, right = -0.5, np.ones(design.n_obs), design.directions
    if cov_type == "CR3":  # (I − WQQ')⁻¹ = W^½ (I − W^½QQ'W^½)⁻¹ W^−½
        power, scale = -1.0, np.sqrt(design.weights)
        own = (scale / np.sqrt(design.totals)[design.strata])[:, None]
        dense, right = scale[:, None] * design.basis, right / scale[:, None]
        own_signs, dense_signs = -np.ones(1), -np.ones(design.basis.shape[1])
    order = np.lexsort((design.strata, rows))
    pairs = np.ones(len(order), bool)  # where a new stratum begins within a cluster
    pairs[1:] = np.diff(rows[order]).astype(bool) | np.diff(design.strata[order]).astype(bool)
    size = np.bincount(rows)
    start = np.cumsum(size) - size
    place = np.cumsum(pairs) - 1
    place -= place[start][rows[order]]  # 0, 1, … : which of its cluster's strata a row is in
    padded = 2 ** np.ceil(np.log2(size)).astype(int)
    out = np.empty_like(right)
    for length in np.unique(padded):
        members = np.flatnonzero(padded == length)
        width = int(place[start[members] + size[members] - 1].max()) + 1
        step = max(1, _CHUNK // (length * (dense.shape[1] + width * own.shape[1])))
        for first in range(0, len(members), step):
            chunk = members[first : first + step]
            inside = np.arange(length) < size[chunk][:, None]
            index = np.where(inside, start[chunk][:, None] + np.arange(length), 0)
            row = order[index]
            local = (place[index][..., None] == np.arange(width)) & inside[..., None]
            blocks = [local * own[row, a, None] for a in range(own.shape[1])]
            columns = np.concatenate([*blocks, dense[row] * inside[..., None]], axis=-1)
            signs = np.concatenate([np.repeat(own_signs, width), dense_signs])
            to_adjust = right[row] * inside[..., None]
            out[row[inside]] = _root(columns, signs, to_adjust, power)[inside]
    return out * scale[:, None]


def _root(columns: np.ndarray, signs: np.ndarray, right: np.ndarray, power: float) -> np.ndarray:
    """Return (I + R C R')^power right for a stack of clusters, through the smaller dimension."""
    if columns.shape[-2] > columns.shape[-1]:
        span, columns = np.linalg.qr(columns)
        inner = span.swapaxes(-1, -2) @ right
        return right + span @ (_root(columns, signs, inner, power) - inner)
    block = np.eye(columns.shape[-2]) + columns * signs @ columns.swapaxes(-1, -2)
    values, vectors = np.linalg.eigh(block)
    positive = values > _NULL
    powers = np.where(positive, np.where(positive, values, 1.0) ** power, 0.0)
    return vectors @ (powers[..., None] * (vectors.swapaxes(-1, -2) @ right))


def _freedom(
    design: Design, rows: np.ndarray, adjusted: np.ndarray, joint: bool
) -> tuple[np.ndarray, float]:
    """Return the Satterthwaite df of each coefficient and the joint η.

    Both are design of tr(P_ij) and of tr(P_ii P_jj) + tr(P_ij P_ij) for coefficients i and j.
    """
    m, q = rows.max() + 1, adjusted.shape[1]
    dense = design.basis.shape[1] * (1 + design.weighted)
    make = traces_by_pairs if m <= _FEW + _MORE * dense and m**2 * q <= HELD else traces_by_sums
    mean, variance = make(design, rows, adjusted)
    df = np.array([2 * mean(j, j) ** 2 / variance(j, j) for j in range(q)])
    if q == 1 or not joint:
        return df, float(df[0]) if q == 1 else np.nan
    lower = [[mean(i, j) if j <= i else 0.0 for j in range(q)] for i in range(q)]
    values, vectors = np.linalg.eigh(lower)
    _, variance = make(design, rows, adjusted @ (vectors / np.sqrt(values)) @ vectors.T)
    total = sum((1 + (i > j)) * variance(i, j) for i in range(q) for j in range(i + 1))
    return df, q * (q + 1) / total


def _columns(design: Design) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return R and C; the columns of a single stratum, full as any, are with the dense ones."""
    own, dense, own_signs, dense_signs = design.residual_maker()
    if len(design.totals) > 1:
        return own, dense, own_signs, dense_signs
    signs = np.concatenate([own_signs, dense_signs])
    return own[:, :0], np.column_stack([own, dense]), own_signs[:0], signs


def traces_by_pairs(
    design: Design, rows: np.ndarray, adjusted: np.ndarray
) -> tuple[Callable[[int, int], float], Callable[[int, int], float]]:
    """Return both, by P itself, clusters by clusters."""
    own, dense, own_signs, dense_signs = _columns(design)
    parts = [
        (
            s,
            [sparse.csr_array((column * s, (rows, design.strata))) for column in own.T],
            sums(rows, dense * s[:, None]),
        )
        for s in adjusted.T
    ]

    def between(i: int, j: int) -> np.ndarray:
        (s, cells, few), (t, others, more) = parts[i], parts[j]
        product = (few * dense_signs) @ more.T
        for sign, one, other in zip(own_signs, cells, others, strict=True):
            product += sign * (one @ other.T)
        product[np.diag_indices_from(product)] += np.bincount(rows, s * t)
        return product

    @functools.cache
    def within(i: int) -> np.ndarray:
        return between(i, i)

    def mean(i: int, j: int) -> float:
        (s, cells, few), (t, others, more) = parts[i], parts[j]
        # Cells are at the same places for all coefficients, so that their data alone will do.
        shared = sum(
            sign * (one.data @ other.data)
            for sign, one, other in zip(own_signs, cells, others, strict=True)
        )
        return s @ t + shared + np.vdot(few * dense_signs, more)

    def variance(i: int, j: int) -> float:
        p = within(i) if i == j else between(i, j)
        return np.vdot(within(i), within(j)) + np.vdot(p, p.T)

    return mean, variance


def traces_by_sums(
    design: Design, rows: np.ndarray, adjusted: np.ndarray
) -> tuple[Callable[[int, int], float], Callable[[int, int], float]]:
    """Return both without a matrix of clusters by clusters.

    With F_i = R_i's_i, P_ij = [i = j] s_i's_i + F_i C F_j', so that traces of products of P need
    only F'F, which is as sparse as clusters and strata are nested.
    """
    own, dense, own_signs, dense_signs = _columns(design)
    signs = np.concatenate([np.repeat(own_signs, len(design.totals)), dense_signs])

    def linked(s: np.ndarray) -> sparse.csr_array:
        cells = [sparse.csr_array((column * s, (rows, design.strata))) for column in own.T]
        return sparse.hstack([*cells, sparse.csr_array(sums(rows, dense * s[:, None]))], "csr")

    parts = [(s, linked(s)) for s in adjusted.T]

    def diagonal(i: int, j: int) -> tuple[np.ndarray, np.ndarray]:
        (s, f), (t, g) = parts[i], parts[j]
        return np.bincount(rows, s * t), f.multiply(g) @ signs

    def variance(i: int, j: int) -> float:
        (ss, fs), (tt, ft), (st, fst) = diagonal(i, i), diagonal(j, j), diagonal(i, j)
        products = parts[i][1].T @ parts[j][1]
        squares = products.multiply(products) + products.multiply(products.T)
        return ss @ tt + ss @ ft + tt @ fs + st @ st + 2 * st @ fst + signs @ squares @ signs

    def mean(i: int, j: int) -> float:
        return np.sum(diagonal(i, j))

    return mean, variance
