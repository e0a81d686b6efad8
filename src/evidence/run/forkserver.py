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
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from evidence.run.forks import PLACE

_TARGETS = {"kernel": "evidence.run.kernels:become", "job": "evidence.run.worker:become"}


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
