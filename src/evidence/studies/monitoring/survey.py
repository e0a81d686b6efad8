"""What a survey can say: intervals, who did not answer, printed figures checked: `ev.Survey`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from evidence.data import readers
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.monitoring import survey as methods
from evidence.show import words
from evidence.show.picture import Picture
from evidence.studies.plan import Checked, CommonPlan
from evidence.studies.study import answered
from evidence.studies.watching import Watching, percent


class Printed(Checked):
    """A figure that a report prints: what it says, per cent, of how many who were asked."""

    says: str
    percent: float = Field(ge=0, le=100)
    n: int = Field(ge=1)
    asked: int = Field(default=0, ge=0)
    digits: int = Field(default=0, ge=0)


class SurveyPlan(CommonPlan):
    """The parameters of ``notebooks/survey.ipynb``.

    `answers` has a row a person or school asked, whether they answered or not; `asks` says which
    columns are answers, and in words what is asked; `yes` and `no` are the answers that count as
    either, and all others must be blank. `traits` are columns known of everybody asked. `printed`
    are a report's figures: each with `says`, `percent`, `n` and `asked`.
    """

    who: str = "schools"
    period: str = ""
    area: str
    answers: str = ""
    asks: dict[str, str] = Field(default_factory=dict)
    yes: list[str] = Field(default_factory=list)
    no: list[str] = Field(default_factory=list)
    traits: list[str] = Field(default_factory=list)
    printed: list[Printed] = Field(default_factory=list)


@dataclass(frozen=True, eq=False, kw_only=True)
class Survey(Watching):
    """Answers with what chance and silence leave open.

    Parameters
    ----------
    tables : mapping
        `answers`: a row each who was asked, its answers as 1, 0 or missing.
    """

    kind = SurveyPlan

    @classmethod
    def files(cls, data: str, plan: SurveyPlan) -> dict[str, Any]:
        """Read the answers, each as yes, no or nothing."""
        if not (plan.answers or plan.printed):
            raise EvidenceError("plan: give answers and asks, or printed: what the survey says")
        if not plan.answers:
            return {}
        path = f"{data}/{plan.answers}"
        table = readers.table(path, known=[*plan.asks, *plan.traits])
        plan.require({"asks": list(plan.asks), "traits": plan.traits}, table)
        if both := {x.casefold() for x in plan.yes} & {x.casefold() for x in plan.no}:
            raise EvidenceError(
                f"plan: {min(both)!r} is in yes and in no; an answer is one of them"
            )
        words_of = {text.casefold(): flag for flag, texts in ((1, plan.yes), (0, plan.no))
                    for text in texts}  # fmt: skip
        for name in plan.asks:
            codes, found = frames.factor(table, name)
            for at, text in enumerate(found):
                if text.casefold() not in words_of:
                    allowed = ", ".join([*plan.yes, *plan.no])
                    raise EvidenceError(
                        f"{path}: column {name!r}, {frames.row((codes == at).argmax())}: is none "
                        f"of the answers {allowed}; name it in yes or no, or leave the cell blank"
                    )
            flags = np.array([*(words_of[text.casefold()] for text in found), np.nan])
            table[name] = flags[codes]
        return {"answers": table}

    @answered
    def results(self) -> dict[str, methods.Survey]:
        """The share who said yes to each question, and what a report prints."""
        found = {}
        if "answers" in self.tables:
            table = self.tables["answers"]
            for name, asked in self.plan.asks.items():
                said = table[name].dropna()
                if said.empty:
                    raise EvidenceError(f"column {name!r}: nobody answered")
                found[asked] = methods.survey(float(said.sum()), len(said), len(table))
        for one in self.plan.printed:
            count = math.floor(one.percent * one.n / 100 + 0.5)
            found[one.says] = methods.survey(count, one.n, one.asked or None)
        return found

    @answered
    def weighted(self) -> dict[str, methods.WeightedShare]:
        """The same with answers weighted to everybody asked; empty without traits."""
        if not self.plan.traits or "answers" not in self.tables:
            return {}
        traits = tuple(self.plan.traits)
        return {
            asked: methods.weighted_share(self.tables["answers"], answer=name, traits=traits)
            for name, asked in self.plan.asks.items()
        }

    @answered
    def possible(self) -> dict[str, methods.Grim]:
        """Whether each printed percentage can be of so many."""
        return {
            one.says: methods.grim(one.percent, one.n, digits=one.digits)
            for one in self.plan.printed
        }

    @property
    def impossible(self) -> list[str]:
        """Printed figures that no count gives."""
        return [says for says, one in self.possible.items() if not one.possible]

    @property
    def headlines(self) -> list[str]:
        """Each answer with its interval and bounds, impossible figures first."""
        odd = [f"“{says}”: {self.possible[says].sentence()}" for says in self.impossible]
        return [
            *odd,
            *(
                f"{asked}{' (the nearest count)' * (asked in self.impossible)}: {one.sentence()}"
                for asked, one in self.results.items()
            ),
        ]

    @answered
    def indicators(self) -> pd.DataFrame:
        """The share who said yes to each question; impossible figures are of low reliability."""
        rows = []
        for asked, one in self.results.items():
            grim = self.possible.get(asked)
            odd = grim is not None and not grim.possible
            rows.append(
                {
                    "indicator": asked,
                    "area": self.plan.area,
                    "period": self.plan.period or self.plan.cohort_title or self.plan.cohort,
                    **(
                        {"value": grim.percent}
                        if odd
                        else percent(one.estimate, one.ci_lower, one.ci_upper)
                    ),
                    "unit": "% of answers",
                    "n": one.answered,
                    "symbol": "u" if odd else "",
                    "sentence": grim.sentence() if odd else self._said(one),
                }
            )
        return self.contract(rows)

    def _said(self, one: methods.Survey) -> str:
        """Return what a row says: of people, without the count that its rounded share hides."""
        if self.plan.published or self.plan.printed:
            return one.sentence()
        text = one.sentence().partition(": ")[2]
        return self.told(f"Of those who answered {text}", self.rules.places(one.answered))

    @property
    def questions(self) -> dict[str, Callable[[], list[Any]]]:
        """What answers each question, in the order of the report."""
        return {
            "who took part": self._who,
            "what changed": lambda: [self._picture, self._table],
            "does it hold": self._holds,
            "method": lambda: [
                "Wilson's interval says what chance leaves open if those who answered are like "
                "those who did not; the bounds what remains if they may be unlike. Answers are "
                "weighted to the traits known of everybody asked.",
            ],
        }

    def _who(self) -> list[Any]:
        if "answers" not in self.tables:
            return [
                f"{words.counted(one.answered, 'answer')} of {one.asked:,.0f} asked: "
                f"{_share(one.response)}%."
                for one in list(self.results.values())[:1]
                if one.asked == one.asked
            ]
        table, asks = self.tables["answers"], list(self.plan.asks)
        answered_any = table[asks].notna().any(axis=1)
        parts: list[Any] = [
            f"{int(answered_any.sum()):,} of {len(table):,} {self.plan.who} asked answered "
            f"({_share(answered_any.mean())}%)."
        ]
        for trait in self.plan.traits:
            grouped = answered_any.groupby(frames.labels(table, trait)).agg(["sum", "size"])
            grouped = grouped.set_axis(["answered", "asked"], axis=1).reset_index(names=trait)
            parts.append(grouped.assign(share=(grouped["answered"] / grouped["asked"]).round(2)))
        return parts

    @property
    def _table(self) -> pd.DataFrame:
        def span(low: float, high: float) -> str:
            return f"{_share(low)} to {_share(high)}%" if low == low else "not known"

        return pd.DataFrame(
            {
                "asked": asked,
                "yes": one.yes,
                "answered": one.answered,
                "of those who answered": f"{_share(one.estimate)}%",
                "likely range": span(one.ci_lower, one.ci_upper),
                "of all asked": span(one.worst, one.best),
            }
            for asked, one in self.results.items()
        )

    def _holds(self) -> list[Any]:
        odd = [f"“{says}”: {one.sentence()}" for says, one in self.possible.items()]
        return [*odd, *(f"{asked}: {one.sentence()}" for asked, one in self.weighted.items())]

    @answered
    def _picture(self) -> Picture | None:
        called = [asked + " (nearest count)" * (asked in self.impossible) for asked in self.results]
        table = pd.DataFrame(
            {"outcome": name, "group": "all", "n_part": one.yes, "n_answers": one.answered}
            for name, one in zip(called, self.results.values(), strict=True)
        )
        return self.shares(
            table,
            name="answers",
            question="what changed",
            title="What those who answered say",
            alt="Bars, one a question: the share of those who answered that said yes.",
        )


def _share(share: float) -> str:
    """Write a share in per cent, as the sentences of a survey do."""
    return words.number(100 * share, 1).removesuffix(".0")
