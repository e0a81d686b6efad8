"""The evidence base across hubs: what was tried where, what is new, and where numbers come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd

from evidence.board import widgets as parts
from evidence.board.board import matching
from evidence.board.programme import origin
from evidence.release.store import reader
from evidence.show import tables

OWN = "This hub"
FILTERS = (
    ("Hub", "hub", "hub", "All hubs"),
    ("Phase", "phase", "phase", "All phases"),
    ("Verdict", "verdict", "verdict", "All verdicts"),
    ("Strength of the evidence", "strength", "firm", "Any strength"),
)
_COLUMNS = {name: column for _, name, column, _ in FILTERS}
_SAME = ["programme", "cohort", "outcome", "subgroup", "estimand"]
_FILES = {
    "bundle.zip": "Everything that was released, to merge at another hub (zip)",
    "results.xlsx": "All results (Excel)",
    "effects.csv": "Effects (CSV)",
    "indicators.csv": "Indicators (CSV)",
}


def hub(published: str | Path | None = None) -> parts.Page:
    """Return the dashboard of the evidence base across hubs.

    Parameters
    ----------
    published : path, optional
        Where the releases are (see `evidence.release.store.reader`).
    """
    return parts.page(published, _build)


def _build(folder: Path) -> Iterator[widgets.Widget]:
    record = reader.release(folder)
    hubs = record.get("hubs", {})
    cards = _cards(record)
    rows = everything(folder, record)
    count = f"{len(hubs) + 1} hubs" if hubs else "one hub"
    tried = rows.groupby("hub")["programme"].nunique().sum() if len(rows) else 0
    top = (
        f"{parts.head(record, 'hub', cards)}<h1>{tried} programmes tried in {count}</h1>"
        '<p class="lead">Verdicts and strengths side by side, as each hub released them. Pupils of '
        "different hubs are never put into one table.</p>"
    )
    if rows.empty:
        return iter([parts.note(top)])
    asked = parts.asked(*_COLUMNS)
    boxes = [
        parts.choice(label, parts.distinct(every, rows[column]), asked[name])
        for label, name, column, every in FILTERS
    ]
    source = parts.Choice(description="Where does this number come from?")
    shown, told = parts.note(), parts.note()

    def show() -> None:
        chosen = dict(zip(_COLUMNS, (box.value for box in boxes), strict=True))
        left = matching(rows, {_COLUMNS[name]: value for name, value in chosen.items()})
        shown.value = side_by_side(left, len(rows), chosen)
        parts.reset(source, [(_label(row), place) for place, row in left.iterrows()])
        tell()

    def tell() -> None:
        told.value = "" if source.value is None else _origin(record, rows.loc[source.value])

    parts.watch(boxes, show, shown)
    parts.watch([source], tell, told)
    show()
    return iter(
        [
            parts.note(top),
            parts.bar(*boxes),
            shown,
            source,
            told,
            parts.note(f"{news(folder)}{_downloads()}{parts.foot(record)}"),
        ]
    )


def _cards(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    hubs = record.get("hubs", {}).values()
    return [*record["programmes"], *(card for meta in hubs for card in meta["programmes"])]


def everything(folder: Path, record: Mapping[str, Any]) -> pd.DataFrame:
    """Return the primary results of every hub: rows of `tables.summary` with `hub` and `firm`."""
    found = [tables.summary(reader.effects(folder), record["programmes"]).assign(hub=OWN)]
    for name, meta in record.get("hubs", {}).items():
        rows = tables.summary(reader.hub_effects(name, folder), meta["programmes"])
        found.append(rows.assign(hub=name))
    rows = pd.concat([one for one in found if len(one)] or found[:1], ignore_index=True)
    if len(rows):
        rows["firm"] = [
            "not rated" if points != points else tables.STRENGTH[round(points)]
            for points in rows["strength"]
        ]
    return rows


def side_by_side(rows: pd.DataFrame, total: int, chosen: Mapping[str, str]) -> str:
    """Return the chosen rows with each hub's name before the programme's."""
    if rows.empty:
        return '<p role="status">No result matches these choices.</p>'
    named = rows.assign(
        title=[f"{h}: {t}" for h, t in zip(rows["hub"], rows["title"], strict=True)]
    )
    plain, told = parts.sheet(rows), f"{len(rows)} of {total} results shown"
    plain.insert(0, "Hub", list(rows["hub"]))
    numbers = tables.frame(plain, caption="What was tried where, in numbers")
    return (
        f"{parts.actions(told, plain, 'hubs', 'hub', chosen)}{tables.board(named)}"
        f"{parts.unfolded('The same as a table of numbers', numbers)}"
    )


def news(folder: Path) -> str:
    """Return what the current release has that the one before had not, and what changed."""
    earlier = reader.before(folder)
    title = "<h2>What is new since the last release</h2>"
    if earlier is None:
        return f"{title}<p>This is the first release: everything is new.</p>"
    now, was = (reader.effects(place, hubs=True) for place in (folder, earlier))
    record = reader.release(folder)
    cards = [
        *record["programmes"],
        *(c for m in record.get("hubs", {}).values() for c in m["programmes"]),
    ]
    names = {card["name"]: card["title"] or card["name"] for card in cards}
    keys = ["hub", *_SAME]
    both = now.merge(was, on=keys, how="left", suffixes=("", "_was"), indicator="seen")
    lines = []
    for row in both.drop_duplicates(keys).to_dict("records"):
        where = "" if row["hub"] == "" else f"{row['hub']}: "
        what = f"{where}{names.get(row['programme'], row['programme'])}, {row['outcome']}"
        if row["seen"] == "left_only":
            lines.append(f"New: {what}: {row['verdict']}.")
        elif row["verdict"] != row["verdict_was"]:
            lines.append(f"{what}: now {row['verdict']}, before {row['verdict_was']}.")
        elif row["estimate"] != row["estimate_was"] and row["estimate"] == row["estimate"]:
            lines.append(f"{what}: the figures changed, the verdict did not.")
    gone = was.merge(now[keys].drop_duplicates(), on=keys, how="left", indicator="seen")
    lines += [
        f"No longer shown: {names.get(row['programme'], row['programme'])}, {row['outcome']}."
        for row in gone[gone["seen"] == "left_only"].to_dict("records")
    ]
    told = "".join(f"<li>{parts.escape(line)}</li>" for line in lines[:100])
    return f"{title}<ul>{told}</ul>" if lines else f"{title}<p>Nothing: every result stands.</p>"


def _downloads() -> str:
    links = "".join(
        f'<li><a href="download/{name}" download>{title}</a></li>' for name, title in _FILES.items()
    )
    return f"<h2>To take away</h2><ul>{links}</ul>"


def _origin(record: Mapping[str, Any], row: pd.Series) -> str:
    if row["hub"] == OWN:
        return f'<section class="why ev">{origin(record, record["runs"][row["run_id"]])}</section>'
    meta = record["hubs"][row["hub"]]
    run = meta["runs"].get(row["run_id"], {})
    facts = {
        "Hub": row["hub"],
        "Its release": f"{meta['number']}, {meta['date']}",
        "Bundle, SHA-256": meta["bundle"],
        "Checked by": meta["reviewer"] or "not said",
        "Run": row["run_id"],
        "Notebook, SHA-256": run.get("notebook_sha256", "not said"),
        "Version of the code": run.get("commit", "not said"),
    }
    lines = "".join(f"<dt>{term}</dt><dd>{parts.escape(text)}</dd>" for term, text in facts.items())
    return f'<section class="why ev"><dl class="facts">{lines}</dl></section>'


def _label(row: pd.Series) -> str:
    return f"{row['hub']}: {row['title']}, {row['cohort_title']}"
