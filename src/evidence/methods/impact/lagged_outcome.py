"""Programmes whose schools were chosen by their results: compare given what was known before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.methods.core import frames
from evidence.methods.core.results import Estimate
from evidence.methods.impact.panel_data import PanelData
from evidence.methods.impact.panel_data import read as read_panel
from evidence.methods.impact.two_way import caveats
from evidence.stats import covariance, panel_mixed_model
from evidence.stats.design import Design, design

_COV_TYPES = ("larger", "classical", "CR0", "CR1", "CR1S", "CR2", "CR3")


@dataclass(frozen=True, eq=False)
class _Fit:
    """The fitted model: coefficients of [interest, others], and the components."""

    made: Design
    residuals: np.ndarray
    estimate: np.ndarray
    expected: np.ndarray  # without the treatment, of an average unit with these columns
    parts: panel_mixed_model.Components


def given_past(
    panel: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    cluster: str | None = None,
    weights: str | None = None,
    covariates: Sequence[str] = (),
    overlap: Sequence[str] = (),
    cov_type: str = "larger",
    level: float = 0.95,
) -> Estimate:
    """Estimate the effect on the treated, given the results that units had before.

    The arguments of :func:`evidence.methods.impact.did`, where

    Parameters
    ----------
    weights : str, optional
        Column of how many stand behind a result, such as pupils tested: its chance error has
        variance inverse to it. The logarithm of a unit's mean is held fixed too.
    cov_type : {"larger", "classical", "CR2", "CR0", "CR1", "CR1S", "CR3"}
        "classical" is the standard error of the model, "larger" that or CR2's, whichever it is,
        with its own degrees of freedom.

    Returns
    -------
    Estimate
        `estimand` "att", in units of the outcome. `variance_between` is what lasts of the
        differences of units, `icc` its share of the variance of one result.

    Raises
    ------
    EvidenceError
        As :func:`evidence.methods.impact.did`.

    Notes
    -----
    y_it = λ_t + τ·treatment_it + x_it'β + a_i + u_it + e_it, with a_i the lasting difference of a
    unit, u_it a passing one and e_it the luck of who was measured; variances by
    :func:`evidence.stats.panel_mixed_model.fit`, coefficients by generalised least squares.
    Errors by the model are (X'V⁻¹X)⁻¹ with n − k df; those by cluster have the model's covariance
    for their working one, and Satterthwaite df.

    The estimate misses what the programme changed for those in it by what they would have come to
    without it, so its error hangs on how untreated results vary; the model learns that from all
    rows (Sekhon and Shem-Tov, arXiv:1708.02140). CR2 takes it from treated results as they came
    out, and is the error of the effect on others like these. Where those who would have done worst
    gain most, as below the ceiling of a percentage, treated results vary less and CR2 is the
    smaller (Yiu, arXiv:2402.05844); nor does it see anything where one unit alone is treated. Where
    the treated vary more than the model knows, its own is. Hence the larger, as Angrist and Pischke
    (2009), Mostly Harmless Econometrics, section 8.1, advise.

    Units chosen because their results were low were partly unlucky, and rise whatever is done.
    Two-way fixed effects take their mean before the start, bad luck and all, for what they are. A
    likelihood without an effect for each unit predicts from all results before the start, shrunk as
    far as luck demands, and may ignore how units were chosen as long as the choice hung on results
    and covariates in the panel (Rubin 1976, Biometrika 63(3), theorem 7.1; for programmes that
    start again and again, sequential ignorability: Robins 1999, Synthese 121). It is misled where
    units were chosen on what the panel does not show; there two-way fixed effects err the other
    way, and the two often bracket the truth (Ding and Li 2019, Political Analysis 27(4)).
    """
    frames.one_of("cov_type", cov_type, _COV_TYPES)
    covariance.check_level(level)
    read = read_panel(
        panel,
        outcome=outcome,
        treatment=treatment,
        unit=unit,
        time=time,
        cluster=cluster,
        weights=weights,
        covariates=covariates,
        overlap=overlap,
    )
    fit = _fit(read)
    kinds = ("CR2", "classical") if cov_type == "larger" else (cov_type,)
    tried = {k: covariance.robust(fit.made, fit.residuals, read.cluster, k) for k in kinds}
    kind = max(kinds, key=lambda k: tried[k].std_error[0])
    found, least = tried[kind], min(each.df[0] for each in tried.values())
    said = "errors of the model" if kind == "classical" else f"{kind} {read.errors}"
    statistic, p_value, lower, upper = (
        float(x[0]) for x in covariance.t_test(fit.estimate, found.std_error, found.df, level)
    )
    parts = fit.parts
    total = parts.lasting + parts.passing + parts.chance
    ever = np.isfinite(read.start)[read.unit]
    return Estimate(
        estimand="att",
        outcome=outcome,
        treatment=f"{treatment} against no {treatment}",
        method=f"given earlier results (random effects of {unit}), {said}",
        unit="score",
        estimate=float(fit.estimate[0]),
        std_error=float(found.std_error[0]),
        statistic=statistic,
        df=float(found.df[0]),
        p_value=p_value,
        ci_lower=lower,
        ci_upper=upper,
        level=level,
        n_obs=fit.made.n_obs,
        n_clusters=found.n_clusters,
        n_treated=int(ever.sum()),
        n_control=int((~ever).sum()),
        caveats=tuple(caveats(read, fit.made, least, fixed=False)),
        variance_between=parts.lasting,
        variance_within=parts.passing + parts.chance,
        icc=parts.lasting / total,
    )


def leave_one_out(panel: pd.DataFrame, **model: object) -> tuple[float, float]:
    """Return the least and the greatest estimate when one treated unit is left out.

    Parameters
    ----------
    panel, **model
        As in :func:`given_past`. The variance components stay those of all units.

    Raises
    ------
    EvidenceError
        As :func:`given_past`.
    """
    read = read_panel(panel, **model)
    made, residuals = (fit := _fit(read)).made, fit.residuals
    found = []
    for unit in np.unique(read.unit[read.dose != 0]):
        rows = read.unit == unit
        basis = made.basis[rows]  # orthonormal over all rows, so X'X is the identity
        inner = np.eye(basis.shape[1]) - basis.T @ basis
        found.append(
            (fit.estimate - made.coefficients @ np.linalg.lstsq(
                inner, basis.T @ residuals[rows], rcond=1e-10)[0])[0]
        )  # fmt: skip
    return float(min(found)), float(max(found))


def _fit(read: PanelData) -> _Fit:
    """Fit the model by restricted maximum likelihood and generalised least squares."""
    moments = np.unique(read.time)
    fixed = [(read.time[:, None] == moments).astype(float)]
    if read.weights is not None:
        mean = np.bincount(read.unit, read.weights) / np.bincount(read.unit)
        fixed.append(np.log(mean)[read.unit][:, None])
    interest, others = read.dose[:, None], np.column_stack([*fixed, read.others])
    name = f"column {read.treatment!r}"
    dropped = design(interest, others, name=name, absorb=False).dropped
    kept = np.column_stack([np.delete(others, dropped, axis=1), interest])
    parts = panel_mixed_model.fit(read.outcome, kept, read.unit, read.time, read.weights)
    white = parts.whiten(np.column_stack([others, interest, read.outcome]))
    made = design(white[:, -2:-1], white[:, :-2], name=name, absorb=False)
    estimate, residuals = made.fit(white[:, -1])
    solved = np.linalg.lstsq(white[:, :-2], white[:, -1] - white[:, -2] * estimate[0], rcond=None)
    return _Fit(made, residuals, estimate, others @ solved[0], parts)
