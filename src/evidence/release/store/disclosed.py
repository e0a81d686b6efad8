"""What each release disclosed, in one small file of its own that later releases read.

A release is checked against every earlier one: counts once shown stay known, and counts once hidden
stay hidden. `disclosed.json` holds what that needs: rules, runs, and each table without its
sentences. It repeats only what its own release shows, so that a release which is no longer served
is not repeated by the next. The manifest has its hash, and `evidence verify` makes it again. A
release without one was made by an older version: its own files are read instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.data.rules import Rules
from evidence.release.control.column_roles import WORDS, distinguishing
from evidence.release.control.populations import HUB
from evidence.release.store import reader

NAME = "disclosed.json"


def made(folder: Path) -> dict[str, Any]:
    """Return what the files of a release disclose: `rules`, `runs` and `tables`."""
    record = reader.release(folder)
    places = {key: reader.place_of(run) for key, run in record["runs"].items()}
    tables = []
    for entry in record["figures"]:
        picture = reader.parsed(folder / f"{entry['path']}.json")
        if picture.get("published"):
            continue  # nobody learns anything from it
        tables.append(_table(f"figures/{entry['path']}", picture["table"], picture["types"]))
    contracts = {"effects": reader.effects(folder), "indicators": reader.indicators(folder)}
    for key, place in places.items():
        for kind, whole in contracts.items():
            own = whole[whole["run_id"] == key]
            if "published" in own:
                own = own[own["published"] == ""]
            content = own.to_json(orient="split", index=False, double_precision=15)
            types = {name: str(dtype) for name, dtype in own.dtypes.items()}
            tables.append(_table(f"{kind}/{place}", json.loads(content), types))
    tables = [table for table in tables if table["data"]]
    return {"rules": record["rules"], "runs": places, "tables": tables}


def _table(name: str, content: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    """Return a table without its sentences, and the hash by which it is known again."""
    columns = content["columns"]
    said = distinguishing(pd.DataFrame(content["data"], columns=columns).astype(types))
    kept = [
        at for at, c in enumerate(columns) if c in said or not (c in WORDS and types[c] == "str")
    ]
    disclosed = {
        "name": name,
        "all_columns": columns,
        "columns": [columns[at] for at in kept],
        "types": {columns[at]: types[columns[at]] for at in kept},
        "data": [[row[at] for at in kept] for row in content["data"]],
    }
    return disclosed | {"sha256": hashlib.sha256(json.dumps(disclosed).encode()).hexdigest()}


def write(folder: Path) -> None:
    """Write the file into the folder of a release whose other files are there."""
    text = json.dumps(made(folder), ensure_ascii=False, separators=(",", ":"))
    (folder / NAME).write_text(text, encoding="utf-8", newline="\n")


def read(folder: Path) -> dict[str, Any]:
    """Return what a release disclosed, from its file or, where it has none, from all its files."""
    path = folder / NAME
    return reader.parsed(path) if path.is_file() else made(folder)


def earlier(
    history: Iterable[Mapping[str, Any]],
) -> Iterator[tuple[Rules, dict[str, pd.DataFrame]]]:
    """Return the rules and tables of earlier releases, each table once under the same rules.

    Other rules round the same count from another interval, and so say more of it.

    Parameters
    ----------
    history : iterable of mapping
        What releases disclosed, oldest first. All of it matters: the same pupils may have been
        called otherwise.
    """
    seen: set[tuple[Rules, str, str]] = set()
    for release in history:
        rules, tables = Rules(**release["rules"]), {}
        for table in release["tables"]:
            name, known = table["name"], (rules, table["name"], table["sha256"])
            if known not in seen:
                seen.add(known)
                frame = pd.DataFrame(table["data"], columns=table["columns"])
                frame = frame.astype(table["types"])
                tables[name] = frame.reindex(columns=table["all_columns"], fill_value="")
        if tables:
            yield rules, tables


def of_hub(
    hub: str, meta: Mapping[str, Any], effects: pd.DataFrame, indicators: pd.DataFrame
) -> tuple[Rules, dict[str, pd.DataFrame]]:
    """Return the rules and tables of another hub, its programmes under names of their own.

    Parameters
    ----------
    hub : str
        Its name.
    meta : mapping
        What is known of its release: `rules` and `runs`.
    effects, indicators : DataFrame
        Its results as merged.
    """
    tables = {}
    for run in meta["runs"].values():
        programme = f"{hub}{HUB}{run['programme']}"
        for kind, whole in (("effects", effects), ("indicators", indicators)):
            own = whole[whole["run_id"] == run["run_id"]].reset_index(drop=True)
            if "programme" in own:
                own = own.assign(programme=programme)
            if len(own):
                tables[f"{kind}/{programme}/{run['cohort']}"] = own
    return Rules(**meta["rules"]), tables


def of_hubs(folder: Path) -> Iterator[tuple[Rules, dict[str, pd.DataFrame]]]:
    """Return what a release shows of other hubs, the same way."""
    for hub, meta in reader.release(folder).get("hubs", {}).items():
        tables = [pd.read_parquet(folder / f"hubs/{hub}/{kind}.parquet") for kind in reader.KINDS]
        yield of_hub(hub, meta, *tables)
