"""What all studies have in common: a plan and its data, read once; answers, sections, findings."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import pandas as pd

from evidence.data.rules import Rules
from evidence.data.schema import FEW
from evidence.errors import EvidenceError, nearest, shown
from evidence.methods.core.arguments import explained
from evidence.methods.core.frames import Encoded
from evidence.show.picture import Picture
from evidence.show.questions import QUESTIONS
from evidence.studies import pictures
from evidence.studies.plan import Outcome, Plan
from evidence.studies.posterior import Posterior
from evidence.studies.recomputation import Recomputation
from evidence.studies.sections import Answer, Report, Section, answer, section
from evidence.studies.strength import Strength

P = TypeVar("P", bound=Plan)
S = TypeVar("S", bound="Study")


class answered(functools.cached_property):  # noqa: N801  (used as a decorator)
    """An answer that is computed when first asked for, and kept with the study.

    A fault names the parameter that the reader of the notebook can change.
    """

    def __get__(self, study: Any, owner: type | None = None) -> Any:
        """Return the answer."""
        if study is None or self.attrname in study.__dict__:
            return super().__get__(study, owner)
        with in_its_words(study):
            return super().__get__(study, owner)


@contextmanager
def in_its_words(study: Any) -> Iterator[None]:
    """Let a fault of a method name the study's parameter instead of the method's argument."""
    try:
        yield
    except EvidenceError as error:
        text = str(error)
        for argument, parameter in study.parameters.items():
            text = text.replace(f"{argument}=", f"{parameter}=")
        raise EvidenceError(text) from None


class Questions(ABC):
    """Answers a report's questions, each once: what studies of every kind share."""

    parameters: ClassVar[Mapping[str, str]] = {}  # argument of a method to the plan's name of it
    essentials: ClassVar[Sequence[str]] = ()  # answers without which there is no report; () is all

    @property
    @abstractmethod
    def questions(self) -> Mapping[str, Callable[[], list[Any]]]:
        """What answers each question: results, pictures, tables and sentences, in order."""

    @abstractmethod
    def answer(self) -> Any:
        """Return what was found, the finding first."""

    @functools.cached_property
    def _parts(self) -> dict[str, list[Any]]:
        return {}

    def parts(self, question: str) -> list[Any]:
        """Return results, pictures, tables and sentences that answer a question; made once."""
        if question not in self._parts:
            parts = self.questions[question]()
            self._parts[question] = [part for part in parts if part is not None]
        return self._parts[question]

    def section(self, question: str) -> Section | None:
        """Return what answers one question; None where the plan or the data have nothing on it.

        Parameters
        ----------
        question : str
            One of `evidence.show.questions.QUESTIONS`.

        Raises
        ------
        EvidenceError
            There is no such question, or the data do not allow the answer.
        """
        if question not in self.questions:
            raise EvidenceError(
                f"section is {shown(question)}; {nearest(question, self.questions)}"
            )
        return section("", *self.parts(question))

    @property
    def counted_pictures(self) -> list[Picture]:
        """Pictures of the report that may be proposed: those with a count behind their rows."""
        parts = (
            getattr(part, "picture", part) for name in self.questions for part in self.parts(name)
        )
        return [
            each
            for each in parts
            if isinstance(each, Picture) and (each.counts or each.schools or each.published)
        ]

    def report(self) -> Report:
        """Return the answer and every section, to be looked at in a notebook."""
        sections = (section(QUESTIONS[name], *self.parts(name)) for name in self.questions)
        return Report(answer=self.answer(), sections=tuple(filter(None, sections)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Study(Questions, Generic[P]):
    """A plan and its data, encoded once, and the answers to a report's questions.

    Numbers happen in the functions of `methods`; a study decides which of them answer a question
    and in which order a reader meets them. Every kind of study has the same verbs: `read`,
    `answer`, `section`, `findings` and `with_`; `report` shows all at once.

    Parameters
    ----------
    plan : Plan
        The parameters of the notebook.
    table : Encoded
        What every method reads.
    rules : Rules
        What the data owner lets leave, read from ``disclosure.toml`` in the data folder.
    """

    plan: P
    table: Encoded
    rules: Rules = field(default_factory=Rules)
    methods: ClassVar[Mapping[str, Callable[..., Any]]] = {}  # the first is the planned one

    @classmethod
    @abstractmethod
    def read(cls: type[S], data: Any, plan: Mapping[str, Any]) -> S:
        """Check a plan, and read and encode the data that it names."""

    @abstractmethod
    def with_(self: S, **changes: Any) -> S:
        """Return the study with some parameters changed; what did not change is shared."""

    @abstractmethod
    def model(self, outcome: Outcome) -> dict[str, Any]:
        """Return the planned analysis of an outcome, as methods take it."""

    @property
    @abstractmethod
    def effects(self) -> pd.DataFrame:
        """Rows of the `effects` contract, that of the primary outcome first."""

    @property
    @abstractmethod
    def strengths(self) -> dict[str, Strength]:
        """How secure the finding on each outcome is."""

    @abstractmethod
    def pictures(self) -> list[Any]:
        """Return pictures of the data themselves, for exploring."""

    @property
    @abstractmethod
    def recomputed(self) -> tuple[Recomputation, ...]:
        """What another program makes of the primary estimate; a difference stops the report."""

    @property
    def main(self) -> Outcome:
        """The primary outcome."""
        return self.plan.outcomes[0]

    @property
    def primary(self) -> dict[str, Any]:
        """The planned analysis of the primary outcome, as methods take it."""
        return self.model(self.main)

    @property
    def titles(self) -> dict[str, str]:
        """What people call each outcome."""
        return {outcome.name: outcome.words for outcome in self.plan.outcomes}

    @property
    def status(self) -> dict[str, str]:
        """Whether each outcome's result was planned, where a protocol says so."""
        return {}

    @property
    def belief(self) -> Posterior | None:
        """How likely it is to be worth while; None where that is not known."""
        return None

    def estimate(self, method: str = "", *, outcome: str = "", **options: Any) -> Any:
        """Estimate the effect by one method, with the study's plan.

        Parameters
        ----------
        method : str
            One of `methods`; the planned one where absent.
        outcome : str
            Name of an outcome of the plan; the primary one where absent.
        **options
            Further arguments of that method.

        Raises
        ------
        EvidenceError
            There is no such method or outcome, or the data do not allow it.
        """
        method = method or next(iter(self.methods))
        if method not in self.methods:
            raise EvidenceError(f"method is {shown(method)}; {nearest(method, self.methods)}")
        known = {each.name: each for each in self.plan.outcomes}
        if outcome and outcome not in known:
            raise EvidenceError(f"outcome is {shown(outcome)}; {nearest(outcome, known)}")
        chosen = self.model(known.get(outcome, self.main))
        with in_its_words(self):
            return explained(self.methods[method])(self.table, **chosen | options)

    @functools.cached_property
    def effect_picture(self) -> Picture:
        """The estimates of all outcomes on the scale of effect sizes."""
        return pictures.effects(self.effects, [outcome.entry for outcome in self.plan.outcomes])

    def answer(self) -> Answer:
        """Return what was found, verdict first."""
        return answer(
            self.effects,
            self.strengths[self.main.name],
            title=self.plan.title,
            cohort=self.plan.cohort_title,
            titles=self.titles,
            status=self.status,
            belief=self.belief,
            picture=self.effect_picture,
            simulated=self.plan.simulated,
        )

    def findings(self) -> dict[str, Any]:
        """Return what may be proposed for release: the arguments of `ev.propose`.

        Every picture of the report is proposed, but those without a count behind their rows and,
        where few pupils have or lack the primary outcome, those of statistics.
        """
        few = self.effects["caveats"].str.contains(FEW, regex=False)
        drawn = [each for each in self.counted_pictures if not (each.statistics and few.iloc[0])]
        return {
            "effects": self.effects,
            "pictures": drawn if few.any() else [self.effect_picture, *drawn],
            "titles": self.titles,
            "rules": self.rules,
            "checks": [each.sentence() for each in self.recomputed],
            "units": self.plan.units,
        }
