"""One school's story: what it did after a date against England, and whether predictions held."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from evidence.data.labels import label
from evidence.errors import EvidenceError, shown
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult
from evidence.methods.monitoring import published
from evidence.show import words
from evidence.stats import covariance
from evidence.stats.monitoring import intervals

CHOSEN = (
    "this school was chosen as a success, so chance was probably on its side: others that did the "
    "same and did not rise are not told of"
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Story(TableResult):
    """A school's percentages before and after a date, beside England's.

    Parameters
    ----------
    table : DataFrame
        `time`, `value`, `ci_lower`, `ci_upper` (Wilson's interval), `n`, `national`, `gap`, `after`
        (whether the date had come), and `predicted` with `held` (whether the prediction lies within
        the interval), both missing where nothing was predicted.
    estimate, ci_lower, ci_upper, level : float
        Change of the gap to England after the date, in percentage points.
    naive : float
        First value to last, with no regard to England.
    phi : float
        How far years differed before the date beyond chance; 1 where no more than that.
    caveats : tuple of str
    """

    table: pd.DataFrame
    estimate: float
    ci_lower: float
    ci_upper: float
    level: float
    naive: float
    phi: float
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say how the school's place beside England changed, and how sure that is."""
        first, last = self.table.iloc[0], self.table.iloc[-1]
        middle, low, high = (
            words.number(x, 1, sign=True) for x in (self.estimate, self.ci_lower, self.ci_upper)
        )
        found = "chance alone may explain it"
        if self.ci_lower > 0 or self.ci_upper < 0:
            found = f"a {'rise' if self.ci_lower > 0 else 'fall'} that chance does not explain"
        text = (
            f"{words.number(first['value'], 1)}% in {first['time']} to "
            f"{words.number(last['value'], 1)}% in {last['time']}; against England "
            f"{middle} percentage points ({100 * self.level:g}% interval {low} to {high}): {found}"
        )
        made = self.table.dropna(subset=["predicted"])
        if len(made):
            kept = int(made["held"].astype(bool).sum())
            text += f"; of {words.counted(len(made), 'prediction')}, {kept} held"
        return f"{text}."


def story(
    data: pd.DataFrame,
    *,
    time: str,
    value: str,
    n: str,
    national: str,
    start: object,
    predicted: Mapping[str, float] | None = None,
    chosen: bool = True,
    level: float = 0.95,
) -> Story:
    """Set a school's percentages before and after a date against England's.

    Parameters
    ----------
    data : DataFrame
        One row a year of one school.
    time, value, n, national : str
        Columns of the year, the school's percentage, of how many pupils it is, and England's.
    start : object
        The first time after the change, written as in `time`.
    predicted : mapping of str to float, optional
        Time to the percentage that was predicted for it.
    chosen : bool
        Whether the school is shown because its results rose, which is then said.
    level : float

    Returns
    -------
    Story

    Raises
    ------
    EvidenceError
        A column is missing or no number, a percentage is not from 0 to 100, `start` or a predicted
        time is not in the table, or there is no time before or after it.

    Notes
    -----
    An interrupted series of levels: the gap to England, weighted by its binomial error, after less
    before. Where three or more years before differed by more than chance, the error is as much
    larger (φ), and the interval is that of Student's t.
    """
    covariance.check_level(level)
    frames.yes_or_no(chosen=chosen)
    frames.require(data, (time, value, n, national))
    order, written, notes = published.times(data, time)
    columns = []
    for name in (value, national, n):
        read = published.numbers if name == n else published.percentages
        column, more = read(data, name)
        if (column < 0).any():
            raise EvidenceError(
                f"column {name!r}, {frames.row((column < 0).argmax())}: a number of pupils, 0 or "
                "more, is needed"
            )
        columns.append(column)
        notes = (*notes, *more)
    began = _place(order, written, start, time)
    for when, hoped in (predicted or {}).items():
        if not (hoped == 0 or 1 <= hoped <= 100):
            raise EvidenceError(
                f"predicted is {shown(hoped)} for {label(when)!r}; a percentage, 0 to 100, is "
                "needed"
            )
    hopes = {_place(order, written, when, time): float(x) for when, x in (predicted or {}).items()}
    rows = np.argsort(order)
    rows = rows[~np.isnan(np.array(columns)[:, rows]).any(0) & (columns[2][rows] > 0)]
    share, england, size = (column[rows] for column in columns)
    after = order[rows] >= began
    if not after.any() or after.all():
        raise EvidenceError(
            f"start is {label(start)!r}; a value before it and one from it on are needed"
        )
    count = np.minimum(np.round(share * size / 100), size)
    low, high = (100 * x for x in intervals.wilson(count, size, level))
    table = pd.DataFrame({"time": [written[row] for row in rows], "value": share})
    table = table.assign(ci_lower=low, ci_upper=high, n=size, national=england)
    table = table.assign(gap=share - england, after=after)
    table["predicted"] = [hopes.get(when, math.nan) for when in order[rows]]
    table["held"] = table["predicted"].between(low, high).where(table["predicted"].notna())
    smooth = (count + 1) / (size + 2)  # 0 of 8 is not certain to be 0 again
    variance = 1e4 * smooth * (1 - smooth) / size
    estimate, error, phi, df = _step(table["gap"].to_numpy(), variance, after)
    half = error * float(ndtri(0.5 + level / 2) if phi == 1 else stdtrit(df, 0.5 + level / 2))
    if (~after).sum() < 3:
        few = words.counted((~after).sum(), "year")
        notes = (*notes, f"{few} before the start: how far years differ of themselves is not known")
    return Story(
        table=table,
        estimate=estimate,
        ci_lower=estimate - half,
        ci_upper=estimate + half,
        level=level,
        naive=float(share[-1] - share[0]),
        phi=phi,
        caveats=((CHOSEN,) if chosen else ()) + tuple(notes),
    )


def _place(order: np.ndarray, written: list[str], wanted: object, time: str) -> float:
    names = [label(text) for text in written]
    if label(wanted) not in names:
        raise EvidenceError(
            f"{label(wanted)!r} is not in column {time!r}; times are written like {written[-1]!r}"
        )
    return float(order[names.index(label(wanted))])


def _step(
    gap: np.ndarray, variance: np.ndarray, after: np.ndarray
) -> tuple[float, float, float, int]:
    """Return the change of the mean gap, its error, φ and its degrees of freedom."""
    weight = 1 / variance
    before, later = (np.average(gap[x], weights=weight[x]) for x in (~after, after))
    df, phi = int((~after).sum()) - 1, 1.0
    if df > 1:
        phi = max(1.0, float((weight * (gap - before) ** 2)[~after].sum() / df))
    error = math.sqrt(phi * (1 / weight[~after].sum() + 1 / weight[after].sum()))
    return float(later - before), error, phi, df
