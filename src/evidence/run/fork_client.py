"""Ask the fork server for processes, and start it where there is none.

The side of whoever wants a kernel or a job; the server itself is `evidence.run.forkserver`.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evidence.errors import EvidenceError

PRELOAD = "evidence.run.preload"  # imports what reports use
_PATIENCE = 60  # seconds for the server to be ready and fork
PLACE = "EVIDENCE_FORK_SERVER"  # where a server listens that children of it can ask
_ENVIRONMENT = {
    # A thread that runs at the time of the fork would be missing in the child.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    # Reports are short-lived and many: memory given back matters more than speed of taking it …
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    # … but not that of every array of a megabyte: each page taken again is a fault.
    "MALLOC_MMAP_THRESHOLD_": "4194304",
    "MALLOC_TRIM_THRESHOLD_": "8388608",
}


class Server:
    """The owner's side: starts a fork server and, with `close`, ends it and all its children.

    Parameters
    ----------
    preload : str
        Module to import before the first fork.
    """

    def __init__(self, preload: str = PRELOAD) -> None:
        # The name of a Unix socket has room for 107 characters, and kernels have theirs below.
        short = "/tmp" if len(tempfile.gettempdir()) > 40 else None
        self.folder = Path(tempfile.mkdtemp(prefix="evidence-", dir=short))
        self.place = str(self.folder / "fork")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.place)  # from here on requests queue, and need not wait to be made
            listener.listen(128)
            # -P: the folder of the person's own files is not where modules come from
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-Xfrozen_modules=off",
                    "-m",
                    "evidence.run.forkserver",
                    str(listener.fileno()),
                    preload,
                ],
                stdin=subprocess.PIPE,  # never written to: it ends when the owner does
                stdout=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                env={**os.environ, **_ENVIRONMENT, PLACE: self.place},
                start_new_session=True,  # Ctrl-C is the owner's to deal with
            )

    def close(self) -> None:
        """End the server and every process it forked."""
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Child:
    """A forked process as whoever asked for it sees it, with the parts of `Popen` it needs.

    Parameters
    ----------
    place : str
        Where the server listens.
    target : {"kernel", "job"}
        What to become.
    request : dict
        What it needs, in JSON; `env` and `cwd` among it.

    Raises
    ------
    EvidenceError
        The server is gone, or must not fork.
    """

    stdin = stdout = stderr = None
    orphaned = idle = False

    def __init__(self, place: str, target: str, request: dict[str, Any]) -> None:
        self.returncode: int | None = None
        self._heard = threading.Lock()  # a kernel is polled in one thread, waited for in another
        self._line = socket.socket(socket.AF_UNIX)
        self._lines = self._line.makefile("r", encoding="utf-8")
        try:
            self._line.settimeout(_PATIENCE)
            self._line.connect(place)
            self._line.sendall(json.dumps({"target": target, **request}).encode() + b"\n")
            said = json.loads(self._lines.readline() or "{}")
            self._line.settimeout(None)
        except OSError:
            said = {}
        if "pid" not in said:
            self.close()
            raise EvidenceError(said.get("refused", "the fork server is not there"))
        self.pid = said["pid"]

    def ask(self, request: dict[str, Any]) -> bool:
        """Give a job's process that is idle another job; say whether it took it."""
        try:
            self._line.settimeout(_PATIENCE)
            self._line.sendall(json.dumps(request).encode() + b"\n")
            taken = next(self.says(), None) is not None  # else it has ended, or is about to
            self._line.settimeout(None)
        except OSError:
            return False
        return taken

    def says(self) -> Iterator[dict[str, Any]]:
        """Give what the process says until it ends."""
        for line in self._lines:
            said = json.loads(line)
            if "exit" in said:
                self._ended(said["exit"])
                return
            yield said
        self.orphaned = True  # the server died, and with it all it had forked
        self._ended(-signal.SIGKILL)

    def poll(self) -> int | None:
        """Return the exit status, or nothing while the process runs (one that says nothing)."""
        if self._heard.acquire(blocking=False):  # else somebody waits for the end already
            try:
                if self.returncode is None and self._line_speaks():
                    self._hear()
            finally:
                self._heard.release()
        return self.returncode

    def wait(self) -> int:
        """Wait for the end and return the exit status."""
        with self._heard:
            self._hear()
        return self.returncode

    def _line_speaks(self) -> bool:
        poller = select.poll()
        poller.register(self._line, select.POLLIN)
        return bool(poller.poll(0))

    def _hear(self) -> None:
        if self.returncode is None:
            for _ in self.says():
                pass

    def send_signal(self, number: int) -> None:
        """Send the process a signal, if it is still there."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process; the server kills what it started."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Hang up: the server kills the process if it is still there."""
        self._lines.close()
        self._line.close()

    def _ended(self, status: int) -> None:
        self.returncode = status
        self.close()


def available() -> bool:
    """Whether this system can fork safely and tell of a child's end."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open")


_said: set[str] = set()


def say_once(what: str) -> None:
    """Warn of what only costs time, the first time that it does."""
    if what not in _said:
        _said.add(what)
        logging.getLogger("evidence").warning(what)


_own: dict[str, Server] = {}
_lock = threading.Lock()


def place(preload: str = "") -> str:
    """Return where a fork server listens: the one above this process, else its own, made now.

    Parameters
    ----------
    preload : str
        Module to import; another than that of the server above makes a server of its own.
    """
    if not preload and PLACE in os.environ:
        return os.environ[PLACE]
    with _lock:
        server = _own.get(preload)
        if server and server.process.poll() is not None:
            server.close()
            server = None
        if server is None:
            try:
                server = _own[preload] = Server(preload or PRELOAD)
            except OSError as error:
                raise EvidenceError(f"the fork server cannot start: {error}") from None
    return server.place


@atexit.register
def close() -> None:
    """End the servers of this process, and all that they forked."""
    with _lock:
        while _own:
            _own.popitem()[1].close()
