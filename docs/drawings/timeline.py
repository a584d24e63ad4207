# SPDX-License-Identifier: Apache-2.0
"""A step over two threads: who takes which tile, who puts which piece of the gradient together. How long each takes is
drawn, not timed."""

from typing import NamedTuple

from drawings.pen import WIDTH, Picture

LEFT, TOP, LANE = 112, 96, 58
TILE, PIECE = 38.0, 11.0
"""Pixels: how long a tile and a piece are drawn."""


class Taken(NamedTuple):
    """An item, and when which thread was at it."""

    item: int
    thread: int
    start: float
    end: float


def shared(count: int, free: list[float], length: float) -> list[Taken]:
    """Items in order, each taken by the thread that is free first, as by the counter in native/crew.h."""
    taken = []
    for item in range(count):
        thread = min(range(len(free)), key=lambda one: free[one])
        end = free[thread] + length * (1 + 0.2 * ((item * 7) % 5 - 2) / 2)
        taken.append(Taken(item, thread, free[thread], end))
        free[thread] = end
    return taken


def draw() -> Picture:
    """Two rows, three phases."""
    picture = Picture(
        WIDTH, 322, "A step shared by two threads: tiles, then pieces of the gradient, then the next step"
    )
    for thread, words in enumerate(("the run's thread", "a helper")):
        picture.words(LEFT - 14, TOP + thread * LANE + 24, words, size=12.5, anchor="end")
        picture.line([(LEFT, TOP + thread * LANE + 40), (WIDTH - 24, TOP + thread * LANE + 40)], "grid")
    begin = LEFT + 26
    picture.box(LEFT, TOP, 22, 36, "ink", tint=0.45)
    picture.arrow([(LEFT + 11, 74), (LEFT + 11, TOP - 3)], "soft")
    picture.words(LEFT, 66, "turn_weights", "soft", size=11.5, code=True)
    arrives = begin + 64
    tiles = shared(16, [begin, arrives], TILE)
    all_tiles = max(one.end for one in tiles)
    for one in tiles:
        _item(picture, one, "blue", str(one.item))
    pieces = shared(31, [all_tiles + 6, all_tiles + 6], PIECE)
    all_pieces = max(one.end for one in pieces)
    for one in pieces:
        _item(picture, one, "green", "")
    following = shared(6, [all_pieces + 34, all_pieces + 34], TILE)
    picture.box(all_pieces + 8, TOP, 22, 36, "ink", tint=0.45)
    for one in following:
        if one.end < WIDTH - 20:
            _item(picture, one, "blue", str(one.item))
    _notes(picture, begin, arrives, all_tiles, all_pieces)
    return picture


def _item(picture: Picture, one: Taken, ink: str, words: str) -> None:
    y = TOP + one.thread * LANE
    picture.box(one.start, y, one.end - one.start - 2, 36, ink, ink, tint=0.2, thick=0.9)
    if words:
        picture.words((one.start + one.end) / 2 - 1, y + 23, words, f"{ink}-text", size=12, anchor="middle")


def _notes(picture: Picture, begin: float, arrives: float, all_tiles: float, all_pieces: float) -> None:
    foot = TOP + 2 * LANE + 14
    for x in (all_tiles + 2, all_pieces + 3):
        picture.line([(x, 40), (x, foot)], "vermillion", dash="4 4")
    picture.words(begin + 90, 46, "each tile there and back", "blue-text", bold=True)
    picture.words(begin + 90, 64, "taken from one counter, in order", "soft", size=12)
    middle = (all_tiles + all_pieces) / 2 + 3
    picture.words(middle, 46, "pieces", "green-text", bold=True, anchor="middle")
    picture.words(middle, 64, "gather, then update", "soft", size=12, anchor="middle")
    picture.words(all_pieces + 16, 46, "the next step", bold=True)
    picture.words(all_tiles + 2, foot + 16, "all tiles are done", "vermillion-text", size=12, anchor="middle")
    picture.words(all_pieces + 3, foot + 16, "all weights are new", "vermillion-text", size=12, anchor="middle")
    picture.arrow([(arrives, foot + 22), (arrives, TOP + LANE + 42)], "soft")
    picture.words(arrives - 6, foot + 38, "comes in when no run waits for a thread", "soft", size=12)
    words = (
        "Who does what differs from step to step. What is added to what does not: each sum takes tile 0, 1, 2, … 15."
    )
    picture.words(LEFT, foot + 72, words, size=12.5)
