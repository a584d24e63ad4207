# SPDX-License-Identifier: Apache-2.0
"""What the store gives back, as plain frozen data, and how tensors and numbers travel in and out of it."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np

from shoal.engines import Tensors
from shoal.spec import content_hash
from shoal.study import Config, Run

METRICS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")


@dataclass(frozen=True)
class History:
    """The stored epochs of a run, 0 to at most ``run.config.epochs``; arrays of length (epochs + 1,), float64."""

    run: Run
    train_loss: np.ndarray
    train_accuracy: np.ndarray
    validation_loss: np.ndarray
    validation_accuracy: np.ndarray
    seconds: np.ndarray
    step_losses: np.ndarray
    """float32 (steps,): of all stored epochs, one after the other."""
    diverged_at: int | None
    """The step at which the loss ceased to be finite, if that was within these epochs."""

    @property
    def epochs(self) -> int:
        """The last epoch stored."""
        return len(self.seconds) - 1

    @property
    def stopped(self) -> bool:
        """Whether early stopping ended the run with the last epoch stored."""
        rule = self.run.config.early_stopping
        if rule is None or self.diverged_at is not None:
            return False
        return rule.ends_after(getattr(self, rule.metric)[1:]) is not None

    @property
    def status(self) -> str:
        """``"finished"``, also by early stopping, ``"diverged"`` or ``"unfinished"``."""
        return _status(self.diverged_at, self.stopped or self.epochs == self.run.config.epochs)


@dataclass(frozen=True)
class StoredRun:
    """One row of the store: a trajectory, how far it has come and how it stands."""

    trajectory: str
    engine: str
    seed: int
    config: Config
    """With the most epochs anybody asked for."""
    epochs: int
    diverged_at: int | None
    created: str
    validation_loss: float
    validation_accuracy: float
    seconds: float
    """Training time of all epochs together."""
    stopped: bool = False
    """Whether early stopping ended it."""

    @property
    def run(self) -> Run:
        return Run(self.config, self.seed)

    @property
    def status(self) -> str:
        """``"finished"``, also by early stopping, ``"diverged"`` or ``"unfinished"``."""
        return _status(self.diverged_at, self.stopped or self.epochs >= self.config.epochs)


class RunRow(msgspec.Struct, frozen=True):
    """A run as a table shows it; ten thousand are made at once, so its config stays plain data.

    The metrics are those of the last epoch stored, NaN where there are none.
    """

    id: int
    """The store's own number for the run."""
    trajectory: str
    engine: str
    seed: int
    config: dict[str, Any]
    """What `Config` says as JSON, without what equals its default; shared by the runs that have the same."""
    epochs: int
    """As many as were asked for at most."""
    epoch: int
    """The last one stored."""
    diverged_at: int | None
    created: str
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    """Training time of all epochs together."""
    stopped: bool = False
    """Whether early stopping ended it before its last epoch."""

    @property
    def status(self) -> str:
        """``"finished"``, also by early stopping, ``"diverged"`` or ``"unfinished"``."""
        return _status(self.diverged_at, self.stopped or self.epoch >= self.epochs)


class NewRecord(NamedTuple):
    """An epoch that was stored, without its weights and steps; in the order in which pages are told of it."""

    run: int
    """`RunRow.id`."""
    epoch: int
    epochs: int
    """As many as were asked for at most."""
    seed: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    diverged_at: int | None
    """The step at which it diverged, if it did in this epoch."""


class Extent(NamedTuple):
    """How much a store has: what grows and what should never."""

    runs: int = 0
    epochs: int = 0
    asked: tuple[Any, ...] = (0, None, 0.0)
    """Another one whenever a study is asked for: points, the latest time, letters of their seeds."""

    def lacks(self, before: "Extent") -> bool:
        """Whether runs or epochs have gone."""
        return self.runs < before.runs or self.epochs < before.epochs


@dataclass(frozen=True)
class StoredPoint:
    """One point of a study that was asked for."""

    config: str
    """`Config.hash`."""
    label: str
    values: dict[str, Any]
    """The grid's, as JSON has them."""
    trajectory: str
    """`Config.trajectory`."""
    epochs: int
    seeds: tuple[int, ...]
    """Points may have been asked for on different seeds: more where a claim was open."""

    def run(self, seed: int) -> str:
        """`Run.trajectory` of this point on a seed: what `RunRow` calls ``trajectory``."""
        return content_hash([self.trajectory, seed])


@dataclass(frozen=True)
class StoredStudy:
    """A study that was asked for, as plain data: its configs by their hashes, not the function that made them."""

    name: str
    points: tuple[StoredPoint, ...]
    asked: str = ""
    """The last time, ISO 8601 in UTC; empty until it is stored."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """Every seed that any of its points was asked for on, in order."""
        return tuple(sorted({seed for point in self.points for seed in point.seeds}))


def _status(diverged_at: int | None, whole: bool) -> str:
    if diverged_at is not None:
        return "diverged"
    return "finished" if whole else "unfinished"


def number(value: float | None) -> float:
    """SQLite has no NaN: it stores NULL."""
    return math.nan if value is None else value


def pack(tensors: Tensors) -> bytes:
    """Tensors as safetensors bytes."""
    from safetensors.numpy import save

    return bytes(save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}))


def unpack(content: bytes) -> dict[str, np.ndarray]:
    from safetensors.numpy import load

    return dict(load(content))


def pack_bits(correct: np.ndarray) -> bytes:
    """bool (n,) as a bit each, eight to a byte: 1,250 bytes for 10,000 images."""
    return np.packbits(correct).tobytes()


def unpack_bits(content: bytes, count: int) -> np.ndarray:
    """The first ``count`` of the bits, as bool."""
    return np.unpackbits(np.frombuffer(content, np.uint8), count=count).astype(bool)


def weights_only(tensors: Tensors) -> dict[str, np.ndarray]:
    """Without the optimizer's state, whose names have a slash: ``"momentum/0.weight"``."""
    return {name: tensor for name, tensor in tensors.items() if "/" not in name}


def history(run: Run, rows: list[tuple[Any, ...]], diverged_at: int | None, diverged_in: int | None) -> History:
    """A `History` from rows of (*METRICS, step_losses), one an epoch."""
    metrics = {name: np.array([number(row[at]) for row in rows], np.float64) for at, name in enumerate(METRICS)}
    losses = np.frombuffer(b"".join(row[-1] for row in rows), dtype="<f4").astype(np.float32)
    seen = diverged_at if diverged_in is not None and diverged_in < len(rows) else None
    return History(run, **metrics, step_losses=losses, diverged_at=seen)
