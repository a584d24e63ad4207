# SPDX-License-Identifier: Apache-2.0
"""One seam, several engines: what an engine is given and what it gives back.

An engine trains runs and yields records. It knows nothing of stores, studies or reports.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import NamedTuple, Protocol

import numpy as np

from shoal import streams
from shoal.data import Dataset
from shoal.errors import EngineError
from shoal.models import BatchNormSpec, Model, describe, show
from shoal.study import Config, Run

Tensors = Mapping[str, np.ndarray]
"""Name of a parameter or buffer to float array in PyTorch's layout; optimizer state as ``"momentum/0.weight"``."""


@dataclass(frozen=True)
class EpochRecord:
    """What happened in one epoch of one run. Epoch 0 is before training: it has validation values only.

    A run that meets a non-finite loss ends with a record whose ``diverged_at`` is that step, counted from
    0 over the whole run; its validation values are NaN.
    """

    run: Run
    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    """Wall time this epoch's training took on the thread that did it, without evaluation."""
    step_losses: np.ndarray
    """float32 (steps,): the loss of every minibatch, before its update."""
    tensors: Tensors = field(repr=False)
    """Weights and optimizer state after the epoch."""
    diverged_at: int | None = None
    stopped: bool = False
    """Whether early stopping ends the run here."""

    @property
    def is_last(self) -> bool:
        """Whether it is its run's last."""
        return self.diverged_at is not None or self.stopped or self.epoch == self.run.config.epochs


@dataclass(frozen=True)
class Checkpoint:
    """Where to go on from: epochs done and the tensors after them."""

    epoch: int
    tensors: Tensors = field(repr=False)
    watched: tuple[float, ...] = ()
    """With early stopping: its metric after epochs 1, 2, ..., ``epoch``."""


class Watch:
    """Early stopping while a run trains: what it has seen of the metric, from epoch 1 on.

    Raises:
        EngineError: the checkpoint does not say what was seen before.
    """

    def __init__(self, config: Config, checkpoint: Checkpoint | None = None) -> None:
        self._rule = config.early_stopping
        self._seen = list(checkpoint.watched) if checkpoint else []
        if self._rule and checkpoint and len(self._seen) != checkpoint.epoch:
            raise EngineError(
                f"The checkpoint after epoch {checkpoint.epoch} has {len(self._seen)} values of the "
                f"{self._rule.metric} that early stopping watches. Use Checkpoint(watched=...), one for each epoch."
            )

    def judged(self, record: EpochRecord) -> EpochRecord:
        """The run's next record, which now says whether early stopping ends the run there."""
        if self._rule is None or record.epoch == 0 or record.diverged_at is not None:
            return record
        self._seen.append(getattr(record, self._rule.metric))
        return replace(record, stopped=self._rule.ends_after(self._seen) is not None)


class Engine(Protocol):
    """Trains many runs at once and yields what happened, epoch by epoch.

    Runs may be of different configs, seeds and data sets. Records of one run come in order; records of
    different runs interleave. Runs that come first in the list are finished first where that is possible.
    Closing the iterator stops the training: the native engine's at once, the reference engine's at the next record.
    """

    @property
    def name(self) -> str:
        """What the store files its runs under: engines of one name give the same bits."""
        ...

    def train(
        self, runs: Sequence[Run], data: Mapping[str, Dataset], *, resume: Mapping[Run, Checkpoint] | None = None
    ) -> Iterator[EpochRecord]: ...

    def predict(self, model: Model, tensors: Tensors, images: np.ndarray, config: Config, data: Dataset) -> np.ndarray:
        """Logits (n, classes) float32 for uint8 images (n, channels, height, width), scaled as in ``config``."""
        ...


class Scaling(NamedTuple):
    """pixel value = byte · scale + shift, in float32."""

    scale: np.float32
    shift: np.float32


def scaling(config: Config, dataset: Dataset) -> Scaling:
    """[0, 1], or zero mean and unit standard deviation over the training split when ``standardize``."""
    if not config.standardize:
        return Scaling(np.float32(1 / 255), np.float32(0))
    mean, std = dataset.moments
    return Scaling(np.float32(1 / std), np.float32(-mean / std))


class Portions(NamedTuple):
    """What a config trains on and validates on: indices into a split of the data set."""

    train: np.ndarray
    """uint32: indices into the training split."""
    validation_split: str
    """``"test"``, or ``"train"`` when the config holds images out."""
    validation: np.ndarray
    """uint32: indices into that split."""


def portions(config: Config, dataset: Dataset) -> Portions:
    """The examples a config trains on and validates on."""
    count = len(dataset.train)
    if not config.holdout:
        everything = np.arange(count, dtype=np.uint32)
        return Portions(everything, "test", np.arange(len(dataset.test), dtype=np.uint32))
    if config.holdout >= count:
        raise EngineError(f"holdout={config.holdout} leaves nothing of {dataset.name}'s {count} training images.")
    train, held = streams.holdout(count, config.holdout)
    return Portions(train, "train", held)


def dataset_for(config: Config, data: Mapping[str, Dataset]) -> Dataset:
    """The data set a config names, checked against its model.

    Raises:
        EngineError: the data set is not there, or its images or classes do not fit the model.
    """
    if config.data not in data:
        raise EngineError(f"{config.data!r} is not among the data given: {', '.join(map(repr, data)) or 'none'}.")
    dataset = data[config.data]
    if dataset.image_shape != tuple(config.model.input_shape):
        raise EngineError(
            f"{config.model.name} takes {show(config.model.input_shape)} images, but those of {dataset.name} are "
            f"{show(dataset.image_shape)}. Use Model(input_shape={dataset.image_shape})."
        )
    if len(dataset.classes) > config.model.classes:
        raise EngineError(
            f"{config.model.name} tells {config.model.classes} classes apart, but {dataset.name} has "
            f"{len(dataset.classes)}. Use classes={len(dataset.classes)}."
        )
    _check_minibatches(config, dataset)
    return dataset


def _check_minibatches(config: Config, dataset: Dataset) -> None:
    """Raise `EngineError` if batch normalisation would meet a single value in a minibatch: it has no variance."""
    count = len(dataset.train) - config.holdout
    if count < 1 or (count - 1) % config.batch_size:
        return
    for number, (layer, shape) in enumerate(zip(config.model.layers, config.model.shapes(), strict=False), start=1):
        if isinstance(layer, BatchNormSpec) and prod(shape[1:]) == 1:
            others = (size for size in range(config.batch_size + 1, count + 1) if (count - 1) % size)
            raise EngineError(
                f"{describe(layer)}, layer {number} of {config.model.name}, needs at least two values a minibatch, but "
                f"of {count} images in minibatches of {config.batch_size} the last has one image. "
                f"Use batch_size={next(others, 2)}{' and more than one image' if count == 1 else ''}."
            )


def check_images(model: Model, images: np.ndarray) -> None:
    """Raise `EngineError` unless these are uint8 images that the model takes."""
    if images.dtype != np.uint8 or images.shape[1:] != tuple(model.input_shape):
        raise EngineError(
            f"{model.name} takes uint8 images (n, {', '.join(map(str, model.input_shape))}), but was given "
            f"{images.dtype} {images.shape}."
        )


def usable_cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def steps_per_epoch(config: Config, dataset: Dataset) -> int:
    """Minibatches in one epoch, the last one possibly smaller."""
    return -(-(len(dataset.train) - config.holdout) // config.batch_size)
