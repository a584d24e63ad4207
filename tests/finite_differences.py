# SPDX-License-Identifier: Apache-2.0
"""The gradient check: an analytic gradient against central differences in float64. It has its own tests."""

from collections.abc import Callable

import numpy as np

from shoal import models
from shoal.engines import reference

STEP = 1e-5
"""Central differences err by about step² · f''' / 6 + 1e-16 · f / step: near 1e-11 for what is checked here."""
TOLERANCE = 1e-7

Backward = Callable[..., tuple[np.ndarray, ...]]


def numeric_gradient(function: Callable[[np.ndarray], float], at: np.ndarray, step: float = STEP) -> np.ndarray:
    """(f(x + step) - f(x - step)) / (2 step) for every entry of ``at``, which is left as it was."""
    gradient = np.empty_like(at)
    for index in np.ndindex(at.shape):
        value = at[index]
        at[index] = value + step
        above = function(at)
        at[index] = value - step
        below = function(at)
        at[index] = value
        gradient[index] = (above - below) / (2 * step)
    return gradient


def assert_gradient(
    function: Callable[[np.ndarray], float], at: np.ndarray, claimed: np.ndarray, step: float = STEP
) -> None:
    """Raise AssertionError unless ``claimed`` is the gradient of ``function``: same shape, and nowhere further from
    the numeric one than the tolerance times the largest entry (or 1)."""
    assert claimed.shape == at.shape, f"shape {claimed.shape} instead of {at.shape}"
    numeric = numeric_gradient(function, at, step)
    off = np.abs(claimed - numeric).max(initial=0)
    allowed = TOLERANCE * max(1.0, np.abs(numeric).max(initial=0))
    assert off <= allowed, f"off by {off:.2g} of {np.abs(numeric).max():.2g}, allowed {allowed:.2g}"


def assert_layer_gradients(
    layer: models.Layer, inp: np.ndarray, backward: Backward, step: float = STEP, training: bool = True
) -> None:
    """Check ``backward(layer, dout, inp, out, by)`` of one layer: dinp, and dweight and dbias where it has them.

    The loss is a random weighing of the outputs, so that no two of them can be mistaken for each other.
    """
    by = drawn_operands(layer, inp.shape, training)
    out = reference.layer_forward(layer, inp, by)
    dout = np.random.default_rng(2).normal(size=out.shape)

    def loss(_: np.ndarray) -> float:
        return float((dout * reference.layer_forward(layer, inp, by)).sum())

    moving = [inp, *(at for at in (by.weight, by.bias, by.earlier) if at.size)]
    claims = backward(layer, dout, inp, out, by)
    assert len(claims) == len(moving), f"{len(claims)} gradients instead of {len(moving)}"
    for claimed, at in zip(claims, moving, strict=True):
        assert_gradient(loss, at, claimed, step)


def drawn_operands(layer: models.Layer, shape: tuple[int, ...], training: bool = True) -> reference.Operands:
    """Whatever the layer works with, drawn: weights, running statistics, what is added, who is dropped."""
    random = np.random.default_rng(1)
    named = {one.name: random.normal(size=one.shape) for one in (*layer.parameters(), *layer.buffers())}
    if layer.buffers():
        named["running_var"] **= 2
    if isinstance(layer, models.Add):
        named["earlier"] = random.normal(size=shape)
    if isinstance(layer, models.Dropout):
        named["mask"] = random.integers(0, 65536, shape) >= layer.threshold
    return reference.Operands(**named, training=training)


def spread(*shape: int) -> np.ndarray:
    """Distinct values in a random order, at least 0.03 apart and away from 0: no kink within a step of any of them."""
    count = int(np.prod(shape))
    values = (np.arange(count) - count / 2 + 0.25) * max(0.03, 4 / count)
    return np.random.default_rng(0).permutation(values).reshape(shape)
