# SPDX-License-Identifier: Apache-2.0
"""The two orders in which everything is added: lanes by a fixed tree, tiles by a chain."""

from drawings.pen import WIDTH, Picture
from drawings.tile import CHOSEN, LANES

LEFT, TOP, STEP, LEVEL = 60, 76, 36, 52


def draw() -> Picture:
    """The tree above, the chain below."""
    picture = Picture(WIDTH, 436, "Sixteen lanes are summed by a fixed tree, tiles by a chain")
    picture.words(30, 32, "The lanes of a tile: a tree", bold=True)
    picture.words(30, 50, "halves are added until one is left, on every machine", "soft", size=12)
    half = LANES // 2
    for level in range(4):
        for lane in range(half >> level):
            _pair(picture, level, lane, half >> level)
    for level in range(5):
        for lane in range(LANES >> level):
            _sum(picture, level, lane)
    for level, words in enumerate(("sixteen lanes", "0 + 8, 1 + 9, …", "0 + 4, 1 + 5, …", "0 + 2, 1 + 3", "0 + 1")):
        picture.words(LEFT + LANES * STEP + 18, TOP + level * LEVEL + 5, words, "soft", size=12)
    _chain(picture, 340)
    return picture


def _place(level: int, lane: int) -> tuple[float, float]:
    return LEFT + (lane + 0.5) * STEP, TOP + level * LEVEL


def _leads(level: int) -> int:
    """Where the lane that is followed has come to."""
    return CHOSEN % (LANES >> level)


def _pair(picture: Picture, level: int, lane: int, half: int) -> None:
    for source in (lane, lane + half):
        followed = source == _leads(level)
        ends = [_place(level, source), _place(level + 1, lane)]
        picture.line(ends, "vermillion" if followed else "faint", thick=2 if followed else 1)


def _sum(picture: Picture, level: int, lane: int) -> None:
    x, y = _place(level, lane)
    picture.dot(x, y, 11, "paper")
    picture.dot(x, y, 11, *["vermillion" if lane == _leads(level) else "blue"] * 2, tint=0.2)
    if level == 0:
        picture.words(x, y + 4, str(lane), "soft", size=10.5, anchor="middle")


def _chain(picture: Picture, top: float) -> None:
    picture.words(30, top, "The tiles of a minibatch: a chain", bold=True)
    picture.words(30, top + 18, "first to last, through all blocks, whoever computed them", "soft", size=12)
    y = top + 56
    for tile in range(LANES):
        x = LEFT + (tile + 0.5) * STEP
        picture.box(x - 13, y - 13, 26, 26, "blue", "blue", tint=0.2)
        picture.words(x, y + 4, str(tile), "soft", size=10.5, anchor="middle")
        if tile < LANES - 1:
            picture.line([(x + 14, y), (x + 22, y)], "ink")
    end = LEFT + LANES * STEP
    picture.arrow([(end - 4, y), (end + 40, y)], "ink")
    picture.words(end + 50, y + 4, "the gradient", "green-text", size=12.5, bold=True)
