"""Effect sizes, and what to make of them: months, cost, verdict, strength, the row to release."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real

import pandas as pd
from scipy.special import stdtrit

from evidence.data.schema import VERDICTS, validate_effects
from evidence.errors import EvidenceError
from evidence.methods.core.results import Estimate
from evidence.show import words
from evidence.stats.effect_sizes import (
    hedges_g,
    pooled_variance,
    small_sample_factor,
    wwc_cluster_correction,
    wwc_effect_size,
)
from evidence.stats.multiplicity import adjust
from evidence.studies.posterior import normal_error, posterior
from evidence.studies.strength import Strength, strength

__all__ = [
    "adjust",
    "cost_rating",
    "detectable",
    "hedges_g",
    "months",
    "pooled_variance",
    "posterior",
    "row",
    "small_sample_factor",
    "strength",
    "verdict",
    "wwc_cluster_correction",
    "wwc_effect_size",
]

# EEF Toolkit, "Cost", as read in 2026: pounds a pupil a year up to which the rating holds.
COSTS = ((80, "very low"), (200, "low"), (720, "moderate"), (1200, "high"))

_FEWEST = 10  # pupils in an arm: with fewer a figure tells of persons
_NUMBERS = (
    "estimate", "std_error", "df", "ci_lower", "ci_upper", "p_value", "effect_size", "es_lower",
    "es_upper", "months",
)  # fmt: skip


def months(effect_size: float, table: str = "toolkit") -> float:
    """Translate an effect on attainment into whole months of progress, with its sign.

    Parameters
    ----------
    effect_size : float
        In standard deviations; NaN stays NaN. Never use this for other outcomes.
    table : {"toolkit", "trial"}
        The Toolkit's table, or that of EEF trial reports, which differ below .05.

    Raises
    ------
    EvidenceError
        The table is not one of the two, or the effect is no finite number.
    """
    if not isinstance(effect_size, Real) or math.isinf(effect_size):
        raise EvidenceError(f"effect_size is {effect_size!r}; a finite number is needed")
    if table not in words.MONTHS:
        raise EvidenceError(f"table is {table!r}; allowed are {', '.join(words.MONTHS)}")
    return words.months(float(effect_size), table)


def cost_rating(pounds: float) -> str:
    """Return the EEF's word for a cost in pounds a pupil a year.

    Raises
    ------
    EvidenceError
        The cost is negative or missing.
    """
    if not isinstance(pounds, Real) or not pounds >= 0:
        raise EvidenceError(
            f"cost is {pounds!r}; pounds a pupil a year, nought or more, are needed"
        )
    # The lowest band is below 80, all others include their upper end.
    if pounds < COSTS[0][0]:
        return COSTS[0][1]
    return next((word for limit, word in COSTS[1:] if pounds <= limit), "very high")


def verdict(ci_lower: float, ci_upper: float, smallest_worthwhile: float) -> str:
    """Decide the verdict from the interval of the primary estimate.

    Parameters
    ----------
    ci_lower, ci_upper : float
        The interval, in the unit of `smallest_worthwhile`; NaN where there is no estimate.
    smallest_worthwhile : float
        Smallest effect worth having, above 0.

    Returns
    -------
    str
        One of `evidence.data.schema.VERDICTS`.

    Raises
    ------
    EvidenceError
        The smallest worthwhile effect is not above 0, or the interval is upside down.
    """
    better, worse, none, unsure = VERDICTS
    if not smallest_worthwhile > 0:
        raise EvidenceError(f"smallest_worthwhile is {smallest_worthwhile}; it must be above 0")
    if ci_lower > ci_upper:
        raise EvidenceError("the interval's lower end lies above its upper end")
    if ci_lower > 0:
        return better
    if ci_upper < 0:
        return worse
    within = -smallest_worthwhile <= ci_lower and ci_upper <= smallest_worthwhile
    return none if within else unsure


def detectable(estimate: Estimate, power: float = 0.8) -> float:
    """Return the smallest effect that a study of this precision could have told from nought.

    Parameters
    ----------
    estimate : Estimate
        Its standard error and df are used; without df (resampling) the width of its interval.
    power : float
        Chance of finding an effect of that size.

    Returns
    -------
    float
        In the unit of the estimate.

    Notes
    -----
    (t[1 − α/2, df] + t[power, df]) × standard error: Bloom (1995), Evaluation Review 19(5).
    """
    df, error = estimate.df, estimate.std_error
    if df != df:
        df, error = math.inf, normal_error(estimate)
    return float((stdtrit(df, 0.5 + estimate.level / 2) + stdtrit(df, power)) * error)


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
