"""Inequality between groups: the gap in mean rank, and the slope over deprivation."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from evidence.stats.monitoring.ranks import mid_ranks

# Scales on which a line is fitted, and the way back.
FORWARD = {"none": lambda x: x, "log": np.log, "logit": logit}
BACK = {"none": lambda x: x, "log": np.exp, "logit": expit}


def gap_index(score: np.ndarray, disadvantaged: np.ndarray) -> tuple[float, float]:
    """Return DfE's disadvantage gap index and its standard error, NaN where no place varies.

    Notes
    -----
    20 × (mean rank of others − mean rank of the disadvantaged)/N, which is 10 × Cliff's δ, equal
    scores sharing their mean rank. The error is that of the area under the curve by placements
    (DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44, 837–845), times 20.
    """
    score, disadvantaged = np.asarray(score, float), np.asarray(disadvantaged, bool)
    poor, other = score[disadvantaged], score[~disadvantaged]
    n_poor, n_other = len(poor), len(other)
    ranks = mid_ranks(score)
    above = (ranks[~disadvantaged] - mid_ranks(other)) / n_poor  # share of the poor below each
    below = 1 - (ranks[disadvantaged] - mid_ranks(poor)) / n_other
    variance = above.var(ddof=1) / n_other + below.var(ddof=1) / n_poor
    error = 20 * float(np.sqrt(variance)) if variance > 1e-24 else np.nan
    return float(20 * above.mean() - 10), error


def slope_index(
    value: np.ndarray, population: np.ndarray, transform: str = "none"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return slope index, relative index and intercept of groups, from most to least deprived.

    Parameters
    ----------
    value : ndarray of shape (..., k)
        The groups' values; a leading axis is many at once.
    population : ndarray of shape (k,)
    transform : {"none", "log", "logit"}
        The scale on which the line is fitted; slope and intercept are told on the value's own.

    Notes
    -----
    Weighted regression on the ridit, the mid-point of each group's share of the population.
    Slope index: fitted value at 1 less that at 0; relative index: their ratio (Pamuk 1985,
    Population Studies 39; as PHEindicatormethods).
    """
    share = np.asarray(population, float) / np.sum(population)
    ridit = np.cumsum(share) - share / 2
    y = FORWARD[transform](np.asarray(value, float))
    x = ridit - share @ ridit
    slope = (y * (share * x)).sum(-1) / (share * x**2).sum()
    intercept = (y * share).sum(-1) - slope * (share @ ridit)
    low, high = BACK[transform](intercept), BACK[transform](intercept + slope)
    return high - low, high / low, low
