"""What a trial's report shows under each question, in order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from evidence.methods.core import frames
from evidence.show import words
from evidence.show.data_pictures import DataPicture
from evidence.show.document import Block, Heading, Items
from evidence.show.picture import Picture
from evidence.stats.power import DESIGNS
from evidence.studies import pictures, sections
from evidence.studies.limits_and_sources import LIMITS, references
from evidence.studies.verdict import detectable


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
    others = [title for title in study.titles.values() if title != study.main.words]
    alike = f"Among those analysed: {study.alike[study.main.name].sentence()}"
    return [
        _flow(study),
        study.losses[study.main.name],
        _open(study, study.delivered),
        study.missing,
        _open(study, study.drawn.missing(*others)),  # the flow has who lacks the first outcome
        _balance(study),
        alike if study.before else None,
        _found(study),
    ]


def few_lost(study: Any) -> bool:
    """Return whether a few pupils of an arm lack something: fewer than leave, but not nobody.

    Then what leaves counts the pupils analysed only. Any other count of an arm, however it is
    rounded, tells with that one how few they are.
    """
    titles, before = [*study.titles.values()], study.before
    dosage, treatment = sections.say(study.plan.dosage, study.names), study.arms["treatment"]
    lacks = study.table[[*titles, *before, *filter(None, [dosage])]].isna()
    for title in titles:
        lacks[f"{title} known, not all before"] = ~lacks[title] & lacks[before].any(axis=1)
    few = lacks.groupby(study.table[treatment].to_numpy()).sum()
    return bool(((few > 0) & (few < study.rules.threshold)).any(axis=None))


def _open(study: Any, picture: DataPicture | None) -> DataPicture | None:
    """Return a picture that counts others than those analysed; it stays where few were lost."""
    return DataPicture.of(picture, None) if picture and few_lost(study) else picture


def _flow(study: Any) -> Picture:
    """Return the flow; where few were lost, what may leave of it is who was analysed."""
    shown = pictures.flow(study.flow)
    return DataPicture.of(shown, pictures.analysed(study.flow)) if few_lost(study) else shown


def _balance(study: Any) -> Picture | None:
    """Return how alike the arms were as assigned; of those analysed where few were lost."""
    if not study.balance:
        return None
    shown = pictures.balance(study.balance, rules=study.rules)
    if not few_lost(study):
        return shown
    alike = pictures.balance(study.alike[study.main.name], rules=study.rules, whose="analysed")
    return DataPicture.of(shown, alike)


def _found(study: Any) -> pd.DataFrame:
    """Return the smallest effect found: by the protocol, of those randomised, of those analysed."""
    size, column = study.sizes[study.main.name], study.primary["cluster"]
    pupils, groups = len(study.compared), study.compared[column].nunique() if column else None
    rows = []
    if study.promised and (planned := study.promised.protocol.mdes()) is not None:
        said = study.promised.protocol
        rows.append(("protocol", said.units, planned))
        kind = DESIGNS[said.design.kind]
        if column and kind == "C":
            now = said.mdes(J=groups, n=round(pupils / groups))
            rows.append(("randomisation", groups, now))
        elif not kind:
            rows.append(("randomisation", pupils, said.mdes(n=pupils)))
    clustered = size.n_clusters < size.n_obs
    rows.append(("analysis", size.n_clusters if clustered else size.n_obs, detectable(size)))
    table = pd.DataFrame(rows, columns=["stage", "units", "least"])
    table["smallest effect found"] = [f"{each:.2f} SD" for each in table.pop("least")]
    return table


def _differences(study: Any) -> pd.DataFrame:
    """Return unadjusted and adjusted differences, with the variances that an SD is made of."""
    rows, adjusted = [], study.estimates
    plain = study.with_(baseline=None, covariates=[]).estimates if study.before else adjusted
    for outcome in study.plan.outcomes:
        row, size = {"outcome": outcome.words}, study.sizes[outcome.name]
        for about, found in (("unadjusted difference", plain), ("adjusted difference", adjusted)):
            one = found[outcome.name]
            span = words.interval(one.ci_lower, one.ci_upper, 2)
            row[about] = f"{words.number(one.estimate, 2, sign=True)} ({span})"
        for name in ("variance_between", "variance_within", "icc"):
            value = getattr(size, name)
            row[name] = "" if value != value else words.number(value, 3)
        rows.append(row)
    return pd.DataFrame(rows)


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
        _open(study, study.drawn.shares(*yes_no)) if yes_no else None,
        by_school,
    ]


def _changed(study: Any) -> list[Any]:
    return [
        study.means,
        _differences(study),
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
    parts = [study.promise, model, *(each.sentence() for each in study.recomputed)]
    if study.promised:
        said = study.promised.protocol
        done = said.implementation.found or "nothing is entered yet."
        parts += [f"How it was done: {done}", f"What it cost: {said.costs.sentence}"]
    return [*parts, Heading("Limitations", 2), Items(_limits(study)), *_references(study)]


def _limits(study: Any) -> list[list[str]]:
    """Return what marked the finding down, what a reader must know, and what no data show."""
    known = [*study.strengths[study.main.name].reasons, *study.answer().caveats]
    found = [note for note in known if not note.startswith("deviation from the protocol: ")]
    return [[f"{words.capital(note)}."] for note in found] + [[note] for note in LIMITS]


def _references(study: Any) -> list[Block]:
    clustered = bool(study.primary["cluster"])
    return references(
        guidance=True,
        consort=True,
        consort_clusters=study.plan.allocation == "cluster",
        power=study.promised,
        clusters=clustered,
        multilevel=clustered,
        effect_size=True,
        missing=study.shifted,
        compliance=study.plan.dosage,
        several=study.several is not None,
        robustness=True,
        randomisation=True,
    )
