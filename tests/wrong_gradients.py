# SPDX-License-Identifier: Apache-2.0
"""Mistakes people make in a backward pass. The gradient check must catch every one of them, or it proves nothing."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from shoal.engines import reference
from shoal.engines.reference import Operands
from shoal.models import (
    GELU,
    Add,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
)


class Mistake(NamedTuple):
    """A layer, the shape of a batch for it, and a backward pass that is wrong."""

    layer: Layer
    shape: tuple[int, ...]
    backward: Callable[..., tuple[np.ndarray, ...]]


def right(layer: Layer, dout: np.ndarray, inp: np.ndarray, out: np.ndarray, by: Operands) -> tuple:
    """The backward pass that is meant."""
    return reference.layer_backward(layer, dout, inp, out, by)


def changed(position: int, change: Callable[[np.ndarray], np.ndarray]) -> Callable[..., tuple[np.ndarray, ...]]:
    """The right backward pass with one of its gradients (0 dinp, 1 dweight, 2 dbias) changed."""

    def backward(*arguments: object) -> tuple[np.ndarray, ...]:
        found = list(right(*arguments))
        found[position] = change(found[position])
        return tuple(found)

    return backward


def max_pool_to_last(layer: MaxPool2d, dout: np.ndarray, inp: np.ndarray, out: np.ndarray, by: Operands) -> tuple:
    """Gives the gradient to the last value of each window, not to the largest."""
    seen = np.zeros((*dout.shape, layer.kernel_size, layer.kernel_size))
    seen[..., -1, -1] = dout
    return (reference.fold(seen, inp.shape, layer.step, layer.padding),)


def average_of_max(layer: MaxPool2d, dout: np.ndarray, inp: np.ndarray, out: np.ndarray, by: Operands) -> tuple:
    """Spreads the gradient of max pooling over the window."""
    return (reference.avg_pool2d_backward(dout, inp, layer.kernel_size, layer.step, layer.padding),)


def max_pool_assigns(layer: MaxPool2d, dout: np.ndarray, inp: np.ndarray, out: np.ndarray, by: Operands) -> tuple:
    """Overwrites instead of adding where windows overlap."""
    (dinp,) = right(layer, dout, inp, out, by)
    (hits,) = right(layer, np.ones_like(dout), inp, out, by)
    return (dinp / np.maximum(hits, 1),)


def no_padding(layer: Conv2d, dout: np.ndarray, inp: np.ndarray, out: np.ndarray, by: Operands) -> tuple:
    """Shifts the input by the padding when it makes the weight gradient."""
    shifted = np.roll(inp, (layer.padding, layer.padding), axis=(2, 3))
    return right(layer, dout, shifted, out, by)


def stride_one(layer: Conv2d, dout: np.ndarray, inp: np.ndarray, out: np.ndarray, by: Operands) -> tuple:
    """Forgets the stride: pairs each output with the window it would have at stride 1."""
    seen = reference.windows(inp, layer.kernel_size, 1, layer.padding)[:, :, : dout.shape[2], : dout.shape[3]]
    dinp, _, dbias = right(layer, dout, inp, out, by)
    return dinp, np.tensordot(dout, seen, axes=((0, 2, 3), (0, 2, 3))), dbias


def flipped_kernel(layer: Conv2d, dout: np.ndarray, inp: np.ndarray, out: np.ndarray, by: Operands) -> tuple:
    """Convolves instead of correlating on the way back."""
    dinp, _, _ = right(layer, dout, inp, out, by._replace(weight=by.weight[:, :, ::-1, ::-1]))
    return dinp, *right(layer, dout, inp, out, by)[1:]


def without_mean(layer: BatchNorm2d, dout: np.ndarray, inp: np.ndarray, out: np.ndarray, by: Operands) -> tuple:
    """Forgets that every input moves the mean: dbias / N stays in dinp."""
    dinp, dweight, dbias = right(layer, dout, inp, out, by)
    return dinp + _slope(layer, inp, by) * _channels(dbias) / (inp.size // 2), dweight, dbias


def without_variance(layer: BatchNorm2d, dout: np.ndarray, inp: np.ndarray, out: np.ndarray, by: Operands) -> tuple:
    """Forgets that every input moves the variance: n · dweight / N stays in dinp."""
    dinp, dweight, dbias = right(layer, dout, inp, out, by)
    normalised = (out - _channels(by.bias)) / _channels(by.weight)
    return dinp + _slope(layer, inp, by) * normalised * _channels(dweight) / (inp.size // 2), dweight, dbias


def constant_statistics(layer: BatchNorm2d, dout: np.ndarray, inp: np.ndarray, out: np.ndarray, by: Operands) -> tuple:
    """Forgets both."""
    return reference.batch_norm_backward(dout, inp, *reference.batch_norm_moments(inp), by.weight, layer.eps)


def unbiased(layer: BatchNorm2d, dout: np.ndarray, inp: np.ndarray, out: np.ndarray, by: Operands) -> tuple:
    """Divides by N - 1 on the way back, where the way there divided by N."""
    dinp, dweight, dbias = right(layer, dout, inp, out, by)
    _, var = reference.batch_norm_moments(inp)
    values = inp.size // 2
    ratio = np.sqrt((var + layer.eps) / (var * values / (values - 1) + layer.eps))
    return dinp * _channels(ratio), dweight * ratio, dbias


def of_each_example(layer: BatchNorm2d, dout: np.ndarray, inp: np.ndarray, out: np.ndarray, by: Operands) -> tuple:
    """Normalises each image by itself on the way back."""
    each = [right(layer, *(one[None] for one in four), by) for four in zip(dout, inp, out, strict=True)]
    dinp, dweight, dbias = zip(*each, strict=True)
    return np.concatenate(dinp), sum(dweight), sum(dbias)


def _slope(layer: BatchNorm2d, inp: np.ndarray, by: Operands) -> np.ndarray:
    return _channels(by.weight / np.sqrt(reference.batch_norm_moments(inp)[1] + layer.eps))


def _channels(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, 1, 1)


def _with_dweight(found: tuple, dweight: np.ndarray) -> tuple:
    return found[0], dweight, found[2]


def _phi(inp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The normal distribution function and its density."""
    return reference.normal_distribution(inp), np.exp(-inp * inp / 2) / np.sqrt(2 * np.pi)


def _s(inp: np.ndarray) -> np.ndarray:
    return reference.sigmoid_forward(inp)


LINEAR, LINEAR_BATCH = Linear(5, 4), (3, 5)
SQUARE, SQUARE_BATCH = Linear(4, 4), (3, 4)
CONV, CONV_BATCH = Conv2d(2, 3, kernel_size=3, stride=2, padding=1), (2, 2, 6, 5)
OVERLAPPING, POOL_BATCH = MaxPool2d(3, stride=2, padding=1), (2, 2, 6, 5)
NORM, NORM_BATCH = BatchNorm2d(2, eps=0.1), (3, 2, 3, 2)
LEAKY, DROPOUT = LeakyReLU(0.2), Dropout(0.4)

MISTAKES = {
    "linear: sign of dinp": Mistake(LINEAR, LINEAR_BATCH, changed(0, np.negative)),
    "linear: sign of dweight": Mistake(LINEAR, LINEAR_BATCH, changed(1, np.negative)),
    "linear: dweight transposed": Mistake(SQUARE, SQUARE_BATCH, changed(1, np.transpose)),
    "linear: weight not transposed": Mistake(
        SQUARE, SQUARE_BATCH, lambda s, d, i, o, by: right(s, d, i, o, by._replace(weight=by.weight.T))
    ),
    "linear: dbias missing": Mistake(LINEAR, LINEAR_BATCH, changed(2, np.zeros_like)),
    "linear: dbias is a mean": Mistake(LINEAR, LINEAR_BATCH, changed(2, lambda dbias: dbias / 3)),
    "linear: dweight is a mean": Mistake(LINEAR, LINEAR_BATCH, changed(1, lambda dweight: dweight / 3)),
    "linear: last example left out": Mistake(
        LINEAR, LINEAR_BATCH, lambda s, d, i, o, by: (d @ by.weight, d[:-1].T @ i[:-1], d.sum(axis=0))
    ),
    "linear: dinp off by one row": Mistake(LINEAR, LINEAR_BATCH, changed(0, lambda dinp: np.roll(dinp, 1, axis=0))),
    "linear: one part in a million": Mistake(LINEAR, LINEAR_BATCH, changed(1, lambda dweight: dweight * (1 + 1e-6))),
    "linear: no gradient of the bias": Mistake(LINEAR, LINEAR_BATCH, lambda *arguments: right(*arguments)[:2]),
    "conv: flipped kernel": Mistake(CONV, CONV_BATCH, flipped_kernel),
    "conv: dweight flipped": Mistake(CONV, CONV_BATCH, changed(1, lambda dweight: dweight[:, :, ::-1, ::-1])),
    "conv: dweight transposed in the kernel": Mistake(CONV, CONV_BATCH, changed(1, lambda d: d.swapaxes(2, 3))),
    "conv: padding forgotten": Mistake(CONV, CONV_BATCH, no_padding),
    "conv: stride forgotten": Mistake(CONV, CONV_BATCH, stride_one),
    "conv: dinp off by one column": Mistake(CONV, CONV_BATCH, changed(0, lambda dinp: np.roll(dinp, 1, axis=3))),
    "conv: dbias of one place only": Mistake(
        CONV, CONV_BATCH, lambda s, d, i, o, by: (*right(s, d, i, o, by)[:2], d[:, :, 0, 0].sum(axis=0))
    ),
    "max pool: to the last of the window": Mistake(OVERLAPPING, POOL_BATCH, max_pool_to_last),
    "max pool: spread over the window": Mistake(OVERLAPPING, POOL_BATCH, average_of_max),
    "max pool: overlaps overwrite": Mistake(OVERLAPPING, POOL_BATCH, max_pool_assigns),
    "average pool: not divided by the area": Mistake(AvgPool2d(2), (2, 2, 4, 5), changed(0, lambda dinp: dinp * 4)),
    "average pool: divided by the width": Mistake(AvgPool2d(2), (2, 2, 4, 5), changed(0, lambda dinp: dinp * 2)),
    "flatten: channels last": Mistake(
        Flatten(), (2, 3, 2, 2), lambda s, d, i, o, by: (np.moveaxis(d.reshape(2, 2, 2, 3), 3, 1),)
    ),
    "relu: passes everything": Mistake(ReLU(), (3, 7), lambda s, d, i, o, by: (d,)),
    "relu: passes the negative side": Mistake(ReLU(), (3, 7), lambda s, d, i, o, by: (d * (i < 0),)),
    "relu: multiplies by its output": Mistake(ReLU(), (3, 7), lambda s, d, i, o, by: (d * o,)),
    "sigmoid: 1 - out forgotten": Mistake(Sigmoid(), (3, 7), lambda s, d, i, o, by: (d * o,)),
    "sigmoid: input in place of output": Mistake(Sigmoid(), (3, 7), lambda s, d, i, o, by: (d * i * (1 - i),)),
    "sigmoid: dout forgotten": Mistake(Sigmoid(), (3, 7), lambda s, d, i, o, by: (o * (1 - o),)),
    "tanh: square forgotten": Mistake(Tanh(), (3, 7), lambda s, d, i, o, by: (d * (1 - o),)),
    "tanh: derivative of the sigmoid": Mistake(Tanh(), (3, 7), lambda s, d, i, o, by: (d * o * (1 - o),)),
    "leaky relu: nothing of the negative side": Mistake(LEAKY, (3, 7), lambda s, d, i, o, by: (d * (i > 0),)),
    "leaky relu: the slope on both sides": Mistake(LEAKY, (3, 7), lambda s, d, i, o, by: (d * s.negative_slope,)),
    "leaky relu: one less the slope": Mistake(
        LEAKY, (3, 7), lambda s, d, i, o, by: (np.where(i > 0, d, d * (1 - s.negative_slope)),)
    ),
    "leaky relu: sides exchanged": Mistake(
        LEAKY, (3, 7), lambda s, d, i, o, by: (np.where(i < 0, d, d * s.negative_slope),)
    ),
    "gelu: density forgotten": Mistake(GELU(), (3, 7), lambda s, d, i, o, by: (d * _phi(i)[0],)),
    "gelu: density not times the input": Mistake(GELU(), (3, 7), lambda s, d, i, o, by: (d * sum(_phi(i)),)),
    "gelu: not divided by √(2π)": Mistake(
        GELU(), (3, 7), lambda s, d, i, o, by: (d * (_phi(i)[0] + i * np.exp(-i * i / 2)),)
    ),
    "gelu: output in place of input": Mistake(
        GELU(), (3, 7), lambda s, d, i, o, by: (d * (_phi(o)[0] + o * _phi(o)[1]),)
    ),
    "gelu: derivative of the form with a sigmoid": Mistake(
        GELU(), (3, 7), lambda s, d, i, o, by: (d * (_s(1.702 * i) * (1 + 1.702 * i * (1 - _s(1.702 * i)))),)
    ),
    "silu: derivative of the sigmoid": Mistake(SiLU(), (3, 7), lambda s, d, i, o, by: (d * _s(i) * (1 - _s(i)),)),
    "silu: input forgotten": Mistake(SiLU(), (3, 7), lambda s, d, i, o, by: (d * (_s(i) + _s(i) * (1 - _s(i))),)),
    "silu: only the sigmoid": Mistake(SiLU(), (3, 7), lambda s, d, i, o, by: (d * _s(i),)),
    "silu: output in place of input": Mistake(
        SiLU(), (3, 7), lambda s, d, i, o, by: (d * _s(o) * (1 + o * (1 - _s(o))),)
    ),
    "global average: not divided": Mistake(GlobalAvgPool2d(), (2, 2, 4, 5), changed(0, lambda dinp: dinp * 20)),
    "global average: divided by the width": Mistake(GlobalAvgPool2d(), (2, 2, 4, 5), changed(0, lambda dinp: dinp * 4)),
    "batch norm: the mean's gradient forgotten": Mistake(NORM, NORM_BATCH, without_mean),
    "batch norm: the variance's gradient forgotten": Mistake(NORM, NORM_BATCH, without_variance),
    "batch norm: statistics as constants": Mistake(NORM, NORM_BATCH, constant_statistics),
    "batch norm: running statistics while training": Mistake(
        NORM, NORM_BATCH, lambda s, d, i, o, by: right(s, d, i, o, by._replace(training=False))
    ),
    "batch norm: unbiased variance on the way back": Mistake(NORM, NORM_BATCH, unbiased),
    "batch norm: eps forgotten": Mistake(
        NORM, NORM_BATCH, lambda s, d, i, o, by: reference.batch_norm_backward_training(d, i, by.weight, 0.0)
    ),
    "batch norm: the weight forgotten": Mistake(
        NORM, NORM_BATCH, lambda s, d, i, o, by: right(s, d, i, o, by._replace(weight=np.ones(2)))
    ),
    "batch norm: dweight of what is not normalised": Mistake(
        NORM, NORM_BATCH, lambda s, d, i, o, by: _with_dweight(right(s, d, i, o, by), (d * i).sum(axis=(0, 2, 3)))
    ),
    "batch norm: dweight of what comes out": Mistake(
        NORM, NORM_BATCH, lambda s, d, i, o, by: _with_dweight(right(s, d, i, o, by), (d * o).sum(axis=(0, 2, 3)))
    ),
    "batch norm: dbias is a mean": Mistake(NORM, NORM_BATCH, changed(2, lambda dbias: dbias / 18)),
    "batch norm: statistics of each example": Mistake(NORM, NORM_BATCH, of_each_example),
    "dropout: not rescaled": Mistake(DROPOUT, (3, 7), lambda s, d, i, o, by: (d * by.mask,)),
    "dropout: rescaled twice": Mistake(DROPOUT, (3, 7), changed(0, lambda dinp: dinp * DROPOUT.scale)),
    "dropout: another mask": Mistake(
        DROPOUT, (3, 7), lambda s, d, i, o, by: right(s, d, i, o, by._replace(mask=np.roll(by.mask, 1)))
    ),
    "dropout: the mask turned round": Mistake(
        DROPOUT, (3, 7), lambda s, d, i, o, by: right(s, d, i, o, by._replace(mask=~by.mask))
    ),
    "dropout: as in evaluation": Mistake(
        DROPOUT, (3, 7), lambda s, d, i, o, by: right(s, d, i, o, by._replace(training=False))
    ),
    "add: only through the layers": Mistake(Add(1), (3, 7), changed(1, np.zeros_like)),
    "add: only around them": Mistake(Add(1), (3, 7), changed(0, np.zeros_like)),
    "add: half each": Mistake(Add(1), (3, 7), lambda s, d, i, o, by: (d / 2, d / 2)),
    "add: as if it multiplied": Mistake(Add(1), (3, 7), lambda s, d, i, o, by: (d * by.earlier, d * i)),
    "add: no second gradient": Mistake(Add(1), (3, 7), lambda s, d, i, o, by: (d,)),
}


def _probabilities(logits: np.ndarray) -> np.ndarray:
    return np.exp(reference.log_softmax(logits))


def _onehot(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.eye(logits.shape[1])[labels]


LOSS_MISTAKES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "sum in place of mean": lambda z, y: _probabilities(z) - _onehot(z, y),
    "mean over classes too": lambda z, y: (_probabilities(z) - _onehot(z, y)) / z.size,
    "label left out": lambda z, y: _probabilities(z) / len(y),
    "label off by one": lambda z, y: (_probabilities(z) - _onehot(z, (y + 1) % z.shape[1])) / len(y),
    "sign flipped": lambda z, y: (_onehot(z, y) - _probabilities(z)) / len(y),
    "logits in place of probabilities": lambda z, y: (z - _onehot(z, y)) / len(y),
    "gradient by the probabilities": lambda z, y: -_onehot(z, y) / _probabilities(z) / len(y),
    "softmax over the batch": lambda z, y: (_probabilities(z.T).T - _onehot(z, y)) / len(y),
}
