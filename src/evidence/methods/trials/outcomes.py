"""Several outcomes of one trial: p-values that account for their number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.trials.itt import itt
from evidence.methods.trials.trial_data import read
from evidence.stats.multiplicity import adjust, stepdown
from evidence.stats.wild_bootstrap import studentised

_SHOWN = ("outcome", "estimate", "std_error", "ci_lower", "ci_upper", "p_value")


def romano_wolf(
    data: pd.DataFrame,
    *,
    outcomes: Sequence[str],
    treatment: str,
    cluster: str | None = None,
    baseline: str | dict[str, str] | None = None,
    draws: int = 4999,
    seed: int = 0,
    level: float = 0.95,
    **plan: object,
) -> pd.DataFrame:
    """Estimate the effect on several outcomes and adjust for their number.

    Parameters
    ----------
    data : DataFrame
        One row a pupil; each outcome is analysed with the pupils who have it.
    outcomes : sequence of str
    treatment, cluster, **plan
        The arguments of :func:`evidence.methods.trials.itt`.
    baseline : str or dict, optional
        One column for all, or outcome to column.
    draws, seed : int
    level : float

    Returns
    -------
    DataFrame
        `outcome`, `estimate`, `std_error`, `ci_lower`, `ci_upper`, `p_value` (of `itt`), and
        `p_romano_wolf`, `p_holm`, `p_bh`; a row an outcome, in the order given.

    Raises
    ------
    EvidenceError
        As `itt`; `draws` is below 99; no outcome is named.

    Notes
    -----
    The wild cluster bootstrap with the null imposed: each cluster's residuals of the model without
    the treatment change sign together, by the same sign for every outcome, and the studentised
    (CR0) effect is computed anew; :func:`stepdown` does the rest. Without clusters every pupil is
    one. Signs rather than new allocations: the estimator's own error is imitated, whatever the rule
    of allocation, and outcomes with different pupils missing stay together.

    References
    ----------
    Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2008), Rev. Econ. Stat. 90(3), appendix B.
    """
    frames.whole("draws", draws, 99)
    frames.whole("seed", seed, 0)
    outcomes = frames.listed(outcomes)
    if not outcomes:
        raise EvidenceError("outcomes= is empty: name one column or more")
    before = baseline if isinstance(baseline, dict) else dict.fromkeys(outcomes, baseline)
    for name in before:
        if name not in outcomes:
            raise EvidenceError(
                f"baseline={{{name!r}: …}} is for no outcome; outcomes are {', '.join(outcomes)}"
            )
    columns = [*outcomes, treatment, *filter(None, before.values()), *frames.listed(cluster)]
    data = frames.encoded(frames.ordered(data, columns))
    how = {"cov_type": plan.pop("cov_type", "CR2"), "level": level}
    rows, statistics, drawn = [], [], []
    units = np.arange(len(data)) if cluster is None else frames.factor(data, cluster)[0]
    for outcome in outcomes:
        named: dict[str, Any] = {
            "outcome": outcome,
            "treatment": treatment,
            "cluster": cluster,
            **plan,
        }
        trial = read(data, **named, baseline=before.get(outcome))
        estimate = itt(trial, **how)
        t, t_drawn = studentised(
            trial.design, trial.outcome, units[trial.rows], int(units.max()) + 1, draws, seed
        )
        statistics.append(t)
        drawn.append(t_drawn)
        rows.append({name: getattr(estimate, name) for name in _SHOWN})
    table = pd.DataFrame(rows)
    return table.assign(
        p_romano_wolf=stepdown(np.array(statistics), np.column_stack(drawn)),
        p_holm=adjust(table["p_value"], "holm"),
        p_bh=adjust(table["p_value"], "bh"),
    )
