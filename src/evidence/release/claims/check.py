"""Find the claims of a report and what each of them lacks, by the rules of ``kinds.toml``.

A claim is a sentence or a row of a table that says how good, how much better, how likely or how
dear something is. It may lack six things: denominator, comparison, interval, selection, period,
source. What is there is looked for in the sentence, in those beside it that say what the figures
are, and in what introduces it; a thing that is absent is a question, not a fault.
"""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.data.formats.documents import CELL, PAGE, Passage
from evidence.release.claims.sentences import sentences

COLUMNS = ("page", "sentence", "text", "kind", "words", "missing", "why", "ask")
_NEAR = 12  # sentences before and after, in which something may be said
_NUMBER = re.compile(r"^(?!(?:19|20)\d\d$)[(£+−–-]*\d[\d.,]*(?:%|pp|pts|st|nd|rd|th)?\)?$")
_NOTE = re.compile(r"^\W*(?:sources?|notes?|figures|data|these figures)\b", re.IGNORECASE)
_MARKED = re.compile(r"(?<=[.,;)\]”\"’a-z])(\d{1,2}|\[\d{1,2}\])(?=\s|$)")  # of a footnote
_FOOTNOTE = re.compile(r"^\s*\[?(\d{1,2})(?:[.)\]]\s*|(?=[A-Z])|\s+)(?=\S)")
_CAPTION = re.compile(r"^(?:table|figure|chart)\s*\d|:$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Checklist:
    """What a reviewer asks of a report.

    Parameters
    ----------
    table : DataFrame
        A row for each thing that a claim lacks: page, number and text of the sentence, kind of
        claim, the words that make it one, what is missing, why it matters, what to ask for.
    claims, pages : int
        How many there are.
    """

    table: pd.DataFrame
    claims: int
    pages: int

    def lines(self, width: int = 80) -> Iterator[str]:
        """Return the checklist as lines of text: each claim with its questions, then why."""

        def folded(text: str, first: str, rest: int) -> list[str]:
            return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=" " * rest)

        for (page, number), rows in self.table.groupby(["page", "sentence"], sort=False):
            yield f"page {page}, sentence {number}: {rows['kind'].iloc[0]}"
            yield from folded(f"“{rows['text'].iloc[0]}”", "  ", 3)
            for row in rows.itertuples():
                yield from folded(f"no {row.missing}: {row.ask}", "  - ", 4)
            yield ""
        if len(self.table):
            yield "Why it matters"
        for row in self.table.drop_duplicates("why").sort_values("missing").itertuples():
            yield from folded(f"{row.missing}: {row.why}", "  ", 4)
        yield from folded(self.sentence(), "", 0)

    def sentence(self) -> str:
        """Say in a sentence how many claims lack what."""
        lacking = self.table[["page", "sentence"]].drop_duplicates().shape[0]
        counts = Counter(self.table["missing"]).most_common()
        what = f" ({', '.join(f'{thing} {count}' for thing, count in counts)})" if counts else ""
        claims = f"{self.claims} claim{'s' * (self.claims != 1)}"
        pages = f"{self.pages} page{'s' * (self.pages != 1)}"
        return f"{claims} on {pages}, {lacking} of which lack{'s' * (lacking == 1)} something{what}"


@dataclass(slots=True)
class _Claim:
    page: int
    text: str
    passage: int
    kinds: dict[str, str]  # and the words that show it
    around: str = ""  # what introduces its list or table, and the note below
    heading: str = ""
    headers: tuple[str, ...] = ()
    section: int = 0


def check(passages: Sequence[Passage]) -> Checklist:
    """List what the claims of a document lack.

    Parameters
    ----------
    passages : sequence of Passage
        As :func:`evidence.data.documents.passages` reads them.
    """
    said, notes = [*_read(passages)], _notes(passages)
    whole = "\n".join(one.text for one in said if _says(one, "report"))
    rows = [
        (claim.page, i + 1, claim.text, *missing)
        for i, claim in enumerate(said)
        if claim.kinds
        for missing in _missing(claim, _context(i, said, notes, whole))
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    pages = max((one.page + one.text.count(PAGE) for one in passages), default=0)
    return Checklist(table=table, claims=sum(bool(one.kinds) for one in said), pages=pages)


def _read(passages: Sequence[Passage]) -> Iterator[_Claim]:
    """Return every sentence and row, claims or not, with what stands around it."""
    heading, end, section = "", 0, 0
    for kind, group in groupby(passages, key=lambda one: one.kind):
        block = [*group]
        lead, end = passages[max(end - 1, 0)], end + len(block)
        note = passages[end].text if end < len(passages) else ""
        introduces = lead.kind == "heading" or _CAPTION.search(lead.text)
        around = f"{lead.text}\n" if kind in ("item", "row") and introduces else ""
        around += note if kind == "row" and _NOTE.match(note) else ""
        for index, one in enumerate(block, end - len(block)):
            if kind == "heading":
                heading, section = one.text, index
            elif kind == "row":
                yield replace(_row(index, one, around, heading), section=section)
            else:
                before = ""
                for page, text in sentences(one):
                    kinds = _kinds(text, before)
                    yield _Claim(page, text, index, kinds, around, heading, section=section)
                    before = text


def _row(index: int, passage: Passage, around: str, heading: str) -> _Claim:
    """Read a row of a table: its cells, each with the header of its column."""
    cells, headers = passage.text.split(CELL), passage.header.split(CELL)
    pairs = zip_longest(headers[1 : len(cells)], cells[1:], fillvalue="")
    said = [(header, cell) for header, cell in pairs if cell.strip()]
    text = "; ".join([cells[0], *(" ".join(pair).strip() for pair in said)])
    used = tuple(header for header, _ in said)
    claim = _Claim(passage.page, text, index, {}, around, heading, used)
    if any(_NUMBER.match(cell.strip()) for cell in cells[1:]):
        rules, about = _rules(), " ".join([cells[0], *headers, around])
        if rules["result"].search(about) and not re.search(r"\bpage\b", passage.header, re.I):
            found = {
                name: cells[0]
                for name, kind in rules["kinds"].items()
                if "row" in kind and kind["row"].search(about)
            }
            years = len({*re.findall(r"\b(?:19|20)\d\d\b", passage.header)}) > 1
            found |= {"change": cells[0]} if years else {}
            claim.kinds = _settled(found or {"level": cells[0]})
    claim.kinds = claim.kinds or (_kinds(text) if passage.header else {})
    return claim


def _kinds(text: str, before: str = "") -> dict[str, str]:
    """Return the kinds of claim that a sentence makes, with the words that show it.

    What "it" is stands in the sentence before.
    """
    rules = _rules()
    if any(quiet.search(text) for quiet in rules["sentence"]):
        return {}
    plain = rules["phrase"].sub("~", text)
    topic = rules["result"] if rules["finance"].search(text) else rules["outcome"]
    subject = f"{text} {before}" if rules["carry"].search(text) else text
    found = {}
    for name, kind in rules["kinds"].items():
        match = kind["pattern"].search(plain)
        about = not kind.get("about") or topic.search(subject)
        if match and about and all(other.search(text) for other in kind["also"]):
            found[name] = " ".join(match[0].split())[:60]
    return _settled(found)


def _settled(found: dict[str, str]) -> dict[str, str]:
    """Leave out kinds that a more particular one replaces, and those that need another."""
    kinds = _rules()["kinds"]
    gone = {less for name in found for less in kinds[name].get("instead_of", ())}
    kept = {name: words for name, words in found.items() if name not in gone}
    return {
        name: words
        for name, words in kept.items()
        if "with" not in kinds[name] or kept.keys() & {*kinds[name]["with"]}
    }


def _says(one: _Claim, of: str) -> bool:
    """Whether a sentence that is no claim says what the figures of its section, or of all, are."""
    return not one.kinds and bool(_rules()["says"][of].search(one.text))


def _notes(passages: Sequence[Passage]) -> dict[str, str]:
    """Return the footnotes by their number, however they are set: several in a line, or a list."""
    found: dict[str, str] = {}
    listed = False
    for one in passages:
        listed = _rules()["says"]["notes"].search(one.text) if one.kind == "heading" else listed
        parts = re.split(r"(?<=[.!?])\s+(?=\[?\d{1,2}[.)\]]?\s?[A-Z])", one.text)
        for part in parts if listed or one.kind == "text" else ():
            if (number := _FOOTNOTE.match(part)) and (listed or number[1] == str(len(found) + 1)):
                found.setdefault(number[1], part[number.end() :])
    return found


def _context(
    index: int, said: Sequence[_Claim], notes: Mapping[str, str], whole: str
) -> tuple[str, str]:
    """Return where a thing may be said, and where also what holds for several sentences.

    The former are the sentence, its footnotes, and those beside it that make no claim; the latter
    its section and the whole report, where a sentence says so of all their figures.
    """
    claim, rules, beside, before = said[index], _rules(), [], []
    for i in range(max(index - _NEAR, 0), min(index + _NEAR, len(said))):
        if said[i].passage == claim.passage and i != index:
            if not said[i].kinds and rules["figures"].search(said[i].text):
                beside.append(said[i].text)
            elif i < index and rules["carry"].search(claim.text):
                before.append(said[i].text)
    marks = (mark.strip("[]") for mark in _MARKED.findall(claim.text))
    own = [notes[mark] for mark in marks if mark in notes]
    section = [one.text for one in said if one.section == claim.section and _says(one, "section")]
    near = "\n".join([claim.text, *own, *beside, claim.around])
    return near, "\n".join([near, *before, *section, claim.heading, whole])


def _missing(claim: _Claim, context: tuple[str, str]) -> Iterator[tuple[str, ...]]:
    """Return of each missing thing the kind of claim, its words, the thing, why and what to ask."""
    rules = _rules()
    words = "; ".join(dict.fromkeys(claim.kinds.values()))
    shown = ", ".join(name for name in claim.kinds if name != "picked")
    for thing, rule in rules["things"].items():
        needing = [name for name in claim.kinds if thing in rules["kinds"][name]["needs"]]
        text = rule["but"].sub("~", context[rule["wide"]])
        known = (rules["kinds"][name]["has"].get(thing, rule["pattern"]) for name in needing)
        if all(pattern.search(text) for pattern in known):
            continue
        if not any(rule["header"].search(header) for header in claim.headers):
            special = (rules["words_for"].get(name, {}).get(thing) for name in needing)
            why, ask = next(filter(None, special), (rule["why"], rule["ask"]))
            yield shown, words, thing, why, ask


@cache
def _rules() -> dict[str, Any]:
    """Return the rules of ``kinds.toml``, their patterns compiled."""
    raw = tomllib.loads(Path(__file__).with_name("kinds.toml").read_text(encoding="utf-8"))

    def compiled(pattern: str) -> re.Pattern[str]:
        for _ in range(3):  # words are made of words
            pattern = re.sub(r"<(\w+)>", lambda match: raw["words"][match[1]], pattern)
        return re.compile(pattern, re.IGNORECASE)

    def each(table: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: rule
            | {key: compiled(rule[key]) for key in ("pattern", "row", "header") if key in rule}
            | {"but": compiled(rule.get("but", "(?!)"))}
            | {"also": [compiled(one) for one in rule.get("also", ())]}
            | {"has": {thing: compiled(one) for thing, one in rule.get("has", {}).items()}}
            for name, rule in table.items()
        }

    return {
        "kinds": each(raw["kinds"]),
        "things": each(raw["things"]),
        "words_for": raw["words_for"],
        "says": {name: compiled(pattern) for name, pattern in raw["says"].items()},
        **{name: compiled(raw["quiet"][name]) for name in ("finance", "figures", "carry")},
        "sentence": [compiled(one) for one in raw["quiet"]["sentence"]],
        "phrase": compiled("|".join(raw["quiet"]["phrase"])),
        "result": compiled(r"\b<result>\b"),
        "outcome": compiled(r"\b<outcome>\b"),
    }
