"""How strong unmeasured confounding would have to be: Oster's δ and the E-value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from evidence.methods.core import frames
from evidence.methods.impact.baseline import before_start
from evidence.methods.impact.panel_data import doses
from evidence.show import words

_EXACT = 1e-10  # share of the variance that is unexplained; below it is rounding


def oster(
    panel: pd.DataFrame,
    *,
    time: str,
    outcome: str,
    unit: str,
    approximate: bool = False,
    **model: Any,
) -> float:
    """Return how much stronger than what is known unmeasured confounding must be, to explain all.

    Parameters
    ----------
    panel, outcome, unit, time, **model
        As in :func:`before_start`.
    approximate : bool
        Take the simple formula that is often quoted, which takes the treated for unlike the others
        in nothing known.

    Returns
    -------
    float
        δ: negative where it would have to work the other way; NaN where nothing known matters, or
        too few units have all results before the start.

    Notes
    -----
    Of the regression of the mean result since the start on being treated, alone and with results
    and context before the start; R²max = min(1, 1.3 R²): Oster (2019), Journal of Business &
    Economic Statistics 37(2), proposition 3 with β = 0, or, approximately, corollary 1.
    """
    frames.yes_or_no(approximate=approximate)
    table = before_start(panel, time=time, outcome=outcome, unit=unit, **model)
    dose, when = doses(panel, str(model["treatment"])), frames.numbers(panel, time)
    later = when >= np.min(when[dose != 0], initial=np.inf)
    score = pd.Series(frames.numbers(panel, outcome))[later]
    y = score.groupby(frames.labels(panel, unit)[later]).mean().reindex(table.index)
    table, y = table[y.notna()], y.dropna().to_numpy()
    if table["treated"].nunique() < 2 or len(y) < table.shape[1] + 2:
        return math.nan
    x = np.column_stack([np.ones(len(y)), table.to_numpy(float)])
    if not np.ptp(y):
        return math.nan

    def fit(design: np.ndarray) -> tuple[float, float]:
        coefficients = np.linalg.lstsq(design, y, rcond=None)[0]
        return coefficients[1], 1 - np.var(y - design @ coefficients) / np.var(y)

    (plain, r_plain), (adjusted, r_adjusted) = fit(x[:, :2]), fit(x)
    moved, gained, left = plain - adjusted, r_adjusted - r_plain, min(1.0, 1.3 * r_adjusted)
    left -= r_adjusted
    if left < _EXACT:
        return math.nan
    if approximate:
        above, below = adjusted * gained, moved * left
    else:
        treated, known = x[:, 1], np.delete(x, 1, axis=1)
        spread, total = np.var(treated), np.var(y)
        own = np.var(treated - known @ np.linalg.lstsq(known, treated, rcond=None)[0])
        shared = adjusted**2 * own * moved * spread + adjusted**3 * own * (spread - own)
        above = adjusted * own * (gained * total + spread * moved**2 + adjusted * moved * spread)
        above += shared
        below = left * total * (moved * spread + adjusted * (spread - own)) + shared
    return float(above / below) if below else math.nan


def in_words(delta: float, approximate: float) -> str:
    """Say how strong unmeasured confounding would have to be, exactly and approximately."""
    way = ", and work the other way" if delta < 0 else ""
    return (
        "For the effect to be zero, unmeasured confounding would have to be "
        f"{words.number(abs(delta))} times as strong as that of earlier results and context{way} "
        f"(Oster's δ; {words.number(abs(approximate))} by its approximation)."
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
    frames.number("effect_size", effect_size, -100, 100)
    ratio = math.exp(0.91 * abs(effect_size))
    return ratio + math.sqrt(ratio * (ratio - 1))
