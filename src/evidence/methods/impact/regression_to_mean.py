"""Regression to the mean: how much of a gain would have come without any programme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core.results import page
from evidence.methods.impact.lagged_outcome import _fit
from evidence.methods.impact.panel_data import read as read_panel
from evidence.show import words

_UNITS = {"pp": "percentage points", "sd": "SD"}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rebound:
    """How much of a gain would have come without any programme.

    Parameters
    ----------
    outcome, treatment : str
    before : float
        Mean of the treated units less that of the others, in the last time before each start.
    gain : float
        Change of the treated units from that time to those after, less that of the others: the
        naive answer, nothing adjusted for.
    expected : float
        The gain that units with such results had to expect without a programme.
    reliability : float
        Share of the variance between units in one time that lasts: r of (1 − r)(μ − x).
    n_treated : int
        Treated units with results before and after.
    """

    outcome: str
    treatment: str
    before: float
    gain: float
    expected: float
    reliability: float
    n_treated: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row, a column a field."""
        return pd.DataFrame([{name: getattr(self, name) for name in self.__slots__}])

    def sentence(self, unit: str = "points") -> str:
        """Say how low the units stood, what they gained, and what of that is rebound."""
        what = _UNITS.get(unit, "points")
        where = "below" if self.before < 0 else "above"
        gain, expected = (words.number(x, 1, sign=True) for x in (self.gain, self.expected))
        return (
            f"In the year before the start these schools stood {abs(self.before):.1f} {what} "
            f"{where} the others. Since then the difference has changed by {gain}. Among schools "
            f"with such results and no programme it would have changed by {expected}."
        )

    def _repr_html_(self) -> str:
        return page(self.sentence(), self.to_frame())


def rebound(
    panel: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    weights: str | None = None,
    covariates: Sequence[str] = (),
    overlap: Sequence[str] = (),
) -> Rebound:
    """Work out what regression to the mean alone would give the treated units.

    Parameters
    ----------
    panel, outcome, treatment, unit, time, weights, covariates, overlap
        As in :func:`given_past`.

    Returns
    -------
    Rebound

    Raises
    ------
    EvidenceError
        As :func:`given_past`; also where no treated unit has results before and after its start.

    Notes
    -----
    By the model of :func:`given_past`: the mean of a unit's later results given those before its
    start, less its last result before, less the change that all units share. With one result
    before and nothing else this is (1 − r)(μ − x), r = σ_a²/(σ_a² + σ_u² + φ/n).
    """
    read = read_panel(
        panel,
        outcome=outcome,
        treatment=treatment,
        unit=unit,
        time=time,
        cluster=None,
        weights=weights,
        covariates=covariates,
        overlap=overlap,
    )
    fit = _fit(read)
    weight = np.ones(len(read.time)) if read.weights is None else read.weights
    parts = fit.parts
    moments, when = np.unique(read.time, return_inverse=True)
    never = ~np.isfinite(read.start)[read.unit]
    compared = never if never.any() else np.ones(len(never), bool)
    norm = np.bincount(when[compared], (weight * read.outcome)[compared], len(moments))
    above = (
        read.outcome - (norm / np.bincount(when[compared], weight[compared], len(moments)))[when]
    )
    off = read.outcome - fit.expected
    lows, gains, forecasts, mass = [], [], [], []
    for i in np.flatnonzero(np.isfinite(read.start)):
        there = parts.places[i] >= 0
        before, after = there & (moments < read.start[i]), there & (moments >= read.start[i])
        if not (before.any() and after.any()):
            continue
        covariance = np.linalg.inv(parts.roots[i] @ parts.roots[i])
        known, later = parts.places[i][before], parts.places[i][after]
        inner = covariance[np.ix_(before, before)]
        forecast = covariance[np.ix_(after, before)] @ np.linalg.solve(inner, off[known])
        share = weight[later] / weight[later].sum()
        lows.append(above[known[-1]])
        gains.append(share @ above[later] - above[known[-1]])
        forecasts.append(share @ forecast - off[known[-1]])
        mass.append(weight[later].sum())
    if not mass:
        raise EvidenceError(
            f"column {treatment!r}: no treated unit has results both before and after its start"
        )
    before, gain, expected = (
        float(np.average(values, weights=mass)) for values in (lows, gains, forecasts)
    )
    return Rebound(
        outcome=outcome,
        treatment=treatment,
        before=before,
        gain=gain,
        expected=expected,
        reliability=parts.lasting / (parts.lasting + parts.passing + parts.chance),
        n_treated=len(mass),
    )
