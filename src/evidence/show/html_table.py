"""Tables of results for the notebooks: headings in words, true minus signs, no exponents.

Tidy frames in, escaped HTML out. What is released is laid out by `evidence.show.tables`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from evidence.show.render import render, safe
from evidence.show.rows import missing
from evidence.show.words import capital, number, p_value, verdict

HEADINGS = {
    "n_obs": "Pupils",
    "n_clusters": "Clusters",
    "n_pupils": "Pupils",
    "n_at_least": "Pupils, at least",
    "n_schools": "Schools",
    "n_treated": "Pupils in the programme",
    "n_control": "Pupils compared with",
    "n_schools_treated": "Schools in the programme",
    "n_schools_control": "Schools compared with",
    "n_part": "Number",
    "n_disadvantaged": "Disadvantaged pupils",
    "n_others": "Other pupils",
    "urn": "URN",
    "mean_treated": "Mean in the programme",
    "mean_control": "Mean compared with",
    "effect_size": "Effect size (SD)",
    "std_error": "Standard error",
    "df": "Degrees of freedom",
    "icc": "Intra-cluster correlation",
    "p": "p",
    "p_value": "p",
    "p_romano_wolf": "p, Romano–Wolf",
    "p_holm": "p, Holm",
    "p_bh": "p, Benjamini–Hochberg",
    "probability": "Chance",
    "probability_flat": "Chance from this study alone",
    "lost_for": "Lost for want of",
    "worthwhile": "Smallest worthwhile",
    "delta": "Shift of those not measured (SD)",
}
# How headings and cells are aligned, as attributes: by our styles or, `inline`, by their own.
_SIDES = {
    (False, False): ("", ""),
    (False, True): (' class="n"', ' class="n"'),
    (True, False): (' style="text-align:left"', ' style="text-align:left"'),
    (True, True): (' style="text-align:right"', ' style="text-align:right;white-space:nowrap"'),
}
_LONG = {False: ";min-width:8em", True: ";min-width:16em"}  # of text, and of sentences
_YEARS = ("year", "time", "start", "cohort", "period")  # columns that may hold years
Column = tuple[str, bool, Sequence[str]]  # heading, whether it holds numbers, cells


def table(frame: pd.DataFrame, *, skip: Sequence[str] = ()) -> str:
    """Return a tidy frame as HTML, with both ends of an interval in one cell.

    Parameters
    ----------
    frame : DataFrame
        A row a result. Columns without any value are left out, and so is an empty frame.
    skip : sequence of str
        Columns to leave out as well.
    """
    shown = frame.drop(columns=[name for name in skip if name in frame])
    shown = shown.loc[:, [_filled(shown[name]) for name in shown]]
    if shown.empty:
        return ""
    scale = shown.get("ci_upper")  # an estimate is written as exactly as its interval
    pairs = {name[:-6] for name in map(str, shown) if name.endswith("_lower")}
    pairs &= {name[:-6] for name in map(str, shown) if name.endswith("_upper")}
    columns: list[Column] = []
    for name in shown:
        what, _, end = str(name).rpartition("_")
        if what in pairs and end in ("lower", "upper"):
            if end == "lower":
                head = "Interval" if what == "ci" else heading(f"{what}_interval", HEADINGS)
                columns.append((head, True, _spans(shown, what, shown[f"{what}_upper"])))
            continue
        middle = name in ("estimate", "effect_size")
        cells = _cells(shown[name], str(name), scale if middle else None)
        columns.append((heading(name, HEADINGS), not _is_text(shown[name]), cells))
    return layout(columns, inline=True)


def _spans(shown: pd.DataFrame, what: str, scale: pd.Series) -> list[str]:
    """Return both ends of an interval as one cell a row; of a share as it is written."""
    ends = pd.concat([shown[f"{what}_lower"], shown[f"{what}_upper"]])
    if what == "ci" and "share" in shown:
        cells = ["" if missing(end) else f"{100 * end:.0f}" for end in ends]
    else:
        cells = _cells(ends, "", scale)
    pairs = zip(cells[: len(shown)], cells[len(shown) :], strict=True)
    unit = "%" if what == "ci" and "share" in shown else ""
    return [f"{a} to {b}{unit}" if a else "" for a, b in pairs]


def layout(
    columns: Sequence[Column], *, caption: str = "", inline: bool = False, row_heads: bool = False
) -> str:
    """Return columns of text as an HTML table.

    Parameters
    ----------
    columns : sequence of (heading, whether it holds numbers, cells)
    caption : str
    inline : bool
        Whether the table says itself how its cells are aligned, for pages without our styles.
    row_heads : bool
        Whether the first column names the rows.
    """
    sides = [_sides(column, inline) for column in columns]
    heads = [(side, head) for (head, _, _), (side, _) in zip(columns, sides, strict=True)]
    tags = [("td", side) for _, side in sides]
    tags[:1] = [("th", safe(' scope="row"'))] if row_heads else tags[:1]
    rows = [
        [(tag, side, cell) for (tag, side), cell in zip(tags, row, strict=True)]
        for row in zip(*(cells for _, _, cells in columns), strict=True)
    ]
    return render("table.html", heads=heads, rows=rows, caption=caption, inline=inline)


def _sides(column: Column, inline: bool) -> tuple[str, str]:
    """Return the attributes of a column's heading and cells; long words keep room on a phone."""
    head, numbers, cells = column
    pair = _SIDES[inline, bool(numbers)]
    if not inline:
        return tuple(map(safe, pair))
    longest = max(cells, key=len, default="")
    least = [_LONG[len(text) > 60] if len(text) > 24 else "" for text in (head, longest)]
    if not numbers and len(longest) <= 10:
        least[1] = ";white-space:nowrap"
    return tuple(safe(f'{side[:-1]}{room}"') for side, room in zip(pair, least, strict=True))


def heading(name: Any, known: dict[str, str]) -> str:
    """Return a column's name in words."""
    return known.get(name) or capital(str(name).replace("_", " "))


def _filled(values: pd.Series) -> bool:
    there = values.dropna()
    return len(there) > 0 and not (_is_text(there) and (there.astype("str") == "").all())


def _is_text(values: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(values) or values.dtype == bool


def _cells(values: pd.Series, name: str, scale: pd.Series | None = None) -> list[str]:
    """Write the cells of one column alike: as p-values, shares, counts, or to one precision.

    The precision is that of the largest number in `scale`, or of the column itself.
    """
    if values.dtype == bool or values.map(lambda x: missing(x) or pd.api.types.is_bool(x)).all():
        return ["" if missing(value) else "yes" if value else "no" for value in values]
    if _is_text(values):
        return ["" if missing(value) else verdict(str(value)) for value in values]
    if name == "p_value" or name.startswith("p_"):
        return ["" if missing(p) else p_value(p).removeprefix("p").lstrip(" =") for p in values]
    if name.startswith(("probability", "share")):
        return ["" if missing(share) else _percent(share) for share in values]
    known = (values if scale is None else scale).abs()
    known = known[known < float("inf")]  # NaN is not below it
    largest = known.max() if len(known) else 0
    whole = (known % 1 == 0).all()
    digits = 0 if whole or largest >= 1000 else 1 if largest >= 20 else 2 if largest >= 0.1 else 3
    if name in _YEARS and whole and known.between(1900, 2100).all():
        return ["" if missing(year) else f"{year:.0f}" for year in values]
    return ["" if missing(value) else _number(value, digits) for value in values]


def _number(value: float, digits: int) -> str:
    if abs(value) == float("inf"):
        return "∞" if value > 0 else "−∞"
    return f"{value:,.0f}" if digits == 0 and value >= 1000 else number(value, digits)


def _percent(share: float) -> str:
    return "over 99%" if share > 0.99 else "under 1%" if share < 0.01 else f"{100 * share:.0f}%"
