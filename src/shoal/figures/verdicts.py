# SPDX-License-Identifier: Apache-2.0
"""Claims side by side: a row each, a dot per seed, the interval, where the claim would hold. It judges nothing.

Every row has a scale of its own, since claims are of different units, so what a row is marked with stands in it.
"""

import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

import altair as alt
import numpy as np

from shoal import theme
from shoal.figures.drawing import Rows, finish, table
from shoal.figures.frame import Frame, domain

WIDTH, LEFT, RIGHT = theme.COLUMN - 8, 214, 92
"""Pixels: of the whole chart, of the words left of the plane, of the numbers right of it."""
ROW, LEGEND, BAND, LINE = 54, 30, 30, 12
"""Pixels: a claim's height, that of the key above all, of the plane in which seeds and interval lie, of a line."""
LETTERS, LETTER = 38, 5.4
"""How many small letters fit beside the plane, and how wide one is, about."""
REGION, MARK, QUIET = "blue", "ink", "soft"


@dataclass(frozen=True, eq=False)
class ClaimRow:
    """One claim as it is drawn. All values are on the scale on which it is judged.

    Args:
        title: its number and its verdict: "1a Supported".
        note: what is measured, and in what.
        each: (n,), a value per seed; infinite ones are drawn at the edge, NaN not at all.
        low, high: the interval; NaN where there are too few seeds for one.
        region: where the claim would hold; an end may be infinite.
        bound: the region in words, written at its end: "> 1.05×".
        none: the value of no difference, if there is one, and its words: (1.0, "1×").
        told: the estimate and below it the interval, as text.
        log: whether steps are ratios.
    """

    title: str
    note: str
    each: np.ndarray
    estimate: float
    low: float
    high: float
    region: tuple[float, float]
    bound: str
    none: tuple[float, str] | None = None
    told: tuple[str, str] = ("", "")
    log: bool = False

    @property
    def lines(self) -> list[str]:
        """The note, broken into lines."""
        return textwrap.wrap(self.note, LETTERS)

    @property
    def height(self) -> int:
        """Pixels: more than two lines of words make a row higher."""
        return max(ROW, 26 + LINE * len(self.lines))

    @property
    def ends(self) -> tuple[float, float]:
        """Of the region, minus infinity where it goes down to a ratio of nothing."""
        low, high = self.region
        return (-inf if self.log and low <= 0 else low), high

    @property
    def frame(self) -> Frame:
        """Its own plane: everything finite that is drawn in it, with a little room."""
        marks = [self.low, self.high, self.estimate, *self.region, *([self.none[0]] if self.none else [])]
        reach = domain([np.asarray(self.each, np.float64), np.array(marks, np.float64)], self.log, 0.07)
        return Frame(WIDTH - LEFT - RIGHT, BAND, "", "", reach, (0.0, 1.0), self.log)

    def at(self, value: float) -> float:
        """Pixels from the chart's left; at the plane's edge what is infinite or, on a log axis, not positive."""
        frame = self.frame
        low, high = frame.x_domain
        return LEFT + frame.column(min(max(value, low), high))


def verdicts(rows: Sequence[ClaimRow]) -> alt.LayerChart:
    """A forest of claims, with a key above them, at most as wide as the text column."""
    height = LEGEND + sum(row.height for row in rows)
    draw = _Canvas(height)
    _key(draw)
    top = LEGEND
    for row in rows:
        _row(draw, row, top)
        top += row.height
    return finish(alt.layer(*draw.layers(), width=WIDTH, height=height))  # type: ignore[no-any-return]


def verdict_rows(rows: Sequence[ClaimRow], seeds: Sequence[Sequence[int]]) -> Rows:
    """The numbers of `verdicts` as rows: a claim each, its estimate, interval and bounds, and a column per seed."""
    listed: Rows = []
    for row, own in zip(rows, seeds, strict=True):
        one: dict[str, Any] = {"claim": row.title.partition(" ")[0], "measure": row.note}
        one |= {"estimate": row.estimate, "low": row.low, "high": row.high}
        one |= {"holds_from": row.region[0], "holds_to": row.region[1]}
        one |= {f"seed {seed}": _spelled(value) for seed, value in zip(own, row.each, strict=True)}
        listed.append(one)
    return listed


def _spelled(value: float) -> float | str:
    """Infinity as a word: in a table of numbers an empty cell would say that there is none."""
    return float(value) if isfinite(value) else "unknown" if value != value else "inf" if value > 0 else "-inf"


def _row(draw: "_Canvas", row: ClaimRow, top: float) -> None:
    """The plane of one claim, and its words."""
    right, middle = WIDTH - RIGHT, top + BAND / 2
    ends = [row.at(end) for end in row.ends]
    draw.area(ends[0], ends[1], top, top + BAND)
    draw.line(LEFT, top + BAND, right, top + BAND, "grid", 1)
    bounds = [place for end, place in zip(row.ends, ends, strict=True) if isfinite(end)]
    for place in bounds:
        draw.line(place, top, place, top + BAND + 3, REGION, 1.2)
    if row.none:
        draw.line(row.at(row.none[0]), top, row.at(row.none[0]), top + BAND + 3, QUIET, 1, dashed=True)
    _interval(draw, row, top + 0.72 * BAND)
    for (seed, shape), count in _stacked(row):
        draw.point(seed, top + 0.3 * BAND, shape)
        if count > 2:
            told = f"×{count}"
            reach = seed + 10 + LETTER * len(told)
            beside = reach < right + 12 and not any(seed < end < reach for end in bounds)
            draw.text(seed + (8 if beside else -8), top + 0.3 * BAND, told, size=10, left=beside)
    _feet(draw, row, top + BAND + 9)
    draw.text(0, top + 6, row.title, colour=MARK, size=12, bold=True)
    for turn, line in enumerate(row.lines):
        draw.text(0, top + 21 + LINE * turn, line, size=10.5)
    draw.text(right + 14, middle - 7, row.told[0], colour=MARK, size=11.5)
    draw.text(right + 14, middle + 7, row.told[1], size=10.5)


def _stacked(row: ClaimRow) -> list[tuple[tuple[float, str], int]]:
    """Where seeds are drawn and with which mark, and how many share the place."""
    places = [
        (round(row.at(value), 1) - (4 if value == np.inf else -4 if value == -np.inf else 0), _shape(value))
        for value in row.each
        if value == value
    ]
    return list(Counter(places).items())


def _shape(value: float) -> str:
    return "circle" if isfinite(value) else "triangle-right" if value > 0 else "triangle-left"


def _interval(draw: "_Canvas", row: ClaimRow, y: float) -> None:
    """The interval as a bar, ending in an arrow where it has no end, and the estimate on it; NaN is no interval."""
    if isfinite(row.estimate):
        draw.point(row.at(row.estimate), y, "circle", filled=True)
    if row.low != row.low or row.high != row.high:
        return
    low, high = row.at(row.low), row.at(row.high)
    if low < high:
        draw.line(low, y, high, y, MARK, 2.4)
    for end in {row.low, row.high}:
        if not isfinite(end):
            draw.point(row.at(end) + (4 if end < 0 else -4), y, _shape(end), filled=True)


def _feet(draw: "_Canvas", row: ClaimRow, y: float) -> None:
    """Below the plane: the bound in words, on the side where the claim would hold, and no difference beside it."""
    low, high = (row.at(end) for end in row.ends)
    wide = LETTER * len(row.bound)
    if isfinite(row.ends[0]) and isfinite(row.ends[1]):
        start = (low + high) / 2 - wide / 2
    else:
        start = low if isfinite(row.ends[0]) else high - wide
    start = min(max(start, LEFT), WIDTH - RIGHT - wide)
    draw.text(start, y, row.bound, colour=theme.text_of(REGION), size=10.5)
    if not row.none:
        return
    place, half = row.at(row.none[0]), LETTER * len(row.none[1]) / 2
    if place + half > start - 6 and place - half < start + wide + 6:
        place = start - 8 - half if place < start + wide / 2 else start + wide + 8 + half
    if LEFT - half <= place <= WIDTH - RIGHT + half:
        draw.text(place - half, y, row.none[1], size=10.5)


def _key(draw: "_Canvas") -> None:
    """What the marks mean, above the plane."""
    x, y = float(LEFT), 8.0
    draw.point(x + 4, y, "circle")
    draw.text(x + 12, y, "a seed", size=10.5)
    draw.line(x + 58, y, x + 80, y, MARK, 2.4)
    draw.point(x + 69, y, "circle", filled=True)
    draw.text(x + 86, y, "estimate, interval", size=10.5)
    draw.area(x + 188, x + 206, y - 6, y + 6)
    draw.line(x + 188, y - 6, x + 188, y + 6, REGION, 1.2)
    draw.text(x + 212, y, "the claim holds", size=10.5)
    draw.line(x + 304, y - 6, x + 304, y + 6, QUIET, 1, dashed=True)
    draw.text(x + 310, y, "no difference", size=10.5)


class _Canvas:
    """Marks at pixels, gathered by their look, so that a chart of many claims has few layers."""

    def __init__(self, height: float) -> None:
        self._x = alt.Scale(domain=[0, WIDTH], nice=False, zero=False)
        self._y = alt.Scale(domain=[height, 0], nice=False, zero=False)
        self._areas: Rows = []
        self._lines: dict[tuple[str, float, bool], Rows] = {}
        self._points: dict[tuple[str, bool], Rows] = {}
        self._texts: dict[tuple[str, float, bool, bool], Rows] = {}

    def area(self, left: float, right: float, top: float, bottom: float) -> None:
        self._areas.append({"x": left, "x2": right, "y": top, "y2": bottom})

    def line(
        self, x: float, y: float, x2: float, y2: float, colour: str, width: float, *, dashed: bool = False
    ) -> None:
        self._lines.setdefault((colour, width, dashed), []).append({"x": x, "y": y, "x2": x2, "y2": y2})

    def point(self, x: float, y: float, shape: str, *, filled: bool = False) -> None:
        self._points.setdefault((shape, filled), []).append({"x": x, "y": y})

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        colour: str = QUIET,
        size: float,
        bold: bool = False,
        left: bool = True,
    ) -> None:
        if text:
            self._texts.setdefault((colour, size, bold, left), []).append({"x": x, "y": y, "text": text})

    def layers(self) -> list[alt.Chart]:
        """Areas first, words last."""
        ends: dict[str, Any] = {"x": self._at("x"), "y": self._at("y"), "x2": alt.X2("x2"), "y2": alt.Y2("y2")}
        charts = [alt.Chart(table(self._areas)).mark_rect(color=theme.light(REGION), opacity=0.1).encode(**ends)]
        for (colour, width, dashed), rows in self._lines.items():
            look: dict[str, Any] = {"strokeDash": [3, 3]} if dashed else {}
            mark = alt.Chart(table(rows)).mark_rule(color=theme.light(colour), strokeWidth=width, **look)
            charts.append(mark.encode(**ends))
        place: dict[str, Any] = {"x": self._at("x"), "y": self._at("y")}
        for (shape, filled), rows in self._points.items():
            look = {"size": 44, "opacity": 1} if filled else {"size": 26, "strokeWidth": 1.1, "opacity": 0.8}
            mark = alt.Chart(table(rows)).mark_point(shape=shape, filled=filled, color=theme.light(MARK), **look)
            charts.append(mark.encode(**place))
        for (colour, size, bold, left), rows in self._texts.items():
            look = {"align": "left" if left else "right", "fontWeight": 600 if bold else "normal", "baseline": "middle"}
            mark = alt.Chart(table(rows)).mark_text(color=theme.light(colour), fontSize=size, **look)
            charts.append(mark.encode(**place, text=alt.Text("text", type="nominal")))
        return charts

    def _at(self, field: str) -> alt.X | alt.Y:
        if field == "x":
            return alt.X("x", type="quantitative", scale=self._x, axis=None)
        return alt.Y("y", type="quantitative", scale=self._y, axis=None)
