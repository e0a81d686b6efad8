"""Checks that every release is whole and unchanged, and that each number comes from its run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.errors import EvidenceError
from evidence.release.control.rules import Rules
from evidence.release.store import candidates, disclosed, log, reader
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
    found = [
        f"{folder.name}: run {key} has no {name}"
        for key, run in record["runs"].items()
        for name in needed
        if name not in run
    ]
    effects = reader.effects(folder)
    for kind, table in (("effects", effects), ("indicators", reader.indicators(folder))):
        for place, row in enumerate(table.to_dict("records"), start=1):
            run = record["runs"].get(row["run_id"])
            if run is None:
                found.append(f"{folder.name}: {kind}, row {place}: its run is not recorded")
            elif kind == "effects" and (run["programme"], run["cohort"]) != (
                row["programme"],
                row["cohort"],
            ):
                found.append(f"{folder.name}: {kind}, row {place}: is of another run")
    places = {(run["programme"], run["cohort"]) for run in record["runs"].values()}
    found += [
        f"{folder.name}: figure {entry['path']}: has no run"
        for entry in record["figures"]
        if (entry["programme"], entry["cohort"]) not in places
    ]
    return found + (_in_runs(folder, record, runs) if runs else [])


def _in_runs(folder: Path, record: Mapping[str, Any], runs: Path) -> list[str]:
    """Protect what the runs hold once more: every number shown has to be what comes out."""
    shown = {"effects": reader.effects(folder), "indicators": reader.indicators(folder)}
    found = []
    for key, run in record["runs"].items():
        place = f"{run['programme']}/{run['cohort']}"
        source = runs / place / key
        if not (source / "run.json").is_file():
            continue
        own = json.loads((source / "run.json").read_text(encoding="utf-8"))
        for name in ("notebook_sha256", "lock_sha256", "commit", "finished", "key"):
            if own.get(name) != run.get(name):
                found.append(f"{folder.name}: run {key}: {name} is not what the run recorded")
        try:
            again = candidates.read(source, {}, Rules(**record["rules"]))
        except EvidenceError as error:
            found.append(f"{folder.name}: run {key}: {error}")
            continue
        pairs = {
            kind: (table[table["run_id"] == key], getattr(again, kind).table)
            for kind, table in shown.items()
        }
        for entry in record["figures"]:
            if (entry["programme"], entry["cohort"]) == (run["programme"], run["cohort"]):
                text = (folder / f"{entry['path']}.json").read_text(encoding="utf-8")
                made = again.pictures.get(entry["name"])
                pairs[f"figure {entry['name']}"] = (
                    Picture.from_json(text).table,
                    made.table if made else pd.DataFrame(),
                )
        found += [
            f"{folder.name}: {place}, {what}, {fault}: is not what its run gives"
            for what, (published, made) in pairs.items()
            if (fault := _other(published, made))
        ]
    return found


def _other(published: pd.DataFrame, made: pd.DataFrame) -> str:
    """Return the first number shown that differs from what was made again; hidden ones may."""
    if list(published.columns) != list(made.columns) or len(published) != len(made):
        return "rows or columns"
    for name in published.select_dtypes("number"):
        one, other = published[name].reset_index(drop=True), made[name].reset_index(drop=True)
        if (wrong := one.notna() & (one != other)).any():
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
    folders = sorted(path for path in root.glob("*") if path.name.isdigit())
    if not folders and not (root / log.NAME).is_file():
        raise EvidenceError(f"no release in {root}: make one with evidence release")
    found = log.faults(root)
    try:
        entries = log.lines(root)
    except EvidenceError:
        return found
    if head and head not in {entry["hash"] for entry in entries}:
        found.append(f"{root / log.NAME}: does not hold the line {head}: lines were cut off")
    made = {entry["release"]: entry for entry in entries if entry["action"] != "rolled back"}
    found += [f"{name}: in the log but not there" for name in made if not (root / name).is_dir()]
    for folder in folders:
        entry = made.get(folder.name)
        if entry is None:
            found.append(f"{folder.name}: not in the log")
            continue
        wrong = _files(folder, entry)
        found += wrong or _record(folder, entry, Path(runs) if runs else None)
    link = root / "current"
    now = link.readlink().as_posix() if link.is_symlink() else "nothing"
    if entries and now != entries[-1]["release"]:
        found.append(f"current: leads to {now}, but the log says {entries[-1]['release']}")
    return found


def _files(folder: Path, entry: Mapping[str, Any]) -> list[str]:
    """Compare the files of a release with its manifest, and the manifest with the log."""
    if log.content(folder) != entry["content"]:
        return [f"{folder.name}/{log.MANIFEST}: is missing or not what the log says"]
    listed = json.loads((folder / log.MANIFEST).read_text(encoding="utf-8"))
    there = log.manifest(folder)
    links = [path for path in folder.rglob("*") if path.is_symlink()]
    return [
        *(f"{folder.name}/{name}: is missing" for name in listed if name not in there),
        *(f"{folder.name}/{name}: was changed" for name in listed.keys() & there.keys()
          if listed[name] != there[name]),
        *(f"{folder.name}/{name}: was added" for name in there if name not in listed),
        *(f"{folder.name}/{path.relative_to(folder)}: leads elsewhere" for path in links),
    ]  # fmt: skip


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
