# SPDX-License-Identifier: Apache-2.0
"""Rules for initial weights, as frozen data. `streams.initial_weights` draws them."""

from math import sqrt
from typing import Annotated, ClassVar

from msgspec import Meta

from shoal.models.layers import Parameter
from shoal.spec import Spec


class InitSpec(Spec, frozen=True, tag=True):
    """A rule for initial weights. `streams.initial_weights` draws them."""


class XavierUniform(InitSpec, frozen=True):
    """U(±√(6 / (fan_in + fan_out))), biases 0. Glorot and Bengio 2010."""

    typed: ClassVar[str] = "xavier_uniform"

    def bound(self, parameter: Parameter) -> float:
        return sqrt(6 / (parameter.fan_in + parameter.fan_out)) if not parameter.is_bias else 0.0


class KaimingUniform(InitSpec, frozen=True):
    """U(±√(6 / fan_in)), biases 0. He, Zhang, Ren and Sun 2015."""

    typed: ClassVar[str] = "kaiming_uniform"

    def bound(self, parameter: Parameter) -> float:
        return sqrt(6 / parameter.fan_in) if not parameter.is_bias else 0.0


class PyTorchDefault(InitSpec, frozen=True):
    """U(±1/√fan_in) for weights and biases: what `nn.Linear` and `nn.Conv2d` do unasked."""

    typed: ClassVar[str] = "pytorch_default"

    def bound(self, parameter: Parameter) -> float:
        return 1 / sqrt(parameter.fan_in)


class Normal(InitSpec, frozen=True):
    """N(0, std²), biases 0."""

    typed: ClassVar[str] = "normal"
    std: Annotated[float, Meta(ge=0, le=1e30)] = 0.01


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
