# SPDX-License-Identifier: Apache-2.0
"""What happens in an epoch, for any engine that trains one run at a time: order, learning rates, records, divergence.

It knows no layer and no formula; those are the network's.
"""

from collections.abc import Iterator
from math import isfinite, nan
from time import perf_counter
from typing import Protocol

import numpy as np

from shoal import streams
from shoal.data import Dataset
from shoal.engines import Checkpoint, EpochRecord, Tensors, Watch, portions, steps_per_epoch
from shoal.optimizers import learning_rates
from shoal.study import Run

EVALUATED_AT_ONCE = 500


class Network(Protocol):
    """One run while it trains."""

    @property
    def tensors(self) -> Tensors:
        """Weights and optimizer state now."""
        ...

    def step(self, images: np.ndarray, labels: np.ndarray, lr: float, step: int) -> tuple[float, int]:
        """Train on uint8 images: loss and number right before the update; none if the loss is not finite.

        ``step`` counts from 1 over the whole run.
        """
        ...

    def evaluate(self, images: np.ndarray, labels: np.ndarray) -> tuple[float, int]:
        """Summed loss and number right over uint8 images."""
        ...


def train_run(
    run: Run, dataset: Dataset, network: Network, checkpoint: Checkpoint | None = None
) -> Iterator[EpochRecord]:
    """The records of a run: epoch 0 and every epoch until the last, or until it diverges or is stopped early.

    Args:
        checkpoint: what the network goes on from; None for a run that has no record yet, not even of epoch 0.
    """
    watch = Watch(run.config, checkpoint)
    if checkpoint is None:
        values = _validate(run, dataset, network)
        yield EpochRecord(run, 0, nan, nan, *values, 0.0, np.empty(0, np.float32), network.tensors)
    for epoch in range(checkpoint.epoch if checkpoint else 0, run.config.epochs):
        record = watch.judged(_train_epoch(run, dataset, network, epoch))
        yield record
        if record.is_last:
            return


def _train_epoch(run: Run, dataset: Dataset, network: Network, epoch: int) -> EpochRecord:
    """Train the epoch after ``epoch`` others, and validate."""
    config, indices = run.config, portions(run.config, dataset).train
    order = indices[streams.order(len(indices), run.seed, epoch)]
    steps = steps_per_epoch(config, dataset)
    losses = np.empty(steps, np.float32)
    loss_sum, right_sum, begun = 0.0, 0, perf_counter()
    for step, lr in enumerate(learning_rates(config.optimizer, config.schedule, epoch, steps)):
        batch = order[step * config.batch_size : (step + 1) * config.batch_size]
        images, labels = dataset.train.images[batch], dataset.train.labels[batch]
        loss, right = network.step(images, labels, float(lr), epoch * steps + step + 1)
        with np.errstate(over="ignore"):  # a finite float64 that float32 cannot hold is kept as infinite
            losses[step] = loss
        if not isfinite(loss):
            seconds, at = perf_counter() - begun, epoch * steps + step
            step_losses = losses[: step + 1]
            return EpochRecord(run, epoch + 1, nan, nan, nan, nan, seconds, step_losses, network.tensors, at)
        loss_sum, right_sum = loss_sum + loss * len(batch), right_sum + right
    seconds = perf_counter() - begun
    train = loss_sum / len(order), right_sum / len(order)
    values, at_last = _validate(run, dataset, network), epoch * steps + steps - 1
    if not isfinite(values[0]):
        return EpochRecord(run, epoch + 1, *train, nan, nan, seconds, losses, network.tensors, at_last)
    return EpochRecord(run, epoch + 1, *train, *values, seconds, losses, network.tensors)


def _validate(run: Run, dataset: Dataset, network: Network) -> tuple[float, float]:
    """Mean loss and accuracy over all validation images."""
    _, split, indices = portions(run.config, dataset)
    examples = dataset.test if split == "test" else dataset.train
    loss_sum, right_sum = 0.0, 0
    for start in range(0, len(indices), EVALUATED_AT_ONCE):
        batch = indices[start : start + EVALUATED_AT_ONCE]
        loss, right = network.evaluate(examples.images[batch], examples.labels[batch])
        loss_sum, right_sum = loss_sum + loss, right_sum + right
    return loss_sum / len(indices), right_sum / len(indices)
