"""Difference in differences by two-way fixed effects."""

from __future__ import annotations

from evidence.methods.core import frames
from evidence.methods.core.reading import kept
from evidence.methods.core.results import Estimate
from evidence.methods.impact import panel_data
from evidence.methods.impact.panel_data import PanelData, of_panel
from evidence.stats import covariance
from evidence.stats.effect_sizes import COX

COV_TYPES = ("CR0", "CR1", "CR1S", "CR2", "CR3")


@of_panel()
@kept
def did(panel: PanelData, *, cov_type: str = "CR2", level: float = 0.95) -> Estimate:
    """Estimate the effect on the treated by two-way fixed effects.

    Parameters
    ----------
    panel : DataFrame
        One row a unit and time.
    outcome : str
        Column of results.
    treatment : str
        Column that is 0 while a unit is not treated; else 1, or the dose.
    unit, time : str
        Columns of unit ids and of times.
    cluster : str, optional
        Column of groups whose errors go together; `unit` where absent.
    weights : str, optional
        Column of positive weights, such as pupils tested.
    covariates : sequence of str
        Further columns held fixed, numbers.
    overlap : sequence of str
        0/1 columns of other programmes, held fixed as well and named in the caveats.
    cov_type : {"CR2", "CR0", "CR1", "CR1S", "CR3"}
        Names as in clubSandwich.
    level : float
        Of the interval.

    Returns
    -------
    Estimate
        `estimand` "att", in units of the outcome. `n_treated` counts rows of units that were
        ever treated, `n_control` the others'.

    Raises
    ------
    EvidenceError
        A column is missing or of the wrong kind, a unit has two rows for one time, nobody or
        everybody is always treated, the effect is not identified, or it has no error.

    Notes
    -----
    y_it = α_i + λ_t + τ·treatment_it + covariates + ε_it. The coefficients equal those of
    linearmodels' `PanelOLS`; standard errors and df are those of the regression with all dummies
    (:func:`evidence.stats.covariance.robust`), because PanelOLS's own are too large where unit
    effects nest in clusters (docs/decisions/0011). Where one unit alone decides the effect, its
    error is that of the others; where one cluster of several units does, there is none.

    Assumes parallel trends. Where units start at different times and effects change with time
    since the start, the estimate is a weighted mean in which some weights may be negative:
    Goodman-Bacon (2021), Journal of Econometrics 225(2).
    """
    frames.one_of("cov_type", cov_type, COV_TYPES)
    covariance.check_level(level)
    estimate, residuals = panel.fit(panel.design)
    inference = covariance.robust(
        panel.design, residuals, panel.cluster, cov_type, alike=panel.alike
    )
    df, borrowed = inference.df[0], bool(inference.borrowed[0])
    return panel_data.effect_on_treated(
        panel,
        f"{panel.method}, {panel.errors(cov_type, borrowed)}",
        (estimate[0], inference.std_error[0], df),
        level,
        panel_data.caveats(panel, panel.design, df, borrowed=borrowed),
    )


def effect_size(
    estimate: Estimate, *, sd: float = 0.0, percent: float | None = None
) -> Estimate | None:
    """Put an effect on a school's mean or percentage on the scale of standard deviations.

    Parameters
    ----------
    estimate : Estimate
        In points, or in percentage points where `percent` is given.
    sd : float
        Standard deviation of the outcome among pupils, without covariates; 0 where not known.
    percent : float, optional
        Percentage that the outcome had among those taking part.

    Returns
    -------
    Estimate or None
        `unit` "sd"; None where neither is known.

    Raises
    ------
    EvidenceError
        The percentage is not between 0 and 100.

    Notes
    -----
    For percentages the Cox index, ln(OR)/1.65, to first order: Δ / (1.65 p (1 − p)). What Works
    Clearinghouse (2022), Procedures and Standards Handbook 5.0, appendix E.
    """
    if percent is not None:
        percent = frames.number("percent", percent, 0, 100, ends=False)
        sd = COX * percent * (100 - percent) / 100
    if not frames.number("sd", sd, 0):
        return None
    return estimate.rescaled(1 / sd, unit="sd")
