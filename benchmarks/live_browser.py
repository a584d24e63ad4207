# SPDX-License-Identifier: Apache-2.0
"""What a person sees, in a real Chromium: from a slider's change to the first point of the new training's curve.

The page's own clock is read, at the frame in which a thing is shown; that the drawing is right is for `tests/browser`.
Needs Chromium (`CHROMIUM` names another place) and pytest-playwright.
"""

import os
import random
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

import live_line
from live_line import progress, serving, times

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
WIDE = {"width": 1280, "height": 900}
PAGES = Path(__file__).parent.parent / "src" / "shoal" / "live" / "pages"
SHOWN = 0.3
"""Seconds: the promise."""
STAGES = ("still", "train", "told", "chart", "drawn")
"""Between the input and the point: the slider rests, the training is asked for, its first records come and the chart is
asked for, the chart is worked out and sent, Vega draws it."""

WAIT = """() => {
  const shown = (draw) => draw.getAttribute("d").includes("L");
  window.first = new Promise((resolve) => {
    let asked = null;
    addEventListener("input", (event) => (asked = event.timeStamp), { capture: true, once: true });
    const room = document.getElementById("play");
    const seen = () => {
      if (asked === null) return;
      const rate = room.querySelector("[data-field=lr] input[type=number]").value;
      const svg = room.querySelector(".curves .chart svg");
      if (!svg?.getAttribute("aria-label").includes(`lr ${rate} `)) return;
      const lines = [...svg.querySelectorAll(".mark-line path[d]")];
      const points = [...svg.querySelectorAll(".mark-symbol path[d]:not([opacity='0'])")];
      if (!lines.some(shown) && points.length === 0) return;
      watcher.disconnect();
      requestAnimationFrame(() => resolve({ asked, drawn: performance.now() }));
    };
    const watcher = new MutationObserver(seen);
    watcher.observe(room, { childList: true, subtree: true, attributes: true });
  });
}"""
"""A point counts when it can be seen: a line of two epochs, or a mark; a line of one epoch has no length."""

FIRST = """async () => {
  const { asked, drawn } = await window.first;
  const after = performance.getEntriesByType("resource").filter((one) => one.startTime >= asked);
  const of = (path) => after.filter((one) => new URL(one.name).pathname === path && one.responseEnd <= drawn);
  const [train] = of("/api/play/train");
  const chart = of("/api/play/chart").filter((one) => one.startTime >= train.responseEnd).at(-1);
  performance.clearResourceTimings();
  const at = [asked, train.startTime, train.responseEnd, chart.startTime, chart.responseEnd, drawn];
  return at.slice(1).map((end, place) => (end - at[place]) / 1000);
}"""
"""Seconds of each stage, by the browser's own record of what it asked for."""


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    changes: int = 40
    """When nothing trains, and as many in the midst of a training."""


QUICK = Extent(changes=3)


@contextmanager
def chromium() -> "Iterator[Browser]":
    """The browser, which has no cache of anything."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def sliders(extent: Extent, data: Path | None, folder: Path) -> dict[str, Any]:
    """Seconds from another learning rate to its first point, when nothing trains, and in the midst of a training."""
    found = {}
    with chromium() as browser:
        for kind, epochs in (("idle", 5), ("midst", 50)):
            with serving(folder / f"{kind}.db", data) as (_, server):
                found[kind] = _changes(_opened(browser, server, epochs), kind, extent.changes)
    return {"still": _still(), **found}


def _opened(browser: "Browser", server: live_line.Page, epochs: int) -> "Page":
    """Play with a finished training of softmax regression, of so many epochs, as all after it."""
    page = browser.new_page(viewport=WIDE)  # type: ignore[arg-type]
    page.set_default_timeout(60_000)
    page.goto(f"{server.address}#play")
    page.get_by_role("spinbutton", name="Epochs, exactly").fill(str(epochs))
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_selector("#play .standing[data-state=finished]")
    return page


def _changes(page: "Page", kind: str, many: int) -> dict[str, Any]:
    slider, stages = page.get_by_role("slider", name="Learning rate"), []
    draws = random.Random(0)
    for number in range(many + 1):
        if kind == "idle":
            page.wait_for_selector("#play .standing[data-state=finished]")
        sleep(draws.uniform(0.2, 0.6))  # no change follows another event in step
        state = page.locator("#play .standing").get_attribute("data-state")
        stages.append(_first_point(page, slider))
        if kind == "midst" and number and state != "training":
            raise RuntimeError(f"the training before had ended: it was {state}")
        if number % 10 == 9:
            progress(f"sliders, {kind}: {number + 1} of {many}")
    page.close()
    del stages[0]  # the first of its kind: not yet warm
    whole = times([sum(one) for one in stages], SHOWN)
    each = {name: times([one[place] for one in stages])["p50"] for place, name in enumerate(STAGES)}
    return {**whole, "stages": each, "seconds": [round(sum(one), 4) for one in stages]}


def _first_point(page: "Page", slider: "Locator") -> list[float]:
    """Move the slider a step down, to a rate that was not trained yet; the seconds of each stage."""
    slider.focus()
    page.evaluate(WAIT)
    page.keyboard.press("ArrowLeft")
    found: list[float] = page.evaluate(FIRST)
    return found


def _still() -> float:
    """Seconds that a slider must rest, by the page's own design."""
    found = re.search(r"const STILL = (\d+);", (PAGES / "play.js").read_text())
    return int(found[1]) / 1000 if found else 0.0
