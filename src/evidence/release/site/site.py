"""The site of a release: plain pages that open from a folder, on a phone and on paper."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.errors import EvidenceError
from evidence.release.site import indicators, reports
from evidence.release.site.page import day, esc, page, wide
from evidence.release.store import provenance, reader
from evidence.show import tables
from evidence.show.picture import Picture
from evidence.show.rows import records
from evidence.show.why import LEAD, band, why
from evidence.show.words import MONTHS, number

_HERE = Path(__file__)
_HOME = {"index.html": "All programmes"}
_UP = {"../index.html": "All programmes"}
_FEW = 4  # so many columns fit on a phone


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
    rows = tables.summary(effects, record["programmes"])
    pages = [
        ("index.html", _index(record, rows, indicators.links(watched))),
        ("sure.html", _sure(record)),
        ("glossary.html", page(record, "What the words mean", _text("glossary"), trail=_HOME)),
        *indicators.pages(record, watched),
    ]
    if record.get("hubs"):
        pages.append(("hubs.html", _hubs(folder, record)))
    runs = {(run["programme"], run["cohort"]): run for run in record["runs"].values()}
    own = dict(list(effects.groupby("programme", sort=False)))
    for programme in record["programmes"]:
        mine = own.get(programme["name"], effects[:0])
        found = [c for c in programme["cohorts"] if (programme["name"], c["name"]) in runs]
        if not found:
            continue
        pages.append((address(programme["name"]), _programme(record, programme, mine)))
        for cohort in found:
            one = {**programme, "cohorts": [cohort]}
            place = (programme["name"], cohort["name"])
            figures = {
                entry["name"]: _figure(folder, entry)
                for entry in record["figures"]
                if (entry["programme"], entry["cohort"]) == place
            }
            results = tables.summary(mine, [one], primary=False)
            listed = tables.outcomes(results) if len(results) else ""
            source = folder / f"{'/'.join(place)}.ipynb"
            report = f"{place[1]}-report.html" if source.is_file() else ""
            run = runs[place]
            pages.append(
                (address(*place), _cohort(record, one, results, listed, figures, run, report))
            )
            if report:
                notebook = json.loads(source.read_text(encoding="utf-8"))
                text = _report(record, one, results, listed, figures, run, notebook)
                pages.append((f"{place[0]}/{report}", text))
    if again := _twice(name for name, _ in pages):
        raise EvidenceError(f"two pages would be {again}: rename a programme, cohort or indicator")
    for name, text in pages:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name, _ in pages]


def _twice(names: Any) -> str:
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            return name
        seen.add(name.casefold())
    return ""


def address(programme: str, cohort: str = "") -> str:
    """Return the page of a programme, or of one of its cohorts, relative to the release folder."""
    return f"{programme}/{cohort or 'index'}.html"


def _index(record: Mapping[str, Any], rows: pd.DataFrame, watched: Mapping[str, str]) -> str:
    title = tables.finding(rows)
    shown = {row["programme"] for row in records(rows)}
    waiting = [p["title"] for p in record["programmes"] if p["name"] not in shown]
    more = "".join(f'<li><a href="{esc(to)}">{esc(name)}</a></li>' for to, name in watched.items())
    parts = [
        f'<p class="lead">{LEAD}</p>',
        _filters(rows) if len(rows) else "",
        tables.board(rows, link=lambda row: address(row["programme"], row["cohort"]))
        if len(rows)
        else "<p>Run the notebooks and release their results; they are listed here.</p>",
        f"<p>No result yet: {esc(', '.join(waiting))}.</p>" if waiting else "",
        '<div class="screen">',
        f"<h2>What is watched over time</h2><ul>{more}</ul>" if more else "",
        '<p><a href="hubs.html">What other hubs found</a></p>' if record.get("hubs") else "",
        "<p>Choose a programme to see why you should believe its result, every outcome and "
        'where each number comes from. <a href="sure.html">How sure are we?</a> · '
        '<a href="glossary.html">What the words mean</a></p>'
        '<p>Download all results: <a href="results.xlsx">results.xlsx</a> (Excel) · '
        '<a href="effects.csv">effects.csv</a> · <a href="indicators.csv">indicators.csv</a> · '
        f'<a href="{provenance.CRATE}">where all of it comes from (RO-Crate)</a></p></div>',
    ]
    above = band(record["programmes"])
    return page(record, title, "".join(parts), above=above, script=len(rows) > 0)


def _filters(rows: pd.DataFrame) -> str:
    boxes = [
        '<div><label for="f-search">Search</label>'
        '<input type="search" id="f-search" autocomplete="off" spellcheck="false"></div>'
    ]
    for name, label, every, column in (
        ("phase", "Phase", "All phases", "phase"),
        ("year", "Year", "All years", "cohort_title"),
        ("verdict", "Verdict", "All verdicts", "verdict"),
    ):
        options = "".join(
            f'<option value="{esc(v)}">{esc(v)}</option>' for v in dict.fromkeys(rows[column])
        )
        boxes.append(
            f'<div><label for="f-{name}">{label}</label><select id="f-{name}" name="{name}">'
            f'<option value="">{every}</option>{options}</select></div>'
        )
    # Hidden until the script that makes them work has run.
    return f'<div class="filters" hidden>{"".join(boxes)}<p role="status"></p></div>'


def _programme(record: Mapping[str, Any], programme: Mapping[str, Any], own: pd.DataFrame) -> str:
    rows = tables.summary(own, [programme])
    cost = programme["cost"]
    about = {
        "Who ran it": programme["lead"],
        "For": programme["phase"],
        "Cost": "not stated" if cost is None else f"£{cost:,.0f} a pupil a year",
        "What to ask next": programme["ask_next"],
    }
    items = "".join(f"<dt>{k}</dt><dd>{esc(v)}</dd>" for k, v in about.items() if v)
    parts = [f'<p class="lead">{esc(programme["about"] or "")}</p><dl class="pairs">{items}</dl>']
    if len(rows):
        named = rows.assign(title=rows["cohort_title"], cohort_title="")
        board = tables.board(named, link=lambda row: f"{row['cohort']}.html")
        many = len(rows) > 1
        parts.append(f"<h2>{'Each cohort' if many else 'What was found'}</h2>{board}")
    else:
        parts.append("<p>There is no estimate to show yet.</p>")
    title = programme["title"] + (f": {rows.iloc[0]['verdict']}" if len(rows) == 1 else "")
    above = band([programme])
    return page(record, title, "".join(parts), above=above, up="../", trail=_UP)


def _cohort(
    record: Mapping[str, Any],
    programme: Mapping[str, Any],
    rows: pd.DataFrame,
    listed: str,
    figures: Mapping[str, str],
    run: Mapping[str, Any],
    report: str,
) -> str:
    cohort = programme["cohorts"][0]
    name = f"{programme['title']}, {cohort['title']}"
    parts = [f"<p>{esc(programme['about'] or '')}</p>"]
    title = name
    if len(rows):
        main = rows.iloc[0].to_dict()
        title = f"{name}: {main['verdict']}"
        parts.append(
            f'<p class="big-result ev">{tables.verdict(main["verdict"])}</p>'
            f'<p class="big-result">{esc(main["sentence"])}</p>'
            + why(main, sure="../sure.html#strength", source="#source")
        )
        parts.append(f"<h2>Every outcome</h2>{listed}")
    if figures:
        parts.append("<h2>Figures</h2>" + "".join(figures.values()))
    parts.append(_source(record, run, cohort["name"] if report else ""))
    trail = _UP | {"index.html": programme["title"]}
    above = band([programme])
    return page(record, title, "".join(parts), above=above, up="../", trail=trail)


def _report(
    record: Mapping[str, Any],
    programme: Mapping[str, Any],
    rows: pd.DataFrame,
    listed: str,
    figures: Mapping[str, str],
    run: Mapping[str, Any],
    notebook: Mapping[str, Any],
) -> str:
    cohort = programme["cohorts"][0]
    sentences = "".join(f"<p>{esc(sentence)}</p>" for sentence in rows.get("sentence", ()))
    results = f'<section class="results">{listed}{sentences}</section>' if listed else ""
    intro = (
        '<p class="lead">The notebook that made this result, with its text, its code folded away '
        "and those results that passed disclosure control. Everything else stays with the hub.</p>"
    )
    body = intro + reports.body(notebook, figures, results, run.get("parameters", {}))
    body += _source(record, run, cohort["name"], here=True)
    trail = _UP | {"index.html": programme["title"], f"{cohort['name']}.html": cohort["title"]}
    title = f"{programme['title']}, {cohort['title']}: the report"
    return page(record, title, body, above=band([programme]), up="../", trail=trail)


def _figure(folder: Path, entry: Mapping[str, Any]) -> str:
    picture = Picture.from_json((folder / f"{entry['path']}.json").read_text(encoding="utf-8"))
    drawing = (folder / f"{entry['path']}.svg").read_text(encoding="utf-8")
    table = tables.frame(picture.table, axes=picture.axes, caption=picture.title)
    table = wide(table, "Table", slide=len(picture.table.columns) > _FEW)
    path = entry["path"].split("/", 1)[1]  # the page stands in the programme's folder
    return (
        f"<figure><h3>{esc(picture.title)}</h3>"
        f"{wide(_inline(drawing), f'Figure: {picture.title}')}"
        f"<figcaption><details><summary>In words</summary><p>{esc(picture.alt)}</p></details>"
        f"<details><summary>The numbers behind the figure</summary>{table}</details>"
        f'<p class="screen"><a href="{esc(path)}.csv">Table (CSV)</a> · '
        f'<a href="{esc(path)}.svg">Figure (SVG)</a></p></figcaption></figure>'
    )


def _inline(svg: str) -> str:
    """Turn the style attributes of an SVG, which the page's policy forbids, into plain ones."""

    def plain(match: re.Match[str]) -> str:
        pairs = (part.split(":", 1) for part in match[1].split(";") if ":" in part)
        kept = ((key.strip(), value.strip()) for key, value in pairs)
        return " ".join(f'{k}="{v}"' for k, v in kept if k not in ("max-width", "height"))

    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.S)
    # Inside tags only: a label may hold such words itself.
    return re.sub(r"<[^<>]*>", lambda tag: re.sub(r'style="([^"]*)"', plain, tag[0]), svg)


def _source(
    record: Mapping[str, Any], run: Mapping[str, Any], cohort: str, *, here: bool = False
) -> str:
    items = []
    for term, text in provenance.facts(record, run).items():
        if isinstance(text, list):
            text = "<ul>" + "".join(f"<li><code>{esc(item)}</code></li>" for item in text) + "</ul>"
        else:
            text = f"<code>{esc(text)}</code>" if len(text) > 60 else esc(text)
        items.append(f"<dt>{term}</dt><dd>{text}</dd>")
    links = {f"../{provenance.CRATE}": "All of it for machines (RO-Crate)"}
    if cohort:
        also = {} if here else {f"{cohort}-report.html": "The report: text, code and results"}
        links = also | {f"{cohort}.ipynb": "The notebook’s source"} | links
    ways = " · ".join(f'<a href="{esc(to)}">{esc(name)}</a>' for to, name in links.items())
    head = '<h2 id="source">Where these numbers come from</h2>'
    head += f'<p class="screen">{ways}</p>'
    return f'<section class="source">{head}<dl>{"".join(items)}</dl></section>'


def _hubs(folder: Path, record: Mapping[str, Any]) -> str:
    parts = [
        '<p class="lead">Results that other hubs sent, as they released them: their pupils, their '
        "disclosure control, their reviewers. Files were checked against the sender’s checksums; "
        "no number was worked out again here.</p>"
    ]
    for hub, meta in record["hubs"].items():
        rows = tables.summary(reader.hub_effects(hub, folder), meta["programmes"])
        found = tables.finding(rows)
        found = esc(f"{hub}: {found[0].lower()}{found[1:]}")
        told = (
            f"Release {meta['number']} of {day(meta['date'])}, checked by "
            f"{esc(meta['reviewer'] or 'no reviewer')}. Bundle <code>{meta['bundle']}</code>."
        )
        none = "<p>It has no result to compare.</p>"
        parts.append(
            f"<h2>{found}</h2>{band(meta['programmes'])}<p>{told}</p>"
            + (tables.board(rows) if len(rows) else none)
        )
    return page(record, "What other hubs found", "".join(parts), trail=_HOME)


def _sure(record: Mapping[str, Any]) -> str:
    rules = record["rules"]
    starts = MONTHS["toolkit"]
    sizes = [f"{number(a, 2)} to {number(b - 0.01, 2)}" for a, b in pairwise(starts)]
    months = [str(month) for month in range(1, len(starts) + 1)]
    table = pd.DataFrame(
        {"Months of progress": months, "Effect size": [*sizes, f"{number(starts[-1], 2)} or more"]}
    )
    body = _text("sure")
    for key, value in {
        "threshold": rules["threshold"],
        "base": rules["base"],
        "months": tables.frame(table),
    }.items():
        body = body.replace(f"{{{key}}}", str(value))
    return page(record, "How sure are we?", body, trail=_HOME)


def _text(name: str) -> str:
    return _HERE.with_name(f"{name}.html").read_text(encoding="utf-8")
