"""Effects by time since the start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import EventStudy
from evidence.methods.impact.did import COV_TYPES
from evidence.methods.impact.panel_data import read as read_panel
from evidence.methods.impact.two_way import caveats as caveats_of
from evidence.methods.impact.two_way import two_way
from evidence.stats import covariance


def event_study(
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
    reference: int = -1,
    cov_type: str = "CR2",
    level: float = 0.95,
) -> EventStudy:
    """Estimate the effect by time since each unit's start, and test the times before it.

    The arguments of :func:`did`, and

    Parameters
    ----------
    reference : int
        The time, relative to a unit's first treated one, that all others are compared with.

    Returns
    -------
    EventStudy
        A row a relative time. Times are counted in the column's own unit, the first treated one
        being 0.

    Raises
    ------
    EvidenceError
        As :func:`did`; also where times are not whole steps apart, the reference does not occur,
        or an effect is not identified (without units that are never treated, only some are).

    Notes
    -----
    y_it = α_i + λ_t + Σ_{k ≠ reference} τ_k [t − start_i = k] + ε_it. The joint test of all k
    before `reference` is the approximate Hotelling test of
    :func:`evidence.stats.covariance.joint_test`. It has little power: that trends do not differ
    clearly is no proof that they are parallel.
    """
    frames.one_of("cov_type", cov_type, COV_TYPES)
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
    relative = read.time - read.start[read.unit]
    ever = np.isfinite(relative)
    steps = np.round(relative[ever])
    if np.abs(relative[ever] - steps).max() > 1e-6:
        raise EvidenceError(f"column {time!r}: times must be whole steps apart, such as years")
    times = np.unique(steps).astype(int)
    if reference not in times:
        raise EvidenceError(
            f"reference is {reference}, but treated units have times from {times[0]} to {times[-1]}"
        )
    others = times[times != reference]
    dummies = (np.where(ever, np.round(relative), np.nan)[:, None] == others).astype(float)
    name = f"column {treatment!r}, by time since the start"
    made = two_way(read, dummies, name)
    estimate, residuals = made.fit(read.outcome)
    found = covariance.robust(made, residuals, read.cluster, cov_type, joint=False)
    _, p_value, lower, upper = covariance.t_test(estimate, found.std_error, found.df, level)
    counts = dict(zip(*np.unique(steps, return_counts=True), strict=True))
    table = pd.DataFrame(
        {
            "time": others,
            "estimate": estimate,
            "std_error": found.std_error,
            "df": found.df,
            "p_value": p_value,
            "ci_lower": lower,
            "ci_upper": upper,
        }
    )
    nought = {"time": reference, "estimate": 0.0, "ci_lower": 0.0, "ci_upper": 0.0}
    table = pd.concat([table, pd.DataFrame([nought])]).sort_values("time", ignore_index=True)
    before = others < reference
    joint = (np.nan,) * 4
    if before.any():
        part = covariance.robust(made.only(before), residuals, read.cluster, cov_type)
        joint = covariance.joint_test(estimate[before], part)
    return EventStudy(
        table=table.assign(n_obs=[int(counts[k]) for k in table["time"]]),
        outcome=outcome,
        treatment=f"{treatment} against no {treatment}",
        method=f"{read.method}, {cov_type} {read.errors}",
        unit="score",
        level=level,
        reference=reference,
        pre_statistic=joint[0],
        pre_df_num=joint[1],
        pre_df_denom=joint[2],
        pre_p_value=joint[3],
        covariance=found.covariance,
        n_obs=made.n_obs,
        n_clusters=found.n_clusters,
        caveats=tuple(caveats_of(read, made, found.df.min())),
    )
