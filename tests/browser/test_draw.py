# SPDX-License-Identifier: Apache-2.0
"""The room Draw as a person uses it: by mouse, finger, keys and files, from an empty store to a digit that is named."""

import io
import re
from base64 import b64decode, b64encode
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Request, expect

from shoal import theme
from shoal.models import lenet, softmax_regression
from shoal.optimizers import Adam
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.study import Config, Run

ONE = [(0.5, 0.15), (0.5, 0.85)]
BOX = [(0.3, 0.2), (0.7, 0.2), (0.7, 0.8), (0.3, 0.8), (0.3, 0.19)]
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
DROP = """(canvas, { bytes, name, type, kind }) => {
  const carried = new DataTransfer();
  carried.items.add(new File([Uint8Array.from(atob(bytes), (one) => one.charCodeAt(0))], name, { type }));
  const how = { bubbles: true, cancelable: true, dataTransfer: carried, clipboardData: carried };
  canvas.dispatchEvent(kind === "paste" ? new ClipboardEvent(kind, how) : new DragEvent(kind, how));
}"""
SHADE = """([x, y]) => {
  const canvas = document.querySelector("#draw .pad");
  return [...canvas.getContext("2d").getImageData(x * canvas.width, y * canvas.height, 1, 1).data];
}"""


def opened(page: Page, url: str) -> Page:
    page.goto(f"{url}#draw")
    expect(page.locator("#draw h2")).to_be_visible()
    expect(page.locator("#draw .summary")).not_to_contain_text("Reading")
    return page


@pytest.fixture(scope="module")
def trained(lab: Any, drawn: dict[str, Any]) -> None:
    """Two networks for digits, one for garments."""
    digits, clothes = drawn["mnist"].name, drawn["fashion-mnist"].name
    asked = [(digits, lenet("relu", "max"), 5), (digits, softmax_regression(), 3), (clothes, softmax_regression(), 3)]
    runs = (
        Run(Config(data=data, model=model, optimizer=Adam(lr=0.003), batch_size=16, epochs=epochs), 0)
        for data, model, epochs in asked
    )
    with Store.open(lab.store_path, write=True) as writer:
        train(Demand(tuple(runs)), lab.engine, {dataset.name: dataset for dataset in drawn.values()}, writer)


@pytest.fixture
def room(page: Page, lab_url: str, trained: None) -> Page:
    return opened(page, lab_url)


def draw(page: Page, points: list[tuple[float, float]]) -> None:
    page.locator("#draw .pad").scroll_into_view_if_needed()
    box = page.locator("#draw .pad").bounding_box()
    assert box
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def ink(asked: Request) -> np.ndarray:
    """The canvas that a request carries."""
    sent = asked.post_data_json
    return np.frombuffer(b64decode(sent["pixels"]), np.uint8).reshape(sent["height"], sent["width"])


def summary(page: Page) -> Any:
    return page.locator("#draw .summary")


def titles(page: Page) -> Any:
    return page.locator("#draw .steps h4")


def file(pixels: np.ndarray, name: str = "one.png") -> dict[str, Any]:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": written.getvalue()}


@pytest.fixture
def photo() -> np.ndarray:
    """A one on paper, in colour."""
    paper = np.full((300, 240, 3), (250, 245, 230), np.uint8)
    paper[40:250, 108:130] = (20, 40, 120)
    return paper


# ---- from nothing to a name (first: the store is still empty) ---------------------------------------------


def test_from_an_empty_store_to_a_named_digit(page: Page, lab_url: str) -> None:
    opened(page, lab_url)
    expect(summary(page)).to_contain_text("No network has learnt digits yet.")
    expect(summary(page).get_by_role("link")).to_have_attribute("href", "#play")
    draw(page, ONE)
    expect(titles(page)).to_have_text(["Drawn", "Trimmed", "Scaled", "Centred"])
    expect(page.locator("#draw .card")).to_have_count(0)
    page.evaluate(ASK, SETTING)
    expect(page.locator("#draw .card h4")).to_have_text("LeNet relu+max")
    expect(page.locator("#draw .card .hint")).to_contain_text("after 8 epochs")
    expect(page.locator("#draw .card .word")).to_have_text("1")
    expect(summary(page)).to_have_text("It says 1.")
    expect(page.locator("#draw .layers h4")).to_have_count(6)


# ---- by hand ----------------------------------------------------------------------------------------------


def test_the_mouse_draws_undoes_and_clears(room: Page) -> None:
    expect(summary(room)).to_contain_text("wait for your first stroke")
    expect(room.get_by_text("Draw here")).to_be_visible()
    draw(room, ONE)
    expect(room.get_by_text("Draw here")).to_be_hidden()
    expect(summary(room)).to_contain_text("say 1")
    expect(room.locator("#draw .card").first.locator(".shares").first.locator(".share")).to_have_count(3)
    room.locator("#draw .card summary").first.click()
    expect(room.locator("#draw .card details").first.locator(".share")).to_have_count(10)
    draw(room, [(0.2, 0.5), (0.8, 0.5)])
    room.get_by_role("button", name="Undo").click()
    expect(summary(room)).to_contain_text("say 1")
    room.get_by_role("button", name="Clear").click()
    expect(summary(room)).to_contain_text("wait for your first stroke")
    expect(room.locator("#draw .steps")).to_be_hidden()
    room.get_by_role("button", name="Undo").click()
    expect(summary(room)).to_contain_text("say 1")


def test_what_is_sent_is_what_was_drawn(room: Page) -> None:
    with room.expect_request("**/api/draw/name") as asked:
        draw(room, [(0.25, 0.75)])
    sent = asked.value.post_data_json
    assert (sent["width"], sent["height"], sent["picture"], sent["fill"]) == (160, 160, False, False)
    dot = ink(asked.value)
    rows, columns = np.flatnonzero(dot.any(axis=1)), np.flatnonzero(dot.any(axis=0))
    assert np.abs(rows.mean() - 119.5) < 1.5, "a point is a dot where it was made"
    assert np.abs(columns.mean() - 39.5) < 1.5
    assert np.ptp(rows) + 1 == pytest.approx(0.08 * 160, abs=2)
    assert dot.max() == 255


def test_at_most_six_questions_a_second_and_the_last_stroke_is_answered(room: Page) -> None:
    asked = []
    room.on("request", lambda one: asked.append(one) if one.url.endswith("/draw/name") else None)
    room.evaluate("performance.mark('begun')")
    for at in range(12):
        draw(room, [(0.3 + at / 40, 0.3), (0.3 + at / 40, 0.7)])
    room.wait_for_timeout(400)
    seconds = room.evaluate("(performance.now() - performance.getEntriesByName('begun')[0].startTime) / 1000")
    assert 1 < len(asked) <= 6 * seconds + 1
    assert ink(asked[-1])[55:105, 92].all(), "the last stroke was asked about"


@pytest.mark.browser_context_args(has_touch=True, viewport={"width": 390, "height": 844})
def test_a_finger_draws_on_a_phone_and_nothing_is_too_wide(room: Page) -> None:
    box = room.locator("#draw .pad").bounding_box()
    assert box
    room.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(room.locator("#draw .word").first).not_to_have_text("–")
    expect(room.locator("#draw .maps canvas").first).to_be_visible()
    assert room.evaluate("document.documentElement.scrollWidth") <= 390
    low = [
        control.inner_text() or control.evaluate("(one) => one.outerHTML")
        for control in room.locator("#draw button, #draw select, #draw input:visible, #draw summary").all()
        if (control.bounding_box() or {"height": 0})["height"] < 44
        and control.get_attribute("type") not in ("radio", "checkbox")  # their labels are as high
    ]
    assert not low


def test_the_ink_follows_the_colour_scheme(room: Page) -> None:
    draw(room, ONE)
    for scheme, shade in (("light", theme.COLOURS["ink"].light), ("dark", theme.COLOURS["ink"].dark)):
        room.emulate_media(color_scheme=scheme)
        red, green, blue = (int(shade[at : at + 2], 16) for at in (1, 3, 5))
        expected = [[0.5, 0.5], f"{red},{green},{blue},255"]
        room.wait_for_function(f"([place, shade]) => ({SHADE})(place).join() === shade", arg=expected)


# ---- by keyboard ------------------------------------------------------------------------------------------


def test_the_keyboard_draws_and_is_told_what_is_seen(room: Page) -> None:
    canvas = room.get_by_role("application", name="Canvas, empty")
    expect(canvas).to_have_accessible_description(re.compile("arrow keys move the pen"))
    room.get_by_label("Pen").focus()
    room.keyboard.press("Tab")
    expect(canvas).to_be_focused()
    for _ in range(3):
        room.keyboard.press("Shift+ArrowUp")
    room.keyboard.press("Space")
    expect(room.locator("#said")).to_have_text("Pen down, 50% from the left, 20% from the top")
    for _ in range(6):
        room.keyboard.press("Shift+ArrowDown")
    room.keyboard.press("Space")
    expect(summary(room)).to_contain_text("say 1")
    expect(room.locator("#said")).to_contain_text("say 1. The most accurate: 1,")
    expect(room.get_by_role("application", name="Canvas with a drawing")).to_be_focused()
    room.keyboard.press("Control+z")
    expect(room.get_by_role("application", name="Canvas, empty")).to_be_focused()
    room.keyboard.press("Space")
    room.keyboard.press("ArrowRight")
    room.keyboard.press("Delete")
    expect(room.locator("#said")).to_have_text("Cleared")
    expect(summary(room)).to_contain_text("wait for your first stroke")


# ---- pictures ---------------------------------------------------------------------------------------------


def test_a_picture_on_paper_is_chosen(room: Page, photo: np.ndarray) -> None:
    with room.expect_request("**/api/draw/name") as asked:
        room.locator("#draw input[type=file]").set_input_files(file(photo))
    sent = asked.value.post_data_json
    assert (sent["width"], sent["height"], sent["picture"]) == (128, 160, True)
    expect(titles(room)).to_have_text(["Grey", "Ground at 0", "Trimmed", "Scaled", "Centred"])
    expect(summary(room)).to_contain_text("say 1")
    draw(room, [(0.2, 0.5), (0.8, 0.5)])
    expect(titles(room)).to_have_text(["Drawn", "Trimmed", "Scaled", "Centred"])
    room.get_by_role("button", name="Undo").click()
    expect(titles(room).first).to_have_text("Grey")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted(room: Page, photo: np.ndarray, kind: str) -> None:
    given = {"bytes": b64encode(file(photo)["buffer"]).decode(), "name": "one.png", "type": "image/png", "kind": kind}
    room.locator("#draw .pad").evaluate(DROP, given)
    expect(titles(room).first).to_have_text("Grey")
    expect(summary(room)).to_contain_text("say 1")


def test_what_is_no_picture_is_refused_in_words(room: Page) -> None:
    room.locator("#draw input[type=file]").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"1"})
    expect(room.locator("#draw .error")).to_have_text(re.compile("a.txt is no picture that this browser can read"))
    draw(room, ONE)
    expect(room.locator("#draw .error")).to_have_count(0)


# ---- garments, and the inside of a network ----------------------------------------------------------------


def test_garments_are_filled_unless_that_is_not_wanted(room: Page) -> None:
    expect(room.get_by_label("Fill outlines")).to_be_hidden()
    room.get_by_label("Garments").check()
    expect(room.locator("#draw h2")).to_have_text("Draw a garment")
    draw(room, BOX)
    expect(titles(room)).to_have_text(["Drawn", "Filled", "Trimmed", "Scaled", "Sharpened", "Centred"])
    room.get_by_label("Fill outlines").uncheck()
    expect(titles(room)).to_have_text(["Drawn", "Trimmed", "Scaled", "Sharpened", "Centred"])
    expect(summary(room)).to_contain_text("It says")


def test_another_network_is_looked_into(room: Page) -> None:
    draw(room, ONE)
    choice = room.get_by_label("Network")
    options = choice.locator("option").all_inner_texts()
    choice.select_option(index=next(at for at, words in enumerate(options) if words.startswith("softmax")))
    expect(room.locator("#draw .layers h4")).to_have_text(["Linear(784, 10)"])
    expect(room.locator("#draw .maps span")).to_have_text([str(digit) for digit in range(10)])
    choice.select_option(index=next(at for at, words in enumerate(options) if words.startswith("LeNet")))
    expect(room.locator("#draw .layers h4").first).to_have_text("Conv2d(1, 6, kernel_size=5, padding=2)")
    expect(room.locator("#draw .maps").first.locator("canvas")).to_have_count(6)
    expect(room.get_by_role("img", name="Conv2d(6, 16, kernel_size=5), 16 of 16")).to_be_visible()


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
