# SPDX-License-Identifier: Apache-2.0
"""The room of Play, as a person uses it: train, move a slider, compare, try a puzzle, cancel, copy it as Python."""

import re
from typing import Any

import pytest
from bench import asked_of, button, curve, exactly, finished, opened, standing, trained
from playwright.sync_api import Page, Route, expect

INSIDE = """(charts) => charts.map((chart) => [...chart.querySelectorAll("text")]
  .filter((word) => word.getBoundingClientRect().right > chart.getBoundingClientRect().right)
  .map((word) => word.textContent))"""  # the words of each chart that are cut off


@pytest.fixture
def play(page: Page, lab_url: str) -> Page:
    """The page in its room of Play, with nothing trained from it yet."""
    return opened(page, lab_url)


def test_before_anything_is_trained_the_page_says_what_to_press(play: Page) -> None:
    expect(standing(play)).to_have_text(re.compile("Nothing is trained here yet. Press Train"))
    expect(button(play, "Cancel")).to_be_hidden()
    expect(play.get_by_role("combobox", name="Loss")).to_be_hidden()
    expect(play.locator("#play .curves, #play .sight").first).to_be_hidden()


def test_one_press_trains_and_shows_curves_and_lessons(play: Page) -> None:
    trained(play)
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


def test_of_layers_that_nothing_moves_it_is_said_so(play: Page, lab: Any) -> None:
    trained(play)
    shown = """async (training) => {
      const [{ lessons }, picture] = [await import("/static/play_lessons.js"), await import("/static/picture.js")];
      const insight = await (await fetch(`/api/play/insight?training=${training}`)).json();
      const dead = { name: "Linear(784, 1)", gradient_rms: 0, weight_rms: 0.1 };
      const all = lessons(picture);
      all.show({ ...insight, gradients: [dead, { ...dead, name: "Linear(1, 10)" }] });
      return all.element.querySelector(".gradients").textContent;
    }"""
    words = play.evaluate(shown, lab.trainer.state()[0]["id"])
    assert "Where it is 0 (Linear(784, 1), Linear(1, 10)) the loss moves no weight" in words
    assert "10⁻" not in words, "there is no scale of nothing"


def test_a_moved_slider_trains_again_by_itself(play: Page) -> None:
    trained(play)
    rate = play.get_by_role("slider", name="Learning rate")
    rate.focus()
    for _ in range(10):
        rate.press("ArrowRight")
    expect(exactly(play, "Learning rate")).to_have_value("0.32")
    expect(rate).to_have_attribute("aria-valuetext", "0.32")
    expect(curve(play)).to_have_attribute("aria-label", re.compile("lr 0.32 ends at"))
    expect(play.locator("#play .curvature")).to_contain_text("the learning rate 0.32 is")


def test_the_curves_before_stay_until_there_is_a_point_of_the_next(play: Page) -> None:
    trained(play)
    waiting = {"chart": None, "caption": "It has not begun.", "difference": None}
    play.route("**/api/play/chart?*", lambda route: route.fulfill(json=waiting))
    exactly(play, "Learning rate").fill("0.32")
    curves = play.locator("#play .curves")
    expect(curves).to_have_attribute("data-stale", "true")
    expect(curve(play)).to_have_attribute("aria-label", re.compile("lr 0.1 ends at"))
    expect(curves).to_contain_text("It has not begun.")
    play.unroute("**/api/play/chart?*")
    exactly(play, "Learning rate").fill("0.4")
    expect(curve(play)).to_have_attribute("aria-label", re.compile("lr 0.4 ends at"))
    expect(curves).not_to_have_attribute("data-stale", "true")


def test_a_late_answer_about_the_training_before_is_not_shown_as_the_next_ones(play: Page) -> None:
    trained(play)
    play.get_by_role("switch", name="Train again on every change").uncheck()
    seed = play.get_by_role("combobox", name="Seed")
    expect(seed).to_be_visible()
    held: list[Route] = []
    for path in ("**/api/play/chart?*", "**/api/play/insight?*"):
        play.route(path, lambda route: held.append(route))
    play.get_by_role("combobox", name="Curve").select_option("validation_accuracy")
    seed.select_option("1")
    while len(held) < 2:
        play.wait_for_timeout(20)
    exactly(play, "Learning rate").fill("0.32")
    with play.expect_response("**/api/play/train"):
        button(play, "Train").click()
    expect(play.locator("#play .sight")).to_have_attribute("data-stale", "true")
    for route in tuple(held):
        route.continue_()
    play.wait_for_timeout(500)
    expect(play.locator("#play .sight")).to_have_attribute("data-stale", "true")
    expect(curve(play)).to_have_attribute("aria-label", re.compile("Validation loss: softmax regression, lr 0.1 "))
    play.unroute_all(behavior="ignoreErrors")


def test_a_turn_that_comes_early_loses_no_call(play: Page) -> None:
    acts = """async () => {
      const { paced } = await import("/static/pace.js");
      let acts = 0;
      const act = paced(() => 60_000, async () => acts++);
      await act();
      await act();
      act.fresh();
      await new Promise((resolve) => setTimeout(resolve, 20));
      return acts;
    }"""
    assert play.evaluate(acts) == 2


def test_a_number_moves_the_slider(play: Page) -> None:
    batch = play.get_by_role("slider", name="Batch size")
    before = int(batch.input_value())
    exactly(play, "Batch size").fill("64")
    assert int(batch.input_value()) == before - 2, "two halvings"


def test_the_page_is_at_rest_until_the_first_press(play: Page) -> None:
    asked = asked_of(play)
    expect(play.get_by_role("switch", name="Train again on every change")).to_be_checked()
    play.get_by_role("slider", name="Epochs").press("ArrowLeft")
    play.wait_for_timeout(400)
    assert asked == []
    expect(standing(play)).to_contain_text("Press Train")
    trained(play)
    play.get_by_role("slider", name="Epochs").press("ArrowLeft")
    expect(play.locator("#play .after")).to_have_text("After epoch 3")
    assert len(asked) == 2


def test_nothing_trains_by_itself_where_that_is_switched_off(play: Page) -> None:
    trained(play)
    asked = asked_of(play)
    play.get_by_role("switch", name="Train again on every change").uncheck()
    play.get_by_role("slider", name="Epochs").press("ArrowLeft")
    play.wait_for_timeout(400)
    assert asked == []
    trained(play)
    assert len(asked) == 1


def test_a_puzzle_is_one_click(play: Page) -> None:
    play.get_by_role("button", name="1.4 When the softmax breaks").click()
    finished(play, 12)
    expect(play.locator("#play .look")).to_contain_text("Look at:")
    expect(play.get_by_role("combobox", name="Loss, setting B")).to_have_value("naive")
    expect(play.get_by_label("Logarithmic")).to_be_checked()
    expect(play.get_by_role("button", name="1.4 When the softmax breaks")).to_have_attribute("aria-pressed", "true")
    expect(curve(play)).to_have_attribute("aria-label", re.compile("Naive softmax"))
    exactly(play, "Learning rate, setting B").fill("0.01")
    expect(play.locator("#play [data-field=lr]")).to_contain_text("differs")
    finished(play, 12)
    expect(play.locator("#play .look")).to_contain_text("Look at:")


def test_what_takes_long_can_be_cancelled(play: Page) -> None:
    play.get_by_role("combobox", name="Model", exact=True).select_option("lenet")
    exactly(play, "Epochs").fill("50")
    exactly(play, "Seeds").fill("20")
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
    exactly(play, "Epochs").fill("20")
    exactly(play, "Seeds").fill("20")
    button(play, "Train").click()
    expect(standing(play)).to_contain_text("of 400 epochs")
    exactly(play, "Seeds").fill("1")
    finished(play, 1)
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


def test_what_ends_while_the_line_is_down_is_seen_afterwards(play: Page, lab: Any, forgiven: list[str]) -> None:
    forgiven.append("api/events")
    play.route("**/api/events", lambda route: route.abort())
    lab.hub._soon(lab.hub._end)
    expect(play.locator("#state")).to_contain_text("Connection lost")
    exactly(play, "Epochs").fill("7")
    button(play, "Train").click()
    expect(standing(play)).to_contain_text("Waiting")
    while lab.trainer.state()[0]["state"] != "finished":
        play.wait_for_timeout(50)
    expect(standing(play)).to_contain_text("Waiting")
    play.unroute("**/api/events")
    finished(play, 3)
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
    exactly(play, "Epochs").press("Enter")
    finished(play, 3)


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(play: Page, width: int) -> None:
    play.set_viewport_size({"width": width, "height": 800})
    play.locator("#play .puzzles").evaluate("(puzzles) => (puzzles.open = true)")
    play.get_by_role("button", name="2.1 The gradient that fades").click()
    finished(play, 12)
    expect(play.locator("#play .gradients tbody tr")).to_have_count(4)
    expect(play.locator("#play .curves svg")).to_have_count(2)
    assert play.evaluate("document.documentElement.scrollWidth") <= width
    assert play.locator("#play .curves .chart").evaluate_all(INSIDE) == [[], []]
