# SPDX-License-Identifier: Apache-2.0
"""Puzzles as somebody meets them who looks where they say: what is shown first, how long it takes, what came of it."""

import pytest
from bench import exactly, finished, opened, standing
from playwright.sync_api import Page, expect


@pytest.fixture
def play(page: Page, lab_url: str) -> Page:
    """The page in its room of Play, with nothing trained from it yet."""
    return opened(page, lab_url)


def test_a_puzzle_begins_with_the_setting_and_the_lesson_that_it_asks_about(play: Page) -> None:
    shown = play.locator("#play .lesson:visible h4")
    play.get_by_role("button", name="1.2 How fast is too fast?").click()
    finished(play, 12)
    expect(play.locator("#play .look")).to_contain_text("It trains 12 runs, in about 10 s or less.")
    expect(play.get_by_role("combobox", name="Setting", exact=True)).to_have_value("1")
    expect(shown.first).to_have_text("Curvature and learning rate")
    play.get_by_role("button", name="2.1 The gradient that fades").click()
    finished(play, 12)
    expect(play.get_by_role("combobox", name="Setting", exact=True)).to_have_value("0")
    expect(shown.first).to_have_text("Gradient of each layer")
    chosen = play.locator("#play .puzzles [aria-pressed=true]")
    exactly(play, "Learning rate, setting A").fill("0.2")
    expect(chosen).to_contain_text("The gradient that fades")
    play.get_by_role("combobox", name="Model, setting A").select_option("softmax")
    expect(chosen).to_have_count(0)
    expect(play.locator("#play .look")).to_be_hidden()
    play.evaluate("location.hash = '#play?run=1'")
    expect(play.locator("#play .bench")).to_contain_text("As run 1 was trained.")
    expect(play.locator("#play .look")).to_be_hidden()
    expect(play.locator("#play .puzzles [aria-pressed=true]")).to_have_count(0)


def test_how_many_runs_diverged_is_said_and_no_empty_chart_is_drawn(play: Page) -> None:
    play.get_by_role("button", name="1.4 When the softmax breaks").click()
    finished(play, 12)
    exactly(play, "Learning rate, setting B").fill("1000")
    expect(standing(play).locator("p")).to_have_text("Finished: 12 runs stored, 6 of them diverged.")
    expect(play.locator("#play .difference figcaption")).to_contain_text("diverged in all.")
    expect(play.locator("#play .difference .chart")).to_be_hidden()
