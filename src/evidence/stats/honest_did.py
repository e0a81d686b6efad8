"""Honest difference in differences: intervals when the bias from trends that part is bounded."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import ndtr, ndtri, stdtrit

_BEFORE = 0.1  # of the error allowed: spent on the steps before the start
_DOUBLINGS = 40


def steps(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix that turns steps into differences from time −1, and each step's end.

    Parameters
    ----------
    times : ndarray of shape (q,)
        Without a gap, −1 left out.

    Returns
    -------
    build : ndarray of shape (q, q)
        δ = build @ steps; its inverse turns differences into steps.
    ends : ndarray of shape (q,)
        The time at which each step ends; those up to −1 lie before the start.
    """
    ends = np.arange(times[0] + 1, max(times[-1], -1) + 1)
    after = (ends > -1) & (ends <= times[:, None])
    before = (ends <= -1) & (ends > times[:, None])
    return after.astype(float) - before, ends


def relative(
    times: np.ndarray,
    estimate: np.ndarray,
    covariance: np.ndarray,
    target: np.ndarray,
    df: float,
    level: float,
) -> tuple[float, float, float, float, float, float]:
    """Return the parts of an interval of relative magnitudes.

    Returns
    -------
    effect : float
    reach : float
        Largest bias a unit step after the start can make, Σ|…|.
    largest : float
        Estimate of the largest step before the start.
    upper : float
        Its upper bound, at a tenth of the error allowed.
    half, plain : float
        Half-length of the interval of the effect at the rest of the error, and at all of it.
    """
    build, ends = steps(times)
    reach = float(np.abs(target @ build)[ends > -1].sum())
    back = np.linalg.inv(build)[ends <= -1]
    size = np.abs(back @ estimate)
    error = np.sqrt(np.diag(back @ covariance @ back.T))
    miss = _BEFORE * (1 - level)
    upper = float((size + stdtrit(df, 1 - miss) * error).max())
    spread = math.sqrt(target @ covariance @ target)
    half, plain = (stdtrit(df, 1 - m / 2) * spread for m in (1 - level - miss, 1 - level))
    return float(target @ estimate), reach, float(size.max()), upper, float(half), float(plain)


class Smooth:
    """The fixed-length interval of least length for a bound on the change of steps.

    Parameters
    ----------
    times, estimate, covariance, target
        Of the study; weights of the effect on its times, 0 before the start.
    df, level : float
    """

    def __init__(
        self,
        times: NDArray[np.float64],
        estimate: NDArray[np.float64],
        covariance: NDArray[np.float64],
        target: NDArray[np.float64],
        df: float,
        level: float,
    ) -> None:
        self.estimate, self.target = estimate, target
        self.miss = 1 - level
        # Half-lengths are normal; this makes them those of t where nothing is biased.
        self.covariance = (
            covariance * (stdtrit(df, 1 - self.miss / 2) / ndtri(1 - self.miss / 2)) ** 2
        )
        build, _ = steps(times)
        self.cumulate = np.tril(np.ones((len(times), len(times)))) @ build.T
        before = np.flatnonzero(times < 0)
        # Weights before the start: a plain solution that no straight line moves, and the rest.
        distance = times + 1.0
        self.plain = target.copy()
        self.plain[before[-1]] -= (target @ distance) / distance[before[-1]]
        free = np.zeros((len(times), len(before) - 1))
        free[before[:-1], np.arange(len(before) - 1)] = 1.0
        free[before[-1]] = -distance[before[:-1]] / distance[before[-1]]
        self.free = free

    def interval(self, bound: float) -> tuple[float, float]:
        """Return both ends for a bound on the change from one step to the next."""
        weights = self.weights(bound)
        centre, half = float(weights @ self.estimate), self.half(weights, bound)
        return centre - half, centre + half

    def half(self, weights: np.ndarray, bound: float) -> float:
        """Return the half-length of the interval of these weights."""
        spread = math.sqrt(weights @ self.covariance @ weights)
        bias = bound * float(np.abs(self.cumulate @ weights).sum())
        return _half(bias, spread, self.miss)[0]

    def breakdown(self) -> float:
        """Return the largest bound whose interval excludes 0, NaN where none does."""

        def clear(bound: float) -> float:
            lower, upper = self.interval(bound)
            return max(lower, -upper)

        if clear(0.0) <= 0:
            return math.nan
        top = math.sqrt(np.diag(self.covariance).max())
        for _ in range(_DOUBLINGS):
            if clear(top) <= 0:
                return float(brentq(clear, 0.0, top, rtol=1e-6))
            top *= 2
        return math.inf

    def weights(self, bound: float) -> np.ndarray:
        """Return the weights plain + free y of least half-length, over y and u ≥ |cumulated|."""
        k, v = self.free.shape[1], self.covariance
        start: np.ndarray = self.plain
        if k:
            gram = self.free.T @ v @ self.free
            start = self.plain - self.free @ np.linalg.solve(gram, self.free.T @ v @ self.plain)
        if not k or bound == 0:
            return start
        root = np.linalg.cholesky(gram)
        move = self.free @ np.linalg.inv(root).T  # so that y has unit variance
        lines, fixed = self.cumulate @ move, self.cumulate @ start
        size = math.sqrt(start @ v @ start)
        n = len(fixed)

        def parts(x: np.ndarray) -> tuple[float, np.ndarray]:
            y, u = x[:k] * size, x[k:]
            weights = start + move @ y
            spread = math.sqrt(weights @ v @ weights)
            half, by_bias, by_spread = _half(bound * u.sum(), spread, self.miss)
            slope = move.T @ (v @ weights) / spread * by_spread
            gradient = np.concatenate([slope * size, np.full(n, bound * by_bias)])
            return half / size, gradient / size

        limits = np.block([[-lines * size, np.eye(n)], [lines * size, np.eye(n)]])
        edge = np.concatenate([fixed, -fixed])
        minimum = minimize(
            parts,
            np.concatenate([np.zeros(k), np.abs(fixed)]),
            jac=True,
            method="SLSQP",
            constraints={
                "type": "ineq",
                "fun": lambda x: limits @ x - edge,
                "jac": lambda x: limits,
            },
            options={"maxiter": 500, "ftol": 1e-12},
        )
        better = start + move @ (minimum.x[:k] * size)
        # Any weights give a valid interval, so that a search that fails only costs length.
        return min((start, self.plain, better), key=lambda w: self.half(w, bound))


def _half(bias: float, spread: float, miss: float) -> tuple[float, float, float]:
    """Return χ with P(|N(bias, spread²)| > χ) = miss, and its slopes by bias and by spread."""
    ratio = bias / spread
    top = ratio + ndtri(1 - miss / 2)
    low = ratio + ndtri(1 - miss)
    if top - low < 1e-12:
        value = low
    else:
        value = brentq(
            lambda c: ndtr(c - ratio) - ndtr(-c - ratio) - 1 + miss, low - 1e-9, top + 1e-9
        )
    near, far = value - ratio, value + ratio
    a, b = math.exp(-(near**2) / 2), math.exp(-(far**2) / 2)
    return value * spread, (a - b) / (a + b), (near * a + far * b) / (a + b)
