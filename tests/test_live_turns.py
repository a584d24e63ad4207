# SPDX-License-Identifier: Apache-2.0
"""A crowd that waits for dear answers holds up nobody who asks for something else, and everybody is answered."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from fakes import FakeEngine, dots, tiny_study
from shoal.live import vega
from shoal.live.app import NotFound, answer, rooms, table
from shoal.live.lab import Lab
from shoal.live.turns import AT_ONCE, in_turn
from shoal.live.watching import charts
from visitors import Visitor
from watched import ask

CROWD = 60
"""More than a server has threads for."""
DEAR = {
    "/static/vega.js": AT_ONCE,
    "/api/play/form": AT_ONCE,
    "/api/draw/models?data=dots": AT_ONCE,
    "/api/watch/chart?study=rates": 1,
}
"""What is dear, and how many work at once: of those who ask for the same chart one."""
QUICK = {
    "/": 200,
    "/static/style.css": 200,
    "/api/state": 200,
    "/api/play/chart?training=1": 404,
    "/api/watch/table?study=rates": 200,
}


class Gate:
    """What whoever works out an answer waits at, until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.most = self._inside = 0
        self._turn = threading.Lock()

    def __call__(self) -> None:
        with self._turn:
            self._inside += 1
            self.most = max(self.most, self._inside)
        assert self.opened.wait(60)
        with self._turn:
            self._inside -= 1

    async def crowded(self, count: int) -> None:
        """Returns when so many wait here."""
        async with asyncio.timeout(30):
            while self._inside < count:
                await asyncio.sleep(0.005)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
def lab(path, writer, gate, monkeypatch) -> Iterator[Lab]:
    """A lab whose data, charts and what draws them are there once the gate is opened."""
    study = tiny_study()
    ask(writer, study)
    with Lab(path, {"dots": dots()}, (study,), FakeEngine()) as lab:
        there = lab.data
        monkeypatch.setattr(Lab, "loaded", property(lambda lab: gate.opened.is_set()))
        monkeypatch.setattr(Lab, "data", property(lambda lab: gate() or there))
        monkeypatch.setattr(vega, "bundle", lambda: gate() or b"")
        monkeypatch.setattr(charts, "chart", lambda *given: gate() or {"chart": None})
        yield lab
        gate.opened.set()


def test_while_crowds_wait_for_what_is_dear_everything_else_is_answered(lab, gate):
    visitor = Visitor(rooms(lab))

    async def program():
        waiting = [asyncio.create_task(visitor._ask("GET", path, (), ())) for path in DEAR for _ in range(CROWD)]
        try:
            await gate.crowded(sum(DEAR.values()))
            found = {path: (await visitor._ask("GET", path, (), ())).status for path in QUICK}
            cancelled = await visitor._ask("POST", "/api/play/cancel", (), (b'{"training": 1}',))
            assert not any(one.done() for one in waiting)
        finally:
            gate.opened.set()
        return found, cancelled, await asyncio.gather(*waiting)

    found, cancelled, crowd = asyncio.run(program())
    assert found == QUICK
    assert (cancelled.status, cancelled.json) == (404, {"error": "There is no training 1."})
    assert {one.status for one in crowd} == {200}


def test_so_many_are_worked_out_at_once_and_all_in_the_end(gate):
    visitor = Visitor(Starlette(routes=[in_turn(Route("/dear", lambda request: gate() or answer(1)))]))

    async def program():
        waiting = [asyncio.create_task(visitor._ask("GET", "/dear", (), ())) for _ in range(CROWD)]
        await gate.crowded(AT_ONCE)
        gate.opened.set()
        return await asyncio.gather(*waiting)

    assert {one.status for one in asyncio.run(program())} == {200}
    assert gate.most == AT_ONCE


def test_a_turn_changes_nothing_about_a_route():
    def named(request):
        if request.path_params["name"] == "none":
            raise NotFound("There is none.")
        return answer(request.path_params["name"])

    async def told(request, error):
        return answer({"error": str(error)}, 404)

    routes = [in_turn(Route("/{name}", named, methods=["GET"]))]
    visitor = Visitor(Starlette(routes=routes, exception_handlers={NotFound: told}))
    assert visitor.get("/some").json == "some"
    assert visitor.ask("HEAD", "/some").status == 200
    assert visitor.ask("POST", "/some").status == 405
    assert visitor.get("/none").json == {"error": "There is none."}


def test_no_route_takes_a_thread_of_another():
    """The stream of events takes none; all others are asynchronous about theirs."""
    assert all(asyncio.iscoroutinefunction(route.endpoint) for route in table())
