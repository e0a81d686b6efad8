"""Satterthwaite's degrees of freedom of a cluster-robust error, and those of the joint test.

With p_i = (I − H)_i' A_i W_i X_i M c and P_ij = p_i'p_j they are tr(P)²/tr(P²); jointly η of the
approximate Hotelling test (HTZ). Both come from the residual maker's low-rank form, so that cost
grows with rows and never with their square: :mod:`evidence.stats.covariance` has the sources.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from evidence.stats.design import Design, compact, sums

_NULL = 1e-10  # coefficients that this share of the largest explains cannot be tested jointly
# Clusters: to 250, and 10 more for each dense column (as measured on one core), a dense matrix of
_FEW, _MORE = 250, 10  # them costs less than sparse ones of columns; it is used as long as those
HELD = 20_000_000  # of all coefficients hold no more numbers than this


@dataclass(frozen=True, eq=False)
class Links:
    """What ties the clusters together: with F_i = R_i's_i, P_ij = [i = j] s_i's_i + F_i C F_j'.

    Parameters
    ----------
    products : ndarray of shape (m, q, q)
        s_i's_i of each cluster, for each pair of coefficients.
    dense : ndarray of shape (m, r, q)
        F in the columns in which most clusters have rows.
    signs : ndarray of shape (r,)
        Their places in the diagonal of C.
    cells : ndarray of shape (a, p, q)
        F in the columns of strata, for each cluster and stratum that occur together.
    where : tuple of ndarray of int, shape (p,)
        The clusters and strata of these.
    cell_signs : ndarray of shape (a,)
    """

    products: np.ndarray
    dense: np.ndarray
    signs: np.ndarray
    cells: np.ndarray
    where: tuple[np.ndarray, np.ndarray]
    cell_signs: np.ndarray

    @classmethod
    def of(cls, design: Design, rows: np.ndarray, adjusted: np.ndarray) -> Links:
        """Return those of the rows of a regression, s being A_i W_i X_i M c, shape (n, q)."""
        own, dense, own_signs, dense_signs = design.residual_maker()
        m, q, strata = int(rows.max()) + 1, adjusted.shape[1], len(design.totals)
        products = np.empty((m, q, q))
        for i in range(q):
            for j in range(i + 1):
                products[:, i, j] = np.bincount(rows, adjusted[:, i] * adjusted[:, j])
                products[:, j, i] = products[:, i, j]
        full = list(dense.T)
        if strata == 1:  # its columns are as full as any
            full, dense_signs = [*own.T, *full], np.append(own_signs, dense_signs)
            own, own_signs = own[:, :0], own_signs[:0]
        linked = np.empty((m, len(full), q))
        for j, s in enumerate(adjusted.T):
            for i, column in enumerate(full):
                linked[:, i, j] = np.bincount(rows, column * s)
        where, pair = pairs(rows, design.strata) if own.shape[1] else (_NOWHERE, rows)
        cells = np.empty((own.shape[1], len(where[0]), q))
        for a, column in enumerate(own.T):
            cells[a] = sums(pair, adjusted * column[:, None])
        return cls(products, linked, dense_signs, cells, where, own_signs)

    def times(self, turn: np.ndarray) -> Links:
        """Return those of other coefficients, s times `turn`, shape (q, q)."""
        products = turn.T @ self.products @ turn
        return replace(self, products=products, dense=self.dense @ turn, cells=self.cells @ turn)

    def sparse(self, j: int) -> list[sparse.csr_array]:
        """Return F of a coefficient in the columns of strata, clusters by strata."""
        size = (len(self.products), int(self.where[1].max(initial=0)) + 1)
        return [sparse.csr_array((cells[:, j], self.where), size) for cells in self.cells]


_NOWHERE = (np.empty(0, int), np.empty(0, int))


def pairs(rows: np.ndarray, strata: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Return clusters and strata that occur together, and which such pair each row is in."""
    if not strata.any():
        m = int(rows.max()) + 1
        return (np.arange(m), np.zeros(m, int)), rows
    pair = compact([rows, strata])
    first = np.empty(int(pair.max()) + 1, int)
    first[pair] = np.arange(len(pair))
    return (rows[first], strata[first]), pair


def freedom(links: Links, joint: bool) -> tuple[np.ndarray, float]:
    """Return the Satterthwaite df of each coefficient and the joint η.

    Both are made of tr(P_ij) and of tr(P_ii P_jj) + tr(P_ij P_ij) for coefficients i and j.
    """
    m, q = links.products.shape[:2]
    make = traces_by_pairs
    if m > _FEW + _MORE * links.dense.shape[1] or m**2 * q > HELD:
        make = traces_by_sums
    mean, variance = make(links)
    with np.errstate(divide="ignore", invalid="ignore"):  # where clusters decide all alone
        df = np.array([2 * mean(j, j) ** 2 / np.float64(variance(j, j)) for j in range(q)])
    if q == 1 or not joint:
        return df, float(df[0]) if q == 1 else np.nan
    lower = [[mean(i, j) if j <= i else 0.0 for j in range(q)] for i in range(q)]
    values, vectors = np.linalg.eigh(lower)
    if values[0] <= _NULL * values[-1]:
        return df, np.nan
    _, variance = make(links.times((vectors / np.sqrt(values)) @ vectors.T))
    total = sum((1 + (i > j)) * variance(i, j) for i in range(q) for j in range(i + 1))
    return df, q * (q + 1) / total


def traces_by_pairs(
    links: Links,
) -> tuple[Callable[[int, int], float], Callable[[int, int], float]]:
    """Return both, by P itself, clusters by clusters."""
    q = links.products.shape[1]
    cells = [links.sparse(j) for j in range(q)]

    def between(i: int, j: int) -> np.ndarray:
        product: np.ndarray = (links.dense[..., i] * links.signs) @ links.dense[..., j].T
        for sign, one, other in zip(links.cell_signs, cells[i], cells[j], strict=True):
            product += sign * (one @ other.T)
        product[np.diag_indices_from(product)] += links.products[:, i, j]
        return product

    @functools.cache
    def within(i: int) -> np.ndarray:
        return between(i, i)

    def mean(i: int, j: int) -> float:
        total: float = _diagonal(links, i, j).sum()
        return total

    def variance(i: int, j: int) -> float:
        p = within(i) if i == j else between(i, j)
        total: float = np.vdot(within(i), within(j)) + np.vdot(p, p.T)
        return total

    return mean, variance


def traces_by_sums(
    links: Links,
) -> tuple[Callable[[int, int], float], Callable[[int, int], float]]:
    """Return both without a matrix of clusters by clusters.

    Traces of products of P need only F'F, which is as sparse as clusters and strata are nested.
    """
    q = links.products.shape[1]
    size = int(links.where[1].max(initial=-1)) + 1
    signs = np.concatenate([np.repeat(links.cell_signs, size), links.signs])

    def linked(j: int) -> np.ndarray | sparse.csr_array:
        if not links.cells.size:
            return np.ascontiguousarray(links.dense[..., j])
        dense = sparse.csr_array(links.dense[..., j])
        return sparse.hstack([*links.sparse(j), dense], "csr")

    parts = [linked(j) for j in range(q)]

    def variance(i: int, j: int) -> float:
        ss, tt, st = (links.products[:, a, b] for a, b in ((i, i), (j, j), (i, j)))
        ff, gg, fg = (
            _diagonal(links, a, b) - links.products[:, a, b] for a, b in ((i, i), (j, j), (i, j))
        )
        products = parts[i].T @ parts[j]
        if isinstance(products, np.ndarray):
            squares = products * products + products * products.T
        else:
            squares = products.multiply(products) + products.multiply(products.T)
        own = ss @ tt + ss @ gg + tt @ ff + st @ st + 2 * st @ fg
        total: float = own + signs @ squares @ signs
        return total

    def mean(i: int, j: int) -> float:
        total: float = _diagonal(links, i, j).sum()
        return total

    return mean, variance


def _diagonal(links: Links, i: int, j: int) -> np.ndarray:
    """Return P_ii of two coefficients for each cluster."""
    total: np.ndarray = (
        links.products[:, i, j] + (links.dense[..., i] * links.dense[..., j]) @ links.signs
    )
    for sign, cells in zip(links.cell_signs, links.cells, strict=True):
        products = cells[:, i] * cells[:, j]
        total = total + sign * np.bincount(links.where[0], products, len(total))
    return total
