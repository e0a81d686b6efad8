"""How strong the evidence is: squares with the reason for each lost, and WWC's rating beside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from evidence.errors import EvidenceError, nearest, shown
from evidence.methods.core.balance import Balance
from evidence.methods.core.results import page
from evidence.methods.trials.attrition import Attrition
from evidence.show import words

# EEF classification of security, 2019: padlocks by design, shown as squares, and what is said.
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
_NOT_RANDOM = "schools were not allocated at random"
_SAID = {
    "discontinuity": f"{_NOT_RANDOM} but taken by a cut-off",
    "matched_did": f"{_NOT_RANDOM}, though what always sets them apart is taken out",
    "matched": _NOT_RANDOM,
    "staggered": f"{_NOT_RANDOM}; they began in different years",
    "weakly_matched": f"{_NOT_RANDOM} and those compared are only roughly alike",
    "self_selected": "schools chose to take part and those compared are hardly alike",
    "survey": "there is no group to compare with",
    "monitoring": "there is no group to compare with",
}
LARGEST_MDES = (0.20, 0.29, 0.39, 0.49, 0.59)  # largest for 5, 4, 3, 2, 1 padlocks
_LOST = (0.10, 0.20, 0.30, 0.40, 0.50)
THREATS = (
    "confounding",
    "concurrent interventions",
    "contamination",
    "fidelity",
    "missing data",
    "measurement",
    "selective reporting",
)
LEVELS = ("low", "moderate", "moderate up", "moderate down", "high", "high up", "high down")
_WWC = ("meets without reservations", "meets with reservations", "does not meet", "not rated")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Strength:
    """How secure a finding is.

    Parameters
    ----------
    padlocks : int
        0 to 5.
    reasons : tuple of str
        Why each square was lost, and what is not known.
    wwc : str
        What Works Clearinghouse's rating: "meets without reservations", "meets with reservations",
        "does not meet" or "not rated".
    wwc_reason : str
    """

    padlocks: int
    reasons: tuple[str, ...]
    wwc: str = _WWC[3]
    wwc_reason: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return one row, reasons joined by a semicolon."""
        row = {"squares": self.padlocks, "reasons": "; ".join(self.reasons)}
        return pd.DataFrame([row | {"wwc": self.wwc, "wwc_reason": self.wwc_reason}])

    def sentence(self) -> str:
        """Say the squares, why any were lost, and WWC's rating."""
        return f"Strength of the evidence: {self.padlocks} of 5 squares. {self.why()}"

    def why(self) -> str:
        """Say why squares were lost, what is not known, and WWC's rating."""
        reasons = "".join(f"{words.capital(reason)}. " for reason in self.reasons)
        return (
            f"{reasons}By the standards of the What Works Clearinghouse: {self.wwc} "
            f"({self.wwc_reason})."
        )

    def _repr_html_(self) -> str:
        return page(self.sentence(), self.to_frame())


def strength(
    design: str,
    *,
    mdes: float = math.nan,
    attrition: float | Attrition = math.nan,
    threats: Mapping[str, str] | None = None,
    balance: Balance | None = None,
    adjusted: Sequence[str] = (),
    boundary: str = "cautious",
    units: str = "schools",
) -> Strength:
    """Rate the security of a finding from 0 to 5 squares (EEF's padlocks), and by WWC's standards.

    Parameters
    ----------
    design : str
        One of `DESIGNS`.
    mdes : float
        Smallest effect the study could detect, in SD; NaN where it is not known, which is said.
    attrition : float or Attrition
        Share of pupils lost, 0 to 1, whatever was randomised; NaN where it is not known. WWC's
        rating needs what `trials.attrition` returns.
    threats : mapping, optional
        What the analyst judged: for each of `THREATS` "low", "moderate" or "high", with "up" or
        "down" after it where it is known which way the estimate is pushed. Those left out are
        taken as low, which is said.
    balance : Balance, optional
        Baseline differences, as `trials.balance` returns them.
    adjusted : sequence of str
        Covariates of `balance` that the analysis adjusts for.
    boundary : {"cautious", "optimistic"}
        WWC's boundary of attrition.
    units : str
        What more of would have made it more precise: "schools", "pupils" or "classes or groups".

    Raises
    ------
    EvidenceError
        The design, a threat, its level or the boundary is unknown, the MDES is negative,
        or the attrition is no proportion.

    Notes
    -----
    The lowest of three columns — design, MDES (.20, .29, .39, .49, .59) and attrition (10, 20, 30,
    40, 50%), each rounded to the figures of the table — less :func:`downgrade` for threats.
    Education Endowment Foundation (2019), Classification of the security of findings.
    """
    if design not in DESIGNS:
        raise EvidenceError(f"design is {shown(design)}; allowed are {', '.join(DESIGNS)}")
    lost = attrition.overall if isinstance(attrition, Attrition) else attrition
    if mdes < 0:
        raise EvidenceError(f"mdes is {mdes}; standard deviations, zero or more, are needed")
    if lost < 0 or lost > 1:
        raise EvidenceError(f"attrition is {lost}; a proportion from 0 to 1 is needed")
    columns = [(5 - DESIGNS[design], _SAID.get(design, ""))]
    unknown = []
    if mdes == mdes:
        size = round(mdes, 2)
        below = "any effect" if math.isinf(size) else f"an effect below {size:.2f} SD"
        columns.append((_over(size, LARGEST_MDES), f"too few {units} to detect {below}"))
    else:
        unknown.append("the smallest effect it could have detected is not known and not counted")
    if lost == lost:
        share = round(lost, 2)
        columns.append((_over(share, _LOST), f"{100 * share:.0f}% of pupils were lost"))
    else:
        unknown.append("how many pupils were lost is not known and not counted")
    worst = max(cost for cost, _ in columns)
    # The columns do not add up: only the worst counts, so the others say what they would cost.
    reasons = [
        f"marked down {_squares(cost)}: {why}"
        if cost == worst
        else f"this alone would have marked it down {_squares(cost)}: {why}"
        for cost, why in sorted(columns, key=lambda column: -column[0])
        if cost
    ]
    found = 5 - worst
    if threats is None:
        unknown.append("other risks have not been assessed, so the true rating may be lower")
    else:
        less, judged = downgrade(threats), _judged(threats)
        named = ", ".join(f"{name} ({level})" for name, level in judged.items() if level != "low")
        if less and found:
            more = _squares(min(less, found)).replace(" ", " more ", 1)
            reasons.append(f"marked down {more} for other risks: {named}")
        found = max(found - less, 0)
        if left := [name for name in THREATS if name not in judged]:
            unknown.append(f"risks not assessed and taken as low: {', '.join(left)}")
    rating, why = _wwc(design, attrition, balance, adjusted, boundary)
    return Strength(padlocks=found, reasons=(*reasons, *unknown), wwc=rating, wwc_reason=why)


def downgrade(threats: Mapping[str, str]) -> int:
    """Return how many padlocks threats to validity cost: 0, 1 or 2.

    Parameters
    ----------
    threats : mapping
        As in :func:`strength`.

    Raises
    ------
    EvidenceError
        A threat or its level is unknown.

    Notes
    -----
    None: at most two moderate, not pushing the same way. One: three or four moderate, two moderate
    that push the same way, or one high and the rest low. Two: more than that. The rule as
    published leaves gaps; they go to the severe side, as docs/decisions/0004-threats.md says.
    """
    levels = list(_judged(threats).values())
    high = sum(level.startswith("high") for level in levels)
    moderate = [level for level in levels if level.startswith("moderate")]
    ways = {level.partition(" ")[2] for level in moderate}
    same = len(moderate) > 1 and len(ways) == 1 and "" not in ways
    if high:
        return 1 if high == 1 and not moderate else 2
    if same:
        return 1 if len(moderate) == 2 else 2
    return 0 if len(moderate) <= 2 else 1 if len(moderate) <= 4 else 2


def _judged(threats: Mapping[str, str]) -> dict[str, str]:
    for name, level in threats.items():
        if name not in THREATS:
            raise EvidenceError(f"threats: {name!r} is not one; {nearest(str(name), THREATS)}")
        if level not in LEVELS:
            raise EvidenceError(
                f"threats: {name!r} is {shown(level)}; allowed are {', '.join(LEVELS)}"
            )
    return {name: threats[name] for name in THREATS if name in threats}


def _wwc(
    design: str,
    attrition: float | Attrition,
    balance: Balance | None,
    adjusted: Sequence[str],
    boundary: str,
) -> tuple[str, str]:
    """Return the rating of WWC's Handbook 5.0, chapter II, for group designs, and why."""
    without, with_some, fails, none = _WWC
    if boundary not in ("cautious", "optimistic"):
        raise EvidenceError(f"boundary is {shown(boundary)}; allowed are cautious, optimistic")
    if DESIGNS[design] == 0:
        return fails, "there is no group to compare with"
    if design == "discontinuity":
        return none, "cut-off designs have standards of their own"
    start = _NOT_RANDOM
    if design == "randomised":
        if not isinstance(attrition, Attrition):
            return none, "the loss of pupils in each arm is not known"
        rated = attrition.cautious if boundary == "cautious" else attrition.optimistic
        start = f"{rated} attrition by the {boundary} boundary"
        if rated == "low":
            return without, f"allocated at random, {start}"
    if balance is None or balance.table["band"].isin(["ok", "adjust", "fails"]).sum() == 0:
        return fails, f"{start}, and no baseline differences to show that the groups were alike"
    table = balance.table[balance.table["band"] != ""]
    covariate = table["covariate"].astype(str)
    base = covariate.str.partition(": ")[0]
    fine = (table["band"] == "ok") | (
        (table["band"] == "adjust") & (covariate.isin(list(adjusted)) | base.isin(list(adjusted)))
    )
    if fine.all():
        return with_some, f"{start}, but the groups were alike at the start or adjusted for"
    worst = table[~fine].sort_values("effect_size", key=abs).iloc[-1]
    size = f"{abs(worst['effect_size']):.2f} SD apart in {worst['covariate']} at the start"
    reason = "" if worst["band"] == "fails" else ", not adjusted for"
    return fails, f"{start}, and the groups were {size}{reason}"


def _squares(count: int) -> str:
    number = ("no", "one", "two", "three", "four", "five")[count]
    return f"{number} square{'' if count == 1 else 's'}"


def _over(value: float, limits: Sequence[float]) -> int:
    return sum(value > limit for limit in limits)
