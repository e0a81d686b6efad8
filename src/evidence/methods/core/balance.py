"""How alike treated and comparison rows are, before and after weighting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Balance
from evidence.methods.matching.balance_weights import effective_size
from evidence.methods.trials import attrition
from evidence.methods.value_added import comparison_rows
from evidence.show import words


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Matched(Balance):
    """Balance before and after weighting.

    The fields of :class:`evidence.methods.core.results.Balance`, whose `mean_control`, `effect_size` and
    `band` are those after weighting; the table also has `before` (the effect size without weights)
    and `outside` (treated rows beyond the range of the comparison rows). Further

    Parameters
    ----------
    n_treated, n_control : int
        Rows of either arm.
    n_unmatched : int
        Treated rows of weight 0.
    effective : float
        Effective sample size of the comparison rows, (Σw)²/Σw².
    """

    n_treated: int
    n_control: int
    n_unmatched: int
    effective: float

    def sentence(self) -> str:
        """Say the largest difference before and after, and what the comparison rows are worth."""
        known = self.table.dropna(subset="effect_size")
        largest = f"{known['before'].abs().max():.2f} SD" if len(known) else "unknown"
        left = (
            f" {self.n_unmatched} of {self.n_treated} treated rows have no match and are left out."
            if self.n_unmatched
            else ""
        )
        return (
            f"{Balance.sentence(self)} Before weighting the largest was {largest}. The "
            f"{self.n_control:,} comparison rows count as {words.number(self.effective)}.{left}"
        )


def balance(
    data: pd.DataFrame,
    *,
    treatment: str,
    covariates: Sequence[str],
    weights: str | Sequence[float],
    reference: object = None,
    arm: object = None,
) -> Matched:
    """Compare treated and comparison rows before and after weighting.

    Parameters
    ----------
    data, treatment, covariates, reference, arm
        As in :func:`evidence.methods.trials.balance`; columns that were not balanced may be
        compared too.
    weights : str or sequence of float
        Column, or a value a row, such as ``balance_weights(...)["weight"]``. Rows of weight 0 are
        out.

    Returns
    -------
    Matched

    Raises
    ------
    EvidenceError
        A column is missing or of the wrong kind, weights are missing or negative, or an arm has no
        row of positive weight.

    Notes
    -----
    Before and after are measured by the same standard deviation, that of the rows without weights,
    so that weighting cannot make a difference small by making the spread large.

    References
    ----------
    What Works Clearinghouse (2022), Procedures and Standards Handbook 5.0, appendix E.
    """
    before = attrition.balance(
        data, treatment=treatment, covariates=covariates, reference=reference, arm=arm
    )
    weight, arms = _weights(data, weights), frames.arms(data, treatment, reference, arm)
    for mask, which in ((arms.treated, "treated"), (arms.control, "comparison")):
        if not weight[mask].any():
            raise EvidenceError(f"weights: no {which} row has a positive one")
    after = []
    for _, value in attrition.compared(data, frames.listed(covariates)):
        known = ~np.isnan(value)
        rows = [mask & known for mask in (arms.treated, arms.control)]
        one, nought = (value[mask] for mask in rows)
        given = [weight[mask] for mask in rows]
        if not all(w.any() for w in given):
            after.append((np.nan, np.nan, np.nan, 0))
            continue
        beyond = (one < nought.min()) | (one > nought.max())
        after.append(
            (
                *(np.average(x, weights=w) for x, w in zip((one, nought), given, strict=True)),
                attrition.standardised_difference(one, nought, given),
                int(beyond.sum()),
            )
        )
    after = pd.DataFrame(after, columns=["mean_treated", "mean_control", "effect_size", "outside"])
    table = before.table.assign(
        **after,
        before=before.table["effect_size"],
        band=after["effect_size"].map(attrition.balance_band),
    )
    return Matched(
        table=table,
        treatment=f"{before.treatment}, weighted",
        n_treated=int(arms.treated.sum()),
        n_control=int(arms.control.sum()),
        n_unmatched=int((weight[arms.treated] == 0).sum()),
        effective=effective_size(weight[arms.control]),
    )


def _weights(data: pd.DataFrame, weights: str | Sequence[float]) -> np.ndarray:
    found, name = comparison_rows.given(data, weights, "weights")
    wrong = ~(found >= 0)
    if wrong.any():
        raise EvidenceError(
            f"{name}, row {wrong.argmax() + 1}: missing or negative ({wrong.sum()} such rows); a "
            "weight is 0 or more"
        )
    return found
