"""What each programme costs beside what it changed: one picture of them all, labelled directly."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evidence.show.figures import BAND, COLOURS
from evidence.show.render import render
from evidence.show.rows import missing
from evidence.show.words import MONTHS, capital, number

WIDE, HIGH = 820, 340
_LEFT, _RIGHT, _TOP, _FOOT = 46, 8, 22, 44
_LETTER, _LINE, _LONGEST = 7.2, 15, 34  # width and height of a letter, about; letters of a name
_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
_SHADES = (0.35, 0.45, 0.55, 0.7, 0.85, 1.0)  # of evidence of so many points
_CROSSED = 8.0  # what it costs a name to lie over a line, beside a place further from its point
Box = tuple[float, float, float, float]


def portfolio(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the picture as SVG, or "" where fewer than two programmes have a cost and an effect.

    Parameters
    ----------
    rows : sequence of mapping
        What `evidence.release.site.answers.answers` gives.
    """
    shown = [row for row in rows if row["cost"] > 0 and not missing(row["effect"])]
    if len(shown) < 2:
        return ""
    low, high = (math.log(f(row["cost"] for row in shown)) for f in (min, max))
    low, high = low - 0.35, high + 0.35
    worth = sorted(row["worthwhile"] for row in shown)[len(shown) // 2]
    worth = 0.0 if missing(worth) else worth
    reach = [row["effect"] for row in shown]
    top, bottom = max(0.22, *reach) + 0.07, min(-0.12, *reach) - 0.07
    most = max(max(row["pupils"] for row in shown), 1.0)

    def x(cost: float) -> float:
        return _LEFT + (math.log(cost) - low) / (high - low) * (WIDE - _LEFT - _RIGHT)

    def y(effect: float) -> float:
        inside = min(max(effect, bottom), top)
        return _TOP + (top - inside) / (top - bottom) * (HIGH - _TOP - _FOOT)

    points = [
        {
            "x": x(row["cost"]),
            "y": y(row["effect"]),
            "low": y(row["lower"]),
            "high": y(row["upper"]),
            "r": 5 + 11 * math.sqrt(max(row["pupils"], 0) / most),
            "colour": COLOURS[row["verdict"]],
            "shade": _SHADES[row["points"] or 0],
            "hollow": row["verdict"] == "too little data",
            "arrows": [
                (y(end), out)
                for end, out in ((row["upper"], 1), (row["lower"], -1))
                if not bottom <= end <= top
            ],
            "said": f"{row['short']}: £{row['cost']:,.0f}, {row['size']} ({row['span']})",
        }
        for row in shown
    ]
    names = [_cut(row["short"]) for row in shown]
    for point, label in zip(points, _labels(points, names, y(0)), strict=True):
        point["label"] = label
    marks = [(0.0, "0")]
    for month in (2, 4, 6, 8, 10):
        marks += [(MONTHS["toolkit"][month - 1] * sign, number(sign * month, 0, sign=True))
                  for sign in (1, -1)]  # fmt: skip
    said = "; ".join(str(point["said"]) for point in points)
    return render(
        "portfolio.svg",
        wide=WIDE,
        high=HIGH,
        left=_LEFT,
        foot=HIGH - _FOOT,
        points=points,
        band=(y(worth), y(-worth), BAND),
        zero=y(0),
        across=[(x(t), f"£{t:,}") for t in _TICKS if low < math.log(t) < high],
        up=[(y(size), word) for size, word in marks if bottom < size < top],
        alt="Pounds a pupil a year across, months of progress upwards; the EEF’s months are steps "
        f"of unequal size. {said}.",
    )


def short_titles(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return of each title the part that tells it from the others, and the rest of it."""
    parts = [row["title"].partition(": ")[::2] for row in rows]
    begins = Counter(head for head, _ in parts)
    names = [(capital(tail), head) if tail and begins[head] > 1 else (head, tail)
             for head, tail in parts]  # fmt: skip
    counts = Counter(name.casefold() for name, _ in names)
    return [
        (name, rest) if counts[name.casefold()] == 1 else (row["title"], "")
        for (name, rest), row in zip(names, rows, strict=True)
    ]


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _labels(
    points: Sequence[Mapping[str, Any]], names: Sequence[str], zero: float
) -> list[tuple[float, float, str]]:
    """Return where each name stands: beside its point, on no other name, circle or line."""
    circles = [(p["x"] - p["r"], p["y"] - p["r"], p["x"] + p["r"], p["y"] + p["r"]) for p in points]
    lines = [(p["x"] - 1, p["high"], p["x"] + 1, p["low"]) for p in points]
    lines.append((_LEFT, zero - 1, WIDE, zero + 1))
    taken: list[Box] = []
    placed = []
    for point, name in zip(points, names, strict=True):
        best, least = (0.0, 0.0, name), math.inf
        for penalty, left, base in _places(point, _LETTER * len(name)):
            box = (left, base - 11, left + _LETTER * len(name), base + 3)
            over = sum(_shared(box, other) for other in (*taken, *circles))
            over += sum(_CROSSED for line in lines if _shared(box, line))
            inside = left >= _LEFT and box[2] <= WIDE and box[1] >= 0 and base <= HIGH - _FOOT
            cost = penalty + over + (0 if inside else 1e5)
            if cost < least:
                best, least = (left, base, name), cost
        taken.append((best[0], best[1] - 11, best[0] + _LETTER * len(name), best[1] + 3))
        placed.append(best)
    return placed


def _places(point: Mapping[str, Any], wide: float) -> Iterator[tuple[float, float, float]]:
    """Give places of a label by how far they are from the best, its left and its baseline."""
    gap = point["r"] + 5
    for far in range(9):
        for sign in (-1, 1) if far else (1,):
            base = point["y"] + 4 + sign * far * _LINE / 2
            yield 3.0 * far, point["x"] + gap, base
            yield 3.0 * far + 1, point["x"] - gap - wide, base
    yield 14, point["x"] - wide / 2, point["y"] - gap
    yield 14, point["x"] - wide / 2, point["y"] + gap + 9


def _shared(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return 10 + wide * high if wide > 0 and high > 0 else 0.0
