"""What works, put together: released results pooled, ranked, priced and decided: `ev.Synthesis`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.synthesis.decision import WORDS, decide, trial_error
from evidence.methods.synthesis.pooled_posterior import PooledPosterior, posterior
from evidence.methods.synthesis.pooling import FEW, Pooled, pool
from evidence.methods.synthesis.ranking import Ranks, ranks
from evidence.methods.synthesis.sequence import confidence_sequence
from evidence.methods.synthesis.value_for_money import value_for_money
from evidence.show import words
from evidence.show.picture import Picture
from evidence.studies import synthesis_pictures as pictures
from evidence.studies.released import SynthesisPlan, released
from evidence.studies.study import answered
from evidence.studies.together import DIFFER, Together
from evidence.studies.verdict import cost_rating, verdict
from evidence.studies.watching import Watching


@dataclass(frozen=True, eq=False, kw_only=True)
class Synthesis(Watching):
    """What released results say together; no row of a pupil is read.

    Parameters
    ----------
    plan : SynthesisPlan
        The parameters of the notebook.
    tables : mapping
        `effects`: a row a result in standard deviations, see `released`.
    rules : Rules
        What the data owner lets leave.
    """

    kind = SynthesisPlan

    @classmethod
    def files(cls, data: str, plan: SynthesisPlan) -> dict[str, Any]:
        """Read the released effects."""
        return {"effects": released(f"{data}/{plan.effects}", plan)}

    @property
    def table(self) -> pd.DataFrame:
        """A row a result, as it was read."""
        return self.tables["effects"]

    # answers ----------------------------------------------------------------------------------

    @answered
    def primary(self) -> pd.DataFrame:
        """The primary results of all pupils: one a programme, cohort and hub."""
        table = self.table
        rows = table[table["primary"] & (table["subgroup"] == "all")]
        if rows.empty:
            raise EvidenceError("effects: no primary result in standard deviations to put together")
        return rows.reset_index(drop=True)

    @answered
    def programmes(self) -> dict[str, Together]:
        """The answer of each programme."""
        return {str(name): self._together(name, rows) for name, rows in self._by_programme}

    @property
    def _by_programme(self):
        return self.primary.groupby("programme", sort=False)

    def _together(self, name: Any, rows: pd.DataFrame) -> Together:
        plan, known, several = self.plan, self.plan.programmes.get(name), len(rows) > 1
        columns = (rows["effect"], rows["error"])
        belief = self._posterior(rows)
        decision = value = None
        if known:
            further = math.hypot(trial_error(plan.schools), belief.tau)
            worthwhile = known.worthwhile * float(rows["scale"].iloc[0])
            if plan.worth:  # the stricter of the two
                worthwhile = max(worthwhile, known.cost * words.MONTH / plan.worth)
            decision = decide(belief, worthwhile=worthwhile, trial_error=further)
        if known and known.cost and rows["months"].notna().all():
            many = known.pupils or 1
            value = value_for_money(
                belief.estimate,
                belief.std_error,
                set_up=known.set_up,
                running=known.cost * many - known.set_up / 3,
                pupils=known.pupils or math.nan,
                worth=plan.worth or math.nan,
            )
        order = {"order of the results": np.arange(len(rows))}
        return Together(
            title=rows["title"].iloc[0],
            rows=rows,
            belief=belief,
            pooled=pool(*columns, labels=rows["when"]) if several else None,
            trend=pool(*columns, moderators=order) if len(rows) > 2 else None,
            looks=confidence_sequence(*columns, labels=rows["when"]),
            decision=decision,
            value=value,
        )

    def _posterior(self, rows: pd.DataFrame) -> PooledPosterior:
        plan = self.plan
        return posterior(
            rows["effect"],
            rows["error"],
            prior_mean=plan.prior_mean,
            prior_sd=plan.prior_sd,
            tau_scale=plan.tau_scale,
        )

    @answered
    def pooled(self) -> Pooled | None:
        """All primary results together, those of one programme in a cluster; None of one alone."""
        return _pooled(self.primary)

    @answered
    def disadvantaged(self) -> Pooled | None:
        """Results of disadvantaged pupils, all programmes together; None of fewer than two.

        How much a gap changed is another question, and is not among them.
        """
        return _pooled(self._disadvantaged_rows)

    @answered
    def _disadvantaged_rows(self) -> pd.DataFrame:
        theirs = self.table["subgroup"].map(words.disadvantaged)
        return self.table[theirs].drop_duplicates(["programme", "cohort", "hub"])

    @answered
    def ranking(self) -> Ranks | None:
        """How probable each rank is of each programme; None of one programme."""
        beliefs = {one.title: one.belief for one in self.programmes.values()}
        return ranks(beliefs) if len(beliefs) > 1 else None

    @answered
    def others(self) -> pd.DataFrame:
        """Further outcomes and subgroups, disadvantaged pupils first, each put together."""
        table = self.table
        rows = table[~(table["primary"] & (table["subgroup"] == "all"))]
        found = []
        for (title, outcome, group), some in rows.groupby(
            ["title", "outcome", "subgroup"], sort=False
        ):
            said = [words.number(effect, 2, sign=True) for effect in some["effect"]]
            if len(some) == 1:
                span = words.interval(some["lower"].iloc[0], some["upper"].iloc[0], 2)
                said = f"{said[0]} ({span})"
            elif len(some) < FEW:
                said = f"{len(some)} results: {', '.join(said)}"
            else:
                said = pool(some["effect"], some["error"]).sentence()
            first = not (words.disadvantaged(group) or "gap" in group)
            found.append((first, group != "all", title, outcome, group, said))
        names = ["first", "part", "programme", "outcome", "pupils", "effect (SD)"]
        frame = pd.DataFrame(found, columns=names)
        return frame.sort_values(["first", "part"], kind="stable", ascending=[True, False])

    # words ------------------------------------------------------------------------------------

    @property
    def headlines(self) -> list[str]:
        """The mean and the next programme, what to do with each, the likely best."""
        said = []
        if self.pooled is None:
            said.append("One result only: there is nothing to put together yet.")
        else:
            few = self.pooled.n_clusters < FEW
            said.append(
                f"Results of {words.counted(self.pooled.n_clusters, 'programme')}: too few for a "
                "common answer; look at each."
                if few
                else f"{self.pooled.sentence()} Effects are in standard deviations."
            )
        for word in WORDS:
            if titles := [one.title for one in self.decided.values() if one.decision.word == word]:
                said.append(f"{words.capital(word)}: {'; '.join(titles)}.")
        return [*said, self.ranking.sentence()] if self.ranking else said

    @property
    def decided(self) -> dict[str, Together]:
        """Those of the programmes that the register knows."""
        return {name: one for name, one in self.programmes.items() if one.decision}

    @property
    def _decisions(self) -> pd.DataFrame | None:
        rows = []
        for one in self.decided.values():
            found, saved = (
                one.decision,
                f"{words.number(one.decision.value_of_trial, 3)} SD a pupil",
            )
            if one.value and self.plan.worth and one.value.pupils == one.value.pupils:
                pounds = found.value_of_trial / words.MONTH * self.plan.worth * one.value.pupils
                saved += f", £{pounds:,.0f} a year"
            rows.append(
                {
                    "programme": one.title,
                    "decision": found.word,
                    "reason": f"{words.capital(found.reason)}.",
                    "to continue, the effect would have to be above": (
                        f"{words.number(found.worthwhile, 2, sign=True)} SD"
                        + ", more than a year of progress" * (found.worthwhile > 1)
                    ),
                    f"a further trial of {self.plan.schools} schools would be expected to save": (
                        saved
                    ),
                }
            )
        return pd.DataFrame(rows) if rows else None

    @property
    def _prices(self) -> pd.DataFrame | None:
        rows = [
            {
                "programme": one.title,
                "EEF's band, 2026": cost_rating(one.value.cost),
                "earlier bands": cost_rating(one.value.cost, "earlier"),
                "pupils reached": one.value.pupils,
                "what it costs": one.value.sentence(),
            }
            for one in self.decided.values()
            if one.value
        ]
        return pd.DataFrame(rows) if rows else None

    # what may leave ---------------------------------------------------------------------------

    @answered
    def indicators(self) -> pd.DataFrame:
        """Of each programme what to do with it, its effect, that for disadvantaged pupils, a price.

        Where a month has no highest price there is none to tell.
        """
        rows = []
        for name, one in self.decided.items():
            found, value = one.decision, one.value
            known, scale = self.plan.programmes[name], float(one.rows["scale"].iloc[0])
            worthwhile = known.worthwhile * scale
            rows.append(
                self._watched(words.DECISION, one.title, one.rows)
                | {
                    "value": found.p_worthwhile,
                    "unit": "probability",
                    "band": found.word,
                    "sentence": found.sentence(),
                }
            )
            rows.append(
                self._effect(words.TOGETHER, one.title, one.rows, one.belief, worthwhile)
                | {"sentence": one.sentence()}
            )
            theirs = self._disadvantaged_rows
            theirs = theirs[theirs["programme"] == name]
            if len(theirs):
                belief = self._posterior(theirs)
                row = self._effect(words.DISADVANTAGED, one.title, theirs, belief, worthwhile)
                size = words.number(row["value"], 2, sign=True)
                span = words.interval(row["ci_lower"], row["ci_upper"], 2)
                rows.append(row | {"sentence": f"{one.title}: {size} SD ({span})."})
            if value and math.isfinite(value.per_month):
                upper = value.ci_upper if math.isfinite(value.ci_upper) else math.nan
                rows.append(
                    self._watched(words.PRICE, one.title, one.rows)
                    | {
                        "value": value.per_month,
                        "ci_lower": value.ci_lower,
                        "ci_upper": upper,
                        "unit": "pounds",
                        "band": cost_rating(value.cost),
                        "sentence": f"{words.capital(cost_rating(value.cost))} cost: "
                        f"{value.sentence()}",
                    }
                )
        return self.contract(rows)

    def _watched(self, indicator: str, title: str, rows: pd.DataFrame) -> dict[str, Any]:
        period = self.plan.cohort_title or self.plan.cohort
        return {"indicator": indicator, "area": "All results", "group": title, "period": period,
                "n": float(rows["n_pupils"].sum())}  # fmt: skip

    def _effect(
        self, indicator: str, title: str, rows: pd.DataFrame, belief: PooledPosterior, least: float
    ) -> dict[str, Any]:
        """Return a row of an effect: the only result as it was found, else the mean of several.

        It is set beside the smallest effect that would be worthwhile.
        """
        effect, low, high = belief.estimate, belief.ci_lower, belief.ci_upper
        if len(rows) == 1:
            effect, low, high = rows.iloc[0][["effect", "lower", "upper"]]
        return self._watched(indicator, title, rows) | {
            "value": effect,
            "ci_lower": low,
            "ci_upper": high,
            "unit": "SD",
            "comparator": "Smallest worthwhile effect",
            "comparator_value": least,
            "band": verdict(low, high, least),
        }

    @property
    def questions(self) -> dict[str, Callable[[], list[Any]]]:
        """What answers each question, in the order of the report."""
        return {
            "what changed": lambda: [
                self._forest,
                *(one.sentence() for one in self.programmes.values()),
            ],
            "for whom": self._for_whom,
            "beside others": lambda: [self._ranks],
            "over time": self._over_time,
            "at what cost": lambda: [self._plane, self._prices],
            "what next": lambda: [self._decisions],
            "does it hold": self._holds,
            "method": lambda: [_METHOD.format(plan=self.plan)],
        }  # fmt: skip

    def _for_whom(self) -> list[Any]:
        if self.others.empty:
            return ["No other outcome and no group of pupils is released."]
        table = self.others.drop(columns=["first", "part"])
        if self.disadvantaged is None:
            return [table]
        return [f"Disadvantaged pupils, all programmes: {self.disadvantaged.sentence()}", table]

    def _over_time(self) -> list[Any]:
        some = [one for one in self.programmes.values() if len(one.rows) > 1]
        return [pictures.cumulative(some)] + [
            f"{one.title}. {one.looks.sentence()}" for one in some
        ]

    def _holds(self) -> list[Any]:
        if self.pooled is None or self.pooled.n_studies < FEW:
            return ["Too few results to leave one out."]
        left, bias = self.pooled.influence(), self.pooled.small_study()
        ends = words.interval(left["estimate"].min(), left["estimate"].max(), 2)
        far = left.nlargest(3, "cook")
        return [
            f"Without any one result the mean is {ends}.",
            "Results with larger errors are "
            + ("larger: small trials may be missing" if bias.moderator_p_value < DIFFER
               else "not larger than others")
            + f" ({words.p_value(bias.moderator_p_value)}).",
            far.round(3).rename(columns={"estimate": "mean without it", "tau2": "τ² without it"}),
        ]  # fmt: skip

    @answered
    def _forest(self) -> Picture:
        return pictures.forest(self.primary, self.pooled)

    @answered
    def _ranks(self) -> Picture | None:
        return pictures.rank_probabilities(self.ranking, self.programmes) if self.ranking else None

    @answered
    def _plane(self) -> Picture | None:
        priced = [one for one in self.decided.values() if one.value]
        return pictures.plane(priced, self.plan.worth) if priced else None


def _pooled(rows: pd.DataFrame) -> Pooled | None:
    """Pool results, those of one programme in a cluster; None of fewer than two."""
    if len(rows) < 2:
        return None
    names = rows["programme"]
    nested = names.duplicated().any() and (names != names.iloc[0]).any()
    cluster = names if nested else None
    return pool(rows["effect"], rows["error"], labels=rows["label"], cluster=cluster)


_METHOD = (
    "Effects are those of the current release and of merged hubs, in standard deviations; no row "
    "of a pupil is read. All results together: restricted maximum likelihood, results of one "
    "programme in a cluster, cluster-robust errors (CR2). One programme: its mean effect wherever "
    "it may be run, given a normal prior with mean {plan.prior_mean:g} and SD {plan.prior_sd:g} "
    "and a half-normal one with scale {plan.tau_scale:g} of how much its results truly differ; "
    "prices and decisions rest on it. Results of one programme are taken as independent: where the "
    "same pupils or comparison schools are in several, intervals are too narrow. Costs are those "
    "of the register. Intervals that hold however often one looks are for those who look each term."
)
