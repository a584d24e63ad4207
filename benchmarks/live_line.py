# SPDX-License-Identifier: Apache-2.0
"""How the live benchmarks speak to the processes they measure: a command a line to each, HTTP and events to the server.

Times are of the machine's monotonic clock, which is one for all processes. What is measured, and how it is judged, is
said elsewhere.
"""

import http.client
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

HERE = Path(__file__).parent
MESSAGE = re.compile(rb"data: (\{.*?\})\n\n", re.DOTALL)
"""An event of the stream."""
_BEGUN = monotonic()


def progress(words: str) -> None:
    """A line on stderr, with the seconds since the beginning."""
    print(f"{monotonic() - _BEGUN:6.1f} s  {words}", file=sys.stderr, flush=True)


def times(seconds: Sequence[float], limit: float | None = None) -> dict[str, Any]:
    """Of seconds: how many, median, 99th percentile, maximum; with a limit, also that, and how many are under it."""
    if not seconds:
        return {"n": 0}
    at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    found: dict[str, Any] = {"n": len(seconds)} | {name: float(np.quantile(seconds, q)) for name, q in at.items()}
    return found if limit is None else found | {"limit": limit, "within": sum(one < limit for one in seconds)}


class End:
    """A process at one end of the line, asked a line at a time."""

    def __init__(self, program: str, *arguments: object) -> None:
        command = [sys.executable, str(HERE / program), *map(str, arguments)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, **command: Any) -> None:
        """A command, without waiting for its answer."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        """Its next line."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.wait()}")
        return json.loads(line)

    def ask(self, **command: Any) -> Any:
        """A command, and its answer."""
        self.tell(**command)
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
        self.address = address
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
    """A server over a store, in a process of its own, which can also train."""
    server = End("live_server.py", store, *(["--data", data] if data else []))
    try:
        yield server, Page(server.hear()["address"])
    finally:
        server.end()


@contextmanager
def listening(page: Page) -> Iterator[End]:
    """A process for those who listen to a server."""
    crowd = End("live_crowd.py", page.host, page.port, page.token)
    try:
        yield crowd
    finally:
        crowd.end()
