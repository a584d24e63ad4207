# SPDX-License-Identifier: Apache-2.0
"""How a training stands, as plain data: what runs, what is done, how fast, how long still. It prints nothing.

A run is one trajectory: asked for by several studies, or at several lengths, it is shown once. The board is filled by
whoever trains, record by record, or from a store that another process fills.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from shoal.engines import EpochRecord
from shoal.pace import Epochs, Pace, work
from shoal.plan import Progress, Task
from shoal.store.rows import NewRecord, RunRow, StoredStudy
from shoal.study import Config, Run, Study

TICKS_PER_EPOCH = 4
SPARKS = "▁▂▃▄▅▆▇█"


@dataclass
class Cell:
    """One run at a glance."""

    study: str
    label: str
    """Its grid values: ``"sigmoid, lr 0.9, avg"``."""
    seed: int
    like: Hashable = None
    """An epoch of runs that have the same takes as long."""
    work: float = 1.0
    """About how long an epoch takes, in whatever all cells of a board share."""
    done: int = 0
    """Epochs."""
    total: int = 0
    running: bool = False
    diverged: bool = False
    stopped: bool = False
    """By early stopping."""
    may_stop: bool = False
    """Whether early stopping may end it: news from a store do not say whether it did."""
    diverged_at: int | None = None
    """The step, where it is known."""
    loss: float = float("nan")
    accuracy: float = float("nan")
    trail: list[float] = field(default_factory=list)
    """Mean training loss, a few values an epoch; one an epoch where it was read from a store."""

    @property
    def name(self) -> str:
        """``"relu-max · sigmoid, lr 0.9, avg · seed 2"``; a label that only repeats the study is left out."""
        label = "" if self.label == self.study else printable(self.label)
        return " · ".join(part for part in (self.study, label, f"seed {self.seed}") if part)

    @property
    def left(self) -> Epochs:
        """What is still to be trained of it."""
        return Epochs(self.like, self.work, 0 if self.ended else self.total - self.done)

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

    def __init__(
        self,
        studies: Iterable[Study] = (),
        seeds: Sequence[int] | None = None,
        progress: Mapping[str, Progress] | None = None,
    ) -> None:
        self.cells: dict[str, Cell] = {}
        self.rows: list[tuple[str, dict[int, list[Cell]]]] = []
        for study in studies:
            self.rows.append((study.name, self._row(study, seeds, progress or {})))
        self.pace = Pace()
        self.note = ""
        """A few words to add to how far it is."""
        self._keys: dict[Run, str] = {}
        self._stored: dict[int, Cell] = {}
        self._known: dict[int, int] = {}
        self.stale = False
        """Whether a store has to be read again with `fill`: news alone did not tell all."""

    # ---- of a training in this process ----------------------------------------------------------------

    def _row(
        self, study: Study, seeds: Sequence[int] | None, progress: Mapping[str, Progress]
    ) -> dict[int, list[Cell]]:
        row: dict[int, list[Cell]] = {}
        works = [work(point.config) for point in study.points]
        for seed in study.seeds if seeds is None else seeds:
            for point, each in zip(study.points, works, strict=True):
                run, label = Run(point.config, seed), told(point.values)
                cell = self.cells.get(run.trajectory)
                if cell is None:
                    stored = progress.get(run.trajectory, Progress(0))
                    cell = Cell(study.name, label, seed, (run.config.model.name, run.config.batch_size), each)
                    cell.done, cell.diverged, cell.stopped = stored.epochs, stored.diverged, stored.stopped
                    self.cells[run.trajectory] = cell
                    row.setdefault(seed, []).append(cell)
                if run.config.epochs > cell.total:
                    cell.label, cell.total = label, run.config.epochs
        return row

    def plan(self, tasks: Sequence[Task]) -> None:
        """What will be trained: a run that must make up for weights starts over here as well."""
        for task in tasks:
            cell = self.cells[task.run.trajectory]
            cell.done, cell.diverged, cell.stopped = task.start, False, False
            cell.total = task.run.config.epochs
        self.pace.start()

    def record(self, record: EpochRecord) -> Cell:
        """One more epoch of one run, which is given back."""
        cell = self.cells[self._keys.setdefault(record.run, record.run.trajectory)]
        self._advance(cell, record, record.stopped)
        if record.epoch:
            cell.trail += [
                float(part.mean()) for part in np.array_split(record.step_losses, TICKS_PER_EPOCH) if len(part)
            ]
        self._hear(cell, record)
        return cell

    # ---- of a store that another process fills --------------------------------------------------------

    def fill(self, studies: Iterable[StoredStudy], runs: Iterable[RunRow], others: bool = True) -> None:
        """What a store has: a mark for every run that a study asked for, and for those that none did.

        May be called again when there is more: what was learnt since stays.

        Args:
            others: whether to show the runs that no study asked for, by data set and model.
        """
        found: dict[str, list[RunRow]] = defaultdict(list)
        for row in runs:
            found[row.trajectory].append(row)
            self._known[row.id] = row.epochs
        cells: dict[str, Cell] = {}
        rows = [(study.name, self._asked(study, cells)) for study in studies]
        if others:
            rows += self._unasked([same[-1] for name, same in found.items() if name not in cells], cells)
        for trajectory, cell in cells.items():
            for row in found.get(trajectory, ()):
                self._stand(cell, row)
        self.cells, self.rows, self.stale = cells, rows, False  # at last: another thread may be drawing it

    def _asked(self, study: StoredStudy, cells: dict[str, Cell]) -> dict[int, list[Cell]]:
        row: dict[int, list[Cell]] = {}
        for seed in study.seeds:
            for point in (point for point in study.points if seed in point.seeds):
                trajectory = point.run(seed)
                if trajectory not in cells:
                    cells[trajectory] = self.cells.get(trajectory) or Cell(study.name, told(point.values), seed)
                    cells[trajectory].study, cells[trajectory].like = study.name, point.trajectory
                    row.setdefault(seed, []).append(cells[trajectory])
                if point.epochs > cells[trajectory].total:
                    cells[trajectory].label, cells[trajectory].total = told(point.values), point.epochs
        return row

    def _unasked(self, runs: Sequence[RunRow], cells: dict[str, Cell]) -> list[tuple[str, dict[int, list[Cell]]]]:
        configs = {id(row.config): row.config for row in runs}  # runs that have the same config share it
        decoded = {key: msgspec.convert(config, Config) for key, config in configs.items()}
        groups: dict[str, dict[int, list[Cell]]] = defaultdict(lambda: defaultdict(list))
        for row in runs:
            config = decoded[id(row.config)]
            name, like = printable(f"{config.data} · {config.model.name}"), (config.model.name, config.batch_size)
            label = f"{type(config.optimizer).__name__} lr {config.optimizer.lr:g}, batch size {config.batch_size}"
            cell = self.cells.get(row.trajectory) or Cell(name, label, row.seed, like)
            cell.total = max(cell.total, row.epochs)
            cells[row.trajectory] = cell
            groups[name][row.seed].append(cell)
        return list(groups.items())

    def _stand(self, cell: Cell, row: RunRow) -> None:
        """A run as its row in the store tells it."""
        cell.done, cell.loss, cell.accuracy = row.epoch, row.validation_loss, row.validation_accuracy
        cell.diverged, cell.diverged_at, cell.stopped = row.diverged_at is not None, row.diverged_at, row.stopped
        cell.may_stop = row.config.get("early_stopping") is not None
        cell.running = cell.running and not cell.ended
        if row.epoch and row.id not in self._stored:
            self.pace.learn(cell.left, row.seconds / row.epoch)
        self._stored[row.id] = cell

    def news(self, record: NewRecord) -> Cell | None:
        """One more epoch that somebody stored, and of which run; None of a run that is not on the board."""
        cell = self._stored.get(record.run)
        self.stale |= record.epochs > self._known.get(record.run, 0) or (cell is not None and cell.may_stop)
        if cell is None:
            return None
        self._advance(cell, record, stopped=False)
        if record.epoch:
            cell.trail.append(record.train_loss)
        self._hear(cell, record)
        return cell

    # ---- of both --------------------------------------------------------------------------------------

    def _advance(self, cell: Cell, record: EpochRecord | NewRecord, stopped: bool) -> None:
        cell.diverged, cell.diverged_at, cell.stopped = record.diverged_at is not None, record.diverged_at, stopped
        cell.done, cell.loss, cell.accuracy = record.epoch, record.validation_loss, record.validation_accuracy
        cell.running = not cell.ended

    def _hear(self, cell: Cell, record: EpochRecord | NewRecord) -> None:
        if record.epoch:
            self.pace.add(cell.left, record.seconds)
        else:
            self.pace.hear(record.seconds)

    @property
    def running(self) -> list[Cell]:
        return [cell for cell in self.cells.values() if cell.running]

    @property
    def epochs(self) -> tuple[int, int]:
        """Done, and in all; a run that diverged or was stopped early is done."""
        done = sum(cell.total if cell.ended else cell.done for cell in self.cells.values())
        return done, sum(cell.total for cell in self.cells.values())

    @property
    def left(self) -> float | None:
        """Seconds until the end, None before there is anything to judge by; early stopping may end it sooner."""
        return self.pace.left(cell.left for cell in self.cells.values())


def told(values: Mapping[str, Any]) -> str:
    """Grid values for people: words speak for themselves, numbers need their name."""
    return ", ".join(
        value if isinstance(value, str) else f"{name.replace('_', ' ')} {value}" for name, value in values.items()
    )


def printable(text: str) -> str:
    """Text whose control characters no terminal will obey: they may have come with a store."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


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
