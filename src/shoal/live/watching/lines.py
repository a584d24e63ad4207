# SPDX-License-Identifier: Apache-2.0
"""The lines of a group: one for each seed, over epochs. The seed is the replicate: several configurations of one
seed are averaged first. Nothing is drawn here, and nothing is guessed where a run has not come to.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from shoal import wording
from shoal.analysis.statistics import mean_band
from shoal.live.watching.gathering import Replicate
from shoal.live.watching.grouping import Group

Axis = Literal["epochs", "steps", "seconds"]
Curves = Mapping[int, np.ndarray]
"""A metric of runs by their number, (epochs + 1,) each, as `Store.curves` gives them."""


@dataclass(frozen=True, eq=False)
class Lines:
    """One group as arrays: n seeds, E epochs at most."""

    label: str
    seeds: tuple[int, ...]
    x: np.ndarray
    """(E + 1,): where each epoch stands on the axis."""
    values: np.ndarray
    """(n, E + 1): NaN where a run of the seed has not come to, or has diverged."""
    reach: np.ndarray
    """(n,): the last epoch of each line."""
    whole: np.ndarray
    """bool (n,): whether all its runs have ended."""
    diverged: np.ndarray
    """bool (n,): whether one of its runs has diverged."""
    configs: int
    """Configurations that each line is the mean of."""
    lacking: int = 0
    """Seeds that are left out, since they lack some of these configurations."""
    beyond: int = 0
    """Seeds that are left out, since they would be too many lines."""

    @property
    def averaged(self) -> np.ndarray:
        """bool (n,): the lines of which mean and band are taken: those that have come to their end; while there are
        none, those on their way; if all have diverged, all.

        A mean of runs that came to different epochs would jump wherever one of them ends.
        """
        ended, on_their_way = self.whole & ~self.diverged, ~self.whole & ~self.diverged
        return ended if ended.any() else on_their_way if on_their_way.any() else np.ones_like(self.whole)

    @property
    def means_to(self) -> int:
        """The last epoch that all of these have."""
        return int(self.reach[self.averaged].min(initial=len(self.x) - 1))


def lines(group: Group, curves: Curves, seconds: Curves, steps: Mapping[str, int], axis: Axis, most: int) -> Lines:
    """A group's lines.

    Args:
        curves: the metric that is shown.
        seconds: of each epoch; needed for the axis of seconds only.
        steps: minibatches an epoch by the key of a setup; needed for the axis of steps only.
        most: seeds at most.
    """
    kept, lacking, beyond = chosen(group, most)
    length = min((setup.epochs for setup in group.setups), default=0)
    rows = [_mean([_course(one, curves, length) for one in runs]) for runs in kept.values()]
    found = Lines(
        group.label,
        tuple(kept),
        np.arange(length + 1, dtype=np.float64),
        np.array(rows, np.float64).reshape(len(rows), length + 1),
        np.array([min(_reach(one, length) for one in runs) for runs in kept.values()], np.int64),
        np.array([all(one.ended for one in runs) for runs in kept.values()], bool),
        np.array([any(one.status == "diverged" for one in runs) for runs in kept.values()], bool),
        max((len(runs) for runs in kept.values()), default=0),
        lacking,
        beyond,
    )
    if axis == "epochs":
        return found
    return replace(found, x=_steps(group, steps, length) if axis == "steps" else _clock(found, kept, seconds))


def chosen(group: Group, most: int) -> tuple[dict[int, list[Replicate]], int, int]:
    """The seeds to show with their runs; how many lack some configuration, and how many are too many."""
    runs: defaultdict[int, list[Replicate]] = defaultdict(list)
    for one in group.replicates:
        runs[one.seed].append(one)
    full = max((len(of_seed) for of_seed in runs.values()), default=0)
    complete = [seed for seed in sorted(runs) if len(runs[seed]) == full]
    shown = complete[:most]
    return {seed: runs[seed] for seed in shown}, len(runs) - len(complete), len(complete) - len(shown)


def _reach(one: Replicate, length: int) -> int:
    """The last epoch that a line can go to: a diverged epoch means nothing."""
    return min(one.done - (one.status == "diverged"), length)


def _course(one: Replicate, curves: Curves, length: int) -> np.ndarray:
    """(length + 1,): a run's values as far as it has come, then NaN."""
    course = np.full(length + 1, np.nan)
    stored = curves.get(one.row.id if one.row else 0, np.empty(0))[: _reach(one, length) + 1]
    course[: len(stored)] = stored
    return course


def _mean(courses: Sequence[np.ndarray]) -> np.ndarray:
    """Of all of them, only where all of them are."""
    return np.asarray(np.mean(courses, axis=0))


def _steps(group: Group, steps: Mapping[str, int], length: int) -> np.ndarray:
    """Steps done after each epoch, on average over the group's configurations."""
    known = [steps[setup.key] for setup in group.setups if setup.key in steps]
    return np.arange(length + 1) * (float(np.mean(known)) if known else np.nan)


def _clock(found: Lines, kept: Mapping[int, Sequence[Replicate]], seconds: Curves) -> np.ndarray:
    """Seconds of training done after each epoch, on average over the runs that the mean is of; NaN beyond."""
    length = len(found.x) - 1
    runs = [one for runs, of_mean in zip(kept.values(), found.averaged, strict=True) if of_mean for one in runs]
    every = np.array([_course(one, seconds, length) for one in runs]).reshape(len(runs), length + 1)
    return np.asarray(np.cumsum(every, axis=1).mean(axis=0)) if len(runs) else np.full(length + 1, np.nan)


def smoothed(values: np.ndarray, factor: float) -> np.ndarray:
    """The exponential moving average along rows (n, E): factor times the point before plus the rest of its own.

    It begins with the first value there is, and ends where the values end.
    """
    if not factor:
        return values
    result, before = np.array(values), np.full(len(values), np.nan)
    for column in range(values.shape[1]):
        own = values[:, column]
        result[:, column] = before = np.where(np.isnan(before), own, factor * before + (1 - factor) * own)
    return result


class Mean(NamedTuple):
    """One point of a thick line."""

    epoch: int
    x: float
    mean: float
    low: float
    high: float
    n: int


def means(one: Lines) -> list[Mean]:
    """The points of a group's thick line, with 95% intervals over its seeds (NaN where they are too few for one)."""
    rows = one.values[one.averaged, : one.means_to + 1]
    mean, low, high = (line.tolist() for line in mean_band(rows))
    counts, x = np.isfinite(rows).sum(axis=0).tolist(), one.x.tolist()
    points = [Mean(epoch, x[epoch], mean[epoch], low[epoch], high[epoch], n) for epoch, n in enumerate(counts)]
    return [
        point if point.n >= wording.FEWEST else point._replace(low=np.nan, high=np.nan) for point in points if point.n
    ]


def trained_only(one: Lines) -> Lines:
    """Without the epoch before training."""
    return replace(one, values=np.where(np.arange(len(one.x)) > 0, one.values, np.nan))
