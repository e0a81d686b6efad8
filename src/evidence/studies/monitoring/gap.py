"""How far disadvantaged pupils are behind, here and nationally, and whether it closes: `ev.Gap`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from evidence.data import areas, labels, pseudonyms, readers
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.monitoring import gaps, published
from evidence.show import words
from evidence.show.picture import Picture
from evidence.studies.plan import CommonPlan
from evidence.studies.study import answered
from evidence.studies.watching import Watching

_FIFTHS = ("most deprived fifth", "second fifth", "third fifth", "fourth fifth",
           "least deprived fifth")  # fmt: skip
_KS2 = ("_FSM6CLA1A", "_NOTFSM6CLA1A")  # endings of a measure of KS2 tables, and of its counts
_SHARES = ["time", "disadvantaged", "n_disadvantaged", "others", "n_others"]


class GapPlan(CommonPlan):
    """The parameters of ``notebooks/gap.ipynb``: pupils, or tables of Key Stage 2.

    Of `pupils` (a row a pupil and year): `disadvantaged` (1 and 0), `scores` whose mean is ranked,
    and `reached` (1 and 0), the share compared. `establishments` gives the schools' deprivation.
    Of `ks2` tables of `years`: `measure`, such as PTRWM_EXP, of all rows of the authority.
    """

    name: str = "Expected standard"
    area: str
    against: str = "England"
    pupils: str = ""
    disadvantaged: str = "fsm"
    scores: list[str] = Field(default_factory=list)
    reached: str = ""
    time: str = "year"
    establishments: str = ""
    ks2: list[str] = Field(default_factory=list)
    years: list[int] = Field(default_factory=list)
    measure: str = "PTRWM_EXP"


@dataclass(frozen=True, eq=False, kw_only=True)
class Gap(Watching):
    """The gap between disadvantaged pupils and others over the years.

    Parameters
    ----------
    tables : mapping
        `pupils`, and `fifths` (school to fifth of deprivation); `own` and `national`: a row a year,
        with the percentages of both groups and how many pupils each is of.
    """

    kind = GapPlan

    @classmethod
    def files(cls, data: str, plan: GapPlan) -> dict[str, Any]:
        """Read pupils, tables of Key Stage 2, or both."""
        if not (plan.pupils or plan.ks2):
            raise EvidenceError("plan: give pupils, or ks2 and years: what the gap is of")
        read: dict[str, Any] = {}
        if plan.ks2:
            columns = [f"{plan.measure}{end}" for end in _KS2] + [f"T{end[1:]}" for end in _KS2]
            paths = [f"{data}/{path}" for path in plan.ks2]
            levels = ("la", "national_state")
            panel = readers.ks2_panel(paths, columns, levels=levels, years=plan.years)
            _same_area(plan, panel[panel["level"] == "la"])
            for name, level in (("own", "la"), ("national", "national_state")):
                rows = panel[panel["level"] == level]
                read[name] = rows[["year", columns[0], columns[2], columns[1], columns[3]]]
                read[name] = read[name].set_axis(_SHARES, axis=1).sort_values("time")
        if plan.pupils:
            pupils = readers.pupils(f"{data}/{plan.pupils}", names=True)
            pupils = pseudonyms.without_names(pupils)
            plan.require({"scores": plan.scores, "reached": plan.reached, "time": plan.time,
                          "disadvantaged": plan.disadvantaged}, pupils)  # fmt: skip
            order, written, _ = published.times(pupils, plan.time)
            if all(published.period(text) for text in set(written)):
                pupils = pupils.assign(**{plan.time: order.astype(int)})  # 2018/19 ends in 2019
            read["pupils"] = pupils
            if plan.reached:
                read["own"] = _shares(pupils, plan)
            if plan.establishments:
                read["fifths"] = _fifths(f"{data}/{plan.establishments}")
        return read

    @answered
    def index(self) -> gaps.Gap | None:
        """DfE's gap index within the area; None without scores of pupils."""
        if "pupils" not in self.tables or not self.plan.scores:
            return None
        return gaps.gap_index(
            self.tables["pupils"],
            score=tuple(self.plan.scores),
            disadvantaged=self.plan.disadvantaged,
            time=self.plan.time,
        )

    def _gap(self, whose: str) -> gaps.Gap | None:
        table = self.tables.get(whose)
        if table is None or table[["disadvantaged", "others"]].isna().any(axis=1).all():
            return None
        named = dict(zip(_SHARES, _SHARES, strict=True))
        return gaps.share_gap(table, **named)

    @answered
    def share(self) -> gaps.Gap | None:
        """The gap in percentage points within the area."""
        return self._gap("own")

    @answered
    def national(self) -> gaps.Gap | None:
        """The same of the country; None where the tables do not have it."""
        return self._gap("national")

    @answered
    def slope(self) -> gaps.SlopeIndex | None:
        """How the share falls with the deprivation of the schools, in the latest year."""
        if "fifths" not in self.tables or not self.plan.reached:
            return None
        table = self.by_fifth
        found = gaps.slope_index(
            table.assign(share=table["n_part"] / table["n_pupils"], place=range(len(table))),
            value="share",
            population="n_pupils",
            group="place",
            count="n_part",
        )
        scaled = ["slope_index", "slope_lower", "slope_upper", "intercept"]
        points = found.table.assign(**{name: 100 * found.table[name] for name in scaled})
        return replace(found, table=points, value=f"{self.plan.name}, percentage points")

    @answered
    def by_fifth(self) -> pd.DataFrame:
        """Pupils of the latest year who reached the standard, by fifth of their school."""
        pupils, plan = self.tables["pupils"], self.plan
        last = pupils[pupils[plan.time] == pupils[plan.time].max()]
        last = last.assign(outcome=last["urn"].map(self.tables["fifths"])).dropna(
            subset=["outcome", plan.reached]
        )
        grouped = last.groupby("outcome", observed=True)[plan.reached].agg(["sum", "size"])
        grouped = grouped.reindex(_FIFTHS).dropna().astype(int).reset_index()
        grouped.insert(1, "group", "all")
        return grouped.set_axis(["outcome", "group", "n_part", "n_pupils"], axis=1)

    @property
    def headlines(self) -> list[str]:
        """The gap in points with its trend, beside the country's, and the index."""
        found = [
            f"{self.plan.name}, {where}: {gap.sentence()}"
            for where, gap in ((self.plan.area, self.share), (self.plan.against, self.national))
            if gap
        ]
        return [*found, *([f"{words.capital(self.index.sentence())}"] if self.index else [])]

    @answered
    def indicators(self) -> pd.DataFrame:
        """The gap in percentage points and the gap index, a row a year."""
        rows, beside = [], {}
        if self.national is not None:
            beside = self.national.table.set_index("time")["estimate"].to_dict()
        for gap, unit, digits in ((self.share, "percentage points", 1), (self.index, "index", 2)):
            if gap is None:
                continue
            kind = "gap" if unit != "index" else "gap index"
            for place, row in gap.table.iterrows():
                last = place == len(gap.table) - 1
                rows.append(
                    {
                        "indicator": f"{self.plan.name}: {kind}",
                        "area": self.plan.area,
                        "period": row["time"],
                        "value": round(row["estimate"], digits),
                        "ci_lower": round(row["ci_lower"], digits),
                        "ci_upper": round(row["ci_upper"], digits),
                        "unit": unit,
                        "n": row["n"],
                        "comparator": self.plan.against if unit != "index" else "",
                        "comparator_value": beside.get(row["time"], np.nan)
                        if unit != "index"
                        else np.nan,
                        "sentence": self.told(f"{self.plan.area}: {gap.sentence()}", digits)
                        if last
                        else "",
                    }
                )
        return self.contract(rows)

    @property
    def questions(self) -> dict[str, Callable[[], list[Any]]]:
        """What answers each question, in the order of the report."""
        return {
            "the data": lambda: [self._table],
            "over time": self._over_time,
            "beside others": lambda: [self.national, *self._widening],
            "for whom": self._for_whom,
            "method": lambda: [
                "The gap is others less disadvantaged pupils, with Newcombe's interval; its trend "
                "is a line weighted by precision. The gap index ranks the pupils given, not all "
                "of England: the same formula as DfE's, not a figure to set beside it. The slope "
                "index of inequality is the line through fifths of schools by free meals."
            ],
        }

    @property
    def _widening(self) -> list[str]:
        """Whether the gap here moved otherwise than the country's."""
        if not (self.share and self.national):
            return ["How the gap moved nationally is not in these files."]
        own, theirs = (gap.table.set_index("time") for gap in (self.share, self.national))
        both = [time for time in own.index if time in theirs.index]
        if len(both) < 2:
            return []
        first, last = both[0], both[-1]
        moved = [t.loc[last, "estimate"] - t.loc[first, "estimate"] for t in (own, theirs)]
        error = np.sqrt(sum(t.loc[when, "std_error"] ** 2 for t in (own, theirs) for when in
                            (first, last)))  # fmt: skip
        size = words.number(moved[0] - moved[1], 1, sign=True)
        ends = [words.number(moved[0] - moved[1] + way * 1.96 * error, 1, sign=True)
                for way in (-1, 1)]  # fmt: skip
        return [
            f"From {first} to {last} the gap moved by {words.number(moved[0], 1, sign=True)} "
            f"points here and {words.number(moved[1], 1, sign=True)} nationally: {size} beyond the "
            f"country (95% interval {ends[0]} to {ends[1]})."
        ]

    @property
    def _table(self) -> pd.DataFrame | None:
        table = self.tables.get("own")
        return None if table is None else table.assign(time=table["time"].map(labels.label))

    def _over_time(self) -> list[Any]:
        return [self._lines, self.share, self.index]

    @answered
    def _lines(self) -> Picture | None:
        if self.share is None:
            return None
        known = [("here", self.share), ("nationally", self.national)]
        tables = [
            gap.table.assign(group=group, outcome="Gap, percentage points")
            for group, gap in known[::-1]
            if gap
        ]
        table = pd.concat(tables, ignore_index=True)
        table["time"] = table["time"].astype(float).astype(int)
        named = ["outcome", "group", "time", "estimate", "ci_lower", "ci_upper"]
        table = self.coarse(table.round(1), named[3:])[[*named, "n_disadvantaged"]]
        said = self.told(self.share.sentence(), self.rules.places(self.share.table["n"].iloc[-1]))
        return Picture(
            name="gap",
            kind="lines",
            question="over time",
            title=f"{self.plan.name}, {self.plan.area}: the gap between disadvantaged pupils and "
            "others",
            alt=f"Gaps with their intervals, a line here and nationally. {words.capital(said)}",
            table=table,
            counts=("n_disadvantaged",),
            statistics=("estimate", "ci_lower", "ci_upper"),
            axes=("time",),
            published=self.plan.published,
        )

    def _for_whom(self) -> list[Any]:
        if self.slope is None:
            return ["Not known here: it takes pupils and the free school meals of their schools."]
        picture = self.shares(
            self.by_fifth,
            name="by-deprivation",
            question="for whom",
            title=f"{self.plan.name} by the deprivation of the school",
            alt=f"Bars from the most to the least deprived fifth. {self.slope.sentence()}",
        )
        return [picture, self.slope]


def _same_area(plan: GapPlan, rows: pd.DataFrame) -> None:
    """Refuse tables of another authority than the one that the report is of."""
    for code, year in rows[["la", "year"]].drop_duplicates().itertuples(index=False):
        try:
            there, wanted = (areas.find(str(x), date(year - 1, 9, 1)) for x in (code, plan.area))
        except EvidenceError:
            continue  # no official authority, such as a simulated one
        if there["code"] != wanted["code"]:
            raise EvidenceError(
                f"plan: area is {plan.area}, but the tables of {year} are of {there['name']} "
                f"({code})"
            )


def _shares(pupils: pd.DataFrame, plan: GapPlan) -> pd.DataFrame:
    """Return the percentage of each group that reached the standard, a row a year."""
    known = pupils.dropna(subset=[plan.reached, plan.disadvantaged])
    for name in (plan.reached, plan.disadvantaged):
        if not np.isin(frames.numbers(known, name), (0, 1)).all():
            raise EvidenceError(f"column {name!r}: 1 and 0 are needed")
    table = pd.DataFrame({"time": sorted(known[plan.time].unique())})
    for name, flag in (("disadvantaged", 1), ("others", 0)):
        grouped = known[known[plan.disadvantaged] == flag].groupby(plan.time)[plan.reached]
        table[name] = table["time"].map(100 * grouped.mean())
        table[f"n_{name}"] = table["time"].map(grouped.size())
    return table[_SHARES]


def _fifths(path: str) -> pd.Series:
    """Return the fifth of deprivation of each school, by its pupils' free meals."""
    schools = readers.establishments(path).dropna(subset=["pct_fsm"])
    cuts = schools.groupby("phase")["pct_fsm"].rank(pct=True, ascending=False, method="first")
    place = np.minimum((cuts * 5).apply(np.ceil).astype(int), 5) - 1
    return pd.Series([_FIFTHS[at] for at in place], index=schools["urn"])
