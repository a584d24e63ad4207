# SPDX-License-Identifier: Apache-2.0
"""Layers whose windows slide over an image: convolution and pooling."""

from math import prod

from shoal.errors import ModelError
from shoal.models.layers.spec import Count, LayerSpec, Offset, Parameter, Shape, as_image, show


class Conv2d(LayerSpec, frozen=True):
    """Cross-correlation with a square kernel; weight (out_channels, in_channels, kernel_size, kernel_size).

    Padding is zeros, and may be wider than the kernel: outputs that see nothing else are the bias.
    """

    in_channels: Count
    out_channels: Count
    kernel_size: Count
    stride: Count = 1
    padding: Offset = 0

    def output_shape(self, shape: Shape, where: str) -> Shape:
        channels, height, width = as_image(self, shape, where)
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
        channels, height, width = as_image(self, shape, where)
        return (channels, *_slide(self, height, width, shape, where))

    def flops(self, shape: Shape, out: Shape) -> int:
        return prod(out) * self.kernel_size**2


class MaxPool2d(PoolSpec, frozen=True):
    """The largest value of each window; padding never wins."""


class AvgPool2d(PoolSpec, frozen=True):
    """The mean of each window; padding counts as zeros."""


class GlobalAvgPool2d(LayerSpec, frozen=True):
    """The mean of each channel: (channels, height, width) to (channels, 1, 1), as `nn.AdaptiveAvgPool2d(1)`."""

    def output_shape(self, shape: Shape, where: str) -> Shape:
        channels, _, _ = as_image(self, shape, where)
        return (channels, 1, 1)

    def flops(self, shape: Shape, out: Shape) -> int:
        return prod(shape)


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
