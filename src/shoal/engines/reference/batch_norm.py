# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation of features (B, C) or channels (B, C, H, W). Twin: native/kernels/batch_norm.cpp.

N values share a channel: B of features, B·H·W of images. The normalised input is n = (inp - mean) / √(var + eps).
"""

import numpy as np

from shoal.engines.reference.arrays import Array


def batch_norm_moments(inp: Array) -> tuple[Array, Array]:
    """The mean (C) and the biased variance (C) of each channel of a minibatch."""
    return inp.mean(axis=_all_but_channels(inp)), inp.var(axis=_all_but_channels(inp))


def batch_norm_forward(inp: Array, mean: Array, var: Array, weight: Array, bias: Array, eps: float) -> Array:
    """out = weight (C) · n + bias (C), by the minibatch's moments while training, by running ones in evaluation."""
    return _each(weight, inp) * _normalised(inp, mean, var, eps) + _each(bias, inp)


def batch_norm_backward(
    dout: Array, inp: Array, mean: Array, var: Array, weight: Array, eps: float
) -> tuple[Array, Array, Array]:
    """dinp, dweight (C), dbias (C) by moments that do not depend on the input: running ones."""
    n = _normalised(inp, mean, var, eps)
    dweight, dbias = (dout * n).sum(axis=_all_but_channels(inp)), dout.sum(axis=_all_but_channels(inp))
    return dout * _each(weight / np.sqrt(var + eps), inp), dweight, dbias


def batch_norm_backward_training(dout: Array, inp: Array, weight: Array, eps: float) -> tuple[Array, Array, Array]:
    """dinp, dweight (C), dbias (C) by the minibatch's own moments, through which every input moves every output.

    dinp = weight / √(var + eps) · (dout - dbias / N - n · dweight / N): the mean takes the part of dout that moves all
    outputs alike, the variance the part that stretches them.
    """
    mean, var = batch_norm_moments(inp)
    dinp, dweight, dbias = batch_norm_backward(dout, inp, mean, var, weight, eps)
    through_mean, through_var = _each(dbias, inp), _each(dweight, inp) * _normalised(inp, mean, var, eps)
    scale = _each(weight / np.sqrt(var + eps), inp) / (inp.size // len(mean))
    return dinp - scale * (through_mean + through_var), dweight, dbias


def batch_norm_running(inp: Array, mean: Array, var: Array, momentum: float) -> tuple[Array, Array]:
    """The running mean (C) and variance (C) after a training step on inp: the minibatch's, with its unbiased variance,
    take the share ``momentum`` of them."""
    values = inp.size // len(mean)
    batch_mean, batch_var = batch_norm_moments(inp)
    unbiased = batch_var * (values / (values - 1))
    return (1 - momentum) * mean + momentum * batch_mean, (1 - momentum) * var + momentum * unbiased


def _normalised(inp: Array, mean: Array, var: Array, eps: float) -> Array:
    return np.asarray((inp - _each(mean, inp)) / np.sqrt(_each(var, inp) + eps))


def _all_but_channels(inp: Array) -> tuple[int, ...]:
    return (0, *range(2, inp.ndim))


def _each(values: Array, inp: Array) -> Array:
    """values (C), shaped so that they meet the channels of inp."""
    return values.reshape(-1, *[1] * (inp.ndim - 2))
