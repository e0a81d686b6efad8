"""How secure a finding is, in padlocks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evidence.errors import EvidenceError

# EEF classification of security, 2019: padlocks by design.
DESIGNS = {
    "randomised": 5,
    "discontinuity": 4,
    "matched_did": 4,
    "matched": 3,
    "staggered": 3,
    "weakly_matched": 2,
    "self_selected": 1,
    "survey": 0,
    "monitoring": 0,
}
_MDES = (0.20, 0.29, 0.39, 0.49, 0.59)  # largest for 5, 4, 3, 2, 1 padlocks
_LOST = (0.10, 0.20, 0.30, 0.40, 0.50)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Strength:
    """How secure a finding is.

    Parameters
    ----------
    padlocks : int
        0 to 5.
    reasons : tuple of str
        Why each padlock was lost.
    """

    padlocks: int
    reasons: tuple[str, ...]


def strength(design: str, *, mdes: float = math.nan, attrition: float = math.nan) -> Strength:
    """Rate the security of a finding from 0 to 5 padlocks: the lowest of three columns.

    Parameters
    ----------
    design : str
        One of `DESIGNS`.
    mdes : float
        Smallest effect the study could detect, in SD.
    attrition : float
        Share of pupils lost, 0 to 1; NaN where it is not known, which is said.

    Raises
    ------
    EvidenceError
        The design is unknown or the attrition is no proportion.

    Notes
    -----
    Education Endowment Foundation (2019), Classification of the security of findings: design, MDES
    (.20, .29, .39, .49, .59) and attrition (10, 20, 30, 40, 50%), each rounded to the figures of
    the table. Threats to validity are not weighed here.
    """
    if design not in DESIGNS:
        raise EvidenceError(f"design is {design!r}; allowed are {', '.join(DESIGNS)}")
    if attrition < 0 or attrition > 1:
        raise EvidenceError(f"attrition is {attrition}; a proportion from 0 to 1 is needed")
    columns = [(DESIGNS[design], f"design: {design.replace('_', ' ')}")]
    if mdes == mdes:
        size = round(mdes, 2)
        columns.append((_padlocks(size, _MDES), f"could only have detected {size:.2f} SD or more"))
    if attrition == attrition:
        share = round(attrition, 2)
        columns.append((_padlocks(share, _LOST), f"{100 * share:.0f}% of pupils were lost"))
    reasons = [f"{5 - found} lost for {why}" for found, why in columns if found < 5]
    unknown = [n for n, x in (("MDES", mdes), ("attrition", attrition)) if x != x]
    reasons += [f"{name} is not known and not counted" for name in unknown]
    return Strength(padlocks=min(found for found, _ in columns), reasons=tuple(reasons))


def _padlocks(value: float, limits: Sequence[float]) -> int:
    return 5 - sum(value > limit for limit in limits)
