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


def assert_layer_gradients(layer: models.Layer, inp: np.ndarray, backward: Backward, step: float = STEP) -> None:
    """Check ``backward(layer, dout, inp, out, weight)`` of one layer: dinp, and dweight and dbias where it has them.

    The loss is a random weighing of the outputs, so that no two of them can be mistaken for each other.
    """
    random = np.random.default_rng(1)
    weight, bias = reference.NOTHING, reference.NOTHING
    if layer.parameters():
        weight, bias = (random.normal(size=parameter.shape) for parameter in layer.parameters())
    out = reference.layer_forward(layer, inp, weight, bias)
    dout = random.normal(size=out.shape)

    def loss(_: np.ndarray) -> float:
        return float((dout * reference.layer_forward(layer, inp, weight, bias)).sum())

    learnt = [weight, bias] if layer.parameters() else []
    claims = backward(layer, dout, inp, out, weight)
    assert len(claims) == 1 + len(learnt), f"{len(claims)} gradients instead of {1 + len(learnt)}"
    for claimed, at in zip(claims, [inp, *learnt], strict=True):
        assert_gradient(loss, at, claimed, step)


def spread(*shape: int) -> np.ndarray:
    """Distinct values in a random order, at least 0.03 apart and away from 0: no kink within a step of any of them."""
    count = int(np.prod(shape))
    values = (np.arange(count) - count / 2 + 0.25) * max(0.03, 4 / count)
    return np.random.default_rng(0).permutation(values).reshape(shape)
