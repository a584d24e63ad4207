# SPDX-License-Identifier: Apache-2.0
"""Every layer and every loss against finite differences on random shapes: a few in each test run, and 200 of each
with ``pytest -m prove``."""

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finite_differences import assert_gradient, assert_layer_gradients, spread
from layer_shapes import LAYERS, LOSSES, Case
from shoal import models
from shoal.engines import reference
from shoal.losses import CrossEntropy
from wrong_gradients import right


def on_cases(count: int, cases: st.SearchStrategy[Any], holds: Callable[[Any], None]) -> None:
    """``holds`` of so many cases, the same ones each time."""
    checked = settings(max_examples=count, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    checked(given(cases)(holds))()


def layer_holds(case: Case) -> None:
    """While training and in evaluation. Batch normalisation gets values far enough apart that nothing bends within
    a step."""
    layer, shape = case
    inp = spread(*shape) * (20 if isinstance(layer, models.BatchNormSpec) else 1)
    for training in (True, False):
        assert_layer_gradients(layer, inp.copy(), right, training=training)


def loss_holds(case: tuple[CrossEntropy, int, int, float]) -> None:
    loss, batch, classes, scale = case
    logits, labels = spread(batch, classes) * scale, np.arange(batch) % classes
    _, claimed = reference.cross_entropy(loss, logits, labels)
    assert_gradient(lambda at: reference.cross_entropy(loss, at, labels)[0], logits, claimed)


def loss_cases(name: str) -> st.SearchStrategy[tuple[CrossEntropy, int, int, float]]:
    return st.tuples(LOSSES[name], st.integers(1, 5), st.integers(1, 9), st.floats(0.1, 4))


def test_no_layer_is_left_out() -> None:
    kinds = {kind.__name__.removesuffix("1d") for kind in get_args(models.Layer)} - {"BatchNorm2d"}
    assert kinds == LAYERS.keys()


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str) -> None:
    on_cases(12, LAYERS[name], layer_holds)


@pytest.mark.parametrize("name", LOSSES)
def test_loss(name: str) -> None:
    on_cases(12, loss_cases(name), loss_holds)


@pytest.mark.prove
@pytest.mark.parametrize("name", LAYERS)
def test_layer_on_200_shapes(name: str) -> None:
    on_cases(200, LAYERS[name], layer_holds)


@pytest.mark.prove
@pytest.mark.parametrize("name", LOSSES)
def test_loss_on_200_shapes(name: str) -> None:
    on_cases(200, loss_cases(name), loss_holds)
