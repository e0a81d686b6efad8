"""How a trial was conducted: who took part, how alike the arms were, who was lost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import Balance
from evidence.methods.trials.flow import Attrition, Flow
from evidence.studies.effects_row import pooled_variance

# WWC Procedures Handbook 4.0, table II.1: largest differential loss, in points, that is low, at
# an overall loss of 0, 1, … 57 per cent.
_BALANCE = (
    "covariate", "mean_treated", "mean_control", "effect_size", "n_treated", "n_control",
    "n_level", "band",
)  # fmt: skip
_BOUNDARIES = {
    "cautious": (
        5.7, 5.8, 5.9, 5.9, 6.0, 6.1, 6.2, 6.3, 6.3, 6.3, 6.3, 6.2, 6.2, 6.1, 6.0, 5.9, 5.9, 5.8,
        5.7, 5.5, 5.4, 5.3, 5.2, 5.1, 4.9, 4.8, 4.7, 4.5, 4.4, 4.3, 4.1, 4.0, 3.8, 3.6, 3.5, 3.3,
        3.2, 3.1, 2.9, 2.8, 2.6, 2.5, 2.3, 2.1, 2.0, 1.8, 1.6, 1.5, 1.3, 1.2, 1.0, 0.9, 0.7, 0.6,
        0.4, 0.3, 0.2, 0.0,
    ),
    "optimistic": (
        10.0, 10.1, 10.2, 10.3, 10.4, 10.5, 10.7, 10.8, 10.9, 10.9, 10.9, 10.9, 10.9, 10.9, 10.8,
        10.8, 10.7, 10.6, 10.5, 10.3, 10.2, 10.0, 9.9, 9.7, 9.5, 9.4, 9.2, 9.0, 8.8, 8.6, 8.4, 8.2,
        8.0, 7.8, 7.6, 7.4, 7.2, 7.0, 6.7, 6.5, 6.3, 6.0, 5.8, 5.6, 5.3, 5.1, 4.9, 4.6, 4.4, 4.2,
        3.9, 3.7, 3.5, 3.2, 3.0, 2.8, 2.6, 2.3,
    ),
}  # fmt: skip


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
    arms = frames.arms(data, treatment, reference, arm)
    rows = []
    for name, value in compared(data, covariates):
        known = ~np.isnan(value)
        one, nought = value[arms.treated & known], value[arms.control & known]
        size = standardised_difference(one, nought)
        rows.append(
            {
                "covariate": name,
                "mean_treated": one.mean() if len(one) else np.nan,
                "mean_control": nought.mean() if len(nought) else np.nan,
                "effect_size": size,
                "n_treated": len(one),
                "n_control": len(nought),
                "n_level": _level(one, nought),
                "band": balance_band(size),
            }
        )
    return Balance(table=pd.DataFrame(rows, columns=_BALANCE), treatment=arms.contrast)


def compared(data: pd.DataFrame, covariates: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and values of every column to compare; text has one a level."""
    for column in covariates:
        values, names, _ = frames.covariates(data, (column,), every=True)
        first = len(names) == 2  # the second level says all about the first
        yield from zip(names[first:], values.T[first:], strict=True)


def _level(one: np.ndarray, nought: np.ndarray) -> float:
    """Count the smaller side of a yes/no column; of a column of numbers, everybody."""
    both = np.concatenate([one, nought])
    yes = both.sum() if np.isin(both, (0, 1)).all() else len(both)
    return float(min(yes, len(both) - yes) if yes < len(both) else yes)


def flow(
    assigned: pd.DataFrame,
    *,
    treatment: str,
    outcome: str,
    baseline: str | None = None,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    reference: object = None,
    arm: object = None,
) -> Flow:
    """Count pupils and schools from assignment to analysis.

    Parameters
    ----------
    assigned : DataFrame
        One row a pupil assigned, whether or not measured.
    treatment, outcome, baseline, covariates, cluster, reference, arm
        As in :func:`evidence.methods.trials.itt`.

    Returns
    -------
    Flow
        Stages "assigned", "outcome known" and, with a baseline or covariates, "analysed". Where
        the reference or the arm is named those two come first, the reference before the arm.

    Raises
    ------
    EvidenceError
        A column is missing, a row has no arm, or a name given is not an arm.
    """
    covariates = (*frames.listed(baseline), *frames.listed(covariates))
    frames.require(assigned, (treatment, outcome, *covariates, cluster))
    if missing := int(assigned[treatment].isna().sum()):
        raise EvidenceError(f"column {treatment!r}: {missing} rows have no arm")
    codes, labels = frames.factor(assigned, treatment)
    order, further = list(range(len(labels))), ()
    if reference is not None or arm is not None:
        arms = frames.arms(assigned, treatment, reference, arm)
        further = arms.further
        order = [labels.index(name) for name in (arms.reference, arms.arm, *further)]
    known = ~np.isnan(frames.numbers(assigned, outcome))
    stages = {"assigned": ("", np.ones(len(assigned), bool)), "outcome known": (outcome, known)}
    if covariates:
        complete = known & frames.covariates(assigned, covariates)[2]
        stages["analysed"] = (" or ".join(covariates), complete)
    schools = None if cluster is None else frames.factor(assigned, cluster)[0]
    rows = []
    for stage, (lacking, reached) in stages.items():
        for code in order:
            here = reached & (codes == code)
            row = {"stage": stage, "arm": labels[code], "n_pupils": int(here.sum())}
            if schools is not None:
                row["n_schools"] = len(np.setdiff1d(schools[here], [-1]))
            rows.append(row | {"lost_for": lacking})
    return Flow(table=pd.DataFrame(rows), further=further)


def attrition(
    assigned: pd.DataFrame,
    analysed: pd.DataFrame,
    *,
    treatment: str,
    reference: object = None,
    arm: object = None,
) -> Attrition:
    """Rate the loss of pupils, overall and between the arms.

    Parameters
    ----------
    assigned, analysed : DataFrame
        One row a pupil assigned, and one a pupil analysed.
    treatment, reference, arm
        As in :func:`evidence.methods.trials.itt`; both tables have the column.

    Raises
    ------
    EvidenceError
        More pupils of an arm are analysed than were assigned, or an arm is unknown there.

    Notes
    -----
    The differential loss is compared with the boundary at the overall loss, in whole per cent
    rounded down: What Works Clearinghouse, Procedures Handbook 4.0, table II.1.
    """
    frames.require(assigned, (treatment,))
    arms = frames.arms(assigned, treatment, reference, arm)
    began = np.array([arms.treated.sum(), arms.control.sum()])
    ended = np.zeros(2, int)
    if len(analysed):
        frames.require(analysed, (treatment,))
        codes, labels = frames.factor(analysed, treatment)
        label = np.array([*labels, ""], dtype=object)[codes]
        known = np.isin(label, [arms.arm, arms.reference, *arms.further])
        if strange := int((~known).sum()):
            raise EvidenceError(
                f"column {treatment!r}: {strange} rows of analysed have no arm that assigned has; "
                "write each arm the same way in both"
            )
        ended = np.array([(label == name).sum() for name in (arms.arm, arms.reference)])
    if (ended > began).any():
        raise EvidenceError("attrition: more pupils of an arm are analysed than were assigned")
    overall = 1 - ended.sum() / began.sum()
    lost = 1 - ended / began
    differential = abs(lost[0] - lost[1])
    cautious, optimistic = (attrition_boundary(overall, kind) for kind in _BOUNDARIES)
    return Attrition(
        overall=float(overall),
        treated=float(lost[0]),
        control=float(lost[1]),
        differential=float(differential),
        boundary_cautious=cautious,
        boundary_optimistic=optimistic,
        cautious="low" if differential <= cautious else "high",
        optimistic="low" if differential <= optimistic else "high",
        treatment=arms.contrast,
        n_assigned=int(began.sum()),
        n_analysed=int(ended.sum()),
    )


def standardised_difference(
    one: np.ndarray,
    nought: np.ndarray,
    weights: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
) -> float:
    """Return the baseline difference as WWC does: g for numbers, Cox index for 0/1 columns.

    `weights` change the means only; the standard deviation stays that of the rows as they are.
    """
    n1, n0 = len(one), len(nought)
    if min(n1, n0) < 2:
        return math.nan
    omega = 1 - 3 / (4 * (n1 + n0) - 9)
    means = [np.average(x, weights=w) for x, w in zip((one, nought), weights, strict=True)]
    if np.isin(one, (0, 1)).all() and np.isin(nought, (0, 1)).all():
        if abs(means[0] - means[1]) < 1e-9:
            return 0.0
        cells = np.array([n1 * means[0], n1 - n1 * means[0], n0 * means[1], n0 - n0 * means[1]])
        cells = cells + 0.5 * (cells == 0).any()
        return float(omega * np.log(cells[0] * cells[3] / (cells[1] * cells[2])) / 1.65)
    variance = pooled_variance(one, nought)
    if not variance > 0:
        return math.nan
    return float(omega * (means[0] - means[1]) / math.sqrt(variance))


def balance_band(effect_size: float) -> str:
    """Return WWC's word for a baseline difference: ok, adjust or fails; "" where unknown."""
    if effect_size != effect_size:
        return ""
    size = abs(effect_size)
    return "ok" if size <= 0.05 else "adjust" if size <= 0.25 else "fails"


def attrition_boundary(overall: float, kind: str = "cautious") -> float:
    """Return the largest differential loss that WWC calls low at an overall loss.

    Parameters
    ----------
    overall : float
        Share lost, 0 to 1; rounded down to whole per cent.
    kind : {"cautious", "optimistic"}

    Returns
    -------
    float
        A proportion; NaN beyond 57%, where no differential is low.
    """
    place = math.floor(100 * overall + 1e-9)
    table = _BOUNDARIES[kind]
    return table[place] / 100 if place < len(table) else math.nan
