"""The frame of every page: head, policy, skip link, footer.

No framework, no cookie, no request to anybody. The policy of a page allows its own style and,
where it has one, its own script by their hashes and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from evidence.show import area_rows, tables
from evidence.show.render import render, safe
from evidence.show.why import band
from evidence.show.words import day

_HERE = Path(__file__)
STYLE = tables.STYLE + area_rows.STYLE + _HERE.with_name("site.css").read_text(encoding="utf-8")
SCRIPT = _HERE.with_name("site.js").read_text(encoding="utf-8")
HOME = {"index.html": "All programmes"}
UP = {"../index.html": "All programmes"}


def page(
    template: str,
    record: Mapping[str, Any],
    title: str,
    *,
    cards: Iterable[Mapping[str, Any]] = (),
    trail: Mapping[str, str] | None = None,
    script: bool = False,
    envelope: bool = False,
    **values: Any,
) -> str:
    """Return a whole page.

    Parameters
    ----------
    template : str
        Its name among the templates of the site.
    record : mapping
        `release.json`.
    title : str
        What the page says, in one line.
    cards : iterable of mapping
        The programmes that it is about: a band above the header says whose data are simulated.
    trail : mapping, optional
        Address to name of the pages above this one; nothing on the first page.
    script : bool
        Whether the page has the filters and the search box.
    envelope : bool
        Whether the page stands alone, so that it leads to no other.
    **values
        What the template needs besides.
    """
    policy = f"default-src 'none'; style-src '{_digest(STYLE)}'; img-src data:; "
    policy += f"script-src '{_digest(SCRIPT)}'; " if script else ""
    values |= {
        "record": record,
        "envelope": envelope,
        "title": title,
        "band": band(cards),
        "trail": trail or {},
        "up": "../" if any(to.startswith("../") for to in trail or ()) else "",
        "day": day(record["date"]),
        "policy": safe(f"{policy}base-uri 'none'; form-action 'none'"),
        "style": safe(STYLE),
        "script": safe(SCRIPT) if script else "",
    }
    return render(f"site/{template}.html", **values)


@cache
def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
