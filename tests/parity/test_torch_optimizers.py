# SPDX-License-Identifier: Apache-2.0
"""A hundred steps of every optimizer: the reference engine against PyTorch, weights and state, in float64.

Each goes its own way down a bowl with a noisy slope, so that a difference would feed on itself.
"""

import numpy as np
import pytest

from shoal.engines.reference import clip, update
from shoal.optimizers import SGD, Adagrad, Adam, AdamW, Lion, Optimizer, RMSprop
from shoal.training import ClipNorm, Clipping, ClipValue

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

OPTIMIZERS: dict[str, Optimizer] = {
    "SGD": SGD(lr=0.1),
    "weight decay": SGD(lr=0.1, weight_decay=0.02),
    "momentum": SGD(lr=0.1, momentum=0.9),
    "momentum and decay": SGD(lr=0.1, momentum=0.8, weight_decay=0.02),
    "Nesterov": SGD(lr=0.1, momentum=0.9, nesterov=True),
    "Nesterov and decay": SGD(lr=0.1, momentum=0.7, nesterov=True, weight_decay=0.02),
    "Lion": Lion(lr=0.01),
    "Lion, other means and decay": Lion(lr=0.01, betas=(0.5, 0.8), weight_decay=0.3),
    "Lion without memory": Lion(lr=0.01, betas=(0.0, 0.0)),
    "Adagrad": Adagrad(lr=0.1),
    "Adagrad with everything": Adagrad(lr=0.1, lr_decay=0.05, weight_decay=0.02, eps=1e-2),
    "RMSprop": RMSprop(lr=0.01),
    "RMSprop, momentum": RMSprop(lr=0.01, momentum=0.9),
    "RMSprop with everything": RMSprop(lr=0.01, alpha=0.7, eps=1e-2, weight_decay=0.02, momentum=0.5),
    "Adam": Adam(lr=0.01),
    "Adam, other means": Adam(lr=0.01, betas=(0.5, 0.7), eps=1e-3),
    "Adam and decay": Adam(lr=0.01, weight_decay=0.1),
    "AdamW": AdamW(lr=0.01),
    "AdamW, other means": AdamW(lr=0.01, betas=(0.0, 0.9), eps=1e-2, weight_decay=0.3),
}
STATE = {
    "SGD": {"momentum": "momentum_buffer"},
    "Lion": {"mean": "exp_avg"},
    "Adagrad": {"sum": "sum"},
    "RMSprop": {"square": "square_avg", "momentum": "momentum_buffer"},
    "Adam": {"mean": "exp_avg", "square": "exp_avg_sq"},
    "AdamW": {"mean": "exp_avg", "square": "exp_avg_sq"},
}
SHAPES = {"0.weight": (4, 3), "0.bias": (4,), "1.weight": (2, 4)}


def follow(optimizer: Optimizer, clipping: Clipping | None = None) -> int:
    """Hold a hundred steps of three parameters to PyTorch's; how many of them were clipped."""
    from torch_twins import twin_clip, twin_optimizer

    random, clipped = np.random.default_rng(0), 0
    weights = {name: random.normal(size=shape) for name, shape in SHAPES.items()}
    theirs = {name: torch.nn.Parameter(torch.tensor(weight)) for name, weight in weights.items()}
    twin, named = twin_optimizer(optimizer, list(theirs.values())), STATE[type(optimizer).__name__]
    tensors = dict(weights)
    for name, weight in weights.items():
        tensors |= {f"{kind}/{name}": np.zeros_like(weight) for kind in optimizer.state}
    for step in range(1, 101):
        noise = {name: random.normal(size=shape) for name, shape in SHAPES.items()}
        for name, parameter in theirs.items():
            parameter.grad = parameter.detach() + torch.tensor(noise[name])
        twin_clip(clipping, list(theirs.values()))
        twin.step()
        grads = {name: tensors[name] + noise[name] for name in SHAPES}
        bounded = clip(clipping, grads)
        clipped += any((bounded[name] != grad).any() for name, grad in grads.items())
        tensors = update(optimizer, tensors, bounded, optimizer.lr, step)
        for name, parameter in theirs.items():
            np.testing.assert_allclose(tensors[name], parameter.detach().numpy(), rtol=1e-10, atol=1e-12)
            for kind in optimizer.state:
                state = twin.state[parameter][named[kind]].numpy()
                np.testing.assert_allclose(tensors[f"{kind}/{name}"], state, rtol=1e-10, atol=1e-12)
    return clipped


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_hundred_steps(name: str) -> None:
    assert follow(OPTIMIZERS[name]) == 0


@pytest.mark.parametrize("clipping", [ClipNorm(5.0), ClipNorm(0.1), ClipValue(1.5), ClipValue(1e-3)])
@pytest.mark.parametrize("name", ["weight decay", "momentum", "RMSprop with everything", "Adam and decay"])
def test_a_hundred_clipped_steps(name: str, clipping: Clipping) -> None:
    """Bounds that some steps reach, or all: of a norm about 5, and of values about 1."""
    assert follow(OPTIMIZERS[name], clipping) > 20


def test_every_optimizer_is_held_to_pytorch() -> None:
    assert {type(optimizer) for optimizer in OPTIMIZERS.values()} == set(Optimizer.__args__)


@pytest.mark.parametrize("clipping", [ClipNorm(1.0), ClipValue(1.0)])
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_broken_gradients_are_clipped_as_in_pytorch(clipping: Clipping, broken: float) -> None:
    from torch_twins import twin_clip

    grads = {"a": np.array([broken, 2.0]), "b": np.array([0.5, -3.0])}
    theirs = [torch.nn.Parameter(torch.zeros(2, dtype=torch.float64)) for _ in grads]
    for parameter, grad in zip(theirs, grads.values(), strict=True):
        parameter.grad = torch.tensor(grad)
    twin_clip(clipping, theirs)
    with np.errstate(invalid="ignore"):
        found = clip(clipping, grads)
    for parameter, mine in zip(theirs, found.values(), strict=True):
        np.testing.assert_array_equal(mine, parameter.grad.numpy())
