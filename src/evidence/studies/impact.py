"""A programme that nobody randomised, as its report asks of it: `ev.Impact`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from evidence.data import labels, schools
from evidence.data.rules import load
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.balance import Matched, weighted_balance
from evidence.methods.core.results import Estimate, EventStudy
from evidence.methods.impact import participation as taking_part
from evidence.methods.impact.baseline import before_start
from evidence.methods.impact.did import did, effect_size
from evidence.methods.impact.event_study import event_study
from evidence.methods.impact.lagged_outcome import given_past
from evidence.methods.impact.panel_data import read as read_panel
from evidence.methods.impact.randomisation import randomisation_test
from evidence.methods.impact.regression_to_mean import Rebound, rebound
from evidence.methods.impact.robustness import Checks, sensitivity
from evidence.methods.impact.staggered import staggered, two_way_bias
from evidence.methods.impact.unmeasured_confounding import e_value
from evidence.methods.impact.wild_bootstrap import wild_bootstrap
from evidence.methods.matching.balance_weights import balance_weights
from evidence.show import words
from evidence.show.data_pictures import DataPictures
from evidence.stats.multiplicity import adjust
from evidence.studies import opening, pictures
from evidence.studies.effects_row import row
from evidence.studies.plan import ImpactPlan, Outcome
from evidence.studies.recomputation import Recomputation, recompute_panel
from evidence.studies.strength import Strength, strength
from evidence.studies.study import Study, answered
from evidence.studies.verdict import detectable

GAP = "gap to other pupils"
_SOURCES = (
    "programme",
    "start",
    "participation",
    "links",
    "ks2",
    "ks4",
    "years",
    "pupils",
    "group",
    "gap",
)
_DESIGN = {"unit": "urn", "time": "year"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Impact(Study[ImpactPlan]):
    """What a programme changed for the schools that took part, given what was known before.

    Parameters
    ----------
    plan : ImpactPlan
        The parameters of the notebook.
    table : Encoded
        A row a school and year: results, context, `taking_part`, and a 0/1 column for each
        programme and start.
    gaps : Encoded or None
        The same of the difference between the plan's group of pupils and all others.
    spells : DataFrame
        Who took part in what, and when: `urn`, `programme`, `start`, `end`.
    """

    gaps: frames.Encoded | None
    spells: pd.DataFrame
    methods: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "given_past": given_past,
        "did": did,
        "event_study": event_study,
        "staggered": staggered,
        "randomisation_test": randomisation_test,
        "wild_bootstrap": wild_bootstrap,
    }
    essentials = ("sizes", "balance", "gap_closed")

    @classmethod
    def read(cls, data: str, plan: Mapping[str, Any]) -> Impact:
        """Check a plan and read the tables that it names.

        Parameters
        ----------
        data : str
            The folder of the tables.
        plan : mapping
            The parameters of ``notebooks/impact.ipynb``; in a notebook ``globals()``.

        Raises
        ------
        EvidenceError
            Faults of the plan, all at once; a file that cannot be read or lacks columns; or
            nobody took part in the programme from that start.
        """
        checked = ImpactPlan.checked(plan)
        return cls._of(checked, *opening.school_years(data, checked))

    @classmethod
    def _of(
        cls,
        plan: ImpactPlan,
        spells: pd.DataFrame,
        results: pd.DataFrame,
        others: pd.DataFrame | None = None,
    ) -> Impact:
        def panel(table: pd.DataFrame) -> frames.Encoded:
            began = {"programme": plan.programme, "start": plan.start}
            whole = taking_part.cohort(table, spells, **began)
            return frames.Encoded(taking_part.exposure(whole, spells))

        gaps = None
        if others is not None:
            primary = plan.outcomes[0].name
            both = [primary, f"{primary}, expected"]
            gaps = panel(taking_part.gaps(results, others, outcomes=both))
        rules = load(f"{plan.data}/disclosure.toml")
        return cls(plan=plan, table=panel(results), gaps=gaps, spells=spells, rules=rules)

    def with_(self, **changes: Any) -> Impact:
        """Return the study with some parameters changed, such as ``context=[]``.

        Raises
        ------
        EvidenceError
            Faults of the plan; or a parameter is changed that says what to read, for which
            :meth:`read` is needed.
        """
        for name in _SOURCES:
            if name in changes and changes[name] != getattr(self.plan, name):
                raise EvidenceError(f"{name} says what to read: use Impact.read for another one")
        plan = self.plan.changed(**changes)
        frames.require(self.table, [*plan.wanted, *(plan.context if plan.tables else [])])
        return replace(self, plan=plan)

    @property
    def treatment(self) -> str:
        """The column of this programme and start."""
        return f"{self.plan.programme} {self.plan.start}"

    @functools.cached_property
    def labels(self) -> dict[str, str]:
        """Words of columns and of the comparison."""
        contrast = f"{self.treatment} against no {self.treatment}"
        against = {
            contrast: "schools that took part against others",
            "treated against untreated": "Schools that took part against others",
        }
        return self.plan.labels | self.titles | against

    @functools.cached_property
    def programmes(self) -> list[str]:
        """Every programme and start, as the columns of the panel are called."""
        return list((self.spells["programme"] + " " + self.spells["start"].astype(str)).unique())

    @functools.cached_property
    def overlap(self) -> list[str]:
        """Other programmes and starts that schools of the panel took part in: held fixed."""
        return [
            name for name in self.programmes if name != self.treatment and self.table[name].any()
        ]

    def model(self, outcome: Outcome) -> dict[str, Any]:
        """Return the planned analysis of an outcome, as methods take it."""
        context = self.plan.context if self.plan.tables else [f"{outcome.name}, expected"]
        return {
            **_DESIGN,
            "outcome": outcome.name,
            "treatment": self.treatment,
            "weights": "n_pupils",
            "covariates": context,
            "overlap": self.overlap,
        }

    @functools.cached_property
    def took_part(self) -> pd.DataFrame:
        """Rows of the schools of this cohort."""
        return self.table[self.table["taking_part"]]

    def counts(self, outcome: str) -> dict[str, int]:
        """Return how many pupils and schools stand behind an outcome since the start."""
        since = self.took_part[self.took_part["year"] >= self.plan.start].dropna(subset=[outcome])
        return {"n_pupils": int(since["n_pupils"].sum()), "n_schools": since["urn"].nunique()}

    # answers ----------------------------------------------------------------------------------

    @answered
    def estimates(self) -> dict[str, Estimate]:
        """The effect on each outcome, in its own unit."""
        return {o.name: self.estimate(outcome=o.name) for o in self.plan.outcomes}

    @answered
    def sizes(self) -> dict[str, Estimate | None]:
        """The same in standard deviations; None where no standard deviation is known."""
        return {o.name: self._size(self.estimates[o.name], o) for o in self.plan.outcomes}

    def _size(self, estimate: Estimate, outcome: Outcome) -> Estimate | None:
        share = self.took_part[outcome.name].mean() if outcome.unit == "pp" else None
        return effect_size(estimate, sd=outcome.sd, percent=share)

    @answered
    def gap_closed(self) -> Estimate | None:
        """How far the gap to other pupils closed; None where the plan does not ask."""
        if self.gaps is None:
            return None
        return given_past(self.gaps, **self.primary | {"weights": "precision"})

    @answered
    def rebound(self) -> Rebound:
        """What regression to the mean alone would have given."""
        return rebound(self.table, **self.primary)

    @answered
    def checks(self) -> Checks:
        """The primary effect by other analyses, and where there can be none."""
        return sensitivity(
            self.table,
            placebo=self.plan.placebo or None,
            unit_words=self.main.unit,
            **self.primary,
        )

    @answered
    def before(self) -> pd.DataFrame:
        """A row a school: whether it took part, its results and context before the start."""
        asked = {name: value for name, value in self.primary.items() if name != "overlap"}
        return before_start(self.compared, **asked)

    @functools.cached_property
    def compared(self) -> pd.DataFrame:
        """The panel without schools that began the programme in another year.

        They are no comparison schools; the estimate keeps them, their time in it held fixed.
        """
        mine = labels.equal(self.spells["programme"], self.plan.programme)
        began = self.spells.loc[mine, "urn"].astype("str")
        return self.table[self.table["taking_part"] | ~self.table["urn"].astype("str").isin(began)]

    @answered
    def _weights(self) -> tuple[pd.Series, str]:
        """Weights under which schools were alike before, or equal ones and why there are none."""
        try:
            balanced = balance_weights(
                self.before, treatment="treated", covariates=[*self.before.columns[1:]]
            )
        except EvidenceError as error:
            return 1.0 + 0.0 * self.before["treated"], str(error)
        return balanced["weight"], ""

    @answered
    def balance(self) -> Matched:
        """How alike schools that took part and others were before the start, weighted."""
        return weighted_balance(
            self.before,
            treatment="treated",
            covariates=[*self.before.columns[1:]],
            weights=self._weights[0],
        )

    @property
    def design(self) -> str:
        """What the strength of the evidence starts from: "matched" or "weakly_matched".

        Matched where weights exist under which no column differs by more than .25 SD.
        """
        alike = self.balance.worst() in ("ok", "adjust") and not self._weights[1]
        return "matched" if alike else "weakly_matched"

    @answered
    def strengths(self) -> dict[str, Strength]:
        """How secure the finding on each outcome is."""
        return {
            name: strength(
                self.design,
                mdes=detectable(size) if size else float("nan"),
                threats=self.plan.threats or None,
                balance=self.balance,
                adjusted=[*self.before.columns[1:]],
            )
            for name, size in self.sizes.items()
        }

    @answered
    def effects(self) -> pd.DataFrame:
        """Rows of the `effects` contract, that of the primary outcome first, the gap last."""
        chosen = self.plan.chosen
        how = f"schools were {chosen}" if chosen else "how schools were chosen is not known"
        unit = self.main.unit
        further = [self.rebound.sentence(unit), *self.checks.caveats()]
        further.append(self.named[0].rstrip(".").partition(";")[0])
        rows = [
            self._row(
                outcome,
                self.estimates[outcome.name],
                caveats=[how, *(further if outcome.primary else [])],
                labels=self.labels,
            )
            for outcome in self.plan.outcomes
        ]
        if self.gap_closed is not None:
            rows.append(
                self._row(
                    self.main.model_copy(update={"primary": False}),
                    self.gap_closed,
                    subgroup=GAP,
                    caveats=["a rise means that the gap closes"],
                )
            )
        return pd.concat(rows, ignore_index=True)

    def _row(self, outcome: Outcome, estimate: Estimate, **more: Any) -> pd.DataFrame:
        return row(
            estimate,
            self._size(estimate, outcome),
            programme=self.plan.programme,
            cohort=self.plan.cohort,
            outcome=outcome.entry,
            strength=self.strengths[outcome.name],
            attainment=outcome.attainment,
            run_id=self.plan.run_id,
            rules=self.rules,
            **self.counts(outcome.name),
            **more,
        )

    @answered
    def by_year(self) -> dict[str, EventStudy]:
        """Effects by year, before and after the start, for each outcome."""
        return {o.name: self.estimate("event_study", outcome=o.name) for o in self.plan.outcomes}

    @answered
    def cohorts_together(self) -> Any:
        """How far plain difference in differences misleads over starts; None with one start."""
        programme = self.plan.programme
        starts = [name for name in self.programmes if name.rpartition(" ")[0] == programme]
        if len(starts) < 2:
            return None
        together = self.table.assign(**{programme: self.table[starts].max(axis=1)})
        rest = {"treatment": programme, "overlap": [n for n in self.overlap if n not in starts]}
        return two_way_bias(together, **self.primary | rest)

    @answered
    def several(self) -> pd.DataFrame | None:
        """P-values of several outcomes, adjusted for their number."""
        every = self.effects[self.effects["subgroup"] == "all"]
        if len(every) < 2:
            return None
        return every.assign(
            outcome=every["outcome"].replace(self.labels),
            adjusted_p=adjust(every["p_value"], method="holm"),
        )[["outcome", "estimate", "ci_lower", "ci_upper", "p_value", "adjusted_p"]]

    # what a reader sees -----------------------------------------------------------------------

    @property
    def questions(self) -> dict[str, Callable[[], list[Any]]]:
        """What answers each question, in the order of the report."""
        return {
            "who took part": self._who,
            "the data": self._data,
            "what changed": self._changed,
            "for whom": self._whom,
            "does it hold": self._holds,
            "method": self._method,
        }

    def _who(self) -> list[Any]:
        among = taking_part.participation(self.spells, among=self.plan.programme)
        alike = self._weights[1] or self.balance.sentence()
        pupils = self.effects.loc[0, "n_pupils"]
        return [
            *self.named,
            pictures.overlap(among, titles={self.plan.programme: self.plan.title} | self.labels),
            words.relabel(alike, self.labels),
            pictures.balance(self.balance, self.labels, n_pupils=pupils, rules=self.rules),
            "Comparison schools are weighted until their earlier results and their pupils have the "
            "same means (entropy balancing). The analysis holds the same things fixed; one of the "
            "checks below uses the weights.",
        ]

    @functools.cached_property
    def named(self) -> list[str]:
        """What the tables have of the schools said to have taken part, one sentence each."""
        mine = self.spells.query("programme == @self.plan.programme and start == @self.plan.start")
        return schools.found(mine["urn"], self.table, linked=bool(self.plan.links))

    def pictures(self) -> list[Any]:
        """Return pictures of the data themselves, for exploring: more than the report shows."""
        name = self.main.words
        _, schools = self.drawn
        more = [
            schools.scores(f"{name}, since", f"{name}, before"),
            schools.schools(f"{name}, since"),
        ]
        return [each for each in (*self.parts("the data"), *more) if each is not None]

    def _data(self) -> list[Any]:
        name = self.main.words
        years, schools = self.drawn
        return [
            years.over_years(name, "Year", start="Start"),
            schools.before_after(f"{name}, before", f"{name}, since"),
        ]

    @functools.cached_property
    def drawn(self) -> tuple[DataPictures, DataPictures]:
        """What draws the primary outcome: of schools by year, and before and since the start."""
        name, start, panel = self.main.words, self.plan.start, self.compared
        rows = pd.DataFrame(
            {
                "Schools": np.where(panel["taking_part"], "Taking part", "Others"),
                "School": panel["urn"],
                "Pupils": panel["n_pupils"],
                "Year": panel["year"],
                "Start": float(start),
                name: panel[self.main.name],
            }
        ).dropna()
        school = rows.groupby(["School", "Schools"], as_index=False)["Pupils"].mean()
        before = rows["Year"].where(rows["Year"] < start).max()  # years may be without tables
        last = rows[rows["Year"] == before].set_index("School")[name]
        since = rows[rows["Year"] >= start].groupby("School")[name].mean()
        both = {
            f"{name}, before": school["School"].map(last),
            f"{name}, since": school["School"].map(since),
        }
        each = {"by": "Schools", "order": ["Others"], "school": "School", "n": "Pupils"}
        each["least"] = max(30, self.rules.figure_count)
        return DataPictures(rows=rows, **each), DataPictures(rows=school.assign(**both), **each)

    def _changed(self) -> list[Any]:
        main, claim, first = self.main, self.plan.reported_claim, self.effects.iloc[0]
        behind = {name: first[name] for name in ("verdict", "n_pupils", "n_schools")}
        pupils = self.took_part.groupby("year")["n_pupils"].sum()
        return [
            f"A report says: “{claim}”." if claim else None,
            self.rebound.sentence(main.unit),
            pictures.claim(
                self.rebound, self.estimates[main.name], title=main.words, unit=main.unit, **behind
            ),
            self.several,
            *(
                pictures.event_study(
                    self.by_year[outcome.name],
                    name=outcome.name,
                    title=outcome.words,
                    start=self.plan.start,
                    unit=outcome.unit,
                    n_pupils=pupils,
                )
                for outcome in self.plan.outcomes
            ),
        ]

    def _whom(self) -> list[Any]:
        rows = self.effects[self.effects["subgroup"] != "all"]
        return list(rows["sentence"])

    def _holds(self) -> list[Any]:
        size = self.sizes[self.main.name]
        unmeasured = (
            "Something unmeasured would have to make being chosen, and doing well, each "
            f"{e_value(size.estimate):.1f} times as likely to explain all of it (E-value)."
            if size
            else None
        )
        return [
            self.checks.sentence(),
            pictures.checks(
                self.checks,
                n_pupils=self.effects.loc[0, "n_pupils"],
                worthwhile=self.main.smallest_worthwhile,
            ),
            *(words.relabel(note, self.labels) for note in self.checks.notes),
            unmeasured,
            self.cohorts_together,
            *(f"Not possible here: {words.relabel(n, self.labels)}." for n in self.checks.skipped),
        ]

    @answered
    def recomputed(self) -> tuple[Recomputation, ...]:
        """What another program makes of the primary estimate; a difference stops the report."""
        components = read_panel(self.table, **self.primary).lagged_outcome.components
        estimate = self.estimates[self.main.name]
        return (recompute_panel(self.table, estimate, components=components, **self.primary),)

    def _method(self) -> list[Any]:
        held = [*(f"β · {name}" for name in self.primary["covariates"]), "other programmes"]
        terms = ["λ by year", f"τ · {self.treatment}", *held, "lasting, passing and chance error"]
        model = f"{self.main.words} = {' + '.join(terms)}; {self.estimates[self.main.name].method}."
        return [words.relabel(model, self.labels), *(each.sentence() for each in self.recomputed)]
