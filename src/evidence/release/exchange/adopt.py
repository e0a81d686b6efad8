"""Adopt another hub's notebook: write it, and a stub of the register, for one's own data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evidence.data.register import load
from evidence.data.toml_text import setting
from evidence.errors import EvidenceError, nearest
from evidence.release.exchange import bundle
from evidence.release.exchange.merge import checked_index, listed
from evidence.release.store import notebook_source
from evidence.release.store.candidates import GIVEN, OUTCOME, provenance
from evidence.release.store.exports import plain


def start(
    path: str | Path, programme: str, notebooks: str | Path, register: str | Path
) -> tuple[Path, Path]:
    """Write a bundle's notebook and a stub of the register, to run on one's own data.

    Parameters
    ----------
    path : path
        The bundle.
    programme : str
        The programme whose notebook is wanted; "" where there is only one.
    notebooks : path
        Folder of notebooks.
    register : path
        One's own register; the stub, ``<programme>.toml``, is written beside it.

    Returns
    -------
    notebook, stub : Path
        What was written. The notebook is somebody else's code: read it before running it.

    Raises
    ------
    EvidenceError
        There is no such programme or notebook, or a file of that name is there already.
    """
    path = Path(path)
    index, parts, _ = bundle.read(path)
    cards = {card["name"]: card for card in checked_index(path, index)["programmes"]}
    files = {name.split("/")[1]: name for name in sorted(parts) if name.startswith("notebooks/")}
    files = {name: file for name, file in files.items() if name in cards}
    if not programme and len(files) == 1:
        (programme,) = files
    if programme not in files:
        raise EvidenceError(
            f"{path}: name a programme that has a notebook, --programme NAME; "
            f"{nearest(programme, files)}"
        )
    name = f"{programme}-from-bundle"
    notebook, stub = (
        Path(notebooks) / f"{name}.ipynb",
        Path(register).with_name(f"{programme}.toml"),
    )
    for file in (notebook, stub):
        if file.exists():
            raise EvidenceError(f"{file}: is there already; move it away first")
        file.parent.mkdir(parents=True, exist_ok=True)
    cells = _cells(path, bundle.parsed(parts[files[programme]], f"{path}, {files[programme]}"))
    declared = notebook_source.parameters(next((c["source"] for c in cells if c["metadata"]), ""))
    runs = [provenance(run) for run in index["runs"].values()]
    run = next((run for run in runs if run["programme"] == programme), {})
    text = json.dumps(notebook_source.notebook(cells), indent=1) + "\n"
    for file, content in (
        (notebook, text), (stub, _stub(cards[programme], name, declared, run)),
    ):  # fmt: skip
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8", newline="\n")
    load(stub)  # it is a register
    return notebook, stub


def _cells(path: Path, content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Keep the text of a stranger's cells, and nothing else of them."""
    cells = []
    for place, cell in enumerate(listed(content.get("cells"), path)):
        kind = cell.get("cell_type") if isinstance(cell, dict) else None
        if kind not in ("markdown", "code") or not isinstance(cell.get("source"), str):
            raise EvidenceError(f"{path}: its notebook is not one of a bundle")
        meta = cell.get("metadata")
        tagged = isinstance(meta, dict) and meta.get("tags") == ["parameters"]
        tags = {"tags": ["parameters"]} if tagged else {}
        cells.append(notebook_source.as_cell(place, kind, plain(cell["source"]), tags))
    return cells


def _stub(
    card: Mapping[str, Any], notebook: str, declared: Mapping[str, Any], run: Mapping[str, Any]
) -> str:
    """Return a register of one programme: the sender's settings, one's own files still empty."""
    said = (run.get("parameters"), run.get("inputs"))
    before, inputs = (value if isinstance(value, dict) else {} for value in said)

    def file(name: str) -> bool:
        value = before.get(name)
        values = value if isinstance(value, list) else [value]
        return bool(value) and all(isinstance(v, str) and v in inputs for v in values)

    own = {name: spec for name, spec in declared.items() if name not in GIVEN}
    at = f"programme.{card['name']}"
    lines = [
        "# Begun from another hub's bundle. Fill in what is empty and check every setting, then:",
        "#   evidence check --register THIS FILE",
        f"[{at}]",
        *(setting(key, card[key]) for key in ("title", "phase")),
        'lead = ""  # who runs it here',
        setting("about", card["about"]),
        setting("cost", card["cost"] or 0, "pounds a pupil a year, here"),
        setting("design", card["design"]),
        setting("notebook", notebook),
        "simulated = false",
        "",
        f"[{at}.parameters]  # as the sender set them",
    ]
    for name, (value, note) in own.items():
        if not file(name) and (value := before.get(name, value)) is not None:
            lines.append(setting(name, value, note))
    for outcome in card["outcomes"]:
        lines += ["", f"[[{at}.outcomes]]", *(setting(key, outcome[key]) for key in OUTCOME)]
    files = ", ".join(
        setting(name, [] if isinstance(before.get(name), list) else "")
        for name in own
        if file(name)
    )
    cohort = ['name = "first"', 'title = ""', f"files = {{ {files} }}  # in the data folder"]
    return "\n".join([*lines, "", f"[[{at}.cohorts]]", *cohort, ""])
