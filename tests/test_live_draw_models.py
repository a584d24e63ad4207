# SPDX-License-Identifier: Apache-2.0
"""Which networks name a drawing, how their weights are kept, and the pictures of their layers, without a store."""

from base64 import b64decode
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from fakes import tiny_config
from shoal.data import sketches
from shoal.engines.native import NativeEngine
from shoal.live import draw_models
from shoal.live.draw_layers import MOST, layers, maps
from shoal.live.draw_models import Known, Weights, known, label, probabilities
from shoal.models import Conv2d, Dropout, Flatten, Linear, MaxPool2d, Model, Normal, ReLU, softmax_regression
from shoal.optimizers import SGD, Lion
from shoal.store import Store
from shoal.store.rows import RunRow
from shoal.study import Config

DIGITS = sketches.digits(train=20, test=10)
ONE = Known(
    1, Config(data=DIGITS.name, model=softmax_regression(), optimizer=SGD(lr=0.1), epochs=3), 0, "native", 3, 0.5
)


def config(lr: float, **others: Any) -> Config:
    return ONE.config.replace(optimizer=SGD(lr=lr), **others)


# ---- which networks there are -----------------------------------------------------------------------------


def row(id: int, accuracy: float, epoch: int = 2, **others: Any) -> RunRow:
    given = {
        "config": msgspec.to_builtins(config(id / 100)),
        "seed": 0,
        "engine": "native",
        "diverged_at": None,
    } | others
    numbers = {"train_loss": 0.1, "train_accuracy": 0.9, "validation_loss": 0.2, "seconds": 1.0}
    return RunRow(
        id=id, trajectory=f"{id}", epochs=2, epoch=epoch, created="", validation_accuracy=accuracy, **given, **numbers
    )


def test_a_dozen_of_many_and_how_many_more():
    found, left_out = known([row(id, accuracy=id / 100) for id in range(1, 31)], DIGITS)
    assert [one.id for one in found] == list(range(30, 18, -1))
    assert left_out == 18


def test_an_accuracy_that_is_not_known_comes_last():
    found, _ = known([row(1, float("nan")), row(2, 0.1), row(3, 0.5)], DIGITS)
    assert [one.id for one in found] == [3, 2, 1]


def test_the_newest_weights_of_a_config():
    same = msgspec.to_builtins(config(0.01))
    longer = same | {"epochs": 9}
    rows = [row(1, 0.5, config=same), row(2, 0.4, config=longer, epoch=3), row(3, 0.9, config=same, epoch=1)]
    assert [one.id for one in known(rows, DIGITS)[0]] == [2]
    assert [one.id for one in known([*rows, row(4, 0.1, config=longer, epoch=3)], DIGITS)[0]] == [4]


def test_a_chosen_run_stands_for_its_config_before_all_others():
    same = msgspec.to_builtins(config(0.01))
    rows = [row(id, accuracy=id / 100) for id in range(2, 20)]
    rows += [row(1, 0.0, config=same), row(30, 0.99, config=same, epoch=3, seed=1)]
    found, left_out = known(rows, DIGITS, first=1)
    assert [one.id for one in found] == [1, *range(19, 8, -1)]
    assert left_out == 7
    assert known(rows, DIGITS, first=99) == known(rows, DIGITS)


def test_who_never_trained_or_diverged_or_sees_other_images_is_not_asked():
    other = msgspec.to_builtins(tiny_config(data=DIGITS.name))
    rows = [row(1, 0.5, epoch=0), row(2, 0.5, diverged_at=3), row(3, 0.5, config=other)]
    assert known(rows, DIGITS)[0] == []


def test_a_label_says_what_is_not_as_usual():
    plain = ONE.config.replace(optimizer=SGD(lr=0.5, momentum=0.9))
    assert label(plain) == "SGD lr 0.5 momentum 0.9, batch size 256"
    assert label(plain.replace(holdout=50)) == "SGD lr 0.5 momentum 0.9, batch size 256, holdout 50"
    assert label(plain.replace(init=Normal(std=0.02))).endswith("256, init Normal std 0.02")
    assert label(plain.replace(optimizer=Lion())) == "Lion lr 0.0001, batch size 256"


# ---- their weights ---------------------------------------------------------------------------------------


def test_weights_are_read_once_until_newer_ones_are_there(tmp_path, monkeypatch):
    store, read = Store.open(tmp_path / "shoal.db"), []
    monkeypatch.setattr(draw_models, "KEPT", 2)
    monkeypatch.setattr(draw_models, "_read", lambda one, store: read.append(one.id) or {"0.weight": np.zeros(1)})
    weights = Weights()
    for asked in (ONE, ONE, replace(ONE, id=2), ONE, replace(ONE, id=3), ONE):
        assert weights.of(asked, store)
    assert read == [1, 2, 3], "the one used last stays"
    weights.of(replace(ONE, id=2), store)
    weights.of(replace(ONE, epoch=4), store)
    assert read == [1, 2, 3, 2, 1]


def test_another_store_in_its_place_has_weights_of_its_own(tmp_path, monkeypatch):
    """Its rows are counted from one, too."""
    store, read = Store.open(tmp_path / "shoal.db"), []
    monkeypatch.setattr(draw_models, "_read", lambda one, store: read.append(one.config) or {"0.weight": np.zeros(1)})
    weights, other = Weights(), replace(ONE, config=config(2.0))
    for asked in (ONE, other, ONE):
        weights.of(asked, store)
    assert read == [ONE.config, other.config]


def test_a_network_without_weights_says_nothing(tmp_path):
    assert Weights().of(ONE, Store.open(tmp_path / "shoal.db")) is None


def test_weights_beyond_measure_give_no_probability():
    weights = {one.name: np.full(one.shape, np.inf, np.float32) for one in ONE.config.model.parameters()}
    assert np.isnan(probabilities(ONE, weights, DIGITS.test.images[0], DIGITS, NativeEngine(threads=1))).all()


# ---- pictures of layers ----------------------------------------------------------------------------------


def test_a_layer_of_many_pictures_says_how_many_are_left_out():
    found = maps("Conv2d", "", np.arange(40.0).reshape(40, 1, 1))
    assert found["shape"] == (MOST, 1, 1)
    assert found["left_out"] == 8
    assert (found["low"], found["high"]) == (0.0, 31.0)


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0, np.nan, np.inf])
def test_a_layer_of_one_value_is_drawn(value):
    found = maps("ReLU", "", np.full((2, 3, 3), value))
    assert np.isfinite([found["low"], found["high"]]).all()
    assert len(b64decode(found["pixels"])) == 18


def test_dropout_does_nothing_and_is_not_shown():
    model = Model((Conv2d(1, 2, kernel_size=5), Dropout(0.5), ReLU(), Flatten(), Linear(2 * 24 * 24, 10)))
    weights = {one.name: np.ones(one.shape, np.float32) for one in model.parameters()}
    found = layers(ONE.config.replace(model=model), weights, DIGITS.test.images[0], DIGITS)
    assert [one["name"] for one in found] == ["Conv2d(1, 2, kernel_size=5)", "ReLU()"]


def test_a_layer_before_flattening_is_shown_instead_of_weights():
    pooled = Model((MaxPool2d(28), Flatten(), Linear(1, 10)))
    weights = {"2.weight": np.ones((10, 1), np.float32), "2.bias": np.zeros(10, np.float32)}
    (found,) = layers(ONE.config.replace(model=pooled), weights, DIGITS.test.images[0], DIGITS)
    assert found["shape"] == (1, 1, 1)
