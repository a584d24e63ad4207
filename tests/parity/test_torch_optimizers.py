# SPDX-License-Identifier: Apache-2.0
"""Twenty steps of every optimizer: the reference engine against PyTorch, weights and state, in float64."""

import numpy as np
import pytest

from shoal.engines.reference import update
from shoal.optimizers import SGD, Adam, AdamW, Optimizer

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

OPTIMIZERS: dict[str, Optimizer] = {
    "SGD": SGD(lr=0.1),
    "weight decay": SGD(lr=0.1, weight_decay=0.02),
    "momentum": SGD(lr=0.1, momentum=0.9),
    "momentum and decay": SGD(lr=0.1, momentum=0.8, weight_decay=0.02),
    "Nesterov": SGD(lr=0.1, momentum=0.9, nesterov=True),
    "Nesterov and decay": SGD(lr=0.1, momentum=0.7, nesterov=True, weight_decay=0.02),
    "Adam": Adam(lr=0.01),
    "Adam, other means": Adam(lr=0.01, betas=(0.5, 0.7), eps=1e-3),
    "Adam and decay": Adam(lr=0.01, weight_decay=0.1),
    "AdamW": AdamW(lr=0.01),
    "AdamW, other means": AdamW(lr=0.01, betas=(0.0, 0.9), eps=1e-2, weight_decay=0.3),
}
STATE = {"momentum": "momentum_buffer", "mean": "exp_avg", "square": "exp_avg_sq"}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps(name: str) -> None:
    from torch_twins import twin_optimizer

    optimizer, random = OPTIMIZERS[name], np.random.default_rng(0)
    weight, grads = random.normal(size=(4, 3)), random.normal(size=(20, 4, 3))
    theirs = torch.nn.Parameter(torch.tensor(weight))
    twin = twin_optimizer(optimizer, [theirs])
    tensors = {"w": weight} | {f"{kind}/w": np.zeros_like(weight) for kind in optimizer.state}
    for step, grad in enumerate(grads, start=1):
        theirs.grad = torch.tensor(grad)
        twin.step()
        tensors = update(optimizer, tensors, {"w": grad}, optimizer.lr, step)
        np.testing.assert_allclose(tensors["w"], theirs.detach().numpy(), rtol=1e-12, atol=1e-13)
        for kind in optimizer.state:
            state = twin.state[theirs][STATE[kind]].numpy()
            np.testing.assert_allclose(tensors[f"{kind}/w"], state, rtol=1e-12, atol=1e-13)
