"""The wild cluster bootstrap of a panel."""

from __future__ import annotations

import math

import numpy as np

from evidence.methods.core.results import Estimate
from evidence.methods.core.wild_bootstrap import check, method_of, std_error, tested
from evidence.methods.impact.panel_data import PanelData, caveats, effect_on_treated, of_panel
from evidence.stats.wild_bootstrap import Wild


@of_panel()
def wild_bootstrap(
    panel: PanelData,
    *,
    signs: str = "rademacher",
    draws: int = 9999,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Test the effect of :func:`evidence.methods.impact.did` by the wild cluster bootstrap.

    The arguments of `did`, and `signs`, `draws`, `seed`, the returned fields, errors, notes and
    sources of :func:`evidence.methods.trials.wild_bootstrap`.
    """
    check(signs, draws, seed, level)
    bootstrap = Wild.of(panel.design, panel.outcome, panel.cluster, signs, draws, seed)
    error = std_error(bootstrap, panel.cluster)
    untested = dict.fromkeys(("df", "p_value", "ci_lower", "ci_upper"), math.nan)
    plain = effect_on_treated(
        panel,
        f"{panel.method}, {method_of(bootstrap, panel.columns['cluster'], signs)}",
        (bootstrap.estimate, error, math.inf),
        level,
        caveats(panel, panel.design, math.inf),
        **untested,
    )
    return tested(plain, bootstrap, few=len(np.unique(panel.cluster[panel.dose != 0])))
