# SPDX-License-Identifier: Apache-2.0
"""Who may ask the page for what: everything is refused that is not plainly the page itself asking.

One pass from the outside in: the name it is called by, the route, the site and page that ask, the token, the body.
Every answer, whoever made it, leaves with the same headers. Nothing here knows what the routes do.
"""

import hmac
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shoal.live.answers import Answer, Refused, refuse

MOST_BYTES = 64 * 1024
"""Of a request's body."""

KEYLESS = "Open the address that shoal printed when it started: it carries the key to this page."
LINKED = "Another page asked for this one. Copy the address that shoal printed into the browser's address bar."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Door:
    """By which names the page answers, and what opens it.

    Args:
        port: the one it listens at.
        host: the address it listens at, a name by which it is called as well.
        token: printed once, in `address`, and good for a cookie.
        secret: what that cookie holds.
    """

    port: int
    host: str = "127.0.0.1"
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def names(self) -> frozenset[str]:
        """What a Host header may say."""
        hosts = {"127.0.0.1", "localhost", "[::1]", bracketed(self.host).lower()}
        return frozenset(f"{host}:{self.port}" for host in hosts) | (hosts if self.port == 80 else frozenset())

    @property
    def cookie(self) -> str:
        """Its name: cookies do not tell ports apart, so the name does."""
        return f"shoal-{self.port}"

    @property
    def address(self) -> str:
        """Where to go, with the token."""
        return f"http://{bracketed(self.host)}:{self.port}/?token={self.token}"


def bracketed(host: str) -> str:
    """A host as addresses write it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


class Guard:
    """ASGI: the app behind every check, in the order of `_CHECKS`.

    Args:
        routes: all that there is; any other path or method is refused before it reaches the app.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute], door: Door) -> None:
        self.app, self.routes, self.door = app, tuple(routes), door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        answer = Answer(send, bare=scope["method"] == "HEAD")
        try:
            await self._pass(_Visit(scope, self.routes, self.door), receive, answer)
        except Refused as refusal:
            await refuse(scope, refusal, answer)
        except _Gone:
            pass
        except Exception as error:
            log.error("%s %r failed", scope["method"], scope["path"], exc_info=error)
            if not answer.started:
                await refuse(scope, Refused(500, "Shoal failed to answer this. Its terminal says why."), answer)
        return None

    async def _pass(self, visit: "_Visit", receive: Receive, answer: Answer) -> None:
        for check in _CHECKS:
            check(visit)
        if visit.token is not None:
            return await _welcome(self.door, answer)
        sent = await _whole(receive)
        return await self.app(visit.scope, _again(sent, receive), answer)


# ---- what is checked ----------------------------------------------------------------------------------


class _Visit:
    """A request as the checks see it."""

    def __init__(self, scope: Scope, routes: Sequence[BaseRoute], door: Door) -> None:
        self.scope, self.routes, self.door = scope, routes, door
        self.method: str = scope["method"]
        self.path: str = scope["path"]

    def header(self, name: str) -> str | None:
        """A header's value; None without it. One that stands twice is refused: who reads which of them?"""
        found = [value for key, value in self.scope["headers"] if key == name.encode()]
        if len(found) > 1:
            raise Refused(400, f"The header {name} stands twice.")
        return found[0].decode("latin-1") if found else None

    @property
    def token(self) -> str | None:
        """What ``/?token=...`` says, None where a request is for something else."""
        if (self.method, self.path) != ("GET", "/"):
            return None
        try:
            values = parse_qs(self.scope["query_string"].decode("latin-1"), True, max_num_fields=8).get("token")
        except ValueError:
            raise Refused(400, "There are too many things in this address.") from None
        return values[0] if values else None

    @property
    def bearer(self) -> str:
        """The token of a program that is no browser, in ``Authorization: Bearer``, or ""."""
        kind, _, token = (self.header("authorization") or "").partition(" ")
        return token.strip() if kind.lower() == "bearer" else ""

    @property
    def own(self) -> str:
        """The origin of the page that is called by this request's Host."""
        return f"http://{self.header('host')}".lower()


def _name(visit: _Visit) -> None:
    """A page of another site whose name was made to point here asks under that name."""
    host = visit.header("host")
    if not host:
        raise Refused(400, "The request names no host.")
    if host.lower() not in visit.door.names:
        raise Refused(421, "This page is not served under that name. " + KEYLESS)


def _route(visit: _Visit) -> None:
    found = [(route, route.matches(visit.scope)[0]) for route in visit.routes if isinstance(route, Route)]
    there = [route for route, match in found if match is not Match.NONE]
    if not there:
        raise Refused(404, "There is nothing at this address.")
    if all(match is not Match.FULL for _, match in found):
        allowed = sorted({method for route in there for method in route.methods or ()})
        raise Refused(405, f"Use {' or '.join(allowed)} here.", allow=", ".join(allowed))


def _site(visit: _Visit) -> None:
    """Browsers say who asks: a page of this origin, the person ("none"), or somebody else."""
    if visit.header("sec-fetch-site") not in (None, "same-origin", "none"):
        raise Refused(403, LINKED)


def _origin(visit: _Visit) -> None:
    origin = visit.header("origin")
    if origin is not None and origin.lower() != visit.own:
        raise Refused(403, LINKED)


def _proof(visit: _Visit) -> None:
    """What changes something must say that the page itself asks, or hold the token: a cookie comes by itself."""
    says = visit.header("origin") is not None or visit.header("sec-fetch-site") == "same-origin"
    if visit.method not in ("GET", "HEAD") and not says and not _opens(visit.bearer, visit.door.token):
        raise Refused(403, "Nothing says that the page itself asks. Send the token as Authorization: Bearer.")


def _key(visit: _Visit) -> None:
    """The token in the address or from a program, or the cookie that it was good for."""
    if visit.token is not None:
        opens = _opens(visit.token, visit.door.token)
    else:
        opens = any(_opens(value, visit.door.secret) for value in _cookies(visit))
        opens = opens or _opens(visit.bearer, visit.door.token)
    if not opens:
        raise Refused(403, KEYLESS)


def _opens(given: str, expected: str) -> bool:
    """Compared in a time that does not tell how much of it is right."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _cookies(visit: _Visit) -> list[str]:
    """What the page's cookie holds: several, where another program of this machine sets one of its name."""
    pairs = (part.strip().partition("=") for part in (visit.header("cookie") or "").split(";"))
    return [value for name, _, value in pairs if name == visit.door.cookie]


def _length(visit: _Visit) -> None:
    length = visit.header("content-length") or "0"
    if not (length.isascii() and length.isdigit()):
        raise Refused(400, "Content-Length is no number.")
    if len(length) > 20 or int(length) > MOST_BYTES:
        raise Refused(413, f"The request's body is larger than {MOST_BYTES:,} bytes.")


def _kind(visit: _Visit) -> None:
    """A form of another page cannot send JSON; what is not JSON is not ours."""
    kind = (visit.header("content-type") or "").partition(";")[0].strip().lower()
    if visit.method not in ("GET", "HEAD") and kind != "application/json":
        raise Refused(415, "Send JSON, and say so: Content-Type: application/json.")


_CHECKS: tuple[Callable[[_Visit], None], ...] = (_name, _route, _site, _origin, _proof, _key, _length, _kind)


# ---- what a key is good for ---------------------------------------------------------------------------


async def _welcome(door: Door, answer: Answer) -> None:
    """The token for a cookie; then the page without the token in its address."""
    cookie = f"{door.cookie}={door.secret}; HttpOnly; SameSite=Strict; Path=/"
    headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), (b"content-length", b"0")]
    await answer({"type": "http.response.start", "status": 303, "headers": headers})
    await answer({"type": "http.response.body", "body": b""})


# ---- the body -----------------------------------------------------------------------------------------


class _Gone(Exception):
    """Whoever asked has left."""


async def _whole(receive: Receive) -> bytes:
    """The body, however it is cut into pieces, before anything looks at it."""
    parts, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        parts += message.get("body", b"")
        more = message.get("more_body", False)
        if len(parts) > MOST_BYTES:
            raise Refused(413, f"The request's body is larger than {MOST_BYTES:,} bytes.")
    return bytes(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read once more, then whatever comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
