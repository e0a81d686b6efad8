"""Randomised trials: intention to treat, the multilevel model, the effect size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods import columns, inference
from evidence.methods.conduct import attrition, balance, flow
from evidence.methods.effects import pooled_variance, small_sample_factor
from evidence.methods.mixed import null_model, random_intercept
from evidence.methods.participants import Participants, read
from evidence.methods.regression import Design, design
from evidence.methods.results import Estimate

__all__ = ["attrition", "balance", "effect_size", "flow", "itt", "multilevel"]


def itt(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    baseline: str | None = None,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    cov_type: str = "CR2",
    level: float = 0.95,
    reference: object = None,
    arm: object = None,
) -> Estimate:
    """Estimate what being offered the treatment changed, whoever took it up.

    Parameters
    ----------
    data : DataFrame
        One row a pupil (or whatever was measured).
    outcome : str
        Column of scores.
    treatment : str
        Column of arms: 0/1, or names with `reference` saying which is the control.
    baseline : str, optional
        Column of scores before the start.
    covariates : sequence of str
        Further columns held fixed; text becomes a 0/1 column a level but the first.
    cluster : str, optional
        Column of school ids: errors of one school go together. At least two per arm.
    strata : str or sequence of str, optional
        Column of blocks, sites or pairs within which arms were drawn; absorbed exactly. Several
        columns mean each combination of their values.
    weights : str, optional
        Column of positive weights; only their ratios matter.
    cov_type : {"CR2", "CR0", "CR1", "CR1S", "CR3", "HC2", "classical"}
        Names as in clubSandwich; "CR2" without a cluster is "HC2".
    level : float
        Of the interval.
    reference, arm : optional
        The control arm, and the arm compared with it where there are more than two; the further
        arms are held apart by columns of their own.

    Returns
    -------
    Estimate
        `estimand` "itt", in units of the outcome. Rows with a missing outcome, covariate or
        cluster are left out and counted in `caveats`.

    Raises
    ------
    EvidenceError
        A column is missing or of the wrong kind, an arm is missing or ambiguous, an arm has only
        one cluster, the outcome is constant, or the effect is not identified.

    Notes
    -----
    Least squares with the small-sample inference of :func:`evidence.methods.inference.robust`.
    """
    trial = read(
        data,
        outcome=outcome,
        treatment=treatment,
        baseline=baseline,
        covariates=covariates,
        cluster=cluster,
        strata=strata,
        weights=weights,
        reference=reference,
        arm=arm,
    )
    return _least_squares(trial, cov_type, level)


def multilevel(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    cluster: str,
    baseline: str | None = None,
    covariates: Sequence[str] = (),
    level: float = 0.95,
    reference: object = None,
    arm: object = None,
) -> Estimate:
    """Estimate the intention-to-treat effect by a model with a random intercept for each cluster.

    Parameters are those of :func:`itt`.

    Returns
    -------
    Estimate
        With `variance_between`, `variance_within` and `icc`, given the covariates.

    Raises
    ------
    EvidenceError
        As :func:`itt`.

    Notes
    -----
    Restricted maximum likelihood, Satterthwaite df: :func:`evidence.methods.mixed`.
    """
    trial = read(
        data,
        outcome=outcome,
        treatment=treatment,
        baseline=baseline,
        covariates=covariates,
        cluster=cluster,
        reference=reference,
        arm=arm,
    )
    return _random_intercept(trial, level)


def effect_size(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    baseline: str | None = None,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    strata: str | Sequence[str] | None = None,
    weights: str | None = None,
    cov_type: str = "CR2",
    level: float = 0.95,
    reference: object = None,
    arm: object = None,
    model: str = "ols",
    sd: str = "total",
    small_sample: bool = True,
    cluster_correction: bool = False,
) -> Estimate:
    """Estimate the effect in standard deviations: J × adjusted difference / unconditional SD.

    The arguments of :func:`itt`, and

    Parameters
    ----------
    model : {"ols", "multilevel"}
        Where the adjusted difference and its error come from.
    sd : {"total", "within", "pooled"}
        The denominator: total or within-cluster SD of the model without covariates (REML with
        clusters), or the pooled SD of the two arms.
    small_sample : bool
        Multiply by J.
    cluster_correction : bool
        Multiply by √γ as well, as eefAnalytics and WWC do where `sd` is the total one.

    Returns
    -------
    Estimate
        `unit` "sd", with the variance components of the model without covariates. The interval is
        that of the difference, divided by the SD taken as known.

    Raises
    ------
    EvidenceError
        As :func:`itt`; the outcome does not vary within clusters where `sd` is "within".

    Notes
    -----
    g = J β / σ_T, σ_T² = σ_b² + σ_w², J = 1 − 3/(4(N − 2) − 1);
    γ = 1 − (Σn_T²/N_T + Σn_C²/N_C − 2) ρ / (N − 2), which is 1 − 2(n − 1)ρ/(N − 2) for clusters of
    one size.

    References
    ----------
    Education Endowment Foundation (2022), Statistical analysis guidance, section on effect sizes.
    Hedges, L. V. (2007), Journal of Educational and Behavioral Statistics 32(4), eq. 15 to 18.
    """
    columns.one_of("model", model, ("ols", "multilevel"))
    columns.one_of("sd", sd, ("total", "within", "pooled"))
    trial = read(
        data,
        outcome=outcome,
        treatment=treatment,
        baseline=baseline,
        covariates=covariates,
        cluster=cluster,
        strata=strata,
        weights=weights,
        reference=reference,
        arm=arm,
    )
    if model == "multilevel" and (cluster is None or strata is not None or weights is not None):
        raise EvidenceError("model='multilevel' needs cluster= and takes no strata or weights")
    raw = (
        _random_intercept(trial, level)
        if model == "multilevel"
        else _least_squares(trial, cov_type, level)
    )
    null = null_model(trial.outcome, trial.cluster)
    variance = {
        "total": null.variance_total,
        "within": null.variance_within,
        "pooled": pooled_variance(trial.outcome[trial.treated], trial.outcome[trial.control]),
    }[sd]
    if not variance > 0:
        raise EvidenceError(f"column {outcome!r} does not vary, so there is no SD to divide by")
    n = trial.outcome.size
    factor = small_sample_factor(n - 2) if small_sample else 1.0
    if cluster_correction and trial.cluster is not None:
        sizes = [np.bincount(trial.cluster[rows]) for rows in (trial.treated, trial.control)]
        excess = sum((size**2).sum() / size.sum() for size in sizes) - 2
        factor *= np.sqrt(1 - excess * null.icc / (n - 2))
    scale = factor / np.sqrt(variance)
    return replace(
        raw,
        unit="sd",
        method=f"{raw.method}; over the unconditional {sd} SD",
        estimate=raw.estimate * scale,
        std_error=raw.std_error * scale,
        ci_lower=raw.ci_lower * scale,
        ci_upper=raw.ci_upper * scale,
        variance_between=null.variance_between,
        variance_within=null.variance_within,
        icc=null.icc,
    )


def _least_squares(trial: Participants, cov_type: str, level: float) -> Estimate:
    names = trial.columns
    columns.one_of("cov_type", cov_type, inference.COV_TYPES)
    inference.check_level(level)
    if trial.cluster is None and cov_type.startswith("CR"):
        if cov_type != "CR2":
            raise EvidenceError(f"cov_type {cov_type!r} needs cluster=; without it use 'HC2'")
        cov_type = "HC2"
    made = _design(trial)
    estimate, residuals = made.fit(trial.outcome)
    if made.weights @ residuals**2 <= 1e-20 * np.sum((trial.outcome - trial.outcome.mean()) ** 2):
        raise EvidenceError(
            f"column {names['outcome']!r} is explained exactly by arms, covariates and strata: no "
            "error can be estimated"
        )
    result = inference.robust(made, residuals, trial.cluster, cov_type)
    kind = f"{cov_type} by {names['cluster']}" if cov_type.startswith("CR") else cov_type
    freedom = "residual df" if cov_type == "classical" else "Satterthwaite df"
    within = f" within {names['strata']}" if names["strata"] else ""
    weighted = f" weighted by {names['weights']}" if names["weights"] else ""
    method = f"OLS{within}{weighted}, {kind} ({freedom})"
    return _estimate(trial, made, method, (estimate[0], result.std_error[0], result.df[0]), level)


def _random_intercept(trial: Participants, level: float) -> Estimate:
    inference.check_level(level)
    made = _design(trial)
    others = np.delete(trial.others, made.dropped, axis=1)
    fit = random_intercept(
        trial.outcome, np.column_stack([trial.treated, others]).astype(float), trial.cluster
    )
    method = f"random intercept by {trial.columns['cluster']}, REML (Satterthwaite df)"
    found = (fit.coefficients[1], fit.std_errors[1], fit.df[1])
    plain = _estimate(trial, made, method, found, level)
    none = ("no variance between clusters was found",) if fit.icc < 1e-8 else ()
    return replace(
        plain,
        caveats=plain.caveats + none,
        variance_between=fit.variance_between,
        variance_within=fit.variance_within,
        icc=fit.icc,
    )


def _design(trial: Participants) -> Design:
    return design(
        trial.treated[:, None],
        trial.others,
        trial.strata,
        trial.weights,
        name=f"column {trial.columns['treatment']!r}",
    )


def _estimate(
    trial: Participants,
    made: Design,
    method: str,
    found: tuple[float, float, float],
    level: float,
) -> Estimate:
    value, std_error, df = map(float, found)
    statistic, p_value, lower, upper = map(float, inference.t_test(value, std_error, df, level))
    caveats = [
        *trial.caveats,
        *(f"{trial.names[j]} is explained by the others and left out" for j in made.dropped),
    ]
    if trial.strata is not None:
        seen = [np.bincount(trial.strata, arm) > 0 for arm in (trial.treated, trial.control)]
        if alone := int((~(seen[0] & seen[1])).sum()):
            caveats.append(
                f"{alone} of {len(seen[0])} strata have only one of the two arms and add nothing "
                "to the comparison"
            )
    if df < 4:
        caveats.append("fewer than 4 degrees of freedom: read the interval with great caution")
    return Estimate(
        estimand="itt",
        outcome=trial.columns["outcome"],
        treatment=trial.contrast,
        method=method,
        unit="score",
        estimate=value,
        std_error=std_error,
        statistic=statistic,
        df=df,
        p_value=p_value,
        ci_lower=lower,
        ci_upper=upper,
        level=float(level),
        n_obs=made.n_obs,
        n_clusters=trial.n_clusters,
        n_treated=int(trial.treated.sum()),
        n_control=int(trial.control.sum()),
        caveats=tuple(caveats),
    )
