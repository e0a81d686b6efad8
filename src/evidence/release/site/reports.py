"""A notebook in the order in which its report is read, with its text and its code taken apart.

A report reads: the answer, who took part, the data, what changed, for whom, whether it holds, how
it was done. What belongs to a question is known by a heading of the notebook (``## Who took part``)
or by its code (``study.section("who took part")``); every other section is about how it was done.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from evidence.show import markdown
from evidence.show.questions import QUESTIONS
from evidence.show.render import safe

ANSWER, METHOD = "the answer", "method"
_SECTION = re.compile(r"\.section\(\s*[\"']([^\"']+)[\"']")
_TAG = re.compile(r"<[^>]*>")
_OWN_HEADING = re.compile(r"^((?:<div[^>]*>)?)\s*<h2[^>]*>([^<]*)</h2>")


def arrange(
    cells: Iterable[Mapping[str, Any]],
    outputs: Callable[[Mapping[str, Any]], Iterable[str]] = lambda cell: (),
    *,
    top: int = 2,
) -> dict[str, list[tuple[int, str]]]:
    """Return the blocks of a notebook by the question that they answer, in a report's order.

    Parameters
    ----------
    cells : iterable of mapping
        Of the notebook.
    outputs : callable, optional
        Gives the safe HTML of what a code cell shows; nothing where not given.
    top : int
        Level of the notebook's highest headings in the page.

    Returns
    -------
    dict of str to list of (int, str)
        Level of a heading (0 for all else) and HTML. Headings with nothing below them, and
        questions that nothing answers, are left out.
    """
    parts: dict[str, list[tuple[int, str]]] = {question: [] for question in QUESTIONS}
    here, cells = ANSWER, [*cells]
    for cell, then in itertools.pairwise([*cells, {}]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            for level, said, html in markdown.blocks(source, top=top):
                question = _question(said) if level else None
                if level == top + 1 and not question:  # in the notebook's own words
                    question = _section(then)
                if question:
                    here, level = question, 2
                    html = f"<h2>{markdown.escape(said)}</h2>"
                elif level == top + 1:
                    here = METHOD
                parts[here].append((level, safe(html)))
            continue
        here = _section(cell) or here
        for html in outputs(cell):
            begins = _OWN_HEADING.match(html)
            if begins and _question(begins[2]) == here and any(level for level, _ in parts[here]):
                html = begins[1] + html[begins.end() :]  # the notebook's text has this heading
            parts[here].append((0, safe(html)))
    shown = {question: _without_empty_headings(blocks) for question, blocks in parts.items()}
    return {question: blocks for question, blocks in shown.items() if blocks}


def public(
    notebook: Mapping[str, Any],
    figures: Mapping[str, list[Any]],
    parameters: Mapping[str, Any],
    answered: bool,
) -> dict[str, Any]:
    """Return what the page of a released report needs besides its results.

    Made from the notebook's source and from what the release holds, never from what the kernel
    returned: the page says how many outputs did not come through the release, and which questions
    nothing that was released answers.

    Parameters
    ----------
    notebook : mapping
        What `notebook_source.clean` made.
    figures : mapping
        The released pictures under the words of their questions.
    parameters : mapping
        What the run was given, from its provenance.
    answered : bool
        Whether the release has an estimate.
    """
    cells = notebook["cells"]
    said = [c for c, then in itertools.pairwise([*cells, {}]) if not _only_proposes(c, then)]
    text, parts, silent = arrange(said), [], []
    asked = {named[1] for c in cells for named in _SECTION.finditer("".join(c["source"]))}
    for question in QUESTIONS:
        blocks, drawn = text.get(question, []), figures.get(QUESTIONS[question], [])
        answers = question == ANSWER and answered
        begins = blocks[:1] if blocks and blocks[0][0] == 2 else []
        heading = begins[0][1] if begins else safe(f"<h2>{QUESTIONS[question]}</h2>")
        if question in asked and not drawn and question != ANSWER:
            silent.append(_TAG.sub("", heading))
        elif blocks or drawn or answers:
            parts.append(
                {
                    "heading": heading,
                    "answers": answers,
                    "text": [html for _, html in blocks[len(begins) :]],
                    "figures": drawn,
                }
            )
    values = {key: json.dumps(value, ensure_ascii=False) for key, value in parameters.items()}
    left_out = [cell["metadata"].get("evidence", {}).get("left_out", False) for cell in cells]
    return {
        "parts": parts,
        "parameters": values,
        "sources": sources(cells),
        "left_out": sum(left_out),
        "silent": [safe(said) for said in silent],
    }


def _only_proposes(cell: Mapping[str, Any], then: Mapping[str, Any]) -> bool:
    """Whether a text introduces the cell that proposes results, which shows nothing to others."""
    return cell["cell_type"] == "markdown" and "propose(" in "".join(then.get("source", ""))


def sources(cells: Iterable[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """Return number and text of each code cell, for the appendix."""
    return [
        (number, text)
        for number, cell in enumerate(cells, start=1)
        if cell["cell_type"] == "code" and (text := "".join(cell["source"]))
    ]


def _section(cell: Mapping[str, Any]) -> str | None:
    """Return the question that a cell's code answers, if it is one of those of a report."""
    named = _SECTION.search("".join(cell.get("source", "")))
    return named[1] if named and named[1] in QUESTIONS else None


def _question(heading: str) -> str | None:
    """Return the question that a heading asks, if it is one of those of a report."""
    said = heading.casefold().rstrip("? ")
    for question in filter(None, QUESTIONS):
        if said.startswith((question, QUESTIONS[question].casefold().rstrip("?"))):
            return question
    return None


def _without_empty_headings(blocks: list[tuple[int, str]]) -> list[tuple[int, str]]:
    kept: list[tuple[int, str]] = []
    for level, html in reversed(blocks):  # a page's own title has the whole page below it
        if level <= 1 or (kept and not 0 < kept[-1][0] <= level):
            kept.append((level, html))
    return kept[::-1]
