# SPDX-License-Identifier: Apache-2.0
"""The reference engine's gradients against finite differences, and the check against wrong gradients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finite_differences import assert_gradient, assert_layer_gradients, numeric_gradient, spread
from shoal import models, streams
from shoal.engines import reference
from wrong_gradients import LOSS_MISTAKES, MISTAKES, right

CHECKED = settings(max_examples=25, deadline=None, derandomize=True)
small = st.integers(1, 3)


@st.composite
def windows(draw: st.DrawFn, pooling: bool) -> tuple[int, int, int, int, int]:
    """kernel_size, stride, padding, height and width that fit together, odd ones included."""
    kernel = draw(st.integers(1, 4))
    padding = draw(st.integers(0, kernel // 2 if pooling else kernel - 1))
    least = max(1, kernel - 2 * padding)
    sizes = st.integers(least, least + 4)
    return kernel, draw(st.integers(1, 3)), padding, draw(sizes), draw(sizes)


# ---- the check itself ---------------------------------------------------------------------------------


def test_numeric_gradient_of_a_cube() -> None:
    at = np.array([1.0, -2.0])
    assert numeric_gradient(lambda x: float((x**3).sum()), at) == pytest.approx([3.0, 12.0], rel=1e-9)
    assert at.tolist() == [1.0, -2.0]


def test_a_coarse_step_fails() -> None:
    """Were the step or the tolerance too lax to tell, this would pass: sigmoid bends visibly within 0.01."""
    assert_layer_gradients(models.Sigmoid(), spread(3, 7), right)
    with pytest.raises(AssertionError, match="off by"):
        assert_layer_gradients(models.Sigmoid(), spread(3, 7), right, step=1e-2)


def test_a_wrong_shape_fails() -> None:
    with pytest.raises(AssertionError, match="shape"):
        assert_gradient(lambda x: float(x.sum()), np.zeros((2, 3)), np.ones((1, 3)))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_gradient_fails(name: str) -> None:
    layer, shape, backward = MISTAKES[name]
    inp = spread(*shape)
    assert_layer_gradients(layer, inp, right)
    with pytest.raises(AssertionError):
        assert_layer_gradients(layer, inp, backward)


@pytest.mark.parametrize("name", LOSS_MISTAKES)
def test_a_wrong_loss_gradient_fails(name: str) -> None:
    logits, labels = spread(4, 5), np.array([0, 3, 4, 3])

    def loss(at: np.ndarray) -> float:
        return reference.softmax_cross_entropy(at, labels)[0]

    assert_gradient(loss, logits, reference.softmax_cross_entropy(logits, labels)[1])
    with pytest.raises(AssertionError):
        assert_gradient(loss, logits, LOSS_MISTAKES[name](logits, labels))


# ---- every layer, odd shapes --------------------------------------------------------------------------


@CHECKED
@given(small, st.integers(1, 6), st.integers(1, 6))
def test_linear(batch: int, in_features: int, out_features: int) -> None:
    assert_layer_gradients(models.Linear(in_features, out_features), spread(batch, in_features), right)


@CHECKED
@given(small, small, small, windows(pooling=False))
def test_conv2d(batch: int, channels: int, out: int, window: tuple[int, int, int, int, int]) -> None:
    kernel, stride, padding, height, width = window
    layer = models.Conv2d(channels, out, kernel, stride, padding)
    assert_layer_gradients(layer, spread(batch, channels, height, width), right)


@CHECKED
@given(small, small, windows(pooling=True), st.sampled_from([models.MaxPool2d, models.AvgPool2d]))
def test_pooling(batch: int, channels: int, window: tuple[int, int, int, int, int], kind: type) -> None:
    kernel, stride, padding, height, width = window
    assert_layer_gradients(kind(kernel, stride, padding), spread(batch, channels, height, width), right)


@pytest.mark.parametrize("layer", [models.ReLU(), models.Sigmoid(), models.Tanh(), models.Flatten()])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 2, 3, 5)])
def test_layers_without_weights(layer: models.Layer, shape: tuple[int, ...]) -> None:
    assert_layer_gradients(layer, spread(*shape), right)


@CHECKED
@given(small, st.integers(1, 6), st.floats(0.1, 30))
def test_softmax_cross_entropy(batch: int, classes: int, scale: float) -> None:
    logits, labels = spread(batch, classes) * scale, np.arange(batch) % classes
    _, claimed = reference.softmax_cross_entropy(logits, labels)
    assert_gradient(lambda at: reference.softmax_cross_entropy(at, labels)[0], logits, claimed)


# ---- whole networks -----------------------------------------------------------------------------------

TINY = (1, 8, 8)
NETWORKS = {
    "softmax regression": models.softmax_regression(3, TINY),
    "mlp": models.mlp(5, 4, activation="tanh", classes=3, input_shape=TINY),
    "convolutions": models.Model(
        (
            *(models.Conv2d(1, 2, 3, padding=1), models.Sigmoid(), models.AvgPool2d(2)),
            *(models.Conv2d(2, 3, 2, stride=2), models.ReLU(), models.MaxPool2d(2)),
            *(models.Flatten(), models.Linear(3, 3)),
        ),
        TINY,
    ),
    "a pooling and an activation first": models.Model(
        (models.AvgPool2d(2), models.Tanh(), models.Conv2d(1, 2, 3), models.Flatten(), models.Linear(8, 3)), TINY
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_whole_network(name: str) -> None:
    model = NETWORKS[name]
    weights = streams.initial_weights(model, models.pytorch_default(), seed=3)
    tensors = {key: value.astype(np.float64) for key, value in weights.items()}
    inputs, labels = spread(4, *TINY), np.array([0, 1, 2, 1])
    loss, grads = reference.gradients(model, tensors, inputs, labels)
    assert loss == reference.softmax_cross_entropy(reference.logits(model, tensors, inputs), labels)[0]
    assert list(grads) == [parameter.name for parameter in model.parameters()]
    for key, claimed in grads.items():
        assert_gradient(lambda _: reference.gradients(model, tensors, inputs, labels)[0], tensors[key], claimed)
        assert np.abs(claimed).max() > 1e-4, f"{key} has no gradient to check"


# ---- what finite differences cannot see ---------------------------------------------------------------


def test_max_pool_gives_equals_to_the_first() -> None:
    inp = np.array([[[[1.0, 2.0], [2.0, 2.0]]]])
    assert reference.max_pool2d_backward(np.ones((1, 1, 1, 1)), inp, 2, 2, 0).tolist() == [[[[0, 1], [0, 0]]]]


def test_padding_never_wins_a_max_pool() -> None:
    out = reference.max_pool2d_forward(np.full((1, 1, 2, 2), -3.0), 2, 1, 1)
    assert np.array_equal(out, np.full((1, 1, 3, 3), -3.0))


def test_padding_counts_as_zero_in_an_average() -> None:
    out = reference.avg_pool2d_forward(np.full((1, 1, 2, 2), 4.0), 2, 2, 1)
    assert np.array_equal(out, np.ones((1, 1, 2, 2)))


def test_relu_at_zero_has_no_gradient() -> None:
    assert reference.relu_backward(np.ones(3), reference.relu_forward(np.array([-1.0, 0.0, 1.0]))).tolist() == [0, 0, 1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_stay_finite(dtype: type) -> None:
    far = np.array([[-1e4, 0.0, 1e4]], dtype)
    with np.errstate(all="raise", under="ignore"):
        assert reference.sigmoid_forward(far).tolist() == [[0, 0.5, 1]]
        loss, dlogits = reference.softmax_cross_entropy(far, np.array([0]))
    assert loss == 2e4
    assert dlogits.tolist() == [[-1, 0, 1]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_everything_stays_in_its_dtype(dtype: type) -> None:
    model = NETWORKS["convolutions"]
    tensors = {k: v.astype(dtype) for k, v in streams.initial_weights(model, models.xavier_uniform(), 0).items()}
    inputs, labels = spread(4, *TINY).astype(dtype), np.array([0, 1, 2, 1])
    assert {activation.dtype for activation in reference.forward(model, tensors, inputs)} == {np.dtype(dtype)}
    assert {grad.dtype for grad in reference.gradients(model, tensors, inputs, labels)[1].values()} == {np.dtype(dtype)}
