# SPDX-License-Identifier: Apache-2.0
"""Results that no engine made: curves of a chosen shape, data and weights of noise, for composing chapters.

A shape is a function (config, seeds) -> final values; everything else about the curves follows from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Self
from zlib import crc32

import numpy as np

from shoal import streams
from shoal.analysis.curves import Curves
from shoal.data import Dataset, Split
from shoal.engines import scaling, steps_per_epoch
from shoal.probes import gradients
from shoal.studies import find
from shoal.study import Config, Study

CLASSES = 10


@cache
def dataset(name: str, train: int = 640, test: int = 100, stand_in: str = "") -> Dataset:
    """Noise with labels that go round, every class as often as any other."""

    def split(count: int, index: int) -> Split:
        pixels = streams.bits(count * 98, f"imagined {name}", 0, index).view(np.uint8)
        return Split(pixels.reshape(count, 1, 28, 28), np.arange(count, dtype=np.uint16) % CLASSES)

    classes = tuple(f"kind {number}" for number in range(CLASSES))
    return Dataset(name, classes, split(train, 0), split(test, 1), "imagined", stand_in=stand_in)


def curve(start: float, end: float, epochs: int, noise: np.ndarray) -> np.ndarray:
    """From start to end, most of the way at once; ``noise`` (n, 1) lifts all but the first point."""
    way = np.exp(-np.arange(epochs + 1) * 6 / epochs)
    way = (way - way[-1]) / (1 - way[-1])
    curves = end + (start - end) * way + noise * np.minimum(np.arange(epochs + 1), 1)
    return np.asarray(curves)


def curves(
    config: Config,
    loss: float = 0.5,
    accuracy: float = 0.8,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    spread: float = 0.01,
    rebound: float = 0.0,
    diverged: Sequence[int] = (),
    label: str = "a",
    data: Dataset | None = None,
    step_noise: float = 0.1,
    seconds: float = 1.0,
) -> Curves:
    """Curves that end near ``loss`` and ``accuracy``; ``rebound`` lifts the loss of the epoch before the last."""
    n, epochs = len(seeds), config.epochs
    index = crc32(f"{config.data} {config.model.name} {config.optimizer.lr} {config.batch_size} {epochs}".encode())
    noise = spread * np.array([streams.normals(1, "imagined", seed, index) for seed in seeds]).reshape(n, 1)
    steps = max(steps_per_epoch(config, data or dataset(config.data)), 1) * epochs  # a hold-out may leave no image
    found = {
        "train_loss": curve(2.3, loss - 0.05, epochs, noise),
        "train_accuracy": curve(0.1, accuracy + 0.02, epochs, -noise),
        "validation_loss": curve(2.3, loss, epochs, noise),
        "validation_accuracy": curve(0.1, accuracy, epochs, -noise),
        "seconds": np.full((n, epochs + 1), seconds),
        "step_losses": curve(2.3, loss, steps - 1, noise) + (step_noise + noise / 10) * np.resize([1, -1], steps),
    }
    found["validation_loss"][:, -2] *= 1 + rebound
    for name in ("train_loss", "train_accuracy", "seconds"):
        found[name][:, 0] = 0 if name == "seconds" else np.nan
    lost = [index for index, seed in enumerate(seeds) if seed in diverged]
    for name, values in found.items():
        if name != "seconds":
            values[lost, values.shape[1] // 2 :] = np.nan
    at = tuple(steps // 2 if seed in diverged else None for seed in seeds)
    return Curves(config=config, label=label, seeds=tuple(seeds), diverged_at=at, **found)


@dataclass
class Imagined:
    """`Results` whose curves a function makes from a point's grid values; None for a point without runs."""

    study: Study | None
    shape: Callable[..., dict[str, Any] | None] = lambda **values: {}
    stand_in: str = ""
    probes: dict[str, Any] = field(default_factory=dict)

    def on_seeds(self, seeds: Sequence[int]) -> Self:
        """Those of the shape's seeds, of which there are three unless it says otherwise."""

        def shape(**values: Any) -> dict[str, Any] | None:
            wanted = self.shape(**values)
            there = (wanted or {}).get("seeds", (0, 1, 2))
            return None if wanted is None else wanted | {"seeds": tuple(seed for seed in there if seed in seeds)}

        return replace(self, shape=shape)

    def curves(self, **values: Any) -> Curves:
        assert self.study is not None
        point = next(point for point in self.study.points if point.values == values)
        wanted = self.shape(**values)
        if wanted is None:
            wanted = {"seeds": ()}
        return curves(point.config, label=point.label, data=self.dataset(point.config.data), **wanted)

    def all(self) -> list[Curves]:
        found = [self.curves(**point.values) for point in (self.study.points if self.study else ())]
        return [each for each in found if each.seeds]

    def dataset(self, name: str) -> Dataset:
        return dataset("sketches" if self.stand_in else name, stand_in=name if self.stand_in else "")

    def weights(self, config: Config, seed: int, epoch: int | None = None) -> dict[str, np.ndarray]:
        return streams.initial_weights(config.model, config.init, seed)

    def logits(self, config: Config, seed: int) -> np.ndarray:
        labels = self.dataset(config.data).test.labels
        noise = streams.normals(len(labels) * CLASSES, "imagined logits", seed).reshape(-1, CLASSES)
        return (noise + 2 * np.eye(CLASSES)[labels]).astype(np.float32)

    def correct(self, config: Config, seed: int) -> np.ndarray:
        """As many images as the curves' accuracy says, those easy for all seeds first; by the logits without curves."""
        data = self.dataset(config.data)
        n = len(data.test)
        points = self.study.points if self.study else ()
        for found in (self.curves(**point.values) for point in points if point.config == config):
            hard = streams.normals(n, "imagined images", 0) + streams.normals(n, "imagined images", seed, 1)
            right = found.final("validation_accuracy")[found.seeds.index(seed)] * n
            return np.asarray(hard.argsort().argsort() < np.rint(right))
        return np.asarray(self.logits(config, seed).argmax(axis=1) == data.test.labels)

    def dead_units(self, config: Config, seed: int) -> float:
        data = self.dataset(config.data)
        by = scaling(config, data)
        return gradients.dead_share(config.model, self.weights(config, seed), data.test.images, by)

    def probe(self, key: str, compute: Callable[[], Any]) -> Any:
        if key not in self.probes:
            self.probes[key] = compute()
        return self.probes[key]


def of(identity, *, label="a", **shape):
    """Curves of the first config of a section."""
    return curves(find(identity).study.points[0].config, label=label, **shape)


def shifted(found, metric, by):
    """The same curves with a metric changed by an amount, the same for every seed."""
    return replace(found, **{metric: getattr(found, metric) + by})
