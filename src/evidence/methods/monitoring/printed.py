"""Ranks and bands as a report prints them, set against DfE's rule and against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult
from evidence.methods.monitoring import published
from evidence.methods.monitoring.ranks import POLARITY
from evidence.show import words
from evidence.stats.monitoring import ranks

AS_THE_RULE, AGAINST, NO_BAND = "as the rule", "against the rule", ""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PrintedBands(TableResult):
    """Printed ranks and bands, each with what the rule says of it.

    Parameters
    ----------
    table : DataFrame
        `indicator`, `area`, `value`, `rank`, `band` as printed; `by_rank`, the band of that rank
        where nobody shares the value; `ties`, how many areas must share the value for the printed
        band to be right (1: none need to); `finding`: "as the rule", "as the rule if 21 areas
        share the value", "against the rule", or empty without rank and band; and `order`: what
        does not fit the other areas' values, else empty.
    n_areas : tuple of int
    caveats : tuple of str
    """

    table: pd.DataFrame
    n_areas: tuple[int, ...]
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say how many bands fit the rule, and what contradicts itself."""
        found = self.table["finding"]
        n, ties = int((found != NO_BAND).sum()), int((self.table["ties"] > 1).sum())
        odd = self.table.loc[found == AGAINST]
        text = (
            f"Of {n:,} printed bands, {int((found == AS_THE_RULE).sum()):,} are as the rule has "
            f"them, {ties:,} are if enough areas share the value, {len(odd):,} are against it"
        )
        if len(odd):
            text += f" ({'; '.join(sorted(odd['indicator'] + ', ' + odd['area']))})"
        order = self.table.loc[self.table["order"] != ""]
        if len(order):
            which = "; ".join(sorted(order["indicator"] + ": " + order["order"]))
            text += f"; ranks that contradict the values: {which}"
        return f"{text}."


def printed_bands(
    data: pd.DataFrame,
    *,
    indicator: str,
    area: str,
    value: str,
    rank: str,
    band: str,
    polarity: str,
    n_areas: Sequence[int] = (150, 151, 152),
) -> PrintedBands:
    """Check printed ranks and quartile bands without the values of all areas.

    Parameters
    ----------
    data : DataFrame
        One row an indicator and area, as printed; empty cells where nothing was.
    indicator, area, value, rank, band, polarity : str
        Columns; `polarity` holds "high" or "low", whichever is better.
    n_areas : sequence of int
        How many areas were ranked: any of these.

    Returns
    -------
    PrintedBands

    Raises
    ------
    EvidenceError
        A column is missing, a rank is none, a band is not A to D or a polarity not high or low.

    Notes
    -----
    DfE bands cut at type-7 quartiles, and a value at a cut falls to the lower-value side. Where
    high is better, equal values share the better rank and the worse band: so rank 26 may be B. How
    many must share it is told. Where low is better both are the better one, and no tie helps.
    """
    frames.require(data, (indicator, area, value, rank, band, polarity))
    places, notes = published.numbers(data, rank)
    values, more = published.numbers(data, value)
    most = max(n_areas)
    wrong = (places < 1) | (places > most) | (places % 1 > 0)
    if wrong.any():
        raise EvidenceError(
            f"column {rank!r}, {frames.row(wrong.argmax())}: a rank from 1 to {most} is needed"
        )
    columns = [frames.labels(data, name).astype("str") for name in (indicator, area)]
    table = pd.DataFrame({"indicator": columns[0], "area": columns[1]})
    table = table.assign(value=values, rank=places)
    table["band"] = _allowed(data, band, "ABCD", str.upper)
    way = _allowed(data, polarity, POLARITY, str.lower)
    judged = [
        _judge(int(place), printed, high == "high", n_areas)
        if place == place and printed and high
        else ("", np.nan, NO_BAND)
        for place, printed, high in zip(places, table["band"], way, strict=True)
    ]
    table[["by_rank", "ties", "finding"]] = pd.DataFrame(judged, index=table.index)
    table["order"] = ""
    known = table.assign(way=way).dropna(subset=["value", "rank"]).sort_values(["rank", "area"])
    for _, group in known.groupby("indicator"):
        if (said := _contradiction(group)) and group["way"].iloc[0]:
            table.loc[group.index[0], "order"] = said
    return PrintedBands(table=table, n_areas=tuple(n_areas), caveats=(*notes, *more))


def _allowed(
    data: pd.DataFrame, column: str, allowed: Sequence[str], write: Callable[[str], str]
) -> list[str]:
    """Return a column of words, "" where empty; refuse others."""
    codes, found = frames.factor(data, column)
    for at, text in enumerate(map(write, found)):
        if text not in allowed:
            raise EvidenceError(
                f"column {column!r}, {frames.row((codes == at).argmax())}: {found[at]!r} is none "
                f"of {', '.join(allowed)}"
            )
    return [write(found[code]) if code >= 0 else "" for code in codes]


def _judge(rank: int, band: str, high: bool, n_areas: Sequence[int]) -> tuple[str, float, str]:
    """Return the band of a rank alone, how many must share the value, and the finding."""
    best: tuple[float, str] = (np.inf, "")
    for n in n_areas:
        if rank > n:
            continue
        bands = _bands(n, high)
        alone = bands[rank - 1]
        # of equal values from this rank down, the worst place decides where high is better
        reach = [k for k in range(1, n - rank + 2) if bands[rank + k - 2] == band]
        ties = (reach[0] if high or alone == band else np.inf) if reach else np.inf
        best = min(best, (ties, alone))
    ties, alone = best
    if ties == 1:
        return alone, 1.0, AS_THE_RULE
    if ties == np.inf:
        return alone, np.nan, AGAINST
    return alone, float(ties), f"as the rule if {ties} areas share the value"


@cache
def _bands(n: int, high: bool) -> str:
    """Return the band of each rank of `n` different values."""
    bands = "".join(ranks.band(np.arange(n), high))
    return bands[::-1] if high else bands


def _contradiction(group: pd.DataFrame) -> str:
    """Say which two areas' ranks do not fit their values."""
    worth = group["value"] * (1 if group["way"].iloc[0] == "high" else -1)
    for i, one in group.iterrows():
        for j, other in group.iterrows():
            if worth[i] > worth[j] and one["rank"] >= other["rank"]:  # equal ones were rounded
                pair = ", ".join(
                    f"{row['area']} {words.number(row['value'], 2).rstrip('0').rstrip('.')} "
                    f"rank {row['rank']:.0f}"
                    for row in (one, other)
                )
                return pair
    return ""
