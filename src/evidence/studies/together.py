"""The results of one programme as one answer, in words that keep apart what differs."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from evidence.methods.synthesis.decision import Decision
from evidence.methods.synthesis.pooled_posterior import PooledPosterior
from evidence.methods.synthesis.pooling import FEW, Pooled
from evidence.methods.synthesis.sequence import ConfidenceSequence
from evidence.methods.synthesis.value_for_money import ValueForMoney
from evidence.show import words

DIFFER = 0.05  # p below which the results of one programme are kept apart


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Together:
    """All primary results of one programme as one answer.

    Parameters
    ----------
    title : str
    rows : DataFrame
        Its results, in the order in which they came.
    belief : PooledPosterior
        Of its mean effect, given the prior.
    pooled, trend : Pooled or None
        From two results on; the trend from cohort to cohort from three on.
    looks : ConfidenceSequence
        The mean after each result.
    decision : Decision or None
        None where the register does not know the programme.
    value : ValueForMoney or None
        None without a cost, or where the outcome is no attainment.
    """

    title: str
    rows: pd.DataFrame
    belief: PooledPosterior
    pooled: Pooled | None
    trend: Pooled | None
    looks: ConfidenceSequence
    decision: Decision | None
    value: ValueForMoney | None

    def sentence(self) -> str:
        """Say what its results say together, each by itself where they differ."""
        given = self.rows
        each = [
            f"{row.when} {words.number(row.effect, 2, sign=True)}" for row in given.itertuples()
        ]
        if self.pooled is None:
            only = given.iloc[0]
            span = words.interval(only["lower"], only["upper"], 2)
            return f"{self.title}: one result, {each[0]} ({span})."
        text = f"{self.title}: {'; '.join(each)}"
        if self.pooled.q_p_value < DIFFER:
            chance = words.p_value(self.pooled.q_p_value)
            return f"{text}. They differ by more than chance ({chance}): look at each by itself."
        if len(given) >= FEW:
            text += f". {self.pooled.sentence().removesuffix('.')}"
        else:
            text += ". They differ by no more than chance does"
        if self.trend is not None:
            slope = self.trend.coefficients.iloc[1]
            span = words.interval(slope["ci_lower"], slope["ci_upper"], 2)
            text += (
                f"; from one to the next {words.number(slope['estimate'], 2, sign=True)} ({span})"
            )
        return f"{text}."
