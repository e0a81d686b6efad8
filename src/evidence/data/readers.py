"""Readers of the files that people hold: each gives a checked table or one line that mends it.

A code such as `SUPP` stays beside the number it replaces and is never turned into a number.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from evidence.data import labels, plausible, school_years, schools
from evidence.data.participation_files import participation as participation
from evidence.data.sheet import MISSING, Sheet, sheet, typed
from evidence.errors import EvidenceError, nearest

MEASURES = ("PTRWM_EXP", "PTREAD_EXP", "PTMAT_EXP", "READPROG", "MATPROG")
LEVELS = {
    "1": "school",
    "2": "special",
    "3": "la",
    "4": "national_all",
    "5": "national_state",
}
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
}
_KS2 = ("RECTYPE", "LEA", "ESTAB", "URN", "SCHNAME", "TELIG")
_CODE = re.compile(r"[A-Za-z/]{1,8}|[:~.*\-]")


def ks2(path: str | Path, year: int, measures: Sequence[str] = MEASURES) -> pd.DataFrame:
    """Read a Department for Education key stage 2 performance table.

    Parameters
    ----------
    path : str or Path
        The table of an authority or of all England, as csv (or the same sheet as xlsx).
    year : int
        Year in which the school year ends: 2017 for 2016/17.
    measures : sequence of str
        Columns wanted, in any case. `DIFFN_` columns compare a school's disadvantaged pupils with
        *other pupils nationally*: they are not a gap within the school.

    Returns
    -------
    DataFrame
        A row for each row of the file: `level` ("school", "special", "la", "national_all",
        "national_state"), `urn` ("" where none), `la`, `estab`, `school`, `year`, `n_pupils`
        (TELIG) and `n_pupils_symbol`, `new` (a new school without pupils at the key stage), and
        for each measure a number (percentages as 65.0) and `<measure>_symbol`: "" beside a
        number, else the code as printed, "NEW" on the empty cells of a new school, or "blank".

    Raises
    ------
    EvidenceError
        Not a key stage 2 table, a column is missing (the nearest name is given) or is there twice,
        the file belongs to another year, a URN is malformed or repeats, a row is longer than
        the header, a percentage lies outside 0 to 100, or a cell is neither number nor code.
    """
    if isinstance(year, bool) or not isinstance(year, int | np.integer) or not 1990 < year < 2100:
        raise EvidenceError(f"year: {year!r} is not the year in which a school year ends (2017)")
    cells = sheet(path, _KS2, str.upper)
    own = school_years.of_table(cells.names)
    if own is not None and own != year:
        raise EvidenceError(
            f"{path}: its columns say that it is the table of {own - 1}/{own % 100:02d}, not of "
            f"{year - 1}/{year % 100:02d}; give the right year"
        )
    kinds = cells.column("RECTYPE")
    cells.refuse((kind not in LEVELS for kind in kinds), "RECTYPE", "must be one of 1, 2, 3, 4, 5")
    school_rows = [kind in "12" for kind in kinds]
    urns = [
        (labels.urn(cell) or "") if is_school else ""
        for cell, is_school in zip(cells.column("URN"), school_rows, strict=True)
    ]
    wrong = (is_school and not urn for urn, is_school in zip(urns, school_rows, strict=True))
    cells.refuse(wrong, "URN", schools.SIX)
    cells.differ(["URN"], urns)
    rolls = cells.column("TOTPUPS" if "TOTPUPS" in cells.names else "TELIG")
    new = [roll.upper() == "NEW" for roll in rolls]
    n_pupils, n_pupils_symbol = _measure(cells, "TELIG", new)
    columns = {
        "level": [LEVELS[kind] for kind in kinds],
        "urn": urns,
        "la": cells.column("LEA"),
        "estab": cells.column("ESTAB"),
        "school": cells.column("SCHNAME"),
        "year": int(year),
        "n_pupils": n_pupils,
        "n_pupils_symbol": n_pupils_symbol,
        "new": new,
    }
    for measure in dict.fromkeys(name.strip().upper() for name in measures):
        cells.need(measure, _KS2, nearest=0.0)
        columns[measure], columns[f"{measure}_symbol"] = _measure(cells, measure, new)
    return pd.DataFrame(columns)


def ks2_panel(
    files: Mapping[int, str | Path] | Sequence[str | Path],
    measures: Sequence[str] = MEASURES,
    levels: Sequence[str] = ("school",),
    years: Sequence[int] = (),
) -> pd.DataFrame:
    """Stack key stage 2 tables of several years into a school × year panel.

    Parameters
    ----------
    files : mapping of int to path, or sequence of paths
        Year in which the school year ends, to its table; or the tables, with `years`.
    measures : sequence of str
        Columns wanted; each must be in every file.
    levels : sequence of str
        Kinds of row to keep, of those that `ks2` gives.
    years : sequence of int
        The years of `files`, in order, where `files` is a sequence.

    Returns
    -------
    DataFrame
        Columns of `ks2`, in order of URN and year. A school whose URN changed, as that of an
        academy does, has its newest one in every year, and that of the year in `urn_then`.

    Raises
    ------
    EvidenceError
        As `ks2`; also when years repeat or do not match the files, two years have the same table,
        a level is unknown, or no row is of the levels asked.
    """
    if not isinstance(files, Mapping):
        if len(files) != len(years) or len(set(years)) != len(years):
            raise EvidenceError(
                f"years: {len(files)} files need as many different years, "
                f"not {', '.join(map(str, years)) or 'none'}"
            )
        files = dict(zip(years, files, strict=True))
    if not files:
        raise EvidenceError("files: no key stage 2 table; give at least one year and its file")
    for level in levels:
        if level not in LEVELS.values():
            raise EvidenceError(
                f"levels: {level!r} is not known; {nearest(level, LEVELS.values())}"
            )
    stack = {year: ks2(files[year], year, measures) for year in sorted(files)}
    for first, second in itertools.combinations(stack, 2):
        if stack[first].drop(columns="year").equals(stack[second].drop(columns="year")):
            raise EvidenceError(
                f"files: {first} and {second} have the same table, {files[first]} and "
                f"{files[second]}; give each year its own"
            )
    panel = pd.concat(stack.values())
    panel = panel[panel["level"].isin(list(levels))]
    if panel.empty:
        raise EvidenceError(f"files: no table has a row of level {' or '.join(levels)}")
    newest = schools.successors(panel)
    panel = panel.assign(urn_then=panel["urn"], urn=panel["urn"].replace(newest))
    return panel.sort_values(["urn", "year"], kind="stable", ignore_index=True)


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
        Blank cells and `NA` are missing.

    Raises
    ------
    EvidenceError
        The file cannot be read or has no rows, a column is missing or is there twice, a cell is not
        a number, or a row repeats `unique`.
    """
    cells = sheet(path, required, known=(*numeric, *unique, *measured, *known))
    return _table(cells, numeric, unique, measured)


def pupils(
    path: str | Path,
    required: Sequence[str] = ("upn", "urn", "year"),
    numeric: Sequence[str] = (),
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

    Returns
    -------
    DataFrame
        Column names in lower case; `upn` and `urn` as text.

    Raises
    ------
    EvidenceError
        As `table`; also when a UPN (where required) is blank or repeats (in a year).
    """
    unique = [name for name in ("upn", "year") if name in required and "upn" in required]
    numeric = (*SCORES, *numeric)
    cells = sheet(path, required, str.lower, known=("upn", "urn", "year", *numeric))
    frame = _table(cells, numeric, unique, [name for name in cells.names if "age" in name])
    if "urn" in frame:
        urns = schools.urns(cells, "urn", blanks=True)
        frame["urn"] = pd.Series([urn or None for urn in urns], dtype="str")
    return frame


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
        frame = frame[labels.equal(frame[name], wanted)]
        if frame.empty:
            raise EvidenceError(f"where: no row has {name} = {wanted!r}")
    return frame.reset_index(drop=True)


def establishments(path: str | Path) -> pd.DataFrame:
    """Read an extract of Get Information About Schools.

    Parameters
    ----------
    path : str or Path
        The register's own csv. Its last column may spill over: a school has several links.

    Returns
    -------
    DataFrame
        Columns of `ESTABLISHMENT`: `pupils` and `pct_fsm` (percent) as numbers, the others as text;
        empty where the extract lacks one.

    Raises
    ------
    EvidenceError
        As `table`; also when a URN repeats or is blank.
    """
    theirs = {name.lower(): ours for ours, name in ESTABLISHMENT.items()}
    numeric = ("numberofpupils", "percentagefsm")
    cells = sheet(path, ("urn", "establishmentname"), str.lower, spills=True)
    frame = _table(cells, numeric, ("urn",)).assign(urn=schools.urns(cells, "urn"))
    if "percentagefsm" in frame:
        shares = cells.column("percentagefsm")
        _percentages(cells, "percentagefsm", shares, cells.numbers(shares))
    frame = frame.rename(columns=theirs).reindex(columns=list(ESTABLISHMENT))
    text = frame.columns.difference(["pupils", "pct_fsm"])
    return frame.assign(**{name: frame[name].astype("str").fillna("") for name in text})


def _table(
    cells: Sheet, numeric: Sequence[str], unique: Sequence[str], measured: Sequence[str] = ()
) -> pd.DataFrame:
    width = len(cells.names)
    for place, name in enumerate(cells.names, start=1):
        first = cells.names.index(name) + 1  # by number: without a header these are values
        if name and first < place:
            raise EvidenceError(
                f"{cells.path}: columns {first} and {place} have the same name; {labels.UNNAMED}, "
                "and looks like data where it does not"
            )
        if not name and place > 1 and any(cells.cells[place - 1 :: width]):
            raise EvidenceError(f"{cells.path}: column {place} has no name; {labels.UNNAMED}")
    for name in unique:
        blank = (cell in MISSING for cell in cells.column(name))
        cells.refuse(blank, name, "is blank; every row needs one")
    keys = zip(*(cells.column(name) for name in unique), strict=True)
    cells.differ(unique, ["\0".join(key) for key in keys])
    names = filter(None, cells.names)
    frame = pd.DataFrame({n: typed(cells, n, n in numeric) for n in names})
    for name in dict.fromkeys(n for n in (*numeric, *measured) if n in frame):
        column = cells.column(name)
        cells.one_scale(name, column, cells.numbers(column))
        number = pd.api.types.is_numeric_dtype(frame[name])
        fault = plausible.fault(name, frame[name].to_numpy(float)) if number else None
        if fault:
            cells.refuse(fault[0], name, fault[1])
    return frame


def _measure(cells: Sheet, name: str, new: Sequence[bool]) -> tuple[list[float], list[str]]:
    """Return the numbers of a column, and the codes that are there instead of one."""
    column = cells.column(name)
    numbers = cells.numbers(column)
    codes = {cell for cell in dict.fromkeys(column) if not cell or _CODE.fullmatch(cell)}
    reason = "neither a number nor a code such as SUPP"
    cells.refuse((cell not in numbers and cell not in codes for cell in column), name, reason)
    cells.one_scale(name, column, numbers)
    if name.startswith("PT"):
        _percentages(cells, name, column, numbers)
        reason = "a percentage lies between 0 and 100; look for a shifted row"
        cells.refuse((not 0 <= numbers.get(cell, 0) <= 100 for cell in column), name, reason)
    values = [numbers.get(cell, np.nan) for cell in column]
    symbols = [
        "" if cell in numbers else cell or ("NEW" if is_new else "blank")
        for cell, is_new in zip(column, new, strict=True)
    ]
    return values, symbols


def _percentages(
    cells: Sheet, name: str, column: Sequence[str], numbers: Mapping[str, float]
) -> None:
    """Refuse shares of 1 in the place of percentages, or among whole ones."""
    if any("%" in cell for cell in numbers):
        return
    shares = {cell for cell, number in numbers.items() if 0 < number < 1}
    above = [number for number in numbers.values() if number > 1]
    if shares and all(number % 1 == 0 for number in above):
        said = "a share among percentages" if above else "every percentage is 1 or less"
        reason = f"{said}; write 60 or 60% where 0.6 is meant"
        cells.refuse((cell in shares for cell in column), name, reason)
