"""Ranks, quartile bands and how sure a rank is."""

from __future__ import annotations

import numpy as np

_GRID = 200  # standard deviations between areas at which their likelihood is taken


def rank(values: np.ndarray, high_is_good: bool) -> np.ndarray:
    """Return ranks from 1, the best; equal values share the better rank. NaN has none."""
    values = np.asarray(values, float)
    ranks = np.full(values.shape, np.nan)
    known = ~np.isnan(values)
    some = -values[known] if high_is_good else values[known]
    ranks[known] = np.searchsorted(np.sort(some), some) + 1
    return ranks


def mid_ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks from 1, the lowest; equal values share the mean of theirs."""
    ordered = np.sort(values)
    return (
        np.searchsorted(ordered, values) + np.searchsorted(ordered, values, side="right") + 1
    ) / 2


def band(values: np.ndarray, high_is_good: bool) -> np.ndarray:
    """Return quartile bands, A the best: a value at a cut is in the lower-value band.

    Notes
    -----
    Quartiles of type 7 over the values there are, as DfE's Local Authority Interactive Tool.
    """
    values = np.asarray(values, float)
    cuts = np.nanquantile(values, (0.25, 0.5, 0.75))
    letters = np.array(list("DCBA" if high_is_good else "ABCD"))
    bands = letters[np.searchsorted(cuts, values, side="left").clip(max=3)]
    return np.where(np.isnan(values), "", bands)


def true_values(
    estimate: np.ndarray, std_error: np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw what the true values may be, shape (draws, k): they differ by a normal distribution.

    Notes
    -----
    y_i ~ N(θ_i, s_i²), θ_i ~ N(μ, τ²), flat priors on μ and τ: τ is drawn from its marginal
    posterior on a grid, then μ, then θ (Gelman and others 2013, Bayesian Data Analysis, section
    5.4). To rank values drawn around the estimates themselves would count chance twice.
    """
    y, variance = np.asarray(estimate, float), np.asarray(std_error, float) ** 2
    tau = np.linspace(0, 2 * y.std() + 4 * np.sqrt(variance.mean()), _GRID)
    weight = 1 / (variance + tau[:, None] ** 2)
    total = weight.sum(1)
    mean = (weight * y).sum(1) / total
    log = 0.5 * (np.log(weight).sum(1) - np.log(total))
    log -= 0.5 * (weight * (y - mean[:, None]) ** 2).sum(1)
    chance = np.exp(log - log.max())
    at = rng.choice(_GRID, draws, p=chance / chance.sum())
    centre = mean[at] + rng.standard_normal(draws) / np.sqrt(total[at])
    shrink = variance * weight[at]
    middle = y + shrink * (centre[:, None] - y)
    drawn: np.ndarray = middle + rng.standard_normal(middle.shape) * np.sqrt(
        variance * (1 - shrink)
    )
    return drawn


def interval(draws: np.ndarray, high_is_good: bool, level: float) -> tuple[np.ndarray, ...]:
    """Return lower and upper limit and mean of each column's rank among the draws' rows.

    Notes
    -----
    A rank lies within where the chance of a better one and half its own is neither below
    (1 − level)/2 nor above (1 + level)/2: whole ranks would otherwise hold more than `level`
    (mid-p; Lancaster 1961, Journal of the American Statistical Association 56, 223–234).
    """
    k = draws.shape[1]
    order = np.argsort(-draws if high_is_good else draws, axis=1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(k)[None, :], 1)
    counts = np.bincount((ranks * k + np.arange(k)).ravel(), minlength=k * k)
    share = counts.reshape(k, k) / len(draws)
    middle = share.cumsum(0) - share / 2
    tail = (1 - level) / 2
    low = (middle >= tail - 1e-12).argmax(0) + 1
    high = k - (middle[::-1] <= 1 - tail + 1e-12).argmax(0)
    return low, high, ranks.mean(0) + 1
