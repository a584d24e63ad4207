# SPDX-License-Identifier: Apache-2.0
"""Who may ask the page for what: everything is refused that is not plainly the page itself asking.

One pass from the outside in: the name it is called by, the route, the site and page that ask, the token, the body.
Every answer, whoever made it, leaves with the same headers. Nothing here knows what the routes do.
"""

import logging
from collections.abc import Sequence

from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shoal.live.answers import Answer, Refused, refuse
from shoal.live.door import Door
from shoal.live.rules import MOST_BYTES, RULES, Visit

log = logging.getLogger(__name__)


class Guard:
    """ASGI: the app behind every one of `RULES`, in their order.

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
            await self._pass(Visit(scope, self.routes, self.door), receive, answer)
        except Refused as refusal:
            await refuse(scope, refusal, answer)
        except _Gone:
            pass
        except Exception as error:
            log.error("%s %r failed", scope["method"], scope["path"], exc_info=error)
            if not answer.started:
                await refuse(scope, Refused(500, "Shoal failed to answer this. Its terminal says why."), answer)
        return None

    async def _pass(self, visit: Visit, receive: Receive, answer: Answer) -> None:
        for rule in RULES:
            rule(visit)
        if visit.token is not None:
            return await _welcome(self.door, answer)
        sent = await _whole(receive)
        return await self.app(visit.scope, _again(sent, receive), answer)


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
