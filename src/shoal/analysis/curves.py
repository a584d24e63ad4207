# SPDX-License-Identifier: Apache-2.0
"""What the runs of one config did, as arrays: a row per seed, a column per epoch. What analysis and figures read."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from shoal.shown import as_html
from shoal.study import Config

CURVES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")


@dataclass(frozen=True, eq=False)
class Curves:
    """The records of one config over its seeds.

    n seeds, E = config.epochs. Column e of a curve is after epoch e; column 0 is before training, where
    training values are NaN. A diverged run is NaN from the epoch in which it diverged. A run that early stopping
    ended is NaN after the last epoch it was trained for, since nothing was measured there: what is asked of a whole
    run is asked of its own epochs, with `final` and `by_length`.
    """

    config: Config
    label: str
    """How the study names this config: ``"lr 0.1"``."""
    seeds: tuple[int, ...]
    train_loss: np.ndarray
    """(n, E + 1): running mean over the epoch's minibatches, while training."""
    train_accuracy: np.ndarray
    """(n, E + 1): fraction, running as well."""
    validation_loss: np.ndarray
    """(n, E + 1): exact mean over the validation images."""
    validation_accuracy: np.ndarray
    """(n, E + 1): fraction."""
    seconds: np.ndarray
    """(n, E + 1): training time of each epoch, without evaluation; column 0 is 0."""
    step_losses: np.ndarray
    """(n, steps): the loss of every minibatch of all epochs, NaN after divergence."""
    diverged_at: tuple[int | None, ...]
    """Per seed: the step at which the loss ceased to be finite."""
    stopped_after: tuple[int | None, ...] = ()
    """Per seed: the epoch after which early stopping ended the run; empty where it ended none."""

    _repr_html_ = as_html

    def __repr__(self) -> str:
        return f"Curves({self.label}: {len(self.seeds)} seeds, {self.config.epochs} epochs, {self.config.model.name})"

    @property
    def epochs(self) -> np.ndarray:
        """0, 1, ..., E."""
        return np.arange(self.validation_loss.shape[1])

    @property
    def steps_per_epoch(self) -> int:
        """Minibatches in an epoch."""
        return int(self.step_losses.shape[1]) // int(self.epochs[-1])

    @property
    def last(self) -> np.ndarray:
        """(n,): the epoch with which each run ended; that of a diverged run is the last it was asked for."""
        asked = int(self.epochs[-1])
        return np.array([after or asked for after in self.stopped_after or [None] * len(self.seeds)], int)

    @property
    def shortest(self) -> int:
        """The epoch with which the first of the runs ended, diverged ones apart: means over seeds go no further."""
        ended = [after for after, step in zip(self.last, self.diverged_at, strict=True) if step is None]
        return int(min(ended, default=self.epochs[-1]))

    def final(self, metric: str) -> np.ndarray:
        """(n,): the metric after each run's last epoch, NaN where it diverged. Never the best epoch."""
        return np.asarray(getattr(self, metric)[np.arange(len(self.seeds)), self.last])

    def by_length(self, least: int = 1) -> list[tuple[np.ndarray, Self]]:
        """Runs of one length together: which rows they are, (k,), and their curves, cut off where these runs ended.

        Args:
            least: the curves of a run that was stopped before this epoch go on to it as they ended, since its network
                stays what it is.
        """
        lengths = np.maximum(self.last, min(least, int(self.epochs[-1])))
        groups = [(np.flatnonzero(lengths == length), int(length)) for length in np.unique(lengths)]
        return [(rows, self._cut(rows, length)) for rows, length in groups]

    def _cut(self, rows: np.ndarray, length: int) -> Self:
        ends = self.last[rows, None]
        places = np.minimum(np.arange(length + 1), ends)
        curves = {name: getattr(self, name)[rows[:, None], places] for name in CURVES}
        curves["seconds"][np.arange(length + 1) > ends] = 0
        return replace(
            self,
            **curves,
            seeds=tuple(self.seeds[row] for row in rows),
            step_losses=self.step_losses[rows, : length * self.steps_per_epoch],
            diverged_at=tuple(self.diverged_at[row] for row in rows),
            stopped_after=(),
        )
