"""The effect of a trial in standard deviations."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.reading import kept
from evidence.methods.core.results import Estimate
from evidence.methods.trials.itt import itt
from evidence.methods.trials.multilevel import Multilevel, multilevel
from evidence.methods.trials.trial_data import TrialData, of_trial
from evidence.stats.effect_sizes import pooled_variance, small_sample_factor
from evidence.stats.mixed_model import Mixed, without_clusters


@of_trial()
@kept
def effect_size(
    trial: TrialData,
    *,
    cov_type: str = "CR2",
    level: float = 0.95,
    model: str = "ols",
    random_slope: bool = False,
    sd: str = "total",
    conditional: bool = False,
    small_sample: bool = True,
    cluster_correction: bool = False,
    interval: str = "difference",
) -> Estimate:
    """Estimate the effect in standard deviations: J × adjusted difference / unconditional SD.

    The arguments of :func:`evidence.methods.trials.itt`, and

    Parameters
    ----------
    model : {"ols", "multilevel"}
        Where the adjusted difference and its error come from.
    random_slope : bool
        As in :func:`evidence.methods.trials.multilevel.multilevel`.
    sd : {"total", "within", "pooled"}
        The denominator: total or within-cluster SD of the model without covariates (REML with
        clusters), or the pooled SD of the two arms.
    conditional : bool
        Divide by the SD left once the covariates are known. Larger, not comparable between trials
        and labelled so: for comparison with eefAnalytics only.
    small_sample : bool
        Multiply by J.
    cluster_correction : bool
        Multiply by √γ as well where `sd` is the total one, as eefAnalytics and WWC do.
    interval : {"difference", "hedges"}
        That of the difference, divided by the SD taken as known; or the large-sample one that
        eefAnalytics reports, with z rounded to two decimals (1.96).

    Returns
    -------
    Estimate
        `unit` "sd", with the variance components whose SD is divided by.

    Raises
    ------
    EvidenceError
        As :func:`evidence.methods.trials.itt` and
        :func:`evidence.methods.trials.multilevel.multilevel`; the outcome does not vary within
        clusters where `sd` is "within".

    Notes
    -----
    g = J β / σ_T, σ_T² = σ_b² + σ_w², J = 1 − 3/(4(N − 2) − 1);
    γ = 1 − (Σn_T²/N_T + Σn_C²/N_C − 2) ρ / (N − 2), which is 1 − 2(n − 1)ρ/(N − 2) for clusters of
    one size.

    What eefAnalytics 1.1.5 reports: for pupils ``interval="hedges"``; for clusters also
    ``model="multilevel", small_sample=False`` and for the total ``cluster_correction=True``; for
    sites also ``random_slope=True``, the correction in the unconditional effect size only. Both of
    its kinds are had by `conditional`.

    References
    ----------
    Education Endowment Foundation (2022), Statistical analysis guidance, section on effect sizes.
    Hedges, L. V. (2007), Journal of Educational and Behavioral Statistics 32(4), eq. 15 to 18, for
    clusters of unequal size the section that follows.
    """
    frames.one_of("model", model, ("ols", "multilevel"))
    frames.one_of("sd", sd, ("total", "within", "pooled"))
    frames.one_of("interval", interval, ("difference", "hedges"))
    frames.yes_or_no(
        random_slope=random_slope,
        conditional=conditional,
        small_sample=small_sample,
        cluster_correction=cluster_correction,
    )
    raw: Estimate
    if model == "multilevel":
        if trial.cluster is None or trial.weights is not None:
            raise EvidenceError("model='multilevel' needs cluster= and takes no weights")
        raw = multilevel(trial, level=level, random_slope=random_slope)
    elif random_slope:
        raise EvidenceError("random_slope needs model='multilevel'")
    else:
        raw = itt(trial, cov_type=cov_type, level=level)
    if conditional and sd == "pooled":
        raise EvidenceError("sd='pooled' is never conditional; ask for 'total' or 'within'")
    if conditional and random_slope and cluster_correction:
        raise EvidenceError("cluster_correction is not known for conditional sizes across sites")
    parts = _conditional(trial, raw, level) if conditional else trial.null_model
    variance = parts.variance_total if sd == "total" else parts.variance_within
    if sd == "pooled":
        variance = pooled_variance(trial.outcome[trial.treated], trial.outcome[trial.control])
    if not variance > 0:
        name = trial.columns["outcome"]
        raise EvidenceError(f"column {name!r} does not vary, so there is no SD to divide by")
    sizes = ArmSizes.of(trial)
    scale = 1 / math.sqrt(variance)
    if cluster_correction and trial.cluster is not None and sd != "within":
        scale *= math.sqrt(1 - sizes.excess * parts.icc / (sizes.n - 2))
    factor = small_sample_factor(sizes.n - 2) if small_sample else 1.0
    size, ended = raw.estimate * scale, ""
    large_sample = {}
    if interval == "hedges":
        if conditional and random_slope and isinstance(raw, Multilevel):
            slope = float(raw.covariance.loc["slope", "slope"])
            spread = sizes.sites(size, slope, parts.variance_within, variance)
        else:
            spread = (sizes.within if sd == "within" else sizes.total)(size, parts.icc)
        error = factor * math.sqrt(spread)
        half = round(float(ndtri(0.5 + level / 2)), 2) * error
        ended = ", large-sample interval (z)"
        large_sample = {
            "std_error": error,
            "statistic": factor * size / error,
            "df": math.inf,
            "p_value": float(2 * ndtr(-abs(factor * size / error))),
            "ci_lower": factor * size - half,
            "ci_upper": factor * size + half,
        }
    kind = "conditional" if conditional else "unconditional"
    changes = large_sample | {
        "unit": "sd",
        "method": f"{raw.method}; over the {kind} {sd} SD{ended}",
        "variance_between": parts.variance_between,
        "variance_within": parts.variance_within,
        "icc": parts.icc,
    }
    return Estimate.of(raw).rescaled(factor * scale, **changes)


def _conditional(trial: TrialData, raw: Estimate, level: float) -> Mixed | Multilevel:
    """Return the model whose variances are those left once the covariates are known."""
    if trial.cluster is None:
        design, residuals = trial.design, trial.fitted[1]
        left = float(design.weights @ residuals**2) / (design.n_obs - design.rank)
        return without_clusters(left)
    if isinstance(raw, Multilevel):
        return raw
    return multilevel(replace(trial, weights=None), level=level)


@dataclass(frozen=True, eq=False)
class ArmSizes:
    """Pupils of each cluster in the two arms, and large-sample variances of effect sizes.

    Parameters
    ----------
    treated, control : ndarray of shape (m,)
        Zero where a cluster has none.
    clustered : bool
        False where every pupil is one.
    """

    treated: np.ndarray
    control: np.ndarray
    clustered: bool

    @classmethod
    def of(cls, trial: TrialData) -> ArmSizes:
        """Count the pupils of a trial."""
        clustered = trial.cluster is not None
        codes = trial.clusters if clustered else np.arange(len(trial.outcome))
        treated, control = (np.bincount(codes, arm) for arm in (trial.treated, trial.control))
        return cls(treated, control, clustered)

    @property
    def n(self) -> float:
        """Pupils in both arms."""
        return float(self.treated.sum() + self.control.sum())

    @property
    def excess(self) -> float:
        """Σn_T²/N_T + Σn_C²/N_C − 2."""
        size: float = sum((arm**2).sum() / arm.sum() for arm in (self.treated, self.control))
        return size - 2

    def _difference(self, icc: float) -> float:
        """(1/N_T + 1/N_C)(1 + (ñ − 1)ρ), where ñ = (N_C Σn_T²/N_T + N_T Σn_C²/N_C)/N."""
        treated, control = self.treated.sum(), self.control.sum()
        squares = (self.treated**2).sum(), (self.control**2).sum()
        size = (control / treated * squares[0] + treated / control * squares[1]) / self.n
        variance: float = (1 / treated + 1 / control) * (1 + (size - 1) * icc)
        return variance

    def within(self, size: float, icc: float) -> float:
        """Variance of β/σ_w with M clusters: difference/(1 − ρ) + d²/(2(N − M))."""
        if not self.clustered:
            return self.total(size, icc)
        clusters: float = (self.treated > 0).sum() + (self.control > 0).sum()
        return self._difference(icc) / (1 - icc) + size**2 / (2 * (self.n - clusters))

    def total(self, size: float, icc: float) -> float:
        """Variance of β√γ/σ_T; without clusters difference + d²/(2N)."""
        if not self.clustered:
            return self._difference(0.0) + size**2 / (2 * self.n)
        unequal = 0.0
        for arm in (self.treated, self.control):
            n, squares, cubes = (float((arm**power).sum()) for power in (1, 2, 3))
            unequal += squares + (squares / n) ** 2 - 2 * cubes / n
        rest, links = self.n - 2, self.n - 2 - self.excess
        above = rest * (1 - icc) ** 2 + unequal * icc**2 + 2 * links * icc * (1 - icc)
        return self._difference(icc) + above * size**2 / (2 * rest * (rest - icc * (rest - links)))

    def sites(self, size: float, slope: float, within: float, variance: float) -> float:
        """Variance of β/σ over M sites: 1/Σ(σ²/(σ₁² + σ_w²/ñ)) + d²/(2N − 4M), as eefAnalytics."""
        both = (self.treated > 0) & (self.control > 0)
        treated, control = self.treated[both], self.control[both]
        precision = 1 / (slope + within * (treated + control) / (treated * control))
        total: float = precision.sum()
        return 1 / (variance * total) + size**2 / (2 * self.n - 4 * len(self.treated))
