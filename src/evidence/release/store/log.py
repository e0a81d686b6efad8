"""The log of releases: append-only, every line bound to the one before it by a hash.

A line says what was done (released, merged, rolled back), when, by whom, to which release, and the
hash of that release's `manifest.json`, which holds the hash of each of its files. A chain cannot
show that its own last lines were cut off together with their releases: keep `head` elsewhere, such
as in the minutes of the board, and give it to `evidence verify --head`.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evidence.errors import EvidenceError

NAME, MANIFEST = "log.jsonl", "manifest.json"
START = "0" * 64  # what the first line has before it
ACTIONS = ("released", "merged", "rolled back")
_KEYS = {
    "number", "time", "action", "release", "reviewer", "author", "content", "previous", "hash",
}  # fmt: skip
_RELEASE = re.compile(r"[0-9]{4,9}")


def now() -> str:
    """Return the time in UTC to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def person(folder: str | Path = ".") -> str:
    """Return who is at work: git's user.name, else the name of the account."""
    try:
        command = ["git", "-C", str(folder), "config", "user.name"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
        return done.stdout.strip() or getpass.getuser()
    except (OSError, KeyError, ImportError, subprocess.SubprocessError):
        return ""


def lines(root: Path) -> list[dict[str, Any]]:
    """Return the log of the releases in `root`, oldest line first.

    Raises
    ------
    EvidenceError
        A line is not one of a log.
    """
    path = root / NAME
    entries = []
    text = path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        try:
            entry = json.loads(line)
            well = entry.keys() == _KEYS and entry["action"] in ACTIONS
            well = well and type(entry["number"]) is int
            well = well and all(type(entry[key]) is str for key in _KEYS - {"number"})
            well = well and bool(_RELEASE.fullmatch(entry["release"]))
            well = well and _line(entry) == line.encode()  # not a byte is written otherwise
        except (ValueError, AttributeError, TypeError, RecursionError):
            well = False
        if not well:
            raise EvidenceError(f"{path}, line {number}: cut off or not a line of the log")
        entries.append(entry)
    return entries


def faults(root: Path) -> list[str]:
    """Return what is wrong with the chain itself, a line each."""
    try:
        entries = lines(root)
    except EvidenceError as error:
        return [str(error)]
    found, previous = [], START
    made: dict[str, str] = {}
    for number, entry in enumerate(entries, start=1):
        where = f"{root / NAME}, line {number}"
        if entry["number"] != number:
            found.append(f"{where}: calls itself number {entry['number']}: a line is missing")
        if entry["previous"] != previous:
            found.append(f"{where}: does not follow the line before it: the chain is broken")
        if entry["hash"] != _hash(entry):
            found.append(f"{where}: was changed after it was written")
        previous = entry["hash"]
        release = entry["release"]
        if entry["action"] == "rolled back":
            if made.get(release) != entry["content"]:
                found.append(f"{where}: goes back to another {release} than was made")
        elif int(release) <= max(map(int, made), default=0):
            found.append(f"{where}: release {release} does not follow those before it")
        else:
            made[release] = entry["content"]
    return found


def whole(root: Path) -> list[dict[str, Any]]:
    """Return the log, oldest line first, where its chain is unbroken.

    Raises
    ------
    EvidenceError
        It is broken.
    """
    if broken := faults(root):
        raise EvidenceError(f"{broken[0]}; evidence verify says more")
    return lines(root)


def head(root: Path) -> str:
    """Return the hash of the last line, which vouches for the whole history."""
    entries = lines(root)
    return entries[-1]["hash"] if entries else START


def append(root: Path, **facts: str) -> None:
    """Add a line: `action`, `release`, `reviewer`, `author` and `content`.

    Raises
    ------
    EvidenceError
        The chain is broken already.
    """
    number = len(whole(root)) + 1
    entry = {"number": number, "time": now(), **facts, "previous": head(root)}
    entry["hash"] = _hash(entry)
    line = _line(entry)
    with (root / NAME).open("ab", buffering=0) as file:
        before = file.tell()
        try:
            while line:
                line = line[file.write(line) :]
            os.fsync(file.fileno())
        except BaseException:
            file.truncate(before)  # half a line would break the chain
            raise
    sync(root)


def _line(entry: Mapping[str, Any]) -> bytes:
    return (json.dumps(entry, ensure_ascii=False) + "\n").encode()


def sync(folder: Path) -> None:
    """Push the names in a folder to the disk."""
    if os.name == "nt":  # there folders cannot be opened
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def manifest(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below `folder` but the manifest itself."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }


def listed(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file as the release's manifest lists it."""
    hashes: dict[str, str] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return hashes


def content(folder: Path) -> str:
    """Return the hash of a release's manifest, and so of all that it holds; "" without one."""
    path = folder / MANIFEST
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _hash(entry: Mapping[str, Any]) -> str:
    facts = {key: value for key, value in entry.items() if key != "hash"}
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
