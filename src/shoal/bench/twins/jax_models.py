# SPDX-License-Identifier: Apache-2.0
"""The models as pure functions of their weights, and a training epoch as one `lax.scan`; what the JAX twins share.

Weights keep PyTorch's names and layout. A convolution gathers its patches and is one product: XLA's own convolution
takes four times as long inside a scan on a CPU.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Weights = dict[str, jax.Array]
Forward = Callable[[Weights, jax.Array], jax.Array]


def linear(weights: Weights, layer: int, x: jax.Array) -> jax.Array:
    return x @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]


def conv2d(weights: Weights, layer: int, x: jax.Array, padding: int = 0) -> jax.Array:
    """(n, channels, height, width) to (n, out channels, height, width), with kernels of 5 by 5."""
    kernel, bias = weights[f"{layer}.weight"], weights[f"{layer}.bias"]
    x = jnp.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    size = x.shape[2] - 4
    shifted = [x[:, :, i : i + size, j : j + size] for i in range(5) for j in range(5)]
    patches = jnp.stack(shifted, axis=2).reshape(len(x), -1, size * size)
    out = jnp.einsum("ncp,oc->nop", patches, kernel.reshape(len(kernel), -1))
    return out.reshape(len(x), -1, size, size) + bias[:, None, None]


def _windows(x: jax.Array) -> jax.Array:
    n, channels, height, width = x.shape
    return x.reshape(n, channels, height // 2, 2, width // 2, 2)


def avg_pool(x: jax.Array) -> jax.Array:
    return _windows(x).mean((3, 5))


def max_pool(x: jax.Array) -> jax.Array:
    return _windows(x).max((3, 5))


def softmax(weights: Weights, x: jax.Array) -> jax.Array:
    return linear(weights, 1, x.reshape(len(x), -1))


def mlp(weights: Weights, x: jax.Array) -> jax.Array:
    return linear(weights, 3, jax.nn.relu(linear(weights, 1, x.reshape(len(x), -1))))


def lenet(activation: Callable, pool: Callable, weights: Weights, x: jax.Array) -> jax.Array:
    x = pool(activation(conv2d(weights, 0, x, padding=2)))
    x = pool(activation(conv2d(weights, 3, x)))
    x = activation(linear(weights, 7, x.reshape(len(x), -1)))
    return linear(weights, 11, activation(linear(weights, 9, x)))


MODELS: dict[str, Forward] = {
    "softmax": softmax,
    "mlp-256": mlp,
    "lenet": partial(lenet, jax.nn.sigmoid, avg_pool),
    "lenet-relu-max": partial(lenet, jax.nn.relu, max_pool),
}


def step(model: str, images: jax.Array, labels: jax.Array, lr: jax.Array, weights: Weights, batch: jax.Array):
    """One update on the images that ``batch`` names: the weights after it, and the loss before it."""

    def loss_of(weights: Weights) -> jax.Array:
        logits, right = MODELS[model](weights, images[batch]), labels[batch]
        chosen = jnp.take_along_axis(logits, right[:, None], axis=1)[:, 0]
        return (jax.nn.logsumexp(logits, axis=1) - chosen).mean()

    loss, gradients = jax.value_and_grad(loss_of)(weights)
    return jax.tree.map(lambda weight, gradient: weight - lr * gradient, weights, gradients), loss


def train(model: str, images, labels, lr: jax.Array, weights: Weights, batches: jax.Array, rest: jax.Array):
    """One epoch: a scan over whole minibatches (steps, batch), then the last, smaller one (it may be empty)."""
    update = partial(step, model, images, labels, lr)
    weights, losses = lax.scan(update, weights, batches)
    if not len(rest):
        return weights, losses
    weights, last = update(weights, rest)
    return weights, jnp.append(losses, last)


def batches_of(order: np.ndarray, size: int) -> tuple[jax.Array, jax.Array]:
    """The whole minibatches as (steps, size), and what is left."""
    whole = len(order) // size * size
    return jnp.asarray(order[:whole].reshape(-1, size)), jnp.asarray(order[whole:])
