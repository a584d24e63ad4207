# SPDX-License-Identifier: Apache-2.0
"""How many times as long others take: a panel for each task, a row for each of them, a mark for each setting on a log
axis, with its range; small multiples on one scale."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import altair as alt
import numpy as np

from shoal import theme
from shoal.figures.drawing import Rows, Rule, finish, point, table
from shoal.figures.frame import Frame, domain
from shoal.figures.labels import upright

STEP = 9
"""Pixels between the marks of one row."""


class Pace(NamedTuple):
    """One mark: whose, at which setting, the middle ratio and its range."""

    label: str
    setting: str
    ratio: float
    low: float
    high: float


def speeds(
    panels: Sequence[tuple[str, Sequence[Pace]]],
    *,
    x_title: str,
    rule: Rule,
    columns: int = 2,
    width: int | None = None,
) -> alt.ConcatChart:
    """Panels of (title, marks) on one log axis; rows and settings stand in their order of appearance.

    Args:
        rule: the ratio worth a dashed line, and what to write beside it.
        width: pixels of one plane.
    """
    paces = [pace for _, marks in panels for pace in marks]
    labels = list(dict.fromkeys(pace.label for pace in paces))
    settings = list(dict.fromkeys(pace.setting for pace in paces))
    reach = domain([np.array([[pace.low, pace.ratio, pace.high] for pace in paces])], True, 0.05, [rule[0]])
    high = (STEP * len(settings) + 12) * len(labels)
    charts = []
    for turn, (title, marks) in enumerate(panels):
        frame = Frame(width or 330, high, x_title, "", reach, (0.0, 1.0), log_x=True)
        layers = [*_marks(frame, marks, labels, settings, named=turn % columns == 0), *upright(frame, [rule])]
        charts.append(alt.layer(*layers, *frame.headings(title), width=frame.width, height=frame.height))
    return finish(alt.concat(*charts, columns=columns, spacing=28))  # type: ignore[no-any-return]


def _marks(
    frame: Frame, marks: Sequence[Pace], labels: Sequence[str], settings: Sequence[str], named: bool
) -> list[alt.Chart]:
    """For each setting the ranges and the middles, one below the other within a row."""
    look: dict[str, Any] = {"domain": False, "ticks": False, "labelFontSize": 12, "labelColor": theme.light("ink")}
    axis = alt.Axis(grid=True, gridColor=theme.light("grid"), labels=named, labelLimit=200, **look)
    row = alt.Y("label", type="nominal", sort=list(labels), title=None, axis=axis, scale=alt.Scale(domain=list(labels)))
    shades = alt.Scale(domain=list(settings), range=[theme.light(name) for name in theme.colours(len(settings), True)])
    key = alt.Legend(symbolOpacity=1)
    colour = alt.Color("setting", type="nominal", scale=shades, sort=list(settings), legend=key)
    layers = []
    for turn, setting in enumerate(settings):
        off = STEP * (turn - (len(settings) - 1) / 2)
        rows: Rows = [
            {"label": pace.label, "setting": setting, "x": point(pace.ratio), "low": pace.low, "high": pace.high}
            for pace in marks
            if pace.setting == setting
        ]
        ranges = alt.Chart(table(rows)).mark_rule(strokeWidth=2, opacity=0.55, yOffset=off, y2Offset=off)
        layers.append(ranges.encode(x=frame.x("low"), x2=alt.X2("high"), y=row, color=colour))
        middles = alt.Chart(table(rows)).mark_point(size=46, filled=True, opacity=1, yOffset=off)
        layers.append(middles.encode(x=frame.x(), y=row, color=colour))
    return layers
