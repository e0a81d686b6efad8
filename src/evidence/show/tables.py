"""The rows a board reads: verdict, interval on a shared scale, range, strength, cost.

Tidy frames in, escaped HTML out. The site and the dashboards both show these.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.show.html_table import HEADINGS, heading, layout
from evidence.show.interval_svg import Interval, Scale
from evidence.show.render import render
from evidence.show.rows import missing, records
from evidence.show.words import (
    UNITS,
    interval,
    months_range,
    months_table,
    number,
    verdict,
)

STRENGTH = ("very weak", "weak", "limited", "moderate", "strong", "very strong")
_TEXTS = ("title", "phase", "lead", "about", "design", "ask_next", "claim")
_HEADINGS = HEADINGS | {
    "n": "Pupils",
    "n_obs": "Rows",
    "ci_lower": "Lower end",
    "ci_upper": "Upper end",
    "p_value": "p-value",
    "programme_a": "Programme",
    "programme_b": "Also in",
}
_YEAR = re.compile(r"\b((?:19|20)\d\d)(?:[/–-](\d\d))?\b")
STYLE = Path(__file__).with_name("rows.css").read_text(encoding="utf-8")


def summary(
    effects: pd.DataFrame, programmes: Iterable[Mapping[str, Any]], *, primary: bool = True
) -> pd.DataFrame:
    """Join released effects with what the register says of each programme.

    Parameters
    ----------
    effects : DataFrame
        The released `effects` table.
    programmes : iterable of mapping
        `name`, `title`, `phase`, `lead`, `about`, `cost`, `design`, `simulated`, `ask_next`,
        `claim`, `cohorts` (each `name`, `title`) and `outcomes` (each `name`, `title`, `unit`,
        `smallest_worthwhile`), in the order to show.
    primary : bool
        Keep the primary estimate of each programme and cohort only.

    Returns
    -------
    DataFrame
        One row an estimate: the columns of `effects`, those of the register, `cohort_title`,
        `year` (the one that the title names), `outcome_title` and
        `worthwhile` (the smallest worthwhile effect in the outcome's unit).
    """
    parts, by_cohort = [], {}
    for row in sorted(records(effects), key=lambda row: not row["primary"]):
        by_cohort.setdefault((row["programme"], row["cohort"]), []).append(row)
    for programme in programmes:
        meta = {key: programme.get(key) or "" for key in _TEXTS}
        cost = programme.get("cost")
        meta |= {"cost": math.nan if cost is None else cost, "simulated": programme["simulated"]}
        meta["title"] = meta["title"] or programme["name"]
        outcomes = {o["name"]: o for o in programme.get("outcomes", ())}
        for cohort in programme.get("cohorts", ()):
            rows = by_cohort.get((programme["name"], cohort["name"]), [])
            if primary:
                rows = [r for r in rows if r["primary"] and r["subgroup"] == "all"]
                rows = [r for r in rows if r["estimand"] != "cace"][:1]
            for row in rows:
                outcome = outcomes.get(row["outcome"], {})
                cohort_title = cohort.get("title") or cohort["name"]
                about = {
                    "cohort_title": cohort_title,
                    "year": _year(cohort_title),
                    "outcome_title": outcome.get("title") or row["outcome"],
                    "worthwhile": float(outcome.get("smallest_worthwhile") or math.nan),
                }
                parts.append(row | meta | about)
    return pd.DataFrame(parts)


def _year(title: str) -> str:
    """Return the first year in a cohort's title, such as 2018/19; else the title."""
    found = _YEAR.search(title)
    return "/".join(filter(None, found.groups())) if found else title


def outcomes(rows: pd.DataFrame) -> str:
    """Return one row an outcome of a single programme and cohort, as HTML."""

    def cells(row: Mapping[str, Any]) -> dict[str, Any]:
        kind = "primary outcome" if row["primary"] else "further outcome"
        kind = "for those who took it up" if row["estimand"] == "cace" else kind
        return {
            "link": "",
            "name": row["outcome_title"],
            "about": kind if row["subgroup"] == "all" else f"{row['subgroup']} · {kind}",
            "pupils": "hidden" if missing(row["n_pupils"]) else f"{row['n_pupils']:,.0f}",
            "schools": "not shown" if missing(row["n_schools"]) else f"{row['n_schools']:,.0f}",
        }

    return _tables(rows, cells, "What was found for each outcome")


def frame(table: pd.DataFrame, *, caption: str = "", axes: Sequence[str] = ()) -> str:
    """Return any protected table as plain HTML: numbers right-aligned, symbols in their place.

    Parameters
    ----------
    table : DataFrame
        A protected table; a column ``<count>_symbol`` is shown in the cells of `<count>`.
    caption : str
        Caption of the table.
    axes : sequence of str
        Ordinal columns such as years, written as they are.
    """
    columns = []
    for name in table:
        if str(name).endswith("_symbol") and str(name)[:-7] in table:
            continue
        cells = [_cell(value, name in axes) for value in table[name].tolist()]
        if f"{name}_symbol" in table:
            symbols = table[f"{name}_symbol"].tolist()
            cells = [symbol or cell for symbol, cell in zip(symbols, cells, strict=True)]
        numbers = pd.api.types.is_numeric_dtype(table[name]) and table[name].dtype != bool
        columns.append((heading(name, _HEADINGS), numbers, cells))
    return layout(columns, caption=caption)


def strength(points: float) -> str:
    """Say how strong evidence is: ``3 of 5, moderate``."""
    return f"{points:.0f} of 5, {STRENGTH[round(points)]}"


@cache
def squares(points: int) -> str:
    """Return five squares, as many filled as the evidence has points."""
    return render("squares.svg", points=points)


def result(row: Mapping[str, Any], *, spoken: bool = False) -> tuple[str, str]:
    """Return a row's number and its range: in months where it has them, said if `spoken`."""
    if missing(row["estimate"]):
        return "not shown", "protects few pupils"
    if not missing(row["months"]):
        size, ends = number(row["months"], 0, sign=True), (row["es_lower"], row["es_upper"])
        table = months_table(row["estimand"])
        if not spoken:
            return size, months_range(*ends, table)
        size += " month" if abs(row["months"]) == 1 else " months"
        return size, months_range(*ends, table, "months")
    digits = 2 if row["unit"] == "sd" else 1
    unit = {"pp": " pp", "sd": " SD"}.get(row["unit"], "")
    size = f"{number(row['estimate'], digits, sign=True)}{unit}"
    return size, interval(row["ci_lower"], row["ci_upper"], digits)


def _tables(
    rows: pd.DataFrame,
    cells: Callable[[Mapping[str, Any]], dict[str, Any]],
    caption: str,
) -> str:
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for row in records(rows):  # a hidden result is shown with the months
        months = missing(row["estimate"]) or not missing(row["months"])
        kinds.setdefault("months" if months else row["unit"], []).append(row)
    order = sorted(kinds, key=lambda kind: (kind != "months", kind))
    groups = [_group(kinds[kind], kind, cells) for kind in order]
    return render("rows.html", groups=groups, caption=caption)


def _group(
    rows: Sequence[Mapping[str, Any]],
    kind: str,
    cells: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> dict[str, Any]:
    """Return what the template needs of rows on one scale."""
    drawn = [Interval.of(row, kind) for row in rows]
    scale = Scale([one for one in drawn if one], kind)
    shown = []
    for row, one in zip(rows, drawn, strict=True):
        size, span = result(row)
        alt = ", ".join(result(row, spoken=True))
        drawing = one and scale.draw(one, row["verdict"], alt)
        shown.append(dict(row) | cells(row) | {"size": size, "span": span, "drawing": drawing})
    levels = [row["level"] for row in rows if not missing(row["level"])]
    return {
        "rows": shown,
        "words": "months of progress" if kind == "months" else UNITS[kind],
        "number": "Months" if kind == "months" else "Result",
        "level": f"{100 * levels[0]:.0f}% interval" if levels else "interval",
        "axis": scale.axis(),
    }


def _cell(value: Any, plain: bool) -> str:
    if missing(value):
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return {True: "yes", False: "no"}.get(value, verdict(str(value)))
    if plain:
        return f"{value:g}"
    if math.isinf(value):
        return "no limit"
    if value == round(value) and abs(value) >= 1:
        return number(value, 0) if abs(value) < 1000 else f"{value:,.0f}"
    return number(value, 1 if abs(value) >= 10 else 3 if abs(value) < 1 else 2)
