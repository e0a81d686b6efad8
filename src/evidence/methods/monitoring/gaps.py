"""How far disadvantaged pupils are behind, and how results fall with deprivation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult
from evidence.methods.monitoring import published
from evidence.show import words
from evidence.stats import covariance
from evidence.stats.monitoring import inequality, intervals

DRAWS, SEED = 100_000, 1


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Gap(TableResult):
    """A gap with its interval, one row a time (or one row).

    Parameters
    ----------
    table : DataFrame
        `time`, `estimate`, `std_error`, `ci_lower`, `ci_upper`, `n`, `n_disadvantaged`.
    measure : str
    level : float
    trend, trend_lower, trend_upper : float
        Change a time, from a line weighted by precision; NaN with fewer than three times.
    caveats : tuple of str
    """

    table: pd.DataFrame
    measure: str
    level: float
    trend: float = math.nan
    trend_lower: float = math.nan
    trend_upper: float = math.nan
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say the last gap, and whether the gap is closing."""
        last = self.table.iloc[-1]
        name, _, unit = self.measure.partition(", ")
        digits = 1 if unit else 2
        size, low, high = (
            words.number(last[x], digits) for x in ("estimate", "ci_lower", "ci_upper")
        )
        limits = f"{100 * self.level:g}% interval {low} to {high}"
        if math.isnan(last["std_error"]):
            limits = "no interval can be given: nobody's place leaves room for chance"
        when = f" in {last['time']}" if last["time"] else ""
        text = f"{name}{when}: {size}{unit and f' {unit}'} ({limits})"
        if math.isnan(self.trend):
            return f"{text}."
        ends = [
            words.number(x, 2, sign=True) for x in (self.trend, self.trend_lower, self.trend_upper)
        ]
        found = "no clear change"
        if self.trend_upper < 0 or self.trend_lower > 0:
            found = "closing" if self.trend_upper < 0 else "widening"
        return f"{text}; {ends[0]} a year ({ends[1]} to {ends[2]}): {found}."


def gap_index(
    data: pd.DataFrame,
    *,
    score: str | tuple[str, ...],
    disadvantaged: str,
    time: str | None = None,
    level: float = 0.95,
) -> Gap:
    """Return DfE's disadvantage gap index, 0 (no gap) to 10 (every other pupil ahead of all).

    Parameters
    ----------
    data : DataFrame
        One row a pupil.
    score : str or tuple of str
        Column of the score, or several whose mean is taken (reading and maths).
    disadvantaged : str
        Column of 1 and 0.
    time : str, optional
        Column of years: one index each, and a trend.
    level : float

    Returns
    -------
    Gap

    Raises
    ------
    EvidenceError
        A column is missing or no number, `disadvantaged` is not 1 and 0, or one group has nobody.

    Notes
    -----
    20 × (mean rank of others − mean rank of disadvantaged)/number of pupils: ten times Cliff's δ.
    DfE ranks all pupils of England; ranks within the pupils given are the same formula, not a
    figure to set beside DfE's.
    """
    covariance.check_level(level)
    frames.needed(score)
    scores = frames.listed(score)
    frames.require(data, (*scores, disadvantaged, time))
    columns = [published.numbers(data, name) for name in scores]
    value = np.mean([column for column, _ in columns], axis=0)
    notes = [note for _, more in columns for note in more]
    poor = frames.numbers(data, disadvantaged)
    if not np.isin(poor[~np.isnan(poor)], (0, 1)).all():
        raise EvidenceError(f"column {disadvantaged!r}: 1 (disadvantaged) and 0 are needed")
    order, written = np.zeros(len(data)), [""] * len(data)
    if time is not None:
        order, written, more = published.times(data, time)
        notes.extend(more)
    known = ~np.isnan(value) & ~np.isnan(poor)
    if lost := int((~known).sum()):
        notes.append(f"{frames.counted(lost, 'pupil')} without a score or a group left out")
    rows = []
    for at in np.unique(order):
        here = known & (order == at)
        when = written[int((order == at).argmax())]
        n_poor, n = int(poor[here].sum()), int(here.sum())
        if min(n_poor, n - n_poor) < 2:
            which = "disadvantaged" if n_poor < 2 else "other"
            dated = f" in {when}" if when else ""
            raise EvidenceError(
                f"fewer than two {which} pupils have a score{dated}; two of each group are needed"
            )
        rows.append((when, *inequality.gap_index(value[here], poor[here]), n, n_poor))
    table = pd.DataFrame(rows, columns=["time", "estimate", "std_error", "n", "n_disadvantaged"])
    half = ndtri(0.5 + level / 2) * table["std_error"]
    table.insert(3, "ci_lower", (table["estimate"] - half).clip(lower=-10))
    table.insert(4, "ci_upper", (table["estimate"] + half).clip(upper=10))
    notes.append("same formula as DfE's gap index, ranks among these pupils only")
    return Gap(
        table=table,
        measure="gap index",
        level=level,
        **_trend(np.unique(order), table, level),
        caveats=tuple(notes),
    )


def share_gap(
    data: pd.DataFrame,
    *,
    disadvantaged: str,
    n_disadvantaged: str,
    others: str,
    n_others: str,
    time: str,
    level: float = 0.95,
) -> Gap:
    """Return the gap between two published percentages, in percentage points, and its trend.

    Parameters
    ----------
    data : DataFrame
        One row a time.
    disadvantaged, others : str
        Columns of the percentages (0 to 100) of disadvantaged pupils and of all others.
    n_disadvantaged, n_others : str
        Columns of how many pupils each is of.
    time : str
        Column of years.
    level : float

    Returns
    -------
    Gap
        Positive where others are ahead. Times without both percentages are left out, and said.

    Raises
    ------
    EvidenceError
        A column is missing or no number, a percentage is not from 0 to 100, a time stands twice, or
        no time has both.

    Notes
    -----
    Newcombe's interval; counts are the nearest to the printed percentages.
    """
    covariance.check_level(level)
    pairs = ((disadvantaged, n_disadvantaged), (others, n_others))
    frames.require(data, (*pairs[0], *pairs[1], time))
    order, written, notes = published.times(data, time)
    if len(np.unique(order)) < len(order):
        raise EvidenceError(f"column {time!r}: a time stands twice; one row a time is needed")
    read, known = [], np.ones(len(data), bool)
    for name, size in pairs:
        (share, more), (n, still) = published.percentages(data, name), published.numbers(data, size)
        known &= ~np.isnan(share) & (n > 0)
        notes = (*notes, *more, *still)
        read.append((share, n))
    if not known.any():
        raise EvidenceError(f"no time has both {disadvantaged!r} and {others!r}")
    at = np.flatnonzero(known)[np.argsort(order[known])]
    (poor, n_poor), (rest, n_rest) = ((share[at], n[at]) for share, n in read)
    counts = np.round(rest * n_rest / 100), np.round(poor * n_poor / 100)
    low, high = intervals.newcombe(counts[0], n_rest, counts[1], n_poor, level)
    table = pd.DataFrame({"time": [written[row] for row in at], "estimate": rest - poor})
    table["std_error"] = 100 * (high - low) / (2 * ndtri(0.5 + level / 2))
    table = table.assign(ci_lower=100 * low, ci_upper=100 * high)
    table = table.assign(n=n_poor + n_rest, n_disadvantaged=n_poor)
    if (np.r_[poor, rest] % 1 == 0).all():
        notes = (*notes, "percentages are printed whole: each gap may be out by one point")
    if lost := len(data) - len(table):
        notes = (*notes, f"{frames.counted(lost, 'time')} without both figures left out")
    trend = _trend(order[at], table, level)
    return Gap(table=table, measure="gap, percentage points", level=level, **trend, caveats=notes)


def _trend(times: np.ndarray, table: pd.DataFrame, level: float) -> dict[str, float]:
    """Return the slope over time, weighted by precision, with its interval."""
    if len(times) < 3 or not table["std_error"].gt(0).all():
        return {}
    weight = table["std_error"].to_numpy() ** -2
    x = times - np.average(times, weights=weight)
    slope = float((weight * x * table["estimate"]).sum() / (weight * x**2).sum())
    half = float(ndtri(0.5 + level / 2) / np.sqrt((weight * x**2).sum()))
    return {"trend": slope, "trend_lower": slope - half, "trend_upper": slope + half}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SlopeIndex(TableResult):
    """Slope index of inequality: how a value falls from the least to the most deprived.

    Parameters
    ----------
    table : DataFrame
        One row: `slope_index`, `slope_lower`, `slope_upper`, `relative_index`, `relative_lower`,
        `relative_upper`, `intercept` (the value fitted for the most deprived), `n_groups`.
    value : str
    level : float
    caveats : tuple of str
    """

    table: pd.DataFrame
    value: str
    level: float
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say how far apart the two ends are."""
        row = self.table.iloc[0]
        size, low, high = (
            words.number(row[x], 1 if abs(row["slope_upper"]) >= 10 else 2, sign=True)
            for x in ("slope_index", "slope_lower", "slope_upper")
        )
        return (
            f"{self.value}: {size} from the most to the least deprived ({100 * self.level:g}% "
            f"interval {low} to {high})."
        )


def slope_index(
    data: pd.DataFrame,
    *,
    value: str,
    population: str,
    group: str,
    std_error: str | None = None,
    count: str | None = None,
    transform: str = "none",
    level: float = 0.95,
) -> SlopeIndex:
    """Return the slope and the relative index of inequality over groups of deprivation.

    Parameters
    ----------
    data : DataFrame
        One row a group, such as a tenth by IDACI.
    value, population : str
        Columns of the value and of how many people it is of.
    group : str
        Column by which groups are ordered; the smallest is the most deprived.
    std_error : str, optional
        Column of the value's standard errors.
    count : str, optional
        Column of counts, for a share from 0 to 1, in place of `std_error`.
    transform : {"none", "log", "logit"}
        The scale of the line: "log" for rates, "logit" for shares.
    level : float

    Returns
    -------
    SlopeIndex

    Raises
    ------
    EvidenceError
        A column is missing or no number, there are fewer than three groups, or a value does not fit
        its transform.

    Notes
    -----
    Formulas in :func:`evidence.stats.monitoring.inequality.slope_index`. Limits are quantiles over
    100,000 normal draws of the (transformed) values, as in PHEindicatormethods.
    """
    covariance.check_level(level)
    frames.one_of("transform", transform, tuple(inequality.FORWARD))
    if (std_error is None) == (count is None):
        raise EvidenceError("slope_index needs one of std_error= and count=")
    frames.require(data, (value, population, group, std_error, count))
    published.unique(data, group, "group")
    order = np.argsort(frames.factor(data, group)[0])
    names = (value, population, *filter(None, [std_error, count]))
    y, people, third = (frames.numbers(data, name)[order] for name in names)
    third_is_wrong = ~(third >= 0) if std_error is None else ~(third > 0)
    for name, wrong in zip(names, (np.isnan(y), ~(people > 0), third_is_wrong), strict=True):
        if wrong.any():
            raise EvidenceError(
                f"column {name!r}, {frames.row(order[wrong.argmax()])}: every group needs a number "
                f"here, {'above 0' if name == std_error else 'none negative'}"
            )
    if len(y) < 3:
        raise EvidenceError(f"{len(y)} groups; a slope needs three or more")
    share = transform == "logit" or count is not None
    low, high = (0 if transform != "none" else -np.inf, 1 if share else np.inf)
    outside = (y <= low) | (y >= high) if transform != "none" else (share & ((y < 0) | (y > 1)))
    if outside.any():
        raise EvidenceError(
            f"column {value!r}, {frames.row(order[outside.argmax()])}: "
            + ("a share is from 0 to 1" if share else "a rate on the log scale is above 0")
        )
    error = np.sqrt(y * (1 - y) / people) if count is not None else third
    derivative = {"none": 1.0, "log": y, "logit": y * (1 - y)}[transform]
    forward, back = inequality.FORWARD[transform], inequality.BACK[transform]
    noise = np.random.default_rng(SEED).standard_normal((DRAWS, len(y)))
    drawn = back(forward(y) + noise * error / derivative)
    slope, relative, intercept = inequality.slope_index(y, people, transform)
    drawn_slope, drawn_relative, _ = inequality.slope_index(drawn, people, transform)
    tails = ((1 - level) / 2, (1 + level) / 2)
    ends, ratio = np.quantile(drawn_slope, tails), np.quantile(drawn_relative, tails)
    row = {
        "slope_index": slope,
        "slope_lower": ends[0],
        "slope_upper": ends[1],
        "relative_index": relative,
        "relative_lower": ratio[0],
        "relative_upper": ratio[1],
        "intercept": intercept,
        "n_groups": len(y),
    }
    return SlopeIndex(table=pd.DataFrame([row]), value=value, level=level)
