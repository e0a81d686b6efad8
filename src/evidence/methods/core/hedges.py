"""Effect sizes from summary figures: Hedges' g, and WWC's correction for clusters."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import gammaincinv, nctdtr, ndtr, ndtri

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate
from evidence.stats import covariance
from evidence.stats.effect_sizes import pooled_variance, small_sample_factor

_LEFT_OUT = ("missing score is left out", "missing scores are left out")


def hedges_g(
    treated: Sequence[float],
    control: Sequence[float],
    *,
    exact: bool = True,
    interval: str = "noncentral",
    level: float = 0.95,
) -> Estimate:
    """Return Hedges' g of two independent groups, without covariates or clusters.

    Parameters
    ----------
    treated, control : sequence of float
        Scores; missing ones are left out.
    exact : bool
        Small-sample factor by the gamma function rather than its approximation.
    interval : {"noncentral", "normal"}
        From the noncentral t distribution, or g ± z × standard error.
    level : float

    Raises
    ------
    EvidenceError
        A group has fewer than 2 scores, a score is no number, or nothing varies.

    Notes
    -----
    Var(g) = 1/n1 + 1/n0 + g²/(2(n1 + n0)), as metafor's ``escalc``. Hedges (1981); the interval as
    Steiger (2004), Psychological Methods 9(2).
    """
    covariance.check_level(level)
    frames.one_of("interval", interval, ("noncentral", "normal"))
    frames.yes_or_no(exact=exact)
    scores = [_scores(x, name) for x, name in ((treated, "treated"), (control, "control"))]
    first, second = (x[~np.isnan(x)] for x in scores)
    n1, n0 = len(first), len(second)
    lost = sum(map(len, scores)) - n1 - n0
    if min(n1, n0) < 2 or not pooled_variance(first, second) > 0:
        raise EvidenceError("hedges_g: two scores or more a group, and some variation, are needed")
    df, root = n1 + n0 - 2, math.sqrt(1 / n1 + 1 / n0)
    d = (first.mean() - second.mean()) / math.sqrt(pooled_variance(first, second))
    factor = small_sample_factor(df, exact=exact)
    g = factor * d
    error = math.sqrt(root**2 + g**2 / (2 * (n1 + n0)))
    tail = (1 - level) / 2
    if interval == "normal":
        ends = [g + float(ndtri(p)) * error for p in (tail, 1 - tail)]
    else:
        t, reach = d / root, 10 + abs(d / root)

        def below(centre: float) -> float:
            """Probability of less than t; scipy knows none where it is within 1e-13 of 0 or 1."""
            share = float(nctdtr(df, centre, t))
            return float(centre < t) if math.isnan(share) else share

        def end(p: float) -> float:
            if t * t < 2e6 * df:
                found = float(brentq(lambda x: below(x) - p, t - reach, t + reach))
                if np.isfinite(nctdtr(df, found, t)):
                    return found
            share = gammaincinv(df / 2, 1 - p if t > 0 else p)  # t so large that Z adds nothing
            return float(t * math.sqrt(2 * share / df))

        ends = [factor * root * end(p) for p in (1 - tail, tail)]
    return Estimate(
        estimand="itt",
        outcome="score",
        treatment="treated against control",
        method=f"Hedges' g ({'exact' if exact else 'approximate'} J, {interval} interval)",
        unit="sd",
        estimate=g,
        std_error=error,
        statistic=g / error,
        df=float(df),
        p_value=float(2 * ndtr(-abs(g / error))),
        ci_lower=float(ends[0]),
        ci_upper=float(ends[1]),
        level=level,
        n_obs=n1 + n0,
        n_clusters=n1 + n0,
        n_treated=n1,
        n_control=n0,
        caveats=(frames.counted(lost, *_LEFT_OUT),) if lost else (),
    )


def _scores(values: Sequence[float], name: str) -> np.ndarray:
    return frames.numbers(pd.DataFrame({name: pd.Series(values)}), name)


def wwc_cluster_correction(
    n_pupils: int, cluster_size: float, icc: float = 0.2
) -> tuple[float, float]:
    """Return WWC's correction of an effect size for clusters: degrees of freedom h and γ.

    Parameters
    ----------
    n_pupils : int
        N, in both arms.
    cluster_size : float
        n, pupils a cluster on average.
    icc : float
        ρ; WWC takes .20 for achievement and .10 for other outcomes where it is not known.

    Returns
    -------
    h, gamma : float
        g√γ is the corrected effect size, 1 − 3/(4h − 1) its small-sample factor.

    Raises
    ------
    EvidenceError
        Fewer than 3 pupils, a cluster larger than half of them, or an ICC that is no proportion.

    Notes
    -----
    γ = 1 − 2(n − 1)ρ/(N − 2);
    h = [(N − 2) − 2(n − 1)ρ]² / {(N − 2)(1 − ρ)² + n(N − 2n)ρ² + 2(N − 2n)ρ(1 − ρ)}.
    What Works Clearinghouse (2022), Handbook 5.0, eq. E.21; Hedges (2007), JEBS 32(4).
    """
    figures = {"n_pupils": n_pupils, "cluster_size": cluster_size, "icc": icc}
    for name, value in figures.items():
        frames.number(name, value, 0, 1e12)
    if n_pupils < 3 or not 1 <= cluster_size <= n_pupils / 2 or not 0 <= icc <= 1:
        raise EvidenceError(
            f"wwc_cluster_correction: n_pupils={n_pupils}, cluster_size={cluster_size}, icc={icc}; "
            "3 pupils or more, two clusters or more and an icc from 0 to 1 are needed"
        )
    rest, other = n_pupils - 2, n_pupils - 2 * cluster_size
    if other == 0 and icc == 1:
        raise EvidenceError(
            "wwc_cluster_correction: two clusters with an icc of 1 leave no degree of freedom"
        )
    kept = rest - 2 * (cluster_size - 1) * icc
    spread = rest * (1 - icc) ** 2 + cluster_size * other * icc**2 + 2 * other * icc * (1 - icc)
    return kept**2 / spread, kept / rest


def wwc_effect_size(
    difference: float,
    *,
    n_treated: int,
    n_control: int,
    cluster_size: float,
    icc: float = 0.2,
    adjusted: bool = False,
    level: float = 0.95,
) -> Estimate:
    """Correct an effect size published without regard to clusters, as WWC does.

    Parameters
    ----------
    difference : float
        Mean difference over the pooled SD of pupils.
    n_treated, n_control : int
        Pupils.
    cluster_size, icc
        As in :func:`wwc_cluster_correction`.
    adjusted : bool
        The study's own test allowed for clusters already, so that the error is not inflated.
    level : float

    Returns
    -------
    Estimate
        `unit` "sd", with h degrees of freedom.

    Raises
    ------
    EvidenceError
        As :func:`wwc_cluster_correction`; an arm has no pupils.

    Notes
    -----
    g = ωd√γ, ω = 1 − 3/(4h − 1); SE² = ω²{(1/n_T + 1/n_C)[1 + (n − 1)ρ] + d²γ/(2h)}, without the
    bracket where adjusted. Source as for :func:`wwc_cluster_correction`.
    """
    covariance.check_level(level)
    frames.number("difference", difference, -100, 100)
    frames.yes_or_no(adjusted=adjusted)
    frames.whole("n_treated", n_treated, 1)
    frames.whole("n_control", n_control, 1)
    n = n_treated + n_control
    h, gamma = wwc_cluster_correction(n, cluster_size, icc)
    factor, corrected = small_sample_factor(h), difference * math.sqrt(gamma)
    inflation = 1.0 if adjusted else 1 + (cluster_size - 1) * icc
    error = factor * math.sqrt((1 / n_treated + 1 / n_control) * inflation + corrected**2 / (2 * h))
    return Estimate.tested(
        factor * corrected,
        error,
        h,
        level,
        estimand="itt",
        outcome="score",
        treatment="treated against control",
        method=f"WWC cluster correction (ICC {icc:g}, {cluster_size:g} pupils a cluster)",
        unit="sd",
        n_obs=n,
        n_clusters=round(n / cluster_size),
        n_treated=n_treated,
        n_control=n_control,
        icc=icc,
    )
