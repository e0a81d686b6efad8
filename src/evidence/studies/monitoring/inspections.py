"""Inspections: who moved, whether that has a direction, and what adds up: `ev.Inspections`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from evidence.data import readers, schools
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.monitoring.participation import Participation, participation
from evidence.methods.monitoring.stocks import Stocks, stock_and_flow
from evidence.methods.monitoring.transitions import (
    OVERALL,
    Transitions,
    places_of,
    transitions,
)
from evidence.show import words
from evidence.show.picture import Picture
from evidence.stats.monitoring import intervals
from evidence.studies.plan import CommonPlan
from evidence.studies.study import answered
from evidence.studies.watching import LEVEL, Watching, percent

_INSPECTED = "inspected"


class InspectionsPlan(CommonPlan):
    """The parameters of ``notebooks/inspections.ipynb``.

    `inspected` has a row a school inspected, with the judgements `previous` and `latest` (columns);
    `stock` a row a judgement (`judgement`), selected by `stock_where`, with the number of schools
    at two dates (`before`, `after`); `national` a row a school of the country, with
    `national_judgement`. `establishments` says who the schools are, by `school` (their URN), and
    `traits` of it who was inspected. `claim` is what a report calls them: a rise.
    """

    area: str
    against: str = "England"
    claim: str = ""
    inspected: str
    school: str = "urn"
    previous: str = "previous"
    latest: str = "latest"
    stock: str = ""
    stock_where: dict[str, Any] = Field(default_factory=dict)
    judgement: str = "judgement"
    before: str = ""
    after: str = ""
    national: str = ""
    national_judgement: str = ""
    establishments: str = ""
    traits: list[str] = Field(default_factory=list)


@dataclass(frozen=True, eq=False, kw_only=True)
class Inspections(Watching):
    """What inspections say, and what they do not.

    Parameters
    ----------
    tables : mapping
        `inspected`; `stock`, `national` and `schools` where the plan names them.
    """

    kind = InspectionsPlan

    @classmethod
    def files(cls, data: str, plan: InspectionsPlan) -> dict[str, Any]:
        """Read what the plan names."""
        named = [plan.previous, plan.latest]
        read = {"inspected": readers.table(f"{data}/{plan.inspected}", known=named)}
        plan.require({"previous": plan.previous, "latest": plan.latest}, read["inspected"])
        twice = read["inspected"].duplicated().to_numpy()
        if plan.school in read["inspected"] and twice.any():
            where = frames.row(twice.argmax(), read["inspected"])
            raise EvidenceError(f"{data}/{plan.inspected}, {where}: an earlier row says the same")
        if plan.stock:
            named = [plan.judgement, plan.before, plan.after]
            stock = readers.table(f"{data}/{plan.stock}", known=[*named, *plan.stock_where])
            read["stock"] = readers.select(stock, plan.stock_where) if plan.stock_where else stock
        if plan.national:
            if not plan.national_judgement:
                raise EvidenceError("plan: national needs national_judgement, its column")
            read["national"] = readers.table(
                f"{data}/{plan.national}", known=[plan.national_judgement]
            )
        if plan.establishments:
            every = readers.establishments(f"{data}/{plan.establishments}")
            plan.require({"traits": plan.traits}, every, known=True)
            read["schools"], read["links"] = schools.still_open(every)
        return read

    @answered
    def flow(self) -> Transitions:
        """Who moved from which judgement to which."""
        plan = self.plan
        return transitions(self.tables["inspected"], before=plan.previous, after=plan.latest)

    @answered
    def stock(self) -> Stocks | None:
        """All schools at two dates, beside what inspections explain; None without such a table."""
        if "stock" not in self.tables:
            return None
        named = {name: getattr(self.plan, name) for name in ("judgement", "before", "after")}
        return stock_and_flow(self.tables["stock"], flow=self.flow, **named)

    @answered
    def national(self) -> pd.Series | None:
        """Schools of the country by judgement, best first; None without them."""
        if "national" not in self.tables:
            return None
        scale = list(self.flow.table["before"].drop_duplicates())
        codes = places_of(self.tables["national"], self.plan.national_judgement, scale)
        counts = np.bincount(codes[codes >= 0], minlength=len(scale))
        return pd.Series(counts, index=scale)

    @answered
    def judged(self) -> pd.DataFrame:
        """Schools by judgement and date: those of the area, and those of the country."""
        if self.stock:
            table = self.stock.table.set_index("judgement")
            sides = {self.plan.before: table["before"], self.plan.after: table["after"]}
        else:
            matrix = self.flow.matrix()
            sides = {"before": matrix.sum(axis=1), "after": matrix.sum(axis=0)}
        if self.national is not None:
            sides = {self.plan.against: self.national} | sides
        parts = [
            pd.DataFrame(
                {"outcome": counts.index, "group": words.capital(name.replace("_", " ")),
                 "n_part": counts.to_numpy(), "n_schools": int(counts.sum())})
            for name, counts in sides.items()
        ]  # fmt: skip
        return pd.concat(parts, ignore_index=True)

    @answered
    def reach(self) -> Participation | None:
        """Who was inspected, of all schools; None without a list of them."""
        if "schools" not in self.tables:
            return None
        spells = self.tables["inspected"][[self.plan.school]].set_axis(["urn"], axis=1)
        whose = schools.same_schools(
            spells.assign(urn=frames.labels(spells, "urn").astype("str"), programme=_INSPECTED),
            self.tables["schools"],
            self.tables["links"],
        )
        return participation(self.tables["schools"], whose, traits=self.plan.traits)

    @property
    def headlines(self) -> list[str]:
        """Who moved, what that says of a claim, and what does not add up."""
        found = [self.flow.sentence()]
        if self.plan.claim:
            shown = self.flow.p_value < 0.05 and self.flow.up > self.flow.down
            said = "is borne out by" if shown else "is not supported by"
            found.append(f"“{self.plan.claim}” {said} these inspections.")
        return [*found, *([self.stock.sentence()] if self.stock else [])]

    @answered
    def good(self) -> pd.DataFrame:
        """The share of schools that are good or better: a row a side of `judged`."""
        counts = self.judged.assign(good=self.judged["outcome"].isin(OVERALL[:2]))
        rows = []
        for group, part in counts.groupby("group", sort=False):
            many, n = int(part.loc[part["good"], "n_part"].sum()), int(part["n_schools"].iloc[0])
            low, high = intervals.wilson(many, n, LEVEL)
            rows.append({"group": group, "count": many, "n": n} | percent(many / n, low, high))
        return pd.DataFrame(rows)

    @answered
    def indicators(self) -> pd.DataFrame:
        """Schools good or better at each date, and those that moved up and down."""
        plan, flow, beside = self.plan, self.flow, np.nan
        if self.national is not None:
            beside = self.good["value"].iloc[0]
        own = self.good if self.national is None else self.good.iloc[1:]
        rows = [
            {
                "indicator": "Schools good or outstanding",
                "area": plan.area,
                "period": row["group"],
                **{name: row[name] for name in ("value", "ci_lower", "ci_upper", "n")},
                "unit": "% of schools",
                "comparator": plan.against,
                "comparator_value": beside,
            }
            for _, row in own.iterrows()
        ]
        for way, many in (("up", flow.up), ("down", flow.down)):
            low, high = intervals.wilson(many, flow.n, LEVEL)
            rows.append(
                {
                    "indicator": f"Schools that moved {way} when inspected again",
                    "area": plan.area,
                    "period": plan.cohort_title or "latest",
                    **percent(many / flow.n, low, high),
                    "unit": "% of schools",
                    "n": flow.n,
                    "sentence": flow.sentence(),
                }
            )
        return self.contract(rows)

    @property
    def questions(self) -> dict[str, Callable[[], list[Any]]]:
        """What answers each question, in the order of the report."""
        return {
            "who took part": self._who,
            "what changed": self._changed,
            "beside others": self._beside,
            "method": lambda: [
                "Schools that stayed say nothing of direction: the sign test asks whether as many "
                "would move each way by chance. Inspections of one period are no sample of all "
                "schools: weaker ones are inspected sooner, and outstanding ones were long exempt. "
                "The stock of all schools changes by openings, closures and academy orders too.",
            ],
        }

    def _who(self) -> list[Any]:
        many = words.counted(self.flow.n, "school")
        if self.reach is None:
            return [f"{many} judged twice; of which kinds, and of how many, is not known here."]
        row, groups = self.reach.table.iloc[0], self.reach.groups
        many = words.counted(row["n"], "school")
        said = f"{row['joined']:,} of {many} ({100 * row['share']:.0f}%) were inspected again."
        groups = groups[groups["programme"] == _INSPECTED].drop(columns="programme")
        groups = groups.assign(trait=groups["trait"].map(self.plan.called))
        return [said, *self.reach.caveats, groups]

    def _changed(self) -> list[Any]:
        return [self.flow, self._picture, self.stock, self._same_schools]

    @property
    def _same_schools(self) -> str:
        """How the share of the same schools that are good or better changed."""
        matrix = self.flow.matrix()
        good = [name for name in matrix.index if name in OVERALL[:2]]
        was, now = int(matrix.loc[good].to_numpy().sum()), int(matrix[good].to_numpy().sum())
        return (
            f"Of the same {words.counted(self.flow.n, 'school')}, {was:,} were good or better "
            f"before and {now:,} after."
        )

    def _beside(self) -> list[Any]:
        if self.national is None:
            return []
        rows = self.good
        said = [
            f"{row['group']}: {row['count']:,} of {row['n']:,} good or better, "
            f"{words.number(row['value'], 1)}% (95% interval {words.number(row['ci_lower'], 1)} to "
            f"{words.number(row['ci_upper'], 1)}%)."
            for _, row in rows.iterrows()
        ]
        return [*said, rows]

    @answered
    def _picture(self) -> Picture:
        return self.shares(
            self.judged,
            name="judgements",
            question="what changed",
            title=f"{self.plan.area}: schools by judgement",
            alt=f"Bars of the share of schools with each judgement. {self.flow.sentence()}",
        )
