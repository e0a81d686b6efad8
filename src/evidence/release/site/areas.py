"""A site of areas: a page for a board and one with the detail for each, and one for each measure.

It is made of plain tables, and every drawing of a template: thousands of them take seconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import EvidenceError
from evidence.show import area_rows as rows
from evidence.show.render import render, safe
from evidence.show.rows import records
from evidence.show.words import counted

CHART = (560, 220)
FUNNEL = (560, 300)
_EDGE = (72, 12, 14, 34)  # left, right, top and bottom of a drawing, where its words stand


@dataclass(frozen=True, kw_only=True)
class Tables:
    """What a site is made of.

    Parameters
    ----------
    table, series : DataFrame
        As of :class:`evidence.methods.monitoring.areas.Areas`.
    funnels : mapping of str to DataFrame
        An indicator's `unit`, `n`, `value`, `centre`, limits and `signal`.
    titles : mapping of str to str
        Of indicators, where they have others than their names.
    neighbours : mapping of str to sequence of str
        An area's official neighbours, nearest first.
    national, vintage, about : str
    caveats : sequence of str
    """

    table: pd.DataFrame
    series: pd.DataFrame
    funnels: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    neighbours: Mapping[str, Sequence[str]] = field(default_factory=dict)
    national: str = "England"
    vintage: str = ""
    about: str = ""
    caveats: Sequence[str] = ()


def build(tables: Tables, out: str | Path) -> list[Path]:
    """Write the site.

    Parameters
    ----------
    tables : Tables
    out : path
        A folder that is empty or not there.

    Returns
    -------
    list of Path
        `index.html`, `areas/NAME.html` and `areas/NAME-detail.html`, `measures/NAME.html`.

    Raises
    ------
    EvidenceError
        The folder holds something, or no area can be shown.
    """
    out = Path(out)
    if out.exists() and any(out.iterdir()):
        raise EvidenceError(f"{out}: holds something; give a folder that is empty or not there")
    whole = _Site(tables)
    if not whole.areas:
        raise EvidenceError("no area has a figure at an indicator's last time")
    for folder in ("areas", "measures"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for name, drawing in whole.funnels():
        (out / "measures" / name).write_text(drawing, encoding="utf-8", newline="\n")
    pages = []
    for name, page in whole.pages():
        (out / name).write_text(page, encoding="utf-8", newline="\n")
        pages.append(out / name)
    return pages


class _Site:
    """The pages, with what they share found once."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        table = tables.table
        self.titles = {
            name: tables.titles.get(name) or name for name in table["indicator"].unique()
        }
        self.measures = _addresses(self.titles.values())
        series: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for one in records(tables.series):
            series.setdefault((one["area"], one["indicator"]), []).append(one)
        self.rows: dict[str, dict[str, dict[str, Any]]] = {}
        for row in records(table):
            row["title"] = self.titles[row["indicator"]]
            row["series"] = series.get((row["area"], row["indicator"]), ())
            row["beside"] = tables.national
            self.rows.setdefault(row["area"], {})[row["indicator"]] = row
        nation = self.rows.get(tables.national, {})
        for own in self.rows.values():
            for name, row in own.items():
                row["beside_variation"] = nation[name]["variation"] if name in nation else ""
        local = table.loc[table["local"], "area"]
        self.areas = _addresses(sorted(local.unique()))
        self.lines = {
            (row["area"], row["indicator"]): _line(row)
            for own in self.rows.values()
            for row in own.values()
        }
        self.points = {name: _places(found) for name, found in tables.funnels.items()}

    def pages(self) -> Any:
        """Give each page's address and content."""
        yield "index.html", self._index()
        for name in self.areas:
            own = self._own(name)
            yield f"areas/{self.areas[name]}.html", self._area(name, own)
            yield f"areas/{self.areas[name]}-detail.html", self._detail(name, own)
        for name in self.titles:
            yield f"measures/{self.measures[self.titles[name]]}.html", self._measure(name)

    def funnels(self) -> Any:
        """Give the file and drawing of each funnel without names."""
        for name, found in self.tables.funnels.items():
            yield f"{self.measures[self.titles[name]]}.svg", self._funnel(name, found)

    def _own(self, area: str) -> list[dict[str, Any]]:
        """Return the rows of an area, each with the address of its detail."""
        place = self.areas[area]
        for row in self.rows[area].values():
            row["href"] = f"{place}-detail.html#{self.measures[row['title']]}"
        return [*self.rows[area].values()]

    def _page(self, template: str, title: str, *, up: str = "../", **values: Any) -> str:
        head = {"title": title, "up": up, "about": self.tables.about, "foot": rows.FOOT}
        return render(template, style=safe(rows.STYLE), **head, **values)

    def _index(self) -> str:
        lines = []
        for name, address in self.areas.items():
            groups = rows.grouped(self.rows[name].values())
            counts = [len(groups.get(key, ())) for key in rows.GROUPS]
            lines.append({"name": name, "href": f"areas/{address}.html", "counts": counts})
        wanting = sum(bool(line["counts"][0]) for line in lines)
        return self._page(
            "area/index.html",
            f"{counted(wanting, 'area')} of {len(lines)} have a measure that needs a decision",
            up="",
            groups=rows.GROUPS,
            lines=lines,
            measures=[(title, f"measures/{to}.html") for title, to in self.measures.items()],
            caveats=self.tables.caveats,
        )

    def _area(self, name: str, own: list[dict[str, Any]]) -> str:
        near = self.tables.neighbours.get(name, ())
        dated = f" ({self.tables.vintage} list)" if self.tables.vintage else ""
        official = f" and {counted(len(near), 'official neighbour')}{dated}" if near else ""
        return self._page(
            "area/area.html",
            rows.finding(own),
            area=name,
            against=f"against {self.tables.national}{official}",
            lead=rows.LEAD,
            table=rows.table(own),
            detail=f"{self.areas[name]}-detail.html",
        )

    def _detail(self, name: str, own: list[dict[str, Any]]) -> str:
        near = [self.tables.national, *self.tables.neighbours.get(name, ())]
        sections = []
        for row in own:
            key = row["indicator"]
            beside = [self.lines[other, key] for other in near if (other, key) in self.lines]
            sections.append(
                {
                    "id": self.measures[row["title"]],
                    "title": row["title"],
                    "measure": f"../measures/{self.measures[row['title']]}.html",
                    "said": rows.know(row),
                    "change": rows.CHANGES[row["variation"]],
                    "met": rows.TARGETS[row["assurance"]],
                    "chart": chart(row),
                    "funnel": self._highlighted(name, near, key),
                    "no_funnel": self._no_funnel(key, name),
                    "lines": [self.lines[name, key], *beside],
                }
            )
        return self._page(
            "area/detail.html",
            f"{name}: every measure, with {self.tables.national} and its neighbours",
            area=name,
            back=f"{self.areas[name]}.html",
            sections=sections,
        )

    def _measure(self, name: str) -> str:
        title = self.titles[name]
        own = [self.rows[area][name] for area in self.areas if name in self.rows[area]]
        own.sort(key=lambda row: (not rows.known(row["rank"]), row["rank"], row["area"]))
        counts = [sum(row["variation"] == key for row in own) for key in ("improvement", "concern")]
        changed = (
            f"{title}: {counts[0]} improving and {counts[1]} getting worse of {len(own)} areas"
        )
        national = self.lines.get((self.tables.national, name))
        return self._page(
            "area/measure.html",
            changed,
            funnel=self._highlighted("", (), name),
            no_funnel=self._no_funnel(name),
            lines=[
                *([national] if national else []),
                *(self.lines[row["area"], name] for row in own),
            ],
            links={area: f"../areas/{to}.html" for area, to in self.areas.items()},
        )

    # funnels --------------------------------------------------------------------------------------

    def _funnel(self, name: str, found: pd.DataFrame) -> str:
        places, limits, axes = self.points[name]
        dots = [(*places[row["unit"]], row["signal"] in ("high", "low")) for row in records(found)
                if row["unit"] in places]  # fmt: skip
        lines = {"limits": limits, "dots": dots, "centre": axes["centre"][0], "edge": _EDGE}
        return render("area/funnel.svg", shape=FUNNEL, **lines)

    def _funnel_alt(self, name: str) -> str:
        signals = self.tables.funnels[name]["signal"].value_counts()
        high, low = signals.get("high", 0), signals.get("low", 0)
        return (
            f"{self.titles[name]} by size of area, with limits (dashed 95%, solid 99.8%): "
            f"{counted(high, 'area')} above the outer limits and {low} below"
        )

    def _highlighted(self, area: str, near: Sequence[str], name: str) -> dict[str, Any] | None:
        places, _, axes = self.points.get(name, ({}, (), {}))
        if not places or (area and area not in places):
            return None
        alt = "" if area else self._funnel_alt(name)
        if area:
            signal = self.rows[area][name]["funnel"]
            where = {"high": "above the outer limits", "low": "below the outer limits"}.get(
                signal, "within the limits" if signal == "as the others" else "at a limit"
            )
            alt = f"{area} is {where} for an area of its size"
        return {
            "file": f"../measures/{self.measures[self.titles[name]]}.svg",
            "axes": axes,
            "shape": FUNNEL,
            "own": places.get(area),
            "near": [places[other] for other in near if other in places],
            "alt": alt,
        }

    def _no_funnel(self, name: str, area: str = "") -> str:
        """Say why a measure has no funnel, or an area no place in it; "" where it has."""
        if name in self.points:
            placed = not area or area in self.points[name][0]
            return "" if placed else "Not in the funnel: how many it is of is not in the file."
        units = {own[name]["unit"] for own in self.rows.values() if name in own}
        if units != {"%"}:
            return "No funnel: it is of shares, and this measure is none."
        return "No funnel: how many each share is of is not in the file."


def chart(row: Mapping[str, Any]) -> str:
    """Return all readings of a row between their limits as a chart with its words."""
    series = row["series"]
    width, height = CHART
    left, right, top, bottom = _EDGE
    ends = [one[key] for one in series for key in ("value", "lower", "upper")] + [row["target"]]
    ends = [end for end in ends if rows.known(end)]
    if not ends:
        return ""
    low, high = min(ends), max(ends)
    low, high = (low, high) if high > low else (low - 1, high + 1)
    step = (width - left - right - 16) / max(len(series) - 1, 1)

    def y(value: float) -> float:
        return float(height - bottom - (value - low) / (high - low) * (height - top - bottom))

    points = [(left + 8 + step * n, y(one["value"])) for n, one in enumerate(series)]
    last, unit, places = series[-1], row["unit"], rows.digits(row)
    limits = {key: y(last[key]) for key in ("lower", "centre", "upper") if rows.known(last[key])}
    every = math.ceil(len(series) / 8)
    ticks = [(points[n][0], series[n]["time"]) for n in range(0, len(series), every)]
    signals = sum(one["signal"] not in ("common cause", "too few") for one in series)
    ends = [rows.figure(one["value"], unit, places) for one in (series[0], last)]
    said = f"from {ends[0]} to {ends[1]}"
    return render(
        "area/chart.svg",
        alt=f"{row['title']}: {len(series)} readings {said}, {signals} of them signals",
        shape=CHART,
        edge=_EDGE,
        limits=limits,
        words={
            key: (at, rows.figure(last[key], unit, max(places, 1))) for key, at in limits.items()
        },
        target=(y(row["target"]), rows.goal(row)) if rows.known(row["target"]) else None,
        path=" ".join(f"{a:.1f},{b:.1f}" for a, b in points),
        dots=[(*place, one["signal"]) for place, one in zip(points, series, strict=True)],
        ticks=ticks,
    )


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an area's line in a table that sets areas beside each other."""
    return {
        "area": row["area"],
        "value": rows.figure(row["value"], row["unit"], rows.digits(row)),
        "range": rows.span(row),
        "rank": rows.rank(row),
        "change": rows.CHANGES[row["variation"]],
    }


def _places(
    found: pd.DataFrame,
) -> tuple[dict[str, tuple[float, float]], list[Any], dict[str, Any]]:
    """Return where each unit of a funnel is, its limits as paths, and the ends of its axes."""
    found = found.dropna(subset=["value", "n"]).sort_values("n")
    width, height = FUNNEL
    left, right, top, bottom = _EDGE
    limits = [name for name in found if name.startswith(("lower_", "upper_"))]
    size = np.sqrt(found["n"].to_numpy(float))
    all_values = 100 * found[["value", *limits]].to_numpy(float)
    low, high = np.nanmin(all_values), np.nanmax(all_values)
    x = left + 8 + (size - size[0]) / max(np.ptp(size), 1e-9) * (width - left - right - 16)

    def y(values: np.ndarray) -> np.ndarray:
        share = (100 * values - low) / max(high - low, 1e-9)
        place: np.ndarray = height - bottom - share * (height - top - bottom)
        return place

    def path(values: np.ndarray) -> str:
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y(values), strict=True))

    paths = [
        ("outer" if name.endswith("99.8") else "inner", path(found[name].to_numpy(float)))
        for name in limits
    ]
    centre = float(found["centre"].iloc[0])
    axes = {
        "low": rows.figure(low, "%"), "high": rows.figure(high, "%"),
        "centre": (float(y(np.array([centre]))[0]), rows.figure(100 * centre, "%")),
        "least": f"{found['n'].iloc[0]:,.0f}", "most": f"{found['n'].iloc[-1]:,.0f}",
        "edge": _EDGE,
    }  # fmt: skip
    places = zip(x.tolist(), y(found["value"].to_numpy(float)).tolist(), strict=True)
    return dict(zip(found["unit"], places, strict=True)), paths, axes


def _addresses(names: Any) -> dict[str, str]:
    """Return each name's address: its words, numbered where two are alike."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        words = re.sub(r"[^a-z0-9]+", "-", str(name).lower()).strip("-")[:60] or "a"
        address, number = words, 2
        while address in taken or address.endswith("-detail"):
            address, number = f"{words}-{number}", number + 1
        taken.add(address)
        found[name] = address
    return found
