"""What differs across hubs: one row a programme, one answer a hub, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evidence.release.site.answers import answers, of_release
from evidence.release.store import reader
from evidence.show.programme_rows import what_was_found
from evidence.show.rows import missing

OWN = "This hub"
DIFFER, ALIKE, SAME, ALONE = (
    "found differently", "no clear difference", "the very same figures", "one hub only",
)  # fmt: skip


def across(hubs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return a row a programme of `hubs`: `title`, `phase`, what `differs`, `hubs` to its answer.

    Those that hubs found differently are first, those of one hub alone last. Two hubs found
    differently where their verdicts do, or where neither range reaches the other. The very same
    figures are of one release under two names, or of pupils counted twice.
    """
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for hub, rows in hubs.items():
        for row in rows:
            found.setdefault(row["programme"], {})[hub] = row
    lines: list[dict[str, Any]] = []
    for name, each in found.items():
        first = next(iter(each.values()))
        lines.append(
            {
                "programme": name,
                "title": first["title"],
                "phase": first["phase"],
                "differs": _differs([*each.values()]),
                "hubs": {hub: _said(row) for hub, row in each.items()},
            }
        )
    order = (DIFFER, SAME, ALIKE, ALONE)
    return sorted(lines, key=lambda row: order.index(row["differs"]))


def hubs(folder: Path, record: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the answers of each hub, this one's first."""
    watched = reader.indicators(folder, hubs=True)
    others = {
        hub: answers(meta, reader.hub_effects(hub, folder), watched[watched["hub"] == hub])
        for hub, meta in record.get("hubs", {}).items()
    }
    return {OWN: of_release(folder), **others}


def _said(row: Mapping[str, Any]) -> dict[str, Any]:
    said = {key: row[key] for key in ("verdict", "size", "span", "strength")}
    return said | {"found": what_was_found(row)}


def _differs(rows: Sequence[Mapping[str, Any]]) -> str:
    if len(rows) < 2:
        return ALONE
    if len({(row["verdict"], row["size"], row["span"], row["pupils"]) for row in rows}) == 1:
        return SAME
    ends = [(row["lower"], row["upper"]) for row in rows if not missing(row["effect"])]
    apart = any(a[1] < b[0] for a in ends for b in ends)
    return DIFFER if apart or len({row["verdict"] for row in rows}) > 1 else ALIKE
