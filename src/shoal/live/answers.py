# SPDX-License-Identifier: Apache-2.0
"""How every answer leaves: with the same headers, whoever made it, and only if it is of a kind that the page has.

A refusal is a sentence, as a page to a person and as JSON to a program. Who is refused is `guard.py`'s to say.
"""

import base64
import hashlib
import json
from typing import Any

from starlette.types import Message, Scope, Send

from shoal import theme

STYLE = theme.css() + (
    "body{margin:20vh auto 0;padding:0 20px;max-width:var(--column);color:var(--ink);background:var(--paper);"
    "font:17px/1.6 var(--sans)}h1{margin:0 0 8px;font-size:30px;font-weight:650;letter-spacing:-.015em}"
)
"""Of the one page that is shown without a key, which may not ask for the others' style sheet."""

STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; script-src 'self'; style-src 'self' 'sha256-{STYLE_HASH}'; img-src 'self' data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""What every answer says, to whoever."""

MAY_SAY = {"content-type", "content-length", "allow", "connection", "location", "set-cookie"}
"""What an answer may say beside that. Anything else is left out: `server`, `access-control-allow-origin` ..."""

KINDS = {"text/html", "text/css", "text/javascript", "application/json", "text/event-stream"}


class Refused(Exception):
    """A request is answered with a status and a sentence, and goes no further."""

    def __init__(self, status: int, words: str, **headers: str) -> None:
        super().__init__(words)
        self.status, self.words, self.headers = status, words, headers


class Answer:
    """Sends an answer, with `HEADERS`, and only if it is of a kind that the page has.

    Args:
        bare: without its body, and at once: to HEAD.
    """

    def __init__(self, send: Send, bare: bool) -> None:
        self._send, self._bare, self.started = send, bare, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": _checked(message["status"], message.get("headers", []))}
            self.started = True
            await self._send(message)
            if self._bare:
                await self._send({"type": "http.response.body", "body": b""})
        elif not self._bare:
            await self._send(message)


def _checked(status: int, given: Any) -> list[tuple[bytes, bytes]]:
    """The headers of an answer.

    Raises:
        RuntimeError: content of a kind that no answer has, or a redirection to elsewhere: a mistake in a route.
    """
    own = [(name.decode().lower(), value.decode("latin-1")) for name, value in given]
    said = [(name, value) for name, value in own if name in MAY_SAY]
    kinds = [value.partition(";")[0] for name, value in said if name == "content-type"]
    if status != 303 and not (len(kinds) == 1 and kinds[0] in KINDS):
        raise RuntimeError(f"an answer has the content type {' and '.join(kinds) or 'of nothing'}")
    if any(name == "location" and value != "/" for name, value in said):
        raise RuntimeError("an answer leads away from the page")
    return [(name.encode(), value.encode("latin-1")) for name, value in (*said, *HEADERS.items())]


async def refuse(scope: Scope, refusal: Refused, answer: Answer) -> None:
    """A sentence, as a page to a person and as JSON to a program. The connection ends: a body may still be coming."""
    accepts = b",".join(value for name, value in scope["headers"] if name == b"accept")
    if scope["path"] == "/" and b"text/html" in accepts:
        kind, content = "text/html; charset=utf-8", _page(refusal.words)
    else:
        kind, content = "application/json", json.dumps({"error": refusal.words})
    body = content.encode()
    headers = {"content-type": kind, "content-length": str(len(body)), "connection": "close", **refusal.headers}
    start = [(name.encode(), value.encode()) for name, value in headers.items()]
    await answer({"type": "http.response.start", "status": refusal.status, "headers": start})
    await answer({"type": "http.response.body", "body": body})


def _page(words: str) -> str:
    """Words of ours only: nothing of the request comes back in it."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Shoal</title><style>{STYLE}</style><h1>Shoal</h1><p>{words}</p></html>"
    )
