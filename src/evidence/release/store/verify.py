"""Checks that every release is whole and unchanged, and that each number comes from its run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.data.rules import Rules
from evidence.errors import EvidenceError
from evidence.release.store import candidates, disclosed, log, reader, releases
from evidence.show.picture import Picture


def trace(folder: Path, record: Mapping[str, Any], runs: Path | None = None) -> list[str]:
    """Return every number of a release that cannot be traced to its run, a line each.

    Parameters
    ----------
    folder : Path
        The release.
    record : mapping
        Its `release.json`.
    runs : Path, optional
        The private zone: where a run's folder is still there, each number is looked up in it.
    """
    needed = ("notebook", "notebook_sha256", "parameters", "inputs", "finished")
    runs_of, at = record["runs"], folder.name
    places = {key: reader.place_of(run) for key, run in runs_of.items()}
    faults = [
        f"{at}: run {key} has no {name}"
        for key, run in runs_of.items() for name in needed if name not in run
    ]  # fmt: skip
    tables = {"effects": reader.effects(folder), "indicators": reader.indicators(folder)}
    for kind, table in tables.items():
        for number, row in enumerate(table.to_dict("records"), start=1):
            if row["run_id"] not in places:
                faults.append(f"{at}: {kind}, row {number}: its run is not recorded")
            elif kind == "effects" and places[row["run_id"]] != reader.place_of(row):
                faults.append(f"{at}: {kind}, row {number}: is of another run")
    faults += [
        f"{at}: figure {entry['path']}: has no run"
        for entry in record["figures"] if reader.place_of(entry) not in places.values()
    ]  # fmt: skip
    for key in runs_of if runs else ():
        if (runs / places[key] / key / "run.json").is_file():
            found = _against_run(folder, record, key, runs / places[key] / key, tables)
            faults += [f"{at}: {fault}" for fault in found]
    return faults


def _against_run(
    folder: Path,
    record: Mapping[str, Any],
    key: str,
    source: Path,
    tables: Mapping[str, pd.DataFrame],
) -> list[str]:
    """Protect what a run holds once more: every number shown has to be what comes out."""
    run, own = record["runs"][key], reader.parsed(source / "run.json")
    faults = [
        f"run {key}: {name} is not what the run recorded"
        for name in ("notebook_sha256", "lock_sha256", "commit", "finished", "key")
        if own.get(name) != run.get(name)
    ]
    try:
        said = next(c for c in record["programmes"] if c["name"] == run["programme"])
        said = said.get("published") or ""
        again = candidates.read(source, {}, Rules(**record["rules"]), said=said)
    except EvidenceError as error:
        return [*faults, f"run {key}: {error}"]
    pairs = {
        kind: (table[table["run_id"] == key], getattr(again, kind).table)
        for kind, table in tables.items()
    }
    place, nothing = reader.place_of(run), pd.DataFrame()
    for entry in record["figures"]:
        if reader.place_of(entry) == place:
            text = (folder / f"{entry['path']}.json").read_text(encoding="utf-8")
            safe = again.pictures.get(entry["name"])
            shown = Picture.from_json(text).table
            pairs[f"figure {entry['name']}"] = shown, safe.table if safe else nothing
    return faults + [
        f"{place}, {what}, {fault}: is not what its run gives"
        for what, pair in pairs.items() if (fault := _other(*pair))
    ]  # fmt: skip


def _other(published: pd.DataFrame, again: pd.DataFrame) -> str:
    """Return the first number shown that differs from what was made again; hidden ones may."""
    if list(published.columns) != list(again.columns) or len(published) != len(again):
        return "rows or columns"
    for name in published.select_dtypes("number"):
        shown, true = published[name].reset_index(drop=True), again[name].reset_index(drop=True)
        if (wrong := shown.notna() & (shown != true)).any():
            return f"row {wrong.idxmax() + 1}, column {name}"
    return ""


def verify(published: str | Path, runs: str | Path | None = None, head: str = "") -> list[str]:
    """Return whatever is wrong with the releases in `published`, a line each.

    Looked for: a broken chain in the log, a release that is not in it or is not what it says, a
    file that is missing, changed or added, a number that cannot be traced to its run, and a
    `current` that is not what the log says.

    Parameters
    ----------
    published : path
        Folder of the releases.
    runs : path, optional
        Folder of the runs, to look each released number up in.
    head : str
        Hash of the log's last line as noted elsewhere; the log has to hold it.
    """
    root = Path(published)
    folders = releases.numbered(root)
    if not folders and not (root / log.NAME).is_file():
        raise EvidenceError(f"no release in {root}: make one with evidence release")
    found = log.faults(root)
    try:
        entries = log.lines(root)
    except EvidenceError:
        return found
    if head and head not in {entry["hash"] for entry in entries}:
        found.append(f"{root / log.NAME}: does not hold the line {head}: lines were cut off")
    made: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if entry["action"] != "rolled back":
            made.setdefault(entry["release"], entry)  # a second line cannot declare it anew
    found += [f"{name}: in the log but not there" for name in made if not (root / name).is_dir()]
    for folder in folders:
        entry = made.get(folder.name)
        if entry is None:
            found.append(f"{folder.name}: not in the log")
            continue
        wrong = _files(folder, entry)
        found += wrong or _record(folder, entry, Path(runs) if runs else None)
    known = {log.NAME, ".lock", "current", *(folder.name for folder in folders)}
    found += [f"{name}: does not belong here" for name in _names(root) if name not in known]
    link = root / "current"
    now = link.readlink().as_posix() if link.is_symlink() else "nothing"
    if entries and now != entries[-1]["release"]:
        found.append(f"current: leads to {now}, but the log says {entries[-1]['release']}")
    return found


def _files(folder: Path, entry: Mapping[str, Any]) -> list[str]:
    """Compare the files of a release with its manifest, and the manifest with the log."""
    if log.content(folder) != entry["content"]:
        return [f"{folder.name}/{log.MANIFEST}: is missing or not what the log says"]
    listed, there = log.listed(folder), log.manifest(folder)
    odd = [path for path in folder.rglob("*") if path.is_symlink() or not _plain(path)]
    return [
        *(f"{folder.name}/{name}: is missing" for name in listed if name not in there),
        *(f"{folder.name}/{name}: was changed" for name in listed.keys() & there.keys()
          if listed[name] != there[name]),
        *(f"{folder.name}/{name}: was added" for name in there if name not in listed),
        *(f"{folder.name}/{path.relative_to(folder)}: is no file of a release" for path in odd),
    ]  # fmt: skip


def _names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def _plain(path: Path) -> bool:
    """Return whether a path is a file, or a folder that holds something."""
    return any(path.iterdir()) if path.is_dir() else path.is_file()


def _record(folder: Path, entry: Mapping[str, Any], runs: Path | None) -> list[str]:
    record = reader.release(folder)
    found = [
        f"{folder.name}/release.json: {name} is not what the log says"
        for name, value in (("number", int(folder.name)), ("reviewer", entry["reviewer"]))
        if record[name] != value
    ]
    if disclosed.read(folder) != disclosed.made(folder):
        found.append(f"{folder.name}/{disclosed.NAME}: is not what the release discloses")
    return found + trace(folder, record, runs)
