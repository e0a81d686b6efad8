"""One shared scale for many intervals: the drawing in a board row and the marks above it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from evidence.show.figures import BAND, COLOURS
from evidence.show.render import render
from evidence.show.words import MONTHS, number

WIDTH, HEIGHT, EDGE = 182, 28, 10
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
        marks = [(self.at(place), word) for place, word in self.marks]
        return render("axis.svg", marks=marks, width=WIDTH)

    def draw(self, interval: Interval, verdict: str, alt: str) -> str:
        """Return one row's drawing: grey band, interval, point; hollow and dashed if unsure."""
        worth, ends = interval.worthwhile, ((interval.lower, -1), (interval.upper, 1))
        inside = self.low <= interval.estimate <= self.high
        return render(
            "interval.svg",
            alt=alt,
            width=WIDTH,
            height=HEIGHT,
            middle=HEIGHT / 2,
            band=(self.at(-worth), self.at(worth)) if worth > 0 else None,
            grey=BAND,
            zero=self.at(0),
            left=self.at(interval.lower),
            right=self.at(interval.upper),
            arrows=[(self.at(x), out) for x, out in ends if not self.low <= x <= self.high],
            point=self.at(interval.estimate) if inside else None,
            colour=COLOURS[verdict],
            unsure=verdict == "too little data",
        )

    def at(self, value: float) -> float:
        """Return where on the drawing a value is; beyond the scale, its end."""
        inside = min(max(value, self.low), self.high)
        return EDGE + (inside - self.low) / (self.high - self.low) * (WIDTH - 2 * EDGE)

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
        """Return the marks on the scale, or none if two of them are too near."""
        inside = sorted(mark for mark in marks if self.low <= mark[0] <= self.high)
        places = [self.at(place) for place, _ in inside]
        near = any(b - a < _ROOM for a, b in pairwise(places))
        return [] if near else inside
