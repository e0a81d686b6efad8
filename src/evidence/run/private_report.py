"""A finished notebook as a page for whoever may see the pupils: one file, opened with a click.

What the kernel returned is shown as it stands, so the page's policy lets it run nothing and fetch
nothing. It stays in the private zone; what may leave is drawn anew
(`evidence.release.site.reports`).
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from evidence.release.site.markdown import code, render
from evidence.show import tables

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
body { max-width: 62rem; margin: 0 auto; padding: 1.5rem; font: 1rem/1.5 Arial, sans-serif }
summary { cursor: pointer; color: #555; font-size: .9rem } pre, .out { overflow-x: auto }
figure { margin: 1rem 0 } table { border-collapse: collapse } td, th { padding: .2rem .6rem }
img { max-width: 100% }
"""


def write_page(notebook: Path, title: str) -> None:
    """Write `report.html` beside a notebook that ran."""
    body, folded = [], []
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        shown = "".join(map(_output, cell.get("outputs", ())))
        if cell["cell_type"] == "code":
            folded.append(source)
        if shown or cell["cell_type"] == "markdown":  # code that shows nothing waits for company
            body += [_code(folded), shown or render(source, top=1)]
            folded = []
    body = "".join([*body, _code(folded)])
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


def _code(sources: list[str]) -> str:
    text = "\n\n".join(sources)
    return f"<details><summary>Code</summary>{code(text, 'Code')}</details>" if text else ""


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
