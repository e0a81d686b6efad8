"""A regression as an orthonormal basis of its columns, with one factor absorbed.

With Q'WQ = I (W the weights) the hat matrix is H = QQ'W. The dummies of the absorbed factor are
never written out, yet they count in every formula as if they had been.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from evidence.errors import EvidenceError

_ROUNDING = 1e-12  # of the largest value
_FEW = 16  # columns
_APART = 1e-3  # least eigenvalue of a correlation matrix that Cholesky's factor may be taken of
_PART = 16_384  # rows
_RANK = 1e-7  # as R's lm: a column this near to the span of the earlier ones is dropped

Rows = slice | np.ndarray


@dataclass(frozen=True, eq=False)
class Design:
    """The columns of a regression as an orthonormal basis, one factor absorbed.

    Parameters
    ----------
    basis : ndarray of shape (n, k)
        Q, orthonormal under the weights and free of stratum means.
    coefficients : ndarray of shape (q, k)
        Rows L with estimates L Q'Wy, one for each column of interest.
    strata : ndarray of int, shape (n,)
        Codes 0 … p − 1 of the absorbed factor; all 0 where there is only an intercept, or nothing.
    weights : ndarray of shape (n,)
        Positive weights of mean 1.
    weighted : bool
        False where all weights are equal.
    n_others : int
        Other columns given, dropped ones included.
    dropped : tuple of int
        Positions of the other columns that were left out because earlier ones explain them.
    absorbed : bool
        False where nothing is absorbed, not even an intercept.
    """

    basis: np.ndarray
    coefficients: np.ndarray
    strata: np.ndarray
    weights: np.ndarray
    weighted: bool
    n_others: int
    dropped: tuple[int, ...]
    absorbed: bool = True

    @property
    def n_obs(self) -> int:
        """Rows."""
        return len(self.basis)

    @cached_property
    def rank(self) -> int:
        """Columns of the full regression, absorbed dummies (or the intercept) included."""
        return int(self.basis.shape[1]) + self.absorbed * (int(self.strata.max()) + 1)

    @cached_property
    def totals(self) -> np.ndarray:
        """Sum of weights of each stratum; without end where nothing is absorbed: no mean moves."""
        return np.bincount(self.strata, self.weights) if self.absorbed else np.array([np.inf])

    @cached_property
    def directions(self) -> np.ndarray:
        """WX(X'WX)⁻¹c for each coefficient c, shape (n, q)."""
        directions: np.ndarray = self.basis @ self.coefficients.T
        if self.weighted:
            directions = self.weights[:, None] * directions
        return directions

    def only(self, which: np.ndarray) -> Design:
        """Return the same regression with fewer coefficients of interest (a mask or places)."""
        return replace(self, coefficients=self.coefficients[which])

    def fit(self, outcome: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the estimates, shape (q,), and the residuals, shape (n,).

        Residuals that are only what rounding left are 0.
        """
        centred = outcome - self.absorbed * outcome.mean()
        weighted = self.weights * centred if self.weighted else centred
        means = np.bincount(self.strata, weighted) / self.totals
        centred -= means[self.strata] if len(means) > 1 else means
        scores = self.basis.T @ (self.weights * centred if self.weighted else centred)
        residuals = centred - self.basis @ scores
        residuals[np.abs(residuals) <= _ROUNDING * np.abs(centred).max(initial=0)] = 0.0
        return self.coefficients @ scores, residuals

    def residual_maker(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return R and C of (I − H)(I − H)' = I + R C R'.

        Returns
        -------
        own : ndarray of shape (n, a)
            Entry of each row in its own stratum's columns.
        dense : ndarray of shape (n, r)
            The other columns.
        own_signs, dense_signs : ndarray
            The diagonal of C.

        Notes
        -----
        With K = Q'W²Q, (I − H)(I − H)' = I − QQ'W − WQQ' + QKQ'. Completing the square for the
        stratum's columns (K is diagonal there) and for the others gives two sets of columns, one
        added and one taken away; without weights the first is zero and the second is Q.
        """
        own = 1 / np.sqrt(self.totals)[self.strata]
        if not self.weighted:
            return own[:, None], self.basis, np.array([-1.0]), -np.ones(self.basis.shape[1])
        w, q = self.weights, self.basis
        diagonal = np.bincount(self.strata, w**2) / self.totals
        kappa = diagonal[self.strata]
        cross = sums(self.strata, (w**2)[:, None] * q) / self.totals[:, None]
        linked = w[:, None] * q - cross[self.strata]
        root = np.linalg.cholesky(q.T @ (w[:, None] ** 2 * q)) if q.shape[1] else np.eye(0)
        minus = np.linalg.solve(root, linked.T).T
        own_plus, own_minus = np.sqrt(kappa) * own * (1 - w / kappa), w * own / np.sqrt(kappa)
        signs = np.ones(q.shape[1])
        return (
            np.column_stack([own_minus, own_plus]),
            np.column_stack([minus, q @ root - minus]),
            np.array([-1.0, 1.0]),
            np.concatenate([-signs, signs]),
        )


def design(
    interest: np.ndarray,
    others: np.ndarray | Columns,
    strata: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    name: str = "treatment",
    *,
    absorb: bool = True,
) -> Design:
    """Make a regression ready: absorb the strata, drop redundant columns, orthonormalise.

    Parameters
    ----------
    interest : ndarray of shape (n, q)
        Columns whose coefficients are wanted.
    others : ndarray or Columns, shape (n, m)
        Covariates, without an intercept. A column explained by the strata and earlier columns is
        dropped, as R's ``lm`` does.
    strata : ndarray of int, optional
        Codes of the factor to absorb; an intercept where there is none.
    weights : ndarray, optional
        Positive; only their ratios matter.
    name : str
        How messages call the columns of interest.
    absorb : bool
        False to take the columns as they are, without strata, weights or an intercept.

    Raises
    ------
    EvidenceError
        A column of interest does not vary once the others and the strata are held fixed, or no
        row is left to judge the error by.
    """
    n, q = interest.shape
    codes = np.zeros(n, int) if strata is None else compact([strata])
    w = np.ones(n) if weights is None else weights / weights.mean()
    weighted = bool(np.ptp(w) > 1e-12)
    columns = np.empty((n, others.shape[1] + q), order="F")  # each is gone through by itself
    columns[:, : others.shape[1]], columns[:, others.shape[1] :] = others, interest
    level, spread = np.zeros((2, columns.shape[1]))
    root, whole = np.sqrt(w), np.bincount(codes, w)
    for j, column in enumerate(columns.T):
        # Judged against a column's own spread: adding a constant to it must change nothing.
        level[j] = max(column.max(), -column.min()) * np.sqrt(n)
        column -= absorb * (w @ column) / n
        spread[j] = np.sqrt(w @ column**2)
        for _ in range(2 * absorb):  # twice: the second removes what rounding left of the means
            means = np.bincount(codes, w * column if weighted else column) / whole
            column -= means[codes] if len(means) > 1 else means
        if weighted:
            column *= root
    transform, triangle = _orthonormal(columns)
    kept = independent(triangle, np.where(spread > 1e-12 * level, spread, np.inf))
    focus = range(others.shape[1], columns.shape[1])
    if not set(focus) <= set(kept):
        raise EvidenceError(
            f"{name}: does not vary once all else in the model is held fixed, so it has no effect "
            "to estimate; leave out the covariates, strata or programmes that decide it, or add "
            "rows to compare with"
        )
    if transform is None or len(kept) < columns.shape[1]:
        orthonormal, triangle = np.linalg.qr(columns[:, kept])
    else:
        orthonormal = columns
        for part in parts(n):
            columns[part] = columns[part] @ transform
    if weighted:
        orthonormal /= root[:, None]
    regression = Design(
        basis=orthonormal,
        coefficients=np.linalg.inv(triangle)[-q:],
        strata=codes,
        weights=w,
        weighted=weighted,
        n_others=focus[0],
        dropped=tuple(j for j in range(focus[0]) if j not in kept),
        absorbed=absorb,
    )
    if regression.rank >= n:
        raise EvidenceError(
            f"{n} rows are too few for a regression of {regression.rank} columns: give more rows "
            "or fewer covariates and strata"
        )
    return regression


def _orthonormal(columns: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """Return T and R with Q = ZT orthonormal and Z = QR.

    By Cholesky's of Z'Z and then of Q'Q where columns are well apart; elsewhere T is None, and R is
    that of Householder's.
    """
    gram = columns.T @ columns
    size = np.sqrt(np.diag(gram))
    if columns.size and size.all() and np.isfinite(size).all():
        scaled = gram / size[:, None] / size
        if np.linalg.eigvalsh(scaled)[0] > _APART:
            first = np.linalg.cholesky(scaled).T * size
            transform = np.linalg.inv(first)
            again = np.zeros_like(gram)
            for part in parts(len(columns)):
                near = columns[part] @ transform
                again += near.T @ near
            second = np.linalg.cholesky(again).T
            return transform @ np.linalg.inv(second), second @ first
    return None, np.asarray(np.linalg.qr(columns, mode="r"))  # typed by numpy as Q and R


@dataclass(frozen=True, eq=False)
class Coded:
    """Columns with few different rows: which of these each row is, and what they hold.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Places in `table`; −1 is its last.
    table : ndarray of shape (k, levels)
    """

    codes: np.ndarray
    table: np.ndarray

    def __call__(self, rows: Rows) -> np.ndarray:
        """Return the columns of some rows, shape (k, r)."""
        return self.table[:, self.codes[rows]]

    def less(self, level: np.ndarray) -> Coded:
        """Return the columns less a number each."""
        return Coded(self.codes, self.table - level[:, None])


Block = Callable[[Rows], Sequence[np.ndarray] | np.ndarray]


def block(values: np.ndarray) -> Block:
    """Return a column as a block of :class:`Columns`, few whole numbers as codes."""
    if values.dtype.kind == "b":
        return Coded(values.view(np.uint8), np.array([[0.0, 1.0]]))
    if values.dtype.kind in "iu" and len(values):
        low, high = values.min(), values.max()
        if int(high) - int(low) < _FEW:
            levels = np.arange(int(low), int(high) + 1, dtype=float)[None]
            return Coded((values - low).astype(np.uint8), levels)
    return lambda rows: [values[rows]]


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of a regression, written out for the rows that are asked for: a nation's fit nowhere.

    Parameters
    ----------
    blocks : list of callable
        Each gives some rows of its columns, shape (k, r).
    shape : tuple of int
    """

    blocks: list[Block]
    shape: tuple[int, int]

    def split(self, most: int) -> tuple[Coded, list[int], Columns, list[int]]:
        """Return coded columns as one block of at most so many levels, the others, and places."""
        whole, place = Coded(np.broadcast_to(np.uint16(0), self.shape[0]), np.empty((0, 1))), 0
        held: list[tuple[Block, list[int]]] = []
        for each in self.blocks:
            width = len(each.table if isinstance(each, Coded) else each(slice(0, 1)))
            held.append((each, [*range(place, place + width)]))
            place += width
        coded, others = [], []
        for each, places in sorted(held, key=lambda one: -len(one[1])):
            if (
                not isinstance(each, Coded)
                or (size := int(each.codes.max()) + 1) * whole.table.shape[1] > most
                or each.codes.min() < 0
            ):
                others.append((each, places))
                continue
            table = [np.repeat(whole.table, size, axis=1)]
            table.append(np.tile(each.table[:, :size], whole.table.shape[1]))
            codes = whole.codes * np.uint16(size)
            codes += each.codes.astype(np.uint16)
            whole = Coded(codes, np.concatenate(table))
            coded += places
        places = [place for _, own in others for place in own]
        rest = Columns([each for each, _ in others], (self.shape[0], len(places)))
        return whole, coded, rest, places

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return all rows."""
        return self[:]

    @property
    def T(self) -> np.ndarray:  # noqa: N802  (as an array's)
        """All columns, shape (k, n)."""
        return self[:].T

    def __getitem__(self, rows: Rows | tuple[Rows, Any]) -> np.ndarray:
        """Return these rows, shape (r, k)."""
        if isinstance(rows, tuple):
            return self[rows[0]][:, rows[1]]
        n = len(range(*rows.indices(self.shape[0])) if isinstance(rows, slice) else rows)
        out = np.empty((self.shape[1], n)).T
        self.write(rows, out)
        return out

    def write(self, rows: Rows, out: np.ndarray) -> None:
        """Write these rows into an array, shape (r, k)."""
        place = 0
        for block in self.blocks:
            for column in block(rows):
                out[:, place] = column
                place += 1


def as_columns(values: np.ndarray | Columns) -> Columns:
    """Return an array of columns, shape (n, k), as one block."""
    if isinstance(values, Columns):
        return values
    return Columns([lambda rows: values[rows].T], values.shape)


def chosen(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the values of a mask; the array itself, no copy, where that is all of them."""
    return values if mask.all() else values[mask]


def parts(n: int) -> list[slice]:
    """Return parts of n rows that fit a processor's cache."""
    return [slice(first, first + _PART) for first in range(0, n, _PART)]


def two_way(
    interest: np.ndarray,
    others: np.ndarray,
    unit: np.ndarray,
    time: np.ndarray,
    weights: np.ndarray | None,
    name: str,
) -> Design:
    """Make a regression with a dummy for every unit and every time.

    The longer of the two factors is absorbed; the other's dummies come before the covariates.

    Parameters
    ----------
    interest, others, weights, name
        As in :func:`design`.
    unit : ndarray of int, shape (n,)
        Codes from 0.
    time : ndarray of shape (n,)

    Raises
    ------
    EvidenceError
        A column of interest is explained by units, times and covariates.
    """
    when = np.unique(time, return_inverse=True)[1]
    small, large = sorted((unit, when), key=np.max)
    dummies = (small[:, None] == np.arange(1, small.max() + 1)).astype(float)
    return design(interest, np.column_stack([dummies, others]), large, weights, name)


def sums(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum the rows of `values`, shape (n, k), within each code 0, 1, …."""
    n, k = values.shape
    if k <= _FEW:  # a column at a time costs less
        out = np.empty((int(codes.max()) + 1, k))
        for j, column in enumerate(values.T):
            out[:, j] = np.bincount(codes, column)
        return out
    summed: np.ndarray = sparse.csr_array((np.ones(n), (codes, np.arange(n)))) @ values
    return summed


def independent(triangle: np.ndarray, spread: np.ndarray) -> list[int]:
    """Return the columns that earlier kept ones do not explain."""
    kept: list[int] = []
    span = np.empty((len(triangle), 0))
    for j, column in enumerate(triangle.T):
        rest = column - span @ (span.T @ column)
        rest = rest - span @ (span.T @ rest)
        size = np.linalg.norm(rest)
        if size > _RANK * spread[j]:
            kept.append(j)
            span = np.column_stack([span, rest / size])
    return kept


def compact(codes: Sequence[np.ndarray]) -> np.ndarray:
    """Return codes 0, 1, … of the combinations that occur, in their order."""
    label, size, most = np.zeros(1, int), 1, 8 * len(codes[0])
    for column in codes:
        low = int(column.min())
        width = int(column.max()) - low + 1
        if size * width > most:
            label, size = _close(label, size, most)
            if width > most:
                column = np.unique(column, return_inverse=True)[1]
                low, width = 0, int(column.max()) + 1
        if size == 1:
            label = column.astype(int)
        else:
            label *= width
            label += column
        label -= low
        size *= width
    return _close(label, size, most)[0]


def _close(label: np.ndarray, size: int, most: int) -> tuple[np.ndarray, int]:
    """Return codes below `size` without those that do not occur, and how many do."""
    if size <= most:  # a million rows take a twentieth of what sorting takes
        occurs = np.zeros(size, bool)
        occurs[label] = True
        if not occurs.all():
            label = (np.cumsum(occurs) - 1).take(label)
    else:
        label = np.unique(label, return_inverse=True)[1]
    return label, int(label.max()) + 1
