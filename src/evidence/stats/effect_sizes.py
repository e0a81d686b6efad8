"""Standardised differences from summary figures: Hedges' g, its small-sample factor, clusters."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from evidence.errors import EvidenceError, shown

COX = 1.65  # What Works Clearinghouse: a log odds ratio over this is like a difference in SD


def small_sample_factor(df: float, *, exact: bool = False) -> float:
    """Return J, which takes the small-sample bias from a standardised difference.

    Notes
    -----
    Hedges (1981), Journal of Educational Statistics 6(2): J = 1 − 3/(4 df − 1), or exactly
    Γ(df/2) / (√(df/2) Γ((df − 1)/2)).
    """
    if not df >= 1:
        raise EvidenceError(f"df is {shown(df)}; a number from 1 on is needed")
    if exact:
        return float(np.exp(gammaln(df / 2) - 0.5 * np.log(df / 2) - gammaln((df - 1) / 2)))
    return 1 - 3 / (4 * df - 1)


def pooled_variance(treated: np.ndarray, control: np.ndarray) -> float:
    """Return the variance within two groups, with n1 + n0 − 2 degrees of freedom."""
    groups = [np.asarray(x, float) for x in (treated, control)]
    if any(x.ndim != 1 or not np.isfinite(x).all() for x in groups) or sum(map(len, groups)) < 3:
        raise EvidenceError("pooled_variance: two lists of known numbers are needed, three in all")
    squares = sum(((x - x.mean()) ** 2).sum() for x in groups if len(x))
    return float(squares / (sum(map(len, groups)) - 2))
