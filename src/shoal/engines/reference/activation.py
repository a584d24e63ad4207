# SPDX-License-Identifier: Apache-2.0
"""Activations: one value in, one out, any shape. Twin: native/kernels/activation.cpp."""

from math import pi, sqrt

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


def leaky_relu_forward(inp: Array, slope: float) -> Array:
    """out = inp where inp > 0, else slope · inp."""
    return np.where(inp > 0, inp, slope * inp)


def leaky_relu_backward(dout: Array, out: Array, slope: float) -> Array:
    """dinp = dout where out > 0 (so inp > 0, as the slope is not negative), else slope · dout."""
    return np.where(out > 0, dout, slope * dout)


def gelu_forward(inp: Array) -> Array:
    """out = inp · Φ(inp), with the standard normal distribution function Φ(x) = (1 + erf(x / √2)) / 2."""
    return inp * normal_distribution(inp)


def gelu_backward(dout: Array, inp: Array) -> Array:
    """dinp = dout · (Φ(inp) + inp · φ(inp)), with Φ' = φ(x) = exp(-x² / 2) / √(2π)."""
    density = np.exp(-inp * inp / 2) / sqrt(2 * pi)
    return dout * (normal_distribution(inp) + inp * density)


def normal_distribution(inp: Array) -> Array:
    """Φ(inp), as erfc where inp is far below 0, so that the tail keeps its digits."""
    from scipy.special import ndtr

    return np.asarray(ndtr(inp))


def silu_forward(inp: Array) -> Array:
    """out = inp · s, with s = sigmoid(inp)."""
    return inp * sigmoid_forward(inp)


def silu_backward(dout: Array, inp: Array) -> Array:
    """dinp = dout · (s + inp · s · (1 - s)), with s = sigmoid(inp)."""
    s = sigmoid_forward(inp)
    return dout * (s + inp * s * (1 - s))
