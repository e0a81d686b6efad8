"""Leave-one-group-out expectations: of cells or a regression, no group's own outcomes used.

Nothing is fitted anew for a group: cells take its own sums from the whole, the regression takes its
rows from the normal equations of an orthonormal basis.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from evidence.errors import EvidenceError
from evidence.stats.cluster_sums import cross_products, gains, predictions, together
from evidence.stats.design import (
    Columns,
    Rows,
    as_columns,
    chosen,
    compact,
    independent,
    parts,
)

_APART = 1e-5  # least eigenvalue of a correlation matrix whose sums of products are exact enough
_WIDE = 32  # times as many cells as rows may be counted at once
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
    centre = chosen(outcome, fit).mean()  # a difference of large sums would lose digits
    every = fit.all()
    score = outcome - centre if every else np.where(fit, outcome - centre, 0.0)
    expected = np.full(len(outcome), np.nan)
    count, used = np.zeros(len(outcome), int), np.zeros(len(outcome), np.int8)
    whole = [*together(group)]
    for place, cell in enumerate(levels):
        n_rows, total = np.bincount(cell, None if every else fit), np.bincount(cell, score)
        for rows, ends in whole:
            if place and not np.isnan(expected.take(rows)).any():
                continue
            whose = cell.take(rows)
            own = np.repeat(np.arange(len(ends) - 1) * len(n_rows), np.diff(ends))
            own += whose
            if (len(ends) - 1) * len(n_rows) > _WIDE * len(rows):
                own = compact([own])
            counted = np.bincount(own, None if every else fit.take(rows))
            n = (n_rows.take(whose) - counted.take(own)).astype(int)
            rest = total.take(whose) - np.bincount(own, score.take(rows)).take(own)
            enough = n >= smallest
            if place:
                enough &= np.isnan(expected.take(rows))
            if not enough.all():
                rows, n, rest = rows[enough], n[enough], rest[enough]
            expected[rows], count[rows] = centre + rest / n, n
            if place:
                used[rows] = place
        if not np.isnan(expected).any():
            break
    return Expectation(expected, count, used, [(level,) for level in range(place + 1)])


def regression(
    columns: np.ndarray | Columns,
    outcome: np.ndarray,
    fit: np.ndarray,
    group: np.ndarray,
    weights: np.ndarray,
) -> Expectation:
    """Expect what least squares on the rows of all other groups says.

    Parameters
    ----------
    columns : ndarray of shape (n, k)
        Or anything that gives its rows by `columns[rows]`. The first is the intercept. The
        coefficient of a column that the others' rows do not identify, such as a level that only
        this group has, is zero; rows that need it are noted.
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
    if not fit.all():
        weights, outcome = (np.where(fit, each, 0.0) for each in (weights, outcome))
    centre = weights @ outcome / weights.sum()
    score = outcome - centre
    if not fit.all():
        score[~fit] = 0.0
    columns = as_columns(columns)
    both = Columns([*columns.blocks, lambda rows: [score[rows]]], (len(fit), k + 1))
    uneven = None if weights.min() == 1 == weights.max() else weights
    grams = cross_products(group, both, uneven)
    kept, ties, whole = [*range(k)], np.empty((k, 0)), grams.sum(axis=0)[:-1, :-1]
    spread, turn = np.sqrt(np.diag(whole)), np.eye(k + 1)
    if spread.all() and np.linalg.eigvalsh(whole / spread[:, None] / spread)[0] > _APART:
        turn[:k, :k] = np.linalg.inv(np.linalg.cholesky(whole)).T
        grams = turn.T @ grams @ turn
    else:
        kept, triangle, ties = _triangle(columns, np.sqrt(weights), np.flatnonzero(fit))
        turn = np.eye(k + 1)[:, [*kept, k]]
        turn[np.ix_(kept, range(len(kept)))] = np.linalg.inv(triangle)
        grams = cross_products(
            group,
            Columns([lambda rows: (both[rows] @ turn).T], (len(fit), len(kept) + 1)),
            uneven,
        )
    turn, grams, totals = turn[kept, :-1], grams[:, :-1, :-1], grams[:, :-1, -1]
    used, bases = np.zeros(len(fit), int), {(): 0}

    def note(rows: Rows, kept: list[int], ties: np.ndarray) -> None:
        """Note of each row which columns it needed and the others could not give."""
        gone = np.delete(np.arange(k), kept)
        if not len(gone):
            used[rows] = 0
            return
        here = columns[rows]
        size = largest()
        broken = np.abs(here[:, gone] - here[:, kept] @ ties)
        patterns, which = np.unique(broken > 1e-7 * size[gone], axis=0, return_inverse=True)
        names = [tuple(gone[pattern].tolist()) for pattern in patterns]
        used[rows] = np.array([bases.setdefault(name, len(bases)) for name in names])[which]

    @functools.cache
    def largest() -> np.ndarray:
        sizes = np.array([np.abs(columns[part]).max(axis=0) for part in parts(len(fit))])
        most: np.ndarray = sizes.max(axis=0)
        return most

    rest = (totals.sum(axis=0) - totals)[..., None]
    coefficients = (turn @ gains(grams, rest, -1.0)[0])[..., 0]
    every = np.zeros((n_groups, k))
    every[:, kept] = coefficients
    expected = predictions(group, columns, every)
    if len(kept) < k:
        for part in parts(len(fit)):
            note(part, kept, ties)
    for code in np.flatnonzero(np.trace(grams, axis1=1, axis2=2) > _ALONE):
        if np.linalg.eigvalsh(grams[code])[-1] > 1 - 1e-9:
            rows, others = np.flatnonzero(group == code), np.flatnonzero(fit & (group != code))
            identified, corner, ties = _triangle(columns, np.sqrt(weights), others)
            design, shown = (
                np.linalg.solve(corner.T, columns[which][:, identified].T).T
                for which in (others, rows)
            )
            expected[rows] = shown @ (design.T @ (weights[others] * score[others]))
            note(rows, identified, ties)
    expected += centre
    return Expectation(expected, (fit.sum() - own).take(group), used, list(bases))


def _triangle(
    columns: Columns, root: np.ndarray, rows: np.ndarray
) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Return the columns that earlier ones do not explain, R of their QR, and what ties the others.

    Of some rows, each times its root of a weight, taken up part by part. The ties are the
    coefficients, shape (kept, others), by which the kept give the others.
    """
    triangle, spread = np.empty((0, columns.shape[1])), np.zeros(columns.shape[1])
    for part in parts(len(rows)):
        block = root[rows[part], None] * columns[rows[part]]
        spread += np.einsum("ij,ij->j", block, block)
        triangle = np.asarray(np.linalg.qr(np.concatenate([triangle, block]), mode="r"))
    kept = independent(triangle, np.sqrt(spread))
    rotated, corner = np.linalg.qr(triangle[:, kept])
    return kept, corner, np.linalg.solve(corner, rotated.T @ np.delete(triangle, kept, axis=1))
