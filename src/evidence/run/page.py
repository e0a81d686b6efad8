"""A finished notebook as a page for whoever may see the pupils: one file, opened with a click.

What the kernel returned is shown as it stands, so the page's policy lets it run nothing and fetch
nothing. It stays in the private zone; what may leave is drawn anew (`evidence.release.reports`).
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from evidence.release.markdown import code, render
from evidence.show import tables

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = (
    "body { max-width: 62rem; margin: 0 auto; padding: 1.5rem } summary { cursor: pointer } "
    "pre, .out { overflow-x: auto }"
)


def write_page(notebook: Path, title: str) -> None:
    """Write `report.html` beside a notebook that ran."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    body = "".join(_cell(number, cell) for number, cell in enumerate(cells, start=1))
    title = html.escape(title)
    (notebook.parent / "report.html").write_text(
        f'<!DOCTYPE html>\n<html lang="en-GB"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{tables.STYLE}{_STYLE}</style></head>"
        f'<body><p class="over">{title} · not released: for those who may see the pupils</p>'
        f"{body}</body></html>\n",
        encoding="utf-8",
    )


def _cell(number: int, cell: dict[str, Any]) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return render(source, top=1)
    name = f"Code of cell {number}"
    shown = "".join(_output(output) for output in cell.get("outputs", ()))
    return f"<details><summary>{name}</summary>{code(source, name)}</details>{shown}"


def _output(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    if "text/html" in data:
        return f'<div class="out">{"".join(data["text/html"])}</div>'
    if "image/svg+xml" in data:
        return f'<div class="out">{"".join(data["image/svg+xml"])}</div>'
    if "image/png" in data:
        image = "".join(data["image/png"]).replace("\n", "")
        return f'<img alt="{html.escape(_text(data))}" src="data:image/png;base64,{image}">'
    return (
        f"<pre>{html.escape((output.get('text') and ''.join(output['text'])) or _text(data))}</pre>"
    )


def _text(data: dict[str, Any]) -> str:
    return "".join(data.get("text/plain", ""))
