"""Why a result should be believed, in plain words; shared by the site and the dashboard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evidence.show import tables
from evidence.show.render import render
from evidence.show.rows import missing
from evidence.show.words import capital

LEAD = (
    "What each programme changed, compared with similar pupils who were not in it, with the likely "
    "range. Better or worse: the whole range lies above or below zero. Too little data: the range "
    "holds zero and reaches beyond the grey band of differences too small to matter, so what the "
    "programme changed is not yet known."
)
_NOT_RANDOM = "compared with schools that had similar results, pupils and programmes"
DESIGNS = {
    "randomised": "Chance alone decided who was offered the programme, so the groups compared "
    "differed only by chance when it began.",
    "matched": f"Schools were not assigned at random. Each is {_NOT_RANDOM}, so that a low year "
    "that would have passed by itself is not counted as gain; other reasons for a change may "
    "remain.",
    "staggered": f"Schools began in different years. Each is {_NOT_RANDOM} over the same years; "
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
    points, (size, span) = row["strength"], tables.result(row, spoken=True)
    said = "What was reported"
    if row["simulated"]:
        said = "What a public report says of the real programme this simulated one is named after"
    return render(
        "why.html",
        title=f"{row['title']}, {row['cohort_title']}",
        design=DESIGNS[row["design"]],
        points="" if missing(points) else tables.strength(points),
        sure=sure,
        notes=[capital(note) for note in row["caveats"].split("; ") if note],
        claim=row["claim"],
        said=said,
        hidden=missing(row["estimate"]),
        size=size,
        span=span,
        verdict=row["verdict"],
        ask_next=row["ask_next"],
        method=row["method"],
        estimand=row["estimand"].upper(),
        source=source,
    )


def band(programmes: Iterable[Mapping[str, Any]]) -> str:
    """Return the band that says whose data are simulated and whose are real."""
    cards = list(programmes)
    real = ", ".join(card["title"] for card in cards if not card["simulated"])
    return render("band.html", real=real, simulated=any(card["simulated"] for card in cards))
