"""Official tables: performance tables of schools, and statistics in their tidy layout.

A code such as `SUPP` stays beside the number it replaces and is never turned into a number: a
column `X` of numbers has a column `X_symbol`, "" beside a number, else the code as printed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from evidence.data import labels, school_years, schools
from evidence.data.reading_once import kept
from evidence.data.sheet import Sheet, sheet
from evidence.errors import EvidenceError, Faults, nearest

MEASURES = ("PTRWM_EXP", "PTREAD_EXP", "PTMAT_EXP", "READPROG", "MATPROG")
KS4_MEASURES = ("ATT8SCR", "P8MEA")
LEVELS = {
    "1": "school",
    "2": "special",
    "3": "la",
    "4": "national_all",
    "5": "national_state",
}
_KS4_LEVELS = {
    "1": "school",
    "2": "special",
    "4": "la",
    "5": "national_all",
    "7": "national_state",
}
_NEEDED = ("RECTYPE", "LEA", "ESTAB", "URN", "SCHNAME")
_CODE = re.compile(r"[A-Za-z/]{1,8}|[:~.*\-]|\.\.|\[[a-z]{1,4}\]")
# of explore education statistics; symbols of older releases among them
_SYMBOLS = frozenset(("z", "x", "c", "k", "u", "low", ":", "~", ".", "..", "*", "-"))
_SYMBOLS |= {"NA", "N/A", "SUPP", "NP", "NE", "NEW", "LOWCOV", "DNS", "[z]", "[x]", "[c]", "[low]"}
_SYMBOLS |= {"[k]", "[u]", "[~]", "NULL", "SP", "RE", "REDACTED"}
_SYMBOLS |= {symbol.lower() for symbol in _SYMBOLS if len(symbol) > 1}
_WHEN, _WHERE = ("time_period", "year"), ("geographic_level", "level")
_IDENTIFIER = re.compile(
    r".*[_ ](code|name|id|uid|urn|ukprn|laestab)|time_.*|years?|level|.*urn|la|lea|estab|laestab"
    r"|la number|telnum|rectype|.*date"
)


@kept
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
    return _performance_table(path, year, measures, "TELIG", LEVELS)


@kept
def ks4(path: str | Path, year: int, measures: Sequence[str] = KS4_MEASURES) -> pd.DataFrame:
    """Read a Department for Education key stage 4 performance table.

    Parameters
    ----------
    path, year, measures
        As in :func:`ks2`.

    Returns
    -------
    DataFrame
        The columns of :func:`ks2`; `n_pupils` is TPUP.

    Raises
    ------
    EvidenceError
        As :func:`ks2`.
    """
    return _performance_table(path, year, measures, "TPUP", _KS4_LEVELS)


def columns(path: str | Path) -> list[str]:
    """Return the names of the columns of a performance table, in capitals."""
    return [*filter(None, sheet(path, _NEEDED, str.upper).names)]


def _performance_table(
    path: str | Path,
    year: int,
    measures: Sequence[str],
    count: str,
    levels: Mapping[str, str],
) -> pd.DataFrame:
    if isinstance(year, bool) or not isinstance(year, int | np.integer) or not 1990 < year < 2100:
        raise EvidenceError(f"year: {year!r} is not the year in which a school year ends (2017)")
    needed = (*_NEEDED, count)
    cells = sheet(path, needed, str.upper)
    own = school_years.of_table(cells.names)
    faults = Faults()
    with faults.note():
        if own is not None and own != year:
            raise EvidenceError(
                f"{path}: its columns say that it is the table of {own - 1}/{own % 100:02d}, not "
                f"of {year - 1}/{year % 100:02d}; give the right year"
            )
    kinds = cells.column("RECTYPE")
    with faults.note():
        reason = f"must be one of {', '.join(levels)}"
        cells.refuse((kind not in levels for kind in kinds), "RECTYPE", reason)
    school_rows = [kind in ("1", "2") for kind in kinds]
    urns = [
        (labels.urn(cell) or "") if is_school else ""
        for cell, is_school in zip(cells.column("URN"), school_rows, strict=True)
    ]
    wrong = (is_school and not urn for urn, is_school in zip(urns, school_rows, strict=True))
    with faults.note():
        cells.refuse(wrong, "URN", schools.SIX)
    with faults.note():
        cells.differ(["URN"], urns)
    rolls = cells.column("TOTPUPS" if "TOTPUPS" in cells.names else count)
    new = [roll.upper() == "NEW" for roll in rolls]
    columns = {
        "level": [levels.get(kind, "") for kind in kinds],
        "urn": urns,
        "la": cells.column("LEA"),
        "estab": cells.column("ESTAB"),
        "school": cells.column("SCHNAME"),
        "year": int(year),
    }
    with faults.note():
        columns["n_pupils"], columns["n_pupils_symbol"] = _measure(cells, count, new)
    columns["new"] = new
    for measure in dict.fromkeys(name.strip().upper() for name in measures):
        with faults.note():
            cells.need(measure, needed, nearest=0.0)
            columns[measure], columns[f"{measure}_symbol"] = _measure(cells, measure, new)
    faults.settle()
    return pd.DataFrame(columns)


@kept
def ks2_panel(
    files: Mapping[int, str | Path] | Sequence[str | Path],
    measures: Sequence[str] = MEASURES,
    levels: Sequence[str] = ("school",),
    years: Sequence[int] = (),
    links: Mapping[str, str] | None = None,
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
    links : mapping, optional
        URN to the one that took it over: `evidence.data.file_kinds.school_links`.

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
    return _panel(ks2, files, measures, levels, years, links)


@kept
def ks4_panel(
    files: Mapping[int, str | Path] | Sequence[str | Path],
    measures: Sequence[str] = KS4_MEASURES,
    levels: Sequence[str] = ("school",),
    years: Sequence[int] = (),
    links: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Stack key stage 4 tables of several years, as :func:`ks2_panel` does those of key stage 2."""
    return _panel(ks4, files, measures, levels, years, links)


def _panel(
    read: Callable[..., pd.DataFrame],
    files: Mapping[int, str | Path] | Sequence[str | Path],
    measures: Sequence[str],
    levels: Sequence[str],
    years: Sequence[int],
    links: Mapping[str, str] | None,
) -> pd.DataFrame:
    if not isinstance(files, Mapping):
        if len(files) != len(years) or len(set(years)) != len(years):
            raise EvidenceError(
                f"years: {len(files)} files need as many different years, "
                f"not {', '.join(map(str, years)) or 'none'}"
            )
        files = dict(zip(years, files, strict=True))
    if not files:
        raise EvidenceError("files: no performance table; give at least one year and its file")
    for level in levels:
        if level not in LEVELS.values():
            raise EvidenceError(
                f"levels: {level!r} is not known; {nearest(level, LEVELS.values())}"
            )
    stack, faults = {}, Faults()
    for year in sorted(files):
        with faults.note():
            stack[year] = read(files[year], year, measures)
    faults.settle()
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
    newest = schools.successors(panel, links or {})
    panel = panel.assign(urn_then=panel["urn"], urn=panel["urn"].replace(newest))
    return panel.sort_values(["urn", "year"], kind="stable", ignore_index=True)


def tidy(
    path: str | Path,
    needs: Sequence[str],
    measures: Sequence[str] = (),
    *,
    figures: Sequence[str] = (),
    time: str = "",
    urn: str = "",
    spills: bool = False,
) -> pd.DataFrame:
    """Read an official table of any kind: a row for each of its rows, codes beside numbers.

    Parameters
    ----------
    path : str or Path
    needs : sequence of str
        Columns by which it is known, in lower case; all must be there.
    measures : sequence of str
        Columns of figures; without any, each that holds figures and codes alone and whose name is
        not that of a code, name or time.
    figures : sequence of str
        Columns that are figures in any case, though all blank.
    time : str
        Column from which `year` is taken, the one in which a school year ends, where it says one.
    urn : str
        Column of URNs, called `urn` in the result; "" in rows that are of no school.
    spills : bool
        Whether further cells of a row belong to its last column.

    Returns
    -------
    DataFrame
        Column names in lower case; names and groups as text, "" where there is none; each measure
        as number and `<measure>_symbol`.

    Raises
    ------
    EvidenceError
        The file cannot be read, a column is missing or there twice, or a measure holds what is
        neither a number nor a code.
    """
    asked = [name.strip().lower() for name in measures]
    cells = sheet(path, needs, str.lower, known=asked, spills=spills)
    faults = Faults()
    for name in dict.fromkeys((*filter(None, cells.names), *asked)):
        with faults.note():
            cells.need(name, needs)
    faults.settle()
    columns: dict[str, object] = {}
    if time:
        known = {cell: school_years.ends(cell) for cell in dict.fromkeys(cells.column(time))}
        columns["year"] = pd.Series([known[cell] for cell in cells.column(time)], dtype="Int64")
    if urn:
        columns["urn"] = [labels.urn(cell) or "" for cell in cells.column(urn)]
    return _with_symbols(cells, asked, columns, figures)


def _with_symbols(
    cells: Sheet,
    asked: Sequence[str],
    columns: dict[str, object],
    figures: Sequence[str] = (),
) -> pd.DataFrame:
    """Return `columns` and, of all others, figures with their codes beside them, or text."""
    faults = Faults()
    for name in filter(None, cells.names):
        column = cells.column(name)
        if name in (*asked, *figures) or (not asked and _is_measure(cells, name, column)):
            with faults.note():
                symbols = _measure(cells, name, [False] * len(column))
                columns[name], columns[f"{name}_symbol"] = symbols
        elif name not in columns:
            columns[name] = pd.Series(column, dtype="str")
    faults.settle()
    return pd.DataFrame(columns)


def statistics(path: str | Path, measures: Sequence[str] = ()) -> pd.DataFrame:
    """Read official statistics in the tidy layout of explore education statistics.

    Parameters
    ----------
    path : str or Path
        A row a time, place and group: `time_period` (or `year`), `geographic_level` (or `level`).
    measures : sequence of str
        Columns of figures; without any, each that holds figures and codes alone and whose name is
        not that of a code, name or time.

    Returns
    -------
    DataFrame
        Column names in lower case: `year`, the one in which `time_period` ends; names and groups
        as text, "" where there is none; each measure as number and `<measure>_symbol`.

    Raises
    ------
    EvidenceError
        The file cannot be read, a column is missing or there twice, a time is none, or a measure
        holds what is neither a number nor a code.
    """
    cells = sheet(path, (), str.lower, known=(*_WHEN, *_WHERE, *map(str.lower, measures)))
    when, _ = (
        next((name for name in names if name in cells.names), "") or cells.need(names[0], ())
        for names in (_WHEN, _WHERE)
    )
    for name in filter(None, cells.names):
        cells.need(name, ())
    times = cells.column(when)
    ends = {time: school_years.ends(time) for time in dict.fromkeys(times)}
    faults = Faults()
    with faults.note():
        cells.refuse((ends[time] is None for time in times), when, "must be a year such as 202223")
    asked = [name.strip().lower() for name in measures]
    for name in asked:
        with faults.note():
            cells.need(name, (*_WHEN, *_WHERE))
    with faults.note():
        found = _with_symbols(cells, asked, {"year": [ends[time] for time in times]})
    faults.settle()
    return found


def _is_measure(cells: Sheet, name: str, column: Sequence[str]) -> bool:
    if _IDENTIFIER.fullmatch(name):
        return False
    rest = set(column) - {""} - cells.numbers(column).keys()
    return any(column) and rest <= _SYMBOLS


def _measure(cells: Sheet, name: str, new: Sequence[bool]) -> tuple[list[float], list[str]]:
    """Return the numbers of a column, and the codes that are there instead of one."""
    column = cells.column(name)
    numbers = cells.numbers(column)
    codes = {cell for cell in dict.fromkeys(column) if not cell or _CODE.fullmatch(cell)}
    reason = "neither a number nor a code such as SUPP"
    cells.refuse((cell not in numbers and cell not in codes for cell in column), name, reason)
    cells.one_scale(name, column, numbers)
    if name.startswith("PT"):
        percentages(cells, name, column, numbers)
        reason = "a percentage lies between 0 and 100; look for a shifted row"
        cells.refuse((not 0 <= numbers.get(cell, 0) <= 100 for cell in column), name, reason)
    values = [numbers.get(cell, np.nan) for cell in column]
    symbols = [
        "" if cell in numbers else cell or ("NEW" if is_new else "blank")
        for cell, is_new in zip(column, new, strict=True)
    ]
    return values, symbols


def percentages(
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
