"""Pictures: a tidy table in, an accessible figure out.

A `Picture` holds the table it is drawn from and nothing else. What leaves the private zone is
drawn again from the protected table, so no picture can show more than its table does.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import pandas as pd

from evidence.errors import EvidenceError
from evidence.show import figures, html_table, seaborn_figures, synthesis_figures
from evidence.show.questions import QUESTIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLE = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": figures.LETTERS,
    **dict.fromkeys(
        ("axes.labelsize", "xtick.labelsize", "ytick.labelsize", "legend.fontsize"), figures.LETTERS
    ),
    "axes.grid": False,
    "axes.labelcolor": figures.INK,
    "text.color": figures.INK,
    "xtick.labelcolor": figures.INK,
    "ytick.labelcolor": figures.INK,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a price in a label is not mathematics
    "axes.unicode_minus": True,
}

_DRAW: dict[str, Callable[[pd.DataFrame, Axes], Axes]] = {
    "intervals": figures.draw_intervals,
    "event_study": figures.draw_event_study,
    "balance": figures.draw_balance,
    "flow": figures.draw_flow,
    "curve": figures.draw_curve,
    "control_chart": figures.draw_control_chart,
    "waiting": figures.draw_waiting,
    "funnel": figures.draw_funnel,
    "overlap": figures.draw_overlap,
    **seaborn_figures.DRAW,
    **synthesis_figures.DRAW,
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Picture:
    """A figure with its title, its text alternative and the table it is drawn from.

    Parameters
    ----------
    name : str
        File stem, such as ``effect``: lower-case letters, digits and hyphens.
    kind : {"intervals", "event_study", "balance", "flow", "curve", "control_chart", "waiting", \
            "funnel", "overlap"}
        How to draw it; further kinds draw the data (`evidence.show.seaborn_figures.DRAW`), or
        results put together (`evidence.show.synthesis_figures.DRAW`).
    title : str
        What it shows, said as a finding.
    alt : str
        Text alternative for people who do not see it.
    table : DataFrame
        Exactly what is drawn, tidy.
    counts : tuple of str
        Columns of pupil counts that stand behind each row.
    statistics : tuple of str
        Columns of estimates or means over those counts.
    schools : tuple of str
        Columns that count schools.
    axes : tuple of str
        Ordinal columns that describe the row (a year, a rank), not people.
    question : str
        Which of `evidence.show.questions.QUESTIONS` it answers; site and dashboards group by it.
    place : int
        Place among the pictures of a report; proposing sets it.
    published : str
        Where its figures are published already, such as "DfE, Key stage 2 performance tables".

    Raises
    ------
    EvidenceError
        The kind or the question is unknown, the title or text alternative is empty, or a column
        named is absent.
    """

    name: str
    kind: str
    title: str
    alt: str
    table: pd.DataFrame
    counts: tuple[str, ...] = ()
    statistics: tuple[str, ...] = ()
    schools: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    question: str = ""
    place: int = 0
    published: str = ""

    def __post_init__(self) -> None:
        if self.kind not in _DRAW:
            raise EvidenceError(
                f"picture {self.name!r}: kind is {self.kind!r}; allowed are {', '.join(_DRAW)}"
            )
        if not re.fullmatch(r"[a-z0-9-]+", self.name):
            raise EvidenceError(
                f"picture {self.name!r}: a name has lower-case letters, digits and hyphens only"
            )
        if not (self.title.strip() and self.alt.strip()):
            raise EvidenceError(f"picture {self.name!r}: give it a title and a text alternative")
        if self.question not in QUESTIONS:
            raise EvidenceError(
                f"picture {self.name!r}: question is {self.question!r}; allowed are "
                f"{', '.join(filter(None, QUESTIONS))}"
            )
        named = {*self.counts, *self.statistics, *self.schools, *self.axes}
        if missing := sorted(named - set(self.table.columns)):
            raise EvidenceError(
                f"picture {self.name!r}: no column {missing[0]!r} in its table; "
                f"there are {', '.join(map(str, self.table.columns))}"
            )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw on `ax`, or on a figure of its own, and return the axes.

        Raises
        ------
        EvidenceError
            The table does not fit the kind.
        """
        import matplotlib.style
        from matplotlib.figure import Figure

        with matplotlib.style.context(["afcharts.afcharts", _STYLE]):
            try:
                if ax is None:
                    size = (figures.WIDTH, self._height())
                    ax = Figure(figsize=size, layout="constrained").subplots()
                drawn = _DRAW[self.kind](self.table, ax)
            except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as fault:
                raise EvidenceError(self._misfit(fault)) from fault
            for one in (drawn, *drawn.child_axes):
                for axis, most in ((one.xaxis, 50 if drawn.axison else 20), (one.yaxis, 30)):
                    lines = axis.get_label_text().split("\n")
                    axis.set_label_text("\n".join(textwrap.fill(line, most) for line in lines))
            return drawn

    def _misfit(self, fault: Exception) -> str:
        """Say why the table cannot be drawn; what the fault says itself may be a cell."""
        name = fault.args[0] if isinstance(fault, KeyError) else ""
        cells = {cell for column in self.table for cell in self.table[column].astype("str")}
        absent = str(name).isidentifier() and name not in cells and name not in self.table
        what = f"there is no column {name!r}" if absent else "columns or cells are of another kind"
        return (
            f"picture {self.name!r}: kind {self.kind!r} does not fit its table: {what}; there are "
            f"{', '.join(map(str, self.table.columns)) or 'none'}. Draw it as another kind, or "
            "give it the columns of a picture of this kind"
        )

    def _height(self) -> float:
        if self.kind in seaborn_figures.DRAW:
            return seaborn_figures.height(self.kind, self.table)
        if self.kind in synthesis_figures.DRAW:
            return synthesis_figures.height(self.kind, self.table)
        rows = len(self.table)
        return {
            "intervals": 1.7 + figures.pitch(self.table.get("label", ())) * rows,
            "balance": 1.5 + figures.pitch(self.table.get("covariate", ())) * rows,
            "flow": figures.flow_height(self.table) if self.kind == "flow" else 0,
            "overlap": 2.6 + 0.36 * rows,
            "event_study": 3.2,
            "curve": 3.2,
            "control_chart": 3.2,
            "waiting": 3.2,
            "funnel": 3.6,
        }[self.kind]

    def svg(self) -> str:
        """Return an inline SVG with title and description; the same text every time."""
        import matplotlib.style
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        with matplotlib.style.context(["afcharts.afcharts", _STYLE, {"svg.hashsalt": self.name}]):
            figure = self.plot().figure
            buffer = io.StringIO()
            # What savefig calls in the end: it would draw everything once before, for nothing.
            FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
        body = buffer.getvalue()
        body = body[body.index("<svg") :]
        body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
        # Several pictures stand on one page: their ids must differ.
        body = re.sub(r'(\bid="|#)(?=[A-Za-z_])(?![0-9a-fA-F]{6}\b)', rf"\g<1>{self.name}-", body)
        head = (
            f'<svg role="img" aria-labelledby="{self.name}-t {self.name}-d" '
            'style="max-width:100%;height:auto"'
        )
        words = (
            f'<title id="{self.name}-t">{html.escape(self.title)}</title>'
            f'<desc id="{self.name}-d">{html.escape(self.alt)}</desc>'
        )
        return re.sub(r"<svg([^>]*)>", rf"{head}\1>{words}", body, count=1, flags=re.S)

    def png(self, size: tuple[float, float] | None = None) -> bytes:
        """Return the picture to print, so many inches large; the same bytes every time."""
        from matplotlib.figure import Figure

        ax = Figure(figsize=size, layout="constrained").subplots() if size else None
        buffer = io.BytesIO()
        figure = self.plot(ax).figure
        figure.savefig(buffer, format="png", dpi=160, metadata={"Software": None})
        return buffer.getvalue()

    def _repr_html_(self) -> str:
        # An <img>: a notebook that is opened untrusted drops inline SVG.
        source = base64.b64encode(self.svg().encode()).decode()
        return (
            f"<figure><figcaption><strong>{html.escape(self.title)}</strong></figcaption>"
            f'<img alt="{html.escape(self.alt)}" src="data:image/svg+xml;base64,{source}">'
            f"<details><summary>Table</summary>{html_table.table(self.table)}</details></figure>"
        )

    def to_json(self) -> str:
        """Return everything as text, table included."""
        parts = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "table"}
        table = json.loads(self.table.to_json(orient="split", index=False, double_precision=15))
        types = {name: str(dtype) for name, dtype in self.table.dtypes.items()}
        return json.dumps({**parts, "table": table, "types": types}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Picture:
        """Return the picture that `to_json` wrote."""
        parts = json.loads(text)
        types = parts.pop("types")
        table = pd.DataFrame(**parts.pop("table")).astype(types)
        parts = {key: tuple(v) if isinstance(v, list) else v for key, v in parts.items()}
        return cls(table=table, **parts)
