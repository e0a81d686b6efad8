"""Every text of a release: what no rule can judge, so that a reviewer reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.release.store import reader

_MADE = re.compile(r"[0-9a-f]{16,64}|[\d.:T+-]*")  # digests, times and numbers of versions


def of(folder: Path) -> dict[str, str]:
    """Return each text of a finished release, or of the draft of one, and where it is first.

    Read from the files themselves: the record (titles, settings, input files, people), the tables
    (labels, caveats, sentences), the figures (titles, alternative texts, labels, columns) and the
    notebooks. Pages, drawings and exports are made of these.
    """
    found: dict[str, str] = {}
    for where, text in _all(folder):
        if not _MADE.fullmatch(text):
            found.setdefault(text, where)
    return found


def new(folder: Path, before: Path | None) -> list[str]:
    """Return the texts of a draft that the release before does not have, a line each."""
    known = of(before) if before else {}
    return [
        f"text     {where}: " + text.replace("\n", "\n         ")
        for text, where in of(folder).items()
        if text not in known
    ]


def _all(folder: Path) -> Iterator[tuple[str, str]]:
    record = reader.release(folder)
    for card in record["programmes"]:
        yield from _leaves(card, card["name"])
    for run in record["runs"].values():
        place = reader.place_of(run)
        for name, value in run.get("parameters", {}).items():
            yield from ((f"{place}, parameter", stated) for stated in _stated(name, value))
        rest = {key: value for key, value in run.items() if key != "parameters"}
        yield from _leaves(rest | {"inputs": list(run.get("inputs", {}))}, place)
    yield from _leaves(record.get("hubs", {}), "other hubs")
    for entry in record["figures"]:
        picture = reader.parsed(folder / f"{entry['path']}.json")
        where = f"{reader.place_of(entry)}, figure {entry['name']}"
        yield from _leaves({key: picture[key] for key in ("title", "alt")}, where)
        yield from _leaves([picture["table"]["columns"], picture["table"]["data"]], where)
    for kind in reader.KINDS:
        for path in (folder / f"{kind}.parquet", *folder.glob(f"hubs/*/{kind}.parquet")):
            for name, column in pd.read_parquet(path).select_dtypes("str").items():
                yield from ((f"{kind}, {name}", text) for text in column.dropna().unique())
    for place in map(reader.place_of, record["runs"].values()):
        path = folder / f"{place}.ipynb"
        for number, cell in enumerate(reader.parsed(path)["cells"] if path.is_file() else (), 1):
            yield f"{place}, notebook, cell {number}", cell["source"]


def _stated(name: str, value: Any) -> Iterator[str]:
    """Give a parameter as it is written, a line each of what a table of it says."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _stated(f"{name}.{key}", item)
    else:
        yield f"{name} = {json.dumps(value, ensure_ascii=False)}"


def _leaves(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{where}, {key}")
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, where)
