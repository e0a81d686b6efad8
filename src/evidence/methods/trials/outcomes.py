"""Several outcomes of one trial: p-values that account for their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.trials.itt import itt
from evidence.methods.trials.trial_data import TrialData, read
from evidence.stats.multiplicity import adjust, stepdown
from evidence.stats.wild_bootstrap import moved

_CHUNK = 4_000_000  # numbers held at once


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
    **trial: object,
) -> pd.DataFrame:
    """Estimate the effect on several outcomes and adjust for their number.

    Parameters
    ----------
    data : DataFrame
        One row a pupil; each outcome is analysed with the pupils who have it.
    outcomes : sequence of str
    treatment, cluster, **trial
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
    one. Signs rather than new lots: the estimator's own error is imitated, whatever the lot was,
    and outcomes with different pupils missing stay together.

    References
    ----------
    Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2008), Rev. Econ. Stat. 90(3), appendix B.
    """
    frames.whole("draws", draws, 99)
    frames.whole("seed", seed, 0)
    if not frames.listed(outcomes):
        raise EvidenceError("outcomes= is empty: name one column or more")
    rows, statistics, drawn = [], [], []
    units = np.arange(len(data)) if cluster is None else frames.factor(data, cluster)[0]
    before = baseline if isinstance(baseline, dict) else dict.fromkeys(outcomes, baseline)
    for outcome in frames.listed(outcomes):
        given = {"outcome": outcome, "treatment": treatment, "cluster": cluster, **trial}
        given["baseline"] = before.get(outcome)
        found = itt(data, level=level, **given)
        given.pop("cov_type", None)
        made = read(data, **given)
        t, t_draws = _wild(made, units[made.rows], int(units.max()) + 1, draws, seed)
        statistics.append(t)
        drawn.append(t_draws)
        names = ("outcome", "estimate", "std_error", "ci_lower", "ci_upper", "p_value")
        rows.append({name: getattr(found, name) for name in names})
    table = pd.DataFrame(rows)
    return table.assign(
        p_romano_wolf=stepdown(np.array(statistics), np.column_stack(drawn)),
        p_holm=adjust(table["p_value"], "holm"),
        p_bh=adjust(table["p_value"], "bh"),
    )


def _wild(
    trial: TrialData, units: np.ndarray, n_units: int, draws: int, seed: int
) -> tuple[float, np.ndarray]:
    """Return t, and t with the signs of whole units' null residuals drawn anew."""
    made = trial.design
    estimate, residuals = made.fit(trial.outcome)
    null = residuals + made.basis[:, -1] * (estimate[0] / made.coefficients[0, -1])
    t = estimate[0] / np.sqrt((np.bincount(units, made.directions[:, 0] * residuals) ** 2).sum())
    rng = np.random.default_rng(seed)
    step, out = max(1, _CHUNK // n_units), []
    for first in range(0, draws, step):
        signs = 2.0 * rng.integers(0, 2, (min(step, draws - first), n_units)) - 1
        effect, scores = moved(made, null, units, signs)
        out.append(effect / np.sqrt(np.maximum((scores**2).sum(axis=1), 1e-300)))
    return float(t), np.concatenate(out)
