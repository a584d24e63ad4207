# SPDX-License-Identifier: Apache-2.0
"""Images pixel by pixel: data as ink on the page, weights around zero in two colours. Nothing is blurred.

A pixel's value becomes the opacity of its ink, so that 0 is the page itself, by day and by night.
"""

import base64
import io
from collections.abc import Sequence

import altair as alt
import numpy as np

from shoal import theme
from shoal.figures.drawing import Rows, finish, heading, table

UPSCALE = 6
"""Every pixel becomes a square of so many, so that print does not smooth them."""


def images(
    rows: Sequence[Sequence[np.ndarray]],
    captions: Sequence[Sequence[str]] | None = None,
    *,
    titles: Sequence[str] = (),
    size: int = 56,
    gap: int = 14,
) -> alt.LayerChart:
    """Grey images in rows, each with its caption below.

    Args:
        rows: uint8 (height, width) images, or (1, height, width); rows may differ in length.
        captions: a text per image; "\\n" breaks the line.
        titles: a word above each row.
        size: pixels a side on the page; 56 shows 28 × 28 pixels at two each.
    """
    pictures = [[_ink(image) for image in row] for row in rows]
    return _sheet(pictures, captions, titles, size, gap, name="ink")


def filters(
    weights: Sequence[np.ndarray],
    captions: Sequence[str] | None = None,
    *,
    columns: int = 6,
    size: int = 72,
    gap: int = 14,
    limit: float | None = None,
) -> alt.LayerChart:
    """First-layer weights as images: blue below zero, vermillion above, the page at zero, one scale for all.

    Args:
        weights: float (height, width) each.
        limit: the weight of full colour; by default the largest absolute one.
    """
    limit = limit or max(float(np.abs(one).max()) for one in weights) or 1.0
    drawn = [_diverging(np.asarray(one, np.float64) / limit) for one in weights]
    pictures = [drawn[start : start + columns] for start in range(0, len(drawn), columns)]
    words = None
    if captions is not None:
        words = [list(captions[start : start + columns]) for start in range(0, len(drawn), columns)]
    return _sheet(pictures, words, (), size, gap, name="signed")


def image_rows(images: Sequence[tuple[str, np.ndarray]]) -> Rows:
    """Images as rows: name, row, and a column per pixel column, values as they are."""
    return [
        {"image": name, "row": number, **{f"column {at}": value.item() for at, value in enumerate(line)}}
        for name, image in images
        for number, line in enumerate(np.asarray(image).reshape(-1, np.asarray(image).shape[-1]))
    ]


def _sheet(
    pictures: Sequence[Sequence[str]],
    captions: Sequence[Sequence[str]] | None,
    titles: Sequence[str],
    size: int,
    gap: int,
    name: str,
) -> alt.LayerChart:
    lines = max((text.count("\n") + 1 for row in captions or () for text in row), default=0)
    pitch = size + gap + 14 * lines + (22 if titles else 0)
    wide = max(len(row) for row in pictures) * (size + gap) - gap
    high = pitch * len(pictures) - gap
    cells: Rows = []
    for number, row in enumerate(pictures):
        for column, url in enumerate(row):
            text = captions[number][column] if captions else ""
            top = number * pitch + (18 if titles else 0)
            cells.append({"x": column * (size + gap) + size / 2, "y": top, "url": url, "text": text})
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, wide], nice=False, zero=False), axis=None)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[high, 0], nice=False, zero=False), axis=None)
    sheet = alt.Chart(table(cells), name=name)
    shown = sheet.mark_image(width=size, height=size, smooth=False, baseline="top").encode(
        x=x, y=y, url=alt.Url("url", type="nominal")
    )
    layers = [
        shown,
        *(heading(title, number * pitch + 6, color=theme.light("soft")) for number, title in enumerate(titles)),
    ]
    if captions:
        words = alt.Chart(table(cells)).mark_text(
            dy=size + 6, baseline="top", fontSize=11, color=theme.light("soft"), lineBreak="\n", lineHeight=14
        )
        layers.append(words.encode(x=x, y=y, text=alt.Text("text", type="nominal")))
    return finish(alt.layer(*layers, width=wide, height=high))  # type: ignore[no-any-return]


def _ink(image: np.ndarray) -> str:
    """uint8 grey as ink of that opacity."""
    grey = np.asarray(image, np.uint8).reshape(np.asarray(image).shape[-2:])
    return _png(np.dstack([np.broadcast_to(np.uint8(0), (*grey.shape, 3)), grey]))


def _diverging(share: np.ndarray) -> str:
    """Weights in [-1, 1] as blue or vermillion of that opacity."""
    below, above = (np.array(_rgb(theme.light(name)), np.uint8) for name in ("blue", "vermillion"))
    colour = np.where((share < 0)[..., None], below, above)
    alpha = np.rint(255 * np.clip(np.abs(share), 0, 1)).astype(np.uint8)
    return _png(np.dstack([colour, alpha]))


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _png(pixels: np.ndarray) -> str:
    """uint8 (height, width, 4) as a data URL, every pixel a crisp square."""
    from PIL import Image

    large = np.repeat(np.repeat(pixels.astype(np.uint8), UPSCALE, axis=0), UPSCALE, axis=1)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(large), "RGBA").save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
