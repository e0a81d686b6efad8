"""The rules of pairs for explore education statistics, and what of them a pair does not keep.

They are those of the Department for Education's screener (eesyscreener 0.3). What fails there is a
fault here, what it only warns of a warning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from evidence.data import areas
from evidence.data.ees.pairs import (
    GROUPS,
    LIKE_A_PLACE,
    META,
    NAMES_OF_SCHOOLS,
    NOT_SHOWN,
    NULLS,
    PLACES,
    REQUIRED,
    SMALL,
    SYMBOLS,
    TIMES,
    UNITS,
    UNITS_OF_OBSERVATION,
    WITHIN,
    Breach,
    Pair,
    listed,
    meta_path,
    read,
)  # fmt: skip

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def check(path: str | Path) -> tuple[list[str], list[str]]:
    """Name what a pair does not keep.

    Parameters
    ----------
    path : str or Path
        ``NAME.csv``; ``NAME.meta.csv`` is looked for beside it.

    Returns
    -------
    tuple of list of str
        Faults, with which the pair is refused, and warnings, with which it is not. Rules that
        stand on others are left out until those are kept.

    Raises
    ------
    EvidenceError
        A file is not there, or is no comma-separated UTF-8 text.
    """
    path = Path(path)
    path = path.with_name(path.name.replace(".meta.csv", ".csv"))  # either of the two will do
    pair = Pair(path, read(path), read(meta_path(path)))
    found: list[Breach] = []
    for stage in _STAGES:
        for rule in stage:
            found += rule(pair)
        if any(breach.fatal for breach in found):
            break
    return [b.text for b in found if b.fatal], [b.text for b in found if not b.fatal]


def _file_name(pair: Pair) -> Iterator[Breach]:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", pair.path.stem):
        why = "its name may have letters, figures, hyphens and underscores only"
        yield Breach(f"{pair.path}: {why}")


def _columns(pair: Pair) -> Iterator[Breach]:
    for path, table, needed, allowed in (
        (pair.path, pair.data, REQUIRED, None),
        (pair.meta_path, pair.meta, META, {*META, "filter_default"}),
    ):
        names = list(table.columns)
        if missing := [name for name in needed if name not in names]:
            yield Breach(f"{path}: has no column {listed(missing)}")
        if twice := [name for name in names if names.count(name) > 1]:
            yield Breach(f"{path}: column {listed(twice)} is there twice")
        if allowed and (other := [name for name in names if name not in allowed]):
            yield Breach(f"{path}: column {listed(other)} is not allowed; allowed: {listed(META)}")
        if table.empty:
            yield Breach(f"{path}: has no rows")


def _names(pair: Pair) -> Iterator[Breach]:
    names = [str(name) for name in pair.data.columns]
    for found, why, fatal in (
        ([n for n in names if re.search(r"\s", n)], "names of columns have no spaces", True),
        (
            [n for n in names if not re.fullmatch(r"[a-z0-9_]+", n) and not re.search(r"\s", n)],
            "names of columns are in snake_case: small letters, figures and underscores",
            False,
        ),
        (
            [n for n in names if not re.match("[a-z]", n)],
            "names of columns start with a small letter",
            False,
        ),
    ):
        if found:
            yield Breach(f"{pair.path}, column {listed(found)}: {why}", fatal)


def _crossed(pair: Pair) -> Iterator[Breach]:
    names = set(pair.data.columns)
    lost = [name for name in pair.meta["col_name"] if name and name not in names]
    if lost:
        yield Breach(f"{pair.meta_path}: {listed(lost)} is no column of {pair.path.name}")
    if lost := [name for name in pair.groups if name not in names]:
        why = f"{listed(lost)} is no column of {pair.path.name}"
        yield Breach(f"{pair.meta_path}, column filter_grouping_column: {why}")
    named = {*pair.meta["col_name"], *pair.groups, *UNITS_OF_OBSERVATION}
    other = [n for n in pair.data if n not in named and len(pair.data[n].unique()) > 1]
    if other:
        why = "is neither a time or place nor in the metadata"
        yield Breach(f"{pair.path}, column {listed(other)}: {why}", False)


# metadata -----------------------------------------------------------------------------------------


def _meta_rows(pair: Pair) -> Iterator[Breach]:
    meta, say = pair.meta, pair.in_meta
    name, kind = meta["col_name"], meta["col_type"]
    is_filter, is_indicator = kind == "Filter", kind == "Indicator"
    yield from say("col_type", ~kind.isin(["Filter", "Indicator"]), "must be Filter or Indicator")
    yield from say("col_name", name == "", "may not be empty")
    yield from say("col_name", name.str.contains(r"\s"), "has no spaces")
    yield from say("col_name", name.duplicated() & (name != ""), "stands in an earlier row too")
    places = UNITS_OF_OBSERVATION - NAMES_OF_SCHOOLS
    why = "is a time or place: those are not in the metadata"
    yield from say("col_name", name.isin(places), why)
    yield from say("filter_grouping_column", meta["filter_grouping_column"].isin(places), why)
    free = NAMES_OF_SCHOOLS if pair.only_school_names else set()
    for column, among in (("col_name", is_filter), ("filter_grouping_column", is_filter)):
        like = meta[column].map(lambda text: bool(LIKE_A_PLACE.fullmatch(text)))
        like &= among & ~meta[column].isin(free) & ~meta[column].isin(places)
        yield from say(column, like, "looks like a place: those are not in the metadata")
    label = meta["label"]
    yield from say("label", label.str.strip() == "", "may not be empty")
    yield from say("label", label.duplicated() & (label != ""), "stands in an earlier row too")
    alike = label.str.split().str.join(" ").str.casefold()
    near = alike.duplicated() & ~label.duplicated() & (alike != "")
    yield from say("label", near, "differs from an earlier one in capitals or spaces only", False)
    for column in ("indicator_grouping", "indicator_unit", "indicator_dp"):
        yield from say(column, is_filter & (meta[column] != ""), "must be empty for a filter")
    for column in ("filter_hint", "filter_grouping_column"):
        yield from say(
            column, is_indicator & (meta[column] != ""), "must be empty for an indicator"
        )
    unit, dp = meta["indicator_unit"], meta["indicator_dp"]
    why = f"must be empty or {', '.join(UNITS[1:])}"
    yield from say("indicator_unit", is_indicator & ~unit.isin(UNITS), why)
    whole = dp.map(lambda text: bool(re.fullmatch(r"\d+(\.0+)?", text)) or text == "")
    yield from say("indicator_dp", ~whole, "must be a whole number of decimal places, 0 or more")
    why = "say how many decimal places are shown"
    yield from say("indicator_dp", is_indicator & (dp == ""), why, fatal=False)
    grouping = meta["filter_grouping_column"]
    alone = ~grouping.isin(meta["col_name"]) & (grouping != "")
    why = "needs a row of its own as a filter"
    yield from say("filter_grouping_column", alone, why, fatal=False)
    yield from say(
        "filter_grouping_column",
        grouping.duplicated() & (grouping != ""),
        "groups an earlier filter too",
    )
    for column in ("indicator_grouping", "filter_grouping_column"):
        outer = meta[column] != meta[column].str.strip()
        yield from say(column, outer, "has spaces before or after it")
    smeared = is_indicator & name.str.contains(GROUPS)
    yield from say("col_name", smeared, "holds a sex or ethnic group: make it a filter")
    broad = {"characteristic", "characteristic_group"}
    yield from say("col_name", name.isin(broad), "use a filter for each characteristic", False)


# what the cells hold ------------------------------------------------------------------------------


def _nulls(pair: Pair) -> Iterator[Breach]:
    for table, say in ((pair.data, pair.at), (pair.meta, pair.in_meta)):
        for name in table.columns:
            why = f"{', '.join(sorted(NULLS))} are no values: use z, x, c, low, k or u"
            yield from say(name, table[name].isin(NULLS), why)
    empty = (pair.data == "").all(axis=1)
    yield from pair.at("time_period", empty, "the row is empty")


def _filters(pair: Pair) -> Iterator[Breach]:
    data, meta = pair.data, pair.meta
    for name in pair.of("Filter"):
        if data[name].nunique() < 2:
            why = "a filter with one value is none: take it out of the metadata"
            yield Breach(f"{pair.path}, column {name}: {why}")
    for name in dict.fromkeys([*pair.of("Filter"), *pair.groups]):
        yield from pair.at(name, data[name].str.strip() == "", "a filter may not be empty")
    defaults = meta.get("filter_default", pd.Series("", meta.index)).where(
        meta["col_type"] == "Filter"
    )
    wanted = dict(zip(meta["col_name"], defaults, strict=True))
    for name in dict.fromkeys([*pair.of("Filter"), *pair.groups]):
        total = wanted.get(name) or "Total"
        if not (data[name] == total).any():
            why = f"has no row {total!r}, which is what is shown first"
            yield Breach(f"{pair.path}, column {name}: {why}", False)
    for name in {*pair.of("Filter"), *pair.groups, *UNITS_OF_OBSERVATION} & {*data.columns}:
        outer = data[name] != data[name].str.strip()
        yield from pair.at(name, outer, "has spaces before or after it")
    free = NAMES_OF_SCHOOLS if pair.only_school_names else set()
    for name in UNITS_OF_OBSERVATION & {*data.columns} - free:
        total = data[name].isin(["Total", "total", "All", "all"])
        yield from pair.at(name, total, "a place is never Total or All: leave it empty")
    for name, group in meta[["col_name", "filter_grouping_column"]].itertuples(index=False):
        if group and data[group].nunique() > data[name].nunique():
            why = f"has more values than {name}, which it groups: exchange them"
            yield Breach(f"{pair.path}, column {group}: {why}")
    for name in pair.groups:
        distinct = pd.Series(data[name].unique())
        if distinct.str.replace(r"[^A-Za-z0-9]", "", regex=True).duplicated().any():
            why = "two of its values differ only in signs and spaces"
            yield Breach(f"{pair.path}, column {name}: {why}")


def _times(pair: Pair) -> Iterator[Breach]:
    period, what = pair.data["time_period"], pair.data["time_identifier"]
    yield from pair.at("time_period", ~period.str.fullmatch(r"\d+"), "must be a whole number")
    families = {name: family for family in TIMES for name in family}
    unknown = ~what.isin(families)
    why = "is not one of Academic year, Financial year, Calendar year, Tax year, Reporting year, "
    why += "Autumn and spring term, a term, month, week, quarter or half year"
    yield from pair.at("time_identifier", unknown, why)
    first = families.get(what.iloc[0])
    if first is None or unknown.any():
        return
    mixed = ~what.isin(first)
    yield from pair.at("time_identifier", mixed, f"cannot be in one file with {what.iloc[0]}")
    digits, form = TIMES[first], {4: "2018", 6: "201819"}[TIMES[first]]
    why = f"{what.iloc[0]} has periods of {digits} figures, such as {form}"
    yield from pair.at("time_period", period.str.len() != digits, why)
    six = period.str.fullmatch(r"\d{6}")
    years = period.where(six, "000001").astype("int64")
    broken = six & ((years // 100 + 1) % 100 != years % 100)
    yield from pair.at("time_period", broken, "six figures are two years that follow each other")


def _levels(pair: Pair) -> Iterator[Breach]:
    level, names = pair.data["geographic_level"], set(pair.data.columns)
    yield from pair.at("geographic_level", ~level.isin(PLACES), f"must be one of {listed(PLACES)}")
    for which in set(level) & PLACES.keys() - {"Planning area"}:
        if lost := [name for name in PLACES[which] if name and name not in names]:
            yield Breach(f"{pair.path}: has rows of level {which} but no column {listed(lost)}")
    for columns in (PLACES["Local authority"], PLACES["Regional"]):
        here = names & {*columns}
        if here and (lost := [name for name in columns if name not in names]):
            yield Breach(f"{pair.path}: has column {listed(sorted(here))} but not {listed(lost)}")
    if {"School", "Provider"} <= set(level):
        yield Breach(f"{pair.path}, column geographic_level: schools and providers are mixed")
    elif len(set(level)) > 1 or set(level) <= {"Institution", "Planning area"}:
        why = "rows of schools, providers, institutions and planning areas are not shown"
        yield from pair.at("geographic_level", level.isin(NOT_SHOWN), why, False)


def _places(pair: Pair) -> Iterator[Breach]:
    data, level = pair.data, pair.data["geographic_level"]
    none = pd.Series("", data.index)
    for which, columns in PLACES.items():
        own = level == which
        held = [name for name in columns if name in data]
        if which != "Planning area":
            for name in held:
                if name != "new_la_code":  # authorities of old have none
                    why = f"may not be empty in rows of level {which}"
                    yield from pair.at(name, own & (data[name] == ""), why)
        if which == "National":
            continue
        within = {which, *WITHIN.get(which, ()), *(() if which in SMALL else SMALL)}
        for name in held:
            if name in NAMES_OF_SCHOOLS and pair.only_school_names:
                continue
            over = ~level.isin(within) & (data[name] != "")
            yield from pair.at(name, over, "must be empty in rows of this level")
        if which in ("MAT", "Sponsor", "Opportunity area") and len(held) == 2:
            pairs = data.loc[own & (data[columns[0]] != ""), held].drop_duplicates()
            for name, what in zip(held, ("code", "name"), strict=True):
                if pairs[name].duplicated().any():
                    other = "name" if what == "code" else "code"
                    why = f"a {which} of one {what} must have one {other}"
                    yield Breach(f"{pair.path}, column {name}: {why}")
        if len(held) >= 2 and columns[0] and which not in _LOOKED_UP:
            code, name = data[columns[0]], data[columns[1]]
            unknown, said = code == "x", name == "Not available"
            if own.any() and which not in ("Institution", "Planning area"):
                yield from pair.at(columns[1], unknown & ~said, "of code x is Not available")
                yield from pair.at(columns[0], own & said & ~unknown, "of Not available is x")
    if (level == "Local authority").any():
        for name in PLACES["Regional"]:
            empty = (level == "Local authority") & (data.get(name, none) == "")
            why = "give the region of each authority"
            yield from pair.at(name, empty, why, False)


# Levels whose pairs of code and name are looked up, here or by the screener.
_LOOKED_UP = {
    "National", "Regional", "Local authority", "Local authority district", "Ward",
    "Parliamentary constituency", "Local enterprise partnership", "English devolved area",
    "Local skills improvement plan area",
}  # fmt: skip
_OUTSIDE = (
    "Not applicable", "Unknown", "Outside of England", "Outside of the United Kingdom",
    "Outside of England and unknown", "Outside of the United Kingdom and unknown",
    "England, Wales and Northern Ireland", "Outside of United Kingdom",
    "Outside of United Kingdom and unknown",
)  # fmt: skip


def _codes(pair: Pair) -> Iterator[Breach]:
    data, level = pair.data, pair.data["geographic_level"]
    for which in ("National", "Regional", "Local authority"):
        code, name = PLACES[which][:2]
        if not {*PLACES[which]} <= {*data.columns}:
            continue
        known = areas.known()
        known = known[known["level"] == which]
        allowed = {*zip(known["code"], known["name"], known["old_code"], strict=True)}
        old = "z" if which == "Local authority" else ""
        allowed |= {("z", text, old) for text in _OUTSIDE}
        second = data["old_la_code"] if which == "Local authority" else pd.Series("", data.index)
        triples = pd.Series([*zip(data[code], data[name], second, strict=True)], data.index)
        wrong = ~triples.isin(allowed) & ~data[code].isin(
            ["x"] if which == "National" else ["", "x"]
        )
        if which == "Regional":
            wrong |= (level == which) & ~triples.isin(allowed)
        columns = "code and name" if which != "Local authority" else "new code, old code and name"
        why = f"{columns} are no pair of the official list (capitals count)"
        yield from pair.at(code, wrong, why)
    if {"new_la_code", "region_code"} <= {*data.columns}:
        known = areas.known().drop_duplicates("code").set_index("code")["region"]
        said = data["region_code"].replace(["E13000001", "E13000002"], "E12000007")  # London's two
        own = data["new_la_code"].map(known)
        elsewhere = own.notna() & (own != "") & (said != "") & (said != own)
        yield from pair.at("region_code", elsewhere, "is not the region of this authority", False)


def _twice(pair: Pair) -> Iterator[Breach]:
    data, level = pair.data, pair.data["geographic_level"]
    names = [n for n in data if n in {*UNITS_OF_OBSERVATION, *pair.of("Filter"), *pair.groups}]
    alone = set(level) <= {"School"} or set(level) <= {"Provider"}
    counted = ~level.isin(["Institution", "Planning area"] if alone else NOT_SHOWN)
    twice = data[names].duplicated() & counted
    yield from pair.at("time_period", twice, "the same time, place and filters as an earlier row")


def _figures(pair: Pair) -> Iterator[Breach]:
    unit = dict(zip(pair.meta["col_name"], pair.meta["indicator_unit"], strict=True))
    for name in pair.of("Indicator"):
        cells = pair.data[name]
        yield from pair.at(
            name, cells == "", "an indicator may not be empty: use z, x, c, low or k"
        )
        if unit[name] in ("string", "numberstring"):
            wrong = cells.isin([":", "~"])
        else:
            distinct = {c: bool(_PLAIN.fullmatch(c)) for c in cells.unique()}
            wrong = ~cells.map(distinct) & ~cells.isin([*SYMBOLS, ""])
        why = "must be a plain number or one of z, x, c, low, k, u (: ~ . - are of older releases)"
        yield from pair.at(name, wrong, why)


_STAGES: tuple[tuple[Callable[[Pair], Iterator[Breach]], ...], ...] = (
    (_file_name, _columns),
    (_names, _crossed),
    (_meta_rows,),
    (_nulls, _filters, _times, _levels),
    (_places, _codes, _twice, _figures),
)
