"""Pictures of results put together: forests, cumulative means, ranks, costs beside effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from evidence.methods.synthesis.pooling import FEW, Pooled
from evidence.methods.synthesis.ranking import Ranks
from evidence.show import words
from evidence.show.picture import Picture
from evidence.studies.together import Together

_INTERVAL = ("estimate", "ci_lower", "ci_upper")


def forest(rows: pd.DataFrame, pooled: Pooled | None) -> Picture:
    """Picture every result with its interval; the mean of five programmes or more below them.

    Parameters
    ----------
    rows : DataFrame
        Results, as :func:`evidence.studies.released.released` returns them.
    pooled : Pooled or None
        All of them together.
    """
    table = pd.DataFrame(
        {
            "label": rows["label"],
            "role": "result",
            "estimate": rows["effect"],
            "ci_lower": rows["lower"],
            "ci_upper": rows["upper"],
            "wide_lower": np.nan,
            "wide_upper": np.nan,
            "weight": pooled.to_frame()["weight"] if pooled else 100.0,
            "n_pupils": rows["n_pupils"],
            "n_schools": rows["n_schools"],
        }
    )
    above = int((rows["lower"] > 0).sum())
    title = f"{above} of {words.counted(len(rows), 'result')} are above zero"
    said = f"{title} with their whole interval."
    if pooled and pooled.n_clusters >= FEW:
        mean = _mean("Mean of all, and where a further one would lie", pooled, rows)
        table = pd.concat([table, pd.DataFrame([mean])], ignore_index=True)
        title += f"; on average {words.number(pooled.estimate, 2, sign=True)} SD"
        said += f" {pooled.sentence()}"
    return _drawn("forest", "forest", "what changed", title, f"A forest plot. {said}", table)


def _mean(label: str, pooled: Pooled, rows: pd.DataFrame) -> dict[str, object]:
    return {
        "label": label,
        "role": "mean",
        "estimate": pooled.estimate,
        "ci_lower": pooled.ci_lower,
        "ci_upper": pooled.ci_upper,
        "wide_lower": pooled.prediction_lower,
        "wide_upper": pooled.prediction_upper,
        "weight": 100.0,
        "n_pupils": rows["n_pupils"].sum(),
        "n_schools": rows["n_schools"].sum(),
    }


def cumulative(programmes: Sequence[Together]) -> Picture | None:
    """Picture the mean after each result: the ordinary interval and the one valid at every look."""
    parts = []
    for one in programmes:
        looks = one.looks.to_frame()
        parts.append(
            pd.DataFrame(
                {
                    "label": f"{one.title}: " + looks["label"].where(
                        looks["n_studies"] == 1, "and " + looks["label"]
                    ),
                    "role": "look",
                    "estimate": looks["estimate"],
                    "ci_lower": looks["ordinary_lower"].fillna(one.rows["lower"].iloc[0]),
                    "ci_upper": looks["ordinary_upper"].fillna(one.rows["upper"].iloc[0]),
                    "wide_lower": looks["ci_lower"].where(np.isfinite(looks["ci_lower"])),
                    "wide_upper": looks["ci_upper"].where(np.isfinite(looks["ci_upper"])),
                    "weight": 100.0,
                    "n_pupils": one.rows["n_pupils"].cumsum().to_numpy(),
                    "n_schools": one.rows["n_schools"].cumsum().to_numpy(),
                }
            )
        )  # fmt: skip
    if not parts:
        return None
    sure = [one.title for one in programmes if _excludes(one.looks.to_frame(), "ci")]
    once = [one.title for one in programmes if _excludes(one.looks.to_frame(), "ordinary")]
    title = f"Looking at every result: {_named(sure)} sure to differ from zero"
    more = [name for name in once if name not in sure]
    if more:
        title += f"; ordinary intervals would say so of {', '.join(more)}"
    spoken = " ".join(f"{one.title}: {one.looks.sentence()}" for one in programmes)
    alt = f"A cumulative forest plot, a row a result that was added. {spoken}"
    return _drawn("cumulative", "forest", "over time", title, alt, pd.concat(parts))


def _named(names: Sequence[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}" if names else "no mean is"


def _excludes(looks: pd.DataFrame, which: str) -> bool:
    return bool(((looks[f"{which}_lower"] > 0) | (looks[f"{which}_upper"] < 0)).any())


def rank_probabilities(found: Ranks, programmes: Mapping[str, Together]) -> Picture:
    """Picture how probable each rank is of each programme."""
    place = {name: i for i, name in enumerate(found.best.index)}
    sizes = {one.title: one.rows[["n_pupils", "n_schools"]].sum() for one in programmes.values()}
    table = found.table.sort_values("rank", kind="stable")
    table = table.sort_values("name", key=lambda names: names.map(place), kind="stable")
    for name in ("n_pupils", "n_schools"):
        table[name] = [sizes[one][name] for one in table["name"]]
    table = table.rename(columns={"name": "label"}).reset_index(drop=True)
    return Picture(
        name="ranks",
        kind="ranks",
        question="beside others",
        title=found.sentence().rstrip("."),
        alt=f"A row a programme, a shaded cell a rank, darker where more probable. "
        f"{found.sentence()}",
        table=table,
        counts=("n_pupils",),
        schools=("n_schools",),
        statistics=("probability",),
        axes=("rank",),
    )


def plane(programmes: Sequence[Together], worth: float) -> Picture:
    """Picture what each programme costs beside what it changed."""
    ordered = sorted(programmes, key=lambda one: one.value.cost)
    table = pd.DataFrame(
        {
            "label": one.title,
            "cost": one.value.cost,
            "estimate": one.belief.estimate,
            "ci_lower": one.belief.ci_lower,
            "ci_upper": one.belief.ci_upper,
            "worth": worth / words.MONTH if worth else np.nan,
            "n_pupils": one.rows["n_pupils"].sum(),
            "n_schools": one.rows["n_schools"].sum(),
        }
        for one in ordered
    )
    sure = [one for one in ordered if np.isfinite(one.value.ci_upper)]
    title = "No programme is sure enough to help for a month to have a highest price"
    if sure:
        best = min(sure, key=lambda one: one.value.per_month)
        title = (
            f"A month of progress is cheapest with {best.title}: £{best.value.per_month:,.0f} "
            f"(£{best.value.ci_lower:,.0f} to £{best.value.ci_upper:,.0f})"
        )
    alt = f"Pounds a year for each pupil across, the effect upwards, a point a programme. {title}."
    return _drawn("cost-and-effect", "plane", "at what cost", title, alt, table)


def _drawn(
    name: str, kind: str, question: str, title: str, alt: str, table: pd.DataFrame
) -> Picture:
    wide = [column for column in ("wide_lower", "wide_upper") if column in table]
    fixed = [column for column in ("weight", "cost", "worth") if column in table]
    return Picture(
        name=name,
        kind=kind,
        question=question,
        title=title,
        alt=alt,
        table=table.reset_index(drop=True),
        counts=("n_pupils",),
        schools=("n_schools",),
        statistics=(*_INTERVAL, *wide),
        axes=tuple(fixed),
    )
