"""A panel's complete rows as arrays, the regressions that methods share, and their caveats."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.reading import reads
from evidence.methods.core.results import Estimate
from evidence.stats import covariance, panel_mixed_model
from evidence.stats.covariance import Alike
from evidence.stats.design import Design, two_way

_NAMED = 4  # programmes in a caveat; more are counted


@dataclass(frozen=True, eq=False)
class PanelData:
    """The complete rows of a panel.

    Parameters
    ----------
    outcome, dose, time : ndarray of shape (n,)
    start : ndarray of shape (m,)
        First treated time of each unit, infinity for those never treated; rows that are left out
        for want of a result still say when a unit started.
    unit, cluster : ndarray of int, shape (n,)
        Codes from 0.
    weights : ndarray of shape (n,) or None
    others : ndarray of shape (n, k)
        Other programmes and covariates; `names` says which is which.
    caveats : tuple of str
        Rows left out, and other programmes held fixed.
    columns : dict
        The arguments of :func:`read`: what the caller calls outcome, unit, time and so on.
    rows : ndarray of int, shape (n,)
        Places of these rows in the caller's table; they are in the order of units and times.
    data : DataFrame
        That table.
    """

    outcome: np.ndarray
    dose: np.ndarray
    start: np.ndarray
    unit: np.ndarray
    time: np.ndarray
    cluster: np.ndarray
    weights: np.ndarray | None
    others: np.ndarray
    names: tuple[str, ...]
    caveats: tuple[str, ...]
    columns: dict[str, Any]
    rows: np.ndarray
    data: pd.DataFrame

    @property
    def label(self) -> str:
        """How messages call the treatment."""
        return f"column {self.columns['treatment']!r}"

    @property
    def contrast(self) -> str:
        """The comparison in words."""
        return "{treatment} against no {treatment}".format_map(self.columns)

    @property
    def method(self) -> str:
        """Two-way fixed effects in words."""
        weights = self.columns["weights"]
        return f"two-way fixed effects{f' weighted by {weights}' if weights else ''}"

    def errors(self, kind: str, borrowed: bool = False) -> str:
        """Name the errors in words: their kind by cluster, unless `borrowed` from the others."""
        kind = "errors of the other clusters" if borrowed else kind
        return f"{kind} by {self.columns['cluster']} (Satterthwaite df)"

    @functools.cached_property
    def alike(self) -> Alike:
        """Which rows of different units may be set beside each other: those of one time."""
        return Alike(np.unique(self.time, return_inverse=True)[1], 1 + self.others.shape[1])

    @property
    def n_clusters(self) -> int:
        """Clusters; every unit is one where no cluster is named."""
        return int(self.cluster.max()) + 1

    @functools.cached_property
    def ever(self) -> np.ndarray:
        """Rows of units that are treated at some time."""
        ever: np.ndarray = np.isfinite(self.start)[self.unit]
        return ever

    @functools.cached_property
    def design(self) -> Design:
        """Two-way fixed effects of the treatment."""
        return self.two_way(self.dose[:, None], self.label)

    @functools.cached_property
    def lagged_outcome(self) -> panel_mixed_model.Regression:
        """The regression on the treatment that predicts from earlier results."""
        return panel_mixed_model.regression(
            self.outcome, self.dose, self.others, self.unit, self.time, self.weights, self.label
        )

    @functools.cached_property
    def answers(self) -> dict[str, Any]:
        """What methods have answered of these rows: see :func:`kept`."""
        return {}

    def two_way(self, interest: np.ndarray, label: str) -> Design:
        """Return the regression on `interest`, shape (n, q), with two-way fixed effects."""
        return two_way(interest, self.others, self.unit, self.time, self.weights, label)

    def fit(self, design: Design) -> tuple[np.ndarray, np.ndarray]:
        """Return the estimates of a regression and its residuals.

        Raises
        ------
        EvidenceError
            Nothing is left to judge the error by.
        """
        estimate, residuals = design.fit(self.outcome)
        if np.std(residuals) <= 1e-10 * np.std(self.outcome):
            raise EvidenceError(covariance.EXACT.format(f"column {self.columns['outcome']!r}"))
        return estimate, residuals

    def since(self) -> np.ndarray:
        """Return whole times since each unit's start, NaN for units never treated.

        Raises
        ------
        EvidenceError
            Times are not whole steps apart.
        """
        since = np.where(self.ever, self.time - self.start[self.unit], np.nan)
        if np.nanmax(np.abs(since - np.round(since))) > 1e-6:
            raise EvidenceError(
                f"column {self.columns['time']!r}: times must be whole steps apart, such as years"
            )
        return np.round(since)

    def again(self, **columns: object) -> PanelData:
        """Read the same table with other columns."""
        return read(self.data, **self.columns | columns)

    def subset(self, keep: np.ndarray, notes: tuple[str, ...] = ()) -> PanelData:
        """Return the panel of the rows that a mask keeps, with further caveats."""
        units, codes = np.unique(self.unit[keep], return_inverse=True)
        return replace(
            self,
            outcome=self.outcome[keep],
            dose=self.dose[keep],
            start=self.start[units],
            unit=codes,
            time=self.time[keep],
            cluster=np.unique(self.cluster[keep], return_inverse=True)[1],
            weights=None if self.weights is None else self.weights[keep],
            others=self.others[keep],
            caveats=self.caveats + notes,
            rows=self.rows[keep],
        )


def read(
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
) -> PanelData:
    """Check the columns of a panel and keep the rows that are complete.

    Raises
    ------
    EvidenceError
        As :func:`evidence.methods.impact.did.did`.
    """
    columns = {
        "outcome": outcome,
        "treatment": treatment,
        "unit": unit,
        "time": time,
        "cluster": cluster or unit,
        "weights": weights,
        "covariates": frames.listed(covariates),
        "overlap": frames.listed(overlap),
    }
    return frames.once(panel, ("panel", *columns.values()), lambda: _read(panel, columns))


def doses(panel: pd.DataFrame, treatment: str) -> np.ndarray:
    """Return the treatment of every row.

    Raises
    ------
    EvidenceError
        A row has none, or it is no number.
    """
    dose = frames.numbers(panel, treatment)
    if (none := np.isnan(dose)).any():
        raise EvidenceError(
            f"column {treatment!r}, {frames.row(none.argmax())}: no treatment given "
            f"({frames.counted(none.sum(), 'such row')}); write 0 where a unit is not treated"
        )
    return dose


of_panel = functools.partial(reads, read, PanelData)


def _read(panel: pd.DataFrame, columns: dict[str, Any]) -> PanelData:
    outcome, treatment, unit, time, cluster, weights, covariates, overlap = columns.values()
    others = (*overlap, *covariates)
    frames.require(panel, (outcome, treatment, unit, time, cluster, weights, *others))
    frames.distinct(("outcome", "treatment", "unit"), **columns | {"cluster": None})
    frames.distinct(("outcome", "treatment", "time"), **columns | {"unit": None})
    values, names, complete = frames.covariates(panel, others)
    score, when, dose = (
        frames.measured(panel, outcome),
        frames.numbers(panel, time),
        doses(panel, treatment),
    )
    codes = {name: frames.factor(panel, name)[0] for name in dict.fromkeys((unit, cluster))}
    gaps = [] if complete.all() else others
    gaps = [name for name in gaps if not frames.covariates(panel, (name,))[2].all()]
    have = {
        outcome: ~np.isnan(score),
        unit: codes[unit] >= 0,
        time: ~np.isnan(when),
        cluster: codes[cluster] >= 0,
        ", ".join(gaps): complete,
    }
    weight = None if weights is None else frames.weights(panel, weights)
    if weight is not None:
        have[weights] = weight > 0
    keep, caveats = frames.complete(have, np.ones(len(panel), bool), "rows")
    if overlap:
        which = ", ".join(overlap) if len(overlap) <= _NAMED else f"{len(overlap)} other programmes"
        caveats += (f"we allowed for {which}",)
    if not keep.any():
        raise EvidenceError(f"no row has all of {', '.join(name for name in have if name)}")
    twice = pd.DataFrame({"unit": codes[unit], "time": when})[keep].duplicated()
    if twice.any():
        which = frames.counted(twice.sum(), "row repeats", "rows repeat")
        raise EvidenceError(
            f"columns {unit!r} and {time!r}: {which} a unit and time (the first is "
            f"{frames.row(twice.idxmax())}); there must be one row a unit and time"
        )
    first = np.full(codes[unit].max() + 1, np.inf)
    treated = (dose != 0) & have[unit] & have[time]
    np.minimum.at(first, codes[unit][treated], when[treated])
    rows = np.flatnonzero(keep)
    rows = rows[np.lexsort((when[rows], codes[unit][rows]))]  # their order in the table is nothing
    units, unit_codes = np.unique(codes[unit][rows], return_inverse=True)
    complete_rows = PanelData(
        outcome=score[rows],
        dose=dose[rows],
        start=first[units],
        unit=unit_codes,
        time=when[rows],
        cluster=np.unique(codes[cluster][rows], return_inverse=True)[1],
        weights=None if weight is None else weight[rows],
        others=values[rows],
        names=tuple(names),
        caveats=caveats,
        columns=columns,
        rows=rows,
        data=panel,
    )
    return check(complete_rows)


def check(panel: PanelData) -> PanelData:
    """Return a panel, unless it holds no before and after, or nobody to compare with.

    Raises
    ------
    EvidenceError
        It is one of these.
    """
    outcome, cluster = (f"column {panel.columns[name]!r}" for name in ("outcome", "cluster"))
    treated = panel.dose != 0
    if not len(treated):
        raise EvidenceError("data has no rows")
    _, first = np.unique(panel.unit, return_index=True)
    same_start = panel.ever.all() and np.ptp(panel.start) == 0
    for wrong, message in (
        (np.ptp(panel.outcome) == 0, f"{outcome} is constant: there is nothing to explain"),
        (panel.n_clusters == 1, f"{cluster} has one cluster; at least two are needed"),
        (not treated.any(), f"{panel.label} is 0 in every row: nobody is treated"),
        (
            treated.all() and np.ptp(panel.dose) == 0,
            f"{panel.label} is the same in every row: there is nobody to compare with",
        ),
        (
            (panel.dose == panel.dose[first][panel.unit]).all(),
            f"{panel.label} never changes within a unit: there is no before and after to compare",
        ),
        (
            same_start and np.ptp(panel.dose[treated]) == 0,
            f"{panel.label}: every unit starts at the same time: nobody to compare with",
        ),
    ):
        if wrong:
            raise EvidenceError(message)
    return panel


def caveats(
    panel: PanelData, design: Design, df: float, *, fixed: bool = True, borrowed: bool = False
) -> tuple[str, ...]:
    """Return what a reader must know of a panel's regression, one sentence each.

    `fixed` says whether every unit has an effect of its own, `borrowed` whether the error is that
    of the other clusters.
    """
    first = design.n_others - panel.others.shape[1]
    dropped = [panel.names[j - first] for j in design.dropped if j >= first]
    notes = [f"{name} is explained by the others and left out" for name in dropped]
    started = np.unique(panel.start[np.isfinite(panel.start)])
    if fixed and len(started) > 1:
        notes.append(
            f"units started at {len(started)} different times: two-way fixed effects can mislead "
            "if the effect changes with time since the start"
        )
    if panel.ever.all():
        notes.append("every unit is treated at some time: later starters stand in for comparison")
    return (*panel.caveats, *notes, *few_clusters(panel, df, borrowed))


def few_clusters(panel: PanelData, df: float, borrowed: bool = False) -> tuple[str, ...]:
    """Warn of an interval on few treated clusters or few df, or with the error of the others."""
    if borrowed:
        name = panel.columns["cluster"]
        return (
            f"part of this rests on one {name} alone: its error is taken from how much the others "
            "vary, and wrong where it varies more or less than they do",
        )
    treated = len(np.unique(panel.cluster[panel.dose != 0]))
    if treated < 5:
        some = "1 treated cluster" if treated == 1 else f"{treated} treated clusters"
        return (f"only {some}: read the interval with great caution",)
    if df < 4:
        return ("fewer than 4 degrees of freedom: read the interval with great caution",)
    return ()


def effect_on_treated(
    panel: PanelData,
    method: str,
    estimate: tuple[float, float, float],
    level: float,
    notes: Sequence[str],
    **more: Any,
) -> Estimate:
    """Return an estimate from (value, standard error, df); `more` replaces further fields."""
    return replace(
        Estimate.tested(
            *estimate,
            level,
            estimand="att",
            outcome=panel.columns["outcome"],
            treatment=panel.contrast,
            method=method,
            unit="score",
            n_obs=len(panel.outcome),
            n_clusters=panel.n_clusters,
            n_treated=int(panel.ever.sum()),
            n_control=int((~panel.ever).sum()),
            caveats=tuple(notes),
        ),
        **more,
    )
