"""Tables of many indicators of many areas: our own columns, or those of DfE's interactive tool."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from evidence.data import areas, readers
from evidence.data.formats.tables import tables
from evidence.errors import EvidenceError, nearest

# Column of the Local Authority Interactive Tool, of its dictionary, and of contracts: ours.
_OURS = {
    "short desc": "indicator",
    "measure_short": "indicator",
    "la and regions": "area",
    "years": "time",
    "period": "time",
    "values": "value",
    "la number": "code",
    "measure": "title",
    "y_axis_name": "unit",
}
_LIST = ("la number", "la name", *(f"sn{rank}" for rank in range(1, 11)))  # of neighbours
_NEEDED = ("area", "indicator", "time", "value")
# Shares of the tool, each with the indicator of the same file that it is out of. It has no others.
_OUT_OF = dict.fromkeys(
    ("CareLeaverAcc", "CareLeaverEET", "CareLeaversNEET", "LAC_19_HE", "CareLeavers_LA_NotInTouch"),
    "NoCareLeavers",
)


def read(
    path: str | Path, measures: str | Path | None = None, only: Sequence[str] = ()
) -> pd.DataFrame:
    """Read indicators of areas, one row an area, indicator and time.

    Parameters
    ----------
    path : str or Path
        Columns `area`, `indicator`, `time` (or `period`) and `value`; `n`, `polarity` ("high",
        "low"), `unit` ("%"), `target`, `title`, `code` and `group` if there are any; or the long
        file of the Local Authority Interactive Tool.
    measures : str or Path, optional
        A row an indicator, with the columns about it that `path` lacks, and perhaps `denominator`:
        the indicator of the same file that a share is out of; the tool's dictionary.
    only : sequence of str, optional
        The indicators wanted, by name or title.

    Returns
    -------
    DataFrame
        Those columns and `local`, empty for England, its regions and areas that are no more.

    Raises
    ------
    EvidenceError
        A column is missing, an indicator is unknown, or none has a polarity.
    """
    table = _named(readers.table(path))
    for name in _NEEDED:
        if name not in table:
            raise EvidenceError(f"{path}: has no column {name!r}; needed: {', '.join(_NEEDED)}")
    out_of = pd.Series(_OUT_OF)
    if measures is not None:
        about = _named(readers.table(measures))
        if "indicator" not in about:
            raise EvidenceError(f"{measures}: has no column 'indicator'")
        about = about.drop_duplicates("indicator").set_index("indicator")
        for name in ("title", "polarity", "unit", "target"):
            if name in about and name not in table:
                table[name] = table["indicator"].map(about[name])
        if "denominator" in about:
            out_of = about["denominator"].dropna().astype("str").str.strip()
    if "n" not in table and table["indicator"].isin(out_of.index).any():
        table["n"] = _sizes(path, table, out_of)
    for name in ("title", "polarity", "unit"):
        table[name] = table[name].astype("str") if name in table else ""
        table[name] = table[name].where(~table[name].isin(["nan", "NA", "None"]), "").str.strip()
    if "group" in table:
        table = table[table["group"].isin(["", "all", "Total"]) | table["group"].isna()]
    if only:
        known = {*table["indicator"], *table["title"]}
        for name in only:
            if name not in known:
                raise EvidenceError(f"{path}: has no indicator {name!r}; {nearest(name, known)}")
        table = table[table["indicator"].isin(only) | table["title"].isin(only)]
    if not table["polarity"].str.lower().isin(["high", "low"]).any():
        raise EvidenceError(
            f"{path}: no indicator says which way is better: give a column polarity (high, low), "
            "or with measures a file that has one"
        )
    table["unit"] = np.where(table["unit"].str.startswith("%"), "%", table["unit"])
    wide = areas.known()
    wide = {name.casefold() for name in wide.loc[wide["level"] != "Local authority", "name"]}
    wide |= {"london (inner)", "london (outer)"}
    name = table["area"].astype("str").str.strip()
    inside = ~name.str.casefold().isin(wide) & ~name.str.endswith("(Pre LG)")
    return table.assign(area=name, local=name.where(inside))


def _sizes(path: str | Path, table: pd.DataFrame, out_of: pd.Series) -> pd.Series:
    """Return what each share is out of: the figure of another indicator of its area and time."""
    names = table["indicator"].map(out_of)
    known = set(table["indicator"])
    for name in sorted(set(names.dropna()) - known):
        raise EvidenceError(f"{path}: has no indicator {name!r}, a denominator; give another")
    keys = ["indicator", "area", "time"]
    sizes = table.drop_duplicates(keys).set_index(keys)["value"]
    wanted = pd.MultiIndex.from_arrays([names, table["area"], table["time"]])
    return pd.Series(sizes.reindex(wanted).to_numpy(), index=table.index)


def _named(table: pd.DataFrame) -> pd.DataFrame:
    names = {name: _OURS.get(str(name).strip().casefold(), str(name)) for name in table.columns}
    names = {old: new if new != old else str(old).strip().lower() for old, new in names.items()}
    found = table.rename(columns=names)
    return found.loc[:, ~found.columns.duplicated()]


def neighbours(path: str | Path) -> pd.DataFrame:
    """Read the workbook of statistical neighbours, authorities that are no more among them.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    DataFrame
        A row an authority and rank: `la` and `neighbour` (codes), `area`, `rank` (1 to 10) and
        `closeness`, as printed. An authority without neighbours has no row.

    Raises
    ------
    EvidenceError
        No row has LA number, LA name and SN1 to SN10.
    """
    for table in tables(path):
        rows = [(line, [cell.casefold() for cell in row], row) for line, row in table.rows]
        heads = (place for place, (_, row, _) in enumerate(rows) if {*_LIST} <= {*row})
        if (head := next(heads, None)) is None:
            continue
        code, name, *near = map(rows[head][1].index, _LIST)
        width = max(near) + 2
        padded = ([*row, *[""] * width] for _, _, row in rows[head + 1 :])
        own = [row for row in padded if row[code].isdigit()]
        found = [
            (row[code], row[name], rank, row[place], row[place + 1])
            for row in own
            for rank, place in enumerate(near, start=1)
            if row[place].isdigit()
        ]
        return pd.DataFrame(found, columns=["la", "area", "rank", "neighbour", "closeness"])
    raise EvidenceError(f"{path}: no row has LA number, LA name and SN1 to SN10")
