"""Rows of an area's page: one an indicator, with icons in words, a small chart and its rank.

A row is a mapping: `title`, `href`, `unit`, `polarity`, `time`, `value`, `lower`, `upper`,
`target`, `variation`, `rule`, `assurance`, `readings`, `rank`, `rank_lower`, `rank_upper`,
`n_ranked`, `national` (the figure set beside it, called `beside`, which shows
`beside_variation`) and `series`: mappings of
`time`, `value`, `centre`, `lower`, `upper` and `signal`. What is not known is NaN or empty.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evidence.show.render import render
from evidence.show.words import counted, number

CHANGES = {  # how it is drawn, its icon, its words
    "improvement": ("better", "▲", "Improving"),
    "concern": ("worse", "▼", "Getting worse"),
    "high": ("other", "↑", "Rising"),
    "low": ("other", "↓", "Falling"),
    "common cause": ("unsure", "≈", "No real change"),
    "too few": ("unsure", "…", "Too few readings"),
    "": ("unsure", "…", "Not judged"),
}
TARGETS = {
    "passes": ("better", "✓", "Meets it every time"),
    "fails": ("worse", "✗", "Misses it every time"),
    "hit and miss": ("unsure", "?", "Hit and miss"),
    "": ("unsure", "–", "No target"),
    "unknown": ("unsure", "…", "Not judged"),
}
GROUPS = {
    "Needs a decision": "getting worse, or misses its target every time and does not improve",
    "Watch": "hit and miss, improving but short of its target, or among the lowest quarter however "
    "the ranks fall",
    "On course": "the rest",
    "Too little to judge": "too few readings to tell change, and no target to set them beside",
}
FEW = 6  # readings below which change is not judged
LEAD = (
    "An icon says whether a figure has really changed, and whether it can be relied on to meet its "
    "target. Grey bands hold what chance alone would do."
)
RULES = {
    "outside the limits": "The latest reading is outside the band.",
    "trend": "Seven readings in a row go one way.",
    "2 of 3 close to a limit": "Two of three readings are near the edge.",
    "one side of the centre": "Seven readings are on one side of the mean.",
}
FOOT = (
    "Change: a reading outside the grey band, seven in a row going one way or on one side of the "
    "mean, or two of three near its edge. The band is what chance alone does. Rank: 1 is best."
)
_COUNTS = ("None", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
SPARK = (190, 44)
STYLE = Path(__file__).with_name("area.css").read_text(encoding="utf-8")


def group(row: Mapping[str, Any]) -> str:
    """Return what a row asks of its readers: one of `GROUPS`."""
    improving = row["variation"] == "improvement"
    if row["variation"] == "concern" or (row["assurance"] == "fails" and not improving):
        return "Needs a decision"
    lowest = row["rank_lower"] > 0.75 * row["n_ranked"]  # not so where there is no rank
    if row["assurance"] in ("fails", "hit and miss") or lowest:
        return "Watch"
    unknown = row["variation"] in ("too few", "") and row["assurance"] != "passes"
    return "Too little to judge" if unknown else "On course"


def grouped(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return rows under what they ask, the worst ranked first; a heading without rows is left."""
    found: dict[str, list[Mapping[str, Any]]] = {name: [] for name in GROUPS}
    for row in rows:
        found[group(row)].append(row)
    for some in found.values():
        some.sort(key=lambda row: -(row["rank"] / row["n_ranked"] if known(row["rank"]) else 0))
    return {name: some for name, some in found.items() if some}


def finding(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return how many measures need a decision, and which: the title of a page."""
    names = [row["title"] for row in rows if group(row) == "Needs a decision"]
    count, of = (_COUNTS[n] if n < len(_COUNTS) else str(n) for n in (len(names), len(rows)))
    what = (
        f"{count} of {of.lower()} measures"
        if len(rows) > 1
        else f"{count if names else 'No'} measure"
    )
    which = f": {' and '.join(names)}" if 0 < len(names) <= 2 else ""
    return f"{what} need{'s' * (len(names) < 2)} a decision{which}"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as a table, grouped by what needs attention."""
    most = max((row["n_ranked"] for row in rows if known(row["n_ranked"])), default=math.nan)
    return render(
        "area/rows.html",
        groups={name: [cells(row) for row in some] for name, some in grouped(rows).items()},
        ranked=f"{most:.0f}" if known(most) else "",
    )


def cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the table shows of a row."""
    return {
        "title": row["title"],
        "href": row["href"],
        "value": figure(row["value"], row["unit"], digits(row)),
        "range": span(row),
        "target": goal(row) if known(row["target"]) else "",
        "spark": spark(row),
        "change": CHANGES[row["variation"]],
        "met": TARGETS[row["assurance"]],
        "rank": rank(row),
        "know": know(row),
    }


def know(row: Mapping[str, Any]) -> str:
    """Return what a reader should know of a row in a sentence or two."""
    text = RULES.get(row["rule"], "")
    if few := row["variation"] == "too few":
        text = f"{counted(row['readings'], 'reading')}."
    if text and not few and row["variation"] == row.get("beside_variation"):
        text += f" {row.get('beside', 'England')} changed too."
    gap, beside = row["value"] - row["national"], row.get("beside", "England")
    if known(gap):
        size = figure(abs(gap), "", max(digits(row), 1)) + " points" * (row["unit"] == "%")
        clear = not row["lower"] <= row["national"] <= row["upper"]
        way = ("above" if gap > 0 else "below") if not row["polarity"] else ""
        way = way or ("better than" if (gap > 0) == (row["polarity"] == "high") else "worse than")
        level = f"Level with {beside}, within chance."
        text += f" {size} {way} {beside}." if clear else f" {level}"
    return text.strip() or "Varies as it always has." * (row["variation"] == "common cause")


def figure(value: float, unit: str, digits: int = 1) -> str:
    """Return a figure as a board reads it, with so many decimal places."""
    if not known(value):
        return "not known"
    text = f"{value:,.0f}".replace("-", "−") if abs(value) >= 1000 else number(value, digits)
    return f"{text}%" if unit == "%" else text


def digits(row: Mapping[str, Any]) -> int:
    """Return how many decimal places a row's figures have: none where all are whole."""
    values = [one["value"] for one in row["series"]] or [row["value"]]
    if all(value == round(value) for value in values if known(value)):
        return 0
    most = max(abs(value) for value in values if known(value))
    return 1 if most >= 10 or (row["unit"] == "%" and most >= 1) else 2


def goal(row: Mapping[str, Any]) -> str:
    """Return the target as it was set, without zeros behind it."""
    text = number(row["target"], 2).rstrip("0").rstrip(".")
    return f"{text}%" if row["unit"] == "%" else text


def span(row: Mapping[str, Any]) -> str:
    """Return the likely range: 53 to 68%."""
    if not known(row["lower"] + row["upper"]):
        return ""
    places = digits(row)
    low, high = figure(row["lower"], "", places), figure(row["upper"], row["unit"], places)
    return f"{low} to {high}"


def spark(row: Mapping[str, Any]) -> str:
    """Return the last twelve readings between their limits as a small chart."""
    series = [*row["series"]][-12:]
    if len(series) < 2:
        return ""
    width, height = SPARK
    ends = [one[key] for one in series for key in ("value", "lower", "upper")] + [row["target"]]
    at = _scale([end for end in ends if known(end)], height - 5, 5)
    step = (width - 12) / max(len(series) - 1, 1)
    points = [(6 + step * place, at(one["value"])) for place, one in enumerate(series)]
    last = series[-1]
    band = known(last["lower"]) and known(last["upper"])
    first, end = series[0], series[-1]
    said, latest = (
        f"{figure(one['value'], row['unit'], digits(row))} in {one['time']}" for one in (first, end)
    )
    return render(
        "area/spark.svg",
        alt=f"{len(series)} readings, from {said} to {latest}",
        width=width,
        height=height,
        band=(at(last["upper"]), at(last["lower"]) - at(last["upper"])) if band else None,
        centre=at(last["centre"]) if band else None,
        target=at(row["target"]) if known(row["target"]) else None,
        path=" ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        dots=[(x, y, _dot(one["signal"])) for (x, y), one in zip(points, series, strict=True)],
        few=row["variation"] == "too few",
    )


def rank(row: Mapping[str, Any]) -> str:
    """Return the rank with its likely range on a line, and in words."""
    if not known(row["rank"]):
        return ""
    if not known(row["n_ranked"]):
        return f"{row['rank']:.0f}"
    width, most = 112, max(row["n_ranked"] - 1, 1)
    place, low, high = (
        6 + (row[key] - 1) / most * (width - 12) if known(row[key]) else None
        for key in ("rank", "rank_lower", "rank_upper")
    )
    words = f"{row['rank']:.0f}"
    if low is not None:
        words += f" ({row['rank_lower']:.0f}–{row['rank_upper']:.0f})"
    return render("area/rank.svg", width=width, place=place, low=low, high=high, words=words)


def known(value: Any) -> bool:
    """Whether a number is known."""
    return value is not None and value == value


def _dot(signal: str) -> str:
    return {"improvement": "better", "concern": "worse"}.get(signal, "") or (
        "other" if signal in ("high", "low") else ""
    )


def _scale(ends: Sequence[float], bottom: float, top: float) -> Any:
    """Return a function from a value to its place between `bottom` and `top`."""
    low, high = min(ends), max(ends)
    size = high - low or 1.0
    return lambda value: bottom + (value - low) / size * (top - bottom)
