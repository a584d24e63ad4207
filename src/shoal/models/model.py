# SPDX-License-Identifier: Apache-2.0
"""A model: a chain of layers that fit together, and the models of the report. Nothing here computes."""

from collections.abc import Iterable
from math import prod
from typing import ClassVar, NamedTuple, Self, TypeVar

from shoal.errors import ModelError, UsageError
from shoal.models.layers import (
    GELU,
    Add,
    AvgPool2d,
    Conv2d,
    Count,
    Flatten,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Parameter,
    ReLU,
    Shape,
    Sigmoid,
    SiLU,
    Tanh,
    describe,
    show,
)
from shoal.shown import as_html
from shoal.spec import Spec

T = TypeVar("T")


class LayerSummary(NamedTuple):
    """One row of `Model.summary`."""

    layer: str
    output_shape: Shape
    parameters: int
    flops: int


class Summary(tuple[LayerSummary, ...]):
    """The rows of `Model.summary`; printed, a table with the totals below."""

    name: str

    def __new__(cls, rows: Iterable[LayerSummary], name: str) -> Self:
        summary = super().__new__(cls, rows)
        summary.name = name
        return summary

    def __str__(self) -> str:
        rows = [("layer", "output", "parameters", "FLOPs")]
        rows += [(row.layer, show(row.output_shape), f"{row.parameters:,}", f"{row.flops:,}") for row in self]
        rows += [(self.name, "", f"{sum(row.parameters for row in self):,}", f"{sum(row.flops for row in self):,}")]
        wide = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join(
            f"{a:<{wide[0]}}  {b:>{wide[1]}}  {c:>{wide[2]}}  {d:>{wide[3]}}".rstrip() for a, b, c, d in rows
        )


class Model(Spec, frozen=True):
    """A chain of layers from one image to one logit per class.

    Args:
        layers: the layers, in order; the last output must be flat: one logit per class.
        input_shape: (channels, height, width) of one image.
        name: for people; two models that differ only in name are the same model.

    Raises:
        ModelError: a layer does not fit what it receives; the message names the layer and what would.
    """

    error: ClassVar[type[UsageError]] = ModelError

    layers: tuple[Layer, ...]
    input_shape: tuple[Count, Count, Count] = (1, 28, 28)
    name: str = "model"

    def check(self) -> None:
        if not self.layers:
            raise ModelError(f"{self.name} has no layers. Give it at least Flatten() and a Linear.")
        output = self.shapes()[-1]
        if len(output) != 1:
            raise ModelError(
                f"{self.name} ends with {show(output)}, but a model ends with one number per class. "
                f"Add Flatten() and Linear({prod(output)}, classes)."
            )
        if not self.parameters():
            raise ModelError(
                f"{self.name} has nothing to learn. Add a layer with weights: Linear({output[0]}, classes)."
            )

    def shapes(self) -> tuple[Shape, ...]:
        """The input shape, then the shape after each layer: ``len(layers) + 1`` shapes."""
        shapes: list[Shape] = [tuple(self.input_shape)]
        for number, layer in enumerate(self.layers, start=1):
            where = f"layer {number} of {self.name}"
            if isinstance(layer, Add):
                layer.check_shapes(shapes, where)
            shapes.append(layer.output_shape(shapes[-1], where))
        return tuple(shapes)

    @property
    def classes(self) -> int:
        """How many classes it tells apart."""
        return self.shapes()[-1][0]

    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter in order, named as in the state dict of the same `nn.Sequential`: ``"0.weight"``."""
        return _numbered(layer.parameters() for layer in self.layers)

    def buffers(self) -> tuple[Parameter, ...]:
        """What is kept beside the parameters and changes without being learnt: ``"3.running_mean"``."""
        return _numbered(layer.buffers() for layer in self.layers)

    @property
    def parameter_count(self) -> int:
        return sum(parameter.size for parameter in self.parameters())

    @property
    def flops(self) -> int:
        """Operations of one forward pass of one example."""
        return sum(row.flops for row in self.summary())

    @property
    def training_flops(self) -> int:
        """Operations to train on one example: forward, weight gradients, and input gradients of all but
        the first layer that has weights (nobody needs the gradient of the pixels)."""
        weighted = [row.flops for row in self.summary() if row.parameters]
        return self.flops + 2 * sum(weighted) - sum(weighted[:1])

    def summary(self) -> Summary:
        """Layer, output shape, parameters and forward operations, a row per layer; ``print`` shows a table."""
        shapes = self.shapes()
        rows = (
            LayerSummary(
                layer=describe(layer),
                output_shape=after,
                parameters=sum(parameter.size for parameter in layer.parameters()),
                flops=layer.flops(before, after),
            )
            for layer, before, after in zip(self.layers, shapes, shapes[1:], strict=False)
        )
        return Summary(rows, self.name)

    def __str__(self) -> str:
        return str(self.summary())

    _repr_html_ = as_html


# ---- the models of the report -------------------------------------------------------------------------

ACTIVATIONS: dict[str, Layer] = {
    "relu": ReLU(),
    "sigmoid": Sigmoid(),
    "tanh": Tanh(),
    "leaky_relu": LeakyReLU(),
    "gelu": GELU(),
    "silu": SiLU(),
}
POOLINGS: dict[str, type[MaxPool2d] | type[AvgPool2d]] = {"avg": AvgPool2d, "max": MaxPool2d}


def softmax_regression(classes: int = 10, input_shape: tuple[int, int, int] = (1, 28, 28)) -> Model:
    """One linear layer: every class weighs every pixel."""
    layers = (Flatten(), Linear(prod(input_shape), classes))
    return Model(layers, input_shape, name="softmax regression")


def mlp(
    *hidden: int,
    activation: str = "relu",
    classes: int = 10,
    input_shape: tuple[int, int, int] = (1, 28, 28),
) -> Model:
    """A multilayer perceptron; ``mlp(256)`` has one hidden layer of 256 units, ``mlp()`` is softmax regression.

    Args:
        hidden: units of each hidden layer.
        activation: "relu", "sigmoid", "tanh", "leaky_relu", "gelu" or "silu", after every hidden layer.
    """
    act = _choice("activation", activation, ACTIVATIONS)
    layers: list[Layer] = [Flatten()]
    width = prod(input_shape)
    for units in hidden:
        layers += [Linear(width, units), act]
        width = units
    layers.append(Linear(width, classes))
    sizes = "–".join(str(size) for size in (prod(input_shape), *hidden, classes))
    return Model(tuple(layers), input_shape, name=f"MLP {sizes} {activation}")


def lenet(
    activation: str = "sigmoid",
    pooling: str = "avg",
    classes: int = 10,
    input_shape: tuple[int, int, int] = (1, 28, 28),
) -> Model:
    """LeNet-5 as in Dive into Deep Learning: two convolutions with pooling, then 120, 84 and the classes.

    Args:
        activation: "sigmoid" (the original), or any other that `mlp` takes.
        pooling: "avg" (the original) or "max".

    Source: LeCun, Bottou, Bengio, Haffner 1998, without the sparse connections and Gaussian output.
    """
    act = _choice("activation", activation, ACTIVATIONS)
    pool = _choice("pooling", pooling, POOLINGS)(2)
    channels, height, width = input_shape
    features = 16 * ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2)
    layers: tuple[Layer, ...] = (
        *(Conv2d(channels, 6, kernel_size=5, padding=2), act, pool),
        *(Conv2d(6, 16, kernel_size=5), act, pool),
        Flatten(),
        *(Linear(max(features, 1), 120), act),
        *(Linear(120, 84), act),
        Linear(84, classes),
    )
    return Model(layers, input_shape, name=f"LeNet {activation}+{pooling}")


def _numbered(layers: Iterable[tuple[Parameter, ...]]) -> tuple[Parameter, ...]:
    """The tensors of all layers, each with its layer's index before its name."""
    return tuple(
        tensor._replace(name=f"{index}.{tensor.name}") for index, layer in enumerate(layers) for tensor in layer
    )


def _choice(what: str, value: str, choices: dict[str, T]) -> T:
    if value not in choices:
        known = ", ".join(repr(name) for name in choices)
        raise ModelError(f"{what}={value!r} is not known. Use one of {known}.")
    return choices[value]
