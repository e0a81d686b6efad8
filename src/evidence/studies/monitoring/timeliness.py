"""How long cases take, over time and with those still open counted: `ev.Timeliness`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from evidence.data import readers, school_years
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.monitoring.control_chart import control_chart
from evidence.methods.monitoring.timeliness import Timeliness as Waiting
from evidence.methods.monitoring.timeliness import timeliness
from evidence.show import words
from evidence.show.picture import Picture
from evidence.studies.monitoring.indicator import Monitoring, tidy
from evidence.studies.plan import MonitoringPlan
from evidence.studies.study import answered

_FORMS = ("%Y-%m-%d", "%d/%m/%Y")
_PERIODS = {"month": "M", "quarter": "Q"}
_STEP = 4  # weeks between the points of the curve that may leave
_WITHOUT = "without exceptions"
_EARLIEST = pd.Timestamp("1990-01-01")  # no case is as old: a year was mistyped


class TimelinessPlan(MonitoringPlan):
    """The parameters of ``notebooks/timeliness.ipynb``.

    Either a table of counts, as :class:`evidence.studies.plan.MonitoringPlan` has it, with
    `count_without` and `n_without` for those to whom no exception applied; or `cases`: a file of a
    row a case, with the dates `requested` and `issued` (blank while open) and, as 1 and 0,
    `excepted`; `as_of` is the day on which it was written, by default its last date, and `every`
    how cases are counted: by "month" or "quarter".
    """

    indicator: str = ""
    area: str | list[str] = Field(default_factory=list)
    time: str = ""
    weeks: float = Field(default=20.0, gt=0)
    count_without: str = ""
    n_without: str = ""
    cases: str = ""
    requested: str = "requested"
    issued: str = "issued"
    excepted: str = ""
    as_of: str = ""
    every: Literal["month", "quarter"] = "quarter"


@dataclass(frozen=True, eq=False, kw_only=True)
class Timeliness(Monitoring):
    """The share done in time, its signals, the curve of waiting, the backlog and what comes next.

    Parameters
    ----------
    tables : mapping
        As those of :class:`evidence.studies.monitoring.indicator.Monitoring`; `without`:
        the same figures without exceptions; `cases`: a row a case with
        `weeks`, `done`, `excepted` and its dates.
    """

    kind = TimelinessPlan

    @classmethod
    def files(cls, data: str, plan: TimelinessPlan) -> dict[str, Any]:
        """Read counts, or cases and count them by when they were done."""
        if not plan.cases:
            read = super().files(data, plan)
            if plan.count_without:
                other = plan.changed(count=plan.count_without, n=plan.n_without)
                read["without"] = super().files(data, other)["table"]
            return read
        cases = _cases(f"{data}/{plan.cases}", plan)
        read = {"cases": cases, "table": _counted(cases, plan)}
        if plan.excepted:
            read["without"] = _counted(cases[cases["excepted"] == 0], plan)
        return read

    @answered
    def without(self) -> Timeliness | None:
        """The same study of those to whom no exception applied; None where that is not known."""
        if "without" not in self.tables:
            return None
        tables = {name: one for name, one in self.tables.items() if name != "without"}
        tables["table"] = self.tables["without"]
        if "cases" in tables:
            tables["cases"] = tables["cases"][tables["cases"]["excepted"] == 0]
        plan = self.plan.changed(name=f"{self.plan.name}, {_WITHOUT}")
        return replace(self, plan=plan, tables=tables)

    @answered
    def waiting(self) -> Waiting | None:
        """Time from the request until it is done, open cases counted; None without cases."""
        if "cases" not in self.tables:
            return None
        found = timeliness(
            self.tables["cases"], duration="weeks", event="done", at=(self.plan.weeks,)
        )
        return replace(found, duration=f"{self.plan.name}, weeks")

    @answered
    def backlog(self) -> pd.DataFrame | None:
        """Cases open at the end of each month or quarter, and for longer than allowed."""
        if "cases" not in self.tables:
            return None
        cases, late = self.tables["cases"], pd.Timedelta(weeks=self.plan.weeks)
        freq = _PERIODS[self.plan.every]
        ends = pd.period_range(cases["requested"].min(), cases["as_of"].iloc[0], freq=freq)
        rows = []
        for day in ends.end_time.normalize():
            if day > cases["as_of"].iloc[0]:
                break
            waits = (cases["requested"] <= day) & ~(cases["issued"] <= day)
            overdue = waits & (day - cases["requested"] > late)
            (time,) = _written(pd.Series([day]), self.plan.every)
            rows.append((time, int(waits.sum()), int(overdue.sum())))
        return pd.DataFrame(rows, columns=["time", "open", "overdue"])

    @property
    def headlines(self) -> list[str]:
        """The latest share with and without exceptions, the median and the backlog."""
        found = super().headlines
        if self.without:
            said = self.without.headline.removeprefix(f"{self.plan.name}, ")
            found.append(words.capital(said))
        if self.waiting:
            found.append(self.waiting.sentence())
            found.append(self._backlog_said)
        return found

    @property
    def _backlog_said(self) -> str:
        last = self.backlog.iloc[-1]
        return (
            f"At the end of {last['time']}, {words.counted(last['open'], 'case')} were open, "
            f"{words.counted(last['overdue'], 'case')} for more than {self.plan.weeks:g} weeks. "
            "While these are cleared the share of those issued in time falls, and rises again "
            "after."
        )

    @answered
    def indicators(self) -> pd.DataFrame:
        """The share done in time at each time; of counts, which are many, without exceptions too.

        Of cases the two differ by few, who would be given away.
        """
        tables = [super().indicators]
        if self.without and not self.waiting:
            more = self.without.indicators
            tables.append(
                more.assign(indicator=self.plan.name, group=_WITHOUT, rank=np.nan, band="")
            )
        return pd.concat(tables, ignore_index=True)

    @property
    def questions(self) -> dict[str, Callable[[], list[Any]]]:
        """What answers each question, in the order of the report."""
        return super().questions | {"over time": self._over_time, "the data": self._the_data}

    def _the_data(self) -> list[Any]:
        columns = ["time", "count", "n", "value", "ci_lower", "ci_upper", "symbol"]
        found: list[Any] = [self.own[columns].dropna(axis=1, how="all")]
        return [*found, self.backlog] if self.backlog is not None else found

    def _over_time(self) -> list[Any]:
        parts = super()._over_time()
        if self.without and not self.waiting:
            parts.append(self._other_picture)
        if self.waiting:
            parts += [
                self.waiting.sentence(),
                self._curve,
                self._backlog_said,
                self._backlog_picture,
            ]
        return parts

    @answered
    def _other_picture(self) -> Picture:
        return replace(self.without.picture, name="over-time-without")

    @answered
    def _backlog_picture(self) -> Picture | None:
        """Return the chart of times with many; None of one. A mean gives back what it rests on."""
        many = self.backlog
        if not self.plan.published:
            many = many[many["overdue"] >= self.rules.figure_count]
        if len(many) < 2:
            return None
        chart = control_chart(many, value="overdue", time="time", improvement="decrease")
        title = f"Open for more than {self.plan.weeks:g} weeks at the end of each {self.plan.every}"
        alt = f"A control chart of cases overdue. {self._backlog_said}"
        return self.charted(chart, title, alt, counted=True, name="backlog")

    @answered
    def _curve(self) -> Picture | None:
        table, n = self.waiting.table, int(self.waiting.summary["n"].iloc[0])
        last = min(float(table["time"].max()), 3 * self.plan.weeks)
        rows = [{"weeks": 0.0, "done": 0.0, "ci_lower": 0.0, "ci_upper": 0.0, "n": n}]
        for week in np.arange(_STEP, last + 1e-9, _STEP):
            row = table[table["time"] <= week].iloc[-1:]
            left = int((self.tables["cases"]["weeks"] > week).sum())
            for _, one in row.iterrows():
                done = 100 * (1 - one[["survival", "ci_upper", "ci_lower"]])
                rows.append(dict(zip(("weeks", "done", "ci_lower", "ci_upper", "n"),
                                     (week, *done, left), strict=True)))  # fmt: skip
        drawn = pd.DataFrame(rows).assign(limit=self.plan.weeks)
        few = drawn["n"] >= self.rules.figure_count  # the tail of few is not told
        if not few.any():
            return None
        drawn = self.coarse(drawn[few], ["done", "ci_lower", "ci_upper"])
        end = drawn.iloc[-1]
        return Picture(
            name="waiting",
            kind="waiting",
            question="over time",
            title=f"{self.plan.name}: share done by weeks since the request",
            alt=f"A curve from 0% at the start to {end['done']:.0f}% by week {end['weeks']:g}.",
            table=drawn.reset_index(drop=True),
            counts=("n",),
            statistics=("done", "ci_lower", "ci_upper"),
            axes=("weeks", "limit"),
            published=self.plan.published,
        )


def _cases(path: str, plan: TimelinessPlan) -> pd.DataFrame:
    """Return a row a case: dates, weeks until it was done or until today, whether it is done."""
    named = [plan.requested, plan.issued]
    table = readers.table(path, named, known=named)
    began = _dates(path, table, plan.requested)
    if began.isna().any():
        raise EvidenceError(
            f"{path}: column {plan.requested!r}, {frames.row(began.isna().argmax())}: every case "
            "has a date on which it was asked for"
        )
    ended = _dates(path, table, plan.issued)
    today = max(began.max(), ended.max())
    if plan.as_of:
        (today,) = school_years.dates_of(pd.Series([plan.as_of]), _FORMS[0])
        if pd.isna(today):
            raise EvidenceError(f"as_of is {plan.as_of!r}; a date such as 2019-08-31 is needed")
    for name, dates in ((plan.requested, began), (plan.issued, ended)):
        if (late := dates > today).any():
            raise EvidenceError(
                f"{path}: column {name!r}, {frames.row(late.argmax())}: is after the day on which "
                f"the file was written ({today:%Y-%m-%d}); mend the date, or as_of"
            )
    for wrong, name, why in (
        (began < _EARLIEST, plan.requested, f"is before {_EARLIEST:%Y}; mend the date"),
        (ended < began, plan.issued, f"is before column {plan.requested!r}; mend one of the two"),
    ):
        if wrong.any():
            raise EvidenceError(f"{path}: column {name!r}, {frames.row(wrong.argmax())}: {why}")
    excepted = np.zeros(len(table))
    if plan.excepted:
        frames.require(table, (plan.excepted,))
        excepted = frames.numbers(table, plan.excepted)
        if not (known := np.isin(excepted, (0, 1))).all():
            where = frames.row(known.argmin())
            raise EvidenceError(f"{path}: column {plan.excepted!r}, {where}: 1 and 0 are needed")
    return pd.DataFrame(
        {
            "requested": began,
            "issued": ended,
            "weeks": (ended.fillna(today) - began).dt.days / 7,
            "done": ended.notna().astype(int),
            "excepted": excepted,
            "as_of": today,
        }
    )


def _dates(path: str, table: pd.DataFrame, column: str) -> pd.Series:
    blank = pd.Series(frames.missing(table, column))
    text = table[column].astype("str").str.strip()
    parsed = [school_years.dates_of(text.mask(blank), form) for form in _FORMS]
    best = max(parsed, key=lambda dates: dates.notna().sum())
    wrong = best.isna() & ~blank
    if wrong.any():
        raise EvidenceError(
            f"{path}: column {column!r}, {frames.row(wrong.argmax())}: is no date; write all of a "
            "column like 2018-09-30, or all like 30/09/2018"
        )
    return best


def _written(dates: pd.Series, every: str) -> pd.Series:
    """Return the month (2018-04) or quarter (2018 Q2) of dates."""
    if every == "month":
        return dates.dt.strftime("%Y-%m")
    return dates.dt.year.astype(str) + " Q" + dates.dt.quarter.astype(str)


def _counted(cases: pd.DataFrame, plan: TimelinessPlan) -> pd.DataFrame:
    """Return how many were done in each period, and how many of them in time, as figures."""
    done = cases[cases["done"] == 1]
    if done.empty:
        raise EvidenceError(f"{plan.cases}: no case is done, so no share can be told")
    when = _written(done["issued"], plan.every).rename("time")
    within = (done["weeks"] <= plan.weeks).astype(int)
    table = within.groupby(when).agg(["sum", "size"]).set_axis(["count", "n"], axis=1)
    table = table.reset_index().assign(area=plan.place)
    named = {"indicator": plan.cases, "count": "count", "n": "n", "area": "area", "time": "time"}
    return tidy(plan.changed(**named, value="", local=""), table)
