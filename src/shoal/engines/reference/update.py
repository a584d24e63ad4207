# SPDX-License-Identifier: Apache-2.0
"""Optimizers: new weight and new state from old ones (`optimizers.py`). Twin: native/kernels/update.cpp."""

import numpy as np

from shoal.engines import Tensors
from shoal.engines.reference.arrays import Array
from shoal.optimizers import SGD, Adam, AdamW, Optimizer


def sgd_step(
    weight: Array, grad: Array, velocity: Array, lr: float, momentum: float, nesterov: bool, weight_decay: float
) -> tuple[Array, Array]:
    """New weight and velocity; all of one shape. Without momentum the velocity is the gradient."""
    grad = grad + weight_decay * weight
    velocity = momentum * velocity + grad
    direction = grad + momentum * velocity if nesterov else velocity
    return weight - lr * direction, velocity


def adam_step(
    weight: Array,
    grad: Array,
    mean: Array,
    square: Array,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> tuple[Array, Array, Array]:
    """New weight, running mean and running square; all of one shape. ``step`` counts from 1."""
    grad = grad + weight_decay * weight
    mean = betas[0] * mean + (1 - betas[0]) * grad
    square = betas[1] * square + (1 - betas[1]) * grad * grad
    # Both means start at 0; dividing by the weight they have gathered so far makes up for it.
    root = np.sqrt(square) / (1 - betas[1] ** step) ** 0.5 + eps
    return weight - lr / (1 - betas[0] ** step) * mean / root, mean, square


def adamw_step(
    weight: Array,
    grad: Array,
    mean: Array,
    square: Array,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> tuple[Array, Array, Array]:
    """As `adam_step`, but the decay shrinks the weight itself and never passes through the running means."""
    return adam_step(weight * (1 - lr * weight_decay), grad, mean, square, step, lr, betas, eps, 0.0)


def update(optimizer: Optimizer, tensors: Tensors, grads: Tensors, lr: float, step: int) -> dict[str, Array]:
    """Weights and optimizer state after one update. ``step`` counts from 1 over the whole run."""
    after = dict(tensors)
    for name, grad in grads.items():
        states = [f"{kind}/{name}" for kind in optimizer.state]
        weight, old = tensors[name], [tensors[state] for state in states]
        new: tuple[Array, ...]
        match optimizer:
            case SGD(momentum=momentum, nesterov=nesterov, weight_decay=decay):
                velocity = old[0] if old else np.zeros_like(weight)
                new = sgd_step(weight, grad, velocity, lr, momentum, nesterov, decay)
            case Adam(betas=betas, eps=eps, weight_decay=decay):
                new = adam_step(weight, grad, old[0], old[1], step, lr, betas, eps, decay)
            case AdamW(betas=betas, eps=eps, weight_decay=decay):
                new = adamw_step(weight, grad, old[0], old[1], step, lr, betas, eps, decay)
        after[name] = new[0]
        after.update(zip(states, new[1:], strict=False))
    return after
