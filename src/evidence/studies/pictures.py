"""Results as pictures that may be proposed for release: title, alt text, table and its roles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evidence.methods.core.balance import Balance
from evidence.methods.trials.flow import Flow
from evidence.methods.trials.imputation import Sensitivity
from evidence.methods.trials.robustness import Robustness
from evidence.show import words
from evidence.show.picture import Picture
from evidence.studies.impact_pictures import checks, claim, event_study, overlap
from evidence.studies.verdict import verdict

__all__ = [
    "balance",
    "checks",
    "claim",
    "effects",
    "event_study",
    "flow",
    "overlap",
    "sensitivity",
    "specifications",
    "worthwhile",
]

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


def balance(
    found: Balance, labels: Mapping[str, str] | None = None, *, n_pupils: float | None = None
) -> Picture:
    """Picture the differences between the arms before the start; `labels` names columns.

    Where the rows compared are schools, `n_pupils` is how many pupils those that took part had.

    Means stay behind: shares to many digits tell exact counts. So do categories of fewer than ten
    pupils, whose very name may tell who they are. With weights
    (:func:`evidence.methods.matching.balance`) the differences before them are drawn hollow.
    """
    whole = found.to_frame()
    sizes = ["effect_size", *(["before"] if "before" in whole else [])]
    schools = n_pupils is not None
    table = whole[schools | (whole["n_level"] >= 10)].reset_index(drop=True)
    table = table[["covariate", *sizes, "band", "n_treated", "n_control"]]
    if schools:
        table = table.assign(n_pupils=n_pupils)
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
        counts=("n_pupils",) if schools else ("n_treated", "n_control"),
        statistics=tuple(sizes),
        schools=("n_treated", "n_control") if schools else (),
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
