# SPDX-License-Identifier: Apache-2.0
"""A whole network: each layer by its formula, forward to the logits and back to the gradient of every parameter.

It holds what happens in a step; the formulas stand one kind of layer a file. It never updates a weight, and draws
nothing: what `Dropout` drops is given.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

import numpy as np

from shoal import models
from shoal.engines import Scaling, Tensors
from shoal.engines.reference.activation import (
    gelu_backward,
    gelu_forward,
    leaky_relu_backward,
    leaky_relu_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    silu_backward,
    silu_forward,
    tanh_backward,
    tanh_forward,
)
from shoal.engines.reference.add import add_backward, add_forward
from shoal.engines.reference.arrays import Array, Bytes, Labels, Mask
from shoal.engines.reference.batch_norm import (
    batch_norm_backward,
    batch_norm_backward_training,
    batch_norm_forward,
    batch_norm_moments,
    batch_norm_running,
)
from shoal.engines.reference.conv2d import conv2d_backward, conv2d_backward_weight, conv2d_forward
from shoal.engines.reference.dropout import dropout_backward, dropout_forward
from shoal.engines.reference.linear import linear_backward, linear_forward
from shoal.engines.reference.loss import softmax_cross_entropy
from shoal.engines.reference.pool2d import (
    avg_pool2d_backward,
    avg_pool2d_forward,
    global_avg_pool2d_backward,
    global_avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from shoal.models import Model

NOTHING = np.empty(0)
NO_MASK = np.empty(0, np.bool_)


@dataclass(frozen=True)
class Training:
    """That a pass is one of training, not of evaluation, and what it drops: the mask of each `Dropout`, by index."""

    masks: Mapping[int, Mask] = field(default_factory=dict)


class Operands(NamedTuple):
    """What a layer works with besides its input; empty what it has none of."""

    weight: Array = NOTHING
    bias: Array = NOTHING
    running_mean: Array = NOTHING
    running_var: Array = NOTHING
    earlier: Array = NOTHING
    """What `Add` adds."""
    mask: Mask = NO_MASK
    """Which units `Dropout` lets stay, while training."""
    training: bool = False


# ---- one layer ----------------------------------------------------------------------------------------


def flatten_forward(inp: Array) -> Array:
    """out (B, C·H·W) is inp (B, C, H, W), channel-major."""
    return inp.reshape(len(inp), prod(inp.shape[1:]))


def flatten_backward(dout: Array, inp: Array) -> Array:
    """dinp (B, C, H, W) is dout (B, C·H·W)."""
    return dout.reshape(inp.shape)


def layer_forward(layer: models.Layer, inp: Array, by: Operands) -> Array:
    """One layer, whichever it is."""
    match layer:
        case models.Linear():
            return linear_forward(inp, by.weight, by.bias)
        case models.Conv2d(stride=stride, padding=padding):
            return conv2d_forward(inp, by.weight, by.bias, stride, padding)
        case models.MaxPool2d(kernel_size=kernel, step=stride, padding=padding):
            return max_pool2d_forward(inp, kernel, stride, padding)
        case models.AvgPool2d(kernel_size=kernel, step=stride, padding=padding):
            return avg_pool2d_forward(inp, kernel, stride, padding)
        case models.GlobalAvgPool2d():
            return global_avg_pool2d_forward(inp)
        case models.Flatten():
            return flatten_forward(inp)
        case models.ReLU():
            return relu_forward(inp)
        case models.LeakyReLU(negative_slope=slope):
            return leaky_relu_forward(inp, slope)
        case models.Sigmoid():
            return sigmoid_forward(inp)
        case models.Tanh():
            return tanh_forward(inp)
        case models.GELU():
            return gelu_forward(inp)
        case models.SiLU():
            return silu_forward(inp)
        case models.BatchNorm1d(eps=eps) | models.BatchNorm2d(eps=eps):
            mean, var = batch_norm_moments(inp) if by.training else (by.running_mean, by.running_var)
            return batch_norm_forward(inp, mean, var, by.weight, by.bias, eps)
        case models.Dropout(scale=scale):
            return dropout_forward(inp, by.mask, scale) if by.training else inp
        case models.Add():
            return add_forward(inp, by.earlier)


def layer_backward(layer: models.Layer, dout: Array, inp: Array, out: Array, by: Operands) -> tuple[Array, ...]:
    """dinp, and after it dweight and dbias where the layer has them, or dearlier where it is `Add`."""
    match layer:
        case models.Linear():
            return linear_backward(dout, inp, by.weight)
        case models.Conv2d(stride=stride, padding=padding):
            return conv2d_backward(dout, inp, by.weight, stride, padding)
        case models.MaxPool2d(kernel_size=kernel, step=stride, padding=padding):
            return (max_pool2d_backward(dout, inp, kernel, stride, padding),)
        case models.AvgPool2d(kernel_size=kernel, step=stride, padding=padding):
            return (avg_pool2d_backward(dout, inp, kernel, stride, padding),)
        case models.GlobalAvgPool2d():
            return (global_avg_pool2d_backward(dout, inp),)
        case models.Flatten():
            return (flatten_backward(dout, inp),)
        case models.ReLU():
            return (relu_backward(dout, out),)
        case models.LeakyReLU(negative_slope=slope):
            return (leaky_relu_backward(dout, out, slope),)
        case models.Sigmoid():
            return (sigmoid_backward(dout, out),)
        case models.Tanh():
            return (tanh_backward(dout, out),)
        case models.GELU():
            return (gelu_backward(dout, inp),)
        case models.SiLU():
            return (silu_backward(dout, inp),)
        case models.BatchNorm1d(eps=eps) | models.BatchNorm2d(eps=eps):
            if by.training:
                return batch_norm_backward_training(dout, inp, by.weight, eps)
            return batch_norm_backward(dout, inp, by.running_mean, by.running_var, by.weight, eps)
        case models.Dropout(scale=scale):
            return (dropout_backward(dout, by.mask, scale) if by.training else dout,)
        case models.Add():
            return add_backward(dout)


# ---- a whole network ----------------------------------------------------------------------------------


def operands(
    model: Model, tensors: Tensors, index: int, received: Sequence[Array], training: Training | None = None
) -> Operands:
    """What the layer at ``index`` works with; ``received`` is what each layer up to it received."""
    layer = model.layers[index]
    own = (*layer.parameters(), *layer.buffers())
    named: dict[str, Any] = {tensor.name: tensors[f"{index}.{tensor.name}"] for tensor in own}
    if isinstance(layer, models.Add):
        named["earlier"] = received[index - layer.back]
    if training and index in training.masks:
        named["mask"] = training.masks[index]
    return Operands(**named, training=training is not None)


def forward(model: Model, tensors: Tensors, inputs: Array, training: Training | None = None) -> list[Array]:
    """The inputs (B, C, H, W), then what each layer makes of them; the last are the logits (B, classes)."""
    activations = [inputs]
    for index, layer in enumerate(model.layers):
        by = operands(model, tensors, index, activations, training)
        activations.append(layer_forward(layer, activations[-1], by))
    return activations


def backward(
    model: Model, tensors: Tensors, activations: Sequence[Array], dlogits: Array, training: Training | None = None
) -> dict[str, Array]:
    """The gradient of every parameter by its name, from what `forward` kept and dlogits (B, classes).

    It ends at the first layer that has weights: nobody needs the gradient of the pixels, and for a convolution
    it would cost as much as all the rest.
    """
    first = min(index for index, layer in enumerate(model.layers) if layer.parameters())
    grads: dict[str, Array] = {}
    around: dict[int, Array] = {}  # what residual connections bring back to the input of the layer of that index
    dout = dlogits
    found: Sequence[Array]
    for index in range(len(model.layers) - 1, first - 1, -1):
        layer, inp, out = model.layers[index], activations[index], activations[index + 1]
        if index == first and isinstance(layer, models.Conv2d):
            found = conv2d_backward_weight(dout, inp, layer.kernel_size, layer.stride, layer.padding)
        else:
            by = operands(model, tensors, index, activations, training)
            dout, *found = layer_backward(layer, dout, inp, out, by)
            dout = dout + around.pop(index) if index in around else dout
        if isinstance(layer, models.Add):
            around[index - layer.back] = found[0] + around.get(index - layer.back, 0)
        else:
            grads.update(zip((f"{index}.weight", f"{index}.bias"), found, strict=False))
    return {parameter.name: grads[parameter.name] for parameter in model.parameters()}


def running(model: Model, tensors: Tensors, activations: Sequence[Array]) -> dict[str, Array]:
    """The running statistics of every batch normalisation after a training step, from what its `forward` kept."""
    after: dict[str, Array] = {}
    for index, layer in enumerate(model.layers):
        if isinstance(layer, models.BatchNorm1d | models.BatchNorm2d):
            names = f"{index}.running_mean", f"{index}.running_var"
            mean, var = (tensors[name] for name in names)
            after |= zip(names, batch_norm_running(activations[index], mean, var, layer.momentum), strict=True)
    return after


def gradients(
    model: Model, tensors: Tensors, inputs: Array, labels: Labels, training: Training | None = None
) -> tuple[float, dict[str, Array]]:
    """The mean cross-entropy of inputs (B, C, H, W) with labels (B), and its gradient by parameter name."""
    activations = forward(model, tensors, inputs, training)
    loss, dlogits = softmax_cross_entropy(activations[-1], labels)
    return loss, backward(model, tensors, activations, dlogits, training)


def outputs(model: Model, tensors: Tensors, inputs: Array) -> Iterator[Array]:
    """What each layer makes of the inputs in evaluation, one after the other; what no later layer needs is let go."""
    received, last = [inputs], last_uses(model)
    for index, layer in enumerate(model.layers):
        received.append(layer_forward(layer, received[-1], operands(model, tensors, index, received)))
        yield received[-1]
        received = [kept if last[at] > index else NOTHING for at, kept in enumerate(received)]


def last_uses(model: Model) -> list[int]:
    """The index of the last layer that needs each activation of `forward`; for the logits that of no layer."""
    last = list(range(len(model.layers) + 1))
    for index, layer in enumerate(model.layers):
        if isinstance(layer, models.Add):
            last[index - layer.back] = index
    return last


def logits(model: Model, tensors: Tensors, inputs: Array) -> Array:
    """The last of `outputs`: what prediction needs."""
    return deque(outputs(model, tensors, inputs), maxlen=1).pop()


def pixels(images: Bytes, by: Scaling, dtype: np.dtype) -> Array:
    """Network inputs from uint8 images: byte · scale + shift in float32, as every engine does, then ``dtype``."""
    return (images.astype(np.float32) * by.scale + by.shift).astype(dtype, copy=False)
