# SPDX-License-Identifier: Apache-2.0
"""The page on a port: a server in a thread of its own, and deadlines for who sends a request slowly, or reads nothing.

uvicorn waits for the rest of a request, or for a reader, as long as somebody holds the line; 500 such lines and a page
is gone. What stands behind the port is not this file's concern.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import h11
from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from shoal.errors import UsageError
from shoal.live.answers import HEADERS
from shoal.live.events import LINE

MOST_HEAD = 16 * 1024
"""Bytes of a request's line and headers."""
MOST_CONNECTIONS = 800
"""At a time: each is an open file, of which a process has often 1024, and the store needs some."""
WAIT = 4.8
"""Seconds for a whole request, so that with five hundred at once the last is cut within five."""
PATIENCE = 30.0
"""Seconds in which a reader takes something of what waits for it."""
MOST_UNREAD = 1024 * 1024
"""Bytes that may wait for the reader of a stream."""


class PromptProtocol(H11Protocol):
    """uvicorn's, with deadlines: a request is whole within `seconds`, or the line is cut.

    The time runs from the beginning of the connection, or from the end of the answer before. While an answer is being
    sent there is none, so that a stream of events may last; but whoever takes nothing of it for `patience` seconds,
    while more waits than the system holds, is cut off too. A reader that is slow is not.
    """

    seconds = WAIT
    patience = PATIENCE

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has called."""
        self._deadline: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._added = 0
        """Bytes that came to those that wait since its reader was looked at."""
        self.access_log = False  # whatever loggers there are: a token in an address would be in it
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            return transport.abort()
        return self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """The line is closed, whoever did it."""
        self._settle()
        self._taken()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Some bytes have come: was the last of the request among them?"""
        super().handle_events()
        if self.scope and (self.scope["method"], self.scope["http_version"]) == ("GET", "1.1"):
            self.scope.setdefault("extensions", {})[LINE] = {"send": self._send_on}
        if self.conn.their_state in (h11.DONE, h11.MUST_CLOSE):
            self._settle()

    def on_response_complete(self) -> None:
        """The answer has been sent; another request may come, or be there already."""
        self._expect()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets an answer with the headers of every other."""
        content = b'{"error": "This is not HTTP."}'
        own = {"content-type": "application/json", "content-length": str(len(content)), "connection": "close"}
        headers = [(name.encode(), value.encode()) for name, value in (own | HEADERS).items()]
        for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=content), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def pause_writing(self) -> None:
        """More waits for the reader than it takes at the moment."""
        super().pause_writing()
        self._look_again()

    def resume_writing(self) -> None:
        """It has taken most of that."""
        super().resume_writing()
        self._taken()

    def _send_on(self, piece: bytes) -> bool:
        """A chunk of an answer without a length, as `Line` says. The usual way costs three times as much, and streams
        send hundreds a second."""
        if self.transport.is_closing() or self.transport.get_write_buffer_size() > MOST_UNREAD:
            return False
        chunk = b"%x\r\n%b\r\n" % (len(piece), piece)
        self._added += len(chunk)
        self.transport.write(chunk)
        return True

    def _expect(self) -> None:
        self._settle()
        self._deadline = self.loop.call_later(self.seconds, self._late)

    def _late(self) -> None:
        """No whole request has come; while the answer before is still on its way, none is expected."""
        if self._reading:
            self._expect()
        else:
            self.transport.abort()

    def _settle(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _look_again(self) -> None:
        waiting, self._added = self.transport.get_write_buffer_size(), 0
        self._reading = self.loop.call_later(self.patience, self._stuck, waiting)

    def _stuck(self, before: int) -> None:
        """Has the reader taken anything since?"""
        if self.transport.get_write_buffer_size() < before + self._added:
            self._look_again()
        else:
            self.transport.abort()

    def _taken(self) -> None:
        if self._reading:
            self._reading.cancel()
            self._reading = None


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on; whoever calls before the server runs waits.

    Raises:
        UsageError: the port is taken or not for everybody, or the host is not this machine, or all of its addresses.
    """
    if host in ("", "0.0.0.0", "::"):
        raise UsageError(f"--host {host}: that is every address of this machine. Name the one that browsers will use.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as reason:
        raise UsageError(
            f"The page cannot be served at {host}, port {port}: {reason.strerror or reason}. "
            f"Use another --port, or --port 0 for any that is free."
        ) from None
    # Each connection has this from here; asyncio sets it only on sockets that were made with their protocol's number.
    # Without it an answer's body waits for the receipt of its head, which a browser sends 40 ms later.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
    return listening


class Serving:
    """A server and its thread; a context manager.

    Args:
        address: where its page is, with the token.
        protocol: how a connection is spoken to.
        farewell: ends the answers that have no end of their own, which would otherwise be cut off a second later.
    """

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        address: str,
        protocol: type[H11Protocol] = PromptProtocol,
        farewell: Callable[[], None] | None = None,
    ) -> None:
        self.address = address
        self._farewell = farewell
        self._listening = listening
        settings: dict[str, Any] = {
            "http": protocol,
            "loop": "asyncio",
            "ws": "none",
            "lifespan": "off",
            "access_log": False,
            "log_config": None,
            "log_level": "critical",
            "server_header": False,
            "proxy_headers": False,
            "h11_max_incomplete_event_size": MOST_HEAD,
            "timeout_keep_alive": 5,
            "timeout_graceful_shutdown": 1,
        }
        self._server = Server(Config(app, **settings))
        self._ended = threading.Event()  # a thread that was joined until Ctrl-C passes for ended in some Pythons
        self._thread = threading.Thread(target=self._run, name="shoal-page", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait(self) -> None:
        """Until somebody presses Ctrl-C, which comes as `KeyboardInterrupt`."""
        self._ended.wait()

    def stop(self) -> None:
        """Within about a second, although pages listen to streams that have no end."""
        self._server.should_exit = True
        if self._farewell:
            self._farewell()
        self._ended.wait(timeout=5)
        self._listening.close()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listening])
        finally:
            self._ended.set()
