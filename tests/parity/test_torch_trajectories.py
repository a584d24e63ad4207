# SPDX-License-Identifier: Apache-2.0
"""A hundred steps of every layer, loss, optimizer and bound on gradients, beside PyTorch: losses and weights.

Small networks, so that all of them are quick: the reference engine in float64, and the native engine in float32 under
every instruction set of this machine. A difference in a formula feeds on itself for a hundred steps; what rounding
leaves is bounded by `FLOAT64` and `FLOAT32`, and by `TURNED` where steps are signs. Dropout's twin is given Shoal's
masks.
"""

from functools import lru_cache
from itertools import product
from typing import Any, get_args

import numpy as np
import pytest
from test_torch_optimizers import OPTIMIZERS as BOWL_OPTIMIZERS

from shoal.engines import Engine
from shoal.engines.native import NativeEngine, instruction_sets
from shoal.engines.reference import ReferenceEngine
from shoal.losses import CrossEntropy
from shoal.models import (
    GELU,
    Add,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Model,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
)
from shoal.optimizers import SGD, Adagrad, Adam, Lion, Optimizer, RMSprop
from shoal.study import Config, Run
from shoal.training import ClipNorm, Clipping, ClipValue
from small_data import patches

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

Apart = dict[str, Any]
"""How far losses may be apart, and weights; and the share of weights that may be further."""

FLOAT64: Apart = {"loss": {"rtol": 1e-7, "atol": 0.0}, "weights": {"rtol": 1e-9, "atol": 1e-11}, "share": 0.0}
"""Of losses no more is kept than float32 holds."""
FLOAT32: Apart = {"loss": {"rtol": 1e-5, "atol": 1e-6}, "weights": {"rtol": 1e-4, "atol": 1e-5}, "share": 0.0}
TURNED: Apart = {"loss": {"rtol": 1e-2, "atol": 1e-3}, "weights": FLOAT32["weights"], "share": 0.01}
"""Lion steps by the sign of a sum, which rounding turns where it nearly cancels. One weight in a hundred may have been
turned; the others are where they would be, since no size enters."""

DATA = patches(train=75, test=30, classes=3, shape=(2, 8, 8))
"""Five steps an epoch, the last one smaller."""


def network(*layers: Layer, features: int, channels: int = 4) -> Model:
    """The layers between a convolution and a linear one, whose gradients have to come through them."""
    return Model((Conv2d(2, channels, 3, padding=1), *layers, Linear(features, 3)), (2, 8, 8))


SMOOTH = network(SiLU(), AvgPool2d(2), Flatten(), Linear(64, 12), Tanh(), features=12)
NORMED = network(Tanh(), BatchNorm2d(4), AvgPool2d(2), Flatten(), Linear(64, 12), SiLU(), BatchNorm1d(12), features=12)
"""Batch normalisation after an activation, so that no bias stands right before it: see `undecided`."""
USUAL = network(BatchNorm2d(4), ReLU(), MaxPool2d(2), Flatten(), Linear(64, 12), BatchNorm1d(12), ReLU(), features=12)

LAYERS: dict[str, Model] = {
    "linear alone": Model((Flatten(), Linear(128, 3)), (2, 8, 8)),
    "convolution": network(Conv2d(4, 3, 3), Flatten(), features=108),
    "convolution, 1×1": network(Conv2d(4, 3, 1), Flatten(), features=192),
    "convolution, stride": network(Conv2d(4, 3, 2, stride=3), Flatten(), features=27),
    "convolution, stride and padding": network(Conv2d(4, 3, 4, stride=3, padding=2), Flatten(), features=27),
    "convolution, padding beyond the kernel": network(Conv2d(4, 3, 2, stride=3, padding=4), Flatten(), features=75),
    "convolution, as large as the image": network(Conv2d(4, 5, 8), Flatten(), features=5),
    "max pooling": network(MaxPool2d(2), Flatten(), features=64),
    "max pooling, overlapping and padded": network(MaxPool2d(3, 2, 1), Flatten(), features=64),
    "average pooling": network(AvgPool2d(2), Flatten(), features=64),
    "average pooling, overlapping and padded": network(AvgPool2d(4, 3, 2), Flatten(), features=36),
    "global average pooling": network(ReLU(), GlobalAvgPool2d(), Flatten(), features=4),
    **{
        f"{type(layer).__name__} {where}": network(*around, features=features)
        for layer in (ReLU(), LeakyReLU(), LeakyReLU(1.5), Sigmoid(), Tanh(), GELU(), SiLU(), Dropout(0.3))
        for where, features, around in (
            ("of images", 256, (layer, Flatten())),
            ("of features", 9, (Flatten(), Linear(256, 9), layer)),
        )
    },
    "batch norm": NORMED,
    "batch norm, other eps and momentum": network(
        *(Tanh(), BatchNorm2d(4, eps=0.1, momentum=0.7), Flatten(), Linear(256, 9), GELU(), BatchNorm1d(9, momentum=1)),
        features=9,
    ),
    "batch norm before the activation": USUAL,
    "residual": network(
        *(Conv2d(4, 4, 3, padding=1), BatchNorm2d(4), GELU(), Conv2d(4, 4, 1), Add(4), ReLU()),
        *(GlobalAvgPool2d(), Flatten()),
        features=4,
    ),
    "residual of features, one within another": network(
        *(Flatten(), Linear(256, 8), Linear(8, 8), Tanh(), Linear(8, 8), Add(2), Add(4)), features=8
    ),
    "dropouts in a row": network(
        *(Dropout(0.1), GELU(), Dropout(), Flatten(), Linear(256, 20), Dropout(0.8)), features=20
    ),
}
LOSSES = {
    "log-sum-exp": CrossEntropy(),
    "shifted": CrossEntropy(form="shifted"),
    "naive": CrossEntropy(form="naive"),
    "smoothed": CrossEntropy(label_smoothing=0.1),
    "nothing but smoothing": CrossEntropy(label_smoothing=1.0),
}
BOUNDS: tuple[Clipping, ...] = (ClipNorm(0.5), ClipNorm(1e-2), ClipValue(0.05), ClipValue(1e-3))
BOUNDED = {"SGD": SGD(lr=0.1, momentum=0.9, weight_decay=0.02), "Adam": Adam(lr=0.01), "RMSprop": RMSprop(lr=1e-3)}

OPTIMIZERS = {
    name: optimizer.replace(lr=1e-3) if isinstance(optimizer, Lion) else optimizer
    for name, optimizer in BOWL_OPTIMIZERS.items()
}
"""The rates that suit a bowl, but for Lion's."""

Asked = dict[str, Any]
RUNS: dict[str, Asked] = {
    **{f"layer: {name}": {"model": model} for name, model in LAYERS.items()},
    **{f"loss: {name}": {"loss": loss} for name, loss in LOSSES.items()},
    **{f"optimizer: {name}": {"optimizer": optimizer} for name, optimizer in OPTIMIZERS.items()},
    **{
        f"batch norm, {name}": {"model": NORMED, "optimizer": optimizer}
        for name, optimizer in OPTIMIZERS.items()
        if name in ("Lion", "Adagrad", "RMSprop", "Adam", "AdamW")
    },
    **{f"batch norm before the activation, {name}": {"model": USUAL, "optimizer": BOUNDED[name]} for name in BOUNDED},
    **{
        f"{bound}, {name}": {"gradient_clipping": bound, "optimizer": BOUNDED[name]}
        for bound, name in product(BOUNDS, BOUNDED)
    },
}


@lru_cache
def run_of(name: str) -> Run:
    usual = {"data": "patches", "model": SMOOTH, "optimizer": SGD(lr=0.1), "batch_size": 16, "epochs": 20}
    return Run(Config(**(usual | RUNS[name])), seed=5)


@lru_cache(maxsize=len(RUNS))
def twin(name: str, dtype: Any) -> Any:
    from torch_twins import train

    return train(run_of(name), DATA, dtype)


def follow(engine: Engine, name: str, dtype: Any, within: Apart) -> None:
    """A hundred losses; after them the weights, the running statistics, and how it validates."""
    hold(engine, run_of(name), twin(name, dtype), within)


def hold(engine: Engine, run: Run, expected: Any, within: Apart) -> None:
    from torch_twins import undecided

    records = list(engine.train([run], {"patches": DATA}))
    losses = np.concatenate([record.step_losses for record in records])
    assert losses.shape == expected.step_losses.shape == (100,)
    np.testing.assert_allclose(losses, expected.step_losses, **within["loss"])
    left_out = undecided(run.config)
    named = sorted(expected.weights.keys() - left_out)
    found, wanted = (
        np.concatenate([of[one].ravel() for one in named]) for of in (records[-1].tensors, expected.weights)
    )
    apart = ~np.isclose(found, wanted, **within["weights"])
    assert apart.mean() <= within["share"], (
        f"{apart.sum()} of {apart.size}, up to {abs(found - wanted).max():.1e} apart"
    )
    if not left_out:
        validated = [record.validation_loss for record in records[1:]]
        np.testing.assert_allclose(validated, expected.validation_loss, **within["loss"])


@pytest.mark.parametrize("name", RUNS)
def test_reference_engine(name: str) -> None:
    follow(ReferenceEngine(), name, torch.float64, FLOAT64)


@pytest.mark.parametrize("isa", instruction_sets())
@pytest.mark.parametrize("name", RUNS)
def test_native_engine(name: str, isa: str) -> None:
    within = TURNED if isinstance(run_of(name).config.optimizer, Lion) else FLOAT32
    follow(NativeEngine(threads=1, instruction_set=isa), name, torch.float32, within)


def test_nothing_is_left_out() -> None:
    used = {type(layer) for asked in RUNS.values() for layer in asked.get("model", SMOOTH).layers}
    assert used == set(get_args(Layer))
    assert {type(asked["optimizer"]) for asked in RUNS.values() if "optimizer" in asked} == set(get_args(Optimizer))
    assert {type(bound) for bound in BOUNDS} == set(get_args(Clipping))


@pytest.mark.parametrize("name", RUNS)
def test_each_learns(name: str) -> None:
    """Or a hundred steps would prove no more than one."""
    expected = twin(name, torch.float32)
    assert expected.step_losses[-5:].mean() < expected.step_losses[0] - 0.01


MISTAKES: dict[str, Asked] = {  # by run: the same, a little off
    "layer: LeakyReLU of images": {"model": network(LeakyReLU(0.0101), Flatten(), features=256)},
    "layer: GELU of images": {"model": network(SiLU(), Flatten(), features=256)},
    "layer: Dropout of images": {"model": network(Dropout(0.301), Flatten(), features=256)},
    "layer: average pooling": {"model": network(MaxPool2d(2), Flatten(), features=64)},
    "layer: batch norm, other eps and momentum": {
        "model": network(
            *(Tanh(), BatchNorm2d(4, eps=0.1, momentum=0.7001), Flatten(), Linear(256, 9), GELU()),
            *(BatchNorm1d(9, momentum=1),),
            features=9,
        )
    },
    "layer: residual of features, one within another": {
        "model": network(*(Flatten(), Linear(256, 8), Linear(8, 8), Tanh(), Linear(8, 8), Add(3), Add(4)), features=8)
    },
    "loss: smoothed": {"loss": CrossEntropy(label_smoothing=0.1001)},
    "optimizer: Lion, other means and decay": {"optimizer": Lion(lr=1e-3, betas=(0.5, 0.8), weight_decay=0.32)},
    "optimizer: Adagrad": {"optimizer": Adagrad(lr=0.1, eps=1e-5)},
    "optimizer: RMSprop": {"optimizer": RMSprop(lr=0.01, alpha=0.9901)},
    "optimizer: Nesterov": {"optimizer": SGD(lr=0.1, momentum=0.9)},
    "optimizer: AdamW": {"optimizer": Adam(lr=0.01, weight_decay=0.01)},
    f"{ClipNorm(0.5)}, SGD": {"gradient_clipping": ClipNorm(0.5001), "optimizer": BOUNDED["SGD"]},
    f"{ClipValue(0.05)}, Adam": {"gradient_clipping": None, "optimizer": BOUNDED["Adam"]},
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_small_mistake_is_seen(name: str) -> None:
    """Beside a twin that is a little off, both engines fall out of their bounds."""
    from torch_twins import train

    run = run_of(name)
    wrong = Run(run.config.replace(**MISTAKES[name]), run.seed)
    within = TURNED if isinstance(run.config.optimizer, Lion) else FLOAT32
    for engine, dtype, bounds in (ReferenceEngine(), torch.float64, FLOAT64), (NativeEngine(1), torch.float32, within):
        with pytest.raises(AssertionError):
            hold(engine, run, train(wrong, DATA, dtype), bounds)
