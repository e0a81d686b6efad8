"""How strong unmeasured confounding would have to be: Oster's δ and the E-value."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from evidence.methods.core import frames
from evidence.methods.impact.baseline import before_start
from evidence.show import words


def oster(panel: pd.DataFrame, *, time: str, outcome: str, unit: str, **model: object) -> float:
    """Return how much stronger than what is known unmeasured confounding must be, to explain all.

    Parameters
    ----------
    panel, outcome, unit, time, **model
        As in :func:`before_start`.

    Returns
    -------
    float
        δ: negative where it would have to work the other way; NaN where nothing known matters, or
        too few units have all results before the start.

    Notes
    -----
    Of the regression of the mean result since the start on being treated, alone and with results
    and context before the start; R²max = min(1, 1.3 R²): Oster (2019), Journal of Business &
    Economic Statistics 37(2), eq. 3.
    """
    table = before_start(panel, time=time, outcome=outcome, unit=unit, **model)
    dose = frames.numbers(panel, str(model["treatment"])) != 0
    later = panel[panel[time] >= panel.loc[dose, time].min()]
    y = later.groupby(unit, observed=True)[outcome].mean().reindex(table.index)
    table, y = table[y.notna()], y.dropna().to_numpy()
    if table["treated"].nunique() < 2 or len(y) < table.shape[1] + 2:
        return math.nan
    x = np.column_stack([np.ones(len(y)), table.to_numpy(float)])

    def fit(design: np.ndarray) -> tuple[float, float]:
        coefficients = np.linalg.lstsq(design, y, rcond=None)[0]
        return coefficients[1], 1 - np.var(y - design @ coefficients) / np.var(y)

    (plain, r_plain), (adjusted, r_adjusted) = fit(x[:, :2]), fit(x)
    most = min(1.0, 1.3 * r_adjusted)
    gap = (plain - adjusted) * (most - r_adjusted)
    return float(adjusted * (r_adjusted - r_plain) / gap) if gap else math.nan


def in_words(delta: float) -> str:
    """Say how strong unmeasured confounding would have to be."""
    way = ", and work the other way" if delta < 0 else ""
    return (
        "For the effect to be zero, unmeasured confounding would have to be "
        f"{words.number(abs(delta))} times as strong as that of earlier results and context{way} "
        "(Oster's δ)."
    )


def e_value(effect_size: float) -> float:
    """Return how strongly a confounder must go with choice and result to explain an effect.

    Parameters
    ----------
    effect_size : float
        In standard deviations; of either sign.

    Returns
    -------
    float
        The E-value, a risk ratio of at least 1.

    Notes
    -----
    RR ≈ exp(.91 d) and E = RR + √(RR (RR − 1)): VanderWeele and Ding (2017), Annals of Internal
    Medicine 167(4).
    """
    ratio = math.exp(0.91 * abs(effect_size))
    return ratio + math.sqrt(ratio * (ratio - 1))
