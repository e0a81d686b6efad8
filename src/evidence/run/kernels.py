"""The `evidence` kernel: an ordinary IPython kernel, forked from a process that is ready.

jupyter_client finds :class:`ForkProvisioner` by its entry point and uses it for the kernelspec
`evidence`, so that papermill, Voila and JupyterLab all start such kernels alike. Where forking is
unsafe or fails it is an ordinary kernel, and says so once.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import queue
import socket
import sys
import time
from pathlib import Path
from typing import Any

from ipykernel.kernelapp import IPKernelApp
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Unicode

from evidence.errors import EvidenceError
from evidence.run import forks


class ForkProvisioner(LocalProvisioner):
    """Starts a kernel as a fork of the fork server."""

    preload = Unicode(
        os.environ.get("EVIDENCE_PRELOAD", ""), help="Module that the fork server imports."
    ).tag(config=True)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Fork a kernel; start an ordinary one where that cannot be done."""
        if not forks.available():
            forks.say_once(f"kernels are not forked on {sys.platform}: each takes seconds to start")
            return await super().launch_kernel(cmd, **kwargs)
        request = {"argv": cmd, "env": kwargs["env"], "cwd": kwargs.get("cwd") or str(Path.cwd())}
        try:
            self.process = await asyncio.to_thread(self._fork, request)
        except EvidenceError as error:
            forks.say_once(f"kernels are not forked: {error}")
            return await super().launch_kernel(cmd, **kwargs)
        self.pid = self.pgid = self.process.pid
        self.cwd = kwargs.get("cwd")
        return self.connection_info

    def _fork(self, request: dict[str, Any]) -> forks.Child:
        kernel = forks.Child(forks.place(self.preload), "kernel", request)
        next(kernel.says(), None)  # it listens: a client that came earlier would have to come again
        return kernel

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel; return when it is gone, so that nobody need look again."""
        await super().kill(restart=restart)
        if isinstance(self.process, forks.Child):
            await asyncio.to_thread(self.process.wait)

    async def wait(self) -> int | None:
        """Wait for the kernel's end, noticed as it happens."""
        if isinstance(self.process, forks.Child):
            status = await asyncio.to_thread(self.process.wait)
            self.process = None
            return status
        return await super().wait()


class Client(AsyncKernelClient):
    """A client that takes a kernel for ready as soon as it answers.

    jupyter_client's own then listens for 0.2 s more, to drop messages that nobody here asks for.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers on both channels.

        Raises
        ------
        RuntimeError
            It died, or did not answer within `timeout` seconds.
        """
        until = time.monotonic() + (timeout or math.inf)
        while True:
            self.kernel_info()
            with contextlib.suppress(queue.Empty):
                reply = await self.get_shell_msg(timeout=1)
                await self.get_iopub_msg(timeout=0.2)
                self._handle_kernel_info_reply(reply)
                return
            if not await self.is_alive():
                raise RuntimeError("the kernel died before it was ready")
            if time.monotonic() > until:
                raise RuntimeError(f"the kernel did not answer within {timeout} s")


class _Kernel(IPKernelApp):
    """An IPython kernel that reads the usual command line, `-f FILE`, without building a parser.

    The parser has an option for every trait of a kernel: a tenth of the time that a fork takes.
    """

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        match argv:
            case ["-f", file]:
                self.connection_file = file
            case _:
                super().parse_command_line(argv)


def become(line: socket.socket, request: dict[str, Any]) -> None:
    """Be a kernel, in a process just forked, until told to end."""
    argv = request["argv"]
    sys.argv = argv[argv.index("-m") + 1 :]
    if "matplotlib" in sys.modules:  # it chose its backend when it was imported
        backend = os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
        sys.modules["matplotlib"].rcParams["backend"] = backend
    app = _Kernel.instance(parent_handle=os.getppid())
    app.initialize(sys.argv[1:])
    line.sendall(b'{"ready": true}\n')
    app.start()
