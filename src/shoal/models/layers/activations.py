# SPDX-License-Identifier: Apache-2.0
"""Activations: one number in, one out, whatever the shape. Each says as how many operations it is counted."""

from math import prod
from typing import Annotated, ClassVar

from msgspec import Meta

from shoal.models.layers.spec import LayerSpec, Shape


class ActivationSpec(LayerSpec, frozen=True):
    """What all activations share: the shape stays, and every value costs the same."""

    operations: ClassVar[int] = 1

    def flops(self, shape: Shape, out: Shape) -> int:
        return self.operations * prod(out)


class ReLU(ActivationSpec, frozen=True):
    """max(x, 0); its derivative at 0 is 0."""


class LeakyReLU(ActivationSpec, frozen=True):
    """x above 0, negative_slope · x elsewhere, counted as two operations; its derivative at 0 is the negative slope.

    Source: Maas, Hannun and Ng 2013.
    """

    operations: ClassVar[int] = 2

    negative_slope: Annotated[float, Meta(ge=0, le=1e30)] = 0.01


class Sigmoid(ActivationSpec, frozen=True):
    """1 / (1 + exp(-x)), counted as four operations."""

    operations: ClassVar[int] = 4


class Tanh(ActivationSpec, frozen=True):
    """tanh(x), counted as four operations."""

    operations: ClassVar[int] = 4


class GELU(ActivationSpec, frozen=True):
    """x · Φ(x) with the standard normal distribution function Φ(x) = (1 + erf(x / √2)) / 2, counted as five operations.

    The exact form, not the one with tanh. Source: Hendrycks and Gimpel 2016.
    """

    operations: ClassVar[int] = 5


class SiLU(ActivationSpec, frozen=True):
    """x / (1 + exp(-x)), counted as five operations. Source: Elfwing, Uchibe and Doya 2017."""

    operations: ClassVar[int] = 5
