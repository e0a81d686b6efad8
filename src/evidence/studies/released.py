"""Released effects as results in standard deviations, and the plan that puts them together."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.special import stdtrit

from evidence.data.schema import EFFECTS
from evidence.errors import EvidenceError
from evidence.studies.plan import Checked, CommonPlan
from evidence.studies.posterior import PRIOR_MEAN, PRIOR_SD


class Costed(Checked):
    """What the register says of a programme: names, cost, and the smallest effect worth it."""

    title: str
    cost: float = Field(ge=0, allow_inf_nan=False)
    set_up: float = Field(ge=0, allow_inf_nan=False)
    pupils: float = Field(ge=0, allow_inf_nan=False)
    simulated: bool
    cohorts: dict[str, str]
    outcomes: dict[str, str]
    worthwhile: float = Field(gt=0, allow_inf_nan=False)


class SynthesisPlan(CommonPlan):
    """The parameters of ``notebooks/synthesis.ipynb``.

    `effects` is the table of released effects that `evidence run` puts into the data folder;
    `programmes` is what the register says of each. `worth` are the pounds that a month of progress
    is worth to those who decide (0: they have not said), `schools` the size of the further trial
    that is weighed. True effects of programmes are taken as normal around `prior_mean` with
    `prior_sd`, those of one programme's cohorts as differing by about `tau_scale`.
    """

    effects: str
    programmes: dict[str, Costed]
    worth: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    schools: int = Field(default=40, ge=2)
    prior_mean: float = Field(default=PRIOR_MEAN, allow_inf_nan=False)
    prior_sd: float = Field(default=PRIOR_SD, gt=0, allow_inf_nan=False)
    tau_scale: float = Field(default=0.1, gt=0, allow_inf_nan=False)


def released(path: str, plan: SynthesisPlan) -> pd.DataFrame:
    """Read released effects as results in standard deviations.

    Parameters
    ----------
    path : str
        A parquet table of the `effects` contract, with `hub` where hubs are merged.
    plan : SynthesisPlan
        Whose programmes name and order the results.

    Returns
    -------
    DataFrame
        `programme`, `cohort`, `hub`, `title`, `when` (cohort and hub in words), `label`, `outcome`,
        `subgroup`, `primary`, `effect`, `error`, `lower`, `upper`, `scale` (SD a unit of the
        outcome), `months`, `n_pupils`, `n_schools`, `strength`. Results that were hidden or have no
        effect size are left out.

    Raises
    ------
    EvidenceError
        It is no such table, holds no effect size, or one without a standard error.
    """
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError):
        raise EvidenceError(
            f"{path}: no table of released effects; evidence run makes it after a release"
        ) from None
    if absent := [name for name in EFFECTS if name not in table]:
        raise EvidenceError(f"{path}: no column {absent[0]!r}: no table of released effects")
    table = table.assign(hub=table.get("hub", ""))
    table = table[np.isfinite(table[["effect_size", "es_lower", "es_upper"]]).all(axis=1)]
    if table.empty:
        raise EvidenceError(f"{path}: no result in standard deviations to put together")
    df = table["df"].fillna(math.inf).clip(upper=1e9)
    half = stdtrit(df, (1 + table["level"]) / 2)
    error = (table["es_upper"] - table["es_lower"]) / (2 * half)
    if (wrong := ~(error > 0)).any():
        row = table.loc[wrong.idxmax()]
        raise EvidenceError(
            f"{path}: {row['programme']}/{row['cohort']}, {row['outcome']}: an effect without a "
            "standard error above 0 cannot be pooled"
        )
    known = plan.programmes
    said = {name: {"": one.title} | one.outcomes for name, one in known.items()}
    place = {
        (name, cohort): i
        for name, one in known.items()
        for i, cohort in enumerate(one.cohorts)
    }  # fmt: skip
    names, cohorts = table["programme"], table["cohort"]
    width = table["ci_upper"] - table["ci_lower"]
    scale = np.where(table["unit"] == "sd", 1.0, (table["es_upper"] - table["es_lower"]) / width)
    whens = [
        known[name].cohorts.get(cohort, cohort) if name in known else cohort
        for name, cohort in zip(names, cohorts, strict=True)
    ]
    table = pd.DataFrame(
        {
            "programme": names,
            "cohort": cohorts,
            "hub": table["hub"],
            "title": [said.get(name, {}).get("", name) for name in names],
            "when": [f"{w} ({h})" if h else w for w, h in zip(whens, table["hub"], strict=True)],
            "outcome": [
                said.get(n, {}).get(o, o) for n, o in zip(names, table["outcome"], strict=True)
            ],
            "subgroup": table["subgroup"],
            "primary": table["primary"],
            "effect": table["effect_size"],
            "error": error,
            "lower": table["es_lower"],
            "upper": table["es_upper"],
            "scale": scale,
            "months": table["months"],
            "n_pupils": table["n_pupils"],
            "n_schools": table["n_schools"],
            "strength": table["strength"],
            "order": [list(known).index(n) if n in known else len(known) for n in names],
            "turn": [place.get(pair, len(place)) for pair in zip(names, cohorts, strict=True)],
        }
    )  # fmt: skip
    table["label"] = table["title"] + ", " + table["when"]
    by = ["order", "programme", "turn", "cohort", "hub"]
    return (
        table.sort_values(by, kind="stable").drop(columns=["order", "turn"]).reset_index(drop=True)
    )
