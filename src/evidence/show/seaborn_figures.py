"""Draw the data themselves with seaborn: tidy tables of bins, shares, schools and means.

Each function takes a frame with fixed columns and the axes to draw on. Groups are drawn in their
order in the frame; the first, what the others are compared with, is grey. A count or mean that
disclosure control took away is missing: it is drawn hatched, never as zero, and lines break there.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evidence.show.figures import INK, RULE
from evidence.show.words import school_year

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#6B7780", "#12436D", "#801650", "#28A197", "#F46A25", "#A285D1")
_MARKERS = ["o", "s", "D", "^", "v", "P"]
_HATCH = "////"
_DEEPEST = "#7FA3C9"  # dark text on it has a contrast of 7 to 1
_BARS = {"element": "bars", "multiple": "dodge", "alpha": 0.9, "linewidth": 0.5, "shrink": 0.85}
_STEPS = {"element": "step", "multiple": "layer", "alpha": 0.12, "linewidth": 2}

_MANY = 80  # dots of which sizes can still be told apart


def draw_distribution(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw a histogram of each group, a panel for each outcome, in shares of what is shown.

    Parameters
    ----------
    frame : DataFrame
        `outcome`, `group`, `from` and `under` (bounds of the bin, missing where it is open), and
        `n_pupils` or `n_schools`; the columns in this order.
    ax : Axes
        Where to draw.
    """
    import seaborn as sns

    count, groups = str(frame.columns[4]), _names(frame["group"])
    hidden = frame[count].isna()
    shares = {"weights": count, "stat": "proportion", "common_norm": False}
    look = shares | (_BARS if hidden.any() else _STEPS) | _hues(groups)
    for panel, name, part in _panels(ax, frame, "outcome"):
        edges, low, high = _edges(part["from"], part["under"])
        known = part.assign(middle=(low + high) / 2)[part[count].notna()]
        if len(known):
            sns.histplot(known, x="middle", bins=edges.tolist(), ax=panel, **look)
        wide = 0.85 * (high - low) / len(groups)
        left = (low + high) / 2 + wide * (part["group"].map(groups.index) - len(groups) / 2)
        _hatch(panel, part["group"], left, wide, part[count].isna())
        bounds = np.unique(part[["from", "under"]].melt()["value"].dropna())
        ends = " (open ends)" if len(bounds) < len(edges) else ""
        panel.set(xlabel=name + ends, ylabel="", xticks=bounds[:: -(-len(bounds) // 7)])
        panel.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")
        panel.locator_params(axis="y", nbins=5)
        panel.locator_params(axis="x", nbins=8 if panel is ax else 3)
    (ax.child_axes or [ax])[0].set_ylabel(f"Share of {count[2:]}")
    _legend(ax, groups, hidden)
    return ax


def draw_shares(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the share of each group as a bar with its number.

    Parameters
    ----------
    frame : DataFrame
        `outcome` (whose share it is), `group`, `n_part` and `n_pupils` (or `n_schools`,
        `n_answers`); each outcome with all groups.
    ax : Axes
        Where to draw.
    """
    import seaborn as sns

    groups = _names(frame["group"])
    whole = next(name for name in ("n_pupils", "n_schools", "n_answers") if name in frame)
    frame = frame.assign(share=100 * frame["n_part"] / frame[whole])
    hidden, longest = frame["share"].isna(), frame["share"].fillna(0).max() or 1.0
    filled = frame.fillna({"share": 0.04 * longest})
    look = {"saturation": 1, "errorbar": None} | _hues(groups)
    sns.barplot(filled, x="share", y="outcome", ax=ax, **look)
    names = [_wrapped(label.get_text()) for label in ax.get_yticklabels()]
    ax.set_yticks(ax.get_yticks(), labels=names, multialignment="right")
    for group, bars in zip(groups, ax.containers, strict=True):
        shares = frame.loc[frame["group"] == group, "share"]
        for bar in np.array(bars)[shares.isna()]:
            bar.set(facecolor="none", edgecolor=_palette(groups)[group], hatch=_HATCH)
        said = ["hidden" if s != s else "under 1%" if 0 < s < 1 else f"{s:.0f}%" for s in shares]
        ax.bar_label(bars, said, padding=5)
    protected = f"{whole}_symbol" in frame and whole != "n_schools"
    rounded = "\nfrom rounded numbers" * protected  # sentences tell the share before rounding
    ax.set(xlabel=f"Share of {whole[2:]} (%){rounded}", ylabel="", xlim=(0, 1.2 * longest))
    _legend(ax, groups, hidden)
    return ax


def draw_together(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw how many pupils are in each cell of two results.

    Parameters
    ----------
    frame : DataFrame
        ``<one> from``, ``<one> under``, ``<other> from``, ``<other> under`` (missing where open)
        and `n_pupils` or `n_schools`; the columns in this order.
    ax : Axes
        Where to draw: the first result goes across.
    """
    import seaborn as sns

    (one, x, _), (other, y, _) = (_edges(frame.iloc[:, i], frame.iloc[:, i + 1]) for i in (0, 2))
    count = frame.columns[4]
    cells = frame.assign(x=x, y=y).pivot_table(count, "y", "x", dropna=False)
    hidden = cells.isna()
    ax.patch.set(hatch=_HATCH, edgecolor=RULE, facecolor="white", visible=True)
    look = {"cmap": sns.blend_palette(["white", _DEEPEST], as_cmap=True), "vmin": 0}
    look |= {
        "annot": True,
        "fmt": ",.0f",
        "annot_kws": {"color": INK},
        "linewidths": 1,
    }
    sns.heatmap(cells, mask=hidden, cbar=False, ax=ax, **look)
    ax.invert_yaxis()
    for axis, edges, column in ((ax.xaxis, one, 0), (ax.yaxis, other, 2)):
        inner = np.arange(1, len(edges) - 1)
        axis.set_ticks(inner, [f"{edge:g}" for edge in edges[inner]], rotation=0)
        axis.set_label_text(frame.columns[column].removesuffix(" from"))
    note = "\nHatched: too few to show" if hidden.any(axis=None) else ""
    ax.set_title(f"Number of {count[2:]}{note}", loc="left")
    return ax


def draw_dots(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw a dot for each school and group, and the line of all of them.

    Parameters
    ----------
    frame : DataFrame
        `school`, `group`, two results under their own names, `n_pupils`, and `far` (whether to
        write the school's name beside the dot); the columns in this order.
    ax : Axes
        Where to draw: the first result goes across.
    """
    one, other = frame.columns[2:4]
    ends = frame[one].agg(["min", "max"])
    if ends["max"] > ends["min"]:
        line = np.polyfit(frame[one], frame[other], 1, w=np.sqrt(frame["n_pupils"]))
        ax.plot(ends, np.polyval(line, ends), color=RULE, zorder=1, label="all together")
    sized = {"size": "n_pupils", "sizes": (25, 130)} if len(frame) <= _MANY else {"s": 30}
    _scatter(ax, frame, one, other, _names(frame["group"]), alpha=0.85, **sized)
    ax.set(xlabel=one, ylabel=other)
    return ax


def draw_schools(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw schools in the order of their results, each with its interval, and their mean.

    Parameters
    ----------
    frame : DataFrame
        `school`, `group`, `estimate`, `ci_lower`, `ci_upper`, and `far` as in `draw_dots`.
    ax : Axes
        Where to draw.
    """
    groups = _names(frame["group"])  # before the schools are put in order
    shown = frame.sort_values("estimate", kind="stable").assign(place=np.arange(len(frame)))
    ax.axhline(shown["estimate"].mean(), color=RULE, zorder=1, label="mean of all")
    look = {"colors": shown["group"].map(_palette(groups)), "alpha": 0.6, "linewidth": 1}
    ax.vlines(shown["place"], shown["ci_lower"], shown["ci_upper"], **look)
    _scatter(ax, shown, "place", "estimate", groups, s=28, zorder=3)
    ax.set(xlabel="Schools, lowest result first", ylabel="", xticks=[])
    return ax


def draw_lines(frame: pd.DataFrame, ax: Axes) -> Axes:
    """Draw means with their intervals over the years, a panel for each cohort.

    Parameters
    ----------
    frame : DataFrame
        `outcome`, `group`, `time`, `estimate`, `ci_lower`, `ci_upper`; optionally `panel` (rows
        whose panel is "" are drawn in each) and `start` (a dashed line goes before it).
    ax : Axes
        Where to draw.
    """
    import seaborn as sns

    groups, times = _names(frame["group"]), np.unique(frame["time"])
    apart = frame["group"].map(groups.index) - (len(groups) - 1) / 2
    hidden = frame["estimate"].isna()
    runs = hidden.groupby(frame["group"]).cumsum()  # a line ends where a mean is not shown
    frame = frame.assign(at=frame["time"] + 0.09 * apart, run=runs)
    look = {"estimator": None, "units": "run", "dashes": False, "markersize": 8}
    look |= _hues(groups) | _styles(groups)
    for panel, name, part in _panels(ax, frame, "panel"):
        for start in part["start"].dropna().unique() if "start" in part else ():
            panel.axvline(start - 0.5, color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        sns.lineplot(part, x="at", y="estimate", ax=panel, **look)
        colours = part["group"].map(_palette(groups))
        panel.vlines(part["at"], part["ci_lower"], part["ci_upper"], colors=colours, linewidth=1.5)
        _hatch(panel, part["group"], part["at"] - 0.04, 0.08, part["estimate"].isna())
        panel.set(xlabel="", ylabel="", xlim=(times[0] - 0.5, times[-1] + 0.5))
        marks = times[:: -(-len(times) // (6 if panel is ax else 3))]
        panel.set_xticks(marks, [school_year(int(time)) for time in marks])
        panel.set_title(name, loc="left", fontweight="bold")
    (ax.child_axes or [ax])[0].set_ylabel(frame["outcome"].iloc[0])
    _legend(ax, groups, hidden, up=1.02 if panel is ax else 1.1)
    return ax


DRAW: dict[str, Callable[[pd.DataFrame, Axes], Axes]] = {
    "distribution": draw_distribution,
    "shares": draw_shares,
    "together": draw_together,
    "dots": draw_dots,
    "schools": draw_schools,
    "lines": draw_lines,
}
_ACROSS = 46  # letters of a legend that are one line
_PANELS = {"distribution": "outcome", "lines": "panel"}


def height(kind: str, table: pd.DataFrame) -> float:
    """Return how high a drawing of the table should be, in inches."""
    if kind == "shares":
        names = table["outcome"].unique()
        lines = sum(_wrapped(str(name)).count("\n") for name in names)
        return 1.2 + 0.3 * len(table) + 0.12 * (len(names) + lines)
    names = set(table.get(_PANELS.get(kind), [])) - {""}
    return 0.7 + (2.7 if len(names) > 1 else 3.2) * max(1, -(-len(names) // 2))


def _wrapped(name: str) -> str:
    """Write a long name beside a bar on two lines, so that it leaves the bar its room."""
    return name if len(name) <= 32 else textwrap.fill(name, max(24, len(name) // 2 + 4))


def _names(values: pd.Series) -> list[str]:
    return list(dict.fromkeys(values))


def _palette(groups: list[str]) -> dict[str, str]:
    """Return a colour for each group; the first is grey unless it is alone."""
    colours = _COLOURS[len(groups) == 1 :]
    return {group: colours[place % len(colours)] for place, group in enumerate(groups)}


def _hues(groups: list[str]) -> dict[str, Any]:
    return {"hue": "group", "hue_order": groups, "palette": _palette(groups), "legend": False}


def _styles(groups: list[str]) -> dict[str, Any]:
    return {"style": "group", "style_order": groups, "markers": _MARKERS[: len(groups)]}


def _panels(ax: Axes, frame: pd.DataFrame, by: str) -> Iterator[tuple[Axes, str, pd.DataFrame]]:
    """Divide the axes into a panel for each name in a column, two beside each other."""
    names = [name for name in _names(frame[by]) if name] if by in frame else []
    if len(names) < 2:
        yield ax, "".join(names), frame
        return
    ax.set_axis_off()
    high = 1 / (1.3 * -(-len(names) // 2) - 0.3)
    share: dict[str, Any] = {}
    for place, name in enumerate(names):
        bounds = (place % 2 * 0.55, 1 - high - place // 2 * 1.3 * high, 0.45, high)
        panel = ax.inset_axes(bounds, **share)
        share = {"sharey": panel} if by == "panel" else {}
        yield panel, name, frame[frame[by].isin([name, ""])]


def _edges(low: pd.Series, high: pd.Series) -> tuple[np.ndarray, pd.Series, pd.Series]:
    """Return the edges of the bins and the bounds of each row; an open bin is as wide as one."""
    bounds = np.unique([*low.dropna(), *high.dropna()])
    step = bounds[1] - bounds[0] if len(bounds) > 1 else 1.0
    low, high = low.fillna(bounds[0] - step), high.fillna(bounds[-1] + step)
    return np.unique([*low, *high]), low, high


def _hatch(ax: Axes, group: pd.Series, left: pd.Series, wide: Any, hidden: pd.Series) -> None:
    """Mark what is not shown with hatched blocks on the axis."""
    if hidden.any():
        colours = group.map(_palette(_names(group)))[hidden]
        look = {"color": "none", "edgecolor": colours, "hatch": _HATCH, "align": "edge"}
        wide = wide[hidden] if isinstance(wide, pd.Series) else wide
        ax.bar(left[hidden], 0.06, wide, transform=ax.get_xaxis_transform(), **look)


def _scatter(
    ax: Axes, frame: pd.DataFrame, across: str, up: str, groups: list[str], **look: Any
) -> None:
    """Draw a mark for each row, and beside those that are far off the school's name, once."""
    import seaborn as sns

    sns.scatterplot(frame, x=across, y=up, ax=ax, **_styles(groups), **_hues(groups), **look)
    middle = frame[across].agg(["min", "max"]).mean()
    for row in frame[frame["far"]].drop_duplicates("school").to_dict("records"):
        right = row[across] > middle
        place = {"xytext": (-9 if right else 9, 0), "ha": "right" if right else "left"}
        at = (row[across], row[up])
        ax.annotate(row["school"], at, va="center", textcoords="offset points", **place)
    _legend(ax, groups)


def _legend(ax: Axes, groups: list[str], hidden: Any = (), up: float = 1.02) -> None:
    """Say above the drawing which colour and mark is which group, and what else is drawn."""
    from matplotlib.patches import Patch
    from matplotlib.transforms import blended_transform_factory

    for mark, (group, colour) in zip(_MARKERS, _palette(groups).items(), strict=False):
        if len(groups) > 1:
            ax.scatter([], [], s=60, color=colour, marker=mark, label=group)
    handles, _ = ax.get_legend_handles_labels()
    if np.any(hidden):
        look = {"facecolor": "none", "edgecolor": INK, "hatch": _HATCH}
        handles.append(Patch(label="too few to show", **look))
    if handles:
        where = {"loc": "lower left", "bbox_to_anchor": (0.01, up), "borderaxespad": 0}
        where["bbox_transform"] = blended_transform_factory(ax.figure.transFigure, ax.transAxes)
        long = [4 + len(handle.get_label()) for handle in handles]
        ncols = len(long) if sum(long) < _ACROSS else 2 if 2 * max(long) < _ACROSS else 1
        ax.legend(handles=handles, ncols=ncols, handlelength=1.4, **where)
