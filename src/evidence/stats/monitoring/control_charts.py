"""Control charts: centre, limits and signals of series over time.

Series are the last axis, so that many are judged at once; `starts` are the places at which a new
part begins (0 always does), and a part's limits come from its first `fix_after` points, or all.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

XMR, SCREEN = 2.66, 3.267  # 3/d2 and D4 of moving ranges of two (Shewhart; NHS Making Data Count)
D2 = 1.128
# Rules in the order in which they name a point.
RULES = ("", "outside the limits", "trend", "2 of 3 close to a limit", "one side of the centre")


def parts(length: int, starts: Sequence[int]) -> list[slice]:
    """Return the parts of a series of `length` points."""
    edges = sorted({0, *starts, length})
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def xmr(
    values: np.ndarray, starts: Sequence[int] = (), fix_after: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the centre and the width to the limits of an XmR chart, each of the values' shape.

    Notes
    -----
    Centre ± 2.66 × the mean moving range; moving ranges of 3.267 × their mean or more are left out
    and the mean is taken again (Making Data Count; NHSRplotthedots 0.2).
    """
    values = np.asarray(values, float)
    centre, width = np.empty_like(values), np.empty_like(values)
    for part in parts(values.shape[-1], starts):
        base = values[..., part][..., :fix_after]
        centre[..., part] = base.mean(-1, keepdims=True)
        moving = np.abs(np.diff(base))
        if not moving.shape[-1]:
            width[..., part] = np.nan
            continue
        kept = moving < SCREEN * moving.mean(-1, keepdims=True)
        count = np.maximum(kept.sum(-1, keepdims=True), 1)
        width[..., part] = XMR * (moving * kept).sum(-1, keepdims=True) / count
    return centre, width


def attribute(
    counts: np.ndarray,
    n: np.ndarray,
    variance: str,
    starts: Sequence[int] = (),
    fix_after: int | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return centre, width and σ_z of a p chart (`variance` "binomial") or a u chart ("poisson").

    Notes
    -----
    Centre c = Σx/Σn, width 3√(c(1 − c)/n) or 3√(c/n). σ_z is the mean |Δz|/1.128 of the
    standardised values; Laney's charts multiply the width by it (Laney 2002, Quality Engineering
    14(4), 531–537).
    """
    counts, n = np.broadcast_arrays(np.asarray(counts, float), np.asarray(n, float))
    centre, error, sigma_z = (np.empty(counts.shape) for _ in range(3))
    for part in parts(counts.shape[-1], starts):
        base = slice(part.start, part.stop)
        if fix_after is not None:
            base = slice(part.start, min(part.stop, part.start + fix_after))
        total = counts[..., base].sum(-1, keepdims=True) / n[..., base].sum(-1, keepdims=True)
        spread = total * (1 - total) if variance == "binomial" else total
        centre[..., part] = total
        error[..., part] = np.sqrt(spread / n[..., part])
        with np.errstate(invalid="ignore", divide="ignore"):
            z = (counts[..., base] / n[..., base] - total) / error[..., base]
        moving = np.abs(np.diff(z))
        mean = moving.mean(-1, keepdims=True) if moving.shape[-1] else np.nan
        sigma_z[..., part] = mean / D2
    return centre, 3 * error, sigma_z


def median(
    values: np.ndarray, starts: Sequence[int] = (), fix_after: int | None = None
) -> np.ndarray:
    """Return the centre of a run chart: the median of each part."""
    values = np.asarray(values, float)
    centre = np.empty_like(values)
    for part in parts(values.shape[-1], starts):
        centre[..., part] = np.median(values[..., part][..., :fix_after], -1, keepdims=True)
    return centre


def signals(
    values: np.ndarray,
    centre: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    starts: Sequence[int] = (),
    run: int = 7,
    trend: int = 7,
) -> tuple[np.ndarray, np.ndarray]:
    """Return which rule (its place in `RULES`) and which way (−1, 0, 1) each point signals.

    Notes
    -----
    The rules of Making Data Count, in their order of precedence: outside a limit; part of `trend`
    points that each rise, or each fall; part of 2 of 3 consecutive points beyond two thirds of the
    way to a limit, all three on one side of the centre; part of `run` points on one side of it. A
    limit of NaN is none. A point outside a limit is no point close to it.
    """
    values = np.asarray(values, float)
    rule, way = np.zeros(values.shape, int), np.zeros(values.shape, int)
    for part in parts(values.shape[-1], starts):
        y, c, low, high = (x[..., part] for x in (values, centre, lower, upper))
        side = np.sign(y - c).astype(int)
        outside = (y > high).astype(int) - (y < low)
        near = ((y > c + (high - c) * 2 / 3) | (y < c - (c - low) * 2 / 3)) & (outside == 0)
        steps = np.sign(np.diff(y)).astype(int)
        found = (
            outside,
            _runs(steps, trend - 1, 1),
            _two_of_three(near, side),
            _runs(side, run, 0),
        )
        for number, which in enumerate(found, start=1):
            new = (rule[..., part] == 0) & (which != 0)
            rule[..., part][new], way[..., part][new] = number, which[new]
    return rule, way


def _runs(signs: np.ndarray, length: int, more: int) -> np.ndarray:
    """Return the sign of each point in a run of `length` equal signs (`more` points than signs)."""
    points = np.zeros((*signs.shape[:-1], signs.shape[-1] + more), int)
    if signs.shape[-1] < length:
        return points
    whole = sliding_window_view(signs, length, -1).sum(-1)
    for sign in (-1, 1):
        starts = whole == sign * length
        for step in range(length + more):
            window = points[..., step : step + starts.shape[-1]]
            window[starts & (window == 0)] = sign  # a point that ends one run may begin another
    return points


def _two_of_three(near: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Return the side of each near point of three on one side, two or more of them near."""
    points = np.zeros(side.shape, int)
    if side.shape[-1] < 3:
        return points
    for sign in (-1, 1):
        same = sliding_window_view(side == sign, 3, -1).all(-1)
        starts = same & (sliding_window_view(near, 3, -1).sum(-1) >= 2)
        for step in range(3):
            window = points[..., step : step + starts.shape[-1]]
            window[starts & near[..., step : step + starts.shape[-1]]] = sign
    return points
