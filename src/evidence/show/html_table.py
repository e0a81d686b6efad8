"""Tables of results for the notebooks: headings in words, true minus signs, no exponents.

Tidy frames in, escaped HTML out. What is released is laid out by `evidence.show.tables`.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import pandas as pd

from evidence.show.words import number, p_value

_HEADINGS = {
    "n_obs": "Pupils",
    "n_clusters": "Clusters",
    "n_pupils": "Pupils",
    "n_schools": "Schools",
    "n_treated": "Pupils in the programme",
    "n_control": "Pupils compared with",
    "mean_treated": "Mean in the programme",
    "mean_control": "Mean compared with",
    "effect_size": "Effect size (SD)",
    "std_error": "Standard error",
    "df": "Degrees of freedom",
    "icc": "Intra-cluster correlation",
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
_LEFT, _RIGHT = 'style="text-align:left"', 'style="text-align:right;white-space:nowrap"'
_ABOVE = {_LEFT: _LEFT, _RIGHT: 'style="text-align:right"'}  # headings wrap, numbers do not


def table(frame: pd.DataFrame, *, skip: Sequence[str] = ()) -> str:
    """Return a tidy frame as HTML; the ends of an interval stand in one cell.

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
    columns = {}
    # An estimate is written as exactly as its interval.
    scale = shown.get("ci_upper")
    for name in shown:
        if name == "ci_upper" and "ci_lower" in shown:
            continue
        if name == "ci_lower" and "ci_upper" in shown:
            ends = _cells(pd.concat([shown["ci_lower"], shown["ci_upper"]]), "", scale)
            pairs = zip(ends[: len(shown)], ends[len(shown) :], strict=True)
            both = [f"{low} to {high}" if low else "" for low, high in pairs]
            columns["Interval"] = (both, _RIGHT)
            continue
        side = _LEFT if _is_text(shown[name]) else _RIGHT
        middle = name in ("estimate", "effect_size") and "ci_upper" in shown
        cells = _cells(shown[name], str(name), scale if middle else None)
        columns[_heading(name)] = (cells, side)
    head = "".join(
        f'<th scope="col" {_ABOVE[side]}>{html.escape(name)}</th>'
        for name, (_, side) in columns.items()
    )
    rows = zip(*(cells for cells, _ in columns.values()), strict=True)
    sides = [side for _, side in columns.values()]
    body = "".join(
        "<tr>"
        + "".join(
            f"<td {side}>{html.escape(cell)}</td>" for cell, side in zip(row, sides, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _filled(values: pd.Series) -> bool:
    there = values.dropna()
    return len(there) > 0 and not (_is_text(there) and (there.astype("str") == "").all())


def _is_text(values: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(values) or values.dtype == bool


def _cells(values: pd.Series, name: str, scale: pd.Series | None = None) -> list[str]:
    """Write the cells of one column alike: as p-values, shares, counts, or to one precision.

    The precision is that of the largest number in `scale`, or of the column itself.
    """
    if values.dtype == bool:
        return ["yes" if value else "no" for value in values]
    if _is_text(values):
        return ["" if _missing(value) else str(value) for value in values]
    if name == "p_value" or name.startswith("p_"):
        return ["" if _missing(p) else p_value(p).removeprefix("p").lstrip(" =") for p in values]
    if name.startswith(("probability", "share")):
        return ["" if _missing(share) else _percent(share) for share in values]
    known = (values if scale is None else scale).abs()
    known = known[known < float("inf")]  # NaN is not below it
    largest = known.max() if len(known) else 0
    whole = (known % 1 == 0).all()
    digits = 0 if whole or largest >= 1000 else 1 if largest >= 20 else 2 if largest >= 0.1 else 3
    return ["" if _missing(value) else _number(value, digits) for value in values]


def _number(value: float, digits: int) -> str:
    if abs(value) == float("inf"):
        return "∞" if value > 0 else "−∞"
    return f"{value:,.0f}" if digits == 0 and value >= 1000 else number(value, digits)


def _percent(share: float) -> str:
    return "over 99%" if share > 0.99 else "under 1%" if share < 0.01 else f"{100 * share:.0f}%"


def _heading(name: Any) -> str:
    return _HEADINGS.get(name) or str(name).replace("_", " ").capitalize()


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or value != value
