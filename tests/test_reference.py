# SPDX-License-Identifier: Apache-2.0
"""The reference engine's epochs: records, order, resuming, divergence, prediction."""

from dataclasses import replace
from itertools import pairwise
from math import isnan
from typing import Any

import numpy as np
import pytest

from shoal import streams
from shoal.data import Dataset, Split
from shoal.engines import Checkpoint, EpochRecord, reference
from shoal.engines.loop import train_run
from shoal.engines.reference import ReferenceEngine
from shoal.errors import EngineError
from shoal.models import Conv2d, Flatten, Linear, MaxPool2d, Model, Normal, ReLU, mlp, softmax_regression
from shoal.optimizers import SGD, Adam, AdamW, Cosine, Optimizer, WarmUp, learning_rates
from shoal.study import Config, Run
from small_data import patches, same

TINY = (1, 8, 8)
MLP = mlp(6, classes=3, input_shape=TINY)
CONVOLUTIONAL = Model((Conv2d(1, 2, 3), ReLU(), MaxPool2d(2), Flatten(), Linear(18, 3)), TINY)
DATA = patches()


def config(**changes: Any) -> Config:
    defaults: dict[str, Any] = {
        "data": "patches",
        "model": MLP,
        "optimizer": SGD(lr=0.1),
        "epochs": 3,
        "batch_size": 16,
    }
    return Config(**(defaults | changes))


def train(*runs: Run, data: Dataset = DATA, engine: ReferenceEngine | None = None, **options: Any) -> list[EpochRecord]:
    return list((engine or ReferenceEngine()).train(runs, {"patches": data}, **options))


# ---- records ------------------------------------------------------------------------------------------


TEN = [1.6472282, 1.0912706, 1.3770643, 1.0666184, 1.1200231, 1.1001447, 1.079822, 1.0006325, 1.0128697, 1.0218899]
AFTER = 0.9804958264506058


def test_ten_steps_known_answer() -> None:
    """The first ten losses of one run in float64. If they change, the semantics changed: say so and why."""
    record = train(Run(config(epochs=1, batch_size=9), 0))[1]
    assert record.step_losses == pytest.approx(TEN, rel=2e-7)
    assert record.validation_loss == pytest.approx(AFTER, rel=1e-12)


def test_epoch_zero_is_before_training() -> None:
    run = Run(config(), 0)
    record = train(run)[0]
    assert record.epoch == 0
    assert isnan(record.train_loss)
    assert isnan(record.train_accuracy)
    assert record.step_losses.shape == (0,)
    assert record.seconds == 0
    initial = streams.initial_weights(MLP, run.config.init, 0)
    assert all(np.array_equal(record.tensors[name], initial[name]) for name in initial)


def test_validation_is_the_exact_mean_over_the_test_split() -> None:
    data = patches(test=1203)  # more than one chunk of evaluation, the last one odd
    run = Run(config(epochs=1), 1)
    record = train(run, data=data)[1]
    inputs = data.test.images / np.float32(255)
    out = reference.logits(MLP, record.tensors, inputs.astype(np.float64))
    assert record.validation_loss == pytest.approx(reference.softmax_cross_entropy(out, data.test.labels)[0], rel=1e-7)
    assert record.validation_accuracy == (out.argmax(axis=1) == data.test.labels).mean()


def test_training_values_are_weighted_by_examples() -> None:
    record = train(Run(config(epochs=1, batch_size=64), 0))[1]  # minibatches of 64 and 26
    first, last = record.step_losses.tolist()
    assert record.train_loss == pytest.approx((64 * first + 26 * last) / 90, rel=1e-6)
    assert (record.train_accuracy * 90) == pytest.approx(round(record.train_accuracy * 90))


def test_one_step_by_hand() -> None:
    """One whole-split minibatch of softmax regression: the record against the formulas, spelled out."""
    model = softmax_regression(3, TINY)
    run = Run(config(model=model, epochs=1, batch_size=90, init=Normal(0.01)), 4)
    before, after = train(run)
    order = streams.order(90, 4, 0)
    pixels = DATA.train.images[order].reshape(90, 64) / 255
    scores = pixels @ before.tensors["1.weight"].T
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    onehot = np.eye(3)[DATA.train.labels[order]]
    assert after.train_loss == pytest.approx(-np.log((p * onehot).sum(axis=1)).mean(), rel=1e-6)
    assert after.tensors["1.bias"] == pytest.approx(-0.1 * (p - onehot).mean(axis=0), rel=1e-6)
    weight = before.tensors["1.weight"] - 0.1 * (p - onehot).T @ pixels / 90
    assert after.tensors["1.weight"] == pytest.approx(weight, rel=1e-5, abs=1e-9)


def test_it_learns() -> None:
    for model in (MLP, CONVOLUTIONAL):
        records = train(Run(config(model=model, epochs=20, optimizer=SGD(lr=0.2)), 0))
        assert records[-1].validation_accuracy > 0.9
        assert records[-1].validation_loss < 0.5 * records[0].validation_loss


def test_same_run_same_bits_in_any_company() -> None:
    run, other = Run(config(), 0), Run(config(optimizer=Adam()), 5)
    alone = train(run)
    beside = [record for record in train(other, run) if record.run == run]
    assert all(same(a, b) for a, b in zip(alone, beside, strict=True))
    assert not same(alone[1], train(Run(config(), 1))[1])


def test_float32_stays_near_float64() -> None:
    run = Run(config(model=CONVOLUTIONAL), 0)
    single, double = (train(run, engine=ReferenceEngine(dtype)) for dtype in (np.float32, np.float64))
    assert single[-1].tensors["0.weight"].dtype == np.float32
    assert single[-1].validation_loss == pytest.approx(double[-1].validation_loss, rel=1e-4)


def test_standardize_shifts_and_scales_pixels() -> None:
    mean, std = DATA.moments
    run = Run(config(standardize=True), 0)
    record = train(run)[0]
    inputs = (DATA.test.images - mean) / std
    out = reference.logits(MLP, record.tensors, inputs)
    assert record.validation_loss == pytest.approx(reference.softmax_cross_entropy(out, DATA.test.labels)[0], rel=1e-5)


class Listener:
    """A network that learns nothing and remembers what it was given."""

    def __init__(self) -> None:
        self.tensors: dict[str, np.ndarray] = {}
        self.steps: list[tuple[int, float, np.ndarray, np.ndarray]] = []

    def step(self, images: np.ndarray, labels: np.ndarray, lr: float, step: int) -> tuple[float, int]:
        self.steps.append((step, lr, images, labels))
        return 1.0, 0

    def evaluate(self, images: np.ndarray, labels: np.ndarray) -> tuple[float, int]:
        return 1.0, 0


@pytest.mark.parametrize("done", [None, 0, 1])
def test_every_step_gets_its_number_its_rate_and_its_images(done: int | None) -> None:
    """Steps are counted from 1 over the whole run, and each epoch has an order of its own."""
    run, network = Run(config(epochs=3, batch_size=40, schedule=WarmUp(epochs=2)), 6), Listener()
    list(train_run(run, DATA, network, None if done is None else Checkpoint(done, {})))
    expected = []
    for epoch in range(done or 0, 3):
        rates = learning_rates(run.config.optimizer, run.config.schedule, epoch, 3)
        batches = np.split(streams.order(90, 6, epoch), [40, 80])
        expected += [(3 * epoch + i + 1, rates[i], batch) for i, batch in enumerate(batches)]
    assert [step[:2] for step in network.steps] == [step[:2] for step in expected]
    for (_, _, images, labels), (_, _, batch) in zip(network.steps, expected, strict=True):
        assert np.array_equal(images, DATA.train.images[batch])
        assert np.array_equal(labels, DATA.train.labels[batch])


# ---- hold-out -----------------------------------------------------------------------------------------


def relabelled(split: Split, which: np.ndarray) -> Split:
    labels = split.labels.copy()
    labels[which] = (labels[which] + 1) % 3
    return Split(split.images, labels)


def test_holdout_validates_on_what_it_does_not_train_on() -> None:
    _, held = streams.holdout(90, 30)
    run = Run(config(holdout=30), 0)
    plain = train(run)
    other_held = train(run, data=replace(DATA, train=relabelled(DATA.train, held)))
    other_test = train(run, data=replace(DATA, test=relabelled(DATA.test, np.arange(40))))
    assert plain[-1].train_loss == other_held[-1].train_loss
    assert plain[-1].validation_loss != other_held[-1].validation_loss
    assert same(plain[-1], other_test[-1])
    assert len(plain[-1].step_losses) == 4  # 60 images in minibatches of 16


# ---- resuming -----------------------------------------------------------------------------------------

OPTIMIZERS: dict[str, Optimizer] = {
    "SGD": SGD(lr=0.1),
    "momentum": SGD(lr=0.05, momentum=0.9, weight_decay=1e-3),
    "Nesterov": SGD(lr=0.05, momentum=0.9, nesterov=True),
    "Adam": Adam(lr=0.01, weight_decay=1e-3),
    "AdamW": AdamW(lr=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_resumed_run_is_bit_identical(name: str, dtype: type) -> None:
    schedule = WarmUp(epochs=2, then=Cosine(epochs=2))
    run = Run(config(optimizer=OPTIMIZERS[name], schedule=schedule, epochs=4), 2)
    engine = ReferenceEngine(dtype)
    whole = train(run, engine=engine)
    for done in range(5):
        rest = train(run, engine=engine, resume={run: Checkpoint(done, whole[done].tensors)})
        assert [record.epoch for record in rest] == list(range(done + 1, 5))
        assert all(same(a, b) for a, b in zip(rest, whole[done + 1 :], strict=True))


def test_a_record_keeps_its_tensors_while_training_goes_on() -> None:
    records = train(Run(config(optimizer=SGD(lr=0.1, momentum=0.9)), 0))
    for one, other in pairwise(records):
        assert all(not np.array_equal(one.tensors[name], other.tensors[name]) for name in one.tensors)


def test_state_is_named_after_its_parameter() -> None:
    tensors = train(Run(config(optimizer=Adam(), epochs=1), 0))[1].tensors
    names = [parameter.name for parameter in MLP.parameters()]
    assert set(tensors) == {*names, *(f"mean/{name}" for name in names), *(f"square/{name}" for name in names)}


# ---- divergence ---------------------------------------------------------------------------------------

DEEP, FAR = mlp(8, 8, 8, 8, 8, classes=3, input_shape=TINY), SGD(lr=1e30, weight_decay=1e30)
"""One step multiplies each of the six layers by 1e60: more than a float64 can hold."""


def test_a_diverging_run_stops_at_its_step_and_disturbs_nobody() -> None:
    wild, calm = Run(config(model=DEEP, optimizer=FAR), 0), Run(config(), 0)
    records = train(wild, calm)
    last = [record for record in records if record.run == wild][-1]
    assert last.epoch == 1
    assert last.diverged_at is not None
    assert last.diverged_at >= 1
    assert len(last.step_losses) == last.diverged_at + 1
    assert np.isfinite(last.step_losses).tolist() == [True] * last.diverged_at + [False]
    assert isnan(last.validation_loss)
    assert isnan(last.train_loss)
    assert [record.diverged_at for record in records if record.run == calm] == [None] * 4


def test_divergence_is_counted_over_the_whole_run() -> None:
    """Resumed with weights that overflow, it diverges at the first step of the third epoch."""
    run = Run(config(optimizer=SGD(lr=0.1)), 0)
    broken = {name: np.full_like(value, 1e308) for name, value in train(run)[2].tensors.items()}
    (record,) = train(run, resume={run: Checkpoint(2, broken)})
    assert (record.epoch, record.diverged_at) == (3, 12)
    assert all(np.array_equal(record.tensors[name], broken[name]) for name in broken)  # no update was made


def test_a_non_finite_validation_loss_is_divergence_at_the_last_step() -> None:
    run = Run(config(model=DEEP, optimizer=FAR, batch_size=90), 0)
    record = train(run)[-1]
    assert (record.epoch, record.diverged_at) == (1, 0)
    assert np.isfinite(record.train_loss)
    assert isnan(record.validation_loss)
    assert isnan(record.validation_accuracy)


# ---- prediction and refusals --------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 1203])
def test_predict(count: int) -> None:
    run = Run(config(model=CONVOLUTIONAL, epochs=1, standardize=True), 0)
    tensors = train(run)[-1].tensors
    images = patches(test=1203).test.images[:count]
    out = ReferenceEngine().predict(CONVOLUTIONAL, tensors, images, run.config, DATA)
    mean, std = DATA.moments
    assert out.dtype == np.float32
    assert out.shape == (count, 3)
    assert out == pytest.approx(reference.logits(CONVOLUTIONAL, tensors, (images - mean) / std), rel=1e-4, abs=1e-5)


def test_refusals_name_what_does_not_fit() -> None:
    with pytest.raises(EngineError, match="'mnist' is not among the data given: 'patches'"):
        train(Run(config(data="mnist"), 0))
    with pytest.raises(EngineError, match=r"takes 1×8×8 images, but those of patches are 1×6×6"):
        train(Run(config(), 0), data=patches(shape=(1, 6, 6)))
    with pytest.raises(EngineError, match="tells 3 classes apart, but patches has 4"):
        train(Run(config(), 0), data=patches(classes=4))
    with pytest.raises(EngineError, match="leaves nothing"):
        train(Run(config(holdout=90), 0))


def test_closing_stops_between_epochs() -> None:
    records = ReferenceEngine().train([Run(config(epochs=1000000), 0)], {"patches": DATA})
    assert [next(records).epoch, next(records).epoch] == [0, 1]
    records.close()
    assert list(records) == []
