# SPDX-License-Identifier: Apache-2.0
"""The table of routes: the page, its files, and what each room answers. Who may ask is `guard.py`'s to say.

A name in an address is looked up in a table or in the store; no path is ever made of it.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import anyio.from_thread
import msgspec
import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shoal import __version__, theme
from shoal.data import Dataset
from shoal.data.sources import OFFICIAL, Official
from shoal.errors import ShoalError, UsageError
from shoal.live import vega
from shoal.live.door import Door
from shoal.live.guard import Guard
from shoal.live.lab import PLAYED, Lab
from shoal.live.turns import in_turn
from shoal.provenance import engine_facts

PAGES = Path(__file__).with_name("pages")
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
}
TRAIN_IMAGES = "train-images-idx3-ubyte"
T = TypeVar("T")


class NotFound(ShoalError):
    """What an address asks for by an id is not there: answered with 404."""


# ---- what rooms answer with ---------------------------------------------------------------------------


def answer(value: Any, status: int = 200) -> Response:
    """A value as JSON. NumPy's numbers and arrays are taken as Python's; NaN and infinities become null."""
    return Response(msgspec.json.encode(value, enc_hook=_plain), status, media_type="application/json")


def body(request: Request, kind: type[T]) -> T:
    """The request's JSON body, strictly as ``kind`` says; called in a route's thread.

    Raises:
        UsageError: it is no JSON, or not of that kind; the message names the field.
    """
    sent = anyio.from_thread.run(request.body)
    try:
        return msgspec.json.decode(sent, type=kind)
    except msgspec.DecodeError as reason:
        raise UsageError(f"{request.url.path} cannot take this request: {reason}.") from None


def number(request: Request, name: str, default: int | None = None) -> int:
    """A whole number in the address; ``default`` where it is left out.

    Raises:
        UsageError: it is none, or left out without a default.
    """
    text = request.query_params.get(name, "" if default is None else str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise UsageError(f"{request.url.path}: {name}={text[:40]!r} is no number. Use a whole number from 0.")
    return int(text)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"a route answers plain data, not {value!r}")


# ---- routes that belong to no room --------------------------------------------------------------------


def index(request: Request) -> Response:
    """The page itself."""
    return Response((PAGES / "index.html").read_bytes(), media_type="text/html")


def static(request: Request) -> Response:
    """One of the page's files, by a name in the table."""
    name = request.path_params["name"]
    if name not in _files():
        raise NotFound(f"The page has no file {name!r}.")
    return Response(_files()[name](), headers={"content-type": KINDS[Path(name).suffix]})


def charts(request: Request) -> Response:
    """The library that draws charts. Whoever asks while it is made waits, and nobody who asks for another file."""
    return Response(vega.bundle(), headers={"content-type": KINDS[".js"]})


def state(request: Request) -> Response:
    """What the page says of itself: versions, data, engine, what is trained at the moment."""
    lab: Lab = request.app.state.lab
    return answer(
        {
            "version": __version__,
            "boot": lab.boot,
            "store": lab.store_path.name,
            "data": _data(lab),
            "loading": not lab.loaded,
            "engine": engine_facts(lab.engine),
            "stored": lab.changed(),
            "training": lab.trainer.state(),
            "elsewhere": lab.elsewhere(),
        }
    )


def _data(lab: Lab) -> list[dict[str, Any]]:
    """Every data set. While they are read, or if they cannot be, what the real ones are: nobody waits for this."""
    try:
        if lab.loaded:
            return [_about(name, dataset) for name, dataset in lab.datasets().items()]
        warning = ""
    except ShoalError as reason:
        warning = str(reason)
    return [_imagined(OFFICIAL[name], warning) for name in PLAYED]


def _about(name: str, dataset: Dataset) -> dict[str, Any]:
    return {
        "name": name,
        "title": OFFICIAL[name].title if name in OFFICIAL else name,
        "stand_in": dataset.stand_in,
        "classes": dataset.classes,
        "shape": dataset.image_shape,
        "warning": dataset.warning,
    }


def _imagined(official: Official, warning: str) -> dict[str, Any]:
    _, *size = official.shapes[TRAIN_IMAGES]
    about = {"name": official.name, "title": official.title, "classes": official.classes, "shape": (1, *size)}
    return {**about, "stand_in": "", "warning": warning}


@cache
def _files() -> dict[str, Callable[[], bytes]]:
    """File name to what reads or makes it: those that lie in `PAGES`, and the colours."""
    lying = {path.name: path.read_bytes for path in PAGES.iterdir() if path.suffix in KINDS}
    made: dict[str, Callable[[], bytes]] = {
        "theme.css": lambda: theme.css().encode(),
        "theme.json": _colours,
    }
    return made | lying


def _colours() -> bytes:
    """By token, the colour that charts are drawn with and the one they have in the dark."""
    return msgspec.json.encode(theme.COLOURS)


# ---- all together -------------------------------------------------------------------------------------


def table() -> list[Route]:
    """Every route there is, each with threads of its own."""
    from shoal.live import draw, events, lessons, play, watch

    files = (Route("/", index), Route("/static/vega.js", charts), Route("/static/{name}", static))
    own = (*files, Route("/api/state", state))
    every = (own, events.ROUTES, watch.ROUTES, play.ROUTES, lessons.ROUTES, draw.ROUTES)
    return [in_turn(route) for routes in every for route in routes]


def rooms(lab: Lab) -> Starlette:
    """The routes over a lab, open to whoever calls them: `application` is what a server may show."""
    from shoal.live.watch import Room

    app = Starlette(
        routes=table(),
        exception_handlers={ShoalError: _refused, HTTPException: _http, Exception: _failed},
    )
    app.router.redirect_slashes = False
    app.state.lab, app.state.watch = lab, Room(lab)
    return app


def guarded(app: Starlette, door: Door) -> Guard:
    """The routes of `rooms`, behind the guard."""
    return Guard(app, app.routes, door)


def application(lab: Lab, door: Door) -> Guard:
    """The routes over a lab, behind the guard."""
    return guarded(rooms(lab), door)


async def _refused(request: Request, error: Exception) -> Response:
    return answer({"error": str(error)}, 404 if isinstance(error, NotFound) else 400)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answer({"error": f"{error.detail}."}, error.status_code)


async def _failed(request: Request, error: Exception) -> Response:
    return answer({"error": "Shoal failed to answer this. Its terminal says why."}, 500)
