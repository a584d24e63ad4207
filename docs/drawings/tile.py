# SPDX-License-Identifier: Apache-2.0
"""A tile: sixteen images become rows of sixteen floats, and a value takes one register, two or four."""

from drawings.pen import WIDTH, Picture

LANES = 16
"""Of a tile: TILE in native/kernels/kernels.h."""
CHOSEN = 5
"""The example that is followed."""
CELL = 18


def draw() -> Picture:
    """From bytes to lanes."""
    picture = Picture(WIDTH, 336, "A tile: sixteen examples side by side in the lanes")
    _images(picture, 30)
    picture.arrow([(238, 164), (322, 164)], "ink")
    picture.words(280, 152, "load_pixels", size=12, anchor="middle", code=True)
    picture.words(280, 184, "transposed,", "soft", size=12, anchor="middle")
    picture.words(280, 200, "scaled", "soft", size=12, anchor="middle")
    _values(picture, 424, 92)
    _registers(picture, 424, 254)
    return picture


def _images(picture: Picture, left: float) -> None:
    picture.words(left, 34, "Sixteen images of a minibatch", bold=True)
    picture.words(left, 52, "a byte a pixel, each somewhere in memory", "soft", size=12)
    for example in range(LANES):
        x, y, followed = left + example % 4 * 48, 72 + example // 4 * 48, example == CHOSEN
        picture.box(x, y, 40, 40, *["vermillion" if followed else "faint"] * 2, tint=0.16)
        picture.box(x + 17, y + 9, 6, 6, "blue", radius=0)
        ink = "vermillion-text" if followed else "soft"
        picture.words(x + 20, y + 33, str(example), ink, size=11, anchor="middle")


def _values(picture: Picture, left: float, top: float) -> None:
    picture.words(left, 34, "One layer's values", bold=True)
    picture.words(left, 52, "a row a value, a column (lane) an example", "soft", size=12)
    for lane in range(LANES):
        followed = lane == CHOSEN
        ink, fill = ("vermillion-text", "vermillion") if followed else ("soft", "faint")
        picture.words(left + (lane + 0.5) * CELL, top - 6, str(lane), ink, size=10.5, anchor="middle")
        for row in range(7):
            x, y = left + lane * CELL, top + row * CELL
            picture.box(x, y, CELL - 2, CELL - 2, fill, tint=0.45 if followed else 0.25)
    picture.box(left - 3, top + 3 * CELL - 3, LANES * CELL + 4, CELL + 4, stroke="blue", thick=2)
    for row, words in enumerate(("pixel 0", "pixel 1", "…", "pixel p", "…")):
        ink = "blue-text" if words == "pixel p" else "soft"
        picture.words(left - 12, top + row * CELL + 12, words, ink, size=11.5, anchor="end")
    x, y = left + LANES * CELL + 12, top + 3.5 * CELL
    for line, words in enumerate(("one value:", "16 floats,", "64 bytes,", "a cache line")):
        picture.words(x, y - 6 + 16 * line, words, "blue-text", size=12, bold=line == 0)


def _registers(picture: Picture, left: float, top: float) -> None:
    whole = LANES * CELL
    for row, (name, parts, number) in enumerate(
        (("AVX-512", 1, "one register"), ("AVX2", 2, "two"), ("SSE, NEON", 4, "four"))
    ):
        y = top + row * 22
        picture.words(left - 12, y + 11, name, "soft", size=11.5, anchor="end")
        for part in range(parts):
            picture.box(left + part * whole / parts, y, whole / parts - 2, 14, "blue", "blue", tint=0.18)
        picture.words(left + whole + 12, y + 11, number, "soft", size=11.5)
