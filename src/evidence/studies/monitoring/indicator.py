"""One indicator of one area, watched over time and beside others: `ev.Monitoring`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from evidence.data import readers
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.monitoring import published
from evidence.methods.monitoring.control_chart import FEW, ControlChart, control_chart
from evidence.methods.monitoring.forecast import Forecast, backtest, forecast
from evidence.methods.monitoring.neighbours import Neighbours, neighbours
from evidence.methods.monitoring.proportions import Change, change
from evidence.methods.monitoring.ranks import Ranking, rank_and_band, rank_interval
from evidence.show import words
from evidence.show.picture import Picture
from evidence.show.rows import records
from evidence.stats.monitoring import intervals
from evidence.studies.plan import MonitoringPlan
from evidence.studies.study import answered
from evidence.studies.watching import LEVEL, Watching

_BETTER = {"high": "increase", "low": "decrease", "neutral": "neutral"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Monitoring(Watching):
    """An indicator of an area: what it does over time, beside others, and what comes next.

    Parameters
    ----------
    tables : mapping
        `table`: a row an area and time: `area`, `time`, `value`, `ci_lower`, `ci_upper`, `n`,
        `symbol`, `order` in time, and whether it is `local`: ranked; shares in per cent. And
        `official`: the sheet of statistical neighbours, where there is one.
    """

    kind = MonitoringPlan

    @classmethod
    def files(cls, data: str, plan: MonitoringPlan) -> dict[str, Any]:
        """Read the figures, a row an area and time, and the list of neighbours."""
        named = [plan.value, plan.count, plan.n, plan.time, *frames.listed(plan.area)]
        whole = readers.table(f"{data}/{plan.indicator}", known=[*filter(None, named)])
        rows = readers.select(whole, plan.where) if plan.where else whole
        read = {"table": tidy(plan, rows)}
        if plan.claimed and not plan.neighbours:
            raise EvidenceError("plan: claimed needs neighbours, the official list to compare with")
        if plan.neighbours:
            path = f"{data}/{plan.neighbours}"
            read["official"] = pd.read_excel(path, header=None, engine="openpyxl")
        return read

    @property
    def table(self) -> pd.DataFrame:
        """A row an area and time, as it was read."""
        return self.tables["table"]

    def with_(self, **changes: Any) -> Monitoring:
        """Return the study with some parameters changed, such as ``place="Leeds"``.

        Raises
        ------
        EvidenceError
            Faults of the plan, an area that is not in the table, or a parameter that says what to
            read.
        """
        for name in ("indicator", "where", "value", "count", "n", "area", "time", "neighbours"):
            if name in changes and changes[name] != getattr(self.plan, name):
                raise EvidenceError(
                    f"{name} says what to read: use Monitoring.read for another one"
                )
        plan = self.plan.changed(**changes)
        published.area(self.table, "area", plan.place)
        return replace(self, plan=plan)

    # answers ----------------------------------------------------------------------------------

    def _of(self, area: str) -> pd.DataFrame:
        return self.table[published.area(self.table, "area", area)].sort_values("order")

    @answered
    def own(self) -> pd.DataFrame:
        """The rows of the area asked about, in the order of time."""
        return self._of(self.plan.place)

    @answered
    def latest(self) -> pd.Series:
        """The last row of the area that has a figure."""
        known = self.own.dropna(subset=["value"])
        if known.empty:
            raise EvidenceError(f"{self.plan.name}: {self.plan.place} has no figure at any time")
        return known.iloc[-1]

    @answered
    def others(self) -> pd.DataFrame:
        """The rows of all areas like it at the time of the latest figure."""
        return self.peers[self.peers["order"] == self.latest["order"]]

    @answered
    def peers(self) -> pd.DataFrame:
        """The rows of all areas like the one asked about, at all times."""
        other = self.table["area"].str.casefold() != self.plan.against.casefold()
        return self.table[other & self.table["local"]]

    @answered
    def chart(self) -> ControlChart:
        """The control chart of the area."""
        plan, rows = self.plan, self.own
        options: dict[str, Any] = {"value": "value"}
        if "count" in rows:
            options = {"value": "count", "n": "n", "chart": "p"}
        target = plan.target
        if "count" in rows and target is not None:
            if not 0 <= target <= 100:
                raise EvidenceError(f"plan: target is {target:g}; a share is from 0 to 100")
            target = target / 100
        return control_chart(
            rows,
            time="time",
            improvement=_BETTER[plan.polarity],
            target=target,
            rebase=[published.spelt(text) for text in plan.rebase],
            fix_after=plan.fix_after or None,
            **options,
        )

    @answered
    def ranking(self) -> Ranking | None:
        """Ranks and bands at the time of the latest figure; None without a better direction."""
        if self.plan.polarity == "neutral" or self.others["value"].count() < 4:
            return None
        call = {"area": "area", "value": "value", "polarity": self.plan.polarity}
        if "count" in self.table and self.others["n"].notna().any():
            found = rank_interval(self.others, n="n", **call)
        else:
            found = rank_and_band(self.others, **call)
        return replace(found, value=self.plan.name)

    @answered
    def change(self) -> Change | None:
        """From the first figure to the latest; None without counts, or with one figure."""
        known = self.own.dropna(subset=["value"])
        if "count" not in known or len(known) < 2:
            return None
        first, last = known.iloc[0], known.iloc[-1]
        return change(first["count"], first["n"], last["count"], last["n"])

    @answered
    def neighbours(self) -> Neighbours | None:
        """The official neighbours; None without their list."""
        if "official" not in self.tables:
            return None
        plan = self.plan
        return neighbours(
            self.tables["official"], area=plan.place, vintage=plan.vintage, claimed=plan.claimed
        )

    @answered
    def forecast(self) -> Forecast:
        """What comes next for the area, from how far all areas have moved before."""
        found = forecast(self.peers, **self._series)
        mine = published.area(found.table.rename(columns={"unit": "area"}), "area", self.plan.place)
        return replace(found, table=found.table[mine].reset_index(drop=True), value=self.plan.name)

    @property
    def _series(self) -> dict[str, Any]:
        limits = (0.0, 100.0) if self.plan.unit.startswith("%") else None
        return {"value": "value", "time": "time", "unit": "area", "limits": limits}

    @answered
    def scored(self) -> pd.DataFrame:
        """Forecasts of the last times from what was known before, beside what came."""
        return backtest(self.peers, held_back=self.plan.held_back, **self._series)

    @answered
    def beside(self) -> pd.DataFrame:
        """The area, the comparator and the official neighbours at the time of the latest figure."""
        now = self.table[self.table["order"] == self.latest["order"]].set_index("area")
        names = [self.latest["area"], self.plan.against, *filter(None, [self.plan.region])]
        names += list(self.neighbours.table["name"]) if self.neighbours else []
        known = {name.casefold(): name for name in now.index}
        there = [known[name.casefold()] for name in names if name.casefold() in known]
        table = now.loc[there, ["value", "ci_lower", "ci_upper", "n"]].reset_index()
        if self.ranking is not None:
            ranks = self.ranking.table.set_index("area")
            columns = [
                name for name in ("rank", "rank_lower", "rank_upper", "band") if name in ranks
            ]
            table = table.join(ranks[columns], on="area")
        return table.dropna(axis=1, how="all")

    @answered
    def indicators(self) -> pd.DataFrame:
        """Rows of the `indicators` contract: the area at each time, beside the comparator."""
        plan, rows = self.plan, self.own
        against = self.table[self.table["area"].str.casefold() == plan.against.casefold()]
        beside = rows["order"].map(against.drop_duplicates("order").set_index("order")["value"])
        last = (rows["order"] == self.latest["order"]).to_numpy()
        rank = None if self.ranking is None else self.ranking.of(self.latest["area"])
        n = self.latest["n"]
        places = self.rules.places(n) if n > 0 else 1
        columns = ["area", "value", "ci_lower", "ci_upper", "n", "symbol"]
        table = rows[columns].assign(
            indicator=plan.name,
            period=rows["time"],
            unit=plan.unit,
            comparator="" if against.empty else plan.against,
            comparator_value=beside,
            rank=np.nan if rank is None else np.where(last, rank["rank"], np.nan),
            band="" if rank is None else np.where(last, rank["band"], ""),
            sentence=np.where(last, self.told(self.headline, places), ""),
        )
        found = self.contract(records(table))
        return found if plan.published else found.drop(columns="published")

    @answered
    def headline(self) -> str:
        """The latest figure with its interval, and what the series does, in one sentence."""
        last, unit = self.latest, self.plan.unit
        sign = "%" if unit.startswith("%") else f" {unit}".rstrip()
        size = f"{words.number(last['value'], 1)}{sign}"
        if last["ci_lower"] == last["ci_lower"]:
            ends = words.number(last["ci_lower"], 1), words.number(last["ci_upper"], 1)
            size += f" ({100 * LEVEL:g}% interval {ends[0]} to {ends[1]})"
        found = self.chart.sentence().partition("; it ")[2]
        if (points := len(self.chart.table)) < FEW:
            found = f"{found.removesuffix('.')}; {points} points leave its limits unsure."
        return f"{self.plan.name}, {last['area']}: {size} in {last['time']}; it {found}"

    # what a reader sees -----------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The indicator."""
        return self.plan.name

    @property
    def headlines(self) -> list[str]:
        """The latest figure, and where it stands among all."""
        return [
            self.headline,
            *([self.ranking.sentence(self.latest["area"])] if self.ranking else []),
        ]

    @property
    def questions(self) -> dict[str, Callable[[], list[Any]]]:
        """What answers each question, in the order of the report."""
        return {
            "the data": lambda: [
                self.own.drop(columns=["order", "local"]).dropna(axis=1, how="all")
            ],
            "over time": self._over_time,
            "beside others": self._beside_others,
            "what next": self._what_next,
            "method": self._method,
        }

    def _over_time(self) -> list[Any]:
        return [
            self.picture,
            self.headline,
            f"From first to last: {self.change.sentence()}" if self.change else None,
            *self.chart.caveats,
        ]

    def _beside_others(self) -> list[Any]:
        ranking, official = self.ranking, self.neighbours
        return [
            ranking.sentence(self.latest["area"]) if ranking else None,
            official.sentence() if official else None,
            self.beside if len(self.beside) > 1 else None,
            *self._absent,
            *(official.caveats if official else ()),
        ]

    @property
    def _absent(self) -> list[str]:
        """Which of those that the plan sets beside the area are not in the file."""
        known = set(self.table["area"].str.casefold())
        names = filter(None, (self.plan.against, self.plan.region))
        return [f"{name} is not in the file." for name in names if name.casefold() not in known]

    def _what_next(self) -> list[Any]:
        try:
            found = self.forecast.sentence()
        except EvidenceError as error:
            return [f"No forecast can be made: {error}."]
        scored = self.scored
        if scored.empty:
            return [
                found,
                "No forecast could be scored: too little was known before the last time.",
            ]
        held = f"{int(scored['held'].sum()):,} of {len(scored):,}"
        own = scored[scored["unit"].str.casefold() == str(self.latest["area"]).casefold()]
        mine = [
            f"for {row['unit']} in {row['time']}, {words.number(row['forecast'], 1)} was forecast "
            f"({words.number(row['lower'], 1)} to {words.number(row['upper'], 1)}) and "
            f"{words.number(row['actual'], 1)} came"
            for _, row in own.tail(1).iterrows()
        ]
        held = f"Made without the last figures, {held} forecasts held (80 of 100 should)"
        return [found, f"{'; '.join([held, *mine])}."]

    def _method(self) -> list[Any]:
        alarms = self.chart.false_alarms(draws=5_000).set_index("asked")["share"]
        return [
            "Control chart by the rules of NHS Making Data Count: a point outside the limits, "
            f"{self.chart.trend} points rising or falling, two of three near a limit, "
            f"{self.chart.run} on one side of the centre. Of 100 series as long as this in which "
            f"nothing happens, {100 * alarms['any point']:.0f} have a signal somewhere, and "
            f"{100 * alarms['the last point']:.1f} at the last point.",
            "Ranks: equal values share the better rank; bands cut at quartiles over all areas "
            "(DfE, Local Authority Interactive Tool).",
        ]

    @answered
    def picture(self) -> Picture:
        """The control chart as a picture."""
        return self.charted(
            self.chart,
            f"{self.plan.name}, {self.latest['area']}: {self.chart.variation}",
            f"The figure at each time with its mean and limits. {self.headline}",
        )


def tidy(plan: MonitoringPlan, rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row an area and time, read once: numbers, intervals, symbols."""
    if bool(plan.value) == bool(plan.count) or bool(plan.count) != bool(plan.n):
        raise EvidenceError("plan: give value, or count and n: one of the two")
    names = frames.listed(plan.area)
    asked = {name: getattr(plan, name) for name in ("value", "count", "n", "time", "local")}
    plan.require(asked | {"area": list(names)}, rows)
    order, written, _ = published.times(rows, plan.time)
    area = frames.labels(rows, names[0]).astype("str")
    for name in names[1:]:
        area = area.where(area.notna(), frames.labels(rows, name).astype("str"))
    times = [published.spelt(text) for text in written]
    table = pd.DataFrame({"area": area, "time": times, "value": np.nan})
    table = table.assign(ci_lower=np.nan, ci_upper=np.nan, n=np.nan, symbol="", order=order)
    table["local"] = ~frames.missing(rows, plan.local or names[0])
    if plan.count:
        count, n, _ = published.counts(rows, plan.count, plan.n)
        low, high = intervals.wilson(count, n, LEVEL)
        table = table.assign(count=count, n=n, value=100 * count / n)
        table = table.assign(ci_lower=100 * low, ci_upper=100 * high)
    else:
        table["value"] = published.numbers(rows, plan.value)[0]
        mixed = published.two_scales(table["value"].to_numpy(float), plan.value)
        if mixed and plan.unit.startswith("%"):
            raise EvidenceError(f"{plan.indicator}: column {mixed[0]}")
    symbols = pd.Series(published.symbols(rows, plan.value or plan.count))
    if plan.n:
        symbols = symbols.mask(symbols == "", pd.Series(published.symbols(rows, plan.n)))
    hidden = table["value"].isna()
    table["symbol"] = symbols.where(symbols != "", "x").where(hidden, "")
    table = table.dropna(subset=["area"]).reset_index(drop=True)
    published.area(table, "area", plan.place)
    twice = table.duplicated(["area", "order"])
    if twice.any():
        raise EvidenceError(
            f"{plan.indicator}: {table.loc[twice.idxmax(), 'area']} has two rows in "
            f"{table.loc[twice.idxmax(), 'time']}; select one figure with where"
        )
    return table
