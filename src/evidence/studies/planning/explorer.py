"""Explore a design before the trial: choose, see at once what it could find, picture and code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evidence.errors import EvidenceError
from evidence.methods.planning.power import PowerFigure, mdes, mdes_by
from evidence.show.controls import column
from evidence.show.render import render
from evidence.stats import power as formulas

if TYPE_CHECKING:
    from ipywidgets import VBox

_FIRST = {"n": 25, "J": 40, "K": 10, "L": 4}
_WORDS = {
    "n": "Pupils a group", "J": "Groups (J)", "K": "Groups above (K)", "L": "Groups above (L)",
    "p": "Share treated", "g": "Covariates at the top", "rel1": "Reliability",
    "power": "Power", "attrition": "Pupils lost", "ic_size": "Pupils taught as one",
    "rho_ic": "Correlation in those", "ratio_tc_var": "Ratio of variances",
    **{f"rho{at}": f"Correlation, level {at}" for at in (2, 3, 4)},
    **{f"rho{at}_trt": f"The same, treated, {at}" for at in (2, 3)},
    **{f"omega{at}": f"Effect varies, level {at}" for at in (2, 3, 4)},
    **{f"r2_{at}": f"Explained, level {at}" for at in (1, 2, 3, 4)},
    **{f"r2t{at}": f"Of effect expl., level {at}" for at in (2, 3, 4)},
}  # fmt: skip
_WIDE, _HIGH, _LEFT, _FOOT = 400, 200, 40, 36  # of the picture, in pixels


@dataclass(frozen=True, slots=True)
class Design:
    """A design that is looked at.

    Parameters
    ----------
    kind : str
        As `evidence.planning.mdes` knows it.
    values : mapping
        Its symbols, and `power` and `attrition`.
    worthwhile : float
        Smallest effect worth having, in standard deviations; 0 where that is another unit.
    """

    kind: str
    values: Mapping[str, float]
    worthwhile: float

    @property
    def figure(self) -> PowerFigure:
        """The smallest effect that it finds.

        Raises
        ------
        EvidenceError
            Its values are out of their limits.
        """
        return mdes(design=self.kind, **self.values)

    @property
    def code(self) -> str:
        """The line that makes it again."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"ev.planning.mdes(design={self.kind!r}, {given})"

    @property
    def curve(self) -> list[tuple[int, float]]:
        """The smallest effect by the number of units at the top."""
        top = formulas.sizes(self.kind)[-1]
        sizes = np.unique(np.maximum(np.arange(4, 21) * self.values[top] // 10, 2))
        effects = mdes_by(top, sizes, design=self.kind, **self.values)
        pairs = zip(sizes.tolist(), effects.tolist(), strict=True)
        return [(size, effect) for size, effect in pairs if math.isfinite(effect)]

    def _repr_html_(self) -> str:
        least, points = self.figure, self.curve
        most = max([0.5, *(effect for _, effect in points)])
        first, last = points[0][0], points[-1][0]

        def x(size: float) -> float:
            return _LEFT + (_WIDE - _LEFT - 16) * (size - first) / max(last - first, 1)

        def y(effect: float) -> float:
            return _HIGH - _FOOT - (_HIGH - _FOOT - 14) * effect / most

        top = formulas.sizes(self.kind)[-1]
        enough = least <= self.worthwhile
        return render(
            "study/design.html",
            said=least.sentence(),
            verdict="" if not self.worthwhile else "Enough" if enough else "Too little",
            least=f"{self.worthwhile:g}",
            figure=f"{least:.2f}",
            line=" ".join(f"{x(size):.1f},{y(effect):.1f}" for size, effect in points),
            now=(x(self.values[top]), y(least)),
            worthwhile=y(self.worthwhile) if 0 < self.worthwhile <= most else 0,
            beside=14 if points[-1][1] >= self.worthwhile else -5,  # of the line: off the curve
            sizes=[(x(size), f"{size:g}") for size in (first, self.values[top], last)],
            effects=[(y(effect), f"{effect:.1f}") for effect in _steps(most)],
            about=_WORDS.get(top, top) if self.kind != "IRA" else "Pupils",
            box=(_WIDE, _HIGH, _LEFT, _HIGH - _FOOT),
        )


def _steps(most: float) -> list[float]:
    step = 0.1 * 2 ** max(math.ceil(math.log2(most / 0.6)), 0)  # never more than seven
    return [at * step for at in range(int(most / step) + 1)]


def _symbols(kind: str, given: Mapping[str, Any]) -> dict[str, float]:
    """Return every symbol of a design with a value to begin with."""
    needed, others = formulas.symbols(kind)
    first = {"rho": 0.15, "ome": 0.5, "r2_": 0.4, "r2t": 0.0}
    found: dict[str, float] = {}
    for name in [*needed, *(name for name in others if name != "df")]:
        start = _FIRST.get(name, first.get(name[:3], others.get(name)))
        if kind[:3] == "IRA" and name == "n":
            start = 1000
        elif name.startswith("rho") and name not in ("rho2", "rho_ic"):
            start = 0.05
        value = given.get(name, start)
        found[name] = value if isinstance(value, int | float) else start
    found["power"] = float(given.get("power", 0.8))
    attrition = given.get("attrition", 0.0)
    return found | {"attrition": attrition if isinstance(attrition, int | float) else 0.0}


def panel(kind: str, given: Mapping[str, Any], worthwhile: float) -> VBox:
    """Return controls and, below them, what the design finds; all of it by keyboard too.

    Parameters
    ----------
    kind : str
        The design that is shown first.
    given : mapping
        Its assumptions, as the protocol has them.
    worthwhile : float
        Smallest effect worth having, in standard deviations; 0 where not known.
    """
    import ipywidgets as widgets

    wide = widgets.Layout(width="270px")
    style = {"description_width": "150px"}
    chosen = widgets.Dropdown(
        description="Design", options=[*formulas.DESIGNS], value=kind, layout=wide, style=style
    )
    fields = widgets.GridBox(layout=widgets.Layout(grid_template_columns="repeat(3, 278px)"))
    shown = widgets.HTML()
    code = widgets.Textarea(description="Code", layout=widgets.Layout(width="830px", height="64px"))

    def show(_: Any = None) -> None:
        values = {box.tooltip: box.value for box in fields.children}
        design = Design(chosen.value, values, worthwhile)
        code.value = design.code
        try:
            shown.value = design._repr_html_()
        except EvidenceError as error:
            shown.value = render("study/refused.html", text="; ".join(error.faults))

    def rebuild(_: Any = None) -> None:
        boxes = []
        for name, value in _symbols(chosen.value, given).items():
            whole = name in (*formulas.SIZES, "g", "ic_size")
            kind = widgets.BoundedIntText if whole else widgets.BoundedFloatText
            ends = {"min": 0 if name == "g" else 1, "max": 10**6} if whole else {
                "min": 0.0, "max": 1.0 if name != "ratio_tc_var" else 100.0, "step": 0.01,
            }  # fmt: skip
            words = _WORDS.get(name, name)
            box = kind(
                value=value, description=words, tooltip=name, layout=wide, style=style, **ends
            )
            box.observe(show, names="value")
            boxes.append(box)
        fields.children = boxes
        show()

    chosen.observe(rebuild, names="value")
    rebuild()
    return column([chosen, fields, shown, code], shown)
