# SPDX-License-Identifier: Apache-2.0
"""The room Watch in a real browser, as a person uses it: from an empty store to a study that trains, and back."""

import dataclasses
import os
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from shoal import theme
from shoal.engines import EpochRecord
from shoal.live import serve
from shoal.live.lab import Lab
from shoal.models import softmax_regression
from shoal.optimizers import SGD
from shoal.results import on_data
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.study import Config, Grid, Study

SCRIPT = "<img src=x onerror=alert(1)>"


def study(epochs: int = 4, seeds: range = range(3)) -> Study:
    def config(lr: float) -> Config:
        return Config(
            data="fashion-mnist", model=softmax_regression(), optimizer=SGD(lr=lr), batch_size=64, epochs=epochs
        )

    return Study("how-fast", config, Grid(lr=[0.05, 0.5]), seeds=seeds, label=lambda lr: f"{SCRIPT} {lr}")


class Enough(Exception):
    """The training is ended from outside."""


@pytest.fixture
def grow(lab: Any) -> Any:
    """Trains in the lab's store as another process would."""

    def grow(asked: Study, records: int = 1000) -> None:
        real, data = on_data(asked, lab.datasets()), {one.name: one for one in lab.datasets().values()}
        left = iter(range(records))

        def stop(_: EpochRecord) -> None:
            if next(left, None) is None:
                raise Enough

        with Store.open(lab.store_path, write=True) as writer, suppress(Enough):
            train(Demand.of([real]), lab.engine, data, writer, on_record=stop)

    return grow


@pytest.fixture
def trained(grow: Any) -> None:
    """The study is trained: by an earlier test, or now."""
    grow(study())


def opened(page: Page, lab_url: str) -> Page:
    page.goto(lab_url + "#watch")
    return page


def test_an_empty_store_says_how_to_begin_and_fills_by_itself(page: Page, lab_url: str, lab: Any, grow: Any) -> None:
    opened(page, lab_url)
    expect(page.get_by_role("heading", name="Nothing has been trained yet")).to_be_visible()
    expect(page.locator("#watch").get_by_role("link", name="Play")).to_be_visible()
    grow(study())
    room = page.locator("#watch")
    expect(room.get_by_role("heading", name="How fast")).to_be_visible()
    expect(room.locator(".standing")).to_contain_text("Finished: 6 runs, 24 epochs.")
    expect(room.locator("figure svg")).to_be_visible()
    expect(room.locator(".caption")).to_contain_text("n = 3 seeds")


@pytest.mark.usefixtures("trained")
def test_a_page_asks_one_question_a_reading_and_for_verdicts_once_where_nothing_is_claimed(
    page: Page, lab_url: str, lab: Any
) -> None:
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url.partition("?")[0]) if "/api/watch/" in one.url else None)
    room = opened(page, lab_url).locator("#watch")
    expect(room.locator("figure svg")).to_be_visible()
    with page.expect_response(lambda one: "/api/watch/reading" in one.url, timeout=5_000):
        lab.hub.records(more=True)
    page.wait_for_load_state("networkidle")
    whats = Counter(url.rpartition("/")[2] for url in asked)
    readings = whats["reading"]  # one for the news above, and as many as the store's own news made before it
    assert readings >= 2
    assert whats == {"reading": readings, "verdicts": 1}


@pytest.mark.usefixtures("trained")
def test_curves_change_with_what_is_chosen_and_have_their_numbers_as_a_table(page: Page, lab_url: str) -> None:
    room = opened(page, lab_url).locator("#watch")
    expect(room.locator(".caption")).to_contain_text("Validation loss by epoch")
    room.get_by_label("Show", exact=True).select_option("validation_accuracy")
    room.get_by_label("A line for each", exact=True).select_option("lr")
    room.get_by_label("Horizontal axis", exact=True).select_option("seconds")
    room.get_by_label("Smoothing", exact=True).select_option("0.5")
    room.get_by_label("vertical", exact=True).check()
    expect(room.locator(".caption")).to_contain_text("Validation accuracy by seconds, a line for each value of lr.")
    expect(room.locator(".caption")).to_contain_text("0.5 of the point before")
    expect(room.locator("figure svg")).to_contain_text("validation accuracy, smoothed, log scale")
    room.get_by_text("Numbers", exact=True).click()
    expect(room.get_by_role("group", name="Numbers of the chart").get_by_role("row")).to_have_count(11)


@pytest.mark.usefixtures("trained")
def test_pointing_at_a_curve_tells_exact_values_with_n(page: Page, lab_url: str) -> None:
    room = opened(page, lab_url).locator("#watch")
    plane = room.locator("figure svg")
    expect(plane).to_be_visible()
    box = plane.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5)
    page.mouse.move(box["x"] + box["width"] * 0.42, box["y"] + box["height"] * 0.52)
    tip = page.locator(".tip")
    expect(tip).to_be_visible()
    for word in ("series", "epoch", "mean", "95% interval", "seeds"):
        expect(tip).to_contain_text(word)
    told = tip.locator("dd").all_text_contents()
    assert told[0].startswith(SCRIPT)
    assert told[4] == "3"
    assert float(told[2]) > 0


@pytest.mark.usefixtures("trained")
def test_runs_are_sorted_by_any_column_from_the_keyboard(page: Page, lab_url: str) -> None:
    room = opened(page, lab_url).locator("#watch")
    heading = room.get_by_role("columnheader", name="validation accuracy")
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "descending")
    cells = room.locator(".runs tbody tr td:nth-last-child(3)")
    expect(cells).to_have_count(6)
    values = [float(text) for text in cells.all_text_contents()]
    assert values == sorted(values, reverse=True)
    expect(heading.get_by_role("button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    expect(room.locator(".runs .differs").first).to_be_visible()
    expect(room.locator("[data-status=finished]").first).to_contain_text("●finished")


@pytest.mark.usefixtures("trained")
def test_rows_and_meters_move_while_another_process_trains(page: Page, lab_url: str, grow: Any) -> None:
    room = opened(page, lab_url).locator("#watch")
    expect(room.locator(".standing")).to_contain_text("Finished: 6 runs")
    grow(study(seeds=range(4)))
    expect(room.locator(".standing")).to_contain_text("Finished: 8 runs, 32 epochs.")
    expect(room.locator(".caption")).to_contain_text("n = 4 seeds")
    expect(room.locator(".runs tbody tr")).to_have_count(8)


def test_a_run_that_was_left_on_its_way_is_marked_and_the_study_is_not_finished(
    page: Page, lab_url: str, grow: Any
) -> None:
    grow(study(seeds=range(4)))
    room = opened(page, lab_url).locator("#watch")
    expect(room.locator(".standing")).to_contain_text("Finished: 8 runs")
    grow(study(seeds=range(5)), records=2)
    expect(room.locator(".standing")).to_contain_text("8 of 10 runs ended")
    expect(room.locator(".runs td", has_text=re.compile("◔(training|unfinished)")).first).to_be_visible()
    expect(room.get_by_role("button", name="How fast")).to_contain_text("8 of 10")


@pytest.mark.usefixtures("trained")
def test_what_could_not_be_drawn_is_tried_again(
    page: Page, lab_url: str, lab: Any, forgiven: list[str], context: Any
) -> None:
    forgiven.append("ERR_FAILED.*vega")
    page.route("**/static/vega.js", lambda route: route.abort())
    room = opened(page, lab_url).locator("#watch")
    expect(room.get_by_role("alert").filter(has_text="could not be loaded")).to_be_visible()
    page.unroute("**/static/vega.js")
    lab.hub.records(more=True)
    expect(room.locator("figure svg")).to_be_visible()


@pytest.mark.usefixtures("trained")
def test_a_room_that_is_left_is_not_drawn_again(page: Page, lab_url: str, lab: Any) -> None:
    room = opened(page, lab_url).locator("#watch")
    expect(room.locator("figure svg")).to_be_visible()
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/api/watch/" in one.url else None)
    page.get_by_role("tab", name="Play").click()
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_visible()
    lab.hub.records(more=True)
    page.wait_for_timeout(1_500)
    assert asked == []
    page.get_by_role("tab", name="Watch").click()
    page.wait_for_timeout(300)
    assert asked


@pytest.mark.usefixtures("trained")
def test_a_reload_forgets_neither_what_is_shown_nor_in_which_order(page: Page, lab_url: str, grow: Any) -> None:
    grow(dataclasses.replace(study(seeds=range(1)), name="another"))
    room = opened(page, lab_url).locator("#watch")
    expect(room.locator(".list .name")).not_to_have_count(0)
    second = room.locator(".list .name").nth(1).inner_text()
    room.get_by_role("button", name=second).click()
    expect(room.get_by_role("heading", name=second)).to_be_visible()
    room.get_by_label("Show").select_option("validation_accuracy")
    room.get_by_label("Horizontal axis").select_option("steps")
    room.get_by_role("checkbox", name="vertical").check()
    room.get_by_role("columnheader", name="seed").get_by_role("button").click()
    expect(room.locator(".caption")).to_contain_text("Validation accuracy by step")
    expect(room.locator("[aria-sort=ascending]")).to_contain_text("seed")
    page.reload()
    expect(room.get_by_role("heading", name=second)).to_be_visible()
    expect(room.locator(".caption")).to_contain_text("Validation accuracy by step")
    expect(room.get_by_label("Show")).to_have_value("validation_accuracy")
    expect(room.get_by_role("checkbox", name="vertical")).to_be_checked()
    expect(room.locator("[aria-sort=ascending]")).to_contain_text("seed")
    expect(room.get_by_label("Show").locator("option")).to_have_count(5)


def test_where_the_study_is_gone_another_one_is_shown(
    page: Page, drawn: dict[str, Any], tmp_path: Path, forgiven: list[str]
) -> None:
    """As where the store was exchanged for another; sorted by what only the one before had."""
    forgiven.append("status of 404 .*/api/watch/reading")
    store, other = tmp_path / "shoal.db", tmp_path / "other.db"
    for path, name in ((store, "before"), (other, "after")):
        with Store.open(path, write=True) as writer:
            writer.note(Demand.of([dataclasses.replace(study(), name=name)]).asked)
    with Lab(store, drawn) as lab, serve(lab, port=0) as serving:
        room = opened(page, f"{serving.address}").locator("#watch")
        expect(room.get_by_role("heading", name="Before")).to_be_visible()
        room.get_by_role("columnheader", name="lr").get_by_role("button").click()
        os.replace(other, store)
        expect(room.get_by_role("heading", name="After")).to_be_visible()
        expect(room.get_by_role("alert")).to_have_count(0)


@pytest.mark.usefixtures("trained")
def test_names_are_shown_and_never_run(page: Page, lab_url: str) -> None:
    room = opened(page, lab_url).locator("#watch")
    expect(room.locator("figure svg")).to_contain_text("<img src=x")
    assert room.locator("img").count() == 0


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_window_in_both_schemes(page: Page, lab_url: str, width: int, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, lab_url)
    expect(page.locator("#watch figure svg")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert re.findall(r"\d+", ground)[0] == ("254" if scheme == "light" else "22")
    soft = theme.COLOURS["soft"]
    shown, other = (soft.light, soft.dark) if scheme == "light" else (soft.dark, soft.light)
    assert page.locator(f'#watch figure svg [fill="{shown}"]').count() > 0
    assert page.locator(f'#watch figure svg [fill="{other}"]').count() == 0
