"""Results and context of units before the start of a programme."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evidence.methods.core import frames
from evidence.methods.impact.panel_data import doses


def before_start(
    panel: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    weights: str | None = None,
    covariates: Sequence[str] = (),
) -> pd.DataFrame:
    """Return a row a unit: whether treated, its results and context in the times before the start.

    Parameters
    ----------
    panel, outcome, treatment, unit, time, weights, covariates
        As in :func:`evidence.methods.impact.given_past`.

    Returns
    -------
    DataFrame
        Index `unit`; `treated`; a column ``outcome, time`` for each time before the first start;
        the mean of each covariate over those times (of text, the share of each value but the
        first; ``mean treated`` of one called so); with `weights`, ``log weights``. Units that lack
        any are left out: similar means similar in all of them.

    Raises
    ------
    EvidenceError
        A column is missing, or a covariate is one that the primary analysis refuses.
    """
    covariates = tuple(dict.fromkeys(frames.listed(covariates)))

    def table() -> pd.DataFrame:
        columns = {"outcome": outcome, "treatment": treatment, "unit": unit, "time": time}
        frames.require(panel, (*columns.values(), weights, *covariates))
        frames.distinct([*columns], **columns, weights=weights, covariates=covariates)
        dose, when = doses(panel, treatment), frames.numbers(panel, time)
        whose, early = frames.labels(panel, unit), when < np.min(when[dose != 0], initial=np.inf)
        results = pd.DataFrame({"unit": whose, "when": when, "y": frames.measured(panel, outcome)})
        wide = results[early].pivot_table(index="unit", columns="when", values="y")
        known = pd.DataFrame({f"{outcome}, {at:.15g}": wide[at] for at in wide}).rename_axis(unit)
        values, names, _ = frames.covariates(panel[early], covariates)
        names = [f"mean {name}" if name == "treated" else name for name in names]
        by_unit = whose[early].to_numpy()
        known[names] = pd.DataFrame(values, columns=names).groupby(by_unit).mean()
        if weights is not None:
            sizes = pd.Series(frames.numbers(panel, weights)[early])
            known[f"log {weights}"] = np.log(sizes.groupby(by_unit).mean())
        known.insert(0, "treated", known.index.isin(whose[dose != 0].dropna()).astype(int))
        return known.dropna()

    key = ("before the start", outcome, treatment, unit, time, weights, covariates)
    return frames.once(panel, key, table).copy()
