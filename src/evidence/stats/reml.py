"""The (restricted) likelihood of a model with random effects, on sums by cluster alone.

Clusters with the same Z'Z (the same size and, where the treatment's effect varies, the same number
treated) are added up once; after that no step of a fit grows with rows or clusters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq, minimize

_ICC = np.concatenate(
    [[0.0], np.geomspace(1e-4, 0.1, 10), np.linspace(0.15, 0.95, 17), [0.999, 1 - 1e-6]]
)
_SHIFT = 1e-12  # lets Cholesky through columns that are all but collinear; the next pass mends it
_STEP = 4e-3  # of the differences taken of exact first derivatives


@dataclass(frozen=True, eq=False)
class Sums:
    """All that a fit needs of the data; :func:`add_up` makes it.

    Parameters
    ----------
    n : int
        Rows.
    gram : ndarray of shape (k + 1, k + 1)
        Cross products of the fixed columns, made orthonormal, and of the outcome, which is last.
    blocks, counts : ndarray of shape (g, q, q) and (g,)
        The different Z'Z and how many clusters have each.
    products : ndarray of shape (g, q, q, k + 1, k + 1)
        Products of rows a and b of Z'(X, y), added over the clusters of a block.
    each, group : ndarray of shape (m, q, k + 1) and (m,)
        Z'(X, y) of each cluster, and which block it belongs to.
    back : ndarray of shape (k, k)
        Takes coefficients back to the caller's columns.
    centre : float
        Mean of the outcome, taken off.
    """

    n: int
    gram: np.ndarray
    blocks: np.ndarray
    counts: np.ndarray
    products: np.ndarray
    each: np.ndarray
    group: np.ndarray
    back: np.ndarray
    centre: float

    @property
    def k(self) -> int:
        """Fixed columns, the intercept included."""
        return len(self.gram) - 1

    def share_within(self) -> float:
        """Return the share of the outcome's variation that fixed effects and clusters leave."""
        means = np.einsum("gij,g->ij", self.products[:, 0, 0], 1 / self.blocks[:, 0, 0])
        left = self.gram - means
        solved = np.linalg.pinv(left[:-1, :-1], rcond=1e-10, hermitian=True) @ left[:-1, -1]
        return float((left[-1, -1] - left[-1, :-1] @ solved) / self.gram[-1, -1])

    def holding(self, j: int, value: float) -> Sums:
        """Return the sums for a fit with the caller's coefficient `j` held at `value`."""
        # Turn the basis until this coefficient is the length of row j of `back` times the first.
        turn = np.eye(self.k + 1)
        turn[:-1, :-1] = np.linalg.qr(self.back[j][:, None], mode="complete")[0]
        turn[:, -1] -= turn[:, 0] * (value - self.centre * (j == 0)) / (self.back[j] @ turn[:-1, 0])
        turn = turn[:, 1:]
        return replace(self, gram=turn.T @ self.gram @ turn, products=turn.T @ self.products @ turn)


def add_up(
    outcome: np.ndarray,
    columns: np.ndarray,
    cluster: np.ndarray,
    slopes: np.ndarray | None = None,
) -> Sums:
    """Add up rows by cluster.

    Parameters
    ----------
    outcome, columns, cluster
        As in :func:`evidence.stats.mixed_model.random_intercept`.
    slopes : ndarray of shape (n, q − 1), optional
        0/1 columns, also among `columns`, whose coefficients differ from cluster to cluster.
    """
    n, k = len(outcome), columns.shape[1] + 1
    basis = np.array(columns.T, dtype=float, order="C")
    shift, centre = basis.mean(axis=1), outcome.mean()
    basis -= shift[:, None]
    triangle = np.eye(k - 1)
    for at_pass in range(3):  # as exact as Householder's QR, at a third of its cost
        gram = basis @ basis.T
        root = np.linalg.cholesky(gram + (at_pass == 0) * _SHIFT * np.diag(np.diag(gram)))
        basis = np.linalg.inv(root) @ basis
        triangle = root.T @ triangle
    back = np.zeros((k, k))
    back[1:, 1:] = np.linalg.inv(triangle)
    back[0] = [1 / np.sqrt(n), *(-shift @ back[1:, 1:])]  # the intercept is at zero again
    centred = outcome - centre
    gram = np.eye(k + 1)
    gram[1:k, k] = gram[k, 1:k] = basis @ centred
    gram[k, k] = centred @ centred

    size = np.bincount(cluster)
    used = np.flatnonzero(size)
    effects: list[np.ndarray | None] = [None]
    if slopes is not None:
        effects.extend(slopes.T.astype(float))

    def total(*factors: np.ndarray | None) -> np.ndarray:
        given = [factor for factor in factors if factor is not None]
        if not given:
            return size[used].astype(float)
        return np.bincount(cluster, given[0] if len(given) == 1 else given[0] * given[1])[used]

    each = np.array([[total(z) / np.sqrt(n), *(total(x, z) for x in (*basis, centred))]
                     for z in effects]).transpose(2, 0, 1)  # fmt: skip
    inner = np.array([[total(a, b) for a in effects] for b in effects]).transpose(2, 0, 1)
    group = np.zeros(len(used), int)
    for count in inner.reshape(len(used), -1).T:
        group = np.unique(group * (count.max() + 1) + count, return_inverse=True)[1]
    q, order = len(effects), np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(group.max() + 1))
    flat = each.reshape(len(used), -1)[order]
    products = np.stack(
        [np.add.reduceat(flat * column[:, None], starts) for column in flat.T], axis=1
    )
    return Sums(
        n=n,
        gram=gram,
        blocks=inner[order[starts]],
        counts=np.bincount(group).astype(float),
        products=products.reshape(-1, q, k + 1, q, k + 1).swapaxes(2, 3),
        each=each,
        group=group,
        back=back,
        centre=float(centre),
    )


def ratio_of(place: np.ndarray) -> np.ndarray:
    """Return G = ΛΛ' from the lower triangle of Λ, row by row."""
    q = int(np.sqrt(2 * len(place)))
    root = np.zeros((q, q))
    root[np.tril_indices(q)] = place
    return root @ root.T


def solve(sums: Sums, ratio: np.ndarray, *, reml: bool) -> tuple[np.ndarray, ...]:
    """Return (I + GZ'Z)⁻¹, (X'V⁻¹X)⁻¹, (−δ, 1), r² and the log determinants for G or a stack of G.

    δ are the coefficients of the orthonormal columns.
    """
    k, ratio = sums.k, ratio[..., None, :, :]
    inner = np.eye(ratio.shape[-1]) + ratio @ sums.blocks
    half = np.linalg.inv(inner)
    flat = (half @ ratio).reshape(*ratio.shape[:-3], -1)
    whole = sums.gram - (flat @ sums.products.reshape(flat.shape[-1], -1)).reshape(
        *flat.shape[:-1], k + 1, k + 1
    )
    inverse = np.linalg.inv(whole[..., :k, :k])
    delta = (inverse @ whole[..., :k, k:])[..., 0]
    residual = np.concatenate([-delta, np.ones((*delta.shape[:-1], 1))], axis=-1)
    square = np.sum(whole[..., k, :] * residual, axis=-1)
    terms = np.log(np.linalg.det(inner)) @ sums.counts
    return half, inverse, residual, square, terms - reml * np.linalg.slogdet(inverse)[1]


def slope_at(
    sums: Sums,
    place: np.ndarray,
    solved: tuple[np.ndarray, ...],
    scale: float | np.ndarray,
    *,
    reml: bool,
) -> np.ndarray:
    """Return the derivative of scale · r² + log determinants in the lower triangle of Λ."""
    half, inverse, residual, *_ = solved
    weight = scale * np.outer(residual, residual)
    weight[:-1, :-1] += reml * inverse
    q = half.shape[-1]
    linked = (sums.products.reshape(-1, weight.size) @ weight.ravel()).reshape(-1, q, q)
    change = (
        sums.counts[:, None, None] * (sums.blocks @ half) - half.swapaxes(-1, -2) @ linked @ half
    )
    lower = np.tril_indices(q)
    root = np.zeros((q, q))
    root[lower] = place
    slope: np.ndarray = 2 * (change.sum(axis=0) @ root)[lower]
    return slope


def minimum(sums: Sums, *, reml: bool) -> np.ndarray:
    """Return the lower triangle of Λ at the minimum of the criterion."""
    free, q = sums.n - reml * sums.k, sums.blocks.shape[-1]

    def value(place: np.ndarray) -> float:
        *_, square, terms = solve(sums, ratio_of(place), reml=reml)
        return float(free * np.log(square) + terms)

    def slope(place: np.ndarray) -> np.ndarray:
        solved = solve(sums, ratio_of(place), reml=reml)
        return slope_at(sums, place, solved, free / solved[3], reml=reml)

    if q == 1:
        return _one_effect(sums, slope, reml=reml)
    lower = np.tril_indices(q)
    starts = (np.eye(q), np.diag([0.5, *[0.1] * (q - 1)]))
    best = min(
        (minimize(value, start[lower], jac=slope, method="BFGS") for start in starts),
        key=lambda done: done.fun,
    )
    place: np.ndarray = best.x
    for _ in range(4):
        curve = np.linalg.pinv(differences(slope, place), rcond=1e-8, hermitian=True)
        place = place - curve @ slope(place)
    if not value(place) <= best.fun + 1e-12 * abs(best.fun):
        place = best.x
    return place


def _one_effect(sums: Sums, slope: Callable[[np.ndarray], np.ndarray], *, reml: bool) -> np.ndarray:
    """Return Λ of one random effect: its variance ratio is θ = icc / (1 − icc)."""

    def change(icc: float) -> float:
        root = math.sqrt(icc / (1 - icc))
        return float(slope(np.array([root]))[0]) / root

    if sums.blocks.max() == 1:  # clusters of one: nothing tells them from rows
        return np.zeros(1)
    *_, square, terms = solve(sums, (_ICC / (1 - _ICC))[:, None, None], reml=reml)
    best = int(np.argmin((sums.n - reml * sums.k) * np.log(square) + terms))
    low, high = max(_ICC[max(best - 1, 0)], 1e-12), _ICC[min(best + 1, len(_ICC) - 1)]
    icc = _ICC[best]
    if change(low) < 0 < change(high):
        icc = brentq(change, low, high, xtol=1e-14, rtol=1e-13)
    return np.array([np.sqrt(icc / (1 - icc))])


def differences(function: Callable[[np.ndarray], np.ndarray], place: np.ndarray) -> np.ndarray:
    """Return central differences of fourth order, one row a coordinate."""
    steps = _STEP * np.maximum(np.abs(place), 0.1)
    return np.array(
        [
            (
                8 * (function(place + e) - function(place - e))
                - function(place + 2 * e)
                + function(place - 2 * e)
            )
            / (12 * step)
            for e, step in zip(np.diag(steps), steps, strict=True)
        ]
    )
