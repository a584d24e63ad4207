# SPDX-License-Identifier: Apache-2.0
"""Layers as frozen data: their shapes, parameters and operation counts.

Names and arguments mean what they mean in PyTorch; one example has shape (channels, height, width) until
`Flatten`, then (features,). Nothing here computes: engines do.
"""

from collections.abc import Sequence
from math import prod
from typing import Annotated, ClassVar, NamedTuple

from msgspec import Meta

from shoal.errors import ModelError, UsageError
from shoal.spec import Spec

Shape = tuple[int, ...]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Offset = Annotated[int, Meta(ge=0, le=1_000_000)]


class Parameter(NamedTuple):
    """One learnt tensor. ``name`` is PyTorch's state-dict key, ``shape`` PyTorch's layout."""

    name: str
    shape: Shape
    fan_in: int
    fan_out: int

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def is_bias(self) -> bool:
        return len(self.shape) == 1


class LayerSpec(Spec, frozen=True, tag=True):
    """What all layers share: a shape out for a shape in, parameters, and a count of operations."""

    error: ClassVar[type[UsageError]] = ModelError

    def output_shape(self, shape: Shape, where: str) -> Shape:
        """The shape of one example after this layer; raises `ModelError` naming ``where`` if it does not fit."""
        return shape

    def parameters(self) -> tuple[Parameter, ...]:
        """The layer's parameters with names relative to it: weight, then bias."""
        return ()

    def flops(self, shape: Shape, out: Shape) -> int:
        """Floating-point operations of the forward pass for one example; a multiply-add counts as two."""
        return 0


class Linear(LayerSpec, frozen=True):
    """out = weight @ inp + bias; weight (out_features, in_features)."""

    in_features: Count
    out_features: Count

    def output_shape(self, shape: Shape, where: str) -> Shape:
        if len(shape) != 1:
            raise ModelError(
                f"Linear(in_features={self.in_features}) needs a flat input, but {where} receives {show(shape)}. "
                f"Put Flatten() before it."
            )
        if shape[0] != self.in_features:
            raise ModelError(
                f"Linear(in_features={self.in_features}) does not fit: {where} receives {shape[0]} features. "
                f"Use in_features={shape[0]}."
            )
        return (self.out_features,)

    def parameters(self) -> tuple[Parameter, ...]:
        fans = self.in_features, self.out_features
        return (
            Parameter("weight", (self.out_features, self.in_features), *fans),
            Parameter("bias", (self.out_features,), *fans),
        )

    def flops(self, shape: Shape, out: Shape) -> int:
        return 2 * self.in_features * self.out_features


class Conv2d(LayerSpec, frozen=True):
    """Cross-correlation with a square kernel; weight (out_channels, in_channels, kernel_size, kernel_size)."""

    in_channels: Count
    out_channels: Count
    kernel_size: Count
    stride: Count = 1
    padding: Offset = 0

    def check(self) -> None:
        if self.padding >= self.kernel_size:
            raise ModelError(
                f"Conv2d(kernel_size={self.kernel_size}, padding={self.padding}): outputs at the edge would see "
                f"nothing but padding. Use padding <= {self.kernel_size - 1}."
            )

    def output_shape(self, shape: Shape, where: str) -> Shape:
        channels, height, width = _image(self, shape, where)
        if channels != self.in_channels:
            raise ModelError(
                f"Conv2d(in_channels={self.in_channels}) does not fit: {where} receives {show(shape)}. "
                f"Use in_channels={channels}."
            )
        return (self.out_channels, *_slide(self, height, width, shape, where))

    def parameters(self) -> tuple[Parameter, ...]:
        area = self.kernel_size**2
        fans = self.in_channels * area, self.out_channels * area
        kernel = (self.kernel_size, self.kernel_size)
        return (
            Parameter("weight", (self.out_channels, self.in_channels, *kernel), *fans),
            Parameter("bias", (self.out_channels,), *fans),
        )

    def flops(self, shape: Shape, out: Shape) -> int:
        return 2 * prod(out) * self.in_channels * self.kernel_size**2


class PoolSpec(LayerSpec, frozen=True):
    """What both poolings share: a square window that slides over each channel."""

    kernel_size: Count
    stride: Count | None = None
    padding: Offset = 0

    @property
    def step(self) -> int:
        """The stride, which is the kernel size unless given."""
        return self.stride or self.kernel_size

    def check(self) -> None:
        if 2 * self.padding > self.kernel_size:
            raise ModelError(
                f"{type(self).__name__}(kernel_size={self.kernel_size}, padding={self.padding}): padding may be "
                f"at most half the kernel size. Use padding <= {self.kernel_size // 2}."
            )

    def output_shape(self, shape: Shape, where: str) -> Shape:
        channels, height, width = _image(self, shape, where)
        return (channels, *_slide(self, height, width, shape, where))

    def flops(self, shape: Shape, out: Shape) -> int:
        return prod(out) * self.kernel_size**2


class MaxPool2d(PoolSpec, frozen=True):
    """The largest value of each window; padding never wins."""


class AvgPool2d(PoolSpec, frozen=True):
    """The mean of each window; padding counts as zeros."""


class Flatten(LayerSpec, frozen=True):
    """(channels, height, width) to (channels * height * width,), channel-major."""

    def output_shape(self, shape: Shape, where: str) -> Shape:
        return (prod(shape),)


class ReLU(LayerSpec, frozen=True):
    """max(x, 0); its derivative at 0 is 0."""

    def flops(self, shape: Shape, out: Shape) -> int:
        return prod(out)


class Sigmoid(LayerSpec, frozen=True):
    """1 / (1 + exp(-x)), counted as four operations."""

    def flops(self, shape: Shape, out: Shape) -> int:
        return 4 * prod(out)


class Tanh(LayerSpec, frozen=True):
    """tanh(x), counted as four operations."""

    def flops(self, shape: Shape, out: Shape) -> int:
        return 4 * prod(out)


Layer = Linear | Conv2d | MaxPool2d | AvgPool2d | Flatten | ReLU | Sigmoid | Tanh


def show(shape: Sequence[int]) -> str:
    """(16, 5, 5) as people write it: 16×5×5."""
    return "×".join(str(size) for size in shape)


def describe(layer: Layer) -> str:
    """``Conv2d(1, 6, kernel_size=5, padding=2)``: as it would be typed, defaults left out."""
    arguments = []
    for position, name in enumerate(layer.__struct_fields__):
        value = getattr(layer, name)
        if name in ("in_features", "out_features", "in_channels", "out_channels") or (
            position == 0 and isinstance(layer, PoolSpec)
        ):
            arguments.append(str(value))
        elif name == "kernel_size" or value != layer.__struct_defaults__[position - len(layer.__struct_fields__)]:
            arguments.append(f"{name}={value}")
    return f"{type(layer).__name__}({', '.join(arguments)})"


def _image(layer: LayerSpec, shape: Shape, where: str) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise ModelError(
            f"{type(layer).__name__} needs an image (channels, height, width), but {where} receives "
            f"{show(shape)} features. Put it before Flatten()."
        )
    channels, height, width = shape
    return channels, height, width


def _slide(layer: Conv2d | PoolSpec, height: int, width: int, shape: Shape, where: str) -> Shape:
    """How often the window fits: floor((size + 2 padding - kernel) / stride) + 1, each way."""
    kernel, padding = layer.kernel_size, layer.padding
    if kernel > min(height, width) + 2 * padding:
        fits = min(height, width) + 2 * padding
        more = -(-(kernel - min(height, width)) // 2)
        raise ModelError(
            f"{type(layer).__name__}(kernel_size={kernel}) needs at least {kernel}×{kernel} input, but {where} "
            f"receives {show(shape)}. Use kernel_size <= {fits} or padding >= {more}."
        )
    stride = layer.step if isinstance(layer, PoolSpec) else layer.stride
    return tuple((size + 2 * padding - kernel) // stride + 1 for size in (height, width))
