"""Pages of what is watched over time: one an indicator, from the `indicators` contract alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from evidence.data.schema import SYMBOLS
from evidence.release.site.page import esc, page, wide
from evidence.show.why import band
from evidence.show.words import number

_UP = {"../index.html": "All programmes"}


def links(indicators: pd.DataFrame) -> dict[str, str]:
    """Return address to name of each indicator's page, in order of appearance."""
    names = dict.fromkeys(indicators["indicator"])
    return {f"indicators/{_slug(name)}.html": name for name in names}


def pages(record: Mapping[str, Any], indicators: pd.DataFrame) -> list[tuple[str, str]]:
    """Return address and content of the page of each indicator.

    Parameters
    ----------
    record : mapping
        `release.json`.
    indicators : DataFrame
        The released `indicators`; a row has a value or a symbol.
    """
    made = dict(list(indicators.groupby("indicator", sort=False)))
    return [(to, _page(record, name, made[name])) for to, name in links(indicators).items()]


def _page(record: Mapping[str, Any], name: str, rows: pd.DataFrame) -> str:
    said = [text for text in dict.fromkeys(rows["sentence"]) if text]
    shown = rows.to_dict("records")
    every = {key: any(_there(row[key]) for row in shown) for key in ("ci_lower", "rank", "band")}
    every["comparator"] = any(_there(row["comparator_value"]) for row in shown)
    every["group"] = len(set(rows["group"])) > 1 or set(rows["group"]) - {"all", ""}
    unit = _unit(shown[0]["unit"])
    heads = ["Area", *["Group"] * bool(every["group"]), "When", f"Value{unit}"]
    others = {row["comparator"] for row in shown if _there(row["comparator_value"])}
    beside = f"Set beside: {others.pop()}" if len(others) == 1 and all(others) else "Set beside"
    heads += ["95% range"] * every["ci_lower"] + ["Pupils"] + [beside] * every["comparator"]
    heads += ["Rank"] * every["rank"] + ["Band"] * every["band"]
    right = {f"Value{unit}", "95% range", "Pupils", "Rank", beside}
    body = []
    for row in shown:
        cells = [row["area"], *[row["group"]] * bool(every["group"]), row["period"], _value(row)]
        if every["ci_lower"]:
            cells.append(_range(row))
        cells.append(row.get("n_symbol") or _count(row["n"]))
        if every["comparator"]:
            cells.append(_beside(row, named=beside == "Set beside"))
        cells += [_count(row["rank"])] * every["rank"]
        cells += [row["band"] if _there(row["band"]) else ""] * every["band"]
        body.append("".join(_cell(h, c, h in right) for h, c in zip(heads, cells, strict=True)))
    head = "".join(
        f'<th scope="col"{" class=n" if h in right else ""}>{esc(h)}</th>' for h in heads
    )
    table = (
        f'<table class="plain"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(f'<tr>{cells}</tr>' for cells in body)}</tbody></table>"
    )
    used = [symbol for symbol in SYMBOLS if (rows["symbol"] == symbol).any()]
    legend = "; ".join(f"<b>{symbol}</b> {SYMBOLS[symbol]}" for symbol in used)
    words = "".join(f"<li>{esc(text)}</li>" for text in said)
    parts = [
        f"<h2>In words</h2><ul>{words}</ul>" if words else "",
        f"<h2>The figures</h2>{wide(table, 'Figures', slide=True)}",
        f"<p>{legend}.</p>" if legend else "",
        "<p>A figure over time says what happened, not what caused it.</p>"
        f"<p>{_came_from(record, rows)}</p>"
        '<p class="screen">Download: <a href="../indicators.csv">indicators.csv</a> · '
        '<a href="../results.xlsx">results.xlsx</a></p>',
    ]
    whose = {r["programme"] for k in set(rows["run_id"]) if (r := record["runs"].get(k))}
    above = band(card for card in record["programmes"] if card["name"] in whose)
    return page(record, name, "".join(parts), above=above, up="../", trail=_UP)


def _came_from(record: Mapping[str, Any], rows: pd.DataFrame) -> str:
    """Link to the page of each run that the rows come from."""
    titles = {p["name"]: p["title"] or p["name"] for p in record["programmes"]}
    ways = [
        f'<a href="../{esc(run["programme"])}/{esc(run["cohort"])}.html#source">'
        f"{esc(titles.get(run['programme'], run['programme']))}, {esc(run['cohort'])}</a>"
        for key in dict.fromkeys(rows["run_id"])
        if (run := record["runs"].get(key))
    ]
    return f"Where these numbers come from: {' · '.join(ways)}"


def _cell(head: str, text: str, right: bool) -> str:
    kind = ' class="n"' if right else ""
    return f'<th scope="row">{esc(text)}</th>' if head == "Area" else f"<td{kind}>{esc(text)}</td>"


def _value(row: Mapping[str, Any]) -> str:
    if row["symbol"] and row["symbol"] != "u":
        return row["symbol"]
    return _figure(row["value"]) + (" u" if row["symbol"] else "")


def _range(row: Mapping[str, Any]) -> str:
    if not (_there(row["ci_lower"]) and _there(row["ci_upper"])):
        return ""
    return f"{_figure(row['ci_lower'])} to {_figure(row['ci_upper'])}"


def _beside(row: Mapping[str, Any], *, named: bool) -> str:
    if not _there(row["comparator_value"]):
        return ""
    name = f"{row['comparator']}: " if named and _there(row["comparator"]) else ""
    return f"{name}{_figure(row['comparator_value'])}"


def _figure(value: float) -> str:
    if value == round(value) and abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", "−")
    return number(value, 1 if abs(value) >= 1 or value == 0 else 3)


def _count(value: Any) -> str:
    return f"{value:,.0f}" if _there(value) else ""


def _unit(unit: str) -> str:
    return {"%": ", %", "percent": ", %", "pp": ", percentage points"}.get(
        unit, f", {unit}" * bool(unit)
    )


def _there(value: Any) -> bool:
    return value is not None and value is not pd.NA and value == value and value != ""


def _slug(name: str) -> str:
    """Return a file name for an indicator: its words, with a hash where they are not plain."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    plain = re.fullmatch(r"[A-Za-z0-9 ,()-]{1,60}", name)
    return words if plain and words else f"{words}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
