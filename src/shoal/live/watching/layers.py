# SPDX-License-Identifier: Apache-2.0
"""A chart of the report with what a page adds: lines of runs on their way, a cross where one diverged, and points that
answer a pointer with exact values. Lines, bands, colours and names are `figures`'.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from shoal import theme, wording
from shoal.live.watching.captions import AXES, METRICS
from shoal.live.watching.lines import Lines, Mean, means, smoothed

if TYPE_CHECKING:
    from shoal.figures import Series
    from shoal.live.watching.charts import Asked
    from shoal.live.watching.grouping import Grouping

Rows = list[dict[str, Any]]
LETTER, AXIS = 5.8, 46
"""Pixels: of a letter of a series' name, about, and of the words left of the plane."""
LONE = {"type": "point", "filled": True, "size": 40, "opacity": 1}
CROSS = {"type": "text", "text": "×", "fontSize": 17, "baseline": "middle"}
POINTS = 1200
"""Points of one chart that answer a pointer."""


def over_seeds(asked: "Asked", grouping: "Grouping", found: Sequence[Lines]) -> dict[str, Any] | None:
    """Each seed a thin line, the mean a thick one, the 95% interval a band; None where there is no value."""
    drawn = [_placed(replace(one, values=smoothed(one.values, asked.smooth)), asked.log_x) for one in found]
    calm = [one.values[~one.diverged] for one in drawn if len(one.values[~one.diverged])]
    reach = [values for values in calm if np.isfinite(values).any()] or [one.values for one in drawn]
    if not any(np.isfinite(values).any() for values in reach):
        return None
    names = _names([one.label for one in drawn], asked.width)
    series = [_series(one, names[one.label]) for one in drawn]
    spec, y_domain = _spec(asked, grouping, series, reach)
    colour = colours(list(names.values()), grouping.ordered)
    hues = {one.label: colour[names[one.label]] for one in drawn}
    exact = [
        (one, point) for one in found for point in means(one) if isfinite(point.x) and (point.x > 0 or not asked.log_x)
    ]
    spec["layer"] += extra(
        spec,
        [
            (_thin(drawn, hues), {"type": "line", "clip": True, "strokeWidth": 0.9, "opacity": 0.65}),
            ([row for one in drawn for row in lone(one.x, one.values, hues[one.label])], LONE),
            (_crosses(drawn, hues, y_domain), CROSS),
        ],
    )
    told = [_told(one, point, hues[one.label], asked) for one, point in exact]
    spec["layer"] += _hover(spec, told)
    return spec


def every_step(asked: "Asked", grouping: "Grouping", every: Sequence["Series"]) -> dict[str, Any]:
    """The loss of every step in bins, as the report draws it."""
    from shoal import figures

    names = _names([one.label for one in every], asked.width)
    drawn = [one._replace(label=names[one.label]) for one in every]
    with figures.unchecked():
        chart = figures.steps(drawn, y_title=_y_title(asked), **_look(asked, grouping, list(names.values())))
        spec: dict[str, Any] = chart.to_dict(validate=False)
    colour = colours(list(names.values()), grouping.ordered)
    seeds = {one.label: str(len(one.seeds)) for one in drawn}
    rows = figures.steps_rows(drawn, y="mean")
    told = [_bin(row, colour[row["series"]], seeds[row["series"]]) for row in rows[:: -(-len(rows) // POINTS)]]
    spec["layer"] += _hover(spec, told)
    return spec


# ---- the report's chart ---------------------------------------------------------------------------------


def _placed(one: Lines, log_x: bool) -> Lines:
    """Without the epochs that have no place on the axis."""
    there = np.isfinite(one.x) & ((one.x > 0) | (not log_x))
    if there.all():
        return one
    return replace(one, x=np.where(there, one.x, np.nan), values=np.where(there, one.values, np.nan))


def _series(one: Lines, name: str) -> "Series":
    from shoal.figures import Series

    there = np.isfinite(one.x)
    end = float(one.x[one.means_to])
    values = one.values[one.averaged][:, there]
    return Series(name, one.x[there], values, end if isfinite(end) else float("inf"))


def _spec(
    asked: "Asked", grouping: "Grouping", series: Sequence["Series"], reach: Sequence[np.ndarray]
) -> tuple[dict[str, Any], tuple[float, float]]:
    from shoal import figures
    from shoal.figures.frame import domain

    y_domain = domain(reach, asked.log_y)
    look = _look(asked, grouping, [one.label for one in series])
    if asked.x == "epochs":
        look["x_ticks"] = whole_ticks(series, look["width"], asked.log_x)
    with figures.unchecked():
        chart = figures.curves(series, x_title=AXES[asked.x], y_title=_y_title(asked), y_domain=y_domain, **look)
        return chart.to_dict(validate=False), y_domain


def _look(asked: "Asked", grouping: "Grouping", names: Sequence[str]) -> dict[str, Any]:
    room = max(map(len, names), default=0) * LETTER + 12
    size = {"width": max(int(asked.width - AXIS - room), 120), "height": 320 if asked.width >= 700 else 260}
    dashed = () if grouping.ordered else names[len(theme.CATEGORIES) :]  # there the colours begin anew
    return {"ordered": grouping.ordered, "dashed": dashed, "log_x": asked.log_x, "log_y": asked.log_y, **size}


def _y_title(asked: "Asked") -> str:
    return METRICS[asked.metric] + (", smoothed" if asked.smooth else "")


def whole_ticks(series: Sequence["Series"], width: int, log: bool) -> list[float] | None:
    """Whole epochs at even steps of 1, 2, 5, 10, ...: never a half epoch. On a log axis as the axis has it."""
    last = max((float(one.x[-1]) for one in series if len(one.x)), default=0.0)
    if log:
        return None
    steps = (unit * 10**power for power in range(10) for unit in (1, 2, 5))
    step = next(step for step in steps if last / step <= max(width / 60, 2))
    return [float(tick) for tick in range(0, int(last) + 1, step)]


def _names(labels: Sequence[str], width: int) -> dict[str, str]:
    """Series' names as they fit beside the plane; of those that are cut, each keeps its number."""
    most = max(int(0.36 * width / LETTER), 8)
    if all(len(label) <= most for label in labels):
        return {label: label for label in labels}
    cut = [label if len(label) <= most else f"{label[: most - 1]}…" for label in labels]
    if len(set(cut)) < len(cut):
        cut = [f"{place} {label}"[:most] for place, label in enumerate(labels, start=1)]
    return dict(zip(labels, cut, strict=True))


def colours(names: Sequence[str], ordered: bool) -> dict[str, str]:
    from shoal.figures.drawing import palette

    return {name: theme.light(token) for name, token in palette(names, ordered, None).items()}


# ---- what a page adds -----------------------------------------------------------------------------------


def _thin(drawn: Sequence[Lines], hues: Mapping[str, str]) -> Rows:
    """The lines that the means are not of: seeds that diverged, or are on their way beside others that have ended."""
    return [
        {"line": f"{one.label} {seed}", "x": float(x), "y": float(y), "shade": hues[one.label]}
        for one in drawn
        for seed, row, of_mean in zip(one.seeds, one.values, one.averaged, strict=True)
        if not of_mean
        for x, y in zip(one.x, row, strict=True)
        if np.isfinite(y)
    ]


def lone(x: np.ndarray, values: np.ndarray, hue: str) -> Rows:
    """Lines of (n, E) that have one point, which a line does not show: runs of which there is nothing but the
    beginning; x is (E,)."""
    rows = []
    for row in values:
        seen = np.flatnonzero(np.isfinite(row))
        if len(seen) == 1:
            rows.append({"x": float(x[seen[0]]), "y": float(row[seen[0]]), "shade": hue})
    return rows


def _crosses(drawn: Sequence[Lines], hues: Mapping[str, str], y_domain: tuple[float, float]) -> Rows:
    return [row for one in drawn for row in crosses(one.x, one.values[one.diverged], hues[one.label], y_domain)]


def crosses(x: np.ndarray, values: np.ndarray, hue: str, y_domain: tuple[float, float]) -> Rows:
    """Where each diverged run of (n, E) was seen last, inside the plane; x is (E,)."""
    rows = []
    for row in values:
        seen = np.flatnonzero(np.isfinite(row))
        if len(seen):
            inside = float(np.clip(row[seen[-1]], *y_domain))
            rows.append({"x": float(x[seen[-1]]), "y": inside, "shade": hue})
    return rows


def _told(one: Lines, point: Mean, hue: str, asked: "Asked") -> dict[str, Any]:
    """A point of a thick line and what it says. A smoothed line does not pass through it: it is exact."""
    interval = f"[{_exact(point.low)}, {_exact(point.high)}]" if isfinite(point.low) else "–"
    place = f"{point.x:,.0f}" if asked.x != "seconds" else wording.significant(point.x, 4)
    words = {"series": one.label, AXES[asked.x]: place, "mean": _exact(point.mean), "95% interval": interval}
    return {"x": point.x, "y": point.mean, "shade": hue, "told": {**words, "seeds": str(point.n)}}


def _bin(row: Mapping[str, Any], hue: str, seeds: str) -> dict[str, Any]:
    """What a point of the losses of all steps says."""
    numbers = {name: _exact(row[name]) for name in ("mean", "lowest", "highest")}
    place = {"x": row["step"], "y": row["mean"], "shade": hue}
    words = {"series": row["series"], "step": f"{row['step']:,.0f}", **numbers, "seeds": seeds}
    return {**place, "told": words}


def _exact(value: float | None) -> str:
    return "–" if value is None else wording.significant(value, 5)


def extra(spec: Mapping[str, Any], wanted: Sequence[tuple[Rows, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Marks on the plane of the chart, those that have rows."""
    return [
        {"data": {"values": rows}, "mark": mark, "encoding": {**_plane(spec), **_by_line(rows)}}
        for rows, mark in wanted
        if rows
    ]


def _by_line(rows: Rows) -> dict[str, Any]:
    if "line" not in rows[0]:
        return {}
    return {
        "detail": {"field": "line", "type": "nominal"},
        "order": {"field": "x", "type": "quantitative"},
    }


def _hover(spec: Mapping[str, Any], rows: Rows) -> list[dict[str, Any]]:
    """Points that show themselves, and say their ``told``, when a pointer is near: on them, or in their cell of the
    plane, which is a mark of its own around the point."""
    if not rows:
        return []
    near = {"type": "point", "on": "pointerover", "clear": "pointerout", "nearest": True}
    words = {"expr": "datum.datum ? datum.datum.told : datum.told"}
    seen = {"condition": {"param": "near", "empty": False, "value": 1}, "value": 0}
    return [
        {
            "data": {"values": rows},
            "params": [{"name": "near", "select": near}],
            "mark": {"type": "point", "filled": True, "size": 56, "clip": True, "tooltip": words},
            "encoding": {**_plane(spec), "opacity": seen},
        }
    ]


def _plane(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The axes of a chart and the colour that its rows carry, for one more layer on the same plane."""
    of_line = next(layer["encoding"] for layer in spec["layer"] if "detail" in layer["encoding"])
    return {name: of_line[name] for name in ("x", "y", "color")}
