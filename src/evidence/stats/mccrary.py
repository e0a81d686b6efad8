"""McCrary's density test: whether units crowd on one side of a cut-off."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

_FEWEST = 20  # units on either side
_WIDE = 3.348  # McCrary (2008), section 3.2: κ of the triangular kernel at a boundary


def jump(x: np.ndarray) -> tuple[float, float] | None:
    """Return the log ratio of the densities just above and just below 0, and its p-value.

    Parameters
    ----------
    x : ndarray of shape (n,)
        Distance from the cut-off, one a unit.

    Returns
    -------
    tuple or None
        None where a side has fewer than 20 units. Infinite where one side is empty at the cut-off
        and at least 20 units would be expected there.

    Notes
    -----
    Bins of width 2 S n^(−1/2) (a multiple of the values' spacing where they are rounded) are
    smoothed by local linear regression; the bandwidth of a side is
    3.348 (s² (b − a)/Σ f''²)^(1/5) from a fourth-order polynomial, the mean of both is used, and
    the variance of the log ratio is 24/5 (1/f₊ + 1/f₋)/(nh).

    References
    ----------
    McCrary, J. (2008), Journal of Econometrics 142(2), eq. 3 to 6 and section 3.2;
    doi:10.1016/j.jeconom.2007.05.005.
    """
    n = len(x)
    if min((x < 0).sum(), (x >= 0).sum()) < _FEWEST:
        return None
    bin_width = 2 * float(np.std(x, ddof=1)) / math.sqrt(n)
    values = np.unique(x)
    if len(values) < n / 2:
        spacing = float(np.diff(values).min())
        bin_width = spacing * math.ceil(bin_width / spacing - 1e-9)
    sides = []
    for sign in (1, -1):
        # Of both sides the distance from the cut-off; at it belongs above.
        away = x[x >= 0] if sign == 1 else -x[x < 0]
        place = away / bin_width
        place = np.floor(place + 1e-9) if sign == 1 else np.ceil(place - 1e-9) - 1
        counts = np.bincount(place.astype(int))
        middle = (np.arange(len(counts)) + 0.5) * bin_width
        sides.append((middle, counts / (n * bin_width)))
    width = float(np.mean([_bandwidth(*side) for side in sides]))
    heights = [_edge(*side, width) for side in sides]
    if min(heights) <= 0:  # a side is empty near the cut-off: that says all, or there are few
        expected = max(heights) * n * width
        side = math.copysign(math.inf, heights[0] - heights[1])
        return (side, 0.0) if expected >= _FEWEST else None
    ratio = math.log(heights[0] / heights[1])
    error = math.sqrt(24 / 5 * sum(1 / h for h in heights) / (n * width))
    return ratio, float(2 * ndtr(-abs(ratio / error)))


def _bandwidth(middle: np.ndarray, height: np.ndarray) -> float:
    """Return the bandwidth of one side, at least three bins and at most the side."""
    least, most = middle[min(3, len(middle) - 1)] + middle[0], middle[-1] + middle[0]
    if len(middle) < 7:
        return float(most)
    unit = middle / middle[-1]
    fit = np.polynomial.Polynomial.fit(unit, height, 4, domain=[0, 1], window=[0, 1])
    spread = float(np.sum((height - fit(unit)) ** 2) / (len(unit) - 5))
    bend = fit.deriv(2)(unit) / middle[-1] ** 2
    wanted = _WIDE * (spread * most / max(float(np.sum(bend**2)), 1e-300)) ** 0.2
    return float(np.clip(wanted, least, most))


def _edge(middle: np.ndarray, height: np.ndarray, width: float) -> float:
    """Return the height of a local line at 0."""
    root = np.sqrt(np.maximum(0, 1 - middle / width))
    lines = np.column_stack([np.ones(len(middle)), middle]) * root[:, None]
    return float(np.linalg.lstsq(lines, height * root, rcond=None)[0][0])
