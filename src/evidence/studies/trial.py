"""A randomised trial as its report asks of it: `ev.Trial`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from evidence.data import readers
from evidence.data.labels import label
from evidence.data.rules import Rules, load
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.balance import Balance, balance
from evidence.methods.core.results import Estimate
from evidence.methods.trials.attrition import Attrition, attrition
from evidence.methods.trials.binary import odds_ratio, risk_difference
from evidence.methods.trials.bootstrap import bootstrap
from evidence.methods.trials.cace import cace, check_dosage
from evidence.methods.trials.effect_size import effect_size
from evidence.methods.trials.flow import Flow, flow
from evidence.methods.trials.imputation import Sensitivity, delta_sensitivity, impute
from evidence.methods.trials.itt import itt
from evidence.methods.trials.missingness import Missingness, missingness
from evidence.methods.trials.multilevel import multilevel
from evidence.methods.trials.outcomes import romano_wolf
from evidence.methods.trials.randomisation import randomisation_test
from evidence.methods.trials.robustness import Robustness, robustness
from evidence.methods.trials.roster import check
from evidence.methods.trials.subgroups import Subgroups, check_subgroups, subgroups
from evidence.methods.trials.trial_data import one_row_a_pupil
from evidence.methods.trials.wild_bootstrap import wild_bootstrap
from evidence.show.data_pictures import DataPicture, DataPictures
from evidence.studies import opening, sections, trial_report
from evidence.studies.effects_row import row
from evidence.studies.explorer import Explorer
from evidence.studies.plan import Outcome, TrialPlan
from evidence.studies.planning.promise import Promise, Promised
from evidence.studies.planning.protocol import Protocol
from evidence.studies.posterior import Posterior, posterior
from evidence.studies.recomputation import Recomputation, recompute_trial
from evidence.studies.strength import Strength, strength
from evidence.studies.study import Study, answered
from evidence.studies.verdict import detectable

if TYPE_CHECKING:
    from ipywidgets import VBox


@dataclass(frozen=True, eq=False, kw_only=True)
class Trial(Study[TrialPlan]):
    """A randomised trial: what being offered the programme changed, for whom, and how surely.

    Parameters
    ----------
    plan : TrialPlan
        The parameters of the notebook.
    table : Encoded
        The pupils of this cohort under the names that people call columns.
    source : DataFrame
        The same under the columns' own names.
    promised : Promised, optional
        The protocol, which every result is held against.
    """

    source: pd.DataFrame
    promised: Promised | None = None
    methods: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "itt": itt,
        "effect_size": effect_size,
        "risk_difference": risk_difference,
        "odds_ratio": odds_ratio,
        "multilevel": multilevel,
        "randomisation_test": randomisation_test,
        "bootstrap": bootstrap,
        "wild_bootstrap": wild_bootstrap,
        "impute": impute,
        "cace": cace,
    }
    parameters: ClassVar[Mapping[str, str]] = {
        "reference": "control",
        "design": "allocation",
        "subgroup": "subgroups",
    }
    essentials = ("sizes", "_may_be_received", "_may_be_grouped")

    @classmethod
    def read(
        cls,
        data: str | pd.DataFrame,
        plan: Mapping[str, Any],
        protocol: str | Path | Mapping[str, Any] | Protocol | None = None,
    ) -> Trial:
        """Check a plan and read the pupils' table that it names.

        Parameters
        ----------
        data : str or DataFrame
            The table, a path to it or, with ``pupils`` in the plan, the folder that holds it.
        plan : mapping
            The parameters of ``notebooks/trial.ipynb``; in a notebook ``globals()``.
        protocol : path, mapping or Protocol, optional
            What the trial promised; by default the plan's `protocol`, in the data folder. Each
            result is then marked as planned or exploratory, and every deviation listed.

        Raises
        ------
        EvidenceError
            Faults of the plan, all at once; columns that are missing, all at once; a file that
            cannot be read; or a roster that is not what the plan says of it.
        """
        checked = TrialPlan.checked(plan)
        table = opening.roster(data, checked)
        rules = load(f"{checked.data}/disclosure.toml")
        promised = Promised.read(protocol, checked, data, table)
        checked = promised.planned(checked) if promised else checked
        rows = readers.select(table, checked.where)
        return cls._of(checked.in_codes(table), rows, rules, promised)

    @classmethod
    def _of(
        cls, plan: TrialPlan, table: pd.DataFrame, rules: Rules, promised: Promised | None
    ) -> Trial:
        plan.require(plan.columns, table)
        one_row_a_pupil(table, plan.treatment, [plan.pupil, plan.cluster])
        opening.check_groups(plan, table)
        names = _names(plan)
        kept = [name for asked in plan.columns.values() for name in frames.listed(asked)]
        roster = sections.in_words(table, names, treatment=plan.treatment, keep=kept)
        tables = {"source": frames.Encoded(table), "table": frames.Encoded(roster)}
        study = cls(plan=plan, rules=rules, promised=promised, **tables)
        study._checked  # noqa: B018  (refuses a roster that is not what the plan says)
        return study

    def with_(self, **changes: Any) -> Trial:
        """Return the trial with some parameters changed, such as ``baseline=None``.

        Raises
        ------
        EvidenceError
            As :meth:`read`.
        """
        plan = self.plan.changed(**changes)
        plan = self.promised.planned(plan) if self.promised else plan
        opening.check_groups(plan, self.source)
        known = self.plan.columns
        same = all(
            set(frames.listed(asked)) <= {*frames.listed(known[name]), ""}
            for name, asked in plan.columns.items()
        )
        if not same or _names(plan) != self.names:
            return self._of(plan, self.source, self.rules, self.promised)
        return replace(self, plan=plan)

    def estimate(self, method: str = "", *, outcome: str = "", **options: Any) -> Any:
        """Return :meth:`Study.estimate`; CACE takes the plan's dosage."""
        if method == "cace":
            options = {"dosage": self._say(self.plan.dosage)} | options
            if not options["dosage"]:
                raise EvidenceError("plan: dosage is empty; method 'cace' needs its column")
        return super().estimate(method, outcome=outcome, **options)

    def among(self, column: str, value: object) -> Trial:
        """Return the trial of those pupils alone who have a value in a column.

        Raises
        ------
        EvidenceError
            There is no such column, nobody has the value, or too few are left.
        """
        rows = readers.select(self.source, {column: value})
        plan = self.plan.changed(where=self.plan.where | {column: value})
        return self._of(plan, rows, self.rules, self.promised)

    def explore(self) -> VBox:
        """Return a panel to try other analyses beside the planned one; each look is counted."""
        return Explorer(self).panel()

    @answered
    def _checked(self) -> pd.DataFrame:
        plan = self.plan
        return check(
            self.source,
            outcome=plan.outcomes[0].name,
            design=plan.allocation or None,
            pupil=plan.pupil or None,
            treatment=plan.treatment,
            reference=plan.control or None,
            arm=plan.arm or None,
            baseline=plan.baseline or None,
            covariates=plan.covariates,
            cluster=plan.cluster or None,
            strata=plan.strata or None,
        )

    @functools.cached_property
    def names(self) -> dict[str, str]:
        """Words of columns and arms."""
        return _names(self.plan)

    def _say(self, name: str | list[str]) -> Any:
        return sections.say(name, self.names) or None

    @answered
    def arms(self) -> dict[str, Any]:
        """The treatment, the control and the arm asked about, as methods take them."""
        plan = self.plan
        named = (plan.control or None, plan.arm or None)
        arms = frames.arms(self.source, plan.treatment, *named)
        sides = {"reference": self._say(arms.reference), "arm": self._say(arms.arm)}
        return {"treatment": self._say(plan.treatment), **sides}

    def model(self, outcome: Outcome) -> dict[str, Any]:
        """Return the planned analysis of an outcome, as methods take it."""
        return {
            "outcome": outcome.words,
            **self.arms,
            "baseline": self._say(self.plan.baseline),
            "covariates": self._say(self.plan.covariates) or [],
            "cluster": self._say(self.plan.cluster),
            "strata": self._say(self.plan.strata),
        }

    @property
    def before(self) -> list[str]:
        """Columns known before the start: baseline and covariates."""
        return [*frames.listed(self.primary["baseline"]), *self.primary["covariates"]]

    @functools.cached_property
    def compared(self) -> frames.Encoded:
        """The pupils of the two arms that are compared."""
        chosen = frames.arms(self.table, *(self.arms[n] for n in ("treatment", "reference", "arm")))
        rows = chosen.treated | chosen.control
        return self.table if rows.all() else frames.Encoded(self.table[rows])

    def analysed(self, outcome: Outcome) -> pd.DataFrame:
        """Return the pupils with everything that the analysis of an outcome needs."""
        complete = self.compared[[outcome.words, *self.before]].notna().all(axis=1)
        return self.compared if complete.all() else self.compared[complete]

    # answers ----------------------------------------------------------------------------------

    def randomisation_test(self, **options: Any) -> Estimate:
        """Return :func:`~evidence.methods.trials.randomisation.randomisation_test` of the plan."""
        return self.estimate("randomisation_test", **options)

    @answered
    def promise(self) -> Promise | None:
        """What was done otherwise than the protocol said; None without a protocol."""
        if self.promised is None:
            return None
        plan = self.plan
        named = frames.arms(self.source, plan.treatment, plan.control or None, plan.arm or None)
        sides = {"arm": named.arm, "control": named.reference}
        words = {side: [plan.labels.get(each, each), each] for side, each in sides.items()}
        return self.promised.against(plan, words)

    @property
    def status(self) -> dict[str, str]:
        """Whether each outcome's result was planned; empty without a protocol."""
        return self.promise.status if self.promise else {}

    @answered
    def estimates(self) -> dict[str, Estimate]:
        """The difference between the arms for each outcome, in its own unit."""
        return {
            outcome.name: self.estimate(
                "itt" if outcome.unit == "sd" else "risk_difference", outcome=outcome.name
            )
            for outcome in self.plan.outcomes
        }

    @answered
    def sizes(self) -> dict[str, Estimate]:
        """The same in standard deviations."""
        return {
            outcome.name: self.estimate("effect_size", outcome=outcome.name)
            if outcome.unit == "sd"
            else self.estimate("odds_ratio", outcome=outcome.name).cox_index()
            for outcome in self.plan.outcomes
        }

    @answered
    def losses(self) -> dict[str, Attrition]:
        """Who was lost between assignment and the analysis of each outcome."""
        return {
            outcome.name: attrition(self.compared, self.analysed(outcome), **self.arms)
            for outcome in self.plan.outcomes
        }

    @answered
    def alike(self) -> dict[str, Balance]:
        """How alike the arms were before the start, among those analysed for each outcome."""
        return {
            outcome.name: balance(self.analysed(outcome), covariates=self.before, **self.arms)
            for outcome in self.plan.outcomes
        }

    @answered
    def strengths(self) -> dict[str, Strength]:
        """How secure the finding on each outcome is."""
        cluster, school = self.plan.cluster, self.plan.school
        drawn = "schools" if school in ("", cluster) else "classes or groups"
        return {
            name: strength(
                self.plan.design,
                mdes=detectable(size),
                attrition=self.losses[name],
                threats=self.plan.threats or None,
                balance=self.alike[name],
                adjusted=self.before,
                units=drawn if cluster else "pupils",
            )
            for name, size in self.sizes.items()
        }

    @answered
    def effects(self) -> pd.DataFrame:
        """Rows of the `effects` contract: the primary outcome, others, disadvantaged pupils."""
        plan = self.plan
        keys: dict[str, Any] = {"rules": self.rules, "run_id": plan.run_id}
        keys |= {"programme": plan.programme, "cohort": plan.cohort}
        rows = [
            row(self.estimates[one.name], self.sizes[one.name], outcome=one.entry, **keys,
                n_schools=self._schools(one), attainment=one.attainment,
                strength=self.strengths[one.name], caveats=self._promised(one))
            for one in plan.outcomes
        ]  # fmt: skip
        theirs = self.groups.disadvantaged(self.rules.threshold) if self.groups else {}
        named = tuple(f"{name}: " for name in self._say(plan.prespecified) or ())
        rows += [
            row(found, outcome=self.main.entry | {"primary": False}, subgroup=group, **keys,
                n_schools=self._schools(self.main, group), attainment=self.main.attainment,
                caveats=self._promised(self.main, foreseen=group.startswith(named)))
            for group, found in theirs.items() if self.main.unit == "sd"
        ]  # fmt: skip
        return pd.concat(rows, ignore_index=True)

    def _schools(self, outcome: Outcome, group: str = "") -> int | None:
        """Return in how many schools pupils were analysed; None where no column says it."""
        school, pupils = self._say(self.plan.school), self.analysed(outcome)
        for column in self._say(self.plan.subgroups) if group else ():
            if group.startswith(f"{column}: "):
                pupils = pupils[pupils[column].map(label) == group.removeprefix(f"{column}: ")]
        return pupils[school].nunique() if school else None

    def _promised(self, outcome: Outcome, *, foreseen: bool | None = None) -> list[str]:
        return self.promise.caveats_of(outcome.name, foreseen=foreseen) if self.promise else []

    @answered
    def belief(self) -> Posterior | None:
        """How likely it is to be worth while, given what such programmes have achieved."""
        size = self.sizes[self.main.name]
        return posterior(size, table="trial") if self.main.attainment else None

    @answered
    def lottery(self) -> Estimate:
        """The chance that the allocation alone would make a difference this large."""
        return self.randomisation_test(draws=self.plan.draws, seed=self.plan.seed)

    @answered
    def flow(self) -> Flow:
        """Pupils and schools of each arm from assignment to analysis."""
        rest = {name: self.primary[name] for name in ("baseline", "covariates")}
        school = {"cluster": self._say(self.plan.school)}
        return flow(self.table, outcome=self.main.words, **school, **rest, **self.arms)

    @answered
    def missing(self) -> Missingness:
        """Who has no outcome, and whether that goes with what is known of them."""
        rest = {name: self.primary[name] for name in ("baseline", "covariates", "cluster")}
        return missingness(self.compared, outcome=self.main.words, **rest, **self.arms)

    @answered
    def balance(self) -> Balance | None:
        """How alike the arms were as assigned; None where nothing was known before."""
        before = self.before
        return balance(self.compared, covariates=before, **self.arms) if before else None

    @answered
    def several(self) -> pd.DataFrame | None:
        """P-values of several outcomes, adjusted for their number."""
        if len(self.plan.outcomes) < 2:
            return None
        table = romano_wolf(
            self.table,
            outcomes=list(self.titles.values()),
            draws=self.plan.draws,
            seed=self.plan.seed,
            **{name: value for name, value in self.primary.items() if name != "outcome"},
        ).assign(effect_size=self.effects["effect_size"])
        return table[["outcome", "effect_size", "p_value", "p_romano_wolf"]]

    @answered
    def groups(self) -> Subgroups | None:
        """The effect by subgroup, and whether effects differ."""
        return subgroups(self.table, **self._grouped) if self.plan.subgroups else None

    @property
    def _grouped(self) -> dict[str, Any]:
        asked = {"subgroup": self._say(self.plan.subgroups)}
        return asked | {"prespecified": self._say(self.plan.prespecified) or ()} | self.primary

    @answered
    def received(self) -> Estimate | None:
        """The effect on those who took the programme up."""
        return self.estimate("cace", unit="sd") if self.plan.dosage else None

    @answered
    def delivered(self) -> DataPicture | None:
        """Which share of each arm received any of the programme; None without a dosage."""
        return self.drawn.received(self._say(self.plan.dosage)) if self.plan.dosage else None

    @answered
    def checks(self) -> Robustness:
        """The primary effect by every sensible analysis."""
        plan = self.plan
        many = {"draws": plan.draws, "imputations": plan.imputations, "seed": plan.seed}
        return robustness(self.table, **many, **self.primary)

    @answered
    def shifted(self) -> Sensitivity | None:
        """What if those not measured differ from those who were; None where all were measured."""
        chosen = frames.arms(self.table, *(self.arms[n] for n in ("treatment", "reference", "arm")))
        if not self.table.loc[chosen.treated, self.main.words].isna().any():
            return None
        many = {"imputations": self.plan.imputations, "seed": self.plan.seed}
        return delta_sensitivity(self.table, **many, **self.primary)

    @answered
    def means(self) -> pd.DataFrame:
        """Means of each arm before and after, and their difference as it is."""
        before, after = self.primary["baseline"], [*self.titles.values()]
        return sections.raw_means(self.compared, before=before, after=after, arms=self.arms)

    @answered
    def _may_be_received(self) -> None:
        if self.plan.dosage:
            check_dosage(self.table, dosage=self._say(self.plan.dosage), **self.primary)

    @answered
    def _may_be_grouped(self) -> None:
        if self.plan.subgroups:
            check_subgroups(self.table, **self._grouped)

    # what a reader sees -----------------------------------------------------------------------

    @property
    def questions(self) -> dict[str, Callable[[], list[Any]]]:
        """What answers each question, in the order of the report."""
        return trial_report.questions(self)

    @functools.cached_property
    def drawn(self) -> DataPictures:
        """What draws the data of the two arms."""
        treatment, control, _ = self.arms.values()
        return DataPictures(
            rows=self.compared,
            by=treatment,
            order=[control] if control else [],
            school=self._say(self.plan.school),
            least=max(30, self.rules.figure_count),
        )

    def pictures(self) -> list[Any]:
        """Return pictures of the data themselves, for exploring: more than the report shows."""
        scores = [outcome.words for outcome in self.plan.outcomes if outcome.unit != "pp"]
        more = [
            self.drawn.together(*scores[:2]) if len(scores) > 1 else None,
            self.drawn.schools(self.main.words) if self.plan.school else None,
            self.drawn.missing(*self.titles.values(), *self.before),
        ]
        return [each for each in (*self.parts("the data"), *more) if each is not None]

    @answered
    def recomputed(self) -> tuple[Recomputation, ...]:
        """The primary estimate, and what those gained who took it up, by another program."""
        found = [recompute_trial(self.table, self.estimates[self.main.name], **self.primary)]
        if self.plan.dosage:
            taken = {"dosage": self._say(self.plan.dosage)}
            plain = self.estimate(
                "cace", cov_type="CR0" if self.plan.cluster else "classical", **taken
            )
            found.append(recompute_trial(self.table, plain, **taken, **self.primary))
        return tuple(found)


def _names(plan: TrialPlan) -> dict[str, str]:
    """Return the words of columns and arms; a 0/1 treatment has words of its own."""
    coded = plan.control in ("", "0") and plan.arm in ("", "1")  # 1 may be one arm of 1 and 2
    yes_no = {"0": f"no {plan.treatment}", "1": plan.treatment} if coded else {}
    return yes_no | plan.labels | {outcome.name: outcome.words for outcome in plan.outcomes}
