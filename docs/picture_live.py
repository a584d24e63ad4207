# SPDX-License-Identifier: Apache-2.0
"""The pictures of docs/live.md: the rooms of the live lab in a real browser, on a store that this script fills first.

    python docs/picture_live.py --data shared/data [--store build/pictures.db] [--only watch]

Needs Chromium and pytest-playwright. A store that is there already is used as it is, so a second time takes seconds.
"""

import argparse
import io
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from shoal import SGD, Config, Grid, Study, lenet, mlp, run
from shoal.data import load
from shoal.live import serve
from shoal.live.lab import PLAYED, Lab
from shoal.studyfile import read

PICTURES = Path(__file__).parent / "images"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
WIDE, PHONE = (1280, 1160), (390, 844)
SEVEN = ((40, 62), (70, 55), (128, 52), (122, 84), (104, 120), (88, 156), (76, 190))
"""A digit drawn with the mouse, in hundredths of a canvas 2 wide and 2 high."""


(EXAMPLE,) = read(Path(__file__).parent.parent / "examples/how_wide.py").studies


def longer(hidden: int, lr: float) -> Config:
    return EXAMPLE.config(hidden, lr).replace(epochs=8)


WIDTHS = replace(EXAMPLE, config=longer, seeds=range(6))


def digits(hidden: str) -> Config:
    model = lenet(activation="relu", pooling="max") if hidden == "lenet" else mlp(128)
    return Config(data="mnist", model=model, optimizer=SGD(lr=0.1), batch_size=64, epochs=3)


DIGITS = Study("digits", digits, Grid(hidden=["mlp", "lenet"]), seeds=[0])


def watch(page: Page) -> None:
    """A study's curves, its runs and verdicts."""
    page.locator("#watch").get_by_text("How wide").first.click()
    expect(page.get_by_role("heading", name="How wide")).to_be_visible()
    page.locator("#watch").get_by_label("Show", exact=True).select_option("train_loss")
    expect(page.locator("#watch .caption")).to_contain_text("Training loss")
    expect(page.locator("#watch")).to_contain_text("The wider, the better.")


def play(page: Page) -> None:
    """Two settings side by side, trained until the end."""
    puzzle = page.locator("#play button", has_text="1.2")
    puzzle.wait_for(state="attached")
    if not puzzle.is_visible():
        page.locator("#play summary", has_text="Puzzles").click()
    puzzle.click()
    expect(page.locator("#play .chart svg").first).to_be_visible(timeout=240_000)
    expect(page.locator("#play .standing")).to_have_attribute("data-state", "finished", timeout=240_000)
    page.wait_for_timeout(3000)


def draw(page: Page) -> None:
    """A seven, named by every network that was trained on digits."""
    page.locator("#draw input[value=mnist]").check()
    box = page.locator("#draw canvas.pad").bounding_box()
    assert box
    at = [(box["x"] + x / 200 * box["width"], box["y"] + y / 230 * box["height"]) for x, y in SEVEN]
    page.mouse.move(*at[0])
    page.mouse.down()
    for x, y in at[1:]:
        page.mouse.move(x, y, steps=8)
    page.mouse.up()
    page.wait_for_timeout(3000)


ROOMS: dict[str, Callable[[Page], None]] = {"watch": watch, "play": play, "draw": draw}


def shot(browser: Browser, address: str, room: str, size: tuple[int, int], scheme: Any) -> Image.Image:
    """The first screen of a room."""
    viewport = {"width": size[0], "height": size[1]}
    with browser.new_context(viewport=viewport, color_scheme=scheme, device_scale_factor=1.5) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{address}#{room}")
        expect(page.locator("#state")).to_contain_text("Connected", timeout=60_000)
        ROOMS[room](page)
        page.evaluate("scrollTo(0, 0)")
        taken = page.screenshot(animations="disabled")
    return Image.open(io.BytesIO(taken)).convert("RGB")


def beside(images: list[Image.Image], gap: int = 48) -> Image.Image:
    """Pictures of one height in a row, on grey."""
    wide = sum(image.width for image in images) + gap * (len(images) - 1)
    row = Image.new("RGB", (wide, max(image.height for image in images)), "#b5b8bc")
    left = 0
    for image in images:
        row.paste(image, (left, 0))
        left += image.width + gap
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="where the real data sets are; found as always if not given")
    parser.add_argument("--store", type=Path, help="kept for the next time; a temporary one if not given")
    parser.add_argument("--only", choices=[*ROOMS, "night", "phone"])
    given = parser.parse_args()
    expect.set_options(timeout=60_000)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        store = given.store or Path(folder, "shoal.db")
        data = {name: load(name, given.data) for name in PLAYED}
        for study in (DIGITS, WIDTHS):
            run(study, store=store, data=data)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        with Lab(store, data, (WIDTHS, DIGITS)) as lab, serve(lab, port=0) as serving:
            pictures: dict[str, Callable[[], Image.Image]] = {
                "watch": lambda: shot(browser, serving.address, "watch", WIDE, "light"),
                "play": lambda: shot(browser, serving.address, "play", WIDE, "light"),
                "draw": lambda: shot(browser, serving.address, "draw", WIDE, "light"),
                "night": lambda: shot(browser, serving.address, "play", WIDE, "dark"),
                "phone": lambda: beside([shot(browser, serving.address, room, PHONE, "light") for room in ROOMS]),
            }
            for name in [given.only] if given.only else pictures:
                pictures[name]().save(PICTURES / f"live-{name}.png", optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
