# SPDX-License-Identifier: Apache-2.0
"""A data set small enough to train on in milliseconds and easy enough to learn: each class is a bright patch. And
when two records of training on it are the same."""

from math import prod

import numpy as np

from shoal import streams
from shoal.data import Dataset, Split
from shoal.engines import EpochRecord


def patches(train: int = 90, test: int = 40, classes: int = 3, shape: tuple[int, int, int] = (1, 8, 8)) -> Dataset:
    """``train`` and ``test`` noisy images; class k is brighter in the k-th part of the rows."""

    def split(count: int, seed: int) -> Split:
        labels = (np.arange(count) % classes).astype(np.uint16)
        images = (streams.bits(count * prod(shape), "noise", seed) % np.uint64(120)).reshape(count, *shape)
        rows = np.array_split(np.arange(shape[1]), classes)
        for image, label in zip(images, labels, strict=True):
            image[:, rows[label]] += np.uint64(60)
        return Split(images.astype(np.uint8), labels)

    names = tuple(f"patch {label}" for label in range(classes))
    return Dataset("patches", names, split(train, seed=0), split(test, seed=1), source="made by a test")


def same(one: EpochRecord, other: EpochRecord) -> bool:
    """Equal to the last bit, but for the time it took."""
    numbers = ("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    numbers += ("diverged_at", "stopped")
    return (
        all(repr(getattr(one, name)) == repr(getattr(other, name)) for name in numbers)
        and np.array_equal(one.step_losses, other.step_losses, equal_nan=True)
        and one.tensors.keys() == other.tensors.keys()
        and all(one.tensors[name].tobytes() == other.tensors[name].tobytes() for name in one.tensors)
    )
