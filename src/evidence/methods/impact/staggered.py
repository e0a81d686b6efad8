"""Staggered starts: two-stage (did2s) and Sun–Abraham, and what two-way fixed effects miss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import EventStudy, TableResult
from evidence.methods.impact.did import did
from evidence.methods.impact.event_study import by_time
from evidence.methods.impact.panel_data import PanelData, effect_on_treated, few_clusters, of_panel
from evidence.show import words
from evidence.stats import covariance, staggered_estimators

# What computes the effects, the method in words, its errors in words.
_METHODS = {
    "did2s": (staggered_estimators.did2s, "two-stage (did2s)", "both stages"),
    "sunab": (staggered_estimators.sunab, "interaction-weighted (Sun–Abraham)", "CR2"),
}


@of_panel()
def staggered(panel: PanelData, *, method: str = "did2s", level: float = 0.95) -> EventStudy:
    """Estimate the effect where units start at different times and it may change after the start.

    The arguments of :func:`evidence.methods.impact.did`, and

    Parameters
    ----------
    treatment : str
        Column that is 0 until a unit starts and 1 from then on.
    method : {"did2s", "sunab"}
        What would have been, predicted from all untreated rows; or each cohort compared with units
        never treated, relative to the time before its start.

    Returns
    -------
    EventStudy
        A row a time since the start, in the outcome's units; `att` is the mean effect over all
        treated rows, by weight. `covariance` is there for "sunab" only.

    Raises
    ------
    EvidenceError
        As :func:`~evidence.methods.impact.did`; also where treatment is no 0/1 or ends, times are
        not whole steps apart, or covariates cannot be told apart among untreated rows.

    Notes
    -----
    Units treated from their first time on are left out. Where every unit is treated in the end,
    the last to start are the comparison until they do, and later times are left out.

    did2s: unit and time effects and covariates come from untreated rows; the effect at k is the
    mean of what is left in treated rows at k. Standard errors are those of both stages jointly
    (Gardner's eq. for the GMM variance, by cluster, × G/(G − 1)); df is Satterthwaite's of the
    clusters' scores, which are corrected where effectively fewer than 10 clusters are treated,
    since their residuals then fall short of their errors (without: two treated schools of 40
    cover 88% of 95%). Times before the start are tested in a
    regression of untreated rows alone (Borusyak et al. 2024, test 2), with CR2.

    sunab: y_it = α_i + λ_t + Σ_e Σ_{k ≠ −1} δ_ek [start_i = e][t − e = k] + ε_it; the effect at k
    is the mean of δ_ek by the cohorts' weight at k. CR2 with Satterthwaite df.

    Both assume parallel trends and no effect before the start.

    References
    ----------
    Gardner, J. (2021), Two-stage differences in differences, arXiv:2207.05943, section 4.
    Sun, L. and Abraham, S. (2021), Journal of Econometrics 225(2), definition 4 and eq. 27;
    doi:10.1016/j.jeconom.2020.09.006. Borusyak, K., Jaravel, X. and Spiess, J. (2024), Review of
    Economic Studies 91(6), section 4.3.
    """
    frames.one_of("method", method, tuple(_METHODS))
    covariance.check_level(level)
    return _estimate(_comparable(panel), method, level)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TwoWayBias(TableResult):
    """What two-way fixed effects say of a staggered programme, beside methods for it.

    Parameters
    ----------
    table : DataFrame
        `method`, `estimate`, `ci_lower`, `ci_upper`, a row a method.
    weights : DataFrame
        `time` since the start, `n_obs`, `weight` that two-way fixed effects give to the effects at
        that time, `fair_weight` (its share of the treated rows), `n_negative` rows.
    outcome, treatment : str
    n_treated, n_negative : int
        Treated rows, and those whose effect counts with a negative sign.
    negative_weight : float
        Sum of the negative weights; all weights sum to 1.
    """

    table: pd.DataFrame
    weights: pd.DataFrame
    outcome: str
    treatment: str
    n_treated: int
    n_negative: int
    negative_weight: float

    def sentence(self) -> str:
        """Say the estimates, and how many effects two-way fixed effects count backwards."""
        estimates = "; ".join(
            f"{row.method} {words.number(row.estimate, 2, sign=True)}"
            for row in self.table.itertuples()
        )
        start = f"{self.outcome}, {self.treatment}: {estimates}."
        if not self.n_negative:
            return f"{start} No treated row counts backwards in two-way fixed effects."
        share = 100 * self.n_negative / self.n_treated
        weight = words.number(self.negative_weight, 2)
        return (
            f"{start} Two-way fixed effects count {share:.0f}% of the {self.n_treated:,} treated "
            f"rows backwards (weights of {weight} in all), because units already treated serve as "
            "comparison."
        )


@of_panel()
def two_way_bias(panel: PanelData, *, level: float = 0.95) -> TwoWayBias:
    """Set two-way fixed effects beside the methods of :func:`staggered`, on the same rows.

    The arguments, errors and rows are those of :func:`staggered`.

    Notes
    -----
    Two-way fixed effects estimate Σ ω_it τ_it over treated rows, where ω_it is w_it times the
    residual of the treatment once dummies and covariates are held fixed, scaled to sum 1. A
    negative ω means that a row's effect lowers the estimate.

    References
    ----------
    de Chaisemartin, C. and D'Haultfœuille, X. (2020), American Economic Review 110(9), theorem 1
    and eq. 2; doi:10.1257/aer.20181169.
    """
    covariance.check_level(level)
    panel = _comparable(panel)
    estimates = {"two-way fixed effects": did(panel, level=level)}
    for method, (_, label, _) in _METHODS.items():
        att = _estimate(panel, method, level).att
        if att is not None:
            estimates[label] = att
    names = ("estimate", "ci_lower", "ci_upper")
    rows = [
        {"method": method} | {name: getattr(estimate, name) for name in names}
        for method, estimate in estimates.items()
    ]
    treated = panel.dose > 0
    share = panel.design.directions[treated, 0]
    since = panel.since()[treated].astype(int)
    fair = np.ones(len(share)) if panel.weights is None else panel.weights[treated]
    negative = share < -1e-12
    table = pd.DataFrame({"time": since, "n_obs": 1, "weight": share})
    table = table.assign(fair_weight=fair / fair.sum(), n_negative=negative.astype(int))
    return TwoWayBias(
        table=pd.DataFrame(rows),
        weights=table.groupby("time", as_index=False).sum(),
        outcome=panel.columns["outcome"],
        treatment=panel.contrast,
        n_treated=int(treated.sum()),
        n_negative=int(negative.sum()),
        negative_weight=float(share[negative].sum()),
    )


def _comparable(panel: PanelData) -> PanelData:
    """Check that programmes go on once begun; leave out what has no untreated counterpart."""
    start = panel.start[panel.unit]
    if not np.isin(panel.dose, (0, 1)).all():
        raise EvidenceError(f"{panel.label}: staggered starts need 0 and 1; for a dose use did")
    if ended := int(((panel.time >= start) & (panel.dose == 0)).sum()):
        raise EvidenceError(
            f"{panel.label}: {ended} rows are 0 after the unit's start; staggered programmes go on "
            "once begun: keep it at 1, or leave those rows out"
        )
    panel.since()
    notes, keep = [], np.ones(len(start), bool)
    before = np.bincount(panel.unit, panel.dose == 0) > 0
    if always := int((~before).sum()):
        keep &= before[panel.unit]
        notes.append(f"{always} units are treated at all their times and are left out")
    if np.isfinite(panel.start[before]).all():
        last = panel.start[before].max()
        keep &= panel.time < last
        notes.append(
            "every unit is treated at some time: the last to start are the comparison, and times "
            f"from {last:g} on are left out"
        )
    if not (keep & (panel.dose > 0)).any():
        raise EvidenceError(
            f"{panel.label}: nobody is treated while others are not yet; there is nobody to "
            "compare with"
        )
    comparable = panel.subset(keep, tuple(notes))
    if comparable.n_clusters == 1:
        raise EvidenceError(
            f"{panel.label}: once rows without an untreated counterpart are left out, one cluster "
            "is left; at least two are needed"
        )
    return comparable


def _estimate(panel: PanelData, method: str, level: float) -> EventStudy:
    last = panel.time.max()
    ever = panel.start[panel.unit] <= last  # the rest are the comparison
    since = np.where(ever, np.round(panel.time - panel.start[panel.unit]), np.nan)
    compute, label, errors = _METHODS[method]
    effects, mean = compute(
        staggered_estimators.Rows(
            panel.outcome,
            panel.dose > 0,
            panel.start[panel.unit],
            since,
            panel.unit,
            panel.time,
            panel.cluster,
            panel.others,
            panel.weights,
        ),
        f"{panel.label}, by time since the start",
    )
    starts = len(np.unique(panel.start[panel.start <= last]))
    described = f"{label}, {starts} starts, {panel.errors(errors, effects.borrowed)}"
    notes = (*panel.caveats, *few_clusters(panel, mean[2], effects.borrowed))
    counts = {"n_treated": int(ever.sum()), "n_control": int((~ever).sum())}
    return by_time(
        panel,
        effects,
        since,
        method=described,
        level=level,
        reference=staggered_estimators.reference(since),
        notes=notes,
        att=effect_on_treated(panel, described, mean, level, notes, **counts),
    )
