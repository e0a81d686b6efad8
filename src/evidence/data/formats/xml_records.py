"""XML returns and transfer files (CTF, SEN2) as tables: one for each kind of record.

A record is an element with values in it. Its row has them and, under the same names, those of the
records that it lies in: a result has its pupil's UPN.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from xml.etree import ElementTree

from evidence.errors import EvidenceError

START = re.compile(r"\s*<(\?xml|[A-Za-z_])", re.ASCII)
_DECLARED = re.compile(r"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_DEEPEST = 50

Rows = list[dict[str, str]]


def records(
    path: str | Path, raw: bytes, text: str
) -> list[tuple[str, list[tuple[int, list[str]]]]]:
    """Return name, and header and rows, of each kind of record.

    Raises
    ------
    EvidenceError
        It is no XML that can be read, or declares entities, as no return does.
    """
    if _DECLARED.search(text):
        raise EvidenceError(f"{path}: declares what no return declares (DOCTYPE); not read")
    found: dict[str, Rows] = {}
    try:
        _gather(ElementTree.parse(io.BytesIO(raw)).getroot(), {}, found, 0)
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError):
        raise EvidenceError(f"{path}: not XML that can be read; export it again") from None
    return [(name, _numbered(rows)) for name, rows in found.items()]


def _gather(
    element: ElementTree.Element, above: dict[str, str], found: dict[str, Rows], depth: int
) -> None:
    if depth > _DEEPEST:
        raise ValueError("too deep")
    values = {_name(child): (child.text or "").strip() for child in element if not len(child)}
    here = above | values
    if values:
        found.setdefault(_name(element), []).append(here)
    for child in element:
        if len(child):
            _gather(child, here, found, depth + 1)


def _name(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _numbered(rows: Rows) -> list[tuple[int, list[str]]]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    body = ([row.get(name, "") for name in names] for row in rows)
    return [(1, names), *((line, row) for line, row in enumerate(body, start=2) if any(row))]
