"""Leave-one-group-out expectations: of cells or a regression, no group's own outcomes used.

Nothing is fitted anew for a group: cells take its own sums from the whole, the regression takes its
rows from the normal equations of an orthonormal basis.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from evidence.errors import EvidenceError
from evidence.stats.cluster_sums import gains
from evidence.stats.design import compact, independent, parts

_ALONE = 0.5  # below this leverage a group cannot decide a column alone


@dataclass(frozen=True, eq=False)
class Expectation:
    """What was expected of each row.

    Parameters
    ----------
    expected : ndarray of shape (n,)
        NaN where no cell has enough rows.
    n : ndarray of int, shape (n,)
        Rows of other groups that it is computed from.
    basis : ndarray of int, shape (n,)
        Place in `bases`.
    bases : list of tuple of int
        Of cells: the level used. Of a regression: the columns that could not be used.
    """

    expected: np.ndarray
    n: np.ndarray
    basis: np.ndarray
    bases: list[tuple[int, ...]]


def cells(
    levels: Iterable[np.ndarray],
    outcome: np.ndarray,
    fit: np.ndarray,
    group: np.ndarray,
    smallest: int,
) -> Expectation:
    """Expect the mean of the finest cell that has enough rows of other groups.

    Parameters
    ----------
    levels : iterable of ndarray of int, shape (n,)
        Codes 0, 1, … of the cells, the finest level first; no more are taken than are needed.
    outcome : ndarray of shape (n,)
    fit : ndarray of bool, shape (n,)
        Rows that the model is fitted to.
    group : ndarray of int, shape (n,)
        Codes 0, 1, … of the groups, such as schools.
    smallest : int
        Rows of other groups that a cell must have.
    """
    centre = outcome[fit].mean()  # a difference of large sums would lose digits
    score = np.where(fit, outcome - centre, 0.0)
    expected = np.full(len(outcome), np.nan)
    count, used = np.zeros(len(outcome), int), np.zeros(len(outcome), int)
    for place, cell in enumerate(levels):
        own = compact([cell, group])
        rows, total = (np.bincount(cell, x)[cell] - np.bincount(own, x)[own] for x in (fit, score))
        enough = np.isnan(expected) & (rows >= smallest)
        expected[enough] = centre + total[enough] / rows[enough]
        count[enough], used[enough] = rows[enough], place
        if not np.isnan(expected).any():
            break
    return Expectation(expected, count, used, [(level,) for level in range(place + 1)])


def regression(
    columns: np.ndarray,
    outcome: np.ndarray,
    fit: np.ndarray,
    group: np.ndarray,
    weights: np.ndarray,
) -> Expectation:
    """Expect what least squares on the rows of all other groups says.

    Parameters
    ----------
    columns : ndarray of shape (n, k)
        The first is the intercept. The coefficient of a column that the others' rows do not
        identify, such as a level that only this group has, is zero; rows that need it are noted.
    outcome, fit, group
        As in :func:`cells`.
    weights : ndarray of shape (n,)
        Positive.

    Raises
    ------
    EvidenceError
        Without some group there are no more rows than columns.

    Notes
    -----
    With Q the orthonormal basis of the weighted columns and Q_g the rows of group g, its
    coefficients are (I − Q_g'Q_g)⁻¹(Q'y − Q_g'y_g). At most k groups can decide a column alone; for
    them the regression is fitted again.
    """
    k, n_groups = columns.shape[1], int(group.max()) + 1
    own = np.bincount(group, fit, n_groups).astype(int)
    if fit.sum() - own.max() <= k:
        raise EvidenceError(
            f"{fit.sum()} comparison rows are too few for a regression of {k} columns that leaves "
            "out each school in turn: give more rows or fewer columns"
        )
    root = np.where(fit, np.sqrt(weights), 0.0)
    centre = np.average(outcome[fit], weights=weights[fit])
    score = root * np.where(fit, outcome - centre, 0.0)
    kept, triangle, ties = _triangle(columns, root, np.flatnonzero(fit))
    turn, some = np.linalg.inv(triangle), slice(None) if len(kept) == k else kept
    expected, used, bases = np.empty(len(fit)), np.zeros(len(fit), int), {(): 0}

    def note(rows: np.ndarray, kept: list[int], ties: np.ndarray) -> None:
        """Note of each row which columns it needed and the others could not give."""
        gone = np.delete(np.arange(k), kept)
        if not len(gone):
            used[rows] = 0
            return
        broken = np.abs(columns[np.ix_(rows, gone)] - columns[np.ix_(rows, kept)] @ ties)
        patterns, which = np.unique(broken > 1e-7 * size[gone], axis=0, return_inverse=True)
        names = [tuple(gone[pattern].tolist()) for pattern in patterns]
        used[rows] = np.array([bases.setdefault(name, len(bases)) for name in names])[which]

    size = np.abs(columns).max(axis=0)
    note(np.arange(len(fit)), kept, ties)
    order = np.argsort(group, kind="stable")
    order = order[fit[order]]
    grams, totals = np.empty((n_groups, len(kept), len(kept))), np.empty((n_groups, len(kept)))
    for code, rows in enumerate(np.split(order, np.cumsum(own)[:-1])):
        basis = root[rows, None] * columns[rows][:, some] @ turn
        np.matmul(basis.T, basis, out=grams[code])
        np.matmul(basis.T, score[rows], out=totals[code])
    rest = (totals.sum(axis=0) - totals)[..., None]
    coefficients = turn @ gains(grams, rest, -1.0)[0]
    for part in parts(len(fit)):
        own_coefficients = coefficients[group[part], :, 0]
        expected[part] = np.einsum("ij,ij->i", columns[part][:, some], own_coefficients)
    for code in np.flatnonzero(np.trace(grams, axis1=1, axis2=2) > _ALONE):
        if np.linalg.eigvalsh(grams[code])[-1] > 1 - 1e-9:
            rows, others = group == code, np.flatnonzero(fit & (group != code))
            part, corner, ties = _triangle(columns, root, others)
            design = np.linalg.solve(corner.T, columns[:, part].T).T
            here = root[others] * score[others]
            expected[rows] = design[rows] @ (design[others].T @ here)
            note(np.flatnonzero(rows), part, ties)
    return Expectation(centre + expected, fit.sum() - own[group], used, list(bases))


def _triangle(
    columns: np.ndarray, root: np.ndarray, rows: np.ndarray
) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Return the columns that earlier ones do not explain, R of their QR, and what ties the others.

    Of some rows, each times its root of a weight, taken up part by part. The ties are the
    coefficients, shape (kept, others), by which the kept give the others.
    """
    triangle, spread = np.empty((0, columns.shape[1])), np.zeros(columns.shape[1])
    for part in parts(len(rows)):
        block = root[rows[part], None] * columns[rows[part]]
        spread += np.einsum("ij,ij->j", block, block)
        triangle = np.linalg.qr(np.concatenate([triangle, block]), mode="r")
    kept = independent(triangle, np.sqrt(spread))
    rotated, corner = np.linalg.qr(triangle[:, kept])
    return kept, corner, np.linalg.solve(corner, rotated.T @ np.delete(triangle, kept, axis=1))
