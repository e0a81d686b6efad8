"""Requests that are there in part cost the dashboards' server next to nothing."""

import asyncio
import contextlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import tornado.web

from evidence.board import listener
from evidence.board.listener import Listener

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
HALVES = {
    "nothing": b"",
    "head": GET,
    "body": POST + b"Content-Length: 9\r\n\r\nabc",
    "lower case": POST + b"content-length:9\r\n\r\nabc",
    "chunks": POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
}
ENDS = {
    "nothing": GET + b"\r\n",
    "head": b"\r\n",
    "body": b"def" * 2,
    "lower case": b"def" * 2,
    "chunks": b"0\r\n\r\n",
}


class Answer(tornado.web.RequestHandler):
    def get(self):
        self.write(f"got {len(self.request.body)}")

    post = get


def during(work, kind=Listener):
    """Run `work(server, ask)` beside a server; `ask` opens a connection to it and sends bytes."""

    async def whole():
        server = kind(tornado.web.Application([("/.*", Answer)], log_function=lambda _: None))
        port = socket.socket()
        port.bind(("127.0.0.1", 0))
        port.listen(1000)
        port.setblocking(False)
        server.add_sockets([port])
        with contextlib.ExitStack() as stack, ThreadPoolExecutor(1) as other:

            def ask(content):
                line = stack.enter_context(socket.create_connection(port.getsockname(), 5))
                line.sendall(content)
                return line

            try:
                return await asyncio.get_running_loop().run_in_executor(other, work, server, ask)
            finally:
                server.stop()
                await server.close_all_connections()

    return asyncio.run(whole())


def until(true):
    end = time.monotonic() + 5
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def said(line):
    """Return what comes before a connection is shut, be it with what was sent unread."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := line.recv(9999):
            found += part
    return found


@pytest.mark.parametrize("turn", [1, 32])
@pytest.mark.parametrize("half", HALVES)
def test_request_in_two_parts_is_answered_once_it_is_whole(half, turn, monkeypatch):
    monkeypatch.setattr(listener, "_TURN", turn)

    def work(server, ask):
        line = ask(HALVES[half])
        until(lambda: server.waiting and not server.unwatched)
        time.sleep(0.02)
        assert not server.asking
        line.sendall(ENDS[half])
        return said(line)

    length = {"nothing": 0, "head": 0, "chunks": 3}.get(half, 9)
    assert during(work).endswith(b"got %d" % length)


@pytest.mark.parametrize("half", HALVES)
def test_half_of_a_request_is_never_begun_and_the_oldest_make_room(half, monkeypatch):
    monkeypatch.setattr(listener, "_CONNECTIONS", 20)

    def work(server, ask):
        lines = [ask(HALVES[half]) for _ in range(60)]
        until(lambda: len(server.waiting) == 20)
        assert not server.asking
        assert said(ask(GET + b"\r\n")).endswith(b"got 0")  # whoever asks in between is answered
        until(lambda: 19 <= len(server.waiting) <= 20)  # it may have taken a place for a moment
        for line in lines[:40]:
            assert said(line) == b""
        lines[-1].sendall(ENDS[half])
        assert b" 200 " in said(lines[-1])

    during(work)


@pytest.mark.parametrize("half", HALVES)
def test_half_of_a_request_that_ends_or_waits_too_long_is_shut(half, monkeypatch):
    def work(server, ask):
        line = ask(HALVES[half])
        line.shutdown(socket.SHUT_WR)
        assert said(line) == b""
        monkeypatch.setattr(listener, "_PATIENCE", 0.0)
        late = ask(HALVES[half])
        until(lambda: server.waiting)
        server._sweep()
        assert said(late) == b""
        assert not server.waiting

    during(work)


def test_what_is_larger_than_is_looked_at_is_begun():
    body = b"a" * 100_000

    def work(server, ask):
        return said(ask(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body))

    assert during(work).endswith(b"got 100000")


@pytest.mark.parametrize("half", HALVES)
def test_of_a_flood_of_halves_not_one_is_begun(half):
    def work(server, ask):
        lines = [ask(HALVES[half]) for _ in range(200)]
        until(lambda: len(server.waiting) == len(lines))
        assert not server.asking
        for line in lines:
            line.close()
        until(lambda: not server.waiting)

    during(work)
