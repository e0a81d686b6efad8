"""Ask the fork server for processes, and start it where there is none.

The side of whoever wants a kernel or a job; the server itself is `evidence.run.forkserver`.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import cache, partialmethod
from pathlib import Path
from typing import Any

from evidence.errors import EvidenceError

PRELOAD = "evidence.run.preload"  # imports what reports use
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has the second only
_PATIENCE = 60  # seconds for the server to be ready and fork
PLACE = "EVIDENCE_FORK_SERVER"  # where a server listens that children of it can ask
_ENVIRONMENT = {
    # A thread that runs at the time of the fork would be missing in the child.
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    # Reports are short-lived and many: memory given back matters more than speed of taking it …
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    # … but not that of every array of a megabyte: each page taken again is a fault.
    "MALLOC_MMAP_THRESHOLD_": "4194304",
    "MALLOC_TRIM_THRESHOLD_": "8388608",
}


def to_line(message: dict[str, Any]) -> bytes:
    """Write a message as one line of JSON, as processes here send it to each other."""
    return json.dumps(message).encode() + b"\n"


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
            number = listener.fileno()
            # -P: the folder of the person's own files is not where modules come from
            server = [sys.executable, "-P", "-Xfrozen_modules=off", "-m", "evidence.run.forkserver"]
            self.process = subprocess.Popen(
                [*server, str(number), preload],
                stdin=subprocess.PIPE,  # never written to: it ends when the owner does
                stdout=subprocess.DEVNULL,
                pass_fds=[number],
                env={**os.environ, **_ENVIRONMENT, PLACE: self.place},
                start_new_session=True,  # Ctrl-C is the owner's to deal with
            )

    def close(self) -> None:
        """End the server and every process it forked."""
        end(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


def end(process: subprocess.Popen) -> None:
    """End a process that ends with its standard input; kill it where it does not."""
    with contextlib.suppress(OSError):  # what was written to one that has ended
        process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


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
        self._reading = threading.Lock()  # a kernel is polled in one thread, waited for in another
        self._socket = socket.socket(socket.AF_UNIX)
        self._lines = self._socket.makefile("rb")
        answer: dict[str, Any] = {}
        with contextlib.suppress(OSError):
            self._socket.settimeout(_PATIENCE)
            self._socket.connect(place)
            self._socket.sendall(to_line({"target": target, **request}))
            answer = json.loads(self._lines.readline() or "{}")
            self._socket.settimeout(None)
        if "pid" not in answer:
            self.close()
            raise EvidenceError(answer.get("refused", "the fork server is not there"))
        self.pid = answer["pid"]

    def ask(self, request: dict[str, Any]) -> bool:
        """Give a job's process that is idle another job; say whether it took it."""
        try:
            self._socket.settimeout(_PATIENCE)
            self._socket.sendall(to_line(request))
            taken = next(self.messages(), None) is not None  # else it has ended, or is about to
            self._socket.settimeout(None)
        except OSError:
            return False
        return taken

    def messages(self) -> Iterator[dict[str, Any]]:
        """Give what the process says until it ends."""
        while self.returncode is None:
            # Where nothing says the end, the server died, and with it all that it had forked.
            message = json.loads(self._lines.readline() or '{"exit": null}')
            if "exit" not in message:
                yield message
                continue
            self.orphaned = message["exit"] is None
            self.returncode = -_KILL if self.orphaned else message["exit"]
            self.close()

    def poll(self) -> int | None:
        """Return the exit status, or nothing while the process runs (one that says nothing)."""
        if self._reading.acquire(blocking=False):  # else somebody waits for the end already
            try:
                if self.returncode is None:
                    self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
                    self._read_to_the_end()
            except BlockingIOError:  # nothing has come
                pass
            finally:
                self._reading.release()
        return self.returncode

    def wait(self) -> int:
        """Wait for the end and return the exit status."""
        with self._reading:
            self._read_to_the_end()
        return self.returncode

    def _read_to_the_end(self) -> None:
        for _ in self.messages():
            pass

    def send_signal(self, number: int) -> None:
        """Send the process a signal, if it is still there."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    kill = partialmethod(send_signal, _KILL)  # the server kills what it had started
    terminate = partialmethod(send_signal, signal.SIGTERM)

    def close(self) -> None:
        """Hang up: the server kills the process if it is still there."""
        self._lines.close()
        self._socket.close()


def available() -> bool:
    """Whether this system can fork safely and tell of a child's end.

    The environment variable EVIDENCE_PORTABLE says that nothing be used that only Linux has.
    """
    portable = os.environ.get("EVIDENCE_PORTABLE")
    return sys.platform == "linux" and hasattr(os, "pidfd_open") and not portable


@cache
def say_once(what: str) -> None:
    """Warn of what only costs time, the first time that it does."""
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
        if server and server.process.poll() is None:
            return server.place
        if server:
            server.close()
        try:
            _own[preload] = Server(preload or PRELOAD)
        except OSError as error:
            raise EvidenceError(f"the fork server cannot start: {error}") from None
        return _own[preload].place


@atexit.register
def close() -> None:
    """End the servers of this process, and all that they forked."""
    with _lock:
        while _own:
            _own.popitem()[1].close()
