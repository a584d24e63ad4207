# SPDX-License-Identifier: Apache-2.0
"""How far each tile goes before it has to wait for the others: all the way without a batch norm, in stages with two."""

from collections.abc import Sequence

from drawings.pen import WIDTH, Picture

TILES = 4
SHADES = ("ramp-2", "ramp-4", "ramp-5", "ramp-7")
FLOOR, CEILING = 246, 76
DEPTHS = {"pixels": 0.0, "batch norm 1": 1 / 3, "batch norm 2": 2 / 3, "loss": 1.0}
"""How deep in the network, from 0 to 1."""
FIRST_LAYER, GAP = 0.06, 12
"""How far back a tile goes, since the gradient of the pixels is not computed; pixels between stages."""


def height(depth: float) -> float:
    return FLOOR + (CEILING - FLOOR) * depth


def draw() -> Picture:
    """Time to the right, depth upwards, a line a tile."""
    picture = Picture(WIDTH, 330, "Stages: with a batch norm all tiles wait for each other, there and back")
    _without(picture, 76, 190)
    _with(picture, 388, 78)
    picture.arrow([(76, FLOOR + 24), (146, FLOOR + 24)], "soft")
    picture.words(154, FLOOR + 28, "time", "soft", size=11.5)
    return picture


def _axis(picture: Picture, left: float, right: float, names: Sequence[str]) -> None:
    for name in names:
        y = height(DEPTHS[name])
        picture.line([(left, y), (right, y)], "grid", thick=1.2)
        picture.words(left - 10, y + 4, name, "soft", size=11.5, anchor="end")


def _tiles(picture: Picture, left: float, width: float, depths: Sequence[float]) -> None:
    """Every tile's way in one stage, one after the other."""
    for tile in range(TILES):
        start, step = left + tile * width / TILES, (width / TILES - 4) / (len(depths) - 1)
        path = [(start + at * step, height(depth)) for at, depth in enumerate(depths)]
        picture.line(path, SHADES[tile], thick=2.4)


def _without(picture: Picture, left: float, width: float) -> None:
    picture.words(left, 32, "Without a batch norm", bold=True)
    picture.words(left, 50, "one stage: each tile there and back", "soft", size=12)
    _axis(picture, left, left + width, ("pixels", "loss"))
    _tiles(picture, left, width, (0, 1, FIRST_LAYER))


def _with(picture: Picture, left: float, unit: float) -> None:
    """The third of the five stages goes there and back."""
    picture.words(left, 32, "With two: five stages", bold=True)
    picture.words(left, 50, "a norm cannot begin before every tile has reached it", "soft", size=12)
    stages = [(0, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 1, 2 / 3), (2 / 3, 1 / 3), (1 / 3, FIRST_LAYER)]
    _axis(picture, left, left + unit * 5.5, tuple(DEPTHS))
    bars, x = [], left
    for number, depths in enumerate(stages):
        width = unit * (1.5 if len(depths) == 3 else 0.86)
        _tiles(picture, x, width, depths)
        picture.words(x + width / 2, FLOOR + 18, str(number), "soft", size=11.5, anchor="middle")
        x += width + GAP
        bars.append(x - GAP / 2 - 2)
    for bar in bars[:-1]:
        picture.line([(bar, CEILING - 8), (bar, FLOOR + 24)], "vermillion", dash="4 4")
    _merge(picture, bars[0], bars[1], "mean and variance", "merge_moments")
    _merge(picture, bars[2], bars[3], "sums of the gradient", "merge_gradients")


def _merge(picture: Picture, left: float, right: float, words: str, function: str) -> None:
    middle = (left + right) / 2
    picture.words(middle, FLOOR + 42, words, "vermillion-text", size=11.5, anchor="middle")
    picture.words(middle, FLOOR + 58, function, "soft", size=11, anchor="middle", code=True)
