"""One answer a programme, from released tables alone: for the board's page, dashboard and paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.release.store import reader
from evidence.show import tables
from evidence.show.portfolio import short_titles
from evidence.show.programme_rows import NO_GAIN, NONE, what_was_found
from evidence.show.rows import missing, records
from evidence.show.words import (
    DECISION,
    DISADVANTAGED,
    MONTH,
    PRICE,
    TOGETHER,
    UNITS,
    counted,
    disadvantaged,
    months,
    months_range,
    months_table,
    number,
)

NAN = float("nan")
_LINES = 6  # of what is new
_DELIVERED, _WHO = "Was it delivered?", "Who took part?"
_FACTS = {"received": _DELIVERED, "flow": _WHO, "overlap": _WHO}  # figures whose titles say it


def of_release(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a release's own programmes, see `answers`."""
    record = reader.release(folder)
    told: dict[str, dict[str, dict[str, None]]] = {}
    for one in record["figures"]:
        if one["name"] in _FACTS:
            facts = told.setdefault(one["programme"], {})
            facts.setdefault(_FACTS[one["name"]], {})[one["title"]] = None
    return answers(record, reader.effects(folder), reader.indicators(folder), told)


def answers(
    record: Mapping[str, Any],
    effects: pd.DataFrame,
    indicators: pd.DataFrame,
    told: Mapping[str, Mapping[str, Iterable[str]]] | None = None,
) -> list[dict[str, Any]]:
    """Return a row a programme that has a result, in the register's order.

    Parameters
    ----------
    record : mapping
        Its `programmes` are read.
    effects, indicators : DataFrame
        Released tables.
    told : mapping, optional
        What released figures say of each programme: of its delivery, of who took part.

    Returns
    -------
    list of dict
        `programme`, `title`, `short` (its name on a page of several), `phase`, `about`,
        `ask_next`; `decision` and `reason`; `verdict`,
        `effect`, `lower`, `upper`, `worthwhile` (in SD), `size` and `span` in words, `how` they
        were put together; `cohorts` (rows of `tables.summary`), `years`, `points`, `strength`,
        `disadvantaged`, `theirs` (its likely range), `price`, `price_words`, `price_range`,
        `price_effect` (in SD, that the price rests on), `price_working`, `cost`, `spend`,
        `pupils`, `schools`, `facts`.

    Notes
    -----
    The answer of several cohorts is what the synthesis released; of one it is that cohort's own.
    Where several are not put together, there is none, and the row says so.
    """
    every = tables.summary(effects, record["programmes"], primary=False)
    primary = tables.summary(effects, record["programmes"])
    if primary.empty:
        return []
    cards = {card["name"]: card for card in record["programmes"]}
    titles = [card["title"] or card["name"] for card in record["programmes"]]
    together = {
        (row["group"], row["indicator"]): row
        for row in records(indicators)
        if titles.count(row["group"]) == 1  # else nobody knows whose it is
    }
    rows = []
    for name, some in primary.groupby("programme", sort=False):
        card, cohorts = cards[name], records(some)
        known = {
            what: together.get((cohorts[0]["title"], what), {})
            for what in (DECISION, TOGETHER, DISADVANTAGED, PRICE)
        }
        theirs = [
            row
            for row in records(every[every["programme"] == name])
            if disadvantaged(row["subgroup"]) and row["outcome"] == cohorts[0]["outcome"]
        ]
        rows.append(_row(card, cohorts, known, theirs, (told or {}).get(name, {})))
    for row, (short, rest) in zip(rows, short_titles(rows), strict=True):
        row |= {"short": short, "about": " · ".join(filter(None, [rest, row["about"]]))}
    return rows


def _row(
    card: Mapping[str, Any],
    cohorts: list[dict[str, Any]],
    known: Mapping[str, Mapping[str, Any]],
    theirs: Sequence[Mapping[str, Any]],
    told: Mapping[str, Iterable[str]],
) -> dict[str, Any]:
    last, decision = cohorts[-1], known[DECISION]
    schools = [row["n_schools"] for row in cohorts if not missing(row["n_schools"])]
    pupils = sum(row["n_pupils"] for row in cohorts if not missing(row["n_pupils"]))
    points = [round(row["strength"]) for row in cohorts if not missing(row["strength"])]
    about = [last["phase"], counted(len(cohorts), "cohort"), _schools(schools)]
    reach = card.get("pupils")
    row = {
        "programme": card["name"],
        "title": last["title"],
        "phase": last["phase"],
        "about": " · ".join(filter(None, [*about, "" if last["simulated"] else "real data"])),
        "ask_next": last["ask_next"],
        "decision": decision.get("band", ""),
        "reason": decision.get("sentence", "").partition(": ")[2],
        "cohorts": cohorts,
        "years": list(dict.fromkeys(row["year"] for row in cohorts)),
        "points": min(points, default=None),
        "strength": _strength(points),
        "cost": last["cost"],
        "spend": last["cost"] * reach if reach and not missing(last["cost"]) else NAN,
        "pupils": pupils,
        "schools": sum(schools),
        "facts": _facts(told),
    }
    row |= _theirs(known[DISADVANTAGED], theirs, last)
    return row | _answer(known[TOGETHER], cohorts) | _price(known[PRICE], decision, last)


def _answer(together: Mapping[str, Any], cohorts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the effect: that put together, else that of the only cohort, else none."""
    last, several = cohorts[-1], len(cohorts) > 1
    nothing = dict.fromkeys(("effect", "lower", "upper", "worthwhile"), NAN)
    if together and not missing(together["value"]) and several:
        effect, low, high = (float(together[key]) for key in ("value", "ci_lower", "ci_upper"))
        size, span = _in_months(effect, low, high, last)
        ends = {"effect": effect, "lower": low, "upper": high}
        ends |= {"worthwhile": together["comparator_value"], "verdict": together["band"]}
        return ends | {"size": size, "span": span, "how": "all cohorts together"}
    if several:
        why = f"{counted(len(cohorts), 'result')}, not put together"
        return nothing | {"verdict": "", "size": "", "span": why, "how": why}
    size, span = tables.result(last)
    how = "" if not missing(last["months"]) else f"in {UNITS[last['unit']]}"
    if not missing(last["effect_size"]) and not missing(last["months"]):
        width = last["ci_upper"] - last["ci_lower"]
        ratio = (last["es_upper"] - last["es_lower"]) / width if width > 0 else NAN
        nothing = {
            "effect": last["effect_size"],
            "lower": last["es_lower"],
            "upper": last["es_upper"],
            "worthwhile": last["worthwhile"] * ratio,
        }
    return nothing | {"verdict": last["verdict"], "size": size, "span": span, "how": how}


def _in_months(effect: float, low: float, high: float, row: Mapping[str, Any]) -> tuple[str, str]:
    table = months_table(row["estimand"])
    if missing(row["months"]):  # no attainment
        return f"{number(effect, 2, sign=True)} SD", f"{number(low, 2)} to {number(high, 2)}"
    return number(months(effect, table), 0, sign=True), months_range(low, high, table)


def _theirs(
    together: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], last: Mapping[str, Any]
) -> dict[str, Any]:
    """Say what changed for disadvantaged pupils, or that nobody has released it."""
    low, high = NAN, NAN
    if together and not missing(together["value"]):
        low, high = together["ci_lower"], together["ci_upper"]
        said = "{} ({})".format(*_in_months(together["value"], low, high, last))
    elif len(rows) == 1:
        low, high = rows[0]["ci_lower"], rows[0]["ci_upper"]
        said = "{} ({})".format(*tables.result(rows[0]))
    else:
        said = f"{counted(len(rows), 'result')}, not put together" if rows else "not reported"
    return {"disadvantaged": said, "theirs": (low, high)}


def _price(
    price: Mapping[str, Any], decision: Mapping[str, Any], last: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the price of a pupil's month of progress, in words where there is none."""
    if price and not missing(price["value"]):
        low, high = price["ci_lower"], price["ci_upper"]
        ends = f"£{low:,.0f} or more" if missing(high) else f"£{low:,.0f} to £{high:,.0f}"
        value, cost = price["value"], last["cost"]
        effect = cost * MONTH / value if value else NAN
        known = {"price": value, "price_words": f"£{value:,.0f}", "price_range": ends}
        return known | {"price_effect": effect, "price_working": _working(cost, effect, value)}
    said = NO_GAIN if decision else "not worked out"
    if missing(last["cost"]):
        said = "cost not stated"
    elif missing(last["months"]):
        said = "no months"
    known = {"price": NAN, "price_words": said, "price_range": ""}
    return known | {"price_effect": NAN, "price_working": ""}


def _working(cost: float, effect: float, price: float) -> str:
    """Write the division that gives a price, so that a reader can do it again."""
    if missing(effect):
        return ""
    pence = 0 if cost == round(cost) else 2
    return (
        f"£{cost:,.{pence}f} a pupil a year × {MONTH:.4f} SD a month ÷ {effect:#.3g} SD expected "
        f"in further schools = £{price:,.0f}"
    )


def _schools(schools: Sequence[float]) -> str:
    """Say how many schools there are, or how many in the largest of several cohorts."""
    if not schools:
        return ""
    return "up to " * (len(schools) > 1) + counted(max(schools), "school")


def _strength(points: Sequence[int]) -> str:
    if not points:
        return "not rated"
    low, high = min(points), max(points)
    return tables.strength(low) if low == high else f"{low} to {high} of 5"


def _facts(told: Mapping[str, Iterable[str]]) -> list[tuple[str, str]]:
    """Return what is released of whether it was delivered, and of who took part."""
    nothing: Mapping[str, Iterable[str]] = {
        _DELIVERED: ["No release says how much of it schools or pupils received"]
    }
    return [(asked, f"{'; '.join(said)}.") for asked, said in {**nothing, **told}.items()]


def since(folder: Path) -> list[str] | None:
    """Say what changed since the release before: decisions, findings, programmes, results.

    None where there is none before it.
    """
    earlier = reader.before(folder)
    if earlier is None:
        return None
    now, was = ({row["programme"]: row for row in of_release(one)} for one in (folder, earlier))
    lines, quiet = [], 0
    for name, row in now.items():
        old = was.get(name)
        if old is None:
            lines.append(f"{row['short']} is new: {_state(row)}.")
        elif _state(row) != _state(old):
            lines.append(f"{row['short']}: {_moved(row, old)}.")
        elif len(row["cohorts"]) > len(old["cohorts"]):
            more = len(row["cohorts"]) - len(old["cohorts"])
            added = counted(more, "more cohort")
            lines.append(f"{row['short']}: {added}, {_state(row)} as before.")
        else:
            quiet += (row["size"], row["span"]) != (old["size"], old["span"])
    lines += [f"{row['short']} is no longer shown." for name, row in was.items() if name not in now]
    if len(lines) > _LINES:
        more = len(lines) - _LINES + 1
        lines = [*lines[: _LINES - 1], f"{counted(more, 'more change')}."]
    if quiet:
        lines.append(f"Figures of {counted(quiet, 'programme')} changed, what was found did not.")
    hubs = reader.release(folder).get("hubs", {}).keys() - reader.release(earlier).get("hubs", {})
    return lines + [f"Results of {hub} were added." for hub in sorted(hubs)]


def _moved(row: Mapping[str, Any], old: Mapping[str, Any]) -> str:
    """Say what is other than before: what was found, what to do, or both."""
    pairs = [(what_was_found(one), one["decision"] or NONE) for one in (row, old)]
    said = [f"now “{now}”, before “{before}”" for now, before in zip(*pairs, strict=True)
            if now != before]  # fmt: skip
    return "; ".join(said)


def _state(row: Mapping[str, Any]) -> str:
    return f"{what_was_found(row)}, {row['decision'] or NONE}"
