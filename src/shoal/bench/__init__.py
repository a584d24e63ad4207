# SPDX-License-Identifier: Apache-2.0
"""Shoal beside others on the same cores: what `make bench` and `shoal bench` measure, and what is to be reached.

`peers` runs the twins (`twins/`, plain scripts for another Python, which never import Shoal), `speed` checks that
they compute the same and times in turn, `peak` finds what a matrix product reaches, `checks` measures the other
promises, `page` writes it down. This file only says what is measured; nothing in this room is part of training.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shoal.models import Model, lenet, mlp, softmax_regression

SCHEMA = 1

MODELS: Mapping[str, Model] = {
    "softmax": softmax_regression(),
    "mlp-256": mlp(256),
    "lenet": lenet("sigmoid", "avg"),
    "lenet-relu-max": lenet("relu", "max"),
}
TITLES = {
    "softmax": "softmax regression",
    "mlp-256": "MLP-256",
    "lenet": "LeNet, sigmoid and average pooling",
    "lenet-relu-max": "LeNet, ReLU and max pooling",
}
RATES = {"softmax": 0.1, "mlp-256": 0.1, "lenet": 0.9, "lenet-relu-max": 0.1}
"""Learning rates at which a model does learn within the epoch, so that agreement says something."""

OF_THE_PEAK = {"mlp-256": 0.8, "lenet": 0.8, "lenet-relu-max": 0.8}
"""To reach: the share of the machine's matrix product."""
LENET_TIMES = {32: 6.0, 128: 4.5, 256: 4.5}
TIMES: Mapping[str, Mapping[int, float]] = {
    "softmax": {32: 25.0, 128: 12.0, 256: 7.0},
    "mlp-256": {32: 5.0, 128: 2.0, 256: 1.7},
    "lenet": LENET_TIMES,
    "lenet-relu-max": LENET_TIMES,
}
"""To reach: how many times as fast as the in-memory PyTorch loop, by batch size."""


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    models: tuple[str, ...] = tuple(MODELS)
    batches: tuple[int, ...] = (32, 128, 256)
    in_flight: tuple[int, ...] = (1, 2, 8, 40)
    rounds: int = 5
    images: int | None = None
    """How many of the training images make an epoch; None for all. Seconds are scaled up to all."""
    peers: tuple[str, ...] | None = None
    """Their ids in `shoal.bench.peers.PEERS`; None for all."""
    at_once: int = 12_288
    """Images times models in one epoch of an ensemble: with more models it gets a part of the epoch, and its time is
    scaled up. Some need minutes for a whole one; what a step takes does not depend on how many come after it."""
    runs: int = 1000
    """In the study whose overhead is measured."""
    seconds: float | None = None
    """After so many no further model or round of the table is begun."""


FULL = Extent()
QUICK = Extent(
    models=("softmax", "mlp-256", "lenet"),
    batches=(256,),
    in_flight=(1, 8),
    rounds=3,
    images=6_144,
    peers=("pytorch", "pytorch-processes", "pytorch-vmap", "jax-scan", "jax-vmap", "keras", "sklearn"),
    runs=100,
    seconds=120.0,
)
"""What ends within five minutes on two cores: one LeNet, one batch size, a tenth of the images; no compiling by PyTorch
and no data loader, which take longer than all others together."""


@dataclass(frozen=True)
class Row:
    """One line of the result: Shoal beside one peer.

    Times are medians over the rounds, in seconds per epoch and model; ``ratio`` is the median of peer / Shoal,
    round by round, and ``ratio_low`` and ``ratio_high`` its range. Without a peer those are None.
    """

    model: str
    batch: int
    in_flight: int
    shoal_s: float
    peer: str | None
    peer_s: float | None
    ratio: float | None
    peak_fraction: float
    n: int
    ratio_low: float | None = None
    ratio_high: float | None = None
    goal: float | None = None
    """The ratio to reach, where one is set."""
    peak_goal: float | None = None


@dataclass(frozen=True)
class Check:
    """One promise beside the table: a figure, and the most or the least it is to be."""

    name: str
    figure: float
    goal: float
    at_most: bool
    unit: str
    n: int
    low: float
    high: float
    note: str = ""
    reached: bool = False

    @classmethod
    def of(cls, name: str, each: list[float], *, note: str = "", unit: str = "times", **goal: float) -> "Check":
        """The median of ``each``, held against ``least`` or ``most``."""
        ((kind, bound),) = goal.items()
        middle, at_most = sorted(each)[len(each) // 2], kind == "most"
        reached = middle <= bound if at_most else middle >= bound
        return cls(name, middle, bound, at_most, unit, len(each), min(each), max(each), note, reached)


@dataclass(frozen=True)
class Result:
    """All that was measured, as `--json` prints it."""

    machine: dict[str, Any]
    peak_gflops: float
    rows: tuple[Row, ...]
    checks: tuple[Check, ...]
