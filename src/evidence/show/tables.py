"""The rows a board reads: verdict, interval on a shared scale, range, strength, cost.

Tidy frames in, escaped HTML out. The site and the dashboard both show what is made here.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.show.interval_svg import Interval, Scale
from evidence.show.rows import records
from evidence.show.words import months_range, months_table, number

CLASSES = {
    "better than similar": "better",
    "worse than similar": "worse",
    "no worthwhile difference": "none",
    "too little data": "unsure",
}
STRENGTH = ("very weak", "weak", "limited", "moderate", "strong", "very strong")
UNITS = {"pp": "percentage points", "points": "points", "score": "points", "sd": "SD"}
_SMALL = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEXTS = ("title", "phase", "lead", "about", "design", "ask_next", "claim")
_HEADINGS = {
    "n": "Pupils",
    "n_obs": "Rows",
    "n_pupils": "Pupils",
    "n_schools": "Schools",
    "n_treated": "Pupils in the programme",
    "n_control": "Pupils compared with",
    "mean_treated": "Mean in the programme",
    "mean_control": "Mean compared with",
    "ci_lower": "Lower end",
    "ci_upper": "Upper end",
    "std_error": "Standard error",
    "df": "Degrees of freedom",
    "p_value": "p-value",
    "programme_a": "Programme",
    "programme_b": "Also in",
}
_Columns = Sequence[tuple[str, str, Callable[[Mapping[str, Any]], str]]]
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
        `outcome_title` and `worthwhile` (the smallest worthwhile effect in the outcome's unit).
    """
    parts, found = [], {}
    for row in sorted(records(effects), key=lambda row: not row["primary"]):
        found.setdefault((row["programme"], row["cohort"]), []).append(row)
    for programme in programmes:
        meta = {key: programme.get(key) or "" for key in _TEXTS}
        cost = programme.get("cost")
        meta |= {"cost": math.nan if cost is None else cost, "simulated": programme["simulated"]}
        meta["title"] = meta["title"] or programme["name"]
        outcomes = {o["name"]: o for o in programme.get("outcomes", ())}
        for cohort in programme.get("cohorts", ()):
            rows = found.get((programme["name"], cohort["name"]), [])
            if primary:
                rows = [r for r in rows if r["primary"] and r["subgroup"] == "all"]
                rows = [r for r in rows if r["estimand"] != "cace"][:1]
            for row in rows:
                outcome = outcomes.get(row["outcome"], {})
                about = {
                    "cohort_title": cohort.get("title") or cohort["name"],
                    "outcome_title": outcome.get("title") or row["outcome"],
                    "worthwhile": float(outcome.get("smallest_worthwhile") or math.nan),
                }
                parts.append(row | meta | about)
    return pd.DataFrame(parts)


def finding(rows: pd.DataFrame) -> str:
    """Say in one line what the rows of `summary` found: the title of the page.

    A programme helped if more than half of its cohorts did better than similar and none worse; it
    did harm if any did worse. Evidence of less than three squares of five does not count here.
    """
    if rows.empty:
        return "No programme has a result to show yet"
    firm = rows["verdict"].mask(rows["strength"] < 3)
    verdicts = firm.groupby(rows["programme"], sort=False)
    worse = verdicts.agg(lambda v: (v == "worse than similar").any())
    better = verdicts.agg(lambda v: (v.dropna() == "better than similar").mean() > 0.5) & ~worse
    total, helped, harmed = len(worse), int(better.sum()), int(worse.sum())
    if total == 1:
        if helped or harmed:
            return f"The programme {'helped' if helped else 'did harm'}"
        return "The programme is not shown to have made a worthwhile difference"
    if not (helped or harmed):
        return f"None of {_spell(total)} programmes is shown to have made a worthwhile difference"
    if not helped:
        return f"{_spell(harmed).capitalize()} of {_spell(total)} programmes did harm; none helped"
    first = f"{_spell(helped).capitalize()} of {_spell(total)} programmes helped"
    if helped == total:
        first = f"All {_spell(total)} programmes helped"
    return f"{first} and {_spell(harmed)} did harm" if harmed else first


def board(rows: pd.DataFrame, *, link: Callable[[Mapping[str, Any]], str] | None = None) -> str:
    """Return one row a programme and cohort, as HTML.

    Rows measured in months share one scale of effect sizes with the months marked along it; rows
    that have no effect size share one scale of their own unit.

    Parameters
    ----------
    rows : DataFrame
        From `summary`.
    link : callable, optional
        Gives the address of a row's own page.
    """
    columns = (
        ("Programme", "", lambda row: _name(row, link)),
        ("How strong is the evidence?", "strong", lambda row: _strength(row["strength"])),
        ("£ a pupil a year", "n cost", _cost),
        ("What to ask next", "", lambda row: _labelled("Ask next", _esc(row["ask_next"] or "–"))),
    )
    return _tables(rows, columns, "What each programme achieved")


def outcomes(rows: pd.DataFrame) -> str:
    """Return one row an outcome of a single programme and cohort, as HTML."""
    columns = (
        ("Outcome", "", _outcome),
        ("Pupils", "n cost", lambda row: _count(row, "n_pupils", "Pupils", "hidden")),
        ("Schools", "n cost", lambda row: _count(row, "n_schools", "Schools", "very few")),
    )
    return _tables(rows, columns, "What was found for each outcome")


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
    symbols = {n for n in table if str(n).endswith("_symbol") and str(n)[:-7] in table}
    shown = [name for name in table if name not in symbols]
    numeric = {
        name
        for name in shown
        if pd.api.types.is_numeric_dtype(table[name]) and table[name].dtype != bool
    }
    head = "".join(
        f'<th scope="col"{_right(name in numeric)}>{_esc(_heading(name))}</th>' for name in shown
    )
    body = []
    for row in records(table):
        cells = []
        for name in shown:
            text = row.get(f"{name}_symbol") or _cell(row[name], name in axes)
            cells.append(f"<td{_right(name in numeric)}>{_esc(text)}</td>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    title = f"<caption>{_esc(caption)}</caption>" if caption else ""
    return (
        f'<table class="plain">{title}<thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def verdict(word: str) -> str:
    """Return a verdict in its colour with its marker bar."""
    return f'<span class="v {CLASSES[word]}">{_esc(word)}</span>'


def result(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return a row's number and its range in words: months where it has them, else its unit."""
    if _missing(row["estimate"]):
        return "not shown", "too few pupils"
    if not _missing(row["months"]):
        size = number(row["months"], 0, sign=True)
        return size, months_range(row["es_lower"], row["es_upper"], months_table(row["estimand"]))
    digits = 2 if row["unit"] == "sd" else 1
    size, low, high = (
        number(row[key], digits, sign=True) for key in ("estimate", "ci_lower", "ci_upper")
    )
    unit = {"pp": " pp", "sd": " SD"}.get(row["unit"], "")
    return f"{size}{unit}", f"{low} to {high}"


def _tables(rows: pd.DataFrame, columns: _Columns, caption: str) -> str:
    listed = records(rows)
    kinds = [_kind(row) for row in listed]
    parts = []
    for kind in sorted(set(kinds), key=lambda kind: (kind != "months", kind)):
        words = "months of progress" if kind == "months" else UNITS[kind]
        heading = f"<h2>Measured in {words}</h2>" if len(set(kinds)) > 1 else ""
        group = [row for row, k in zip(listed, kinds, strict=True) if k == kind]
        table = _table(group, columns, kind, words, f"{caption}, {words}")
        parts.append(f'<section class="group">{heading}{table}</section>')
    return f'<div class="ev">{"".join(parts)}</div>'


def _table(
    rows: Sequence[Mapping[str, Any]], columns: _Columns, kind: str, words: str, caption: str
) -> str:
    drawn = [Interval.of(row, kind) for row in rows]
    scale = Scale([d for d in drawn if d], kind)
    (first, _, name), *rest = columns
    levels = [row["level"] for row in rows if not _missing(row["level"])]
    level = f"{100 * levels[0]:.0f}% interval" if levels else "interval"
    heads = [
        f'<th scope="col" class="name">{first}</th>',
        '<th scope="col" class="found">What we found</th>',
        f'<th scope="col" class="scale">{words.capitalize()}, {level}{scale.axis()}</th>',
        f'<th scope="col" class="n size">{"Months" if kind == "months" else "Result"}</th>',
        *(f'<th scope="col" class="{css}">{title}</th>' for title, css, _ in rest),
    ]
    body = []
    for row, interval in zip(rows, drawn, strict=True):
        size, span = result(row)
        unit = _labelled("Months" if kind == "months" else "Result", f'<b class="big">{size}</b>')
        alt = f"{size}, {span}" + (" months" if kind == "months" else "")
        cells = [
            f'<th scope="row">{name(row)}</th><td>{verdict(row["verdict"])}</td>',
            f'<td class="scale">{scale.draw(interval, row["verdict"], alt)}'
            f'<span class="marks">{scale.axis() if interval else ""}</span></td>',
            f'<td class="n">{unit}<small>{span}</small></td>',
            *(f'<td class="{css}">{fill(row)}</td>' for _, css, fill in rest),
        ]
        data = "".join(
            f' data-{key}="{_esc(row[column])}"'
            for key, column in zip(
                ("phase", "year", "verdict"), ("phase", "cohort_title", "verdict"), strict=True
            )
        )
        body.append(f"<tr{data}>{''.join(cells)}</tr>")
    return (
        f'<table class="rows"><caption class="hide">{_esc(caption)}</caption>'
        f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


def _kind(row: Mapping[str, Any]) -> str:
    """Return which scale a row belongs to; a hidden result stands with the months."""
    if _missing(row["estimate"]) or not _missing(row["months"]):
        return "months"
    return row["unit"]


def _name(row: Mapping[str, Any], link: Callable[[Mapping[str, Any]], str] | None) -> str:
    title = _esc(row["title"])
    if link:
        title = f'<a href="{_esc(link(row))}">{title}</a>'
    about = [row["outcome_title"], row["phase"], row["cohort_title"]]
    for count, words in (("n_schools", "about {:.0f} schools"), ("n_pupils", "{:,.0f} pupils")):
        about += [] if _missing(row[count]) else [words.format(row[count])]
    about.append("simulated data" if row["simulated"] else "real data")
    return f"{title}<small>{_esc(' · '.join(str(part) for part in about if part))}</small>"


def _outcome(row: Mapping[str, Any]) -> str:
    who = "" if row["subgroup"] == "all" else f"{row['subgroup']} · "
    kind = "primary outcome" if row["primary"] else "further outcome"
    if row["estimand"] == "cace":
        kind = "for those who took it up"
    return f"{_esc(row['outcome_title'])}<small>{_esc(who + kind)}</small>"


def _strength(points: float) -> str:
    if _missing(points):
        return _labelled("Evidence", "not rated")
    points = round(points)
    squares = "".join(
        f'<rect x="{12 * i}" width="9" height="9" fill="{"#12436D" if i < points else "#D3D8DC"}"/>'
        for i in range(5)
    )
    return _labelled(
        "Evidence",
        f'<svg class="squares" aria-hidden="true" viewBox="0 0 58 10">{squares}</svg>'
        f"<small>{points} of 5, {STRENGTH[points]}</small>",
    )


def _cost(row: Mapping[str, Any]) -> str:
    cost = "not stated" if _missing(row["cost"]) else f"£{row['cost']:,.0f}"
    return _labelled("A pupil a year", cost)


def _labelled(label: str, content: str) -> str:
    """Put the column's name before a cell, shown where the row is a card."""
    return f'<span class="lab" aria-hidden="true">{label}</span>{content}'


def _count(row: Mapping[str, Any], name: str, label: str, low: str) -> str:
    return _labelled(label, low if _missing(row[name]) else f"{row[name]:,.0f}")


def _cell(value: Any, plain: bool) -> str:
    if _missing(value):
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return {True: "yes", False: "no"}.get(value, str(value))
    if plain:
        return f"{value:g}"
    if value == round(value) and abs(value) >= 1:
        return number(value, 0) if abs(value) < 1000 else f"{value:,.0f}"
    return number(value, 1 if abs(value) >= 10 else 3 if abs(value) < 1 else 2)


def _heading(name: Any) -> str:
    return _HEADINGS.get(name) or str(name).replace("_", " ").capitalize()


def _right(numeric: bool) -> str:
    return ' class="n"' if numeric else ""


def _spell(count: int) -> str:
    return _SMALL[count - 1] if 1 <= count <= len(_SMALL) else str(count)


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _esc(value: Any) -> str:
    return html.escape(str(value))
