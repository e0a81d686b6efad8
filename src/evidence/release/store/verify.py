"""Checks that every release is whole and unchanged, and that each number comes from its run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.data.rules import Rules
from evidence.errors import EvidenceError
from evidence.release.store import candidates, disclosed, finish, log, reader, releases
from evidence.show.picture import Picture


def _untraced(folder: Path, record: Mapping[str, Any]) -> list[str]:
    """Return every number of a release whose run is not recorded, a line each."""
    needed = ("notebook", "notebook_sha256", "parameters", "inputs", "finished")
    runs_of, at = record["runs"], folder.name
    places = {key: reader.place_of(run) for key, run in runs_of.items()}
    faults = [
        f"{at}: run {key} has no {name}"
        for key, run in runs_of.items() for name in needed if name not in run
    ]  # fmt: skip
    for kind, table in _tables(folder).items():
        for number, row in enumerate(table.to_dict("records"), start=1):
            if row["run_id"] not in places:
                faults.append(f"{at}: {kind}, row {number}: its run is not recorded")
            elif kind == "effects" and places[row["run_id"]] != reader.place_of(row):
                faults.append(f"{at}: {kind}, row {number}: is of another run")
    return faults + [
        f"{at}: figure {entry['path']}: has no run"
        for entry in record["figures"] if reader.place_of(entry) not in places.values()
    ]  # fmt: skip


def _tables(folder: Path) -> dict[str, pd.DataFrame]:
    return {"effects": reader.effects(folder), "indicators": reader.indicators(folder)}


def _against_runs(folder: Path, record: Mapping[str, Any], runs: Path) -> list[str]:
    """Return what a release shows that the runs which are still there do not give."""
    tables, faults = _tables(folder), []
    for key, run in record["runs"].items():
        source = runs / reader.place_of(run) / key
        if (source / "run.json").is_file():
            faults += _against_run(folder, record, key, source, tables)
    return [f"{folder.name}: {fault}" for fault in faults]


def _against_run(
    folder: Path,
    record: Mapping[str, Any],
    key: str,
    source: Path,
    tables: Mapping[str, pd.DataFrame],
) -> list[str]:
    """Protect what a run holds once more: all that is shown has to be what comes out."""
    run, own = record["runs"][key], candidates.provenance(reader.parsed(source / "run.json"))
    known = own.keys() - {"seconds", "peak_mb"}
    faults = [
        f"run {key}: {name} is not what the run recorded"
        for name in sorted(known) if own[name] != run.get(name)
    ]  # fmt: skip
    place, nothing = reader.place_of(run), pd.DataFrame()
    card = next(c for c in record["programmes"] if c["name"] == run["programme"])
    titles = {outcome["name"]: outcome["title"] for outcome in card["outcomes"]}
    try:
        again = candidates.read(
            source,
            titles,
            Rules(**record["rules"]),
            said=card.get("published") or "",
            units=card.get("units") or (),
        )
    except EvidenceError as error:
        return [*faults, f"run {key}: {error}"]
    pairs = {kind: (_own(table, key), getattr(again, kind).table) for kind, table in tables.items()}
    for entry in record["figures"]:
        if reader.place_of(entry) == place:
            text = (folder / f"{entry['path']}.json").read_text(encoding="utf-8")
            safe, shown = again.pictures.get(entry["name"]), Picture.from_json(text)
            pairs[f"figure {entry['name']}"] = shown.table, safe.table if safe else nothing
            faults += [
                f"{place}, figure {entry['name']}, {name}: is not what its run gives"
                for name in ("title", "alt", "question", "kind")
                if safe and getattr(shown, name) != getattr(safe.picture, name)
            ]
    path = folder / f"{place}.ipynb"
    if path.is_file() and reader.parsed(path) != again.source:
        faults.append(f"{place}, notebook: is not what its run gives")
    return faults + [
        f"{place}, {what}, {fault}: is not what its run gives"
        for what, pair in pairs.items() if (fault := _other(*pair))
    ]  # fmt: skip


def _own(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return the rows of a run, without the column of published figures where it has none."""
    rows = table[table["run_id"] == key]
    none = "published" in rows and (rows["published"] == "").all()
    return rows.drop(columns="published") if none else rows


def _other(published: pd.DataFrame, again: pd.DataFrame) -> str:
    """Return the first cell shown that differs from what was made again; hidden ones may.

    The words of a row are made of its numbers: they may differ where it hides more of them.
    """
    if list(published.columns) != list(again.columns) or len(published) != len(again):
        return "rows or columns"
    published, again = published.reset_index(drop=True), again.reset_index(drop=True)
    numbers = published.select_dtypes("number").columns
    for name in numbers:
        wrong = published[name].notna() & (published[name] != again[name])
        if wrong.any():
            return f"row {wrong.idxmax() + 1}, column {name}"
    whole = (published[numbers].isna() == again[numbers].isna()).all(axis=1)
    for name in published.columns.difference(numbers, sort=False):
        wrong = (
            whole
            & (published[name] != again[name])
            & ~(published[name].isna() & again[name].isna())
        )
        if wrong.any():
            return f"row {wrong.idxmax() + 1}, column {name}"
    return ""


def verify(published: str | Path, runs: str | Path | None = None, head: str = "") -> list[str]:
    """Return whatever is wrong with the releases in `published`, a line each (see `examine`)."""
    return examine(published, runs, head)[0]


def examine(
    published: str | Path, runs: str | Path | None = None, head: str = ""
) -> tuple[list[str], list[str]]:
    """Return whatever is wrong with the releases in `published`, and what cannot be judged.

    Looked for: a broken chain in the log, a release that is not in it or is not what it says, a
    file that is missing, changed or added, a number without a run, and a `current` that is not what
    the log says. Where all that is well: a page, drawing or export that is not what is made of the
    release's own tables, and a number or text that its run does not give. These two are doubts and
    no faults in a release made with another version of the code, which may have made it otherwise.

    Parameters
    ----------
    published : path
        Folder of the releases.
    runs : path, optional
        Folder of the runs, to look each released number and text up in.
    head : str
        Hash of the log's last line as noted elsewhere; the log has to hold it.

    Returns
    -------
    faults, doubts : list of str
        A line each.
    """
    root = Path(published)
    folders = releases.numbered(root)
    if not folders and not (root / log.NAME).is_file():
        raise EvidenceError(f"no release in {root}: make one with evidence release")
    found = log.faults(root)
    try:
        entries = log.lines(root)
    except EvidenceError:
        return found, []
    doubts: list[str] = []
    if head and head not in {entry["hash"] for entry in entries}:
        found.append(f"{root / log.NAME}: does not hold the line {head}: lines were cut off")
    made: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if entry["action"] != "rolled back":
            made.setdefault(entry["release"], entry)  # a second line cannot declare it anew
    found += [f"{name}: in the log but not there" for name in made if not (root / name).is_dir()]
    for folder in folders:
        line = made.get(folder.name)
        if line is None:
            found.append(f"{folder.name}: not in the log")
            continue
        found += _files(folder, line) or _record(folder, line)
    known = {log.NAME, ".lock", "current", *(folder.name for folder in folders)}
    found += [f"{name}: does not belong here" for name in _names(root) if name not in known]
    link = root / "current"
    now = link.readlink().as_posix() if link.is_symlink() else "nothing"
    if entries and now != entries[-1]["release"]:
        found.append(f"current: leads to {now}, but the log says {entries[-1]['release']}")
    for folder in folders if not found else ():  # while a file is not whole, it proves nothing
        same = reader.release(folder).get("made_with") == finish.version()
        (found if same else doubts).extend(_made_again(folder, Path(runs) if runs else None))
    return found, [
        f"{line}; made with another version of evidence, so this is no proof" for line in doubts
    ]


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


def _record(folder: Path, entry: Mapping[str, Any]) -> list[str]:
    record = reader.release(folder)
    found = [
        f"{folder.name}/release.json: {name} is not what the log says"
        for name, value in (("number", int(folder.name)), ("reviewer", entry["reviewer"]))
        if record[name] != value
    ]
    if disclosed.read(folder) != disclosed.made(folder):
        found.append(f"{folder.name}/{disclosed.NAME}: is not what the release discloses")
    return found + _untraced(folder, record)


def _made_again(folder: Path, runs: Path | None) -> list[str]:
    """Return what of a release is not what this code makes of its tables, and of its runs."""
    found = [
        f"{folder.name}/{name}: is not what its own tables give"
        for name in finish.differing(folder)
    ]
    return found + _against_runs(folder, reader.release(folder), runs) if runs else found
