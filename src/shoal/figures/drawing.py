# SPDX-License-Identifier: Apache-2.0
"""What all charts share: series, colours, axes, labels that keep out of each other's way. It draws no chart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, log10
from typing import Any, NamedTuple

import altair as alt
import numpy as np

from shoal import theme, wording

Rows = list[dict[str, Any]]
Rule = tuple[float, str]
"""A value on an axis worth a line, and what to write beside it."""


class Series(NamedTuple):
    """One named curve. ``x`` is (E,); ``values`` (n, E), a row per seed, or (E,) for an exact function."""

    label: str
    x: np.ndarray
    values: np.ndarray

    @property
    def seeds(self) -> np.ndarray:
        """The values as (n, E) float64, what is not finite as NaN."""
        values = np.atleast_2d(np.asarray(self.values, np.float64))
        return np.where(np.isfinite(values), values, np.nan)


def as_series(given: Sequence[Series | tuple[str, Any, Any]]) -> list[Series]:
    """Plain tuples (label, x, values) as `Series` of float64 arrays."""
    return [Series(str(label), np.asarray(x, np.float64), np.asarray(y, np.float64)) for label, x, y in given]


def palette(
    labels: Sequence[str], ordered: bool, accent: str | None, among: Sequence[str] | None = None
) -> Mapping[str, str]:
    """A colour token for each label; the accented one takes no step of an ordered ramp.

    Args:
        among: all labels of which these are some, so that a series has one colour in every figure.
    """
    every = list(dict.fromkeys([*(among or ()), *labels]))
    plain = [label for label in every if label != accent or not ordered]
    chosen = dict(zip(plain, theme.colours(len(plain), ordered), strict=True))
    return chosen if accent is None else {**chosen, accent: theme.ACCENT}


@dataclass(frozen=True)
class Frame:
    """The plane a chart is drawn on: pixels, domains and titles of both axes."""

    width: int
    height: int
    x_title: str
    y_title: str
    x_domain: tuple[float, float]
    y_domain: tuple[float, float]
    log_x: bool = False
    log_y: bool = False
    x_ticks: Sequence[float] | None = None
    x_words: bool = True
    y_words: bool = True

    def bare(self, x_words: bool, y_words: bool) -> "Frame":
        """The same plane with or without the words of its axes, for small multiples."""
        return replace(self, x_words=x_words, y_words=y_words)

    def x(self, field: str = "x") -> alt.X:
        """The encoding of the horizontal axis."""
        return alt.X(
            field, type="quantitative", title=self.x_title, scale=_scale(self.x_domain, self.log_x), axis=self._x_axis()
        )

    def y(self, field: str = "y") -> alt.Y:
        """The encoding of the vertical axis; `headings` has its title."""
        return alt.Y(field, type="quantitative", scale=_scale(self.y_domain, self.log_y), axis=self._y_axis())

    def _x_axis(self) -> alt.Axis:
        ticks = list(self.x_ticks) if self.x_ticks is not None else _ticks(self.x_domain, self.log_x, self.width / 70)
        words: dict[str, Any] = {"labels": self.x_words, "title": self.x_title if self.x_words else None}
        return alt.Axis(
            grid=False, values=ticks, labelExpr=_tick_labels(ticks, self.log_x), ticks=self.x_words, **words
        )

    def _y_axis(self) -> alt.Axis:
        ticks = _ticks(self.y_domain, self.log_y, max(self.height / 42, 3))
        return alt.Axis(values=ticks, labelExpr=_tick_labels(ticks, self.log_y), labels=self.y_words, title=None)

    def headings(self, title: str = "", colour: str = "ink", room: int = 0) -> list[alt.Chart]:
        """The title of the vertical axis above it, to be read without turning the head; above that the panel's.

        Args:
            room: pixels to leave free below, for the words of `upright`.
        """
        above = [heading(self.y_title, -10 - room, color=theme.light("soft"))] if self.y_words else []
        look = {"color": theme.light(colour), "fontWeight": 600, "fontSize": 13}
        return above + ([heading(title, -30 - room, **look)] if title else [])

    def row(self, value: float) -> float:
        """Pixels from the bottom at which a value stands."""
        return self.height * _fraction(value, self.y_domain, self.log_y)

    def column(self, value: float) -> float:
        """Pixels from the left at which a value stands."""
        return self.width * _fraction(value, self.x_domain, self.log_x)

    def value(self, row: float) -> float:
        """The value that stands so many pixels from the bottom."""
        low, high = self.y_domain
        share = row / self.height
        return float(low * (high / low) ** share) if self.log_y else low + share * (high - low)


def left() -> alt.XValue:
    """The left edge of a plane."""
    return alt.XValue(0)  # type: ignore[no-untyped-call]


def below(row: float) -> alt.YValue:
    """So many pixels below the top of a plane."""
    return alt.YValue(row)  # type: ignore[no-untyped-call]


def heading(text: str, row: float, **look: Any) -> alt.Chart:
    """Words over a plane, ``row`` pixels below its top: a mark, since Vega would move a title about."""
    look = {"align": "left", "baseline": "alphabetic", "fontSize": 12, **look}
    mark: alt.Chart = alt.Chart(table([{"text": text}])).mark_text(**look)
    return mark.encode(x=left(), y=below(row), text=alt.Text("text", type="nominal"))


def _scale(domain: tuple[float, float], log: bool) -> alt.Scale:
    return alt.Scale(type="log" if log else "linear", domain=list(domain), nice=False, zero=False)


def _fraction(value: float, domain: tuple[float, float], log: bool) -> float:
    low, high = domain
    return float(log10(value / low) / log10(high / low)) if log else (value - low) / (high - low)


def _ticks(domain: tuple[float, float], log: bool, most: float) -> list[float]:
    """Round values inside a domain, not many more than ``most``."""
    low, high = domain
    if log and high / low >= 50:
        powers = range(ceil(log10(low) - 1e-9), floor(log10(high) + 1e-9) + 1)
        stride = max(1, ceil(len(powers) / most))
        return [10.0**power for power in powers if power % stride == 0]
    if log:
        powers = range(floor(log10(low)), ceil(log10(high)) + 1)
        return [
            step * 10.0**power
            for power in powers
            for step in (1, 2, 5)
            if low <= step * 10.0**power <= high * (1 + 1e-9)
        ]
    unit = 10.0 ** floor(log10((high - low) / most))
    step = min((unit * factor for factor in (1, 2, 5, 10)), key=lambda step: abs(log10((high - low) / step / most)))
    return [round(index * step, 12) for index in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def _tick_labels(ticks: Sequence[float], log: bool) -> str:
    """A Vega expression from tick to text: the same decimals for all, each its own on a log axis."""
    places = [_places(tick) for tick in ticks]
    texts = (_tick_text(tick, own if log else max(places)) for tick, own in zip(ticks, places, strict=True))
    quoted = ",".join(f"'{text}'" for text in texts)
    return f"[{quoted}][indexof([{','.join(map(repr, map(float, ticks)))}], datum.value)]"


def _places(tick: float) -> int:
    return len(f"{tick:.9f}".rstrip("0").partition(".")[2])


def _tick_text(tick: float, places: int) -> str:
    if tick != 0 and not 1e-3 <= abs(tick) < 1e6:
        return wording.significant(tick, 1).replace("1 × ", "")
    return wording.fixed(tick, places) if tick else "0"


def domain(
    values: Sequence[np.ndarray], log: bool, padding: float = 0.04, include: Sequence[float] = ()
) -> tuple[float, float]:
    """The range of all finite values (positive ones on a log axis), with a little room."""
    pool = np.concatenate([np.ravel(block) for block in values] + [np.asarray(include, np.float64)])
    pool = pool[np.isfinite(pool) & ((pool > 0) | (not log))]
    if not len(pool):
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = float(pool.min()), float(pool.max())
    if log:
        room = (high / low) ** padding if high > low else 1.5
        return low / room, high * room
    room = padding * (high - low) if high > low else 0.5 * abs(high) or 0.5
    return low - room, high + room


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


def table(rows: Rows) -> alt.InlineData:
    """Rows as the data of a chart: a tuple, which Altair does not copy each time a chart is changed."""
    return alt.InlineData(values=tuple(rows))


def point(value: float) -> float | None:
    """A number for a chart: six digits are more than a pixel; None where there is none, which breaks a line."""
    return float(f"{value:.6g}") if np.isfinite(value) else None


def words(frame: Frame, places: Sequence[tuple[str, float, float, str]], **look: Any) -> alt.Chart:
    """Series' names at (text, x, y, colour token of the series)."""
    rows = [
        {"text": text, "x": point(x), "y": y, "shade": theme.light(theme.text_of(colour))}
        for text, x, y, colour in places
    ]
    mark: alt.Chart = alt.Chart(table(rows)).mark_text(baseline="middle", fontSize=12, **look)
    return mark.encode(x=frame.x(), y=frame.y(), text=alt.Text("text", type="nominal"), color=shade())


def end_labels(frame: Frame, ends: Sequence[tuple[str, float, float, str]]) -> alt.Chart:
    """Each series' name at its line's end, moved apart where they would touch.

    Args:
        ends: (text, x, y, colour token) of each line's last point.
    """
    rows = spread([frame.row(y) for _, _, y, _ in ends], gap=14, low=2, high=frame.height - 2)
    places = [(text, x, frame.value(row), colour) for (text, x, _, colour), row in zip(ends, rows, strict=True)]
    return words(frame, places, align="left", dx=7)


def inner_labels(frame: Frame, ends: Sequence[tuple[str, float, float, str]]) -> list[alt.Chart]:
    """The same inside a panel, as outside there is the next one: lines that end side by side share a stack of names."""
    groups: list[list[tuple[str, float, float, str]]] = []
    for end in sorted(ends, key=lambda end: end[1]):
        if groups and frame.column(end[1]) - frame.column(groups[-1][-1][1]) < 0.1 * frame.width:
            groups[-1].append(end)
        else:
            groups.append([end])
    return [_stack(frame, group) for group in groups]


def _stack(frame: Frame, ends: Sequence[tuple[str, float, float, str]]) -> alt.Chart:
    """Names on the roomier side of their lines' ends, in the lines' order, inside the plane."""
    rows = [frame.row(y) for _, _, y, _ in ends]
    below_middle = sum(rows) < frame.height * len(rows) / 2
    first = max(rows) + 16 if below_middle else min(rows) - 14 * len(rows) - 4
    first = min(max(first, 7), max(frame.height - 14 * len(rows), 7))
    upwards = sorted(ends, key=lambda end: end[2])
    places = [(text, x, frame.value(first + 14 * turn), colour) for turn, (text, x, _, colour) in enumerate(upwards)]
    near_left = frame.column(ends[0][1]) < 0.3 * frame.width
    return words(frame, places, align="left", dx=2) if near_left else words(frame, places, align="right", dx=-2)


def shade() -> alt.Color:
    """The colour written in each row."""
    return alt.Color("shade", type="nominal", scale=None, legend=None)


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


def finish(chart: Any) -> Any:
    """The theme, on the whole chart: quiet axes, no boxes, words in ink."""
    axis: dict[str, Any] = {
        "domain": False,
        "tickColor": theme.light("faint"),
        "tickSize": 4,
        "gridColor": theme.light("grid"),
        "labelColor": theme.light("soft"),
        "labelFontSize": 11,
        "labelPadding": 5,
        "labelFlush": False,
        "titleColor": theme.light("soft"),
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    }
    return chart.configure(
        font=theme.CHART_FONT,
        background=theme.light("paper"),
        padding=4,
        aria=False,
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(**axis),
        axisY=alt.AxisConfig(ticks=False),
        legend=alt.LegendConfig(
            labelColor=theme.light("ink"), labelFontSize=12, title=None, orient="top", symbolType="square", offset=14
        ),
        text=alt.MarkConfig(color=theme.light("ink"), fontSize=12),
    )
