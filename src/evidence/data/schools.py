"""Which school is which: one rule for URNs, LA and ESTAB, and schools whose URN changed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from evidence.data import labels
from evidence.data.sheet import MISSING, Sheet

_NONE: Mapping[str, str] = MappingProxyType({})
SIX = "a school's URN has six digits"
NOT_A_URN = f"{SIX}; a name, or LA and ESTAB, stand in columns of their own"
_LAESTAB = re.compile(r"'?(\d{3})\D?(\d{4})(?:\.0*)?", re.ASCII)
# authorities that became others, and kept their schools' ESTAB: code to that of the area
_AREA = {
    **{"838": "835"},  # Dorset, 2019
    **{"836": "839", "837": "839"},  # Poole and Bournemouth, 2019
    **{"940": "928", "941": "928"},  # Northamptonshire, 2021
    **{"942": "909", "943": "909"},  # Cumbria, 2023
    **{"822": "820", "823": "820", "895": "875", "896": "875"},  # Bedfordshire, Cheshire, 2009
}


def laestab(la: str, estab: str) -> str | None:
    """Return LA and ESTAB as ``850/2031``, None where they are none; `la` may hold both."""
    found = _LAESTAB.fullmatch(f"{_plain(la)}{'/' if estab else ''}{_plain(estab)}")
    return f"{found[1]}/{found[2]}" if found else None


def _plain(cell: str) -> str:
    return re.sub(r"\.0+$", "", cell.strip())


def urns(cells: Sheet, name: str, *, blanks: bool = False) -> list[str]:
    """Return a column of URNs, as they should be written.

    Raises
    ------
    EvidenceError
        A cell is no URN; a blank one, unless `blanks`, in which case it is "".
    """
    column = cells.column(name)
    known = {cell: labels.urn(cell) or "" for cell in dict.fromkeys(column)}
    wrong = {c for c, u in known.items() if not u and (c not in MISSING or not blanks)}
    if wrong - MISSING:
        cells.refuse((cell in wrong - MISSING for cell in column), name, NOT_A_URN)
    cells.refuse((cell in wrong for cell in column), name, "is blank; every row needs one")
    return [known[cell] for cell in column]


def successors(panel: pd.DataFrame, links: Mapping[str, str] = _NONE) -> dict[str, str]:
    """Return each URN that another one took over, and the school's newest URN.

    Parameters
    ----------
    panel : DataFrame
        Columns `urn`, `la`, `estab` and `year`.
    links : mapping
        URN to the one that took it over, as :func:`evidence.data.file_kinds.school_links` reads.

    Notes
    -----
    A school that becomes an academy gets a new URN and keeps LA and ESTAB; where an authority was
    reorganised, a school keeps ESTAB and often its URN. So schools are one where, in years that
    do not overlap, they have the same LA and ESTAB, then the same ESTAB in the same former
    authority. Two schools with these in one year are two schools.
    """
    rows = panel.loc[(panel["urn"] != "") & (panel["la"] != "") & (panel["estab"] != "")]
    newest: dict[str, str] = {}
    for area in (rows["la"], rows["la"].replace(_AREA)):
        table = pd.DataFrame(
            {
                "key": area.to_numpy() + "/" + rows["estab"].to_numpy(),
                "urn": rows["urn"].replace(newest).to_numpy(),
                "year": rows["year"].to_numpy(),
            }
        ).drop_duplicates()
        two = table.loc[table.duplicated(["key", "year"]), "key"]
        table = table[~table["key"].isin(two)].sort_values("year", kind="stable")
        spans = rows.groupby(rows["urn"].replace(newest))["year"].agg(["min", "max"])
        table = table.drop_duplicates(["key", "urn"])
        for _, names in table[table.duplicated("key", keep=False)].groupby("key")["urn"]:
            for old, new in itertools.pairwise(names):
                if spans["max"][old] < spans["min"][new]:
                    newest[old] = new
    spans = panel.groupby(panel["urn"].replace(newest))["year"].agg(["min", "max"])
    for name in links:
        old, new = _last(newest, name), _last(newest, _last(links, name))
        if {old, new} <= {*spans.index} and spans["max"][old] < spans["min"][new]:
            newest[old] = new
    return {old: _last(newest, old) for old in newest}


def _last(newest: Mapping[str, str], name: str) -> str:
    passed = {name}
    while newest.get(name, name) not in passed:
        name = newest[name]
        passed.add(name)
    return name


def still_open(schools: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the schools that are open, and of those that are not the URN of the one in its place.

    Parameters
    ----------
    schools : DataFrame
        As :func:`evidence.data.readers.establishments` gives them; a school whose `status` is
        blank counts as open.

    Notes
    -----
    A register keeps every school that ever was. A school that became an academy is closed under
    its old URN and open under a new one, with the same LA and ESTAB.
    """
    status = schools["status"].astype("str").str.strip().str.casefold()
    there = status.eq("") | status.str.startswith("open")
    key = schools["la"].astype("str") + "/" + schools["estab"].astype("str")
    known = key.where(~key.str.fullmatch("/?|/.*|.*/"))
    now = pd.Series(schools.loc[there, "urn"].to_numpy(), index=known[there])
    now = now[now.index.notna() & ~now.index.duplicated(keep=False)]
    after = known[~there].map(now).dropna()
    links = dict(zip(schools.loc[after.index, "urn"], after, strict=True))
    return schools[there].reset_index(drop=True), links


def same_schools(
    spells: pd.DataFrame, panel: pd.DataFrame, links: Mapping[str, str] = _NONE
) -> pd.DataFrame:
    """Return spells with the URN that the school has in a panel.

    Parameters
    ----------
    spells : DataFrame
        As :func:`evidence.data.readers.participation` gives them: a `urn` may be an earlier one
        of the school, or LA and ESTAB (``850/2031``).
    panel : DataFrame
        `urn`; where it has them, `urn_then`, `la` and `estab` of each year.
    links : mapping
        As in :func:`successors`.
    """
    there = set(panel["urn"])
    known = {old: new for old in links if (new := _last(links, old)) in there and old not in there}
    if {"la", "estab"} <= set(panel.columns):
        keys = panel["la"].astype("str") + "/" + panel["estab"].astype("str")
        known |= dict(zip(keys, panel["urn"], strict=True))
        area = panel["la"].astype("str").replace(_AREA) + "/" + panel["estab"].astype("str")
        named = pd.Series(spells["urn"].unique())
        for key in named[named.str.contains("/", regex=False) & ~named.isin(known)]:
            la, _, estab = key.partition("/")
            meant = panel.loc[area == f"{_AREA.get(la, la)}/{estab}", "urn"].unique()
            known |= {key: meant[0]} if len(meant) == 1 else {}
    if "urn_then" in panel.columns:
        known |= dict(zip(panel["urn_then"], panel["urn"], strict=True))
    return spells.assign(urn=spells["urn"].map(lambda name: known.get(name, name)))


def found(named: pd.Series, panel: pd.DataFrame, *, linked: bool = False) -> list[str]:
    """Return what a panel has of the schools that are named, one sentence each.

    Parameters
    ----------
    named : Series of str
        URNs.
    panel : DataFrame
        `urn` and, where URNs may have changed, `urn_then`.
    linked : bool
        Whether schools' links were used, too.
    """
    schools = set(named)
    missing = sorted(schools - set(map(labels.label, panel["urn"].unique())))
    absent = f"; not there: {', '.join(missing)}" if missing else ""
    there = f"{len(schools) - len(missing):,} of {len(schools):,} named schools"
    notes = [f"{there} are in the tables{absent}."]
    if "urn_then" in panel:
        rows = panel[panel["urn_then"].notna() & (panel["urn_then"] != panel["urn"])]
        pairs = rows[["urn_then", "urn"]].drop_duplicates().to_numpy()
        renamed = ", ".join(f"{old} is now {new}" for old, new in pairs)
        if renamed:
            notes.append(
                "Schools with a new URN and the same LA and ESTAB, as an academy has, "
                f"{'or linked to their earlier URN, ' if linked else ''}count as the same school: "
                f"{renamed}."
            )
    return notes
