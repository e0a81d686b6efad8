"""Where an area stands among all: rank and band, and how sure the rank is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult
from evidence.methods.monitoring import published
from evidence.stats import covariance
from evidence.stats.monitoring import ranks

POLARITY = ("high", "low")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Ranking(TableResult):
    """Areas with their ranks.

    Parameters
    ----------
    table : DataFrame
        `area`, `value`, `rank` (1 is best; equal values share the better rank), `n_ranked` and
        `band` (A is best); of :func:`rank_interval` also `rank_lower`, `rank_upper`, `rank_mean`
        and `shrunken`, the value drawn in towards the others as far as chance demands.
    value : str
    polarity : {"high", "low"}
    level : float
        Of the rank intervals, NaN without.
    caveats : tuple of str
    """

    table: pd.DataFrame
    value: str
    polarity: str
    level: float = float("nan")
    caveats: tuple[str, ...] = ()

    def of(self, area: object) -> pd.Series:
        """Return the row of an area.

        Raises
        ------
        EvidenceError
            There is none of that name.
        """
        return self.table[published.area(self.table, "area", area)].iloc[0]

    def sentence(self, area: object = None) -> str:
        """Say where an area stands, or how many were ranked."""
        if area is None:
            n = self.table["rank"].count()
            return f"{self.value}: {n:,} areas ranked, {self.polarity} is best."
        row = self.of(area)
        if np.isnan(row["rank"]):
            return f"{self.value}, {row['area']}: no value, so no rank."
        text = f"{self.value}, {row['area']}: {_size(row['value'])}, rank {row['rank']:.0f} of "
        text += f"{row['n_ranked']:.0f}, band {row['band']}"
        if "rank_lower" in row:
            text += (
                f"; chance alone makes it anything from {row['rank_lower']:.0f} to "
                f"{row['rank_upper']:.0f} ({100 * self.level:g}% interval)"
            )
        return f"{text}."


def _size(value: float) -> str:
    """Write a figure whose unit is not known: to three figures, thousands whole."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}".replace("-", "−")


def rank_and_band(data: pd.DataFrame, *, area: str, value: str, polarity: str) -> Ranking:
    """Rank areas and put them into quartile bands, by DfE's rules.

    Parameters
    ----------
    data : DataFrame
        One row an area: one indicator, one period; no regions or England among them.
    area, value : str
        Columns. Symbols (c, x, -) have no rank.
    polarity : {"high", "low"}
        Whether high or low values are better.

    Returns
    -------
    Ranking

    Raises
    ------
    EvidenceError
        A column is missing, an area stands twice, a cell is no number, or fewer than four have
        one.

    Notes
    -----
    Ranks give equal values the better rank; bands cut at type-7 quartiles, where a value at a cut
    falls into the lower-value band (DfE, Local Authority Interactive Tool). So rank and band are
    two answers: of equal values at a cut, rank 26 may be B and rank 93 D.
    """
    names, values, notes = _read(data, area, value, polarity := str(polarity).lower())
    return Ranking(
        table=_ranked(names, values, polarity == "high"),
        value=value,
        polarity=polarity,
        caveats=notes,
    )


def rank_interval(
    data: pd.DataFrame,
    *,
    area: str,
    value: str,
    polarity: str,
    n: str | None = None,
    std_error: str | None = None,
    percent: bool = True,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 1,
) -> Ranking:
    """Rank areas and say between which ranks each may truly be.

    Parameters
    ----------
    data, area, value, polarity
        As :func:`rank_and_band`.
    n : str, optional
        Column of denominators, where the value is a share.
    std_error : str, optional
        Column of standard errors; one of `n` and `std_error` is needed.
    percent : bool
        Shares are from 0 to 100, not from 0 to 1.
    level : float
    draws, seed : int
        Simulated sets of true values.

    Returns
    -------
    Ranking

    Raises
    ------
    EvidenceError
        As :func:`rank_and_band`; neither or both of `n` and `std_error` are given; a share is
        outside its scale.

    Notes
    -----
    True values are drawn given the estimates and how much areas differ
    (:func:`evidence.stats.monitoring.ranks.true_values`), and ranked; the interval holds `level`
    of the ranks.
    The chance error of a share is that of a share drawn in by the share of all (weight of two
    cases), so that 0 of 5 is not certain.

    References
    ----------
    Goldstein and Spiegelhalter (1996), League tables and their limitations, Journal of the Royal
    Statistical Society A 159(3), 385–443.
    """
    covariance.check_level(level)
    frames.yes_or_no(percent=percent)
    frames.whole("draws", draws, 100)
    if (n is None) == (std_error is None):
        raise EvidenceError("rank_interval needs one of n= and std_error=")
    frames.require(data, (n, std_error))
    names, values, notes = _read(data, area, value, polarity := str(polarity).lower())
    scale = 100 if percent else 1
    if n is not None:
        if ((values < 0) | (values > scale)).any():
            raise EvidenceError(
                f"column {value!r}, {frames.row(((values < 0) | (values > scale)).argmax())}: a "
                f"share is from 0 to {scale}; say percent={not percent} or give std_error="
            )
        size, more = published.numbers(data, n)
        if percent and (values > 0).any() and np.nanmax(values) < 1:
            more = (*more, f"{value}: no value reaches 1%; say percent=False if these are shares")
        size = np.where(size > 0, size, np.nan)
        share = values / scale
        known = ~np.isnan(share * size)
        _enough(known)
        centre = np.average(share[known], weights=size[known])
        drawn = (share * size + 2 * centre) / (size + 2)
        error = scale * np.sqrt(drawn * (1 - drawn) / size)
    elif std_error is not None:
        error, more = published.numbers(data, std_error)
        error = np.where(error > 0, error, np.nan)
    known = ~np.isnan(values) & ~np.isnan(error)
    _enough(known)
    values = np.where(known, values, np.nan)
    table = _ranked(names, values, polarity == "high")
    least = np.maximum(error[known], 1e-9 * np.ptp(values[known]) + 1e-12)
    order = np.argsort(frames.factor(data, area)[0][known])  # draws fall on the same areas
    true = np.empty((draws, len(order)))
    true[:, order] = ranks.true_values(
        values[known][order], least[order], draws, np.random.default_rng(seed)
    )
    found = (*ranks.interval(true, polarity == "high", level), true.mean(0))
    for name, column in zip(
        ("rank_lower", "rank_upper", "rank_mean", "shrunken"), found, strict=True
    ):
        table[name] = np.nan
        table.loc[known, name] = column
    return Ranking(
        table=table, value=value, polarity=polarity, level=level, caveats=(*notes, *more)
    )


def _enough(known: np.ndarray) -> None:
    if known.sum() < 4:
        raise EvidenceError(
            f"{frames.counted(known.sum(), 'area')} with a value and what its error comes from; "
            "four are needed"
        )


def _read(
    data: pd.DataFrame, area: str, value: str, polarity: str
) -> tuple[list[str], np.ndarray, tuple[str, ...]]:
    frames.one_of("polarity", polarity, POLARITY)
    frames.require(data, (area, value))
    names = published.unique(data, area)
    values, notes = published.numbers(data, value)
    known = ~np.isnan(values)
    if known.sum() < 4:
        raise EvidenceError(
            f"column {value!r}: {frames.counted(known.sum(), 'area')} with a value; ranks and "
            "quartiles need four"
        )
    return names, values, (*notes, *published.among(value, known))


def _ranked(names: list[str], values: np.ndarray, high: bool) -> pd.DataFrame:
    table = pd.DataFrame({"area": names, "value": values, "rank": ranks.rank(values, high)})
    table["n_ranked"] = float((~np.isnan(values)).sum())
    return table.assign(band=ranks.band(values, high))
