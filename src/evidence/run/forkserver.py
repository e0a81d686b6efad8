"""A process that has imported everything once and forks what is asked of it.

A report spends seconds importing what it then hardly uses. The fork server imports it once; a
kernel or a job is a fork of it, ready within a tenth of a second, that shares its memory until it
writes.

A request is one line of JSON on a Unix socket in a folder that its owner alone can read. Until the
process that was asked for ends, the line stays open: the server says the process's id first and its
exit status last, and what is between the process says itself. Whoever hangs up wants it gone: the
server kills it with all its children. When the owner dies the server goes, when the server dies
all its children go; nothing is left behind.

Linux only: elsewhere forking a process that has imported numerical libraries is not safe.
"""

from __future__ import annotations

import atexit
import builtins
import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from evidence.errors import EvidenceError

PRELOAD = "evidence.run.preload"  # imports what reports use
PLACE = "EVIDENCE_FORK_SERVER"  # where a server listens that children of it can ask
_ONE_THREAD = {  # a thread that runs at the time of the fork would be missing in the child
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
_TARGETS = {"kernel": "evidence.run.kernels:become", "job": "evidence.run.worker:become"}


class Server:
    """The owner's side: starts a fork server and, with `close`, ends it and all its children.

    Parameters
    ----------
    preload : str
        Module to import before the first fork.
    """

    def __init__(self, preload: str = PRELOAD) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="evidence-"))
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
                    __name__,
                    str(listener.fileno()),
                    preload,
                ],
                stdin=subprocess.PIPE,  # never written to: it ends when the owner does
                stdout=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                env={**os.environ, **_ONE_THREAD, PLACE: self.place},
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
    orphaned = False

    def __init__(self, place: str, target: str, request: dict[str, Any]) -> None:
        self.returncode: int | None = None
        self._line = socket.socket(socket.AF_UNIX)
        self._lines = self._line.makefile("r", encoding="utf-8")
        try:
            self._line.connect(place)
            self._line.sendall(json.dumps({"target": target, **request}).encode() + b"\n")
            said = json.loads(self._lines.readline() or "{}")
        except OSError:
            said = {}
        if "pid" not in said:
            self.close()
            raise EvidenceError(said.get("refused", "the fork server is not there"))
        self.pid = said["pid"]

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
        if self.returncode is None:
            with selectors.DefaultSelector() as ready:
                ready.register(self._line, selectors.EVENT_READ)
                if ready.select(0):
                    self.wait()
        return self.returncode

    def wait(self) -> int:
        """Wait for the end and return the exit status."""
        if self.returncode is None:
            for _ in self.says():
                pass
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, if the process is still there."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process and its children."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Hang up: the server kills the process if it is still there."""
        self._lines.close()
        self._line.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ended(self, status: int) -> None:
        self.returncode = status
        self.close()


def available() -> bool:
    """Whether this system can fork safely and tell of a child's end."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open")


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
        if not _own:
            atexit.register(close)
        server = _own.get(preload)
        if server and server.process.poll() is not None:
            server.close()
            server = None
        if server is None:
            server = _own[preload] = Server(preload or PRELOAD)
    return server.place


def close() -> None:
    """End the servers of this process, and all that they forked."""
    with _lock:
        while _own:
            _own.popitem()[1].close()


# --- the server's side ---------------------------------------------------------------------------


def main() -> None:
    """Preload, then fork on request until the owner is gone."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    # Libraries ask at import whether they are in a notebook; what is forked from here will be.
    builtins.get_ipython = lambda: SimpleNamespace(kernel=None, config={})
    importlib.import_module(sys.argv[2])
    del builtins.get_ipython
    gc.collect()
    gc.freeze()  # else the children's collector would write to, and so copy, all shared memory
    _serve(listener)


def _serve(listener: socket.socket) -> None:
    ready = selectors.DefaultSelector()
    ready.register(listener, selectors.EVENT_READ)
    ready.register(0, selectors.EVENT_READ)
    children: dict[int, tuple[int, socket.socket]] = {}  # handle of a process to its id and line
    while True:
        for key, _ in ready.select():
            if key.fileobj == 0:  # the owner is gone
                for pid, _ in children.values():
                    _kill(pid)
                    os.waitpid(pid, 0)
                shutil.rmtree(Path(os.environ[PLACE]).parent, ignore_errors=True)
                return
            if key.fileobj is listener:
                line, _ = listener.accept()
                if pid := _answer(line):
                    handle = os.pidfd_open(pid)
                    children[handle] = pid, line
                    ready.register(handle, selectors.EVENT_READ)
                    ready.register(line, selectors.EVENT_READ, pid)
            elif key.data:  # whoever asked for it has hung up
                _kill(key.data)
                ready.unregister(key.fileobj)
            elif key.fd in children:
                pid, line = children.pop(key.fd)
                ready.unregister(key.fd)
                os.close(key.fd)
                _kill(pid)  # and what it had started itself
                _, status = os.waitpid(pid, 0)
                with contextlib.suppress(KeyError):
                    ready.unregister(line)
                with contextlib.suppress(OSError):
                    _say(line, {"exit": os.waitstatus_to_exitcode(status)})
                line.close()


def _answer(line: socket.socket) -> int:
    """Fork what is asked for and return its process id; nought where that cannot be."""
    line.settimeout(5)
    try:
        with line.makefile("r", encoding="utf-8") as lines:
            request = json.loads(lines.readline())
        running = len([*Path("/proc/self/task").iterdir()])
        if running > 1:
            _say(line, {"refused": f"the fork server runs {running} threads and must not fork"})
            line.close()
            return 0
    except (OSError, ValueError):
        line.close()
        return 0
    line.settimeout(None)
    server = os.getpid()
    pid = os.fork()
    if not pid:
        try:
            _leave(server, line, request)
            module, _, name = _TARGETS[request["target"]].partition(":")
            getattr(importlib.import_module(module), name)(line, request)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    with contextlib.suppress(OSError):
        _say(line, {"pid": pid})
    return pid


def _leave(server: int, line: socket.socket, request: dict[str, Any]) -> None:
    """Become a process of its own: session, signals, files, environment, randomness."""
    os.setsid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: die with the server
    if os.getppid() != server:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.closerange(3, line.fileno())
    os.closerange(line.fileno() + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    if "env" in request:
        os.environ.clear()
        os.environ.update(request["env"])
    os.chdir(request.get("cwd") or ".")
    if numpy := sys.modules.get("numpy"):  # Python's own generator reseeds itself
        numpy.random.seed()


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # where it had not become a group yet


def _say(line: socket.socket, what: dict[str, Any]) -> None:
    line.sendall(json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
