# SPDX-License-Identifier: Apache-2.0
"""Convolutions with any stride and padding. Twin: native/kernels/conv2d.cpp."""

import numpy as np

from shoal.engines.reference.arrays import Array, fold, windows


def conv2d_forward(inp: Array, weight: Array, bias: Array, stride: int, padding: int) -> Array:
    """out (B, O, Y, X) from inp (B, C, H, W), weight (O, C, K, K), bias (O): a dot product at each place."""
    seen = windows(inp, weight.shape[-1], stride, padding)
    out = np.tensordot(seen, weight, axes=((1, 4, 5), (1, 2, 3))) + bias  # (B, Y, X, O)
    return np.ascontiguousarray(np.moveaxis(out, 3, 1))


def conv2d_backward(dout: Array, inp: Array, weight: Array, stride: int, padding: int) -> tuple[Array, Array, Array]:
    """dinp (B, C, H, W), dweight (O, C, K, K), dbias (O) from dout (B, O, Y, X)."""
    dseen = np.tensordot(dout, weight, axes=(1, 0))  # (B, Y, X, C, K, K)
    dinp = fold(np.moveaxis(dseen, 3, 1), inp.shape, stride, padding)
    return dinp, *conv2d_backward_weight(dout, inp, weight.shape[-1], stride, padding)


def conv2d_backward_weight(dout: Array, inp: Array, kernel: int, stride: int, padding: int) -> tuple[Array, Array]:
    """dweight (O, C, K, K), dbias (O) from dout (B, O, Y, X): all a first layer needs, as nobody moves pixels."""
    seen = windows(inp, kernel, stride, padding)
    return np.tensordot(dout, seen, axes=((0, 2, 3), (0, 2, 3))), dout.sum(axis=(0, 2, 3))
