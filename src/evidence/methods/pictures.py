"""Results as pictures that may be proposed for release: title, alt text, table and its roles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evidence.methods.effects import verdict
from evidence.methods.imputation import Sensitivity
from evidence.methods.losses import Flow
from evidence.methods.results import Balance, EventStudy
from evidence.methods.robustness import Robustness
from evidence.show import words
from evidence.show.picture import Picture

_ALIKE = {
    "ok": "The groups were alike before the start",
    "adjust": "Small differences before the start are adjusted for",
    "fails": "The groups differed before the start",
    "": "Nothing is known of the groups before the start",
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
    said = "; ".join(
        f"{row.label}: {words.number(row.estimate, 2, sign=True)} standard deviations, interval "
        f"{words.number(row.ci_lower, 2, sign=True)} to {words.number(row.ci_upper, 2, sign=True)}"
        for row in table.itertuples()
    )
    return Picture(
        name="effect",
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


def balance(found: Balance, labels: Mapping[str, str] | None = None) -> Picture:
    """Picture the differences between the arms before the start; `labels` names columns.

    Means stay behind: shares to many digits tell exact counts. So do categories of fewer than ten
    pupils, whose very name may tell who they are.
    """
    whole = found.to_frame()
    table = whole[whole["n_level"] >= 10].reset_index(drop=True)
    table = table[["covariate", "effect_size", "band", "n_treated", "n_control"]]
    table["covariate"] = [words.relabel(name, labels or {}) for name in table["covariate"]]
    table["effect_size"] = table["effect_size"].round(2)
    left = len(whole) - len(table)
    hidden = f" {left} categories of few pupils are left out." if left else ""
    worst = table["effect_size"].abs().max()
    said = "No column can be shown." if table.empty else f"The largest is {worst:.2f} SD."
    return Picture(
        name="balance",
        kind="balance",
        title=_ALIKE[found.worst()],
        alt=f"Differences between the groups before the start, by column. {said}{hidden}",
        table=table,
        counts=("n_treated", "n_control"),
        statistics=("effect_size",),
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
        kind="flow",
        title=f"{share} {'of the ' if '%' in share else ''}pupils{whose} are in the analysis",
        alt="Participant flow: pupils and schools of each group from assignment to analysis, as in "
        "the table.",
        table=table,
        counts=("n_pupils",),
        schools=("n_schools",) if "n_schools" in table else (),
    )


def sensitivity(found: Sensitivity) -> Picture:
    """Picture the effect by what is assumed of the treated who were not measured.

    For the report: no count stands behind its rows, so a release refuses it.
    """
    low, high = (words.number(x, 2, sign=True) for x in found.table["estimate"].iloc[[0, -1]])
    held = found.tipping != found.tipping
    size = "" if held else words.number(abs(found.tipping), 2)
    title = (
        "Nothing assumed of the treated pupils not measured changes the answer"
        if held
        else f"The answer changes if treated pupils not measured did {size} SD "
        f"{'better' if found.tipping > 0 else 'worse'} than expected"
    )
    return Picture(
        name="not-measured",
        kind="curve",
        title=title,
        alt=f"Effect size with its interval against the shift assumed for treated pupils who were "
        f"not measured; it runs from {low} to {high} SD. {found.sentence()}",
        table=found.to_frame(),
        statistics=_INTERVAL,
        axes=("delta",),
    )


def overlap(shared: pd.DataFrame, programme: str) -> Picture:
    """Picture how many schools the programme shares with others.

    Parameters
    ----------
    shared : DataFrame
        `programme_a`, `programme_b`, `n_schools`, as `impact.participation` gives them.
    programme : str
        The one asked about.
    """
    mine = shared.query("programme_a == @programme").set_index("programme_b")["n_schools"]
    others = mine.drop(programme).sort_values(ascending=False, kind="stable")
    with_any = [name for name in others.index if others[name] > 0][:7]
    order = [programme, *with_any]
    table = shared[shared["programme_a"].isin(order) & shared["programme_b"].isin(order)]
    ranks = {name: rank for rank, name in enumerate(order)}
    table = table.sort_values(
        ["programme_a", "programme_b"], key=lambda names: names.map(ranks), ignore_index=True
    )
    busiest = f"the most with {with_any[0]}" if with_any else "none with any other"
    return Picture(
        name="overlap",
        kind="overlap",
        title="Schools shared with other programmes" if with_any else "No school in another one",
        alt=f"Schools in each pair of programmes; {programme} shares {busiest}.",
        table=table,
        schools=("n_schools",),
    )


def specifications(found: Robustness, smallest_worthwhile: float = math.nan) -> Picture:
    """Picture the primary effect by every sensible analysis.

    Parameters
    ----------
    found : Robustness
    smallest_worthwhile : float
        In SD: the grey band, and what decides each verdict. Where it is not known no analysis can
        say that there is no worthwhile difference.
    """
    least = smallest_worthwhile if smallest_worthwhile > 0 else 1e-9
    table = found.to_frame()[["label", *_INTERVAL, "n_pupils", "primary"]]
    table = table.assign(
        verdict=[verdict(row.ci_lower, row.ci_upper, least) for row in table.itertuples()],
        worthwhile=smallest_worthwhile,
        unit="sd",
    )
    said = "; ".join(
        f"{row.label}: {words.number(row.estimate, 2, sign=True)}, interval "
        f"{words.number(row.ci_lower, 2, sign=True)} to {words.number(row.ci_upper, 2, sign=True)}"
        for row in table.itertuples()
    )
    same = (table["verdict"] == table["verdict"].iloc[0]).sum()
    left = f" Not possible with these data: {'; '.join(found.skipped)}." if found.skipped else ""
    return Picture(
        name="specifications",
        kind="intervals",
        title=f"{words.capital(table['verdict'].iloc[0])} in {same} of {len(table)} analyses",
        alt=f"Effect sizes with their intervals by analysis ({found.outcome}, {found.treatment}), "
        f"in standard deviations. {said}.{left}",
        table=table,
        counts=("n_pupils",),
        statistics=_INTERVAL,
        axes=("worthwhile",),
    )
