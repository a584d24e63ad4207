# SPDX-License-Identifier: Apache-2.0
"""What is still to do: the runs asked for, minus what is finished. Pure; it trains, reads and writes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shoal.study import Run


@dataclass(frozen=True)
class Progress:
    """How far a trajectory has come in the store."""

    epochs: int
    diverged: bool = False
    stopped: bool = False
    """By early stopping, after ``epochs``."""

    @property
    def ended(self) -> bool:
        """Whether there is no more to train, however long a run is asked for."""
        return self.diverged or self.stopped


@dataclass(frozen=True)
class Task:
    """One trajectory to train: the longest run of those asked for that share it.

    Args:
        run: the longest of them.
        start: epochs already stored; 0 with nothing stored, or with only the epoch before training.
        ends: the epochs at which some run asked for ends, so that its weights are kept.
    """

    run: Run
    start: int
    ends: tuple[int, ...]

    @property
    def epochs(self) -> int:
        """Epochs to train, at most so many with early stopping."""
        return self.run.config.epochs - self.start

    @property
    def work(self) -> int:
        """Relative cost of an epoch: operations per example."""
        return self.run.config.model.training_flops


def plan(runs: Sequence[Run], finished: Mapping[str, Progress]) -> tuple[Task, ...]:
    """The tasks that remain, in the order to train them.

    A run that is a prefix of a longer one is not trained twice; what is finished is subtracted; a trajectory that
    diverged or was stopped early is finished. Seeds keep their order of appearance (all of the first seed before the
    second), and within a seed the most work comes first, so that no thread is left alone with a long run.

    Args:
        runs: what is asked for; repeats do no harm.
        finished: `Run.trajectory` to how far it has come.
    """
    asked: dict[str, list[Run]] = {}
    for run in runs:
        asked.setdefault(run.trajectory, []).append(run)
    tasks = []
    for trajectory, same in asked.items():
        progress = finished.get(trajectory, Progress(0))
        longest = max(same, key=lambda run: run.config.epochs)
        if not progress.ended and progress.epochs < longest.config.epochs:
            ends = tuple(sorted({run.config.epochs for run in same}))
            tasks.append(Task(longest, progress.epochs, ends))
    turns = {seed: turn for turn, seed in enumerate(dict.fromkeys(run.seed for run in runs))}
    return tuple(sorted(tasks, key=lambda task: (turns[task.run.seed], -task.epochs * task.work)))
