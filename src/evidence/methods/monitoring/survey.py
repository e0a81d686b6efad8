"""What a survey can say: interval, who did not answer, and whether a printed figure is possible."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError, shown
from evidence.methods.core import frames
from evidence.methods.monitoring.proportions import Figure, number
from evidence.show import words
from evidence.stats import covariance
from evidence.stats.monitoring import intervals


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Survey(Figure):
    """A share of those who answered.

    Parameters
    ----------
    yes, answered, asked : float
        `asked` is NaN where it is not known.
    estimate, ci_lower, ci_upper, level : float
        Share of those who answered, with Wilson's interval.
    response : float
        Share of those asked who answered.
    worst, best : float
        Share of all who were asked if nobody, or everybody, who did not answer would have said yes.
    caveats : tuple of str
    """

    yes: float
    answered: float
    asked: float
    estimate: float
    ci_lower: float
    ci_upper: float
    level: float
    response: float
    worst: float
    best: float
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say the share, its interval, and what those who did not answer could make of it."""
        share, low, high, worst, best, response = (
            words.number(100 * x, 1).removesuffix(".0")
            for x in (
                self.estimate,
                self.ci_lower,
                self.ci_upper,
                self.worst,
                self.best,
                self.response,
            )
        )
        text = (
            f"{self.yes:,.15g} of {self.answered:,.15g} who answered: {share}% "
            f"({100 * self.level:g}% interval {low} to {high}%)"
        )
        if math.isnan(self.asked):
            return f"{text}; how many were asked is not known."
        return (
            f"{text}; {response}% of {self.asked:,.15g} asked answered, so of all asked it is "
            f"between {worst}% and {best}%."
        )


def survey(
    yes: float, answered: float, asked: float | None = None, *, level: float = 0.95
) -> Survey:
    """Return the share who said yes, with what chance and silence leave open.

    Parameters
    ----------
    yes, answered : float
        How many said so, of how many who answered.
    asked : float, optional
        How many were asked.
    level : float

    Returns
    -------
    Survey

    Raises
    ------
    EvidenceError
        A number is missing or negative, or not yes ≤ answered ≤ asked.

    Notes
    -----
    The bounds assume nothing of those who did not answer (Manski 1989, Journal of Human Resources
    24(3)); the interval assumes that who answered is chance.

    Examples
    --------
    >>> result = survey(24, 25, 40)
    >>> round(result.worst, 3), round(result.best, 3)
    (0.6, 0.975)
    """
    covariance.check_level(level)
    yes, answered = number("yes", yes), number("answered", answered, least=1e-12)
    everybody = math.nan if asked is None else number("asked", asked, least=1e-12)
    if yes > answered or answered > everybody:
        one = ("yes", yes, "answered", answered)
        if yes <= answered:
            one = ("answered", answered, "asked", everybody)
        raise EvidenceError(
            f"{one[0]} is {one[1]:.15g}, above {one[2]} = {one[3]:.15g}; each is a part of the next"
        )
    low, high = map(float, intervals.wilson(yes, answered, level))
    response = answered / everybody
    note = "those who answered may differ from those who did not"
    return Survey(
        yes=yes,
        answered=answered,
        asked=everybody,
        estimate=yes / answered,
        ci_lower=low,
        ci_upper=high,
        level=level,
        response=response,
        worst=yes / everybody,
        best=(yes + everybody - answered) / everybody,
        caveats=(note,) if response != 1 else (),
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Grim(Figure):
    """Whether a printed percentage can be of so many people.

    Parameters
    ----------
    percent : float
    n : int
    digits : int
    possible : bool
    counts : tuple of int
        The counts that would print as it.
    nearest : tuple of float
        Where it is impossible, the percentages on either side.
    caveats : tuple of str
    """

    percent: float
    n: int
    digits: int
    possible: bool
    counts: tuple[int, ...]
    nearest: tuple[float, ...]
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say whether it is possible, and of which counts."""
        printed = f"{self.percent:.{self.digits}f}% of {self.n:,}"
        if self.possible:
            people = "person" if self.counts == (1,) else "people"
            return f"{printed} is possible: {' or '.join(map(str, self.counts))} {people}."
        near = " and ".join(f"{x:.{self.digits}f}%" for x in self.nearest)
        return f"{printed} is impossible: the nearest are {near}."


def grim(percent: float, n: int, *, digits: int = 0) -> Grim:
    """Check whether a printed percentage can be of a whole number of people.

    Parameters
    ----------
    percent : float
        As printed.
    n : int
        How many people it is of.
    digits : int
        Decimals that were printed. Rounding half up and half to even are both allowed.

    Returns
    -------
    Grim

    Raises
    ------
    EvidenceError
        `percent` is not from 0 to 100, has more decimals than `digits`, or `n` is no whole number
        from 1 on.

    References
    ----------
    Brown and Heathers (2017), The GRIM test, Social Psychological and Personality Science 8(4).

    Examples
    --------
    >>> print(grim(90, 25).sentence())
    90% of 25 is impossible: the nearest are 88% and 92%.
    """
    frames.whole("n", n, 1)
    frames.whole("digits", digits, 0)
    if number("percent", percent) > 100:
        raise EvidenceError(f"percent is {shown(percent)}; a number from 0 to 100 is needed")
    if abs(round(percent, digits) - percent) > 1e-9:
        raise EvidenceError(
            f"percent is {shown(percent)}; with digits={digits} a percentage as printed is needed, "
            "such as 90: a share from 0 to 1 times 100, or digits= as many as were printed"
        )
    half = 0.5 * 10.0**-digits + 1e-9
    first = max(math.ceil((percent - half) * n / 100 - 1e-9), 0)
    last = min(math.floor((percent + half) * n / 100 + 1e-9), n)
    printed = round(percent * 10**digits)
    counts = tuple(x for x in range(first, last + 1) if printed in _prints(x, n, digits))
    below = math.floor(percent * n / 100)
    return Grim(
        percent=float(percent),
        n=int(n),
        digits=digits,
        possible=bool(counts),
        counts=counts,
        nearest=() if counts else (100 * below / n, 100 * (below + 1) / n),
    )


def _prints(count: int, n: int, digits: int) -> set[int]:
    """Return what a share prints as, in units of the last digit: half up, and half to even."""
    exact = Fraction(100 * count * 10**digits, n)
    return {math.floor(exact + Fraction(1, 2)), round(exact)}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class WeightedShare(Figure):
    """A share among those asked, from answers weighted by traits known of everybody.

    Parameters
    ----------
    unweighted, estimate, ci_lower, ci_upper, level : float
        Shares from 0 to 1; Wilson's interval at the effective size.
    n, effective_n : float
    caveats : tuple of str
    """

    unweighted: float
    estimate: float
    ci_lower: float
    ci_upper: float
    level: float
    n: float
    effective_n: float
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say the weighted share beside the plain one."""
        middle, low, high, plain = (
            words.number(100 * x, 1)
            for x in (self.estimate, self.ci_lower, self.ci_upper, self.unweighted)
        )
        return (
            f"{middle}% ({100 * self.level:g}% interval {low} to {high}%) with answers weighted to "
            f"everybody asked; {plain}% unweighted."
        )


def weighted_share(
    data: pd.DataFrame, *, answer: str, traits: tuple[str, ...] | str, level: float = 0.95
) -> WeightedShare:
    """Weight answers by traits that are known of everybody who was asked.

    Parameters
    ----------
    data : DataFrame
        One row a person or school asked, whether they answered or not.
    answer : str
        Column of 1 (yes), 0 (no) and empty (no answer).
    traits : str or tuple of str
        Columns of groups, such as phase and size: each answer stands for all asked in its group.
    level : float

    Returns
    -------
    WeightedShare

    Raises
    ------
    EvidenceError
        A column is missing, an answer is not 1, 0 or empty, or a group was asked of which nobody
        answered.

    Notes
    -----
    Post-stratification; the effective size is (Σw)²/Σw² (Kish 1965, Survey Sampling).
    """
    covariance.check_level(level)
    frames.needed(traits)
    traits = frames.listed(traits)
    frames.require(data, (answer, *traits))
    said = frames.numbers(data, answer)
    if not np.isin(said[~np.isnan(said)], (0, 1)).all():
        raise EvidenceError(f"column {answer!r}: 1 (yes), 0 (no) and empty cells are needed")
    groups = pd.DataFrame({name: frames.factor(data, name)[0] for name in traits})
    cell = groups.groupby(list(traits), sort=True).ngroup().to_numpy()
    answered = ~np.isnan(said)
    asked, replies = np.bincount(cell), np.bincount(cell[answered], minlength=cell.max() + 1)
    if (replies == 0).any():
        silent = frames.counted((replies == 0).sum(), "group")
        raise EvidenceError(
            f"nobody answered in {silent} of {' × '.join(traits)} (the first has "
            f"{frames.row((replies[cell] == 0).argmax())}); use broader groups"
        )
    weight = (asked / replies)[cell[answered]]
    yes = said[answered]
    estimate, size = (
        float(np.average(yes, weights=weight)),
        float(weight.sum() ** 2 / (weight**2).sum()),
    )
    low, high = map(float, intervals.wilson(estimate * size, size, level))
    return WeightedShare(
        unweighted=float(yes.mean()),
        estimate=estimate,
        ci_lower=low,
        ci_upper=high,
        level=level,
        n=float(answered.sum()),
        effective_n=size,
        caveats=("within a group, those who answered are taken to be like those who did not",),
    )
