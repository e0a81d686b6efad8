"""Checks of a trial's roster against its declared design, before any estimate."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evidence.data import school_years
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.trials.trial_data import TrialData, of_trial, repeated

DESIGNS = ("simple", "cluster", "multisite", "paired")

_GROUPS, _CHANCES = 3, 20  # in each of two arms, and in all, before it is no chance


@of_trial()
def check(
    trial: TrialData,
    *,
    design: str | None = None,
    pupil: str | None = None,
    baseline_date: str | None = None,
    allocation_date: str | None = None,
) -> pd.DataFrame:
    """Check a trial's roster against its declared design and return it unchanged.

    Parameters
    ----------
    data, …
        A table and its columns, as in :func:`evidence.methods.trials.itt`.
    design : {"simple", "cluster", "multisite", "paired"}, optional
        What was allocated at random: pupils; whole clusters; pupils or classes within `strata`
        (sites); or one of two clusters (pupils without `cluster`) in each of `strata` (pairs).
        Without it the arms are not checked.
    pupil : str, optional
        Column of pupil ids: one row each.
    baseline_date, allocation_date : str, optional
        Columns of dates (dates, 2024-09-30 or 30/09/2024): no baseline after allocation.

    Returns
    -------
    DataFrame
        A copy of `data`.

    Raises
    ------
    EvidenceError
        A rule is broken: the first one, with column, rows counted and how to mend it; or an error
        of `itt`.
    """
    data, plan = trial.data, trial.plan
    frames.require(data, (pupil, baseline_date, allocation_date))
    if pupil is not None:
        _one_row_each(data, pupil)
    if baseline_date is not None and allocation_date is not None:
        _before(data, baseline_date, allocation_date)
    elif baseline_date is not None or allocation_date is not None:
        raise EvidenceError("give both baseline_date= and allocation_date=, or neither")
    if design is not None:
        frames.one_of("design", design, DESIGNS)
        _allocated(data, design, plan["treatment"], plan["cluster"], plan["strata"])
    baseline = plan["baseline"]
    if baseline is not None and np.ptp(frames.numbers(data, baseline)[trial.rows]) == 0:
        raise EvidenceError(
            f"column {baseline!r} is constant: a baseline must differ between pupils"
        )
    return data.copy()


def one_arm_a_group(data: pd.DataFrame, treatment: str, column: str) -> bool:
    """Say whether pupils in each group of a column share an arm, as chance would not bring about.

    Parameters
    ----------
    data : DataFrame
    treatment, column : str
    """
    try:
        group, arm = (frames.factor(data, name)[0] for name in (column, treatment))
    except EvidenceError:  # cells hold lists or the like: no groups
        return False
    known = (group >= 0) & (arm >= 0)
    size = np.bincount(group[known], minlength=1)
    pairs = np.unique(np.column_stack([group, arm])[known], axis=0)
    several = pairs[size[pairs[:, 0]] > 1]
    arms = np.bincount(several[:, 1])
    alone = len(several) == len(np.unique(several[:, 0]))
    chances = (size[several[:, 0]] - 1).sum()  # of pupils to have another arm than the first
    return bool(alone and (arms >= _GROUPS).sum() > 1 and chances >= _CHANCES)


def _one_row_each(data: pd.DataFrame, pupil: str) -> None:
    if (missing := frames.missing(data, pupil)).any():
        rows = frames.counted(missing.sum(), "row has", "rows have")
        raise EvidenceError(
            f"column {pupil!r}: {rows} no pupil (first: {frames.row(missing.argmax(), data)})"
        )
    repeated(data, pupil)


def _before(data: pd.DataFrame, baseline_date: str, allocation_date: str) -> None:
    late = _dates(data, baseline_date) > _dates(data, allocation_date)
    if late.any():
        raise EvidenceError(
            f"column {baseline_date!r}, {frames.row(late.argmax(), data)}: the baseline was "
            f"measured after allocation, column {allocation_date!r} "
            f"({frames.counted(late.sum(), 'such row')}); "
            "leave that baseline out, or correct the dates"
        )


def _dates(data: pd.DataFrame, column: str) -> pd.Series:
    values = data[column]
    if pd.api.types.is_datetime64_any_dtype(values):
        return values.dt.tz_localize(None).reset_index(drop=True)
    text = values.astype("str").where(values.notna()).str.strip().reset_index(drop=True)
    dates = school_years.dates_of(text, "%Y-%m-%d").fillna(school_years.dates_of(text, "%d/%m/%Y"))
    wrong = np.flatnonzero(dates.isna() & text.notna())
    if len(wrong):
        raise EvidenceError(
            f"column {column!r}, {frames.row(wrong[0], data)}: not a date "
            f"({frames.counted(len(wrong), 'such row')}); write "
            "2024-09-30 or 30/09/2024"
        )
    return dates


def _allocated(
    data: pd.DataFrame, design: str, treatment: str, cluster: str | None, strata: tuple[str, ...]
) -> None:
    """Check that arms lie in clusters and strata as the design says."""
    if design == "cluster" and cluster is None:
        raise EvidenceError("design='cluster' needs cluster=")
    if design in ("multisite", "paired") and not strata:
        raise EvidenceError(f"design={design!r} needs strata=")
    arm = pd.Series(frames.factor(data, treatment)[0])
    unit = pd.Series(np.arange(len(data)) if cluster is None else frames.factor(data, cluster)[0])
    if cluster is not None:
        known = unit >= 0
        first = arm[known].groupby(unit[known]).transform("first")
        crossing = known & (arm != first.reindex(arm.index))
        mixed = unit[crossing].nunique()
        if design in ("cluster", "paired") and mixed:
            clusters = frames.counted(unit[known].nunique(), "cluster")
            pupils = frames.counted(int(crossing.sum()), "pupil carries", "pupils carry")
            raise EvidenceError(
                f"column {cluster!r}: {mixed} of {clusters} {'has' if mixed == 1 else 'have'} "
                f"pupils in more than one arm ({pupils} another arm than the first of the cluster, "
                f"the first in {frames.row(crossing.idxmax(), data)}), but whole clusters were "
                "allocated: correct the arms, or set design='multisite'"
            )
        if design == "simple" and not mixed:
            raise EvidenceError(
                f"column {cluster!r}: every cluster is in one arm, so clusters were allocated and "
                "not pupils: set design='cluster'"
            )
    if design not in ("multisite", "paired"):
        return
    known = ~np.any([frames.missing(data, name) for name in strata], axis=0)
    block = pd.Series(frames.compact([frames.factor(data, name)[0] for name in strata]))[known]
    label = " × ".join(strata)
    arms = arm.groupby(block).nunique()
    if design == "multisite" and not (arms > 1).any():
        raise EvidenceError(
            f"column {label!r}: no site has pupils in more than one arm; if whole sites were "
            "drawn, name them as cluster= and set design='cluster'"
        )
    wrong = arms.index[(unit.groupby(block).nunique() != 2) | (arms != 2)]
    if design == "paired" and len(wrong):
        what = "pupil" if cluster is None else "cluster"
        where = frames.row(int(block.eq(wrong[0]).idxmax()), data)
        raise EvidenceError(
            f"column {label!r}: {len(wrong)} of {len(arms)} pairs are not one {what} in each "
            f"of two arms (the first in {where}): correct the pairs, or set design='cluster'"
        )
