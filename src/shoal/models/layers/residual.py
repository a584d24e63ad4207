# SPDX-License-Identifier: Apache-2.0
"""The residual connection: a layer that adds what an earlier one received."""

from collections.abc import Sequence
from math import prod

from shoal.errors import ModelError
from shoal.models.layers.spec import Count, LayerSpec, Shape, show


class Add(LayerSpec, frozen=True):
    """out = inp + what the layer ``back`` places before this one received; both have the same shape.

    In ``(Conv2d, ReLU, Conv2d, Add(3))`` that is the input of the first convolution: the other three learn what to
    add to it. Source: He, Zhang, Ren and Sun 2016.
    """

    back: Count

    def check_shapes(self, shapes: Sequence[Shape], where: str) -> None:
        """Raise `ModelError` unless there is such a layer and it received what this one does.

        Args:
            shapes: what each layer up to this one receives, this one's input last.
        """
        if self.back >= len(shapes):
            before = len(shapes) - 1
            raise ModelError(
                f"Add(back={self.back}) reaches too far: before {where} there "
                f"{'is 1 layer' if before == 1 else f'are {before} layers'}. "
                f"{f'Use back <= {before}.' if before else 'Put it after the layers it goes around.'}"
            )
        other, own = shapes[-1 - self.back], shapes[-1]
        if other != own:
            raise ModelError(
                f"Add(back={self.back}) does not fit: {where} receives {show(own)}, but the layer {self.back} before "
                f"received {show(other)}. Let the layers from there to here keep the shape."
            )

    def flops(self, shape: Shape, out: Shape) -> int:
        return prod(out)
