"""Numbers that are no measurements: codes for what is missing, and impossible ages."""

from __future__ import annotations

import re

import numpy as np

_BIG = np.array([77, 88, 97, 98, 99, 777, 888, 997, 998, 999, 7777, 8888, 9997, 9998, 9999, 99999,
                 999999], dtype=float)  # fmt: skip
_CODES = np.concatenate([_BIG, -_BIG, [8, 9, *range(-9, 0)]])
_ONCE = (-99, 888)  # from here on outwards one such value is enough, between them two are
_AGE = re.compile(
    r"(?:^|.*[^a-z])ages?(?:_?(?:in)?_?(?:months?|mths|years?|yrs))?(?:[^a-z].*|$)", re.IGNORECASE
)
_OTHERS = re.compile(
    r"teach|staff|head|adult|parent|mother|father|school|building|band|group|range|diff|score|stand",
    re.IGNORECASE,
)


def is_age(name: str) -> bool:
    """Say whether a column holds pupils' ages, by its name."""
    return bool(_AGE.fullmatch(name) and not _OTHERS.search(name))


def fault(name: str, values: np.ndarray) -> tuple[np.ndarray, str] | None:
    """Return which numbers of a column can be no measurements and why, None where all can.

    Parameters
    ----------
    name : str
        The column: pupils' ages are known by it.
    values : ndarray of shape (n,)
        NaN where one is missing.
    """
    if codes := missing_codes(values):
        which = np.isin(values, codes)
        said = " and ".join(f"{code:g}" for code in codes)
        rows = f"{which.sum():,} row{'s' if which.sum() > 1 else ''}"
        verb = "lies" if len(codes) == 1 else "lie"
        return which, (
            f"{said} in {rows} {verb} far from all other values, as codes for missing ones do; "
            "leave these cells blank"
        )
    if not is_age(name):
        return None
    middle = np.nanmedian(values) if not np.isnan(values).all() else 0.0
    if middle < 2:  # standardised
        return None
    unit, least, most = ("years", 2, 25) if middle <= 25 else ("months", 18, 300)
    which = (values < least) | (values > most)
    if not which.any():
        return None
    return which, (
        f"no possible age of a pupil in {unit} ({least} to {most}), in which most rows are given; "
        f"correct it or leave the cell blank ({which.sum():,} such)"
    )


def missing_codes(values: np.ndarray) -> list[float]:
    """Return the numbers of a column that stand for a missing value, such as −99 among scores.

    Known codes alone (9, 99, 999, −9, −99 and the like) that recur, or are large, and lie farther
    from the other values than these from each other; negative ones, wherever no other value is
    negative (from −1 to −6, as far as the others); 8 and 9 only beside yes and no (0 and 1, or 1
    and 2).
    """
    ends = (np.nanmin(values), np.nanmax(values)) if not np.isnan(values).all() else ()
    if not np.isin(ends, _CODES).any():
        return []
    coded = np.isin(values, _CODES)
    rest = values[~coded & ~np.isnan(values)]
    if len(rest) < 3:
        return []
    low, high = rest.min(), rest.max()
    yes_no = np.isin(rest, (0, 1)).all() or np.isin(rest, (1, 2)).all()
    codes, counts = np.unique(values[coded], return_counts=True)

    def far(code: float, count: int) -> bool:
        if count < 2 and _ONCE[0] < code < _ONCE[1]:
            return False
        if code in (8, 9):
            return yes_no
        if code <= -7 and low >= 0:
            return True
        distance = max(code - high, low - code)
        return distance >= (high - low) / (2 if abs(code) > 99 else 1)

    return [code for code, count in zip(codes, counts, strict=True) if far(code, count)]
