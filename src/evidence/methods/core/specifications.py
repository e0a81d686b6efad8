"""One question answered by every sensible analysis, and placebos where there can be no effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core.results import Estimate, TableResult
from evidence.show import words
from evidence.show.words import UNITS

T = TypeVar("T")
Analyses = Mapping[str, tuple[str, Callable[[], Estimate]]]

_OF_ESTIMATE = ("estimate", "ci_lower", "ci_upper", "p_value", "n_clusters", "method")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Specifications(TableResult):
    """The primary effect by every sensible analysis, and where there can be no effect.

    Parameters
    ----------
    table : DataFrame
        The primary analysis first: `label`, `kind` ("answer" or "placebo"), `estimate`,
        `ci_lower`, `ci_upper`, `p_value`, `primary`, `holds`, `n_pupils`, `n_clusters`, `method`;
        a subclass may have fewer. An answer holds where its interval lies on the same side of 0,
        or includes it, as the primary one does; a placebo where its interval includes 0.
    outcome, treatment : str
    unit : str
        Unit of the estimates, as in :class:`~evidence.methods.core.results.Estimate`.
    skipped : tuple of str
        Analyses that the data do not allow, and why.
    open : bool
        The primary interval includes 0: there is no answer yet that could hold.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "label", "kind", "estimate", "ci_lower", "ci_upper", "p_value", "primary", "holds",
        "n_pupils", "n_clusters", "method",
    )  # fmt: skip
    DIGITS: ClassVar[int] = 2  # of estimates in the sentence

    table: pd.DataFrame
    outcome: str
    treatment: str
    unit: str = "sd"
    skipped: tuple[str, ...] = ()
    open: bool = False

    @classmethod
    def run(cls, analyses: Analyses, *, skipped: tuple[str, ...] = (), **fields: object) -> Self:
        """Make every analysis that the data allow.

        Parameters
        ----------
        analyses : mapping
            Label to kind ("answer" or "placebo") and a function without arguments that returns an
            estimate; the first is the primary one.
        skipped : tuple of str
            What was left out before.
        **fields
            Further fields of the class.

        Raises
        ------
        EvidenceError
            The primary analysis is not possible.
        """
        (first, (_, planned)), *_ = analyses.items()
        primary, rows, left_out = planned(), [], []
        for label, (kind, analysis) in analyses.items():
            estimate, reason = (primary, "") if label == first else attempt(analysis)
            if estimate and not np.isfinite([estimate.ci_lower, estimate.ci_upper]).all():
                reason = "the interval has no end"
            if estimate is None or (reason and label != first):
                left_out.append(f"{label}: {reason}")
                continue
            row = {name: getattr(estimate, name) for name in _OF_ESTIMATE}
            rows.append({"label": label, "kind": kind, **row, "n_pupils": estimate.n_obs})
        table = pd.DataFrame(rows)
        side = (table["ci_lower"] > 0) * 1 - (table["ci_upper"] < 0)
        expected = np.where(table["kind"] == "answer", side.iloc[0], 0)
        table = table.assign(primary=table.index == 0, holds=side == expected)
        named: dict[str, Any] = {"outcome": primary.outcome, "treatment": primary.treatment}
        named["open"] = bool(side.iloc[0] == 0)
        table = table[[*cls.COLUMNS]]
        return cls(table=table, skipped=(*left_out, *skipped), **named | fields)

    def of_kind(self, kind: str) -> pd.DataFrame:
        """Return the rows that are answers, or placebos."""
        kinds = self.table.get("kind", "answer")
        return self.table[np.broadcast_to(kinds == kind, len(self.table))]

    def headline(self) -> str:
        """Say in how many analyses the answer holds; an open question is no answer."""
        answers = self.of_kind("answer")
        held, every = int(answers["holds"].sum()), len(answers)
        if self.open:
            return f"The question stays open in {held} of {every} analyses: zero is in the interval"
        return f"The answer holds in {held} of {every} analyses"

    def sentence(self) -> str:
        """Say where the answer holds, between what the estimates lie, and what placebos show."""
        answers, placebos = self.of_kind("answer"), self.of_kind("placebo")
        between = self._signed(answers["estimate"].min(), answers["estimate"].max())
        other = answers.loc[~answers["holds"], "label"]
        false = placebos.loc[~placebos["holds"], "label"]
        parts = [
            f"{self.headline()}; estimates lie between {between} {UNITS[self.unit]}.",
            f"Not so: {'; '.join(other)}." if len(other) else "",
            *self._further_sentences(),
        ]
        if len(placebos):
            found = f"one is found: {'; '.join(false)}" if len(false) else "none is found"
            parts.append(f"Where there can be no effect, {found}.")
        return " ".join(part for part in parts if part)

    def _signed(self, *values: float) -> str:
        return " and ".join(words.number(x, self.DIGITS, sign=True) for x in values)

    def _further_sentences(self) -> tuple[str, ...]:
        """Return what a subclass says before the placebos."""
        return ()

    def _page_notes(self) -> tuple[str, ...]:
        return self.skipped


def attempt(analysis: Callable[[], T]) -> tuple[T | None, str]:
    """Return what an analysis gives and "", or None and why the data do not allow it.

    That arithmetic fails, too, is the data's: one analysis must not take the others with it.
    """
    try:
        return analysis(), ""
    except EvidenceError as error:
        return None, str(error)
    except (ArithmeticError, ValueError, RuntimeError) as error:
        return None, f"it cannot be computed from these data ({type(error).__name__})"
