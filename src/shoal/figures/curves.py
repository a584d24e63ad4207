# SPDX-License-Identifier: Apache-2.0
"""Lines over an axis: learning curves over seeds, exact functions, losses step by step, small multiples."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import altair as alt
import numpy as np

from shoal import theme, wording
from shoal.analysis.statistics import mean_band
from shoal.figures.drawing import (
    Frame,
    Rows,
    Rule,
    Series,
    as_series,
    domain,
    end_labels,
    finish,
    inner_labels,
    level,
    palette,
    point,
    shade,
    table,
    upright,
)

Given = Sequence[Series | tuple[str, Any, Any]]


def curves(
    series: Given,
    *,
    x_title: str,
    y_title: str,
    ordered: bool = False,
    accent: str | None = None,
    among: Sequence[str] | None = None,
    dashed: Collection[str] = (),
    log_x: bool = False,
    log_y: bool = False,
    x_domain: tuple[float, float] | None = None,
    y_domain: tuple[float, float] | None = None,
    x_ticks: Sequence[float] | None = None,
    x_rules: Sequence[Rule] = (),
    y_rules: Sequence[Rule] = (),
    facet: bool = False,
    columns: int = 3,
    width: int | None = None,
    height: int | None = None,
) -> alt.LayerChart | alt.ConcatChart:
    """Curves over seeds: each seed a thin line, the mean a thick one, the 95% t interval a band.

    Args:
        series: (label, x (E,), values (n, E)) each; with one seed there is a line and no band.
        ordered: the labels are steps of one quantity (learning rates): one hue from weak to strong.
        accent: the label of the notable series.
        among: all labels of a chapter, so that one series has one colour in each of its figures.
        dashed: labels drawn dashed (training beside validation).
        x_domain, y_domain: by default the range of the values; lines that leave a given one are cut off.
        x_ticks: where x is marked, for values that are not round.
        x_rules, y_rules: values worth a dashed line, each with a word.
        facet: a panel for each series, on shared axes, the others' means behind it in grey.
        columns: panels in a row when ``facet``.
        width, height: pixels of the plane (of one panel when ``facet``), without labels.
    """
    drawn = as_series(series)
    colour = palette([one.label for one in drawn], ordered, accent, among)
    options = _Options(x_title, y_title, log_x, log_y, x_domain, y_domain, x_ticks, x_rules, y_rules, tuple(dashed))
    if facet:
        panels = [(one.label, [one]) for one in drawn]
        return _panels(panels, colour, options, columns, width, height, context=drawn)
    frame = _frame(drawn, options, width or theme.COLUMN - 150, height or 260)
    layers = [*_lines(frame, drawn, colour, options), end_labels(frame, _ends(frame, drawn, colour))]
    return _plot(frame, layers, options)


def multiples(
    panels: Sequence[tuple[str, Given]],
    *,
    x_title: str,
    y_title: str,
    ordered: bool = False,
    accent: str | None = None,
    dashed: Collection[str] = (),
    log_x: bool = False,
    log_y: bool = False,
    x_domain: tuple[float, float] | None = None,
    y_domain: tuple[float, float] | None = None,
    x_ticks: Sequence[float] | None = None,
    x_rules: Sequence[Rule] = (),
    y_rules: Sequence[Rule] = (),
    columns: int = 3,
    width: int | None = None,
    height: int | None = None,
) -> alt.ConcatChart:
    """Small multiples on shared axes: panels of (title, series), every panel drawn as by `curves`.

    Series of the same label have the same colour everywhere and are named in the first panel that has them.
    """
    filled = [(title, as_series(series)) for title, series in panels]
    colour = palette([one.label for _, series in filled for one in series], ordered, accent)
    options = _Options(x_title, y_title, log_x, log_y, x_domain, y_domain, x_ticks, x_rules, y_rules, tuple(dashed))
    return _panels(filled, colour, options, columns, width, height)


def lines(series: Given, *, x_title: str, y_title: str, **options: Any) -> alt.LayerChart | alt.ConcatChart:
    """Exact functions, (label, x (E,), y (E,)) each; options as for `curves`. NaN and infinity break a line."""
    return curves(series, x_title=x_title, y_title=y_title, **options)


def steps(
    series: Given, *, x_title: str = "step", y_title: str = "training loss", bins: int = 240, **options: Any
) -> alt.LayerChart | alt.ConcatChart:
    """Losses of every step, (label, x (steps,), values (n, steps)) each, binned: see `steps_note`, which says how.

    The line is the mean of a bin, the band reaches from its lowest to its highest value, both averaged over
    seeds. Other options as for `curves`.
    """
    drawn = [_binned(one, bins) for one in as_series(series)]
    colour = palette([one.label for one in drawn], options.pop("ordered", False), options.pop("accent", None))
    facet, columns = options.pop("facet", False), options.pop("columns", 3)
    width, height = options.pop("width", None), options.pop("height", None)
    rest = _Options(x_title, y_title, **options)
    if facet:
        panels: list[tuple[str, list[Series]]] = [(one.label, [one]) for one in drawn]
        return _panels(panels, colour, rest, columns, width, height)
    frame = _frame(drawn, rest, width or theme.COLUMN - 150, height or 260)
    return _plot(frame, [*_lines(frame, drawn, colour, rest), end_labels(frame, _ends(frame, drawn, colour))], rest)


def steps_note(count: int, bins: int = 240) -> str:
    """How `steps` thins out ``count`` points, as a sentence for the caption; empty if it does not."""
    size = -(-count // bins)
    if size == 1:
        return ""
    return (
        f"Each point of a line stands for {wording.count(size, 'step')}: their mean, and as a band their lowest "
        f"and highest loss, averaged over seeds."
    )


def curve_rows(series: Given, *, x: str, y: str) -> Rows:
    """The numbers of `curves` as rows: series, x, mean, low, high, and a column for each seed's value.

    Args:
        x, y: names of the columns: ``x="epoch", y="validation_loss"``.
    """
    rows: Rows = []
    for one in as_series(series):
        mean, low, high = mean_band(one.seeds)
        for column, at in enumerate(one.x):
            row: dict[str, Any] = {"series": one.label, x: float(at), y: _plain(mean[column])}
            if len(one.seeds) > 1:
                row |= {"low": _plain(low[column]), "high": _plain(high[column])}
                row |= {f"value {number}": _plain(v) for number, v in enumerate(one.seeds[:, column], start=1)}
            rows.append(row)
    return rows


def steps_rows(series: Given, *, x: str = "step", y: str = "training_loss", bins: int = 240) -> Rows:
    """The numbers of `steps` as rows: series, x of the bin's middle, mean, lowest and highest."""
    return [
        {"series": one.label, x: float(at), y: _plain(mean), "lowest": _plain(low), "highest": _plain(high)}
        for one in (_binned(given, bins) for given in as_series(series))
        for at, mean, low, high in zip(one.x, *one.values, strict=True)
    ]


# ---- how they are drawn -------------------------------------------------------------------------------


class _Options(NamedTuple):
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


class _Bins(Series):
    """A series whose three rows of values are mean, lowest and highest."""


def _binned(one: Series, bins: int) -> Series:
    size = max(-(-len(one.x) // bins), 1)
    starts = np.arange(0, len(one.x), size)
    values = one.seeds
    ends = np.minimum(starts + size, len(one.x))
    mean = np.add.reduceat(values, starts, axis=1) / (ends - starts)
    low, high = np.minimum.reduceat(values, starts, axis=1), np.maximum.reduceat(values, starts, axis=1)
    middle = np.add.reduceat(one.x, starts) / (ends - starts)
    return _Bins(one.label, middle, np.stack([_column_mean(mean), _column_mean(low), _column_mean(high)]))


def _column_mean(values: np.ndarray) -> np.ndarray:
    """Mean over the seeds that are finite, NaN where none is."""
    finite = np.isfinite(values)
    return np.where(
        finite.any(axis=0), np.where(finite, values, 0).sum(axis=0) / np.maximum(finite.sum(axis=0), 1), np.nan
    )


def _band(one: Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if isinstance(one, _Bins):
        return one.values[0], one.values[1], one.values[2]
    return mean_band(one.seeds)


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _frame(series: Sequence[Series], options: _Options, width: int, height: int) -> Frame:
    x_domain = options.x_domain or domain(
        [one.x for one in series], options.log_x, 0.0, [value for value, _ in options.x_rules]
    )
    if not options.log_x and 0 < x_domain[0] < 0.05 * x_domain[1]:
        x_domain = (0.0, x_domain[1])
    y_domain = options.y_domain or domain(
        [one.seeds for one in series], options.log_y, 0.04, [value for value, _ in options.y_rules]
    )
    return Frame(
        width,
        height,
        options.x_title,
        options.y_title,
        x_domain,
        y_domain,
        options.log_x,
        options.log_y,
        options.x_ticks,
    )


def _lines(frame: Frame, series: Sequence[Series], colour: Any, options: _Options) -> list[alt.Chart]:
    """Bands below, seeds above them, means on top: a layer for each kind, not for each series."""
    bands: Rows = []
    seeds: Rows = []
    means: dict[bool, Rows] = {False: [], True: []}
    for one in series:
        hue = theme.light(colour[one.label])
        mean, low, high = _band(one)
        bands += _band_rows(frame, one, low, high, hue)
        means[one.label in options.dashed] += _line_rows(frame, one.label, one.x, mean, hue)
        if len(one.seeds) > 1 and not isinstance(one, _Bins):
            for number, seed in enumerate(one.seeds):
                seeds += _line_rows(frame, f"{one.label} {number}", one.x, seed, hue)
    wide = 1.4 if any(isinstance(one, _Bins) for one in series) else 2.2
    layers = [_areas(frame, bands)] if bands else []
    layers += [_strokes(frame, seeds, strokeWidth=0.7, opacity=0.4)] if seeds else []
    layers += [_strokes(frame, means[False], strokeWidth=wide)] if means[False] else []
    return layers + ([_strokes(frame, means[True], strokeWidth=wide, strokeDash=[5, 3])] if means[True] else [])


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


def _strokes(frame: Frame, rows: Rows, **look: Any) -> alt.Chart:
    mark: alt.Chart = alt.Chart(table(rows)).mark_line(clip=True, strokeJoin="round", **look)
    order = alt.Order("x", type="quantitative")
    return mark.encode(x=frame.x(), y=frame.y(), detail=alt.Detail("line", type="nominal"), color=shade(), order=order)


def _areas(frame: Frame, rows: Rows) -> alt.Chart:
    mark: alt.Chart = alt.Chart(table(rows)).mark_area(opacity=0.16, clip=True)
    return mark.encode(
        x=frame.x(), y=frame.y(), y2=alt.Y2("high"), detail=alt.Detail("line", type="nominal"), color=shade()
    )


def _ends(frame: Frame, series: Sequence[Series], colour: Any) -> list[tuple[str, float, float, str]]:
    """Where each mean line ends inside the frame."""
    ends = []
    for one in series:
        mean = _band(one)[0]
        seen = np.isfinite(mean) & (one.x <= frame.x_domain[1]) & ((mean > 0) | (not frame.log_y))
        if seen.any():
            last = int(np.flatnonzero(seen)[-1])
            inside = float(np.clip(mean[last], *frame.y_domain))
            arrow = " ↑" if mean[last] > inside else " ↓" if mean[last] < inside else ""
            ends.append((one.label + arrow, float(one.x[last]), inside, colour[one.label]))
    return ends


def _rules(frame: Frame, options: _Options) -> list[alt.Chart]:
    return upright(frame, options.x_rules) + level(frame, options.y_rules)


def _plot(frame: Frame, layers: list[alt.Chart], options: _Options) -> alt.LayerChart:
    every = [*_rules(frame, options), *layers, *frame.headings(room=options.room)]
    return finish(alt.layer(*every, width=frame.width, height=frame.height))  # type: ignore[no-any-return]


def _panels(
    panels: Sequence[tuple[str, Sequence[Series]]],
    colour: Any,
    options: _Options,
    columns: int,
    width: int | None,
    height: int | None,
    context: Sequence[Series] = (),
) -> alt.ConcatChart:
    columns = min(columns, len(panels))
    room = theme.WIDE if columns > 2 else theme.COLUMN
    frame = _frame(
        [one for _, series in panels for one in series], options, width or (room - 60) // columns - 22, height or 170
    )
    drawn, named = [], set[str]()
    for index, (title, series) in enumerate(panels):
        alone = len(series) == 1 and series[0].label == title
        plane = frame.bare(x_words=index + columns >= len(panels), y_words=index % columns == 0)
        fresh = [one for one in series if one.label not in named and not alone]
        named |= {one.label for one in fresh}
        layers = _rules(plane, options) + _behind(plane, [one for one in context if one.label != title])
        layers += _lines(plane, series, colour, options)
        layers += inner_labels(plane, _ends(plane, fresh, colour))
        layers += plane.headings(title, theme.text_of(colour[title]) if alone else "ink", options.room)
        drawn.append(alt.layer(*layers, width=plane.width, height=plane.height))
    return finish(alt.concat(*drawn, columns=columns, spacing=22))  # type: ignore[no-any-return]


def _behind(frame: Frame, series: Sequence[Series]) -> list[alt.Chart]:
    """The means of other series in grey, to compare with."""
    grey = theme.light("faint")
    rows = [row for one in series for row in _line_rows(frame, one.label, one.x, _band(one)[0], grey)]
    return [_strokes(frame, rows, strokeWidth=0.9, opacity=0.7)] if rows else []
