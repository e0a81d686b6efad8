"""Starts a job's process: a fork of the fork server, or a new interpreter where that cannot be."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from evidence.errors import EvidenceError
from evidence.run import forks

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
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()  # and kept open: its end is ours

    def says(self) -> Iterator[dict[str, Any]]:
        """Give what the process says until it ends."""
        for line in self._process.stdout:
            yield json.loads(line)

    def kill(self) -> None:
        """Kill the process."""
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


def start(request: dict[str, Any]) -> forks.Child | Spawned:
    """Start a process that executes a job."""
    if forks.available():
        for last in (False, True):  # a server that was just killed is replaced
            try:
                return forks.Child(forks.place(), "job", request)
            except EvidenceError as error:
                if last:
                    forks.say_once(f"reports start slowly: {error}")
    return Spawned(request)
