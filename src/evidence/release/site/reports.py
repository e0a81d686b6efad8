"""The report of a run as others may read it: its text, its code folded, its released results.

Made from the notebook's source and from what the release holds, never from what the kernel
returned: outputs that did not come through the release are left out, and the page says so.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any

from evidence.release.site.markdown import code, render


def body(
    notebook: Mapping[str, Any],
    figures: Mapping[str, str],
    results: str,
    parameters: Mapping[str, Any],
) -> str:
    """Return the body of a report.

    Parameters
    ----------
    notebook : mapping
        What `source.clean` made.
    figures : mapping
        Name of each released picture to its HTML.
    results : str
        The released effects as HTML.
    parameters : mapping
        What the run was given, from its provenance.
    """
    parts, shown = [], set()
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == "markdown":
            parts.append(render(cell["source"]))
            continue
        meta = cell["metadata"]
        if "parameters" in meta.get("tags", ()):
            parts.append(_given(parameters))
            continue
        name = f"Code of cell {number}"
        parts.append(f"<details><summary>{name}</summary>{code(cell['source'], name)}</details>")
        here = meta.get("evidence", {})
        for name in here.get("shows", ()):
            if name not in shown:
                parts.append(results if name == "results" else figures.get(name, _LEFT_OUT))
                shown.add(name)
        if here.get("left_out"):
            parts.append(_LEFT_OUT)
    return f'<div class="report">{"".join(parts)}</div>'


_LEFT_OUT = '<p class="left-out">An output stays with the hub: it was not proposed for release.</p>'


def _given(parameters: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(str(name))}</td><td><code>"
        f"{html.escape(json.dumps(value, ensure_ascii=False))}</code></td></tr>"
        for name, value in parameters.items()
    )
    return (
        '<details><summary>What this report was given</summary><div class="wide" tabindex="0" '
        'role="group" aria-label="Parameters"><table class="plain"><thead><tr><th scope="col">'
        'Parameter</th><th scope="col">Value</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )
