# SPDX-License-Identifier: Apache-2.0
"""Which networks the room Draw asks: none in an empty store, all that are trained, the one that a link chose first,
and what it says when nobody answers."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sheet import ONE, draw, opened, summary, teach, titles

ASK = """async (setting) => {
  const { post } = await import("/static/api.js");
  return await post("/api/play/train", { settings: [setting], seeds: 1 });
}"""
SETTING = {
    "data": "mnist",
    "model": {"kind": "lenet", "activation": "relu", "pooling": "max"},
    "optimizer": {"kind": "adam"},
    "lr": 0.003,
    "batch_size": 16,
    "epochs": 8,
}


@pytest.fixture(scope="module")
def trained(lab: Any, drawn: dict[str, Any]) -> None:
    teach(lab, drawn)


@pytest.fixture
def room(page: Page, lab_url: str, trained: None) -> Page:
    return opened(page, lab_url)


# ---- from nothing to a name (first: the store is still empty) ---------------------------------------------


def test_from_an_empty_store_to_a_named_digit(page: Page, lab_url: str) -> None:
    opened(page, lab_url)
    expect(summary(page)).to_contain_text("No network has learnt digits yet.")
    expect(summary(page).get_by_role("link")).to_have_attribute("href", "#play?data=mnist&model=lenet")
    draw(page, ONE)
    expect(titles(page)).to_have_text(["Drawn", "Trimmed", "Scaled", "Centred"])
    expect(page.locator("#draw .card")).to_have_count(0)
    page.evaluate(ASK, SETTING)
    expect(page.locator("#draw .card h4")).to_have_text("LeNet relu+max")
    expect(page.locator("#draw .card .hint")).to_contain_text("after 8 epochs")
    expect(page.locator("#draw .card .word")).to_have_text("1")
    expect(summary(page)).to_have_text("It says 1.")
    expect(page.locator("#draw .layers h4")).to_have_count(6)


# ---- by a link --------------------------------------------------------------------------------------------


def test_a_link_chooses_what_to_draw_and_who_is_asked_first(page: Page, lab: Any, lab_url: str, trained: None) -> None:
    softmax = next(row.id for row in lab.reader().table() if row.config["model"]["name"] == "softmax regression")
    page.goto(f"{lab_url}#draw?data=mnist&model={softmax}")
    expect(page.get_by_label("Digits")).to_be_checked()
    expect(page.locator("#draw .card h4").first).to_have_text("softmax regression chosen")
    expect(page.get_by_text("chosen", exact=True)).to_have_count(1)
    draw(page, ONE)
    expect(page.locator("#draw .layers h4")).to_have_text(["Linear(784, 10)"])
    expect(page.locator("#said")).to_contain_text("The one you chose: 1,")
    page.evaluate("location.hash = '#draw?data=fashion-mnist&model=12345'")
    expect(page.locator("#draw h2")).to_have_text("Draw a garment")
    expect(page.get_by_text("chosen", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Clear").click()
    expect(summary(page)).to_have_text(
        "One network waits for your first stroke. Run 12345 is not among them: it diverged, or has not trained yet."
    )
    page.get_by_label("Digits").check()
    expect(summary(page)).to_contain_text("wait for your first stroke.")
    expect(page.get_by_text("chosen", exact=True)).to_have_count(0)


# ---- without a server -------------------------------------------------------------------------------------


@pytest.fixture
def forgiven() -> list[str]:
    return ["net::ERR_FAILED"]


def test_a_server_that_is_gone_is_told_and_forgotten_once_it_is_back(room: Page) -> None:
    room.route("**/api/draw/name", lambda route: route.abort())
    draw(room, ONE)
    expect(room.locator("#draw .error")).to_contain_text("The server does not answer")
    room.unroute("**/api/draw/name")
    draw(room, [(0.5, 0.5), (0.5, 0.6)])
    expect(room.locator("#draw .error")).to_have_count(0)
    expect(summary(room)).to_contain_text("say 1")


def test_networks_that_cannot_be_read_are_told_in_the_servers_words(
    page: Page, lab_url: str, trained: None, forgiven: list[str]
) -> None:
    forgiven.append("status of 400")
    refused = {"error": "The store is of a later Shoal."}
    page.route("**/api/draw/models?*", lambda route: route.fulfill(status=400, json=refused))
    opened(page, lab_url)
    expect(page.locator("#draw .error")).to_have_text("The store is of a later Shoal.")
    expect(summary(page)).to_have_text("Which networks there are could not be read.")
    page.unroute("**/api/draw/models?*")
    page.get_by_label("Garments").check()
    expect(page.locator("#draw .error")).to_have_count(0)
    expect(summary(page)).to_contain_text("waits for your first stroke")
