# SPDX-License-Identifier: Apache-2.0
"""The plane a chart is drawn on: its axes, where they begin and end, where they are marked. It draws no mark."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, log10
from typing import Any

import altair as alt
import numpy as np

from shoal import theme, wording
from shoal.figures.drawing import heading

ROUNDING = 1e-6
"""Of the larger of two values: what they differ by at most where only rounding tells them apart."""


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
        return alt.X(field, type="quantitative", scale=_scale(self.x_domain, self.log_x), axis=self._x_axis())

    def y(self, field: str = "y") -> alt.Y:
        """The encoding of the vertical axis; `headings` has its title."""
        return alt.Y(field, type="quantitative", scale=_scale(self.y_domain, self.log_y), axis=self._y_axis())

    def _x_axis(self) -> alt.Axis:
        marks = list(self.x_ticks) if self.x_ticks is not None else ticks(self.x_domain, self.log_x, self.width / 70)
        words: dict[str, Any] = {
            "labels": self.x_words,
            "title": _named(self.x_title, self.log_x) if self.x_words else None,
        }
        return alt.Axis(
            grid=False, values=marks, labelExpr=_tick_labels(marks, self.log_x), ticks=self.x_words, **words
        )

    def _y_axis(self) -> alt.Axis:
        marks = ticks(self.y_domain, self.log_y, max(self.height / 42, 3))
        return alt.Axis(values=marks, labelExpr=_tick_labels(marks, self.log_y), labels=self.y_words, title=None)

    def headings(self, title: str = "", colour: str = "ink", room: int = 0) -> list[alt.Chart]:
        """The title of the vertical axis above it, to be read without turning the head; above that the panel's.

        Args:
            room: pixels to leave free below, for the words of `upright`.
        """
        above = (
            [heading(_named(self.y_title, self.log_y), -10 - room, color=theme.light("soft"))] if self.y_words else []
        )
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


def _named(title: str, log: bool) -> str:
    return f"{title}, log scale" if log else title


def _scale(domain: tuple[float, float], log: bool) -> alt.Scale:
    if log:
        return alt.Scale(type="log", domain=list(domain), nice=False)  # Vega warns of any word on zero here
    return alt.Scale(type="linear", domain=list(domain), nice=False, zero=False)


def _fraction(value: float, domain: tuple[float, float], log: bool) -> float:
    low, high = domain
    return float(log10(value / low) / log10(high / low)) if log else (value - low) / (high - low)


def ticks(domain: tuple[float, float], log: bool, most: float) -> list[float]:
    """Round values inside a domain, not many more than ``most``: on a log axis steps of 1, 2 and 5 where they fit,
    powers of ten where they would crowd, and even steps where hardly one of them lies inside."""
    low, high = domain
    if log:
        powers = range(floor(log10(low)), ceil(log10(high)) + 1)
        marks = [step * 10.0**power for power in powers for step in (1, 2, 5)]
        inside = [mark for mark in marks if low * (1 - 1e-9) <= mark <= high * (1 + 1e-9)]
        if 3 <= len(inside) <= 1.6 * most:
            return inside
        if len(inside) >= 3:
            whole = range(ceil(log10(low) - 1e-9), floor(log10(high) + 1e-9) + 1)
            stride = max(1, ceil(len(whole) / most))
            return [10.0**power for power in whole if power % stride == 0]
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
    """The range of all finite values (positive ones on a log axis), with a little room.

    Values that only rounding tells apart are taken for one: ticks between them would need ten digits.
    """
    pool = np.concatenate([np.ravel(block) for block in values] + [np.asarray(include, np.float64)])
    pool = pool[np.isfinite(pool) & ((pool > 0) | (not log))]
    if not len(pool):
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = float(pool.min()), float(pool.max())
    if high - low <= ROUNDING * max(abs(low), abs(high)):
        low = high
    if log:
        room = (high / low) ** padding if high > low else 1.5
        return low / room, high * room
    room = padding * (high - low) if high > low else 0.5 * abs(high) or 0.5
    return low - room, high + room
