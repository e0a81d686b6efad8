"""The wild cluster bootstrap of a panel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from evidence.methods.core.results import Estimate
from evidence.methods.core.wild_bootstrap import check, method_of, std_error, tested
from evidence.methods.impact.panel_data import read as read_panel
from evidence.methods.impact.two_way import caveats, two_way
from evidence.stats.wild_bootstrap import Wild


def wild_bootstrap(
    panel: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    cluster: str | None = None,
    weights: str | None = None,
    covariates: Sequence[str] = (),
    overlap: Sequence[str] = (),
    signs: str = "rademacher",
    draws: int = 9999,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Test the effect of :func:`evidence.methods.impact.did` by the wild cluster bootstrap.

    The arguments of `did`, and `signs`, `draws`, `seed`, the returned fields, errors, notes and
    sources of :func:`evidence.methods.trials.wild_bootstrap`.
    """
    check(signs, draws, level)
    given = {"cluster": cluster, "weights": weights, "covariates": covariates, "overlap": overlap}
    given |= {"outcome": outcome, "treatment": treatment, "unit": unit, "time": time}
    rows = read_panel(panel, **given)
    made = two_way(rows, rows.dose[:, None], f"column {treatment!r}")
    found = Wild.of(made, rows.outcome, rows.cluster, signs, draws, seed)
    ever = np.isfinite(rows.start)[rows.unit]
    few = len(np.unique(rows.cluster[rows.dose != 0]))
    plain = Estimate(
        estimand="att",
        outcome=outcome,
        treatment=f"{treatment} against no {treatment}",
        method=f"{rows.method}, {method_of(found, cluster or unit, signs)}",
        unit="score",
        estimate=found.estimate,
        std_error=std_error(found, rows.cluster),
        statistic=found.estimate / std_error(found, rows.cluster),
        df=math.nan,
        p_value=math.nan,
        ci_lower=math.nan,
        ci_upper=math.nan,
        level=level,
        n_obs=made.n_obs,
        n_clusters=int(rows.cluster.max()) + 1,
        n_treated=int(ever.sum()),
        n_control=int((~ever).sum()),
        caveats=tuple(caveats(rows, made, math.inf)),
    )
    return tested(plain, found, few)
