"""Satterthwaite's degrees of freedom of a cluster-robust error, and those of the joint test.

With p_i = (I − H)_i' A_i W_i X_i M c and P_ij = p_i'p_j they are tr(P)²/tr(P²); jointly η of the
approximate Hotelling test (HTZ). Both come from the residual maker's low-rank form, so that cost
grows with rows and never with their square: :mod:`evidence.stats.covariance` has the sources.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from scipy import sparse

from evidence.stats.design import Design, sums

_NULL = 1e-10  # coefficients that this share of the largest explains cannot be tested jointly
# Clusters: to 250, and 10 more for each dense column (as measured on one core), a dense matrix of
_FEW, _MORE = 250, 10  # them costs less than sparse ones of columns; it is used as long as those
HELD = 20_000_000  # of all coefficients hold no more numbers than this


def freedom(
    design: Design, rows: np.ndarray, adjusted: np.ndarray, joint: bool
) -> tuple[np.ndarray, float]:
    """Return the Satterthwaite df of each coefficient and the joint η.

    Both are design of tr(P_ij) and of tr(P_ii P_jj) + tr(P_ij P_ij) for coefficients i and j.
    """
    m, q = rows.max() + 1, adjusted.shape[1]
    dense = design.basis.shape[1] * (1 + design.weighted)
    make = traces_by_pairs if m <= _FEW + _MORE * dense and m**2 * q <= HELD else traces_by_sums
    mean, variance = make(design, rows, adjusted)
    with np.errstate(divide="ignore", invalid="ignore"):  # where clusters decide all alone
        df = np.array([2 * mean(j, j) ** 2 / np.float64(variance(j, j)) for j in range(q)])
    if q == 1 or not joint:
        return df, float(df[0]) if q == 1 else np.nan
    lower = [[mean(i, j) if j <= i else 0.0 for j in range(q)] for i in range(q)]
    values, vectors = np.linalg.eigh(lower)
    if values[0] <= _NULL * values[-1]:
        return df, np.nan
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
