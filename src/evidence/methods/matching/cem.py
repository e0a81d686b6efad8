"""Coarsened exact matching."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import features, frames
from evidence.methods.core.frames import compact
from evidence.methods.matching.balance_weights import answer, read


def coarsened(
    data: pd.DataFrame,
    *,
    treatment: str,
    covariates: Sequence[str],
    bands: int = 5,
    reference: object = None,
    arm: object = None,
) -> pd.DataFrame:
    """Match exactly on coarsened covariates.

    Parameters
    ----------
    data, treatment, covariates, reference, arm
        As in :func:`balance_weights`.
    bands : int
        Groups of equal size that each number is cut into; 0/1 columns and text stay as they are.

    Returns
    -------
    DataFrame
        As :func:`balance_weights`: treated rows weigh 1, the comparison rows of their cell as much
        together; rows of cells that lack either weigh 0.

    Raises
    ------
    EvidenceError
        As :func:`balance_weights`; also where no cell holds both.

    References
    ----------
    Iacus, King and Porro (2012), Political Analysis 20(1), 1-24, doi 10.1093/pan/mpr013.
    """
    frames.whole("bands", bands, 2)
    values, names, arms = read(data, treatment, covariates, reference, arm)
    used = arms.treated | arms.control
    cell = compact([features.banded(column, used, bands) for column in values.T])
    treated, control = (
        np.bincount(cell, mask, cell.max() + 1) for mask in (arms.treated, arms.control)
    )
    both = (treated > 0) & (control > 0)
    if not both.any():
        raise EvidenceError(
            f"no cell of {', '.join(names)} holds treated and comparison rows: take fewer bands or "
            "covariates"
        )
    ratio = np.where(both, treated / np.maximum(control, 1), 0.0)
    weight = np.where(arms.treated, both[cell], np.where(arms.control, ratio[cell], 0.0))
    return answer(data, arms, values, weight.astype(float))
