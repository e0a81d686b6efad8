"""A process that has imported everything once and forks what is asked of it.

A report spends seconds importing what it then hardly uses. The fork server imports it once; a
kernel or a job is a fork of it, ready within a tenth of a second, that shares its memory until it
writes.

A request is one line of JSON on a Unix socket in a folder that its owner alone can read. Until the
process that was asked for ends, the socket stays open: the server says the process's id first and
its exit status last, and what is between the process says itself. Whoever hangs up wants it gone:
the server kills it with all that it started, daemons too. When the owner dies the server goes and
takes all with it. If the server itself is killed, all that it forked dies at once; only what a
notebook had started on its own account then lives on.

Linux only: elsewhere forking a process that has imported numerical libraries is not safe.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import select
import shutil
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

from evidence.run.fork_client import PLACE, to_line

_PDEATHSIG, _CHILD_SUBREAPER = 1, 36  # of prctl(2)
_INSIDES = (  # of a kernel, which loads them only when it first uses them
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "evidence.run.kernels",
    "faulthandler",
    "ipykernel.debugger",
    "sqlite3",
    "tornado.platform.asyncio",
)
_TARGETS = {"kernel": "evidence.run.kernels", "job": "evidence.run.worker"}


def main() -> None:
    """Preload, then fork on request until the owner is gone."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    # Libraries ask at import whether they are in a notebook; what is forked from here will be.
    builtins.get_ipython = lambda: SimpleNamespace(kernel=None, config={})
    gc.disable()  # what is imported stays
    for module in (*_INSIDES, sys.argv[2]):
        importlib.import_module(module)
    importlib.import_module("evidence.run.kernels").prepare()
    del builtins.get_ipython
    libc = ctypes.CDLL(None)
    libc.prctl(_CHILD_SUBREAPER, 1)  # what orphans leave becomes a child of ours
    gc.collect()
    gc.enable()
    gc.freeze()  # else the children's collector would write to, and so copy, all shared memory
    with contextlib.suppress(AttributeError):  # another library than glibc may not have it
        libc.malloc_trim(0)  # a page that holds nothing is not worth copying
    _serve(listener)


def _serve(listener: socket.socket) -> None:
    ready = select.epoll()
    ready.register(listener, select.EPOLLIN)
    ready.register(0, select.EPOLLIN)
    children: dict[int, tuple[int, socket.socket]] = {}  # handle of a process: its id, its socket
    while True:
        # New ones last: they take the numbers of files that have just been closed.
        files = [file for file, _ in ready.poll()]
        for file in sorted(files, key=lambda file: file == listener.fileno()):
            if file == 0:  # the owner is gone
                for pid, _ in children.values():
                    _end(pid)
                _kill_strays(set())
                shutil.rmtree(Path(os.environ[PLACE]).parent, ignore_errors=True)
                return
            if file == listener.fileno():
                if begun := _accept(listener):
                    handle, pid, asker = begun
                    children[handle] = pid, asker
                    ready.register(handle, select.EPOLLIN)
                    ready.register(asker, select.EPOLLRDHUP)  # what is said there is for the child
            elif file in children:
                pid, asker = children.pop(file)
                ready.unregister(file)
                os.close(file)
                status = _end(pid)  # its group: what it had started itself
                _kill_strays({pid for pid, _ in children.values()})
                with contextlib.suppress(OSError):  # it has been where whoever asked has hung up
                    ready.unregister(asker)
                with contextlib.suppress(OSError):
                    asker.sendall(to_line({"exit": os.waitstatus_to_exitcode(status)}))
                asker.close()
            else:  # whoever asked has hung up; the end of the process is an event of its own
                with contextlib.suppress(OSError):  # it has just ended
                    ready.unregister(file)
                for pid, asker in children.values():
                    if asker.fileno() == file:
                        _kill(pid)


def _accept(listener: socket.socket) -> tuple[int, int, socket.socket] | None:
    """Fork what is asked for; say why where that cannot be, and go on."""
    try:
        asker, _ = listener.accept()
    except OSError:  # no descriptor is left: later there will be
        time.sleep(0.05)
        return None
    try:
        asker.settimeout(1)
        with asker.makefile("rb") as lines:
            request = json.loads(lines.readline())
        running = len([*Path("/proc/self/task").iterdir()])
        if running > 1:
            raise OSError(f"it runs {running} threads and must not fork")
        asker.settimeout(None)
        server = os.getpid()
        pid = os.fork()
        if not pid:
            _become(server, asker, request)
        return os.pidfd_open(pid), pid, asker
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError):
            asker.sendall(to_line({"refused": f"the fork server cannot fork: {error}"}))
        asker.close()
        return None


def _become(server: int, asker: socket.socket, request: dict[str, Any]) -> NoReturn:
    """Be what was asked for, in the process just forked, and end with it."""
    try:
        _leave(server, asker, request)
        asker.sendall(to_line({"pid": os.getpid()}))
        importlib.import_module(_TARGETS[request["target"]]).become(asker, request)
    except BaseException as error:
        if not isinstance(error, BrokenPipeError):  # whoever asked has hung up
            traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _leave(server: int, asker: socket.socket, request: dict[str, Any]) -> None:
    """Become a process of its own: session, signals, files, environment, randomness."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)  # die with the server
    if os.getppid() != server:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDWR)
    # What a kernel writes past its own streams nobody masks: it goes into the notebook or nowhere.
    for file in (0, 1, 2) if request["target"] == "kernel" else (0,):
        os.dup2(nothing, file)
    os.closerange(3, asker.fileno())
    os.closerange(asker.fileno() + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    if "env" in request:
        os.environ.clear()
        os.environ.update(request["env"])
    time.tzset()
    os.chdir(request.get("cwd") or ".")
    with contextlib.suppress(OSError):  # if memory runs out, a report goes and not the server
        Path("/proc/self/oom_score_adj").write_text("500")
    if numpy := sys.modules.get("numpy"):  # Python's own generator reseeds itself
        numpy.random.seed()


def _kill_strays(ours: set[int]) -> None:
    """Kill what ended processes had started and left, in whatever session: it is ours now."""
    while strays := _children() - ours:
        for pid in strays:
            _end(pid)


def _children() -> set[int]:
    with contextlib.suppress(OSError):  # a kernel that does not list them has none for us
        return {*map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())}
    return set()


def _end(pid: int) -> int:
    """Kill a process of ours and its group, and return its status once it has ended."""
    _kill(pid)
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, 0)[1]
    return 0


def _kill(pid: int) -> None:
    for kill in (os.killpg, os.kill):  # the second where it had not become a group yet
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
