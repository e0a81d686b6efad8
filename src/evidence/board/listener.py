"""Take connections so that whoever asks for half of something makes nobody else wait."""

from __future__ import annotations

import re
import selectors
import time
from collections.abc import Iterable
from socket import MSG_PEEK, SO_RCVLOWAT, SOL_SOCKET, socket
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop, PeriodicCallback

_CONNECTIONS = 400  # at once that wait, and as many that ask, without the sockets of open pages
_PATIENCE = 20.0  # seconds for a request to be there
_QUEUE = 4096  # connections not taken yet: whoever finds no place tries again after a second
_TURN = 16  # connections taken before anything else is done
_LOOKED_AT = 32_768  # bytes; a request that is larger is begun with before all of it is there
_MORE = SOL_SOCKET, SO_RCVLOWAT  # bytes from which on there is something to look at
_HEAD = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r?\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\ntransfer-encoding:", re.IGNORECASE)


class Listener(HTTPServer):
    """A server that begins with a request once all of it is there: half of one costs next to none.

    Connections that wait, and those that ask, have a limit each: beyond it the oldest is shut.
    """

    def initialize(self, *args: Any, **options: Any) -> None:
        """Begin with no connection."""
        super().initialize(*args, **options)
        self.waiting: dict[socket, tuple[Any, float]] = {}  # their addresses, and since when
        self.unwatched: set[socket] = set()  # those of them that came while there are others
        self.asking: dict[Any, None] = {}
        self.more = selectors.DefaultSelector()
        self.again = False

    def listen(self, port: int, address: str | None = None, **options: Any) -> None:
        """Listen, with as long a queue as the system grants."""
        super().listen(port, address, **{"backlog": _QUEUE} | options)

    def add_sockets(self, sockets: Iterable[socket]) -> None:
        """Take connections from sockets."""
        if not hasattr(self.more, "fileno"):  # Windows
            super().add_sockets(sockets)
            return
        loop = IOLoop.current()
        loop.add_handler(self.more, self._look, loop.READ)
        self.sweeper = PeriodicCallback(self._sweep, 5000)
        self.sweeper.start()
        for each in sockets:
            self._sockets[each.fileno()] = each
            self._handlers[each.fileno()] = lambda each=each: loop.remove_handler(each)
            loop.add_handler(each, self._take, loop.READ)

    def stop(self) -> None:
        """Take no more connections, and wait for none."""
        super().stop()
        if hasattr(self, "sweeper"):
            self.sweeper.stop()
            IOLoop.current().remove_handler(self.more)
        for line in [*self.waiting]:
            self._shut(line)
        self.more.close()

    def _take(self, listening: socket, _: int) -> None:
        now = time.monotonic()
        for _ in range(_TURN):
            try:
                line, address = listening.accept()
            except BlockingIOError:  # that was the last one
                for line in self.unwatched:
                    self.more.register(line, selectors.EVENT_READ)
                self.unwatched.clear()
                return
            except OSError:  # it is gone, or too many files are open
                for line in [*self.waiting][:1]:
                    self._shut(line)
                return
            line.setblocking(False)
            self.waiting[line] = address, now
            self.unwatched.add(line)
            if not self._begin(line) and len(self.waiting) > _CONNECTIONS:
                oldest = next(iter(self.waiting))
                if not self._begin(oldest):
                    self._shut(oldest)
        if not self.again:  # else none may come that is the last one
            self.again = True
            IOLoop.current().add_callback(self._take_again, listening)

    def _take_again(self, listening: socket) -> None:
        self.again = False
        self._take(listening, 0)

    def _look(self, *_: Any) -> None:
        for key, _ in self.more.select(0):
            self._begin(key.fileobj)

    def _begin(self, line: socket) -> bool:
        """Begin with a request that is whole, or shut what will never be one; say if it was so."""
        try:
            there = line.recv(_LOOKED_AT, MSG_PEEK)
            if not (whole := _whole(there)) and len(there) >= line.getsockopt(*_MORE):
                line.setsockopt(*_MORE, len(there) + 1)
                return False
        except BlockingIOError:
            return False
        except OSError:
            whole = False
        if whole:
            line.setsockopt(*_MORE, 1)
            self._handle_connection(line, self._forget(line))
        else:
            self._shut(line)
        return True

    def _forget(self, line: socket) -> Any:
        if line in self.unwatched:
            self.unwatched.remove(line)
        else:
            self.more.unregister(line)
        return self.waiting.pop(line)[0]

    def _shut(self, line: socket) -> None:
        self._forget(line)
        line.close()

    def _sweep(self) -> None:
        now = time.monotonic()
        for line in [line for line, (_, since) in self.waiting.items() if now - since > _PATIENCE]:
            self._shut(line)

    def start_request(self, server_conn: Any, request_conn: Any) -> Any:
        """Count a connection that is about to ask; sockets of pages are none of these."""
        self.asking[server_conn] = None
        if len(self.asking) > _CONNECTIONS:
            oldest = next(iter(self.asking))
            del self.asking[oldest]
            oldest.stream.close()
        return super().start_request(server_conn, request_conn)

    def on_close(self, server_conn: Any) -> None:
        """Count it no more."""
        self.asking.pop(server_conn, None)
        super().on_close(server_conn)


def _whole(there: bytes) -> bool:
    """Say whether a request is there with its body, or is larger than is looked at."""
    if len(there) == _LOOKED_AT:
        return True
    if not (end := _HEAD.search(there)):
        return False
    head = there[: end.end()]
    if _CHUNKED.search(head):
        return there.endswith(b"0\r\n\r\n")
    length = _LENGTH.search(head)
    return not length or len(there) >= len(head) + int(length[1])
