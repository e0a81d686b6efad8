"""The dashboards' server on a free port, ended whatever happens, and what may be asked of it."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from evidence.board import server

DASHBOARDS = Path(__file__).parents[2] / "dashboards"
FEW = {"board.ipynb": 1}


def free_port():
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(published, token="", dashboards=DASHBOARDS, log=subprocess.DEVNULL, **options):
    """Serve the dashboards and end the server; gives the address, with `.pid` of the server."""
    port = free_port()
    options = {"ready": FEW} | options
    process = subprocess.Popen(
        server.command(),
        env=server.environment(published, port, token, dashboards, **options),
        stdout=log,
        stderr=log,
    )
    try:
        wait_for(process, port)
        yield Address(f"http://127.0.0.1:{port}/", process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


class Address(str):
    """An address that knows the process behind it."""

    def __new__(cls, text, pid):
        made = super().__new__(cls, text)
        made.pid = pid
        return made


def wait_for(process, port):
    """Wait until a server answers."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            assert process.poll() is None, "the server stopped while starting"
            time.sleep(0.1)
    raise AssertionError("the server did not answer within a minute")


def until(true, seconds=30.0):
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.1)
    return found


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def ask(address, path="", method="GET", body=None, **headers):
    """Return status, headers and text of an answer, redirections not followed."""
    url = address + path if not path.startswith("http") else path
    asked = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.build_opener(_Stay).open(asked, timeout=60) as page:
            return page.status, page.headers, page.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read().decode("utf-8", "replace")


def kernel_of(page):
    """Return the kernel that a page names."""
    return re.search(r'data-kernel="([0-9a-f-]{36})"', page)[1]


def kernels_of(pid):
    """Return the processes forked for a server: those of its fork server."""
    found = []
    for one in _children(pid):
        found += [child for child in _children(one) if _status(child) != "Z"]
    return found


def _children(pid):
    try:  # those that any of its threads started
        lists = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for some in lists for child in some.split()]


def _status(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def talk(address, kernel, messages, seconds=3.0, cookie=""):
    """Send messages to a kernel as a page would; return what it answers within some seconds."""

    async def whole():
        url = f"{address.replace('http', 'ws')}api/kernels/{kernel}/channels"
        line = await websocket_connect(HTTPRequest(url, headers={"Cookie": cookie}))
        for kind, content in messages:
            header = {
                "msg_id": uuid.uuid4().hex, "msg_type": kind, "session": "s", "username": "u",
                "version": "5.3", "date": "2026-01-01T00:00:00Z",
            }  # fmt: skip
            line.write_message(
                json.dumps(
                    {"header": header, "parent_header": {}, "metadata": {}, "content": content,
                     "channel": "control" if "debug" in kind else "shell", "buffers": []}
                )
            )  # fmt: skip
        heard, said, end = [], b"", time.monotonic() + seconds
        while said is not None and time.monotonic() < end:
            try:
                said = await asyncio.wait_for(line.read_message(), end - time.monotonic())
            except TimeoutError:
                break
            heard.append(said.decode("utf-8", "replace") if isinstance(said, bytes) else said)
        line.close()
        while said is not None:  # the socket is shut once the server has agreed
            said = await line.read_message()
        return [one for one in heard if one is not None]

    with ThreadPoolExecutor(1) as other:  # a browser's loop may run in this one
        return other.submit(lambda: asyncio.run(whole())).result()


def throw(address, kernel, frames, cookie=""):
    """Send raw binary messages to a kernel's socket; return the code with which it is shut."""

    async def whole():
        url = f"{address.replace('http', 'ws')}api/kernels/{kernel}/channels"
        line = await websocket_connect(
            HTTPRequest(url, headers={"Cookie": cookie}),
            subprotocols=["v1.kernel.websocket.jupyter.org"],
        )
        for frame in frames:
            line.write_message(frame, binary=True)
        said = b""
        while said is not None:
            said = await asyncio.wait_for(line.read_message(), 20)
        code = line.close_code
        line.close()
        return code

    with ThreadPoolExecutor(1) as other:
        return other.submit(lambda: asyncio.run(whole())).result()


def memory(pid):
    """Return the most memory a process has had, in MB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1000


def refused(address, kernel, cookie=""):
    """Return the status with which a socket is refused, or 101 where it opens."""
    try:
        talk(address, kernel, [], 0.2, cookie)
    except HTTPClientError as fault:
        return fault.code
    return 101


def becomes(page, true, arg=None, seconds=20.0):
    """Wait until an expression is true in a page whose policy forbids evaluating text."""
    until(lambda: page.evaluate(true, arg), seconds)
