"""Programmes that schools joined at different times, without already treated comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate, EventStudy, page
from evidence.methods.impact.panel_data import PanelData
from evidence.methods.impact.panel_data import read as read_panel
from evidence.methods.impact.two_way import few_clusters, two_way
from evidence.show import words
from evidence.stats import covariance, staggered_estimators

_METHODS = ("did2s", "sunab")
_NAMES = {"did2s": "two-stage (did2s)", "sunab": "interaction-weighted (Sun–Abraham)"}


def staggered(
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
    method: str = "did2s",
    level: float = 0.95,
) -> EventStudy:
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
    (Gardner's eq. for the GMM variance, by cluster, × G/(G − 1)); df is (Σa)²/Σa² with a_g the
    squared weights that cluster g has in the effect. Times before the start are tested in a
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
    frames.one_of("method", method, _METHODS)
    covariance.check_level(level)
    names = {"outcome": outcome, "treatment": treatment, "unit": unit, "time": time}
    return _estimate(
        _read(panel, names, cluster, weights, covariates, overlap), names, method, level
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TwoWayBias:
    """What two-way fixed effects say of a staggered programme, beside methods made for it.

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

    def to_frame(self) -> pd.DataFrame:
        """Return a row a method."""
        return self.table.copy()

    def sentence(self) -> str:
        """Say the estimates, and how many effects two-way fixed effects count backwards."""
        said = "; ".join(
            f"{row.method} {words.number(row.estimate, 2, sign=True)}"
            for row in self.table.itertuples()
        )
        share = 100 * self.n_negative / self.n_treated
        weight = words.number(self.negative_weight, 2)
        return (
            f"{self.outcome}, {self.treatment}: {said}. Two-way fixed effects count {share:.0f}% "
            f"of the {self.n_treated:,} treated rows backwards (weights of {weight} in all), "
            "because units already treated serve as comparison."
            if self.n_negative
            else f"{self.outcome}, {self.treatment}: {said}. No treated row counts backwards in "
            "two-way fixed effects."
        )

    def _repr_html_(self) -> str:
        return page(self.sentence(), self.table)


def two_way_bias(
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
    level: float = 0.95,
) -> TwoWayBias:
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
    names = {"outcome": outcome, "treatment": treatment, "unit": unit, "time": time}
    read = _read(panel, names, cluster, weights, covariates, overlap)
    made = two_way(read, read.dose[:, None], f"column {treatment!r}")
    estimate, residuals = made.fit(read.outcome)
    found = covariance.robust(made, residuals, read.cluster, "CR2")
    _, _, lower, upper = covariance.t_test(estimate, found.std_error, found.df, level)
    rows = [("two-way fixed effects", float(estimate[0]), float(lower[0]), float(upper[0]))]
    for method in _METHODS:
        att = _estimate(read, names, method, level).att
        rows.append((_NAMES[method], att.estimate, att.ci_lower, att.ci_upper))
    treated = read.dose > 0
    share = made.directions[treated, 0]
    since = np.round(read.time - read.start[read.unit])[treated].astype(int)
    fair = np.ones(len(share)) if read.weights is None else read.weights[treated]
    negative = share < -1e-12
    table = pd.DataFrame({"time": since, "n_obs": 1, "weight": share})
    table = table.assign(fair_weight=fair / fair.sum(), n_negative=negative.astype(int))
    return TwoWayBias(
        table=pd.DataFrame(rows, columns=["method", "estimate", "ci_lower", "ci_upper"]),
        weights=table.groupby("time", as_index=False).sum(),
        outcome=outcome,
        treatment=f"{treatment} against no {treatment}",
        n_treated=int(treated.sum()),
        n_negative=int(negative.sum()),
        negative_weight=float(share[negative].sum()),
    )


def _read(
    panel: pd.DataFrame,
    names: dict[str, str],
    cluster: str | None,
    weights: str | None,
    covariates: Sequence[str],
    overlap: Sequence[str],
) -> PanelData:
    """Read the panel and leave out what has no untreated counterpart."""
    given = {"cluster": cluster, "weights": weights, "covariates": covariates, "overlap": overlap}
    read = read_panel(panel, **names, **given)
    start = read.start[read.unit]
    name = f"column {names['treatment']!r}"
    if not np.isin(read.dose, (0, 1)).all():
        raise EvidenceError(f"{name}: staggered starts need 0 and 1; for a dose use did")
    if ended := int(((read.time >= start) & (read.dose == 0)).sum()):
        raise EvidenceError(
            f"{name}: {ended} rows are 0 after the unit's start; staggered programmes go on once "
            "begun: keep it at 1, or leave those rows out"
        )
    ever = np.isfinite(start)
    since = (read.time - start)[ever]
    if np.abs(since - np.round(since)).max() > 1e-6:
        raise EvidenceError(
            f"column {names['time']!r}: times must be whole steps apart, such as years"
        )
    notes, keep = [], np.ones(len(start), bool)
    before = np.bincount(read.unit, read.dose == 0) > 0
    if always := int((~before).sum()):
        keep &= before[read.unit]
        notes.append(f"{always} units are treated at all their times and are left out")
    if np.isfinite(read.start[before]).all():
        last = read.start[before].max()
        keep &= read.time < last
        notes.append(
            "every unit is treated at some time: the last to start are the comparison, and times "
            f"from {last:g} on are left out"
        )
    if not (keep & (read.dose > 0)).any():
        raise EvidenceError(
            f"{name}: nobody is treated while others are not yet; there is nobody to compare with"
        )
    kept = read.rows(keep, tuple(notes))
    if kept.cluster.max() == 0:
        raise EvidenceError(
            f"{name}: once rows without an untreated counterpart are left out, one cluster is "
            "left; at least two are needed"
        )
    return kept


def _estimate(read: PanelData, names: dict[str, str], method: str, level: float) -> EventStudy:
    since = np.round(read.time - read.start[read.unit])
    last = read.time.max()
    ever = read.start[read.unit] <= last  # the rest are the comparison
    since[~ever] = np.nan
    weight = np.ones(len(since)) if read.weights is None else read.weights
    label = f"column {names['treatment']!r}, by time since the start"
    found = (staggered_estimators.sunab if method == "sunab" else staggered_estimators.did2s)(
        read, since, weight, label
    )
    _, p_value, lower, upper = covariance.t_test(found.estimate, found.std_error, found.df, level)
    table = pd.DataFrame(
        {
            "time": found.times.astype(int),
            "estimate": found.estimate,
            "std_error": found.std_error,
            "df": found.df,
            "p_value": p_value,
            "ci_lower": lower,
            "ci_upper": upper,
        }
    )
    nought = {
        "time": staggered_estimators.REFERENCE,
        "estimate": 0.0,
        "ci_lower": 0.0,
        "ci_upper": 0.0,
    }
    table = pd.concat([table, pd.DataFrame([nought])]).sort_values("time", ignore_index=True)
    starts = len(np.unique(read.start[read.start <= last]))
    errors = "CR2" if method == "sunab" else "both stages"
    common = {
        "outcome": names["outcome"],
        "treatment": f"{names['treatment']} against no {names['treatment']}",
        "method": f"{_NAMES[method]}, {starts} starts, {errors} {read.errors}",
        "unit": "score",
        "level": level,
        "n_obs": len(since),
        "n_clusters": int(read.cluster.max()) + 1,
        "caveats": (*read.caveats, *few_clusters(read, found.mean[2])),
    }
    statistic, p_value, lower, upper = map(float, covariance.t_test(*found.mean, level))
    att = Estimate(
        estimand="att",
        estimate=found.mean[0],
        std_error=found.mean[1],
        df=found.mean[2],
        statistic=statistic,
        p_value=p_value,
        ci_lower=lower,
        ci_upper=upper,
        n_treated=int(ever.sum()),
        n_control=int((~ever).sum()),
        **common,
    )
    return EventStudy(
        table=table.assign(n_obs=[int((since == k).sum()) for k in table["time"]]),
        reference=staggered_estimators.REFERENCE,
        pre_statistic=found.joint[0],
        pre_df_num=found.joint[1],
        pre_df_denom=found.joint[2],
        pre_p_value=found.joint[3],
        covariance=found.covariance,
        att=att,
        **common,
    )
