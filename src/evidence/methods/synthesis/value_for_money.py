"""What a month of progress costs, with an interval, and what would have to be true."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd
from scipy.special import stdtrit

from evidence.errors import EvidenceError
from evidence.methods.core.results import page
from evidence.show import words
from evidence.stats import covariance


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ValueForMoney:
    """Cost beside effect.

    Parameters
    ----------
    cost : float
        Pounds a pupil a year: set-up spread over the years, and running cost.
    total : float
        Pounds in all; NaN where it is not known how many pupils are reached.
    pupils : float
    years : float
    per_month, ci_lower, ci_upper, level : float
        Pounds a pupil for one month of progress, with Fieller's interval; an end is infinite
        where the effect may be nil, and all is NaN where it may be nil in both directions.
    break_even : float
        Effect (SD) at which a month costs `worth`; NaN without.
    worth : float
        Pounds that a month of progress is taken to be worth; NaN where not given.
    """

    cost: float
    total: float
    pupils: float
    years: float
    per_month: float
    ci_lower: float
    ci_upper: float
    level: float
    worth: float
    break_even: float

    def to_frame(self) -> pd.DataFrame:
        """Return one row with all fields."""
        names = [name for name in self.__slots__ if not name.startswith("_")]
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def sentence(self) -> str:
        """Say the price of a month, and that it has no end where it has none."""
        text = f"£{self.cost:,.0f} a year for each pupil"
        if self.total == self.total:
            text += f", £{self.total:,.0f} in all"
        if math.isnan(self.ci_lower):
            said = "; no price of a month can be given: the effect may be nothing, or a loss"
        else:
            said = f"; a month of progress cost £{self.per_month:,.0f}"
            upper = f"£{self.ci_upper:,.0f}"
            if math.isinf(self.ci_upper):
                upper = "no upper limit, since the effect may be nothing"
            said += f" (£{self.ci_lower:,.0f} to {upper})"
        if self.break_even == self.break_even:
            least = words.number(max(self.break_even, 0.01), 2, sign=True)
            size = f"{'of' if self.break_even >= 0.01 else 'below'} {least} SD"
            said += f". At £{self.worth:,.0f} a month it pays from an effect {size} on"
        return f"{text}{said}."

    def _repr_html_(self) -> str:
        return page(self.sentence(), self.to_frame())


def value_for_money(
    estimate: float,
    std_error: float,
    *,
    set_up: float = 0.0,
    running: float,
    pupils: float = math.nan,
    years: float = 3.0,
    df: float = math.inf,
    worth: float = math.nan,
    level: float = 0.95,
) -> ValueForMoney:
    """Set what a programme costs beside what it changed.

    Parameters
    ----------
    estimate, std_error : float
        Effect in standard deviations of pupils' results, a year of the programme.
    set_up : float
        Pounds spent once.
    running : float
        Pounds a year.
    pupils : float, optional
        Pupils reached each year; without, `set_up` and `running` are pounds a pupil.
    years : float
        Over which set-up is spread: three, as in EEF reports.
    df : float
        Of the standard error.
    worth : float, optional
        Pounds that a month of progress is worth to those who decide.
    level : float

    Raises
    ------
    EvidenceError
        A cost below 0, no pupil, no year, no standard error, or an effect beyond 1 SD: months.

    Notes
    -----
    £ a month = c/(e/m) with m = 0.085 SD. Fieller: all ρ with (c − ρe)² ≤ t²ρ²s², which ends only
    where e²> t²s²; else the price has no upper limit, or none at all.

    References
    ----------
    Fieller, E. (1954), JRSS B 16(2). EEF (2019), Cost evaluation guidance for EEF evaluations.
    """
    covariance.check_level(level)
    for name, value, least in (("set_up", set_up, 0), ("running", running, 0)):
        if not (least <= value < math.inf):
            raise EvidenceError(f"{name} is {value}; pounds, 0 or more, are needed")
    many = 1.0 if math.isnan(pupils) else pupils
    for name, value in (("pupils", many), ("years", years), ("std_error", std_error)):
        if not (0 < value < math.inf):
            raise EvidenceError(f"{name} is {value}; a number above 0 is needed")
    if not abs(estimate) <= 1:
        raise EvidenceError(
            f"estimate is {estimate}; standard deviations are needed, of which 12 months of "
            "progress are 1: it is no number of months"
        )
    cost = (set_up / years + running) / many
    half = float(stdtrit(min(df, 1e9), (1 + level) / 2)) * std_error
    low, high = estimate - half, estimate + half
    price = [cost * words.MONTH / end if end > 0 else math.inf for end in (high, low)]
    known = high > 0
    return ValueForMoney(
        cost=cost,
        total=(set_up + running * years) * pupils / many,
        pupils=pupils,
        years=years,
        per_month=cost * words.MONTH / estimate if known and estimate > 0 else math.nan,
        ci_lower=price[0] if known and estimate > 0 else math.nan,
        ci_upper=price[1] if known and estimate > 0 else math.nan,
        level=level,
        worth=worth,
        break_even=cost * words.MONTH / worth if worth > 0 else math.nan,
    )
