"""Kinds of file, each known by its columns: which one a file is, and what is in it.

`KINDS` is the whole list. A kind of official table has one line there and is read by
:func:`official` into one shape: names in lower case, a number beside its code.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from evidence.data import (
    area_files,
    labels,
    official_tables,
    participation_files,
    plausible,
    pseudonyms,
    readers,
    school_years,
)
from evidence.data.formats.tables import Table, tables
from evidence.errors import EvidenceError, nearest

if TYPE_CHECKING:
    import pandera.pandas as pandera

_TOP = 20  # rows among which a header is looked for


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Parameters
    ----------
    name, title : str
        What it is called here, and what people call it.
    texts, figures : tuple of str
        Columns by which it is known, in lower case: words and ids, and numbers or codes.
    urn, time : str
        Its columns of URNs and of times.
    alone : bool
        Whether its figures are those of `figures` alone; else all columns of numbers and codes.
    spills : bool
        Whether its last column may spill over.
    """

    name: str
    title: str
    texts: tuple[str, ...]
    figures: tuple[str, ...] = ()
    urn: str = ""
    time: str = ""
    alone: bool = False
    spills: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns by which it is known."""
        return (*self.texts, *self.figures)


_GIAS = "(Get Information About Schools)"
_TABLE = ("rectype", "urn", "schname")
_URN = ("urn",)
LINES = (
    Kind("ks2", "key stage 2 performance table", _TABLE, ("telig",), urn="urn"),
    Kind("ks4", "key stage 4 performance table", _TABLE, ("tpup",), urn="urn"),
    Kind("ks5", "16 to 18 performance table", _TABLE, ("tpup1618",), urn="urn"),
    Kind("census", "pupil characteristics by school", _URN, ("nor", "norg", "norb"), urn="urn"),
    Kind("workforce", "workforce by school", _URN, ("ntea", "nteaas"), urn="urn"),
    Kind("destinations", "destinations by school", _URN, ("cohort", "overall", "fec"), urn="urn"),
    Kind("absence", "absence by school", _URN, ("perctot", "ppersabs10"), urn="urn"),
    Kind("spine", "list of schools", ("urn", "laestab", "schname"), ("iclose",), urn="urn"),
    Kind("statistics", "official statistics", ("year", "level")),
    Kind("statistics", "official statistics", ("time_period", "geographic_level")),
    Kind("links", f"links of schools {_GIAS}", ("urn", "linkurn", "linktype"), urn="urn",
         spills=True),
    Kind("groups", f"groups of schools {_GIAS}", ("group uid", "group name", "group type")),
    Kind("establishments", f"schools {_GIAS}", ("urn", "establishmentname"), urn="urn",
         spills=True),
    Kind("inspections", "Ofsted outcomes from September 2024", ("urn", "quality of education"),
         urn="urn"),
    Kind("inspections", "Ofsted outcomes", ("urn", "overall effectiveness"), urn="urn"),
    Kind("report cards", "Ofsted outcomes from November 2025",
         ("urn", "inclusion", "achievement", "leadership and governance"), urn="urn"),
    Kind("lait", "Local Authority Interactive Tool", ("short desc", "years", "la and regions"),
         ("values",), time="years", alone=True),
    Kind("neighbours", "statistical neighbours", ("la number", "sn1", "sn10")),
    Kind("annex a", "Annex A list", ("child unique id",)),
    Kind("ctf", "common transfer file", ("upn", "subject"), ("result",)),
    Kind("sen2", "SEN2 return (XML)", ("upn", "personbirthdate", "ethnicity")),
    Kind("sen2", "SEN2 return", ("persontableid",)),
    Kind("participation", "who took part", ("urn", "programme", "start")),
    Kind("pupils", "pupil file", ("upn", "urn", "year")),
)  # fmt: skip
KINDS = {kind.name: kind for kind in LINES}


def official(
    path: str | Path, kind: str = "", measures: Sequence[str] = (), *, names: bool = False
) -> pd.DataFrame:
    """Read a file of one of `KINDS` into the shape that all of them share.

    Parameters
    ----------
    path : str or Path
    kind : str
        Its kind, such as "census"; by default the one that its columns say.
    measures : sequence of str
        Columns of figures; by default those of the kind.
    names : bool
        Whether pupils' names are asked for, in a file of pupils.

    Returns
    -------
    DataFrame
        A row for each of the file's: names in lower case; codes, names and groups as text, "" where
        there is none; each figure as a number, and in `<name>_symbol` the code that stands in place
        of it; `urn` ("" where a row is of no school); `year` where the file has times.

    Raises
    ------
    EvidenceError
        The file is of no known kind or of another one, lacks columns, or holds what is neither a
        number nor a code; pupils' names.
    """
    if kind and kind not in KINDS:
        raise EvidenceError(f"kind is {kind!r}; {nearest(kind, KINDS)}")
    found = guessed(path, kind) or KINDS.get(kind)
    if found is None:
        raise EvidenceError(f"{path}: of no known kind; name one: kind is {', '.join(KINDS)}")
    if found.name == "statistics":
        return _kept(path, found, official_tables.statistics(path, measures))
    if found.name == "neighbours":
        return _kept(path, found, area_files.neighbours(path))
    frame = official_tables.tidy(
        path,
        found.needs,
        measures or (found.figures if found.alone else ()),
        figures=found.figures,
        time=found.time,
        urn=found.urn,
        spills=found.spills,
    )
    return _kept(path, found, pseudonyms.protected(frame, path, names=names))


def contract(kind: str) -> pandera.DataFrameSchema:
    """Return the contract of a kind's tidy shape: what :func:`official` gives, it holds.

    Its columns by which it is known, words as text, figures as numbers; a URN of six digits or "";
    a whole year; and, beside each figure that has `<name>_symbol`, a code where there is no number.

    Raises
    ------
    EvidenceError
        There is no such kind.
    """
    if kind not in KINDS:
        raise EvidenceError(f"kind is {kind!r}; {nearest(kind, KINDS)}")
    return _contract(KINDS[kind])


def _contract(kind: Kind) -> pandera.DataFrameSchema:
    import pandera.pandas as pa

    if kind.name == "neighbours":
        text = {name: pa.Column("str") for name in ("la", "area", "neighbour", "closeness")}
        return pa.DataFrameSchema({**text, "rank": pa.Column("int64", pa.Check.in_range(1, 10))})
    columns = {name: pa.Column() for name in kind.texts}
    for name in kind.figures:
        columns |= {name: pa.Column("float64", nullable=True), f"{name}_symbol": pa.Column("str")}
    if kind.urn:
        columns["urn"] = pa.Column("str", pa.Check.str_matches(r"^(\d{6})?$"))
    if kind.time or kind.name == "statistics":
        whole = pa.Check(pd.api.types.is_integer_dtype, error="whole numbers")
        columns["year"] = pa.Column(checks=whole, nullable=True)
    beside = pa.Check(_beside, error="a number or a code")
    return pa.DataFrameSchema(columns, checks=beside, name=kind.name)


def _beside(frame: pd.DataFrame) -> bool:
    """Say whether each figure has either a number or a code."""
    pairs = [name for name in frame if f"{name}_symbol" in frame]
    return all((frame[name].isna() == (frame[f"{name}_symbol"] != "")).all() for name in pairs)


def _kept(path: str | Path, kind: Kind, frame: pd.DataFrame) -> pd.DataFrame:
    from pandera.errors import SchemaError

    try:
        return _contract(kind).validate(frame)
    except SchemaError as error:
        column = getattr(error.schema, "name", "")
    raise EvidenceError(f"{path}: column {column!r} is not as a {kind.title} has it")


def school_links(path: str | Path) -> dict[str, str]:
    """Read which URN took over which, from the links of Get Information About Schools.

    Parameters
    ----------
    path : str or Path
        Its file of links: URN, LinkURN, LinkType.

    Returns
    -------
    dict
        URN to its successor. Mergers and splits are left out: they are no one school's.

    Raises
    ------
    EvidenceError
        As :func:`official`.
    """
    links = official(path, "links")
    kinds = links["linktype"].str.strip().str.casefold()
    new = links["linkurn"].map(lambda cell: labels.urn(cell) or "")
    pairs = pd.concat(
        [
            pd.DataFrame({"old": links["urn"], "new": new})[kinds == "successor"],
            pd.DataFrame({"old": new, "new": links["urn"]})[kinds == "predecessor"],
        ]
    ).drop_duplicates()
    pairs = pairs[(pairs["old"] != "") & (pairs["new"] != "") & (pairs["old"] != pairs["new"])]
    alone = ~pairs["old"].duplicated(keep=False) & ~pairs["new"].duplicated(keep=False)
    return dict(zip(pairs["old"][alone], pairs["new"][alone], strict=True))


def guessed(path: str | Path, name: str = "") -> Kind | None:
    """Return the kind of a file by its columns, in any of its sheets; None where it is of none.

    With a name, among the kinds of that name.
    """
    return _guess(_tops(path), name)


def _tops(path: str | Path) -> list[list[set[str]]]:
    """Return the first rows of each table of a file, as names in lower case."""

    def top(table: Table) -> list[set[str]]:
        if table.frame is not None:
            return [{str(name).strip().lower() for name in table.frame}]
        return [{cell.lower() for cell in row} for _, row in itertools.islice(table.rows, _TOP)]

    return [top(table) for table in tables(path)]


def _guess(tops: Sequence[Sequence[set[str]]], name: str = "") -> Kind | None:
    rows = [row for top in tops for row in top]
    lines = [kind for kind in LINES if name in ("", kind.name)]
    fitting = [kind for kind in lines if any(row.issuperset(kind.needs) for row in rows)]
    return max(fitting, key=lambda kind: len(kind.needs), default=None)


def described(path: str | Path) -> list[str]:
    """Say what a file is and what is in it, a line each; no cell of it.

    Raises
    ------
    EvidenceError
        It cannot be read: every fault.
    """
    tops = _tops(path)
    kind = _guess(tops)
    if kind is None or kind.name == "pupils":
        return _unknown(path, kind)
    if kind.name == "participation":
        spells = participation_files.participation(path)
        starts = ", ".join(map(str, sorted(spells["start"].unique())))
        programmes = ", ".join(sorted(spells["programme"].unique())[:20])
        schools = f"{spells['urn'].nunique():,} schools in {programmes}; starts: {starts}"
        return [
            f"{path}: {kind.title}, {len(spells):,} spells",
            f"  {schools}",
            _use("participation"),
        ]
    lines = []
    if kind.name in ("ks2", "ks4"):
        header = next(row for top in tops for row in top if row.issuperset(kind.needs))
        year = school_years.of_table([*map(str.upper, header)])
        read = getattr(official_tables, kind.name)
        there = [name for name in MEASURES[kind.name] if name.lower() in header]
        frame = read(path, year or 2000, there)
        said = f" of {year - 1}/{year % 100:02d}" if year else ", its year not known"
        counts = frame["level"].value_counts()
        lines.append(f"{path}: {kind.title}{said}, {len(frame):,} rows")
        lines.append("  " + ", ".join(f"{level} {n:,}" for level, n in counts.items()))
        lines += [f"  {line}" for line in _symbols(frame)]
        lines.append(_use(kind.name))
        return lines
    frame = official(path, kind.name)
    lines.append(f"{path}: {kind.title}, {len(frame):,} rows, {len(frame.columns)} columns")
    if "urn" in frame:
        lines.append(f"  {frame['urn'].replace('', None).nunique():,} schools by URN")
    if "year" in frame:
        years = sorted(map(str, frame["year"].dropna().unique()))
        lines.append(f"  years {', '.join(years[:30])}")
    lines += [f"  {line}" for line in _symbols(frame)]
    if "time_period" in kind.needs:
        beside = Path(path).with_suffix(".meta.csv").name
        lines.append(f"  as a pair for explore education statistics it lacks {beside}")
    return [*lines, f"  read it with ev.file_kinds.official({str(path)!r})"]


MEASURES = {"ks2": official_tables.MEASURES, "ks4": official_tables.KS4_MEASURES}


def _use(parameter: str) -> str:
    return f"  in the register: files = {{ {parameter} = … }}"


def _symbols(frame: pd.DataFrame) -> list[str]:
    """Say how many figures are codes, by code."""
    marks = [frame[name] for name in frame if str(name).endswith("_symbol")]
    if not marks:
        return []
    counts = pd.concat(marks).value_counts().drop("", errors="ignore")
    said = ", ".join(f"{code} {n:,}" for code, n in counts.head(12).items())
    return [f"{len(marks)} columns of figures; codes: {said or 'none'}"]


def _unknown(path: str | Path, kind: Kind | None) -> list[str]:
    """Describe a table of pupils, or of no known kind, by its columns."""
    frame = readers.pupils(path) if kind else readers.table(path)
    what = kind.title if kind else "a table of no known kind, as a trial's is"
    lines = [f"{path}: {what}, {len(frame):,} rows, {len(frame.columns)} columns"]
    named = labels.headed({str(n): frame[n] for n in frame}, ())
    for place, name in enumerate(frame.columns, start=1):
        values = frame[name]
        gaps = int(values.isna().sum())
        kinds = "numbers" if pd.api.types.is_numeric_dtype(values) else "words"
        fault = plausible.fault(str(name), values.to_numpy(float)) if kinds == "numbers" else None
        said = f"{kinds}, {values.nunique():,} different" + (f", {gaps:,} gaps" if gaps else "")
        warning = f"; LOOK: {int(fault[0].sum()):,} cannot be right" if fault else ""
        lines.append(f"  {name if named else f'column {place}'}: {said}{warning}")
    return lines
