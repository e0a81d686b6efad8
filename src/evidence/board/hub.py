"""What differs across hubs, what is new, and where the numbers come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd

from evidence.board import widgets as parts
from evidence.release.site.across import OWN, across
from evidence.release.site.across import hubs as answers_of_hubs
from evidence.release.store import reader
from evidence.show import words
from evidence.show.render import render

FILTERS = {"phase": ("Phase", "All phases"), "differs": ("Across hubs", "Everything")}
_TOLD = {"one hub only": "in one hub only", "the very same figures": "with the very same figures"}
ALONE = (
    "There is nothing to compare yet: what this hub found is under Board. Where the bundle of "
    "another hub is merged, its answers stand here beside ours."
)
LEAD = (
    "What each hub found of each programme, as it released it. Hubs found differently where their "
    "verdicts do, or where their ranges do not meet. Pupils of different hubs are never put into "
    "one table."
)
_FILES = {
    "bundle.zip": "Everything that was released, to merge at another hub (zip)",
    "results.xlsx": "All results (Excel)",
    "effects.csv": "Effects (CSV)",
    "indicators.csv": "Indicators (CSV)",
}


@parts.dashboard
def hub(folder: Path) -> Iterator[widgets.Widget]:
    """Return the dashboard of what differs across hubs."""
    record = reader.release(folder)
    found = answers_of_hubs(folder, record)
    rows, hubs = across(found), [*found]
    title = finding(rows, hubs)
    several = len(hubs) > 1
    lead = LEAD if several else ALONE
    yield parts.note(parts.top(record, "hub", title, lead=lead, cards=_cards(record)))
    if not rows:
        return
    begin = parts.asked("phase", "differs", "hub")
    boxes = {
        name: parts.choice(name, title, parts.distinct(every, [row[name] for row in rows]), begin)
        for name, (title, every) in FILTERS.items()
    }
    origins = [(one, one) for one in hubs]
    whose = parts.choice("hub", "Where do these numbers come from?", origins, begin)
    shown, origin = parts.note(), parts.note()

    def show() -> None:
        chosen = {name: box.value for name, box in boxes.items()}
        left = [row for row in rows if all(v in ("", row[k]) for k, v in chosen.items())]
        shown.value = side_by_side(left, len(rows), hubs, chosen)

    def tell() -> None:
        origin.value = render("board/origin.html", known=_origin(record, whose.value))

    parts.watch(boxes.values(), show, shown)
    parts.watch([whose], tell, origin)
    show()
    tell()
    if several:
        yield from (parts.bar(*boxes.values()), shown)
    yield from (whose, origin)
    yield parts.note(render("board/news.html", news=record.get("since"), files=_FILES))
    yield parts.note(parts.foot(record))


def finding(rows: Sequence[Mapping[str, Any]], hubs: Sequence[str]) -> str:
    """Say in one line how many programmes hubs tried, and of how many they found what."""
    tried = f"{words.counted(len(rows), 'programme')} tried in"
    if len(hubs) < 2:
        return f"{tried} this hub, and no other hub’s results are here yet"
    counts = Counter(row["differs"] for row in rows)
    said = ", ".join(f"{count} {_TOLD.get(differs, differs)}" for differs, count in counts.items())
    return f"{tried} {len(hubs)} hubs: {said}"


def _cards(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    hubs = record.get("hubs", {}).values()
    return [*record["programmes"], *(card for meta in hubs for card in meta["programmes"])]


def side_by_side(
    rows: Sequence[Mapping[str, Any]], total: int, hubs: Sequence[str], chosen: Mapping[str, str]
) -> str:
    """Return the chosen rows, a programme each, with a column a hub."""
    if not rows:
        return render("board/results.html", board="")
    plain = pd.DataFrame(
        {"Programme": row["title"], "Across hubs": row["differs"]}
        | {hub: f"{one['found']}, {one['size']} ({one['span']})"
           for hub, one in row["hubs"].items()}
        for row in rows
    )  # fmt: skip
    said = f"{len(rows)} of {words.counted(total, 'programme')} shown"
    drawn = render("across.html", rows=rows, hubs=hubs)
    return parts.listed(plain.fillna("not tried"), said, chosen, here="hub", board=drawn)


def _origin(record: Mapping[str, Any], hub: str) -> dict[str, Any]:
    if hub == OWN:
        return {"Release": f"{record['number']}, {record['date']}",
                "Checked by": record.get("reviewer") or "not said"}  # fmt: skip
    meta = record["hubs"][hub]
    return {
        "Hub": hub,
        "Its release": f"{meta['number']}, {meta['date']}",
        "Bundle, SHA-256": meta["bundle"],
        "Checked by": meta["reviewer"] or "not said",
    }
