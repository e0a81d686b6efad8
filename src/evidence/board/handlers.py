"""What the dashboards' server answers: pages, its own assets, three files, and who may ask."""

from __future__ import annotations

import collections
import functools
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tornado.web
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.identity import PasswordIdentityProvider
from jupyter_server.auth.login import LoginFormHandler
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.services.kernels.handlers import KernelHandler
from tornado.web import StaticFileHandler, authenticated
from voila.tornado.kernel_websocket_handler import (
    VoilaKernelWebsocketHandler,
    read_header_from_binary_message,
)

from evidence.board.kernel_pool import FullError, KernelPool
from evidence.show.render import render, safe

_YEAR = 31_536_000
_GUESSES, _PAUSE = 100, 60.0  # wrong ones within so many seconds; then none is looked at
_PARTS = 64  # of a message: four, and the buffers of a widget
_PROTOCOL = "v1.kernel.websocket.jupyter.org"
_HEARD = (
    "status", "comm_open", "comm_msg", "comm_close", "comm_info_reply", "kernel_info_reply",
)  # fmt: skip


class Plain(JupyterHandler):
    """Says whatever goes wrong in a plain sentence, and to the log in a line.

    An address may hold the password and a traceback anything: neither is written anywhere.
    """

    def log_exception(self, kind: Any, fault: Any, trace: Any) -> None:
        """Name the page and the kind of fault; a refusal is none."""
        if kind and not isinstance(fault, tornado.web.HTTPError):
            self.log.error("%s %.80r: %s", self.request.method, self.request.path, kind.__name__)

    def write_error(self, status_code: int, **_: Any) -> None:
        """Write a page that names no path, no value and no cause."""
        title, text = {
            403: ("You cannot open this", "Ask whoever runs the evidence base for the link."),
            429: ("Too many wrong passwords", "Please wait a minute, then try again."),
            404: ("There is nothing at this address", "It may be misspelt."),
        }.get(status_code, ("This page could not be shown", "Please try again in a minute."))
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.finish(str(render("board/plain.html", title=title, text=text, top=self.base_url)))


class Pooled(Plain):
    """What needs the pool of kernels."""

    def initialize(self, pool: KernelPool, notebook: str = "") -> None:
        """Keep the pool, and which notebook is at this address."""
        self.pool, self.notebook = pool, notebook


class Opened(Pooled):
    """A dashboard, or a polite request to wait."""

    @authenticated
    async def get(self) -> None:
        """Answer with the page, its kernel waiting."""
        if "token" in self.request.query_arguments:  # do not leave it in the address
            self.redirect(self.request.path)
            return
        query = self.request.query[:500]
        try:
            page = await self.pool.open(self.notebook, query)
        except FullError:
            self.set_status(503)
            self.set_header("Retry-After", "30")
            path = self.request.path
            self.finish(str(render("board/wait.html", title="Please wait a moment", path=path)))
            return
        self.set_header("Cache-Control", "no-store")
        self.finish(page)


class Alive(Pooled):
    """Whether the kernel of an open page is still there: asked by the page every few seconds."""

    @authenticated
    async def get(self, kernel_id: str) -> None:
        """Answer 204 if it is, 410 if it is not."""
        self.set_header("Cache-Control", "no-store")
        self.set_status(204 if await self.pool.alive(kernel_id) else 410)
        self.finish()


class Closed(Pooled):
    """The beacon of a page that is being closed.

    A browser sends it without Voila's token against forged requests, which is why Voila leaves
    kernels behind. What it can do is end the kernel whose unguessable name it knows.
    """

    def check_xsrf_cookie(self) -> None:
        """Ask that the request come from a page of one's own instead."""
        if self.request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise tornado.web.HTTPError(403)

    @authenticated
    async def post(self, kernel_id: str) -> None:
        """End the kernel of the page."""
        if kernel_id in self.pool.visitors:
            await self.pool.close(kernel_id)
        self.set_status(204)
        self.finish()


class Kernel(Plain, KernelHandler):
    """What the page may ask of its kernel: whether it is there. It may not end or restart any."""

    SUPPORTED_METHODS = ("GET",)


class Channels(Plain, VoilaKernelWebsocketHandler):
    """The socket between a page and its kernel, for the messages of widgets and no other.

    What a fault prints is for whoever runs the server: a traceback names paths and values.
    """

    def on_message(self, message: bytes | str) -> Any:
        """Take a message whose parts lie within it; the lengths it gives are only claims.

        Binary ones are those of the protocol with places at their head: in the older one a count
        of four bytes costs gigabytes. Whatever else is wrong shows when a message is taken apart.
        """
        try:
            known = self.selected_subprotocol == _PROTOCOL  # fails where it is shut already
            if isinstance(message, str) or (known and _whole(message)):
                return super().on_message(message)
        except Exception:
            self.log.debug("a message that could not be taken apart")
        self.close(1003, "not a message")
        return None

    def write_message(self, message: bytes | str | dict, binary: bool = False) -> Any:
        """Pass on a message from the kernel if it is one that widgets need."""
        if isinstance(message, bytes):
            known = self.selected_subprotocol == _PROTOCOL
            header = read_header_from_binary_message(message) if known else None
        else:
            header = (json.loads(message) if isinstance(message, str) else message).get("header")
        if not header or header.get("msg_type") not in _HEARD:
            return None
        return super().write_message(message, binary)


def _whole(message: bytes) -> bool:
    """Say whether the offsets at the head of a binary message are all there and within it."""
    count = int.from_bytes(message[:8], "little")
    if len(message) < 8 or not 2 <= count <= _PARTS or len(message) < 8 * (count + 1):
        return False
    places = [int.from_bytes(message[8 * i : 8 * i + 8], "little") for i in range(1, count + 1)]
    return [8 * (count + 1), *places] == sorted([*places, places[0]]) and places[-1] <= len(message)


class Asset(Plain, StaticFileHandler):
    """A file of the page's own scripts; one that is outside its folder is not there."""

    @authenticated
    async def get(self, path: str, include_body: bool = True) -> None:
        """Send the file."""
        try:
            await StaticFileHandler.get(self, path, include_body)
        except (OSError, ValueError):  # a name that no file can have
            raise tornado.web.HTTPError(404) from None

    @authenticated
    async def head(self, path: str) -> None:
        """Send what is known of the file."""
        await self.get(path, include_body=False)

    def set_extra_headers(self, path: str) -> None:
        """Let browsers keep it: its address holds the versions it is of."""
        self.set_header("Cache-Control", f"private, max-age={_YEAR}, immutable")

    def compute_etag(self) -> str | None:
        """Give none: the address says which version it is."""
        return None


class Download(Plain):
    """One of the few files of the current release that may be taken away."""

    def initialize(self, files: Mapping[str, Any]) -> None:
        """Keep what there is: a name and a function that gives the path."""
        self.files = files

    @authenticated
    async def get(self, name: str) -> None:
        """Send the file, never to be shown as a page."""
        if name not in self.files:
            raise tornado.web.HTTPError(404)
        path: Path = self.files[name]()
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Disposition", f'attachment; filename="{path.name}"')
        self.finish(path.read_bytes())


class Doorkeeper(PasswordIdentityProvider):
    """Lets those in who know the password, and none for a while after many wrong guesses."""

    async def get_user_token(self, handler: Any) -> Any:
        """Return who asks with a token, refusing everybody with one while guesses are many."""
        if not self.get_token(handler):
            return None
        return self._counted(await super().get_user_token(handler))

    def process_login_form(self, handler: Any) -> Any:
        """Return who sent the form of the password, under the same rule."""
        return self._counted(super().process_login_form(handler))

    @functools.cached_property
    def _wrong(self) -> collections.deque[float]:
        return collections.deque(maxlen=_GUESSES)

    def _counted(self, user: Any) -> Any:
        """Return who was let in, unless too many before were not: right or wrong is not told."""
        now = time.monotonic()
        if len(self._wrong) == _GUESSES and now - self._wrong[0] < _PAUSE:
            raise tornado.web.HTTPError(429)
        if user is None:
            self._wrong.append(now)
        return user


class Login(Plain, LoginFormHandler):
    """Asks for the password that opens the evidence base."""

    def _render(self, message: Mapping[str, str] | None = None) -> None:
        title, form = "This evidence base is not public", safe(self.xsrf_form_html())
        self.set_header("Cache-Control", "no-store")
        page = render("board/login.html", title=title, wrong=bool(message), xsrf=form)
        self.write(str(page))


class Missing(Plain):
    """Every other address."""

    @allow_unauthenticated
    def prepare(self) -> None:
        """Say that there is nothing."""
        raise tornado.web.HTTPError(404)
