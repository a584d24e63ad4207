# SPDX-License-Identifier: Apache-2.0
"""Eighty scripts in every name that a user can choose, in a real browser: each is shown as the text it is, and nothing
runs, is asked for, or is refused by the page's policy, since nothing was even tried."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, expect

from script_payloads import PAYLOADS
from shoal import Study
from shoal.analysis.claims import Untestable
from shoal.data import sketches
from shoal.live import draw_models
from shoal.live.watching import grouping
from shoal.models import Model, softmax_regression
from shoal.optimizers import SGD
from shoal.results import on_data
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.study import Config, Grid
from test_report_scripts import hostile, plainly

EVERY = len(PAYLOADS)
SCRIPT = "<script>alert(1)</script>"
FILE = "<img src=x onerror=alert(1)>.db"
LISTEN = """window.refused = [];
addEventListener("securitypolicyviolation", (one) => refused.push(one.violatedDirective));"""
MARKUP = """() => [...document.body.querySelectorAll("*")].filter((one) =>
  one.matches("script, img, iframe, math, video, object, embed, base, foreignObject, [href^='javascript' i]") ||
  one.getAttributeNames().some((name) => name.startsWith("on"))).map((one) => one.outerHTML)"""
POINTED = """() => [...document.querySelectorAll("#watch figure svg .mark-symbol path")].map((path) => {
  const { left, top, width, height } = path.getBoundingClientRect();
  const place = { bubbles: true, clientX: left + width / 2, clientY: top + height / 2 };
  for (const kind of ["pointerover", "pointermove", "mouseover", "mousemove"])
    path.dispatchEvent(new (kind.startsWith("p") ? PointerEvent : MouseEvent)(kind, place));
  return document.querySelector(".tip dd")?.textContent;
})"""


def config(number: int, **names: str) -> Config:
    """Every number another config, and a network of another name."""
    plain = softmax_regression(classes=EVERY)
    model = Model(plain.layers, plain.input_shape, name=PAYLOADS[number])
    return Config(data="mnist", model=model, optimizer=SGD(lr=(number + 1) / 1000), batch_size=200, epochs=1)


def study() -> Study:
    """A name in its grid for every payload, which has itself as a value at one point and another at all others."""
    columns = {name: ["same"] for name in PAYLOADS}
    grids = [Grid(number=[at], **columns | {name: [name]}) for at, name in enumerate(PAYLOADS)]
    claims = [Untestable(f"c{at}", name, why=name, tested=name) for at, name in enumerate(PAYLOADS)]
    grid = sum(grids[1:], grids[0])
    return Study("payloads", config, grid, range(1), label=lambda number, **_: PAYLOADS[number], claims=claims)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Eighty networks, studies, data sets and classes, in a store whose file is called by a script as well."""
    from shoal.live.lab import Lab

    digits = replace(sketches.digits(train=200, test=80), name=SCRIPT, classes=PAYLOADS)
    data = {"mnist": digits} | dict.fromkeys(PAYLOADS, digits)
    with Lab(tmp_path_factory.mktemp("lab") / FILE, data, (study(),)) as lab:
        demand = Demand.of([on_data(study(), data)])
        (asked,) = demand.asked
        with Store.open(lab.store_path, write=True) as writer:
            writer.note(replace(asked, name=name, points=asked.points[at:][:1]) for at, name in enumerate(PAYLOADS))
            train(demand, lab.engine, {SCRIPT: digits}, writer)
        yield lab


@pytest.fixture(autouse=True)
def _all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chart with eighty lines, and eighty networks to name a drawing, beside what Play trains."""
    monkeypatch.setattr(grouping, "MOST", EVERY)
    monkeypatch.setattr(draw_models, "MOST", EVERY + 10)


@pytest.fixture
def calm(page: Page) -> Iterator[Page]:
    """A page on which, when all is done, nothing has run and nothing stands that could."""
    dialogs: list[str] = []

    def answer(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", answer)
    page.add_init_script(LISTEN)
    yield page
    assert page.evaluate(MARKUP) == []
    assert page.evaluate("refused") == []
    assert dialogs == []


def texts(page: Page, selector: str) -> list[str]:
    return page.locator(selector).all_text_contents()


def shown(page: Page, selector: str, more: str = "") -> None:
    """Sees that every payload, with these words after it, is the whole text of one of these elements."""
    left = {name + more for name in PAYLOADS} - set(texts(page, selector))
    assert not left, f"{selector}: {left}"


# ---- the rooms ----------------------------------------------------------------------------------------


def test_watch_shows_names_as_text(calm: Page, lab_url: str) -> None:
    calm.goto(lab_url + "#watch")
    room = calm.locator("#watch")
    expect(calm.locator("#state")).to_contain_text(f"Connected to {FILE}")
    room.get_by_role("button", name="Payloads", exact=False).last.click()
    expect(room.locator("#watch-title")).to_have_text("Payloads")
    expect(room.locator(".verdicts li")).to_have_count(EVERY)
    expect(room.locator("figure svg")).to_contain_text("<script")
    titles = {name.replace("-", " ").lower() for name in PAYLOADS}
    assert titles <= {name.lower() for name in texts(calm, "#watch nav .name")}
    shown(calm, "#watch .verdicts q")
    shown(calm, "#watch select[name=by] option")
    shown(calm, "#watch .runs th.differs button")
    shown(calm, "#watch .runs td.differs")
    room.get_by_text("Numbers", exact=True).click()
    shown(calm, "#watch .numbers th[scope=row]")
    assert set(calm.evaluate(POINTED)) >= set(PAYLOADS), "tooltips"


@pytest.mark.parametrize("number", range(0, EVERY, 40))
def test_watch_opens_a_study_by_any_name(calm: Page, lab_url: str, number: int) -> None:
    calm.goto(lab_url + "#watch")
    name = PAYLOADS[number].replace("-", " ")
    calm.locator("#watch nav button", has_text=name).first.click()
    expect(calm.locator("#watch-title")).to_have_text(name, ignore_case=True)
    expect(calm.locator("#watch figure svg")).to_be_visible()


def test_play_shows_names_as_text(calm: Page, lab_url: str) -> None:
    calm.goto(lab_url + "#play")
    room = calm.locator("#play")
    expect(room.get_by_role("combobox", name="Images")).to_be_visible()
    shown(calm, "#play select option", " (drawn stand-in)")
    room.get_by_role("combobox", name="Images").select_option(SCRIPT)
    room.get_by_role("button", name="Copy as Python").click()
    expect(room.locator("pre")).to_contain_text(f'data="{SCRIPT}"')
    room.get_by_role("button", name="Train", exact=True).click()
    expect(room.locator(".standing")).to_contain_text("Finished: ")
    expect(room.locator(".confusion tbody th")).to_have_count(EVERY)
    shown(calm, "#play .confusion thead th")
    shown(calm, "#play .confusion tbody th")
    mistakes = [text.partition("is: ") for text in texts(calm, "#play .mistakes li")]
    assert mistakes
    assert all(said.startswith(PAYLOADS) and label in PAYLOADS for said, _, label in mistakes)


def test_draw_shows_names_as_text(calm: Page, lab_url: str) -> None:
    calm.goto(lab_url + "#draw")
    room = calm.locator("#draw")
    expect(room.locator(".summary")).to_contain_text("networks wait for your first stroke")
    room.locator(".pad").scroll_into_view_if_needed()
    box = room.locator(".pad").bounding_box()
    assert box
    calm.mouse.move(box["x"] + 40, box["y"] + 40)
    calm.mouse.down()
    calm.mouse.move(box["x"] + 90, box["y"] + 120, steps=5)
    calm.mouse.up()
    expect(room.locator(".summary strong")).to_be_visible()
    assert set(texts(calm, "#draw .summary strong")) <= set(PAYLOADS)
    shown(calm, "#draw .card h4")
    shown(calm, "#draw .card:first-child .shares span")


def test_the_address_opens_a_room_and_nothing_else(calm: Page, lab_url: str) -> None:
    calm.goto(lab_url)
    expect(calm.locator("#watch nav .name").first).to_be_visible()
    for script in PAYLOADS:
        calm.evaluate("(script) => { location.hash = script; }", script)
    calm.goto(f"{calm.url.partition('#')[0]}#{SCRIPT}")
    calm.reload()
    expect(calm).to_have_title("Watch · Shoal")
    expect(calm.locator("#watch nav .name").first).to_be_visible()


# ---- what has no policy -------------------------------------------------------------------------------


def test_reports_and_cells_of_a_notebook_run_nothing_either(calm: Page, tmp_path: Path) -> None:
    """There is no policy to stop it, and a notebook trusts what it shows."""
    things: list[Any] = [study(), *(point.config.model for point in study().points)]
    cells = "".join(one._repr_html_() for one in things)
    for html in (hostile(tmp_path)[0], cells):
        calm.goto("about:blank")
        calm.set_content(html)
        assert calm.evaluate(MARKUP) == []
        words = plainly(calm.locator("body").text_content() or "")
        assert [name for name in PAYLOADS if plainly(name) not in words] == []
