"""Draw results put together: forests, probabilities of ranks, cost beside effect."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evidence.show import figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BLUE = figures.COLOURS[""]
_PALE = "#8FA8BC"
_ACROSS, _UPWARDS = 290, 170  # points that the plane is wide and high, about
_BESIDE = [np.array(at) for at in (
    (10, 0), (-10, 0), (0, 12), (0, -12), (9, 10), (-9, 10), (9, -10), (-9, -10), (19, 0), (-19, 0),
    (0, 23), (0, -23), (17, 15), (-17, 15), (17, -15), (-17, -15),
)]  # fmt: skip  # where the number of a point may stand
_BANDS = {80: "very low", 200: "low", 720: "moderate", 1200: "high", np.inf: "very high"}  # EEF
_LETTER, _UP = 0.034, 13  # a letter's share of the plane's width; points from line to line
_LINE = 0.23  # inches from line to line of a key


def draw_forest(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw results as squares, means as diamonds, a thin line where more is left open.

    Parameters
    ----------
    frame : DataFrame
        `label`, `role` ("result", "mean", or "look" for a mean so far), `estimate`, `ci_lower`,
        `ci_upper`, `wide_lower`, `wide_upper` (where a further one would lie, or the interval valid
        at every look) and `weight` (per cent, the area of a square).
    ax : Axes
        Where to draw.
    """
    shown = frame[frame["estimate"].notna()].reset_index(drop=True)
    figures.mark_zero(ax, len(shown))
    most = max(shown.loc[shown["role"] == "result", "weight"].max(), 1e-9)
    ends = shown[["ci_lower", "ci_upper"]].to_numpy()
    reach = 1.6 * np.nanmax(np.abs(ends)) if len(shown) else 1.0
    for place, row in shown.iterrows():
        result = row["role"] == "result"
        if row["wide_lower"] == row["wide_lower"]:
            wide = np.clip([row["wide_lower"], row["wide_upper"]], -reach, reach)
            ax.plot(wide, [place] * 2, color=_PALE, linewidth=1.5, zorder=1)
            for end, given, mark in zip(wide, row[["wide_lower", "wide_upper"]], "<>", strict=True):
                ax.plot(end, place, "|" if end == given else mark, color=_PALE, markersize=8)
        span = (row["ci_lower"], row["ci_upper"])
        ax.plot(span, [place] * 2, color=_BLUE, linewidth=2.5, solid_capstyle="butt", zorder=2)
        size = 4 + 7 * np.sqrt(row["weight"] / most) if result else 10
        mark = "s" if result else "D"
        fill = "white" if row["role"] == "look" else _BLUE
        look = {"color": _BLUE, "markerfacecolor": fill, "markeredgewidth": 2, "zorder": 3}
        ax.plot(row["estimate"], place, mark, markersize=size, **look)
    figures.name_rows(ax, shown["label"], shown["role"] == "mean")
    thin = "where a further one would lie"
    if (shown["role"] == "look").any():
        thin = "the interval that holds however often one looks"
    ax.set_xlabel(f"Effect size (standard deviations)\nThin line: {thin}")
    figures.months_axis(ax)
    return ax


def draw_ranks(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw a row a name and a cell a rank, darker and with a number where it is more probable.

    Parameters
    ----------
    frame : DataFrame
        `label`, `rank`, `probability`.
    ax : Axes
        Where to draw.
    """
    names = list(dict.fromkeys(frame["label"]))
    wide = frame.pivot_table("probability", "label", "rank", dropna=False).loc[names]
    ranks = wide.columns.to_numpy(float)
    shares = wide.to_numpy()
    depth = np.minimum(np.nan_to_num(shares), 0.6) / 0.6
    for place in range(len(names)):
        cells = {"width": 0.94, "height": 0.46, "left": ranks - 0.47, "edgecolor": figures.RULE}
        colours = [(_BLUE, alpha) for alpha in depth[place]]
        ax.barh([place + 0.13] * len(ranks), color=colours, linewidth=0.8, **cells)
    for place, at in zip(*np.nonzero(~(shares < 0.095)), strict=True):
        known, ink = shares[place, at], "white" if depth[place, at] > 0.5 else figures.INK
        said = f"{100 * known:.0f}" if known == known else "–"
        ax.text(ranks[at], place + 0.13, said, ha="center", va="center_baseline", color=ink)
    figures.name_rows(ax, names, [False] * len(names))
    ax.set_xlim(0.4, len(wide.columns) + 0.6)
    ax.set_xticks(wide.columns[:: 1 + len(wide.columns) // 16])
    ax.set_xlabel("Rank by effect, 1 the largest\nNumbers: probability in per cent, from 10 on")
    for side in ax.spines.values():
        side.set_visible(False)
    ax.tick_params(length=0)
    return ax


def draw_plane(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw effects over costs, numbered; dashed where a month costs what it is worth.

    Parameters
    ----------
    frame : DataFrame
        `label`, `cost` (pounds a pupil a year), `estimate`, `ci_lower`, `ci_upper`, `worth` (pounds
        that an effect of 1 SD is worth; NaN where nobody has said).
    ax : Axes
        Where to draw.
    """
    shown = frame[frame["estimate"].notna()].reset_index(drop=True)
    lines = _key(shown["label"])
    high_up = height("plane", frame)
    ax.set_axis_off()
    ax.set(xlim=(0, 1), ylim=(0, high_up))
    for place, line in enumerate(reversed(lines)):
        ax.text(0, _LINE * (place + 0.5), line, va="center_baseline")
    foot = _LINE * len(lines) + 1.0
    panel = ax.inset_axes((0.13, foot / high_up, 0.87, 1 - (foot + 0.4) / high_up))
    low, high = shown["cost"].min() / 1.6, shown["cost"].max() * 1.6
    panel.set(xscale="log", xlim=(low, high))
    panel.axhline(0, color=figures.RULE, zorder=0)
    panel.vlines(shown["cost"], shown["ci_lower"], shown["ci_upper"], color=_PALE, linewidth=2)
    panel.plot(shown["cost"], shown["estimate"], "o", color=_BLUE, markersize=7, zorder=3)
    ends = panel.get_ylim()
    _number(panel, shown)
    said = ["Pounds a year for each pupil (above: EEF's bands, 2026)"]
    worth = shown["worth"].iloc[0] if len(shown) else np.nan
    if worth == worth:
        across = np.geomspace(low, high, 100)
        dashed = {"color": figures.INK, "linestyle": (0, (4, 3)), "linewidth": 1, "zorder": 1}
        panel.plot(across, across / worth, **dashed)
        said.append("Dashed: a month costs what it is worth")
    panel.set_ylim(ends)
    _bands(panel, low, high)
    ticks = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
    ticks = [x for x in (ticks if high < 200 * low else ticks[::2]) if low < x < high]
    panel.set_xticks(ticks, [f"{x:,}" for x in ticks])
    panel.set_xticks([], minor=True)
    panel.set_ylabel("Effect size (SD)")
    figures.write(ax, (0.565, foot - 0.5), said, across="axes")
    return ax


def _key(labels: pd.Series) -> list[str]:
    """Return the lines that say which number is which."""
    numbered = (f"{place}  {label}" for place, label in enumerate(labels, start=1))
    return [line for each in numbered for line in textwrap.wrap(each, 50, drop_whitespace=False)]


def _number(panel: Axes, shown: pd.DataFrame) -> None:
    """Write the number of each point beside it, where nothing else stands."""
    (low, high), (bottom, top) = np.log(panel.get_xlim()), panel.get_ylim()
    across = _ACROSS * (np.log(shown["cost"]) - low) / (high - low)
    points = np.column_stack([across, _UPWARDS * (shown["estimate"] - bottom) / (top - bottom)])
    taken, look = points, {"ha": "center", "va": "center_baseline", "zorder": 2.5}
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}
    for place, row in shown.iterrows():
        free = [np.hypot(*(taken - points[place] - shift).T).min() for shift in _BESIDE]
        shift = _BESIDE[next((i for i, far in enumerate(free) if far > 10), int(np.argmax(free)))]
        taken = np.vstack([taken, points[place] + shift])
        at = (row["cost"], row["estimate"])
        panel.annotate(str(place + 1), at, shift, textcoords="offset points", bbox=box, **look)


def _bands(panel: Axes, low: float, high: float) -> None:
    """Mark where the EEF's bands end, with their words above; higher where two would touch."""
    edge, left, taken = panel.get_xaxis_transform(), low, 0.0
    for end, word in _BANDS.items():
        if not left < end or left >= high:
            continue
        right = min(end, high)
        if np.log(right / left) > 0.08 * np.log(high / low):
            middle = np.sqrt(left * right)
            across, half = np.log(middle / low) / np.log(high / low), _LETTER * len(word) / 2
            touches = across - half < taken
            panel.annotate(word, (middle, 1.01), (0, _UP if touches else 0), xycoords=edge,
                           textcoords="offset points", ha="center", va="bottom")  # fmt: skip
            taken = taken if touches else across + half
        if end < high:
            panel.axvline(end, color=figures.RULE, linewidth=1, linestyle=(0, (1, 2)), zorder=0)
        left = right


DRAW: dict[str, Callable[[pd.DataFrame, Axes], Axes]] = {
    "forest": draw_forest,
    "ranks": draw_ranks,
    "plane": draw_plane,
}


def height(kind: str, table: pd.DataFrame) -> float:
    """Return how high a drawing of the table should be, in inches."""
    names = list(dict.fromkeys(table["label"]))
    if kind == "plane":
        return 4.4 + _LINE * len(_key(table.loc[table["estimate"].notna(), "label"]))
    rows = len(table) if kind == "forest" else len(names)
    return 1.6 + figures.pitch(names) * rows
