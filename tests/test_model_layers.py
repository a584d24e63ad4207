# SPDX-License-Identifier: Apache-2.0
"""The layers beyond the first set as data: shapes, tensors, counts, hashes, JSON, and errors that say what to do."""

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from shoal import streams
from shoal.errors import ModelError
from shoal.models import (
    ACTIVATIONS,
    GELU,
    Add,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Model,
    Normal,
    ReLU,
    SiLU,
    XavierUniform,
    describe,
    lenet,
    mlp,
)

BLOCK = (Conv2d(4, 4, 3, padding=1), BatchNorm2d(4), SiLU(), Conv2d(4, 4, 3, padding=1), BatchNorm2d(4), Add(5))
RESIDUAL = Model(
    (
        *(Conv2d(1, 4, 3, stride=2, padding=1), BatchNorm2d(4), ReLU(), *BLOCK, ReLU()),
        *(GlobalAvgPool2d(), Flatten(), Dropout(0.2), Linear(4, 3)),
    ),
    (1, 8, 8),
    name="residual",
)


def test_shapes() -> None:
    shapes = RESIDUAL.shapes()
    assert set(shapes[1:11]) == {(4, 4, 4)}
    assert shapes[11:] == ((4, 1, 1), (4,), (4,), (3,))
    assert Conv2d(1, 2, 3, padding=5).output_shape((1, 2, 1), "") == (2, 10, 9), "padding beyond the kernel"


def test_parameters_and_buffers_are_named_as_in_a_state_dict() -> None:
    names = [f"{index}.{name}" for index in (0, 1, 3, 4, 6, 7, 13) for name in ("weight", "bias")]
    assert [parameter.name for parameter in RESIDUAL.parameters()] == names
    names = [f"{index}.{name}" for index in (1, 4, 7) for name in ("running_mean", "running_var")]
    assert [buffer.name for buffer in RESIDUAL.buffers()] == names
    assert RESIDUAL.parameter_count == (9 * 4 + 4) + 2 * (9 * 16 + 4) + 3 * 8 + (4 * 3 + 3), "buffers are not learnt"
    assert lenet().buffers() == ()


def test_operations_by_hand() -> None:
    flops = [row.flops for row in RESIDUAL.summary()]
    values = 4 * 4 * 4
    convolutions = 2 * values * 9, 2 * values * 9 * 4
    block = [convolutions[1], 4 * values, 5 * values, convolutions[1], 4 * values, values]
    assert flops == [convolutions[0], 4 * values, values, *block, values, values, 0, 0, 2 * 4 * 3]
    learning = convolutions[0] + 2 * convolutions[1] + 3 * 4 * values + 2 * 4 * 3
    assert RESIDUAL.training_flops == sum(flops) + 2 * learning - convolutions[0]
    assert LeakyReLU().flops((7,), (7,)) == 14
    assert GELU().flops((7,), (7,)) == SiLU().flops((7,), (7,)) == 35


def test_they_are_described_as_they_are_typed() -> None:
    typed: dict[str, Layer] = {
        "Dropout()": Dropout(),
        "Dropout(p=0.2)": Dropout(0.2),
        "BatchNorm1d(6)": BatchNorm1d(6),
        "BatchNorm2d(6, eps=0.001, momentum=0.5)": BatchNorm2d(6, 0.001, 0.5),
        "LeakyReLU()": LeakyReLU(),
        "LeakyReLU(negative_slope=0.2)": LeakyReLU(0.2),
        "GELU()": GELU(),
        "GlobalAvgPool2d()": GlobalAvgPool2d(),
        "Add(3)": Add(3),
    }
    assert [describe(layer) for layer in typed.values()] == list(typed)


def test_json_and_hashes() -> None:
    """Stores are keyed by these: if one changes, every earlier run is lost to its study."""
    again = msgspec.json.decode(msgspec.json.encode(RESIDUAL), type=Model)
    assert (again, again.hash) == (RESIDUAL, RESIDUAL.hash)
    assert RESIDUAL.hash == "714e0bb2c88da166"
    assert Dropout(float("0.5")).hash == Dropout().hash != Dropout(0.4).hash
    assert BatchNorm1d(3, eps=float("1e-5"), momentum=float("0.1")).hash == BatchNorm1d(3).hash
    assert len({layer.hash for layer in (BatchNorm1d(3), BatchNorm2d(3), Add(3), GELU(), SiLU(), LeakyReLU())}) == 6


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_by_name(activation: str) -> None:
    for model in (mlp(3, activation=activation), lenet(activation)):
        assert ACTIVATIONS[activation] in model.layers
        assert activation in model.name


# ---- what they begin with -----------------------------------------------------------------------------


@pytest.mark.parametrize("init", [XavierUniform(), Normal(0.1)])
def test_batch_norm_begins_as_the_identity_whatever_the_rule(init: XavierUniform | Normal) -> None:
    tensors = streams.initial_weights(RESIDUAL, init, seed=3)
    assert list(tensors) == [one.name for one in (*RESIDUAL.parameters(), *RESIDUAL.buffers())]
    assert {value.dtype for value in tensors.values()} == {np.dtype(np.float32)}
    for index in (1, 4, 7):
        for name, start in {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1}.items():
            assert tensors[f"{index}.{name}"].tolist() == [start] * 4


def test_with_and_without_batch_norm_the_weights_begin_equal() -> None:
    """Common random numbers: what is drawn is keyed by its place among what is drawn."""
    without = Model((Conv2d(1, 4, 3), Flatten(), Linear(144, 3)), (1, 8, 8))
    with_it = Model((Conv2d(1, 4, 3), BatchNorm2d(4), Flatten(), Linear(144, 3)), (1, 8, 8))
    one, other = (streams.initial_weights(model, XavierUniform(), seed=1) for model in (without, with_it))
    assert np.array_equal(one["0.weight"], other["0.weight"])
    assert np.array_equal(one["2.weight"], other["3.weight"])


def test_dropout_in_65536ths() -> None:
    assert (Dropout().threshold, Dropout().scale) == (32768, 2.0)
    assert (Dropout(0.0).threshold, Dropout(0.0).scale) == (0, 1.0)
    assert Dropout(0.1).threshold == 6554
    assert Dropout(0.1).scale == float(np.float32(65536 / (65536 - 6554)))
    assert Dropout(0.9999).scale == pytest.approx(10_000, rel=0.1)


# ---- refusals: what, where, the value, what to do -----------------------------------------------------


def model(*layers: Layer) -> Callable[[], object]:
    return lambda: Model(layers, (1, 8, 8), name="mine")


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "everything dropped": (lambda: Dropout(1), "Dropout(p=1.0) would leave nothing. Use p <= 0.9999."),
    "nearly everything dropped": (
        lambda: Dropout(0.999999),
        "Dropout(p=0.999999) would leave nothing. Use p <= 0.9999.",
    ),
    "more than everything dropped": (lambda: Dropout(1.5), "Dropout(p=1.5): Expected `float` <= 1.0"),
    "a negative slope": (lambda: LeakyReLU(-0.1), "LeakyReLU(negative_slope=-0.1): Expected `float` >= 0.0"),
    "no eps": (lambda: BatchNorm1d(3, eps=0), "BatchNorm1d(eps=0): Expected `float` >= 1e-30"),
    "adding to itself": (lambda: Add(0), "Add(back=0): Expected `int` >= 1"),
    "flat batch norm of an image": (
        model(BatchNorm1d(64)),
        "BatchNorm1d needs a flat input, but layer 1 of mine receives 1×8×8. "
        "Use BatchNorm2d(1), or put Flatten() before it.",
    ),
    "batch norm of channels after flatten": (
        model(Flatten(), BatchNorm2d(64)),
        "BatchNorm2d needs an image (channels, height, width), but layer 2 of mine receives 64 features. "
        "Put it before Flatten().",
    ),
    "batch norm of other channels": (
        model(BatchNorm2d(3)),
        "BatchNorm2d(num_features=3) does not fit: layer 1 of mine receives 1×8×8. Use num_features=1.",
    ),
    "batch norm of other features": (
        model(Flatten(), BatchNorm1d(3)),
        "BatchNorm1d(num_features=3) does not fit: layer 2 of mine receives 64. Use num_features=64.",
    ),
    "global average of features": (
        model(Flatten(), GlobalAvgPool2d()),
        "GlobalAvgPool2d needs an image (channels, height, width), but layer 2 of mine receives 64 features. "
        "Put it before Flatten().",
    ),
    "adding first": (
        model(Add(1)),
        "Add(back=1) reaches too far: before layer 1 of mine there are 0 layers. "
        "Put it after the layers it goes around.",
    ),
    "adding what is before the first": (
        model(ReLU(), Add(2)),
        "Add(back=2) reaches too far: before layer 2 of mine there is 1 layer. Use back <= 1.",
    ),
    "adding another shape": (
        model(Conv2d(1, 2, 3, padding=1), ReLU(), Add(2)),
        "Add(back=2) does not fit: layer 3 of mine receives 2×8×8, but the layer 2 before received 1×8×8. "
        "Let the layers from there to here keep the shape.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    build, message = REFUSED[name]
    with pytest.raises(ModelError) as refused:
        build()
    assert str(refused.value) == message


def test_the_use_given_by_an_error_works() -> None:
    Dropout(0.9999)
    MaxPool2d(2, padding=1)
    model(ReLU(), Add(1), Flatten(), Linear(64, 2))()
