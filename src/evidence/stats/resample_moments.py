"""The regression and the variances of each draw of a bootstrap, on sums alone."""

from __future__ import annotations

import numpy as np
from scipy import sparse

_RIDGE = 1e-10  # of columns of length 1: a covariate that a draw leaves without variation counts 0

Draw = tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]


def regress(
    scale: float, groups: list[np.ndarray], cells: list[np.ndarray], draw: Draw
) -> tuple[np.ndarray, np.ndarray]:
    """Return the effect in each draw and its standard error by the units drawn, within their cells.

    Parameters
    ----------
    scale : float
        The effect is this times the last coefficient.
    groups : list of ndarray of int
        The units of each absorbed stratum.
    cells : list of ndarray of int
        Units that are drawn in place of one another.
    draw : tuple
        Counts of the units (b, u), their cross-products (u, q²) or (b, u, q²), and variances.

    Notes
    -----
    Strata are absorbed: with x̄, ȳ the means of a stratum in the draw, b the coefficients and m the
    last column of (X'X)⁻¹, the score of a unit is (−m'x̄, m, 0) A (−(ȳ − x̄'b), −b, 1)', A its
    cross-products. The error is √Σ m/(m − 1) Σ(s − s̄)² over cells of m units: what a draw moves,
    no more. Scores about nought would also count how the effect differs between strata, which no
    draw within them moves: with two units a cell intervals would then be a quarter too narrow.
    """
    counts, moments, _ = draw
    q = round(moments.shape[-1] ** 0.5)
    p, b = q - 2, len(counts)
    gram, means = np.zeros((b, q - 1, q - 1)), []
    for group in groups:
        part = moments[..., group, :]
        total = counts[:, group] @ part if part.ndim == 2 else part.sum(axis=1)
        total = total.reshape(b, q, q)
        size = np.maximum(total[:, :1, 0], np.finfo(float).tiny)  # a stratum not drawn has nothing
        mean = total[:, 0, 1:] / size
        gram += total[:, 1:, 1:] - size[..., None] * mean[:, :, None] * mean[:, None, :]
        means.append(mean)
    right = np.concatenate([gram[:, :p, p:], np.zeros((b, p, 1))], axis=2)
    right[:, -1, 1] = 1.0
    solved = np.linalg.solve(gram[:, :p, :p] + _RIDGE * np.eye(p), right)
    coefficients, direction = solved[:, :, 0], solved[:, :, 1]
    scores = np.empty(counts.shape)
    for group, mean in zip(groups, means, strict=True):
        inside = mean[:, :p]
        level = mean[:, p] - (inside * coefficients).sum(axis=1)
        left = np.column_stack([-(inside * direction).sum(axis=1), direction, np.zeros(b)])
        rest = np.column_stack([-level, -coefficients, np.ones(b)])
        both = (left[:, :, None] * rest[:, None, :]).reshape(b, -1)
        part = moments[..., group, :]
        found = both @ part.T if part.ndim == 2 else np.einsum("bf,buf->bu", both, part)
        scores[:, group] = found
    variance = _within(counts, scores, cells)
    return scale * coefficients[:, -1], abs(scale) * np.sqrt(variance)


def variances(
    clusters: np.ndarray,
    rows: np.ndarray,
    squared: np.ndarray,
    total: np.ndarray,
    between: np.ndarray,
    within: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the variances between and within clusters by the analysis of variance.

    Notes
    -----
    Searle, Casella and McCulloch (1992), Variance Components, eq. 3.62; a negative variance is 0.
    Where every row is its own cluster all variance lies within.
    """
    between = between - total**2 / rows
    alone = clusters >= rows
    inner = np.where(alone, between + within, within) / np.where(alone, rows - 1, rows - clusters)
    width = (rows - squared / rows) / (clusters - 1)
    outer = np.where(alone, 0.0, (between / (clusters - 1) - inner) / width)
    return np.maximum(outer, 0.0), inner


def _within(counts: np.ndarray, scores: np.ndarray, cells: list[np.ndarray]) -> np.ndarray:
    """Return Σ m/(m − 1) Σ(s − s̄)² over cells; a unit alone in its cell counts s²."""
    size = np.array([len(cell) for cell in cells])
    place = np.empty(counts.shape[1], int)
    place[np.concatenate(cells)] = np.repeat(np.arange(len(cells)), size)
    several = size > 1
    factor = np.where(several, size / np.maximum(size - 1, 1), 1.0)
    taken = counts * scores
    member = sparse.csr_array((np.ones(len(place)), (np.arange(len(place)), place)))
    square = (taken * scores) @ factor[place]
    found = square - (taken @ member) ** 2 @ np.where(several, factor / size, 0.0)
    return np.where(found > _RIDGE * square, found, 0.0)  # rounding is all that is left
