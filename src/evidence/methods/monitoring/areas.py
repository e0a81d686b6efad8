"""Every indicator of every area at once: what changed, what misses its target, where it ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult
from evidence.methods.monitoring import published
from evidence.methods.monitoring.funnel import Funnel, funnel
from evidence.methods.monitoring.ranks import rank_and_band, rank_interval
from evidence.show.words import counted
from evidence.stats.monitoring import control_charts as charts
from evidence.stats.monitoring import forecasting, intervals

FEW = 6  # readings below which change and target are not judged
UNSURE = 12  # readings below which limits are unsure (Making Data Count)
LEVEL = 0.95
_ROLES = ("area", "indicator", "time", "value")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Areas(TableResult):
    """The latest reading of each indicator of each area, judged.

    Parameters
    ----------
    table : DataFrame
        A row an area and indicator that has a figure at the indicator's last time: `area`,
        `indicator`, `unit`, `polarity`, `time`, `value`, `lower` and `upper` (its 95% range),
        `target`, `readings`, `variation` ("common cause", "improvement", "concern", "high", "low",
        "too few"), `rule`, `assurance` ("passes", "fails", "hit and miss", ""), `rank`,
        `rank_lower`, `rank_upper`, `n_ranked`, `national`, `funnel` (the signal of
        :func:`funnel`).
    series : DataFrame
        All readings: `area`, `indicator`, `time`, `value`, `centre`, `lower`, `upper`, `signal`.
    funnels : mapping of str to Funnel
        For each indicator that has denominators.
    national : str
    caveats : tuple of str
    """

    table: pd.DataFrame
    series: pd.DataFrame
    funnels: dict[str, Funnel]
    national: str
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say how many areas and indicators there are, and how many changed."""
        changed = ~self.table["variation"].isin(["common cause", "too few"])
        areas = counted(self.table["area"].nunique(), "area")
        indicators = counted(self.table["indicator"].nunique(), "indicator")
        return (
            f"{areas}, {indicators}: {changed.sum():,} of {len(self.table):,} latest readings "
            "show a change."
        )


def areas(
    data: pd.DataFrame,
    *,
    area: str = "area",
    indicator: str = "indicator",
    time: str = "time",
    value: str = "value",
    n: str | None = None,
    polarity: str = "polarity",
    unit: str | None = None,
    target: str | None = None,
    local: str | None = None,
    national: str = "England",
    draws: int = 1_000,
    seed: int = 1,
) -> Areas:
    """Judge every indicator of every area by its own past, its target and the other areas.

    Parameters
    ----------
    data : DataFrame
        One row an area, indicator and time.
    area, indicator, time, value : str
        Columns; symbols of official statistics are no figures.
    n : str, optional
        Column of denominators of shares in per cent: exact ranges and funnels. Without it, chance
        is what the figure moves from one reading to the next.
    polarity : str
        Column that says whether "high" or "low" is better; "neutral", "-" or nothing for neither.
    unit, target : str, optional
        Columns of the unit ("%" for shares) and of a target.
    local : str, optional
        Column that is empty for areas that are not ranked, such as regions; `national` never is.
    national : str
        The area set beside all others.
    draws, seed : int
        Of the simulated ranks.

    Returns
    -------
    Areas

    Raises
    ------
    EvidenceError
        A column is missing, a cell is no number, a polarity is unknown, a reading stands twice, or
        no area can be ranked.

    Notes
    -----
    Control charts by the rules of Making Data Count (:func:`control_chart`), all series of an
    indicator at once; ranks as :func:`rank_interval`; funnels as :func:`funnel` with additive
    over-dispersion, since areas differ by more than chance.
    """
    names = dict(zip(_ROLES, (area, indicator, time, value), strict=True))
    frames.require(data, (*names.values(), n, polarity, unit, target, local))
    numeric = [name for name in (value, n, target) if name]
    data = data.assign(**{name: published.numbers(data, name)[0] for name in numeric})
    every = frames.factor(data, indicator)[1]
    data = data[data[value].notna()]  # a reading without a figure shows nothing, whatever its time
    codes, indicators = frames.factor(data, indicator)
    notes = [f"{name}: no figure at any time" for name in every if name not in set(indicators)]
    options = {"n": n, "polarity": polarity, "unit": unit, "target": target, "local": local}
    tables, series, funnels_of = [], [], {}
    for code, name in enumerate(indicators):
        own = data[codes == code]
        one = _Indicator.read(own, name, names, options, national)
        if one.now < 0:
            notes.append(f"{name}: left out: at no time have half of its areas a figure")
            continue
        judged, readings = one.judged()
        tables.append(one.placed(judged, draws, seed))
        series.append(readings)
        if (found := one.funnel()) is not None:
            funnels_of[name] = found
            signal = found.table.set_index("unit")["signal"]
            tables[-1]["funnel"] = tables[-1]["area"].map(signal).fillna("")
        notes += one.notes
    if not tables:
        raise EvidenceError(f"no indicator can be shown: {'; '.join(notes[:3])}")
    table = pd.concat(tables, ignore_index=True)
    if "funnel" not in table:
        table["funnel"] = ""
    table["funnel"] = table["funnel"].fillna("")
    short = int(table["readings"].lt(UNSURE).sum())
    if short:
        notes.append(
            f"limits of {short:,} of {len(table):,} series rest on fewer than {UNSURE} readings "
            "and are unsure"
        )
    return Areas(
        table=table,
        series=pd.concat(series, ignore_index=True),
        funnels=funnels_of,
        national=national,
        caveats=tuple(dict.fromkeys(notes)),
    )


@dataclass(frozen=True)
class _Indicator:
    """One indicator: a row an area, a column a time, NaN where there is no figure."""

    name: str
    areas: list[str]
    times: list[str]
    values: np.ndarray
    sizes: np.ndarray | None
    targets: np.ndarray
    local: np.ndarray
    national: str
    polarity: str
    unit: str
    notes: tuple[str, ...]

    @classmethod
    def read(
        cls,
        own: pd.DataFrame,
        name: str,
        names: dict[str, str],
        options: dict[str, str | None],
        national: str,
    ) -> _Indicator:
        try:
            order, written, more = published.times(own, names["time"])
        except EvidenceError as error:
            raise EvidenceError(f"among the rows of indicator {name!r}: {error}") from None
        values = own[names["value"]].to_numpy(float)
        rows, labels = frames.factor(own, names["area"])
        steps, columns = np.unique(order, return_inverse=True)
        twice = pd.DataFrame({"a": rows, "t": columns}).duplicated().to_numpy() & (rows >= 0)
        if twice.any():
            raise EvidenceError(
                f"indicator {name!r}: {labels[rows[twice.argmax()]]} has two readings in "
                f"{written[int(twice.argmax())]}; one row each is needed"
            )
        there = rows >= 0

        def grid(cells: np.ndarray) -> np.ndarray:
            found = np.full((len(labels), len(steps)), np.nan)
            found[rows[there], columns[there]] = cells[there]
            return found

        def told(role: str) -> str:
            if not options[role]:
                return ""
            cells = own[options[role]].dropna()
            return str(cells.iloc[0]).strip() if len(cells) else ""

        sizes, targets = None, np.full((len(labels), len(steps)), np.nan)
        if options["n"] and told("unit") == "%":
            count = own[options["n"]].to_numpy(float)
            sizes = grid(count) if (count > 0).any() else None
        if options["target"]:
            targets = grid(own[options["target"]].to_numpy(float))
        local = np.ones(len(labels), bool)
        if options["local"]:
            inside = ~frames.missing(own, options["local"])
            local[rows[there & ~inside]] = False
        local &= np.array([label.casefold() != national.casefold() for label in labels])
        times = dict(zip(columns, written, strict=True))
        polarity = told("polarity").casefold()
        if polarity not in ("high", "low", "neutral", "-", ""):
            raise EvidenceError(
                f"column {options['polarity']!r}, indicator {name!r}: {polarity!r} is no "
                "direction; allowed are high, low, and neutral or nothing where neither is better"
            )
        more = (*more, *(published.two_scales(values, "value") if told("unit") == "%" else ()))
        return cls(
            name=name,
            areas=labels,
            times=[published.spelt(times[step]) for step in range(len(steps))],
            values=grid(values),
            sizes=sizes,
            targets=targets,
            local=local,
            national=national,
            polarity=polarity if polarity in ("high", "low") else "",
            unit=told("unit"),
            notes=tuple(f"{name}: {note}" for note in more),
        )

    @property
    def now(self) -> int:
        """The last time at which half of the areas that ever have a figure have one, else -1."""
        known = (~np.isnan(self.values))[self.local]
        enough = known.sum(0) * 2 >= known.any(1).sum()
        return int(np.flatnonzero(enough)[-1]) if enough.any() and known.any() else -1

    def judged(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the latest readings with what they show, and all readings with their limits."""
        until = self.now + 1
        values = self.values[:, :until]
        known = ~np.isnan(values)
        centre, width = (np.full(values.shape, np.nan) for _ in range(2))
        rule, way = (np.zeros(values.shape, int) for _ in range(2))
        patterns, which = np.unique(known, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            rows, columns = which.ravel() == number, np.flatnonzero(pattern)
            if len(columns) < FEW:
                continue
            at = np.ix_(rows, columns)
            centre[at], width[at] = charts.xmr(values[at])
            limits = (centre[at], centre[at] - width[at], centre[at] + width[at])
            rule[at], way[at] = charts.signals(values[at], *limits)
        here = known[:, -1]
        spread = self._spread(values)
        low, high = values[:, -1] - spread * _Z, values[:, -1] + spread * _Z
        if self.sizes is not None:
            sized = self.sizes[:, self.now]
            share = np.clip(values[:, -1] / 100, 0, 1)
            exact = [100 * end for end in intervals.wilson(share * sized, sized, LEVEL)]
            low, high = (np.where(sized > 0, x, y) for x, y in zip(exact, (low, high), strict=True))
        if self.unit == "%":
            high = np.minimum(high, 100)
        if not (values < 0).any():  # a rate or a count: no range reaches below zero
            low = np.maximum(low, 0)
        signs = {"high": 1, "low": -1}.get(self.polarity, 0)
        good = {1: ("concern", "improvement"), -1: ("improvement", "concern")}
        down, up = good.get(signs, ("low", "high"))
        named = np.array([down, "common cause", up], object)[way + 1]
        readings = known.sum(1)
        named[readings < FEW] = "too few"
        target = self.targets[:, self.now]
        table = pd.DataFrame(
            {
                "area": self.areas,
                "indicator": self.name,
                "unit": self.unit,
                "polarity": self.polarity,
                "time": self.times[self.now],
                "value": values[:, -1],
                "lower": low,
                "upper": high,
                "target": target,
                "readings": readings,
                "variation": named[:, -1],
                "rule": np.array(charts.RULES, object)[rule[:, -1]],
                "assurance": _assurance(target, centre[:, -1], width[:, -1], signs),
                "local": self.local,
                "spread": spread,
            }
        )[here]
        at = np.nonzero(known & here[:, None])
        series = {
            "area": np.array(self.areas, object)[at[0]],
            "indicator": self.name,
            "time": np.array(self.times, object)[at[1]],
            "value": values[at],
            "centre": centre[at],
            "lower": (centre - width)[at],
            "upper": (centre + width)[at],
            "signal": named[at],
        }
        return table.reset_index(drop=True), pd.DataFrame(series)

    def _spread(self, values: np.ndarray) -> np.ndarray:
        """Return how far each area's figure moves by chance alone: beside the middle of all."""
        moves = forecasting.changes(values, 1)
        shared = (~np.isnan(moves[self.local])).sum(0) >= 4
        moves[:, shared] -= np.nanmedian(moves[self.local][:, shared], 0)
        spread: np.ndarray = forecasting.spreads(moves) / np.sqrt(2)
        return spread

    def placed(self, judged: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
        """Return the latest readings with ranks, their intervals and the national figure."""
        nation = judged["area"].str.casefold() == self.national.casefold()
        judged = judged.assign(
            national=judged.loc[nation, "value"].iloc[0] if nation.any() else np.nan
        )
        ranked = judged[judged["local"]]
        columns = ["rank", "rank_lower", "rank_upper", "n_ranked"]
        if not self.polarity or len(ranked) < 4:
            return judged.assign(**dict.fromkeys(columns, np.nan)).drop(columns="spread")
        rows, sized = ranked, self.sizes is not None
        if self.sizes is not None:
            size = dict(zip(self.areas, self.sizes[:, self.now], strict=True))
            rows = ranked.assign(n=ranked["area"].map(size))
        rows = rows.reset_index(drop=True)
        sure = (rows["n" if sized else "spread"] > 0) & rows["value"].notna()
        if sure.sum() < 4:  # how far chance moves them is not known
            found = rank_and_band(rows, area="area", value="value", polarity=self.polarity)
            ranks = found.table.assign(rank_lower=np.nan, rank_upper=np.nan)
        else:
            ranks = rank_interval(
                rows,
                area="area",
                value="value",
                polarity=self.polarity,
                n="n" if sized else None,
                std_error=None if sized else "spread",
                draws=draws,
                seed=seed,
            ).table
        return judged.drop(columns="spread").merge(ranks[["area", *columns]], on="area", how="left")

    def funnel(self) -> Funnel | None:
        """Return the funnel of the latest readings, where three areas or more can be in it."""
        if self.sizes is None:
            return None
        share, size = self.values[:, self.now] / 100, self.sizes[:, self.now]
        known = self.local & ~np.isnan(share * size) & (size > 0)
        if known.sum() < 3:
            return None
        rows = pd.DataFrame({"unit": np.array(self.areas)[known], "n": size[known]})
        rows["count"] = share[known] * size[known]
        if not 0 < rows["count"].sum() < rows["n"].sum():
            return None
        return funnel(rows, unit="unit", n="n", count="count", overdispersion="additive")


_Z = float(ndtri(0.5 + LEVEL / 2))


def _assurance(target: np.ndarray, centre: np.ndarray, width: np.ndarray, way: int) -> np.ndarray:
    """Say whether each target lies outside the last limits, and on which side."""
    found = np.full(len(target), "", object)
    for place, (goal, middle, half) in enumerate(zip(target, centre, width, strict=True)):
        if not way or np.isnan(goal + middle + half):
            continue
        beyond = (goal > middle + half) - int(goal < middle - half)
        found[place] = {0: "hit and miss", way: "fails"}.get(int(beyond), "passes")
    return found
