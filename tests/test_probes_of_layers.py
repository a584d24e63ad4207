# SPDX-License-Identifier: Apache-2.0
"""The probes on networks with dropout, batch normalisation and residuals."""

import numpy as np
import pytest

from shoal import streams
from shoal.engines import Scaling, reference
from shoal.models import (
    GELU,
    Add,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    Model,
    Normal,
    ReLU,
)
from shoal.optimizers import SGD, Adam, Optimizer
from shoal.probes import gradients, memory
from small_data import patches

DATA = patches().train
BY = Scaling(np.float32(1 / 255), np.float32(0))
MODEL = Model(
    (
        *(Conv2d(1, 6, 3, padding=1), BatchNorm2d(6), GELU(), Dropout(0.2), Conv2d(6, 6, 3, padding=1), Add(4)),
        *(ReLU(), GlobalAvgPool2d(), Flatten(), Dropout(), Linear(6, 3)),
    ),
    (1, 8, 8),
    name="residual",
)


def residual(width: int) -> Model:
    """A wide layer that waits while two others are computed."""
    layers = (Flatten(), Linear(784, width), ReLU(), Linear(width, width), GELU(), Linear(width, width), Add(3))
    return Model((*layers, Dropout(0.2), Linear(width, 10)), name="residual")


def tensors_of(model: Model) -> dict[str, np.ndarray]:
    tensors = streams.initial_weights(model, Normal(0.3), seed=0)
    return tensors | {name: value + np.float32(0.5) for name, value in tensors.items() if "running" in name}


# ---- memory -------------------------------------------------------------------------------------------


def test_ledger_by_hand() -> None:
    training = memory.ledger(residual(50), 32, SGD(lr=1))
    assert training["activations"] == 32 * (4 * (7 * 50 + 10) + 50), "seven of 50 and the logits, a byte for each mask"
    prediction = memory.ledger(residual(50), 32)
    assert prediction["activations"] == 32 * 4 * 150, "what waits, the input of a layer and its output"
    assert memory.ledger(MODEL, 1)["parameters"] == (MODEL.parameter_count + 12) * 4
    assert memory.ledger(MODEL, 1, Adam())["optimizer_state"] == 2 * MODEL.parameter_count * 4


@pytest.mark.parametrize("optimizer", [None, SGD(lr=0.1), Adam()], ids=["prediction", "SGD", "Adam"])
@pytest.mark.parametrize("batch_size", [2, 64])
def test_the_reference_engine_keeps_what_the_ledger_says(optimizer: Optimizer | None, batch_size: int) -> None:
    model = residual(400)
    total, found = (
        memory.ledger(model, batch_size, optimizer)["total"],
        memory.measured(model, batch_size, optimizer)["held"],
    )
    assert total <= found <= total * 1.001 + 20_000


def test_no_optimizer_copies_a_running_statistic() -> None:
    assert memory.copied(MODEL, Adam()) == 0.0


# ---- gradients ----------------------------------------------------------------------------------------


def test_gradients_are_those_in_evaluation() -> None:
    tensors = {name: value.astype(np.float64) for name, value in tensors_of(MODEL).items()}
    found = gradients.mean_gradient(MODEL, tensors, DATA.images, DATA.labels, BY)
    inputs = reference.pixels(DATA.images, BY, np.dtype(np.float64))
    _, expected = reference.gradients(MODEL, tensors, inputs, DATA.labels)
    assert found.keys() == expected.keys()
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-10, atol=1e-14)
    shown = gradients.layer_gradients(MODEL, tensors, DATA.images, DATA.labels, BY)
    names = ["Conv2d(1, 6, kernel_size=3, padding=1)", "BatchNorm2d(6)", "Conv2d(6, 6, kernel_size=3, padding=1)"]
    assert [layer["name"] for layer in shown] == [*names, "Linear(6, 3)"]


def test_curvature_keeps_the_running_statistics() -> None:
    model = Model((BatchNorm2d(1), Flatten(), Linear(64, 3)), (1, 8, 8))
    found = gradients.curvature(model, tensors_of(model), DATA.images, DATA.labels, BY)
    assert found["eigenvalue"] > 0
    assert found["residual"] <= 1e-3 * found["eigenvalue"]
