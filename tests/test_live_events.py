# SPDX-License-Identifier: Apache-2.0
"""Every page hears everything once, from any thread; who does not listen is let go, and a server can end."""

import asyncio
import contextlib
import json
import math
import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn
from starlette.applications import Starlette

from fakes import FakeEngine
from shoal.live import events, serve
from shoal.live.events import MOST_STREAMS, MOST_WAITING, ROUTES, Hub, Stream
from shoal.live.lab import Lab
from shoal.store import NewRecord

RECORD = NewRecord(3, 1, 10, 0, 0.7, 0.75, 0.6, 0.8, 0.05, None)


def read(piece: bytes) -> list[dict]:
    """The messages in some bytes of a stream, without comments."""
    parts = [part.removeprefix(b"data: ") for part in piece.split(b"\n\n") if part.startswith(b"data: ")]
    return [json.loads(part) for part in parts]


async def next_of(stream: Stream) -> list[dict]:
    return read(await asyncio.wait_for(anext(stream), 10))


async def heard(stream: Stream, count: int) -> list[dict]:
    """The next messages, however they are cut into pieces; fails if there are more in these."""
    found: list[dict] = []
    while len(found) < count:
        found += await next_of(stream)
    assert len(found) == count
    return found


def elsewhere(do, *given, **named) -> None:
    """In another thread, which has ended after this."""
    thread = threading.Thread(target=do, args=given, kwargs=named)
    thread.start()
    thread.join()


# ---- the hub ------------------------------------------------------------------------------------------


def test_a_page_is_greeted_first_and_whenever_it_is_to_read_everything_again():
    async def program():
        hub = Hub("b1")
        hub.records([RECORD])
        hub.tell("training", id=1, state="queued")
        first, second = hub.open(), hub.open()
        assert await next_of(first) == [{"topic": "hello", "boot": "b1", "stored": 1, "watchers": 1, "pace": 1.0}]
        assert (await next_of(second))[0]["watchers"] == 2
        hub.greet()
        again = {"topic": "hello", "boot": "b1", "stored": 1, "watchers": 2, "pace": 1.0}
        assert await next_of(first) == await next_of(second) == [again]

    asyncio.run(program())


def test_what_any_thread_tells_every_page_hears_once_and_in_order(monkeypatch):
    encoded = []
    message = events.message
    monkeypatch.setattr(events, "message", lambda topic, **content: encoded.append(topic) or message(topic, **content))

    async def program():
        hub = Hub()
        streams = [hub.open() for _ in range(3)]
        elsewhere(hub.tell, "training", id=1, state="queued")
        elsewhere(hub.records, [RECORD])
        elsewhere(hub.tell, "training", id=2, state="queued")
        for stream in streams:
            found = await heard(stream, 4)
            assert [one["topic"] for one in found] == ["hello", "training", "records", "training"]
            assert [one.get("id") for one in found] == [None, 1, None, 2]

    asyncio.run(program())
    assert encoded == ["hello"] * 3 + ["training", "records", "training"], "encoded once, however many listen"


def test_records_travel_as_rows_and_what_is_no_number_as_null():
    async def program():
        hub = Hub()
        stream = hub.open()
        hub.records([RECORD, RECORD._replace(validation_loss=math.nan, train_loss=math.inf, diverged_at=17)], more=True)
        _, told = await heard(stream, 2)
        assert told == {
            "topic": "records",
            "stored": 1,
            "records": [[3, 1, 10, 0, 0.7, 0.75, 0.6, 0.8, 0.05, None], [3, 1, 10, 0, None, 0.75, None, 0.8, 0.05, 17]],
            "pace": 1.0,
            "more": True,
        }

    asyncio.run(program())


def test_what_is_stored_beside_records_counts_but_is_not_told():
    async def program():
        hub = Hub()
        stream = hub.open()
        hub.records()
        hub.records([RECORD])
        _, told = await heard(stream, 2)
        assert told["stored"] == hub.stored == 2
        assert "more" not in told

    asyncio.run(program())


def test_with_records_goes_what_waits_in_one_piece(monkeypatch):
    monkeypatch.setattr(events, "PAUSE", 0.05)

    async def program():
        hub = Hub()
        stream = hub.open()
        hub.tell("training", id=1, done=0)
        assert len(await heard(stream, 2)) == 2
        for done in (1, 2):
            hub.tell("training", id=1, done=done)
        hub.records([RECORD])
        assert [one.get("done") for one in await next_of(stream)] == [None, 2]
        begun = time.monotonic()
        hub.tell("training", id=1, done=3)
        assert (await next_of(stream))[0]["done"] == 3
        assert time.monotonic() - begun > 0.05, "it is held back anew, for longer than the next records need"

    asyncio.run(program())


def test_of_many_messages_of_one_kind_the_first_and_the_newest_are_sent(monkeypatch):
    monkeypatch.setattr(events, "PAUSE", 0.01)

    async def program():
        hub = Hub()
        stream = hub.open()
        for done in range(50):
            hub.tell("training", id=1, done=done)
            hub.tell("training", id=2, done=done)
        found = await heard(stream, 5)
        assert [(one["id"], one["done"]) for one in found[1:]] == [(1, 0), (2, 0), (1, 49), (2, 49)]
        hub.tell("training", id=1, done=50)
        assert [one["done"] for one in await heard(stream, 1)] == [50], "the pause of the newest ends, too"

    asyncio.run(program())


def test_a_reader_that_does_not_keep_up_is_let_go_and_others_stay():
    async def program():
        hub = Hub()
        slow, quick = hub.open(), hub.open()
        told = 0
        for _ in range(MOST_WAITING):
            hub.records([RECORD])
            await asyncio.sleep(0)
            told += sum(one["topic"] == "records" for one in await next_of(quick))
        with pytest.raises(StopAsyncIteration):
            await anext(slow)
        assert hub.watchers == 1
        hub.records([RECORD])
        told += len(await next_of(quick))
        assert told == MOST_WAITING + 1

    asyncio.run(program())


def test_a_reader_that_is_just_slow_enough_gets_everything_in_one_piece():
    async def program():
        hub = Hub()
        stream = hub.open()
        for _ in range(MOST_WAITING - 1):
            hub.records([RECORD])
        await asyncio.sleep(0)
        assert len(await next_of(stream)) == MOST_WAITING

    asyncio.run(program())


def test_a_line_takes_messages_at_once_but_never_before_one_that_waits():
    async def program():
        hub, taken = Hub(), []
        stream = hub.open()
        stream.line = lambda piece: taken.append(piece) or True
        hub.records([RECORD])
        await asyncio.sleep(0)
        assert [one["topic"] for one in await next_of(stream)] == ["hello", "records"]
        hub.records([RECORD])  # what was there before may not have been sent yet
        await asyncio.sleep(0)
        assert [one["stored"] for one in await next_of(stream)] == [2]
        assert not taken
        waiting = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        for _ in range(2):
            hub.records([RECORD])
        await asyncio.sleep(0)
        assert [one["stored"] for piece in taken for one in read(piece)] == [3, 4]
        hub.close()
        await asyncio.sleep(0)
        with pytest.raises(StopAsyncIteration):
            await waiting

    asyncio.run(program())


def test_a_reader_whose_line_takes_no_more_is_let_go():
    async def program():
        hub = Hub()
        stream = hub.open()
        stream.line = lambda piece: False
        await anext(stream)
        waiting = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        hub.records([RECORD])
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(waiting, 10)
        assert hub.watchers == 0

    asyncio.run(program())


def test_there_are_so_many_streams_and_no_more():
    async def program():
        hub = Hub()
        app = SimpleNamespace(state=SimpleNamespace(lab=SimpleNamespace(hub=hub)))
        streams = [hub.open() for _ in range(MOST_STREAMS)]
        assert None not in streams
        assert (hub.pace, hub.pause) == (pytest.approx(0.004 * MOST_STREAMS**2), 0.4)
        refused = await events.events(SimpleNamespace(app=app))
        assert refused.status_code == 503
        assert json.loads(refused.body)["error"].startswith("512 pages listen already")
        hub.leave(streams[0])
        assert (await events.events(SimpleNamespace(app=app))).status_code == 200

    asyncio.run(program())


def test_many_watchers_are_told_less_often_and_asked_to_read_less_often():
    async def program():
        hub, told = Hub(), []
        for _ in range(200):
            hub.open()
            told.append((hub.pace, hub.pause))
        assert told[0] == (1.0, 0.2)
        assert [told[count - 1][0] for count in (5, 100, 200)] == pytest.approx([2.0, 40.0, 160.0])
        assert told[-1][1] == pytest.approx(0.4)
        assert told == sorted(told)

    asyncio.run(program())


def test_signs_of_life_come_without_being_asked_for(monkeypatch):
    monkeypatch.setattr(events, "STILL_HERE", 0.01)

    async def program():
        stream = Hub().open()
        await anext(stream)
        assert [await asyncio.wait_for(anext(stream), 10) for _ in range(2)] == [b'data: {"topic":"here"}\n\n'] * 2

    asyncio.run(program())


def test_after_the_end_of_a_loop_nothing_fails_and_another_may_begin():
    hub = Hub()

    async def listen():
        stream = hub.open()
        assert hub.watchers == 1
        hub.records([RECORD])
        return await heard(stream, 2)

    asyncio.run(listen())
    hub.records([RECORD])
    hub.tell("training", id=1)
    assert [one["topic"] for one in asyncio.run(listen())] == ["hello", "records"]


# ---- on a server --------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(hub: Hub) -> Iterator[tuple[int, threading.Thread, uvicorn.Server]]:
    app = Starlette(routes=ROUTES)
    app.state.lab = SimpleNamespace(hub=hub)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1], thread, server
    finally:
        hub.close()
        server.should_exit = True
        thread.join(10)
        listening.close()


def call(port: int) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), timeout=10)
    line.sendall(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return line


def until(line: socket.socket, words: bytes) -> bytes:
    got = b""
    while words not in got:
        piece = line.recv(65536)
        assert piece, f"the line ended after {got!r}"
        got += piece
    return got


def wait_for(condition) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_page_hears_through_a_socket_and_is_missed_when_it_goes():
    hub = Hub("b2")
    with serving(hub) as (port, _, _):
        with call(port) as line:
            head = until(line, b'"boot":"b2"')
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"content-type: text/event-stream" in head
            hub.records([RECORD])
            assert b"[3,1,10,0,0.7,0.75,0.6,0.8,0.05,null]" in until(line, b"null]")
        wait_for(lambda: hub.watchers == 0)


def test_a_server_ends_while_pages_listen():
    hub = Hub()
    with serving(hub) as (port, thread, server):
        lines = [call(port) for _ in range(3)]
        for line in lines:
            until(line, b"hello")
        server.should_exit = True
        hub.close()
        thread.join(10)
        assert not thread.is_alive()
        for line in lines:
            assert until(line, b"0\r\n\r\n").endswith(b"0\r\n\r\n"), "the answer has an end"
            line.close()


def test_a_lab_that_is_closed_ends_its_pages_streams_properly(tmp_path):
    """Not cut off in the midst, a second later."""
    with Lab(tmp_path / "shoal.db", {}, engine=FakeEngine()) as lab, serve(lab, port=0) as page:
        address = urlsplit(page.address)
        token = parse_qs(address.query)["token"][0]
        with socket.create_connection((address.hostname, address.port), timeout=10) as line:
            head = f"GET /api/events HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
            line.sendall(head.encode())
            until(line, b"hello")
            page.stop()
            until(line, b"0\r\n\r\n")


def test_after_the_end_there_are_no_new_streams():
    async def program():
        hub = Hub()
        stream = hub.open()
        hub.close()
        pieces = [piece async for piece in stream]
        assert [one["topic"] for piece in pieces for one in read(piece)] == ["hello"]
        assert hub.open() is None
        assert hub.watchers == 0

    asyncio.run(program())
