"""Forecasts of short series from how far series like them have moved before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from evidence.errors import EvidenceError

FEW = 4  # series whose median change says what all did together
PRIOR = 4.0  # how many changes the common spread counts for beside a series' own


def changes(values: NDArray[np.float64], horizon: int) -> NDArray[np.float64]:
    """Return changes over `horizon` places of the last axis, NaN where one end is missing."""
    return values[..., horizon:] - values[..., :-horizon]


def spreads(moves: np.ndarray) -> np.ndarray:
    """Return each row's root mean square change, drawn in to that of all rows."""
    known = ~np.isnan(moves)
    squares, count = np.nansum(moves**2, 1), known.sum(1)
    common = squares.sum() / max(count.sum(), 1)
    spread: np.ndarray = np.sqrt((squares + PRIOR * common) / (count + PRIOR))
    return spread


def together(values: np.ndarray, horizon: int, level: float) -> tuple[np.ndarray, ...]:
    """Return forecast and limits of many series, `horizon` places on from their last.

    Parameters
    ----------
    values : ndarray of shape (k, t)
        A row a series, equally spaced, NaN where missing.
    horizon : int
    level : float

    Notes
    -----
    The forecast is the last value. Limits are quantiles of all past changes over the same horizon,
    each divided by its own series' spread (:func:`spreads`), times the spread of the series: split
    conformal intervals (Lei and others 2018, Journal of the American Statistical Association 113).
    They hold as often as they say if the next year differs from those before no more than those
    did from each other. What all series did together last may be undone, as after a pandemic: the
    last changes count once more, with their common shift turned round.
    """
    moves = changes(values, horizon)
    scale = spreads(moves)
    scaled = moves / np.maximum(scale, 1e-12)[:, None]
    last = scaled[~np.isnan(scaled[:, -1]), -1]
    scaled = scaled[~np.isnan(scaled)]
    if len(last) >= FEW:
        scaled = np.concatenate([scaled, last - 2 * np.median(last)])
    count, tail = len(scaled), (1 - level) / 2
    if not count:
        raise EvidenceError(f"no series has two values {horizon} apart; they say how far one moves")
    ends = np.quantile(scaled, np.clip([tail - tail / count, 1 - tail + tail / count], 0, 1))
    last = values[:, -1]
    return last, last + ends[0] * scale, last + ends[1] * scale


def alone(values: np.ndarray, horizon: int, level: float) -> tuple[float, float, float]:
    """Return forecast and limits of one series: its last value, and t limits from its changes.

    Notes
    -----
    A random walk without drift: variance `horizon` times the mean square of single changes, which
    has as many degrees of freedom as there are changes.
    """
    moves = changes(values, 1)
    moves = moves[~np.isnan(moves)]
    half = stdtrit(len(moves), 0.5 + level / 2) * np.sqrt(horizon * (moves**2).mean())
    return float(values[-1]), float(values[-1] - half), float(values[-1] + half)
