# SPDX-License-Identifier: Apache-2.0
"""Optimizers: new weight and new state from old ones (`optimizers.py`), and gradients clipped before (`training.py`).
Twin: native/kernels/update.cpp."""

import numpy as np

from shoal.engines import Tensors
from shoal.engines.reference.arrays import Array
from shoal.optimizers import SGD, Adagrad, Adam, AdamW, Lion, Optimizer, RMSprop
from shoal.training import ClipNorm, Clipping


def clip(clipping: Clipping | None, grads: Tensors) -> Tensors:
    """The gradients of all parameters after clipping, each in its dtype; the norm of them all is taken in float64.

    A gradient that is not finite makes the norm's factor 0 or NaN, as in PyTorch, and so all of them 0 or NaN.
    """
    if clipping is None:
        return grads
    if isinstance(clipping, ClipNorm):
        norm = np.sqrt(sum(np.square(grad, dtype=np.float64).sum() for grad in grads.values()))
        factor = np.minimum(1.0, clipping.max_norm / (norm + 1e-6))
        return {name: grad * grad.dtype.type(factor) for name, grad in grads.items()}
    return {name: grad.clip(-clipping.clip_value, clipping.clip_value) for name, grad in grads.items()}


def penalised(grad: Array, weight: Array, weight_decay: float) -> Array:
    """The gradient with an L2 penalty's: grad + weight_decay · weight. Without a penalty a weight may be infinite."""
    return grad + weight_decay * weight if weight_decay else grad


def sgd_step(
    weight: Array, grad: Array, velocity: Array, lr: float, momentum: float, nesterov: bool, weight_decay: float
) -> tuple[Array, Array]:
    """New weight and velocity; all of one shape. Without momentum the velocity is the gradient."""
    grad = penalised(grad, weight, weight_decay)
    velocity = momentum * velocity + grad
    direction = grad + momentum * velocity if nesterov else velocity
    return weight - lr * direction, velocity


def lion_step(
    weight: Array, grad: Array, mean: Array, lr: float, betas: tuple[float, float], weight_decay: float
) -> tuple[Array, Array]:
    """New weight and running mean; all of one shape. Where the direction is 0 only the decay moves the weight."""
    direction = np.sign(betas[0] * mean + (1 - betas[0]) * grad)
    return weight * (1 - lr * weight_decay) - lr * direction, betas[1] * mean + (1 - betas[1]) * grad


def adagrad_step(
    weight: Array, grad: Array, total: Array, step: int, lr: float, lr_decay: float, weight_decay: float, eps: float
) -> tuple[Array, Array]:
    """New weight and sum of squares; all of one shape. ``step`` counts from 1."""
    grad = penalised(grad, weight, weight_decay)
    total = total + grad * grad
    return weight - lr / (1 + (step - 1) * lr_decay) * grad / (np.sqrt(total) + eps), total


def rmsprop_step(
    weight: Array,
    grad: Array,
    square: Array,
    buffer: Array,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
) -> tuple[Array, Array, Array]:
    """New weight, running square and momentum; all of one shape. Without momentum its buffer is the direction."""
    grad = penalised(grad, weight, weight_decay)
    square = alpha * square + (1 - alpha) * grad * grad
    buffer = momentum * buffer + grad / (np.sqrt(square) + eps)
    return weight - lr * buffer, square, buffer


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
    grad = penalised(grad, weight, weight_decay)
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
            case Lion(betas=betas, weight_decay=decay):
                new = lion_step(weight, grad, old[0], lr, betas, decay)
            case Adagrad(lr_decay=lr_decay, weight_decay=decay, eps=eps):
                new = adagrad_step(weight, grad, old[0], step, lr, lr_decay, decay, eps)
            case RMSprop(alpha=alpha, eps=eps, weight_decay=decay, momentum=momentum):
                buffer = old[1] if momentum else np.zeros_like(weight)
                new = rmsprop_step(weight, grad, old[0], buffer, lr, alpha, eps, decay, momentum)
            case Adam(betas=betas, eps=eps, weight_decay=decay):
                new = adam_step(weight, grad, old[0], old[1], step, lr, betas, eps, decay)
            case AdamW(betas=betas, eps=eps, weight_decay=decay):
                new = adamw_step(weight, grad, old[0], old[1], step, lr, betas, eps, decay)
        after[name] = new[0]
        after.update(zip(states, new[1:], strict=False))
    return after
