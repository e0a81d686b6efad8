"""Is this figure doing anything new? Control charts and run charts over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from evidence.data.labels import label
from evidence.errors import EvidenceError, shown
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult
from evidence.methods.monitoring import published
from evidence.show import words
from evidence.stats.monitoring import control_charts as charts

FEW = 12  # points below which limits are unsure (Making Data Count)
CHARTS = ("xmr", "p", "u", "run")
WAYS = ("increase", "decrease", "neutral")
_RUN_TREND = {"run": (6, 5)}  # shift and trend of a run chart (Perla, Provost and Murray 2011)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ControlChart(TableResult):
    """A series with its centre, limits and signals.

    Parameters
    ----------
    table : DataFrame
        In the order of time: `time` as it is written, `value`, `n` (p and u charts), `part` (1, 2,
        … from each rebase), `centre`, `lower`, `upper`, `target`, `rule` (which rule names the
        point, empty for none) and `signal`: "common cause", "improvement", "concern", or "high" and
        "low" where neither direction is better.
    value, time : str
        The columns.
    chart : str
        "xmr", "p", "u", "run", "p′" or "u′" (Laney's).
    improvement : {"increase", "decrease", "neutral"}
    variation : str
        The last point's signal.
    assurance : {"passes", "fails", "hit and miss", ""}
        Whether a target lies outside the last limits or inside; empty without target or direction.
    sigma_z : float
        Over-dispersion of a p or u chart in its last part: above 1, more than chance; NaN else.
    run, trend : int
        How many points on one side, or rising or falling, are a signal.
    fix_after : int or None
    laney : bool or None
        As it was asked for.
    caveats : tuple of str
    """

    table: pd.DataFrame
    value: str
    time: str
    chart: str
    improvement: str
    variation: str
    assurance: str
    sigma_z: float
    run: int
    trend: int
    fix_after: int | None
    laney: bool | None = None
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say what the last point is, what the series does and whether a target will be met."""
        last = self.table.iloc[-1]
        scale, unit = (100, "%") if self.chart[0] == "p" else (1, "")
        number, centre = (words.number(scale * x, 1) + unit for x in last[["value", "centre"]])
        found = words.VARIATION[self.variation]
        if self.variation == "common cause" and len(self.table) < FEW:
            found = words.NO_SIGNAL
        rule = f" ({last['rule']})" if last["rule"] else ""
        target = ""
        if self.assurance:
            goal = f"{words.number(scale * last['target'], 1).removesuffix('.0')}{unit}"
            target = f"; the target of {goal} {words.ASSURANCE[self.assurance]}"
        middle = "median" if self.chart == "run" else "mean"
        at = f"{number} in {last['time']}, {middle} {centre}"
        return f"{self.value}: {at}; it {found}{rule}{target}."

    def false_alarms(self, *, draws: int = 20_000, seed: int = 1) -> pd.DataFrame:
        """Return how often a series in which nothing happens gives a signal.

        Parameters
        ----------
        draws : int
            Series drawn: as long as this, in the same parts, around its centre; binomial or Poisson
            with the same denominators for p and u charts, normal for others and where these are
            over-dispersed.
        seed : int

        Returns
        -------
        DataFrame
            `asked` ("any point", "the last point"), `share` (0 to 1) and `std_error`.
        """
        _, way = self._simulated(draws, seed)
        flagged = {"any point": (way != 0).any(1), "the last point": way[:, -1] != 0}
        shares = [float(found.mean()) for found in flagged.values()]
        errors = [math.sqrt(share * (1 - share) / draws) for share in shares]
        return pd.DataFrame({"asked": [*flagged], "share": shares, "std_error": errors})

    def delay(
        self, shift: float = 2.0, *, further: int = 24, draws: int = 4_000, seed: int = 1
    ) -> pd.DataFrame:
        """Return how soon the last part's limits find that a series has moved.

        Parameters
        ----------
        shift : float
            How far it moves, in standard deviations of a point.
        further : int
            How many points come after the shift.
        draws, seed : int

        Returns
        -------
        DataFrame
            `points` after the shift (1, 2, …) and `found`, the share of series with a signal in
            that direction by then.

        Notes
        -----
        Limits come from the last part's points that set them, and stay; values are normal.
        """
        frames.whole("further", further, 1)
        size = int((self.table["part"] == self.table["part"].max()).sum())
        size = min(size, self.fix_after or size)
        values = np.random.default_rng(seed).standard_normal((draws, size + further))
        values[:, size:] += shift
        centre, width = charts.xmr(values, (), size)
        if self.chart == "run":
            centre, width = charts.median(values, (), size), np.full_like(values, np.nan)
        found = []
        for seen in range(size + 1, size + further + 1):  # a run counts once it is complete
            lines = (values, centre, centre - width, centre + width)
            y, middle, low, high = (x[:, :seen] for x in lines)
            way = charts.signals(y, middle, low, high, (), self.run, self.trend)[1][:, size:]
            found.append((way == np.sign(shift)).any(1))
        found = np.logical_or.accumulate(found).mean(1)
        return pd.DataFrame({"points": np.arange(1, further + 1), "found": found})

    def _simulated(self, draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rules and ways of series in which nothing happens."""
        frames.whole("draws", draws, 1)
        rng, table = np.random.default_rng(seed), self.table
        starts = np.flatnonzero(table["part"].diff().to_numpy() > 0).tolist()
        size, centre = (draws, len(table)), table["centre"].to_numpy()
        if self.chart[0] in "pu" and not self._dispersed():
            n = table["n"].to_numpy()
            drawn = rng.poisson(n * centre, size)
            if self.chart[0] == "p":
                drawn = rng.binomial(n.round().astype(int), centre, size)
            chart = self.chart[0]
            return _judge(drawn, n, chart, starts, self.fix_after, self.laney, self)[-2:]
        chart = "run" if self.chart == "run" else "xmr"
        values = rng.standard_normal(size)
        return _judge(values, None, chart, starts, self.fix_after, None, self)[-2:]

    def _dispersed(self) -> bool:
        """Say whether a p or u chart's values vary by more than chance, and may."""
        spread = self.table["centre"] * (1 - self.table["centre"] if self.chart[0] == "p" else 1)
        z = (self.table["value"] - self.table["centre"]) / np.sqrt(spread / self.table["n"])
        wide = self.chart.endswith("′")
        return wide and float(chdtrc(len(z) - 1, (z**2).sum())) < 0.05


def control_chart(
    data: pd.DataFrame,
    *,
    value: str,
    time: str,
    n: str | None = None,
    chart: str | None = None,
    rebase: Sequence[object] | object = (),
    fix_after: int | None = None,
    improvement: str = "neutral",
    target: float | str | None = None,
    laney: bool | None = None,
    run: int | None = None,
    trend: int | None = None,
) -> ControlChart:
    """Judge a series over time by the rules of NHS "Making Data Count".

    Parameters
    ----------
    data : DataFrame
        One row a time.
    value : str
        Column of the figure, or with `n` of the count. Symbols of official statistics (z x c low k
        u : ~) are no numbers: their rows are left out, and said to be.
    time : str
        Column of dates, numbers or published periods (2018, 2017/18, 2018 (prov)).
    n : str, optional
        Column of denominators.
    chart : {"xmr", "p", "u", "run"}, optional
        "xmr": any figure (the default without `n`). "p": a share of `n` (the default with it). "u":
        events for `n`, which may be more than one each. "run": the median, without limits.
    rebase : value or sequence of values of `time`, optional
        From each of these times on, centre and limits are taken anew: only for a known cause.
    fix_after : int, optional
        Centre and limits come from the first so many points of each part.
    improvement : {"neutral", "increase", "decrease"}
        Which direction is better.
    target : float or str, optional
        A number, or a column of a target that moves.
    laney : bool, optional
        Widen the limits of a p or u chart by its over-dispersion (Laney 2002). By default where
        that is above 1: large denominators make chance too small an explanation of any wobble.
    run, trend : int, optional
        How many points on one side of the centre, or rising or falling, are a signal: 7 and 7; 6
        and 5 on a run chart.

    Returns
    -------
    ControlChart

    Raises
    ------
    EvidenceError
        A column is missing or a cell is no number, a time stands twice, a count is above its
        denominator, fewer than two values are known, `rebase` is no time of the table, or an
        option is unknown.

    Notes
    -----
    Rules, in the order in which they name a point: outside a limit; part of a trend; near a limit
    in two of three points on one side; part of a run on one side. Formulas in
    :mod:`evidence.stats.monitoring.control_charts`. Fewer than 12 points in a part are warned of.
    """
    frames.require(data, (value, time, n, target if isinstance(target, str) else None))
    frames.distinct(("value", "time"), value=value, time=time, n=n)
    chart = chart or ("xmr" if n is None else "p")
    frames.one_of("chart", chart, CHARTS)
    frames.one_of("improvement", improvement, WAYS)
    if (chart in "pu") != (n is not None):
        what = "needs n=, the column of denominators" if chart in "pu" else "takes no n="
        raise EvidenceError(f"chart={chart!r} {what}")
    shift_of, trend_of = _RUN_TREND.get(chart, (7, 7))
    run, trend = run or shift_of, trend or trend_of
    for name, number, least in (("run", run, 2), ("trend", trend, 3), ("fix_after", fix_after, 2)):
        if number is not None:
            frames.whole(name, number, least)
    order, written, notes = published.times(data, time)
    _once(order, time)
    if n is not None:
        values, sizes, more = published.counts(data, value, n, shares=chart == "p")
    else:
        (values, more), sizes = published.numbers(data, value), None
    goals = _targets(data, target)
    keep = np.argsort(order, kind="stable")
    keep = keep[~np.isnan(values[keep])]
    if len(keep) < 2:
        raise EvidenceError(
            f"column {value!r}: {frames.counted(len(keep), 'known value')}; a chart needs two or "
            "more"
        )
    starts = _starts(rebase, order, written, keep, time)
    values, sizes = values[keep], None if sizes is None else sizes[keep]
    rules = _Rules(run, trend)
    y, centre, lower, upper, sigma_z, wide, rule, way = _judge(
        values, sizes, chart, starts, fix_after, laney, rules
    )
    edges = charts.parts(len(y), starts)
    columns = {"time": [written[place] for place in keep], "value": y}
    columns |= {} if sizes is None else {"n": sizes}
    columns["part"] = np.repeat(np.arange(1, len(edges) + 1), [e.stop - e.start for e in edges])
    columns |= {"centre": centre, "lower": lower, "upper": upper, "target": goals[keep]}
    columns |= {"rule": np.array(charts.RULES, object)[rule], "signal": _signal(way, improvement)}
    table = pd.DataFrame(columns)
    few = [min(e.stop - e.start, fix_after or FEW) for e in edges]
    few = [count for count in few if count < FEW]
    whose = "" if len(edges) == 1 else f" of {frames.counted(len(few), 'part')} of the series"
    points = min(few, default=0)
    many = (
        f"{points} points, fewer than {FEW},"
        if len(edges) == 1
        else (f"fewer than {FEW} points (the fewest {points})")
    )
    short = (f"limits{whose} rest on {many} and are unsure",)
    return ControlChart(
        table=table,
        value=value,
        time=time,
        chart=f"{chart}′" if wide else chart,
        improvement=improvement,
        variation=str(table["signal"].iloc[-1]),
        assurance=_assurance(table.iloc[-1], improvement),
        sigma_z=float(sigma_z[-1]),
        run=run,
        trend=trend,
        fix_after=fix_after,
        laney=laney,
        caveats=(*notes, *more, *(short if few else ())),
    )


@dataclass(frozen=True)
class _Rules:
    run: int
    trend: int


def _judge(
    values: np.ndarray,
    sizes: np.ndarray | None,
    chart: str,
    starts: Sequence[int],
    fix_after: int | None,
    laney: bool | None,
    rules: ControlChart | _Rules,
) -> tuple[
    np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, bool, np.ndarray, np.ndarray
]:
    """Return values, centre, limits, σ_z, whether Laney's are used, rules and ways of series."""
    y, sigma_z, wide = np.asarray(values, float), np.full(np.shape(values)[-1], np.nan), False
    if sizes is not None:  # a p or u chart
        centre, width, sigma_z = charts.attribute(
            values, sizes, "binomial" if chart == "p" else "poisson", starts, fix_after
        )
        y = values / sizes
        if laney is not False:
            factor = sigma_z if laney else np.fmax(sigma_z, 1)
            wide, width = bool(laney or (factor > 1).any()), width * factor
        most = 1 if chart == "p" else np.inf
        lower, upper = np.maximum(centre - width, 0), np.minimum(centre + width, most)
    elif chart == "run":
        centre = charts.median(y, starts, fix_after)
        lower = upper = np.full_like(y, np.nan)
    else:
        centre, width = charts.xmr(y, starts, fix_after)
        lower, upper = centre - width, centre + width
    found = charts.signals(y, centre, lower, upper, starts, rules.run, rules.trend)
    return y, centre, lower, upper, sigma_z, wide, *found


def _signal(way: np.ndarray, improvement: str) -> np.ndarray:
    names = {"neutral": ("low", "high"), "increase": ("concern", "improvement")}
    down, up = names.get(improvement, ("improvement", "concern"))
    return np.where(way == 0, "common cause", np.where(way > 0, up, down))


def _assurance(last: pd.Series, improvement: str) -> str:
    """Say whether a target lies outside the limits of the last point, and on which side."""
    target, lower, upper = (float(last[name]) for name in ("target", "lower", "upper"))
    if improvement == "neutral" or math.isnan(target) or math.isnan(lower):
        return ""
    if lower <= target <= upper:
        return "hit and miss"
    return "passes" if (target < lower) == (improvement == "increase") else "fails"


def _once(order: np.ndarray, time: str) -> None:
    """Refuse a time that stands twice."""
    twice = pd.Series(order).duplicated().to_numpy()
    if twice.any():
        raise EvidenceError(
            f"column {time!r}, {frames.row(twice.argmax())}: this time stands in an earlier row "
            "too; one row a time is needed: select one area, indicator and group"
        )


def _targets(data: pd.DataFrame, target: float | str | None) -> np.ndarray:
    if isinstance(target, str):
        return published.numbers(data, target)[0]
    if target is None:
        return np.full(len(data), np.nan)
    if isinstance(target, bool) or not isinstance(target, (int, float, np.number)):
        raise EvidenceError(
            f"target is {shown(target)}; a number or the name of a column is needed"
        )
    if not math.isfinite(target):
        raise EvidenceError(f"target is {shown(target)}; a finite number is needed")
    return np.full(len(data), float(target))


def _starts(
    rebase: Any,
    order: np.ndarray,
    written: list[str],
    keep: np.ndarray,
    time: str,
) -> list[int]:
    """Return the places, among the rows kept in order, at which a new part begins."""
    wanted = [rebase] if np.ndim(rebase) == 0 else list(rebase)
    wanted = [one for one in wanted if one is not None]
    starts = []
    for one in wanted:
        names = {label(one)}
        if hasattr(one, "strftime"):
            names |= {one.strftime("%Y-%m-%d"), one.strftime("%Y-%m")}
        rows = [place for place, text in enumerate(written) if text in names]
        if not rows:
            raise EvidenceError(
                f"rebase: {label(one)!r} is not in column {time!r}; times are written like "
                f"{written[keep[-1]]!r} there"
            )
        starts.append(int((order[keep] < order[rows[0]]).sum()))
    return starts
