"""A share, a rate, and what changed between two shares, each with its interval."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import Field, dataclass, fields
from typing import Any, ClassVar, SupportsFloat

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError, shown
from evidence.methods.core import frames
from evidence.methods.core.results import page
from evidence.show import words
from evidence.stats import covariance
from evidence.stats.monitoring import intervals

_METHODS = {"wilson": intervals.wilson, "exact": intervals.clopper_pearson}
_RATES = {
    "fingertips": intervals.poisson,
    "byar": intervals.byar,
    "exact": intervals.poisson_exact,
}


class Figure(ABC):
    """What one-row results share: a frame, and a page."""

    __slots__ = ()

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]  # each kind of result is a dataclass
    caveats: tuple[str, ...]

    @abstractmethod
    def sentence(self) -> str:
        """Say the figure in a sentence."""

    def to_frame(self) -> pd.DataFrame:
        """Return one row, a column a field; caveats are joined by a semicolon."""
        row = {field.name: getattr(self, field.name) for field in fields(self)}
        return pd.DataFrame([row | {"caveats": "; ".join(self.caveats)}])

    def _repr_html_(self) -> str:
        return page(self.sentence(), self.to_frame().drop(columns="caveats"), self.caveats)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Proportion(Figure):
    """A share or a rate with its interval.

    Parameters
    ----------
    count, n : float
        How many, out of how many (or of how large a population).
    estimate, ci_lower, ci_upper : float
        A proportion from 0 to 1, or a rate per `per`.
    level : float
    method : str
    per : float
        1 for a proportion.
    caveats : tuple of str
    """

    count: float
    n: float
    estimate: float
    ci_lower: float
    ci_upper: float
    level: float
    method: str
    per: float = 1.0
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say the share with its interval and denominator."""
        scale, unit = (100, "%") if self.per == 1 else (1, f" per {self.per:,.15g}")
        middle, low, high = (
            words.number(scale * x, 1) for x in (self.estimate, self.ci_lower, self.ci_upper)
        )
        low = "no lower limit" if math.isnan(self.ci_lower) else low
        return (
            f"{self.count:,.15g} of {self.n:,.15g}: {middle}{unit} ({100 * self.level:g}% interval "
            f"{low} to {high}{unit}; {self.method})."
        )


def proportion(
    count: float, n: float, *, level: float = 0.95, method: str = "wilson", percent: bool = False
) -> Proportion:
    """Return a share with its interval.

    Parameters
    ----------
    count : float
        How many; with `percent`, the printed percentage.
    n : float
        Out of how many.
    level : float
    method : {"wilson", "exact"}
        Wilson's score interval, or the exact one of Clopper and Pearson.
    percent : bool
        `count` is a percentage as printed: the nearest whole count is taken.

    Returns
    -------
    Proportion

    Raises
    ------
    EvidenceError
        A number is missing or negative, nobody is in the denominator, or the count is above it.

    Examples
    --------
    >>> print(proportion(24, 25).sentence())
    24 of 25: 96.0% (95% interval 80.5 to 99.3%; Wilson).
    """
    frames.one_of("method", method, tuple(_METHODS))
    frames.yes_or_no(percent=percent)
    covariance.check_level(level)
    count, n, caveats = _share("count", count, "n", n, percent)
    limits = _METHODS[method](count, n, level)
    name = "Wilson" if method == "wilson" else "exact"
    return _proportion(count, n, [x * n for x in limits], level, name, caveats=caveats)


def rate(
    count: float,
    population: float,
    *,
    per: float = 1000,
    level: float = 0.95,
    method: str = "fingertips",
) -> Proportion:
    """Return a rate of events, which may be more than one a person, with its interval.

    Parameters
    ----------
    count, population : float
        Events, and the population or the time in which they were counted.
    per : float
        The rate is told per so many.
    level : float
    method : {"fingertips", "byar", "exact"}
        Byar's approximation, the exact Poisson limits, or exact below 10 events and Byar's from
        there on.

    Returns
    -------
    Proportion

    Raises
    ------
    EvidenceError
        A number is missing or negative, or there is no population.
    """
    frames.one_of("method", method, tuple(_RATES))
    covariance.check_level(level)
    count, population, per = (
        number(name, x, least=least)
        for name, x, least in (
            ("count", count, 0),
            ("population", population, 1e-12),
            ("per", per, 1e-12),
        )
    )
    limits = _RATES[method](count, level)
    if method == "fingertips":
        method = "exact" if count < 10 else "byar"
    name = {"byar": "Byar", "exact": "exact Poisson"}[method]
    return _proportion(count, population, limits, level, name, per=per)


def _proportion(
    count: float,
    n: float,
    limits: Iterable[SupportsFloat],
    level: float,
    method: str,
    per: float = 1.0,
    caveats: tuple[str, ...] = (),
) -> Proportion:
    """Return a count and its limits as a share, or a rate per `per`."""
    share, low, high = (float(x) / n * per for x in (count, *limits))
    return Proportion(
        count=count,
        n=n,
        estimate=share,
        ci_lower=low,
        ci_upper=high,
        level=level,
        method=method,
        per=per,
        caveats=caveats,
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Change(Figure):
    """What changed between two shares of different people.

    Parameters
    ----------
    before, after : float
        The two shares, 0 to 1.
    n_before, n_after : float
    estimate, ci_lower, ci_upper, level : float
        After less before, less the national change where one is given; Newcombe's interval.
    national : float
        The national change, NaN without one.
    margin : float
        Changes within ± this do not matter; NaN where nothing was set.
    verdict : {"rose", "fell", "no worthwhile change", "too little data"}
    caveats : tuple of str
    """

    before: float
    n_before: float
    after: float
    n_after: float
    estimate: float
    ci_lower: float
    ci_upper: float
    level: float
    national: float
    margin: float
    verdict: str
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say the change, its interval and what may be concluded."""
        middle, low, high = (
            words.number(100 * x, 1, sign=True)
            for x in (self.estimate, self.ci_lower, self.ci_upper)
        )
        against = "" if math.isnan(self.national) else " beyond the national change"
        found = {
            "rose": "a rise that chance alone does not explain",
            "fell": "a fall that chance alone does not explain",
            "no worthwhile change": "any change is smaller than was set as worthwhile",
            "too little data": "too little data to say whether it rose or fell",
        }[self.verdict]
        return (
            f"{100 * self.before:.1f}% of {self.n_before:,.15g} to {100 * self.after:.1f}% of "
            f"{self.n_after:,.15g}: {middle} percentage points{against} ({100 * self.level:g}% "
            f"interval {low} to {high}; Newcombe): {found}."
        )


def change(
    before: float,
    n_before: float,
    after: float,
    n_after: float,
    *,
    margin: float | None = None,
    national: Sequence[float] | None = None,
    level: float = 0.95,
    percent: bool = False,
) -> Change:
    """Return what changed between two shares of different people, such as two cohorts.

    Parameters
    ----------
    before, n_before, after, n_after : float
        Counts and what they are out of; with `percent`, printed percentages in place of counts.
    margin : float, optional
        Changes of less, 0 to 1 (.02 is two percentage points), would not matter: an interval
        within ± this is "no worthwhile change".
    national : sequence of float, optional
        What is taken off: the national shares before and after, 0 to 1 (percentages with
        `percent`), or four numbers as the first four arguments, whose chance is then counted too.
    level : float
    percent : bool
        Shares are percentages as printed: the nearest whole count of each is taken.

    Returns
    -------
    Change

    Raises
    ------
    EvidenceError
        As :func:`proportion`, or `margin` or `national` is no such thing.

    Notes
    -----
    Newcombe (1998), method 10; less a national change by the same method (Zou and Donner 2008).
    A rise beside a rise elsewhere is no merit: give `national` where it is known.

    Examples
    --------
    >>> print(change(62, 30, 69, 30, percent=True).sentence().split(" (")[0])
    63.3% of 30 to 70.0% of 30: +6.7 percentage points
    """
    covariance.check_level(level)
    frames.yes_or_no(percent=percent)
    if margin is not None and not 0 < number("margin", margin) < 1:
        raise EvidenceError(f"margin is {shown(margin)}; a share between 0 and 1 is needed")
    sides = [
        _share("before", before, "n_before", n_before, percent),
        _share("after", after, "n_after", n_after, percent),
    ]
    (x0, n0, notes), (x1, n1, more) = sides
    estimate, limits = x1 / n1 - x0 / n0, intervals.newcombe(x1, n1, x0, n0, level)
    caveats, elsewhere = [*dict.fromkeys([*notes, *more])], math.nan
    if national is not None:
        elsewhere, theirs, note = _national(national, level, percent)
        limits = intervals.combine(estimate, limits, elsewhere, theirs)
        estimate, caveats = estimate - elsewhere, [*caveats, *note]
    low, high = map(float, limits)
    inside = margin is not None and -margin < low and high < margin
    verdict = "rose" if low > 0 else "fell" if high < 0 else "too little data"
    return Change(
        before=x0 / n0,
        n_before=n0,
        after=x1 / n1,
        n_after=n1,
        estimate=float(estimate),
        ci_lower=low,
        ci_upper=high,
        level=level,
        national=float(elsewhere),
        margin=math.nan if margin is None else float(margin),
        verdict="no worthwhile change" if inside else verdict,
        caveats=tuple(caveats),
    )


def _national(
    national: Sequence[float], level: float, percent: bool
) -> tuple[float, tuple[float, float], tuple[str, ...]]:
    """Return the national change, its limits and what to say of it."""
    if np.ndim(national) != 1 or len(national) not in (2, 4):
        raise EvidenceError(
            "national takes two shares (before, after) or four numbers (count, n, count, n)"
        )
    if len(national) == 2:
        scale, most = (100, "100") if percent else (1, "1")
        shares = [number("national", x) / scale for x in national]
        if max(shares) > 1:
            raise EvidenceError(f"national: a share above {most}; give shares from 0 to {most}")
        gap = shares[1] - shares[0]
        return gap, (gap, gap), ()
    x0, n0, notes = _share("national[0]", national[0], "national[1]", national[1], percent)
    x1, n1, more = _share("national[2]", national[2], "national[3]", national[3], percent)
    low, high = map(float, intervals.newcombe(x1, n1, x0, n0, level))
    return x1 / n1 - x0 / n0, (low, high), (*notes, *more)


def number(name: str, value: Any, least: float = 0) -> float:
    """Return a number of at least `least` (0, or above 0), however it is written."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise EvidenceError(f"{name} is {shown(value)}; one number is needed") from None
    if not least <= number <= 1e15:
        allowed = "above 0" if least else "from 0 on"
        raise EvidenceError(f"{name} is {shown(value)}; a number {allowed} is needed")
    return number


def _share(
    top: str, count: object, bottom: str, n: object, percent: bool
) -> tuple[float, float, tuple[str, ...]]:
    """Return a count, what it is out of and what to say of it."""
    count, n = number(top, count), number(bottom, n, least=1e-12)
    if percent:
        if count > 100:
            raise EvidenceError(f"{top} is {count:.15g}; a percentage is at most 100")
        whole = float(math.floor(count * n / 100 + 0.5 + 1e-9))
        note = "counts are the nearest to the printed percentages"
        return min(whole, n), n, (note,)
    if count > n:
        raise EvidenceError(
            f"{top} is {count:.15g}, above {bottom} = {n:.15g}; a count is at most what it is out "
            "of (for printed percentages say percent=True)"
        )
    if count != round(count):
        return count, n, ("a count is no whole number; for printed percentages say percent=True",)
    return count, n, ()
