# SPDX-License-Identifier: Apache-2.0
"""What every layer is: frozen data that knows its shapes, parameters and operation counts, and computes nothing."""

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
    """One tensor of a layer. ``name`` is PyTorch's state-dict key, ``shape`` PyTorch's layout."""

    name: str
    shape: Shape
    fan_in: int
    fan_out: int
    start: float | None = None
    """What all of it begins with, whatever the rule for initial weights; None if that rule draws it."""

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def is_bias(self) -> bool:
        return len(self.shape) == 1


class LayerSpec(Spec, frozen=True, tag=True):
    """What all layers share: a shape out for a shape in, tensors, and a count of operations."""

    error: ClassVar[type[UsageError]] = ModelError

    def output_shape(self, shape: Shape, where: str) -> Shape:
        """The shape of one example after this layer; raises `ModelError` naming ``where`` if it does not fit."""
        return shape

    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer learns, with names relative to it: weight, then bias."""
        return ()

    def buffers(self) -> tuple[Parameter, ...]:
        """What the layer keeps without learning it: no optimizer sees these."""
        return ()

    def flops(self, shape: Shape, out: Shape) -> int:
        """Floating-point operations of the forward pass for one example; a multiply-add counts as two."""
        return 0


def show(shape: Sequence[int]) -> str:
    """(16, 5, 5) as people write it: 16×5×5."""
    return "×".join(str(size) for size in shape)


def as_image(layer: LayerSpec, shape: Shape, where: str) -> tuple[int, int, int]:
    """The channels, height and width a layer of images receives; raises `ModelError` if they are flat features."""
    if len(shape) != 3:
        raise ModelError(
            f"{type(layer).__name__} needs an image (channels, height, width), but {where} receives "
            f"{show(shape)} features. Put it before Flatten()."
        )
    channels, height, width = shape
    return channels, height, width
