"""Run folders, which are the ledger: one that is there was run whole, and nothing else was.

A job works in a draft beside its final folder. When every cell ran the draft is made durable and
renamed; a second finisher finds the folder there and discards its own. Nothing half-written is ever
under a final name, whatever is killed when.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import json
import os
import re
import shutil
import socket
import stat
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from evidence.data import locks
from evidence.data.private import own
from evidence.data.secrets import spellings
from evidence.errors import EvidenceError
from evidence.release.store import run_record

_PROPOSALS = ("effects.parquet", "indicators.parquet")
_DRAFT = re.compile(r"\.(?P<run>[^-]+)-(?P<pid>\d+)-(?P<host>.+)-\w+?(?P<old>\.old)?$")
_PROGRESS = ".progress"  # folder of who is how far
_CODES = ("utf-8", "utf-16-le", "utf-16-be")
_MOST = 2**26  # bytes looked at of what a file has packed
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
        self._lock = _lock(self.folder)  # as long as this process lives the draft is not stale
        self.began = time.time()
        self._inode = self.folder.stat().st_ino
        # Not in the draft: that is the notebook's, which may have a file of any name.
        self._progress = final.parent.parent.parent / _PROGRESS / f"{self.folder.name}.json"

    def reach(self, cell: int, of: int) -> None:
        """Note how far the notebook is, for `evidence status`."""
        with contextlib.suppress(OSError):  # it is a courtesy
            self._progress.parent.mkdir(exist_ok=True)
            new = self._progress.with_suffix(".new")
            new.write_text(
                json.dumps({"cell": cell, "of": of, "began": self.began}), encoding="utf-8"
            )
            new.replace(self._progress)

    def fault(self, secrets: dict[str, str]) -> str:
        """Say why what the notebook wrote may not be published, or nothing where it may.

        Parameters
        ----------
        secrets : dict
            What no file may hold, by name.
        """
        if not any((self.folder / name).exists() for name in _PROPOSALS):
            return "every cell ran but nothing was proposed: end with ev.propose(out, …)"
        written = {
            name: [s.encode(code) for s in spellings(secrets[name]) for code in _CODES]
            for name in secrets
        }
        for path in self._files() if secrets else ():
            contents = _opened(path)
            for name, forms in written.items():
                if any(form in content for content in contents for form in forms):
                    return f"its file {path.name} holds the secret {name}; write results only"
        return ""

    def checks(self) -> list[str]:
        """Return what the notebook says that it checked."""
        path = self.folder / "checks.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []

    def _files(self) -> list[Path]:
        return [p for p in self.folder.rglob("*") if p.is_file() and not p.is_symlink()]

    def publish(self, record: dict[str, Any], *, replace: bool) -> bool:
        """Make the draft the run folder; say whether it was the first to finish.

        Parameters
        ----------
        record : dict
            What `run.json` says.
        replace : bool
            Whether to take the place of a folder that is there (`--fresh`).
        """
        there = self.folder.lstat()
        if there.st_ino != self._inode or not stat.S_ISDIR(there.st_mode):
            raise EvidenceError("its run folder was replaced while it ran")
        for path in self.folder.rglob("*"):
            if path.is_symlink():  # would show what lies elsewhere, and as it is later
                raise EvidenceError(f"its file {path.name} is a link; write the file itself")
        (self.folder / "run.json").unlink(missing_ok=True)
        text = run_record.sealed(record, self.folder, self._files())
        (self.folder / "run.json").write_text(text, encoding="utf-8")
        for path in self._files():
            path.chmod(0o600)
            _fsync(path)
        _fsync(self.folder)
        self._progress.unlink(missing_ok=True)
        old = self.folder.with_name(f"{self.folder.name}.old")
        if replace:
            with contextlib.suppress(FileNotFoundError):
                self.final.rename(old)
        try:
            self.folder.rename(self.final)
        except OSError as error:
            if old.exists() and not self.final.exists():
                old.rename(self.final)
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            self.discard()
            return False
        _fsync(self.final.parent)
        self._unlock()
        _remove(old)
        return True

    def set_aside(self, place: Path) -> Path | None:
        """Keep what there is of a failed notebook for the research lead; return it."""
        self._progress.unlink(missing_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            for path in self._files():
                path.chmod(0o600)
            self.folder.rename(place)
            self._unlock()
        except OSError:
            self.discard()
        notebook = place / "notebook.ipynb"
        return notebook if notebook.exists() else None

    def discard(self) -> None:
        """Remove it."""
        self._progress.unlink(missing_ok=True)
        _remove(self.folder)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _opened(path: Path) -> list[bytes]:
    """Return what a file holds as it is and, where it is packed, unpacked."""
    contents = [path.read_bytes()]
    with contextlib.suppress(OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError):
        if contents[0].startswith(b"\x1f\x8b"):
            with gzip.open(path) as file:
                contents.append(file.read(_MOST))
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                for name in packed.namelist():
                    with packed.open(name) as file:
                        contents.append(file.read(max(_MOST - sum(map(len, contents)), 0)))
    for start in re.finditer(rb"(?:zTXt|iTXt|iCCP)", contents[0]):  # packed texts of a picture
        inside = contents[0][start.end() : start.end() + _MOST]
        for place in re.finditer(rb"x[\x01\x5e\x9c\xda]", inside[:200]):
            with contextlib.suppress(zlib.error):
                contents.append(zlib.decompressobj().decompress(inside[place.start() :], _MOST))
    return contents


def done(final: Path) -> bool:
    """Whether a run folder is there; an empty one, made ready by a workflow engine, is not.

    Raises
    ------
    EvidenceError
        It is there, but somebody damaged its `run.json`.
    """
    try:
        record = json.loads((final / "run.json").read_text(encoding="utf-8"))
        if record["run_id"] == final.name:
            return True
    except FileNotFoundError:
        if not final.exists() or not any(final.iterdir()):
            return False
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise EvidenceError(f"{final / 'run.json'} is damaged; evidence run --fresh makes it again")


def at_work(runs: Path) -> dict[str, dict[str, Any]]:
    """Return by run id how far each job is that somebody is running now: cell, of, began."""
    progress = {}
    for path, draft, stale in _drafts(runs / _PROGRESS, "*.json"):
        if not stale:
            with contextlib.suppress(OSError, ValueError):
                progress[draft["run"]] = json.loads(path.read_text(encoding="utf-8"))
    return progress


@contextlib.contextmanager
def open_ledger(runs: Path) -> Iterator[bool]:
    """Make the runs folder ready; say whether another runner is at work in it.

    Raises
    ------
    EvidenceError
        It cannot be written.
    """
    try:
        own(runs)  # results that nobody has checked
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
        shared = False
        try:
            locks.hold(lock, wait=False)
        except OSError:
            shared = True
        try:
            yield shared
        finally:
            with contextlib.suppress(OSError):
                _sweep(runs)  # what workers of a cluster left that were killed meanwhile


def fault_of(error: Exception, folder: Path | None) -> str:
    """Say in one line why work in a run folder came to nothing."""
    if folder and not folder.exists():
        return "its run folder was deleted while it ran"
    if isinstance(error, OSError) and error.strerror:
        return f"its run folder could not be written ({error.strerror})"
    first = str(error).strip().splitlines()[:1]
    return f"{type(error).__name__}: {first[0] if first else 'no reason given'}"


def _sweep(runs: Path) -> None:
    """Remove what killed runners left, and give back what one was about to replace."""
    for path, draft, stale in _drafts(runs, "*/*/.*"):
        final = path.with_name(draft["run"])
        if stale and draft["old"] and (not final.exists() or not any(final.iterdir())):
            path.rename(final)
        elif stale:
            _remove(path)
    for path, _, stale in _drafts(runs / _PROGRESS, "*.json"):
        if stale:
            _remove(path)


def _drafts(folder: Path, pattern: str) -> Iterator[tuple[Path, re.Match[str], bool]]:
    """Give what is named after a draft, with the parts of its name and whether it is stale."""
    for path in folder.glob(pattern):
        if draft := _DRAFT.match(path.name.removesuffix(".json")):
            yield path, draft, _stale(path, draft)


def _stale(path: Path, draft: re.Match[str]) -> bool:
    """Whether whoever made a draft is gone.

    He holds a lock on it for as long as he lives, whatever clocks say. Where nobody does: a process
    that began later than the draft only has its maker's number.
    """
    if path.suffix == ".json":  # of progress: the draft itself is in its cohort's folder
        path = next(path.parent.parent.glob(f"*/*/{path.stem}"), path)
    try:
        made = path.stat().st_mtime
        if path.is_dir():
            place = _lock(path)
            if place is None:
                return False
            os.close(place)
        if draft["host"] != socket.gethostname():  # nothing can be known of a process elsewhere
            began = (path.parents[2] / ".runner").stat().st_mtime  # by the clock of the disk
            return began - made > _DAY
        process = psutil.Process(int(draft["pid"]))
        return process.create_time() > made + 2 or process.status() == psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return False
    except (OSError, psutil.NoSuchProcess):
        return True


def _lock(folder: Path) -> int | None:
    """Open a folder and lock it; nothing where another process holds its lock."""
    if os.name == "nt":  # there folders cannot be opened, nor be removed while they are
        return os.open(os.devnull, os.O_RDONLY)
    place = os.open(folder, os.O_RDONLY)
    try:
        locks.hold(place, wait=False)
    except BlockingIOError:
        os.close(place)
        return None
    except OSError:  # not every file system has locks
        pass
    return place


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():  # which Windows neither can nor need do
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
