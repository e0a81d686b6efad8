"""Effect sizes, and what to make of them: months, cost, verdict, strength, the row to release."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from evidence.data.schema import VERDICTS, validate_effects
from evidence.errors import EvidenceError
from evidence.methods.core.results import Estimate
from evidence.show import words
from evidence.studies.strength import Strength
from evidence.studies.verdict import detectable, months, verdict

_FEWEST = 10  # pupils in an arm: with fewer a figure tells of persons
_NUMBERS = (
    "estimate", "std_error", "df", "ci_lower", "ci_upper", "p_value", "effect_size", "es_lower",
    "es_upper", "months",
)  # fmt: skip


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

    Raises
    ------
    EvidenceError
        No smallest worthwhile effect is given, an outcome told in SD has no effect size, or the
        row breaks the contract.
    """
    entry = {"name": outcome} if isinstance(outcome, str) else dict(outcome or {})
    if smallest_worthwhile is None:
        smallest_worthwhile = entry.get("smallest_worthwhile")
    if smallest_worthwhile is None:
        raise EvidenceError("smallest_worthwhile is needed: the verdict is decided by it")
    size = estimate if estimate.unit == "sd" else effect_size
    if entry.get("unit") == "sd" and size is None:
        raise EvidenceError(f"outcome {entry['name']!r} is told in SD: give effect_size as well")
    shown = size if entry.get("unit") == "sd" else estimate
    unit = entry.get("unit", shown.unit) if shown.unit == "score" else shown.unit
    nan = math.nan
    es, low, high = (size.estimate, size.ci_lower, size.ci_upper) if size else (nan, nan, nan)
    said = verdict(shown.ci_lower, shown.ci_upper, smallest_worthwhile)
    notes = [note.removesuffix(".") for note in (*estimate.caveats, *caveats)]
    if isinstance(strength, Strength):
        notes += strength.reasons
    if n_pupils is None and estimate.estimand != "att":
        n_pupils = estimate.n_treated + estimate.n_control
    if n_schools is None and estimate.n_clusters < estimate.n_obs:
        n_schools = estimate.n_clusters
    if said in VERDICTS[:2] and detectable(shown) > smallest_worthwhile:
        notes.append(
            "the study could only have detected effects larger than worthwhile, so this one is "
            "probably exaggerated"
        )
    made = {
        "run_id": run_id,
        "programme": programme,
        "cohort": cohort,
        "outcome": entry.get("name", estimate.outcome),
        "subgroup": subgroup,
        "estimand": estimate.estimand,
        "method": shown.method,
        "primary": bool(entry.get("primary", primary)),
        "unit": unit,
        "estimate": shown.estimate,
        "std_error": shown.std_error,
        "df": shown.df,
        "ci_lower": shown.ci_lower,
        "ci_upper": shown.ci_upper,
        "level": shown.level,
        "p_value": shown.p_value,
        "effect_size": es,
        "es_lower": low,
        "es_upper": high,
        "months": months(es, words.months_table(estimate.estimand)) if attainment else nan,
        "n_pupils": nan if n_pupils is None else float(n_pupils),
        "n_schools": nan if n_schools is None else float(n_schools),
        "verdict": said,
        "strength": float(getattr(strength, "padlocks", nan if strength is None else strength)),
        "caveats": "; ".join(dict.fromkeys(notes)),
    }
    if estimate.estimand != "att" and min(estimate.n_treated, estimate.n_control) < _FEWEST:
        made |= dict.fromkeys(_NUMBERS, nan) | {"verdict": VERDICTS[3]}
        made["caveats"] = f"a group has fewer than {_FEWEST} pupils, so no figure is shown"
    spoken = {str(made["outcome"]): str(entry["title"])} if "title" in entry else {}
    for key in ("caveats", "method"):
        made[key] = words.relabel(str(made[key]), spoken | dict(labels or {}))
    made["sentence"] = words.effect_sentence(made, outcome=str(entry.get("title", "")))
    return validate_effects(pd.DataFrame([made]))
