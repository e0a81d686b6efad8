"""How many pupils were lost, overall and between the arms, rated as WWC does."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import page
from evidence.show import words

# WWC Procedures Handbook 4.0, table II.1: largest differential loss, in points, that is low, at
# an overall loss of 0, 1, … 57 per cent.
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


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Attrition:
    """How many were lost, and whether the arms lost alike.

    Parameters
    ----------
    overall, treated, control, differential : float
        Proportions lost; `differential` is the absolute difference between the arms.
    boundary_cautious, boundary_optimistic : float
        Largest differential at this overall loss that WWC calls low; NaN where none is.
    cautious, optimistic : {"low", "high"}
        The rating by each boundary.
    treatment : str
        The contrast.
    n_assigned, n_analysed : int
    """

    overall: float
    treated: float
    control: float
    differential: float
    boundary_cautious: float
    boundary_optimistic: float
    cautious: str
    optimistic: str
    treatment: str
    n_assigned: int
    n_analysed: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row, a column a field."""
        return pd.DataFrame([{field.name: getattr(self, field.name) for field in fields(self)}])

    def sentence(self) -> str:
        """Say the loss and its rating."""
        if self.overall == 0:
            return f"None of {self.n_assigned:,} pupils was lost."
        return (
            f"{100 * self.overall:.1f}% of {self.n_assigned:,} pupils were lost, "
            f"{100 * self.differential:.1f} points apart between the arms: {self.cautious} "
            f"attrition by WWC's cautious boundary, {self.optimistic} by its optimistic one."
        )

    def _repr_html_(self) -> str:
        lost = (self.overall, self.treated, self.control, self.differential)
        limits = (self.boundary_cautious, self.boundary_optimistic)
        table = pd.DataFrame(
            [
                [words.number(100 * share, 1) + "%" for share in lost]
                + ["none" if x != x else words.number(100 * x, 1) + " points" for x in limits]
            ],
            columns=[
                "Lost",
                "In the programme",
                "Compared with",
                "Apart",
                "Limit, cautious",
                "Limit, optimistic",
            ],
        )
        return page(self.sentence(), table if self.overall else table[:0])
