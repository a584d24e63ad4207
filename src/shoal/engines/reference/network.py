# SPDX-License-Identifier: Apache-2.0
"""A whole network: each layer by its formula, forward to the logits and back to the gradient of every parameter.

It holds what happens in a step; the formulas stand one kind of layer a file. It never updates a weight.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from shoal import models
from shoal.engines import Scaling, Tensors
from shoal.engines.reference.activation import (
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    tanh_backward,
    tanh_forward,
)
from shoal.engines.reference.arrays import Array, Bytes, Labels
from shoal.engines.reference.conv2d import conv2d_backward, conv2d_backward_weight, conv2d_forward
from shoal.engines.reference.linear import linear_backward, linear_forward
from shoal.engines.reference.loss import softmax_cross_entropy
from shoal.engines.reference.pool2d import (
    avg_pool2d_backward,
    avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from shoal.models import Model

NOTHING = np.empty(0)


def flatten_forward(inp: Array) -> Array:
    """out (B, C·H·W) is inp (B, C, H, W), channel-major."""
    return inp.reshape(len(inp), prod(inp.shape[1:]))


def flatten_backward(dout: Array, inp: Array) -> Array:
    """dinp (B, C, H, W) is dout (B, C·H·W)."""
    return dout.reshape(inp.shape)


def layer_forward(layer: models.Layer, inp: Array, weight: Array, bias: Array) -> Array:
    """One layer, whichever it is; the weight and bias of a layer that has none are empty."""
    match layer:
        case models.Linear():
            return linear_forward(inp, weight, bias)
        case models.Conv2d(stride=stride, padding=padding):
            return conv2d_forward(inp, weight, bias, stride, padding)
        case models.MaxPool2d(kernel_size=kernel, step=stride, padding=padding):
            return max_pool2d_forward(inp, kernel, stride, padding)
        case models.AvgPool2d(kernel_size=kernel, step=stride, padding=padding):
            return avg_pool2d_forward(inp, kernel, stride, padding)
        case models.Flatten():
            return flatten_forward(inp)
        case models.ReLU():
            return relu_forward(inp)
        case models.Sigmoid():
            return sigmoid_forward(inp)
        case models.Tanh():
            return tanh_forward(inp)


def layer_backward(layer: models.Layer, dout: Array, inp: Array, out: Array, weight: Array) -> tuple[Array, ...]:
    """dinp, and after it dweight and dbias where the layer has them."""
    match layer:
        case models.Linear():
            return linear_backward(dout, inp, weight)
        case models.Conv2d(stride=stride, padding=padding):
            return conv2d_backward(dout, inp, weight, stride, padding)
        case models.MaxPool2d(kernel_size=kernel, step=stride, padding=padding):
            return (max_pool2d_backward(dout, inp, kernel, stride, padding),)
        case models.AvgPool2d(kernel_size=kernel, step=stride, padding=padding):
            return (avg_pool2d_backward(dout, inp, kernel, stride, padding),)
        case models.Flatten():
            return (flatten_backward(dout, inp),)
        case models.ReLU():
            return (relu_backward(dout, out),)
        case models.Sigmoid():
            return (sigmoid_backward(dout, out),)
        case models.Tanh():
            return (tanh_backward(dout, out),)


def layer_tensors(tensors: Tensors, index: int) -> tuple[Array, Array]:
    """The weight and bias of the layer at ``index``, empty if it has none."""
    return tensors.get(f"{index}.weight", NOTHING), tensors.get(f"{index}.bias", NOTHING)


def forward(model: Model, tensors: Tensors, inputs: Array) -> list[Array]:
    """The inputs (B, C, H, W), then what each layer makes of them; the last are the logits (B, classes)."""
    activations = [inputs]
    for index, layer in enumerate(model.layers):
        activations.append(layer_forward(layer, activations[-1], *layer_tensors(tensors, index)))
    return activations


def backward(model: Model, tensors: Tensors, activations: Sequence[Array], dlogits: Array) -> dict[str, Array]:
    """The gradient of every parameter by its name, from what `forward` kept and dlogits (B, classes).

    It ends at the first layer that has weights: nobody needs the gradient of the pixels, and for a convolution
    it would cost as much as all the rest.
    """
    first = min(index for index, layer in enumerate(model.layers) if layer.parameters())
    grads: dict[str, Array] = {}
    dout = dlogits
    for index in range(len(model.layers) - 1, first - 1, -1):
        layer, inp, out = model.layers[index], activations[index], activations[index + 1]
        if index == first and isinstance(layer, models.Conv2d):
            found: tuple[Array, ...] = conv2d_backward_weight(dout, inp, layer.kernel_size, layer.stride, layer.padding)
        else:
            dout, *rest = layer_backward(layer, dout, inp, out, layer_tensors(tensors, index)[0])
            found = tuple(rest)
        grads.update(zip((f"{index}.weight", f"{index}.bias"), found, strict=False))
    return {parameter.name: grads[parameter.name] for parameter in model.parameters()}


def gradients(model: Model, tensors: Tensors, inputs: Array, labels: Labels) -> tuple[float, dict[str, Array]]:
    """The mean cross-entropy of inputs (B, C, H, W) with labels (B), and its gradient by parameter name."""
    activations = forward(model, tensors, inputs)
    loss, dlogits = softmax_cross_entropy(activations[-1], labels)
    return loss, backward(model, tensors, activations, dlogits)


def logits(model: Model, tensors: Tensors, inputs: Array) -> Array:
    """The last of `forward`, keeping only one activation at a time: what prediction needs."""
    for index, layer in enumerate(model.layers):
        inputs = layer_forward(layer, inputs, *layer_tensors(tensors, index))
    return inputs


def pixels(images: Bytes, by: Scaling, dtype: np.dtype) -> Array:
    """Network inputs from uint8 images: byte · scale + shift in float32, as every engine does, then ``dtype``."""
    return (images.astype(np.float32) * by.scale + by.shift).astype(dtype, copy=False)
