# SPDX-License-Identifier: Apache-2.0
"""The whole way as a person goes it, through the page alone: from an empty store to a network of one's own, to a digit
that it names, to its curve; with mouse and keys on a bright screen, and with a finger on a phone by night."""

import re
import shlex
from collections.abc import Iterator
from math import cos, pi, sin
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from playwright.sync_api import Locator, Page, expect
from sheet import draw, summary

from shoal.cli import shoal
from shoal.live import serve
from shoal.live.lab import Lab

THREE = [(0.3, 0.22), (0.5, 0.15), (0.68, 0.25), (0.66, 0.4), (0.5, 0.48)]
THREE += [(0.68, 0.55), (0.72, 0.7), (0.55, 0.84), (0.3, 0.78)]
NOUGHT = [(0.5 + 0.22 * sin(turn * pi / 15), 0.5 - 0.33 * cos(turn * pi / 15)) for turn in range(31)]
NUMBERS = {"Learning rate": "0.003", "Batch size": "16", "Epochs": "8", "Seeds": "1"}


@pytest.fixture
def address(drawn: dict[str, Any], tmp_path: Path) -> Iterator[str]:
    """Of a lab that nobody has used: its store is not there yet."""
    with Lab(tmp_path / "shoal.db", drawn) as lab, serve(lab, port=0) as serving:
        yield serving.address


def control(page: Page, role: Any, name: str) -> Locator:
    return page.locator("#play").get_by_role(role, name=name, exact=True)


def lenet_for_digits(page: Page) -> None:
    """Fills the form of Play, field by field."""
    control(page, "combobox", "Images").select_option("mnist")
    control(page, "combobox", "Model").select_option("lenet")
    control(page, "combobox", "Optimizer").select_option("adam")
    for name, value in NUMBERS.items():
        control(page, "spinbutton", f"{name}, exactly").fill(value)


def trained(page: Page) -> None:
    expect(page.locator("#play .standing")).to_contain_text("Finished: 1 run, all stored.")
    expect(page.locator("#play .chart svg").first).to_be_visible()


def named(page: Page, digit: str) -> None:
    """Draw shows the network that Play led to, in agreement with whoever drew, and what its layers saw."""
    expect(summary(page)).to_have_text(f"It says {digit}.")
    expect(page.locator("#draw .card h4")).to_have_text("LeNet relu+max chosen")
    expect(page.locator("#draw .card .word")).to_have_text(digit)
    expect(page.locator("#draw .layers h4")).to_have_count(6)


def watched(page: Page) -> None:
    """Watch shows the curve of the run, and the run."""
    expect(page.locator("#watch .standing")).to_have_text("Finished: 1 run, 8 epochs.")
    curves = page.get_by_role("img", name=re.compile("^Curves. Validation loss by epoch. .* n = 1 seed"))
    expect(curves).to_be_visible()
    expect(page.locator("#watch tbody tr")).to_have_count(1)


def test_from_nothing_to_a_digit_named_by_a_network_of_ones_own(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name="Nothing has been trained yet")).to_be_visible()
    page.locator("#watch").get_by_role("link", name="Play").click()
    lenet_for_digits(page)
    page.keyboard.press("Enter")
    trained(page)
    control(page, "link", "Draw for this model").click()
    expect(page.locator("#draw h2")).to_have_text("Draw a digit")
    draw(page, THREE)
    named(page, "3")
    page.get_by_role("tab", name="Watch").click()
    watched(page)


@pytest.mark.browser_context_args(
    has_touch=True, is_mobile=True, color_scheme="dark", viewport={"width": 390, "height": 844}
)
def test_the_same_way_with_a_finger_on_a_phone_by_night(page: Page, address: str) -> None:
    page.goto(address)
    page.locator("#watch").get_by_role("link", name="Play").tap()
    lenet_for_digits(page)
    control(page, "button", "Train").tap()
    trained(page)
    control(page, "link", "Draw for this model").tap()
    finger(page, NOUGHT)
    named(page, "0")
    page.get_by_role("tab", name="Watch").tap()
    watched(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def finger(page: Page, points: list[tuple[float, float]]) -> None:
    """One stroke of a finger on the sheet."""
    page.locator("#draw .pad").scroll_into_view_if_needed()
    box = page.locator("#draw .pad").bounding_box()
    assert box
    touch = page.context.new_cdp_session(page)
    places = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points]
    for kind, place in [("touchStart", places[0]), *(("touchMove", each) for each in places[1:])]:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(500)  # sooner than any person taps, Chromium takes a tap for a part of the stroke


# ---- what an empty store says -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["shoal.db", "mine & o'hers.db"])
def test_the_command_that_an_empty_store_names_works_as_typed(
    page: Page, drawn: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with Lab(tmp_path / name, drawn) as lab, serve(lab, port=0) as serving:
        page.goto(serving.address)
        typed = page.locator("#watch code").inner_text()
        expect(page.locator("#watch")).to_contain_text(f"In the folder of {name}")
    program, command, *given = shlex.split(typed)
    assert (program, command) == ("shoal", "run")
    assert given[-1] == name
    monkeypatch.chdir(tmp_path)
    outcome = CliRunner().invoke(shoal, ["plan", *given, "--data", "sketches"])
    assert outcome.exit_code == 0, outcome.output
    assert "70 runs asked for" in outcome.output
