"""The site of a release: plain pages that open from a folder, on a phone and on paper."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.errors import EvidenceError
from evidence.release.site import across, answers, indicators, reports
from evidence.release.site.measures import one_page
from evidence.release.site.page import HOME, UP, page
from evidence.release.store import provenance, reader
from evidence.show import area_rows, programme_rows, tables
from evidence.show.picture import Picture
from evidence.show.portfolio import portfolio
from evidence.show.questions import grouped
from evidence.show.render import render, safe
from evidence.show.why import band, why
from evidence.show.words import MONTHS, day, number, verdict

_FEW = 4  # so many columns fit on a phone
_SORTS = (
    ("decision", "What to do"),
    ("months", "Months, most first"),
    ("price", "£ a month, least first"),
    ("strength", "Strength, most first"),
    ("spend", "Spend, most first"),
    ("place", "The register"),
)


def build(folder: str | Path) -> list[Path]:
    """Write the pages of a release into its own folder.

    Parameters
    ----------
    folder : path
        A release: `release.json`, `effects.parquet`, `indicators.parquet`, the figures that it
        lists and the notebooks' sources.

    Returns
    -------
    list of Path
        `index.html`, `sure.html`, `glossary.html`; a page a programme, and for each of its
        cohorts one with the result and one with the report; a page an indicator; `hubs.html`
        where other hubs' results were merged.
    """
    folder = Path(folder)
    record, effects = reader.release(folder), reader.effects(folder)
    watched = reader.indicators(folder)
    found = answers.of_release(folder)
    pages = [
        ("index.html", _index(folder, record, found, watched)),
        ("sure.html", _sure(record)),
        ("glossary.html", page("glossary", record, "What the words mean", trail=HOME)),
        *indicators.pages(record, watched),
    ]
    if record.get("hubs"):
        pages.append(("hubs.html", _hubs(folder, record)))
    runs = {(run["programme"], run["cohort"]): run for run in record["runs"].values()}
    by_programme = dict(list(effects.groupby("programme", sort=False)))
    for programme in record["programmes"]:
        name = programme["name"]
        own = by_programme.get(name, effects[:0])
        ran = [c for c in programme["cohorts"] if (name, c["name"]) in runs]
        said = {c["name"]: indicators.said(watched, runs[name, c["name"]]["run_id"]) for c in ran}
        if ran:
            pages.append((address(name), _programme(record, programme, found, said)))
        for cohort in ran:
            run, some = runs[name, cohort["name"]], said[cohort["name"]]
            pages += _cohort(folder, record, programme | {"cohorts": [cohort]}, own, run, some)
    if again := _twice(name for name, _ in pages):
        raise EvidenceError(f"two pages would be {again}: rename a programme, cohort or indicator")
    for name, text in pages:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return [folder / name for name, _ in pages]


def _twice(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            return name
        seen.add(name.casefold())
    return ""


def address(programme: str, cohort: str = "") -> str:
    """Return the page of a programme, or of one of its cohorts, relative to the release folder."""
    return f"{programme}/{cohort or 'index'}.html"


def _index(
    folder: Path,
    record: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    watched: pd.DataFrame,
) -> str:
    cards = record["programmes"]
    whose = {record["runs"][key]["programme"] for key in set(watched["run_id"])}
    links = {name: to for to, name in indicators.links(watched).items()}
    title, areas = programme_rows.finding(rows), one_page(folder, record, watched, links)
    if not rows and areas:
        title = areas[0][1]
    values: dict[str, Any] = {"board": "", "foot": area_rows.FOOT, "watched": areas}
    values["shown"] = whose | {row["programme"] for row in rows}
    if rows:
        values |= _front(record, rows) | {
            "board": programme_rows.board(
                rows,
                link=lambda row: address(row["programme"]),
                cohort=lambda row: address(row["programme"], row["cohort"]),
            )
        }
    return page("index", record, title, cards=cards, script=bool(rows), **values)


def envelope(folder: str | Path) -> str:
    """Return the board's page as one file that needs no other, to be e-mailed or printed.

    Parameters
    ----------
    folder : str or Path
        A release's own folder.

    Raises
    ------
    EvidenceError
        The release holds no result of a programme.
    """
    record, rows = reader.release(folder), answers.of_release(Path(folder))
    if not rows:
        raise EvidenceError("the release holds no result of a programme, so there is no page yet")
    values = _front(record, rows) | {"board": programme_rows.board(rows)}
    title, cards = programme_rows.finding(rows), record["programmes"]
    return page("envelope", record, title, cards=cards, script=True, envelope=True, **values)


def _front(record: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what stands above the rows: counts, picture, changes, and what filters offer."""
    return {
        "decided": programme_rows.decided(rows),
        "rule": programme_rows.RULE,
        "asked": programme_rows.asked(rows),
        "portfolio": portfolio(rows),
        "since": record.get("since"),
        "words": programme_rows.words_for_script(),
        "filters": [*programme_rows.filters(rows), ("sort", "Sort by", "", _SORTS)],
    }


def _programme(
    record: Mapping[str, Any],
    card: Mapping[str, Any],
    found: Sequence[Mapping[str, Any]],
    said: Mapping[str, list[tuple[str, str, list[str]]]],
) -> str:
    rows = [row for row in found if row["programme"] == card["name"]]
    title, board = card["title"], ""
    if rows:
        board = programme_rows.board(rows, cohort=lambda row: f"{row['cohort']}.html", open=True)
        title += f": {verdict(rows[0]['verdict'])}" if rows[0]["verdict"] else ""
    cost = "not stated" if card["cost"] is None else f"£{card['cost']:,.0f} a pupil a year"
    if card["design"] == "monitoring":
        cost = ""
    cohorts = [(c["title"], f"{c['name']}.html", said[c["name"]]) for c in card["cohorts"]
               if said.get(c["name"])]  # fmt: skip
    return page(
        "programme",
        record,
        title,
        cards=[card],
        trail=UP,
        card=card,
        cost=cost,
        board=board,
        said=cohorts,
    )


def _cohort(
    folder: Path,
    record: Mapping[str, Any],
    card: Mapping[str, Any],
    own: pd.DataFrame,
    run: Mapping[str, Any],
    said: list[tuple[str, str, list[str]]],
) -> list[tuple[str, str]]:
    """Return the page of a cohort and, where its notebook was released, that of its report."""
    (cohort,) = card["cohorts"]
    name, place = cohort["name"], folder / card["name"]
    source = place / f"{name}.ipynb"
    rows = tables.summary(own, [card], primary=False)
    main = rows.iloc[0].to_dict() if len(rows) else None
    figures = grouped(_figures(folder, record, card["name"], name))
    values = {
        "card": card,
        "cohort": name,
        "main": main,
        "listed": tables.outcomes(rows) if main else "",
        "facts": provenance.facts(record, run),
    }
    title = f"{card['title']}, {cohort['title']}"
    trail = UP | {"index.html": card["title"]}
    more = {
        "why": why(main, sure="../sure.html#strength", source="#source") if main else "",
        "figures": figures,
        "said": said,
        "notebook": source.is_file(),
        "late": reader.place_of(run) in record.get("late", ()),
        "finished": run["finished"][:10],
    }
    finding = f"{title}: {verdict(main['verdict'])}" if main else title
    whole = page("cohort", record, finding, cards=[card], trail=trail, **values, **more)
    pages = [(address(card["name"], name), whole)]
    if source.is_file():
        notebook = json.loads(source.read_text(encoding="utf-8"))
        trail |= {f"{name}.html": cohort["title"]}
        more = reports.public(notebook, figures, run.get("parameters", {}), bool(main))
        more["said"] = said
        more["sentences"] = list(rows["sentence"])[1:] if main else []
        title += ": the report"
        report = page("report", record, title, cards=[card], trail=trail, **values, **more)
        pages.append((f"{card['name']}/{name}-report.html", report))
    return pages


def _figures(
    folder: Path, record: Mapping[str, Any], programme: str, cohort: str
) -> list[dict[str, Any]]:
    """Return what the pages show of each figure of a cohort."""
    figures = []
    for entry in record["figures"]:
        if (entry["programme"], entry["cohort"]) != (programme, cohort):
            continue
        path = folder / entry["path"]
        picture = Picture.from_json(path.with_name(f"{path.name}.json").read_text(encoding="utf-8"))
        drawing = path.with_name(f"{path.name}.svg").read_text(encoding="utf-8")
        figures.append(
            {
                "question": picture.question,
                "title": picture.title,
                "alt": picture.alt,
                "drawing": safe(_inline(drawing)),
                "table": tables.frame(picture.table, axes=picture.axes, caption=picture.title),
                "slide": len(picture.table.columns) > _FEW,
                "path": entry["path"].split("/", 1)[1],  # the page is in the programme's folder
            }
        )
    return figures


def _inline(svg: str) -> str:
    """Turn the style attributes of an SVG, which the page's policy forbids, into plain ones."""

    def plain(match: re.Match[str]) -> str:
        pairs = (part.split(":", 1) for part in match[1].split(";") if ":" in part)
        kept = ((key.strip(), value.strip()) for key, value in pairs)
        return " ".join(f'{k}="{v}"' for k, v in kept if k not in ("max-width", "height"))

    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.S)
    # Inside tags only: a label may hold such words itself.
    return re.sub(r"<[^<>]*>", lambda tag: re.sub(r'style="([^"]*)"', plain, tag[0]), svg)


def _hubs(folder: Path, record: Mapping[str, Any]) -> str:
    own, hubs = across.hubs(folder, record), []
    for hub, meta in record["hubs"].items():
        finding = programme_rows.finding(own[hub])
        values = {
            "title": f"{hub}: {finding[0].lower()}{finding[1:]}",
            "whose": band(meta["programmes"]),
            "day": day(meta["date"]),
            "twice": ", ".join(
                name for name, other in record["hubs"].items()
                if name != hub and other["bundle"] == meta["bundle"]
            ),
        }  # fmt: skip
        hubs.append(meta | values)
    table = render("across.html", rows=across.across(own), hubs=[*own])
    return page("hubs", record, "What differs across hubs", trail=HOME, hubs=hubs, table=table)


def _sure(record: Mapping[str, Any]) -> str:
    starts = MONTHS["toolkit"]
    sizes = [f"{number(a, 2)} to {number(b - 0.01, 2)}" for a, b in pairwise(starts)]
    sizes.append(f"{number(starts[-1], 2)} or more")
    return page("sure", record, "How sure are we?", trail=HOME, sizes=sizes)
