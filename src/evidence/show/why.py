"""Why a result should be believed, in plain words; shared by the site and the dashboard."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any

from evidence.show import tables

LEAD = (
    "What each programme changed, compared with similar pupils who were not in it, with the range "
    "that the data allow. A range that crosses the grey band says that the programme may have made "
    "no worthwhile difference."
)
DESIGNS = {
    "randomised": "Who got the programme was drawn by lot, so the groups compared differed only by "
    "chance when it began.",
    "matched": "Schools were not drawn by lot. Each is compared with what schools with the same "
    "earlier results, like pupils and the same other programmes reached, so that a low year that "
    "would have passed by itself is not counted as gain; other reasons for a change may remain.",
    "staggered": "Schools began in different years. Each is compared with what schools with the "
    "same earlier results, like pupils and the same other programmes reached over the same years; "
    "other reasons for a change may remain.",
    "survey": "This rests on what people said, not on a comparison.",
    "monitoring": "This is a count over time without a comparison: it cannot say what the "
    "programme caused.",
}


def why(row: Mapping[str, Any], *, sure: str = "", source: str = "") -> str:
    """Return the panel that answers "why should I believe this?" for a row of `tables.summary`.

    Parameters
    ----------
    row : mapping
        The primary result of a programme and cohort.
    sure, source : str
        Addresses of what the strength means and of where the numbers come from.
    """
    points = row["strength"]
    parts = [DESIGNS[row["design"]]]
    if points == points:
        link = f' <a href="{_esc(sure)}">What that means</a>' if sure else ""
        words = tables.STRENGTH[round(points)]
        parts.append(f"Strength of the evidence: <b>{points:.0f} of 5, {words}</b>.{link}")
    if row["caveats"]:
        notes = "".join(f"<li>{_esc(note)}</li>" for note in row["caveats"].split("; "))
        parts += ["To bear in mind:", f"<ul>{notes}</ul>"]
    if row["claim"]:
        size, span = tables.result(row)
        said = "What was reported"
        if row["simulated"]:
            said = (
                "What a public report says of the real programme this simulated one is named after"
            )
        size += "" if row["months"] != row["months"] else " month" + "s" * (abs(row["months"]) != 1)
        parts.append(
            f"{said}: “{_esc(row['claim'])}”. What these data support: "
            f"<b>{size}</b> (95% interval {span}), <b>{_esc(row['verdict'])}</b>."
            if row["estimate"] == row["estimate"]
            else f"{said}: “{_esc(row['claim'])}”. These data are too few to show."
        )
    if row["ask_next"]:
        parts.append(f"What to ask next: <b>{_esc(row['ask_next'])}</b>")
    parts.append(f"For statisticians: {_esc(row['method'])}, {row['estimand'].upper()}.")
    if source:
        parts.append(f'<a href="{_esc(source)}">Where these numbers come from</a>')
    body = "".join(part if part.startswith("<ul>") else f"<p>{part}</p>" for part in parts)
    heading = f"{_esc(row['title'])}: why should I believe this?"
    return f'<section class="why ev"><h2>{heading}</h2>{body}</section>'


def band(programmes: Iterable[Mapping[str, Any]]) -> str:
    """Return the band that says whose data are simulated and whose are real."""
    cards = list(programmes)
    real = _esc(", ".join(card["title"] for card in cards if not card["simulated"]))
    if not any(card["simulated"] for card in cards):
        return f'<div class="band real"><p><b>Real data:</b> {real}.</p></div>' if real else ""
    also = f" <b>Real data:</b> {real}." if real else ""
    return (
        '<div class="band"><p><b>Simulated data.</b> This county does not exist; its true effects '
        f"are known and the analyses do not see them.{also}</p></div>"
    )


def _esc(value: Any) -> str:
    return html.escape(str(value))
