"""One shared scale for many intervals: the drawing in a board row and the marks above it."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from evidence.show.figures import BAND, COLOURS
from evidence.show.words import MONTHS, number

WIDTH, HEIGHT, EDGE = 270, 36, 14
_RULE = "#B1B4B6"
_ROOM = 30  # least distance between two marks, so that their words do not touch


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """What is drawn for one row, in the unit of its scale."""

    estimate: float
    lower: float
    upper: float
    worthwhile: float

    @classmethod
    def of(cls, row: Mapping[str, Any], kind: str) -> Interval | None:
        """Return the interval of a row on a scale of `kind`, or nothing where it is hidden.

        On the months scale the smallest worthwhile effect is carried over from the outcome's own
        unit by the ratio of the two intervals' widths.
        """
        if row["estimate"] != row["estimate"]:
            return None
        if kind != "months":
            keys, ratio = ("estimate", "ci_lower", "ci_upper"), 1.0
        else:
            keys = ("effect_size", "es_lower", "es_upper")
            width = row["ci_upper"] - row["ci_lower"]
            ratio = (row["es_upper"] - row["es_lower"]) / width if width > 0 else math.nan
        estimate, lower, upper = (float(row[key]) for key in keys)
        return cls(
            estimate=estimate, lower=lower, upper=upper, worthwhile=row["worthwhile"] * ratio
        )


class Scale:
    """A scale that holds all of `intervals`; months are marked where each begins."""

    def __init__(self, intervals: Iterable[Interval], kind: str) -> None:
        ends = [
            end
            for one in intervals
            for end in (one.lower, one.upper, one.worthwhile, -one.worthwhile)
            if math.isfinite(end)
        ]
        least = {"months": 0.12, "sd": 0.12}.get(kind, 1.0)
        limit = 1.2 if kind in ("months", "sd") else math.inf  # beyond: an arrow head
        self.low = max(min([-least, *ends]) * 1.05, -limit)
        self.high = min(max([least, *ends]) * 1.05, limit)
        self.kind = kind
        self.marks = self._months() if kind == "months" else self._units()

    def axis(self) -> str:
        """Return the marks with their words, for the head of the column or below a card's row."""
        words = "".join(
            f'<text x="{self._at(place):.1f}" y="12" text-anchor="middle" font-size="12" '
            f'font-weight="bold" fill="#40484F">{word}</text>'
            for place, word in self.marks
        )
        return self._svg(17, words, "")

    def draw(self, interval: Interval | None, verdict: str, alt: str) -> str:
        """Return one row's drawing: grey band, interval, point; hollow and dashed if unsure."""
        if interval is None:
            return "<small>hidden: too few pupils</small>"
        parts, middle = [], HEIGHT / 2
        if interval.worthwhile > 0:
            left, right = self._at(-interval.worthwhile), self._at(interval.worthwhile)
            parts.append(
                f'<rect x="{left:.1f}" width="{right - left:.1f}" y="0" height="{HEIGHT}" '
                f'fill="{BAND}"/>'
            )
        zero = self._at(0)
        parts.append(f'<path d="M{zero:.1f} 0V{HEIGHT}" stroke="{_RULE}" stroke-width="1.5"/>')
        colour, unsure = COLOURS[verdict], verdict == "too little data"
        left, right = self._at(interval.lower), self._at(interval.upper)
        dash = ' stroke-dasharray="5 3.5"' if unsure else ""
        parts.append(
            f'<path d="M{left:.1f} {middle}H{right:.1f}" stroke="{colour}" stroke-width="3"{dash}/>'
        )
        for end, place, out in ((interval.lower, left, -1), (interval.upper, right, 1)):
            if not self.low <= end <= self.high:
                parts.append(
                    f'<path d="M{place:.1f} {middle - 6}l{7 * out} 6l{-7 * out} 6z" '
                    f'fill="{colour}"/>'
                )
        if self.low <= interval.estimate <= self.high:
            parts.append(
                f'<circle cx="{self._at(interval.estimate):.1f}" cy="{middle}" r="6.5" '
                f'fill="{"#FFFFFF" if unsure else colour}" stroke="{colour}" stroke-width="3"/>'
            )
        return self._svg(HEIGHT, "".join(parts), alt)

    def _at(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        return EDGE + (inside - self.low) / (self.high - self.low) * (WIDTH - 2 * EDGE)

    def _svg(self, height: int, body: str, alt: str) -> str:
        label = f'role="img" aria-label="{html.escape(alt)}"' if alt else 'aria-hidden="true"'
        return (
            f'<svg {label} viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">'
            f"{body}</svg>"
        )

    def _months(self) -> list[tuple[float, str]]:
        # The first month begins elsewhere in each table; from the second on they agree.
        starts = MONTHS["toolkit"]
        for step in (2, 3, 4, 6):
            sizes = [(starts[m - 1], m) for m in range(step, len(starts) + 1, step)]
            marks = self._kept([(0.0, 0), *sizes, *((-size, -m) for size, m in sizes)])
            if marks:
                break
        return [(place, number(month, 0, sign=True)) for place, month in marks]

    def _units(self) -> list[tuple[float, str]]:
        power = 10.0 ** math.floor(math.log10(max(self.high - self.low, 1e-9)) - 1)
        for step in (power * times for times in (1, 2, 5, 10, 20, 50)):
            reach = range(math.ceil(self.low / step), math.floor(self.high / step) + 1)
            marks = self._kept([(place * step, place * step) for place in reach])
            if marks:
                break
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        return [(place, number(value, digits, sign=True)) for place, value in marks]

    def _kept(self, marks: list[tuple[float, float]]) -> list[tuple[float, float]]:
        """Return the marks on the scale, or none if two of them stand too near."""
        inside = sorted(mark for mark in marks if self.low <= mark[0] <= self.high)
        places = [self._at(place) for place, _ in inside]
        near = any(b - a < _ROOM for a, b in pairwise(places))
        return [] if near else inside
