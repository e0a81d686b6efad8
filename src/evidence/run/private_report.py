"""A finished notebook as a page for whoever may see the pupils: one file, opened with a click.

What the kernel returned is shown as it is, so the page's policy lets it run nothing and fetch
nothing. It stays in the private zone; what may leave is drawn anew
(`evidence.release.site.reports`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evidence.release.site import reports
from evidence.show import tables
from evidence.show.render import render, safe

_STYLE = """
body { max-width: 62rem; margin: 0 auto; padding: 1.5rem; font: 1rem/1.5 Arial, sans-serif }
summary { cursor: pointer; color: #40484f; font-size: .9rem } pre, .out { overflow-x: auto }
figure { margin: 1rem 0 } table { border-collapse: collapse } td, th { padding: .2rem .6rem }
table + table { margin-top: 1.2rem } td, th { vertical-align: top }
.out { background: linear-gradient(90deg, #fff 50%, #fff0) 0 / 32px 100% no-repeat local,
  linear-gradient(270deg, #fff 50%, #fff0) 100% / 32px 100% no-repeat local,
  linear-gradient(90deg, #0b0c0c40, #fff0) 0 / 10px 100% no-repeat,
  linear-gradient(270deg, #0b0c0c40, #fff0) 100% / 10px 100% no-repeat }
img { max-width: 100% }
"""


def write_page(notebook: Path, title: str) -> None:
    """Write `report.html` beside a notebook that ran."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    parts = reports.arrange(cells, _outputs, top=1)
    page = render(
        "private.html",
        title=title,
        style=safe(tables.STYLE + _STYLE),
        blocks=[html for blocks in parts.values() for _, html in blocks],
        sources=reports.sources(cells),
    )
    (notebook.parent / "report.html").write_text(f"{page}\n", encoding="utf-8")


def _outputs(cell: Mapping[str, Any]) -> Iterator[str]:
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        shown = {kind: "".join(text) for kind, text in data.items() if isinstance(text, str | list)}
        text = "".join(output.get("text", ())) or shown.get("text/plain", "")
        html = shown.get("text/html") or shown.get("image/svg+xml", "")
        image = shown.get("image/png", "").replace("\n", "")
        if any("widget-view" in kind for kind in data):
            text = "Controls: open the notebook in JupyterLab to use them."
        yield render("output.html", html=safe(html), image=image, text=text)
