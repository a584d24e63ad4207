# SPDX-License-Identifier: Apache-2.0
"""Fully connected layers. Twin: native/kernels/linear.cpp."""

import numpy as np

from shoal.engines.reference.arrays import Array


def linear_forward(inp: Array, weight: Array, bias: Array) -> Array:
    """out (B, O) = inp (B, I) @ weightᵀ (I, O) + bias (O)."""
    return np.asarray(inp @ weight.T + bias)


def linear_backward(dout: Array, inp: Array, weight: Array) -> tuple[Array, Array, Array]:
    """dinp (B, I), dweight (O, I), dbias (O) from dout (B, O), inp (B, I), weight (O, I)."""
    return dout @ weight, dout.T @ inp, dout.sum(axis=0)
