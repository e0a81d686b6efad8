"""Leave-one-group-out expectations: of cells or a regression, no group's own outcomes used.

Nothing is fitted anew for a group: cells take its own sums from the whole, the regression takes its
rows from the normal equations of an orthonormal basis.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from evidence.errors import EvidenceError
from evidence.stats.cluster_sums import gains
from evidence.stats.design import compact, independent, parts

_APART = 1e-5  # least eigenvalue of a correlation matrix whose sums of products are exact enough
_PART = 8_192  # rows
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
    together = list(_whole_groups(group))
    for place, cell in enumerate(levels):
        n_rows, total = np.bincount(cell, fit), np.bincount(cell, score)
        for rows, _ in together:
            if not np.isnan(expected[rows]).any():
                continue
            own = compact([group[rows], cell[rows]])
            here = np.bincount(own, fit[rows])[own], np.bincount(own, score[rows])[own]
            n, rest = n_rows[cell[rows]] - here[0], total[cell[rows]] - here[1]
            enough = np.isnan(expected[rows]) & (n >= smallest)
            rows, n, rest = rows[enough], n[enough], rest[enough]
            expected[rows], count[rows], used[rows] = centre + rest / n, n, place
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
        Or anything that gives its rows by `columns[rows]`. The first is the intercept. The coefficient of a column that the others' rows do not
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
    together = list(_whole_groups(group))
    grams, totals, size = _moments(columns, root, score, group, together)
    kept, whole, ties = [*range(k)], grams.sum(axis=0), np.empty((k, 0))
    spread = np.sqrt(np.diag(whole))
    if spread.all() and np.linalg.eigvalsh(whole / spread[:, None] / spread)[0] > _APART:
        turn = np.linalg.inv(np.linalg.cholesky(whole)).T
        grams, totals = turn.T @ grams @ turn, totals @ turn
    else:
        kept, triangle, ties = _triangle(columns, root, np.flatnonzero(fit))
        turn = np.linalg.inv(triangle)
        grams, totals, _ = _moments(columns, root, score, group, together, (kept, turn))
    expected, used, bases = np.empty(len(fit)), np.zeros(len(fit), int), {(): 0}

    def note(rows: np.ndarray, kept: list[int], ties: np.ndarray) -> None:
        """Note of each row which columns it needed and the others could not give."""
        gone = np.delete(np.arange(k), kept)
        if not len(gone):
            used[rows] = 0
            return
        here = columns[rows]
        broken = np.abs(here[:, gone] - here[:, kept] @ ties)
        patterns, which = np.unique(broken > 1e-7 * size[gone], axis=0, return_inverse=True)
        names = [tuple(gone[pattern].tolist()) for pattern in patterns]
        used[rows] = np.array([bases.setdefault(name, len(bases)) for name in names])[which]

    rest = (totals.sum(axis=0) - totals)[..., None]
    coefficients = (turn @ gains(grams, rest, -1.0)[0])[..., 0]
    for rows, ends in together:
        note(rows, kept, ties)
        block = columns[rows][:, kept].T
        for start, stop in itertools.pairwise(ends):
            expected[rows[start:stop]] = coefficients[group[rows[start]]] @ block[:, start:stop]
    for code in np.flatnonzero(np.trace(grams, axis1=1, axis2=2) > _ALONE):
        if np.linalg.eigvalsh(grams[code])[-1] > 1 - 1e-9:
            rows, others = np.flatnonzero(group == code), np.flatnonzero(fit & (group != code))
            part, corner, ties = _triangle(columns, root, others)
            design, shown = (
                np.linalg.solve(corner.T, columns[which][:, part].T).T for which in (others, rows)
            )
            expected[rows] = shown @ (design.T @ (root[others] * score[others]))
            note(rows, part, ties)
    return Expectation(centre + expected, fit.sum() - own[group], used, list(bases))


def _whole_groups(group: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give places of rows, whole groups at a time and few enough for a processor's cache.

    With them where the groups among them begin, and their number at the end.
    """
    size = np.bincount(group)
    order = np.argsort(group.astype(np.min_scalar_type(len(size))), kind="stable")
    end = np.cumsum(size[size > 0])
    first = start = 0
    while first < len(end):
        last = max(first + 1, int(np.searchsorted(end, start + _PART, side="right")))
        ends = np.append(start, end[first:last])
        yield order[start : ends[-1]], ends - start
        first, start = last, int(ends[-1])


def _moments(
    columns: np.ndarray,
    root: np.ndarray,
    score: np.ndarray,
    group: np.ndarray,
    together: Iterable[tuple[np.ndarray, np.ndarray]],
    basis: tuple[list[int], np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Z'Z and Z'y of each group, and the largest size of each column.

    Z are the columns, each row times its root of a weight, or those of `basis` and its turn.
    """
    k = columns.shape[1] if basis is None else len(basis[0])
    n_groups = int(group.max()) + 1
    grams, totals, size = np.zeros((n_groups, k, k)), np.zeros((n_groups, k)), np.zeros(k)
    for rows, ends in together:
        block = columns[rows].T
        if basis is None:
            size = np.maximum(size, np.abs(block).max(axis=1))
        else:
            block = basis[1].T @ block[basis[0]]
        block *= root[rows]
        right = score[rows]
        for start, stop in itertools.pairwise(ends):
            code, own = group[rows[start]], block[:, start:stop]
            np.matmul(own, own.T, out=grams[code])
            np.matmul(own, right[start:stop], out=totals[code])
    return grams, totals, size


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
