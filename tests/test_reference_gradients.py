# SPDX-License-Identifier: Apache-2.0
"""Gradients of whole networks against finite differences, and the check itself against wrong gradients."""

import numpy as np
import pytest

from finite_differences import assert_gradient, assert_layer_gradients, numeric_gradient, spread
from shoal import models, streams
from shoal.engines import reference
from shoal.engines.reference import network
from wrong_gradients import LOSS_MISTAKES, MISTAKES, right

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
    "residuals, one within the other": models.Model(
        (
            *(models.Conv2d(1, 2, 3, stride=2, padding=3), models.SiLU()),
            *(models.Conv2d(2, 2, 1), models.GELU(), models.Conv2d(2, 2, 3, padding=1), models.Add(2), models.Add(4)),
            *(models.GlobalAvgPool2d(), models.Flatten(), models.Linear(2, 3), models.Tanh(), models.Add(1)),
        ),
        TINY,
    ),
    "a residual from the pixels": models.Model(
        (
            *(models.Conv2d(1, 1, 3, padding=1), models.LeakyReLU(0.2), models.Add(2)),
            *(models.MaxPool2d(4), models.Flatten(), models.Linear(4, 3)),
        ),
        TINY,
    ),
    "batch normalisation and dropout": models.Model(
        (
            *(models.Conv2d(1, 2, 3, stride=2), models.BatchNorm2d(2), models.GELU(), models.Dropout(0.3)),
            *(models.Flatten(), models.Linear(18, 4), models.BatchNorm1d(4, eps=0.1), models.ReLU(), models.Dropout()),
            *(models.Linear(4, 4), models.Add(3), models.Linear(4, 3)),
        ),
        TINY,
    ),
    "batch normalisation first": models.Model(
        (models.BatchNorm2d(1), models.Flatten(), models.Dropout(0.1), models.Linear(64, 3)), TINY
    ),
    "a pooling and an activation first": models.Model(
        (models.AvgPool2d(2), models.Tanh(), models.Conv2d(1, 2, 3), models.Flatten(), models.Linear(8, 3)), TINY
    ),
}


def assert_network_gradients(model: models.Model, training: network.Training | None) -> None:
    """Also where it says something: every parameter has a gradient that is not nearly zero."""
    weights = streams.initial_weights(model, models.pytorch_default(), seed=3)
    tensors = {key: value.astype(np.float64) for key, value in weights.items()}
    inputs, labels = spread(4, *TINY), np.array([0, 1, 2, 1])

    def loss() -> float:
        return reference.gradients(model, tensors, inputs, labels, training)[0]

    normalised = [at for at, layer in enumerate(model.layers) if isinstance(layer, models.BatchNormSpec)]
    moving_nothing = [f"{at - 1}.bias" for at in normalised]  # while training, the mean takes it away again
    _, grads = reference.gradients(model, tensors, inputs, labels, training)
    assert list(grads) == [parameter.name for parameter in model.parameters()]
    for key, claimed in grads.items():
        assert_gradient(lambda _: loss(), tensors[key], claimed)
        if not (training and key in moving_nothing):
            assert np.abs(claimed).max() > 1e-4, f"{key} has no gradient to check"


@pytest.mark.parametrize("name", NETWORKS)
def test_whole_network_in_evaluation(name: str) -> None:
    model = NETWORKS[name]
    assert_network_gradients(model, None)


@pytest.mark.parametrize("name", NETWORKS)
def test_whole_network_in_training(name: str) -> None:
    model = NETWORKS[name]
    assert_network_gradients(model, reference.drawn(model, seed=1, epoch=0, places=range(4)))


def test_the_loss_is_that_of_the_logits() -> None:
    model = NETWORKS["residuals, one within the other"]
    tensors = streams.initial_weights(model, models.pytorch_default(), seed=3)
    inputs, labels = spread(4, *TINY), np.array([0, 1, 2, 1])
    out = reference.logits(model, tensors, inputs)
    assert np.array_equal(out, reference.forward(model, tensors, inputs)[-1])
    assert reference.gradients(model, tensors, inputs, labels)[0] == reference.softmax_cross_entropy(out, labels)[0]


WRONG_ROADS = {
    "nothing comes back to the earlier layer": ("add_backward", lambda dout: (dout, 0 * dout)),
    "nothing goes on to the layer before": ("add_backward", lambda dout: (0 * dout, dout)),
    "each way gets half": ("add_backward", lambda dout: (dout / 2, dout / 2)),
    "dropout lets the gradient through": ("dropout_backward", lambda dout, mask, scale: dout),
    "statistics taken as constants": (
        "batch_norm_backward_training",
        lambda dout, inp, weight, eps: reference.batch_norm_backward(
            dout, inp, *reference.batch_norm_moments(inp), weight, eps
        ),
    ),
}


@pytest.mark.parametrize("name", WRONG_ROADS)
def test_a_network_that_goes_back_a_wrong_road_fails(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = NETWORKS["batch normalisation and dropout"]
    monkeypatch.setattr(network, *WRONG_ROADS[name])
    with pytest.raises(AssertionError, match="off by"):
        assert_network_gradients(model, reference.drawn(model, seed=1, epoch=0, places=range(4)))


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
