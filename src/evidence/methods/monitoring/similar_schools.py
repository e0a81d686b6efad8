"""Schools like this one, and why each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.data.labels import label
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult
from evidence.methods.monitoring import published

OBJECT = (
    "if a school listed here is not like yours, say why: change the traits, the limit of distance "
    "or what must be the same, and the list changes"
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SimilarSchools(TableResult):
    """Schools most like one, nearest first.

    Parameters
    ----------
    table : DataFrame
        `school`, `difference` (root mean square of the traits' differences, in standard deviations
        of all schools), `km` (NaN without places), the traits, and `reason`.
    school : str
    own : mapping
        The school's own traits.
    caveats : tuple of str
    """

    table: pd.DataFrame
    school: str
    own: Mapping[str, float]
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say how many are similar, and how alike the farthest is."""
        far = self.table.iloc[-1]
        km = (
            "" if self.table["km"].isna().all() else f", up to {self.table['km'].max():.0f} km away"
        )
        return (
            f"{frames.counted(len(self.table), 'school')} like {self.school} in "
            f"{', '.join(self.own)}{km}; the least alike differs by {far['difference']:.1f} "
            "standard deviations."
        )


def similar_schools(
    data: pd.DataFrame,
    *,
    school: object,
    unit: str,
    traits: Sequence[str] | str,
    same: Sequence[str] | str = (),
    easting: str | None = None,
    northing: str | None = None,
    max_km: float | None = None,
    max_difference: float = 1.0,
    number: int = 10,
) -> SimilarSchools:
    """Find the schools most like one, within limits that the user sets, with the reason of each.

    Parameters
    ----------
    data : DataFrame
        One row a school.
    school : str or int
        The school asked about.
    unit : str
        Column that names schools, such as their URN.
    traits : str or sequence of str
        Columns of numbers in which schools should be alike, such as the number of pupils and the
        share eligible for free meals. Results do not belong here: they are what is compared.
    same : str or sequence of str
        Columns that must be equal, such as phase and admissions policy.
    easting, northing : str, optional
        Columns of places in metres (Ordnance Survey).
    max_km : float, optional
        How far away a school may be; needs places.
    max_difference : float
        How unlike a school may be in any one trait, in standard deviations of all schools.
    number : int
        At most so many.

    Returns
    -------
    SimilarSchools

    Raises
    ------
    EvidenceError
        A column is missing or no number, the school is not there or lacks a trait, or no school is
        within the limits.

    Notes
    -----
    Fewer than asked for are given rather than ones that are not alike.
    """
    traits, same = frames.listed(traits), frames.listed(same)
    if not traits:
        raise EvidenceError("traits: name one column or more in which schools should be alike")
    if (easting is None) != (northing is None) or (max_km is not None and easting is None):
        raise EvidenceError("a limit of distance needs both easting= and northing=")
    frames.whole("number", number, 1)
    frames.number("max_difference", max_difference, 0)
    if max_km is not None:
        frames.number("max_km", max_km, 0)
    frames.require(data, (unit, *traits, *same, easting, northing))
    names = published.unique(data, unit, "school")
    here = int(published.area(data, unit, school, "school").argmax())
    columns = [published.numbers(data, name)[0] for name in traits]
    values = np.column_stack(columns)
    if np.isnan(values[here]).any():
        lacking = traits[int(np.isnan(values[here]).argmax())]
        raise EvidenceError(f"school {label(school)!r} has no value in column {lacking!r}")
    spread = np.nanstd(values, axis=0)
    if (spread == 0).any():
        raise EvidenceError(
            f"column {traits[int((spread == 0).argmax())]!r} is the same everywhere"
        )
    gaps = (values - values[here]) / spread
    allowed = ~np.isnan(gaps).any(1) & (
        np.nan_to_num(np.abs(gaps), nan=np.inf).max(1) <= max_difference
    )
    allowed[here] = False
    lost = int(np.isnan(gaps).any(1).sum())
    for name in same:
        codes = frames.factor(data, name)[0]
        if codes[here] < 0:
            raise EvidenceError(f"school {label(school)!r} has no value in column {name!r}")
        allowed &= codes == codes[here]
    km = np.full(len(data), np.nan)
    if easting is not None and northing is not None:
        place = np.column_stack([published.numbers(data, name)[0] for name in (easting, northing)])
        km = np.hypot(*(place - place[here]).T) / 1000
        if max_km is not None:
            allowed &= km <= max_km
    if not allowed.any():
        raise EvidenceError(
            f"no school is like {label(school)!r} within these limits; allow more distance "
            "(max_km), more difference (max_difference), or fewer columns in same"
        )
    difference = np.sqrt((gaps**2).mean(1))
    chosen = np.flatnonzero(allowed)
    chosen = chosen[np.lexsort([np.array(names)[chosen], difference[chosen]])][:number]
    table = pd.DataFrame(
        {
            "school": [names[place] for place in chosen],
            "difference": difference[chosen],
            "km": km[chosen],
            **{name: values[chosen, j] for j, name in enumerate(traits)},
            "reason": [
                _reason(values[[int(place), here]], traits, same, km[place]) for place in chosen
            ],
        }
    )
    notes = [OBJECT]
    if len(chosen) < number:
        notes.append(f"only {len(chosen)} of the {number} asked for are within the limits")
    if lost:
        notes.append(f"{frames.counted(lost, 'school')} without a value in some trait left out")
    own = dict(zip(traits, values[here].tolist(), strict=True))
    return SimilarSchools(table=table, school=label(school), own=own, caveats=tuple(notes))


def _reason(pair: np.ndarray, traits: Sequence[str], same: Sequence[str], km: float) -> str:
    """Say a school's traits beside those of the one asked about."""
    parts = [
        f"{name} {its:,.4g} (here {own:,.4g})" for name, its, own in zip(traits, *pair, strict=True)
    ]
    parts += [f"same {name}" for name in same]
    return "; ".join([*parts, *([] if np.isnan(km) else [f"{km:.0f} km away"])])
