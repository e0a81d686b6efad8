"""The frame of every page: head, policy, skip link, footer.

No framework, no cookie, no request to anybody. The policy of a page allows its own style and,
where it has one, its own script by their hashes and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from evidence.show import tables

_HERE = Path(__file__)
STYLE = tables.STYLE + _HERE.with_name("site.css").read_text(encoding="utf-8")
SCRIPT = _HERE.with_name("site.js").read_text(encoding="utf-8")


def page(
    record: Mapping[str, Any],
    title: str,
    body: str,
    *,
    above: str = "",
    up: str = "",
    trail: Mapping[str, str] | None = None,
    script: bool = False,
) -> str:
    """Return a whole page.

    Parameters
    ----------
    record : mapping
        `release.json`.
    title : str
        What the page says, in one line.
    body : str
        Escaped HTML.
    above : str
        A band above the header.
    up : str
        Way to the release's folder: "" or "../".
    trail : mapping, optional
        Address to name of the pages above this one; nothing on the first page.
    script : bool
        Whether the page has the filters and the search box.
    """
    policy = f"default-src 'none'; style-src '{_digest(STYLE)}'; img-src data:; "
    policy += f"script-src '{_digest(SCRIPT)}'; " if script else ""
    policy += "base-uri 'none'; form-action 'none'"
    step = '<span aria-hidden="true">›</span>'
    links = step.join(f'<a href="{esc(to)}">{esc(name)}</a>' for to, name in (trail or {}).items())
    rules = record["rules"]
    return (
        '<!DOCTYPE html>\n<html lang="en-GB"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">'
        f"<title>{esc(title)}</title><style>{STYLE}</style></head><body>"
        f'<a class="skip" href="#main">Skip to the results</a>{above}'
        f'<header><p class="over">Evidence base · release {record["number"]} · '
        f"{day(record['date'])}</p>"
        + (f'<nav aria-label="You are here">{links}</nav>' if links else "")
        + f'</header><main id="main"><h1>{esc(title)}</h1>{body}</main>'
        f'<footer><p class="foot">Counts are rounded to the nearest {rules["base"]} and groups of '
        f"fewer than {rules['threshold']} pupils are hidden. Five squares: a large randomised "
        'trial with few losses. <span class="screen">'
        f'<a href="{up}sure.html">How sure are we?</a> · '
        f'<a href="{up}glossary.html">What the words mean</a></span></p></footer>'
        + (f"<script>{SCRIPT}</script>" if script else "")
        + "</body></html>\n"
    )


def wide(content: str, label: str, *, slide: bool = False) -> str:
    """Return content that scrolls by itself where the window is narrow.

    Of a table with many columns (`slide`) a narrow window says so and keeps the first in view.
    """
    kind = "wide slide" if slide else "wide"
    return (
        f'<div class="{kind}" tabindex="0" role="group" aria-label="{esc(label)}">{content}</div>'
    )


def day(iso: str) -> str:
    """Write a date in words: 2 March 2026."""
    then = date.fromisoformat(iso[:10])
    return f"{then.day} {then:%B %Y}"


def esc(value: Any) -> str:
    """Escape text for HTML, attributes included."""
    return html.escape(str(value))


@cache
def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
