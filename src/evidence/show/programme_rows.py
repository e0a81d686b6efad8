"""The board's rows: one a programme, its answer, its cohorts and what to do with it, as HTML.

What stands above them is counted from them, so that it cannot say anything else.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from evidence.show import tables
from evidence.show.figures import COLOURS
from evidence.show.html_table import layout
from evidence.show.interval_svg import Interval, Scale
from evidence.show.render import render
from evidence.show.rows import missing
from evidence.show.why import why
from evidence.show.words import MONTH, capital, counted, verdict

# What to do, in the order to show, and what the word means.
DECISIONS = {
    "continue": "very probably worth its cost",
    "test properly": "promising or unknown: the answer would change what you do",
    "change": "it probably helps, but not enough for what it costs",
    "stop": "very probably not worth its cost",
    "": "results are not put together yet",
}
NONE = "not decided"
NO_GAIN = "no price: no gain"
PRICED = (
    f"£ a month is the cost of a pupil × {MONTH:.4f} SD (an average month) ÷ the effect in SD that "
    "further schools may expect. Dividing by the months shown gives another price: they are "
    "rounded, and the EEF’s months are steps of unequal size."
)
# What is found, of several programmes and of the only one.
FOUND = {
    "better than similar": (
        "better than similar pupils",
        "The programme did better than similar pupils",
    ),
    "worse than similar": (
        "worse than similar pupils",
        "The programme did worse than similar pupils",
    ),
    "no worthwhile difference": (
        "no worthwhile difference",
        "The programme made no worthwhile difference",
    ),
    "too little data": ("not yet known", "It is not yet known what the programme changed"),
    "": ("not put together", "The results of the programme are not put together yet"),
}
_EXACT = (
    "Prices rest on the exact effect that further schools may expect, not on the rounded months."
)
_AGAIN = " than similar pupils"
RULE = (
    "Better or worse: the whole likely range lies above or below zero. Not yet known: it holds "
    "zero and reaches beyond the grey band of differences too small to matter."
)
Row = Mapping[str, Any]


def finding(rows: Sequence[Row]) -> str:
    """Say in one line how many of the rows have each verdict."""
    if not rows:
        return "No programme has a result to show yet"
    counts = Counter(row["verdict"] for row in rows)
    if len(rows) == 1:
        return FOUND[rows[0]["verdict"]][1]
    said = ", ".join(f"{counts[key]} {words}" for key, (words, _) in FOUND.items() if counts[key])
    first, again, rest = said.partition(_AGAIN)
    return f"Of {len(rows)} programmes: {first}{again}{rest.replace(_AGAIN, '')}"


def what_was_found(row: Row) -> str:
    """Say the verdict of a row, or that its results are not put together."""
    return verdict(row["verdict"]) or FOUND[""][0]


def decided(rows: Sequence[Row]) -> str:
    """Say what to do with how many of the rows, and what is spent on them in a year."""
    counts = Counter(row["decision"] for row in rows)
    said = ", ".join(
        f"{key or NONE} {counts[key]}" for key in DECISIONS if counts[key] and counts.keys() != {""}
    )
    spent = [sum(row["spend"] for row in some if not missing(row["spend"])) for some in
             (rows, [row for row in rows if row["decision"] == "continue"])]  # fmt: skip
    parts = [f"{capital(said)}."] if said else []
    if spent[0]:
        also = f", {pounds(spent[1])} into those to continue" if spent[1] else ""
        parts.append(f"{pounds(spent[0])} a year goes into all of them{also}.")
    return " ".join(parts)


def asked(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return what a board asks first, with the answers: what to stop, a month's price, for whom."""
    answers = []
    if any(row["decision"] for row in rows):
        answers.append(("What should we stop?", _to_stop(rows)))
    priced = sorted((row for row in rows if not missing(row["price"])), key=lambda r: r["price"])
    if priced:
        least, most = priced[0], priced[-1]
        said = f"{least['price_words']} a pupil ({_listed([least])})"
        if len(priced) > 1:
            said += f" to {most['price_words']} ({_listed([most])})"
        left = [row["price_words"] for row in rows if missing(row["price"])]
        gainless = left.count(NO_GAIN)
        none = [
            f"{counted(gainless, 'programme shows', 'programmes show')} no gain to price",
            f"of {counted(len(left) - gainless, 'programme')} no price is known",
        ]
        some = [
            words
            for words, many in zip(none, (gainless, len(left) - gainless), strict=True)
            if many
        ]
        said = f"{'; '.join([said, *some])}. {_EXACT}"
        answers.append(("What does a month of progress cost?", said))
    known = [row for row in rows if not missing(row["theirs"][0])]
    if known:
        better = _listed([row for row in known if row["theirs"][0] > 0])
        worse = _listed([row for row in known if row["theirs"][1] < 0])
        unsure = sum(row["theirs"][0] <= 0 <= row["theirs"][1] for row in known)
        silent = len(rows) - len(known)
        parts = [
            f"better than similar disadvantaged pupils with {better}" if better else "",
            f"worse with {worse}" if worse else "",
            f"not yet known of {counted(unsure, 'programme')}" if unsure else "",
            f"{counted(silent, 'programme does', 'programmes do')} not say" if silent else "",
        ]
        said = ". ".join(capital(part) for part in parts if part)
        answers.append(("Do disadvantaged pupils gain?", f"{said}."))
    return answers


def _listed(rows: Sequence[Row]) -> str:
    return "; ".join(row["short"] for row in rows)


def _to_stop(rows: Sequence[Row]) -> str:
    """Name those to stop, what goes into them, and where those with too little data stand."""
    stop = [row for row in rows if row["decision"] == "stop"]
    spent = sum(row["spend"] for row in stop if not missing(row["spend"]))
    unsure = [row for row in rows if row["verdict"] == "too little data"]
    doubtful = sum(row["decision"] == "stop" for row in unsure)
    waiting = sum(row["decision"] == "test properly" for row in unsure)
    parts = [
        _listed(stop) or "None of them",
        f"{pounds(spent)} a year goes into these" if spent else "",
        f"{counted(doubtful, 'of them has', 'of them have')} too little data to say what changed, "
        "but enough to say: very probably not worth the cost" if doubtful else "",
        f"{counted(waiting, 'other')} with too little data may be worth the cost, so test first"
        if waiting else "",
    ]  # fmt: skip
    return " ".join(f"{part}." for part in parts if part)


def filters(rows: Sequence[Row]) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """Return of each filter its name, label, words of no choice, and values with their words."""
    phases = dict.fromkeys(row["phase"] for row in rows if row["phase"])
    years = sorted({year for row in rows for year in row["years"]})
    there = {row["decision"] for row in rows}
    decisions = [key for key in DECISIONS if key in there] if len(there) > 1 else []
    return [
        ("phase", "Phase", "All phases", [(one, one) for one in phases]),
        ("year", "Years with a cohort", "All years", [(one, one) for one in years]),
        ("decision", "What to do", "Everything",
         [(key or "none", capital(key or NONE)) for key in decisions]),
    ]  # fmt: skip


def pounds(value: float) -> str:
    """Write an amount of money in three figures: £1.02m, £278k, £85."""
    if value >= 999_500:
        return f"£{value / 1e6:.{0 if value >= 1e8 else 1 if value >= 1e7 else 2}f}m"
    return f"£{value / 1e3:.0f}k" if value >= 9_950 else f"£{value:,.0f}"


def words_for_script() -> str:
    """Return what the page's script says these things with."""
    found = [[key, *words] for key, words in FOUND.items()]
    chosen = [[key, key or NONE] for key in DECISIONS]
    return json.dumps({"found": found, "decisions": chosen, "again": _AGAIN}, ensure_ascii=False)


def board(
    rows: Sequence[Row],
    *,
    link: Callable[[Row], str] | None = None,
    cohort: Callable[[Row], str] | None = None,
    open: bool = False,
) -> str:
    """Return one row a programme under what to do with it, each opened to its cohorts.

    Parameters
    ----------
    rows : sequence of mapping
        What `evidence.release.site.answers.answers` gives.
    link, cohort : callable, optional
        Give the address of a programme's page and of one of its cohorts, a row of `tables.summary`.
    open : bool
        Whether the rows are opened already.
    """
    drawn = [_interval(row) for row in rows]
    scale = Scale([one for one in drawn if one], "months")
    groups: dict[str, list[Any]] = {key: [] for key in DECISIONS}
    for place, (row, one) in enumerate(zip(rows, drawn, strict=True)):
        alt = f"{row['size']}, {row['span']}" if row["size"] else ""
        shown = {
            "place": place,
            "link": link(row) if link else "",
            "drawing": scale.draw(one, row["verdict"], alt) if one else "",
            "spark": _spark(row["cohorts"]),
            "squares": tables.squares(row["points"]) if row["points"] is not None else "",
            "spent": "not stated" if missing(row["spend"]) else pounds(row["spend"]),
            "found": what_was_found(row),
            "why": why(row["cohorts"][-1] | {"ask_next": ""}),
            "listed": cohorts(row["cohorts"], cohort),
            "months": -math.inf if missing(row["effect"]) else row["effect"],
            "cost_order": math.inf if missing(row["price"]) else row["price"],
        }
        groups[row["decision"]].append(dict(row) | shown)
    return render(
        "programme_rows.html",
        groups={key: some for key, some in groups.items() if some},
        meaning=DECISIONS,
        none=NONE,
        priced=PRICED,
        axis=scale.axis(),
        open=open,
    )


def sheet(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the rows as a plain table, to be read in place of the drawing or kept."""
    columns: dict[str, Callable[[Row], Any]] = {
        "Programme": lambda row: row["title"],
        "What to do": lambda row: capital(row["decision"] or NONE),
        "What we found": what_was_found,
        "Months or result": lambda row: row["size"],
        "Range": lambda row: row["span"],
        "Disadvantaged pupils": lambda row: row["disadvantaged"],
        "Cohorts": lambda row: len(row["cohorts"]),
        "Strength": lambda row: row["strength"],
        "£ a pupil a month": lambda row: row["price_words"],
        "Range of £ a month": lambda row: row["price_range"],
        "SD that £ a month rests on": lambda row: row["price_effect"],
        "£ a pupil a year": lambda row: row["cost"],
        "£ spent a year": lambda row: row["spend"],
        "Pupils": lambda row: row["pupils"],
        "Next question": lambda row: row["ask_next"],
    }
    return pd.DataFrame({name: [of(row) for row in rows] for name, of in columns.items()})


def _interval(row: Row) -> Interval | None:
    if missing(row["effect"]):
        return None
    ends = {key: float(row[key]) for key in ("lower", "upper", "worthwhile")}
    return Interval(estimate=float(row["effect"]), **ends)


def cohorts(rows: Sequence[Row], link: Callable[[Row], str] | None = None) -> str:
    """Return cohorts of a programme, rows of `tables.summary`, as a small table."""
    results = [tables.result(row, spoken=True) for row in rows]
    titles = [row["cohort_title"] for row in rows]
    if link:
        titles = [render("link.html", to=link(row), words=row["cohort_title"]) for row in rows]
    strengths = [
        "not rated" if missing(row["strength"]) else f"{row['strength']:.0f} of 5" for row in rows
    ]
    counts = {
        name: ["" if missing(row[key]) else f"{row[key]:,.0f}" for row in rows]
        for name, key in (("Pupils", "n_pupils"), ("Schools", "n_schools"))
    }
    columns = [
        ("Cohort", False, titles),
        ("Outcome", False, [row["outcome_title"] for row in rows]),
        ("What we found", False, [verdict(row["verdict"]) for row in rows]),
        ("Result", True, [size for size, _ in results]),
        ("Likely range", True, [span for _, span in results]),
        ("How strong", True, strengths),
        *((name, True, cells) for name, cells in counts.items() if any(cells)),
    ]
    return layout(columns, row_heads=True)


def _spark(cohorts: Sequence[Row]) -> str:
    """Return the cohorts' effects in their order as a small drawing; "" of fewer than two."""
    sizes = [row for row in cohorts if not missing(row["effect_size"])]
    if len(sizes) < 2:
        return ""
    most = max(abs(row[end]) for row in sizes for end in ("es_lower", "es_upper")) or 1.0
    wide, high = 84, 30

    def at(value: float) -> float:
        return round(high / 2 - value / most * (high / 2 - 2), 1)

    step = (wide - 16) / (len(sizes) - 1)
    points = [
        {
            "x": round(8 + step * place, 1),
            **{key: at(row[name]) for key, name in (("y", "effect_size"), ("low", "es_lower"),
                                                    ("high", "es_upper"))},
            "colour": COLOURS[row["verdict"]],
            "hollow": row["verdict"] == "too little data",
        }
        for place, row in enumerate(sizes)
    ]  # fmt: skip
    said = "; ".join(f"{row['cohort_title']} {tables.result(row)[0]}" for row in sizes)
    return render("spark.svg", points=points, wide=wide, high=high, alt=f"Months: {said}")
