# SPDX-License-Identifier: Apache-2.0
"""Real connections to a real server: who is slow is cut off, who listens is not, and it ends when it is told."""

import asyncio
import contextlib
import http.client
import itertools
import logging
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from shoal.errors import UsageError
from shoal.live import sockets
from shoal.live.answers import HEADERS
from shoal.live.guard import Door, Guard
from shoal.live.sockets import PromptProtocol, Serving, listen
from test_live_routes import HOSTILE, METHODS

TICKS = 8


class Hasty(PromptProtocol):
    seconds = 0.4


async def home(request):
    return JSONResponse({"bytes": len(await request.body())})


async def ticks(request):
    """More than a deadline long, and then without an end."""

    async def every():
        for number in range(TICKS):
            yield f"data: {number}\n\n"
            await asyncio.sleep(2 * Hasty.seconds / TICKS)
        await asyncio.Event().wait()

    return StreamingResponse(every(), media_type="text/event-stream")


@pytest.fixture
def serving():
    listening = listen("127.0.0.1", 0)
    door = Door(listening.getsockname()[1])
    routes = [Route("/", home, methods=["GET", "POST"]), Route("/ticks", ticks)]
    with Serving(Guard(Starlette(routes=routes), routes, door), listening, door.address, Hasty) as serving:
        serving.door = door
        yield serving


def call(serving):
    return socket.create_connection(("127.0.0.1", serving.door.port), timeout=20)


def head(serving, method="GET", path="/", *more):
    host, key = f"Host: 127.0.0.1:{serving.door.port}", f"Authorization: Bearer {serving.door.token}"
    return "\r\n".join((f"{method} {path} HTTP/1.1", host, key, *more, "", "")).encode()


def get(serving, path="/"):
    line = http.client.HTTPConnection("127.0.0.1", serving.door.port, timeout=20)
    with contextlib.closing(line):
        line.request("GET", path, headers={"Authorization": f"Bearer {serving.door.token}"})
        found = line.getresponse()
        return found.status, found.headers, found.read()


def until_closed(line):
    """Everything that comes until the other end closes; it never does, and this fails after the socket's timeout."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while piece := line.recv(65536):
            got += piece
    return got


# ---- who is slow --------------------------------------------------------------------------------------


def test_hundreds_who_send_nothing_or_half_are_closed_while_the_page_answers(serving):
    beginnings = (b"", b"G", b"GET / HTTP/1.1\r\n", head(serving)[:-2], head(serving, "POST", "/", "Content-Length: 9"))
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(call(serving)) for _ in range(300)]
        for number, line in enumerate(lines):
            line.sendall(beginnings[number % len(beginnings)])
        assert get(serving)[0] == 200
        answers = [until_closed(line) for line in lines]
        assert set(answers) <= {b""} | {answer for answer in answers if b" 415 " in answer or b" 403 " in answer}
        assert get(serving)[0] == 200


DRIPPED = {
    "a head": lambda serving: b"GET / HTTP/1.1\r\nX: ",
    "a body": lambda serving: head(serving, "POST", "/", "Content-Type: application/json", "Content-Length: 60000"),
    "a second head": lambda serving: head(serving) + b"GET / HTTP/1.1\r\nX: ",
}


@pytest.mark.parametrize("what", DRIPPED)
def test_who_sends_a_byte_now_and_then_is_closed_too(serving, what):
    """Each byte would begin uvicorn's own waiting anew."""
    stopped = threading.Event()
    with call(serving) as line:
        line.sendall(DRIPPED[what](serving))

        def drip():
            with contextlib.suppress(OSError):
                while not stopped.wait(0.05):
                    line.sendall(b"x")

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            assert until_closed(line).count(b"HTTP/1.1 200") == (what == "a second head")
        finally:
            stopped.set()
            dripping.join()


def test_who_asks_nothing_more_is_closed(serving):
    with call(serving) as line:
        line.sendall(head(serving) * 3)  # a line may carry several questions, also at once
        got = until_closed(line)
    assert got.count(b"HTTP/1.1 200 OK") == 3


def test_who_keeps_the_line_busy_keeps_it(serving):
    """The deadline is a request's, not a connection's."""
    line = http.client.HTTPConnection("127.0.0.1", serving.door.port, timeout=20)
    with contextlib.closing(line):
        line.connect()
        first = line.sock
        for _ in range(4):
            line.request("GET", "/", headers={"Authorization": f"Bearer {serving.door.token}"})
            assert line.getresponse().read() == b'{"bytes":0}'
            threading.Event().wait(0.6 * Hasty.seconds)
        assert line.sock is first


def test_a_stream_outlives_the_deadline(serving):
    with call(serving) as line:
        line.sendall(head(serving, "GET", "/ticks"))
        got = b""
        while f"data: {TICKS - 1}".encode() not in got:
            piece = line.recv(65536)
            assert piece, "the stream was cut"
            got += piece


def test_the_server_ends_although_a_stream_has_no_end(serving):
    with call(serving) as line:
        line.sendall(head(serving, "GET", "/ticks"))
        assert b"200 OK" in line.recv(65536)
        serving.stop()
        until_closed(line)
    serving.wait()
    with pytest.raises(ConnectionError):
        call(serving)


def test_there_is_room_for_so_many_and_no_more(serving, monkeypatch):
    monkeypatch.setattr(sockets, "MOST_CONNECTIONS", 4)
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(call(serving)) for _ in range(4)]
        lines[0].sendall(head(serving))
        assert b"200 OK" in lines[0].recv(65536)
        with call(serving) as fifth:
            with contextlib.suppress(ConnectionError):
                fifth.sendall(head(serving))
            assert until_closed(fifth) == b""
    with call(serving) as line:
        line.sendall(head(serving))
        until_closed(line)


def test_five_hundred_slow_lines_are_cut_in_time_while_the_page_stays_quick(serving, proved):
    """Each sends a byte now and then, and never a whole request, nor leaves by itself."""
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(call(serving)) for _ in range(500)]
        began, waits = time.monotonic(), []
        beginnings = [make(serving) for make in DRIPPED.values()]
        for number, line in enumerate(lines):
            line.settimeout(0)
            line.sendall(beginnings[number % 3])
        while lines:
            asked = time.monotonic()
            assert get(serving)[0] == 200
            waits.append(time.monotonic() - asked)
            lines = [line for line in lines if still_open(line)]
            assert time.monotonic() - began < 5, f"{len(lines)} slow lines are still open"
        ended = time.monotonic() - began
    assert max(waits) < 2
    assert PromptProtocol.seconds < 5, "what is served has more patience than these"
    proved(f"500 slow lines with {Hasty.seconds} s each are cut within {ended:.1f} s, the page answers meanwhile")


def still_open(line):
    """Sends one byte more of a request, and sees whether anybody is there."""
    try:
        line.send(b"x")
        while line.recv(65536):
            pass
    except BlockingIOError:
        return True
    except ConnectionError:
        pass
    return False


# ---- what is said -------------------------------------------------------------------------------------


NO_HTTP = (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 99999)


@pytest.mark.parametrize("sent", NO_HTTP)
def test_what_is_no_http_gets_the_headers_of_every_answer(serving, sent):
    with call(serving) as line:
        with contextlib.suppress(ConnectionError):
            line.sendall(sent)
        got = until_closed(line).decode()
    if got:  # who still sends when the answer comes may not hear it
        assert got.startswith("HTTP/1.1 400")
        assert {f"{name}: {value}" for name, value in HEADERS.items()} <= set(got.split("\r\n"))
    assert got or len(sent) > 99999


def test_the_server_does_not_say_what_it_is(serving):
    _, headers, _ = get(serving)
    assert "server" not in headers
    assert headers["cache-control"] == "no-store"


def test_no_token_is_logged(serving, caplog, capfd):
    for name in ("", "uvicorn.access", "uvicorn.error"):
        caplog.set_level(logging.DEBUG, name)
    for path in (f"/?token={serving.door.token}", "/?token=wrong", "/", "/none"):
        get(serving, path)
    serving.stop()
    said = caplog.text + "".join(capfd.readouterr())
    assert serving.door.token not in said
    assert serving.door.secret not in said


def test_the_address_opens_the_page(serving):
    address = urlsplit(serving.address)
    line = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    with contextlib.closing(line):
        line.request("GET", f"{address.path}?{address.query}")
        found = line.getresponse()
        found.read()
        assert (found.status, found.headers["location"]) == (303, "/")
        line.request("GET", "/", headers={"Cookie": found.headers["set-cookie"].partition(";")[0]})
        assert line.getresponse().status == 200


def test_a_hostile_name_gets_nothing_over_the_line(serving):
    """Whichever of them the guard sees, and whichever the server itself turns away."""
    port = str(serving.door.port)
    for name, method in itertools.product(HOSTILE, METHODS):
        asked = head(serving, method).replace(f"Host: 127.0.0.1:{port}".encode(), b"Host: %b", 1)
        with call(serving) as line:
            line.sendall(asked % name.replace("7117", port).encode())
            assert until_closed(line).split(b" ")[1] in (b"400", b"421"), (name, method)


# ---- where it listens ---------------------------------------------------------------------------------


def test_no_answer_waits_for_the_receipt_of_its_own_head():
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()) as _:
        line, _ = listening.accept()
        with line:
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken_is_said(serving):
    with pytest.raises(UsageError, match=rf"127\.0\.0\.1, port {serving.door.port}: .*in use.*--port 0"):
        listen("127.0.0.1", serving.door.port)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_every_address_is_none_that_a_browser_can_be_sent_to(host):
    with pytest.raises(UsageError, match="every address of this machine"):
        listen(host, 0)


def test_an_address_of_another_machine_is_said():
    with pytest.raises(UsageError, match=r"203\.0\.113\.1, port 0: .*Use another --port"):
        listen("203.0.113.1", 0)
