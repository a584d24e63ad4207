# SPDX-License-Identifier: Apache-2.0
"""Pooling: the largest or the mean of each window. Twin: native/kernels/pool2d.cpp."""

import numpy as np

from shoal.engines.reference.arrays import Array, fold, windows


def max_pool2d_forward(inp: Array, kernel: int, stride: int, padding: int) -> Array:
    """out (B, C, Y, X): the largest value of each window of inp (B, C, H, W); padding never wins."""
    return np.asarray(windows(inp, kernel, stride, padding, fill=-np.inf).max(axis=(4, 5)))


def max_pool2d_backward(dout: Array, inp: Array, kernel: int, stride: int, padding: int) -> Array:
    """dinp (B, C, H, W) from dout (B, C, Y, X): all to each window's largest value, to the first of equals."""
    seen = windows(inp, kernel, stride, padding, fill=-np.inf)
    flat = seen.reshape(*dout.shape, kernel * kernel)
    dflat = np.zeros(flat.shape, dout.dtype)
    np.put_along_axis(dflat, flat.argmax(axis=4)[..., None], dout[..., None], axis=4)
    return fold(dflat.reshape(seen.shape), inp.shape, stride, padding)


def avg_pool2d_forward(inp: Array, kernel: int, stride: int, padding: int) -> Array:
    """out (B, C, Y, X): the mean of each window of inp (B, C, H, W); padding counts as zeros."""
    return np.asarray(windows(inp, kernel, stride, padding).mean(axis=(4, 5)))


def avg_pool2d_backward(dout: Array, inp: Array, kernel: int, stride: int, padding: int) -> Array:
    """dinp (B, C, H, W) from dout (B, C, Y, X): an equal share to every value of the window."""
    share = dout[..., None, None] / kernel**2
    return fold(np.broadcast_to(share, (*dout.shape, kernel, kernel)), inp.shape, stride, padding)


def global_avg_pool2d_forward(inp: Array) -> Array:
    """out (B, C, 1, 1): the mean of each channel of inp (B, C, H, W)."""
    return np.asarray(inp.mean(axis=(2, 3), keepdims=True))


def global_avg_pool2d_backward(dout: Array, inp: Array) -> Array:
    """dinp (B, C, H, W) from dout (B, C, 1, 1): an equal share to every place."""
    return np.broadcast_to(dout / (inp.shape[2] * inp.shape[3]), inp.shape)
