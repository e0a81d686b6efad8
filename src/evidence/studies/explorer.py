"""Explore a trial: choose, see estimate, picture and code at once, and pay for every look.

The planned analysis stays as it is. Every further look is counted, and the intervals of all of them
are widened so that together they keep the study's level (Bonferroni): of a programme without
effect, looking often must not make one.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from evidence.data.labels import label
from evidence.errors import EvidenceError
from evidence.methods.core.results import Estimate, TableResult
from evidence.show.controls import column
from evidence.show.interval_svg import Interval, Scale
from evidence.show.render import render, safe
from evidence.show.words import UNITS, counted, interval, number

if TYPE_CHECKING:
    from ipywidgets import VBox

PLANNED = "as planned"
_BY_DRAWS = ("randomisation_test", "bootstrap", "wild_bootstrap", "impute")  # seconds, perhaps
_PATIENCE = 0.1  # seconds that a panel waits for them before it shows that they are awaited
_WORDS = {
    "itt": "regression, errors by cluster",
    "effect_size": "effect size in standard deviations",
    "multilevel": "multilevel model",
    "randomisation_test": "randomisation test",
    "bootstrap": "bootstrap",
    "wild_bootstrap": "wild cluster bootstrap",
    "impute": "multiple imputation",
    "cace": "effect on those who took part (CACE)",
    "risk_difference": "difference in percentage points",
    "odds_ratio": "odds ratio",
}


@dataclass(frozen=True, slots=True)
class Look:
    """One analysis that was looked at: what was chosen. Empty is what the plan says."""

    outcome: str = ""
    method: str = ""
    baseline: bool = True
    sample: tuple[str, str] | None = None  # a column and the value that its pupils have

    @property
    def code(self) -> str:
        """The line that makes it again."""
        change = "" if self.baseline else ".with_(baseline=None)"
        given = [repr(self.method)] if self.method else []
        given += [f"outcome={self.outcome!r}"] if self.outcome else []
        of = f".among({self.sample[0]!r}, {self.sample[1]!r})" if self.sample else ""
        return f"study{of}{change}.estimate({', '.join(given)})"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Comparison(TableResult):
    """Estimates one below another.

    Parameters
    ----------
    table : DataFrame
        A row an estimate: `name`, `estimate`, `ci_lower`, `ci_upper`, `level`, `unit`, `n_pupils`,
        `method`.
    looks : int
        How many of them were not planned: their intervals are widened for that.
    """

    table: pd.DataFrame
    looks: int = 0

    def sentence(self) -> str:
        """Say the first, how far those of its unit lie apart, and what was widened."""
        first = self.table["unit"].iloc[0]
        alike = self.table[self.table["unit"] == first]
        row, unit = alike.iloc[0], UNITS.get(str(first), str(first))
        span = interval(row["ci_lower"], row["ci_upper"], 2)
        said = f"{number(row['estimate'], 2, sign=True)} ({span}; {unit})"
        if len(alike) > 1:
            reach = interval(alike["estimate"].min(), alike["estimate"].max(), 2)
            said += f"; {counted(len(alike), 'estimate')} from {reach}"
        widened = "their intervals are" if self.looks > 1 else "its interval is"
        paid = f" {counted(self.looks, 'look')} beside the plan: {widened} widened for that."
        return f"{said}." + (paid if self.looks else "")

    def _repr_html_(self) -> str:
        groups = []
        for unit, rows in self.table.groupby("unit", sort=False):
            ends = zip(rows["estimate"], rows["ci_lower"], rows["ci_upper"], strict=True)
            drawn = [
                Interval(estimate=e, lower=low, upper=high, worthwhile=math.nan)
                for e, low, high in ends
            ]
            scale = Scale(drawn, "sd" if unit == "sd" else str(unit))
            cells = []
            for row, one in zip(rows.to_dict("records"), drawn, strict=True):
                size = number(row["estimate"], 2, sign=True)
                span = interval(row["ci_lower"], row["ci_upper"], 2)
                picture = safe(scale.draw(one, "", f"{size}, {span}"))
                cells.append(row | {"size": size, "span": span, "drawing": picture})
            groups.append({"rows": cells, "unit": UNITS.get(str(unit), str(unit)),
                           "axis": safe(scale.axis())})  # fmt: skip
        return render("study/comparison.html", groups=groups, said=self.sentence())


def compare(estimates: Sequence[Estimate], names: Sequence[str] = ()) -> Comparison:
    """Set estimates one below another, on one scale a unit.

    Parameters
    ----------
    estimates : sequence of Estimate
        What `study.estimate` and the functions of `ev.trials` and `ev.impact` return.
    names : sequence of str
        What to call each; by default its method.

    Raises
    ------
    EvidenceError
        There is nothing to compare, something is no estimate, or names are too few or too many.
    """
    listed = list(estimates)
    if not listed or not all(isinstance(one, Estimate) for one in listed):
        raise EvidenceError("compare: a list of estimates is needed, such as [study.estimate()]")
    if names and len(names) != len(listed):
        raise EvidenceError(
            f"compare: {counted(len(names), 'name')} for {counted(len(listed), 'estimate')}"
        )
    called = list(names) or [one.method for one in listed]
    rows = [_row(one, name) for one, name in zip(listed, called, strict=True)]
    return Comparison(table=pd.DataFrame(rows))


def _row(one: Estimate, name: str) -> dict[str, Any]:
    keys = ("estimate", "ci_lower", "ci_upper", "level", "unit", "method")
    row = {key: getattr(one, key) for key in keys}
    return {"name": name} | row | {"n_pupils": one.n_treated + one.n_control}


@dataclass(slots=True)
class Explorer:
    """What was looked at beside the plan of a trial, in order.

    Parameters
    ----------
    study : Trial
    """

    study: Any  # an `ev.Trial`, which brings its explorer along
    looks: list[Look] = field(default_factory=list)
    _studies: dict[tuple[Any, bool], Any] = field(default_factory=dict)
    _rows: dict[tuple[Look, float], dict[str, Any]] = field(default_factory=dict)

    def look(self, chosen: Look) -> Comparison:
        """Make an analysis, and return it with the planned one and all looks before it.

        Raises
        ------
        EvidenceError
            The data do not allow it; it is not counted then.
        """
        if chosen != Look() and chosen not in self.looks:
            self._estimate(chosen, 0.95)
            self.looks.append(chosen)
        level = 1 - 0.05 / max(len(self.looks), 1)
        rows = [self._shown(Look(), 0.95), *(self._shown(one, level) for one in self.looks)]
        return Comparison(table=pd.DataFrame(rows), looks=len(self.looks))

    def words(self, chosen: Look) -> str:
        """Say what was chosen, in words."""
        titles = self.study.titles
        parts = [
            titles.get(chosen.outcome, "") if chosen.outcome else "",
            _WORDS.get(chosen.method, chosen.method),
            "" if chosen.baseline else "without the baseline",
            self.group(chosen.sample) if chosen.sample else "",
        ]
        return ", ".join(part for part in parts if part) or PLANNED

    def group(self, sample: tuple[str, str]) -> str:
        """Say which pupils have a value, in the study's words."""
        column, value = sample
        known = self.study.plan.labels
        return f"{known.get(column, column)}: {known.get(f'{column}: {value}', value)}"

    def groups(self) -> list[tuple[str, str]]:
        """Return the groups of pupils that can be looked at alone."""
        source = self.study.source
        return [(column, label(value)) for column in self.study.plan.subgroups
                for value in sorted(source[column].dropna().unique(), key=str)]  # fmt: skip

    def _shown(self, chosen: Look, level: float) -> dict[str, Any]:
        if (chosen, level) not in self._rows:
            self._rows[chosen, level] = _row(self._estimate(chosen, level), self.words(chosen))
        return self._rows[chosen, level]

    def _estimate(self, chosen: Look, level: float) -> Estimate:
        """Estimate; the study of each sample is kept, and with it what does not depend on level."""
        key = chosen.sample, chosen.baseline
        if key not in self._studies:
            study = self.study.among(*chosen.sample) if chosen.sample else self.study
            self._studies[key] = study if chosen.baseline else study.with_(baseline=None)
        return self._studies[key].estimate(chosen.method, outcome=chosen.outcome, level=level)

    def panel(self) -> VBox:
        """Return controls and, below them, what they choose; all of it by keyboard too."""
        import ipywidgets as widgets

        def menu(text: str, options: list[tuple[str, Any]]) -> widgets.Dropdown:
            wide = widgets.Layout(width="420px")
            return widgets.Dropdown(description=text, options=options, layout=wide)

        outcomes = [(each.words, "" if each is self.study.main else each.name)
                    for each in self.study.plan.outcomes]  # fmt: skip
        ways = [way for way in list(self.study.methods)[1:]
                if way != "cace" or self.study.plan.dosage]  # fmt: skip
        methods = [(PLANNED, ""), *((_WORDS.get(way, way), way) for way in ways)]
        samples = [("all pupils", ()), *((self.group(one), one) for one in self.groups())]
        outcome, method = menu("Outcome", outcomes), menu("Method", methods)
        sample = menu("Pupils", samples)
        baseline = widgets.Checkbox(value=True, description="Adjust for the baseline",
                                    disabled=not self.study.plan.baseline)  # fmt: skip
        shown, code = widgets.HTML(), widgets.Textarea(description="Code", disabled=False)
        code.layout = widgets.Layout(width="640px", height="48px")
        turn, waiting = threading.Lock(), []

        def asked() -> Look:
            return Look(outcome.value, method.value, baseline.value, sample.value or None)

        def put(chosen: Look) -> None:
            with turn:
                try:
                    page = self.look(chosen)._repr_html_()
                except EvidenceError as error:
                    page = render("study/refused.html", text=str(error))
                    if chosen != asked():  # it took long, and something else is shown
                        return
                later = [self.words(one) for one in waiting]
                shown.value = page + (render("study/waiting.html", later=later) if later else "")

        def work(chosen: Look) -> None:
            with contextlib.suppress(EvidenceError):  # which `put` meets again, and shows
                self._estimate(chosen, 0.95)
            waiting.remove(chosen)
            put(chosen)

        def show(_: Any = None) -> None:
            chosen = asked()
            code.value = chosen.code
            if chosen.method not in _BY_DRAWS or chosen in self.looks:
                put(chosen)
            elif chosen not in waiting:
                waiting.append(chosen)
                worker = threading.Thread(target=work, args=(chosen,), daemon=True)
                worker.start()
                worker.join(_PATIENCE)
                if chosen in waiting:
                    put(self.looks[-1] if self.looks else Look())

        for control in (outcome, method, sample, baseline):
            control.observe(show, names="value")
        show()
        return column([outcome, method, sample, baseline, shown, code], shown)
