# SPDX-License-Identifier: Apache-2.0
"""A data set in memory: two splits of uint8 images with labels, and where they came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class Split:
    """Images and labels: uint8 (n, channels, height, width) and uint16 (n,), contiguous."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Two splits, the names of the classes, and the provenance that a report prints.

    Args:
        name: what configs call it: ``"fashion-mnist"``.
        classes: a name per label.
        source: where the bytes came from, for people: a path or "drawn by Shoal".
        sha256: file name to SHA-256 of its decompressed bytes.
        stand_in: the name of the data set it stands in for, or "" when it is the real thing.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    test: Split
    source: str
    sha256: Mapping[str, str] = field(default_factory=dict)
    stand_in: str = ""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        _, channels, height, width = self.train.images.shape
        return channels, height, width

    @cached_property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the training split's bytes."""
        counts = np.bincount(self.train.images.ravel(), minlength=256).astype(np.float64)
        values = np.arange(256)
        mean = float(counts @ values / counts.sum())
        return mean, float(np.sqrt(counts @ (values - mean) ** 2 / counts.sum()))
