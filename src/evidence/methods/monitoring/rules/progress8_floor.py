"""Floor standard of secondary schools, 2016 to 2018."""

import numpy as np

from evidence.methods.monitoring.rules.rule import Rule, Values


def _below(values: Values, half: Values) -> np.ndarray:
    score = values["progress8"]
    return ((score < -0.5) & (score + half["progress8"] < 0)).astype(int)


RULE = Rule(
    title="Progress 8 floor standard",
    first=2016,
    last=2018,
    shares=(),
    scores=("progress8",),
    results=("not below", "below"),
    decide=_below,
    source="DfE, Secondary accountability measures, 2016 to 2018; abolished in 2019",
)
