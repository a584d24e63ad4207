# SPDX-License-Identifier: Apache-2.0
"""The room Draw as a person uses it: by mouse, finger and keys, in both colour schemes, and what its layers show."""

import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from sheet import ONE, draw, ink, opened, summary, teach

from shoal import theme

SHADE = """([x, y]) => {
  const canvas = document.querySelector("#draw .pad");
  return [...canvas.getContext("2d").getImageData(x * canvas.width, y * canvas.height, 1, 1).data];
}"""


@pytest.fixture(scope="module")
def trained(lab: Any, drawn: dict[str, Any]) -> None:
    teach(lab, drawn)


@pytest.fixture
def room(page: Page, lab_url: str, trained: None) -> Page:
    return opened(page, lab_url)


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


# ---- the inside of a network ------------------------------------------------------------------------------


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
