"""What all studies have in common: a plan and its data, read once; answers, sections, findings."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import pandas as pd

from evidence.errors import EvidenceError, nearest
from evidence.show.questions import QUESTIONS
from evidence.studies.plan import Plan
from evidence.studies.sections import Answer, Report, Section, section

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
        try:
            return super().__get__(study, owner)
        except EvidenceError as error:
            text = str(error)
            for argument, parameter in study.parameters.items():
                text = text.replace(f"{argument}=", f"{parameter}=")
            raise EvidenceError(text) from None


@dataclass(frozen=True, eq=False, kw_only=True)
class Study(ABC, Generic[P]):
    """A plan and its data, encoded once, and the answers to a report's questions.

    Numbers happen in the functions of `methods`; a study decides which of them answer a question
    and in which order a reader meets them. Every kind of study has the same verbs: `read`,
    `answer`, `section`, `findings` and `with_`; `report` shows all at once.

    Parameters
    ----------
    plan : Plan
        The parameters of the notebook.
    """

    plan: P
    parameters: ClassVar[Mapping[str, str]] = {}  # argument of a method to the plan's name of it

    @classmethod
    @abstractmethod
    def read(cls: type[S], data: Any, plan: Mapping[str, Any]) -> S:
        """Check a plan, and read and encode the data that it names."""

    @abstractmethod
    def with_(self: S, **changes: Any) -> S:
        """Return the study with some parameters changed; what did not change is shared."""

    @abstractmethod
    def answer(self) -> Answer:
        """Return what was found, verdict first."""

    @property
    @abstractmethod
    def effects(self) -> pd.DataFrame:
        """Rows of the `effects` contract, that of the primary outcome first."""

    @property
    @abstractmethod
    def questions(self) -> Mapping[str, Callable[[], list[Any]]]:
        """What answers each question: results, pictures, tables and sentences, in order."""

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
            raise EvidenceError(f"section is {question!r}; {nearest(question, self.questions)}")
        return section("", *self.questions[question]())

    def report(self) -> Report:
        """Return the answer and every section, to be looked at in a notebook."""
        sections = (section(QUESTIONS[name], *parts()) for name, parts in self.questions.items())
        return Report(answer=self.answer(), sections=tuple(filter(None, sections)))

    @abstractmethod
    def pictures(self) -> list[Any]:
        """Return pictures of the data themselves, for exploring."""

    @abstractmethod
    def findings(self) -> dict[str, Any]:
        """Return what may be proposed for release: the arguments of `ev.propose`."""
