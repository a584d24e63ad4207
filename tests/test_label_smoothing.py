# SPDX-License-Identifier: Apache-2.0
"""The smoothed loss: its value by hand, its gradient by finite differences, and where it is not used: in validation."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finite_differences import assert_gradient, spread
from shoal.engines.reference import ReferenceEngine, cross_entropy, log_softmax, softmax_cross_entropy
from shoal.errors import StudyError
from shoal.losses import CrossEntropy
from shoal.models import mlp
from shoal.optimizers import SGD
from shoal.study import Config, Run
from small_data import patches

DATA = {"patches": patches()}


def smoothed(smoothing: float, logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    return cross_entropy(CrossEntropy(label_smoothing=smoothing), logits, labels)


# ---- the formula --------------------------------------------------------------------------------------


def test_by_hand() -> None:
    """Of p = (1/4, 3/4) and label 0: .8 log 4 + .2 (log 4 + log 4/3) / 2; the target is (.9, .1)."""
    loss, gradient = smoothed(0.2, np.log([[1.0, 3.0]]), np.array([0]))
    assert loss == pytest.approx(0.8 * np.log(4) + 0.1 * (np.log(4) + np.log(4 / 3)))
    np.testing.assert_allclose(gradient, [[0.25 - 0.9, 0.75 - 0.1]], rtol=1e-12)


def test_none_is_the_plain_loss_to_the_bit() -> None:
    logits, labels = spread(7, 10), np.arange(7) % 10
    (loss, gradient), (plain, expected) = smoothed(0.0, logits, labels), softmax_cross_entropy(logits, labels)
    assert (loss, gradient.tobytes()) == (plain, expected.tobytes())


def test_all_of_it_asks_for_equal_probabilities() -> None:
    """Whatever the label; and equal logits are then at the minimum."""
    logits = np.zeros((3, 4))
    loss, gradient = smoothed(1.0, logits, np.array([0, 1, 3]))
    assert loss == pytest.approx(np.log(4))
    np.testing.assert_allclose(gradient, 0, atol=1e-17)


def test_a_single_class_has_nothing_to_smooth() -> None:
    loss, gradient = smoothed(0.5, np.array([[3.0], [4.0]]), np.array([0, 0]))
    assert (loss, gradient.tolist()) == (0, [[0], [0]])


def check(batch: int, classes: int, scale: float, smoothing: float, seed: int) -> None:
    """Value and gradient on random logits: the value against the definition, the gradient against the value."""
    random = np.random.default_rng(seed)
    logits, labels = scale * random.normal(size=(batch, classes)), random.integers(0, classes, batch)
    value, claimed = smoothed(smoothing, logits, labels)
    log_p = log_softmax(logits)
    plain = -log_p[np.arange(batch), labels]
    assert value == pytest.approx(((1 - smoothing) * plain - smoothing * log_p.mean(axis=1)).mean(), rel=1e-12)
    np.testing.assert_allclose(claimed.sum(axis=1), 0, atol=1e-14)
    assert_gradient(lambda at: smoothed(smoothing, at, labels)[0], logits, claimed)


@settings(max_examples=25, derandomize=True)
@given(st.integers(1, 5), st.integers(1, 12), st.floats(0.1, 10), st.floats(0, 1), st.integers(0, 10**6))
def test_gradient(batch: int, classes: int, scale: float, smoothing: float, seed: int) -> None:
    check(batch, classes, scale, smoothing, seed)


@pytest.mark.prove
@settings(max_examples=200, derandomize=True)
@given(st.integers(1, 9), st.integers(1, 120), st.floats(0.1, 10), st.floats(0, 1), st.integers(0, 10**6))
def test_gradient_on_200_shapes(batch: int, classes: int, scale: float, smoothing: float, seed: int) -> None:
    check(batch, classes, scale, smoothing, seed)


E = 0.3
"""How much the wrong gradients below are to smooth."""

Gradient = Callable[[np.ndarray, np.ndarray], np.ndarray]


def target(logits: np.ndarray, labels: np.ndarray, label: float, others: float) -> np.ndarray:
    """The gradient towards targets of ``label`` for the label and ``others`` for every other class."""
    onehot = np.eye(logits.shape[1])[labels]
    return np.asarray((np.exp(log_softmax(logits)) - label * onehot - others * (1 - onehot)) / len(labels))


MISTAKES: dict[str, Gradient] = {
    "not smoothed": lambda z, y: target(z, y, 1, 0),
    "label not lowered": lambda z, y: target(z, y, 1 + E / z.shape[1], E / z.shape[1]),
    "only the label lowered": lambda z, y: target(z, y, 1 - E, 0),
    "shared among the others only": lambda z, y: target(z, y, 1 - E, E / (z.shape[1] - 1)),
    "not divided by the classes": lambda z, y: target(z, y, 1 - E + E, E),
    "divided by the batch": lambda z, y: target(z, y, 1 - E + E / len(y), E / len(y)),
    "taken away instead of added": lambda z, y: target(z, y, 1 - E - E / z.shape[1], -E / z.shape[1]),
    "the other way round": lambda z, y: target(z, y, E + (1 - E) / z.shape[1], (1 - E) / z.shape[1]),
    "label off by one": lambda z, y: smoothed(E, z, (y + 1) % z.shape[1])[1],
    "sum in place of mean": lambda z, y: smoothed(E, z, y)[1] * len(y),
    "smoothed a little more": lambda z, y: smoothed(E * (1 + 1e-5), z, y)[1],
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_gradient_fails(name: str) -> None:
    logits, labels = spread(4, 5), np.array([0, 3, 4, 3])

    def loss(at: np.ndarray) -> float:
        return smoothed(E, at, labels)[0]

    assert_gradient(loss, logits, target(logits, labels, 1 - E + E / 5, E / 5))
    with pytest.raises(AssertionError, match="off by"):
        assert_gradient(loss, logits, MISTAKES[name](logits, labels))


# ---- in training --------------------------------------------------------------------------------------


def config(**loss: Any) -> Config:
    model = mlp(6, classes=3, input_shape=(1, 8, 8))
    optimizer = SGD(lr=0.5)
    return Config(data="patches", model=model, optimizer=optimizer, epochs=12, batch_size=10, loss=CrossEntropy(**loss))


def test_it_is_trained_on_and_validation_is_plain() -> None:
    """The first minibatch's loss is smoothed; validation before training is the same with and without. In the end
    the training loss nears what its targets allow, and validation does not know of that bound."""
    plain, smooth = (list(ReferenceEngine().train([Run(config(label_smoothing=e), 0)], DATA)) for e in (0.0, 0.1))
    assert smooth[0].validation_loss == plain[0].validation_loss
    assert smooth[1].step_losses[0] != plain[1].step_losses[0]
    least = -(0.9 + 0.1 / 3) * np.log(0.9 + 0.1 / 3) - 2 * (0.1 / 3) * np.log(0.1 / 3)
    assert least < smooth[-1].train_loss < least + 0.1
    assert smooth[-1].validation_loss < least
    assert plain[-1].train_loss < 0.1


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ({"label_smoothing": -0.1}, r"label_smoothing=-0\.1\): Expected `float` >= 0"),
        ({"label_smoothing": 1.1}, r"label_smoothing=1\.1\): Expected `float` <= 1"),
        ({"label_smoothing": float("nan")}, r"label_smoothing=nan"),
        ({"form": "naive", "label_smoothing": 0.1}, r"form='naive', label_smoothing=0\.1\): .* Use form='log-sum-exp'"),
        ({"form": "shifted", "label_smoothing": 1}, r"smoothed only with log-sum-exp"),
    ],
)
def test_what_makes_no_sense_is_refused(loss: dict[str, Any], words: str) -> None:
    with pytest.raises(StudyError, match=words):
        CrossEntropy(**loss)


def test_no_smoothing_said_or_not_is_the_same_config() -> None:
    assert config(label_smoothing=0.0).hash == config().hash
