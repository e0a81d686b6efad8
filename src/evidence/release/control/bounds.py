"""The range of each hidden number that can be worked out from sums, by linear programming.

A `System` holds numbers that are whole or hidden and the sums between them. Somebody who knows the
rules knows, of each published number, the interval that rounds to it, of each hidden one that it is
not below zero, and every sum: the range of a hidden number is the difference between the largest
and the smallest value that a linear programme finds for it. `cell_selection` hides further numbers
until each range is as wide as needed. Solver: HiGHS, through `scipy.optimize.milp`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

SLACK = 1e-4  # solvers are exact to about 1e-6; counts to 1
_EXACT = 6_000  # variables of one linear programme that asks for many ranges at once
_TURNS = 40
_LEVELS = 4  # of totals of totals


@dataclass(slots=True, eq=False)
class System:
    """Numbers, what is known of each, and their sums.

    Parameters
    ----------
    sums : csr_array, shape (m, n)
        Each row times the numbers is zero; a total that nobody shows has the sign plus.
    lower, upper : ndarray, shape (n,)
        What is known of each number; upper is infinite where it is hidden.
    least : ndarray, shape (n,)
        `lower` of the number once it is hidden.
    need : ndarray, shape (n,)
        Width that its range must keep; 0 where it does not matter.
    price : ndarray, shape (n,)
        What hiding it costs; infinite where it cannot be hidden, or is.
    width : ndarray, shape (n,)
        `need` of the number once it is hidden.
    """

    sums: sparse.csr_array
    lower: np.ndarray
    upper: np.ndarray
    least: np.ndarray
    need: np.ndarray
    price: np.ndarray
    width: np.ndarray
    low: np.ndarray = field(init=False)  # smallest and largest seen in any solution: both stay
    high: np.ndarray = field(init=False)  # possible when more is hidden
    cap: np.ndarray = field(init=False)
    merged: tuple[np.ndarray, sparse.csr_array] | None = None

    def __post_init__(self) -> None:
        self.sums.eliminate_zeros()  # of a total that is one of its parts
        self.low = np.full(len(self.need), np.inf)
        self.high = np.full(len(self.need), -np.inf)
        known = np.where(np.isfinite(self.upper), self.upper, self.lower)
        most = 8 * known.max(initial=0) + 20 * self.width.max(initial=0)
        # A bound where there is none keeps solvers exact; ranges can only seem narrower by it. A
        # total that nobody shows may be as much as its parts, which may be such totals.
        sums, parts = self.sums.tocoo(), np.zeros(len(known))
        whole, rows = sums.data > 0, sums.shape[0]
        for _ in range(_LEVELS):
            held = np.bincount(sums.row[~whole], known[sums.col[~whole]], rows)
            np.maximum.at(known, sums.col[whole], held[sums.row[whole]])
        held = np.bincount(sums.row, known[sums.col], rows)
        np.maximum.at(parts, sums.col, held[sums.row])
        self.cap = most + parts

    def hide(self, cells: np.ndarray) -> None:
        """Forget what was published of some numbers."""
        self.lower[cells], self.upper[cells] = self.least[cells], np.inf
        self.price[cells] = np.inf
        self.need[cells] = self.width[cells]

    def parts(self) -> list[np.ndarray]:
        """Return the numbers that hang together by sums, where some range matters."""
        n = self.sums.shape[1]
        links = sparse.block_array([[None, self.sums.T], [self.sums, None]])
        if not self.sums.nnz:
            return []
        _, label = sparse.csgraph.connected_components(links, directed=False)
        order = np.argsort(label[:n], kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(label[:n][order])) + 1)
        return [group for group in groups if len(group) > 1 and (self.need[group] > 0).any()]

    def part(self, cells: np.ndarray) -> System:
        """Return the system of some numbers that hang together."""
        sums = self.sums[:, cells]
        sums = sums[np.diff(sums.indptr) > 0]
        values = (self.lower, self.upper, self.least, self.need, self.price, self.width)
        part = System(sums, *(value[cells] for value in values))
        part.cap = self.cap[cells]
        return part

    def conflicting_sums(self, weight: np.ndarray, sure: np.ndarray) -> np.ndarray:
        """Return the sums that must give way, lightest first, for some numbers to fit all others.

        Parameters
        ----------
        weight : ndarray, shape (m,)
            What it costs that a sum is wrong by one.
        sure : ndarray of bool, shape (m,)
            Sums that give way only where the others are not enough.
        """
        m, n = self.sums.shape
        give = sparse.eye_array(m)
        most = np.minimum(self.upper, np.maximum(self.cap, self.lower))
        for kept in (sure, np.zeros(m, dtype=bool)):
            found = milp(
                np.concatenate([np.zeros(n), weight, weight]),
                constraints=LinearConstraint(sparse.hstack([self.sums, give, -give]), 0, 0),
                bounds=Bounds(
                    np.concatenate([self.lower, np.zeros(2 * m)]),
                    np.concatenate([most, np.tile(np.where(kept, 0, np.inf), 2)]),
                ),
            ).x
            if found is not None:
                break
        return np.flatnonzero(found[n:].reshape(2, m).max(axis=0, initial=0) > SLACK)

    def too_narrow(self) -> np.ndarray:
        """Return numbers whose range is too narrow: some of them, none only where none is."""
        return next(self._narrow(), np.empty(0, dtype=int))

    def beyond_help(self) -> np.ndarray:
        """Return all numbers whose range is too narrow whatever is hidden."""
        bare = self.part(np.arange(len(self.need)))
        bare.hide(np.flatnonzero(np.isfinite(self.price)))
        bare.need, bare.low, bare.high = self.need, self.low.copy(), self.high.copy()
        return np.unique(np.concatenate([np.empty(0, dtype=int), *bare._narrow()]))

    def _narrow(self) -> Iterator[np.ndarray]:
        """Give the numbers whose range is too narrow, those that are found easily first."""
        left = self._still_narrow(np.flatnonzero(self.need > 0))
        if len(left) > 2:
            left = self._widen_many(left)
        sure = self._widest_by_single_sums()[left] < self.need[left] - SLACK
        if sure.any():
            yield left[sure]
        left = left[~sure]
        for block in self._blocks(left):
            self._solve_ends(block)
            if len(narrow := self._still_narrow(block)):
                yield narrow

    def _widest_by_single_sums(self) -> np.ndarray:
        """Return widths that no range exceeds: the bounds that each sum by itself sets."""
        low, high = self.lower.copy(), np.minimum(self.upper, np.maximum(self.cap, self.lower))
        times = self.sums.tocoo()
        row, cell, sign = times.row, times.col, times.data
        for _ in range(_TURNS):
            ends = sign * low[cell], sign * high[cell]
            ends = np.minimum(*ends), np.maximum(*ends)
            least, most = (np.bincount(row, end, minlength=self.sums.shape[0]) for end in ends)
            # What the others of the sum leave for this one: the sum is zero.
            left = (ends[0] - least[row]) / sign, (ends[1] - most[row]) / sign
            before = (high - low).sum()
            np.minimum.at(high, cell, np.maximum(*left))
            np.maximum.at(low, cell, np.minimum(*left))
            if before - (high - low).sum() < 1:
                break
        widths: np.ndarray = high - low
        return widths

    def _still_narrow(self, cells: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            wide: np.ndarray = self.high - self.low >= self.need - SLACK
        return cells.compress(~wide.take(cells))

    def _widen_many(self, left: np.ndarray) -> np.ndarray:
        """Widen many ranges by few solutions; return those that are still too narrow."""
        for turn in range(_TURNS):
            before, down = len(left), turn % 8 == 0
            aim, upper = np.zeros(len(self.need)), self.upper.copy()
            aim[left] = 1 if down else -1
            if not down:  # no further up than needed, so that the slack serves many
                upper[left] = np.minimum(upper, np.maximum(self.low + self.need, self.lower))[left]
            self._solve(aim, upper, needed=down)
            left = self._still_narrow(left)
            if len(left) < 3 or (not down and len(left) == before):
                break
        return left

    def exact_ranges(self, cells: np.ndarray) -> None:
        """Find the exact ranges of some numbers."""
        for block in self._blocks(cells):
            self._solve_ends(block)

    def _blocks(self, cells: np.ndarray) -> list[np.ndarray]:
        """Split numbers so that one programme asks for not too many ranges."""
        many = max(1, _EXACT // (2 * self._merged()[1].shape[1]))
        return [cells[at : at + many] for at in range(0, len(cells), many)]

    def _solve_ends(self, cells: np.ndarray) -> None:
        """Find the ends of some numbers by one programme: a copy for each end of each."""
        aim = np.zeros((2 * len(cells), len(self.need)))
        aim[np.arange(len(aim)), np.repeat(cells, 2)] = np.tile([1.0, -1.0], len(cells))
        self._solve(aim, self.upper)

    def _solve(self, aim: np.ndarray, upper: np.ndarray, *, needed: bool = True) -> None:
        """Make each row of `aim` times the numbers least; remember what was seen."""
        aim, (label, sums) = np.atleast_2d(aim), self._merged()
        least, most = np.zeros(sums.shape[1]), np.full(sums.shape[1], np.inf)
        np.maximum.at(least, label, self.lower)
        np.minimum.at(most, label, np.minimum(upper, np.maximum(self.cap, self.lower)))
        once = np.zeros((len(aim), len(least)))
        np.add.at(once.T, label, aim.T)
        found = milp(
            once.ravel(),
            constraints=LinearConstraint(sparse.kron(sparse.eye_array(len(aim)), sums), 0, 0),
            bounds=Bounds(np.tile(least, len(aim)), np.tile(most, len(aim))),
        ).x
        if found is None:
            if needed:
                raise ArithmeticError("no numbers fit the sums")
            return
        found = found.reshape(once.shape)[:, label]
        self.low = np.minimum(self.low, found.min(axis=0))
        self.high = np.maximum(self.high, found.max(axis=0))

    def _merged(self) -> tuple[np.ndarray, sparse.csr_array]:
        """Return which numbers are equal by sums of two, and each other sum of those once."""
        if self.merged is None:
            n, times = len(self.need), np.diff(self.sums.indptr)
            equal = (times == 2) & (self.sums.sum(axis=1) == 0)
            pairs = self.sums[equal].indices.reshape(-1, 2).T
            links = sparse.coo_array((np.ones(len(pairs[0])), tuple(pairs)), shape=(n, n))
            count, label = sparse.csgraph.connected_components(links, directed=False)
            one = sparse.csr_array((np.ones(n), (np.arange(n), label)), shape=(n, count))
            sums = (self.sums[~equal] @ one).tocsr()
            sums.eliminate_zeros()
            sums.sort_indices()
            rows = np.split(np.stack([sums.indices, sums.data]), sums.indptr[1:-1], axis=1)
            first = {row.tobytes(): at for at, row in enumerate(rows) if row.size}
            self.merged = label, sums[sorted(first.values())]
        return self.merged
