"""What a trial's report shows under each question, in order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from evidence.methods.core import frames
from evidence.studies import pictures


def questions(study: Any) -> dict[str, Callable[[], list[Any]]]:
    """Return what answers each question of a trial's report.

    Parameters
    ----------
    study : Trial
        An `evidence.Trial`.
    """
    return {
        "who took part": partial(_who, study),
        "the data": partial(_data, study),
        "what changed": partial(_changed, study),
        "for whom": lambda: [study.groups],
        "does it hold": partial(_holds, study),
        "method": partial(_method, study),
    }


def _who(study: Any) -> list[Any]:
    alike = f"Among those analysed: {study.alike[study.main.name].sentence()}"
    return [
        pictures.flow(study.flow),
        study.losses[study.main.name],
        study.missing,
        study.drawn.missing(*study.titles.values()),
        pictures.balance(study.balance, rules=study.rules) if study.balance else None,
        alike if study.before else None,
    ]


def _data(study: Any) -> list[Any]:
    scores = [outcome.words for outcome in study.plan.outcomes if outcome.unit != "pp"]
    yes_no = [outcome.words for outcome in study.plan.outcomes if outcome.unit == "pp"]
    before = study.primary["baseline"]
    if before and study.plan.school:
        by_school = study.drawn.before_after(before, study.main.words)
    else:
        by_school = study.drawn.schools(study.main.words) if study.plan.school else None
    return [
        study.drawn.scores(*scores, *frames.listed(before)) if scores else None,
        study.drawn.shares(*yes_no) if yes_no else None,
        by_school,
    ]


def _changed(study: Any) -> list[Any]:
    return [
        study.means,
        study.estimates[study.main.name].sentence(),
        study.sizes[study.main.name],
        study.several,
        study.belief,
        study.received,
    ]


def _holds(study: Any) -> list[Any]:
    known = study.sizes[study.main.name].caveats
    least = pictures.worthwhile(study.effects.iloc[0], study.main.entry)
    return [
        pictures.specifications(study.checks, least),
        study.lottery.sentence(),
        *(caveat for caveat in study.lottery.caveats if caveat not in known),
        *(f"Not possible here: {note}" for note in study.checks.skipped),
        "What if those not measured differ from those who were?" if study.shifted else None,
        pictures.sensitivity(study.shifted) if study.shifted else None,
        study.shifted.sentence() if study.shifted else None,
    ]


def _method(study: Any) -> list[Any]:
    planned, strata = study.estimates[study.main.name], study.primary["strata"]
    terms = [f"α by {strata}" if strata else "α", f"τ · {planned.treatment}"]
    terms += [*(f"β · {name}" for name in study.before), "ε"]
    model = f"{study.main.words} = {' + '.join(terms)}; {planned.method}."
    return [study.promise, model, *(each.sentence() for each in study.recomputed)]
