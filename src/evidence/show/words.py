"""Numbers in words: the sentences, labels and dated tables that people read.

Everything here is a pure function of released figures, so that a sentence can be made again from
the rounded and suppressed row that leaves.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

MINUS = "−"

# The verdicts of the `effects` contract as people read them.
VERDICTS = {
    "better than similar": "better than similar pupils",
    "worse than similar": "worse than similar pupils",
    "no worthwhile difference": "no worthwhile difference",
    "too little data": "too little data",
}
# Indicators of results put together: a row a programme, whose title is the group.
DECISION = "Chance that the effect is worth its cost"
TOGETHER = "Effect of all cohorts together"
DISADVANTAGED = "Effect for disadvantaged pupils"
PRICE = "Price of a month of progress"
# What a control chart says of its last point, and of a target beside its limits.
VARIATION = {
    "common cause": "varies as it always has",
    "improvement": "shows a change for the better",
    "concern": "shows a change for the worse",
    "high": "shows a change upwards",
    "low": "shows a change downwards",
}
NO_SIGNAL = "shows no signal"  # of a series too short to say that it is as always
ASSURANCE = {  # of a target
    "passes": "will consistently be met",
    "fails": "will consistently be missed",
    "hit and miss": "will be met or missed by chance",
    "": "",
}


def verdict(word: str) -> str:
    """Return a verdict as people read it; anything else as it is."""
    return VERDICTS.get(word, word)


# Effect sizes (two decimals) at which each further month of progress begins.
# toolkit: EEF Teaching and Learning Toolkit, "attainment" page, as read in 2026.
# trial: EEF trial reports, which call an effect up to .04 zero months.
MONTHS = {
    "toolkit": (0.02, 0.10, 0.19, 0.27, 0.36, 0.45, 0.53, 0.62, 0.70, 0.79, 0.88, 0.96),
    "trial": (0.05, 0.10, 0.19, 0.27, 0.36, 0.45, 0.53, 0.62, 0.70, 0.79, 0.88, 0.96),
}
MONTH = 0.94 / 11  # SD: mean width of the Toolkit's bands from 1 (.02) to 11 months (up to .96)


def months(effect_size: float, table: str = "toolkit") -> float:
    """Translate an effect size into whole months of progress.

    Parameters
    ----------
    effect_size : float
        Effect on attainment in standard deviations. Never use this for other outcomes.
    table : {"toolkit", "trial"}
        Which of the two published tables: the Toolkit's, or that of EEF trial reports, which
        differ below .05.

    Returns
    -------
    float
        Whole number of months, negative for a loss; at most 12; NaN stays NaN.

    References
    ----------
    Education Endowment Foundation, Teaching and Learning Toolkit, "Attainment" (months table).
    """
    if table not in MONTHS:
        raise ValueError(f"table is {table!r}; allowed are {', '.join(MONTHS)}")
    if math.isnan(effect_size):
        return math.nan
    # Half away from zero, as the table's authors round, not half to even.
    size = math.floor(abs(effect_size) * 100 + 0.5 + 1e-9) / 100
    return math.copysign(sum(size >= start for start in MONTHS[table]), effect_size) + 0.0


def number(value: float, digits: int = 1, *, sign: bool = False) -> str:
    """Write `value` with a true minus sign, and a plus sign where `sign` is asked for."""
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    if not float(text):  # neither −0.0 nor +0.0
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def counted(number: float, one: str, several: str = "") -> str:
    """Return a number with what it counts: 1 row, 2 rows; `several` where an s will not do."""
    return f"{number:,.0f} {one if number == 1 else several or one + 's'}"


def day(when: date | str) -> str:
    """Write a date, or the date that an ISO text begins with, in words: 2 March 2026."""
    then = date.fromisoformat(when[:10]) if isinstance(when, str) else when
    return f"{then.day} {then:%B %Y}"


def p_value(value: float) -> str:
    """Write a p-value to three decimals, never as zero."""
    return "p < .001" if value < 0.001 else f"p = {value:.3f}".replace("0.", ".", 1)


def chance(probability: float) -> str:
    """Write a probability in per cent, never as certain."""
    if probability > 0.99:
        return "over 99%"
    return "under 1%" if probability < 0.01 else f"{100 * probability:.0f}%"


def school_year(ends: int) -> str:
    """Write the school year that ends in the year `ends`: 2018 is 2017/18."""
    return f"{ends - 1}/{ends % 100:02d}"


def months_table(estimand: str) -> str:
    """Return which table of months tells an estimand: that of trial reports for trials."""
    return "toolkit" if estimand == "att" else "trial"


def months_range(lower: float, upper: float, table: str = "toolkit", unit: str = "") -> str:
    """Write an interval of effect sizes as months of `table`: ``−1 to +5``.

    An end that rounds to zero though the interval lies on one side of it says so: the verdict
    hangs on it.
    """

    def write(end: float) -> str:
        text = number(months(end, table), 0, sign=True)
        if text != "0" or lower <= 0 <= upper:
            return text
        return "just above 0" if lower > 0 else "just below 0"

    return _span(lower, upper, write, unit)


def interval(lower: float, upper: float, digits: int = 1, unit: str = "") -> str:
    """Write an interval with signs, ``−0.4 to +6.6``; one without an end says so."""
    return _span(lower, upper, lambda end: number(end, digits, sign=True), unit)


def _span(lower: float, upper: float, write: Callable[[float], str], unit: str) -> str:
    endless = math.isinf(lower), math.isinf(upper)
    if all(endless):
        return "no limits can be given"
    low, high = ("" if math.isinf(end) else write(end) for end in (lower, upper))
    tail = f" {unit}" if unit else ""
    if any(endless):
        return f"up to {high}{tail}, no lower limit" if endless[0] else (
            f"{low}{tail} or more, no upper limit"
        )  # fmt: skip
    if low != high:
        return f"{low} to {high}{tail}"
    return f"{low}{tail.removesuffix('s') if low in ('+1', MINUS + '1') else tail}"


def detectable(row: Mapping[str, Any], power: float = 0.8) -> float:
    """Return the smallest effect size that a study of this precision could have told from zero.

    Parameters
    ----------
    row : mapping
        A row of `effects`; `es_lower`, `es_upper`, `level` and `df` are used.
    power : float
        Chance of finding an effect of that size.

    Returns
    -------
    float
        In standard deviations: (t[1 − α/2, df] + t[power, df]) × standard error.

    References
    ----------
    Bloom, H. S. (1995), Minimum detectable effects, Evaluation Review 19(5), eq. 1.
    """
    from scipy.special import stdtrit

    df = row["df"] if row["df"] == row["df"] else math.inf
    critical = float(stdtrit(df, 0.5 + row["level"] / 2))
    std_error = (row["es_upper"] - row["es_lower"]) / 2 / critical
    return (critical + float(stdtrit(df, power))) * std_error


_WHO = {
    "itt": ("Pupils offered the programme", "similar pupils"),
    "cace": ("Pupils who took the programme up", "similar pupils"),
    "att": ("Pupils in schools taking part", "pupils in schools that did not"),
}
# Units of an estimate in words.
UNITS = {
    "pp": "percentage points",
    "points": "points",
    "score": "points",
    "sd": "SD",
    "log_odds": "log odds",
}


def effect_sentence(row: Mapping[str, Any], *, outcome: str = "") -> str:
    """Say what an estimate found, how sure it is and what it could not have found.

    Parameters
    ----------
    row : mapping
        A row of `effects`.
    outcome : str
        The outcome in words; the row's `outcome` where empty.

    Returns
    -------
    str
        Two sentences at most. Suppressed figures are said to be so.
    """
    outcome = outcome or str(row["outcome"])
    outcome += f", {group}" if (group := row.get("subgroup", "all")) != "all" else ""
    if row["estimate"] != row["estimate"]:
        return f"{outcome}: not shown, to protect few pupils."
    whose, others = _WHO[row["estimand"]]
    unsure = row["verdict"] == "too little data"
    if row["months"] == row["months"]:
        unit = "months" if unsure else ""
        ends = row["es_lower"], row["es_upper"]
        likely = months_range(*ends, months_table(row["estimand"]), unit)
        found = "made more or less progress than" if unsure else _progress(round(row["months"]))
    else:
        unit, digits = UNITS[row["unit"]], 2 if row["unit"] == "sd" else 1
        likely = interval(row["ci_lower"], row["ci_upper"], digits, unit if unsure else "")
        way = "better" if row["estimate"] > 0 else "worse"
        size = f"{number(abs(row['estimate']), digits)} {unit}"
        found = "did better or worse than" if unsure else f"did {size} {way} than"
    level = f"{100 * row['level']:.0f}% interval"
    if unsure:
        whose, level = f"We do not know whether {_lower(whose)}", f"likely range, a {level}:"
    sentence = f"{whose} {found} {others} ({_lower(outcome)}; {level} {likely})."
    return f"{sentence} {_ending(row)}".strip()


def _progress(size: int) -> str:
    if not size:
        return "made about the same progress as"
    whole = "month’s" if abs(size) == 1 else "months’"
    return f"made about {abs(size)} {whole} {'more' if size > 0 else 'less'} progress than"


def _ending(row: Mapping[str, Any]) -> str:
    if row["verdict"] == "no worthwhile difference":
        return "Any difference is smaller than was set as worthwhile: no worthwhile difference."
    if row["verdict"] != "too little data":
        return ""
    if row["es_lower"] != row["es_lower"]:
        return "Too little data."
    schools = row["n_schools"]
    study = f"With {counted(schools, 'school')} this study" if schools == schools else "This study"
    size = detectable(row)
    found = f"an effect of {size:.2f} SD or more"
    least = months(size, months_table(row["estimand"])) if row["months"] == row["months"] else 0
    if least:
        found = f"{counted(least, 'month')} or more"
        found = "more than 12 months" if least > 11 else found
    return f"{study} could only have detected {found}: too little data."


_DISADVANTAGED = re.compile(r"free school meals|\bfsm\b|disadvantage|pupil premium", re.I)
_NOT_THEY = re.compile(r"\bgap\b|: (?:0|no?|none|false)\b|\b(?:not|non|never|others?)\b", re.I)


def disadvantaged(group: str) -> bool:
    """Whether a subgroup is of disadvantaged pupils: not of others, nor a gap between the two."""
    return bool(_DISADVANTAGED.search(group)) and not _NOT_THEY.search(group)


def results_in(title: str) -> str:
    """Return what of an outcome may change: reading test scores, progress in maths."""
    title = _lower(title)
    if re.search(r"\btests?$", title):
        return f"{title} scores"
    if re.search(r"\b(scores?|results|progress|attendance|absence|rate|share)\b", title):
        return title
    return f"results in {title}"


def relabel(text: str, labels: Mapping[str, str]) -> str:
    """Put the words of `labels` in place of the names they belong to, whole names only."""
    if not labels:
        return text
    names = "|".join(re.escape(name) for name in sorted(labels, key=len, reverse=True))
    return re.sub(rf"(?<!\w)({names})(?!\w)", lambda match: labels[match[1]], text)


def slug(words: str, empty: str = "") -> str:
    """Return words as a name of files and keys: small letters, figures and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") or empty


def file_name(words: str, empty: str = "") -> str:
    """Return words as a name of files of at most 60 characters: cut ones end in a hash of all."""
    whole = slug(words, empty)
    if len(whole) <= 60:
        return whole
    return f"{whole[:51].rstrip('-')}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def capital(text: str) -> str:
    """Start a text with a capital letter."""
    return text[:1].upper() + text[1:]


def _lower(title: str) -> str:
    """Start a title in lower case inside a sentence, but leave acronyms as they are."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]


def headline(row: Mapping[str, Any], *, outcome: str = "") -> str:
    """Give a picture its title: the finding in at most about ten words."""
    found = verdict(row["verdict"])
    found += " to tell" if row["verdict"] == "too little data" else ""
    return f"{outcome or row['outcome']}: {found}"
