# SPDX-License-Identifier: Apache-2.0
"""Dropout while training; in evaluation there is nothing to do. Twin: native/kernels/dropout.cpp."""

import numpy as np

from shoal.engines.reference.arrays import Array, Mask


def dropout_mask(words: np.ndarray, threshold: int, shape: tuple[int, ...]) -> Mask:
    """Which units stay, (B, \\*shape), by the words (B, units) of `streams.dropout_words`."""
    return np.asarray(words >= threshold).reshape(len(words), *shape)


def dropout_forward(inp: Array, mask: Mask, scale: float) -> Array:
    """out = scale · inp where the mask lets a unit stay, else 0, also if inp is not finite."""
    return np.where(mask, inp * inp.dtype.type(scale), inp.dtype.type(0))


def dropout_backward(dout: Array, mask: Mask, scale: float) -> Array:
    """dinp = scale · dout where the mask let a unit stay, else 0."""
    return dropout_forward(dout, mask, scale)
