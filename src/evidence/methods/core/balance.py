"""How alike treated and comparison rows are, before and after weighting."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult, axes
from evidence.show import words
from evidence.stats.effect_sizes import COX, pooled_variance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROUNDING = 1e-12  # of the largest number: a spread below this is none
_BALANCE = (
    "covariate", "mean_treated", "mean_control", "effect_size", "n_treated", "n_control",
    "n_level", "band",
)  # fmt: skip
_WEIGHTED = ("outside", "before")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Balance(TableResult):
    """How alike the arms were before the start.

    Parameters
    ----------
    table : DataFrame
        `covariate`, `mean_treated`, `mean_control`, `effect_size`, `n_treated`, `n_control`,
        `n_level` (pupils on the smaller side of a yes/no column, else all), `band` ("ok" up to
        .05, "adjust" up to .25, else "fails").
    treatment : str
        The contrast.
    """

    table: pd.DataFrame
    treatment: str

    def worst(self) -> str:
        """Return the band of the largest difference; "" where there is none."""
        known = self.table.dropna(subset="effect_size")
        if known.empty:
            return ""
        return str(known.loc[known["effect_size"].abs().idxmax(), "band"])

    def sentence(self) -> str:
        """Say which difference is the largest and whether it matters."""
        known = self.table.dropna(subset="effect_size")
        if known.empty:
            return f"{self.treatment}: no covariate can be compared."
        worst = known.loc[known["effect_size"].abs().idxmax()]
        meaning = {
            "ok": "small enough to leave alone",
            "adjust": "to be adjusted for in the analysis",
            "fails": "too large for adjustment to mend",
        }[worst["band"]]
        return (
            f"{self.treatment}: the largest difference at the start is in {worst['covariate']}, "
            f"{words.number(worst['effect_size'], 2, sign=True)} SD, {meaning}."
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the differences with the limits of .05 and .25."""
        from evidence.show import figures

        return figures.draw_balance(self.table, axes(ax))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Matched(Balance):
    """Balance before and after weighting.

    The fields of :class:`Balance`, whose `mean_control`, `effect_size` and `band` are those after
    weighting; the table also has `before` (the effect size without weights)
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


def weighted_balance(
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
    covariates = frames.listed(covariates)
    frames.require(data, (treatment, *covariates))
    frames.distinct(("treatment",), treatment=treatment, covariates=covariates)
    arms = frames.arms(data, treatment, reference, arm)
    weight = _weights(data, weights)
    for mask, which in ((arms.treated, "treated"), (arms.control, "comparison")):
        if not weight[mask].any():
            raise EvidenceError(f"weights: no {which} row has a positive one")
    return Matched(
        table=_compare(data, arms, covariates, weight),
        treatment=f"{arms.contrast}, weighted",
        n_treated=int(arms.treated.sum()),
        n_control=int(arms.control.sum()),
        n_unmatched=int((weight[arms.treated] == 0).sum()),
        effective=effective_size(weight[arms.control]),
    )


def _weights(data: pd.DataFrame, weights: str | Sequence[float]) -> np.ndarray:
    found, name = frames.given(data, weights, "weights")
    wrong = ~(found >= 0)
    if wrong.any():
        raise EvidenceError(
            f"{name}, {frames.row(wrong.argmax(), data)}: missing or negative "
            f"({frames.counted(wrong.sum(), 'such row')}); a "
            "weight is 0 or more"
        )
    return found


def compared(data: pd.DataFrame, covariates: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and values of every column to compare; text has one a level."""
    for column in covariates:
        values, names, _ = frames.covariates(data, (column,), every=True)
        first = len(names) == 2  # the second level says all about the first
        yield from zip(names[first:], values.T[first:], strict=True)


def _level(treated: np.ndarray, control: np.ndarray) -> float:
    """Count the smaller side of a yes/no column; of a column of numbers, everybody."""
    both = np.concatenate([treated, control])
    yes = both.sum() if np.isin(both, (0, 1)).all() else len(both)
    return float(min(yes, len(both) - yes) if yes < len(both) else yes)


def standardised_difference(
    treated: np.ndarray,
    control: np.ndarray,
    weights: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
) -> float:
    """Return the baseline difference as WWC does: g for numbers, Cox index for 0/1 columns.

    `weights` change the means only; the standard deviation stays that of the rows as they are.
    """
    n1, n0 = len(treated), len(control)
    if min(n1, n0) < 2:
        return math.nan
    omega = 1 - 3 / (4 * (n1 + n0) - 9)
    means = [np.average(x, weights=w) for x, w in zip((treated, control), weights, strict=True)]
    if np.isin(treated, (0, 1)).all() and np.isin(control, (0, 1)).all():
        if abs(means[0] - means[1]) < 1e-9:
            return 0.0
        cells = np.array([n1 * means[0], n1 - n1 * means[0], n0 * means[1], n0 - n0 * means[1]])
        cells = cells + 0.5 * (cells == 0).any()
        return float(omega * np.log(cells[0] * cells[3] / (cells[1] * cells[2])) / COX)
    variance = pooled_variance(treated, control)
    largest = max(np.abs(treated).max(), np.abs(control).max())
    if not variance > (_ROUNDING * largest) ** 2:  # a constant varies by rounding alone
        return math.nan
    return float(omega * (means[0] - means[1]) / math.sqrt(variance))


def balance_band(effect_size: float) -> str:
    """Return WWC's word for a baseline difference: ok, adjust or fails; "" where unknown."""
    if effect_size != effect_size:
        return ""
    size = abs(effect_size)
    return "ok" if size <= 0.05 else "adjust" if size <= 0.25 else "fails"


def effective_size(weights: Sequence[float]) -> float:
    """Return how many equally weighted rows are worth as much: (Σw)²/Σw² (Kish 1965, section 11.7).

    Raises
    ------
    EvidenceError
        A weight is negative or missing, or none is positive.
    """
    w = np.asarray(weights, dtype=float)
    if not (np.isfinite(w).all() and (w >= 0).all() and (w > 0).any()):
        raise EvidenceError("weights must be finite numbers, none negative and not all 0")
    w = w / w.max()
    return float(w.sum() ** 2 / (w**2).sum())


def balance(
    data: pd.DataFrame,
    *,
    treatment: str,
    covariates: Sequence[str],
    reference: object = None,
    arm: object = None,
) -> Balance:
    """Compare the arms on what was known before the start.

    Parameters
    ----------
    data : DataFrame
        One row a pupil.
    treatment, reference, arm
        As in :func:`evidence.methods.trials.itt`.
    covariates : sequence of str
        Columns known before allocation; text becomes a 0/1 column a level.

    Returns
    -------
    Balance
        Means (shares for 0/1 columns) of those who have a value, and effect sizes.

    Raises
    ------
    EvidenceError
        A column is missing or of the wrong kind, or the reference is ambiguous.

    Notes
    -----
    Numbers: g = ω(ȳ1 − ȳ0)/S_pooled, ω = 1 − 3/(4N − 9). Shares: Cox index ω ln(OR)/1.65, half a
    pupil added to each cell where one is empty. Bands: at most .05, at most .25, above.

    References
    ----------
    What Works Clearinghouse (2022), Procedures and Standards Handbook 5.0, appendix E.
    """
    covariates = frames.listed(covariates)
    frames.require(data, (treatment, *covariates))
    frames.distinct(("treatment",), treatment=treatment, covariates=covariates)
    arms = frames.arms(data, treatment, reference, arm)
    return Balance(table=_compare(data, arms, covariates), treatment=arms.contrast)


def _compare(
    data: pd.DataFrame,
    arms: frames.Arms,
    covariates: Sequence[str],
    weight: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return a row a covariate; means and effect sizes are weighted where there are weights."""
    rows = []
    for name, value in compared(data, covariates):
        known = ~np.isnan(value)
        masks = [side & known for side in (arms.treated, arms.control)]
        treated, control = (value[mask] for mask in masks)
        row: dict[str, Any] = {
            "covariate": name,
            "mean_treated": treated.mean() if len(treated) else np.nan,
            "mean_control": control.mean() if len(control) else np.nan,
            "effect_size": standardised_difference(treated, control),
            "n_treated": len(treated),
            "n_control": len(control),
            "n_level": _level(treated, control),
            "band": "",
        }
        if weight is not None:
            before, of = row["effect_size"], [weight[mask] for mask in masks]
            after, outside = [np.nan] * 3, 0
            if all(each.any() for each in of):
                means = np.average(treated, weights=of[0]), np.average(control, weights=of[1])
                after = [*means, standardised_difference(treated, control, (of[0], of[1]))]
                outside = int(((treated < control.min()) | (treated > control.max())).sum())
            row |= dict(zip(("mean_treated", "mean_control", "effect_size"), after, strict=True))
            row |= {"outside": outside, "before": before}
        rows.append(row | {"band": balance_band(row["effect_size"])})
    return pd.DataFrame(rows, columns=_BALANCE if weight is None else (*_BALANCE, *_WEIGHTED))
