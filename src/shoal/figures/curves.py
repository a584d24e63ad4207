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
    level,
    palette,
    point,
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
    layers = _lines(frame, drawn, colour, options) + end_labels(frame, _ends(frame, drawn, colour))
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
    return _plot(frame, _lines(frame, drawn, colour, rest) + end_labels(frame, _ends(frame, drawn, colour)), rest)


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
    """Bands below, seeds above them, means on top."""
    bands, thin, thick = [], [], []
    for one in series:
        shade = theme.light(colour[one.label])
        mean, low, high = _band(one)
        if np.isfinite(low).any():
            rows = [{"x": point(x), "y": point(a), "high": point(b)} for x, a, b in zip(one.x, low, high, strict=True)]
            bands.append(_area(frame, rows, shade))
        if len(one.seeds) > 1 and not isinstance(one, _Bins):
            thin += [_line(frame, one.x, seed, shade, strokeWidth=0.7, opacity=0.4) for seed in one.seeds]
        dash = {"strokeDash": [5, 3]} if one.label in options.dashed else {}
        wide = 1.4 if isinstance(one, _Bins) else 2.2
        thick.append(_line(frame, one.x, mean, shade, strokeWidth=wide, **dash))
    return bands + thin + thick


def _line(frame: Frame, x: np.ndarray, y: np.ndarray, colour: str, **look: Any) -> alt.Chart:
    rows = [{"x": point(a), "y": point(b)} for a, b in zip(x, y, strict=True) if not frame.log_y or not b <= 0]
    mark = alt.Chart(table(rows)).mark_line(color=colour, clip=True, strokeJoin="round", **look)
    return mark.encode(x=frame.x(), y=frame.y(), order=alt.Order("x", type="quantitative"))


def _area(frame: Frame, rows: Rows, colour: str) -> alt.Chart:
    floor_ = frame.y_domain[0]
    kept = [row for row in rows if row["y"] is not None]
    if frame.log_y:
        kept = [{**row, "y": max(row["y"], floor_)} for row in kept if row["high"] > 0]
    mark = alt.Chart(table(kept)).mark_area(color=colour, opacity=0.16, clip=True)
    return mark.encode(x=frame.x(), y=frame.y(), y2="high:Q")


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
    marks, words = _rules(frame, options), frame.headings(room=options.room)
    return finish(alt.layer(*marks, *layers, *words).properties(width=frame.width, height=frame.height))  # type: ignore[no-any-return]


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
        behind = [one for one in context if one.label != title]
        grey = [
            _line(plane, one.x, _band(one)[0], theme.light("faint"), strokeWidth=0.9, opacity=0.7) for one in behind
        ]
        fresh = [one for one in series if one.label not in named and not alone]
        named |= {one.label for one in fresh}
        names = _inner_labels(plane, _ends(plane, fresh, colour))
        marks = _rules(plane, options)
        shade = theme.text_of(colour[title]) if alone else "ink"
        words = plane.headings(title, shade, options.room)
        layer = alt.layer(*marks, *grey, *_lines(plane, series, colour, options), *names, *words)
        drawn.append(layer.properties(width=plane.width, height=plane.height))
    return finish(alt.concat(*drawn, columns=columns, spacing=22))  # type: ignore[no-any-return]


def _inner_labels(frame: Frame, ends: list[tuple[str, float, float, str]]) -> list[alt.Chart]:
    """Names inside a panel, stacked on the roomier side of the lines' ends: outside there is the next panel."""
    rows = [frame.row(y) for _, _, y, _ in ends]
    order = sorted(range(len(ends)), key=lambda index: rows[index])
    low = sum(rows) < frame.height * len(rows) / 2
    first = max(rows, default=0) + 14 if low else min(rows, default=0) - 14 * len(rows)
    charts = []
    for turn, index in enumerate(order):
        text, x, _, colour = ends[index]
        data = table([{"x": point(x), "y": frame.value(first + 14 * turn), "text": text}])
        mark = alt.Chart(data).mark_text(
            align="right", baseline="middle", dx=-2, color=theme.light(theme.text_of(colour))
        )
        charts.append(mark.encode(x=frame.x(), y=frame.y(), text="text:N"))
    return charts
