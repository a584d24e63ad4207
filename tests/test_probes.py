# SPDX-License-Identifier: Apache-2.0
"""The probes: softmax's breaking points and errors, gradients and curvature, memory."""

from math import exp, log

import numpy as np
import pytest

from shoal import streams
from shoal.engines import Scaling, reference
from shoal.models import (
    Conv2d,
    Flatten,
    Linear,
    Model,
    Normal,
    ReLU,
    XavierUniform,
    lenet,
    mlp,
    softmax_regression,
)
from shoal.optimizers import SGD, Adam, Optimizer
from shoal.probes import gradients, memory, softmax
from small_data import patches

BY = Scaling(np.float32(1 / 255), np.float32(0))
TINY = (1, 8, 8)
DATA = patches(train=60).train

# ---- softmax: where it breaks -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def points() -> dict[tuple[str, str, str], float | None]:
    return {(row["format"], row["form"], row["event"]): row["at"] for row in softmax.breaking_points()}


@pytest.mark.parametrize(
    ("name", "over", "subnormal", "zero"),
    [
        ("float16", 11.09375, 9.7109375, 17.34375),
        ("float32", 88.72284, 87.33655, 103.97208),
        ("float64", 709.782712893384, 708.3964185322642, 745.1332191019412),
    ],
)
def test_breaking_points(points: dict, name: str, over: float, subnormal: float, zero: float) -> None:
    assert points[name, "naive", "exp overflows"] == pytest.approx(over, rel=1e-6)
    assert points[name, "naive", "probabilities become NaN"] == points[name, "naive", "exp overflows"]
    assert points[name, "shifted", "exp becomes subnormal"] == pytest.approx(subnormal, rel=1e-6)
    assert points[name, "shifted", "exp becomes zero"] == pytest.approx(zero, rel=1e-6)
    assert points[name, "shifted", "the loss is infinite or NaN"] == pytest.approx(zero, rel=1e-6)


def test_breaking_points_are_where_theory_has_them(points: dict) -> None:
    """exp overflows past the log of the largest number, rounded; ten of them sum past it at a tenth. 1/p overflows
    for p below 1 / largest: the gradient through a division breaks as soon as exp would have."""
    for limits in softmax.formats():
        name, near = limits["format"], 4 * limits["unit_roundoff"]
        highest = log(limits["largest"])
        assert points[name, "naive", "exp overflows"] == pytest.approx(highest, rel=near)
        assert points[name, "naive", "the sum of ten overflows"] == pytest.approx(highest - log(10), rel=near)
        assert points[name, "shifted", "the gradient is infinite or NaN"] == pytest.approx(highest, rel=near)
        half_the_smallest = log(limits["smallest_subnormal"]) - log(2)
        assert points[name, "shifted", "exp becomes zero"] == pytest.approx(-half_the_smallest, rel=near)
        assert points[name, "log-sum-exp", "the loss is infinite or NaN"] is None
        assert points[name, "log-sum-exp", "the gradient is infinite or NaN"] is None


def test_a_breaking_point_is_exact() -> None:
    """The number before it is still well, and there is none between."""
    at = np.float32(softmax.first_where(lambda x: bool(x > np.float32(1 / 3)), "float32"))
    assert np.nextafter(at, np.float32(0)) == np.float32(1 / 3)
    assert softmax.first_where(lambda x: False, "float16") is None
    assert softmax.first_where(lambda x: True, "float16") == 2**-24


# ---- softmax: how wrong it is -------------------------------------------------------------------------


def error_row(name: str, form: str, scale: float) -> softmax.ErrorRow:
    return next(row for row in softmax.errors([scale]) if (row["format"], row["form"]) == (name, form))


@pytest.mark.parametrize("name", softmax.FORMATS)
@pytest.mark.parametrize("form", softmax.FORMS)
def test_every_form_is_good_for_small_logits(name: str, form: str) -> None:
    row, roundoff = error_row(name, form, 2.0), np.finfo(name).eps / 2
    for quantity in ("probability_error", "loss_error", "gradient_error"):
        assert row[quantity] <= 4 * roundoff


@pytest.mark.parametrize("name", softmax.FORMATS)
def test_only_log_sum_exp_is_good_for_large_logits(name: str) -> None:
    roundoff = np.finfo(name).eps / 2
    naive, shifted, right = (error_row(name, form, 1000.0) for form in softmax.FORMS)
    assert naive["probability_error"] is None
    assert shifted["probability_error"] <= 4 * roundoff
    assert (shifted["loss_error"], shifted["gradient_error"]) == (None, None)
    assert right["loss_error"] <= 4 * roundoff
    assert right["gradient_error"] <= 4 * roundoff


def test_digits_are_lost_before_the_loss_breaks() -> None:
    """A gap of 100 in float32: the probability is subnormal, and its logarithm has lost half its digits."""
    assert error_row("float32", "shifted", 50.0)["loss_error"] > 1e-5
    assert error_row("float32", "log-sum-exp", 50.0)["loss_error"] < 1e-7


def test_the_truth_is_right() -> None:
    exact = softmax.truth(np.array([0.0, log(3)]), 0)
    assert [float(p) for p in exact.p] == pytest.approx([0.25, 0.75])
    assert [float(g) for g in exact.gradient] == pytest.approx([-0.75, 0.75])
    assert float(exact.log_p[0]) == pytest.approx(-log(4))
    assert float(softmax.truth(np.array([0.0, 2000.0]), 0).log_p[0]) == -2000


def test_forms_agree_with_the_reference_engine() -> None:
    z = softmax.logits_at(3.0, "float64")
    loss, dlogits = reference.softmax_cross_entropy(z[None], np.array([4]))
    for compute in softmax.FORMS.values():
        found = compute(z, 4)
        assert -found.log_p[4] == pytest.approx(loss, rel=1e-12)
        assert found.gradient == pytest.approx(dlogits[0], rel=1e-12)


# ---- gradients ----------------------------------------------------------------------------------------


def test_sigmoid_curve() -> None:
    rows = gradients.sigmoid_curve(reach=4, points=9)
    assert [row["x"] for row in rows] == [-4, -3, -2, -1, 0, 1, 2, 3, 4]
    assert (rows[4]["sigmoid"], rows[4]["derivative"]) == (0.5, 0.25)
    assert max(row["derivative"] for row in rows) == 0.25
    assert rows[0]["derivative"] == pytest.approx(exp(-4) / (1 + exp(-4)) ** 2)


def weights_of(model: Model, init: XavierUniform | Normal = XavierUniform(), seed: int = 0) -> dict[str, np.ndarray]:  # noqa: B008
    return streams.initial_weights(model, init, seed)


def test_layer_gradients_are_those_of_all_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 7 and the whole at once agree: the mean is weighted by examples."""
    model = mlp(5, 4, activation="sigmoid", classes=3, input_shape=TINY)
    weights = weights_of(model)
    whole = gradients.layer_gradients(model, weights, DATA.images, DATA.labels, BY)
    monkeypatch.setattr(gradients, "BLOCK", 7)
    for one, other in zip(gradients.layer_gradients(model, weights, DATA.images, DATA.labels, BY), whole, strict=True):
        assert list(one.values())[2:] == pytest.approx(list(other.values())[2:], rel=1e-12)
    inputs = reference.pixels(DATA.images, BY, np.dtype(np.float64))
    tensors = {name: value.astype(np.float64) for name, value in weights.items()}
    _, grads = reference.gradients(model, tensors, inputs, DATA.labels)
    assert [row["name"] for row in whole] == ["Linear(64, 5)", "Linear(5, 4)", "Linear(4, 3)"]
    assert [row["layer"] for row in whole] == [1, 2, 3]
    for row, index in zip(whole, (1, 3, 5), strict=True):
        assert row["gradient_norm"] == pytest.approx(np.sqrt((grads[f"{index}.weight"] ** 2).sum()))
        assert row["gradient_rms"] == pytest.approx(np.sqrt((grads[f"{index}.weight"] ** 2).mean()))
        assert row["weight_rms"] == pytest.approx(np.sqrt((tensors[f"{index}.weight"] ** 2).mean()))


def test_sigmoids_lose_the_gradient_and_relus_keep_it() -> None:
    ratios = {}
    for activation in ("sigmoid", "relu"):
        model = mlp(*[16] * 6, activation=activation, classes=3, input_shape=TINY)
        rows = gradients.layer_gradients(model, weights_of(model), DATA.images, DATA.labels, BY)
        ratios[activation] = rows[0]["gradient_rms"] / rows[-1]["gradient_rms"]
    assert ratios["sigmoid"] < 1e-3 < 1e-2 < ratios["relu"]


def test_dead_units() -> None:
    model = Model((Conv2d(1, 3, 3), ReLU(), Flatten(), Linear(108, 4), ReLU(), Linear(4, 3)), TINY)
    weights = weights_of(model)
    weights["0.bias"] = np.array([100, -100, 100], np.float32)
    weights["3.bias"] = np.array([-1000, -1000, 1000, -1000], np.float32)
    first, second = gradients.dead_units(model, weights, DATA.images, BY)
    assert first == {"layer": 1, "units": 3, "dead": 1, "share": 1 / 3}
    assert second == {"layer": 2, "units": 4, "dead": 3, "share": 3 / 4}
    assert gradients.dead_share(model, weights, DATA.images, BY) == 4 / 7


def test_without_a_relu_nothing_is_dead() -> None:
    model = softmax_regression(3, TINY)
    assert gradients.dead_share(model, weights_of(model), DATA.images, BY) == 0


# ---- curvature ----------------------------------------------------------------------------------------


def dense_hessian(model: Model, weights: dict[str, np.ndarray]) -> np.ndarray:
    """The whole matrix by the formula for softmax regression: a Kronecker product for each example, averaged."""
    x = np.hstack([DATA.images.reshape(len(DATA), -1) * np.float64(np.float32(1 / 255)), np.ones((len(DATA), 1))])
    extended = np.hstack([weights["1.weight"], weights["1.bias"][:, None]])
    scores = x @ extended.T.astype(np.float64)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return np.mean([np.kron(np.diag(q) - np.outer(q, q), np.outer(v, v)) for q, v in zip(p, x, strict=True)], axis=0)


def test_curvature_of_softmax_regression_is_exact() -> None:
    model = softmax_regression(3, TINY)
    weights = weights_of(model, Normal(0.3))
    expected = np.linalg.eigvalsh(dense_hessian(model, weights))[-1]
    found = gradients.curvature(model, weights, DATA.images, DATA.labels, BY, tolerance=1e-8)
    assert found["eigenvalue"] == pytest.approx(expected, rel=1e-7)
    assert found["residual"] <= 1e-8 * expected
    assert found["critical_lr"] == pytest.approx(2 / expected, rel=1e-7)
    assert found["products"] < 60


def test_curvature_at_zero_weights_is_that_of_the_pixels_over_the_classes() -> None:
    """At p = 1/10 the Hessian is (I/10 - 1/100) ⊗ C, so its largest eigenvalue is a tenth of that of C."""
    model = softmax_regression(10, TINY)
    zeros = {name: np.zeros_like(value) for name, value in weights_of(model).items()}
    x = np.hstack([DATA.images.reshape(len(DATA), -1) / 255, np.ones((len(DATA), 1))])
    found = gradients.curvature(model, zeros, DATA.images, DATA.labels, BY, tolerance=1e-6)
    assert found["eigenvalue"] == pytest.approx(np.linalg.eigvalsh(x.T @ x / len(x))[-1] / 10, rel=1e-5)


@pytest.mark.parametrize("model", [softmax_regression(3, TINY), mlp(4, activation="tanh", classes=3, input_shape=TINY)])
def test_hessian_products_are_the_slope_of_the_gradient(model: Model) -> None:
    """Along a random direction, against a difference of another step; and the matrix is symmetric."""
    weights = {name: value.astype(np.float64) for name, value in weights_of(model).items()}
    product = gradients.hessian_product(model, weights, DATA.images, DATA.labels, BY)
    u, v = np.random.default_rng(0).normal(size=(2, model.parameter_count))

    def gradient(by: float) -> np.ndarray:
        moved, start = {}, 0
        for name, value in weights.items():
            moved[name] = value + by * v[start : start + value.size].reshape(value.shape)
            start += value.size
        found = gradients.mean_gradient(model, moved, DATA.images, DATA.labels, BY)
        return np.concatenate([grad.ravel() for grad in found.values()])

    slope = (gradient(1e-6) - gradient(-1e-6)) / 2e-6
    assert product(v) == pytest.approx(slope, rel=1e-4, abs=1e-6 * np.abs(slope).max())
    assert u @ product(v) == pytest.approx(v @ product(u), rel=1e-5)


def test_lanczos_finds_the_largest_eigenvalue_and_says_how_well() -> None:
    random = np.random.default_rng(0)
    rotation, _ = np.linalg.qr(random.normal(size=(50, 50)))
    matrix = rotation @ np.diag([*np.linspace(-4, 4, 49), 5.0]) @ rotation.T
    value, residual, products = gradients.largest_eigenvalue(lambda v: matrix @ v, 50, tolerance=1e-10, most=50)
    assert value == pytest.approx(5, rel=1e-12)
    assert products <= 50
    value, residual, products = gradients.largest_eigenvalue(lambda v: matrix @ v, 50, tolerance=1e-10, most=4)
    assert products == 4
    assert 0 < 5 - value <= residual
    assert gradients.largest_eigenvalue(lambda v: 3 * v, 1, tolerance=1e-3, most=9) == (3, 0, 1)


def test_gradient_descent_diverges_beyond_the_critical_rate_of_a_parabola() -> None:
    """The one claim the critical rate makes, on the loss itself: small steps along v shrink below it, grow above."""
    model = softmax_regression(3, TINY)
    weights = {name: value.astype(np.float64) for name, value in weights_of(model, Normal(0.01)).items()}
    product = gradients.hessian_product(model, weights, DATA.images, DATA.labels, BY)
    critical = gradients.curvature(model, weights, DATA.images, DATA.labels, BY)["critical_lr"]
    start = np.random.default_rng(0).normal(size=model.parameter_count)
    for factor, grows in ((0.9, False), (1.1, True)):
        v = start
        for _ in range(60):
            v = v - factor * critical * product(v)
        assert (np.linalg.norm(v) > np.linalg.norm(start)) == grows


# ---- memory -------------------------------------------------------------------------------------------

OPTIMIZERS: dict[str, Optimizer | None] = {
    "prediction": None,
    "SGD": SGD(lr=0.1),
    "momentum": SGD(lr=0.1, momentum=0.9),
    "Adam": Adam(),
}
MODELS = [softmax_regression(), mlp(256), lenet(), lenet("relu", "max")]
OBJECTS = 20_000
"""Bytes of Python objects (array headers, dictionaries) that a ledger of numbers leaves out."""


def test_ledger_by_hand() -> None:
    training = memory.ledger(mlp(256), 32, Adam())
    assert training == {
        "parameters": 203_530 * 4,
        "gradients": 203_530 * 4,
        "optimizer_state": 2 * 203_530 * 4,
        "activations": (256 + 256 + 10) * 32 * 4,
        "input": 784 * 32 * 4,
        "total": (4 * 203_530 + (522 + 784) * 32) * 4,
    }
    prediction = memory.ledger(lenet(), 1, itemsize=8)
    assert prediction["activations"] == 2 * 6 * 28 * 28 * 8
    assert (prediction["gradients"], prediction["optimizer_state"]) == (0, 0)


def test_ledger_grows_as_it_should() -> None:
    for model in MODELS:
        one, many = memory.ledger(model, 1, SGD(lr=1)), memory.ledger(model, 256, SGD(lr=1))
        assert many["activations"] == 256 * one["activations"]
        assert many["parameters"] == one["parameters"]
        totals = [memory.ledger(model, 32, optimizer)["total"] for optimizer in OPTIMIZERS.values()]
        assert totals == sorted(totals)
        assert memory.ledger(model, 32, Adam(), itemsize=8)["total"] == 2 * totals[-1]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [1, 64])
def test_the_reference_engine_keeps_what_the_ledger_says(model: Model, name: str, batch_size: int) -> None:
    """Within 0.1% and the Python objects around the numbers."""
    total = memory.ledger(model, batch_size, OPTIMIZERS[name])["total"]
    found = memory.measured(model, batch_size, OPTIMIZERS[name])
    assert total <= found["held"] <= total * 1.001 + OBJECTS
    assert found["peak"] == found["held"] + found["workspace"]
    assert found["workspace"] >= 0


def test_float64_is_measured_twice_as_large() -> None:
    single, double = (memory.measured(mlp(64), 64, Adam(), dtype)["held"] for dtype in (np.float32, np.float64))
    assert double - 2 * single == pytest.approx(0, abs=OBJECTS)
