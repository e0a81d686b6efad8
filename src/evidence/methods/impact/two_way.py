"""The regression with a dummy for every unit and every time, and what a reader must know of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evidence.methods.core.results import Estimate
from evidence.methods.impact.panel_data import PanelData
from evidence.stats import covariance
from evidence.stats.design import Design, design


def two_way(read: PanelData, interest: np.ndarray, name: str) -> Design:
    """Make the regression on `interest`, shape (n, q), with all dummies ready.

    The longer of the two factors is absorbed; the other's dummies stand before the covariates.

    Raises
    ------
    EvidenceError
        A column of interest is explained by units, times and covariates; `name` is how the message
        calls it.
    """
    when = np.unique(read.time, return_inverse=True)[1]
    small, large = sorted((read.unit, when), key=np.max)
    dummies = (small[:, None] == np.arange(1, small.max() + 1)).astype(float)
    return design(interest, np.column_stack([dummies, read.others]), large, read.weights, name)


def left_out(read: PanelData, made: Design) -> list[int]:
    """Return which covariates were dropped because the others explain them."""
    first = made.n_others - read.others.shape[1]
    return [j - first for j in made.dropped if j >= first]


def caveats(read: PanelData, made: Design, df: float, fixed: bool = True) -> list[str]:
    """Return what a reader must know of a panel's regression, one sentence each.

    `fixed` says whether every unit has an effect of its own.
    """
    notes = [
        *read.caveats,
        *(f"{read.names[j]} is explained by the others and left out" for j in left_out(read, made)),
    ]
    started = np.unique(read.start[np.isfinite(read.start)])
    if fixed and len(started) > 1:
        notes.append(
            f"units started at {len(started)} different times: two-way fixed effects can mislead "
            "if the effect changes with time since the start"
        )
    if np.isfinite(read.start).all():
        notes.append("every unit is treated at some time: later starters stand in for comparison")
    return [*notes, *few_clusters(read, df)]


def few_clusters(read: PanelData, df: float) -> list[str]:
    """Warn of an interval that rests on few treated clusters or few degrees of freedom."""
    treated = len(np.unique(read.cluster[read.dose != 0]))
    if treated < 5:
        return [f"only {treated} treated clusters: read the interval with great caution"]
    if df < 4:
        return ["fewer than 4 degrees of freedom: read the interval with great caution"]
    return []


def written_down(
    panel: PanelData,
    method: str,
    found: tuple[float, float, float],
    level: float,
    notes: Sequence[str],
    **more: object,
) -> Estimate:
    """Write down an effect on the treated, `found` = (value, standard error, df).

    `more` replaces what the t distribution says of it: p-value, interval, counts, variances.
    """
    value, std_error, df = map(float, found)
    statistic, p_value, lower, upper = map(float, covariance.t_test(value, std_error, df, level))
    ever = np.isfinite(panel.start)[panel.unit]
    fields = {
        "estimand": "att",
        "outcome": panel.columns["outcome"],
        "treatment": f"{panel.treatment} against no {panel.treatment}",
        "method": method,
        "unit": "score",
        "estimate": value,
        "std_error": std_error,
        "statistic": statistic,
        "df": df,
        "p_value": p_value,
        "ci_lower": lower,
        "ci_upper": upper,
        "level": level,
        "n_obs": len(panel.outcome),
        "n_clusters": int(panel.cluster.max()) + 1,
        "n_treated": int(ever.sum()),
        "n_control": int((~ever).sum()),
        "caveats": tuple(notes),
    }
    return Estimate(**fields | more)
