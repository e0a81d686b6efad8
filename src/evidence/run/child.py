"""Starts a job's process: a fork of the fork server, or a new interpreter where that cannot be."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from typing import Any

from evidence.errors import EvidenceError
from evidence.run import forks

TOO_LONG = "took too long"
KILLED = "ran out of memory or was killed"


class Spawned:
    """A job in a new interpreter; speaks as `forks.Child` does."""

    orphaned = False

    def __init__(self, request: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "evidence.run.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        _spawned.add(self)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()  # and kept open: its end is ours

    def says(self) -> Iterator[dict[str, Any]]:
        """Give what the process says until it ends."""
        for line in self._process.stdout:
            yield json.loads(line)

    def kill(self) -> None:
        """Kill the process; its kernel watches it and ends too."""
        self._process.kill()

    def __enter__(self) -> Spawned:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()  # the process ends its kernel, then itself
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


_spawned: weakref.WeakSet[Spawned] = weakref.WeakSet()


@contextlib.contextmanager
def start(request: dict[str, Any], *, alone: bool = False) -> Iterator[forks.Child | Spawned]:
    """Start a process that executes a job; it ends with the block.

    Parameters
    ----------
    request : dict
        As `worker.execute` takes it.
    alone : bool
        Whether to fork it from a server of its own: one that kills its server kills no other.
    """
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(_start(request, stack, alone))


def _start(
    request: dict[str, Any], stack: contextlib.ExitStack, alone: bool
) -> forks.Child | Spawned:
    if forks.available():
        for last in (False, True):
            try:
                if alone:
                    server = forks.Server()
                    stack.callback(server.close)
                return forks.Child(server.place if alone else forks.place(), "job", request)
            except (EvidenceError, OSError) as error:
                if last:
                    forks.say_once(f"reports start slowly: {error}")
                time.sleep(0.2)  # a server that was just killed is replaced
    return Spawned(request)


def stop_all() -> None:
    """Kill every job's process that this one has started."""
    forks.close()
    for process in list(_spawned):
        process.kill()
