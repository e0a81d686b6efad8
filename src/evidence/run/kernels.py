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
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import zmq.asyncio
from ipykernel import ipkernel
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Unicode
from traitlets.config import Config

from evidence.errors import EvidenceError
from evidence.run import fork_client

NO_HISTORY = "--HistoryManager.enabled=False"  # a report needs none, which takes time
_files: list[str] = []  # of the modules that were imported before a kernel was


class ForkProvisioner(LocalProvisioner):
    """Starts a kernel as a fork of the fork server."""

    preload = Unicode(
        os.environ.get("EVIDENCE_PRELOAD", ""), help="Module that the fork server imports."
    ).tag(config=True)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Fork a kernel; start an ordinary one where that cannot be done."""
        fault = f" on {sys.platform}: each takes seconds to start"
        if fork_client.available():
            cwd = kwargs.get("cwd")
            request = {"argv": cmd, "env": kwargs["env"], "cwd": cwd or str(Path.cwd())}
            try:
                self.process = await asyncio.to_thread(self._fork, request)
                self.pid = self.pgid = self.process.pid
                self.cwd = cwd
                return self.connection_info
            except EvidenceError as error:
                fault = f": {error}"
        fork_client.say_once(f"kernels are not forked{fault}")
        nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return await super().launch_kernel(cmd, **kwargs | nowhere)

    def _fork(self, request: dict[str, Any]) -> fork_client.Child:
        kernel = fork_client.Child(fork_client.place(self.preload), "kernel", request)
        next(kernel.messages(), None)  # it listens: who comes earlier has to come again
        return kernel

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel; return when it is gone, so that nobody need look again."""
        await super().kill(restart=restart)
        if isinstance(self.process, fork_client.Child):
            await asyncio.to_thread(self.process.wait)

    async def wait(self) -> int | None:
        """Wait for the kernel's end, noticed as it happens."""
        if isinstance(self.process, fork_client.Child):
            await asyncio.to_thread(self.process.wait)
        return await super().wait()


class Client(AsyncKernelClient):
    """A client with no more than it takes to execute a notebook."""

    def _context_default(self) -> zmq.asyncio.Context:
        return self.parent.context  # ends with the kernel, and all sockets with it

    def start_channels(self, shell: bool = True, iopub: bool = True, **_others: bool) -> None:
        """Open the channels for requests and for output."""
        super().start_channels(shell, iopub, stdin=False, hb=False, control=False)

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers on both channels.

        jupyter_client's own then listens for 0.2 s more, to drop messages that nobody asks for.

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
    """An IPython kernel that starts without two things that take it long."""

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """Read the usual command lines without a parser of every trait that a kernel has."""
        match argv:
            case ["-f", file, *options] if options in ([], [NO_HISTORY]):
                self.connection_file = file
                self.update_config(Config(HistoryManager={"enabled": not options}))
            case _:
                super().parse_command_line(argv)

    def init_kernel(self) -> None:
        """Give the debugger the list of the kernel's own files that the fork server has made.

        To make it anew is to touch every module, and so to copy much of the memory shared.
        """
        ipkernel.sys = SimpleNamespace(modules={})
        try:
            super().init_kernel()
        finally:
            ipkernel.sys = sys
        if getattr(self.kernel, "debugger", None):
            self.kernel.debugger.kernel_modules = _files


def prepare() -> None:
    """Do what all kernels would do alike, once everything is imported."""
    modules = [*sys.modules.values()]
    _files[:] = [module.__file__ for module in modules if getattr(module, "__file__", None)]


def become(asker: socket.socket, request: dict[str, Any]) -> None:
    """Be a kernel, in a process just forked, until it is asked to end."""
    argv = request["argv"]
    sys.argv = argv[argv.index("-m") + 1 :]
    if "matplotlib" in sys.modules:  # it chose its backend when it was imported
        backend = os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
        sys.modules["matplotlib"].rcParams["backend"] = backend
    app = _Kernel.instance(parent_handle=os.getppid())
    app.initialize(sys.argv[1:])
    asker.sendall(fork_client.to_line({"ready": True}))
    app.start()
