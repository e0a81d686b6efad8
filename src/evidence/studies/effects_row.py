"""The row of the `effects` contract: unit, verdict, caveats, small groups and the sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evidence.data.rules import Rules
from evidence.data.schema import FEW, VERDICTS, effects_row
from evidence.errors import EvidenceError
from evidence.methods.core.options import yes_or_no
from evidence.methods.core.results import Estimate
from evidence.show import words
from evidence.studies.strength import LARGEST_MDES, Strength
from evidence.studies.verdict import detectable, months, verdict

_NUMBERS = ("estimate", "std_error", "df", "ci_lower", "ci_upper", "p_value")
_SIZES = {"effect_size": "estimate", "es_lower": "ci_lower", "es_upper": "ci_upper"}
_EXAGGERATED = "the study was small: the true effect is probably smaller"
_SELECTED = (
    "an effect that is just worthwhile is too small for this study: the true one is probably "
    "smaller than this"
)


def row(
    estimate: Estimate,
    effect_size: Estimate | None = None,
    *,
    programme: str,
    cohort: str,
    outcome: str | Mapping[str, object] | None = None,
    primary: bool = True,
    subgroup: str = "all",
    smallest_worthwhile: float | None = None,
    strength: Strength | int | None = None,
    caveats: Sequence[str] = (),
    n_pupils: int | None = None,
    n_schools: int | None = None,
    run_id: str = "interactive",
    attainment: bool = True,
    labels: Mapping[str, str] | None = None,
    rules: Rules | None = None,
) -> pd.DataFrame:
    """Return the one-row table of the `effects` contract.

    Parameters
    ----------
    estimate : Estimate
        In raw units.
    effect_size : Estimate, optional
        The same in standard deviations; months come from it.
    programme, cohort, subgroup, run_id : str
        Keys of the row.
    outcome : str or mapping, optional
        The outcome's name, or its entry in the register (`name`, `title`, `unit`,
        `smallest_worthwhile`, `primary`); the estimate's own column where absent.
    primary : bool
        Whether this is the primary outcome.
    smallest_worthwhile : float
        In the unit of `effect_size` where the register's unit is "sd", else of `estimate`.
    strength : Strength or int, optional
        Padlocks; reasons join the caveats.
    caveats : sequence of str
        Added to those of the estimate.
    n_pupils, n_schools : int, optional
        Counts behind the row. Pupils default to the estimate's rows for trials and are unknown
        otherwise; schools default to its clusters, where it has any.
    attainment : bool
        False for outcomes such as attendance: they are never told in months. Trials are told by
        the table of EEF trial reports, other studies by the Toolkit's.
    labels : mapping, optional
        Names of columns and arms in words, put into caveats and method.
    rules : Rules, optional
        The data owner's: an arm with fewer pupils than their threshold shows no figure, and an
        outcome that fewer pupils of an arm have, or lack, shows none in a release.

    Raises
    ------
    EvidenceError
        No smallest worthwhile effect is given, an outcome told in SD has no effect size, or the
        row breaks the contract.
    """
    yes_or_no(primary=primary, attainment=attainment)
    entry = {"name": outcome} if isinstance(outcome, str) else dict(outcome or {})
    least = entry.get("smallest_worthwhile") if smallest_worthwhile is None else smallest_worthwhile
    if least is None:
        raise EvidenceError("smallest_worthwhile is needed: the verdict is decided by it")
    size = estimate if estimate.unit == "sd" else effect_size
    shown = _in_registered_unit(estimate, size, entry)
    decided = verdict(shown.ci_lower, shown.ci_upper, least)
    notes = [
        *estimate.caveats,
        *caveats,
        *(strength.reasons if isinstance(strength, Strength) else ()),
    ]
    fewest = (rules or Rules()).threshold
    if decided in VERDICTS[:2] and detectable(shown) > least:
        small = size is None or detectable(size) > LARGEST_MDES[0]
        notes.append(_EXAGGERATED if small else _SELECTED)
    if n_pupils is None and estimate.estimand != "att":
        n_pupils = estimate.n_treated + estimate.n_control
    if n_schools is None and estimate.n_clusters < estimate.n_obs:
        n_schools = estimate.n_clusters
    fields: dict[str, Any] = {
        "run_id": run_id,
        "programme": programme,
        "cohort": cohort,
        "outcome": entry.get("name", estimate.outcome),
        "subgroup": subgroup,
        "estimand": estimate.estimand,
        "method": shown.method,
        "primary": bool(entry.get("primary", primary)),
        "unit": entry.get("unit", shown.unit) if shown.unit == "score" else shown.unit,
        **{name: getattr(shown, name) for name in _NUMBERS},
        "level": shown.level,
        **{name: getattr(size, own) if size else math.nan for name, own in _SIZES.items()},
        "months": math.nan,
        "n_pupils": math.nan if n_pupils is None else float(n_pupils),
        "n_schools": math.nan if n_schools is None else float(n_schools),
        "verdict": decided,
        "strength": float(
            getattr(strength, "padlocks", math.nan if strength is None else strength)
        ),
        "caveats": "; ".join(dict.fromkeys(note.removesuffix(".") for note in notes)),
    }
    if attainment:
        table = words.months_table(estimate.estimand)
        fields["months"] = months(fields["effect_size"], table)
    if estimate.estimand != "att" and min(estimate.n_treated, estimate.n_control) < fewest:
        fields |= _suppressed(fewest)
    titles = {str(fields["outcome"]): str(entry["title"])} if "title" in entry else {}
    for key in ("caveats", "method"):
        fields[key] = words.relabel(fields[key], titles | dict(labels or {}))
    if any(each.fewest < fewest for each in (estimate, effect_size) if each):
        # after the labels: a column called "arm" must not change the words that a release looks for
        fields["caveats"] = "; ".join(filter(None, [fields["caveats"], FEW]))
    fields["sentence"] = words.effect_sentence(fields, outcome=str(entry.get("title", "")))
    return effects_row(fields)


def _in_registered_unit(
    estimate: Estimate, size: Estimate | None, entry: Mapping[str, Any]
) -> Estimate:
    """Return the estimate in the unit in which the register wants it told."""
    if entry.get("unit") != "sd":
        return estimate
    if size is None:
        raise EvidenceError(f"outcome {entry['name']!r} is told in SD: give effect_size as well")
    return size


def _suppressed(fewest: int) -> dict[str, Any]:
    """Return what stands in a row of a group too small for any figure."""
    hidden = dict.fromkeys((*_NUMBERS, *_SIZES, "months"), math.nan)
    why = f"a group has fewer than {fewest} pupils, so no figure is shown"
    return hidden | {"verdict": VERDICTS[3], "caveats": why}
