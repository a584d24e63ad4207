# SPDX-License-Identifier: Apache-2.0
"""The sentences below a chart, composed from what it shows: what is lowest, of how many seeds, what was left out."""

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from shoal import wording
from shoal.analysis.statistics import mean_interval
from shoal.live.watching.gathering import Watched
from shoal.live.watching.grouping import MOST, Grouping
from shoal.live.watching.lines import Axis, Lines, means

if TYPE_CHECKING:
    from shoal.figures import Series

METRICS = {
    "validation_loss": "validation loss",
    "validation_accuracy": "validation accuracy",
    "train_loss": "training loss",
    "train_accuracy": "training accuracy",
    "seconds": "seconds per epoch",
}
AXES: dict[Axis, str] = {"epochs": "epoch", "steps": "step", "seconds": "seconds of training"}


class Shown(NamedTuple):
    """What a chart shows."""

    study: Watched
    grouping: Grouping
    lines: Sequence[Lines]
    metric: str
    axis: Axis
    smooth: float
    stamp: str = ""
    every: Sequence["Series"] = ()
    """The losses of all steps, where those are drawn."""


def caption(shown: Shown) -> str:
    """What there is to see, in a few sentences."""
    if not shown.lines:
        return "No run of this study has begun."
    if not any(means(one) for one in shown.lines):
        return f"There is no {METRICS[shown.metric]} before the first epoch has ended."
    parts = [
        _opening(shown),
        _best(shown),
        *(_by_step(shown) if shown.every else _over_seeds(shown)),
        _left_out(shown),
        _smoothing(shown),
        _sentence(shown.stamp),
    ]
    return " ".join(part for part in parts if part)


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}." if words else ""


def _opening(shown: Shown) -> str:
    each = f", a line for each {shown.grouping.noun}" if len(shown.lines) > 1 else ""
    return _sentence(f"{METRICS[shown.metric]} by {AXES[shown.axis].removesuffix(' of training')}{each}")


def _best(shown: Shown) -> str:
    """Which line ends best, with its interval: "Lowest in the end: lr 0.1, .43 ± .01"; nothing of a single line."""
    ends = [(one, points[-1]) for one in shown.lines if (points := means(one)) and isfinite(points[-1].mean)]
    if len(ends) < 2 or not any(point.epoch for _, point in ends):
        return ""
    high = shown.metric.endswith("accuracy")
    best, point = max(ends, key=lambda end: end[1].mean if high else -end[1].mean)
    summary = mean_interval(best.values[best.averaged, point.epoch])
    when = "in the end" if all(one.whole.all() for one in shown.lines) else "so far"
    return f"{'Highest' if high else 'Lowest'} {when}: {best.label}, {wording.measured(summary)}."


def _over_seeds(shown: Shown) -> list[str]:
    return [_strokes(shown.lines), _averaged(shown.lines), _on_their_way(shown.lines), _diverged(shown), _clock(shown)]


def _strokes(lines: Sequence[Lines]) -> str:
    counts = sorted({int(one.averaged.sum()) for one in lines})
    n = wording.seeds(counts[-1]) if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]} seeds"
    if counts[-1] == 1:
        return f"Single runs, without a band; {n}."
    bands = f", bands{_from_enough(counts)} 95% intervals" if counts[-1] >= wording.FEWEST else ""
    return f"Thin lines are seeds, thick ones their means{bands}; {n}."


def _from_enough(counts: Sequence[int]) -> str:
    """What is to be said of groups of very few seeds beside others."""
    return f", from {wording.FEWEST} seeds on," if counts[0] < wording.FEWEST else ""


def _averaged(lines: Sequence[Lines]) -> str:
    configs = sorted({one.configs for one in lines})
    if configs[-1] < 2:
        return ""
    many = str(configs[0]) if len(configs) == 1 else f"{configs[0]} to {configs[-1]}"
    return f"The line of a seed is the mean of {many} configurations: the seed is the replicate."


def _on_their_way(lines: Sequence[Lines]) -> str:
    """What unfinished runs are to the means."""
    beside = sum(int((~one.whole & ~one.averaged).sum()) for one in lines)
    among = [one for one in lines if (~one.whole & one.averaged).any()]
    told = []
    if beside:
        are = "line is" if beside == 1 else "lines are"
        told.append(f"{beside} thin {are} of runs that have not ended, and not in the means.")
    if not any(one.means_to for one in lines):
        told.append("No epoch has ended yet: this is before training.")
    elif any(len(one.seeds) > 1 for one in among):
        told.append("Where no run has ended, the mean goes as far as all its seeds have come.")
    return " ".join(told)


def _diverged(shown: Shown) -> str:
    count = sum(one.status == "diverged" for group in shown.grouping.groups for one in group.replicates)
    if not count:
        return ""
    line = "its line ends" if count == 1 else "their lines end"
    return f"{wording.count(count, 'run')} diverged: {line} with a ×, and the mean is of the others, if there are any."


def _clock(shown: Shown) -> str:
    if shown.axis == "seconds":
        return "An epoch is drawn at the mean time at which its runs reached it."
    mixed = shown.axis == "steps" and any(one.configs > 1 for one in shown.lines)
    return "An epoch is drawn at the mean number of steps in which its configurations reached it." if mixed else ""


def _by_step(shown: Shown) -> list[str]:
    from shoal.figures import steps_note

    counts = sorted({len(one.seeds) for one in shown.every})
    n = wording.seeds(counts[-1]) if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]} seeds"
    lost = sum(one.status == "diverged" for group in shown.grouping.groups for one in group.replicates)
    without = f"{wording.count(lost, 'run')} that diverged {'is' if lost == 1 else 'are'} left out." if lost else ""
    note = steps_note(max(len(one.x) for one in shown.every)) or "Every step is a point, averaged over seeds."
    on_their_way = any(one.status == "unfinished" for group in shown.grouping.groups for one in group.replicates)
    shortest = "Lines end with the shortest of their runs." if on_their_way else ""
    return [note, shortest, without, f"{n[0].upper()}{n[1:]}."]


def _left_out(shown: Shown) -> str:
    told = []
    if shown.grouping.left_out:
        order = "highest" if shown.metric.endswith("accuracy") else "lowest"
        every = len(shown.grouping.groups) + shown.grouping.left_out
        told.append(f"Shown are the {MOST} of {every:,} whose last {METRICS[shown.metric]} is {order}.")
    lacking = sum(one.lacking for one in shown.lines)
    if lacking:
        told.append(f"{wording.count(lacking, 'line')} of seeds that lack some of the configurations are left out.")
    beyond = max(one.beyond for one in shown.lines)
    if beyond:
        seeds = max(len(one.seeds) for one in shown.lines)
        told.append(f"Lines, means and bands are of the first {seeds} seeds: more lines could not be told apart.")
    return " ".join(told)


def _smoothing(shown: Shown) -> str:
    if not shown.smooth:
        return ""
    rest = f"{1 - shown.smooth:.2g}"
    return (
        f"Lines are smoothed (exponential moving average): a point is {shown.smooth:g} of the point before and {rest} "
        f"of its own value. What a point says when pointed at, and the numbers below, are not smoothed."
    )
