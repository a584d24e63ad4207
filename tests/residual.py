# SPDX-License-Identifier: Apache-2.0
"""A small network whose layers see more than a tile, and how it is clipped: for proofs about who computes what."""

from shoal.models import Add, BatchNorm2d, Conv2d, Dropout, Flatten, Linear, Model, ReLU
from shoal.training import ClipNorm

CLIPPING = ClipNorm(max_norm=0.5)


def residual(shape: tuple[int, int, int], classes: int = 3) -> Model:
    """Statistics of the whole minibatch, masks by an example's place, and a way past both."""
    channels, height, width = shape
    layers = (
        Conv2d(channels, 4, 3, padding=1),
        BatchNorm2d(4),
        ReLU(),
        Conv2d(4, 4, 3, padding=1),
        Dropout(0.3),
        Add(back=2),
        Flatten(),
        Linear(4 * height * width, classes),
    )
    return Model(layers, shape, name="residual")
