"""The effect given earlier results, for schools chosen by them: a panel with random effects."""

from __future__ import annotations

import math

import numpy as np

from evidence.methods.core import frames
from evidence.methods.core.reading import kept
from evidence.methods.core.results import Estimate
from evidence.methods.impact import panel_data
from evidence.methods.impact.panel_data import PanelData, of_panel
from evidence.stats import covariance

_ALONE = 1e-8  # of I − H and of a coefficient: below it is rounding
_COV_TYPES = ("larger", "classical", "CR0", "CR1", "CR1S", "CR2", "CR3")


@of_panel()
@kept
def given_past(panel: PanelData, *, cov_type: str = "larger", level: float = 0.95) -> Estimate:
    """Estimate the effect on the treated, given the results that units had before.

    The arguments of :func:`evidence.methods.impact.did`, where

    Parameters
    ----------
    weights : str, optional
        Column of how many a result is the mean of, such as pupils tested: its chance error has
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
    unit, u_it a passing one and e_it the sampling error of who was measured; variances by
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
    regression = panel.lagged_outcome
    design, parts = regression.design, regression.components
    inferences = {
        kind: covariance.robust(
            design, regression.residuals, panel.cluster, kind, refuse=cov_type != "larger"
        )
        for kind in (("CR2", "classical") if cov_type == "larger" else (cov_type,))
    }
    kind = max(inferences, key=lambda kind: np.nan_to_num(inferences[kind].std_error[0]))
    errors = "errors of the model" if kind == "classical" else panel.errors(kind)
    inference = inferences[kind]
    least = np.nanmin([each.df[0] for each in inferences.values()])
    return panel_data.effect_on_treated(
        panel,
        f"given earlier results (random effects of {panel.columns['unit']}), {errors}",
        (regression.estimate[0], inference.std_error[0], inference.df[0]),
        level,
        panel_data.caveats(panel, design, least, fixed=False),
        n_clusters=inference.n_clusters,
        variance_between=parts.lasting,
        variance_within=parts.passing + parts.chance,
        icc=parts.share,
    )


@of_panel()
def leave_one_out(panel: PanelData) -> tuple[float, float]:
    """Return the least and the greatest estimate when one treated unit is left out.

    The arguments of :func:`given_past`. The variance components stay those of all units. NaN where
    there is no estimate without one of them.

    Raises
    ------
    EvidenceError
        As :func:`given_past`.
    """
    regression = panel.lagged_outcome
    design = regression.design
    estimates = []
    for unit in np.unique(panel.unit[panel.dose != 0]):
        rows = panel.unit == unit
        basis = design.basis[rows]  # orthonormal over all rows, so X'X is the identity
        inner = np.eye(basis.shape[1]) - basis.T @ basis
        share, along = np.linalg.eigh(inner)
        if np.abs(design.coefficients @ along[:, share < _ALONE]).max(initial=0) > _ALONE * (
            np.linalg.norm(design.coefficients)
        ):
            return math.nan, math.nan
        change = np.linalg.lstsq(inner, basis.T @ regression.residuals[rows], rcond=1e-10)[0]
        estimates.append((regression.estimate - design.coefficients @ change)[0])
    return float(min(estimates)), float(max(estimates))
