# SPDX-License-Identifier: Apache-2.0
"""The rules by which a request is let in, one function each: it returns, or raises `Refused` with a status and a
sentence. They look at its head alone, and know nothing of what the routes do.
"""

import hmac
from collections.abc import Callable, Sequence
from urllib.parse import parse_qs

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from shoal.live.answers import Refused
from shoal.live.door import Door

MOST_BYTES = 64 * 1024
"""Of a request's body."""

KEYLESS = "Open the address that shoal printed when it started: it carries the key to this page."
LINKED = "Another page asked for this one. Copy the address that shoal printed into the browser's address bar."


class Visit:
    """A request as the rules see it."""

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


# ---- the rules ----------------------------------------------------------------------------------------


def _name(visit: Visit) -> None:
    """A page of another site whose name was made to point here asks under that name."""
    host = visit.header("host")
    if not host:
        raise Refused(400, "The request names no host.")
    if host.lower() not in visit.door.names:
        raise Refused(421, "This page is not served under that name. " + KEYLESS)


def _route(visit: Visit) -> None:
    found = [(route, route.matches(visit.scope)[0]) for route in visit.routes if isinstance(route, Route)]
    there = [route for route, match in found if match is not Match.NONE]
    if not there:
        raise Refused(404, "There is nothing at this address.")
    if all(match is not Match.FULL for _, match in found):
        allowed = sorted({method for route in there for method in route.methods or ()})
        raise Refused(405, f"Use {' or '.join(allowed)} here.", allow=", ".join(allowed))


def _site(visit: Visit) -> None:
    """Browsers say who asks: a page of this origin, the person ("none"), or somebody else."""
    if visit.header("sec-fetch-site") not in (None, "same-origin", "none"):
        raise Refused(403, LINKED)


def _origin(visit: Visit) -> None:
    origin = visit.header("origin")
    if origin is not None and origin.lower() != visit.own:
        raise Refused(403, LINKED)


def _proof(visit: Visit) -> None:
    """What changes something must say that the page itself asks, or hold the token: a cookie comes by itself."""
    says = visit.header("origin") is not None or visit.header("sec-fetch-site") == "same-origin"
    if visit.method not in ("GET", "HEAD") and not says and not _opens(visit.bearer, visit.door.token):
        raise Refused(403, "Nothing says that the page itself asks. Send the token as Authorization: Bearer.")


def _key(visit: Visit) -> None:
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


def _cookies(visit: Visit) -> list[str]:
    """What the page's cookie holds: several, where another program of this machine sets one of its name."""
    pairs = (part.strip().partition("=") for part in (visit.header("cookie") or "").split(";"))
    return [value for name, _, value in pairs if name == visit.door.cookie]


def _length(visit: Visit) -> None:
    length = visit.header("content-length") or "0"
    if not (length.isascii() and length.isdigit()):
        raise Refused(400, "Content-Length is no number.")
    if len(length) > 20 or int(length) > MOST_BYTES:
        raise Refused(413, f"The request's body is larger than {MOST_BYTES:,} bytes.")


def _kind(visit: Visit) -> None:
    """A form of another page cannot send JSON; what is not JSON is not ours."""
    kind = (visit.header("content-type") or "").partition(";")[0].strip().lower()
    if visit.method not in ("GET", "HEAD") and kind != "application/json":
        raise Refused(415, "Send JSON, and say so: Content-Type: application/json.")


RULES: tuple[Callable[[Visit], None], ...] = (_name, _route, _site, _origin, _proof, _key, _length, _kind)
"""In the order in which a request is held against them."""
