"""The effect of a programme that nobody randomised by other analyses, and placebos."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate, EventStudy, TableResult
from evidence.methods.core.specifications import Specifications, attempt
from evidence.methods.impact import unmeasured_confounding
from evidence.methods.impact.baseline import before_start
from evidence.methods.impact.did import did
from evidence.methods.impact.event_study import event_study
from evidence.methods.impact.lagged_outcome import given_past, leave_one_out
from evidence.methods.impact.panel_data import PanelData, check, of_panel
from evidence.methods.impact.parallel_trends import honest, pre_trend
from evidence.methods.impact.wild_bootstrap import wild_bootstrap
from evidence.methods.matching.balance_weights import balance_weights
from evidence.methods.matching.cem import coarsened
from evidence.methods.matching.nearest import nearest
from evidence.show.words import UNITS

_OF_UNITS = ("outcome", "treatment", "unit", "time", "weights", "covariates")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Checks(Specifications):
    """The primary effect by other analyses, and where no effect can be.

    The fields of :class:`~evidence.methods.core.specifications.Specifications`, and

    Parameters
    ----------
    leave_out_low, leave_out_high : float
        Least and greatest estimate when one treated unit is left out; NaN where one decides it.
    oster : float
        How many times as strong as all that is held fixed unmeasured confounding must be for the
        effect to be zero (δ); NaN where what is held fixed does not matter.
    notes : tuple of str
        What else is to be said: drifts that the test of earlier trends would miss, how far trends
        may part before the answer goes, and how strong unmeasured confounding would have to be.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "label", "kind", "estimate", "ci_lower", "ci_upper", "p_value", "n_clusters", "primary",
        "holds",
    )  # fmt: skip
    DIGITS: ClassVar[int] = 1

    leave_out_low: float
    leave_out_high: float
    oster: float
    notes: tuple[str, ...] = ()

    def caveats(self) -> tuple[str, ...]:
        """Return what must go with the answer wherever it goes."""
        placebos = self.of_kind("placebo")
        false = placebos.loc[~placebos["holds"], "label"]
        headline, answers = self.headline(), self.of_kind("answer")["estimate"]
        between = self._signed(answers.min(), answers.max())
        return (
            f"{headline[:1].lower()}{headline[1:]}, with estimates between {between}",
            *(f"where there can be no effect one is found: {label.lower()}" for label in false),
        )

    def _further_sentences(self) -> tuple[str, ...]:
        if math.isnan(self.leave_out_low):
            return (
                "Without one of the schools there is no estimate: the answer rests on it alone.",
            )
        low_and_high = self._signed(self.leave_out_low, self.leave_out_high)
        return (f"Leaving out one school at a time, it lies between {low_and_high}.",)

    def _page_notes(self) -> tuple[str, ...]:
        return tuple(note.removesuffix(".") for note in (*self.notes, *self.skipped))


@of_panel()
def sensitivity(
    panel: PanelData,
    *,
    placebo: str | None = None,
    unit_words: str = "points",
    draws: int = 999,
    seed: int = 0,
    level: float = 0.95,
) -> Checks:
    """Estimate the effect in other sensible ways, and where none can be.

    The arguments of :func:`evidence.methods.impact.given_past`, which is the primary analysis, and

    Parameters
    ----------
    placebo : str, optional
        Column of an outcome that the programme cannot change, such as writing for mathematics.
    unit_words : str
        Unit of the outcome, as in `Estimate`.
    draws, seed : int
        Of the wild cluster bootstrap.

    Returns
    -------
    Checks
        Besides the primary one: without context; other programmes not held fixed; only units in no
        other programme; two-way fixed effects (difference in differences), also without the time
        before the start, with comparison units balanced on results and context before the start
        (entropy), matched (nearest neighbours, coarsened cells), and with the interval of the wild
        cluster bootstrap. Placebos: two times before the start taken for the start (of difference
        in differences: given earlier results, units chosen later for low ones fall behind by the
        choice alone), and the placebo outcome.

    Raises
    ------
    EvidenceError
        As the primary analysis.
    """
    frames.one_of("unit_words", unit_words, tuple(UNITS))
    if not isinstance(panel.data, frames.Encoded):
        panel = replace(panel, data=frames.encoded(panel.data))

    def analysis(
        method: Callable[..., Estimate],
        rows: Callable[[], PanelData] = lambda: panel,
        kind: str = "answer",
        **options: int,
    ) -> tuple[str, Callable[[], Estimate]]:
        return kind, lambda: method(rows(), level=level, **options)

    analyses = {
        "Given earlier results (primary)": analysis(given_past),
        "Difference in differences": analysis(did),
    }
    primary = given_past(panel, level=level)
    when = frames.numbers(panel.data, panel.columns["time"])
    dose = frames.numbers(panel.data, panel.columns["treatment"])
    before = np.unique(when[when < np.nanmin(when[dose != 0])])
    if panel.columns["covariates"]:
        analyses["Given earlier results, without context"] = analysis(
            given_past, lambda: panel.again(covariates=())
        )
    if panel.columns["overlap"]:
        analyses["Other programmes not held fixed"] = analysis(
            given_past, lambda: panel.again(overlap=())
        )
        analyses["Schools in no other programme"] = analysis(given_past, lambda: _alone(panel))
    if len(before) > 1:
        analyses["Difference in differences without the last year before"] = analysis(
            did, lambda: check(panel.subset(panel.time != before[-1]))
        )
    of_units = {name: panel.columns[name] for name in _OF_UNITS}
    earlier = before_start(panel.data, **of_units)
    matches: dict[str, Callable[..., pd.DataFrame]] = {
        "balanced": balance_weights,
        "nearest neighbours": nearest,
        "same cells of results": coarsened,
    }
    for label, match in matches.items():
        analyses[f"Difference in differences, {label}"] = analysis(
            did, partial(_matched, panel, match, earlier)
        )
    analyses["Difference in differences, wild bootstrap"] = analysis(
        wild_bootstrap, draws=draws, seed=seed
    )
    if len(before) > 2:
        analyses["Before there was a programme"] = analysis(
            did, lambda: _before_programme(panel, before), "placebo"
        )
    if placebo is not None:
        analyses["An outcome it cannot change"] = analysis(
            given_past, lambda: panel.again(outcome=placebo), "placebo"
        )
    study = event_study(panel, level=level)
    notes, skipped = [], []
    drifts: dict[str, Callable[[EventStudy], TableResult]] = {
        "Drifts before the start": pre_trend,
        "Trends that are not parallel": honest,
    }
    for label, trends in drifts.items():
        result, reason = attempt(partial(trends, study))
        if result is None:
            skipped.append(f"{label}: {reason}")
        else:
            notes.append(result.sentence())
    low, high = leave_one_out(panel)
    delta = unmeasured_confounding.oster(panel.data, **of_units)
    if np.isfinite(delta):
        rough = unmeasured_confounding.oster(panel.data, **of_units, approximate=True)
        notes.append(unmeasured_confounding.in_words(delta, rough))
    return Checks.run(
        analyses,
        skipped=tuple(skipped),
        outcome=primary.outcome,
        unit=unit_words,
        leave_out_low=low,
        leave_out_high=high,
        oster=delta,
        notes=tuple(notes),
    )


def _alone(panel: PanelData) -> PanelData:
    """Return the units that are in no other programme at any time."""
    unit = frames.factor(panel.data, panel.columns["unit"])[0]
    others = [frames.numbers(panel.data, name) for name in panel.columns["overlap"]]
    alone = ~np.isin(unit, unit[np.any(others, axis=0)])
    panel = panel.again(overlap=())
    return check(panel.subset(alone[panel.rows]))


def _before_programme(panel: PanelData, before: np.ndarray) -> PanelData:
    """Return the times before the start but the last, the one before it taken for the start."""
    early = panel.subset(np.isin(panel.time, before[:-1]))
    return check(
        replace(
            early,
            dose=(early.ever & (early.time == before[-2])).astype(float),
            start=np.where(np.isfinite(early.start), before[-2], np.inf),
        )
    )


def _matched(
    panel: PanelData, match: Callable[..., pd.DataFrame], earlier: pd.DataFrame
) -> PanelData:
    """Return the panel with comparison units weighted by `match`."""
    if earlier["treated"].nunique() < 2:
        raise EvidenceError("no treated unit has results in every year before the start")
    names = [*earlier.columns[1:]]
    if match is coarsened:  # cells of everything would be empty
        names = [name for name in names if name.startswith(f"{panel.columns['outcome']}, ")]
    weight = match(earlier, treatment="treated", covariates=names)["weight"]
    by_unit = pd.Series(weight.to_numpy(), earlier.index)
    whose = frames.labels(panel.data, panel.columns["unit"])
    weight = whose.map(by_unit).fillna(0).to_numpy(float)[panel.rows]
    if panel.weights is not None:
        weight = weight * panel.weights
    return check(replace(panel.subset(weight > 0), weights=weight[weight > 0]))
