"""Draw tidy tables: each function takes a frame with fixed columns and the axes to draw on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pandas as pd

from evidence.show.words import MONTHS, capital, number

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
RULE = "#B1B4B6"
WIDTH = 4.95  # inches: as wide as a telephone shows it without shrinking its letters
LETTERS = 12  # points
LEADING = 14.5  # points from line to line
_LINE = 48  # letters of a row's name
_SIGNALS = {  # shape as well as colour
    "common cause": ("o", "#6B7780"),
    "improvement": ("^", "#12436D"),
    "concern": ("v", "#801650"),
    "high": ("^", "#3D3D3D"),
    "low": ("v", "#3D3D3D"),
}
_ACROSS = 48  # letters that stand side by side below a drawing
_APART = 0.07  # share of the axis that two marks need between them


def draw_intervals(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw one point and interval a row, with the band of no worthwhile difference in grey.

    Parameters
    ----------
    frame : DataFrame
        `label`, `estimate`, `ci_lower`, `ci_upper`; optionally `verdict` (colour and dash),
        `worthwhile` (half-width of the row's grey band), `primary` (a bold label and a square)
        and `unit` ("sd" adds months along the top).
    ax : Axes
        Where to draw.
    """
    shown = frame[frame["estimate"].notna()].reset_index(drop=True)
    banded = "worthwhile" in shown and shown["worthwhile"].notna().any()
    if banded:
        places, widths = shown.index, 2 * shown["worthwhile"]
        look = {"color": BAND, "linewidth": 0, "zorder": 0}
        ax.barh(places, widths, 0.5, left=-shown["worthwhile"], **look)
    mark_zero(ax, len(shown))
    for place, row in shown.iterrows():
        verdict, primary = row.get("verdict", ""), bool(row.get("primary", False))
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
            "s" if primary else "o",
            markersize=9,
            color=colour,
            markerfacecolor="white" if unsure else colour,
            markeredgewidth=2,
            zorder=3,
        )
    bold = shown["primary"].astype(bool) if "primary" in shown else [False] * len(shown)
    name_rows(ax, shown["label"], bold)
    unit = shown["unit"].iloc[0] if "unit" in shown and len(shown) else ""
    scale = {"sd": "Effect size (standard deviations)", "pp": "Percentage points"}
    grey = "\nGrey: no worthwhile difference" if banded else ""
    ax.set_xlabel(scale.get(unit, "Points") + grey)
    if unit == "sd":
        months_axis(ax)
    return ax


def mark_zero(ax: Axes, rows: int) -> None:
    """Draw the line at zero in each row, as high as leaves the row's name above it free."""
    look = {"markersize": 15, "markeredgewidth": 1.2, "color": RULE, "linewidth": 0}
    ax.plot([0.0] * rows, range(rows), "|", zorder=1, **look)


def name_rows(ax: Axes, names: Iterable[str], bold: Iterable[bool]) -> None:
    """Write the name of each row above it, and leave room for it."""
    place = -1
    for place, (name, strong) in enumerate(zip(names, bold, strict=True)):
        lines = textwrap.wrap(str(name), _LINE)
        up = 14 + LEADING * (len(lines) - 1) / 2
        weight = "bold" if strong else "normal"
        write(ax, (0, place), lines, ha="left", up=up, across="axes", weight=weight)
    ax.set_yticks([])
    ax.set_ylim(place + 0.4, -0.75)


def pitch(names: Iterable[str]) -> float:
    """Return how many inches a row needs whose name is above it, for the longest of `names`."""
    return 0.3 + 0.2 * max((len(textwrap.wrap(str(name), _LINE)) for name in names), default=1)


def write(
    ax: Axes,
    at: tuple[float, float],
    lines: Sequence[str],
    *,
    ha: str = "center",
    shift: float = 0,
    up: float = 0,
    across: str = "data",
    **font: object,
) -> None:
    """Write lines about a point, each as a text of its own.

    Text stays text in an SVG, so the reader's font may be wider than the one measured here: only
    a single line keeps its anchor.

    Parameters
    ----------
    ax : Axes
        Where to write.
    at : tuple of float
        The middle line's place.
    lines : sequence of str
    ha : {"left", "center", "right"}
    shift : float
        Points to move them to the right.
    up : float
        Points to move them up.
    across : {"data", "axes"}
        Whether the first coordinate is that of the data or a fraction of the axes.
    **font
        Of the text, such as its weight.
    """
    where = ax.transData if across == "data" else ax.get_yaxis_transform()
    for place, line in enumerate(lines):
        high = up + LEADING * ((len(lines) - 1) / 2 - place)
        ax.annotate(
            line,
            at,
            (shift, high),
            xycoords=where,
            textcoords="offset points",
            ha=ha,
            va="center_baseline",
            annotation_clip=False,
            **font,
        )


def months_axis(ax: Axes) -> None:
    """Mark along the top where months of progress begin.

    The first month begins elsewhere in each table, and too near to zero to be told apart.
    """
    least = 0.13  # so that two months, at .10, are on the axis
    low, high = ax.get_xlim()
    low, high = min(low, -least), max(high, least)
    ax.set_xlim(low, high)
    starts = MONTHS["toolkit"]
    for step in (2, 4, 6):
        sizes = [(starts[month - 1], month) for month in range(step, len(starts) + 1, step)]
        both = sorted([(0.0, 0), *sizes, *((-size, -month) for size, month in sizes)])
        marks = [(size, month) for size, month in both if low < size < high]
        if min(b[0] - a[0] for a, b in pairwise(marks)) > _APART * (high - low):
            break
    top = ax.secondary_xaxis("top")
    top.set_xticks(
        *zip(*((size, number(month, 0, sign=True)) for size, month in marks), strict=True)
    )
    top.set_xlabel("Months of progress (EEF: unequal steps)")
    top.spines["top"].set_visible(False)
    top.tick_params(length=3)


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
    ax.axhline(0, color=RULE, linewidth=1, zorder=1)
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
    step = -(-len(shown) // 6)
    ax.set_xticks(shown["time"][::step], labels[::step])
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
    mark_zero(ax, len(shown))
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
    name_rows(ax, shown["covariate"], [False] * len(shown))
    reach = max(0.3, sizes.abs().to_numpy().max() * 1.1 if len(shown) else 0.3)
    ax.set_xlim(-reach, reach)
    grey = "Dark grey: alike, up to 0.05\nLight grey: to be adjusted for, up to 0.25"
    ax.set_xlabel(f"Difference before the start (standard deviations)\n{grey}")
    return ax


def draw_flow(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the participant flow (CONSORT): a column of boxes for each arm.

    Parameters
    ----------
    frame : DataFrame
        `stage`, `arm`, `n_pupils` and optionally `n_schools` and `lost_for` (what those lack who
        did not reach the stage); stages in order of appearance.
    ax : Axes
        Where to draw.
    """
    stages, arms = list(dict.fromkeys(frame["stage"])), list(dict.fromkeys(frame["arm"]))
    counts = frame.set_index(["stage", "arm"])["n_pupils"]
    for row in frame.to_dict("records"):
        across, down = arms.index(row["arm"]), stages.index(row["stage"])
        lines = [row["stage"].capitalize(), _count(row["n_pupils"], "pupils")]
        if "n_schools" in row:
            lines.append(_count(row["n_schools"], "schools"))
        look = {"color": "white", "edgecolor": INK, "linewidth": 1}
        ax.barh(-down, 0.84, 0.56, left=across - 0.42, **look)
        write(ax, (across, -down), lines)
        if down:
            ax.annotate(
                "",
                (across - 0.32, -down + 0.3),
                (across - 0.32, -down + 0.7),
                arrowprops={"arrowstyle": "-|>", "color": INK, "shrinkA": 0, "shrinkB": 0},
            )
            lost = counts[stages[down - 1], row["arm"]] - row["n_pupils"]
            if lost > 0 and (lines := _lost(row, f"{lost:,.0f}", len(arms))):
                write(ax, (across - 0.32, -down + 0.5), lines, ha="left", shift=7)
    for across, arm in enumerate(arms):
        write(ax, (across, 0.5), textwrap.wrap(capital(arm), 44 // len(arms)), weight="bold")
    ax.set_xlim(-0.5, len(arms) - 0.5)
    ax.set_ylim(-len(stages) + 0.6, 0.75)
    ax.set_axis_off()
    return ax


def flow_height(frame: pd.DataFrame) -> float:
    """Return how many inches high `draw_flow` has to be for the words between its boxes."""
    arms = frame["arm"].nunique()
    lines = max(len(_lost(row, "1,000", arms)) for row in frame.to_dict("records"))
    return 0.8 + max(1.4, 0.48 * lines) * frame["stage"].nunique()


def _lost(row: Mapping[str, Any], count: str, arms: int) -> list[str]:
    """Return the lines that say how many do not reach a stage for lack of what."""
    what = row.get("lost_for")
    return textwrap.wrap(f"{count} lost: no record of {what}", 44 // arms) if what else []


def draw_curve(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw how the effect changes with what is assumed of those who were not measured.

    Parameters
    ----------
    frame : DataFrame
        `delta`, `estimate`, `ci_lower`, `ci_upper`, in standard deviations.
    ax : Axes
        Where to draw.
    """
    shown = frame[frame["estimate"].notna()].sort_values("delta")
    ax.axhline(0, color=INK, linewidth=1, zorder=2)
    ax.axvline(0, color=RULE, linewidth=1, zorder=1)
    ends = (shown["ci_lower"], shown["ci_upper"])
    ax.fill_between(shown["delta"], *ends, color="#D0DAE2", linewidth=0, zorder=0)
    ax.plot(shown["delta"], shown["estimate"], color=COLOURS[""], linewidth=2.5, zorder=3)
    ax.set_xlabel("How much better or worse those not measured did than expected (SD)")
    ax.set_ylabel("Effect size (SD)")
    return ax


def draw_waiting(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the share of cases done by the time since their start, those still open counted.

    Parameters
    ----------
    frame : DataFrame
        `weeks`, `done`, `ci_lower`, `ci_upper` (per cent) and `limit`, the weeks allowed.
    ax : Axes
        Where to draw.
    """
    shown = frame[frame["done"].notna()].sort_values("weeks")
    ends = (shown["ci_lower"], shown["ci_upper"])
    ax.fill_between(shown["weeks"], *ends, step="post", color="#D0DAE2", linewidth=0)
    ax.plot(shown["weeks"], shown["done"], color=COLOURS[""], linewidth=2.5, drawstyle="steps-post")
    limit = frame["limit"].iloc[0]
    ax.axvline(limit, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    place = {"xytext": (5, 0), "textcoords": "offset points", "va": "top"}
    ax.annotate(f"{limit:g} weeks", (limit, 1.0), xycoords=ax.get_xaxis_transform(), **place)
    ax.set(xlabel="Weeks since the request", ylabel="Done (%)", ylim=(0, 100))
    return ax


def draw_funnel(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw schools by size with the limits that chance sets; the one asked about is marked.

    Parameters
    ----------
    frame : DataFrame
        `school`, `n`, `value`, `centre`, two pairs of limits (`lower_95`, `upper_95`, `lower_99.8`,
        `upper_99.8`) and `asked` (whether the school is the one asked about).
    ax : Axes
        Where to draw.
    """
    shown = frame[frame["value"].notna()].sort_values("n")
    for name, dash in (("95", (0, (4, 3))), ("99.8", "solid")):
        for side in ("lower", "upper"):
            limit = shown[f"{side}_{name}"]
            ax.plot(shown["n"], limit, color=RULE, linewidth=1.5, linestyle=dash)
    ax.plot(shown["n"], shown["centre"], color=INK, linewidth=1)
    ax.plot(shown["n"], shown["value"], "o", color=COLOURS["too little data"], markersize=4)
    own = shown[shown["asked"]]
    look = {"color": COLOURS["worse than similar"], "markersize": 9, "label": "this school"}
    ax.plot(own["n"], own["value"], "D", **look)
    if len(own):
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1))
    ax.set(xlabel="Pupils\nDashed: 95% limits, solid: 99.8%", ylabel="")
    return ax


def draw_control_chart(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw a series with its centre and limits; signals have marks of their own shape.

    Parameters
    ----------
    frame : DataFrame
        `place` (order in time), `time` (as it is written), `part`, `value`, `centre`,
        `signal`; and where there are any `lower`, `upper` and `target`.
    ax : Axes
        Where to draw.
    """
    shown = frame.sort_values("place")
    for _, part in shown.groupby("part"):
        if "lower" in part:
            ends = (part["lower"], part["upper"])
            ax.fill_between(part["place"], *ends, step="mid", color="#D0DAE2", linewidth=0)
        ax.plot(part["place"], part["centre"], color=RULE, linewidth=1.5, drawstyle="steps-mid")
    ax.plot(shown["place"], shown["value"], color=COLOURS["too little data"], linewidth=1.5)
    for signal, (mark, colour) in _SIGNALS.items():
        some = shown[shown["signal"] == signal]
        if len(some):
            ax.plot(some["place"], some["value"], mark, color=colour, markersize=8, label=signal)
    if "target" in shown:
        dashed = (0, (4, 3))
        ax.plot(shown["place"], shown["target"], color=INK, linestyle=dashed, label="target")
    ax.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    most = max(2, _ACROSS // (2 + shown["time"].astype(str).str.len().max()))
    step = -(-len(shown) // most)
    ax.set_xticks(shown["place"][::step], shown["time"][::step])
    return ax


def _count(value: float, what: str) -> str:
    return f"{what}: hidden" if value != value else f"{value:,.0f} {what}"


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
        unknown = count != count
        width = 0.0 if unknown else longest * count / counts.max()
        ax.barh(place, width, left=left, height=0.55, color=COLOURS[""])
        said = "not shown" if unknown else f"{count:,.0f}"
        ax.text(left + width + 0.15, place, said, va="center")
    ax.set_xticks(range(len(names)), names, rotation=90)
    ax.xaxis.tick_top()
    ax.set_yticks([])
    ax.set_xlim(-0.6, left + longest + 1.2)
    ax.set_ylim(len(frame) - 0.4, -0.6)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    return ax
