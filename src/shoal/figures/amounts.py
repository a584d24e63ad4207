# SPDX-License-Identifier: Apache-2.0
"""Amounts side by side: a dot per seed with its interval, stacked bars, a table of counts as shades."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np

from shoal import theme, wording
from shoal.analysis.statistics import mean_interval
from shoal.figures.drawing import Rows, Rule, finish, palette, table
from shoal.figures.frame import Frame, domain
from shoal.figures.labels import upright

ROW = 30


def dots(
    groups: Sequence[tuple[str, Any]],
    *,
    x_title: str,
    ordered: bool = False,
    accent: str | None = None,
    among: Sequence[str] | None = None,
    log_x: bool = False,
    x_domain: tuple[float, float] | None = None,
    x_rules: Sequence[Rule] = (),
    width: int | None = None,
) -> alt.LayerChart:
    """A row per config: a dot for each seed, below them the mean and its 95% t interval.

    Args:
        groups: (label, values (n,)) each, from top to bottom.
        x_rules: values worth a dashed line (a margin, chance, a claim), each with a word.
        others: as for `curves`.
    """
    pairs = [(str(label), np.atleast_1d(np.asarray(values, np.float64))) for label, values in groups]
    labels = [label for label, _ in pairs]
    colour = palette(labels, ordered, accent, among)
    reach = x_domain or domain([values for _, values in pairs], log_x, 0.06, [value for value, _ in x_rules])
    frame = Frame(width or theme.COLUMN - 150, ROW * len(pairs), x_title, "", reach, (0.0, 1.0), log_x)
    layers: list[alt.Chart] = []
    for label, values in pairs:
        layers += _group(frame, label, labels, values, theme.light(colour[label]))
    chart = alt.layer(*upright(frame, x_rules), *layers, width=frame.width, height=frame.height)
    return finish(chart)  # type: ignore[no-any-return]


def _group(frame: Frame, label: str, labels: Sequence[str], values: np.ndarray, shade: str) -> list[alt.Chart]:
    row = alt.Y("label", type="nominal", sort=list(labels), title=None, axis=_row_axis())
    seen = [{"label": label, "x": float(value)} for value in values if np.isfinite(value)]
    seeds = alt.Chart(table(seen)).mark_point(
        size=26, filled=False, strokeWidth=1.1, color=shade, opacity=0.8, yOffset=-5, clip=True
    )
    layers = [seeds.encode(x=frame.x(), y=row)]
    summary = mean_interval(values)
    if summary.low is not None:
        data = table([{"label": label, "x": summary.low, "x2": summary.high}])
        bar = alt.Chart(data).mark_rule(strokeWidth=2.4, color=shade, yOffset=7, y2Offset=7, clip=True)
        layers.append(bar.encode(x=frame.x(), x2=alt.X2("x2"), y=row))
    if summary.n > 1:
        data = table([{"label": label, "x": summary.mean}])
        mean = alt.Chart(data).mark_point(size=44, filled=True, opacity=1, color=shade, yOffset=7, clip=True)
        layers.append(mean.encode(x=frame.x(), y=row))
    return layers


def _row_axis() -> alt.Axis:
    return alt.Axis(
        domain=False, ticks=False, grid=False, labelFontSize=12, labelColor=theme.light("ink"), labelLimit=240
    )


def dot_rows(groups: Sequence[tuple[str, Any]], *, value: str) -> Rows:
    """The numbers of `dots` as rows: label, n, mean, sd, low, high and a column for each seed's value."""
    rows: Rows = []
    for label, values in groups:
        each = np.atleast_1d(np.asarray(values, np.float64))
        one = mean_interval(each)
        row: dict[str, Any] = {"label": str(label), "n": one.n, value: one.mean if one.n else None}
        row |= {"sd": one.sd, "low": one.low, "high": one.high, "diverged": one.diverged}
        row |= {f"value {n}": float(v) if np.isfinite(v) else None for n, v in enumerate(each, start=1)}
        rows.append(row)
    return rows


def bars(
    ledger: Sequence[tuple[str, Mapping[str, float]]],
    *,
    x_title: str,
    show: Callable[[float], str] = lambda value: wording.significant(value, 3),
    unit: float = 1.0,
    x_rules: Sequence[Rule] = (),
    width: int | None = None,
) -> alt.LayerChart:
    """Stacked bars from zero, one per row, the parts named above and the total written at the end.

    Args:
        ledger: (label, {kind: amount}) each, from top to bottom; kinds are stacked in order of appearance.
        show: how a total is written: ``wording.size`` for bytes.
        unit: amounts are divided by it on the axis: 1e6 with ``x_title="MB"``.
    """
    kinds = list(dict.fromkeys(kind for _, parts in ledger for kind in parts))
    labels = [label for label, _ in ledger]
    rows: Rows = []
    for label, parts in ledger:
        start = 0.0
        for kind in kinds:
            end = start + parts.get(kind, 0.0) / unit
            rows.append({"label": label, "kind": kind, "x": start, "x2": end})
            start = end
    totals: Rows = [
        {"label": label, "x": sum(parts.values()) / unit, "text": show(sum(parts.values()))} for label, parts in ledger
    ]
    most = max([row["x"] for row in totals] + [value for value, _ in x_rules], default=1.0) or 1.0
    frame = Frame(width or theme.COLUMN - 210, (ROW - 6) * len(labels), x_title, "", (0.0, most * 1.02), (0.0, 1.0))
    row = alt.Y("label", type="nominal", sort=labels, title=None, axis=_row_axis(), scale=alt.Scale(padding=0.3))
    shades = alt.Scale(domain=kinds, range=[theme.light(name) for name in theme.colours(len(kinds))])
    legend = alt.Color("kind", type="nominal", scale=shades, sort=kinds)
    stack = alt.Chart(table(rows)).mark_bar().encode(x=frame.x(), x2=alt.X2("x2"), y=row, color=legend)
    words = (
        alt.Chart(table(totals))
        .mark_text(align="left", dx=6)
        .encode(x=frame.x(), y=row, text=alt.Text("text", type="nominal"))
    )
    chart = alt.layer(stack, words, *upright(frame, x_rules), width=frame.width, height=frame.height)
    return finish(chart)  # type: ignore[no-any-return]


def heatmap(
    counts: np.ndarray,
    labels: Sequence[str],
    *,
    x_title: str = "predicted",
    y_title: str = "true",
    cell: int = 46,
) -> alt.LayerChart:
    """A confusion matrix: every count written out; hits in blue, errors in vermillion, each on its own scale.

    Args:
        counts: (classes, classes), a row per true class.
        labels: a name per class.
    """
    cells = _cells(np.asarray(counts), labels)
    names: dict[str, Any] = {"domain": False, "ticks": False, "labelColor": theme.light("ink"), "labelFontSize": 12}
    x = alt.X("predicted", type="nominal", sort=list(labels), title=x_title)
    x = x.axis(orient="top", labelAngle=-40 if max(map(len, labels)) > 3 else 0, **names)
    y = alt.Y("true", type="nominal", sort=list(labels), title=y_title, axis=alt.Axis(labelLimit=160, **names))
    layers = []
    for hit, colour in ((True, "blue"), (False, "vermillion")):
        data = table([cell for cell in cells if cell["hit"] is hit])
        mark = alt.Chart(data).mark_rect(color=theme.light(colour), stroke=theme.light("paper"), strokeWidth=1.5)
        layers.append(mark.encode(x=x, y=y, fillOpacity=alt.FillOpacity("shade:Q", scale=None)))
    for dark, colour in ((False, "ink"), (True, "paper")):
        data = table([cell for cell in cells if (cell["shade"] > 0.6) is dark])
        layers.append(
            alt.Chart(data).mark_text(color=theme.light(colour)).encode(x=x, y=y, text=alt.Text("text", type="nominal"))
        )
    size = cell * len(labels)
    return finish(alt.layer(*layers, width=size, height=round(size * 0.62)))  # type: ignore[no-any-return]


def _cells(counts: np.ndarray, labels: Sequence[str]) -> Rows:
    """A row per cell with its shade: a share of the most frequent hit, or of the most frequent error."""
    off = ~np.eye(len(counts), dtype=bool)
    most = {True: max(int(np.diag(counts).max(initial=0)), 1), False: max(int(counts[off].max(initial=0)), 1)}
    cells: Rows = []
    for row in heatmap_rows(counts, labels):
        hit = row["true"] == row["predicted"]
        text = f"{row['count']:,}" if row["count"] else "·"
        cells.append({**row, "hit": hit, "shade": round(0.85 * row["count"] / most[hit], 4), "text": text})
    return cells


def heatmap_rows(counts: np.ndarray, labels: Sequence[str]) -> Rows:
    """The numbers of `heatmap` as rows: true, predicted, count."""
    return [
        {"true": true, "predicted": predicted, "count": int(counts[row][column])}
        for row, true in enumerate(labels)
        for column, predicted in enumerate(labels)
    ]
