"""What comes next, how sure that is, and whether earlier forecasts held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult
from evidence.methods.monitoring import published
from evidence.show import words
from evidence.stats import covariance
from evidence.stats.monitoring import forecasting

LEAST = 4  # values of a series before it is forecast


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Forecast(TableResult):
    """Forecasts with their prediction intervals.

    Parameters
    ----------
    table : DataFrame
        `unit`, `last_time`, `last_value`, `horizon`, `forecast`, `lower`, `upper`.
    value : str
    level : float
    method : str
    yearly : bool
        Whether times are years, one after another.
    caveats : tuple of str
    """

    table: pd.DataFrame
    value: str
    level: float
    method: str
    yearly: bool = False
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say the forecast of one series, or how many were forecast."""
        row = self.table.iloc[0]
        if len(self.table) > 1:
            return (
                f"{self.value}: {len(self.table):,} series forecast {row['horizon']} ahead, each "
                f"with a {100 * self.level:g}% prediction interval ({self.method})."
            )
        middle, low, high = (words.number(row[x], 1) for x in ("forecast", "lower", "upper"))
        return (
            f"{self.value}: {middle} expected {self._when(row)} "
            f"({100 * self.level:g}% prediction interval {low} to {high}; {self.method})."
        )

    def _when(self, row: pd.Series) -> str:
        after = published.following(row["last_time"], int(row["horizon"])) if self.yearly else ""
        if after:
            return f"in {after}"
        return f"{frames.counted(row['horizon'], 'step')} after {row['last_time']}"

    def score(self, actual: pd.DataFrame, *, value: str, unit: str | None = None) -> pd.DataFrame:
        """Set what came beside the forecasts.

        Parameters
        ----------
        actual : DataFrame
            One row a unit (one row alone without `unit`).
        value, unit : str
            Its columns.

        Returns
        -------
        DataFrame
            The forecasts with `actual`, `error` and `held` (whether it fell within the interval);
            those without an actual value are left out.
        """
        frames.require(actual, (value, unit))
        came, _ = published.numbers(actual, value)
        names = [""] * len(actual) if unit is None else published.unique(actual, unit, "unit")
        if unit is None and len(actual) != 1:
            raise EvidenceError(f"actual has {len(actual)} rows; without unit= one is needed")
        scored = self.table.merge(pd.DataFrame({"unit": names, "actual": came}), on="unit")
        scored = scored.dropna(subset=["actual"]).reset_index(drop=True)
        return scored.assign(
            error=scored["actual"] - scored["forecast"],
            held=scored["actual"].between(scored["lower"], scored["upper"]),
        )


def backtest(
    data: pd.DataFrame,
    *,
    value: str,
    time: str,
    unit: str | None = None,
    held_back: int = 1,
    level: float = 0.8,
    limits: tuple[float, float] | None = None,
) -> pd.DataFrame:
    """Forecast each of the last times from what was known before it, and score the forecasts.

    Parameters
    ----------
    data, value, time, unit, level, limits
        As in :func:`forecast`.
    held_back : int
        How many of the last times.

    Returns
    -------
    DataFrame
        As :meth:`Forecast.score` gives it, with `time`: what was forecast. Times before which too
        little was known are left out.
    """
    frames.whole("held_back", held_back, 1)
    frames.needed(value)
    frames.require(data, (value, time, unit))
    order, written, _ = published.times(data, time)
    scored = []
    for when in np.unique(order)[-held_back:]:
        try:
            before = forecast(
                data[order < when], value=value, time=time, unit=unit, level=level, limits=limits
            )
        except EvidenceError:
            continue  # too little was known
        came = before.score(data[order == when], value=value, unit=unit)
        scored.append(came.assign(time=written[int((order == when).argmax())]))
    columns = ["unit", "forecast", "lower", "upper", "actual", "error", "held", "time"]
    return pd.concat(scored, ignore_index=True) if scored else pd.DataFrame(columns=columns)


def forecast(
    data: pd.DataFrame,
    *,
    value: str,
    time: str,
    unit: str | None = None,
    horizon: int = 1,
    level: float = 0.8,
    limits: tuple[float, float] | None = None,
) -> Forecast:
    """Forecast each series from its last value and how far series have moved before.

    Parameters
    ----------
    data : DataFrame
        One row a time (and unit).
    value, time : str
        Columns; times are whole years or other equal steps.
    unit : str, optional
        Column of areas or schools: their changes are pooled.
    horizon : int
        Steps ahead.
    level : float
    limits : tuple of float, optional
        The scale's ends, such as (0, 100): intervals are cut there.

    Returns
    -------
    Forecast

    Raises
    ------
    EvidenceError
        A column is missing, a cell is no number, a time stands twice for a unit, or no series has
        four values and one at the last time.

    Notes
    -----
    The last value is hard to beat over a year or two, and its error can be stated. Formulas in
    :mod:`evidence.stats.monitoring.forecasting`. A break that has not happened before is in no
    interval.
    """
    covariance.check_level(level)
    frames.whole("horizon", horizon, 1)
    frames.require(data, (value, time, unit))
    frames.distinct(("value", "time"), value=value, time=time, unit=unit)
    (y, notes), (order, written, more) = published.numbers(data, value), published.times(data, time)
    steps, places = np.unique(order, return_inverse=True)
    gaps = np.diff(steps)
    if len(steps) > 1 and not np.allclose(gaps, gaps[0], rtol=0.15):
        if steps[-1] - steps[0] > 1_000 or (steps % 1).any():  # years may be missing, not dates
            raise EvidenceError(f"column {time!r}: times are not equally spaced")
        steps = np.arange(steps[0], steps[-1] + 0.5)
        places = np.searchsorted(steps, order)
    codes, names = (np.zeros(len(data), int), [""]) if unit is None else frames.factor(data, unit)
    key = pd.DataFrame({"unit": codes, "time": places})
    if (wrong := key.duplicated().to_numpy()).any():
        raise EvidenceError(
            f"column {time!r}, {frames.row(wrong.argmax())}: this time stands in an earlier row "
            "too; one row a time and unit is needed"
        )
    series = np.full((len(names), len(steps)), np.nan)
    there = codes >= 0
    series[codes[there], places[there]] = y[there]
    usable = ((~np.isnan(series)).sum(1) >= LEAST) & ~np.isnan(series[:, -1])
    if not usable.any() or len(steps) < horizon + 2:
        raise EvidenceError(
            f"no series of {value!r} has {LEAST} values and one at the last time "
            f"({written[int(places.argmax())]}); with horizon={horizon} at least "
            f"{max(LEAST, horizon + 2)} times are needed"
        )
    series, kept = series[usable], [name for name, use in zip(names, usable, strict=True) if use]
    if len(series) > 1:
        method = f"last value, past changes of {len(series):,} series"
        middle, low, high = forecasting.together(series, horizon, level)
    else:
        if np.isfinite(np.diff(series[0])).sum() < LEAST - 1:
            raise EvidenceError(
                f"column {value!r}: fewer than {LEAST - 1} changes from one time to the next are "
                "known; they say how far a forecast may be out"
            )
        method = "last value, its own past changes"
        middle, low, high = (np.array([x]) for x in forecasting.alone(series[0], horizon, level))
    if not (high > low).all():
        raise EvidenceError(
            f"column {value!r} never changed, so that its past does not say how far a forecast may "
            "be out"
        )
    if limits is not None:
        low, high = np.clip(low, *limits), np.clip(high, *limits)
    lost = len(names) - len(kept)
    short = (f"{frames.counted(lost, 'series', 'series')} too short, or without a last value",)
    table = pd.DataFrame(
        {
            "unit": kept,
            "last_time": written[int(places.argmax())],
            "last_value": series[:, -1],
            "horizon": horizon,
            "forecast": middle,
            "lower": low,
            "upper": high,
        }
    )
    return Forecast(
        table=table,
        value=value,
        level=level,
        method=method,
        yearly=bool(len(steps) > 1 and (np.diff(steps) == 1).all()),
        caveats=(*notes, *more, *(short if lost else ())),
    )
