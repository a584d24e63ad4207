# SPDX-License-Identifier: Apache-2.0
"""Words beside lines: series' names, and values worth a rule. They keep out of each other's way and off the lines."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from shoal import theme
from shoal.figures.drawing import Rule, below, point, shade, table
from shoal.figures.frame import Frame
from shoal.figures.strokes import End

LINE, LETTER = 14, 6.5
"""Pixels: from one name to the next below it, and the width of a letter, about."""


def spread(rows: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions as near as possible to ``rows``, at least ``gap`` apart and within [low, high] where they fit.

    Neighbours that are too close become a block centred on their mean, again and again until none touch.
    """
    blocks: list[tuple[float, list[int]]] = []  # mean of the wishes, who wishes

    def centre(wish: float, members: list[int]) -> float:
        reach = gap * (len(members) - 1) / 2
        return min(max(wish, low + reach), max(high - reach, low + reach))

    for index in sorted(range(len(rows)), key=lambda index: rows[index]):
        wish, members = rows[index], [index]
        while blocks:
            below, others = blocks[-1]
            if centre(wish, members) - centre(below, others) >= gap * (len(members) + len(others)) / 2 - 1e-9:
                break
            blocks.pop()
            total = len(others) + len(members)
            wish, members = (below * len(others) + wish * len(members)) / total, others + members
        blocks.append((wish, members))
    placed = [0.0] * len(rows)
    for wish, members in blocks:
        for turn, index in enumerate(members):
            placed[index] = centre(wish, members) + gap * (turn - (len(members) - 1) / 2)
    return placed


def words(frame: Frame, places: Sequence[End], **look: Any) -> alt.Chart:
    """Series' names at (text, x, y, colour token of the series)."""
    rows = [
        {"text": text, "x": point(x), "y": y, "shade": theme.light(theme.text_of(colour))}
        for text, x, y, colour in places
    ]
    mark: alt.Chart = alt.Chart(table(rows)).mark_text(baseline="middle", fontSize=12, **look)
    return mark.encode(x=frame.x(), y=frame.y(), text=alt.Text("text", type="nominal"), color=shade())


def end_labels(frame: Frame, ends: Sequence[End]) -> alt.Chart:
    """Each series' name at its line's end, moved apart where they would touch.

    Args:
        ends: (text, x, y, colour token) of each line's last point.
    """
    rows = spread([frame.row(y) for _, _, y, _ in ends], gap=14, low=2, high=frame.height - 2)
    places = [(text, x, frame.value(row), colour) for (text, x, _, colour), row in zip(ends, rows, strict=True)]
    return words(frame, places, align="left", dx=7)


def inner_labels(frame: Frame, ends: Sequence[End], ink: np.ndarray) -> list[alt.Chart]:
    """The same inside a panel, as outside there is the next one: lines that end side by side share a stack of names.

    Args:
        ink: pixels from the left and from the bottom that lines cover, (k, 2): names stay off them.
    """
    groups: list[list[End]] = []
    for end in sorted(ends, key=lambda end: end[1]):
        if groups and frame.column(end[1]) - frame.column(groups[-1][-1][1]) < 0.1 * frame.width:
            groups[-1].append(end)
        else:
            groups.append([end])
    return [_stack(frame, group, ink) for group in groups]


def _stack(frame: Frame, ends: Sequence[End], ink: np.ndarray) -> alt.Chart:
    """Names near their lines' ends, in the lines' order, inside the plane, where they cover least of any line."""
    near_left = frame.column(ends[0][1]) < 0.3 * frame.width
    wide = max(len(text) for text, *_ in ends) * LETTER
    column = frame.column(ends[0][1]) + (2 if near_left else -2 - wide)
    across = ink[(ink[:, 0] > column - 3) & (ink[:, 0] < column + wide + 3), 1]
    middle = sum(frame.row(y) for _, _, y, _ in ends) / len(ends)
    reach = LINE * (len(ends) - 1)

    def cost(first: int) -> float:
        covered = np.count_nonzero((across > first - LINE / 2) & (across < first + reach + LINE / 2))
        away = first + reach / 2 - middle
        return float(20 * covered + (away if away > 0 else 10 - away))  # rather above a line than below

    first = min(range(7, max(frame.height - reach - 7, 7) + 1, 2), key=cost)
    upwards = sorted(ends, key=lambda end: end[2])
    places = [(text, x, frame.value(first + LINE * turn), colour) for turn, (text, x, _, colour) in enumerate(upwards)]
    return words(frame, places, align="left", dx=2) if near_left else words(frame, places, align="right", dx=-2)


def upright(frame: Frame, at_x: Sequence[Rule]) -> list[alt.Chart]:
    """Dashed lines from top to bottom at values worth knowing, each with a word above it."""
    charts: list[alt.Chart] = []
    for value, text in at_x:
        data = table([{"x": value, "text": text}])
        line = alt.Chart(data).mark_rule(strokeDash=[3, 3], color=theme.light("soft"), strokeWidth=1)
        word = alt.Chart(data).mark_text(
            fontSize=11, color=theme.light("soft"), baseline="bottom", lineBreak="\n", lineHeight=13
        )
        charts += [
            line.encode(x=frame.x()),
            word.encode(x=frame.x(), y=below(-5 - 13 * text.count("\n")), text=alt.Text("text", type="nominal")),
        ]
    return charts


def level(frame: Frame, at_y: Sequence[Rule]) -> list[alt.Chart]:
    """Dashed lines from side to side, each with a word on it."""
    charts: list[alt.Chart] = []
    for value, text in at_y:
        data = table([{"x": frame.x_domain[0], "y": value, "text": text}])
        line = alt.Chart(data).mark_rule(strokeDash=[3, 3], color=theme.light("soft"), strokeWidth=1)
        word = alt.Chart(data).mark_text(
            fontSize=11, color=theme.light("soft"), align="left", baseline="bottom", dx=4, dy=-3
        )
        charts += [
            line.encode(y=frame.y()),
            word.encode(x=frame.x(), y=frame.y(), text=alt.Text("text", type="nominal")),
        ]
    return charts
