"""Who took part in which programme, from when to when, in the shapes that people keep it in."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from evidence.data import school_years, schools
from evidence.data.reading_once import kept
from evidence.data.sheet import GAPS, MISSING, Sheet, sheet
from evidence.errors import EvidenceError, Faults

YEAR = "must be a school year: 2019 for 2018/19, 2018/19 or a date such as 01/09/2018"
_NAMES = {  # our column: what files call it, without spaces and punctuation
    "urn": ("urn", "schoolurn", "uniquereferencenumber"),
    "laestab": ("laestab", "dfe", "dfenumber", "dfeno", "dfesnumber"),
    "la": ("la", "lea", "lacode", "leacode"),
    "estab": ("estab", "estabno", "establishmentnumber"),
    "programme": (
        "programme",
        "program",
        "project",
        "intervention",
        "scheme",
        "initiative",
        "programmename",
        "programname",
        "projectname",
        "interventionname",
        "schemename",
        "nameofprogramme",
        "nameofproject",
    ),
    "start": (
        "start",
        "startyear",
        "startdate",
        "from",
        "joined",
        "started",
        "began",
        "since",
        "firstyear",
        "yearjoined",
        "yearstarted",
        "datejoined",
        "datestarted",
        "startedin",
        "joinedin",
        "yearofstart",
        "dateofstart",
    ),
    "end": (
        "end",
        "endyear",
        "enddate",
        "to",
        "left",
        "ended",
        "finished",
        "withdrew",
        "withdrawn",
        "lastyear",
        "yearleft",
        "yearended",
        "dateleft",
        "dateended",
        "until",
        "withdrawaldate",
        "datewithdrawn",
        "yearwithdrawn",
    ),
}
_YES = frozenset({"yes", "y", "1", "1.0", "true", "x", "✓", "✔"})
_NO = GAPS | {"no", "n", "0", "0.0", "false"}
_STILL = frozenset({"ongoing", "present", "current", "continuing", "now"})


@kept
def participation(
    path: str | Path, *, programme: str = "", start: int | None = None
) -> pd.DataFrame:
    """Read which school took part in which programme, from when to when.

    Parameters
    ----------
    path : str or Path
        A row a spell: `urn`, or `la` and `estab`; `programme`; `start` and `end` as school years
        (2019 for 2018/19, 2018/19, or dates), `end` blank or absent where the school still takes
        part. Or a list of schools; or a row a school and a column a programme, with yes and no or
        the year of the start. A year to which dates in August belong is the next for a start.
    programme : str
        The programme of a list of schools, which says none.
    start : int, optional
        The start of schools for which the file says none.

    Returns
    -------
    DataFrame
        `urn` and `programme` as text, `start` as int64, `end` as nullable Int64. Where the file
        has LA and ESTAB, `urn` is ``850/2031`` until `evidence.data.schools.same_schools` finds it.

    Raises
    ------
    EvidenceError
        The file cannot be read or lacks a column; a school, year or yes and no is none; a spell
        ends before it starts, or stands twice.
    """
    every = [name for names in _NAMES.values() for name in names]
    cells = sheet(path, (), _plain, known=[*every, _plain(programme)])
    at = {
        ours: next((name for name in names if name in cells.names), "")
        for ours, names in _NAMES.items()
    }
    for name in filter(None, at.values()):
        cells.need(name, every)
    spells = pd.DataFrame({"urn": "", "row": range(len(cells.lines))})
    faults = Faults()
    with faults.note():
        spells["urn"] = _schools(cells, at)
    with faults.note():
        if not at["programme"] and _plain(programme) in filter(None, cells.names):
            spells = _grid(cells, spells, at, programme, start)
        else:
            _no_grid(cells, at, programme)
            spells = _spells(cells, spells, at, programme, start)
    faults.settle()
    late = set(spells.loc[(spells["end"] < spells["start"]).fillna(False), "row"])
    with faults.note():
        everyone = range(len(cells.lines))
        cells.refuse((row in late for row in everyone), at["end"], "lies before start")
    keys = spells[["urn", "programme", "start"]]
    if (again := keys.duplicated()).any():
        first = int(spells.loc[(keys == keys[again].iloc[0]).all(axis=1), "row"].iloc[0])
        reason = f"as in row {cells.lines[first]}; each may stand once"
        with faults.note():
            twice = set(spells.loc[again, "row"])
            names = "urn and programme and start"
            cells.refuse((row in twice for row in everyone), names, reason)
    faults.settle()
    return spells.drop(columns="row")


def others(path: str | Path) -> dict[str, list[str]]:
    """Return the columns that :func:`participation` passes over, and their cells."""
    taken = {name for names in _NAMES.values() for name in names}
    cells = sheet(path, (), _plain, known=[*taken])
    return {
        name: cells.column(name)
        for name in dict.fromkeys(filter(None, cells.names))
        if name not in taken
    }


def programmes(path: str | Path) -> list[str]:
    """Return the columns of a grid: each says yes and no of schools, or since when and no."""
    found = {name: {_said(cell) for cell in column} for name, column in others(path).items()}
    return [name for name, said in found.items() if None not in said and 0 in said and said - {0}]


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _schools(cells: Sheet, at: dict[str, str]) -> list[str]:
    """Return URNs, or LA and ESTAB where there is no column of URNs."""
    if at["urn"]:
        return schools.urns(cells, at["urn"])
    if not at["laestab"] and not (at["la"] and at["estab"]):
        try:
            cells.need("urn", [name for names in _NAMES.values() for name in names])
        except EvidenceError as error:
            raise EvidenceError(
                f"{error}; schools are found by their URN, or LA and ESTAB, never by name: "
                "get-information-schools.service.gov.uk has them"
            ) from None
    name = at["laestab"] or at["estab"]
    la = cells.column(at["laestab"] or at["la"])
    estab = [""] * len(la) if at["laestab"] else cells.column(at["estab"])
    found = [schools.laestab(*pair) for pair in zip(la, estab, strict=True)]
    reason = "LA and ESTAB are three and four digits, such as 850 and 2031"
    cells.refuse((not each for each in found), name, reason)
    return [each for each in found if each]


def _year(cells: Sheet, name: str, turn: int) -> list[int | None]:
    column = cells.column(name)
    known = {cell: school_years.ends(cell, turn) for cell in dict.fromkeys(column)}
    open_ended = GAPS | _STILL if turn == 9 else GAPS
    wrong = {c for c, year in known.items() if year is None and c.casefold() not in open_ended}
    cells.refuse((cell in wrong for cell in column), name, YEAR)
    return [known[cell] for cell in column]


def _spells(
    cells: Sheet, spells: pd.DataFrame, at: dict[str, str], programme: str, start: int | None
) -> pd.DataFrame:
    every = [name for names in _NAMES.values() for name in names]
    programmes, starts, ends = [programme] * len(spells), [start] * len(spells), None
    faults = Faults()
    with faults.note():
        if at["programme"]:
            programmes = cells.column(at["programme"])
            blank = (cell in MISSING for cell in programmes)
            cells.refuse(blank, at["programme"], "is blank; every row needs one")
        elif not programme:
            cells.need("programme", every)
    with faults.note():
        if at["start"]:
            starts = _year(cells, at["start"], 8)
            cells.refuse((s is None for s in starts), at["start"], f"is blank; {YEAR}")
        elif start is None:
            cells.need("start", every)
    with faults.note():
        ends = _year(cells, at["end"], 9) if at["end"] else [None] * len(spells)
    faults.settle()
    return spells.assign(
        programme=pd.Series(programmes, dtype="str"),
        start=pd.Series(starts, dtype="int64"),
        end=pd.Series(ends, dtype="Int64"),
    )[["urn", "programme", "start", "end", "row"]]


def _grid(
    cells: Sheet, spells: pd.DataFrame, at: dict[str, str], programme: str, start: int | None
) -> pd.DataFrame:
    """Read a column a programme: the one asked about, and all that say of some schools no."""
    starts = _year(cells, at["start"], 8) if at["start"] else [None] * len(spells)
    starts = [start if year is None else year for year in starts]
    taken = {name for names in _NAMES.values() for name in names}
    parts = []
    for name in dict.fromkeys(filter(None, cells.names)):
        if name in taken:
            continue
        column = cells.column(name)
        said = {cell: _said(cell) for cell in dict.fromkeys(column)}
        mine = name == _plain(programme)
        if mine:
            reason = f"says neither yes nor no; {YEAR} where it says since when"
            cells.refuse((said[cell] is None for cell in column), name, reason)
        if None in said.values() or not (mine or 0 in said.values()):
            continue
        begun = [y if said[c] == 1 else said[c] or 0 for c, y in zip(column, starts, strict=True)]
        reason = "says yes, not since when; give the year of the start, or a column start"
        cells.refuse((year is None for year in begun), name, reason)
        part = spells.assign(programme=programme if mine else name, start=begun)
        parts.append(part[part["start"] > 0])
    ends = _year(cells, at["end"], 9) if at["end"] else [None] * len(spells)
    whole = pd.concat(parts, ignore_index=True)
    whole = whole.assign(end=pd.Series(ends, dtype="Int64")[whole["row"]].array)
    return whole.astype({"programme": "str", "start": "int64"})[
        ["urn", "programme", "start", "end", "row"]
    ]


def _no_grid(cells: Sheet, at: dict[str, str], programme: str) -> None:
    """Refuse a list of schools that says yes and no of something: of what, is not known."""
    taken = {name for names in _NAMES.values() for name in names}
    for name in () if at["programme"] else {*filter(None, cells.names)} - taken:
        said = {_said(cell) for cell in cells.column(name)}
        if {0, 1} <= said and None not in said:
            raise EvidenceError(
                f"{cells.path}: column {name} says yes and no, and none is called "
                f"{programme or 'programme'}; call it so, or leave the column out"
            )


def _said(cell: str) -> int | None:
    """Return 1 for yes, 0 for no, the year of a start, and None for anything else."""
    plain = cell.casefold()
    return 1 if plain in _YES else 0 if plain in _NO else school_years.ends(cell, 8)
