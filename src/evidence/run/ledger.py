"""Run folders, which are the ledger: one that stands was run whole, and nothing else was.

A job works in a draft beside its final folder. When every cell ran the draft is made durable and
renamed; a second finisher finds the folder there and discards its own. Nothing half-written is ever
under a final name, whatever is killed when.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evidence.errors import EvidenceError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_PROPOSALS = ("effects.parquet", "indicators.parquet")
_DRAFT = re.compile(r"\.(?P<run>[^-]+)-(?P<pid>\d+)-(?P<host>.+)-\w+?(?P<old>\.old)?$")
_PROGRESS = "progress.json"
_DAY = 86_400


class Draft:
    """A run folder in the making, under a name that nobody takes for a finished one.

    Parameters
    ----------
    final : Path
        The run folder that it is to become.
    """

    def __init__(self, final: Path) -> None:
        self.final = final
        final.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{final.name}-{os.getpid()}-{socket.gethostname()}-"
        self.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=final.parent))
        self.folder.chmod(0o755)
        self.began = time.time()

    def reach(self, cell: int, of: int) -> None:
        """Note how far the notebook is, for `evidence status`."""
        with contextlib.suppress(OSError):  # a notebook may have deleted its folder
            (self.folder / _PROGRESS).write_text(
                json.dumps({"cell": cell, "of": of, "began": self.began}), encoding="utf-8"
            )

    def proposes(self) -> bool:
        """Whether the notebook has proposed anything for release."""
        return any((self.folder / name).exists() for name in _PROPOSALS)

    def publish(self, record: dict[str, Any], *, replace: bool) -> bool:
        """Make the draft the run folder; say whether it was the first to finish.

        Parameters
        ----------
        record : dict
            What `run.json` says.
        replace : bool
            Whether to take the place of a folder that is there (`--fresh`).
        """
        (self.folder / _PROGRESS).unlink(missing_ok=True)
        (self.folder / "run.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
        for path in (*(p for p in self.folder.rglob("*") if p.is_file()), self.folder):
            _fsync(path)
        old = self.folder.with_name(f"{self.folder.name}.old")
        if replace:
            with contextlib.suppress(FileNotFoundError):
                self.final.rename(old)
        try:
            self.folder.rename(self.final)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            self.discard()
            return False
        _fsync(self.final.parent)
        shutil.rmtree(old, ignore_errors=True)
        return True

    def set_aside(self, place: Path) -> Path | None:
        """Keep what there is of a failed notebook for the research lead; return it."""
        (self.folder / _PROGRESS).unlink(missing_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            self.folder.rename(place)
        except OSError:
            self.discard()
        notebook = place / "notebook.ipynb"
        return notebook if notebook.exists() else None

    def discard(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def done(final: Path) -> bool:
    """Whether a run folder stands; an empty one, made ready by a workflow engine, does not.

    Raises
    ------
    EvidenceError
        It stands, but somebody damaged its `run.json`.
    """
    try:
        json.loads((final / "run.json").read_text(encoding="utf-8"))["run_id"]
    except FileNotFoundError:
        if not final.exists() or not any(final.iterdir()):
            return False
    except (OSError, ValueError, KeyError, TypeError):
        pass
    else:
        return True
    raise EvidenceError(f"{final / 'run.json'} is damaged; evidence run --fresh makes it again")


def at_work(runs: Path) -> dict[str, dict[str, Any]]:
    """Return by run id how far each job is that somebody is running now: cell, of, began."""
    found = {}
    for path in runs.glob(f"*/*/.*/{_PROGRESS}"):
        if (draft := _DRAFT.match(path.parent.name)) and not _stale(path.parent, draft):
            with contextlib.suppress(OSError, ValueError):
                found[draft["run"]] = json.loads(path.read_text(encoding="utf-8"))
    return found


@contextlib.contextmanager
def open_ledger(runs: Path) -> Iterator[bool]:
    """Make the runs folder ready; say whether another runner is at work in it.

    Raises
    ------
    EvidenceError
        It cannot be written.
    """
    try:
        runs.mkdir(parents=True, exist_ok=True)
        lock = (runs / ".runner").open("a")
        lock.write(" ")  # a full disk is found now, not after the first report
        lock.flush()
        lock.truncate(0)
        _sweep(runs)
    except OSError as error:
        raise EvidenceError(
            f"{runs}: cannot write there ({error.strerror}); free it or name another with --runs"
        ) from None
    with lock:
        alone = True
        if fcntl:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                alone = False
        yield not alone
    with contextlib.suppress(OSError):
        _sweep(runs)  # what workers of a cluster left that were killed meanwhile


def _sweep(runs: Path) -> None:
    """Remove what killed runners left, and give back what one was about to replace."""
    for path in runs.glob("*/*/.*"):
        draft = _DRAFT.match(path.name)
        if draft and _stale(path, draft):
            final = path.with_name(draft["run"])
            if draft["old"] and not final.exists():
                path.rename(final)
            else:
                shutil.rmtree(path, ignore_errors=True)


def _stale(path: Path, draft: re.Match[str]) -> bool:
    if draft["host"] != socket.gethostname():  # nothing can be known of a process elsewhere
        with contextlib.suppress(OSError):
            return time.time() - path.stat().st_mtime > _DAY
        return False
    try:
        os.kill(int(draft["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
