# SPDX-License-Identifier: Apache-2.0
"""Activations: one value in, one out, any shape. Twin: native/kernels/activation.cpp."""

import numpy as np

from shoal.engines.reference.arrays import Array


def relu_forward(inp: Array) -> Array:
    """out = max(inp, 0), any shape. NaN stays NaN."""
    return np.maximum(inp, 0)


def relu_backward(dout: Array, out: Array) -> Array:
    """dinp = dout where out > 0, else 0."""
    return dout * (out > 0)


def sigmoid_forward(inp: Array) -> Array:
    """out = 1 / (1 + exp(-inp)), written so that exp never overflows: its argument is never positive."""
    small = np.exp(-np.abs(inp))
    return np.asarray(np.where(inp >= 0, 1, small) / (1 + small))


def sigmoid_backward(dout: Array, out: Array) -> Array:
    """dinp = dout · out · (1 - out)."""
    return dout * out * (1 - out)


def tanh_forward(inp: Array) -> Array:
    """out = tanh(inp)."""
    return np.asarray(np.tanh(inp))


def tanh_backward(dout: Array, out: Array) -> Array:
    """dinp = dout · (1 - out²)."""
    return dout * (1 - out * out)
