"""The rows of a panel that can be analysed, as arrays, with what was left out and why."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.reading import reads

_NAMED = 4  # programmes in a caveat; more are counted


@dataclass(frozen=True, eq=False)
class PanelData:
    """The complete rows of a panel as arrays.

    `start` holds each unit's first treated time, infinity for those never treated; rows that are
    left out for want of a result still say when a unit started. `places` says which rows of the
    caller's table `data` these are, `columns` what it calls outcome, unit, time and cluster.
    """

    outcome: np.ndarray
    dose: np.ndarray
    start: np.ndarray
    unit: np.ndarray
    time: np.ndarray
    cluster: np.ndarray
    places: np.ndarray
    data: pd.DataFrame
    columns: dict[str, str]
    weights: np.ndarray | None
    others: np.ndarray
    names: tuple[str, ...]
    caveats: tuple[str, ...]
    treatment: str
    method: str
    errors: str

    def rows(self, keep: np.ndarray, notes: tuple[str, ...] = ()) -> PanelData:
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
            places=self.places[keep],
            weights=None if self.weights is None else self.weights[keep],
            others=self.others[keep],
            caveats=self.caveats + notes,
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
    covariates, overlap = frames.listed(covariates), frames.listed(overlap)
    plan = (outcome, treatment, unit, time, cluster or unit, weights, covariates, overlap)
    return frames.once(panel, ("panel", *plan), lambda: _read(panel, *plan))


of_panel = functools.partial(reads, read, PanelData)


def _read(
    panel: pd.DataFrame,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    cluster: str,
    weights: str | None,
    covariates: tuple[str, ...],
    overlap: tuple[str, ...],
) -> PanelData:
    others = (*overlap, *covariates)
    frames.require(panel, (outcome, treatment, unit, time, cluster, weights, *others))
    values, names, complete = frames.covariates(panel, others)
    score, dose, when = (frames.numbers(panel, name) for name in (outcome, treatment, time))
    codes = {name: frames.factor(panel, name)[0] for name in dict.fromkeys((unit, cluster))}
    if np.isnan(dose).any():
        raise EvidenceError(
            f"column {treatment!r}, row {np.isnan(dose).argmax() + 1}: no treatment given "
            f"({np.isnan(dose).sum()} such rows); write 0 where a unit is not treated"
        )
    absent = panel[[*others]].isna().any()
    have = {
        outcome: ~np.isnan(score),
        unit: codes[unit] >= 0,
        time: ~np.isnan(when),
        cluster: codes[cluster] >= 0,
        ", ".join(absent.index[absent]): complete,
    }
    weight = None
    if weights is not None:
        weight = frames.numbers(panel, weights)
        if (weight < 0).any():
            raise EvidenceError(f"column {weights!r}: weights must not be negative")
        have[weights] = weight > 0
    keep, caveats = frames.complete(have, np.ones(len(panel), bool), "rows")
    if overlap:
        which = ", ".join(overlap) if len(overlap) <= _NAMED else f"{len(overlap)} other programmes"
        caveats += (f"held fixed: taking part in {which}",)
    if not keep.any():
        raise EvidenceError(f"no row has all of {', '.join(name for name in have if name)}")
    twice = pd.DataFrame({"unit": codes[unit], "time": when})[keep].duplicated()
    if twice.any():
        raise EvidenceError(
            f"columns {unit!r} and {time!r}: {twice.sum()} rows repeat a unit and time (the first "
            f"is row {twice.index[twice.argmax()] + 1}); there must be one row a unit and time"
        )
    first = np.full(codes[unit].max() + 1, np.inf)
    treated = (dose != 0) & have[unit] & have[time]
    np.minimum.at(first, codes[unit][treated], when[treated])
    units, unit_codes = np.unique(codes[unit][keep], return_inverse=True)
    made = PanelData(
        outcome=score[keep],
        dose=dose[keep],
        start=first[units],
        unit=unit_codes,
        time=when[keep],
        cluster=np.unique(codes[cluster][keep], return_inverse=True)[1],
        places=np.flatnonzero(keep),
        data=panel,
        columns={"outcome": outcome, "unit": unit, "time": time, "cluster": cluster},
        weights=None if weight is None else weight[keep],
        others=values[keep],
        names=tuple(names),
        caveats=caveats,
        treatment=treatment,
        method=f"two-way fixed effects{f' weighted by {weights}' if weights else ''}",
        errors=f"by {cluster} (Satterthwaite df)",
    )
    _check(made, outcome, cluster)
    return made


def _check(made: PanelData, outcome: str, cluster: str) -> None:
    """Refuse panels that hold no before and after, or nobody to compare with."""
    name, treated = f"column {made.treatment!r}", made.dose != 0
    if np.ptp(made.outcome) == 0:
        raise EvidenceError(f"column {outcome!r} is constant: there is nothing to explain")
    if made.cluster.max() == 0:
        raise EvidenceError(f"column {cluster!r} has one cluster; at least two are needed")
    if not treated.any():
        raise EvidenceError(f"{name} is 0 in every row: nobody is treated")
    if treated.all() and np.ptp(made.dose) == 0:
        raise EvidenceError(f"{name} is the same in every row: there is nobody to compare with")
    _, first = np.unique(made.unit, return_index=True)
    if (made.dose == made.dose[first][made.unit]).all():
        raise EvidenceError(
            f"{name} never changes within a unit: there is no before and after to compare"
        )
    if (
        np.isfinite(made.start).all()
        and np.ptp(made.start) == 0
        and np.ptp(made.dose[treated]) == 0
    ):
        raise EvidenceError(f"{name}: every unit starts at the same time: nobody to compare with")
