# SPDX-License-Identifier: Apache-2.0
"""What is new, told to every page at once: a hub that any thread may speak to, and a stream of events for each page.

A message is encoded once, however many listen. Nothing is kept for who is not there: a page that comes, or comes back,
is greeted with `hello` and reads what it shows again. So a reader that does not keep up is simply let go.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from shoal.store import NewRecord

MOST_STREAMS = 512
MOST_WAITING = 256
"""Messages that a stream keeps for its reader."""
PAUSE = 0.2
"""Seconds between messages of one kind, at least."""
LONGER = 1.25
"""Pauses for which a kind is held back that went along with records: the next of these come a little after one."""
STILL_HERE = 10.0
"""Seconds between signs of life, by which a server finds out that a page is gone, and a page that a server is: they
are messages of the topic "here", for scripts do not see comments."""
LINE = "shoal.line"
"""The extension of ASGI by which a server offers a `Line`, as its ``send``; without it all goes the usual way."""
AGAIN = b"retry: 1000\n\n"
"""A page that lost the line calls again after so many milliseconds."""

Kind = tuple[str, Any]
"""A topic, and an id or None."""
Line = Callable[[bytes], bool]
"""Sends a piece of an answer that goes on; False if too much waits for its reader already."""


class Stream:
    """The messages for one page, in their order; it belongs to the server's loop."""

    def __init__(self) -> None:
        self.line: Line | None = None
        """Takes messages at once while none waits: they then pass no task and no layer of the server's."""
        self._at_once = False
        self._waiting: list[bytes] = []
        self._news = asyncio.Event()
        self._ended = False

    def put(self, message: bytes) -> bool:
        """One more message; False if its reader is too far behind, which ends the stream."""
        if self.line and self._at_once:
            taken = self.line(message)
        elif taken := len(self._waiting) < MOST_WAITING:
            self._waiting.append(message)
            self._news.set()
        if not taken:
            self.end()
        return taken

    def end(self) -> None:
        """No more: what still waits is dropped."""
        self._ended, self._at_once = True, False
        self._waiting.clear()
        self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Everything that waits, in one piece; whoever asks for it has sent what there was before."""
        self._at_once = not (self._waiting or self._ended)
        await self._news.wait()
        if self._ended:
            raise StopAsyncIteration
        piece = b"".join(self._waiting)
        self._waiting.clear()
        self._news.clear()
        return piece


@dataclass
class _Held:
    """What is held back of a kind, until a pause is over."""

    timer: asyncio.TimerHandle
    message: bytes | None = None


class Hub:
    """One for a server. `tell`, `records` and `close` may be called from any thread, the others from the server's loop.

    Args:
        boot: tells a page whether it is still the same server.
    """

    def __init__(self, boot: str = "") -> None:
        self.boot = boot
        self.stored = 0
        """Grows by one whenever something new was found in the store."""
        self._streams: set[Stream] = set()
        self._held: dict[Kind, _Held] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def watchers(self) -> int:
        """Pages that listen."""
        return len(self._streams)

    @property
    def pause(self) -> float:
        """Seconds between messages of one kind: more with many watchers, so that telling them costs little."""
        return min(0.4, max(PAUSE, self.watchers * 0.002))

    @property
    def pace(self) -> float:
        """Seconds that each page should leave between its readings of charts: five in two seconds for all of them, each
        of which takes some milliseconds of a core, and beyond a hundred pages fewer still. Records move meters and rows
        meanwhile, however many watch."""
        return max(1.0, self.watchers * 0.4 * max(1.0, self.watchers / 100))

    # ---- speaking -------------------------------------------------------------------------------------

    def tell(self, topic: str, **content: Any) -> None:
        """A message to every page. Of those with the same topic and ``id`` within a pause, only the newest is sent."""
        if self._streams:
            self._soon(self._take, (topic, content.get("id")), message(topic, **content))

    def records(self, records: Sequence[NewRecord] = (), more: bool = False) -> None:
        """Something was stored: pages are told of these records, and whether there are more than these.

        With neither, nothing is sent: what else the store keeps shows in no page before the records that follow.
        """
        self.stored += 1
        if self._streams and (records or more):
            content = {"stored": self.stored, "records": records, "pace": self.pace} | ({"more": True} if more else {})
            self._soon(self._hand_all, message("records", **content))

    def greet(self) -> None:
        """Greet every page once more: what it was told before holds no longer, and it reads everything anew."""
        self.tell("hello", **self._facts())

    def close(self) -> None:
        """End every stream, and begin no other: the server is about to stop."""
        self._closed = True
        self._soon(self._end)

    # ---- listening ------------------------------------------------------------------------------------

    def open(self) -> Stream | None:
        """A stream for one more page, greeted already; None if there are too many, or the server stops."""
        if self._closed or len(self._streams) >= MOST_STREAMS:
            return None
        self._settle(asyncio.get_running_loop())
        stream = Stream()
        self._streams.add(stream)
        stream.put(AGAIN + message("hello", **self._facts()))
        return stream

    def _facts(self) -> dict[str, Any]:
        return {"boot": self.boot, "stored": self.stored, "watchers": self.watchers, "pace": self.pace}

    def leave(self, stream: Stream) -> None:
        """A page has gone."""
        self._streams.discard(stream)

    # ---- in the loop ----------------------------------------------------------------------------------

    def _settle(self, loop: asyncio.AbstractEventLoop) -> None:
        """Streams live in one loop, the latest: those of a loop before it went with its server."""
        if self._loop is not loop:
            self._loop = loop
            self._streams.clear()
            self._held.clear()
            loop.call_later(STILL_HERE, self._still_here, loop)

    def _soon(self, do: Callable[..., None], *given: Any) -> None:
        """Do it in the loop, if there is one: it may just have been closed."""
        if self._loop:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(do, *given)

    def _hand(self, message: bytes) -> None:
        for stream in tuple(self._streams):
            if not stream.put(message):
                self.leave(stream)

    def _hand_all(self, message: bytes) -> None:
        """Hand it on with all that waits: a line costs more by being written to than by what is written."""
        waiting = [(kind, held.message) for kind, held in self._held.items() if held.message]
        self._hand(b"".join([message, *(one for _, one in waiting)]))
        for kind, _ in waiting:
            self._hold(kind, LONGER * self.pause)  # so that the next of these finds it waiting again

    def _take(self, kind: Kind, message: bytes) -> None:
        """Hand it on, unless one of its kind just was: then it waits, or the next one in its place."""
        if kind in self._held:
            self._held[kind].message = message
        else:
            self._hand(message)
            self._hold(kind, self.pause)

    def _hold(self, kind: Kind, seconds: float) -> None:
        """Nothing of this kind for so long."""
        if kind in self._held:
            self._held[kind].timer.cancel()
        self._held[kind] = _Held(asyncio.get_running_loop().call_later(seconds, self._release, kind))

    def _release(self, kind: Kind) -> None:
        """The pause is over."""
        waiting = self._held.pop(kind).message
        if waiting is not None:
            self._take(kind, waiting)

    def _still_here(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is loop and not self._closed:
            self._hand(message("here"))
            loop.call_later(STILL_HERE, self._still_here, loop)

    def _end(self) -> None:
        for stream in tuple(self._streams):
            stream.end()
            self.leave(stream)


def message(topic: str, **content: Any) -> bytes:
    """An event as it goes over the line; NaN and infinities become null."""
    return b"data: " + msgspec.json.encode({"topic": topic, **content}) + b"\n\n"


class Events(StreamingResponse):
    """A stream as an answer that has no end of its own; however it ends, the hub knows."""

    def __init__(self, hub: Hub, stream: Stream) -> None:
        super().__init__(stream, media_type="text/event-stream")
        self._hub, self._stream = hub, stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._stream.line = scope.get("extensions", {}).get(LINE, {}).get("send")
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._hub.leave(self._stream)


async def events(request: Request) -> Response:
    """What is new from now on."""
    hub: Hub = request.app.state.lab.hub
    stream = hub.open()
    if stream is None:
        words = {"error": f"{hub.watchers} pages listen already, or the server is stopping. Close one, or try later."}
        return Response(msgspec.json.encode(words), 503, media_type="application/json")
    return Events(hub, stream)


ROUTES = (Route("/api/events", events, methods=["GET"]),)
