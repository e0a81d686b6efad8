"""Coasting definition for primary schools as applied in 2018: three years running."""

import numpy as np

from evidence.methods.monitoring.rules.rule import KS2_PROGRESS, Rule, Values, below

_LEAST = {"reading": -2.5, "maths": -2.5, "writing": -3.5}


def _coasting(values: Values, half: Values) -> np.ndarray:
    low = np.any([*below(values, _LEAST).values()], axis=0)
    found: np.ndarray = (values["expected"] < 85) & low
    return found.astype(int)


RULE = Rule(
    title="KS2 coasting",
    first=2016,
    last=2018,
    shares=("expected",),
    scores=KS2_PROGRESS,
    results=("not coasting", "coasting"),
    decide=_coasting,
    years=3,
    source="DfE, Primary school accountability 2018; 2014 and 2015 had a rule on level 4; "
    "abolished in 2019",
)
