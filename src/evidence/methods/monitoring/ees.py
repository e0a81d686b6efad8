"""Indicators out and in again as a pair of files for explore education statistics."""

from __future__ import annotations

import calendar
import re
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from evidence.data import areas, schema
from evidence.data.ees.pairs import (
    GROUPS,
    LA,
    LIKE_A_PLACE,
    META,
    REQUIRED,
    SYMBOLS,
    UNITS,
    UNITS_OF_OBSERVATION,
    meta_path,
    read,
)
from evidence.data.ees.rules import check
from evidence.errors import EvidenceError
from evidence.methods.core import frames
from evidence.methods.monitoring import published

_LABELS = {
    "value": "{}",
    "ci_lower": "{}: lower end of the 95% range",
    "ci_upper": "{}: upper end of the 95% range",
    "n": "{}: out of how many",
}
_ENDS = {"ci_lower": "_lower", "ci_upper": "_upper", "n": "_out_of"}
_MEASURED = "Measured in "  # the grouping of an indicator whose unit the format does not know
_SOURCE = "As published: "  # and of one whose figures are published already
_TERM = re.compile(
    r"(?i)(autumn|spring|summer)(?: term)? (\S+)|(\S+) (autumn|spring|summer)(?: term)?"
)
_YEARS = ("Academic year", "Financial year", "Tax year", "Calendar year", "Reporting year")
FILTER = "breakdown"


def to_ees(
    indicators: pd.DataFrame, path: str | Path, *, year: str = "Academic year"
) -> tuple[Path, Path]:
    """Write indicators as the pair ``NAME.csv`` and ``NAME.meta.csv``.

    Parameters
    ----------
    indicators : DataFrame
        Rows of the `indicators` contract, as released. Ranks, bands, comparators and sentences have
        no place in the format; :func:`to_workbook` holds them. Where figures are published already
        stands in the grouping of their indicator.
    path : str or Path
        ``NAME.csv``: letters, figures, hyphens and underscores.
    year : {"Academic year", "Financial year", "Tax year"}
        What periods such as 2018/19 are; 2018 alone is a calendar year.

    Returns
    -------
    tuple of Path

    Raises
    ------
    EvidenceError
        A row is not of the contract, its area or period has no place in the format, a figure stands
        twice, or what would be written breaks a rule of the format; nothing is written then.

    Notes
    -----
    Where no figure is known the file holds z (not applicable), x (not available), c (confidential)
    or low (rounds to zero); u (of low reliability) stands in place of its figure. z in all cells of
    an indicator says that the row is not about it.
    """
    frames.one_of("year", year, _YEARS[:3])
    path = Path(path)
    if path.suffix != ".csv":
        raise EvidenceError(f"{path}: a pair is NAME.csv and NAME.meta.csv; give NAME.csv")
    columns = [name for name in schema.WATCHED if name in {*schema.INDICATORS, *indicators}]
    rows = schema.validate_indicators(indicators.reindex(columns=columns))
    if rows.empty:
        raise EvidenceError("indicators: there are no rows to write")
    when = {text: _time(text, year) for text in dict.fromkeys(rows["period"])}
    where = {
        key: _place(key[0], *when[key[1]])
        for key in dict.fromkeys(zip(rows["area"], rows["period"], strict=True))
    }
    group = rows["group"].where(~rows["group"].isin(["", "all"]), "Total").str.strip()
    key = pd.DataFrame(
        [
            {**dict(zip(REQUIRED[:2], when[period][:2], strict=True)), **where[place, period]}
            for place, period in zip(rows["area"], rows["period"], strict=True)
        ]
    ).assign(**{FILTER: group})
    names = list(key.columns)
    if (wrong := key.assign(i=rows["indicator"]).duplicated().to_numpy()).any():
        raise EvidenceError(
            f"indicators, {frames.row(wrong.argmax())}: the same indicator, area, period and group "
            "as an earlier row"
        )
    data = key.drop_duplicates().reset_index(drop=True)
    meta = []
    for number, (name, own) in enumerate(rows.groupby("indicator", sort=False), start=1):
        stem = _stem(str(name), number, data)
        unit = own["unit"].iloc[0]
        source = own["published"].iloc[0] if "published" in own else ""
        if (own["unit"] != unit).any():
            raise EvidenceError(f"indicators: {name} has more than one unit")
        if "published" in own and (own["published"] != source).any():
            raise EvidenceError(f"indicators: {name} has more than one source")
        places = data.merge(key.loc[own.index].assign(row=own.index), on=names, how="left")["row"]
        for part, cells in _cells(own, absent=places.isna().any()).items():
            column = stem + _ENDS.get(part, "")
            data[column] = places.map(cells).fillna("z")
            official = unit if part != "n" and unit in UNITS else ""
            other = part != "n" and unit not in UNITS
            decimals = 0 if part == "n" else _decimals(cells)
            label = _LABELS[part].format(name)
            grouping = f"{_MEASURED}{unit}" if other else ""
            grouping = "; ".join(filter(None, [grouping, f"{_SOURCE}{source}" if source else ""]))
            meta.append((column, "Indicator", label, grouping, official, str(decimals), "", ""))
    default = "Total" if (group == "Total").any() else group.iloc[0]
    if len(set(group)) > 1:
        meta.insert(0, (FILTER, "Filter", "Breakdown", "", "", "", "", ""))
    elif default == "Total":
        data = data.drop(columns=FILTER)
    table = pd.DataFrame(meta, columns=META)
    if len(set(group)) > 1 and default != "Total":
        table["filter_default"] = np.where(table["col_type"] == "Filter", default, "")
    return _written(path, data, table)


def from_ees(path: str | Path) -> pd.DataFrame:
    """Read a pair as indicators: a row an indicator, area, period and group.

    Parameters
    ----------
    path : str or Path
        ``NAME.csv``, with ``NAME.meta.csv`` beside it; it may be of others.

    Returns
    -------
    DataFrame
        The columns of the `indicators` contract that the format holds: `indicator`, `area`,
        `group` ("all" for Total), `period`, `value`, `ci_lower`, `ci_upper`, `unit`, `n`, `symbol`,
        and `published` where a source is named.

    Raises
    ------
    EvidenceError
        The pair breaks a rule of the format; the first is named.
    """
    faults, _ = check(path)
    if faults:
        raise EvidenceError(faults[0])
    data, meta = read(Path(path)), read(meta_path(Path(path)))
    filters = meta.loc[meta["col_type"] == "Filter", "col_name"].tolist()
    filters += [FILTER] if FILTER in data and FILTER not in filters else []
    group = data[filters].agg("; ".join, axis=1) if filters else pd.Series("all", data.index)
    for text in {"; ".join(["Total"] * count) for count in range(1, len(filters) + 1)}:
        group = group.where(group != text, "all")
    names = [data.get(name, pd.Series("", data.index)) for name in ("la_name", "region_name")]
    area = names[0].where(names[0] != "", names[1].where(names[1] != "", data["country_name"]))
    period = [_period(*x) for x in zip(data["time_period"], data["time_identifier"], strict=True)]
    meta = meta[meta["col_type"] == "Indicator"]
    by_label = dict(zip(meta["label"], meta["col_name"], strict=True))
    parts = {part: label.format("") for part, label in _LABELS.items() if part != "value"}
    read_back = []
    for row in meta.itertuples(index=False):
        base = next(
            (row.label.removesuffix(x) for x in parts.values() if row.label.endswith(x)), ""
        )
        if base in by_label:
            continue
        columns = {p: by_label.get(row.label + x) for p, x in parts.items()} | {
            "value": row.col_name
        }
        cells = {p: data[c] if c else pd.Series("", data.index) for p, c in columns.items()}
        there = pd.DataFrame(cells).ne("z").where(pd.DataFrame(cells).ne("")).any(axis=1)
        there |= not any(columns[part] for part in parts)
        grouping, _, source = row.indicator_grouping.partition(_SOURCE)
        unit = row.indicator_unit
        if grouping.startswith(_MEASURED):
            unit = unit or grouping.removeprefix(_MEASURED).removesuffix("; ")
        number = {p: pd.to_numeric(c, errors="coerce").astype("float64") for p, c in cells.items()}
        symbol = cells["value"].where(number["value"].isna(), "").replace({"k": "low"})
        own = pd.DataFrame(
            {"indicator": row.label, "area": area, "group": group, "period": period, **number}
        )
        read_back.append(own.assign(unit=unit, symbol=symbol, published=source)[there])
    if not read_back:
        raise EvidenceError(f"{meta_path(Path(path))}: has no indicator")
    table = pd.concat(read_back, ignore_index=True)
    known = schema.WATCHED if table["published"].any() else schema.INDICATORS
    return table[[name for name in known if name in table]]


def _written(path: Path, data: pd.DataFrame, meta: pd.DataFrame) -> tuple[Path, Path]:
    """Write a pair beside its place, check it, and move it there once it keeps every rule."""
    draft = path.with_name(f"{path.stem}-draft.csv")
    drafts, places = (draft, meta_path(draft)), (path, meta_path(path))
    try:
        for table, place in zip((data, meta), drafts, strict=True):
            table.to_csv(place, index=False, lineterminator="\n", encoding="utf-8")
        faults, _ = check(draft)
        if faults:
            raise EvidenceError(faults[0].replace(f"{path.stem}-draft", path.stem))
        for there, place in zip(drafts, places, strict=True):
            there.replace(place)
    finally:
        for there in drafts:
            there.unlink(missing_ok=True)
    return places


def _cells(own: pd.DataFrame, absent: bool) -> dict[str, pd.Series]:
    """Return the cells of an indicator as the format writes them, column by column.

    `n` goes with it where z as the figure would not say whether there is such a row.
    """
    symbol = own["symbol"].fillna("")
    cells = {"value": own["value"].map(_number).where(symbol == "", symbol)}
    for part in ("ci_lower", "ci_upper"):
        if own[part].notna().any():
            cells[part] = own[part].map(_number).where(symbol == "", symbol)
    if own["n"].notna().any() or absent or (symbol == "z").any():
        cells["n"] = own["n"].map(_number)
    return cells


def _number(value: float) -> str:
    return "x" if np.isnan(value) else np.format_float_positional(value, trim="-")


def _decimals(cells: pd.Series) -> int:
    """Return how many decimal places are shown: as many as there are, two at most."""
    known = cells[~cells.isin(SYMBOLS)]
    return min(2, int(known.str.partition(".")[2].str.len().max() or 0)) if len(known) else 0


def _stem(name: str, number: int, data: pd.DataFrame) -> str:
    """Return a column for an indicator: its words, or its number where they break a rule."""
    stem = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:36].strip("_")
    taken = stem in data or stem in UNITS_OF_OBSERVATION or LIKE_A_PLACE.fullmatch(stem)
    return f"indicator_{number}" if not stem[:1].isalpha() or taken or GROUPS.search(stem) else stem


def _place(text: str, period: str, identifier: str, start: date) -> dict[str, str]:
    """Return the columns of place for an area as it was when the period began."""
    row = areas.find(text, start)
    england = ("E92000001", "England")
    region = ("", "")
    if row["level"] == "National":
        england = (row["code"], row["name"])
    elif row["level"] == "Regional":
        region = (row["code"], row["name"])
    else:
        region = (row["region"], areas.find(row["region"], start)["name"] if row["region"] else "")
    local = row["level"] == "Local authority"
    la = (row["code"], row["old_code"], row["name"]) if local else ("", "", "")
    return {
        "geographic_level": row["level"],
        **dict(zip(REQUIRED[3:], england, strict=True)),
        **dict(zip(("region_code", "region_name"), region, strict=True)),
        **dict(zip(LA, la, strict=True)),
    }


def _time(text: str, year: str) -> tuple[str, str, date]:
    """Return time_period, time_identifier and the day on which a period begins."""
    plain = " ".join(text.split())
    if match := re.fullmatch(r"(\d{4})-(\d\d)", plain):
        month = int(match[2])
        if 1 <= month <= 12 and int(match[1]) % 100 + 1 != month:
            return match[1], calendar.month_name[month], date(int(match[1]), month, 1)
    quarter = re.fullmatch(r"(\S+) Q([1-4])", plain, re.IGNORECASE)
    term = _TERM.fullmatch(plain)
    years = quarter[1] if quarter else (term[2] or term[3]) if term else plain
    found = published.period(years)
    if found is None or found[1]:
        raise EvidenceError(
            f"period {text!r} has no place in the format: years (2018, 2018/19), terms (Autumn "
            "2018/19), quarters (2018/19 Q2) and months (2018-09) have; say in words what is "
            "provisional"
        )
    end, start = found[0], int(years[:4])
    if term:
        name = (term[1] or term[4]).capitalize()
        if end == start:
            end += name == "Autumn"
        day = date(end - 1, 9, 1) if name == "Autumn" else date(end, 1, 1)
        return f"{end - 1}{end % 100:02d}", f"{name} term", day
    if quarter and end == start:
        raise EvidenceError(
            f"period {text!r} has no place in the format: quarters are of a financial year, such "
            f"as {start}/{(start + 1) % 100:02d} Q{quarter[2]}"
        )
    if end - start > 1:
        raise EvidenceError(f"period {text!r} has no place in the format: not one year")
    if end == start:
        return str(end), "Calendar year", date(end, 1, 1)
    name = f"Financial year Q{quarter[2]}" if quarter else year
    day = date(start, 9, 1) if name == "Academic year" else date(start, 4, 6)
    return f"{start}{end % 100:02d}", name, day


def _period(period: str, identifier: str) -> str:
    """Return a period as it is written here; the other way round of `_time`."""
    years = f"{period[:4]}/{period[4:]}" if len(period) == 6 else period
    if identifier in _YEARS:
        return years
    if identifier in calendar.month_name[1:]:
        return f"{period}-{list(calendar.month_name).index(identifier):02d}"
    if identifier.endswith(" term") and " and " not in identifier:
        return f"{identifier.removesuffix(' term')} {years}"
    if identifier.startswith("Financial year Q"):
        return f"{years} {identifier[-2:]}"
    return f"{years} {identifier}"
