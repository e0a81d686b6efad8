"""Who takes part, who does not, and since when: `ev.Participation`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pydantic import Field

from evidence.data import readers
from evidence.data import schools as known_schools
from evidence.errors import EvidenceError
from evidence.methods.monitoring import participation as methods
from evidence.methods.monitoring.participation import ANY
from evidence.show import words
from evidence.show.picture import Picture
from evidence.studies.plan import CommonPlan
from evidence.studies.study import answered
from evidence.studies.watching import Watching, percent

_MOST = 12  # combinations of programmes that a picture shows


class ParticipationPlan(CommonPlan):
    """The parameters of ``notebooks/participation.ipynb``.

    `establishments` lists the schools that could take part (those that are closed are left out),
    `phase` those of which phases count,
    and `participation` who took part in what. `traits` are columns of the schools: phase, pupils,
    pct_fsm, urban_rural.
    """

    area: str
    establishments: str
    participation: str
    phase: list[str] = Field(default_factory=list)
    traits: list[str] = Field(default_factory=list)
    period: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class Participation(Watching):
    """Reach with its denominator, overlap, who did not join, and who is reached.

    Parameters
    ----------
    tables : mapping
        `schools` and `spells`.
    """

    kind = ParticipationPlan

    @classmethod
    def files(cls, data: str, plan: ParticipationPlan) -> dict[str, Any]:
        """Read schools and who took part."""
        schools = readers.establishments(f"{data}/{plan.establishments}")
        if plan.phase:
            for phase in plan.phase:
                readers.select(schools, {"phase": phase})  # refused where no school has it
            schools = schools[schools["phase"].isin(plan.phase)].reset_index(drop=True)
        plan.require({"traits": plan.traits}, schools, known=True)
        spells = readers.participation(f"{data}/{plan.participation}")
        present, links = known_schools.still_open(schools)
        if present.empty:
            raise EvidenceError(f"{data}/{plan.establishments}: no such school is open")
        spells = known_schools.same_schools(spells, present, links)
        closed = len(schools) - len(present)
        return {"schools": present, "spells": spells, "closed": closed}

    @answered
    def reach(self) -> methods.Participation:
        """Who took part in what, of all schools that could."""
        return methods.participation(
            self.tables["schools"],
            self.tables["spells"],
            traits=self.plan.traits,
            start="start",
            end="end",
        )

    @property
    def headlines(self) -> list[str]:
        """How many schools take part, and the kinds that are reached least."""
        found = [self.reach.sentence()]
        groups = self.reach.groups[self.reach.groups["programme"] == ANY]
        known = groups[groups["group"] != methods.NOT_KNOWN]
        for trait, part in known.groupby("trait", sort=False):
            low, high = part.loc[part["share"].idxmin()], part.loc[part["share"].idxmax()]
            if low["ci_upper"] < high["ci_lower"]:
                found.append(
                    f"{words.capital(self.plan.called(trait))}: least reached, {low['group']} "
                    f"({100 * low['share']:.0f}% of {low['n']:,}); most, {high['group']} "
                    f"({100 * high['share']:.0f}% of {high['n']:,})."
                )
        return found

    @answered
    def indicators(self) -> pd.DataFrame:
        """Reach of each programme and of at least one; of at least one by kinds of schools."""
        plan, groups = self.plan, self.reach.groups
        kinds = groups[groups["programme"] == ANY]
        kinds = kinds.assign(group=kinds["trait"].map(self.plan.called) + ": " + kinds["group"])
        every = pd.concat([self.reach.table.assign(group="all"), kinds], ignore_index=True)
        return self.contract(
            [
                {
                    "indicator": f"Takes part in {self.plan.called(row['programme'])}"
                    + " programme" * (row["programme"] == ANY),
                    "area": plan.area,
                    "group": row["group"],
                    "period": plan.period or plan.cohort_title or plan.cohort,
                    **percent(row["share"], row["ci_lower"], row["ci_upper"]),
                    "unit": "% of schools",
                    "n": row["n"],
                    "sentence": self.reach.sentence()
                    if (row["programme"], row["group"]) == (ANY, "all")
                    else "",
                }
                for _, row in every.iterrows()
            ]
        )

    @property
    def questions(self) -> dict[str, Callable[[], list[Any]]]:
        """What answers each question, in the order of the report."""
        return {
            "who took part": self._who,
            "over time": lambda: [self._dose],
            "for whom": self._for_whom,
            "method": lambda: [
                "Every school that could take part is in the denominator. Reach says who, not what "
                "it did for them: schools join, or are chosen, for reasons. Schools in several "
                "programmes count once in “at least one”; as controls of one programme they are "
                "not untouched.",
            ],
        }

    def _who(self) -> list[Any]:
        columns = ["school", "phase", "pupils", "pct_fsm"]
        away = self.tables["schools"].set_index("urn").loc[self.reach.not_joined()]
        return [
            self._overlap,
            self.reach.sentence(),
            self._in_words(self.reach.table),
            *self.reach.caveats,
            self._closed,
            f"In none: {words.counted(len(away), 'school')}.",
            away[columns].rename(columns=self.plan.called).reset_index(),
        ]

    @property
    def _closed(self) -> str | None:
        """How many schools of the list are closed, and so in no denominator."""
        many = self.tables["closed"]
        return f"{words.counted(many, 'closed school')} of the list left out." if many else None

    @answered
    def _overlap(self) -> Picture:
        table = self.reach.overlap.head(_MOST)[["programmes", "n"]]
        table = table.set_axis(["programmes", "n_schools"], axis=1)
        table["programmes"] = [
            " + ".join(self.plan.called(one) for one in name.split(" + ")) or "none"
            for name in table["programmes"]
        ]
        rest = len(self.reach.overlap) - len(table)
        more = f" {rest} further combinations are in the report." if rest else ""
        return Picture(
            name="overlap",
            kind="overlap",
            question="who took part",
            title=f"{self.plan.area}: schools by the programmes they are in",
            alt=f"A row of dots a combination of programmes, with its schools.{more} "
            f"{self.reach.sentence()}",
            table=table,
            schools=("n_schools",),
            published=self.plan.published,
        )

    @answered
    def _dose(self) -> Picture | None:
        table = self.reach.over_time
        if table.empty:
            return None
        n = len(self.tables["schools"])
        drawn = pd.DataFrame(
            {
                "outcome": table["programme"].map(self.plan.called),
                "group": table["year"].map(words.school_year),
                "n_part": table["taking_part"],
                "n_schools": n,
            }
        )
        return self.shares(
            drawn,
            name="over-time",
            question="over time",
            title="Schools in each programme, year by year",
            alt=f"Bars, one a programme and year, of {n:,} schools.",
        )

    def _for_whom(self) -> list[Any]:
        groups = self.reach.groups[self.reach.groups["programme"] == ANY]
        if groups.empty:
            return []
        table = pd.DataFrame(
            {
                "outcome": groups["trait"].map(self.plan.called) + ": " + groups["group"],
                "group": "all",
                "n_part": groups["joined"],
                "n_schools": groups["n"],
            }
        ).reset_index(drop=True)
        picture = self.shares(
            table,
            name="reach",
            question="for whom",
            title="Which kinds of schools take part in at least one programme",
            alt=f"Bars, one a kind of school. {' '.join(self.headlines[1:])}".strip(),
        )
        return [picture, *self.headlines[1:], self._in_words(groups.drop(columns="programme"))]

    def _in_words(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return a table of reach with what people call its programmes and traits."""
        names = [name for name in ("programme", "trait") if name in table]
        return table.assign(**{name: table[name].map(self.plan.called) for name in names})
