"""How long it takes, with cases still open counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError, shown
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult
from evidence.methods.monitoring import published
from evidence.stats import covariance
from evidence.stats.monitoring import survival


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Timeliness(TableResult):
    """Share not yet done by time since the start, and by stated times.

    Parameters
    ----------
    table : DataFrame
        `group`, `time`, `at_risk`, `events`, `survival` (share not yet done), `std_error`,
        `ci_lower`, `ci_upper`: one row a time at which something was done.
    within : DataFrame
        `group`, `time`, `done` (share done by then), `ci_lower`, `ci_upper` and `waiting`: cases
        still open that are older than that, the backlog.
    summary : DataFrame
        `group`, `n`, `open` (cases not yet done), `median`, `median_lower`, `median_upper`,
        `restricted_mean` (up to the last of the stated times).
    duration : str
    level : float
    p_value : float
        Log-rank test between groups, NaN without.
    caveats : tuple of str
    """

    table: pd.DataFrame
    within: pd.DataFrame
    summary: pd.DataFrame
    duration: str
    level: float
    p_value: float = math.nan
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say the share done by the first stated time, and the median."""
        texts = []
        for _, group in self.summary.iterrows():
            here = self.within[self.within["group"] == group["group"]].iloc[0]
            name = f"{group['group']}: " if group["group"] else ""
            share = "not yet known how many are"
            if not math.isnan(here["done"]):
                share = f"{100 * here['done']:.0f}% are"
                if not math.isnan(here["ci_lower"]):
                    share += f" ({100 * here['ci_lower']:.0f} to {100 * here['ci_upper']:.0f}%)"
            median = "not yet reached" if math.isnan(group["median"]) else f"{group['median']:.4g}"
            texts.append(
                f"{name}{share} done within {here['time']:g}; median {median} "
                f"({frames.counted(group['n'], 'case')}, {group['open']:,} still open)"
            )
        return f"{self.duration}: {'; '.join(texts)}."


def timeliness(
    data: pd.DataFrame,
    *,
    duration: str,
    event: str,
    by: str | None = None,
    at: Sequence[float] = (20.0,),
    level: float = 0.95,
) -> Timeliness:
    """Return the curve of time until something is done, cases still open counted.

    Parameters
    ----------
    data : DataFrame
        One row a case.
    duration : str
        Column of the time until it was done, or until today for a case still open.
    event : str
        Column of 1 (done) and 0 (still open).
    by : str, optional
        Column of groups to compare.
    at : sequence of float
        Times by which the share done is told, such as 20 weeks.
    level : float

    Returns
    -------
    Timeliness

    Raises
    ------
    EvidenceError
        A column is missing, a duration is negative or no number, `event` is not 1 and 0, or nothing
        was done at all.

    Notes
    -----
    Kaplan–Meier with Greenwood's error and limits on the log(−log) scale. The share of plans
    *issued* within 20 weeks leaves out whoever still waits, and falls when old cases are cleared;
    this share does neither.
    """
    covariance.check_level(level)
    frames.require(data, (duration, event, by))
    frames.distinct(("duration", "event"), duration=duration, event=event, by=by)
    (time, notes), done = published.numbers(data, duration), frames.numbers(data, event)
    if (time < 0).any():
        raise EvidenceError(
            f"column {duration!r}, {frames.row((time < 0).argmax())}: a duration cannot be "
            "negative; is an end before its start?"
        )
    if not np.isin(done[~np.isnan(done)], (0, 1)).all():
        raise EvidenceError(f"column {event!r}: 1 (done) and 0 (still open) are needed")
    points = np.atleast_1d(np.asarray(at, float))
    if not len(points) or not (points > 0).all():
        raise EvidenceError(f"at is {shown(at)}; one time above 0 or more are needed")
    codes, names = (np.zeros(len(data), int), [""]) if by is None else frames.factor(data, by)
    keep = ~np.isnan(time) & ~np.isnan(done) & (codes >= 0)
    if not done[keep].any():
        raise EvidenceError(f"column {event!r}: no case is done, so no time can be told")
    if lost := int((~keep).sum()):
        notes = (
            *notes,
            f"{frames.counted(lost, 'case')} without a duration, event or group left out",
        )
    tables, within, summary = [], [], []
    for code, name in enumerate(names):
        here = keep & (codes == code)
        curve = survival.kaplan_meier(time[here], done[here], level)
        tables.append(_table(name, curve))
        for point in points:
            left, _, low, high = curve.at(point)
            waiting = int((here & (done == 0) & (time > point)).sum())
            within.append((name, point, 1 - left, 1 - high, 1 - low, waiting))
        middle = curve.quantile(0.5)
        mean = curve.restricted_mean(points.max()) if points.max() <= curve.last else math.nan
        cases = int(here.sum())
        summary.append((name, cases, cases - int(done[here].sum()), *middle, mean))
    p_value = math.nan
    if by is not None and len(names) > 1:
        p_value = survival.log_rank(time[keep], done[keep], codes[keep])[2]
    columns = ["group", "n", "open", "median", "median_lower", "median_upper", "restricted_mean"]
    return Timeliness(
        table=pd.concat(tables, ignore_index=True),
        within=pd.DataFrame(
            within, columns=["group", "time", "done", "ci_lower", "ci_upper", "waiting"]
        ),
        summary=pd.DataFrame(summary, columns=columns),
        duration=duration,
        level=level,
        p_value=p_value,
        caveats=tuple(notes),
    )


def _table(name: str, curve: survival.Curve) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "group": name,
            "time": curve.time,
            "at_risk": curve.at_risk,
            "events": curve.events,
            "survival": curve.survival,
            "std_error": curve.std_error,
            "ci_lower": curve.lower,
            "ci_upper": curve.upper,
        }
    )
