"""The data pack of one school: how it compares, with whom, and how much is noise: `ev.School`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from evidence.data import labels, readers
from evidence.errors import EvidenceError, nearest
from evidence.methods.monitoring import similar_schools as similar
from evidence.methods.monitoring.funnel import Funnel, funnel
from evidence.methods.monitoring.proportions import Change, change
from evidence.methods.monitoring.ranks import Ranking, rank_interval
from evidence.methods.monitoring.story import Story, story
from evidence.methods.monitoring.threshold import RULES, Threshold, threshold
from evidence.methods.monitoring.transitions import OVERALL, agreement, places_of, transitions
from evidence.show import words
from evidence.show.picture import Picture
from evidence.stats.monitoring import intervals
from evidence.studies.plan import CommonPlan
from evidence.studies.sections import say
from evidence.studies.study import answered
from evidence.studies.watching import LEVEL, Watching

_RULES = ("ks2_floor", "ks2_coasting")
_Z = 1.959963984540054


class SchoolPlan(CommonPlan):
    """The parameters of ``notebooks/schools.ipynb``.

    `ks2` are tables of Key Stage 2, one a year of `years`, `school` the URN asked about, `measure`
    a percentage of the tables, and `progress` which columns are progress in reading, maths and
    writing. Similar schools are alike in `traits` (numbers) and equal in `same`: columns of the
    tables, or of `establishments`; at most `max_km` away (0: anywhere) and `max_difference`
    standard deviations apart in each trait. `judgements` has a row a school with `judgement`;
    `categories` the authority's own category of each school, by `urn`, in the columns `first` and
    `second`, best first in `order`. `story` has `start`, and what was `predicted` for which year.
    """

    school: str
    name: str = "Expected standard"
    ks2: list[str] = Field(min_length=1)
    years: list[int]
    measure: str = "PTRWM_EXP"
    progress: dict[str, str] = Field(default_factory=dict)
    establishments: str = ""
    traits: list[str] = Field(default_factory=list)
    same: list[str] = Field(default_factory=list)
    max_km: float = Field(default=0.0, ge=0)
    max_difference: float = Field(default=1.0, gt=0)
    judgements: str = ""
    judgement: str = ""
    categories: str = ""
    first: str = ""
    second: str = ""
    order: list[str] = Field(default_factory=list)
    start: str = ""
    predicted: dict[str, float] = Field(default_factory=dict)
    chosen: bool = True


@dataclass(frozen=True, eq=False, kw_only=True)
class School(Watching):
    """One school beside all others, those like it, and the dated rules.

    Parameters
    ----------
    tables : mapping
        `panel`: a row a school and year, the authority's and the country's rows among them;
        `establishments`, `judgements` and `categories` where the plan names them.
    """

    kind = SchoolPlan

    @classmethod
    def files(cls, data: str, plan: SchoolPlan) -> dict[str, Any]:
        """Read the tables of all years and what else the plan names."""
        read: dict[str, Any] = {}
        results = {plan.measure, *plan.progress.values()}
        if wrong := [name for name in (*plan.traits, *plan.same) if name in results]:
            raise EvidenceError(
                f"plan: traits and same have {wrong[0]!r}, a result; schools are alike in what "
                "they are, not in how they did"
            )
        if plan.establishments:
            read["establishments"] = readers.establishments(f"{data}/{plan.establishments}")
        theirs = set(read["establishments"].columns if plan.establishments else ())
        traits = [t for t in (*plan.traits, *plan.same) if t not in theirs | {"level", "n_pupils"}]
        ends = [f"{name}{end}" for name in plan.progress.values() for end in
                ("", "_LOWER", "_UPPER")]  # fmt: skip
        panel = readers.ks2_panel(
            [f"{data}/{path}" for path in plan.ks2],
            [plan.measure, *ends, *traits],
            levels=("school", "special", "la", "national_state"),
            years=plan.years,
        )
        urns = panel.loc[panel["urn"] != "", "urn"].unique().tolist()
        if (labels.urn(plan.school) or "") not in urns:
            hint = nearest(plan.school, urns)
            hint = hint if hint.startswith("did") else f"there are {len(urns)} schools"
            raise EvidenceError(f"school is {plan.school!r}; it is not in the tables; {hint}")
        read["panel"] = panel
        for name, column in (("judgements", plan.judgement), ("categories", plan.first)):
            if path := getattr(plan, name):
                read[name] = readers.table(f"{data}/{path}", known=["urn", "URN", column])
        return read

    # the school and the others ----------------------------------------------------------------

    @answered
    def own(self) -> pd.DataFrame:
        """The school's rows, with England's percentage beside its own."""
        panel, measure = self.tables["panel"], self.plan.measure
        rows = panel[panel["urn"] == labels.urn(self.plan.school)]
        england = panel[panel["level"] == "national_state"].set_index("year")[measure]
        rows = rows.assign(england=rows["year"].map(england))
        share, n = rows[measure].to_numpy(float), rows["n_pupils"].to_numpy(float)
        n = np.where(n > 0, n, np.nan)
        low, high = intervals.wilson(np.round(share * n / 100), n, LEVEL)
        return rows.assign(ci_lower=100 * low, ci_upper=100 * high).reset_index(drop=True)

    @answered
    def called(self) -> str:
        """The school's name."""
        return str(self.own["school"].iloc[-1])

    @answered
    def known(self) -> pd.DataFrame:
        """The school's rows of years with a figure."""
        known = self.own[self.own["n_pupils"] > 0].dropna(subset=[self.plan.measure])
        if known.empty:
            raise EvidenceError(f"{self.called} has no figure of {self.plan.measure} in any year")
        return known

    @answered
    def everybody(self) -> pd.DataFrame:
        """Schools of the year of the school's latest figure, each with how many reached it."""
        panel, year = self.tables["panel"], self.known["year"].iloc[-1]
        rows = panel[(panel["year"] == year) & (panel["level"] == self.known["level"].iloc[-1])]
        rows = rows[rows[self.plan.measure].notna() & (rows["n_pupils"] > 0)]
        count = (rows[self.plan.measure] * rows["n_pupils"] / 100).round()
        return rows.assign(count=count).reset_index(drop=True)

    @answered
    def funnel(self) -> Funnel:
        """All schools of the tables within the limits that chance sets."""
        return funnel(self.everybody, unit="urn", n="n_pupils", count="count")

    @answered
    def widened(self) -> Funnel:
        """The same with limits widened by how much schools differ beyond chance."""
        call = {"unit": "urn", "n": "n_pupils", "count": "count"}
        return funnel(self.everybody, overdispersion="additive", **call)

    @answered
    def ranking(self) -> Ranking:
        """Rank with its interval, and the percentage drawn in as far as chance demands."""
        found = rank_interval(
            self.everybody, area="urn", value=self.plan.measure, polarity="high", n="n_pupils",
            draws=4_000,
        )  # fmt: skip
        return found

    @answered
    def moved(self) -> Change | None:
        """First year to last beside England's change; None with one year."""
        if len(self.known) < 2:
            return None
        first, last = self.known.iloc[0], self.known.iloc[-1]
        england = (first["england"], last["england"])
        return change(
            first[self.plan.measure], first["n_pupils"], last[self.plan.measure], last["n_pupils"],
            national=None if np.isnan(england).any() else england, percent=True,
        )  # fmt: skip

    @answered
    def alike(self) -> similar.SimilarSchools | None:
        """Schools like it, each with its reason; None without traits."""
        plan = self.plan
        if not plan.traits:
            return None
        rows = self.everybody
        if "establishments" in self.tables:
            theirs = self.tables["establishments"].drop(columns=["school", "la", "estab"])
            rows = rows.merge(theirs, on="urn", how="left")
        called = {name: plan.called(name) for name in (*plan.traits, *plan.same)}
        places = {"easting": "easting", "northing": "northing", "max_km": plan.max_km}
        found = similar.similar_schools(
            rows.rename(columns=called),
            school=labels.urn(plan.school),
            unit="urn",
            traits=say(plan.traits, called),
            same=say(plan.same, called),
            max_difference=plan.max_difference,
            **places if plan.max_km else {},
        )
        return replace(found, school=self.called)

    @answered
    def rules_said(self) -> list[Threshold | str]:
        """What each dated rule says of the school, or why it says nothing."""
        plan, panel = self.plan, self.tables["panel"]
        if not plan.progress:
            return []
        columns = {"expected": plan.measure} | plan.progress
        spread = {name: self._spread(column) for name, column in plan.progress.items()}
        rows = panel[panel["urn"] == labels.urn(plan.school)]
        found: list[Threshold | str] = []
        for rule in _RULES:
            title = RULES[rule].title
            asked = {"rule": rule, "unit": "urn", "time": "year", "n": "n_pupils"}
            dated = rows[rows["year"].between(2016, 2018)]
            try:
                if dated.empty:
                    raise EvidenceError("it applied to results of 2016 to 2018 only")
                found.append(threshold(dated, columns=columns, std_dev=spread, **asked))
            except EvidenceError as error:
                found.append(f"{title}: not decided: {error}.")
        return found

    def _spread(self, column: str) -> float:
        """Return the pupils' standard deviation that the printed intervals were made with."""
        panel = self.tables["panel"]
        rows = panel[panel["level"].isin(["school", "special"]) & panel[column].notna()]
        half = (rows[f"{column}_UPPER"] - rows[f"{column}_LOWER"]) / 2
        return float((half * np.sqrt(rows["n_pupils"]) / _Z).median())

    @answered
    def told(self) -> Story | None:
        """What it did after a date beside England; None without `start`."""
        plan = self.plan
        if not plan.start:
            return None
        return story(
            self.own.assign(year=self.own["year"].astype(str)),
            time="year", value=plan.measure, n="n_pupils", national="england", start=plan.start,
            predicted=plan.predicted, chosen=plan.chosen,
        )  # fmt: skip

    # what a reader sees -----------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The school's name, at the head of its pack."""
        return self.called

    @property
    def headlines(self) -> list[str]:
        """Where the school stands, how sure that is, and what its story says."""
        last = self.known.iloc[-1]
        size, low, high, england = (
            words.number(last[x], 0) for x in (self.plan.measure, "ci_lower", "ci_upper", "england")
        )
        found = [
            f"{self.plan.name}, {words.school_year(int(last['year']))}: {size}% of "
            f"{last['n_pupils']:,.0f} pupils (95% interval {low} to {high}%); England {england}%.",
            self._placed,
        ]
        if self.moved:
            found.append(f"First year to last: {self.moved.sentence()}")
        return [
            *found,
            *([f"Since {self.plan.start}: {self.told.sentence()}"] if self.told else []),
        ]

    @property
    def _placed(self) -> str:
        urn = labels.urn(self.plan.school)
        signals = [
            f.table.set_index("unit").loc[urn, "signal"] for f in (self.funnel, self.widened)
        ]
        row = self.ranking.of(urn)
        wide = signals[1] if signals[1] != signals[0] else "the same"
        return (
            f"Among {len(self.everybody):,} schools it is {signals[0]} by chance limits "
            f"({wide} once limits allow for how schools differ); rank {row['rank']:.0f}, by chance "
            f"anything from {row['rank_lower']:.0f} to {row['rank_upper']:.0f}; the best estimate "
            f"for a school of its size is {words.number(row['shrunken'], 0)}%."
        )

    @answered
    def indicators(self) -> pd.DataFrame:
        """The percentage in each year with England's, and progress with its interval."""
        plan, rows = self.plan, []
        for place, row in self.own.iterrows():
            last = place == self.known.index[-1]
            common = {"area": self.called, "n": row["n_pupils"]}
            common["period"] = words.school_year(int(row["year"]))
            place_of = self.ranking.of(row["urn"]) if last else {"rank": np.nan, "band": ""}
            rows.append(
                common
                | {
                    "indicator": plan.name,
                    "value": row[plan.measure],
                    "ci_lower": row["ci_lower"],
                    "ci_upper": row["ci_upper"],
                    "comparator": "England",
                    "comparator_value": row["england"],
                    "rank": place_of["rank"],
                    "band": place_of["band"],
                    "symbol": _symbol(row[f"{plan.measure}_symbol"]),
                    "sentence": self.headlines[0] if last else "",
                }
            )
            for subject, column in plan.progress.items():
                rows.append(
                    common
                    | {
                        "indicator": f"Progress in {subject}",
                        "value": row[column],
                        "ci_lower": row[f"{column}_LOWER"],
                        "ci_upper": row[f"{column}_UPPER"],
                        "unit": "points",
                        "symbol": _symbol(row[f"{column}_symbol"]),
                    }
                )
        return self.contract(rows)

    @property
    def questions(self) -> dict[str, Callable[[], list[Any]]]:
        """What answers each question, in the order of the report."""
        return {
            "the data": lambda: [self._table],
            "beside others": lambda: [self._picture, self._placed, *self._similar()],
            "over time": lambda: [
                self.moved.sentence() if self.moved else None,
                self.told,
            ],
            "does it hold": self._holds,
            "method": lambda: [
                "Limits are those of chance for a school of its size (95% and 99.8%), and widened "
                "by how much schools differ. A small school's percentage is drawn in towards all "
                "schools' as far as its size demands. Dated rules are those in force in their "
                "years; each says how often another cohort of the same school would have it so.",
            ],
        }

    @property
    def _table(self) -> pd.DataFrame:
        named = [self.plan.measure, *self.plan.progress.values()]
        table = self.own[["year", "n_pupils", *named, "england", "ci_lower", "ci_upper"]]
        called = {self.plan.measure: self.plan.name} | {
            column: f"Progress in {subject}" for subject, column in self.plan.progress.items()
        }
        years = table["year"].map(words.school_year)
        return table.assign(year=years).rename(columns=called)

    def _similar(self) -> list[Any]:
        if self.alike is None:
            return []
        columns = ["urn", "school", self.plan.measure, "n_pupils"]
        reasons = self.alike.table[["school", "reason"]].rename(columns={"school": "urn"})
        shown = reasons.merge(self.everybody[columns], on="urn")[[*columns[1:], "reason"]]
        shown = shown.rename(columns={self.plan.measure: self.plan.name})
        return [self.alike.sentence(), shown, *self.alike.caveats]

    def _holds(self) -> list[Any]:
        found: list[Any] = [one if isinstance(one, str) else one.sentence() for one in
                            self.rules_said]  # fmt: skip
        plan = self.plan
        if "judgements" in self.tables:
            table = self.tables["judgements"]
            mine = table[table.iloc[:, 0].map(labels.label) == labels.urn(plan.school)]
            places = places_of(mine, plan.judgement, OVERALL)
            said = OVERALL[places[0]] if (places >= 0).any() else "none in the file"
            found.append(f"Latest inspection judgement: {said}.")
        if "categories" in self.tables:
            table = self.tables["categories"]
            moves = transitions(table, before=plan.first, after=plan.second, order=plan.order)
            both = agreement(table, first=plan.first, second=plan.second, order=plan.order)
            found += [f"The authority's categories: {moves.sentence()}", both.sentence()]
            found.append("Who put schools into categories may also have supported them.")
        return found

    @answered
    def _picture(self) -> Picture:
        urn = labels.urn(self.plan.school)
        table = self.funnel.table.drop(columns=["z", "signal"]).rename(columns={"unit": "urn"})
        limits = [name for name in table if name.startswith(("value", "centre", "lower", "upper"))]
        table[limits] = (100 * table[limits]).round(1)
        table = self.coarse(table, limits)
        table = table.assign(asked=table["urn"] == urn).sort_values(["n", "urn"])
        table.insert(0, "school", table["urn"].map(self.everybody.set_index("urn")["school"]))
        return Picture(
            name="funnel",
            kind="funnel",
            question="beside others",
            title=f"{self.plan.name}: {self.called} among all schools",
            alt=f"Schools by their number of pupils, with chance limits. {self._placed}",
            table=table.drop(columns="urn").reset_index(drop=True),
            counts=("n",),
            statistics=tuple(limits),
            published=self.plan.published,
        )


def _symbol(code: str) -> str:
    """Return a code of the tables as a release writes it: SUPP is confidential."""
    return "" if not code else "c" if code == "SUPP" else "z" if code in ("NEW", "NE") else "x"
