"""What in a trial's file no answer can put right: refused before anything is asked."""

from __future__ import annotations

import pandas as pd

from evidence.data import labels
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.show.words import counted
from evidence.studies.column_names import of_role

DAY = r"\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}.*|\d{1,2}[- ][A-Z][a-z]{2}|[A-Z][a-z]{2}[- ]\d{2}"


def refuse_unfit(frame: pd.DataFrame, treatment: str) -> None:
    """Refuse what no answer can put right: no names of columns, arms or scores half written.

    Raises
    ------
    EvidenceError
        Every such fault; no value of a pupil is told.
    """
    if not labels.headed({str(name): frame[name] for name in frame}, ()):
        raise EvidenceError(f"the first row looks like data: {labels.UNNAMED}, such as school,arm")
    faults = []
    if treatment:
        arms = frame[treatment]
        if (blank := int(arms.isna().sum())) > len(arms) / 2:
            faults.append(
                f"column {treatment!r} is blank in {counted(blank, 'row')} of {len(arms):,}: "
                "write the arm in every pupil's row"
            )
        values = {labels.label(value) for value in arms.dropna().unique()}
        if len({value.casefold() for value in values}) < len(values):
            faults.append(
                f"column {treatment!r} has arms that differ only in capitals; write each arm one "
                "way"
            )
    for name in map(str, frame):
        if any(of_role(role, [name]) for role in ("outcome", "baseline")):
            faults += _not_numbers(frame, name)
    if faults:
        raise EvidenceError(*faults)


def _not_numbers(frame: pd.DataFrame, name: str) -> list[str]:
    """Say what in a column that is named a score is no number."""
    values = frame[name].dropna()
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return []
    cells = values.astype("str").str.strip()
    wrong = pd.to_numeric(cells.str.removesuffix("%").str.replace(",", ""), errors="coerce").isna()
    if 0 < wrong.sum() <= len(values) / 2:
        number, hold = int(wrong.sum()), "holds" if wrong.sum() == 1 else "hold"
        first = frames.row(frame.index.get_loc(wrong.idxmax()), frame)
        dates = cells[wrong].str.fullmatch(DAY).all()
        what = "a date, which a spreadsheet may have made of a score" if dates else "no number"
        return [
            f"column {name!r}: {counted(number, 'cell')} of {len(values):,} {hold} {what} "
            f"({'the first is ' if number > 1 else ''}{first}); write a number, or leave a cell "
            "blank where there is none"
        ]
    if values.nunique() == 2 and of_role("outcome", [name]):
        return [
            f"column {name!r} holds two different words; write 1 for the one that is counted and 0 "
            "for the other"
        ]
    return []
