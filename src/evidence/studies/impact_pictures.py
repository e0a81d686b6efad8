"""The pictures of an impact report: who took part, what was claimed, year by year, checks."""

from __future__ import annotations

import math

import pandas as pd

from evidence.methods.core.results import Estimate, EventStudy
from evidence.methods.impact.regression_to_mean import Rebound
from evidence.methods.impact.robustness import Checks
from evidence.show import words
from evidence.show.picture import Picture
from evidence.studies import effects_row

_INTERVAL = ("estimate", "ci_lower", "ci_upper")


def event_study(
    study: EventStudy, *, name: str, title: str, start: int, unit: str, n_pupils: pd.Series
) -> Picture:
    """Picture the effects by year, before and after the start.

    Parameters
    ----------
    study : EventStudy
        Times in years.
    name, title : str
        Of the outcome: short id and words.
    start : int
        First treated year.
    unit : str
        Unit of the estimates.
    n_pupils : Series
        Pupils of the treated schools by year.
    """
    table = study.to_frame()
    years = table["time"] + start
    table = table.assign(
        period=[words.school_year(year) for year in years],
        unit=unit,
        n_pupils=years.map(n_pupils).to_numpy(float),
    ).rename(columns={"n_obs": "n_schools"})
    before = study.pre_p_value
    trend = (
        "too few years before the start to compare trends"
        if before != before
        else "schools that took part and others already differed before the start"
        if before < 0.05
        else "no clear difference in trend before the start"
    )
    return Picture(
        name=f"by-year-{name.lower().replace('_', '-')}",
        kind="event_study",
        title=f"{title}: {trend}",
        alt=f"Difference between schools that took part and others, year by year, measured from "
        f"the year before the start. {study.sentence()}",
        table=table,
        counts=("n_pupils",),
        statistics=(*_INTERVAL, "std_error", "df", "p_value"),
        schools=("n_schools",),
        axes=("time",),
    )


def overlap(found: pd.DataFrame, most: int = 8) -> Picture:
    """Picture in how many other programmes the schools of one programme are.

    Parameters
    ----------
    found : DataFrame
        What `impact.participation` gives for one programme.
    most : int
        Combinations to draw, the commonest.
    """
    alone = int(found.loc[found["n_programmes"] == 1, "n_schools"].sum())
    total = int(found["n_schools"].sum())
    table = found.loc[: most - 1, ["programmes", "n_schools"]].copy()
    rest = total - int(table["n_schools"].sum())
    table["programmes"] = table["programmes"].str.replace("-", " ")
    return Picture(
        name="overlap",
        kind="overlap",
        title=f"{total - alone} of {total} schools are in other programmes too"
        if alone < total
        else "No school is in another programme",
        alt=f"Schools by the combination of programmes they are in; {alone} of {total} are in this "
        f"one alone. The commonest: {table['programmes'].iloc[0]}."
        + (f" {rest} are in combinations too rare to draw." if rest else ""),
        table=table,
        schools=("n_schools",),
    )


def claim(
    found: Rebound,
    answer: Estimate,
    *,
    title: str,
    unit: str,
    verdict: str,
    n_pupils: float,
    n_schools: float,
) -> Picture:
    """Picture what a report would claim, what would have come anyway, and the answer.

    Parameters
    ----------
    found : Rebound
    answer : Estimate
        Of the same outcome.
    title, unit : str
        The outcome in words and the unit of its estimates.
    verdict : str
        On the answer: how it is drawn.
    n_pupils, n_schools : float
        Of the schools that took part, since the start.
    """
    table = pd.DataFrame(
        {
            "label": [
                "Gain on other schools since the year before",
                "Gain of such schools without a programme",
                "The answer: given earlier results",
            ],
            "estimate": [found.gain, found.expected, answer.estimate],
            "ci_lower": [math.nan, math.nan, answer.ci_lower],
            "ci_upper": [math.nan, math.nan, answer.ci_upper],
            "verdict": ["", "", verdict],
            "unit": unit,
            "n_pupils": n_pupils,
            "n_schools": n_schools,
        }
    )
    gain, expected = (words.number(x, 1, sign=True) for x in (found.gain, found.expected))
    return Picture(
        name="claim",
        kind="intervals",
        title=f"{title}: of {gain}, {expected} was to be expected anyway",
        alt=f"{found.sentence(unit)} The answer given all earlier results and the context is "
        f"{words.number(answer.estimate, 1, sign=True)}, interval "
        f"{words.number(answer.ci_lower, 1, sign=True)} to "
        f"{words.number(answer.ci_upper, 1, sign=True)}.",
        table=table,
        counts=("n_pupils",),
        statistics=_INTERVAL,
        schools=("n_schools",),
    )


def checks(found: Checks, *, n_pupils: float, worthwhile: float) -> Picture:
    """Picture the primary effect by other analyses, and the placebos below.

    Parameters
    ----------
    found : Checks
    n_pupils : float
        Of the schools that took part, since the start.
    worthwhile : float
        Smallest worthwhile effect, in the unit of the estimates: it decides each verdict, and so
        the colour.
    """
    shown = found.to_frame()
    placebo = shown["kind"] == "placebo"
    table = pd.DataFrame(
        {
            "label": shown["label"].where(~placebo, "Placebo: " + shown["label"].str.lower()),
            **{name: shown[name] for name in _INTERVAL},
            "verdict": [
                effects_row.verdict(row.ci_lower, row.ci_upper, worthwhile)
                for row in shown.itertuples()
            ],
            "unit": found.unit,
            "worthwhile": worthwhile,
            "n_pupils": n_pupils,
        }
    )
    said = "; ".join(
        f"{row.label}: {words.number(row.estimate, 1, sign=True)}, interval "
        f"{words.number(row.ci_lower, 1, sign=True)} to {words.number(row.ci_upper, 1, sign=True)}"
        for row in table.itertuples()
    )
    answers = table.loc[~placebo, "verdict"]
    same = int((answers == answers.iloc[0]).sum())
    return Picture(
        name="checks",
        kind="intervals",
        title=f"{words.capital(answers.iloc[0])} in {same} of {len(answers)} analyses",
        alt=f"The effect by analysis; placebos, where there can be none, last. {said}.",
        table=table,
        counts=("n_pupils",),
        statistics=_INTERVAL,
        axes=("worthwhile",),
    )
