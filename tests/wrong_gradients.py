# SPDX-License-Identifier: Apache-2.0
"""Mistakes people make in a backward pass. The gradient check must catch every one of them, or it proves nothing."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from shoal.engines import reference
from shoal.engines.reference import Operands
from shoal.models import AvgPool2d, Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Sigmoid, Tanh


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


LINEAR, LINEAR_BATCH = Linear(5, 4), (3, 5)
SQUARE, SQUARE_BATCH = Linear(4, 4), (3, 4)
CONV, CONV_BATCH = Conv2d(2, 3, kernel_size=3, stride=2, padding=1), (2, 2, 6, 5)
OVERLAPPING, POOL_BATCH = MaxPool2d(3, stride=2, padding=1), (2, 2, 6, 5)

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
