"""Results as pictures that may be proposed for release: title, alt text, table and its roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evidence.methods.results import Balance, EventStudy, Flow
from evidence.methods.robustness import Robustness
from evidence.show import words
from evidence.show.picture import Picture

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
        Titled by the verdict on the primary outcome. The grey band of no worthwhile difference is
        drawn where the register states it in standard deviations.
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
            "unit": "sd",
            "n_pupils": rows["n_pupils"],
            "n_schools": rows["n_schools"],
        }
    )
    primary = rows.iloc[0]
    first = entries[primary["outcome"]]
    axes = ()
    if first["unit"] == "sd":
        table.insert(5, "worthwhile", first["smallest_worthwhile"])
        axes = ("worthwhile",)
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
        axes=axes,
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
    pupils, whose very name may tell who they are. With weights
    (:func:`evidence.methods.matching.balance`) the differences before them are drawn hollow.
    """
    whole = found.to_frame()
    sizes = ["effect_size", *(["before"] if "before" in whole else [])]
    table = whole[whole["n_level"] >= 10].reset_index(drop=True)
    table = table[["covariate", *sizes, "band", "n_treated", "n_control"]]
    table["covariate"] = [words.relabel(name, labels or {}) for name in table["covariate"]]
    table[sizes] = table[sizes].round(2)
    left = len(whole) - len(table)
    hidden = f" {left} categories of few pupils are left out." if left else ""
    worst = table[sizes].abs().max()
    said = "No column can be shown." if table.empty else f"The largest is {worst.iloc[0]:.2f} SD."
    title = _ALIKE[found.worst()]
    if "before" in table and worst.notna().all():
        said = f"{said} Before weighting it was {worst['before']:.2f} SD."
        title = (
            f"Weighted, the groups {_WEIGHTED[found.worst()]}; unweighted, they differ by up to "
            f"{worst['before']:.2f} SD"
        )
    return Picture(
        name="balance",
        kind="balance",
        title=title,
        alt=f"Differences between the groups before the start, by column. {said}{hidden}",
        table=table,
        counts=("n_treated", "n_control"),
        statistics=tuple(sizes),
    )


def flow(found: Flow, labels: Mapping[str, str] | None = None) -> Picture:
    """Picture the participant flow; `labels` names arms."""
    table = found.to_frame()
    table["arm"] = [words.relabel(name, labels or {}) for name in table["arm"]]
    totals = table.groupby("stage", sort=False)["n_pupils"].sum()
    share = totals.iloc[-1] / totals.iloc[0]  # told to 5%: exact shares tell exact counts
    return Picture(
        name="flow",
        kind="flow",
        title=f"About {5 * round(20 * share)}% of pupils are in the analysis",
        alt="Participant flow: pupils and schools of each group from assignment to analysis, as in "
        "the table.",
        table=table,
        counts=("n_pupils",),
        schools=("n_schools",) if "n_schools" in table else (),
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


def specifications(found: Robustness, labels: Mapping[str, str] | None = None) -> Picture:
    """Picture the primary effect by every sensible analysis; `labels` names columns and arms."""
    table = found.to_frame()[["label", *_INTERVAL, "n_pupils"]].assign(unit="sd")
    said = "; ".join(
        f"{row.label}: {words.number(row.estimate, 2, sign=True)}, interval "
        f"{words.number(row.ci_lower, 2, sign=True)} to {words.number(row.ci_upper, 2, sign=True)}"
        for row in table.itertuples()
    )
    what = words.relabel(f"{found.outcome}, {found.treatment}", labels or {})
    return Picture(
        name="specifications",
        kind="intervals",
        title=found.headline(),
        alt=f"Effect sizes with their intervals by analysis ({what}), in standard deviations. "
        f"{said}.",
        table=table,
        counts=("n_pupils",),
        statistics=_INTERVAL,
    )
