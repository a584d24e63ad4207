# SPDX-License-Identifier: Apache-2.0
"""What all twins share: images from a file, requests as JSON lines, an answer to each. It knows no framework.

A request names the model, the minibatch's size, a learning rate for each model that is to train at once, and a file
with initial weights (PyTorch's names and layout) and the order of examples; the answer has the seconds that the
epoch took and the loss of every step.
"""

import json
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Request(NamedTuple):
    """One epoch to train."""

    model: str
    batch: int
    lrs: list[float]
    """One for each model that trains at once."""
    order: np.ndarray
    """int64 (images,): which images, in which order."""
    weights: dict[str, np.ndarray]
    losses: bool
    """Whether the losses are asked for; a twin that would lose time over them keeps them only then."""


Epoch = Callable[[Request], tuple[float, list[float]]]
"""Seconds, and the first model's loss at every step; it may leave the losses out where none are asked for."""


def given() -> tuple[np.ndarray, np.ndarray, int]:
    """Images float32 (n, 1, 28, 28) in [0, 1], labels int64 (n,), and how many cores there are."""
    data = np.load(sys.argv[1])
    images = data["images"].astype(np.float32) * np.float32(1 / 255)
    return images, data["labels"].astype(np.int64), int(sys.argv[2])


def serve(version: str, epoch: Epoch, models: list[str]) -> None:
    """Say what this is, then answer until nobody asks."""
    print(json.dumps({"version": version, "models": models}), flush=True)
    for line in sys.stdin:
        seconds, losses = epoch(_request(json.loads(line)))
        print(json.dumps({"seconds": seconds, "losses": losses}), flush=True)


def _request(asked: dict[str, Any]) -> Request:
    with np.load(asked.pop("given")) as file:
        arrays = {name: file[name] for name in file.files}
    order = arrays.pop("order").astype(np.int64)
    return Request(order=order, weights=arrays, **asked)
