"""Schools or areas that differ by more than chance from the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtri

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult
from evidence.methods.monitoring import published
from evidence.show import words
from evidence.stats import covariance
from evidence.stats.monitoring import funnels

KINDS = ("proportion", "rate", "mean")
SPREADS = ("none", "multiplicative", "additive")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Funnel(TableResult):
    """Units against the limits that chance sets around their common centre.

    Parameters
    ----------
    table : DataFrame
        `unit`, `n`, `value`, `centre`, two limits for each level (`lower_95`, `upper_95`,
        `lower_99.8`, `upper_99.8`), `z` and `signal`: "as the others", "high", "low" (beyond the
        widest limits), "maybe high" or "maybe low" (beyond the narrowest).
    value : str
    phi : float
        Mean square of the winsorised z-scores; above 1, units differ by more than chance.
    tau : float
        Standard deviation between units of the additive model.
    overdispersion : {"none", "multiplicative", "additive"}
    caveats : tuple of str
    """

    table: pd.DataFrame
    value: str
    phi: float
    tau: float
    overdispersion: str
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say how many lie beyond the limits, and how many would by chance."""
        counts = self.table["signal"].value_counts()
        high, low, n = counts.get("high", 0), counts.get("low", 0), int(self.table["z"].count())
        widest = self.table.columns[-3].partition("_")[2]
        chance = words.number(n * (1 - float(widest) / 100), 1)
        return (
            f"{self.value}: of {n:,}, {high:,} lie above and {low:,} below the {widest}% limits; "
            f"about {chance} would by chance alone."
        )


def funnel(
    data: pd.DataFrame,
    *,
    unit: str,
    n: str,
    count: str | None = None,
    value: str | None = None,
    std_dev: float | None = None,
    kind: str = "proportion",
    centre: float | None = None,
    levels: Sequence[float] = (0.95, 0.998),
    limits: str = "exact",
    overdispersion: str = "none",
) -> Funnel:
    """Compare units with limits that chance sets for their size.

    Parameters
    ----------
    data : DataFrame
        One row a unit.
    unit, n : str
        Columns of the unit's name and of its denominator.
    count : str, optional
        Column of counts, for proportions and rates.
    value, std_dev : str and float, optional
        For means: their column, and the standard deviation of one pupil (1.41628 for Progress 8).
    kind : {"proportion", "rate", "mean"}
    centre : float, optional
        What units are compared with; by default all of them together.
    levels : sequence of float
        Levels of the limits, narrowest first.
    limits : {"exact", "score"}
        Exact binomial or Poisson limits, or the normal ones of Fingertips' funnels of proportions.
    overdispersion : {"none", "multiplicative", "additive"}
        Widen the limits (then normal ones) where units differ by more than chance: all by √φ, or by
        a variance τ² between units.

    Returns
    -------
    Funnel

    Raises
    ------
    EvidenceError
        A column is missing, a cell is no number, a unit stands twice, a count is above its
        denominator, or nothing varies.

    References
    ----------
    Spiegelhalter (2005): see :mod:`evidence.stats.monitoring.funnels`.
    """
    frames.one_of("kind", kind, KINDS)
    frames.one_of("overdispersion", overdispersion, SPREADS)
    frames.one_of("limits", limits, ("exact", "score"))
    levels = frames.listed(levels)
    for level in levels:
        covariance.check_level(level)
    if centre is not None:
        frames.number("centre", centre)
    frames.require(data, (unit, n, count, value))
    names = published.unique(data, unit, "unit")
    y, size, error, middle, notes = _values(data, n, count, value, std_dev, kind, centre)
    z = (y - middle) / error
    known = _enough(z)
    phi = funnels.overdispersion(z[known])
    tau = np.sqrt(funnels.between_variance(z[known], error[known]))
    k = int(known.sum())
    if overdispersion == "none" and float(chdtrc(k, k * phi)) < 0.05:
        notes = (
            *notes,
            f"units differ by more than chance (φ = {phi:.1f}): most signals may be lasting "
            "differences between their pupils; overdispersion= widens the limits",
        )
    table = pd.DataFrame({"unit": names, "n": size, "value": y, "centre": middle})
    wide = max(np.sqrt(phi), 1.0) if overdispersion == "multiplicative" else 1.0
    spread = np.hypot(error * wide, tau if overdispersion == "additive" else 0.0)
    exact = limits == "exact" and overdispersion == "none" and kind != "mean"
    way, sure = np.zeros(len(y)), np.zeros(len(y), int)
    for level in sorted(levels):
        low, high = np.full((2, len(y)), np.nan)
        half = ndtri(0.5 + level / 2) * spread[known]
        low[known], high[known] = middle - half, middle + half
        if exact and kind == "proportion":
            low[known], high[known] = funnels.exact_limits(middle, size[known], level)
        elif exact:
            pair = funnels.poisson_limits(size[known] * middle, level)
            low[known], high[known] = (x / size[known] for x in pair)
        if kind != "mean":
            low, high = np.maximum(low, 0), np.minimum(high, 1 if kind == "proportion" else np.inf)
        text = f"{100 * level:.10g}"
        table[f"lower_{text}"], table[f"upper_{text}"] = low, high
        beyond = np.where(y > high, 1, np.where(y < low, -1, 0))
        way, sure = np.where(beyond != 0, beyond, way), sure + (beyond != 0)
    table["z"] = (y - middle) / spread
    side = np.where(way > 0, "high", "low").astype(object)
    maybe = np.array([f"maybe {text}" for text in side], object)
    signal = np.where(sure == len(levels), side, np.where(sure > 0, maybe, "as the others"))
    table["signal"] = np.where(known, signal, "")
    return Funnel(
        table=table,
        value=count or str(value),
        phi=phi,
        tau=float(tau),
        overdispersion=overdispersion,
        caveats=(*notes, *published.among(count or str(value), known, "units")),
    )


def _enough(values: np.ndarray) -> np.ndarray:
    """Return which units have a value; refuse fewer than three."""
    known: np.ndarray = ~np.isnan(values)
    if known.sum() < 3:
        raise EvidenceError(
            f"{frames.counted(known.sum(), 'unit')} with a value; a funnel needs three or more"
        )
    return known


def _values(
    data: pd.DataFrame,
    n: str,
    count: str | None,
    value: str | None,
    std_dev: float | None,
    kind: str,
    centre: float | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, tuple[str, ...]]:
    """Return values, denominators, standard errors at the centre, the centre and notes."""
    if kind == "mean":
        if value is None or count is not None or not (std_dev and std_dev > 0):
            raise EvidenceError("a funnel of means needs value= and std_dev=, and no count=")
        (y, notes), (size, more) = published.numbers(data, value), published.numbers(data, n)
        size = np.where(size > 0, size, np.nan)
        y = np.where(np.isnan(size), np.nan, y)
        known = _enough(y)
        middle = float(np.average(y[known], weights=size[known])) if centre is None else centre
        return y, size, std_dev / np.sqrt(size), float(middle), (*notes, *more)
    if count is None or value is not None:
        raise EvidenceError(f"a funnel of {kind}s needs count= and n=, and no value=")
    top, size, notes = published.counts(data, count, n, shares=kind == "proportion")
    _enough(top)
    middle = float(np.nansum(top) / np.nansum(size)) if centre is None else float(centre)
    spread = middle * (1 - middle) if kind == "proportion" else middle
    if not spread > 0:
        raise EvidenceError(f"column {count!r}: nothing varies around a centre of {middle:.15g}")
    return top / size, size, np.sqrt(spread / size), middle, notes
