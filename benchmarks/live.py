# SPDX-License-Identifier: Apache-2.0
"""How quick the live page is, and what it costs whoever trains: watchers, lag, sliders, many runs, slow lines.

    python benchmarks/live.py --data path            measures and prints the table of docs/live.md
    python benchmarks/live.py --data path --json     prints every number instead
    python benchmarks/live.py --data path --page     writes the table there, and its numbers to docs/live.json

It takes ten minutes on an idle machine. The server, which also trains, is a process of its own, and so are those who
listen (`live_ends.py`); all share the machine's cores, as a browser would. With and without watchers is measured in
turn, in pairs. Nothing is compared with other programs.
"""

import argparse
import http.client
import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import parse_qs, urlsplit

import live_page
import msgspec
import numpy as np
from live_ends import MESSAGE
from replicate import published_provenance

from shoal.bench import MODELS, RATES
from shoal.engines.native import NativeEngine
from shoal.optimizers import SGD
from shoal.runner import Demand
from shoal.store import Store
from shoal.study import Config, Grid, Study

DOCS = Path(__file__).parent.parent / "docs"
ENDS = Path(__file__).with_name("live_ends.py")
REST = 1.0
"""Seconds of quiet before what is timed, so that it follows no other event."""


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    watchers: int = 200
    rounds: int = 12
    """Pairs of trainings, one of them watched."""
    work: tuple[tuple[str, int, int], ...] = (("softmax", 20, 10), ("lenet", 2, 4))
    """Model, epochs and seeds of each training that is watched."""
    changes: int = 30
    runs: int = 10_000
    views: int = 5
    slow: int = 500


QUICK = Extent(watchers=5, rounds=2, work=(("softmax", 2, 2),), changes=3, runs=200, views=1, slow=20)


# ---- the line -----------------------------------------------------------------------------------------


class End:
    """A process at one end, asked a line at a time."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, str(ENDS), *map(str, arguments)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def hear(self) -> Any:
        """Its next line."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args} ended with {self._process.wait()}")
        return json.loads(line)

    def ask(self, **command: Any) -> Any:
        """A command, and its answer."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self.hear()

    def end(self) -> None:
        """Nothing more will be asked."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()


class Page:
    """Where the server is, and how it is asked."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.host, self.port = str(parts.hostname), int(parts.port or 0)
        self.token = parse_qs(parts.query)["token"][0]

    def ask(self, method: str, path: str, content: Any = None) -> tuple[float, Any]:
        """Seconds until the answer was here, on a connection of its own, and the answer."""
        begun = monotonic()
        with closing(http.client.HTTPConnection(self.host, self.port, timeout=30)) as line:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            line.request(method, path, json.dumps(content) if content is not None else None, headers)
            answer = line.getresponse()
            body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {body[:500]!r}")
        return monotonic() - begun, json.loads(body)

    def listen(self) -> Iterator[dict[str, Any]]:
        """Every event from now on; the first is the greeting."""
        with socket.create_connection((self.host, self.port), timeout=60) as line:
            line.sendall(
                f"GET /api/events HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
                f"Authorization: Bearer {self.token}\r\n\r\n".encode()
            )
            buffer = b""
            while piece := line.recv(65536):
                buffer += piece
                whole = list(MESSAGE.finditer(buffer))
                buffer = buffer[whole[-1].end() :] if whole else buffer
                yield from (json.loads(message[1]) for message in whole)


@contextmanager
def serving(store: Path, data: Path | None) -> Iterator[tuple[End, Page]]:
    """A server of its own."""
    server = End("serve", store, *(["--data", data] if data else []))
    try:
        yield server, Page(server.hear()["address"])
    finally:
        server.end()


# ---- what is measured ---------------------------------------------------------------------------------


def watched(server: End, page: Page, extent: Extent, rates: Iterator[float]) -> list[dict[str, Any]]:
    """Each training without watchers and with, in turn; and how long events took to them."""
    crowd = End("listen", page.host, page.port, page.token)
    found = []
    for model, epochs, seeds in extent.work:
        asked = {"model": model, "epochs": epochs, "seeds": seeds}
        server.ask(**asked, lr=RATES[model] + next(rates))  # to be warm
        pairs, lags, lost = [], list[float](), 0
        for turn in range(extent.rounds):
            pair = {}
            for many in (0, extent.watchers) if turn % 2 else (extent.watchers, 0):
                crowd.ask(do="open", count=many)
                sleep(REST)
                trained = server.ask(**asked, lr=RATES[model] + next(rates))
                pair[bool(many)] = trained["seconds"]
                if many:
                    heard = crowd.ask(do="lags", stored=trained["stored"])
                    lags += [lag for lag in heard if lag is not None]
                    lost += heard.count(None)
                crowd.ask(do="close")
            pairs.append((pair[False], pair[True]))
        records = len(trained["stored"])
        found.append({**asked, "records": records, "seconds": pairs, "lags": quantiles(lags), "lost": lost})
    crowd.end()
    return found


def sliders(page: Page, extent: Extent, rates: Iterator[float]) -> dict[str, Any]:
    """Seconds from asking for another learning rate to the first record, when nothing trains, and in the midst."""
    heard, newest = page.listen(), 0
    next(heard)
    found: dict[str, list[float]] = {"idle": [], "midst": []}
    training = None
    for kind, times in found.items():
        for _ in range(extent.changes + 1):
            setting = {"data": "fashion-mnist", "model": {"kind": "softmax"}, "lr": 0.1 + next(rates), "epochs": 10}
            replaced = {"replace": training} if kind == "midst" and training is not None else {}
            begun = monotonic()
            _, answer = page.ask("POST", "/api/play/train", {"settings": [setting], "seeds": 3, **replaced})
            training, newest = answer["training"], next(_first_of(heard, newest))
            times.append(monotonic() - begun)
            if kind == "idle":
                newest = max([newest, *_until_finished(heard, training)])
                sleep(REST)
            else:
                sleep(0.05)
        del times[0]  # the first of its kind: not yet warm
    return {kind: quantiles(times) for kind, times in found.items()}


def _first_of(heard: Iterator[dict[str, Any]], newest: int) -> Iterator[int]:
    """The numbers of runs that were not heard of before, as their first records come."""
    for event in heard:
        yield from {row[0] for row in event.get("records", []) if row[0] > newest}


def _until_finished(heard: Iterator[dict[str, Any]], training: int) -> Iterator[int]:
    """The numbers of runs that are heard of until a training has ended."""
    for event in heard:
        yield from (row[0] for row in event.get("records", []))
        if event.get("id") == training and event["state"] not in ("queued", "training"):
            return


def first_views(extent: Extent, data: Path | None, folder: Path) -> dict[str, Any]:
    """Seconds that a new server takes to answer what the first look at a large store asks."""
    store = folder / "large.db"
    fill(store, extent.runs)
    asked = {
        "overview": "/api/watch/overview",
        "table": "/api/watch/table?study=many",
        "chart": "/api/watch/chart?study=many&metric=validation_accuracy&by=lr",
    }
    times: dict[str, list[float]] = {name: [] for name in (*asked, "together")}
    for _ in range(extent.views):
        with serving(store, data) as (_, page):
            page.ask("GET", "/api/state")
            taken = {name: page.ask("GET", path)[0] for name, path in asked.items()}
        for name, seconds in (taken | {"together": sum(taken.values())}).items():
            times[name].append(seconds)
    return {"runs": extent.runs, "megabytes": store.stat().st_size / 1e6} | {
        name: quantiles(seconds) for name, seconds in times.items()
    }


def fill(path: Path, runs: int) -> None:
    """A store of one study: ten learning rates on many seeds, ten epochs of 235 steps each, imagined."""
    rates, epochs, draws = [(1 + at) / 20 for at in range(10)], 10, np.random.default_rng(0)
    engine, dataset = NativeEngine().name, "fashion-mnist"

    def config(lr: float) -> Config:
        return Config(data=dataset, model=MODELS["softmax"], optimizer=SGD(lr=lr), epochs=epochs)

    demand = Demand.of([Study("many", config, Grid(lr=rates), seeds=range(runs // len(rates)))])
    steps = np.full(235, 0.5, "<f4").tobytes()
    made: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    for number, run in enumerate(demand.runs, 1):
        text = msgspec.json.encode(run.config).decode()
        made.append((number, run.trajectory, engine, run.seed, text, None, "2026-01-01T00:00:00+00:00"))
        losses = 0.4 + 0.5 / np.arange(1, epochs + 2) + draws.normal(0, 0.01, epochs + 1)
        for epoch, loss in enumerate(losses.tolist()):
            train = (loss, 1 - loss / 3) if epoch else (None, None)
            rows.append((number, epoch, None, *train, loss, 1 - loss / 3, 0.05 * bool(epoch), steps if epoch else b""))
    with Store.open(path, write=True) as store:
        store.note(demand.asked)
        store._db.execute("BEGIN")
        with store._db:
            store._db.executemany("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?)", made)
            store._db.executemany("INSERT INTO epoch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def besieged(page: Page, extent: Extent) -> dict[str, Any]:
    """Seconds until slow requests are cut, and how long the page takes to answer before and meanwhile."""
    before = [page.ask("GET", "/api/state")[0] for _ in range(100)]
    crowd = End("listen", page.host, page.port, page.token)
    meanwhile: list[float] = []
    assert crowd._process.stdin
    crowd._process.stdin.write(json.dumps({"do": "slow", "count": extent.slow}) + "\n")
    crowd._process.stdin.flush()
    ends = monotonic() + 4.5
    while monotonic() < ends:
        meanwhile.append(page.ask("GET", "/api/state")[0])
        sleep(0.02)
    cut = crowd.hear()
    crowd.end()
    return {
        "lines": extent.slow,
        "cut": quantiles(cut),
        "quiet": quantiles(before),
        "besieged": quantiles(meanwhile),
    }


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """Of seconds: how many, their median, 99th percentile and maximum."""
    if not values:
        return {"n": 0}
    at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {"n": len(values)} | {name: float(np.quantile(values, share)) for name, share in at.items()}


# ---- all of it ----------------------------------------------------------------------------------------


def measure(extent: Extent, data: Path | None) -> dict[str, Any]:
    """Every number."""
    rates = (step * 1e-6 for step in count(1))  # another config each time, and the same work
    with tempfile.TemporaryDirectory() as folder:
        with serving(Path(folder) / "live.db", data) as (server, page):
            dataset = page.ask("GET", "/api/state")[1]["data"][0]
            facts = {
                "schema": 1,
                "date": date.today().isoformat(),
                **published_provenance(NativeEngine()),
                "data": dataset["stand_in"] or dataset["title"],
                "watchers": extent.watchers,
                "watched": watched(server, page, extent, rates),
                "sliders": sliders(page, extent, rates),
                "slow": besieged(page, extent),
            }
        return facts | {"first_views": first_views(extent, data, Path(folder))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with the data sets")
    parser.add_argument("--quick", action="store_true", help="tiny numbers, to see that it works")
    parser.add_argument("--json", action="store_true", help="print every number")
    parser.add_argument("--page", action="store_true", help="write docs/live.json and the table of docs/live.md")
    given = parser.parse_args()
    facts = measure(QUICK if given.quick else Extent(), given.data)
    print(json.dumps(facts, indent=1) if given.json else live_page.table(facts))
    if given.page:
        live_page.publish(facts, DOCS)


if __name__ == "__main__":
    main()
