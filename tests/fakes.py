# SPDX-License-Identifier: Apache-2.0
"""A stand-in engine that computes nothing real, and tiny runs for it. Not the fast engine, nor a true one.

Each epoch scrambles the weights as a pure function of weights, epoch and seed, and every record is read off
the weights: a run that is resumed from anything but its own exact state shows it in every later number.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, zip_longest

import numpy as np

from shoal.data import Dataset, Split
from shoal.engines import Checkpoint, EpochRecord, Tensors, Watch
from shoal.models import Model, softmax_regression
from shoal.optimizers import SGD
from shoal.study import Config, Grid, Run, Study

MODEL = softmax_regression(classes=2, input_shape=(1, 2, 2))

STUDY_FILE = """
import numpy as np
from shoal import Config, Grid, SGD, Study, from_arrays, softmax_regression

mine = from_arrays(np.zeros((14, 2, 2), np.uint8), np.arange(14) % 2, ["a", "b"], name="mine")

def config(lr):
    model = softmax_regression(classes=2, input_shape=(1, 2, 2))
    return Config(data="mine", model=model, optimizer=SGD(lr=lr), epochs=2)

study = Study("rates", config, Grid(lr=[0.1, 0.5]), seeds=range(2))
again = study
"""
"""What somebody writes who has fourteen images and one question."""


def tiny_config(lr: float = 0.1, epochs: int = 3, data: str = "dots") -> Config:
    return Config(data=data, model=MODEL, optimizer=SGD(lr=lr, momentum=0.5), epochs=epochs, batch_size=4)


def tiny_study(name: str = "rates", epochs: int = 3, seeds: Sequence[int] = range(3), keep: bool = False) -> Study:
    def config(lr: float) -> Config:
        return tiny_config(lr, epochs)

    return Study(name, config, Grid(lr=[0.1, 0.5]), seeds=seeds, keep_weights=keep)


def dots(name: str = "dots", count: int = 12, stand_in: str = "") -> Dataset:
    """2×2 images of noise in two classes."""
    draws = np.random.Generator(np.random.Philox(1))
    images = draws.integers(0, 256, (count, 1, 2, 2), dtype=np.uint8)
    split = Split(images, (np.arange(count) % 2).astype(np.uint16))
    return Dataset(name, ("a", "b"), split, split, "imagined", {"dots": str(count)}, stand_in)


class FakeEngine:
    """Runs go side by side, an epoch each in turn. A learning rate of 100 or more diverges in epoch 2.

    Args:
        stop_after: raise KeyboardInterrupt after so many records.
    """

    def __init__(self, name: str = "fake", stop_after: int | None = None) -> None:
        self.name = name
        self.stop_after = stop_after
        self.trained: list[tuple[str, int, int]] = []
        """(trajectory, first epoch, last epoch) of every run it was asked for."""

    def train(
        self, runs: Sequence[Run], data: Mapping[str, Dataset], *, resume: Mapping[Run, Checkpoint] | None = None
    ) -> Iterator[EpochRecord]:
        for run in runs:
            assert run.config.data in data, f"{run.config.data} was not handed over"
        courses = [list(self._course(run, (resume or {}).get(run))) for run in runs]
        records = (record for record in chain.from_iterable(zip_longest(*courses)) if record)
        for count, record in enumerate(records):
            if count == self.stop_after:
                raise KeyboardInterrupt
            yield record

    def _course(self, run: Run, checkpoint: Checkpoint | None) -> Iterator[EpochRecord]:
        first, watch = checkpoint.epoch + 1 if checkpoint else 0, Watch(run.config, checkpoint)
        self.trained.append((run.trajectory, first, run.config.epochs))
        tensors = checkpoint.tensors if checkpoint else beginning(run)
        for epoch in range(first, run.config.epochs + 1):
            tensors = scrambled(tensors, run, epoch) if epoch else tensors
            yield (record := watch.judged(record_of(run, epoch, tensors)))
            if record.is_last:
                return

    def predict(self, model: Model, tensors: Tensors, images: np.ndarray, config: Config, data: Dataset) -> np.ndarray:
        return (images.reshape(len(images), -1) / 255 @ tensors["1.weight"].T).astype(np.float32)


def beginning(run: Run) -> dict[str, np.ndarray]:
    weights = np.random.Generator(np.random.Philox(run.seed)).standard_normal((2, 4)).astype(np.float32)
    return {"1.weight": weights, "1.bias": np.zeros(2, np.float32), "momentum/1.weight": weights * 0}


def scrambled(tensors: Tensors, run: Run, epoch: int) -> dict[str, np.ndarray]:
    """One epoch: weights and momentum both move, each by the other."""
    speed = np.cos(tensors["momentum/1.weight"] + tensors["1.weight"] * epoch)
    moved = tensors["1.weight"] + np.float32(run.config.optimizer.lr) * speed
    return {"1.weight": moved, "1.bias": moved.sum(1), "momentum/1.weight": speed}


def record_of(run: Run, epoch: int, tensors: Tensors) -> EpochRecord:
    """A record whose numbers depend on every bit of the tensors."""
    loss = float(np.abs(tensors["1.weight"]).astype(np.float64).sum())
    if run.config.optimizer.lr >= 100 and epoch == 2:
        steps = np.array([loss, np.inf], np.float32)
        return EpochRecord(run, 2, np.nan, np.nan, np.nan, np.nan, 0.1, steps, tensors, diverged_at=4)
    steps = np.full(3 if epoch else 0, loss / 3, np.float32)
    train = (loss / 7, 0.5) if epoch else (np.nan, np.nan)
    return EpochRecord(run, epoch, *train, loss, 1 / (1 + loss), 0.1 * bool(epoch), steps, tensors)
