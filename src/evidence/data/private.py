"""The private zone: folders for their owner only, and files that others may read."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path


def own(folder: Path) -> None:
    """Make a folder, or one that is there, for its owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    if not folder.stat().st_mode & stat.S_ISVTX:  # a folder that many share, such as /tmp
        with contextlib.suppress(PermissionError):  # somebody else's
            folder.chmod(0o700)


def exposed(paths: Iterable[Path]) -> list[Path]:
    """Return the files that everybody on this machine may read."""
    return [path for path in paths if os.name != "nt" and _open_to_all(path.resolve())]


def _open_to_all(path: Path) -> bool:
    ways = all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)
    return ways and bool(path.stat().st_mode & stat.S_IROTH)
