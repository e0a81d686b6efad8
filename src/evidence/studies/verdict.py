"""Verdict, months of progress, cost rating and what a study could have detected."""

from __future__ import annotations

from numbers import Real

from evidence.data.schema import VERDICTS
from evidence.errors import EvidenceError, shown
from evidence.methods.core import frames
from evidence.methods.core.results import Estimate
from evidence.show import words

# EEF Toolkit, "Cost": pounds a pupil a year up to which a rating holds, as read in 2026 and before.
COSTS = {
    "2026": ((80, "very low"), (200, "low"), (720, "moderate"), (1200, "high")),
    "earlier": ((80, "very low"), (170, "low"), (700, "moderate"), (1200, "high")),
}


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
    if not isinstance(effect_size, Real) or abs(effect_size) > 1e300:
        raise EvidenceError(f"effect_size is {shown(effect_size)}; a finite number is needed")
    if table not in words.MONTHS:
        raise EvidenceError(f"table is {shown(table)}; allowed are {', '.join(words.MONTHS)}")
    return words.months(float(effect_size), table)


def cost_rating(pounds: float, bands: str = "2026") -> str:
    """Return the EEF's word for a cost in pounds a pupil a year.

    Parameters
    ----------
    pounds : float
    bands : {"2026", "earlier"}
        The Toolkit's bands as read in 2026, or those that it had before.

    Raises
    ------
    EvidenceError
        The cost is negative or missing, or there are no such bands.
    """
    if not isinstance(pounds, Real) or not pounds >= 0:
        raise EvidenceError(
            f"cost is {shown(pounds)}; pounds a pupil a year, zero or more, are needed"
        )
    frames.one_of("bands", bands, tuple(COSTS))
    (least, lowest), *others = COSTS[bands]
    # The lowest band is below its end, all others include their upper end.
    if pounds < least:
        return lowest
    return next((word for limit, word in others if pounds <= limit), "very high")


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
        raise EvidenceError(
            f"smallest_worthwhile is {shown(smallest_worthwhile)}; it must be above 0"
        )
    if ci_lower > ci_upper:
        raise EvidenceError("the interval's lower end lies above its upper end")
    if ci_lower > 0:
        return better
    if ci_upper < 0:
        return worse
    within = -smallest_worthwhile <= ci_lower and ci_upper <= smallest_worthwhile
    return none if within else unsure


def detectable(estimate: Estimate, power: float = 0.8) -> float:
    """Return the smallest effect that a study of this precision could have told from zero.

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
    The formula is that of :func:`evidence.show.words.detectable`; without df (resampling) the
    width of the interval is read as a normal one's.
    """
    frames.number("power", power, 1 - estimate.level, 1, ends=False)
    ends = {"es_lower": estimate.ci_lower, "es_upper": estimate.ci_upper}
    return words.detectable(ends | {"df": estimate.df, "level": estimate.level}, power)
