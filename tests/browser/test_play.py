# SPDX-License-Identifier: Apache-2.0
"""The room of Play, as a person uses it: train, move a slider, compare, try a puzzle, cancel, copy it as Python."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

INSIDE = """(charts) => charts.map((chart) => [...chart.querySelectorAll("text")]
  .filter((word) => word.getBoundingClientRect().right > chart.getBoundingClientRect().right)
  .map((word) => word.textContent))"""  # the words of each chart that are cut off


@pytest.fixture
def play(page: Page, lab_url: str) -> Page:
    """The page in its room of Play, with nothing trained from it yet."""
    page.goto(lab_url + "#play")
    expect(page.locator("#play h2")).to_have_text("Play")
    return page


def button(page: Page, name: str) -> Locator:
    return page.locator("#play").get_by_role("button", name=name, exact=True)


def standing(page: Page) -> Locator:
    return page.locator("#play .standing")


def curve(page: Page) -> Locator:
    """The chart of curves, named by what it shows."""
    return page.locator("#play .curves .figure").first.get_by_role("img")


def finished(page: Page, epochs: int) -> None:
    expect(standing(page)).to_contain_text(f"Finished: {epochs} epochs")


def trained(page: Page, epochs: int) -> None:
    button(page, "Train").click()
    finished(page, epochs)


def test_before_anything_is_trained_the_page_says_what_to_press(play: Page) -> None:
    expect(standing(play)).to_have_text(re.compile("Nothing is trained here yet. Press Train"))
    expect(button(play, "Cancel")).to_be_hidden()
    expect(play.get_by_role("combobox", name="Loss")).to_be_hidden()
    expect(play.locator("#play .curves, #play .sight").first).to_be_hidden()


def test_one_press_trains_and_shows_curves_and_lessons(play: Page) -> None:
    trained(play, 15)
    expect(curve(play)).to_have_attribute(
        "aria-label", re.compile("Validation loss: softmax regression, lr 0.1 ends at")
    )
    expect(play.locator("#said")).to_have_text("Training finished, 15 epochs")
    lessons = play.locator("#play .lessons")
    expect(
        lessons.get_by_role("cell", name="Linear(784, 10)").or_(lessons.get_by_text("Linear(784, 10)"))
    ).to_be_visible()
    expect(lessons.get_by_role("img", name="10 pictures of 28 × 28 weights")).to_be_visible()
    expect(lessons.locator(".weights canvas")).to_have_count(10)
    expect(lessons.locator(".mistakes li")).to_have_count(9)
    expect(lessons.locator(".confusion tbody td")).to_have_count(100)
    expect(lessons.locator(".confusion")).to_contain_text("of 200 test images are right")
    expect(lessons.locator(".curvature")).to_contain_text("the learning rate 0.1 is")
    counts = lessons.locator(".confusion tbody td").all_text_contents()
    assert sum(int(count or 0) for count in counts) == 200


def test_a_moved_slider_trains_again_by_itself(play: Page) -> None:
    trained(play, 15)
    rate = play.get_by_role("slider", name="Learning rate")
    rate.focus()
    for _ in range(10):
        rate.press("ArrowRight")
    expect(play.get_by_role("spinbutton", name="Learning rate, exactly")).to_have_value("0.32")
    expect(rate).to_have_attribute("aria-valuetext", "0.32")
    expect(curve(play)).to_have_attribute("aria-label", re.compile("lr 0.32 ends at"))
    expect(play.locator("#play .curvature")).to_contain_text("the learning rate 0.32 is")


def test_a_number_moves_the_slider(play: Page) -> None:
    batch = play.get_by_role("slider", name="Batch size")
    before = int(batch.input_value())
    play.get_by_role("spinbutton", name="Batch size, exactly").fill("64")
    assert int(batch.input_value()) == before - 2, "two halvings"


def test_nothing_trains_by_itself_where_that_is_switched_off(play: Page) -> None:
    asked: list[str] = []
    trained(play, 15)
    play.get_by_label("Train on every change").uncheck()
    play.on("request", lambda request: request.url.endswith("/api/play/train") and asked.append(request.url))
    play.get_by_role("slider", name="Epochs").press("ArrowLeft")
    play.wait_for_timeout(400)
    assert asked == []
    trained(play, 12)
    assert len(asked) == 1


def test_two_settings_are_compared_seed_by_seed(play: Page) -> None:
    trained(play, 15)
    button(play, "Compare with a second").click()
    expect(play.locator("#play .bench")).to_contain_text("Both settings are the same. Change one of them.")
    play.get_by_role("combobox", name="Model, setting B").select_option(label="Perceptron with hidden layers")
    hidden = play.get_by_role("textbox", name="Hidden units, setting B")
    hidden.fill("16")
    expect(play.locator("#play [data-field='model.kind']")).to_contain_text("differs")
    expect(play.get_by_role("textbox", name="Hidden units, setting A")).to_be_hidden()
    finished(play, 30)
    difference = play.locator("#play .difference")
    expect(difference).to_contain_text("Fewer than 6 decide nothing")
    expect(difference.get_by_role("img")).to_have_attribute("aria-label", re.compile("Difference"))
    play.locator("#play .sight").get_by_label("Setting").select_option(index=1)
    expect(play.locator("#play .gradients tbody tr")).to_have_count(2)
    expect(play.get_by_role("img", name="16 pictures of 28 × 28 weights")).to_be_visible()
    button(play, "Back to one setting").click()
    expect(difference).to_be_hidden()


def test_what_is_out_of_bounds_is_said_and_not_trained(play: Page) -> None:
    play.get_by_role("combobox", name="Model", exact=True).select_option("mlp")
    hidden = play.get_by_role("textbox", name="Hidden units")
    hidden.fill("64, many")
    expect(play.locator("#play .bench")).to_contain_text("Hidden units: use 1 to 3 whole numbers from 1 to 1024.")
    expect(hidden).to_have_attribute("aria-invalid", "true")
    button(play, "Train").click()
    expect(standing(play)).to_contain_text("Nothing is trained here yet")
    hidden.fill("64, 32")
    expect(play.locator("#play .bench")).not_to_contain_text("Hidden units: use")


def test_a_puzzle_is_one_click(play: Page) -> None:
    play.get_by_role("button", name="1.4 When the softmax breaks").click()
    finished(play, 30)
    expect(play.locator("#play .look")).to_contain_text("Look at:")
    expect(play.get_by_role("combobox", name="Loss, setting B")).to_have_value("naive")
    expect(play.get_by_label("Logarithmic")).to_be_checked()
    expect(play.get_by_role("button", name="1.4 When the softmax breaks")).to_have_attribute("aria-pressed", "true")
    expect(curve(play)).to_have_attribute("aria-label", re.compile("Naive softmax"))
    play.get_by_role("spinbutton", name="Learning rate, setting B, exactly").fill("0.01")
    expect(play.locator("#play [data-field=lr]")).to_contain_text("differs")
    finished(play, 30)
    expect(play.locator("#play .look")).to_contain_text("Look at:")


def test_what_takes_long_can_be_cancelled(play: Page) -> None:
    play.get_by_role("combobox", name="Model", exact=True).select_option("lenet")
    play.get_by_role("spinbutton", name="Epochs, exactly").fill("50")
    play.get_by_role("spinbutton", name="Seeds, exactly").fill("20")
    button(play, "Train").click()
    expect(standing(play)).to_contain_text("of 1000 epochs")
    expect(curve(play)).to_be_visible()
    expect(standing(play).get_by_role("progressbar", name="Epochs trained")).to_be_visible()
    button(play, "Cancel").click()
    expect(standing(play)).to_contain_text(re.compile(r"Cancelled after \d+ of 1000 epochs"))
    expect(button(play, "Cancel")).to_be_hidden()


def test_a_change_takes_the_place_of_what_trains(play: Page) -> None:
    play.get_by_role("combobox", name="Model", exact=True).select_option("lenet")
    play.get_by_role("combobox", name="Activation", exact=True).select_option("tanh")
    play.get_by_role("spinbutton", name="Epochs, exactly").fill("20")
    play.get_by_role("spinbutton", name="Seeds, exactly").fill("20")
    button(play, "Train").click()
    expect(standing(play)).to_contain_text("of 400 epochs")
    play.get_by_role("spinbutton", name="Seeds, exactly").fill("1")
    finished(play, 20)
    states = play.evaluate("fetch('/api/state').then((answer) => answer.json())")["training"]
    assert [one["state"] for one in states[:2]] == ["finished", "cancelled"]


@pytest.mark.parametrize("allowed", [True, False])
def test_the_setting_is_taken_home_as_python(play: Page, allowed: bool) -> None:
    if allowed:
        play.context.grant_permissions(["clipboard-read", "clipboard-write"])
    else:
        play.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    button(play, "Copy as Python").click()
    code = play.locator("#play pre")
    expect(code).to_contain_text("softmax_regression()")
    if allowed:
        expect(button(play, "Copied")).to_be_visible()
        assert play.evaluate("navigator.clipboard.readText()") == code.text_content()
    else:
        expect(button(play, "Select and copy it below")).to_be_visible()
        assert play.evaluate("getSelection().toString()").strip() == (code.text_content() or "").strip()
    compile(code.text_content() or "", "play.py", "exec")
    play.get_by_role("slider", name="Learning rate").press("ArrowRight")
    expect(code).to_be_hidden()


def test_a_refusal_is_shown_in_the_servers_words(play: Page, forgiven: list[str]) -> None:
    forgiven.append("status of 400")
    play.get_by_role("combobox", name="Model", exact=True).select_option("lenet")
    play.get_by_role("spinbutton", name="Batch size, exactly").fill("1")
    play.get_by_role("spinbutton", name="Epochs, exactly").fill("50")
    play.get_by_role("spinbutton", name="Seeds, exactly").fill("20")
    play.route("**/api/play/train", lambda route: route.fulfill(status=400, json={"error": "This would take a week."}))
    button(play, "Train").click()
    expect(play.get_by_role("alert")).to_have_text("This would take a week.")
    play.unroute("**/api/play/train")
    play.get_by_role("button", name="1.1 Ten kinds of garments").click()
    expect(play.locator("#play [role=alert]")).to_be_hidden()


def test_what_ends_while_the_line_is_down_is_seen_afterwards(play: Page, lab: Any, forgiven: list[str]) -> None:
    forgiven.append("api/events")
    play.route("**/api/events", lambda route: route.abort())
    lab.hub._soon(lab.hub._end)
    expect(play.locator("#state")).to_contain_text("Connection lost")
    play.get_by_role("spinbutton", name="Epochs, exactly").fill("7")
    button(play, "Train").click()
    expect(standing(play)).to_contain_text("Waiting")
    while lab.trainer.state()[0]["state"] != "finished":
        play.wait_for_timeout(50)
    expect(standing(play)).to_contain_text("Waiting")
    play.unroute("**/api/events")
    finished(play, 21)
    expect(curve(play)).to_be_visible()
    expect(play.locator("#play .after")).to_have_text("After epoch 7")


def test_everything_can_be_done_by_keyboard(play: Page) -> None:
    play.get_by_role("combobox", name="Images").focus()
    reached = set()
    for _ in range(20):
        play.keyboard.press("Tab")
        reached.add(
            play.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent")
        )
    assert {"Learning rate", "Learning rate, exactly", "Seeds", "Train", "Compare with a second"} <= reached
    play.get_by_role("spinbutton", name="Epochs, exactly").press("Enter")
    finished(play, 15)


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(play: Page, width: int) -> None:
    play.set_viewport_size({"width": width, "height": 800})
    play.locator("#play .puzzles").evaluate("(puzzles) => (puzzles.open = true)")
    play.get_by_role("button", name="2.1 The gradient that fades").click()
    finished(play, 30)
    expect(play.locator("#play .gradients tbody tr")).to_have_count(4)
    expect(play.locator("#play .curves svg")).to_have_count(2)
    assert play.evaluate("document.documentElement.scrollWidth") <= width
    assert play.locator("#play .curves .chart").evaluate_all(INSIDE) == [[], []]
