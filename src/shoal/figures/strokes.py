# SPDX-License-Identifier: Apache-2.0
"""Lines and bands as layers of a chart: seeds thin, means thick, intervals shaded. It names no line and no axis."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np

from shoal import theme, wording
from shoal.analysis.statistics import mean_band
from shoal.figures.drawing import Rows, Series, point, shade, table
from shoal.figures.frame import Frame

End = tuple[str, float, float, str]
"""Where a line ends: its name, x, y, and the colour token of its series."""


class Bins(Series):
    """A series whose three rows of values are mean, lowest and highest."""


def binned(one: Series, bins: int) -> Bins:
    """A series of many points as at most so many bins, each drawn in its middle; averaged over seeds."""
    size = max(-(-len(one.x) // bins), 1)
    starts = np.arange(0, len(one.x), size)
    values = one.seeds
    ends = np.minimum(starts + size, len(one.x))
    mean = np.add.reduceat(values, starts, axis=1) / (ends - starts)
    low, high = np.minimum.reduceat(values, starts, axis=1), np.maximum.reduceat(values, starts, axis=1)
    middle = np.add.reduceat(one.x, starts) / (ends - starts)
    return Bins(one.label, middle, np.stack([_column_mean(mean), _column_mean(low), _column_mean(high)]))


def _column_mean(values: np.ndarray) -> np.ndarray:
    """Mean over the seeds that are finite, NaN where none is."""
    finite = np.isfinite(values)
    return np.where(
        finite.any(axis=0), np.where(finite, values, 0).sum(axis=0) / np.maximum(finite.sum(axis=0), 1), np.nan
    )


def band(one: Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, low and high of a series, each (E,); NaN beyond ``means_to``."""
    if isinstance(one, Bins):
        return one.values[0], one.values[1], one.values[2]
    mean, low, high = (np.where(one.x <= one.means_to, line, np.nan) for line in mean_band(one.seeds))
    return mean, low, high


def strokes(
    frame: Frame, series: Sequence[Series], colour: Mapping[str, str], dashed: Collection[str] = ()
) -> list[alt.Chart]:
    """Bands below, seeds above them, means on top: a layer for each kind, not for each series."""
    bands: Rows = []
    seeds: Rows = []
    means: dict[bool, Rows] = {False: [], True: []}
    for one in series:
        hue = theme.light(colour[one.label])
        mean, low, high = band(one)
        bands += _band_rows(frame, one, np.where(_enough(one), low, np.nan), high, hue)
        if np.isfinite(mean).any():  # several series may have one label: only one of them a mean
            means[one.label in dashed] += _line_rows(frame, one.label, one.x, mean, hue)
        if len(one.seeds) > 1 and not isinstance(one, Bins):
            for seed in one.seeds:
                seeds += _line_rows(frame, f"{one.label} {len(seeds)}", one.x, seed, hue)
    wide = 1.4 if any(isinstance(one, Bins) for one in series) else 2.2
    layers = [_areas(frame, bands)] if bands else []
    layers += [_marks(frame, seeds, strokeWidth=0.7, opacity=0.4)] if seeds else []
    layers += [_marks(frame, means[False], strokeWidth=wide)] if means[False] else []
    return layers + ([_marks(frame, means[True], strokeWidth=wide, strokeDash=[5, 3])] if means[True] else [])


def _enough(one: Series) -> np.ndarray:
    """bool (E,): where an interval is drawn. Of two or three seeds it would fill the plane and say nothing."""
    return np.full(len(one.x), True) if isinstance(one, Bins) else np.isfinite(one.seeds).sum(axis=0) >= wording.FEWEST


def behind(frame: Frame, series: Sequence[Series]) -> list[alt.Chart]:
    """The means of other series in grey, to compare with."""
    grey = theme.light("faint")
    rows = [row for one in series for row in _line_rows(frame, one.label, one.x, band(one)[0], grey)]
    return [_marks(frame, rows, strokeWidth=0.9, opacity=0.7)] if rows else []


def line_ends(frame: Frame, series: Sequence[Series], colour: Mapping[str, str]) -> list[End]:
    """Where each mean line ends inside the frame."""
    ends = []
    for one in series:
        mean = band(one)[0]
        seen = np.isfinite(mean) & (one.x <= frame.x_domain[1]) & ((mean > 0) | (not frame.log_y))
        if seen.any():
            last = int(np.flatnonzero(seen)[-1])
            inside = float(np.clip(mean[last], *frame.y_domain))
            arrow = " ↑" if mean[last] > inside else " ↓" if mean[last] < inside else ""
            ends.append((one.label + arrow, float(one.x[last]), inside, colour[one.label]))
    return ends


def ink(frame: Frame, series: Sequence[Series]) -> np.ndarray:
    """Where mean lines run, as pixels from the left and from the bottom, (k, 2), a point every few pixels."""
    traces = [np.empty((0, 2))]
    for one in series:
        mean = band(one)[0]
        seen = np.isfinite(mean) & np.isfinite(one.x) & ((mean > 0) | (not frame.log_y))
        seen &= (one.x > 0) | (not frame.log_x)
        columns = [frame.column(float(x)) for x in one.x[seen]]
        rows = [frame.row(float(y)) for y in mean[seen]]
        if len(columns) > 1:
            far = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(columns), np.diff(rows)))])
            way = np.linspace(0.0, far[-1], int(far[-1] / 2) + 2)
            traces.append(np.column_stack([np.interp(way, far, columns), np.interp(way, far, rows)]))
    return np.concatenate(traces)


def _line_rows(frame: Frame, line: str, x: np.ndarray, y: np.ndarray, hue: str) -> Rows:
    """The points of one line; a value that cannot be drawn breaks it."""
    return [
        {"line": line, "x": point(a), "y": None if frame.log_y and b <= 0 else point(b), "shade": hue}
        for a, b in zip(x, y, strict=True)
    ]


def _band_rows(frame: Frame, one: Series, low: np.ndarray, high: np.ndarray, hue: str) -> Rows:
    floor = frame.y_domain[0] if frame.log_y else -np.inf
    return [
        {"line": one.label, "x": point(x), "y": point(max(a, floor)), "high": point(b), "shade": hue}
        for x, a, b in zip(one.x, low, high, strict=True)
        if np.isfinite(a) and b > floor
    ]


def _marks(frame: Frame, rows: Rows, **look: Any) -> alt.Chart:
    mark: alt.Chart = alt.Chart(table(rows)).mark_line(clip=True, strokeJoin="round", **look)
    order = alt.Order("x", type="quantitative")
    return mark.encode(x=frame.x(), y=frame.y(), detail=alt.Detail("line", type="nominal"), color=shade(), order=order)


def _areas(frame: Frame, rows: Rows) -> alt.Chart:
    mark: alt.Chart = alt.Chart(table(rows)).mark_area(opacity=0.16, clip=True)
    return mark.encode(
        x=frame.x(), y=frame.y(), y2=alt.Y2("high"), detail=alt.Detail("line", type="nominal"), color=shade()
    )
