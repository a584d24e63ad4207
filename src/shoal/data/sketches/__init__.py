# SPDX-License-Identifier: Apache-2.0
"""Sketches: drawn images that stand in for Fashion-MNIST and MNIST where those cannot be had.

Everything follows from the seed: the same seed gives the same bytes on every machine, and image number i is the
same however many are asked for. They say nothing about real clothes or real handwriting, and are stamped so.
"""

from collections.abc import Callable

import numpy as np

from shoal import streams
from shoal.data.dataset import Dataset, Split, fingerprints
from shoal.data.sketches.canvas import SIDE, Batch, Draws
from shoal.errors import UsageError

BLOCK = 400
"""Images drawn together: forty of each class, in random order. Forty images of float32 (125 kB) are what an allocator
still keeps at hand; from fifty on every intermediate result may be new memory from the system, ten times slower."""


def garments(seed: int = 0, train: int = 60_000, test: int = 10_000) -> Dataset:
    """Ten classes of clothes with Fashion-MNIST's names, grey, 28×28.

    Args:
        seed: any integer from 0; each gives other images.
        train, test: how many images, at least 1. Other than the usual ones, and another seed, become part of the
            name, so that a store never mixes two sets of sketches.

    Raises:
        UsageError: a seed or a count out of range.

    Example:
        >>> garments(train=200, test=100).image_shape
        (1, 28, 28)
    """
    from shoal.data.sketches.clothes import CLASSES, draw

    return _dataset("garments", "fashion-mnist", CLASSES, draw, seed, train, test)


def digits(seed: int = 0, train: int = 60_000, test: int = 10_000) -> Dataset:
    """Ten digits drawn by strokes, grey, 28×28. Arguments and errors as in `garments`."""
    from shoal.data.sketches.strokes import CLASSES, draw

    return _dataset("digits", "mnist", CLASSES, draw, seed, train, test)


Drawing = Callable[[int, Draws], Batch]


def _dataset(
    kind: str, stands_for: str, classes: tuple[str, ...], draw: Drawing, seed: int, train: int, test: int
) -> Dataset:
    for what, value, least in (("seed", seed, 0), ("train", train, 1), ("test", test, 1)):
        if not isinstance(value, int) or value < least:
            raise UsageError(f"sketches.{kind}({what}={value!r}): expected a whole number from {least}.")
    drawn = _split(f"sketches/{kind}/train", draw, seed, train), _split(f"sketches/{kind}/test", draw, seed, test)
    usual = (seed, train, test) == (0, 60_000, 10_000)
    name = f"sketches-{kind}" if usual else f"sketches-{kind}-{seed}-{train}-{test}"
    return Dataset(name, classes, *drawn, f"drawn by Shoal from seed {seed}", fingerprints(*drawn), stands_for)


def _split(purpose: str, draw: Drawing, seed: int, count: int) -> Split:
    blocks = -(-count // BLOCK)
    images = np.empty((blocks * BLOCK, 1, SIDE, SIDE), np.uint8)
    labels = np.empty(blocks * BLOCK, np.uint16)
    for block in range(blocks):
        order = np.argsort(streams.bits(BLOCK, f"{purpose}/order", seed, block), kind="stable")
        for label in range(10):
            places = block * BLOCK + order[label::10]
            drawn = draw(label, Draws(BLOCK // 10, purpose, seed, 10 * block + label))
            images[places, 0] = np.rint(np.clip(drawn, 0, 1) * np.float32(255)).astype(np.uint8)
            labels[places] = label
    return Split(np.ascontiguousarray(images[:count]), np.ascontiguousarray(labels[:count]))
