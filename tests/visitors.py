# SPDX-License-Identifier: Apache-2.0
"""Somebody who calls an ASGI app as a server would hand the call on: any method, path, header and body. No socket, and
nothing made right on the way, as an HTTP client would."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from shoal.live.guard import Door

OWN = "http://127.0.0.1:7117"
Headers = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """What came back; of a stream only its beginning."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str:
        """A header that must be there once."""
        (value,) = [value for key, value in self.headers if key == name]
        return value

    @property
    def json(self) -> Any:
        assert self["content-type"] == "application/json"
        return json.loads(self.body)


class Visitor:
    """Calls an app. With a door it shows the cookie and names the host, unless told other headers."""

    def __init__(self, app: Any, door: Door | None = None) -> None:
        self.app = app
        self.usual = {"host": f"127.0.0.1:{door.port}", "cookie": f"{door.cookie}={door.secret}"} if door else {}

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, {**self.usual, **headers})

    def post(self, path: str, value: Any) -> Answer:
        usual = {**self.usual, "origin": OWN, "content-type": "application/json"}
        return self.ask("POST", path, usual, json.dumps(value).encode())

    def ask(self, method: str, path: str, headers: Headers = (), *parts: bytes) -> Answer:
        """One request whose body comes in parts; headers as given and none besides."""
        return asyncio.run(self._ask(method, path, headers, parts))

    def all(self, requests: Iterable[tuple[Any, ...]]) -> list[Answer]:
        """Many requests, one after the other, each as `ask` takes it."""

        async def every() -> list[Answer]:
            return [await self._ask(method, path, headers, parts) for method, path, headers, *parts in requests]

        return asyncio.run(every())

    async def _ask(self, method: str, path: str, headers: Headers, parts: Sequence[bytes]) -> Answer:
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        raw, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(raw),
            "raw_path": raw.encode("latin-1"),
            "root_path": "",
            "query_string": query.encode("latin-1"),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 7117),
        }
        ended = asyncio.Event()
        sent = _parts(parts)
        got: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if sent:
                return sent.pop(0)
            await ended.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            assert not (got and got[-1].get("more_body") is False), "an answer went on after its end"
            got.append({"more_body": False, **message} if message["type"] == "http.response.body" else message)
            stream = any(value.startswith(b"text/event-stream") for _, value in got[0]["headers"])
            if message["type"] == "http.response.body" and (stream or not message.get("more_body")):
                ended.set()

        await asyncio.wait_for(self.app(scope, receive, send), 10)
        body = b"".join(message.get("body", b"") for message in got[1:])
        return Answer(got[0]["status"], [(key.decode(), value.decode()) for key, value in got[0]["headers"]], body)


def _parts(parts: Sequence[bytes]) -> list[dict[str, Any]]:
    every = parts or (b"",)
    return [
        {"type": "http.request", "body": part, "more_body": number < len(every)} for number, part in enumerate(every, 1)
    ]
