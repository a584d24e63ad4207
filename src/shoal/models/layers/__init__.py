# SPDX-License-Identifier: Apache-2.0
"""Layers as frozen data: their shapes, parameters and operation counts.

Names and arguments mean what they mean in PyTorch; one example has shape (channels, height, width) until
`Flatten`, then (features,). Nothing here computes: engines do.
"""

from shoal.models.layers.activations import GELU, ActivationSpec, LeakyReLU, ReLU, Sigmoid, SiLU, Tanh
from shoal.models.layers.dense import Flatten, Linear
from shoal.models.layers.modes import BatchNorm1d, BatchNorm2d, BatchNormSpec, Dropout
from shoal.models.layers.residual import Add
from shoal.models.layers.spec import Count, LayerSpec, Parameter, Shape, show
from shoal.models.layers.windows import AvgPool2d, Conv2d, GlobalAvgPool2d, MaxPool2d, PoolSpec

__all__ = [
    "GELU",
    "ActivationSpec",
    "Add",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNormSpec",
    "Conv2d",
    "Count",
    "Dropout",
    "Flatten",
    "GlobalAvgPool2d",
    "Layer",
    "LayerSpec",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "Parameter",
    "PoolSpec",
    "ReLU",
    "Shape",
    "SiLU",
    "Sigmoid",
    "Tanh",
    "describe",
    "show",
]

Layer = (
    Linear
    | Conv2d
    | MaxPool2d
    | AvgPool2d
    | GlobalAvgPool2d
    | Flatten
    | ReLU
    | LeakyReLU
    | Sigmoid
    | Tanh
    | GELU
    | SiLU
    | BatchNorm1d
    | BatchNorm2d
    | Dropout
    | Add
)


def describe(layer: Layer) -> str:
    """``Conv2d(1, 6, kernel_size=5, padding=2)``: as it would be typed, defaults left out."""
    arguments = []
    needed = len(layer.__struct_fields__) - len(layer.__struct_defaults__)
    for position, name in enumerate(layer.__struct_fields__):
        value = getattr(layer, name)
        if position < needed:
            named = name == "kernel_size" and position > 0
            arguments.append(f"{name}={value}" if named else str(value))
        elif value != layer.__struct_defaults__[position - needed]:
            arguments.append(f"{name}={value}")
    return f"{type(layer).__name__}({', '.join(arguments)})"
