# SPDX-License-Identifier: Apache-2.0
"""The networks that name a drawing: which of the store's there are, and what they say of it.

They are read as they were stored. Nothing here trains, and no network is asked that never trained or that diverged.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from math import isnan
from typing import Any

import msgspec
import numpy as np

from shoal.data import Dataset
from shoal.engines import Engine, Tensors
from shoal.models import Model
from shoal.spec import Spec, fields
from shoal.store import Store
from shoal.store.rows import RunRow, weights_only
from shoal.study import Config, Run

MOST = 12
"""Networks that name a drawing."""
KEPT = 24
"""Networks whose weights stay in memory."""


@dataclass(frozen=True)
class Known:
    """A network that can be asked: a run of the store, as far as it has come."""

    id: int
    config: Config
    seed: int
    engine: str
    epoch: int
    accuracy: float

    @property
    def run(self) -> Run:
        return Run(self.config, self.seed)


def known(table: Iterable[RunRow], dataset: Dataset, first: int = 0) -> tuple[list[Known], int]:
    """The most accurate networks of a data set, the best first, and how many others there are.

    Of each config it is the seed whose weights are newest: trained the longest, and of these the last one begun. Only
    the run ``first``, if there is such a one, stands for its config and before all others.
    """
    newest: dict[bytes, RunRow] = {}
    for row in table:
        if row.config["data"] == dataset.name and row.epoch and row.diverged_at is None:
            key = msgspec.json.encode([row.config | {"epochs": 0}, row.engine])
            newest[key] = max(newest.get(key, row), row, key=lambda one: (one.id == first, one.epoch, one.id))
    best = sorted(newest.values(), key=lambda row: (row.id != first, *_worse(row)))
    every = (_known(row) for row in best)
    found = list(islice((one for one in every if one.config.model.input_shape == dataset.image_shape), MOST))
    return found, len(best) - len(found)


def _worse(row: RunRow) -> tuple[bool, float, int]:
    return isnan(row.validation_accuracy), -row.validation_accuracy, row.id


def _known(row: RunRow) -> Known:
    config = msgspec.convert(row.config, Config)
    return Known(row.id, config, row.seed, row.engine, row.epoch, row.validation_accuracy)


def label(config: Config) -> str:
    """What tells a network from others of its kind: "SGD lr 0.9, batch size 256", and what else is not as usual."""
    said = ("data", "model", "optimizer", "batch_size", "epochs")
    others = [f"{name} {_words(value)}" for name, value in _unusual(config) if name.replace(" ", "_") not in said]
    return ", ".join([_words(config.optimizer), f"batch size {config.batch_size:,}", *others])


def _words(value: Any) -> str:
    """ "SGD lr 0.9", "Normal std 0.01", "0.1": a spec is its kind and what is not its default, and always the rate."""
    if isinstance(value, Spec):
        return " ".join([type(value).__name__, *(f"{name} {_words(each)}" for name, each in _unusual(value))])
    return f"{value:g}" if isinstance(value, float) else str(value)


def _unusual(spec: Spec) -> list[tuple[str, Any]]:
    every = [(field, getattr(spec, field.name)) for field in fields(type(spec))]
    return [
        (field.name.replace("_", " "), value) for field, value in every if value != field.default or field.name == "lr"
    ]


class Weights:
    """The newest weights of a few networks, kept in memory: a drawing is named again at every stroke."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], Tensors] = {}
        self._turn = threading.Lock()

    def of(self, one: Known, store: Store) -> Tensors | None:
        """The weights after the epoch that is known, or after a later one; None if the store has none."""
        key = store.file, one.id, one.run.trajectory, one.epoch  # another store may have the same numbers
        with self._turn:
            found = self._kept.pop(key, None) or _read(one, store)
            if found:
                self._kept[key] = found  # last in line: it was used last
            for oldest in list(self._kept)[:-KEPT]:
                del self._kept[oldest]
            return found


def _read(one: Known, store: Store) -> Tensors | None:
    checkpoint = store.checkpoint(one.run, one.engine)
    return weights_only(checkpoint.tensors) if checkpoint else None


def probabilities(one: Known, tensors: Tensors, image: np.ndarray, dataset: Dataset, engine: Engine) -> np.ndarray:
    """float64 (classes,), which add up to 1, for an image uint8 (channels, height, width)."""
    logits = engine.predict(one.config.model, tensors, image[np.newaxis], one.config, dataset)[0].astype(np.float64)
    with np.errstate(invalid="ignore"):  # weights that are not finite say nothing, and the page says so
        shares = np.exp(logits - logits.max())
        return np.asarray(shares / shares.sum())


def classes(model: Model, dataset: Dataset) -> list[str]:
    """A name for each probability: a model may tell more classes apart than the data has."""
    return [*dataset.classes, *(f"class {number}" for number in range(len(dataset.classes), model.classes))]
