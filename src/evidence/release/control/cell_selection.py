"""Which numbers to hide so that no range is too narrow: the fewest, or few.

Solver: HiGHS, through `scipy.optimize.milp`.

References
----------
M. Fischetti and J.J. Salazar (2001), Solving the cell suppression problem on tabular data with
linear constraints, Management Science 47(7): the model of `_fewest_cells`, here with the
attacker's own intervals in place of external bounds.
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from evidence.release.control.bounds import SLACK, System

_MIXED = 1_000  # variables up to which the fewest numbers are sought, not merely few
_NODES = 20  # of one search: no limit is by the clock, or slow machines would hide other cells


@dataclass(slots=True, eq=False)
class Closed:
    """What hiding came to.

    Parameters
    ----------
    hidden : ndarray
        The numbers hidden, beyond those that were.
    wide : ndarray
        Numbers whose range is wide enough: it stays so when more is hidden, or fewer sums believed.
    beyond : ndarray
        Numbers whose range stays too narrow whatever is hidden, and if more sums are believed.
    open_ : ndarray
        Those of them that may be small, or are known to be.
    """

    hidden: np.ndarray
    wide: np.ndarray
    beyond: np.ndarray
    open_: np.ndarray


def close(system: System, turns: Iterator[int]) -> Closed:
    """Hide numbers until every range that matters is wide enough.

    Parameters
    ----------
    system : System
        It is changed: what is hidden is hidden in it, and what was looked at needs nothing more.
    turns : iterator
        One item for each search for the fewest that may still be made, and for each number tried
        without; after them few cells are taken as they come. It always ends, since each step hides
        at least one number more.

    Raises
    ------
    ArithmeticError
        No numbers fit the sums.
    """
    found: list[list[int]] = [[], [], []]
    for cells in system.parts():
        part = system.part(cells)
        for all_, some in zip(found, _close_part(part, turns), strict=True):
            all_ += cells[some].tolist()
        system.high[cells] = np.maximum(system.high[cells], part.high)
    hidden, beyond, open_ = (np.array(some, dtype=int) for some in found)
    system.hide(hidden)
    system.need[beyond] = 0
    wide = np.flatnonzero(system.need > 0)
    system.need[wide] = 0
    return Closed(hidden, wide, beyond, open_)


def _close_part(part: System, turns: Iterator[int]) -> tuple[list[int], list[int], list[int]]:
    """Return the numbers hidden, those beyond help and those of them that are open."""
    published = part.lower.copy(), part.upper.copy(), part.price.copy()
    hidden: list[int] = []
    beyond: list[int] = []
    lost: list[int] = []
    while True:
        weak = part.too_narrow()
        if not len(weak):
            break
        more = _fewest_cells(part, weak, turns)
        for some in (weak, weak[:1]):
            more = more if len(more) else _few_cells(part, some)
        if not len(more):  # nothing helps; no harm where it cannot be small
            left = np.union1d(weak[:1], part.beyond_help())
            part.exact_ranges(left[part.low[left] >= part.width[left]])
            part.need[left] = 0
            beyond += left.tolist()
            small = left[part.low[left] < part.width[left]]
            lost += [cell for cell in small.tolist() if cell not in hidden]
            continue
        part.hide(more)
        hidden += [int(cell) for cell in more]
    return _show_again(part, hidden, published, turns), beyond, lost


def _fewest_cells(part: System, weak: np.ndarray, turns: Iterator[int]) -> np.ndarray:
    """Find the fewest numbers to hide so that `weak`, or the first of them, keep their range.

    For each of them two solutions, p and q, lie the range apart; a published number may leave its
    interval in either only where it is hidden (z = 1).
    """
    n, free = len(part.need), np.flatnonzero(np.isfinite(part.price))
    weak = weak[: _MIXED // (2 * n)]
    if not len(weak) or not len(free) or next(turns, None) is None:
        return free[:0]
    points, h, reach = 2 * len(weak), len(free), 4 * part.width.max()
    least, most = part.lower / reach, np.minimum(part.upper, part.cap) / reach  # so that z counts
    fall = np.minimum(least[free] - part.least[free] / reach, 1)
    copy, one = sparse.eye_array(points), np.ones((points, 1))
    pick = sparse.csr_array((np.ones(h), (np.arange(h), free)), shape=(h, n))
    sums, picks = sparse.kron(copy, part.sums), sparse.kron(copy, pick)
    up, down = (sparse.kron(one, sparse.diags_array(v)) for v in (-np.ones(h), fall))
    ends = np.arange(points) * n + np.repeat(weak, 2)
    apart = sparse.csr_array(
        (np.tile([1.0, -1.0], len(weak)), (np.arange(points) // 2, ends)),
        shape=(len(weak), points * n),
    )
    rules = [
        (sums, sparse.csr_array((sums.shape[0], h)), 0, 0),
        (apart, sparse.csr_array((len(weak), h)), part.need[weak] / reach, np.inf),
        (picks, up, -np.inf, np.tile(most[free], points)),
        (picks, down, np.tile(least[free], points), np.inf),
    ]
    lower, upper = least.copy(), np.maximum(most, least)
    lower[free], upper[free] = least[free] - fall, most[free] + 1
    with _quiet():
        found = milp(
            np.concatenate([np.zeros(points * n), part.price[free]]),
            constraints=[LinearConstraint(sparse.hstack([x, z]), a, b) for x, z, a, b in rules],
            integrality=np.concatenate([np.zeros(points * n), np.ones(h)]),
            bounds=Bounds(
                np.concatenate([np.tile(lower, points), np.zeros(h)]),
                np.concatenate([np.tile(upper, points), np.ones(h)]),
            ),
            options={"presolve": False, "node_limit": _NODES},
        ).x
    return free[:0] if found is None else free[found[points * n :] > 0.5]


def _few_cells(part: System, weak: np.ndarray) -> np.ndarray:
    """Find few numbers to hide, by one programme however large the part.

    Those of `weak` that share no sum lie, in two solutions, the range apart; in each a published
    number is its interval and what it must leave it by, above or below. For one number alone there
    is no solution only where nothing helps, whatever is hidden.
    """
    n, free = len(part.need), np.flatnonzero(np.isfinite(part.price))
    weak, h = _sharing_no_sum(part.sums, weak), len(free)
    leave = part.sums[:, free]
    sums = sparse.kron(sparse.eye_array(2), sparse.hstack([part.sums, leave, -leave]))
    ends = np.concatenate([weak, n + 2 * h + weak])
    signs = np.repeat([-1.0, 1.0], len(weak))
    apart = sparse.csr_array(
        (signs, (np.tile(np.arange(len(weak)), 2), ends)), shape=(len(weak), sums.shape[1])
    )
    upper = np.minimum(part.upper, np.maximum(part.cap, part.lower))
    most = np.concatenate([upper, part.cap[free], (part.lower - part.least)[free]])
    found = milp(
        np.tile(np.concatenate([np.zeros(n), part.price[free], part.price[free]]), 2),
        constraints=[
            LinearConstraint(sums, 0, 0),
            LinearConstraint(apart, part.need[weak], np.inf),
        ],
        bounds=Bounds(np.tile(np.concatenate([part.lower, np.zeros(2 * h)]), 2), np.tile(most, 2)),
    ).x
    if found is None:
        return free[:0]
    most_moved = found.reshape(2, -1)[:, n:].reshape(4, h).max(axis=0, initial=0)
    return np.compress(most_moved > SLACK, free)


def _sharing_no_sum(sums: sparse.csr_array, cells: np.ndarray) -> np.ndarray:
    """Return some of the numbers, no two of them in one sum."""
    taken = np.zeros(sums.shape[0], dtype=bool)
    columns, kept = sums.tocsc(), []
    for cell in cells:
        rows = columns.indices[columns.indptr[cell] : columns.indptr[cell + 1]]
        if not taken[rows].any():
            taken[rows] = True
            kept.append(cell)
    return np.array(kept)


@contextmanager
def _quiet() -> Iterator[None]:
    """Drop what HiGHS 1.12 prints by mistake ("transformNewIntegerFeasibleSolution ...").

    No option of HiGHS stops it. It prints through C's `stdout`, which in glibc is a variable: while
    HiGHS runs it names another stream. The process's standard output is not touched, and what other
    threads write arrives. With another C library the line is printed.
    """
    stdout, ours, nowhere = _c_stdout()
    stdout.value = nowhere
    try:
        yield
    finally:
        stdout.value = ours


@cache
def _c_stdout() -> tuple[ctypes.c_void_p, int | None, int | None]:
    """Return C's variable `stdout`, its value, and a stream that drops what is written to it."""
    if platform.libc_ver()[0] != "glibc":
        return ctypes.c_void_p(), None, None
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    stdout = ctypes.c_void_p.in_dll(libc, "stdout")
    return stdout, stdout.value, libc.fopen(os.devnull.encode(), b"w") or stdout.value


def _show_again(
    part: System,
    hidden: list[int],
    published: tuple[np.ndarray, np.ndarray, np.ndarray],
    turns: Iterator[int],
) -> list[int]:
    """Show again what need not be hidden, dearest first."""
    lower, upper, price = published
    for cell in sorted(hidden, key=lambda i: -price[i]):
        if len(hidden) < 2 or len(part.need) > 500 or next(turns, None) is None:
            break
        trial = part.part(np.arange(len(part.need)))
        trial.lower[cell], trial.upper[cell] = lower[cell], upper[cell]
        trial.need[cell], trial.price[cell] = 0, price[cell]
        if not len(trial.too_narrow()):
            part, hidden = trial, [i for i in hidden if i != cell]
    return hidden
