# SPDX-License-Identifier: Apache-2.0
"""Models as frozen data: layers, their shapes, parameters and operation counts, and how weights begin.

Names and arguments mean what they mean in PyTorch; one example has shape (channels, height, width) until
`Flatten`, then (features,). Nothing here computes: engines do.
"""

from collections.abc import Sequence
from math import prod, sqrt
from typing import Annotated, ClassVar, NamedTuple, TypeVar

from msgspec import Meta

from shoal.errors import ModelError, UsageError
from shoal.spec import Spec

T = TypeVar("T")
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


class LayerSummary(NamedTuple):
    """One row of `Model.summary`."""

    layer: str
    output_shape: Shape
    parameters: int
    flops: int


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

    def shapes(self) -> tuple[Shape, ...]:
        """The input shape, then the shape after each layer: ``len(layers) + 1`` shapes."""
        shapes: list[Shape] = [tuple(self.input_shape)]
        for number, layer in enumerate(self.layers, start=1):
            shapes.append(layer.output_shape(shapes[-1], f"layer {number} of {self.name}"))
        return tuple(shapes)

    @property
    def classes(self) -> int:
        """How many classes it tells apart."""
        return self.shapes()[-1][0]

    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter in order, named as in the state dict of the same `nn.Sequential`: ``"0.weight"``."""
        return tuple(
            parameter._replace(name=f"{index}.{parameter.name}")
            for index, layer in enumerate(self.layers)
            for parameter in layer.parameters()
        )

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

    def summary(self) -> tuple[LayerSummary, ...]:
        """Layer, output shape, parameters and forward operations, a row per layer."""
        shapes = self.shapes()
        return tuple(
            LayerSummary(
                layer=describe(layer),
                output_shape=after,
                parameters=sum(parameter.size for parameter in layer.parameters()),
                flops=layer.flops(before, after),
            )
            for layer, before, after in zip(self.layers, shapes, shapes[1:], strict=False)
        )

    def __str__(self) -> str:
        rows = [("layer", "output", "parameters", "FLOPs")]
        rows += [(r.layer, show(r.output_shape), f"{r.parameters:,}", f"{r.flops:,}") for r in self.summary()]
        rows += [(self.name, "", f"{self.parameter_count:,}", f"{self.flops:,}")]
        wide = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join(
            f"{a:<{wide[0]}}  {b:>{wide[1]}}  {c:>{wide[2]}}  {d:>{wide[3]}}".rstrip() for a, b, c, d in rows
        )


# ---- the models of the report -------------------------------------------------------------------------

ACTIVATIONS: dict[str, Layer] = {"relu": ReLU(), "sigmoid": Sigmoid(), "tanh": Tanh()}
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
        activation: "relu", "sigmoid" or "tanh", after every hidden layer.
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
        activation: "sigmoid" (the original), "relu" or "tanh".
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


# ---- how weights begin --------------------------------------------------------------------------------


class InitSpec(Spec, frozen=True, tag=True):
    """A rule for initial weights. `streams.initial_weights` draws them."""


class XavierUniform(InitSpec, frozen=True):
    """U(±√(6 / (fan_in + fan_out))), biases 0. Glorot and Bengio 2010."""

    def bound(self, parameter: Parameter) -> float:
        return sqrt(6 / (parameter.fan_in + parameter.fan_out)) if not parameter.is_bias else 0.0


class KaimingUniform(InitSpec, frozen=True):
    """U(±√(6 / fan_in)), biases 0. He, Zhang, Ren and Sun 2015."""

    def bound(self, parameter: Parameter) -> float:
        return sqrt(6 / parameter.fan_in) if not parameter.is_bias else 0.0


class PyTorchDefault(InitSpec, frozen=True):
    """U(±1/√fan_in) for weights and biases: what `nn.Linear` and `nn.Conv2d` do unasked."""

    def bound(self, parameter: Parameter) -> float:
        return 1 / sqrt(parameter.fan_in)


class Normal(InitSpec, frozen=True):
    """N(0, std²), biases 0."""

    std: Annotated[float, Meta(ge=0)] = 0.01


Init = XavierUniform | KaimingUniform | PyTorchDefault | Normal


def xavier_uniform() -> XavierUniform:
    """`XavierUniform`: keeps the variance of sigmoid and tanh layers; the default."""
    return XavierUniform()


def kaiming_uniform() -> KaimingUniform:
    """`KaimingUniform`: keeps the variance of ReLU layers."""
    return KaimingUniform()


def pytorch_default() -> PyTorchDefault:
    """`PyTorchDefault`: as `nn.Linear` and `nn.Conv2d` begin."""
    return PyTorchDefault()


def normal(std: float = 0.01) -> Normal:
    """`Normal`: every weight from one bell curve, whatever the layer's width."""
    return Normal(std)


# ---- small print --------------------------------------------------------------------------------------


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


def _choice(what: str, value: str, choices: dict[str, T]) -> T:
    if value not in choices:
        known = ", ".join(repr(name) for name in choices)
        raise ModelError(f"{what}={value!r} is not known. Use one of {known}.")
    return choices[value]


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
