"""Regression to the mean: how much of a gain would have come without any programme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core.results import page
from evidence.methods.impact.panel_data import PanelData, of_panel
from evidence.show import words


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
        """Say how low the units were, what they gained, and what of that is rebound."""
        what = words.UNITS.get(unit, "points")
        where = "below" if self.before < 0 else "above"
        gain, expected = (words.number(x, 1, sign=True) for x in (self.gain, self.expected))
        return (
            f"In the last year before the start these schools stood {abs(self.before):.1f} {what} "
            f"{where} the others. Since then the difference has changed by {gain}. Among schools "
            f"with such results and no programme it would have changed by {expected}."
        )

    def _repr_html_(self) -> str:
        return page(self.sentence(), self.to_frame())


@of_panel()
def rebound(panel: PanelData) -> Rebound:
    """Work out what regression to the mean alone would give the treated units.

    The arguments of :func:`~evidence.methods.impact.given_past`.

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
    regression = panel.lagged_outcome
    parts = regression.components
    weight = np.ones(len(panel.time)) if panel.weights is None else panel.weights
    times, when = np.unique(panel.time, return_inverse=True)
    compared = ~panel.ever if not panel.ever.all() else panel.ever
    total = np.bincount(when[compared], (weight * panel.outcome)[compared], len(times))
    others = np.bincount(when[compared], weight[compared], len(times))
    shared = others > 0  # times at which there is somebody to compare with
    mean = total / np.where(shared, others, np.nan)
    above = panel.outcome - mean[when]
    off = panel.outcome - regression.expected
    lows, gains, forecasts, mass = [], [], [], []
    for i in np.flatnonzero(np.isfinite(panel.start)):
        there = (parts.places[i] >= 0) & shared
        before, after = there & (times < panel.start[i]), there & (times >= panel.start[i])
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
            f"{panel.label}: no treated unit has results both before and after its start, at times "
            "with results of others"
        )
    before, gain, expected = (
        float(np.average(values, weights=mass)) for values in (lows, gains, forecasts)
    )
    return Rebound(
        outcome=panel.columns["outcome"],
        treatment=panel.columns["treatment"],
        before=before,
        gain=gain,
        expected=expected,
        reliability=parts.share,
        n_treated=len(mass),
    )
