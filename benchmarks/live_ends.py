# SPDX-License-Identifier: Apache-2.0
"""The processes at the ends of the line that `live.py` measures: a server that trains, and those who listen to it.

Each reads a command a line and answers it with a line, all JSON. Times are the machine's monotonic clock, which is one
for all processes. Nothing is judged here, and a listener does no more with what it hears than to note when it came.
"""

import argparse
import asyncio
import contextlib
import json
import re
import sys
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

MESSAGE = re.compile(rb"data: (\{.*?\})\n\n", re.DOTALL)
DRIBBLE = 0.25
"""Seconds between the bytes of a request that never becomes whole."""


def say(answer: Any) -> None:
    """Answer a command."""
    print(json.dumps(answer), flush=True)


# ---- the server ---------------------------------------------------------------------------------------


def serve(store: Path, data: Path | None) -> None:
    """A page over a store, as `shoal run --watch` serves it; trains what each line asks for."""
    from shoal import live
    from shoal.data import load
    from shoal.live.lab import Lab

    sets = {name: load(name, data) for name in ("fashion-mnist", "mnist")}
    with Lab(store, sets) as lab, live.serve(lab, port=0) as serving:
        say({"address": serving.address})
        for line in sys.stdin:
            say(train(lab, **json.loads(line)))


def train(lab: Any, model: str, lr: float, epochs: int, seeds: int) -> dict[str, Any]:
    """Train one config on several seeds: its seconds, and (run's number, epoch, when stored) of each record."""
    from shoal import runner
    from shoal.bench import MODELS
    from shoal.optimizers import SGD
    from shoal.store import Store
    from shoal.study import Config, Grid, Study

    dataset = lab.dataset("fashion-mnist")

    def config(lr: float) -> Config:
        return Config(data=dataset.name, model=MODELS[model], optimizer=SGD(lr=lr), epochs=epochs)

    stored: list[tuple[Any, int, float]] = []

    def note(record: Any) -> None:
        stored.append((record.run, record.epoch, monotonic()))

    demand = runner.Demand.of([Study("watched", config, Grid(lr=[lr]), seeds=range(seeds))])
    with Store.open(lab.store_path, write=True) as store:
        begun = perf_counter()
        runner.train(demand, lab.engine, {dataset.name: dataset}, store, on_record=note)
        seconds = perf_counter() - begun
        numbers = {run: store.run_id(run, lab.engine.name) for run in demand.runs}
    return {"seconds": seconds, "stored": [(numbers[run], epoch, at) for run, epoch, at in stored]}


# ---- those who listen ---------------------------------------------------------------------------------


class Listener(asyncio.Protocol):
    """One stream of events, kept as it came."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.greeted = asyncio.get_running_loop().create_future()
        self.heard: list[tuple[float, bytes]] = []
        self.line: asyncio.Transport | None = None

    def connection_made(self, transport: Any) -> None:
        self.line = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.heard.append((monotonic(), data))
        if b'"hello"' in data and not self.greeted.done():
            self.greeted.set_result(None)

    def connection_lost(self, reason: Exception | None) -> None:
        if not self.greeted.done():
            self.greeted.set_exception(reason or ConnectionError("the stream ended before its greeting"))

    def arrivals(self) -> dict[tuple[int, int], float]:
        """(run's number, epoch) to when it was here."""
        found, buffer = {}, b""
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
    """All who listen from this process."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self.host, self.port = host, port
        self.request = (
            f"GET /api/events HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        self.listeners: list[Listener] = []

    async def open(self, count: int) -> int:
        """So many more streams, each greeted."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            _, listener = await loop.create_connection(lambda: Listener(self.request), self.host, self.port)
            self.listeners.append(listener)
        await asyncio.gather(*(listener.greeted for listener in self.listeners))
        return len(self.listeners)

    async def lags(self, stored: list[tuple[int, int, float]]) -> list[float | None]:
        """Seconds from storing each of these to each listener's hearing of it; None for what never came."""
        await asyncio.sleep(1.0)  # for the last bundle
        every = [listener.arrivals() for listener in self.listeners]
        return [
            heard[run, epoch] - at if (run, epoch) in heard else None for heard in every for run, epoch, at in stored
        ]

    async def close(self) -> int:
        """End all streams."""
        for listener in self.listeners:
            if listener.line:
                listener.line.close()
        self.listeners = []
        await asyncio.sleep(0.5)
        return 0

    async def slow(self, count: int) -> list[float]:
        """So many slow requests at once: seconds until each was cut."""
        loop = asyncio.get_running_loop()
        opened = await asyncio.gather(*(loop.create_connection(Slow, self.host, self.port) for _ in range(count)))
        return list(await asyncio.gather(*(protocol.ended for _, protocol in opened)))


async def listen(host: str, port: int, token: str) -> None:
    """Do what each line says."""
    crowd, loop = Crowd(host, port, token), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        say(await getattr(crowd, command.pop("do"))(**command))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    server = kinds.add_parser("serve")
    server.add_argument("store", type=Path)
    server.add_argument("--data", type=Path)
    crowd = kinds.add_parser("listen")
    for name, kind in (("host", str), ("port", int), ("token", str)):
        crowd.add_argument(name, type=kind)
    given = vars(parser.parse_args())
    with contextlib.suppress(KeyboardInterrupt):
        if given.pop("kind") == "serve":
            serve(**given)
        else:
            asyncio.run(listen(**given))


if __name__ == "__main__":
    main()
