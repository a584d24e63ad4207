# SPDX-License-Identifier: Apache-2.0
"""What is stored of a training's settings, as arrays, and their comparison seed by seed. It draws nothing.

Means are never over runs of which some have ended and others not: while none has ended they go as far as all that have
begun, and from then on only runs that have ended have a part in them. Runs that diverged have none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shoal.analysis import metrics
from shoal.analysis.comparison import Comparison, compare
from shoal.store import Store
from shoal.study import Point, Run

METRICS = {
    "validation_loss": "validation loss",
    "validation_accuracy": "validation accuracy",
    "train_loss": "training loss",
    "train_accuracy": "training accuracy",
}


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

    @property
    def begun(self) -> bool:
        """Whether there is anything to draw of it: a value, or where a run was lost."""
        return bool(np.isfinite(self.values).any() or self.diverged.any())

    @property
    def meant(self) -> np.ndarray:
        """(n,): bool: the runs that a mean is of: those at their end, or while there is none all on their way."""
        return meant(self.last, self.diverged, self.epochs)


def meant(last: np.ndarray, diverged: np.ndarray, epochs: int) -> np.ndarray:
    """bool (n,): of so many seeds' last epochs, those that enter a mean."""
    whole: np.ndarray = (last == epochs) & ~diverged
    return whole if whole.any() else (last >= 0) & ~diverged


def read(point: Point, seeds: Iterable[int], store: Store, engine: str, metric: str) -> Side:
    """A setting as far as its runs are stored.

    Args:
        engine: by whose name they are.
        metric: one of `METRICS`.
    """
    ids = [store.run_id(Run(point.config, seed), engine) for seed in seeds]
    stored = [number for number in ids if number is not None]
    losses, found = store.curves(stored, "validation_loss"), store.curves(stored, metric)
    values = np.full((len(ids), point.config.epochs + 1), np.nan)
    last, diverged = np.full(len(ids), -1), np.zeros(len(ids), bool)
    for row, number in enumerate(ids):
        if number is not None and number in losses and number in found:
            there = min(len(losses[number]), len(found[number]), point.config.epochs + 1)
            diverged[row] = np.isnan(losses[number][there - 1])  # a finite loss is what makes an epoch count
            kept = there - 1 if diverged[row] else there
            values[row, :kept] = found[number][:kept]
            last[row] = point.config.epochs if diverged[row] else there - 1
    return Side(point.label, values, last, diverged, max((curve[0] for curve in losses.values()), default=np.nan))


@dataclass(frozen=True, eq=False)
class Pairs:
    """Two settings, paired by seed, up to the last epoch that both are asked for."""

    a: Side
    b: Side
    metric: str

    @property
    def epochs(self) -> int:
        """E: of the shorter one."""
        return min(self.a.epochs, self.b.epochs)

    @property
    def reach(self) -> np.ndarray:
        """(n,): the last epoch that both of a pair have; -1 before any."""
        return np.asarray(np.minimum(np.minimum(self.a.last, self.b.last), self.epochs))

    @property
    def each(self) -> np.ndarray:
        """(n, E + 1): B - A, NaN where a side has no value."""
        return np.asarray(self.b.values[:, : self.epochs + 1] - self.a.values[:, : self.epochs + 1])

    @property
    def broken(self) -> np.ndarray:
        """(n,): bool: the pairs of which a run diverged."""
        return np.asarray(self.a.diverged | self.b.diverged)

    @property
    def compared(self) -> np.ndarray:
        """(n,): bool: the pairs at their end, or while there is none all on their way."""
        whole: np.ndarray = self.reach == self.epochs
        return whole if whole.any() else self.reach >= 0

    @property
    def epoch(self) -> int:
        """The last one that all pairs have which are compared; 0 if there are none."""
        return int(self.reach[self.compared].min()) if self.compared.any() else 0

    @cached_property
    def comparison(self) -> Comparison | None:
        """B against A at `epoch`; a run that diverged is the worst there is.

        None where no pair has anything to compare: before training there is no training loss.
        """
        if not self.compared.any() or (self.epoch == 0 and self.metric.startswith("train")):
            return None
        rising = self.metric.endswith("accuracy")
        left, right = (
            metrics.worst(side.values[self.compared, self.epoch], rising=rising) for side in (self.b, self.a)
        )
        return compare(left, right)
