# SPDX-License-Identifier: Apache-2.0
"""Layers of flat features: `Linear`, and `Flatten` on the way there."""

from math import prod

from shoal.errors import ModelError
from shoal.models.layers.spec import Count, LayerSpec, Parameter, Shape, show


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


class Flatten(LayerSpec, frozen=True):
    """(channels, height, width) to (channels * height * width,), channel-major."""

    def output_shape(self, shape: Shape, where: str) -> Shape:
        return (prod(shape),)
