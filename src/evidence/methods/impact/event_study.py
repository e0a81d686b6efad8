"""Event study: effects by time since the start, and a test of the times before it."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.reading import kept
from evidence.methods.core.results import Estimate, EventStudy
from evidence.methods.impact.did import COV_TYPES
from evidence.methods.impact.panel_data import PanelData, caveats, of_panel
from evidence.stats import covariance, staggered_estimators
from evidence.stats.staggered_estimators import Effects


@of_panel()
@kept
def event_study(
    panel: PanelData, *, reference: int | None = None, cov_type: str = "CR2", level: float = 0.95
) -> EventStudy:
    """Estimate the effect by time since each unit's start, and test the times before it.

    The arguments of :func:`did`, and

    Parameters
    ----------
    reference : int, optional
        The time, relative to a unit's first treated one, that all others are compared with: the
        last there is before it, −1 unless the panel has a gap there.

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
    since = panel.since()
    times = np.unique(since[panel.ever]).astype(int)
    reference = staggered_estimators.reference(since) if reference is None else reference
    if reference not in times:
        raise EvidenceError(
            f"reference is {reference}, but treated units have times from {times[0]} to {times[-1]}"
        )
    others = times[times != reference]
    design = panel.two_way(
        (since[:, None] == others).astype(float), f"{panel.label}, by time since the start"
    )
    estimate, residuals = panel.fit(design)
    robust = functools.partial(
        covariance.robust,
        residuals=residuals,
        cluster=panel.cluster,
        cov_type=cov_type,
        alike=panel.alike,
        refuse=False,
    )
    inference = robust(design, joint=False)
    borrowed = bool(inference.borrowed.any())
    before = others < reference
    joint = (np.nan,) * 4
    if before.any():
        joint = covariance.joint_test(estimate[before], robust(design.only(before)))
    return by_time(
        panel,
        Effects(others, estimate, inference.std_error, inference.df, inference.covariance, joint),
        since,
        method=f"{panel.method}, {panel.errors(cov_type, borrowed)}",
        level=level,
        reference=reference,
        notes=caveats(panel, design, inference.df.min(), borrowed=borrowed),
    )


def by_time(
    panel: PanelData,
    effects: Effects,
    since: np.ndarray,
    *,
    method: str,
    level: float,
    reference: int,
    notes: tuple[str, ...],
    att: Estimate | None = None,
) -> EventStudy:
    """Write down effects by time since the start, shape (n,), with the reference among them."""
    _, p_value, lower, upper = covariance.t_test(
        effects.estimate, effects.std_error, effects.df, level
    )
    table = pd.DataFrame(
        {
            "time": effects.times.astype(int),
            "estimate": effects.estimate,
            "std_error": effects.std_error,
            "df": effects.df,
            "p_value": p_value,
            "ci_lower": lower,
            "ci_upper": upper,
        }
    )
    zero = {"time": reference, "estimate": 0.0, "ci_lower": 0.0, "ci_upper": 0.0}
    table = pd.concat([table, pd.DataFrame([zero])]).sort_values("time", ignore_index=True)
    joint = ("pre_statistic", "pre_df_num", "pre_df_denom", "pre_p_value")
    return EventStudy(
        table=table.assign(n_obs=[int((since == time).sum()) for time in table["time"]]),
        outcome=panel.columns["outcome"],
        treatment=panel.contrast,
        method=method,
        unit="score",
        level=level,
        reference=reference,
        **dict(zip(joint, effects.joint, strict=True)),
        covariance=effects.covariance,
        n_obs=len(panel.outcome),
        n_clusters=panel.n_clusters,
        caveats=notes,
        att=att,
    )
