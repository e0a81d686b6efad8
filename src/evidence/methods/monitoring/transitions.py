"""Ordered judgements given twice: who moved up or down, and how far two judges agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from evidence.errors import EvidenceError, nearest
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult
from evidence.methods.monitoring.published import SYMBOLS
from evidence.show import words
from evidence.stats import covariance
from evidence.stats.monitoring import ordinal

# Ofsted's two scales, best first, and how each grade is written. They cannot be compared.
OVERALL = ("outstanding", "good", "requires improvement", "inadequate")
REPORT_CARD = (
    "exceptional",
    "strong standard",
    "expected standard",
    "needs attention",
    "urgent improvement",
)
_WRITTEN = {
    "os": "outstanding",
    "1": "outstanding",
    "gd": "good",
    "2": "good",
    "ri": "requires improvement",
    "3": "requires improvement",
    "satisfactory": "requires improvement",
    "sm": "inadequate",
    "sw": "inadequate",
    "4": "inadequate",
    "special measures": "inadequate",
    "serious weaknesses": "inadequate",
}
WEIGHTS = ("unweighted", "linear", "quadratic")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Transitions(TableResult):
    """How many moved from which judgement to which.

    Parameters
    ----------
    table : DataFrame
        `before`, `after` and `n`: one row a pair of categories, best first.
    up, same, down : int
    p_value : float
        Two-sided exact sign test: as many ups and downs, if each were as likely.
    margins_p_value : float
        Stuart and Maxwell's test of equal distributions, NaN where it is undefined.
    before, after : str
    caveats : tuple of str
    """

    table: pd.DataFrame
    up: int
    same: int
    down: int
    p_value: float
    margins_p_value: float
    before: str
    after: str
    caveats: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """How many were judged twice."""
        return self.up + self.same + self.down

    def matrix(self) -> pd.DataFrame:
        """Return the table with a row a judgement before and a column a judgement after."""
        order = self.table["before"].drop_duplicates()
        wide = self.table.pivot_table(index="before", columns="after", values="n", aggfunc="sum")
        return wide.loc[order, order]

    def _page_table(self) -> pd.DataFrame:
        return self.matrix().rename_axis(columns=None).reset_index(names="before ↓ after →")

    def sentence(self) -> str:
        """Say how many moved each way, and whether chance would do as much."""
        found = "do not show a direction"
        if self.p_value < 0.05:
            found = "show a rise" if self.up > self.down else "show a fall"
        return (
            f"Of {self.n:,} judged twice, {self.up:,} went up, {self.down:,} down and "
            f"{self.same:,} stayed; these {found} (sign test, {words.p_value(self.p_value)})."
        )


def transitions(
    data: pd.DataFrame, *, before: str, after: str, order: Sequence[str] | None = None
) -> Transitions:
    """Count who moved between ordered judgements, and test for a direction.

    Parameters
    ----------
    data : DataFrame
        One row a school judged twice.
    before, after : str
        Columns of judgements.
    order : sequence of str, optional
        The judgements, best first; by default Ofsted's, abbreviated (OS, Gd, RI, SM) or as numbers
        too.

    Returns
    -------
    Transitions

    Raises
    ------
    EvidenceError
        A column is missing, a judgement is none of `order`, or the two columns are of different
        scales, such as one before and one after Ofsted's change of November 2025.

    Notes
    -----
    Those who stayed say nothing of direction. Inspected schools are no sample of all: weaker ones
    are inspected sooner.
    """
    first, second, levels, caveats = _pair(data, before, after, order, True)
    table = ordinal.cross_table(first, second, len(levels))
    up, down = int(np.tril(table, -1).sum()), int(np.triu(table, 1).sum())
    return Transitions(
        table=pd.DataFrame(
            {
                "before": np.repeat(levels, len(levels)),
                "after": [*levels] * len(levels),
                "n": table.ravel(),
            }
        ),
        up=up,
        same=int(np.trace(table)),
        down=down,
        p_value=ordinal.sign_test(up, down),
        margins_p_value=ordinal.stuart_maxwell(table)[2],
        before=before,
        after=after,
        caveats=caveats,
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Agreement(TableResult):
    """How far two judges of the same schools agree.

    Parameters
    ----------
    table : DataFrame
        `first`, `second`, `n`: one row a pair of categories.
    kappa, std_error, ci_lower, ci_upper, level : float
        Weighted κ: 1 is full agreement, 0 what chance gives.
    observed : float
        Share on which both agree exactly.
    n : int
    weights : {"unweighted", "linear", "quadratic"}
    caveats : tuple of str
    """

    table: pd.DataFrame
    kappa: float
    std_error: float
    ci_lower: float
    ci_upper: float
    level: float
    observed: float
    n: int
    weights: str
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say κ with its interval and the share of exact agreement."""
        kappa, low, high = (words.number(x, 2) for x in (self.kappa, self.ci_lower, self.ci_upper))
        limits = f"{100 * self.level:g}% interval {low} to {high}"
        if math.isnan(self.ci_lower):
            limits = "no interval can be given: every pair agrees alike"
        return (
            f"Weighted κ {kappa} ({limits}; {self.weights} weights); the same judgement for "
            f"{100 * self.observed:.0f}% of {self.n:,}."
        )


def agreement(
    data: pd.DataFrame,
    *,
    first: str,
    second: str,
    weights: str = "linear",
    order: Sequence[str] | None = None,
    level: float = 0.95,
) -> Agreement:
    """Return the weighted κ of two ordered judgements of the same schools.

    Parameters
    ----------
    data : DataFrame
        One row a school.
    first, second : str
        Columns of the two judgements.
    weights : {"linear", "quadratic", "unweighted"}
    order : sequence of str, optional
        The categories in order; by default numbers by size, or Ofsted's judgements.
    level : float

    Returns
    -------
    Agreement

    Raises
    ------
    EvidenceError
        As :func:`transitions`, or all are in one category, where κ is undefined.
    """
    frames.one_of("weights", weights, WEIGHTS)
    covariance.check_level(level)
    codes_first, codes_second, levels, caveats = _pair(data, first, second, order, False)
    table = ordinal.cross_table(codes_first, codes_second, len(levels))
    kappa, error = ordinal.kappa(table, weights)
    if np.isnan(kappa):
        raise EvidenceError(
            f"columns {first!r} and {second!r}: all are in one category; κ is undefined"
        )
    error = error if error > 1e-9 else math.nan  # all pairs agree alike: nothing to judge by
    half = float(ndtri(0.5 + level / 2)) * error
    return Agreement(
        table=pd.DataFrame(
            {
                "first": np.repeat(levels, len(levels)),
                "second": [*levels] * len(levels),
                "n": table.ravel(),
            }
        ),
        kappa=kappa,
        std_error=error,
        ci_lower=float(np.maximum(kappa - half, -1.0)),
        ci_upper=float(np.minimum(kappa + half, 1.0)),
        level=level,
        observed=float(np.trace(table) / table.sum()),
        n=int(table.sum()),
        weights=weights,
        caveats=caveats,
    )


def _pair(
    data: pd.DataFrame, before: str, after: str, order: Sequence[str] | None, directed: bool
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Return two columns as places in the order of judgements, the order and caveats."""
    frames.require(data, (before, after))
    read = [frames.factor(data, name) for name in (before, after)]
    if order is None:
        order = _scale((before, after), read, directed)
    order = tuple(str(name).strip() for name in order)
    if len({name.casefold() for name in order}) < max(len(order), 2):
        raise EvidenceError("order: two or more different judgements are needed, best first")
    codes = [places_of(data, name, order) for name in (before, after)]
    both = (codes[0] >= 0) & (codes[1] >= 0)
    if not both.any():
        raise EvidenceError(f"no row has a judgement both in {before!r} and in {after!r}")
    lost = int((~both).sum())
    notes = (f"{frames.counted(lost, 'row')} without both judgements left out",) if lost else ()
    return codes[0][both], codes[1][both], order, notes


def places_of(data: pd.DataFrame, column: str, order: Sequence[str]) -> np.ndarray:
    """Return each cell's place in an order of judgements, -1 where none is given.

    Raises
    ------
    EvidenceError
        A cell is none of `order`; the row is named.
    """
    place = {name.casefold(): at for at, name in enumerate(order)}
    codes, found = frames.factor(data, column)
    texts = [_plain(text) if tuple(order) == OVERALL else text.casefold() for text in found]
    place = {text: -1 for text in texts if text in SYMBOLS} | place  # no judgement is given
    for at, text in enumerate(texts):
        if text not in place:
            raise EvidenceError(
                f"column {column!r}, {frames.row((codes == at).argmax())}: {found[at]!r} is no "
                f"judgement of this scale; {nearest(text, order)}"
            )
    ranks: np.ndarray = np.array([*(place[text] for text in texts), -1])[codes]
    return ranks


def _plain(text: str) -> str:
    text = " ".join(text.casefold().split())
    return _WRITTEN.get(text, text)


def _scale(
    columns: tuple[str, str], read: list[tuple[np.ndarray, list[str]]], directed: bool
) -> Sequence[str]:
    """Return the scale of both columns: one of Ofsted's, or numbers where no end is the best."""
    scales = []
    for _, names in read:
        plain = {_plain(name) for name in names}
        new, old = plain & set(REPORT_CARD), plain & set(OVERALL)
        scales.append("both" if new and old else "new" if new else "old" if old else "other")
    if "both" in scales or set(scales) == {"new", "old"}:
        raise EvidenceError(
            f"columns {columns[0]!r} and {columns[1]!r}: Ofsted's report cards (from November "
            "2025) have another scale and other areas than the judgements before; a school cannot "
            "be said to have moved up or down between them: compare within one scale"
        )
    judgements = {name for _, found in read for name in found if name.casefold() not in SYMBOLS}
    if "new" in scales:
        return REPORT_CARD
    numbers = all(name.isdigit() and len(name) < 3 for name in judgements)
    if "old" in scales and (directed or not numbers):
        return OVERALL
    if numbers and not directed:
        low, high = min(map(int, judgements)), max(map(int, judgements))
        return [str(number) for number in range(low, max(high, low + 1) + 1)]
    raise EvidenceError(
        f"columns {columns[0]!r} and {columns[1]!r}: say with order= which judgement is best, and "
        "which come next"
    )
