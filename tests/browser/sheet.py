# SPDX-License-Identifier: Apache-2.0
"""The sheet of the room Draw in the hands of a test: networks to ask, strokes, and what is read off the page."""

from base64 import b64decode
from typing import Any

import numpy as np
from playwright.sync_api import Page, Request, expect

from shoal.models import lenet, softmax_regression
from shoal.optimizers import Adam
from shoal.runner import Demand, train
from shoal.store import Store
from shoal.study import Config, Run

ONE = [(0.5, 0.15), (0.5, 0.85)]


def teach(lab: Any, drawn: dict[str, Any]) -> None:
    """Trains two networks for digits and one for garments, into the store of a lab."""
    digits, clothes = drawn["mnist"].name, drawn["fashion-mnist"].name
    asked = [(digits, lenet("relu", "max"), 5), (digits, softmax_regression(), 3), (clothes, softmax_regression(), 3)]
    runs = (
        Run(Config(data=data, model=model, optimizer=Adam(lr=0.003), batch_size=16, epochs=epochs), 0)
        for data, model, epochs in asked
    )
    with Store.open(lab.store_path, write=True) as writer:
        train(Demand(tuple(runs)), lab.engine, {dataset.name: dataset for dataset in drawn.values()}, writer)


def opened(page: Page, url: str) -> Page:
    page.goto(f"{url}#draw")
    expect(page.locator("#draw h2")).to_be_visible()
    expect(page.locator("#draw .summary")).not_to_contain_text("Reading")
    return page


def draw(page: Page, points: list[tuple[float, float]]) -> None:
    page.locator("#draw .pad").scroll_into_view_if_needed()
    box = page.locator("#draw .pad").bounding_box()
    assert box
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def ink(asked: Request) -> np.ndarray:
    """The canvas that a request carries."""
    sent = asked.post_data_json
    return np.frombuffer(b64decode(sent["pixels"]), np.uint8).reshape(sent["height"], sent["width"])


def summary(page: Page) -> Any:
    return page.locator("#draw .summary")


def titles(page: Page) -> Any:
    return page.locator("#draw .steps h4")
