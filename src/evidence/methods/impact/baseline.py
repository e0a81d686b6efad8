"""Results and context of units before the start of a programme."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evidence.methods.core import frames


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
        first); with `weights`, ``log weights``. Units that lack any are left out: similar means
        similar in all of them.

    Raises
    ------
    EvidenceError
        A column is missing, or a covariate is one that the primary analysis refuses.
    """
    covariates = tuple(dict.fromkeys(frames.listed(covariates)))

    def table() -> pd.DataFrame:
        frames.require(panel, (outcome, treatment, unit, time, weights, *covariates))
        dose = frames.numbers(panel, treatment) != 0
        early = panel[panel[time] < panel.loc[dose, time].min()]
        wide = early.pivot_table(index=unit, columns=time, values=outcome, observed=True)
        known = pd.DataFrame({f"{outcome}, {when:g}": wide[when] for when in wide})
        values, names, _ = frames.covariates(early, covariates)
        context = pd.DataFrame(values, early.index, names).groupby(early[unit], observed=True)
        known[names] = context.mean()
        if weights is not None:
            known[f"log {weights}"] = np.log(early.groupby(unit, observed=True)[weights].mean())
        known.insert(0, "treated", known.index.isin(panel.loc[dose, unit]).astype(int))
        return known.dropna()

    key = ("before the start", outcome, treatment, unit, time, weights, covariates)
    return frames.once(panel, key, table).copy()
