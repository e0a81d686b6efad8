"""What every dashboard is built of: controls, escaped HTML, and a first paint without scripts.

Everything shown is released and escaped; whatever depends on a choice is an HTML widget. A page
also renders itself as plain HTML, which the visitor reads while the widgets are still loading.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode

import ipywidgets as widgets
import pandas as pd

from evidence.errors import EvidenceError
from evidence.release.store import reader
from evidence.release.store.exports import csv
from evidence.show import tables, words
from evidence.show.render import render, safe
from evidence.show.rows import records
from evidence.show.why import band

STYLE = tables.STYLE + Path(__file__).with_name("board.css").read_text(encoding="utf-8")
PAGES = {
    "board": "Board",
    "programme": "One programme",
    "area": "One area",
    "hub": "All hubs",
}
LINES = {
    "intervals": "Lines show the likely range.",
    "event_study": "Lines show the likely range; before the start none should differ from zero.",
    "curve": "The shade shows the likely range.",
}
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
    """A dropdown that takes from a page the place of one of its options and nothing else.

    Parameters
    ----------
    name : str
        What the address of the page calls this choice; see `asked`.
    **options
        Those of a Dropdown.
    """

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(**options)
        self.name = name

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Take the place of the option that was chosen, if there is one there."""
        place = sync_data.get("index")
        if isinstance(place, int) and 0 <= place < len(self.options):
            super().set_state({"index": place})


class Page(_Deaf, widgets.VBox):
    """Widgets in a column, which are readable as plain HTML before any script runs."""

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {**super()._repr_mimebundle_(**kwargs), "text/html": first(self)}


def dashboard(build: Callable[[Path], Iterable[widgets.Widget]]) -> Callable[..., Page]:
    """Return a function that shows the page which `build` makes of the current release.

    It takes where the releases are (`published`; see `evidence.release.store.reader`) and returns a
    `Page`, or a plain sentence. `build` gives the widgets; it gets the folder of the release, which
    stays the same while the page is open whatever is released meanwhile.
    """

    def show(published: str | Path | None = None) -> Page:
        if os.environ.get("EVIDENCE_DASHBOARD"):
            widgets.Widget.close_all()  # the page that was here before
        try:
            parts = [*build(reader.folder(published).resolve())]
        except (EvidenceError, OSError, ValueError, KeyError):
            parts = [
                note("<h1>There is no release to show yet</h1><p>Try again in a minute.</p>"),
            ]
        whole = Page([note(f"<style>{STYLE}</style>"), *parts], layout=Note.shared["layout"])
        whole.add_class("board")
        return whole

    show.__doc__ = build.__doc__
    return show


def asked(*names: str) -> dict[str, str]:
    """Return what the address of the page chose: one text a name, "" where it chose nothing."""
    try:
        query = parse_qs(os.environ.get("QUERY_STRING", "")[:500], max_num_fields=20)
    except ValueError:
        query = {}
    return {name: query.get(name, [""])[0] for name in names}


def choice(
    name: str, label: str, options: Sequence[tuple[str, str]], asked: Mapping[str, str]
) -> widgets.Dropdown:
    """Return a dropdown that begins at what was asked for under its name, else at the first."""
    known = [option for _, option in options]
    value = asked[name] if asked[name] in known else known[0]
    return Choice(name, description=label, options=options, value=value)


def distinct(label: str, values: Iterable[str]) -> list[tuple[str, str]]:
    """Return options for a filter: everything, then each value once where there are several."""
    known = [*dict.fromkeys(values)]
    return [(label, ""), *((words.verdict(one), one) for one in known if len(known) > 1)]


def reset(box: widgets.Dropdown, options: Sequence[tuple[str, Any]], value: Any = None) -> None:
    """Give a dropdown other options, keeping its value, or `value`, where that is among them."""
    known = [option for _, option in options]
    wanted = box.value if value is None else value
    box.options = options
    box.value = wanted if wanted in known else known[0] if known else None
    box.layout.display = "" if known else "none"


def watch(boxes: Iterable[widgets.Dropdown], act: Callable[[], None], place: widgets.HTML) -> None:
    """Call `act` whenever a choice changes; where that fails `place` says so plainly."""

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
    row = Bar(boxes, layout=Note.shared["layout"]) if Note.shared else Bar(boxes)
    row.add_class("bar")
    return row


def top(
    record: Mapping[str, Any],
    here: str,
    title: str,
    *,
    lead: str = "",
    about: str = "",
    cards: Iterable[Mapping[str, Any]] | None = None,
) -> str:
    """Return what is above every page: whose data, which page, which release, what was found."""
    values = {"here": here, "title": title, "lead": lead, "about": about, "pages": PAGES}
    whose = band(record["programmes"] if cards is None else cards)
    release = {"number": record["number"], "day": words.day(record["date"])}
    return render("board/top.html", band=whose, **release, **values)


def foot(record: Mapping[str, Any]) -> str:
    """Return what is below every page: how people are protected, what the squares mean."""
    return render("board/foot.html", **record["rules"])


def actions(
    said: str, table: pd.DataFrame, file: str, here: str, chosen: Mapping[str, str]
) -> dict[str, str]:
    """Return what a template needs to say what is on screen, to save it and to link to it."""
    kept = {key: value for key, value in chosen.items() if value}
    return {
        "said": said,
        "file": file,
        "data": base64.b64encode(csv(table).encode()).decode(),
        "link": f"{here}?{urlencode(kept)}" if kept else here,
    }


def listed(
    plain: pd.DataFrame, said: str, chosen: Mapping[str, str], *, here: str, board: str
) -> str:
    """Return what is chosen with how much that is, and the same as a table of numbers."""
    return render(
        "board/results.html",
        act=actions(said, plain, here, here, chosen),
        board=board,
        numbers=tables.frame(plain, caption="What each programme achieved, in numbers"),
    )


def sheet(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `tables.summary` as the plain table that is under a chart."""
    results = [tables.result(row, spoken=True) for row in records(rows)]
    shown = {
        "Programme": rows["title"],
        "Year": rows["cohort_title"],
        "Outcome": rows["outcome_title"],
        "Who": rows["subgroup"],
        "What we found": rows["verdict"].map(words.verdict),
        "Months or result": [size for size, _ in results],
        "Range": [span for _, span in results],
        "Strength of 5": rows["strength"],
        "£ a pupil a year": rows["cost"],
        "Pupils": rows["n_pupils"],
        "Schools": rows["n_schools"],
    }
    return pd.DataFrame({name: list(values) for name, values in shown.items()})


def figure(entry: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return what a template needs of a released figure, or that it is missing."""
    try:
        shown = reader.picture(entry, folder)
        return {
            "missing": False,
            "title": shown["title"],
            "alt": shown["alt"],
            "lines": LINES.get(shown["kind"], ""),
            "drawing": base64.b64encode(shown["svg"].encode()).decode(),
            "table": tables.frame(shown["table"], caption=shown["title"], axes=shown["axes"]),
        }
    except (EvidenceError, ValueError, KeyError, TypeError):
        return {"missing": True}


def first(widget: widgets.Widget) -> str:
    """Return a widget as it looks before scripts run: its controls ask for the page anew."""
    if isinstance(widget, widgets.HTML):
        return render("board/first.html", kind="text", content=safe(widget.value))
    if isinstance(widget, widgets.Box):
        inside = [first(child) for child in widget.children]
        classes = " ".join(widget._dom_classes)
        kind = "bar" if isinstance(widget, Bar) else "box"
        return render("board/first.html", kind=kind, classes=classes, children=inside)
    if isinstance(widget, Choice) and widget.layout.display != "none":
        return render("board/first.html", kind="dropdown", choice=widget)
    return ""
