"""What a trial allocated at random, pupils or clusters, and within which blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evidence.errors import EvidenceError
from evidence.methods.core.frames import compact
from evidence.methods.trials.trial_data import TrialData
from evidence.stats.permutation import first_rows


def whole_clusters(trial: TrialData) -> bool:
    """Say whether whole clusters were allocated: there are some and each has one arm."""
    return trial.cluster is not None and trial.n_mixed == 0


def in_order(trial: TrialData) -> TrialData:
    """Put the rows in the order of their values: draws then do not depend on the file's order."""
    keys = [trial.weights, *trial.others.T, trial.outcome, trial.treated, trial.control]
    order = np.lexsort([k for k in (*keys, trial.strata, trial.cluster) if k is not None])
    names = ("outcome", "treated", "control", "others", "cluster", "strata", "weights", "rows")
    parts = {name: getattr(trial, name) for name in names}
    return replace(trial, **{k: v[order] for k, v in parts.items() if v is not None})


def nested_strata(trial: TrialData) -> np.ndarray:
    """Return the stratum of each row, all 0 without strata, one in each cluster.

    Raises
    ------
    EvidenceError
        A cluster lies in several strata.
    """
    if trial.strata is None:
        return np.zeros(len(trial.outcome), int)
    if (trial.strata != trial.strata[first_rows(trial.clusters)][trial.clusters]).any():
        names = trial.columns
        raise EvidenceError(
            f"column {names['strata']!r} varies within {names['cluster']!r}, so that whole "
            "clusters cannot be drawn within it; give it in covariates= instead"
        )
    return trial.strata


def blocks(trial: TrialData, whole: bool) -> np.ndarray:
    """Return the code of the block of each row: units change places only within one."""
    if whole:
        return nested_strata(trial)
    parts = [part for part in (trial.cluster, trial.strata) if part is not None]
    if not parts:
        return np.zeros(len(trial.outcome), int)
    return compact(parts)
