# SPDX-License-Identifier: Apache-2.0
"""Gradients clipped by their norm and by their values: by hand, in a step, and before any weight decay."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.engines.reference import ReferenceEngine, clip
from shoal.errors import StudyError
from shoal.models import mlp
from shoal.optimizers import SGD
from shoal.study import Config, Run
from shoal.training import ClipNorm, Clipping, ClipValue
from small_data import patches, same

GRADS = {"0.weight": np.array([[3.0, 0.0], [0.0, -4.0]]), "0.bias": np.array([0.0, 12.0])}
"""Their norm is 13."""


def norm(grads: Any) -> float:
    return float(np.sqrt(sum((grad**2).sum() for grad in grads.values())))


def test_the_norm_is_that_of_all_parameters_together() -> None:
    clipped = clip(ClipNorm(6.5), GRADS)
    for name, grad in GRADS.items():
        np.testing.assert_allclose(clipped[name], grad * 6.5 / (13 + 1e-6), rtol=1e-15)


@pytest.mark.parametrize("clipping", [None, ClipNorm(13.001), ClipNorm(1e30), ClipValue(12), ClipValue(1e30)])
def test_what_is_within_bounds_stays_to_the_bit(clipping: Clipping | None) -> None:
    clipped = clip(clipping, GRADS)
    assert all(clipped[name].tobytes() == (grad + 0.0).tobytes() for name, grad in GRADS.items())


def test_values_are_clipped_one_by_one() -> None:
    clipped = clip(ClipValue(3.5), GRADS)
    assert clipped["0.weight"].tolist() == [[3, 0], [0, -3.5]]
    assert clipped["0.bias"].tolist() == [0, 3.5]


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9), st.floats(1e-3, 1e4))
def test_the_norm_never_exceeds_the_bound_and_the_direction_stays(values: list[float], most: float) -> None:
    grads = {"a": np.array(values), "b": np.array(values[:1])}
    clipped = clip(ClipNorm(most), grads)
    assert norm(clipped) <= most * (1 + 1e-12)
    assert norm(clipped) >= min(norm(grads), most) * (1 - 1e-6 / (norm(grads) + 1e-6)) * (1 - 1e-12)
    for name, grad in grads.items():
        np.testing.assert_allclose(clipped[name] * norm(grads), grad * norm(clipped), rtol=1e-9, atol=1e-200)


def test_the_norm_of_large_float32_gradients_does_not_overflow() -> None:
    """Their squares would, in float32: the factor would be 0, and the step be lost."""
    clipped = clip(ClipNorm(1), {"a": np.array([3e30, 4e30], np.float32)})
    assert clipped["a"].dtype == np.float32
    np.testing.assert_allclose(clipped["a"], [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize(("broken", "left"), [(np.nan, np.nan), (np.inf, 0.0)])
def test_a_gradient_that_is_not_finite_is_not_hidden(broken: float, left: float) -> None:
    """As in PyTorch: NaN makes every gradient NaN; infinity makes the finite ones 0 and itself NaN."""
    with np.errstate(invalid="ignore"):
        clipped = clip(ClipNorm(1), {"a": np.array([broken, 1.0]), "b": np.array([1.0])})
    assert np.isnan(clipped["a"][0])
    np.testing.assert_array_equal(clipped["b"], [left])


# ---- in training --------------------------------------------------------------------------------------

MODEL = mlp(6, classes=3, input_shape=(1, 8, 8))
DATA = {"patches": patches()}


def run(clipping: Clipping | None, **changes: Any) -> Run:
    config = Config(data="patches", model=MODEL, optimizer=SGD(lr=0.5), epochs=2, batch_size=16)
    return Run(config.replace(gradient_clipping=clipping, **changes), 1)


def moved(clipping: Clipping | None, optimizer: SGD) -> dict[str, np.ndarray]:
    """By how much one step moves the weights, divided by the learning rate."""
    (before, after, *_) = ReferenceEngine().train([run(clipping, optimizer=optimizer, batch_size=90, epochs=1)], DATA)
    return {name: (before.tensors[name] - tensor) / optimizer.lr for name, tensor in after.tensors.items()}


def test_a_step_is_along_the_clipped_gradient() -> None:
    plain, clipped = moved(None, SGD(lr=0.5)), moved(ClipNorm(0.1), SGD(lr=0.5))
    assert norm(plain) > 0.2
    for name, grad in plain.items():
        np.testing.assert_allclose(clipped[name], grad * 0.1 / (norm(plain) + 1e-6), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("clipping", [ClipNorm(0.1), ClipValue(0.01)])
def test_the_penalty_of_weight_decay_is_not_clipped(clipping: Clipping) -> None:
    plain, decayed = moved(clipping, SGD(lr=0.5)), moved(clipping, SGD(lr=0.5, weight_decay=2.0))
    (before, *_) = ReferenceEngine().train([run(None)], DATA)
    for name, grad in plain.items():
        np.testing.assert_allclose(decayed[name], grad + 2 * before.tensors[name], rtol=1e-9, atol=1e-12)


def test_a_bound_that_nothing_reaches_changes_no_bit() -> None:
    free = list(ReferenceEngine().train([run(None)], DATA))
    for clipping in (ClipNorm(1e6), ClipValue(1e6)):
        assert all(map(same, free, ReferenceEngine().train([run(clipping)], DATA)))


def test_clipping_keeps_a_wild_run_alive() -> None:
    """At a rate at which the free one overflows float32 the clipped one learns."""
    engine, wild = ReferenceEngine(np.float32), SGD(lr=1e15)
    *_, free = engine.train([run(None, optimizer=wild)], DATA)
    assert free.diverged_at is not None
    *_, held = engine.train([run(ClipNorm(1e-16), optimizer=wild, epochs=9)], DATA)
    assert held.validation_accuracy > 0.9


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (ClipNorm, {"max_norm": 0}, r"ClipNorm\(max_norm=0\): Expected `float` >= 1e-30"),
        (ClipNorm, {"max_norm": -1}, r"max_norm=-1"),
        (ClipNorm, {"max_norm": float("nan")}, r"max_norm=nan"),
        (ClipNorm, {"max_norm": "1"}, r"max_norm='1'"),
        (ClipValue, {"clip_value": 0}, r"ClipValue\(clip_value=0\)"),
        (ClipValue, {"clip_value": float("inf")}, r"clip_value=inf"),
    ],
)
def test_bad_bounds_are_refused(kind: type, given: dict[str, Any], words: str) -> None:
    with pytest.raises(StudyError, match=words):
        kind(**given)
