"""Standardised differences from summary figures: Hedges' g, its small-sample factor, clusters."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from evidence.errors import EvidenceError

COX = 1.65  # What Works Clearinghouse: a log odds ratio over this is like a difference in SD


def small_sample_factor(df: float, *, exact: bool = False) -> float:
    """Return J, which takes the small-sample bias from a standardised difference.

    Notes
    -----
    Hedges (1981), Journal of Educational Statistics 6(2): J = 1 − 3/(4 df − 1), or exactly
    Γ(df/2) / (√(df/2) Γ((df − 1)/2)).
    """
    if not df >= 1:
        raise EvidenceError(f"df is {df!r}; a number from 1 on is needed")
    if exact:
        return float(np.exp(gammaln(df / 2) - 0.5 * np.log(df / 2) - gammaln((df - 1) / 2)))
    return 1 - 3 / (4 * df - 1)


def pooled_variance(treated: np.ndarray, control: np.ndarray) -> float:
    """Return the variance within two groups, with n1 + n0 − 2 degrees of freedom."""
    squares = [((x - x.mean()) ** 2).sum() for x in (treated, control)]
    return float(sum(squares) / (len(treated) + len(control) - 2))
