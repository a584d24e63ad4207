# SPDX-License-Identifier: Apache-2.0
"""One plane of lines, or several side by side on shared axes: frame, rules, lines, names, headings. The series and
their colours are given; nothing is read or computed but where things go."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import altair as alt

from shoal import theme
from shoal.figures.drawing import Rule, Series, finish
from shoal.figures.frame import Frame, domain
from shoal.figures.labels import end_labels, inner_labels, level, upright
from shoal.figures.strokes import behind, ink, line_ends, strokes


class Look(NamedTuple):
    """How axes look; fields as for `curves.curves`."""

    x_title: str
    y_title: str
    log_x: bool = False
    log_y: bool = False
    x_domain: tuple[float, float] | None = None
    y_domain: tuple[float, float] | None = None
    x_ticks: Sequence[float] | None = None
    x_rules: Sequence[Rule] = ()
    y_rules: Sequence[Rule] = ()
    dashed: tuple[str, ...] = ()

    @property
    def room(self) -> int:
        """Pixels above the plane that the words of vertical rules need."""
        return max((13 * (text.count("\n") + 1) + 4 for _, text in self.x_rules), default=0)


class Panel(NamedTuple):
    """One of several planes; with an ``x_title`` of its own it has a horizontal axis of its own."""

    title: str
    series: Sequence[Series]
    x_title: str = ""


def single(
    series: Sequence[Series], colour: Mapping[str, str], look: Look, width: int | None, height: int | None
) -> alt.LayerChart:
    """All series on one plane, named at their ends, outside it."""
    frame = _frame(series, look, width or theme.COLUMN - 150, height or 260)
    layers = [*_rules(frame, look), *strokes(frame, series, colour, look.dashed)]
    layers += [end_labels(frame, line_ends(frame, series, colour)), *frame.headings(room=look.room)]
    return finish(alt.layer(*layers, width=frame.width, height=frame.height))  # type: ignore[no-any-return]


def side_by_side(
    panels: Sequence[Panel],
    colour: Mapping[str, str],
    look: Look,
    columns: int,
    width: int | None,
    height: int | None,
    context: Sequence[Series] = (),
) -> alt.ConcatChart:
    """Panels in rows on shared axes, each line named once, inside the first panel that has it.

    Args:
        context: series whose means are drawn in grey behind each panel.
    """
    columns = min(columns, len(panels))
    room = theme.WIDE if columns > 2 else theme.COLUMN
    every = [one for panel in panels for one in panel.series]
    shared = _frame(every, look, width or (room - 60) // columns - 22, height or 170)
    ragged = len(panels) % columns > 0  # then each panel has the words of its x axis, not only the lowest
    drawn, named = [], set[str]()
    for index, panel in enumerate(panels):
        lowest = ragged or index + columns >= len(panels)
        plane = _own(shared, panel, look).bare(x_words=lowest, y_words=index % columns == 0)
        fresh = [one for one in panel.series if one.label not in named | {panel.title}]
        named |= {one.label for one in fresh}
        drawn.append(_panel(plane, panel, fresh, [one for one in context if one.label != panel.title], colour, look))
    return finish(alt.concat(*drawn, columns=columns, spacing=22))  # type: ignore[no-any-return]


def _panel(
    plane: Frame,
    panel: Panel,
    named: Sequence[Series],
    context: Sequence[Series],
    colour: Mapping[str, str],
    look: Look,
) -> alt.LayerChart:
    alone = [one.label for one in panel.series] == [panel.title]
    layers = _rules(plane, look) + behind(plane, context) + strokes(plane, panel.series, colour, look.dashed)
    layers += inner_labels(plane, line_ends(plane, named, colour), ink(plane, panel.series))
    layers += plane.headings(panel.title, theme.text_of(colour[panel.title]) if alone else "ink", look.room)
    return alt.layer(*layers, width=plane.width, height=plane.height)  # type: ignore[return-value]


def _own(shared: Frame, panel: Panel, look: Look) -> Frame:
    if not panel.x_title:
        return shared
    reach = look._replace(x_domain=None, x_title=panel.x_title)
    own = _frame(panel.series, reach, shared.width, shared.height)
    return replace(shared, x_title=panel.x_title, x_domain=own.x_domain)


def _rules(frame: Frame, look: Look) -> list[alt.Chart]:
    return upright(frame, look.x_rules) + level(frame, look.y_rules)


def _frame(series: Sequence[Series], look: Look, width: int, height: int) -> Frame:
    x_domain = look.x_domain or domain([one.x for one in series], look.log_x, 0.0, [at for at, _ in look.x_rules])
    if not look.log_x and 0 < x_domain[0] < 0.05 * x_domain[1]:
        x_domain = (0.0, x_domain[1])
    y_domain = look.y_domain or domain([one.seeds for one in series], look.log_y, 0.04, [at for at, _ in look.y_rules])
    axes = (look.x_title, look.y_title, x_domain, y_domain, look.log_x, look.log_y, look.x_ticks)
    return Frame(width, height, *axes)
