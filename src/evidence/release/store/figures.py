"""The figures of a release: drawn from their protected tables, each once.

A figure whose table and words were drawn before, by the same code, is taken from the last release;
its bytes are checked against that release's manifest first.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import sys
import warnings
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from evidence.errors import EvidenceError
from evidence.release.control.disclosure import Safe
from evidence.release.store import log
from evidence.release.store.exports import csv
from evidence.show import figures, picture, seaborn_figures
from evidence.show.picture import Picture

_DRAWING = (figures, picture, seaborn_figures)
_MANY = 60  # figures from which a second process is worth its start
_drawings: dict[str, str] = {}  # drawings by what they show: those of many releases are the same


@cache
def version() -> str:
    """Return what a drawing depends on besides its table: our code and matplotlib's version."""
    code = b"".join(Path(inspect.getfile(module)).read_bytes() for module in _DRAWING)
    return hashlib.sha256(code + metadata.version("matplotlib").encode()).hexdigest()


def write(
    results: Mapping[str, Safe], draft: Path, before: tuple[Path, dict[str, Any]] | None
) -> list[dict[str, Any]]:
    """Write every figure as SVG, JSON and CSV; return the list of figures.

    Parameters
    ----------
    results : mapping
        ``"figures/<programme>/<cohort>/<name>"`` to Safe, among others.
    draft : Path
        Folder of the release in the making.
    before : tuple, optional
        Folder and record of the current release.
    """
    texts = {n: safe.picture.to_json() for n, safe in results.items() if safe.picture is not None}
    known = _known(*before) if before else {}
    wanted = [text for text in dict.fromkeys(texts.values()) if _hash(text) not in known]
    known |= dict(zip(map(_hash, wanted), draw(wanted), strict=True))
    entries = []
    for name, text in texts.items():
        path = draft / name.removeprefix("figures/")
        path.parent.mkdir(parents=True, exist_ok=True)
        for suffix, content in (
            (".svg", known[_hash(text)]), (".json", text), (".csv", csv(results[name].table)),
        ):  # fmt: skip
            path.with_suffix(suffix).write_text(content, encoding="utf-8", newline="\n")
        _, programme, cohort, stem = name.split("/")
        shown = results[name].drawn
        entries.append(
            {
                "programme": programme, "cohort": cohort, "name": stem, "title": shown.title,
                "question": shown.question, "path": f"{programme}/{cohort}/{stem}",
                "sha256": _hash(text),
            }
        )  # fmt: skip
    return entries


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _known(folder: Path, record: Mapping[str, Any]) -> dict[str, str]:
    """Return the drawings of a release by the hash of what they were drawn from."""
    if record.get("drawing") != version():
        return {}
    listed, drawings = log.listed(folder), {}
    for entry in record["figures"]:
        name = f"{entry['path']}.svg"
        content = (folder / name).read_text(encoding="utf-8") if (folder / name).is_file() else ""
        if listed.get(name) == _hash(content):
            drawings[entry["sha256"]] = content
    return drawings


def draw(texts: list[str]) -> list[str]:
    """Return pictures, given as JSON, as SVG, each drawn once by this process.

    Raises
    ------
    EvidenceError
        The table of one does not fit its kind.
    """
    wanted = [text for text in dict.fromkeys(texts) if text not in _drawings]
    _drawings.update(zip(wanted, _new(wanted), strict=True))
    return [_drawings[text] for text in texts]


def _new(texts: list[str]) -> list[str]:
    """Draw pictures; many of them on all cores."""
    cores = min(os.cpu_count() or 1, 8) if len(texts) >= _MANY else 1
    shares = [texts[first::cores] for first in range(cores)]
    # Not multiprocessing: it would run a notebook's or a script's own code again.
    command = [sys.executable, "-m", "evidence.release.store.figures"]
    helpers = [Popen(command, stdin=PIPE, stdout=PIPE, encoding="utf-8") for _ in shares[1:]]
    for helper, share in zip(helpers, shares[1:], strict=True):
        assert helper.stdin is not None  # a pipe, as was asked for
        json.dump(share, helper.stdin)
        helper.stdin.close()
    said = [_drawn(shares[0])]
    for helper in helpers:
        with helper:
            assert helper.stdout is not None
            said.append(json.load(helper.stdout))
    drawn = [""] * len(texts)
    for first, some in enumerate(said):
        if isinstance(some, str):
            raise EvidenceError(some)
        drawn[first::cores] = some
    return drawn


def _drawn(texts: list[str]) -> list[str] | str:
    """Return pictures as SVG, or what is wrong with one of them."""
    try:
        return [_svg(text) for text in texts]
    except EvidenceError as error:
        return str(error)


def _svg(text: str) -> str:
    with warnings.catch_warnings():
        # The reader's own fonts show what matplotlib's cannot: text stays text in our SVG.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        return Picture.from_json(text).svg()


if __name__ == "__main__":
    json.dump(_drawn(json.load(sys.stdin)), sys.stdout)
