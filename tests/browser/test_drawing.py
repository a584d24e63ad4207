# SPDX-License-Identifier: Apache-2.0
"""What all rooms draw with: charts under a policy without `eval`, in both colour schemes, and pixels on a canvas."""

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from shoal import figures, theme

DRAW = """async ({spec, words}) => {
  const { draw } = await import("/static/chart.js");
  let place = document.getElementById("here");
  if (!place) {
    place = document.createElement("div");
    place.id = "here";
    document.querySelector("main").prepend(place);
  }
  await draw(place, spec, words);
}"""
PICTURE = """async ({scheme, pixels}) => {
  const { draw } = await import("/static/picture.js");
  const canvas = document.createElement("canvas");
  draw(canvas, { width: 2, height: 2, pixels, scheme, label: "Four pixels" });
  document.body.append(canvas);
  canvas.id = scheme;
  return [...canvas.getContext("2d").getImageData(0, 0, 2, 2).data];
}"""
SHADES = """() => [...document.querySelectorAll("#here svg *")]
  .flatMap((node) => [node.getAttribute("stroke"), node.getAttribute("fill")])"""


@pytest.fixture
def shell(page: Page, lab_url: str) -> Page:
    page.goto(lab_url)
    expect(page.locator("#state")).to_contain_text("Connected")
    return page


def curves(*labels: str, count: int = 5) -> dict[str, Any]:
    x = np.arange(count)
    given = [(label, x, np.exp(-x * (one + 1) / 4) + np.array([[0.0], [0.1]])) for one, label in enumerate(labels)]
    return dict(figures.curves(given, x_title="epoch", y_title="loss").to_dict())


def test_a_chart_is_drawn_without_eval_and_has_a_name(shell: Page) -> None:
    shell.evaluate(DRAW, {"spec": curves("slow", "fast"), "words": {"title": "Loss", "description": "It falls."}})
    drawing = shell.locator("#here svg")
    expect(drawing).to_have_attribute("role", "img")
    expect(shell.get_by_role("img", name="Loss. It falls.")).to_be_visible()
    assert {theme.light("blue"), theme.light("vermillion")} <= set(shell.evaluate(SHADES))
    assert {"slow", "fast"} <= set(drawing.locator("text").all_text_contents())


def test_a_chart_follows_the_colour_scheme(shell: Page) -> None:
    shell.evaluate(DRAW, {"spec": curves("slow", "fast"), "words": {}})
    before = set(shell.evaluate(SHADES))
    shell.emulate_media(color_scheme="dark")
    expect(shell.locator(f"#here svg [stroke='{theme.COLOURS['blue'].dark}']").first).to_be_attached()
    after = set(shell.evaluate(SHADES))
    light = {token.light for token in theme.COLOURS.values()}
    assert light & before
    assert not (light - {token.dark for token in theme.COLOURS.values()}) & after


def test_drawing_again_leaves_one_chart_the_last(shell: Page) -> None:
    shell.evaluate(
        f"""async (specs) => {{
          const drawing = {DRAW};
          await Promise.all(specs.map((spec) => drawing({{ spec, words: {{}} }})));
        }}""",
        [curves("first"), curves("second"), curves("third")],
    )
    expect(shell.locator("#here svg")).to_have_count(1)
    words = set(shell.locator("#here svg text").all_text_contents())
    assert "third" in words
    assert not {"first", "second"} & words


def test_a_tooltip_shows_text_and_runs_nothing(shell: Page) -> None:
    payload = "<img src=x onerror=window.ran=true>"
    spec = {
        "data": {"values": [{"x": 1, "y": 2, "name": payload}]},
        "mark": {"type": "point", "size": 4000, "filled": True, "color": theme.light("blue")},
        "encoding": {
            "x": {"field": "x", "type": "quantitative"},
            "y": {"field": "y", "type": "quantitative"},
            "tooltip": [{"field": "name"}, {"field": "y", "title": "loss", "format": ".3f"}],
        },
        "width": 300,
        "height": 200,
    }
    shell.evaluate(DRAW, {"spec": spec, "words": {}})
    shell.locator("#here svg .mark-symbol path").hover()
    tip = shell.locator(".tip")
    expect(tip).to_contain_text(payload)
    expect(tip).to_contain_text("2.000")
    shell.mouse.move(2, 2)
    expect(tip).to_be_hidden()
    assert shell.evaluate("window.ran === undefined")


def rgb(name: str) -> list[int]:
    colour = theme.light(name)
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def test_pictures_are_the_bytes_in_the_colours_of_the_page(shell: Page) -> None:
    ink = shell.evaluate(PICTURE, {"scheme": "ink", "pixels": "AED//w=="})  # 0, 64, 255, 255
    assert [ink[at] for at in (3, 7, 11, 15)] == [0, 64, 255, 255]
    assert ink[8:11] == rgb("ink")
    signed = shell.evaluate(PICTURE, {"scheme": "signed", "pixels": "f4EAwA=="})  # 127, -127, 0, -64
    assert [signed[at] for at in (3, 7, 11, 15)] == [255, 255, 0, 129]
    assert signed[0:3] == rgb("vermillion")
    assert signed[4:7] == rgb("blue")
    expect(shell.locator("#ink")).to_have_css("image-rendering", "pixelated")
    expect(shell.get_by_role("img", name="Four pixels").first).to_be_attached()
    with pytest.raises(Exception, match="A picture of 2 × 2 has 4 pixels, not 3"):
        shell.evaluate(PICTURE, {"scheme": "ink", "pixels": "AED/"})
