# SPDX-License-Identifier: Apache-2.0
"""How a training stands, as plain data: what runs, what is done, how fast, how long still. It prints nothing.

A run is one trajectory: asked for by several studies, or at several lengths, it is shown once.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import numpy as np

from shoal.engines import EpochRecord
from shoal.plan import Progress, Task
from shoal.study import Run, Study

TICKS_PER_EPOCH = 4
SPARKS = "▁▂▃▄▅▆▇█"


@dataclass
class Cell:
    """One run at a glance."""

    study: str
    label: str
    """Its grid values: ``"sigmoid, lr 0.9, avg"``."""
    run: Run
    done: int = 0
    """Epochs."""
    total: int = 0
    running: bool = False
    diverged: bool = False
    stopped: bool = False
    """By early stopping."""
    loss: float = float("nan")
    accuracy: float = float("nan")
    trail: list[float] = field(default_factory=list)
    """Mean training loss, a few values an epoch."""

    @property
    def name(self) -> str:
        """``"relu-max · sigmoid, lr 0.9, avg · seed 2"``; a label that only repeats the study is left out."""
        label = "" if self.label == self.study else self.label
        return " · ".join(part for part in (self.study, label, f"seed {self.run.seed}") if part)

    @property
    def ended(self) -> bool:
        """Whether there are no more epochs to come."""
        return self.diverged or self.stopped or self.done >= self.total

    @property
    def mark(self) -> str:
        """· waiting, ○◔◑◕ on its way, ● done, × diverged."""
        if self.diverged:
            return "×"
        if self.ended:
            return "●"
        return "○◔◑◕"[4 * self.done // self.total] if self.running or self.done else "·"


class Board:
    """All runs of some studies, and how fast they go.

    Args:
        studies: in the order to show; their configs name the data that is really trained on.
        seeds: replicates asked for; None for each study's own.
        progress: what the store had before, by trajectory.
    """

    def __init__(self, studies: Iterable[Study], seeds: Sequence[int] | None, progress: Mapping[str, Progress]) -> None:
        self.cells: dict[str, Cell] = {}
        self.rows: list[tuple[str, dict[int, list[Cell]]]] = []
        for study in studies:
            self.rows.append((study.name, self._row(study, seeds, progress)))
        self.begun = self.latest = monotonic()
        self.trained = 0
        """Epochs trained since then."""
        self._busy = 0.0
        self._costs: dict[tuple[str, int], _Mean] = defaultdict(_Mean)
        self._per_work = _Mean()
        self._keys: dict[Run, str] = {}

    def _row(
        self, study: Study, seeds: Sequence[int] | None, progress: Mapping[str, Progress]
    ) -> dict[int, list[Cell]]:
        row: dict[int, list[Cell]] = {}
        for seed in study.seeds if seeds is None else seeds:
            for point in study.points:
                run, label = Run(point.config, seed), _told(point.values)
                cell = self.cells.get(run.trajectory)
                if cell is None:
                    stored = progress.get(run.trajectory, Progress(0))
                    cell = Cell(study.name, label, run, stored.epochs, diverged=stored.diverged, stopped=stored.stopped)
                    self.cells[run.trajectory] = cell
                    row.setdefault(seed, []).append(cell)
                if run.config.epochs > cell.total:
                    cell.label, cell.run, cell.total = label, run, run.config.epochs
        return row

    def plan(self, tasks: Sequence[Task]) -> None:
        """What will be trained: a run that must make up for weights starts over here as well."""
        for task in tasks:
            cell = self.cells[task.run.trajectory]
            cell.done, cell.diverged, cell.stopped = task.start, False, False
            cell.total = task.run.config.epochs
        self.begun = self.latest = monotonic()

    def record(self, record: EpochRecord) -> None:
        """One more epoch of one run."""
        cell = self.cells[self._keys.setdefault(record.run, record.run.trajectory)]
        cell.diverged, cell.stopped = record.diverged_at is not None, record.stopped
        cell.done, cell.loss, cell.accuracy = record.epoch, record.validation_loss, record.validation_accuracy
        cell.running = not cell.ended
        if record.epoch:
            cell.trail += [
                float(part.mean()) for part in np.array_split(record.step_losses, TICKS_PER_EPOCH) if len(part)
            ]
            self._learn(record)

    def _learn(self, record: EpochRecord) -> None:
        config = record.run.config
        self.trained, self.latest = self.trained + 1, monotonic()
        self._busy += record.seconds
        self._costs[config.model.name, config.batch_size].add(record.seconds)
        self._per_work.add(record.seconds / config.model.training_flops)

    @property
    def running(self) -> list[Cell]:
        return [cell for cell in self.cells.values() if cell.running]

    @property
    def epochs(self) -> tuple[int, int]:
        """Done, and in all; a run that diverged or was stopped early is done."""
        done = sum(cell.total if cell.ended else cell.done for cell in self.cells.values())
        return done, sum(cell.total for cell in self.cells.values())

    @property
    def rate(self) -> float:
        """Epochs a second from the beginning of training to the latest of them."""
        return self.trained / max(self.latest - self.begun, 1e-9)

    @property
    def left(self) -> float | None:
        """Seconds until the end, None before there is anything to judge by.

        Epochs that are left are weighed by what their like have taken, or by their operations. Early stopping may end
        it sooner.
        """
        if not self._busy:
            return None
        todo = sum((cell.total - cell.done) * self._cost(cell) for cell in self.cells.values() if not cell.ended)
        return todo * (self.latest - self.begun) / self._busy

    def _cost(self, cell: Cell) -> float:
        if cell.done >= cell.total:
            return 0.0
        config = cell.run.config
        like = self._costs.get((config.model.name, config.batch_size))
        return like.value if like else config.model.training_flops * self._per_work.value


def _told(values: Mapping[str, Any]) -> str:
    """Grid values for people: words speak for themselves, numbers need their name."""
    return ", ".join(
        value if isinstance(value, str) else f"{name.replace('_', ' ')} {value}" for name, value in values.items()
    )


class _Mean:
    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, value: float) -> None:
        self.total, self.count = self.total + value, self.count + 1

    @property
    def value(self) -> float:
        return self.total / self.count


def sparkline(values: Sequence[float], width: int) -> str:
    """Values as one line of bars, from their least to their greatest; a mean where there are more than ``width``."""
    finite = np.asarray([value for value in values if np.isfinite(value)])
    if not len(finite):
        return ""
    parts = np.array([part.mean() for part in np.array_split(finite, min(width, len(finite)))])
    spread = parts.max() - parts.min()
    heights = (parts - parts.min()) / spread * (len(SPARKS) - 1) if spread > 0 else np.zeros(len(parts))
    return "".join(SPARKS[round(height)] for height in heights)


def duration(seconds: float) -> str:
    """``"8 s"``, ``"1 min 12 s"``, ``"2 h 5 min"``."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
