# SPDX-License-Identifier: Apache-2.0
"""A training as it is now: its settings' curves, unfinished runs as far as they are, and what its seeds say so far of
the difference between two settings. It reads the store and draws; it trains nothing, and words follow the numbers.

Means are never over runs of which some have ended and others not: while none has ended they go as far as all that have
begun, and from then on only runs that have ended have a part in them. Runs that diverged have none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Any

import numpy as np

from shoal import figures, wording
from shoal.analysis import metrics
from shoal.analysis.comparison import FEWEST, Comparison, compare
from shoal.analysis.statistics import mean_band, mean_interval
from shoal.data import Dataset
from shoal.errors import UsageError
from shoal.figures import Series
from shoal.live.watching import layers
from shoal.store import Store
from shoal.study import Config, Run, Study

METRICS = {
    "validation_loss": "validation loss",
    "validation_accuracy": "validation accuracy",
    "train_loss": "training loss",
    "train_accuracy": "training accuracy",
}
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
    """The chart of a study of one or two points, its caption, and what is known of their difference.

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
    sides = [_side(point.label, point.config, study.seeds, store, engine, metric) for point in study.points]
    with figures.unchecked():
        return {
            "chart": _curves(sides, metric, log_y, width),
            "caption": _caption(sides, metric, {data[point.config.data].stand_in for point in study.points}),
            "difference": _difference(sides[0], sides[1], metric, width) if len(sides) == 2 else None,
        }


def warm() -> None:
    """Draw and compare nothing: loading what both need takes a second, which the first chart then does not."""
    compare([0.0, 1.0], [1.0, 0.0])
    with figures.unchecked():
        _plane([Series("", np.arange(2), np.zeros((2, 2)))], 1, "", WIDE)


@dataclass(frozen=True, eq=False)
class Side:
    """What is stored of one setting: n seeds, at most E epochs."""

    label: str
    values: np.ndarray
    """(n, E + 1): a metric, NaN where there is no record and where a run has diverged."""
    last: np.ndarray
    """(n,): the last epoch that there is; -1 before any, E for a run that diverged."""
    diverged: np.ndarray
    """(n,): bool."""
    start: float
    """The largest validation loss before training; NaN before there is one."""

    @property
    def epochs(self) -> int:
        """E."""
        return int(self.values.shape[1] - 1)

    @property
    def ended(self) -> np.ndarray:
        """(n,): bool."""
        return np.asarray(self.last == self.epochs)


def _side(label: str, config: Config, seeds: Any, store: Store, engine: str, metric: str) -> Side:
    ids = [store.run_id(Run(config, seed), engine) for seed in seeds]
    stored = [number for number in ids if number is not None]
    losses, found = store.curves(stored, "validation_loss"), store.curves(stored, metric)
    values = np.full((len(ids), config.epochs + 1), np.nan)
    last, diverged = np.full(len(ids), -1), np.zeros(len(ids), bool)
    for row, number in enumerate(ids):
        if number is not None and number in losses and number in found:
            there = min(len(losses[number]), len(found[number]), config.epochs + 1)
            diverged[row] = np.isnan(losses[number][there - 1])  # a finite loss is what makes an epoch count
            kept = there - 1 if diverged[row] else there
            values[row, :kept] = found[number][:kept]
            last[row] = config.epochs if diverged[row] else there - 1
    return Side(label, values, last, diverged, max((curve[0] for curve in losses.values()), default=np.nan))


# ---- curves -------------------------------------------------------------------------------------------


def _curves(sides: list[Side], metric: str, log_y: bool, width: int = WIDE) -> dict[str, Any]:
    epochs = max(side.epochs for side in sides)
    names = _names([side.label for side in sides], LONGEST_NAME * width // WIDE)
    series = [
        line
        for name, side in zip(names, sides, strict=True)
        for line in _lines(name, side.values, side.last, side.diverged)
    ]
    roof = _roof(sides) if metric.endswith("loss") and not log_y else None
    unit = ", nats" if metric.endswith("loss") else ""
    chart = _plane(series, epochs, METRICS[metric] + unit, width, log_y=log_y, y_domain=roof)
    return _crossed(chart, names, sides)


def _crossed(chart: dict[str, Any], names: list[str], sides: list[Side]) -> dict[str, Any]:
    """The chart with a cross where each run that diverged was seen last."""
    domains = [layer["encoding"]["y"]["scale"]["domain"] for layer in chart["layer"] if "detail" in layer["encoding"]]
    if not domains:
        return chart  # nor is there a line
    hues, rows = layers.colours(names, ordered=False), []
    for name, side in zip(names, sides, strict=True):
        x = np.arange(side.epochs + 1)
        rows += layers.crosses(x, side.values[side.diverged], hues[name], domains[0])
    chart["layer"] += layers.extra(chart, [(rows, layers.CROSS)])
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
    """The runs that a mean is taken of, and those that only are thin lines beside it.

    With two or three seeds an interval would fill the plane and say nothing: the mean then comes without its band.
    """
    epochs = values.shape[1] - 1
    x, begun, within = np.arange(epochs + 1), last >= 0, _meant(last, diverged, epochs)
    means_to = float(last[within].min()) if within.any() else 0.0
    if 1 < within.sum() < wording.FEWEST:
        mean = Series(label, x, mean_band(values[within])[0], means_to)
        return [mean, _thin(label, x, values[begun])]
    mean = Series(label, x, values[within], means_to)
    return [mean, _thin(label, x, values[begun & ~within])] if (begun & ~within).any() else [mean]


def _meant(last: np.ndarray, diverged: np.ndarray, epochs: int) -> np.ndarray:
    """bool (seeds,): the runs that a mean is of: those at their end, or while there is none all on their way."""
    whole: np.ndarray = (last == epochs) & ~diverged
    return whole if whole.any() else (last >= 0) & ~diverged


def _thin(label: str, x: np.ndarray, rows: np.ndarray) -> Series:
    """Lines without a mean; with a row of nothing beside them, as a row alone would be drawn as one."""
    return Series(label, x, np.concatenate([rows, np.full((1, len(x)), np.nan)]), -1.0)


def _roof(sides: list[Side]) -> tuple[float, float] | None:
    """Where the plane ends if a loss runs away: else the chart chooses."""
    every = np.concatenate([side.values.ravel() for side in sides])
    every, start = every[np.isfinite(every)], max(side.start for side in sides)
    if not isfinite(start) or not len(every) or every.max() <= ROOF * start:
        return None
    low = min(float(every.min()), start)
    return low - 0.04 * (ROOF * start - low), ROOF * start


# ---- words --------------------------------------------------------------------------------------------


def _caption(sides: list[Side], metric: str, stand_ins: set[str]) -> str:
    """Where each setting ends or has come to, over how many seeds."""
    told = [_told(side) for side in sides]
    name = METRICS[metric][0].upper() + METRICS[metric][1:]
    seeds = len(sides[0].last)
    ended = min(int(side.ended.sum()) for side in sides)
    meant = min(int(_meant(side.last, side.diverged, side.epochs).sum()) for side in sides)
    so_far = f"n = {meant} of {wording.count(seeds, 'seed')} so far, {ended or 'none'} at the end"
    count = so_far if ended < seeds else wording.seeds(seeds)
    bands = ", bands its 95% interval" if meant >= wording.FEWEST else ""
    thin = f" Thin lines are seeds, thick ones their mean{bands}." if seeds > 1 else ""
    drawn = "".join(f" Drawn images stand in for {one}: this says nothing of it." for one in sorted(stand_ins - {""}))
    return f"{name}: {'; '.join(told)} ({count}).{thin}{drawn}"


def _told(side: Side) -> str:
    """ "lr 0.1 ends at .812 ± .003", "lr 10 diverged in 2 of 3 seeds and ends at 2.1"."""
    begun, ended = side.last >= 0, side.ended
    if not begun.any():
        return f"{side.label} has not begun"
    lost = int(side.diverged.sum())
    fate = f"diverged in {lost} of {wording.count(int(ended.sum()), 'seed')}" if lost else ""
    if lost == begun.sum():
        return f"{side.label} {fate}"
    within = _meant(side.last, side.diverged, side.epochs)
    epoch = int(side.last[within].min())
    value = wording.measured(mean_interval(side.values[within, epoch]))
    place = f"ends at {value}" if epoch == side.epochs else f"is at {value} after epoch {epoch}"
    return f"{side.label} {f'{fate}, else {place}' if fate else place}"


# ---- the difference -----------------------------------------------------------------------------------


def _difference(a: Side, b: Side, metric: str, width: int = WIDE) -> dict[str, Any]:
    """B - A, seed by seed, up to the last epoch that both are asked for."""
    epochs = min(a.epochs, b.epochs)
    reach = np.minimum(np.minimum(a.last, b.last), epochs)
    each = b.values[:, : epochs + 1] - a.values[:, : epochs + 1]
    look: dict[str, Any] = {"y_rules": [(0.0, "")], "height": 150, "among": ["A", "B", "B − A"]}
    lines = _lines("B − A", each, reach, a.diverged | b.diverged)
    chart = _plane(lines, epochs, f"difference in {METRICS[metric]}, B − A", width, **look)
    found, epoch = _compared(a, b, reach, epochs, metric)
    facts: dict[str, Any] = {"low": None, "high": None, "estimate": None, "n": 0, "epoch": epoch}
    if found:
        facts |= {"low": found.low, "high": found.high, "estimate": found.estimate, "n": found.n}
    return {"chart": chart, "sentence": _sentence(a, b, found, epoch, metric), **facts}


def _compared(a: Side, b: Side, reach: np.ndarray, epochs: int, metric: str) -> tuple[Comparison | None, int]:
    """B against A at the last epoch that all pairs have which enter a mean; a run that diverged is the worst there is.

    None where no pair has anything to compare: before training there is no training loss.
    """
    within = (reach == epochs) if (reach == epochs).any() else (reach >= 0)
    epoch = int(reach[within].min()) if within.any() else 0
    if not within.any() or (epoch == 0 and metric.startswith("train")):
        return None, epoch
    rising = metric.endswith("accuracy")
    left, right = (metrics.worst(side.values[within, epoch], rising=rising) for side in (b, a))
    return compare(left, right), epoch


def _sentence(a: Side, b: Side, found: Comparison | None, epoch: int, metric: str) -> str:
    if found is None:
        return "No seed of both settings has come so far that they could be compared."
    seeds = len(a.last)
    over = wording.count(found.n, "seed") if found.n == seeds else f"{found.n} of {wording.count(seeds, 'seed')} so far"
    amount = f"{_signed(found)} {_interval(found)}".strip()
    median = " (the median, as runs diverged)" if found.method == "ranks" else ""
    better = "better" if (found.decision == "above") == metric.endswith("accuracy") else "worse"
    verdict = {
        "too few": f". Fewer than {FEWEST} decide nothing",
        "open": ": not settled",
        "above": f": {b.label} is above, which is {better}",
        "below": f": {b.label} is below, which is {better}",
    }[found.decision]
    what = f"After epoch {epoch} the {METRICS[metric]} of {b.label} minus that of {a.label}"
    return f"{what} is {amount}{median} over {over}{verdict}."


def _signed(found: Comparison) -> str:
    """The estimate with as many digits as its interval allows, and its sign."""
    if not isfinite(found.estimate):
        return wording.fixed(found.estimate, 0)
    sure = isfinite(found.low) and isfinite(found.high)
    text = wording.fixed(found.estimate, wording.decimals_for((found.high - found.low) / 2)) if sure else ""
    text = text or wording.rounded(found.estimate)
    return f"+{text}" if found.estimate > 0 and any(digit in text for digit in "123456789") else text


def _interval(found: Comparison) -> str:
    """The 95% interval, where two seeds or more give one."""
    text = wording.interval(found.low, found.high)
    return "" if text == "–" else text
