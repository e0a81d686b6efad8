"""Bands of Progress 8."""

import numpy as np

from evidence.methods.monitoring.rules.rule import Rule, Values


def _band(values: Values, half: Values) -> np.ndarray:
    score = values["progress8"]
    low, high = score - half["progress8"], score + half["progress8"]
    above, below = low > 0, high < 0
    choices = [above & (score >= 0.5), above, below & (score < -0.5), below]
    return np.select(choices, [0, 1, 4, 3], 2)


RULE = Rule(
    title="Progress 8 band",
    first=2016,
    last=2024,
    shares=(),
    scores=("progress8",),
    results=(
        "well above average",
        "above average",
        "average",
        "below average",
        "well below average",
    ),
    decide=_band,
    source="DfE, Secondary accountability measures (Progress 8 technical guidance)",
)
