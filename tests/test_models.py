# SPDX-License-Identifier: Apache-2.0
"""Models as data: shapes, counts, hashes, JSON, and errors that say what to do."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from shoal.errors import ModelError, UsageError
from shoal.models import (
    AvgPool2d,
    Conv2d,
    Flatten,
    KaimingUniform,
    Linear,
    MaxPool2d,
    Model,
    Normal,
    PyTorchDefault,
    ReLU,
    Sigmoid,
    Tanh,
    XavierUniform,
    describe,
    kaiming_uniform,
    lenet,
    mlp,
    normal,
    pytorch_default,
    softmax_regression,
    xavier_uniform,
)

# ---- the models of the report -------------------------------------------------------------------------

COUNTS = {
    # model: parameters, forward FLOPs, training FLOPs; worked out by hand in the tests below
    "softmax regression": (softmax_regression(), 7_850, 15_680, 31_360),
    "MLP 784–256–10 relu": (mlp(256), 203_530, 406_784, 818_432),
    "MLP 784–1–10 relu": (mlp(1), 805, 1_589, 3_197),
    "LeNet sigmoid+avg": (lenet(), 61_706, 865_376, 2_296_256),
    "LeNet relu+max": (lenet("relu", "max"), 61_706, 845_852, 2_276_732),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name: str) -> None:
    model, parameters, flops, training = COUNTS[name]
    assert (model.name, model.parameter_count, model.flops, model.training_flops) == (name, parameters, flops, training)


def test_counts_by_hand() -> None:
    assert softmax_regression().parameter_count == 784 * 10 + 10
    assert softmax_regression().flops == 2 * 784 * 10
    assert softmax_regression().training_flops == 2 * 2 * 784 * 10  # no gradient of the pixels
    hidden, last = 2 * 784 * 256, 2 * 256 * 10
    assert mlp(256).training_flops == (hidden + 256 + last) + (hidden + last) + last
    convolutions = (25 * 6 + 6) + (25 * 6 * 16 + 16)
    assert lenet().parameter_count == convolutions + (400 * 120 + 120) + (120 * 84 + 84) + (84 * 10 + 10)


def test_shapes_of_lenet() -> None:
    shapes = [(1, 28, 28), (6, 28, 28), (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 10, 10), (16, 5, 5)]
    assert list(lenet().shapes()) == [*shapes, (400,), (120,), (120,), (84,), (84,), (10,)]
    assert lenet().classes == 10


def test_lenet_fits_other_images() -> None:
    assert lenet(input_shape=(3, 32, 32), classes=7).shapes()[-1] == (7,)
    assert lenet(input_shape=(1, 13, 17)).shapes()[7] == (16 * 1 * 2,)
    with pytest.raises(ModelError):
        lenet(input_shape=(1, 8, 8))


def test_parameters_are_named_as_in_a_state_dict() -> None:
    names = [parameter.name for parameter in lenet().parameters()]
    assert names == [f"{index}.{kind}" for index in (0, 3, 7, 9, 11) for kind in ("weight", "bias")]


def test_mlp_without_hidden_layers_is_softmax_regression() -> None:
    assert mlp() == softmax_regression().replace(name=mlp().name)
    assert mlp().hash == softmax_regression().hash


@pytest.mark.parametrize(
    ("layer", "shape", "out"),
    [
        (Conv2d(1, 6, 5, padding=2), (1, 28, 28), (6, 28, 28)),
        (Conv2d(2, 3, 3, stride=2), (2, 8, 7), (3, 3, 3)),
        (Conv2d(1, 1, 3, stride=2, padding=1), (1, 8, 7), (1, 4, 4)),
        (Conv2d(1, 1, 1, stride=5), (1, 6, 5), (1, 2, 1)),
        (MaxPool2d(2), (4, 7, 6), (4, 3, 3)),
        (AvgPool2d(3, stride=2, padding=1), (4, 7, 6), (4, 4, 3)),
        (Flatten(), (4, 7, 6), (168,)),
        (Flatten(), (9,), (9,)),
        (Linear(9, 2), (9,), (2,)),
        (Sigmoid(), (4, 7, 6), (4, 7, 6)),
    ],
    ids=lambda value: describe(value) if isinstance(value, msgspec.Struct) else None,
)
def test_output_shapes(layer: Any, shape: tuple[int, ...], out: tuple[int, ...]) -> None:
    assert layer.output_shape(shape, "layer 1") == out


def test_summary_and_its_table() -> None:
    assert str(mlp(256)) == (
        "layer                output  parameters    FLOPs\n"
        "Flatten()               784           0        0\n"
        "Linear(784, 256)        256     200,960  401,408\n"
        "ReLU()                  256           0      256\n"
        "Linear(256, 10)          10       2,570    5,120\n"
        "MLP 784–256–10 relu             203,530  406,784"
    )
    assert str(mlp(256).summary()) == str(mlp(256)), "print(model.summary()) shows the table"
    assert mlp(256).summary()[1] == ("Linear(784, 256)", (256,), 200_960, 401_408)
    assert sum(row.parameters for row in lenet().summary()) == lenet().parameter_count


def test_layers_are_described_as_they_are_typed() -> None:
    typed = {
        "Linear(3, 2)": Linear(3, 2),
        "Conv2d(1, 6, kernel_size=5)": Conv2d(1, 6, kernel_size=5),
        "Conv2d(1, 6, kernel_size=5, stride=2, padding=1)": Conv2d(1, 6, kernel_size=5, stride=2, padding=1),
        "MaxPool2d(2)": MaxPool2d(2),
        "AvgPool2d(3, stride=2, padding=1)": AvgPool2d(3, stride=2, padding=1),
        "Flatten()": Flatten(),
        "Tanh()": Tanh(),
    }
    assert [describe(layer) for layer in typed.values()] == list(typed)


# ---- identity -----------------------------------------------------------------------------------------


def test_hashes_known_answer() -> None:
    """Stores are keyed by these: if one changes, a migration has to name every earlier run anew."""
    assert softmax_regression().hash == "3d5ba46cb3da34f5"
    assert mlp(256).hash == "257e26b26435a476"
    assert lenet().hash == "e1e26f0aa3b86178"
    assert lenet("relu", "max").hash == "4742f7a2a43e55c0"
    assert Linear(3, 2).hash == "3e435db5d0344a35"


def test_names_do_not_matter_and_all_else_does() -> None:
    assert lenet().replace(name="another").hash == lenet().hash
    variants = [lenet(), lenet("relu"), lenet(pooling="max"), lenet(classes=9), mlp(4), mlp(5), mlp(4, 4), mlp()]
    variants += [mlp(4, activation="tanh"), softmax_regression(input_shape=(1, 27, 28))]
    assert len({model.hash for model in variants}) == len(variants)


def test_a_default_written_out_is_the_same_layer() -> None:
    assert Conv2d(1, 6, 5, stride=1, padding=0).hash == Conv2d(1, 6, 5).hash


@pytest.mark.parametrize("name", COUNTS)
def test_models_survive_json(name: str) -> None:
    model = COUNTS[name][0]
    again = msgspec.json.decode(msgspec.json.encode(model), type=Model)
    assert again == model
    assert again.hash == model.hash


def test_initialisations() -> None:
    assert (xavier_uniform(), kaiming_uniform()) == (XavierUniform(), KaimingUniform())
    assert (pytorch_default(), normal(), normal(0.5)) == (PyTorchDefault(), Normal(0.01), Normal(0.5))
    inits = [xavier_uniform(), kaiming_uniform(), pytorch_default(), normal(), normal(0.5)]
    assert len({init.hash for init in inits}) == 5


# ---- refusals: what, where, the value, what to do -----------------------------------------------------

LAYERS = (
    "Linear(...), Conv2d(...), MaxPool2d(...), AvgPool2d(...), GlobalAvgPool2d(), Flatten(), ReLU(), LeakyReLU(), "
    "Sigmoid(), Tanh(), GELU(), SiLU(), BatchNorm1d(...), BatchNorm2d(...), Dropout(), Add(...)"
)

REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no layers": (lambda: Model(()), "model has no layers. Give it at least Flatten() and a Linear."),
    "an image at the end": (
        lambda: Model((Conv2d(1, 2, 3),)),
        "model ends with 2×26×26, but a model ends with one number per class. Add Flatten() and Linear(1352, classes).",
    ),
    "linear on an image": (
        lambda: Model((Linear(784, 10),)),
        "Linear(in_features=784) needs a flat input, but layer 1 of model receives 1×28×28. Put Flatten() before it.",
    ),
    "linear of the wrong width": (
        lambda: Model((Flatten(), Linear(783, 10)), name="mine"),
        "Linear(in_features=783) does not fit: layer 2 of mine receives 784 features. Use in_features=784.",
    ),
    "convolution of the wrong channels": (
        lambda: Model((Conv2d(3, 6, 5), Flatten(), Linear(3456, 10))),
        "Conv2d(in_channels=3) does not fit: layer 1 of model receives 1×28×28. Use in_channels=1.",
    ),
    "convolution after flatten": (
        lambda: Model((Flatten(), Conv2d(1, 6, 5))),
        "Conv2d needs an image (channels, height, width), but layer 2 of model receives 784 features. "
        "Put it before Flatten().",
    ),
    "kernel too large": (
        lambda: Model((MaxPool2d(5), Conv2d(1, 2, 7)), name="lenet"),
        "Conv2d(kernel_size=7) needs at least 7×7 input, but layer 2 of lenet receives 1×5×5. "
        "Use kernel_size <= 5 or padding >= 1.",
    ),
    "window too large": (
        lambda: Model((AvgPool2d(30),)),
        "AvgPool2d(kernel_size=30) needs at least 30×30 input, but layer 1 of model receives 1×28×28. "
        "Use kernel_size <= 28 or padding >= 1.",
    ),
    "too much padding to pool": (
        lambda: MaxPool2d(2, padding=2),
        "MaxPool2d(kernel_size=2, padding=2): padding may be at most half the kernel size. Use padding <= 1.",
    ),
    "no units": (lambda: mlp(0), "Linear(out_features=0): Expected `int` >= 1"),
    "half a unit": (lambda: Linear(2.5, 1), "Linear(in_features=2.5): Expected `int`, got `float`"),
    "negative stride": (lambda: Conv2d(1, 1, 3, stride=-1), "Conv2d(stride=-1): Expected `int` >= 1"),
    "an unknown activation": (
        lambda: lenet("swish"),
        "activation='swish' is not known. Use one of 'relu', 'sigmoid', 'tanh', 'leaky_relu', 'gelu', 'silu'.",
    ),
    "an unknown pooling": (lambda: lenet(pooling="min"), "pooling='min' is not known. Use one of 'avg', 'max'."),
    "nothing to learn": (
        lambda: Model((Flatten(), ReLU())),
        "model has nothing to learn. Add a layer with weights: Linear(784, classes).",
    ),
    "a layer by its name": (
        lambda: Model((Flatten(), "relu")),
        f"Model(layers=(Flatten(), 'relu')): Expected one of {LAYERS}, got 'relu'.",
    ),
    "a layer's class": (
        lambda: Model((Flatten,)),
        f"Model(layers=(Flatten,)): Expected one of {LAYERS}, got Flatten. Use Flatten().",
    ),
    "a spread beyond float32": (lambda: normal(1e300), "Normal(std=1e+300): Expected `float` <= 1e+30"),
    "a flat input shape": (
        lambda: Model((Linear(4, 2),), input_shape=(4,)),
        "Model(input_shape=(4,)): Expected `array` of length 3, got 1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    build, message = REFUSED[name]
    with pytest.raises(UsageError) as refused:
        build()
    assert str(refused.value) == message


def test_the_use_given_by_an_error_works() -> None:
    """What the message says to do is not refused in its turn."""
    Conv2d(1, 1, 3, padding=2)
    MaxPool2d(2, padding=1)
    assert Conv2d(1, 2, 5).output_shape((1, 5, 5), "") == (2, 1, 1)
    assert Conv2d(1, 2, 7, padding=1).output_shape((1, 5, 5), "") == (2, 1, 1)


def test_unknown_fields_in_json_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="kernel"):
        msgspec.json.decode(b'{"type": "MaxPool2d", "kernel_size": 2, "kernel": 3}', type=MaxPool2d)


def test_specs_are_frozen() -> None:
    with pytest.raises(AttributeError):
        ReLU().slope = 1
    with pytest.raises(AttributeError):
        softmax_regression().name = "another"
