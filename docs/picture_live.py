# SPDX-License-Identifier: Apache-2.0
"""The pictures of docs/live.md: the rooms of the live lab in a real browser, on a store that this script fills first.

    python docs/picture_live.py [--data path/to/data] [--store build/pictures.db] [--only watch]

Each room large, and a sheet of all rooms by day and by night, on a desk and on a phone. Needs Chromium,
pytest-playwright and the real data; a store that is there already is used as it is, so a second time takes a minute.
"""

import argparse
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright
from scipy.spatial.distance import cdist

from shoal import SGD, Config, Grid, Study, lenet, mlp, run, softmax_regression
from shoal.data import load
from shoal.live import serve
from shoal.live.lab import PLAYED, Lab
from shoal.studyfile import read

PICTURES = Path(__file__).parent / "images"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
LAST = {
    "play": ("#play .lessons", 40),
    "watch": ("#watch tbody tr:nth-child(6)", 1),
    "draw": ("#draw .layers section:nth-child(3)", 18),
}
"""What a room's large picture ends with, and how far below it. Play is first: what it trains stands in Watch."""
DESK, PHONE = (1280, 844), (390, 844)
LOOKS = [(size, scheme) for size in (DESK, PHONE) for scheme in ("light", "dark")]
"""What each room is shown in: (width, height) of the window, and the colour scheme."""
GROUND = "#b5b8bc"
SEVEN = ((40, 62), (70, 55), (128, 52), (122, 84), (104, 120), (88, 156), (76, 190))
"""A digit drawn with the mouse, in hundredths of a canvas 2 wide and 2 high."""


(EXAMPLE,) = read(Path(__file__).parent.parent / "examples/how_wide.py").studies


def longer(hidden: int, lr: float) -> Config:
    return EXAMPLE.config(hidden, lr).replace(epochs=8)


WIDTHS = replace(EXAMPLE, config=longer, seeds=range(6))


MODELS = {
    "softmax": softmax_regression(),
    "mlp": mlp(128),
    "tanh": lenet(activation="tanh", pooling="avg"),
    "relu": lenet(activation="relu", pooling="max"),
}


def digits(model: str) -> Config:
    return Config(data="mnist", model=MODELS[model], optimizer=SGD(lr=0.1), batch_size=64, epochs=3)


DIGITS = Study("digits", digits, Grid(model=[*MODELS]), seeds=[0])


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
HEART = {"watch": "#watch .study", "play": "#play .look", "draw": "#draw .sheet"}
"""What a phone's one screen shows of a room, and what comes after it."""


@contextmanager
def opened(browser: Browser, address: str, room: str, size: tuple[int, int], **look: Any) -> Iterator[Page]:
    """A room in a window of (width, height), used as its picture is to show it."""
    with browser.new_context(viewport={"width": size[0], "height": size[1]}, **look) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{address}#{room}")
        expect(page.locator("#state")).to_contain_text("Connected", timeout=60_000)
        ROOMS[room](page)
        yield page


def large(browser: Browser, address: str, room: str) -> Image.Image:
    """A room from its head to what it ends with, three pixels of the picture to two of the page."""
    with opened(browser, address, room, DESK, device_scale_factor=1.5) as page:
        last, below = LAST[room]
        bottom = page.locator(last).first.evaluate("(last) => last.getBoundingClientRect().bottom + scrollY")
        page.set_viewport_size({"width": DESK[0], "height": round(bottom) + below})
        return taken(page)


def small(browser: Browser, address: str, room: str, size: tuple[int, int], scheme: str) -> Image.Image:
    """One screen of a room: on a desk its head, on a phone its heart."""
    with opened(browser, address, room, size, color_scheme=scheme) as page:
        page.locator(HEART[room]).evaluate("(heart) => innerWidth < 720 ? heart.scrollIntoView() : scrollTo(0, 0)")
        return taken(page)


def taken(page: Page) -> Image.Image:
    page.wait_for_timeout(1000)  # charts follow the width of the window
    return Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")


def sheet(rows: list[list[Image.Image]], gap: int = 24) -> Image.Image:
    """Pictures in rows, on grey: each row of one height, each column of one width."""
    wide = sum(image.width for image in rows[0]) + gap * (len(rows[0]) + 1)
    high = sum(row[0].height for row in rows) + gap * (len(rows) + 1)
    whole = Image.new("RGB", (wide, high), GROUND)
    top = gap
    for row in rows:
        left = gap
        for image in row:
            whole.paste(image, (left, top))
            left += image.width + gap
        top += row[0].height + gap
    return whole


def save(image: Image.Image, name: str) -> None:
    """As a PNG of 256 colours, a third as large: those most pixels have as they are, the others at their nearest."""
    colours, pixels, counts = np.unique(
        np.asarray(image).reshape(-1, 3), axis=0, return_inverse=True, return_counts=True
    )
    order = np.argsort(-counts)
    common, rare = colours[order[:64]], colours[order[64:]]
    cut = Image.fromarray(rare[np.newaxis]).quantize(192, method=Image.Quantize.MEDIANCUT, kmeans=4)
    palette = np.vstack([common, np.reshape(cut.getpalette() or [], (-1, 3))[:192]])
    nearest = cdist(colours, palette).argmin(axis=1).astype(np.uint8)
    few = Image.fromarray(nearest[pixels].reshape(image.height, image.width), "P")
    few.putpalette(palette.astype(np.uint8).tobytes())
    few.save(PICTURES / f"live-{name}.png", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="where the real data sets are; found as always if not given")
    parser.add_argument("--store", type=Path, help="kept for the next time; a temporary one if not given")
    parser.add_argument("--only", choices=[*ROOMS, "sheet"])
    given = parser.parse_args()
    expect.set_options(timeout=60_000)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        store = given.store or Path(folder, "shoal.db")
        data = {name: load(name, given.data) for name in PLAYED}
        if any(dataset.stand_in for dataset in data.values()):
            parser.error("the real data are not there, and drawings make no true picture: say where with --data")
        for study in (DIGITS, WIDTHS):
            run(study, store=store, data=data)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with Lab(store, data, (WIDTHS, DIGITS)) as lab, serve(lab, port=0) as serving:
            at = browser, serving.address
            for room in LAST:
                if given.only in (None, room):
                    save(large(*at, room), room)
            if given.only in (None, "sheet"):
                save(sheet([[small(*at, room, size, scheme) for size, scheme in LOOKS] for room in ROOMS]), "sheet")
        browser.close()


if __name__ == "__main__":
    main()
