# SPDX-License-Identifier: Apache-2.0
"""What was tried before something was chosen: settings on a log axis, a dot per seed, a disc on each choice."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import altair as alt
import numpy as np

from shoal import theme
from shoal.figures.drawing import Rows, Series, finish, palette, point, shade, table
from shoal.figures.frame import Frame, domain
from shoal.figures.labels import inner_labels
from shoal.figures.strokes import End, band, ink, strokes

APART = 9
"""Pixels between the dots of two groups that tried the same."""
DOT = 3
"""A dot covers as much as so many points of a line."""


class Choice(NamedTuple):
    """One of several things that each were tried at some settings."""

    label: str
    x: Sequence[float]
    """(k,), positive, increasing."""
    values: np.ndarray
    """(n, k), a row per seed; what is not finite is not drawn."""
    best: int
    """Which setting was chosen."""

    @property
    def means(self) -> Series:
        mean, _, _ = band(Series(self.label, np.asarray(self.x, np.float64), self.values))
        return Series(self.label, np.asarray(self.x, np.float64), mean)


def tried(
    choices: Sequence[Choice], *, x_title: str, y_title: str, width: int | None = None, height: int | None = None
) -> alt.LayerChart:
    """Every setting tried of every choice on one plane: seeds as dots, means as a line, a disc where it was best."""
    every = sorted({float(x) for one in choices for x in one.x})
    reach = domain([np.asarray(every)], True, 0.06), domain([one.values for one in choices], False, 0.08)
    frame = Frame(width or theme.COLUMN - 60, height or 280, x_title, y_title, *reach, log_x=True, x_ticks=every)
    colour = palette([one.label for one in choices], False, None)
    means = [one.means for one in choices]
    dots = _dots(frame, choices, colour)
    covered = np.array([[dot["x"], frame.row(dot["y"])] for dot in dots for _ in range(DOT)]).reshape(-1, 2)
    layers = [*strokes(frame, means, colour), _seeds(frame, dots), _best(frame, choices, colour)]
    layers += inner_labels(frame, _ends(frame, choices, colour), np.concatenate([ink(frame, means), covered]))
    chart = alt.layer(*layers, *frame.headings(), width=frame.width, height=frame.height)
    return finish(chart)  # type: ignore[no-any-return]


def _dots(frame: Frame, choices: Sequence[Choice], colour: Any) -> Rows:
    """A dot per seed, at pixels from the left; groups that tried the same settings stand side by side."""
    rows: Rows = []
    for one in choices:
        alike = [other.label for other in choices if tuple(other.x) == tuple(one.x)]
        off = APART * (alike.index(one.label) - (len(alike) - 1) / 2)
        rows += [
            {"x": point(frame.column(float(x)) + off), "y": point(value), "shade": theme.light(colour[one.label])}
            for x, column in zip(one.x, one.values.T, strict=True)
            for value in column
            if np.isfinite(value)
        ]
    return rows


def _seeds(frame: Frame, dots: Rows) -> alt.Chart:
    mark: alt.Chart = alt.Chart(table(dots)).mark_point(size=26, filled=False, strokeWidth=1.1, opacity=0.8, clip=True)
    pixels = alt.X("x", type="quantitative", scale=None, axis=None)
    return mark.encode(x=pixels, y=frame.y(), color=shade())


def _best(frame: Frame, choices: Sequence[Choice], colour: Any) -> alt.Chart:
    rows: Rows = []
    for one in choices:
        at, mean = float(one.x[one.best]), float(one.means.values[one.best])
        if np.isfinite(mean):
            rows.append({"x": point(at), "y": point(mean), "shade": theme.light(colour[one.label])})
    mark: alt.Chart = alt.Chart(table(rows)).mark_point(size=130, filled=True, opacity=1, clip=True)
    return mark.encode(x=frame.x(), y=frame.y(), color=shade())


def _ends(frame: Frame, choices: Sequence[Choice], colour: Any) -> list[End]:
    found = []
    for one in choices:
        mean = one.means.values
        seen = np.flatnonzero(np.isfinite(mean))
        if len(seen):
            last = int(seen[-1])
            found.append((one.label, float(one.x[last]), float(mean[last]), colour[one.label]))
    return found
