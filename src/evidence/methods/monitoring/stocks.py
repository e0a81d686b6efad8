"""Judgements at two dates set against the inspections between them: what does not add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.core.results import TableResult
from evidence.methods.monitoring import published
from evidence.methods.monitoring.transitions import Transitions, places_of
from evidence.show import words


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Stocks(TableResult):
    """How many schools had each judgement at two dates, and what inspections explain of it.

    Parameters
    ----------
    table : DataFrame
        `judgement` (best first), `before`, `after`, `change`, `by_inspection` (schools that came to
        it less those that left it) and `unexplained`, the change less that.
    caveats : tuple of str
    """

    table: pd.DataFrame
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say whether the inspections add up to the change, and where they do not."""
        odd = self.table[self.table["unexplained"] != 0]
        if odd.empty:
            return "The inspections add up to the change between the two dates."
        parts = [
            f"{words.counted(abs(row['unexplained']), 'school')} "
            f"{'more' if row['unexplained'] > 0 else 'fewer'} {row['judgement']} "
            "than they explain"
            for _, row in odd.iterrows()
        ]
        return f"The inspections do not add up to the change: {', '.join(parts)}."


def stock_and_flow(
    data: pd.DataFrame, *, judgement: str, before: str, after: str, flow: Transitions
) -> Stocks:
    """Set the judgements of all schools at two dates against the inspections between them.

    Parameters
    ----------
    data : DataFrame
        One row a judgement.
    judgement : str
        Column of the judgement, written as in `flow`'s data.
    before, after : str
        Columns of how many schools had it at the first and the second date.
    flow : Transitions
        The inspections between the two dates.

    Returns
    -------
    Stocks

    Raises
    ------
    EvidenceError
        A column is missing, a count is no whole number, or a judgement is none of `flow`'s scale or
        stands twice.

    Notes
    -----
    What is left over are schools that opened, closed, became academies (whose judgement lapses) or
    were inspected outside the two dates, or a slip in one of the two sources.
    """
    frames.require(data, (judgement, before, after))
    scale = list(flow.table["before"].drop_duplicates())
    places = places_of(data, judgement, scale)
    if pd.Series(places).duplicated().any():
        raise EvidenceError(f"column {judgement!r}: a judgement stands twice; one row each")
    counts = {}
    for name in (before, after):
        found, _ = published.numbers(data, name)
        wrong = ~(np.isfinite(found) & (found >= 0) & (found % 1 == 0))
        if wrong.any():
            raise EvidenceError(
                f"column {name!r}, {frames.row(wrong.argmax())}: a number of schools is needed, "
                "0 or more"
            )
        counts[name] = np.zeros(len(scale))
        counts[name][places] = found
    moved = flow.matrix().to_numpy()
    net = moved.sum(0) - moved.sum(1)
    table = pd.DataFrame({"judgement": scale, "before": counts[before], "after": counts[after]})
    table["change"] = table["after"] - table["before"]
    table["by_inspection"] = net
    table["unexplained"] = table["change"] - net
    table = table.astype(dict.fromkeys(table.columns[1:], int))
    opened = int(table["change"].sum())
    more = f"{words.counted(abs(opened), 'school')} {'more' if opened > 0 else 'fewer'}"
    note = f"{more} at the second date: opened, closed or not yet judged"
    return Stocks(table=table, caveats=(note,) if opened else ())
