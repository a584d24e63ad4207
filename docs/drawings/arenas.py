# SPDX-License-Identifier: Apache-2.0
"""One tile's way through LeNet and back: what passes and what is kept for the block, in bytes. The zeros that stand for
padding, and scratch, are left out."""

from math import prod
from typing import NamedTuple

from drawings.pen import WIDTH, Picture
from drawings.tile import LANES
from shoal.models import lenet

FLOAT = 4
STEP, LEFT, AXIS = 74, 34, 222
"""Pixels: from value to value, of the first one, and of the names in the middle."""


class Value(NamedTuple):
    """A value of the network, before a layer or after the last; an activation overwrites the layer before it."""

    name: str
    shape: tuple[int, ...]
    kept: bool
    """An input of a linear layer."""
    left_behind: int
    """Floats that the tile leaves in the kept arena on the way back, for the gradient of the layer named."""

    @property
    def bytes(self) -> int:
        return prod(self.shape) * LANES * FLOAT


def values() -> list[Value]:
    """LeNet's, by the rules in native/layout.cpp."""
    model = lenet()
    sizes = {one.name: one.size for one in model.parameters()}
    found = [Value("pixels", tuple(model.input_shape), False, 0)]
    for index, (layer, shape) in enumerate(zip(model.layers, model.shapes()[1:], strict=True)):
        name = type(layer).__name__
        if name == "Sigmoid":
            continue
        if name == "Linear":
            found[-1] = found[-1]._replace(kept=True)
        if name != "Flatten":
            turned = -(-prod(shape) // LANES) * LANES * LANES  # the output's gradient, in whole panels
            sums = sizes.get(f"{index}.weight", 0) + sizes.get(f"{index}.bias", 0)
            found.append(Value(name, shape, False, turned if name == "Linear" else sums))
    return found


def draw() -> Picture:
    """Bars up: values; bars down: their gradients; at the right, the arenas they lie in."""
    picture, cells = Picture(WIDTH, 436, "One tile through LeNet and back: what passes and what is kept"), values()
    end = LEFT + len(cells) * STEP - 28
    picture.words(LEFT, 28, "there: the values before each layer, and after the last", size=12.5)
    picture.arrow([(LEFT, 38), (end, 38)], "ink")
    picture.words(end, 418, "and back: their gradients; that of the pixels is never computed", size=12.5, anchor="end")
    picture.arrow([(end, 400), (LEFT + STEP, 400)], "ink")
    scale = 120 / max(cell.bytes for cell in cells)
    for column, cell in enumerate(cells):
        _column(picture, LEFT + column * STEP, cell, scale, with_gradient=column > 0)
    back = sum(cell.bytes for cell in cells[1:])
    kept = sum(cell.bytes for cell in cells if cell.kept) + sum(cell.left_behind * FLOAT for cell in cells)
    _memory(picture, end + 42, back + sum(cell.bytes for cell in cells if not cell.kept), kept)
    return picture


def _column(picture: Picture, x: float, cell: Value, scale: float, with_gradient: bool) -> None:
    height, ink = max(cell.bytes * scale, 2), "blue" if cell.kept else "faint"
    picture.box(x, AXIS - 18 - height, 46, height, ink, ink, tint=0.55, radius=1)
    picture.words(x + 23, AXIS - 24 - height, kib(cell.bytes), "soft", size=10.5, anchor="middle")
    picture.words(x + 23, AXIS - 3, cell.name, size=11.5, anchor="middle", bold=True)
    picture.words(x + 23, AXIS + 11, "×".join(map(str, cell.shape)), "soft", size=10.5, anchor="middle")
    if with_gradient:
        picture.box(x, AXIS + 19, 46, height, "faint", "faint", tint=0.55, radius=1)
    if cell.left_behind:
        top, left_behind = AXIS + 24 + height, cell.left_behind * FLOAT
        picture.box(x, top, 46, max(left_behind * scale, 2), "blue", "blue", tint=0.55, radius=1)
        picture.words(x + 23, top + 17, kib(left_behind), "blue-text", size=10.5, anchor="middle")


def _memory(picture: Picture, left: float, passing: int, kept: int) -> None:
    picture.words(left, 64, "Passing", bold=True)
    for line, words in enumerate((f"{kib(passing)} a thread:", "its next tile", "overwrites it")):
        picture.words(left, 81 + 16 * line, words, "soft", size=12)
    picture.box(left, 124, 148, 34, "faint", "faint", tint=0.55)
    picture.words(left, 196, "Kept", "blue-text", bold=True)
    for line, words in enumerate((f"{kib(kept)} a tile, until all", "16 of the block are done")):
        picture.words(left, 213 + 16 * line, words, "soft", size=12)
    for tile in range(LANES):
        picture.box(left + tile * 9.4, 240, 7, 34, "blue", "blue", tint=0.55, radius=1)
    picture.arrow([(left + 74, 282), (left + 74, 314)], "ink")
    picture.words(left + 85, 302, "gather", size=12, code=True)
    picture.box(left, 320, 148, 46, "green", "green", tint=0.18)
    picture.words(left + 74, 339, "the gradient, and", "green-text", size=12, anchor="middle")
    picture.words(left + 74, 356, "the update with it", "green-text", size=12, anchor="middle")


def kib(size: int) -> str:
    """Bytes in words."""
    return f"{size / 1024:.1f} KiB" if size < 10240 else f"{size / 1024:,.0f} KiB"
