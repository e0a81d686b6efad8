"""Readers of the files that people hold: each gives a checked table or one line that mends it.

A code such as `SUPP` stays beside the number it replaces and is never turned into a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from evidence.data import labels, plausible, pseudonyms, schools
from evidence.data.official_tables import ks2 as ks2
from evidence.data.official_tables import ks2_panel as ks2_panel
from evidence.data.official_tables import ks4 as ks4
from evidence.data.official_tables import ks4_panel as ks4_panel
from evidence.data.official_tables import percentages
from evidence.data.official_tables import statistics as statistics
from evidence.data.participation_files import participation as participation
from evidence.data.reading_once import kept
from evidence.data.sheet import MISSING, Sheet, sheet, typed
from evidence.errors import EvidenceError, Faults, nearest

SCORES = (
    *("ks1", "reading", "maths", "reading_exp", "maths_exp", "writing_exp", "rwm_exp"),
    *("ks2_prior", "att8", "maths4", "pre", "post"),
)
ESTABLISHMENT = {  # our column: column of Get Information About Schools
    "urn": "URN",
    "school": "EstablishmentName",
    "la": "LA (code)",
    "estab": "EstablishmentNumber",
    "type": "TypeOfEstablishment (name)",
    "phase": "PhaseOfEducation (name)",
    "status": "EstablishmentStatus (name)",
    "pupils": "NumberOfPupils",
    "pct_fsm": "PercentageFSM",
    "federation": "Federations (name)",
    "urban_rural": "UrbanRural (name)",
    "admissions": "AdmissionsPolicy (name)",
    "easting": "Easting",
    "northing": "Northing",
}


@kept
def table(
    path: str | Path,
    required: Sequence[str] = (),
    numeric: Sequence[str] = (),
    unique: Sequence[str] = (),
    *,
    measured: Sequence[str] = (),
    known: Sequence[str] = (),
) -> pd.DataFrame:
    """Read a table with one header row: csv (also gzipped or zipped), xlsx or parquet.

    Parameters
    ----------
    path : str or Path
        The file; ``book.xlsx#Data`` is the sheet "Data" of a workbook.
    required : sequence of str
        Columns that must be there.
    numeric : sequence of str
        Columns whose cells, where there is such a column, must be numbers or blank. Other columns
        become numbers where every cell that is not blank is one; URN, UPN and codes with leading
        zeros stay text.
    unique : sequence of str
        Columns that together must differ from row to row, none of them blank.
    measured : sequence of str
        Columns whose numbers, where they are numbers, are measurements, as those of `numeric` are:
        a code for what is missing (−99 among scores) or an impossible age is refused.
    known : sequence of str
        Columns by which the header, and the sheet of a workbook, is known.

    Returns
    -------
    DataFrame
        Blank cells and `NA` are missing. The index is two less than the row of the file.

    Raises
    ------
    EvidenceError
        The file cannot be read or has no rows, a column is missing or is there twice, a cell is not
        a number, or a row repeats `unique`.
    """
    needed = list(dict.fromkeys((*required, *unique)))
    cells = sheet(path, needed, known=(*numeric, *measured, *known))
    return _table(cells, numeric, unique, measured)


@kept
def pupils(
    path: str | Path,
    required: Sequence[str] = ("upn", "urn", "year"),
    numeric: Sequence[str] = (),
    *,
    names: bool = False,
) -> pd.DataFrame:
    """Read a pupil file: one row a pupil (a year).

    Parameters
    ----------
    path : str or Path
        csv, xlsx or parquet; column names in any case.
    required : sequence of str
        Columns that must be there, in lower case.
    numeric : sequence of str
        Columns that must hold numbers or blanks, beside the usual ones (`SCORES`).
    names : bool
        Whether pupils' names are asked for.

    Returns
    -------
    DataFrame
        Column names in lower case; `upn` and `urn` as text, pseudonyms in place of pupils' ids.

    Raises
    ------
    EvidenceError
        As `table`; also when a UPN (where required) is blank or repeats (in a year), or a column
        holds pupils' names.
    """
    unique = [name for name in ("upn", "year") if name in required and "upn" in required]
    numeric = (*SCORES, *numeric)
    cells = sheet(path, required, str.lower, known=("upn", "urn", "year", *numeric))
    frame = _table(cells, numeric, unique, [*filter(plausible.is_age, cells.names)])
    if "urn" in frame:
        urns = schools.urns(cells, "urn", blanks=True)
        frame["urn"] = pd.array([urn or None for urn in urns], dtype="str")
    return pseudonyms.protected(frame, path, names=names)


def select(frame: pd.DataFrame, where: Mapping[str, object]) -> pd.DataFrame:
    """Keep the rows in which each column of `where` has its value, as text or number.

    Raises
    ------
    EvidenceError
        There is no such column, or no row is left.
    """
    for name, wanted in where.items():
        if name not in frame.columns:
            columns = {str(column): frame[column] for column in frame}
            hint = nearest(name, columns) if labels.headed(columns, ()) else labels.UNNAMED
            raise EvidenceError(f"where: no column {name!r}; {hint}")
        frame = frame[labels.equal(frame[name], labels.coded(frame, name, wanted))]
        if frame.empty:
            raise EvidenceError(f"where: no row has {name} = {wanted!r}")
    return frame


@kept
def establishments(path: str | Path) -> pd.DataFrame:
    """Read an extract of Get Information About Schools.

    Parameters
    ----------
    path : str or Path
        The register's own csv. Its last column may spill over: a school has several links.

    Returns
    -------
    DataFrame
        Columns of `ESTABLISHMENT`: `pupils`, `pct_fsm` (percent), `easting` and `northing` as
        numbers, the others as text; empty where the extract lacks one.

    Raises
    ------
    EvidenceError
        As `table`; also when a URN repeats or is blank.
    """
    theirs = {name.lower(): ours for ours, name in ESTABLISHMENT.items()}
    numeric = ("numberofpupils", "percentagefsm", "easting", "northing")
    cells = sheet(path, ("urn", "establishmentname"), str.lower, spills=True)
    frame = _table(cells, numeric, ("urn",)).assign(urn=schools.urns(cells, "urn"))
    if "percentagefsm" in frame:
        shares = cells.column("percentagefsm")
        percentages(cells, "percentagefsm", shares, cells.numbers(shares))
    frame = frame.rename(columns=theirs).reindex(columns=list(ESTABLISHMENT))
    text = frame.columns.difference(["pupils", "pct_fsm", "easting", "northing"])
    return frame.assign(**{name: frame[name].astype("str").fillna("") for name in text})


def _table(
    cells: Sheet, numeric: Sequence[str], unique: Sequence[str], measured: Sequence[str] = ()
) -> pd.DataFrame:
    faults = Faults()
    for place, name in enumerate(cells.names, start=1):
        first = cells.places[name] + 1  # by number: without a header these are values
        with faults.note():
            if name and first < place:
                raise EvidenceError(
                    f"{cells.path}: columns {first} and {place} have the same name: the first "
                    "row looks like data; it must name the columns, each by a name of its own"
                )
            if not name and place > 1 and any(cells.at(place - 1)):
                raise EvidenceError(f"{cells.path}: column {place} has no name; {labels.UNNAMED}")
    faults.settle()
    for name in unique:
        with faults.note():
            blank = (cell in MISSING for cell in cells.column(name))
            cells.refuse(blank, name, "is blank; every row needs one")
    keys = zip(*(cells.column(name) for name in unique), strict=True)
    with faults.note():
        cells.differ(unique, ["\0".join(key) if any(key) else "" for key in keys])
    columns = {}
    for name in filter(None, cells.names):
        with faults.note():
            columns[name] = typed(cells, name, name in numeric)
            if name in numeric or name in measured:
                _measured(cells, name, columns[name])
    faults.settle()
    # a row's index is two less than its number in the file
    start = cells.lines[0] - 2
    plain = cells.lines[-1] - cells.lines[0] + 1 == len(cells.lines)
    index = pd.RangeIndex(start, start + len(cells.lines)) if plain else np.array(cells.lines) - 2
    frame = pd.DataFrame(columns, index=index)
    frame.attrs = {labels.ROWS: True} | (cells.frame.attrs if cells.frame is not None else {})
    return frame


def _measured(cells: Sheet, name: str, values: np.ndarray) -> None:
    """Refuse two scales in one column, and numbers that are no measurements."""
    if cells.frame is None and "%" in "".join(column := cells.column(name)):
        cells.one_scale(name, column, cells.numbers(column))
    if pd.api.types.is_numeric_dtype(values.dtype):
        fault = plausible.fault(name, np.asarray(values, dtype=float))
        if fault:
            cells.refuse(fault[0], name, fault[1])
