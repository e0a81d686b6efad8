"""The processes that jobs run in: forks of the fork server, or new interpreters where none can be.

One that has run a job to its end is asked to run the next: another would take 40 ms of a processor.
"""

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
from evidence.run import fork_client
from evidence.run.fork_client import Child, to_line

TOO_LONG = "took too long"
KILLED = "ran out of memory or was killed"


class Spawned(subprocess.Popen):
    """A job's process in a new interpreter, used as `fork_client.Child` is."""

    orphaned = idle = False

    def __init__(self, request: dict[str, Any]) -> None:
        command = [sys.executable, "-P", "-m", "evidence.run.worker"]
        super().__init__(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        _spawned.add(self)
        with contextlib.suppress(BrokenPipeError):
            self._send(request)

    def _send(self, request: dict[str, Any]) -> None:
        self.stdin.write(to_line(request))
        self.stdin.flush()  # and kept open: its end is ours

    def ask(self, request: dict[str, Any]) -> bool:
        """Give the process another job; say whether it took it."""
        try:
            self._send(request)
        except OSError:
            return False
        return next(self.messages(), None) is not None

    def messages(self) -> Iterator[dict[str, Any]]:
        """Give what the process says until it ends."""
        return map(json.loads, self.stdout)

    def close(self) -> None:
        """Let the process end its kernel, then itself."""
        fork_client.end(self)
        self.stdout.close()


_spawned: weakref.WeakSet[Spawned] = weakref.WeakSet()
_idle: list[Child | Spawned] = []


@contextlib.contextmanager
def start(request: dict[str, Any], *, alone: bool = False) -> Iterator[Child | Spawned]:
    """Have a job executed by a process that is idle, or by a new one.

    With the block the process ends, unless it was said there to be `idle`: then it stays, for
    another job, until `dismiss` or the end of this process.

    Parameters
    ----------
    request : dict
        As `worker.execute` takes it.
    alone : bool
        Whether to fork it from a server of its own: one that kills its server kills no other.
    """
    with contextlib.ExitStack() as stack:
        process = (None if alone else _ask_idle(request)) or _start(request, stack, alone)
        process.idle = False
        try:
            yield process
        finally:
            if process.idle and not alone:
                _idle.append(process)
            else:
                process.close()


def _ask_idle(request: dict[str, Any]) -> Child | Spawned | None:
    """Return an idle process that took the job; one that has ended meanwhile is no loss."""
    with contextlib.suppress(IndexError):
        while process := _idle.pop():
            if process.ask(request):
                return process
            process.close()
    return None


def _start(request: dict[str, Any], stack: contextlib.ExitStack, alone: bool) -> Child | Spawned:
    fault = None
    for _ in range(2 if fork_client.available() else 0):
        try:
            own = stack.enter_context(contextlib.closing(fork_client.Server())) if alone else None
            return Child(own.place if own else fork_client.place(), "job", request)
        except (EvidenceError, OSError) as error:
            fault = error
            time.sleep(0.2)  # a server that was just killed is replaced
    if fault:
        fork_client.say_once(f"reports start slowly: {fault}")
    return Spawned(request)


def dismiss() -> None:
    """End the processes that are idle."""
    with contextlib.suppress(IndexError):
        while process := _idle.pop():
            process.close()


def stop_all() -> None:
    """Kill every job's process that this one has started."""
    fork_client.close()
    for process in list(_spawned):
        process.kill()
