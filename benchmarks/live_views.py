# SPDX-License-Identifier: Apache-2.0
"""The first view of a large store: what a new server takes to answer, and what a browser takes to show it.

The store is imagined: its runs were never trained, and are as large as if they had been.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

import live_line
import msgspec
import numpy as np
from live_browser import WIDE, chromium
from live_line import progress, serving, times

from shoal.bench import MODELS
from shoal.engines.native import NativeEngine
from shoal.optimizers import SGD
from shoal.runner import Demand
from shoal.store import Store
from shoal.study import Config, Grid, Study

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VIEW = 1.0
"""Seconds: the promise."""
OPENED = 2.0
"""Seconds from a server's start, when its address is printed, until somebody has opened it."""
ASKED = "/api/watch/reading?first=true&metric=validation_accuracy"
"""What a page asks for first, as it does not know a study yet."""
PARTS = {"overview": ".list li", "table": "table.runs tbody tr", "chart": ".plot svg path[d]"}
"""What there is to see of a view, by its place in the room."""

WAIT = """(parts) => {
  const seen = {};
  const there = (place) => document.getElementById("watch")?.querySelector(place)?.getClientRects().length > 0;
  window.view = new Promise((resolve) => {
    const look = () => {
      for (const [name, place] of Object.entries(parts)) if (!(name in seen) && there(place)) seen[name] = null;
      requestAnimationFrame(() => {
        for (const name in seen) seen[name] ??= performance.now() / 1000;
        if (Object.keys(parts).every((name) => seen[name])) resolve(seen);
        else look();
      });
    };
    requestAnimationFrame(look);
  });
}"""
"""Runs before the page's own code: by part, the seconds from the navigation to the frame in which it is shown."""


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    runs: int = 10_000
    views: int = 10


QUICK = Extent(runs=200, views=2)


def measure(extent: Extent, data: Path | None, folder: Path) -> dict[str, Any]:
    """Seconds of the server's answers, and of the browser's first view: of a new server, and of one that was asked."""
    store = folder / "large.db"
    fill(store, extent.runs)
    found: defaultdict[str, list[dict[str, float]]] = defaultdict(list)
    with chromium() as browser:
        for number in range(extent.views):
            with serving(store, data) as (_, page):
                sleep(OPENED)
                found["answers"].append({"all": page.ask("GET", ASKED)[0]})
            with serving(store, data) as (_, page):
                sleep(OPENED)
                found["new"].append(_view(browser, page))
                found["asked"].append(_view(browser, page))
            progress(f"views: {number + 1} of {extent.views}")
    sized = {"runs": extent.runs, "opened": OPENED, "megabytes": store.stat().st_size / 1e6}
    return {**sized, **{kind: _times(each) for kind, each in found.items()}}


def _times(each: list[dict[str, float]]) -> dict[str, Any]:
    return {name: times([one[name] for one in each], VIEW) for name in each[0]}


def _view(browser: "Browser", server: live_line.Page) -> dict[str, float]:
    """In a page that nobody has opened before, without anything in a cache."""
    context = browser.new_context(viewport=WIDE)  # type: ignore[arg-type]
    page = context.new_page()
    page.add_init_script(f"({WAIT})({msgspec.json.encode(PARTS).decode()})")
    page.goto(f"{server.address}#watch")
    seen: dict[str, float] = page.evaluate("() => window.view")
    context.close()
    return {**seen, "all": max(seen.values())}


# ---- the store ------------------------------------------------------------------------------------------


def fill(path: Path, runs: int) -> None:
    """A store of one study: ten learning rates on many seeds, ten epochs of 235 steps each."""
    rates, epochs, draws = [(1 + at) / 20 for at in range(10)], 10, np.random.default_rng(0)
    engine = NativeEngine().name

    def config(lr: float) -> Config:
        return Config(data="fashion-mnist", model=MODELS["softmax"], optimizer=SGD(lr=lr), epochs=epochs)

    demand = Demand.of([Study("many", config, Grid(lr=rates), seeds=range(runs // len(rates)))])
    steps = np.full(235, 0.5, "<f4").tobytes()
    made: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    for number, run in enumerate(demand.runs, 1):
        text = msgspec.json.encode(run.config).decode()
        made.append((number, run.trajectory, engine, run.seed, text, None, "2026-01-01T00:00:00+00:00"))
        losses = 0.4 + 0.5 / np.arange(1, epochs + 2) + draws.normal(0, 0.01, epochs + 1)
        for epoch, loss in enumerate(losses.tolist()):
            train = (loss, 1 - loss / 3) if epoch else (None, None)
            rows.append((number, epoch, None, *train, loss, 1 - loss / 3, 0.05 * bool(epoch), steps if epoch else b""))
    with Store.open(path, write=True) as store:
        store.note(demand.asked)
        store._db.execute("BEGIN")
        with store._db:
            store._db.executemany("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?)", made)
            store._db.executemany("INSERT INTO epoch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
