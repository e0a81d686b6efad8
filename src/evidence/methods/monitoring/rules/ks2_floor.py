"""Floor standard of primary schools, 2016 to 2018."""

import numpy as np

from evidence.methods.monitoring.rules.rule import KS2_PROGRESS, Rule, Values, below

_LEAST = {"reading": -5, "maths": -5, "writing": -7}


def _below(values: Values, half: Values) -> np.ndarray:
    """Below 65% and progress not sufficient; one subject alone must be significantly low."""
    low = below(values, _LEAST)
    how_many = sum(x.astype(int) for x in low.values())
    sure = np.any([low[name] & (values[name] + half[name] < 0) for name in _LEAST], axis=0)
    found: np.ndarray = (values["expected"] < 65) & ((how_many > 1) | sure)
    return found.astype(int)


RULE = Rule(
    title="KS2 floor standard",
    first=2016,
    last=2018,
    shares=("expected",),
    scores=KS2_PROGRESS,
    results=("not below", "below"),
    decide=_below,
    source="DfE, Primary school accountability, 2016 to 2018; abolished in 2019",
)
