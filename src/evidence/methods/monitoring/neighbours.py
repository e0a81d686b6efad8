"""An authority's official statistical neighbours, of a dated list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from evidence.data.labels import label, stored
from evidence.errors import EvidenceError
from evidence.methods.core.results import TableResult
from evidence.methods.monitoring import published

_CODE, _NAME = "LA num", "LA Name"
_HEADER = {_CODE.casefold(), _NAME.casefold(), *(f"sn{place}" for place in range(1, 11))}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Neighbours(TableResult):
    """The ten neighbours of one authority, nearest first.

    Parameters
    ----------
    table : DataFrame
        `position` (1 is nearest), `code`, `name`, `closeness` ("very close", "close", …).
    area, code : str
    vintage : str
        Which list, such as "May 2025".
    former : bool
        The authority no longer exists; its list stands in the file's block of old ones.
    not_among : tuple of str
        Of those that were claimed to be neighbours, the ones that are not.
    caveats : tuple of str
    """

    table: pd.DataFrame
    area: str
    code: str
    vintage: str
    former: bool = False
    not_among: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Name the neighbours, the list they are of, and who was wrongly called one."""
        dated = f" ({self.vintage} list)" if self.vintage else ""
        text = f"Statistical neighbours of {self.area}{dated}: {'; '.join(self.table['name'])}"
        if self.not_among:
            text += f"; not among them: {'; '.join(self.not_among)}"
        return f"{text}."


def neighbours(
    data: pd.DataFrame, *, area: object, vintage: str = "", claimed: Sequence[object] = ()
) -> Neighbours:
    """Return an authority's neighbours from DfE's list.

    Parameters
    ----------
    data : DataFrame
        The sheet "LA SN Groups" of DfE's workbook, as ``pd.read_excel(path)`` or
        ``pd.read_excel(path, header=None)`` gives it: rows above the header and the block of old
        authorities below are found.
    area : str or int
        Name or code (three figures) of the authority.
    vintage : str
        When the list was made; lists differ, so say which.
    claimed : sequence
        Authorities that a report calls neighbours: those not on the list are named.

    Returns
    -------
    Neighbours

    Raises
    ------
    EvidenceError
        The table is no list of neighbours, the authority is not on it (the nearest name is given),
        or the list gives it none.
    """
    cells, header = _sheet(data)
    names = {label(text).casefold(): place for place, text in enumerate(cells[header])}
    code, name = (names[text.casefold()] for text in (_CODE, _NAME))
    body = [row for row in cells[header + 1 :] if _code(row[code]) and label(row[name]) != "nan"]
    old = _old_block(cells, header, code, name)
    known = {_code(row[code]): label(row[name]) for row in reversed(body)}
    wanted = _find(known, area, "area")
    row = next(row for row in body if _code(row[code]) == wanted)
    places = {position: names[f"sn{position}"] for position in range(1, 11)}
    if lacking := [f"SN{position}" for position, at in places.items() if at + 1 >= len(row)]:
        raise EvidenceError(
            f"the list has no column of closeness behind {', '.join(lacking)}; give the sheet "
            "'LA SN Groups' whole"
        )
    rows = []
    for position, at in places.items():
        whose, close = _code(row[at]), row[at + 1]
        if whose:
            rows.append((position, whose, known.get(whose, ""), label(close).capitalize().lower()))
    if not rows:
        dated = f"{vintage} list" if vintage else "this list"
        raise EvidenceError(
            f"area {known[wanted]!r} ({wanted}) has no neighbours on the {dated}: it is newer than "
            "the list; take a later one"
        )
    table = pd.DataFrame(rows, columns=["position", "code", "name", "closeness"])
    theirs = [_find(known, one, "claimed") for one in claimed]
    former = wanted in old
    gone = [text for text, whose in zip(table["name"], table["code"], strict=True) if whose in old]
    notes = [f"{known[wanted]} no longer exists"] if former else []
    notes += [f"no longer an authority: {'; '.join(gone)}"] if gone else []
    lost = table.loc[table["name"] == "", "code"].tolist()
    notes += [f"codes that this list does not name: {', '.join(lost)}"] if lost else []
    return Neighbours(
        table=table,
        area=known[wanted],
        code=wanted,
        vintage=vintage,
        former=former,
        not_among=tuple(known[one] for one in theirs if one not in set(table["code"])),
        caveats=tuple(notes),
    )


def of_all(path: str | Path, data: pd.DataFrame, vintage: str = "") -> dict[str, list[str]]:
    """Return the neighbours of each area of a table, by the names that it has there.

    Parameters
    ----------
    path : str or Path
        DfE's workbook.
    data : DataFrame
        Columns `area` and, where names may be written otherwise, `code`.
    vintage : str

    Returns
    -------
    dict
        Areas that are not on the list are left out.

    Raises
    ------
    EvidenceError
        The file is no list of neighbours.
    """
    official = pd.read_excel(path, header=None, engine="openpyxl")
    cells, header = _sheet(official)
    code, name = (
        [label(text).casefold() for text in cells[header]].index(text.casefold())
        for text in (_CODE, _NAME)
    )
    listed = {label(row[name]).casefold(): _code(row[code]) for row in cells[header + 1 :]}
    whose = {str(area): listed.get(str(area).casefold(), "") for area in data["area"].unique()}
    if "code" in data:
        codes = pd.to_numeric(data["code"], errors="coerce").fillna(0).astype(int).astype("str")
        whose |= {area: own for area, own in zip(data["area"], codes, strict=True) if own != "0"}
    names = {own: area for area, own in whose.items() if own}
    found = {}
    for area, own in whose.items():
        if own in listed.values():
            try:
                near = neighbours(official, area=own, vintage=vintage).table["code"]
            except EvidenceError:  # newer than the list
                continue
            found[area] = [names[one] for one in near if one in names]
    return found


def _sheet(data: pd.DataFrame) -> tuple[list[list[object]], int]:
    """Return the cells with the header among them, and its place."""
    if not isinstance(data, pd.DataFrame):
        raise EvidenceError(f"data: a DataFrame is needed, not {type(data).__name__}")
    columns = [stored(data.iloc[:, place]) for place in range(data.shape[1])]
    cells = [list(data.columns), *(list(row) for row in zip(*columns, strict=True))]
    for place, row in enumerate(cells):
        texts = [label(cell).casefold() for cell in row]
        if set(texts) >= _HEADER:
            return cells, place
    raise EvidenceError(
        f"data is no list of statistical neighbours: no row has {_CODE}, {_NAME}, SN1 … SN10"
    )


def _old_block(cells: list[list[object]], header: int, code: int, name: int) -> set[str]:
    """Return the codes below the line "Old SNs:"."""
    texts = [label(row[name]).casefold() for row in cells]
    start = next((place for place, text in enumerate(texts) if text.startswith("old sn")), None)
    rows = [] if start is None else cells[max(start, header) + 1 :]
    return {_code(row[code]) for row in rows} - {""}


def _code(cell: object) -> str:
    text = label(cell)
    return text if text.isdigit() and len(text) == 3 else ""


def _find(known: dict[str, str], wanted: object, what: str) -> str:
    """Return the code of an authority given by its code, its name or, of one only, a part of it."""
    text = label(wanted)
    if text in known:
        return text
    names = {name.casefold(): code for code, name in known.items()}
    for name in (text.casefold(), f"{text.casefold()} (pre lg)"):
        if name in names:
            return names[name]
    word = re.compile(rf"(?<!\w){re.escape(text.casefold())}(?!\w)")
    holding = [code for name, code in names.items() if word.search(name)]
    if text and len(holding) == 1:
        return holding[0]
    place = published.area(pd.DataFrame({_NAME: [*known.values()]}), _NAME, text, what)
    return [*known][int(np.flatnonzero(place)[0])]
