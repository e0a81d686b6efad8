"""Select the comparison rows used to fit expected outcomes; actual beside expected results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.stats import leave_group_out
from evidence.stats.design import chosen


def rows(
    data: pd.DataFrame,
    outcome: str,
    cluster: str,
    time: str | None,
    fit_on: str | Sequence[bool],
    what: str,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return results, codes of schools, and the rows that the model is fitted to."""
    score = frames.measured(data, outcome)
    for name in (cluster, *frames.listed(time)):
        gaps = frames.missing(data, name)
        if gaps.any():
            raise EvidenceError(
                f"column {name!r}, {frames.row(gaps.argmax())}: empty "
                f"({frames.counted(gaps.sum(), 'such row')}); every "
                f"one of the {what} needs it: complete them or leave those rows out"
            )
    flag, name = frames.given(data, fit_on, "fit_on")
    wrong = (flag != 0) & (flag != 1)
    if wrong.any():
        raise EvidenceError(
            f"{name}, {frames.row(wrong.argmax())}: neither True nor False "
            f"({frames.counted(wrong.sum(), 'such row')}); "
            "say of every row whether it is a comparison"
        )
    fit = (flag == 1) & ~np.isnan(score)
    school = frames.factor(data, cluster)[0]
    two_schools(fit, school, f"with {outcome}")
    if np.ptp(chosen(score, fit)) == 0:
        raise EvidenceError(
            f"column {outcome!r} is constant among comparison {what}: there is nothing to explain"
        )
    return score, school, fit


def two_schools(fit: np.ndarray, school: np.ndarray, which: str) -> None:
    """Refuse fewer than two comparison schools: one cannot be compared with another."""
    some = chosen(school, fit)
    schools = 0 if not len(some) else 1 if some.min() == some.max() else 2
    if schools < 2:
        raise EvidenceError(
            f"{schools} comparison schools {which}; at least two are needed, so that each can be "
            "compared with another: widen fit_on"
        )


def without(
    expectation: leave_group_out.Expectation, labels: list[str], name: str = "regression"
) -> list[str]:
    """Name each basis of a regression by the columns it had to do without."""
    return [
        f"{name} without {', '.join(labels[j] for j in lost)}" if lost else name
        for lost in expectation.bases
    ]


def table(
    data: pd.DataFrame,
    score: np.ndarray,
    fit: np.ndarray,
    expected: np.ndarray,
    n: np.ndarray,
    basis: pd.Categorical,
) -> pd.DataFrame:
    """Return actual and expected results side by side, with the index of `data`."""
    columns = {"actual": score, "expected": expected, "deviation": score - expected}
    columns |= {"n_similar": n, "basis": basis, "comparison": fit}
    return pd.DataFrame(columns, index=data.index, copy=False)
