# SPDX-License-Identifier: Apache-2.0
"""Ways into Play and out of it: over a reload or a restart of the server, from a run in Watch, to Draw and back."""

import re
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest
from bench import asked_of, button, curve, exactly, finished, opened, standing, trained
from playwright.sync_api import Page, expect

from shoal.live import serve
from shoal.live.lab import Lab
from shoal.models import softmax_regression
from shoal.optimizers import SGD
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.study import Config, Run


@pytest.fixture
def play(page: Page, lab_url: str) -> Page:
    return opened(page, lab_url)


def reloaded(page: Page) -> None:
    page.reload()
    expect(page.locator("#play h2")).to_have_text("Play")


def slow(page: Page) -> None:
    """Fills the form with what trains for long."""
    page.get_by_role("combobox", name="Model", exact=True).select_option("lenet")
    exactly(page, "Epochs").fill("50")
    exactly(page, "Seeds").fill("20")


def empty(page: Page) -> None:
    """The page claims no training."""
    expect(standing(page)).to_contain_text("Nothing is trained here yet")
    expect(page.locator("#play .curves")).to_be_hidden()
    expect(page.locator("#play .sight")).to_be_hidden()


def test_while_data_are_read_play_says_so(page: Page, drawn: dict[str, Any], tmp_path: Path) -> None:
    there = Event()

    def read() -> dict[str, Any]:
        there.wait(60)
        return drawn

    with Lab(tmp_path / "shoal.db", read) as lab, serve(lab, port=0) as serving:
        page.goto(f"{serving.address}#play")
        expect(page.locator("#play")).to_contain_text("The data sets are being read")
        there.set()
        expect(button(page, "Train")).to_be_visible()
        expect(page.locator("#play")).not_to_contain_text("being read")


# ---- a reload -----------------------------------------------------------------------------------------


def test_a_reload_forgets_neither_the_form_nor_the_training(play: Page) -> None:
    exactly(play, "Learning rate").fill("0.25")
    exactly(play, "Seeds").fill("2")
    trained(play, 2)
    play.get_by_label("Curve").select_option("train_loss")
    play.get_by_role("switch", name="Train again on every change").uncheck()
    exactly(play, "Epochs").fill("4")
    asked = asked_of(play)
    reloaded(play)
    expect(exactly(play, "Learning rate")).to_have_value("0.25")
    expect(exactly(play, "Epochs")).to_have_value("4")
    expect(play.get_by_role("switch", name="Train again on every change")).not_to_be_checked()
    finished(play, 2)
    expect(curve(play)).to_have_attribute(
        "aria-label", re.compile("Training loss: softmax regression, lr 0.25 ends at")
    )
    expect(play.locator("#play .sight").get_by_label("Seed").locator("option")).to_have_count(2)
    expect(play.locator("#play .after")).to_have_text("After epoch 5")
    assert asked == [], "it is shown, and not trained again"


def test_a_reload_in_the_midst_goes_on_following(play: Page) -> None:
    slow(play)
    button(play, "Train").click()
    expect(standing(play)).to_contain_text("of 1000 epochs")
    reloaded(play)
    expect(standing(play)).to_contain_text("of 1000 epochs")
    reloaded(play)
    button(play, "Cancel").click()
    expect(standing(play)).to_contain_text(re.compile(r"Cancelled after \d+ of 1000 epochs"))
    expect(play.get_by_role("combobox", name="Model", exact=True)).to_have_value("lenet")


def test_a_reload_elsewhere_keeps_what_was_in_play(play: Page) -> None:
    trained(play)
    play.get_by_role("tab", name="Watch").click()
    expect(play.locator("#watch .standing")).to_be_visible()
    play.reload()
    expect(play.locator("#watch .standing")).to_be_visible()
    play.get_by_role("tab", name="Play").click()
    finished(play, 3)
    expect(curve(play)).to_be_visible()


def test_another_page_takes_no_training_for_its_own(play: Page, lab_url: str) -> None:
    slow(play)
    button(play, "Train").click()
    expect(standing(play)).to_contain_text("of 1000 epochs")
    reloaded(play)
    expect(standing(play)).to_contain_text("of 1000 epochs")
    assert play.evaluate("sessionStorage.length") == 0, "a copy of this tab would have it too"
    other = opened(play.context.new_page(), lab_url)
    empty(other)
    reloaded(other)
    empty(other)
    exactly(other, "Epochs").fill("3")
    button(other, "Train").click()
    expect(standing(other)).to_contain_text("Waiting, next in line.")
    button(play, "Cancel").click()
    finished(other, 3)


def test_what_trains_and_what_waits_is_listed_and_ended_on_every_page(play: Page, lab_url: str) -> None:
    """Also where the page that asked for it was closed."""
    slow(play)
    button(play, "Train").click()
    expect(standing(play)).to_contain_text("of 1000 epochs")
    other = opened(play.context.new_page(), lab_url)
    button(other, "Train").click()
    expect(standing(other)).to_contain_text("Waiting, next in line.")
    play.close()
    other.get_by_role("tab", name="Watch").click()
    state = other.locator("#state")
    expect(state.get_by_role("listitem")).to_have_count(0)
    state.locator("summary").click()
    entries = state.get_by_role("listitem")
    expect(entries).to_have_text(
        [
            re.compile("^Trains: LeNet .*, lr 0.1, 20 seeds"),
            re.compile("^Waits: softmax regression, lr 0.1, 3 seeds"),
        ]
    )
    state.get_by_role("button", name=re.compile("Cancel softmax")).press("Enter")
    expect(entries).to_have_text([re.compile("^Trains: LeNet")])
    expect(state.locator("summary")).to_be_focused()
    state.locator("summary").press("Escape")
    expect(entries).to_have_count(0)
    state.locator("summary").press("Enter")
    state.get_by_role("button", name=re.compile("Cancel LeNet")).click()
    expect(state.locator("summary")).to_be_hidden(timeout=1_000)
    other.get_by_role("tab", name="Play").click()
    expect(standing(other)).to_contain_text("Cancelled after 0 of 15 epochs")


def test_after_a_restart_the_form_stays_and_no_training_is_claimed(
    page: Page, drawn: dict[str, Any], tmp_path: Path, forgiven: list[str]
) -> None:
    # While the server is gone, and where the next one does not know the page, nor what it has trained.
    forgiven += ["net::ERR_", "status of 403", r"status of 404 .*/api/play/\w+\?training=1&"]
    with Lab(tmp_path / "shoal.db", drawn) as lab, serve(lab, port=0) as serving:
        opened(page, serving.address)
        exactly(page, "Epochs").fill("7")
        trained(page)
        port = urlsplit(serving.address).port or 0
    with Lab(tmp_path / "shoal.db", drawn) as lab, serve(lab, port=port) as serving:
        trained(opened(page.context.new_page(), serving.address))  # a training of the same number as the one before
        opened(page, serving.address)
        expect(exactly(page, "Epochs")).to_have_value("7")
        empty(page)
        trained(page)
        reloaded(page)
        finished(page, 3)


# ---- from a run in Watch ------------------------------------------------------------------------------


def test_a_run_in_watch_opens_play_with_its_setting(play: Page, lab: Any) -> None:
    play.get_by_role("combobox", name="Model", exact=True).select_option("mlp")
    play.get_by_role("textbox", name="Hidden units").fill("12, 5")
    exactly(play, "Learning rate").fill("0.33")
    exactly(play, "Epochs").fill("2")
    exactly(play, "Seeds").fill("1")
    trained(play, 1)
    (run,) = [row.id for row in lab.reader().table() if row.config["optimizer"]["lr"] == 0.33]
    play.get_by_role("switch", name="Train again on every change").uncheck()
    exactly(play, "Learning rate").fill("5")
    play.get_by_role("tab", name="Watch").click()
    asked = asked_of(play)
    play.get_by_role("link", name=f"Open run {run} in Play").click()
    expect(button(play, "Train")).to_be_focused()
    expect(play.locator("#play .bench")).to_contain_text(f"As run {run} was trained.")
    expect(play.get_by_role("textbox", name="Hidden units")).to_have_value("12, 5")
    for field, value in [("Learning rate", "0.33"), ("Epochs", "2"), ("Seeds", "3")]:
        expect(exactly(play, field)).to_have_value(value)
    assert play.evaluate("location.hash") == "#play"
    play.wait_for_timeout(400)
    assert asked == []
    exactly(play, "Epochs").fill("6")
    reloaded(play)
    expect(exactly(play, "Epochs")).to_have_value("6")  # the address asks once


def test_a_run_that_play_cannot_ask_for_says_why(page: Page, lab_url: str, lab: Any, forgiven: list[str]) -> None:
    forgiven.append("status of 400")
    garments = lab.datasets()["fashion-mnist"]
    config = Config(data=garments.name, model=softmax_regression(), optimizer=SGD(lr=0.1), epochs=1, holdout=100)
    with Store.open(lab.store_path, write=True) as writer:
        train(Demand((Run(config, 0),)), lab.engine, {garments.name: garments}, writer)
    run = lab.reader().run_id(Run(config, 0), lab.engine.name)
    opened(page, lab_url, f"?run={run}")
    expect(page.locator("#play .bench").get_by_role("alert")).to_have_text(
        f"Play cannot ask for run {run}. Its holdout cannot be chosen in Play."
    )
    expect(exactly(page, "Epochs")).to_have_value("5")


# ---- to Draw and back ---------------------------------------------------------------------------------


def test_draw_opens_with_the_network_that_play_shows(play: Page, lab: Any) -> None:
    exactly(play, "Epochs").fill("1")
    exactly(play, "Seeds").fill("2")
    button(play, "Compare with a second").click()
    play.get_by_role("combobox", name="Images, setting B").select_option("mnist")
    trained(play, 4)
    link = play.get_by_role("link", name="Draw for this model")
    expect(link).to_have_attribute("href", re.compile(r"^#draw\?data=fashion-mnist&model=\d+$"))
    play.locator("#play .sight").get_by_label("Setting").select_option(index=1)
    play.locator("#play .sight").get_by_label("Seed").select_option("1")
    config = Config(data=lab.datasets()["mnist"].name, model=softmax_regression(), optimizer=SGD(lr=0.1), epochs=1)
    run = lab.reader().run_id(Run(config, 1), lab.engine.name)
    expect(link).to_have_attribute("href", f"#draw?data=mnist&model={run}")
    link.click()
    expect(play.locator("#draw h2")).to_have_text("Draw a digit")
    expect(play.locator("#draw .card h4").first).to_contain_text("chosen")


def test_draw_sends_whoever_lacks_a_network_to_a_lenet_on_its_data(play: Page) -> None:
    exactly(play, "Learning rate").fill("5")
    asked = asked_of(play)
    play.evaluate("location.hash = '#play?data=mnist&model=lenet'")
    expect(button(play, "Train")).to_be_focused()
    expect(play.get_by_role("combobox", name="Model", exact=True)).to_have_value("lenet")
    expect(play.get_by_role("combobox", name="Images")).to_have_value("mnist")
    expect(exactly(play, "Learning rate")).to_have_value("0.1")
    expect(play.locator("#play .bench")).to_contain_text("LeNet on MNIST")
    play.wait_for_timeout(400)
    assert asked == []


@pytest.mark.parametrize("asked", ["?data=cifar&model=transformer", "?data=&model=", "?other=1", "?data=%3Cscript%3E"])
def test_what_the_form_does_not_have_is_left_as_usual(page: Page, lab_url: str, asked: str) -> None:
    opened(page, lab_url, asked)
    expect(page.get_by_role("combobox", name="Images")).to_have_value("fashion-mnist")
    expect(page.get_by_role("combobox", name="Model", exact=True)).to_have_value("softmax")
    trained(page)
