"""Results as pictures that may be proposed for release: title, alt text, table and its roles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from evidence.data.rules import Rules
from evidence.methods.core.balance import Balance
from evidence.methods.core.results import Estimate, EventStudy
from evidence.methods.impact.regression_to_mean import Rebound
from evidence.methods.impact.robustness import Checks
from evidence.methods.trials.flow import Flow
from evidence.methods.trials.imputation import Sensitivity
from evidence.methods.trials.robustness import Robustness
from evidence.show import words
from evidence.show.picture import Picture
from evidence.studies.verdict import verdict

_ALIKE = {
    "ok": "The groups were alike before the start",
    "adjust": "Small differences before the start are adjusted for",
    "fails": "The groups differed before the start",
    "": "Nothing is known of the groups before the start",
}
_WEIGHTED = {
    "ok": "are alike",
    "adjust": "differ a little",
    "fails": "still differ",
}
_INTERVAL = ("estimate", "ci_lower", "ci_upper")


def effects(rows: pd.DataFrame, outcomes: Sequence[Mapping[str, Any]]) -> Picture:
    """Picture the estimates of one programme and cohort on the scale of effect sizes.

    Parameters
    ----------
    rows : DataFrame
        Rows of the `effects` contract, the primary outcome first.
    outcomes : sequence of mapping
        Entries of the register: `name`, `title`, `unit`, `smallest_worthwhile`.

    Returns
    -------
    Picture
        Titled by the verdict on the primary outcome. What the register states of another unit than
        the standard deviation is carried over by the widths of the two intervals.
    """
    entries = {entry["name"]: entry for entry in outcomes}
    titles = rows["outcome"].map(lambda name: entries[name]["title"])
    labels = titles.where(rows["subgroup"] == "all", titles + ", " + rows["subgroup"])
    table = pd.DataFrame(
        {
            "label": labels + rows["primary"].map({True: " (primary)", False: ""}),
            "estimate": rows["effect_size"],
            "ci_lower": rows["es_lower"],
            "ci_upper": rows["es_upper"],
            "verdict": rows["verdict"],
            "worthwhile": [
                worthwhile(row, entries[row["outcome"]]) for row in rows.to_dict("records")
            ],
            "primary": rows["primary"],
            "unit": "sd",
            "n_pupils": rows["n_pupils"],
            "n_schools": rows["n_schools"],
        }
    )
    primary = rows.iloc[0]
    first = entries[primary["outcome"]]
    said = _spoken(table, 2, " standard deviations")
    return Picture(
        name="effect",
        question="the answer",
        kind="intervals",
        title=words.headline(primary, outcome=first["title"]),
        alt=f"Effect sizes with their intervals. {said}.",
        table=table,
        counts=("n_pupils",),
        statistics=_INTERVAL,
        schools=("n_schools",),
        axes=("worthwhile",),
    )


def worthwhile(row: Mapping[str, Any], entry: Mapping[str, Any]) -> float:
    """Return the smallest worthwhile effect in SD, to two decimals; NaN where it is not known."""
    width = row["ci_upper"] - row["ci_lower"]
    if entry["unit"] == "sd" or not width > 0:
        return float(entry["smallest_worthwhile"]) if entry["unit"] == "sd" else math.nan
    return round(entry["smallest_worthwhile"] * (row["es_upper"] - row["es_lower"]) / width, 2)


def balance(
    found: Balance,
    labels: Mapping[str, str] | None = None,
    *,
    n_pupils: float | None = None,
    rules: Rules | None = None,
    whose: str = "",
) -> Picture:
    """Picture the differences between the arms before the start; `labels` names columns.

    `whose` says which pupils they are, such as "analysed", where not all that were assigned.
    Where the rows compared are schools, `n_pupils` is how many pupils those that took part had.

    Means stay behind: shares to many digits tell exact counts. So do categories of fewer
    pupils than the threshold of the data owner's `rules`: their very name may tell who they are.
    With weights (:func:`evidence.methods.core.balance.weighted_balance`) the differences before
    them are drawn hollow.
    """
    whole = found.to_frame()
    sizes = ["effect_size", *(["before"] if "before" in whole else [])]
    schools = n_pupils is not None
    table = whole[schools | (whole["n_level"] >= (rules or Rules()).threshold)].reset_index(
        drop=True
    )
    table = table[["covariate", *sizes, "band", "n_treated", "n_control"]]
    arms = ("n_treated", "n_control")
    if schools:
        arms = ("n_schools_treated", "n_schools_control")
        table = table.set_axis([*table.columns[:-2], *arms], axis=1).assign(n_pupils=n_pupils)
    table["covariate"] = [words.relabel(name, labels or {}) for name in table["covariate"]]
    table[sizes] = table[sizes].round(2)
    left = len(whole) - len(table)
    hidden = " 1 category of few pupils is left out." if left == 1 else ""
    hidden = f" {left} categories of few pupils are left out." if left > 1 else hidden
    worst = table[sizes].abs().max()
    said = "No column can be shown." if table.empty else f"The largest is {worst.iloc[0]:.2f} SD."
    title = _ALIKE[found.worst()]
    if whose:
        title = f"Of those {whose}: {title[0].lower()}{title[1:]}"
    if "before" in table and worst.notna().all():
        said = f"{said} Before weighting it was {worst['before']:.2f} SD."
        title = (
            f"Weighted, the groups {_WEIGHTED[found.worst()]}; unweighted, they differ by up to "
            f"{worst['before']:.2f} SD"
        )
    return Picture(
        name="balance",
        question="who took part",
        kind="balance",
        title=title,
        alt=f"Differences between the groups{f' {whose}' if whose else ''} before the start, by "
        f"column. {said}{hidden}",
        table=table,
        counts=("n_pupils",) if schools else arms,
        statistics=tuple(sizes),
        schools=arms if schools else (),
    )


def flow(found: Flow) -> Picture:
    """Picture the participant flow."""
    table = found.to_frame()
    if found.further:
        table["arm"] = [f"{a} (not compared)" if a in found.further else a for a in table["arm"]]
    totals = found.totals()
    # Told from rounded counts: an exact share of a small trial tells exact counts.
    first, last = (math.floor(totals.iloc[place] / 5 + 0.5) for place in (0, -1))
    share = f"{100 * last / first:.0f}%" if first else "none"
    if totals.iloc[-1] == totals.iloc[0]:
        share = "All"
    elif share == "100%":
        share = "Nearly all"
    whose = " compared" if found.further else ""
    return Picture(
        name="flow",
        question="who took part",
        kind="flow",
        title=f"{share} {'of the ' if '%' in share else ''}pupils{whose} are in the analysis",
        alt="Participant flow: pupils and schools of each group from assignment to analysis, as in "
        "the table.",
        table=table,
        counts=("n_pupils",),
        schools=("n_schools",) if "n_schools" in table else (),
    )


def analysed(found: Flow) -> Picture:
    """Picture the last stage of the participant flow: what may leave where few were lost before."""
    whole = flow(found)
    last = whole.table[whole.table["stage"] == whole.table["stage"].iloc[-1]]
    return replace(
        whole,
        title=f"{found.totals().iloc[-1]:,} pupils are in the analysis",
        alt="Pupils and schools of each group in the analysis. In some group a few pupils were "
        "lost before it: how many began is left out, or it would tell how few.",
        table=last.drop(columns="lost_for", errors="ignore").reset_index(drop=True),
    )


def sensitivity(found: Sensitivity) -> Picture:
    """Picture the effect by what is assumed of the treated who were not measured.

    For the report: no count stands behind its rows, so a release refuses it.
    """
    low, high = (words.number(x, 2, sign=True) for x in found.table["estimate"].iloc[[0, -1]])
    held = found.tipping != found.tipping
    size = "" if held else words.number(abs(found.tipping), 2)
    title = (
        "The answer does not depend on the missing pupils"
        if held
        else f"The answer changes if missing treated pupils did {size} SD "
        f"{'better' if found.tipping > 0 else 'worse'} than expected"
    )
    return Picture(
        name="not-measured",
        question="does it hold",
        kind="curve",
        title=title,
        alt=f"Effect size with its interval against the shift assumed for treated pupils who were "
        f"not measured; it runs from {low} to {high} SD. {found.sentence()}",
        table=found.to_frame(),
        statistics=_INTERVAL,
        axes=("delta",),
    )


def specifications(found: Robustness, smallest_worthwhile: float = math.nan) -> Picture:
    """Picture the primary effect by every sensible analysis.

    Of an analysis of more pupils than the primary one it says that there are so many at least: the
    difference is who lacks a covariate, and may be few.

    Parameters
    ----------
    found : Robustness
    smallest_worthwhile : float
        In SD: the grey band, and what decides each verdict. Where it is not known no analysis can
        say that there is no worthwhile difference.
    """
    least = smallest_worthwhile if smallest_worthwhile > 0 else 1e-9
    table = found.to_frame()[["label", *_INTERVAL, "n_pupils", "primary"]]
    main = table.loc[table["primary"], "n_pupils"].max()
    table = table.assign(n_pupils=table["n_pupils"].clip(upper=main)).rename(
        columns={"n_pupils": "n_at_least"}
    )
    table = table.assign(
        verdict=[verdict(row.ci_lower, row.ci_upper, least) for row in table.itertuples()],
        worthwhile=smallest_worthwhile,
        unit="sd",
    )
    said = _spoken(table, 2)
    same = (table["verdict"] == table["verdict"].iloc[0]).sum()
    left = f" Not possible with these data: {'; '.join(found.skipped)}." if found.skipped else ""
    return Picture(
        name="specifications",
        question="does it hold",
        kind="intervals",
        title=f"{words.capital(words.verdict(table['verdict'].iloc[0]))} in {same} of "
        f"{len(table)} analyses",
        alt=f"Effect sizes with their intervals by analysis ({found.outcome}, {found.treatment}), "
        f"in standard deviations. {said}.{left}",
        table=table,
        counts=("n_at_least",),
        statistics=_INTERVAL,
        axes=("worthwhile",),
    )


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
    named = replace(study, outcome=title, treatment="schools taking part against the others")
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
        question="what changed",
        kind="event_study",
        title=f"{title}: {trend}",
        alt=f"Difference between schools that took part and others, year by year, measured from "
        f"{words.school_year(start + study.reference)}. "
        f"{named.sentence()}",
        table=table,
        counts=("n_pupils",),
        statistics=(*_INTERVAL, "std_error", "df", "p_value"),
        schools=("n_schools",),
        axes=("time",),
    )


def overlap(
    found: pd.DataFrame, most: int = 8, *, titles: Mapping[str, str] | None = None
) -> Picture:
    """Picture in how many other programmes the schools of one programme are.

    Parameters
    ----------
    found : DataFrame
        What `impact.participation` gives for one programme.
    most : int
        Combinations to draw, the commonest.
    titles : mapping, optional
        Name of each programme to what people call it.
    """
    alone = int(found.loc[found["n_programmes"] == 1, "n_schools"].sum())
    total = int(found["n_schools"].sum())
    table = found.loc[: most - 1, ["programmes", "n_schools"]].copy()
    rest = total - int(table["n_schools"].sum())
    table["programmes"] = [
        " + ".join(
            (titles or {}).get(name, words.capital(name.replace("-", " "))) for name in names
        )
        for names in table["programmes"].str.split(" + ", regex=False)
    ]
    title = "No school is in another programme"
    if more := total - alone:
        schools, are = ("school", "is") if total == 1 else ("schools", "is" if more == 1 else "are")
        title = f"{more} of {total} {schools} {are} in other programmes too"
    rare = (
        f" {rest} {'school is' if rest == 1 else 'schools are'} in combinations too rare to draw."
    )
    return Picture(
        name="overlap",
        question="who took part",
        kind="overlap",
        title=title,
        alt="Schools by the combination of programmes they are in; in this one alone: "
        f"{alone} of {total}. The commonest: {table['programmes'].iloc[0]}.{rare if rest else ''}",
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
                "Gain on other schools since the last year before",
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
    much = f"{expected} of a change of {gain}"
    if 0 < found.expected < found.gain:
        point = "percentage-point" if unit == "pp" else words.UNITS[unit].removesuffix("s")
        much = f"{found.expected:.1f} of the {found.gain:.1f}-{point} gain"
    return Picture(
        name="claim",
        question="what changed",
        kind="intervals",
        title=f"{title}: {much} was expected without the programme",
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
                verdict(row.ci_lower, row.ci_upper, worthwhile) for row in shown.itertuples()
            ],
            "unit": found.unit,
            "worthwhile": worthwhile,
            "n_pupils": n_pupils,
        }
    )
    said = _spoken(table, 1)
    answers = table.loc[~placebo, "verdict"]
    same = int((answers == answers.iloc[0]).sum())
    return Picture(
        name="checks",
        question="does it hold",
        kind="intervals",
        title=f"{words.capital(words.verdict(answers.iloc[0]))} in {same} of "
        f"{len(answers)} analyses",
        alt=f"The effect by analysis; placebos, where there can be none, last. {said}.",
        table=table,
        counts=("n_pupils",),
        statistics=_INTERVAL,
        axes=("worthwhile",),
    )


def _spoken(table: pd.DataFrame, digits: int, unit: str = "") -> str:
    """Read out every estimate of a table with its interval."""
    columns = (table["label"], *(table[name] for name in _INTERVAL))
    return "; ".join(
        f"{label}: {middle}{unit}, interval {low} to {high}"
        for label, middle, low, high in (
            (row[0], *(words.number(x, digits, sign=True) for x in row[1:]))
            for row in zip(*columns, strict=True)
        )
    )
