"""Pages of what is watched over time: one an indicator, from the `indicators` contract alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evidence.data.schema import SYMBOLS
from evidence.release.site.page import UP, page
from evidence.show.html_table import layout
from evidence.show.rows import missing, records
from evidence.show.words import counted, number, slug

_MANY = 3  # sentences of an indicator on the page of its programme
_FIGURES = ("value", "ci_lower", "ci_upper", "comparator_value")
_COUNTED = ("schools", "plans", "cases", "answers")  # what is counted is pupils, or one of these
_UNITS = {"%": ", %", "percent": ", %", "pp": ", percentage points"}


def links(indicators: pd.DataFrame) -> dict[str, str]:
    """Return address to name of each indicator's page, in order of appearance."""
    names = dict.fromkeys(indicators["indicator"])
    return {f"indicators/{_slug(name)}.html": name for name in names}


def said(indicators: pd.DataFrame, run_id: str) -> list[tuple[str, str, list[str]]]:
    """Return name, address and sentences of each indicator of a run, for a page one level down."""
    own, whole = indicators[indicators["run_id"] == run_id], links(indicators)
    addresses = {name: f"../{to}" for to, name in whole.items()}
    found = []
    for name, some in own.groupby("indicator", sort=False):
        sentences = _said(some) or [_latest(some)]
        if len(sentences) > _MANY:  # each on the indicator's own page, with whose it is
            sentences = [f"{counted(len(some), 'figure')}."]
        found.append((name, addresses[name], sentences))
    return found


def _said(rows: pd.DataFrame) -> list[str]:
    """Return what rows say, each sentence once; that a figure is hidden, its cell says.

    Where rows are of several groups, a sentence that does not name its own begins with it.
    """
    shown = rows["sentence"].where(rows["symbol"].isin(["", "u"]), "")
    several = len(set(rows["group"])) > 1
    named = [
        f"{group}: {text}" if several and text and group and group not in text else text
        for group, text in zip(rows["group"], shown, strict=True)
    ]
    return [text for text in dict.fromkeys(named) if text]


def _latest(rows: pd.DataFrame) -> str:
    """Return the last figure of the first group in words, where no sentence says it."""
    first = rows[rows["group"] == rows["group"].iloc[0]]
    row = records(first)[-1]
    unit = row["unit"] if row["unit"].startswith("%") else f" {row['unit']}"
    value = f"{_value(row, False)}{unit if _there(row['value']) else ''}"
    limits = f" (95% interval {_range(row, False)})" if _range(row, False) else ""
    return f"{row['area']}: {value}{limits} in {row['period']}."


def pages(record: Mapping[str, Any], indicators: pd.DataFrame) -> list[tuple[str, str]]:
    """Return address and content of the page of each indicator.

    Parameters
    ----------
    record : mapping
        `release.json`.
    indicators : DataFrame
        The released `indicators`; a row has a value or a symbol.
    """
    rows = dict(list(indicators.groupby("indicator", sort=False)))
    return [(to, _page(record, name, rows[name])) for to, name in links(indicators).items()]


def _page(record: Mapping[str, Any], name: str, rows: pd.DataFrame) -> str:
    runs = [run for key in dict.fromkeys(rows["run_id"]) if (run := record["runs"].get(key))]
    whose = {run["programme"] for run in runs}
    return page(
        "indicator",
        record,
        name,
        cards=[card for card in record["programmes"] if card["name"] in whose],
        trail=UP,
        sources=[text for text in dict.fromkeys(rows.get("published", ())) if text],
        said=_said(rows),
        table=_table(records(rows)),
        symbols=[(key, word) for key, word in SYMBOLS.items() if key in set(rows["symbol"])],
        runs=runs,
        titles={p["name"]: p["title"] or p["name"] for p in record["programmes"]},
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the figures, with those columns that say something."""
    many = next((word for word in _COUNTED if word in rows[0]["unit"]), "pupils").capitalize()

    def filled(key: str) -> bool:
        return any(_there(row[key]) for row in rows)

    unit = rows[0]["unit"]  # "% of schools"
    said = _UNITS.get(unit, f", {unit}" * bool(unit))
    whole = all(row[key] == round(row[key]) for row in rows for key in _FIGURES if _there(row[key]))
    groups = {row["group"] for row in rows}
    others = {row["comparator"] for row in rows if _there(row["comparator_value"])}
    same = len(others) == 1 and all(others)
    columns: list[tuple[object, str, bool, list[str]]] = [
        (True, "Area", False, [row["area"] for row in rows]),
        (len(groups) > 1 or groups - {"all", ""}, "Group", False, [row["group"] for row in rows]),
        (True, "When", False, [_unbroken(row["period"]) for row in rows]),
        (
            True,
            f"Value{said}",
            True,
            [_value(row, whole) for row in rows],
        ),
        (filled("ci_lower"), "95% range", True, [_range(row, whole) for row in rows]),
        (filled("n"), many, True, [row.get("n_symbol") or _count(row["n"]) for row in rows]),
        (
            filled("comparator_value"),
            f"Set beside: {next(iter(others))}" if same else "Set beside",
            True,
            [_beside(row, whole, named=not same) for row in rows],
        ),
        (filled("rank"), "Rank", True, [_count(row["rank"]) for row in rows]),
        (
            filled("band"),
            "Band",
            False,
            [row["band"] if _there(row["band"]) else "" for row in rows],
        ),
    ]
    shown = [(head, numbers, cells) for wanted, head, numbers, cells in columns if wanted]
    return layout(shown, row_heads=True)


def _unbroken(period: str) -> str:
    """Return a short period, such as 2018 Q4, so that it stays on one line."""
    return period.replace(" ", "\u00a0") if len(period) <= 12 else period


def _value(row: Mapping[str, Any], whole: bool) -> str:
    if row["symbol"] and row["symbol"] != "u":
        return str(row["symbol"])
    return _figure(row, "value", whole) + (" u" if row["symbol"] else "")


def _range(row: Mapping[str, Any], whole: bool) -> str:
    if not (_there(row["ci_lower"]) and _there(row["ci_upper"])):
        return ""
    return f"{_figure(row, 'ci_lower', whole)} to {_figure(row, 'ci_upper', whole)}"


def _beside(row: Mapping[str, Any], whole: bool, *, named: bool) -> str:
    if not _there(row["comparator_value"]):
        return ""
    name = f"{row['comparator']}: " if named and _there(row["comparator"]) else ""
    return f"{name}{_figure(row, 'comparator_value', whole)}"


def _figure(row: Mapping[str, Any], key: str, whole: bool) -> str:
    """Return a figure of a row with a decimal, with three where all are small, or with none."""
    value = row[key]
    small = all(abs(row[one]) < 1 for one in _FIGURES if _there(row[one]) and row[one])
    if whole or (value == round(value) and abs(value) >= 1000):
        return f"{value:,.0f}".replace("-", "−")
    return number(value, 3 if small and value else 1)


def _count(value: Any) -> str:
    return f"{value:,.0f}" if _there(value) else ""


def _there(value: Any) -> bool:
    return not missing(value) and value != ""


def _slug(name: str) -> str:
    """Return a file name for an indicator: its words, with a hash where they are not plain."""
    words = slug(name)[:60]
    plain = re.fullmatch(r"[A-Za-z0-9 ,()-]{1,60}", name)
    return words if plain and words else f"{words}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
