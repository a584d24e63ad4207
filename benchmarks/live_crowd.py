# SPDX-License-Identifier: Apache-2.0
"""The process of those who come to a server: pages that watch, and visitors who never finish a request.

It reads a command a line and answers it with a line, all JSON. A page listens to the events and, as Watch does, reads
all that it shows again at the pace it is told; it draws nothing and keeps nothing of what it read.
"""

import argparse
import asyncio
import contextlib
import json
import random
import re
import sys
from time import monotonic, process_time
from typing import Any

from live_line import MESSAGE

PACE = re.compile(rb'"pace":([\d.]+)')
READ = ["reading?study={study}&metric=validation_loss&by=config&x=epochs&smooth=0&width=640"]
"""What a page of Watch asks for, after it has heard that its study has no claims."""
FIRST = [*READ, "verdicts?study={study}"]
"""The first time."""
DRIBBLE = 0.25
"""Seconds between the bytes of a request that never becomes whole."""


class Door:
    """Where the server is, and a request as it goes over the line."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self.host, self.port, self._token = host, port, token

    def request(self, path: str, connection: str = "keep-alive") -> bytes:
        head = f"GET {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nAuthorization: Bearer {self._token}\r\n"
        return f"{head}Connection: {connection}\r\n\r\n".encode()


class Watcher(asyncio.Protocol):
    """One page: its stream of events, kept as it came, and its readings."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.greeted = asyncio.get_running_loop().create_future()
        self.heard: list[tuple[float, bytes]] = []
        self.line: asyncio.Transport | None = None
        self._reading: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self.pace = 1.0
        self.readings = 0

    def connection_made(self, transport: Any) -> None:
        self.line = transport
        transport.write(self._door.request("/api/events"))

    def data_received(self, data: bytes) -> None:
        self.heard.append((monotonic(), data))
        for pace in PACE.findall(data):
            self.pace = float(pace)
        if b'"records"' in data:
            self._news.set()
        if b'"hello"' in data and not self.greeted.done():
            self.greeted.set_result(None)

    def connection_lost(self, reason: Exception | None) -> None:
        if self._reading:
            self._reading.cancel()
        if not self.greeted.done():
            self.greeted.set_exception(reason or ConnectionError("the stream ended before its greeting"))

    def read(self, study: str, pace: float) -> None:
        """Read a study whenever there is something new, and no more often than told; for the first time at any moment
        of the first so many seconds, as a page that has been there for long."""
        self._reading = asyncio.get_running_loop().create_task(self._read(study, random.uniform(0, pace)))

    async def _read(self, study: str, pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            await self._news.wait()
            self._news.clear()
            await self._read_all(study)
            pause = self.pace

    async def _read_all(self, study: str) -> None:
        reader, writer = await asyncio.open_connection(self._door.host, self._door.port)
        try:
            for what in READ if self.readings else FIRST:
                writer.write(self._door.request(f"/api/watch/{what.format(study=study)}"))
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head)
                if not head.startswith(b"HTTP/1.1 200") or not length:
                    raise RuntimeError(f"{what}: {head[:200]!r}")
                await reader.readexactly(int(length[1]))
            self.readings += 1
        finally:
            writer.close()

    def failure(self) -> BaseException | None:
        """What ended its readings, if anything did."""
        ended = self._reading and self._reading.done() and not self._reading.cancelled()
        return self._reading.exception() if ended and self._reading else None

    def arrivals(self) -> dict[tuple[int, int], float]:
        """(run's number, epoch) to when it was here."""
        found: dict[tuple[int, int], float] = {}
        buffer = b""
        for at, piece in self.heard:
            buffer += piece
            whole = list(MESSAGE.finditer(buffer))
            for message in whole:
                told = json.loads(message[1])
                found |= {(row[0], row[1]): at for row in told.get("records", [])}
            buffer = buffer[whole[-1].end() :] if whole else buffer
        return found


class Slow(asyncio.Protocol):
    """Somebody who never finishes a request, and how long that was borne."""

    def __init__(self) -> None:
        self.begun = monotonic()
        self.ended = asyncio.get_running_loop().create_future()
        self.dribbling: asyncio.Task[None] | None = None

    def connection_made(self, transport: Any) -> None:
        transport.write(b"GET / HTTP/1.1\r\nHost: ")
        self.dribbling = asyncio.get_running_loop().create_task(self._dribble(transport))

    async def _dribble(self, transport: Any) -> None:
        while True:
            await asyncio.sleep(DRIBBLE)
            transport.write(b"1")

    def connection_lost(self, reason: Exception | None) -> None:
        assert self.dribbling
        self.dribbling.cancel()
        self.ended.set_result(monotonic() - self.begun)


class Crowd:
    """What can be asked of them, a method a command."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._watchers: list[Watcher] = []

    async def open(self, count: int, study: str = "") -> int:
        """So many pages, each greeted; with a study's name they also read it."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            _, watcher = await loop.create_connection(lambda: Watcher(self._door), self._door.host, self._door.port)
            self._watchers.append(watcher)
        await asyncio.gather(*(watcher.greeted for watcher in self._watchers))
        pace = max([watcher.pace for watcher in self._watchers], default=1.0)
        for watcher in self._watchers if study else ():
            watcher.read(study, pace)
        return len(self._watchers)

    async def mark(self) -> dict[str, float]:
        """CPU seconds of this process by now, and how often pages have read everything."""
        return {"crowd": process_time(), "readings": sum(watcher.readings for watcher in self._watchers)}

    async def lags(self, stored: list[tuple[int, int, float]]) -> list[float | None]:
        """Seconds from storing each of these to each page's hearing of it; None for what never came."""
        every = [watcher.arrivals() for watcher in self._watchers]
        return [
            heard[run, epoch] - at if (run, epoch) in heard else None for heard in every for run, epoch, at in stored
        ]

    async def close(self) -> int:
        """All pages are closed.

        Raises:
            RuntimeError: one was refused what it read.
        """
        for watcher in self._watchers:
            if failure := watcher.failure():
                raise RuntimeError("a page could not read") from failure
            if watcher.line:
                watcher.line.close()
        self._watchers = []
        return 0

    async def slow(self, count: int) -> list[float]:
        """So many slow requests at once: seconds until each was cut."""
        loop = asyncio.get_running_loop()
        opened = await asyncio.gather(
            *(loop.create_connection(Slow, self._door.host, self._door.port) for _ in range(count))
        )
        return list(await asyncio.gather(*(protocol.ended for _, protocol in opened)))


async def listen(door: Door) -> None:
    """Do what each line says."""
    crowd, loop = Crowd(door), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        print(json.dumps(await getattr(crowd, command.pop("do"))(**command)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, kind in (("host", str), ("port", int), ("token", str)):
        parser.add_argument(name, type=kind)
    given = vars(parser.parse_args())
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(listen(Door(**given)))


if __name__ == "__main__":
    main()
