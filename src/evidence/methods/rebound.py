"""What being chosen for low results does to a gain."""

from __future__ import annotations

import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods import columns
from evidence.methods.impact import did
from evidence.show import words

_UNITS = {"pp": " percentage points", "sd": " SD"}


def without_year(
    panel: pd.DataFrame,
    *,
    outcome: str,
    time: str,
    year: int,
    unit_words: str = "",
    **model: object,
) -> str:
    """Say what the estimate would be without the year that schools were chosen by.

    Schools chosen in a low year rise the year after whatever is done (regression to the mean). An
    estimate that leaves that year out is free of the dip, though not of a school's having been low
    for longer; the two together show how much hangs on it.

    Parameters
    ----------
    panel, outcome, time, **model
        As in :func:`evidence.methods.impact.did`.
    year : int
        The year to leave out, in which a school year ends.
    unit_words : {"", "pp", "sd", "points", "score"}
        Unit of the estimate.

    Returns
    -------
    str
        A sentence for the caveats.
    """
    columns.require(panel, (time,))
    try:
        found = did(panel[panel[time] != year], outcome=outcome, time=time, **model)
    except EvidenceError:
        return f"without {words.school_year(year)} there are too few years to estimate anything"
    middle, low, high = (
        words.number(x, 1, sign=True) for x in (found.estimate, found.ci_lower, found.ci_upper)
    )
    return (
        f"leaving out {words.school_year(year)}, the year before the start, the estimate is "
        f"{middle}{_UNITS.get(unit_words, ' points')} ({low} to {high})"
    )
