"""Results of the methods: estimates, event studies and what every result shares.

No result holds a row of anybody's data, a clock or an id; the same input gives the same bytes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from evidence.errors import EvidenceError
from evidence.show import html_table, words
from evidence.show.render import render
from evidence.show.words import UNITS
from evidence.stats import covariance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ON_ITS_SCALE = ("estimate", "std_error", "ci_lower", "ci_upper")


class TableResult(ABC):
    """What results with a `table` share; a subclass is a dataclass with a `sentence` method."""

    __slots__ = ()

    table: pd.DataFrame

    @abstractmethod
    def sentence(self) -> str:
        """Say the result in a sentence."""

    def to_frame(self) -> pd.DataFrame:
        """Return the table that the class describes."""
        return self.table.copy()

    def _page_table(self) -> pd.DataFrame:
        """Return the table as it is shown to a reader."""
        return self.table

    def _page_notes(self) -> tuple[str, ...]:
        """Return what a reader must know, one sentence each."""
        return getattr(self, "caveats", ())

    def _repr_html_(self) -> str:
        return page(self.sentence(), self._page_table(), self._page_notes())


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Estimate:
    """One effect with its uncertainty.

    Parameters
    ----------
    estimand : {"itt", "cace", "att"}
        What is estimated.
    outcome : str
        Column of the outcome.
    treatment : str
        The contrast, such as ``small against regular``.
    method : str
        Such as ``OLS, CR2 by school (Satterthwaite)``.
    unit : {"score", "sd", "pp", "points", "log_odds"}
        Unit of `estimate`, `std_error` and the interval: the outcome's own, standard deviations,
        percentage points, points of a published scale, or the log of an odds ratio.
    estimate, std_error, statistic, df, p_value : float
    ci_lower, ci_upper, level : float
        Interval of level `level`, a proportion.
    n_obs, n_clusters : int
        Rows and clusters compared; without clusters every row is one. The further arms of a trial
        are no part of them.
    n_treated, n_control : int
        Rows in the arm asked about and in the reference.
    caveats : tuple of str
        What a reader must know, one sentence each.
    variance_between, variance_within, icc : float
        Variance components where the method has them, in squared units of the outcome.
    fewest : float
        Of an outcome with two values, such as yes and no: fewest rows that have one of them in an
        arm; NaN for all others.
    """

    estimand: str
    outcome: str
    treatment: str
    method: str
    unit: str
    estimate: float
    std_error: float
    statistic: float
    df: float
    p_value: float
    ci_lower: float
    ci_upper: float
    level: float
    n_obs: int
    n_clusters: int
    n_treated: int
    n_control: int
    caveats: tuple[str, ...] = ()
    variance_between: float = float("nan")
    variance_within: float = float("nan")
    icc: float = float("nan")
    fewest: float = float("nan")

    @classmethod
    def of(cls, estimate: Estimate, /, **changes: object) -> Self:
        """Return an estimate as one of this class, with some fields changed or added."""
        values = {field.name: getattr(estimate, field.name) for field in fields(Estimate)}
        return cls(**values | changes)

    @classmethod
    def tested(
        cls, estimate: float, std_error: float, df: float, level: float, **others: Any
    ) -> Self:
        """Return an estimate with its t test and interval; `others` are the other fields.

        Raises
        ------
        EvidenceError
            There is no standard error, or no degree of freedom.
        """
        if not std_error > 0:
            raise EvidenceError(covariance.EXACT.format(f"column {others['outcome']!r}"))
        if df <= 0:
            raise EvidenceError(
                f"column {others['outcome']!r}: {others['n_clusters']:,} "
                f"{'clusters' if others['n_clusters'] < others['n_obs'] else 'rows'} leave no "
                "degree of freedom to judge the error by; more are needed"
            )
        statistic, p_value, lower, upper = covariance.t_test(estimate, std_error, df, level)
        return cls(
            estimate=float(estimate),
            std_error=float(std_error),
            statistic=float(statistic),
            df=float(df),
            p_value=float(p_value),
            ci_lower=float(lower),
            ci_upper=float(upper),
            level=float(level),
            **others,
        )

    def rescaled(self, factor: float, **changes: object) -> Self:
        """Return the estimate, its error and its interval times `factor`, other fields changed."""
        scaled = {name: factor * getattr(self, name) for name in _ON_ITS_SCALE}
        return replace(self, **scaled | changes)

    def to_frame(self) -> pd.DataFrame:
        """Return one row, a column a field but tables; caveats are joined by a semicolon."""
        row = {field.name: getattr(self, field.name) for field in fields(self)}
        row = {name: x for name, x in row.items() if not isinstance(x, pd.DataFrame)}
        return pd.DataFrame([row | {"caveats": "; ".join(self.caveats)}])

    def sentence(self) -> str:
        """Say contrast, estimate, interval, n and method."""
        digits = 1 if self.unit != "sd" and abs(self.estimate) >= 10 else 2
        digits += max(abs(self.ci_lower), abs(self.ci_upper)) < 0.1  # an effect for one per cent
        middle, low, high = (
            words.number(x, digits, sign=True)
            for x in (self.estimate, self.ci_lower, self.ci_upper)
        )
        limits = f"interval {low} to {high}"
        if math.isinf(self.ci_lower) and math.isinf(self.ci_upper):
            limits = "interval: no limits can be given"
        where = f" in {self.n_clusters:,} clusters" if self.n_clusters < self.n_obs else ""
        who = "rows" if self.estimand == "att" else "pupils"
        return (
            f"{self.outcome}, {self.treatment}: {middle} {UNITS[self.unit]} "
            f"({100 * self.level:g}% {limits}; {words.p_value(self.p_value)}; "
            f"{self.n_obs:,} {who}{where}; {self.method})."
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the estimate and its interval."""
        from evidence.show import figures

        return figures.draw_intervals(self.to_frame().assign(label=self.treatment), axes(ax))

    def _repr_html_(self) -> str:
        shown = [*_SHOWN, *(["n_clusters", "icc"] if self.n_clusters < self.n_obs else [])]
        return page(self.sentence(), self.to_frame()[shown], self.caveats)


_SHOWN = ["estimate", "std_error", "ci_lower", "ci_upper", "df", "p_value", "n_obs"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EventStudy(TableResult):
    """Effects by time since the start, with a joint test of the times before it.

    Parameters
    ----------
    table : DataFrame
        `time` (periods since the first treated one), `estimate`, `std_error`, `df`, `p_value`,
        `ci_lower`, `ci_upper`, `n_obs` (rows of treated units at that time). The reference time
        has estimate 0 and no error.
    outcome, treatment, method, unit : str
    level : float
    reference : int
        The time all others are compared with.
    pre_statistic, pre_df_num, pre_df_denom, pre_p_value : float
        F test that all effects before the start are zero; NaN where it cannot be made.
    n_obs, n_clusters : int
    caveats : tuple of str
    covariance : ndarray of shape (q, q) or None
        Of the estimates at the q times other than `reference`, in the table's order; None where
        they are not all compared with that one time.
    att : Estimate or None
        The mean effect over all treated rows, where the method has it.
    """

    table: pd.DataFrame
    outcome: str
    treatment: str
    method: str
    unit: str
    level: float
    reference: int
    pre_statistic: float
    pre_df_num: float
    pre_df_denom: float
    pre_p_value: float
    n_obs: int
    n_clusters: int
    caveats: tuple[str, ...] = ()
    covariance: np.ndarray | None = None
    att: Estimate | None = None

    def sentence(self) -> str:
        """Say whether trends differed before the start, and that the test has little power."""
        start = f"{self.outcome}, {self.treatment}:"
        if self.pre_p_value != self.pre_p_value:
            return f"{start} too few times or clusters to test for differences before the start."
        found, power = "did not clearly differ", "; such a test often misses real differences"
        if self.pre_p_value < 1 - self.level:
            found, power = "differed", ""
        return (
            f"{start} trends {found} before the start "
            f"(F({self.pre_df_num:.0f}, {self.pre_df_denom:.1f}) = {self.pre_statistic:.2f}, "
            f"{words.p_value(self.pre_p_value)}){power}."
        )

    def warnings(self) -> tuple[str, ...]:
        """Return what a reader must know where trends differed before the start."""
        if not self.pre_p_value < 1 - self.level:
            return ()
        return (
            "schools that took part already differed in trend before the start "
            f"({words.p_value(self.pre_p_value)}), so the comparison is not a fair one",
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the effects by time."""
        from evidence.show import figures

        return figures.draw_event_study(self.table.assign(unit=self.unit), axes(ax))


def axes(ax: Axes | None) -> Axes:
    """Return `ax`, or the axes of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1]


def page(sentence: str, table: pd.DataFrame, caveats: tuple[str, ...] = ()) -> str:
    """Return sentence, table and caveats as escaped HTML."""
    notes = [words.capital(caveat) for caveat in caveats]
    said = words.capital(sentence)
    return render("result.html", sentence=said, table=html_table.table(table), notes=notes)


def words_of(statistic: str, what: str, count: int, exact: bool) -> str:
    """Say which test was made, what was drawn and how often."""
    adjusted = "difference" if statistic == "difference" else "t of the difference"
    how = f"all {count:,} allocations" if exact else f"{count:,} allocations"
    return f"randomisation test of the {adjusted}, {what}, {how}; interval by test inversion"


def normal_error(estimate: Estimate) -> float:
    """Return the standard error of a normal with an interval as wide as that of the estimate.

    Bootstraps and randomisation tests have no degrees of freedom, but an interval.
    """
    half = (estimate.ci_upper - estimate.ci_lower) / 2
    if estimate.df == estimate.df:
        half = estimate.std_error * float(stdtrit(estimate.df, 0.5 + estimate.level / 2))
    return half / float(ndtri(0.5 + estimate.level / 2))
