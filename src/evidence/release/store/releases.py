"""Numbered release folders that never change, and which of them is current.

Used by `publish` and `merge`. A release is built under another name, sealed, renamed, logged and
only then made current, so that whoever is killed on the way leaves the old one in place.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evidence.data import locks
from evidence.errors import EvidenceError
from evidence.release.store import log, reader


def current(root: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the folder and the record of the current release, if there is one."""
    folder = root / "current"
    if not (folder / "release.json").is_file():
        return None
    return folder.resolve(), reader.release(folder)


def numbered(root: Path) -> list[Path]:
    """Return the folders of all releases, oldest first."""
    return sorted(path for path in root.glob("*") if re.fullmatch(r"[0-9]+", path.name))


def next_number(root: Path) -> int:
    """Return the number that the next release will have."""
    return max((int(path.name) for path in numbered(root)), default=0) + 1


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Let one release be made at a time, and clear away what a killed one left behind.

    Raises
    ------
    EvidenceError
        The log is missing or broken, or a release is not in it: nothing may be added to that.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        locks.hold(lock)
        for left in root.glob(".new-*"):
            remove(left)
        entries = log.whole(root)
        logged = {entry["release"] for entry in entries}
        unlogged = [path for path in numbered(root) if path.name not in logged]
        following = f"{int(max(logged, default='0')) + 1:04d}"
        link = root / "current"
        if [path.name for path in unlogged] == [following] and not (
            link.is_symlink() and link.readlink().name == following
        ):
            remove(unlogged.pop())  # renamed, but killed before the log was written
        if unlogged:
            raise EvidenceError(
                f"{unlogged[0]}: not in {log.NAME}; put the log back, or move {root} away and "
                "release again"
            )
        if entries and (root / entries[-1]["release"]).is_dir():
            switch(root, entries[-1]["release"])  # killed after the log was written
        yield


def place(root: Path, draft: Path, **facts: str) -> Path:
    """Seal a draft, give it the next number, log it and make it current."""
    folder = root / f"{next_number(root):04d}"
    seal(draft)
    draft.rename(folder)
    folder.chmod(0o555)
    log.sync(root)
    log.append(root, release=folder.name, content=log.content(folder), **facts)
    switch(root, folder.name)
    return folder


def seal(folder: Path) -> None:
    """Push everything to the disk and take the right to write away, below `folder`."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            log.sync(path)
        path.chmod(0o555 if path.is_dir() else 0o444)
    log.sync(folder)


def switch(root: Path, name: str) -> None:
    """Make a release current by one atomic rename."""
    link = root / ".new-current"
    link.unlink(missing_ok=True)
    try:
        link.symlink_to(name)
    except OSError as error:  # as Windows refuses whoever is no developer
        raise EvidenceError(
            f"{root}: no link to the current release can be made there ({error.strerror}); on "
            "Windows switch on Developer Mode, elsewhere choose a disk that has links"
        ) from None
    link.replace(root / "current")
    log.sync(root)


def remove(path: Path) -> None:
    """Remove a draft, sealed or not."""
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    for folder in (path, *(p for p in path.rglob("*") if p.is_dir())):
        folder.chmod(0o755)
    shutil.rmtree(path)
