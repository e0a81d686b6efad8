"""Randomisation tests: allocations that the rule allows, their statistics, p and interval."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from scipy import sparse

from evidence.stats.design import Design, compact

_CHUNK = 2_000_000  # numbers held at once


def first_rows(codes: np.ndarray) -> np.ndarray:
    """Return the first row of each code 0, 1, …."""
    first = np.empty(int(codes.max()) + 1, int)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # the last to be written stays
    return first


def members(*codes: np.ndarray) -> list[np.ndarray]:
    """Return the places of each combination of codes that occurs."""
    label = compact(codes)
    order = np.argsort(label, kind="stable")
    return np.split(order, np.cumsum(np.bincount(label))[:-1])


def possible(treated: np.ndarray, block: np.ndarray, draws: int) -> float:
    """Count the allocations that keep the arm sizes of each block; inf where more than `draws`."""
    size, arm = np.bincount(block), np.bincount(block, treated).astype(int)
    total = 1
    for n, k in zip(size.tolist(), arm.tolist(), strict=True):
        logarithm = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        if logarithm > math.log(draws) + 1:  # C(n, k) may have a million digits
            return math.inf
        total *= math.comb(n, k)
        if total > draws:
            return math.inf
    return total


def every(treated: np.ndarray, block: np.ndarray, total: int) -> Iterator[np.ndarray]:
    """Give all `total` allocations that keep the arm sizes of each block, some at a time."""
    free = [m for m in members(block) if 0 < treated[m].sum() < len(m)]
    choices = []
    for units in free:
        arm = int(treated[units].sum())
        picks = np.array(list(itertools.combinations(range(len(units)), arm)))
        choice = np.zeros((len(picks), len(units)))
        np.put_along_axis(choice, picks, 1.0, axis=1)
        choices.append(choice)
    done = 0
    for number in portions(total, len(treated)):
        z = np.tile(treated, (number, 1))
        which = np.arange(done, done + number)
        index = np.unravel_index(which, [len(choice) for choice in choices])
        for units, choice, place in zip(free, choices, index, strict=True):
            z[:, units] = choice[place]
        done += number
        yield z


def shuffled(
    treated: np.ndarray, block: np.ndarray, rng: np.random.Generator, draws: int
) -> Iterator[np.ndarray]:
    """Give allocations drawn at random within blocks, some rows at a time."""
    cells = members(block)
    sizes = {len(cell) for cell in cells} - {1}
    # blocks of one size are shuffled at once
    groups = [np.array([c for c in cells if len(c) == size]) for size in sorted(sizes)]
    for number in portions(draws, len(treated)):
        z = np.tile(treated, (number, 1))
        for places in groups:
            z[:, places] = rng.permuted(z[:, places], axis=-1)
        yield z


def portions(draws: int, cost: int) -> Iterator[int]:
    """Split the draws, each of which holds `cost` numbers, so that memory stays bounded."""
    step = max(1, _CHUNK // cost)
    yield from (min(step, draws - done) for done in range(0, draws, step))


_TIE = 1e-9  # statistics as near as this to one another, relatively, are equal


def statistics(
    design: Design,
    outcome: np.ndarray,
    sums: tuple[np.ndarray, np.ndarray, np.ndarray, int],
    drawn: Iterator[np.ndarray],
    statistic: str,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return T, and for each draw a and b of its statistic a − τb against an effect of τ.

    Parameters
    ----------
    design : Design
        With the treatment as its one column of interest.
    sums : tuple of (rows, column, value, columns)
        A draw that has 1 in `column` gives the treatment `value` to that row; every row that the
        draw treats must come from one column alone.
    drawn : iterator of ndarray of shape (draws, columns)
        0 and 1.

    Notes
    -----
    A draw that leaves nothing of the assignment once covariates are held fixed has a = ∞, b = 0.
    """
    estimate, residuals = design.fit(outcome)
    observed, scale = float(estimate[0]), design.coefficients[0, -1]
    own = design.basis[:, -1] / scale  # the real assignment, the other columns taken out
    rows, column, value, number = sums
    parts = np.column_stack([residuals + observed * own, own, design.basis[:, :-1]])[rows]
    parts = (design.weights[rows] * value)[:, None] * np.column_stack([value, parts])
    shape = (number, len(rows))
    dense = sparse.csr_array((np.ones(len(rows)), (column, np.arange(len(rows)))), shape) @ parts
    root = (design.weights / np.sqrt(design.totals)[design.strata])[rows] * value
    place, shape = (column, design.strata[rows]), (number, len(design.totals))
    cells = sparse.csr_array((root, place), shape).T.tocsr()
    values, slopes = [], []
    for z in drawn:
        total = z @ dense
        square = total[:, 0] - (total[:, 3:] ** 2).sum(axis=1) - ((cells @ z.T) ** 2).sum(axis=0)
        known = square > _TIE * total[:, 0]
        divisor = np.where(known, square, 1.0)
        if statistic == "t":
            divisor = np.sqrt(divisor) / abs(scale)
        values.append(np.where(known, total[:, 1] / divisor, np.inf))
        slopes.append(np.where(known, total[:, 2] / divisor, 0.0))
    return observed, np.concatenate(values), np.concatenate(slopes)


def judged(
    observed: float, values: np.ndarray, slopes: np.ndarray, exact: bool, level: float
) -> tuple[float, tuple[float, float], float, list[str]]:
    """Return p, the interval, the standard deviation under no effect, and caveats."""
    base = 0 if exact else 1
    extreme = int((np.abs(values) >= abs(observed) * (1 - _TIE)).sum())
    lower, upper = _invert(observed, values, slopes, base, 1 - level)
    known = np.isfinite(values)
    spread = (values - observed * slopes)[known]
    error = float(np.sqrt(np.mean(spread**2))) if known.any() else math.nan
    notes = []
    if lost := int((~known).sum()):
        draws = "1 draw" if lost == 1 else f"{lost:,} draws"
        counts = "it counts" if lost == 1 else "they count"
        notes.append(f"in {draws} covariates decide the arms; {counts} as extreme")
    if np.isinf([lower, upper]).any():
        notes.append("too few different allocations for an interval of this level to end")
    return (base + extreme) / (base + len(values)), (lower, upper), error, notes


def _invert(
    observed: float, values: np.ndarray, slopes: np.ndarray, base: int, alpha: float
) -> tuple[float, float]:
    """Return the least and the greatest τ that the test does not reject.

    A draw is as extreme as the observed statistic where (a − τb)² ≥ (T − τ)², that is between the
    roots (T − a)/(1 − b) and (T + a)/(1 + b), or outside them where |b| > 1.
    """
    need = math.floor(alpha * (base + len(values)) + _TIE) + 1 - base
    if need <= 0:
        return -math.inf, math.inf
    known = np.isfinite(values)
    a, b = values[known], slopes[known]
    tops, bottoms = np.array([observed - a, observed + a]), np.array([1 - b, 1 + b])
    small = _TIE * max(abs(observed), np.abs(a).max(initial=0))
    same = ((np.abs(bottoms) < _TIE) & (np.abs(tops) <= small)).any(axis=0)
    always = int(same.sum() + (~known).sum())  # the real allocation, or its mirror image
    with np.errstate(divide="ignore"):
        roots = np.sort(tops[:, ~same] / bottoms[:, ~same], axis=0)
    inside = bottoms[:, ~same].prod(axis=0) >= 0
    return (
        _end(roots[0], roots[1], inside, need - always),
        -_end(-roots[1], -roots[0], inside, need - always),
    )


def _end(low: np.ndarray, high: np.ndarray, inside: np.ndarray, need: int) -> float:
    """Return the least τ that `need` of the sets [low, high] (or their outsides) hold."""
    count = int((~inside).sum())
    if count >= need:
        return -math.inf
    place = np.concatenate([low[inside], high[~inside], low[~inside]])
    step = np.repeat([1, -1], [len(low), count])
    order = np.lexsort((-step, place))
    reached = count + np.cumsum(step[order]) >= need
    return float(place[order][np.argmax(reached)])
