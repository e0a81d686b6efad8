"""What every dashboard is built of: controls, escaped HTML, and a first paint without scripts.

Everything shown is released and escaped; whatever depends on a choice is an HTML widget. A page
also renders itself as plain HTML, which the visitor reads while the widgets are still loading.
"""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode

import ipywidgets as widgets
import pandas as pd

from evidence.errors import EvidenceError
from evidence.release.store import reader
from evidence.release.store.exports import csv
from evidence.show import tables
from evidence.show.rows import records
from evidence.show.why import band

STYLE = tables.STYLE + Path(__file__).with_name("board.css").read_text(encoding="utf-8")
PAGES = {"board": "Board", "programme": "One programme", "hub": "All hubs"}
FAULT = '<p role="alert">This could not be shown. Please load the page again.</p>'


class _Deaf:
    """What a page sends of it changes nothing: anybody may send anything over a socket."""

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Ignore what was sent."""


class Note(_Deaf, widgets.HTML):
    """Escaped HTML. All of a page share one layout and style: each is a message to the browser."""

    shared: ClassVar[dict[str, widgets.Widget]] = {}

    def __init__(self, value: str = "") -> None:
        if not self.shared or self.shared["layout"].comm is None:  # closed with the page before
            self.shared.update(layout=widgets.Layout(), style=widgets.HTML.style.klass())
        super().__init__(value, **self.shared)


class Bar(_Deaf, widgets.HBox):
    """Controls side by side."""


class Choice(widgets.Dropdown):
    """A dropdown that takes from a page the place of one of its options and nothing else."""

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Take the place of the option that was chosen, if there is one there."""
        place = sync_data.get("index")
        if isinstance(place, int) and 0 <= place < len(self.options):
            super().set_state({"index": place})


class Page(_Deaf, widgets.VBox):
    """Widgets in a column, which are readable as plain HTML before any script runs."""

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {**super()._repr_mimebundle_(**kwargs), "text/html": first(self)}


def page(published: str | Path | None, build: Callable[[Path], Iterable[widgets.Widget]]) -> Page:
    """Return the page that `build` makes of the current release, or a plain sentence.

    Parameters
    ----------
    published : path, optional
        Where the releases are (see `evidence.release.store.reader`).
    build : callable
        Gives the widgets; it gets the folder of the release, which stays the same while the page
        is open whatever is released meanwhile.
    """
    if os.environ.get("EVIDENCE_DASHBOARD"):
        widgets.Widget.close_all()  # the page that stood here before
    try:
        parts = [*build(reader.folder(published).resolve())]
    except (EvidenceError, OSError, ValueError, KeyError):
        parts = [
            note("<h1>There is no release to show yet</h1><p>Try again in a minute.</p>"),
        ]
    made = Page([note(f"<style>{STYLE}</style>"), *parts], layout=Note.shared["layout"])
    made.add_class("board")
    return made


def asked(*names: str) -> dict[str, str]:
    """Return what the address of the page chose: one text a name, "" where it chose nothing."""
    try:
        found = parse_qs(os.environ.get("QUERY_STRING", "")[:500], max_num_fields=20)
    except ValueError:
        found = {}
    return {name: found.get(name, [""])[0] for name in names}


def choice(label: str, options: Sequence[tuple[str, str]], value: str = "") -> widgets.Dropdown:
    """Return a dropdown that begins at `value` if that is among its options, else at the first."""
    known = [option for _, option in options]
    return Choice(description=label, options=options, value=value if value in known else known[0])


def distinct(label: str, values: Iterable[str]) -> list[tuple[str, str]]:
    """Return options for a filter: everything first, then each value once."""
    return [(label, ""), *((value, value) for value in dict.fromkeys(values))]


def reset(box: widgets.Dropdown, options: Sequence[tuple[str, Any]], value: Any = None) -> None:
    """Give a dropdown other options, keeping its value, or `value`, where that is among them."""
    known = [option for _, option in options]
    wanted = box.value if value is None else value
    box.options = options
    box.value = wanted if wanted in known else known[0] if known else None
    box.layout.display = "" if known else "none"


def watch(boxes: Iterable[widgets.Dropdown], act: Callable[[], None], place: widgets.HTML) -> None:
    """Call `act` whenever a choice changes; where that fails a plain sentence stands in `place`."""

    def run(_: object) -> None:
        try:
            act()
        except Exception:
            place.value = FAULT

    for box in boxes:
        box.observe(run, "value")


def note(content: str = "") -> widgets.HTML:
    """Return a widget of escaped HTML."""
    return Note(content)


def bar(*boxes: widgets.Widget) -> widgets.HBox:
    """Return controls side by side."""
    made = Bar(boxes, layout=Note.shared["layout"]) if Note.shared else Bar(boxes)
    made.add_class("bar")
    return made


def head(
    record: Mapping[str, Any], here: str, cards: Iterable[Mapping[str, Any]] | None = None
) -> str:
    """Return what stands above every page: whose data, which page, which release."""
    day = date.fromisoformat(record["date"])
    links = "".join(
        f'<a href="{name}"{" aria-current=page" if name == here else ""}>{title}</a>'
        for name, title in PAGES.items()
    )
    return (
        f"{band(record['programmes'] if cards is None else cards)}"
        f'<nav aria-label="Pages">{links}</nav>'
        f'<p class="over">Evidence base · release {record["number"]} · {day.day} {day:%B %Y}</p>'
    )


def foot(record: Mapping[str, Any]) -> str:
    """Return what stands below every page: how people are protected, what the squares mean."""
    rules = record["rules"]
    return (
        f'<p class="over small">Counts are rounded to the nearest {rules["base"]} and groups of '
        f"fewer than {rules['threshold']} pupils are hidden. Five squares: a large randomised "
        "trial with few losses.</p>"
    )


def actions(told: str, table: pd.DataFrame, name: str, here: str, chosen: Mapping[str, str]) -> str:
    """Return what is on screen in words, and what can be done with it: print, keep, send a link."""
    kept = {key: value for key, value in chosen.items() if value}
    data = base64.b64encode(csv(table).encode()).decode()
    link = f"{here}?{urlencode(kept)}" if kept else here
    return (
        f'<div class="act"><p role="status">{escape(told)}</p>'
        '<button type="button" data-print>Print or save as PDF</button> '
        f'<a download="{escape(name)}.csv" href="data:text/csv;base64,{data}">Save the table</a> '
        f'<a href="{escape(link)}">Link to this view</a></div>'
    )


def sheet(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `tables.summary` as the plain table that stands under a chart."""
    results = [tables.result(row) for row in records(rows)]
    shown = {
        "Programme": rows["title"],
        "Year": rows["cohort_title"],
        "Outcome": rows["outcome_title"],
        "Who": rows["subgroup"],
        "What we found": rows["verdict"],
        "Months or result": [
            f"{size} months" if month == month else size
            for (size, _), month in zip(results, rows["months"], strict=True)
        ],
        "Range": [span for _, span in results],
        "Strength of 5": rows["strength"],
        "£ a pupil a year": rows["cost"],
        "Pupils": rows["n_pupils"],
        "Schools": rows["n_schools"],
    }
    return pd.DataFrame({name: list(values) for name, values in shown.items()})


def unfolded(title: str, content: str, *, open_: bool = False) -> str:
    """Return content that one click shows."""
    return (
        f'<details class="more"{" open" if open_ else ""}><summary>{escape(title)}</summary>'
        f'<div class="ev scroll" tabindex="0" role="region" aria-label="{escape(title)}">{content}'
        "</div></details>"
    )


def figure(entry: Mapping[str, Any], folder: Path, heading: str) -> str:
    """Return a released figure with its text alternative and its table, or a plain sentence."""
    title = f"<h2>{escape(heading)}</h2>"
    try:
        shown = reader.picture(entry, folder)
        source = base64.b64encode(shown["svg"].encode()).decode()
        table = tables.frame(shown["table"], caption=shown["title"], axes=shown["axes"])
    except (EvidenceError, ValueError, KeyError, TypeError):
        return f'{title}<p role="alert">This figure is missing from the release.</p>'
    lines = {
        "intervals": "Lines show the range that the data allow.",
        "event_study": "Lines show the range that the data allow; before the start none should "
        "differ from nought.",
        "curve": "The shade shows the range that the data allow.",
    }.get(shown["kind"], "")
    return (
        f"{title}<figure><figcaption><b>{escape(shown['title'])}</b> {lines}</figcaption>"
        f'<img alt="{escape(shown["alt"])}" src="data:image/svg+xml;base64,{source}"></figure>'
        f"{unfolded('The numbers in this chart', table)}"
    )


def escape(text: Any) -> str:
    """Escape any text for HTML."""
    return html.escape(str(text))


def first(widget: widgets.Widget) -> str:
    """Return a widget as it looks before scripts run: the same HTML, controls not yet usable."""
    classes = " ".join(widget._dom_classes)
    if isinstance(widget, widgets.HTML):
        return (
            f'<div class="widget-html"><div class="widget-html-content">{widget.value}</div></div>'
        )
    if isinstance(widget, widgets.Box):
        inside = "".join(first(child) for child in widget.children)
        return f'<div class="{classes}">{inside}</div>'
    if isinstance(widget, widgets.Dropdown) and widget.layout.display != "none":
        return (
            f'<div class="widget-dropdown"><label>{escape(widget.description)} <select disabled>'
            f"<option>{escape(widget.label)}</option></select></label></div>"
        )
    return ""
