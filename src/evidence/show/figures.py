"""Draw tidy tables: each function takes a frame with fixed columns and the axes to draw on."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from evidence.show.words import MONTHS, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Analysis Function palette: never the only carrier of a meaning.
COLOURS = {
    "better than similar": "#12436D",
    "worse than similar": "#801650",
    "no worthwhile difference": "#3D3D3D",
    "too little data": "#6B7780",
    "": "#12436D",
}
INK = "#0B0C0C"
BAND = "#F1F2F3"


def draw_intervals(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw one point and interval a row, with the band of no worthwhile difference in grey.

    Parameters
    ----------
    frame : DataFrame
        `label`, `estimate`, `ci_lower`, `ci_upper`; optionally `verdict` (colour and dash),
        `worthwhile` (half-width of the grey band) and `unit` ("sd" adds months along the top).
    ax : Axes
        Where to draw.
    """
    shown = frame[frame["estimate"].notna()].reset_index(drop=True)
    if "worthwhile" in shown and shown["worthwhile"].notna().any():
        half = shown["worthwhile"].max()
        ax.axvspan(-half, half, color=BAND, zorder=0)
    ax.axvline(0, color="#B1B4B6", linewidth=1, zorder=1)
    for place, row in shown.iterrows():
        verdict = row.get("verdict", "")
        colour = COLOURS.get(verdict, COLOURS[""])
        unsure = verdict == "too little data"
        ax.plot(
            [row["ci_lower"], row["ci_upper"]],
            [place, place],
            color=colour,
            linewidth=2.5,
            linestyle=(0, (2, 1.2)) if unsure else "solid",
            solid_capstyle="butt",
            zorder=2,
        )
        ax.plot(
            row["estimate"],
            place,
            "o",
            markersize=9,
            color=colour,
            markerfacecolor="white" if unsure else colour,
            markeredgewidth=2,
            zorder=3,
        )
    ax.set_yticks(range(len(shown)), [textwrap.fill(label, 32) for label in shown["label"]])
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    unit = shown["unit"].iloc[0] if "unit" in shown and len(shown) else ""
    ax.set_xlabel(
        {"sd": "Effect size (standard deviations)", "pp": "Percentage points"}.get(unit, "Points")
    )
    if unit == "sd":
        _months_axis(ax)
    return ax


def _months_axis(ax: Axes) -> None:
    """Mark along the top where each month of progress begins."""
    starts = MONTHS["toolkit"]
    low, high = ax.get_xlim()
    places = [s for s in starts if s < high] + [-s for s in starts if -s > low] + [0]
    every = 1 if len(places) <= 4 else 2  # +1 and −1 begin too near to nought to be told apart
    top = ax.secondary_xaxis("top")
    keep = [p for p in sorted(places) if _month_at(p) % every == 0]
    top.set_xticks(keep, [number(_month_at(p), 0, sign=True) for p in keep])
    top.set_xlabel("Months of progress")
    top.spines["top"].set_visible(False)
    top.tick_params(length=3)


def _month_at(place: float) -> int:
    starts = MONTHS["toolkit"]
    return (starts.index(abs(place)) + 1) * (1 if place > 0 else -1) if place else 0


def draw_event_study(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw estimates by time since the start, before in grey and after in blue.

    Parameters
    ----------
    frame : DataFrame
        `time` (years since the start; the first treated year is 0), `estimate`, `ci_lower`,
        `ci_upper`; optionally `period` (how each time is called) and `unit`.
    ax : Axes
        Where to draw.
    """
    shown = frame[frame["estimate"].notna()].sort_values("time")
    ax.axhline(0, color="#B1B4B6", linewidth=1, zorder=1)
    ax.axvline(-0.5, color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    for after, colour in ((False, COLOURS["too little data"]), (True, COLOURS[""])):
        part = shown[(shown["time"] >= 0) == after]
        ax.vlines(part["time"], part["ci_lower"], part["ci_upper"], color=colour, linewidth=2.5)
        ax.plot(
            part["time"],
            part["estimate"],
            "o",
            markersize=8,
            color=colour,
            markerfacecolor=colour if after else "white",
            markeredgewidth=2,
        )
    ax.text(-0.42, 1.0, "start", transform=ax.get_xaxis_transform(), va="top")
    labels = shown["period"] if "period" in shown else shown["time"].map(lambda t: f"{t:+d}")
    ax.set_xticks(shown["time"], labels)
    unit = shown["unit"].iloc[0] if "unit" in shown and len(shown) else ""
    ax.set_ylabel({"pp": "Percentage points", "sd": "Standard deviations"}.get(unit, "Points"))
    return ax


def draw_balance(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw baseline differences as effect sizes with the WWC limits of .05 and .25.

    Parameters
    ----------
    frame : DataFrame
        `covariate`, `effect_size`; optionally `before`, the effect size without weights, which is
        drawn hollow (a Love plot).
    ax : Axes
        Where to draw.
    """
    shown = frame[frame["effect_size"].notna()].reset_index(drop=True)
    ax.axvspan(-0.25, 0.25, color=BAND, zorder=0)
    ax.axvspan(-0.05, 0.05, color="#DEE0E2", zorder=0)
    ax.axvline(0, color="#B1B4B6", linewidth=1, zorder=1)
    sizes = shown[["before", "effect_size"]] if "before" in shown else shown[["effect_size"]]
    for name, size in sizes.items():
        ax.plot(
            size,
            shown.index,
            "o",
            markersize=8,
            color=COLOURS[""],
            markerfacecolor="white" if name == "before" else COLOURS[""],
            markeredgewidth=2,
            zorder=2 if name == "before" else 3,
            label={"before": "as they were", "effect_size": "weighted"}[name],
        )
    if "before" in shown:
        ax.hlines(shown.index, shown["before"], shown["effect_size"], color="#B1B4B6", zorder=1)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    ax.set_yticks(range(len(shown)), shown["covariate"])
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    reach = max(0.3, sizes.abs().to_numpy().max() * 1.1 if len(shown) else 0.3)
    ax.set_xlim(-reach, reach)
    ax.set_xlabel("Difference before the start (standard deviations)")
    return ax


def draw_flow(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the participant flow (CONSORT): a column of boxes for each arm.

    Parameters
    ----------
    frame : DataFrame
        `stage`, `arm`, `n_pupils` and optionally `n_schools`; stages in order of appearance.
    ax : Axes
        Where to draw.
    """
    stages, arms = list(dict.fromkeys(frame["stage"])), list(dict.fromkeys(frame["arm"]))
    for row in frame.to_dict("records"):
        across, down = arms.index(row["arm"]), stages.index(row["stage"])
        lines = [row["stage"].capitalize(), f"{_count(row['n_pupils'])} pupils"]
        if "n_schools" in row:
            lines.append(f"{_count(row['n_schools'])} schools")
        ax.text(
            across,
            -down,
            "\n".join(lines),
            ha="center",
            va="center",
            bbox={"boxstyle": "square,pad=0.6", "facecolor": "white", "edgecolor": INK},
        )
        if down:
            ax.annotate(
                "",
                (across, -down + 0.34),
                (across, -down + 0.66),
                arrowprops={"arrowstyle": "-|>", "color": INK},
            )
    for across, arm in enumerate(arms):
        ax.text(across, 0.55, arm, ha="center", weight="bold")
    ax.set_xlim(-0.6, len(arms) - 0.4)
    ax.set_ylim(-len(stages) + 0.5, 0.8)
    ax.set_axis_off()
    return ax


def _count(value: float) -> str:
    return "fewer than 10" if value != value else f"{value:,.0f}"


def draw_overlap(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw how many schools are in each combination of programmes (an UpSet plot on its side).

    Parameters
    ----------
    frame : DataFrame
        `programmes` (names joined by " + ") and `n_schools`, a row a combination.
    ax : Axes
        Where to draw: a column of dots a programme, then a bar for the schools.
    """
    members = [row.split(" + ") for row in frame["programmes"]]
    names = list(dict.fromkeys(name for row in members for name in row))
    counts = frame["n_schools"].astype(float)
    left, longest = len(names), max(4.0, 0.8 * len(names))
    for place, (row, count) in enumerate(zip(members, counts, strict=True)):
        inside = [names.index(name) for name in row]
        ax.plot(range(len(names)), [place] * len(names), "o", color="#D9DCDE", markersize=9)
        ax.plot(inside, [place] * len(inside), "o-", color=COLOURS[""], markersize=9, linewidth=2)
        width = 0.0 if count != count else longest * count / counts.max()
        ax.barh(place, width, left=left, height=0.55, color=COLOURS[""])
        ax.text(left + width + 0.15, place, _count(count), va="center")
    ax.set_xticks(range(len(names)), names, rotation=40, ha="left")
    ax.xaxis.tick_top()
    ax.set_yticks([])
    ax.set_xlim(-0.6, left + longest + 1.2)
    ax.set_ylim(len(frame) - 0.4, -0.6)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    return ax
