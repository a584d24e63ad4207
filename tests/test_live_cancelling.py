# SPDX-License-Identifier: Apache-2.0
"""Cancel ends a training within a second, also in the middle of a long epoch of the page's own engine."""

import threading
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from shoal.data import Dataset, Split
from shoal.engines.native import NativeEngine
from shoal.live.trainer import Trainer
from shoal.models import lenet
from shoal.optimizers import SGD
from shoal.store import Store
from shoal.study import Config, Grid, Study

PATIENCE = 60
"""Seconds, only spent where a test fails."""
WITHIN = 5.0
"""Seconds: one is promised, and the machine may be at something else. An epoch takes a quarter of a minute at least."""


def blank(count: int) -> Split:
    return Split(np.zeros((count, 1, 28, 28), np.uint8), (np.arange(count) % 10).astype(np.uint16))


def config(lr: float) -> Config:
    return Config(data="blank", model=lenet(), optimizer=SGD(lr=lr), epochs=3, batch_size=1)


@pytest.fixture
def training(tmp_path):
    """A LeNet of two seeds that has just begun its first epoch: the trainer, its number, and what has been told of it
    since."""
    data = {"blank": Dataset("blank", tuple("0123456789"), blank(60_000), blank(16), "made by a test")}
    begun, told = threading.Semaphore(0), []

    def tell(topic: str, **content: Any) -> None:
        told.append(content["state"])

    trainer = Trainer(
        tmp_path / "shoal.db",
        NativeEngine(threads=2),
        lambda: data,
        SimpleNamespace(tell=tell),
        lambda first: begun.release(),
    )
    id = trainer.ask(Study("slow", config, Grid(lr=[0.1]), seeds=range(2)))
    for _ in range(2):
        assert begun.acquire(timeout=PATIENCE), "neither run has the epoch before training"
    sleep(0.3)  # well inside the first epoch of both
    told.clear()
    yield trainer, id, told
    trainer.close()
    assert not trainer._thread.is_alive()


def epochs(folder) -> list[int]:
    with Store.open(folder / "shoal.db") as store:
        return [run.epochs for run in store.runs()]


def test_cancelling_ends_an_epoch_in_its_middle(training, tmp_path):
    trainer, id, told = training
    asked = monotonic()
    assert trainer.cancel(id)
    while not trainer.find(id).ended and monotonic() < asked + PATIENCE:
        sleep(0.01)
    assert monotonic() - asked < WITHIN
    assert trainer.find(id).state == "cancelled"
    assert told == ["cancelled"], "no further record came"
    assert epochs(tmp_path) == [0, 0], "neither epoch was finished"
    Store.open(tmp_path / "shoal.db", write=True).close()  # nor is the store held any more


def test_closing_the_page_ends_an_epoch_in_its_middle(training, tmp_path):
    trainer, _, told = training
    asked = monotonic()
    trainer.close()
    assert monotonic() - asked < WITHIN
    assert told == ["cancelled"]
    assert epochs(tmp_path) == [0, 0]
