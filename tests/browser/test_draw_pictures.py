# SPDX-License-Identifier: Apache-2.0
"""What is drawn on its way to a network: pictures that are chosen, dropped or pasted, and garments that are filled."""

import io
import re
from base64 import b64encode
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from sheet import ONE, draw, opened, summary, teach, titles

BOX = [(0.3, 0.2), (0.7, 0.2), (0.7, 0.8), (0.3, 0.8), (0.3, 0.19)]
DROP = """(canvas, { bytes, name, type, kind }) => {
  const carried = new DataTransfer();
  carried.items.add(new File([Uint8Array.from(atob(bytes), (one) => one.charCodeAt(0))], name, { type }));
  const how = { bubbles: true, cancelable: true, dataTransfer: carried, clipboardData: carried };
  canvas.dispatchEvent(kind === "paste" ? new ClipboardEvent(kind, how) : new DragEvent(kind, how));
}"""


@pytest.fixture(scope="module")
def trained(lab: Any, drawn: dict[str, Any]) -> None:
    teach(lab, drawn)


@pytest.fixture
def room(page: Page, lab_url: str, trained: None) -> Page:
    return opened(page, lab_url)


def file(pixels: np.ndarray, name: str = "one.png") -> dict[str, Any]:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": written.getvalue()}


@pytest.fixture
def photo() -> np.ndarray:
    """A one on paper, in colour."""
    paper = np.full((300, 240, 3), (250, 245, 230), np.uint8)
    paper[40:250, 108:130] = (20, 40, 120)
    return paper


def test_a_picture_on_paper_is_chosen(room: Page, photo: np.ndarray) -> None:
    with room.expect_request("**/api/draw/name") as asked:
        room.locator("#draw input[type=file]").set_input_files(file(photo))
    sent = asked.value.post_data_json
    assert (sent["width"], sent["height"], sent["picture"]) == (128, 160, True)
    expect(titles(room)).to_have_text(["Grey", "Ground at 0", "Trimmed", "Scaled", "Centred"])
    expect(summary(room)).to_contain_text("say 1")
    draw(room, [(0.2, 0.5), (0.8, 0.5)])
    expect(titles(room)).to_have_text(["Drawn", "Trimmed", "Scaled", "Centred"])
    room.get_by_role("button", name="Undo").click()
    expect(titles(room).first).to_have_text("Grey")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted(room: Page, photo: np.ndarray, kind: str) -> None:
    given = {"bytes": b64encode(file(photo)["buffer"]).decode(), "name": "one.png", "type": "image/png", "kind": kind}
    room.locator("#draw .pad").evaluate(DROP, given)
    expect(titles(room).first).to_have_text("Grey")
    expect(summary(room)).to_contain_text("say 1")


def test_what_is_no_picture_is_refused_in_words(room: Page) -> None:
    room.locator("#draw input[type=file]").set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"1"})
    expect(room.locator("#draw .error")).to_have_text(re.compile("a.txt is no picture that this browser can read"))
    draw(room, ONE)
    expect(room.locator("#draw .error")).to_have_count(0)


def test_garments_are_filled_unless_that_is_not_wanted(room: Page) -> None:
    expect(room.get_by_label("Fill outlines")).to_be_hidden()
    room.get_by_label("Garments").check()
    expect(room.locator("#draw h2")).to_have_text("Draw a garment")
    draw(room, BOX)
    expect(titles(room)).to_have_text(["Drawn", "Filled", "Trimmed", "Scaled", "Sharpened", "Centred"])
    room.get_by_label("Fill outlines").uncheck()
    expect(titles(room)).to_have_text(["Drawn", "Trimmed", "Scaled", "Sharpened", "Centred"])
    expect(summary(room)).to_contain_text("It says")
