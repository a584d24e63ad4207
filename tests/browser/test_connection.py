# SPDX-License-Identifier: Apache-2.0
"""The line that says how things stand: what trains, here and elsewhere; a connection given back, lost and found."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from time import monotonic, sleep
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from shoal.live import app
from shoal.store import Store


@pytest.fixture
def shell(page: Page, lab_url: str) -> Page:
    """The page, connected."""
    page.goto(lab_url)
    connected(page)
    return page


def connected(page: Page) -> None:
    expect(page.locator("#state")).to_contain_text("Connected to shoal.db")


# ---- what trains --------------------------------------------------------------------------------------


def test_the_state_line_says_what_trains_and_for_how_long(shell: Page, lab: Any) -> None:
    state, meter = shell.locator("#state"), shell.get_by_role("progressbar", name="Epochs trained")
    told = {"id": 77, "title": "LeNet", "place": 0, "total": 40, "error": "", "runs": []}
    lab.hub.tell("training", **told, state="training", done=12, left=65.0)
    expect(state).to_contain_text("12 of 40 epochs")
    expect(state).to_contain_text("1 min 5 s left")
    expect(meter).to_have_js_property("position", 0.3)
    lab.hub.tell("training", **{**told, "id": 78}, state="queued", done=0, left=None)
    expect(state).to_contain_text("1 more waits")
    lab.hub.tell("training", **{**told, "id": 78}, state="cancelled", done=0, left=None)
    expect(state).not_to_contain_text("waits")
    lab.hub.tell("training", **told, state="finished", done=40, left=0.0)
    expect(state).not_to_contain_text("epochs")


def test_the_state_line_knows_of_work_elsewhere_until_it_ends(shell: Page, lab: Any) -> None:
    """Also before their first record, and a page that comes in the midst of one."""
    with Store.open(lab.store_path, write=True):
        expect(shell.locator("#state")).to_contain_text("A command works on this store")
        shell.reload()
        expect(shell.locator("#state")).to_contain_text("A command works on this store")
    expect(shell.locator("#state")).not_to_contain_text("A command")


def test_a_page_that_nobody_sees_gives_its_connection_back(page: Page, lab: Any, lab_url: str) -> None:
    page.clock.install()
    page.goto(lab_url)
    connected(page)
    turn = """(hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(turn, True)
    page.clock.run_for(31_000)
    until(lambda: lab.hub.watchers == 0)
    page.evaluate(turn, False)
    until(lambda: lab.hub.watchers == 1)


def test_a_server_that_falls_silent_is_told_of_and_called_again(
    page: Page, lab: Any, lab_url: str, forgiven: list[str]
) -> None:
    forgiven.append("ERR_FAILED .*/api/state")
    page.clock.install()
    page.goto(lab_url)
    connected(page)
    page.route("**/api/state", lambda route: route.abort())
    page.clock.run_for(20_000)
    lab.hub.tell("here")
    page.wait_for_timeout(500)
    page.clock.run_for(20_000)
    connected(page)
    page.clock.run_for(6_000)
    expect(page.locator("#state")).to_contain_text("Connection lost, trying again")
    page.unroute("**/api/state")
    page.clock.run_for(20_000)
    connected(page)


def until(there: Callable[[], bool]) -> None:
    """Waits for the server to have heard of it."""
    end = monotonic() + 20
    while not there():
        assert monotonic() < end
        sleep(0.05)


# ---- a lost connection --------------------------------------------------------------------------------


@pytest.fixture
def servers(drawn: dict[str, Any], tmp_path: Any) -> Iterator[Any]:
    """Starts servers one after the other on one port: `begin()`, `end()`; each with the same or another lab and key."""
    from shoal.live.guard import Door
    from shoal.live.lab import Lab
    from shoal.live.sockets import Serving, listen

    class Servers:
        def __init__(self) -> None:
            self.port, self.lab, self.door = 0, Lab(tmp_path / "shoal.db", drawn), None
            self.running = ExitStack()

        def begin(self, *, other_lab: bool = False, other_key: bool = False) -> str:
            if other_lab:
                self.lab.close()
                self.lab = Lab(tmp_path / "shoal.db", drawn)
            listening = listen("127.0.0.1", self.port)
            self.port = listening.getsockname()[1]
            if other_key or self.door is None:
                self.door = Door(self.port, "127.0.0.1")
            self.running.enter_context(Serving(app.application(self.lab, self.door), listening, self.door.address))
            return str(self.door.address)

        def end(self) -> None:
            self.running.close()

    servers = Servers()
    yield servers
    servers.end()
    servers.lab.close()


@pytest.fixture
def broken(servers: Any, page: Page, forgiven: list[str]) -> Page:
    """A page whose server has just gone."""
    forgiven += ["ERR_CONNECTION", "ERR_INCOMPLETE", "ERR_EMPTY", "ERR_SOCKET", "status of 403"]
    page.goto(servers.begin())
    connected(page)
    page.evaluate("document.body.dataset.kept = true")
    servers.end()
    expect(page.locator("#state")).to_contain_text("Connection lost, trying again")
    expect(page.get_by_role("status")).to_have_text("Connection lost, trying again")
    return page


def test_a_page_connects_again_by_itself(broken: Page, servers: Any) -> None:
    servers.begin()
    connected(broken)
    expect(broken.locator("body[data-kept]")).to_have_count(1)


def test_a_room_opened_without_a_connection_opens_once_there_is_one(broken: Page, servers: Any) -> None:
    broken.get_by_role("tab", name="Play").click()
    trouble = broken.locator("#play .error:visible")
    expect(trouble).to_contain_text("Play cannot go on. The server does not answer.")
    servers.begin()
    connected(broken)
    expect(trouble).to_have_count(0)
    expect(broken.get_by_role("button", name="Train", exact=True)).to_be_visible()
    expect(broken.locator("body[data-kept]")).to_have_count(1)


def test_after_a_restart_with_the_same_key_the_page_loads_again(broken: Page, servers: Any) -> None:
    servers.begin(other_lab=True)
    expect(broken.locator("body[data-kept]")).to_have_count(0)
    connected(broken)


def test_after_a_restart_the_page_asks_for_the_new_address(broken: Page, servers: Any) -> None:
    address = servers.begin(other_lab=True, other_key=True)
    expect(broken.locator("#state")).to_contain_text("Open the address that shoal serve prints.")
    broken.goto(address)
    connected(broken)
