# SPDX-License-Identifier: Apache-2.0
"""The form of Play in a person's hands: two settings side by side, values that may not be asked for, what a puzzle
changes, and whether every word can be read."""

import re

import pytest
from bench import asked_of, button, exactly, finished, opened, standing, trained
from playwright.sync_api import Locator, Page, expect

CUT_OFF = """(menus) => menus.filter((menu) => menu.offsetParent).flatMap((menu) => {
  const style = getComputedStyle(menu);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `${style.fontSize} ${style.fontFamily}`;
  const room = menu.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - 20; // the arrow
  return [...menu.options].map((one) => one.text).filter((text) => pen.measureText(text).width > room);
})"""


@pytest.fixture
def play(page: Page, lab_url: str) -> Page:
    return opened(page, lab_url)


def row(page: Page, name: str) -> Locator:
    """The row of a field."""
    return page.locator(f"#play [data-field='{name}']")


# ---- two settings -------------------------------------------------------------------------------------


def test_two_settings_are_compared_seed_by_seed(play: Page) -> None:
    trained(play)
    asked = asked_of(play)
    button(play, "Compare with a second").click()
    note = play.locator("#play .bench").get_by_role("status")
    expect(note).to_have_text("Both settings are the same so far. Change something in B.")
    expect(play.get_by_role("alert")).to_have_count(0)
    play.wait_for_timeout(300)
    assert asked == []
    play.get_by_role("combobox", name="Model, setting B").select_option(label="Perceptron with hidden layers")
    expect(note).to_be_hidden()
    play.get_by_role("textbox", name="Hidden units, setting B").fill("16")
    expect(row(play, "model.kind")).to_contain_text("differs")
    expect(play.get_by_role("textbox", name="Hidden units, setting A")).to_be_hidden()
    finished(play, 6)
    difference = play.locator("#play .difference")
    expect(difference).to_contain_text("Fewer than 6 seeds settle nothing")
    expect(difference.get_by_role("img")).to_have_attribute("aria-label", re.compile("Difference"))
    play.locator("#play .sight").get_by_label("Setting").select_option(index=1)
    expect(play.locator("#play .gradients tbody tr")).to_have_count(2)
    expect(play.get_by_role("img", name="16 pictures of 28 × 28 weights")).to_be_visible()
    button(play, "Back to one setting").click()
    expect(difference).to_be_hidden()


def test_two_settings_that_are_the_same_are_not_trained(play: Page) -> None:
    asked = asked_of(play)
    button(play, "Compare with a second").click()
    button(play, "Train").click()
    play.wait_for_timeout(300)
    assert asked == []
    expect(play.locator("#play .bench")).to_contain_text("Change something in B.")
    expect(standing(play)).to_contain_text("Nothing is trained here yet")


@pytest.mark.parametrize("width", [390, 1280])
def test_no_menu_cuts_off_its_words(play: Page, width: int) -> None:
    play.set_viewport_size({"width": width, "height": 800})
    button(play, "Compare with a second").click()
    play.get_by_text("More choices").click()
    for which in "AB":
        play.get_by_role("combobox", name=f"Model, setting {which}").select_option("lenet")
    menus = play.locator("#play .settings select")
    assert len([menu for menu in menus.all() if menu.is_visible()]) >= 12
    assert menus.evaluate_all(CUT_OFF) == []
    assert play.evaluate("document.documentElement.scrollWidth") <= width


# ---- what may not be asked for ------------------------------------------------------------------------


def test_a_value_that_may_not_be_asked_for_is_named_at_its_field(play: Page) -> None:
    asked = asked_of(play)
    play.get_by_role("combobox", name="Model", exact=True).select_option("mlp")
    hidden = play.get_by_role("textbox", name="Hidden units")
    hidden.fill("64, many")
    fault = row(play, "model.hidden").get_by_role("alert")
    expect(fault).to_have_text("Hidden units: use 1 to 3 whole numbers from 1 to 1024.")
    expect(hidden).to_have_attribute("aria-invalid", "true")
    expect(hidden).to_have_accessible_description(fault.inner_text())
    button(play, "Train").click()
    expect(hidden).to_be_focused()
    play.wait_for_timeout(300)
    assert asked == []
    hidden.fill("64, 32")
    expect(fault).to_be_hidden()
    expect(hidden).not_to_have_attribute("aria-invalid", "true")
    trained(play)


def test_nobody_is_interrupted_in_the_midst_of_typing(play: Page) -> None:
    epochs = exactly(play, "Epochs")
    epochs.select_text()
    epochs.press("Delete")
    fault = row(play, "epochs").get_by_role("alert")
    assert fault.is_hidden()
    epochs.press_sequentially("7")
    play.wait_for_timeout(800)
    expect(fault).to_be_hidden()
    epochs.fill("77")
    expect(fault).to_have_text("Epochs: use a whole number from 1 to 50.")


def test_of_two_settings_the_wrong_one_is_named_also_where_it_is_folded_away(play: Page) -> None:
    button(play, "Compare with a second").click()
    play.get_by_text("More choices").click()
    exactly(play, "Weight decay, setting B").fill("2")
    play.get_by_text("More choices").click()
    button(play, "Train").click()
    expect(row(play, "optimizer.weight_decay").get_by_role("alert")).to_have_text(
        "Weight decay, setting B: use a number from 0 to 1."
    )
    expect(exactly(play, "Weight decay, setting B")).to_be_focused()


def test_a_refusal_stands_beside_the_button_in_the_servers_words(play: Page, forgiven: list[str]) -> None:
    forgiven.append("status of 400")
    refused = {"error": "This would take a week."}
    play.route("**/api/play/train", lambda route: route.fulfill(status=400, json=refused))
    button(play, "Train").click()
    expect(play.locator("#play .bench").get_by_role("alert")).to_have_text("This would take a week.")
    play.unroute("**/api/play/train")
    trained(play)
    expect(play.get_by_role("alert")).to_have_count(0)


# ---- what there is to notice --------------------------------------------------------------------------


def test_what_a_puzzle_changes_among_the_folded_choices_is_seen(play: Page) -> None:
    expect(row(play, "init")).to_be_hidden()
    play.get_by_role("button", name="1.1 Ten kinds of garments").click()
    expect(row(play, "init")).to_be_visible()
    expect(row(play, "init")).to_contain_text("changed")
    expect(row(play, "loss")).not_to_contain_text("changed")
    expect(play.locator("#play .settings summary")).to_have_text("More choices changed: Initial weights")


def test_signs_are_explained_where_they_stand(play: Page) -> None:
    play.get_by_role("button", name="1.2 How fast is too fast?").click()
    finished(play, 12)
    for question, words in [
        ("What is B − A?", "For each seed the value of setting B minus that of setting A."),
        ("What are λ and 2/lr?", "the largest eigenvalue"),
    ]:
        answer = play.locator("#play .meaning", has_text=question).locator("p")
        expect(answer).to_be_hidden()
        play.get_by_text(question).click()
        expect(answer).to_contain_text(words)
