# SPDX-License-Identifier: Apache-2.0
"""What the store gives back, as plain frozen data, and how tensors and numbers travel in and out of it."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from shoal.engines import Tensors
from shoal.study import Config, Run


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
        if self.diverged_at is not None:
            return "diverged"
        return "finished" if self.stopped or self.epochs == self.run.config.epochs else "unfinished"


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
        if self.diverged_at is not None:
            return "diverged"
        return "finished" if self.stopped or self.epochs >= self.config.epochs else "unfinished"


METRICS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "seconds")


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
