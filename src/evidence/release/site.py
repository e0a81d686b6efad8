"""The site of a release: plain pages that open from a folder, on a phone and on paper.

No framework, no cookie, no request to anybody. Everything shown is escaped; the policy of each
page allows its own style and, on the index, its own script by their hashes and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.release import base
from evidence.show import tables
from evidence.show.picture import Picture
from evidence.show.reasons import LEAD, band, why
from evidence.show.words import MONTHS, number

_HERE = Path(__file__)
STYLE = tables.STYLE + _HERE.with_suffix(".css").read_text(encoding="utf-8")
SCRIPT = _HERE.with_suffix(".js").read_text(encoding="utf-8")


def build(folder: str | Path) -> list[Path]:
    """Write the pages of a release into its own folder.

    Parameters
    ----------
    folder : path
        A release: `release.json`, `effects.parquet` and the figures that it lists.

    Returns
    -------
    list of Path
        `index.html`, `sure.html` and one page a programme and cohort.
    """
    folder = Path(folder)
    record, effects = base.release(folder), base.effects(folder)
    rows = tables.summary(effects, record["programmes"])
    pages = {"index.html": _index(record, rows), "sure.html": _sure(record)}
    for programme in record["programmes"]:
        for cohort in programme["cohorts"]:
            one = {**programme, "cohorts": [cohort]}
            own = tables.summary(effects, [one], primary=False)
            figures = [
                entry
                for entry in record["figures"]
                if (entry["programme"], entry["cohort"]) == (programme["name"], cohort["name"])
            ]
            if len(own) or figures:
                pages[address(programme["name"], cohort["name"])] = _programme(
                    record, one, own, [_figure(folder, entry) for entry in figures]
                )
    for name, text in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in pages]


def address(programme: str, cohort: str) -> str:
    """Return the page of a programme and cohort, relative to the release folder."""
    return f"{programme}/{cohort}.html"


def _index(record: Mapping[str, Any], rows: pd.DataFrame) -> str:
    title = tables.finding(rows)
    shown = {row["programme"] for row in rows.to_dict("records")}
    waiting = [p["title"] for p in record["programmes"] if p["name"] not in shown]
    parts = [
        f'<p class="lead">{LEAD}</p>',
        _filters(rows) if len(rows) else "",
        tables.board(rows, link=lambda row: address(row["programme"], row["cohort"]))
        if len(rows)
        else "<p>Run the notebooks and release their results; they are listed here.</p>",
        f"<p>No result yet: {_esc(', '.join(waiting))}.</p>" if waiting else "",
        "<p>Choose a programme to see why you should believe its result, every outcome and where "
        'each number comes from. <a href="sure.html">How sure are we, and what do the words '
        "mean?</a></p>"
        '<p>Download all results: <a href="effects.csv">effects.csv</a> · '
        '<a href="indicators.csv">indicators.csv</a></p>',
    ]
    return _page(
        record, title, "".join(parts), above=band(record["programmes"]), script=len(rows) > 0
    )


def _filters(rows: pd.DataFrame) -> str:
    boxes = []
    for name, label, every, column in (
        ("phase", "Phase", "All phases", "phase"),
        ("year", "Year", "All years", "cohort_title"),
        ("verdict", "Verdict", "All verdicts", "verdict"),
    ):
        options = "".join(
            f'<option value="{_esc(v)}">{_esc(v)}</option>' for v in dict.fromkeys(rows[column])
        )
        boxes.append(
            f'<div><label for="f-{name}">{label}</label><select id="f-{name}" name="{name}">'
            f'<option value="">{every}</option>{options}</select></div>'
        )
    # Hidden until the script that makes them work has run.
    return f'<div class="filters" hidden>{"".join(boxes)}<p role="status"></p></div>'


def _programme(
    record: Mapping[str, Any],
    programme: Mapping[str, Any],
    rows: pd.DataFrame,
    figures: list[str],
) -> str:
    cohort = programme["cohorts"][0]
    name = f"{programme['title']}, {cohort['title']}"
    parts = [f"<p>{_esc(programme['about'] or '')}</p>"]
    title = name
    if len(rows):
        main = rows.iloc[0].to_dict()
        title = f"{name}: {main['verdict']}"
        parts.append(
            f'<p class="big-result ev">{tables.verdict(main["verdict"])}</p>'
            f'<p class="big-result">{_esc(main["sentence"])}</p>'
            + why(main, sure="../sure.html#strength", source="#source")
        )
        parts.append(f"<h2>Every outcome</h2>{tables.outcomes(rows)}")
    if figures:
        parts.append("<h2>Figures</h2>" + "".join(figures))
    run = next(
        r
        for r in record["runs"].values()
        if (r["programme"], r["cohort"]) == (programme["name"], cohort["name"])
    )
    parts.append(_source(record, run))
    return _page(record, title, "".join(parts), above=band([programme]), up="../")


def _figure(folder: Path, entry: Mapping[str, Any]) -> str:
    picture = Picture.from_json((folder / f"{entry['path']}.json").read_text(encoding="utf-8"))
    drawing = (folder / f"{entry['path']}.svg").read_text(encoding="utf-8")
    table = tables.frame(picture.table, axes=picture.axes, caption=picture.title)
    path = entry["path"].split("/", 1)[1]  # the page stands in the programme's folder
    return (
        f"<figure><h3>{_esc(picture.title)}</h3>"
        f'<div class="wide" tabindex="0" role="group" aria-label="Figure: {_esc(picture.title)}">'
        f"{_inline(drawing)}</div>"
        f"<figcaption><details><summary>In words</summary><p>{_esc(picture.alt)}</p></details>"
        f"<details><summary>The numbers behind the figure</summary>"
        f'<div class="wide" tabindex="0" role="group" aria-label="Table">{table}</div></details>'
        f'<a href="{_esc(path)}.csv">Table (CSV)</a> · <a href="{_esc(path)}.svg">Figure (SVG)</a>'
        "</figcaption></figure>"
    )


def _inline(svg: str) -> str:
    """Turn the style attributes of an SVG, which the page's policy forbids, into plain ones."""

    def plain(match: re.Match[str]) -> str:
        pairs = (part.split(":", 1) for part in match[1].split(";") if ":" in part)
        kept = ((key.strip(), value.strip()) for key, value in pairs)
        return " ".join(f'{k}="{v}"' for k, v in kept if k not in ("max-width", "height"))

    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.S)
    return re.sub(r'style="([^"]*)"', plain, svg)


def _source(record: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    inputs = "".join(
        f"<li>{_esc(path)}<br><code>{_esc(digest)}</code></li>"
        for path, digest in run.get("inputs", {}).items()
    )
    facts = {
        "Run": f"<code>{_esc(run['run_id'])}</code>",
        "Notebook": f"{_esc(run.get('notebook', ''))}<br>"
        f"<code>{_esc(run.get('notebook_sha256', ''))}</code>",
        "Input files and their SHA-256": f"<ul>{inputs}</ul>",
        "Parameters": f"<code>{_esc(json.dumps(run.get('parameters', {}), ensure_ascii=False))}"
        "</code>",
        "Version of the code": f"<code>{_esc(run.get('commit') or 'not under version control')}"
        "</code>",
        "Packages": _esc(", ".join(f"{k} {v}" for k, v in run.get("versions", {}).items())),
        "Lock file": f"<code>{_esc(run.get('lock_sha256', ''))}</code>",
        "Run on": _esc(str(run.get("finished", ""))[:10]),
        "Released": f"release {record['number']}, {_day(record['date'])}; "
        f"checked by {_esc(record['reviewer'] or 'nobody named')}",
    }
    items = "".join(f"<dt>{term}</dt><dd>{text}</dd>" for term, text in facts.items())
    heading = '<h2 id="source">Where these numbers come from</h2>'
    return f'<section class="source">{heading}<dl>{items}</dl></section>'


def _sure(record: Mapping[str, Any]) -> str:
    rules = record["rules"]
    starts = MONTHS["toolkit"]
    sizes = [f"{number(a, 2)} to {number(b - 0.01, 2)}" for a, b in pairwise(starts)]
    months = [str(month) for month in range(1, len(starts) + 1)]
    table = pd.DataFrame(
        {"Months of progress": months, "Effect size": [*sizes, f"{number(starts[-1], 2)} or more"]}
    )
    body = (_HERE.with_name("sure.html")).read_text(encoding="utf-8")
    for key, value in {
        "threshold": rules["threshold"],
        "base": rules["base"],
        "months": tables.frame(table),
    }.items():
        body = body.replace(f"{{{key}}}", str(value))
    return _page(record, "How sure are we, and what do the words mean?", body)


def _page(
    record: Mapping[str, Any],
    title: str,
    body: str,
    *,
    above: str = "",
    up: str = "",
    script: bool = False,
) -> str:
    policy = f"default-src 'none'; style-src '{_digest(STYLE)}'; img-src data:; "
    policy += f"script-src '{_digest(SCRIPT)}'; " if script else ""
    policy += "base-uri 'none'; form-action 'none'"
    back = f'<nav><a href="{up}index.html">All programmes</a></nav>' if up or not above else ""
    return (
        '<!DOCTYPE html>\n<html lang="en-GB"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">'
        f"<title>{_esc(title)}</title><style>{STYLE}</style></head><body>"
        f'<a class="skip" href="#main">Skip to the results</a>{above}'
        f'<header><p class="over">Evidence base · release {record["number"]} · '
        f"{_day(record['date'])}</p>{back}</header>"
        f'<main id="main"><h1>{_esc(title)}</h1>{body}</main>'
        f'<footer><p class="foot">{_foot(record["rules"], up)}</p></footer>'
        + (f"<script>{SCRIPT}</script>" if script else "")
        + "</body></html>\n"
    )


def _foot(rules: Mapping[str, int], up: str) -> str:
    return (
        f"Counts are rounded to the nearest {rules['base']} and groups of fewer than "
        f"{rules['threshold']} pupils are hidden. Five squares: a large randomised trial with few "
        f'losses. <a href="{up}sure.html">How sure are we?</a>'
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _day(iso: str) -> str:
    day = date.fromisoformat(iso)
    return f"{day.day} {day:%B %Y}"


def _esc(value: Any) -> str:
    return html.escape(str(value))
