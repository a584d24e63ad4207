# SPDX-License-Identifier: Apache-2.0
"""The native engine on the models of the report, and its promises about bits, resumption and interruption.

Random shapes and configs: test_agreement.py; threads, company and kills in full: test_bits.py.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from odd_models import furthest, odd, odd_model
from shoal.data import Dataset
from shoal.engines import Checkpoint, Engine, EpochRecord
from shoal.engines.native import NativeEngine, instruction_sets
from shoal.engines.reference import ReferenceEngine
from shoal.errors import EngineError
from shoal.models import (
    AvgPool2d,
    Conv2d,
    Flatten,
    KaimingUniform,
    Linear,
    Model,
    PyTorchDefault,
    ReLU,
    lenet,
    mlp,
    softmax_regression,
)
from shoal.optimizers import SGD, Adam, AdamW, Cosine, Optimizer, WarmUp
from shoal.streams import initial_weights
from shoal.study import Config, Run
from small_data import patches, same

SETS = instruction_sets()
OPTIMIZERS: tuple[Optimizer, ...] = (
    SGD(lr=0.2),
    SGD(lr=0.1, momentum=0.9),
    SGD(lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.01),
    Adam(lr=0.01, weight_decay=0.1),
    AdamW(lr=0.01, betas=(0.8, 0.95), weight_decay=0.2),
)


def config(model: Model, **changes: Any) -> Config:
    defaults: dict[str, Any] = {"optimizer": SGD(lr=0.1), "epochs": 2, "batch_size": 37, "init": KaimingUniform()}
    return Config(data="patches", model=model, **(defaults | changes))


def small(model: Model) -> Dataset:
    return patches(train=53, test=21, shape=model.input_shape)


def native(*runs: Run, data: Dataset | None = None, threads: int = 1, isa: str | None = None) -> list[EpochRecord]:
    engine = NativeEngine(threads=threads, instruction_set=isa)
    return list(engine.train(runs, {"patches": data or small(runs[0].config.model)}))


# ---- the same numbers as the reference ----------------------------------------------------------------


@pytest.mark.parametrize(
    "model", [softmax_regression(3), mlp(256, classes=3), lenet(classes=3), lenet("relu", "max", 3)]
)
@pytest.mark.parametrize("isa", SETS)
def test_agrees_on_the_models_of_the_report(model: Model, isa: str) -> None:
    asked = Run(config(model, batch_size=16), 3)
    data = {"patches": small(model)}
    assert furthest(native(asked, isa=isa), list(ReferenceEngine().train([asked], data))) < 1e-5


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 1},
        {"batch_size": 1000},
        {"standardize": True},
        {"holdout": 20},
        {"init": PyTorchDefault()},
        {"schedule": WarmUp(1, then=Cosine(2))},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_agrees_whatever_the_config(changes: dict[str, Any]) -> None:
    asked = Run(config(mlp(5, classes=3, input_shape=(1, 6, 6)), **changes), 1)
    data = {"patches": small(asked.config.model)}
    assert furthest(native(asked), list(ReferenceEngine().train([asked], data))) < 1e-5


def test_predicts_what_it_evaluates() -> None:
    model = odd_model(2)
    data, asked = small(model), Run(config(model), 0)
    last = native(asked, data=data)[-1]
    logits = NativeEngine().predict(model, last.tensors, data.test.images, asked.config, data)
    assert logits.shape == (21, 3)
    assert np.mean(logits.argmax(1) == data.test.labels) == last.validation_accuracy


def test_a_minibatch_larger_than_the_images_is_all_of_them() -> None:
    asked, whole = (Run(config(odd_model(2), batch_size=size), 0) for size in (2**31 - 1, 53))
    data = {"patches": small(whole.config.model)}
    for engine in (NativeEngine(threads=1), ReferenceEngine()):
        pairs = zip(engine.train([asked], data), engine.train([whole], data), strict=True)
        assert all(same(a, replace(b, run=asked)) for a, b in pairs), engine.name


def pooled(window: int) -> tuple[Run, Checkpoint]:
    """A model that sees the mean of a window around the whole image, made as much larger again by its weights."""
    layers = (Conv2d(1, 1, 1), AvgPool2d(window, padding=window // 2), Flatten(), Linear(1, 3))
    weight = np.array([[1], [-2], [3]], np.float32) * np.float32(window) ** 2
    start = {"0.weight": np.ones((1, 1, 1, 1), np.float32), "0.bias": np.zeros(1, np.float32)}
    start |= {"3.weight": weight, "3.bias": np.zeros(3, np.float32)}
    run = Run(config(Model(layers, (1, 4, 4)), epochs=1, optimizer=SGD(lr=1e-3)), 0)
    return run, Checkpoint(0, start)


@pytest.mark.parametrize("isa", SETS)
def test_windows_may_be_much_larger_than_the_image(isa: str) -> None:
    """The square of 50,000 is more than an int holds. The zeros around the image would fill the reference's memory:
    for it a smaller window does, whose means differ as the squares do."""
    (small_one, given), (large_one, scaled) = pooled(50), pooled(50_000)
    images = small(small_one.config.model)
    data, native_engine, reference = {"patches": images}, NativeEngine(1, isa), ReferenceEngine()
    courses, logits = [], []
    for engine, run, start in (
        (reference, small_one, given),
        (native_engine, small_one, given),
        (native_engine, large_one, scaled),
    ):
        (record,) = engine.train([run], data, resume={run: start})
        courses.append([*record.step_losses, *record.tensors["0.weight"].ravel(), *record.tensors["0.bias"]])
        config = run.config
        logits.append(engine.predict(config.model, start.tensors, images.test.images, config, images))
    assert abs(courses[0][2] - 1) > 1e-3  # the convolution has learnt
    for ours in (1, 2):
        np.testing.assert_allclose(courses[ours], courses[0], rtol=1e-4)
        np.testing.assert_allclose(logits[ours], logits[0], rtol=1e-5)


# ---- bits ---------------------------------------------------------------------------------------------

IMAGES = patches(train=53, test=21, shape=(1, 9, 9))


def crowd() -> list[Run]:
    """Runs of unequal length on one data set."""
    models = (
        mlp(7, classes=3, input_shape=(1, 9, 9)),
        Model((Conv2d(1, 5, 3), ReLU(), Flatten(), Linear(245, 3)), (1, 9, 9)),
    )
    return [
        Run(config(model, epochs=2 + seed, optimizer=OPTIMIZERS[seed]), seed) for model in models for seed in range(4)
    ]


def by_run(records: Sequence[EpochRecord]) -> dict[tuple[str, int], EpochRecord]:
    return {(record.run.trajectory, record.epoch): record for record in records}


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_bits_depend_on_neither_threads_nor_company_nor_order(threads: int) -> None:
    alone = by_run([record for run in crowd() for record in native(run, data=IMAGES)])
    together = by_run(native(*reversed(crowd()), data=IMAGES, threads=threads))
    assert alone.keys() == together.keys()
    assert all(same(alone[key], replace(together[key], run=alone[key].run)) for key in alone)


@pytest.mark.parametrize("seed", range(24))
def test_resuming_anywhere_gives_the_same_bits(seed: int) -> None:
    run, data = odd(seed)
    asked = Run(run.config.replace(epochs=4), seed)
    whole = list(NativeEngine().train([asked], data))
    for cut in range(4):
        rest = list(NativeEngine().train([asked], data, resume={asked: Checkpoint(cut, whole[cut].tensors)}))
        assert [record.epoch for record in rest] == list(range(cut + 1, 5))
        assert all(same(a, b) for a, b in zip(whole[cut + 1 :], rest, strict=True))


def test_a_short_run_is_the_beginning_of_a_long_one() -> None:
    short, long = (Run(config(odd_model(1), epochs=epochs), 0) for epochs in (2, 4))
    assert all(same(a, replace(b, run=a.run)) for a, b in zip(native(short), native(long)[:3], strict=True))


# ---- trouble ------------------------------------------------------------------------------------------


@pytest.mark.timeout(60)
def test_closing_the_iterator_stops_the_threads() -> None:
    endless = Run(config(lenet(classes=3), epochs=100_000), 0)
    before = len(os.listdir("/proc/self/task"))
    records = NativeEngine(threads=2).train([endless], {"patches": small(endless.config.model)})
    next(records)
    assert len(os.listdir("/proc/self/task")) == before + 2
    records.close()
    assert len(os.listdir("/proc/self/task")) == before


def test_an_unknown_instruction_set_is_refused_with_those_that_run() -> None:
    with pytest.raises(EngineError, match=r"'avx1024' does not run on this machine. Use one of .*portable"):
        NativeEngine(instruction_set="avx1024")


@pytest.mark.parametrize("threads", [0, -1, 100_000, 1.5, "2"])
def test_a_senseless_number_of_threads_is_refused(threads: Any) -> None:
    with pytest.raises(EngineError, match=r"threads=.*expected a whole number from 1"):
        NativeEngine(threads=threads)


def test_only_instruction_sets_with_equal_bits_share_a_name() -> None:
    names = {isa: NativeEngine(instruction_set=isa).name for isa in SETS}
    assert all(name == "native" for isa, name in names.items() if isa.startswith("x86_64_v"))
    assert len(SETS) == 1 or names["portable"] == "native-portable"


WRONG_IMAGES = [np.zeros((2, 1, 1, 1), np.uint8), np.zeros((2, 1, 9, 9)), np.zeros((2, 9, 9), np.uint8)]


@pytest.mark.parametrize("engine", [NativeEngine(threads=1), ReferenceEngine()], ids=lambda engine: engine.name)
@pytest.mark.parametrize("wrong", WRONG_IMAGES, ids=lambda images: str(images.shape))
def test_predicting_from_other_images_is_refused(wrong: np.ndarray, engine: Engine) -> None:
    model = softmax_regression(3, (1, 9, 9))
    weights = initial_weights(model, KaimingUniform(), 0)
    assert engine.predict(model, weights, IMAGES.test.images, config(model), IMAGES).shape == (21, 3)
    with pytest.raises(EngineError, match=r"takes uint8 images \(n, 1, 9, 9\), but was given"):
        engine.predict(model, weights, wrong, config(model), IMAGES)


@pytest.mark.parametrize("rates", [0, 1, 3])
def test_an_epoch_without_a_rate_for_every_step_is_refused(monkeypatch: pytest.MonkeyPatch, rates: int) -> None:
    """53 images are two steps of 37."""
    monkeypatch.setattr("shoal.engines.native.learning_rates", lambda *_: np.full(rates, 0.1))
    with pytest.raises(ValueError, match="needs one learning rate"):
        native(Run(config(softmax_regression(3, (1, 9, 9))), 0), data=IMAGES)


def test_the_environment_chooses_the_instruction_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_ISA", "portable")
    assert NativeEngine().instruction_set == "portable"


def growth(model: str, runs: int) -> float:
    """MB (of 1,000,000 bytes) by which a fresh process grows while it trains so many runs with Adam, two at a time."""
    script = f"""
import resource, sys
sys.path.insert(0, "tests")
from test_native import Adam, NativeEngine, Run, config, lenet, mlp, small
runs = [Run(config({model}, epochs=1, optimizer=Adam()), seed) for seed in range({runs})]
data = {{"patches": small(runs[0].config.model)}}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for record in NativeEngine(threads=2).train(runs, data):
    pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e6)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.parametrize("model", ["lenet('relu', 'max', 3)", "mlp(256, classes=3)"])
def test_a_run_takes_less_than_16_mb(model: str) -> None:
    assert growth(model, runs=2) < 2 * 16


def test_finished_runs_are_forgotten() -> None:
    # 100 runs of 203,000 parameters with two moments each would hold 240 MB.
    assert growth("mlp(256, classes=3)", runs=100) < 80
