# SPDX-License-Identifier: Apache-2.0
"""Whole training runs against a PyTorch loop: the reference engine in float64, the native engine in float32."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from shoal.engines import Engine, EpochRecord
from shoal.engines.reference import ReferenceEngine
from shoal.losses import CrossEntropy
from shoal.models import (
    GELU,
    Add,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Model,
    PyTorchDefault,
    ReLU,
    SiLU,
    lenet,
    mlp,
    softmax_regression,
)
from shoal.optimizers import SGD, Adagrad, Adam, AdamW, Cosine, Exponential, Lion, RMSprop, StepDecay, WarmUp
from shoal.study import Config, Run
from shoal.training import ClipNorm, ClipValue
from small_data import patches

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

DATA = patches(train=150, test=70, classes=10, shape=(1, 28, 28))
LENET = lenet("relu", "max")
STRIDED = Model((Conv2d(1, 5, 4, stride=3, padding=2), ReLU(), MaxPool2d(3, 2, 1), Flatten(), Linear(125, 10)))

NORMALISED = Model(
    (
        *(Conv2d(1, 4, 3, stride=2), BatchNorm2d(4), LeakyReLU(), MaxPool2d(2), Flatten()),
        *(Linear(144, 12), BatchNorm1d(12, momentum=0.3), GELU(), Linear(12, 10)),
    )
)
RESIDUAL = Model(
    (
        *(Conv2d(1, 4, 3, stride=3, padding=4), SiLU()),
        *(Conv2d(4, 4, 3, padding=1), BatchNorm2d(4), ReLU(), Conv2d(4, 4, 1), Add(4), GELU()),
        *(GlobalAvgPool2d(), Flatten(), Dropout(0.2), Linear(4, 10)),
    )
)

RUNS: dict[str, dict[str, Any]] = {
    # five steps an epoch, the last one smaller; two epochs unless a schedule needs more
    "softmax regression": {"model": softmax_regression()},
    "softmax regression, one batch": {"model": softmax_regression(), "batch_size": 150, "epochs": 20},
    "MLP": {"model": mlp(32), "optimizer": SGD(lr=0.1, momentum=0.9)},
    "deep sigmoid MLP": {"model": mlp(16, 12, activation="sigmoid"), "optimizer": Adam(lr=0.01)},
    "tanh MLP": {"model": mlp(16, activation="tanh"), "optimizer": AdamW(lr=0.01)},
    "LeNet sigmoid": {"model": lenet(), "optimizer": SGD(lr=0.9)},
    "LeNet ReLU": {"model": LENET},
    "LeNet Adam": {"model": LENET, "optimizer": Adam(lr=0.003, weight_decay=0.01)},
    "odd strides": {"model": STRIDED, "optimizer": SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)},
    "batch norm": {"model": NORMALISED, "optimizer": SGD(lr=0.1, momentum=0.9, weight_decay=0.01)},
    "batch norm and Adam": {"model": NORMALISED, "optimizer": Adam(lr=0.01, eps=1e-4)},
    "dropout": {"model": Model((Flatten(), Dropout(0.2), Linear(784, 32), SiLU(), Dropout(), Linear(32, 10)))},
    "residual": {"model": RESIDUAL, "optimizer": AdamW(lr=0.01, eps=1e-4)},
    "PyTorch's own start": {"model": LENET, "init": PyTorchDefault()},
    "standardised": {"model": mlp(8), "standardize": True},
    "holding out": {"model": mlp(8), "holdout": 50},
    "steps": {"model": mlp(8), "schedule": StepDecay(every=2, factor_each=0.5), "epochs": 5},
    "exponential": {"model": mlp(8), "schedule": Exponential(factor_each=0.7), "epochs": 4},
    "cosine": {"model": mlp(8), "schedule": Cosine(epochs=4, floor=0.1), "epochs": 4},
    "warm-up": {"model": mlp(8), "schedule": WarmUp(epochs=2), "epochs": 3},
    # it steps by a sign, which rounding turns sooner or later
    "Lion": {"model": mlp(16), "optimizer": Lion(lr=1e-3, weight_decay=0.1)},
    # a hundred steps each
    "Adagrad": {"model": mlp(16), "optimizer": Adagrad(lr=0.05, lr_decay=0.01), "epochs": 20},
    "RMSprop": {"model": mlp(16), "optimizer": RMSprop(lr=1e-3, momentum=0.5, weight_decay=0.01), "epochs": 20},
    "norm clipped": {"model": mlp(16), "gradient_clipping": ClipNorm(0.5), "epochs": 20},
    "values clipped": {"model": mlp(16), "gradient_clipping": ClipValue(0.01), "epochs": 20},
    "labels smoothed": {"model": mlp(16), "loss": CrossEntropy(label_smoothing=0.1), "epochs": 20},
    "everything at once": {
        **{"model": mlp(16), "optimizer": RMSprop(lr=1e-3), "loss": CrossEntropy(label_smoothing=0.3)},
        **{"gradient_clipping": ClipNorm(0.2), "schedule": Cosine(epochs=20), "epochs": 20},
    },
}


def run_of(name: str, **changes: Any) -> Run:
    defaults = {"data": "patches", "optimizer": SGD(lr=0.1), "batch_size": 32, "epochs": 2}
    return Run(Config(**(defaults | RUNS[name] | changes)), seed=3)


def trained(engine: Engine, run: Run) -> list[EpochRecord]:
    return list(engine.train([run], {"patches": DATA}))[1:]


def step_losses(records: Sequence[EpochRecord]) -> np.ndarray:
    return np.concatenate([record.step_losses for record in records])


@pytest.mark.parametrize("name", RUNS)
def test_reference_engine(name: str) -> None:
    """Steps agree to float32 (which is how they are kept), weights after all of them to eleven digits."""
    from torch_twins import train

    run = run_of(name)
    records, expected = trained(ReferenceEngine(), run), train(run, DATA, torch.float64)
    np.testing.assert_array_max_ulp(step_losses(records), expected.step_losses.astype(np.float32), 1)
    if not run.config.holdout:
        assert [record.validation_loss for record in records] == pytest.approx(expected.validation_loss, rel=1e-10)
        assert [record.validation_accuracy for record in records] == expected.validation_accuracy
    for parameter, theirs in expected.weights.items():
        np.testing.assert_allclose(records[-1].tensors[parameter], theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", RUNS)
def test_native_engine(name: str) -> None:
    """Twenty steps in float32, or a hundred: apart by rounding only, units in the last place, which grow slowly."""
    native = pytest.importorskip("shoal.engines.native", reason="the native engine is not built")
    from torch_twins import train, undecided

    run = run_of(name, epochs=max(4, RUNS[name].get("epochs", 0)))
    records, expected = trained(native.NativeEngine(threads=1), run), train(run, DATA, torch.float32)
    np.testing.assert_allclose(step_losses(records), expected.step_losses, rtol=5e-6)
    for tensor in expected.weights.keys() - undecided(run.config):
        np.testing.assert_allclose(records[-1].tensors[tensor], expected.weights[tensor], rtol=1e-5, atol=5e-6)
