# SPDX-License-Identifier: Apache-2.0
"""What the runs of one config did, as arrays: a row per seed, a column per epoch. What analysis and figures read."""

from dataclasses import dataclass

import numpy as np

from shoal.study import Config


@dataclass(frozen=True, eq=False)
class Curves:
    """The records of one config over its seeds.

    n seeds, E = config.epochs. Column e of a curve is after epoch e; column 0 is before training, where
    training values are NaN. A diverged run is NaN from the epoch in which it diverged.
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

    @property
    def epochs(self) -> np.ndarray:
        """0, 1, ..., E."""
        return np.arange(self.validation_loss.shape[1])

    @property
    def steps_per_epoch(self) -> int:
        """Minibatches in an epoch."""
        return int(self.step_losses.shape[1]) // self.config.epochs

    def final(self, metric: str) -> np.ndarray:
        """(n,): the metric after the last epoch, NaN where the run diverged. Never the best epoch."""
        return np.asarray(getattr(self, metric)[:, -1])
