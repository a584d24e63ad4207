# SPDX-License-Identifier: Apache-2.0
"""Who asks and then reads nothing is cut off, and the server forgets it; who reads slowly gets everything."""

import asyncio
import contextlib
import http.client
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from shoal.live import events
from shoal.live.events import Hub
from shoal.live.sockets import PromptProtocol, Serving, listen

LARGE = 600_000
"""Bytes of an answer, many times what the system holds of it."""
HELD = 32 * 1024
"""Bytes that the system holds at each end of a connection, about."""


class Impatient(PromptProtocol):
    seconds = 0.2
    patience = 0.6


class Pages:
    """A server of a large answer, of a stream without an end, and of the events of a hub."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.gone = threading.Event()
        """Set when whoever listened to the stream has gone."""
        self._listening = listen("127.0.0.1", 0)
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HELD)
        own = (Route("/large", self._large), Route("/stream", self._stream), Route("/line", self._line))
        routes = [*own, *events.ROUTES]
        app = Starlette(routes=routes)
        app.state.lab = SimpleNamespace(hub=self.hub)
        self.serving = Serving(app, self._listening, "", Impatient, farewell=self.hub.close)

    def call(self, path: str) -> socket.socket:
        """A connection on which something was asked for, and nothing read yet."""
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HELD)
        line.settimeout(20)
        line.connect(self._listening.getsockname())
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return line

    async def _large(self, request):
        return Response(b"x" * LARGE)

    async def _line(self, request):
        return Response(headers={"x-line": "yes" if events.LINE in request.scope.get("extensions", {}) else "no"})

    async def _stream(self, request):
        async def every():
            try:
                while True:
                    yield b"x" * 10_000
                    await asyncio.sleep(0)
            finally:
                self.gone.set()

        return StreamingResponse(every(), media_type="text/event-stream")


@pytest.fixture
def pages():
    pages = Pages()
    with pages.serving:
        yield pages


def whole(line: socket.socket) -> bool:
    """Whether an answer has its end, once its reader looks: a length that was said, or a last piece of nothing."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while piece := line.recv(65536):
            got += piece
    return len(got) > LARGE or got.endswith(b"0\r\n\r\n")


def test_who_reads_nothing_of_a_stream_is_cut_off(pages):
    with pages.call("/stream") as line:
        assert pages.gone.wait(20)
        assert not whole(line)


def test_who_reads_nothing_of_an_answer_is_cut_off(pages):
    with pages.call("/large") as line:
        until(lambda: pages.serving._server.server_state.connections)
        until(lambda: not pages.serving._server.server_state.connections)
        assert not whole(line)


def test_the_hub_misses_a_page_that_reads_nothing(pages):
    with pages.call("/api/events") as line:
        until(lambda: pages.hub.watchers == 1)
        while pages.hub.watchers:
            pages.hub.tell("training", id=time.monotonic(), words="x" * 10_000)
            time.sleep(0.001)
        until(lambda: not pages.serving._server.server_state.connections)
        assert not whole(line)


def test_messages_go_straight_to_a_page_in_whole_pieces(pages, monkeypatch):
    straight, send = [], PromptProtocol._send_on
    monkeypatch.setattr(PromptProtocol, "_send_on", lambda self, piece: straight.append(piece) or send(self, piece))
    with contextlib.closing(http.client.HTTPConnection(*pages.serving._listening.getsockname(), timeout=20)) as line:
        line.request("GET", "/api/events")
        answer = line.getresponse()  # it reads pieces as HTTP cuts them, and fails at any other
        got = answer.read1()
        assert b'"hello"' in got
        for number in range(20):
            pages.hub.tell("training", id=number, words="x" * number * 1000)
            while b'"id":%d,' % number not in got or not got.endswith(b"\n\n"):
                got += answer.read1()
        pages.hub.close()
        got += answer.read()
    assert got.count(b"data: ") == 21
    assert len(straight) > 10


@pytest.mark.parametrize(("asked", "line"), [("GET 1.1", b"yes"), ("GET 1.0", b"no"), ("HEAD 1.1", b"no")])
def test_a_line_is_offered_only_where_an_answer_comes_in_pieces(pages, asked, line):
    method, version = asked.split()
    with socket.create_connection(pages.serving._listening.getsockname(), timeout=20) as calling:
        calling.sendall(f"{method} /line HTTP/{version}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        got = b""
        while piece := calling.recv(65536):
            got += piece
    assert b"x-line: " + line + b"\r\n" in got


def test_who_reads_slowly_is_not_cut_off_while_more_comes_than_it_reads(pages):
    ends = time.monotonic() + 4 * Impatient.patience
    with pages.call("/api/events") as line:
        until(lambda: pages.hub.watchers == 1)
        while time.monotonic() < ends:
            pages.hub.tell("training", id=time.monotonic(), words="x" * 4000)
            assert line.recv(2000)
            time.sleep(0.01)
        assert pages.hub.watchers == 1


def test_who_reads_slowly_gets_everything(pages):
    """For longer than a request may take, and than anybody may read nothing."""
    with pages.call("/large") as line:
        begun, got = time.monotonic(), b""
        while len(got) < LARGE:
            piece = line.recv(LARGE // 40)
            assert piece, "cut off"
            got += piece
            time.sleep(0.03)
        assert time.monotonic() - begun > Impatient.patience + Impatient.seconds


def test_a_line_is_used_again_after_a_large_answer(pages):
    line = http.client.HTTPConnection(*pages._listening.getsockname(), timeout=20)
    with contextlib.closing(line):
        for _ in range(3):
            line.request("GET", "/large")
            assert len(line.getresponse().read()) == LARGE


def until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
