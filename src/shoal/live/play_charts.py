# SPDX-License-Identifier: Apache-2.0
"""The charts of a training as it is now: its settings' curves, unfinished runs as far as they are, and the difference
between two settings. It reads the store and draws; it trains nothing.
"""

from collections.abc import Mapping
from math import ceil, isfinite
from typing import Any

import numpy as np

from shoal import figures
from shoal.analysis.comparison import compare
from shoal.data import Dataset
from shoal.errors import UsageError
from shoal.figures import Series
from shoal.live import play_sides, play_words
from shoal.live.play_sides import METRICS, Pairs, Side, meant
from shoal.live.watching import layers
from shoal.store import Store
from shoal.study import Study

NARROW, WIDE = 240, 640
LETTER, AXIS = 6.0, 58
"""Pixels: how narrow a chart may be, and is as a rule; a letter about, and the words beside the plane but for names."""
LONGEST_NAME = 24
"""Letters that there is room for at the end of a line."""
ROOF = 2.0
"""A loss that rises beyond so many times its beginning leaves the plane, or nothing else would be seen of it."""


def shown(
    study: Study, store: Store, engine: str, data: Mapping[str, Dataset], metric: str, log_y: bool, width: int = WIDE
) -> dict[str, Any]:
    """The chart of a study of one or two points, its caption, and what is known of their difference. Before the first
    point there is the caption alone: nobody waits for an empty plane while the point comes.

    Args:
        study: its configs name the data really trained on.
        data: by that name.
        metric: one of `METRICS`.
        width: pixels of a chart, with its words; 240 or more.

    Raises:
        UsageError: another metric.
    """
    if metric not in METRICS:
        raise UsageError(f"metric={metric!r} is nothing to draw. Use one of {', '.join(METRICS)}.")
    sides = [play_sides.read(point, study.seeds, store, engine, metric) for point in study.points]
    cut = _roof(sides, metric, log_y) is not None
    caption = play_words.caption(sides, metric, [data[point.config.data] for point in study.points], cut)
    if not any(side.begun for side in sides):
        return {"chart": None, "caption": caption, "difference": None}
    with figures.unchecked():
        return {
            "chart": _curves(sides, metric, log_y, width),
            "caption": caption,
            "difference": _difference(Pairs(sides[0], sides[1], metric), width) if len(sides) == 2 else None,
        }


def warm() -> None:
    """Draw and compare nothing: loading what both need takes a second, which the first chart then does not."""
    compare([0.0, 1.0], [1.0, 0.0])
    with figures.unchecked():
        _plane([Series("", np.arange(2), np.zeros((2, 2)))], 1, "", WIDE)


# ---- curves -------------------------------------------------------------------------------------------


def _curves(sides: list[Side], metric: str, log_y: bool, width: int = WIDE) -> dict[str, Any]:
    epochs = max(side.epochs for side in sides)
    names = _names([side.label for side in sides], LONGEST_NAME * width // WIDE)
    series = [
        line
        for name, side in zip(names, sides, strict=True)
        for line in _lines(name, side.values, side.last, side.diverged)
    ]
    unit = ", nats" if metric.endswith("loss") else ""
    chart = _plane(series, epochs, METRICS[metric] + unit, width, log_y=log_y, y_domain=_roof(sides, metric, log_y))
    return _marked(chart, names, sides)


def _marked(chart: dict[str, Any], names: list[str], sides: list[Side]) -> dict[str, Any]:
    """The chart with a point for each run that has just begun, and a cross where one that diverged was seen last."""
    domains = [layer["encoding"]["y"]["scale"]["domain"] for layer in chart["layer"] if "detail" in layer["encoding"]]
    if not domains:
        return chart  # nor is there a line
    hues = layers.colours(names, ordered=False)
    points: layers.Rows = []
    crosses: layers.Rows = []
    for name, side in zip(names, sides, strict=True):
        x = np.arange(side.epochs + 1)
        points += layers.lone(x, side.values[~side.diverged], hues[name])
        crosses += layers.crosses(x, side.values[side.diverged], hues[name], domains[0])
    chart["layer"] += layers.extra(chart, [(points, layers.LONE), (crosses, layers.CROSS)])
    return chart


def _plane(series: list[Series], epochs: int, y_title: str, width: int, **look: Any) -> dict[str, Any]:
    """Lines over all epochs that there will be, so that they come into a plane that stays."""
    plane = int(width - AXIS - max(len(one.label) for one in series) * LETTER)
    ticks = [float(epoch) for epoch in range(0, epochs + 1, max(1, ceil(40 * epochs / plane)))]
    axis: dict[str, Any] = {"x_title": "epoch", "x_domain": (0, epochs), "x_ticks": ticks, "width": plane}
    chart: dict[str, Any] = figures.curves(series, y_title=y_title, **axis, **look).to_dict(validate=False)
    return chart


def _names(labels: list[str], most: int) -> list[str]:
    """What is written at the lines' ends: labels, or what the form calls the settings where those are long."""
    if max(map(len, labels)) <= most:
        return labels
    return ["A", "B"] if len(labels) == 2 else [""]


def _lines(label: str, values: np.ndarray, last: np.ndarray, diverged: np.ndarray) -> list[Series]:
    """The runs that a mean is taken of, and those that only are thin lines beside it."""
    epochs = values.shape[1] - 1
    x, begun, within = np.arange(epochs + 1), last >= 0, meant(last, diverged, epochs)
    means_to = float(last[within].min()) if within.any() else 0.0
    mean = Series(label, x, values[within], means_to)
    return [mean, _thin(label, x, values[begun & ~within])] if (begun & ~within).any() else [mean]


def _thin(label: str, x: np.ndarray, rows: np.ndarray) -> Series:
    """Lines without a mean; with a row of nothing beside them, as a row alone would be drawn as one."""
    return Series(label, x, np.concatenate([rows, np.full((1, len(x)), np.nan)]), -1.0)


def _roof(sides: list[Side], metric: str, log_y: bool) -> tuple[float, float] | None:
    """Where the plane ends if a loss runs away: else the chart chooses."""
    if log_y or not metric.endswith("loss"):
        return None
    every = np.concatenate([side.values.ravel() for side in sides])
    every, start = every[np.isfinite(every)], max(side.start for side in sides)
    if not isfinite(start) or not len(every) or every.max() <= ROOF * start:
        return None
    low = min(float(every.min()), start)
    return low - 0.04 * (ROOF * start - low), ROOF * start


# ---- the difference -----------------------------------------------------------------------------------


def _difference(pairs: Pairs, width: int = WIDE) -> dict[str, Any]:
    """B - A, seed by seed, in a chart, in words and in numbers; no chart where every pair has lost a run."""
    found = pairs.comparison
    facts: dict[str, Any] = {"low": None, "high": None, "estimate": None, "n": 0, "epoch": pairs.epoch}
    if found:
        facts |= {"low": found.low, "high": found.high, "estimate": found.estimate, "n": found.n}
    chart = None if pairs.broken.all() else _between(pairs, width)
    return {"chart": chart, "sentence": play_words.difference(pairs), **facts}


def _between(pairs: Pairs, width: int) -> dict[str, Any]:
    look: dict[str, Any] = {"y_rules": [(0.0, "")], "height": 150, "among": ["A", "B", "B − A"]}
    lines = _lines("B − A", pairs.each, pairs.reach, pairs.broken)
    return _plane(lines, pairs.epochs, f"difference in {METRICS[pairs.metric]}, B − A", width, **look)
