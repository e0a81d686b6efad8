"""A notebook's source as others may have it: text, code and where each released result was.

Nothing that the kernel returned is kept. The values in the parameters cell are emptied (but those
whose comment begins with "default"), since people try notebooks out with files and pupils of their
own; the values that a run was given are in its provenance, where paths are shortened.
"""

from __future__ import annotations

import ast
import hashlib
import html
import io
import json
import re
import tokenize
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evidence.data.rules import Rules
from evidence.errors import EvidenceError
from evidence.release.control.column_roles import refuse_upn
from evidence.release.control.rounding import round_words

LARGEST = 2_000_000  # characters of source in one notebook
PROPOSAL = '<p class="proposal">'  # how a proposal's output begins
_HOME = re.compile(r"(?<![\w.:/}])(?:~/|/(?:home|Users|root|mnt|srv|tmp)/|[A-Za-z]:\\)\w")


def clean(
    path: Path, sha256: str, titles: Mapping[str, str], rules: Rules | None = None
) -> dict[str, Any]:
    """Return the source of an executed notebook, marked with what was shown where.

    Counts of pupils in its text are rounded.

    Parameters
    ----------
    path : Path
        The executed notebook of a run.
    sha256 : str
        Hash of the notebook's source, as the run recorded it.
    titles : mapping
        Name of each proposed picture to its title, by which its place is found.
    rules : Rules, optional
        What may leave.

    Returns
    -------
    dict
        A notebook without outputs. The metadata of a code cell has `shows` (names of pictures,
        "results" for the table of effects) and `left_out` (whether other outputs were dropped).

    Raises
    ------
    EvidenceError
        It is not a notebook, not the one that ran, or names a pupil or a folder of this machine.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        cells = [(c, "".join(c["source"]), c.get("metadata", {}).get("tags", [])) for c in cells]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise EvidenceError("the executed notebook cannot be read; run it again") from None
    cells = [one for one in cells if "injected-parameters" not in one[2]]
    sources = [[cell["cell_type"], source] for cell, source, _ in cells]
    if hashlib.sha256(json.dumps(sources).encode()).hexdigest() != sha256:
        raise EvidenceError("the executed notebook is not the one that the run recorded")
    left, rules = dict(titles), rules or Rules()
    kept: list[dict[str, Any]] = []
    for cell, source, tags in cells:
        if cell["cell_type"] == "markdown":
            text = round_words(source, rules)
            kept.append(as_cell(len(kept), "markdown", text))
        elif cell["cell_type"] == "code":
            first = "parameters" in tags
            source = emptied(source) if first else source
            shown = _shown(cell.get("outputs", []), left)
            meta = {"tags": ["parameters"]} if first else {}
            kept.append(as_cell(len(kept), "code", source, meta | shown))
    _refuse(kept)
    rest = [*left, *(() if any("results" in _shows(cell) for cell in kept) else ("results",))]
    last = next((cell for cell in reversed(kept) if cell["cell_type"] == "code"), None)
    if last and rest:  # proposed but not shown: they go with the proposal
        last["metadata"]["evidence"] = {"left_out": False} | last["metadata"].get("evidence", {})
        last["metadata"]["evidence"]["shows"] = [*_shows(last), *rest]
    return notebook(kept)


def notebook(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Return `cells` as a notebook that JupyterLab opens."""
    kernel = {"display_name": "evidence", "language": "python", "name": "evidence"}
    language = {"name": "python"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": language},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def as_cell(
    number: int, kind: str, text: str, metadata: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return one cell of a notebook, never with an output."""
    made: dict[str, Any] = {
        "cell_type": kind,
        "id": f"cell-{number}",
        "metadata": dict(metadata or {}),
    }
    made |= {"execution_count": None, "outputs": []} if kind == "code" else {}
    return made | {"source": text}


def _shows(cell: Mapping[str, Any]) -> list[str]:
    shows: list[str] = cell["metadata"].get("evidence", {}).get("shows", [])
    return shows


def _shown(outputs: list[Mapping[str, Any]], left: dict[str, str]) -> dict[str, Any]:
    """Find by their titles which pictures an output shows, each once."""
    shows, other = [], False
    for output in outputs:
        text = "".join(output.get("data", {}).get("text/html", ""))
        drawn = [
            name
            for name, title in left.items()
            if f"<figcaption><strong>{html.escape(title)}</strong>" in text
        ]
        for name in drawn:
            del left[name]
        proposal = ["results"] if text.startswith(PROPOSAL) else []
        shows += drawn + proposal
        other |= not (drawn or proposal)
    return {"evidence": {"shows": shows, "left_out": other}} if shows or other else {}


def emptied(source: str) -> str:
    """Return a parameters cell whose values are empty, but those marked "default".

    Raises
    ------
    EvidenceError
        The cell is not plain assignments of literals.
    """
    lines = []
    for name, (value, note) in parameters(source).items():
        value = (
            value if note.startswith("default") else type(value)() if value is not None else None
        )
        lines.append(f"{name} = {value!r}" + (f"  # {note}" if note else ""))
    return "\n".join(lines)


def parameters(source: str) -> dict[str, tuple[Any, str]]:
    """Return the name, value and comment of each line of a parameters cell."""
    try:
        notes = {
            token.start[0]: token.string.lstrip("# ")
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT
        }
        found = {}
        for node in ast.parse(source).body:
            match node:
                case (
                    ast.Assign(targets=[ast.Name(name)], value=ast.expr() as value)
                    | ast.AnnAssign(target=ast.Name(name), value=ast.expr() as value)
                ):
                    found[name] = (ast.literal_eval(value), notes.get(node.lineno, ""))
                case _:
                    raise ValueError(node)
        return found
    except (SyntaxError, ValueError, tokenize.TokenError, RecursionError):
        raise EvidenceError("the parameters cell is not plain literals") from None


def _refuse(cells: list[dict[str, Any]]) -> None:
    for number, cell in enumerate(cells, start=1):
        refuse_upn([cell["source"]], f"notebook, cell {number}")
        if _HOME.search(cell["source"]):
            raise EvidenceError(f"notebook, cell {number}: names a folder of this machine")
    if sum(len(cell["source"]) for cell in cells) > LARGEST:
        raise EvidenceError(f"notebook: more than {LARGEST:,} characters of source")
