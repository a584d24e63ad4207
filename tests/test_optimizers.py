# SPDX-License-Identifier: Apache-2.0
"""Optimizers: steps worked out by hand, one table of them on one table of problems; schedules; refusals."""

from collections.abc import Callable
from math import cos, pi, sqrt
from typing import Any

import msgspec
import numpy as np
import pytest

from shoal.engines.reference import adagrad_step, adam_step, adamw_step, lion_step, rmsprop_step, sgd_step, update
from shoal.errors import StudyError
from shoal.optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Constant,
    Cosine,
    Exponential,
    Lion,
    Optimizer,
    RMSprop,
    Schedule,
    StepDecay,
    WarmUp,
    learning_rates,
)


def array(*values: float) -> np.ndarray:
    return np.array(values)


def follow(
    optimizer: Optimizer,
    gradient: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    steps: int,
    schedule: Schedule | None = None,
) -> Any:
    """The tensors after each step of one epoch, from zero state."""
    tensors = {"w": start} | {f"{kind}/w": np.zeros_like(start) for kind in optimizer.state}
    path = [tensors]
    for step, lr in enumerate(learning_rates(optimizer, schedule or Constant(), 0, steps).tolist(), start=1):
        tensors = update(optimizer, tensors, {"w": gradient(tensors["w"])}, lr, step)
        path.append(tensors)
    return path


# ---- by hand ------------------------------------------------------------------------------------------


def test_sgd_by_hand() -> None:
    path = follow(SGD(lr=0.1), lambda w: 2 * w, array(1, -2), 2)
    assert path[1]["w"] == pytest.approx([0.8, -1.6])
    assert path[2]["w"] == pytest.approx([0.64, -1.28])
    assert list(path[2]) == ["w"]


def test_weight_decay_by_hand() -> None:
    """w ← w - lr · (g + 0.5 w) = 1 - 0.1 · (2 + 0.5)."""
    assert follow(SGD(lr=0.1, weight_decay=0.5), lambda w: 2 * w, array(1), 1)[1]["w"] == pytest.approx([0.75])


def test_momentum_by_hand() -> None:
    """g = 1 always: v = 1, then 1.9, then 2.71."""
    path = follow(SGD(lr=0.1, momentum=0.9), np.ones_like, array(0), 3)
    assert [float(tensors["momentum/w"][0]) for tensors in path] == pytest.approx([0, 1, 1.9, 2.71])
    assert [float(tensors["w"][0]) for tensors in path] == pytest.approx([0, -0.1, -0.29, -0.561])


def test_nesterov_by_hand() -> None:
    """Steps along g + 0.9 v: 1.9, then 2.71, with the same velocities."""
    path = follow(SGD(lr=0.1, momentum=0.9, nesterov=True), np.ones_like, array(0), 2)
    assert [float(tensors["w"][0]) for tensors in path] == pytest.approx([0, -0.19, -0.461])
    assert path[2]["momentum/w"] == pytest.approx([1.9])


def test_lion_by_hand() -> None:
    """The direction looks at the new gradient with weight 1 - b1, the mean keeps it with weight 1 - b2."""
    weight, mean = lion_step(array(1, 1, 1), array(3, -1, 0), array(-0.5, 1, 0), 0.1, (0.5, 0.75), 0)
    assert weight == pytest.approx([0.9, 1, 1])  # .5 · -.5 + .5 · 3 > 0; .5 · 1 + .5 · -1 = 0
    assert mean == pytest.approx([0.375, 0.5, 0])
    weight, mean = lion_step(array(2), array(0), array(0), 0.1, (0.9, 0.99), 0.5)
    assert (weight[0], mean[0]) == (pytest.approx(2 * (1 - 0.1 * 0.5)), 0), "the decay is decoupled"


def test_adagrad_by_hand() -> None:
    """g = 3, then 4: the sum is 9, then 25; the rate falls from .1 to .1 / 1.5."""
    weight, total = adagrad_step(array(1), array(3), array(0), 1, 0.1, 0.5, 0, 1)
    assert (weight[0], total[0]) == (pytest.approx(1 - 0.1 * 3 / (3 + 1)), 9)
    weight, total = adagrad_step(weight, array(4), total, 2, 0.1, 0.5, 0, 1)
    assert (weight[0], total[0]) == (pytest.approx(1 - 0.1 * 3 / 4 - 0.1 / 1.5 * 4 / (5 + 1)), 25)
    assert adagrad_step(array(2), array(1), array(0), 1, 0.1, 0, 0.5, 1e-10)[1] == 4, "the penalty is in the gradient"


def test_rmsprop_by_hand() -> None:
    """v = .75 · 0 + .25 · 16 = 4 and g / (√v + 2) = 1; with momentum .5 the second step is 1.5 of them, were v kept."""
    weight, square, _ = rmsprop_step(array(1), array(4), array(0), array(0), 0.1, 0.75, 2, 0, 0)
    assert (weight[0], square[0]) == (pytest.approx(0.9), 4)
    weight, square, buffer = rmsprop_step(array(1), array(2), array(4), array(1), 0.1, 0.75, 2, 0, 0.5)
    assert (square[0], buffer[0]) == (4, pytest.approx(0.5 + 2 / 4))
    assert weight[0] == pytest.approx(1 - 0.1 * 1)
    assert rmsprop_step(array(2), array(1), array(0), array(0), 0.1, 0, 1, 0.5, 0)[1] == 4


def test_adam_by_hand() -> None:
    """The first step is lr · g / (|g| + eps) whatever g; the second from m = .19, v = .001999 and g = 1 both times."""
    path = follow(Adam(lr=0.1, eps=1e-2), np.ones_like, array(0), 2)
    assert path[1]["w"] == pytest.approx([-0.1 / 1.01])
    assert path[2]["mean/w"] == pytest.approx([0.19])
    assert path[2]["square/w"] == pytest.approx([0.001999])
    assert path[2]["w"] == pytest.approx([-0.2 / 1.01])  # both means are 1 once corrected


def test_adam_with_a_changing_gradient_by_hand() -> None:
    weight, mean, square = adam_step(array(1.0), array(3), array(0.5), array(4), 3, 0.1, (0.5, 0.75), 0.25, 0.0)
    assert (mean[0], square[0]) == (0.5 * 0.5 + 0.5 * 3, 0.75 * 4 + 0.25 * 9)
    corrected = mean[0] / (1 - 0.5**3), square[0] / (1 - 0.75**3)
    assert weight[0] == pytest.approx(1 - 0.1 * corrected[0] / (sqrt(corrected[1]) + 0.25))


def test_adam_decays_through_the_means_and_adamw_does_not() -> None:
    rest = (array(0), array(0), 1, 0.1, (0.9, 0.99), 1e-8, 0.5)
    weight, mean, _ = adam_step(array(2), array(0), *rest)
    assert mean == pytest.approx([0.1 * 0.5 * 2])
    assert weight == pytest.approx([2 - 0.1])  # the penalty is rescaled to a full step
    weight, mean, square = adamw_step(array(2), array(0), *rest)
    assert (mean[0], square[0]) == (0, 0)
    assert weight == pytest.approx([2 * (1 - 0.1 * 0.5)])


def test_steps_leave_their_arguments_alone() -> None:
    weight, grad, velocity = array(1), array(2), array(3)
    sgd_step(weight, grad, velocity, 0.1, 0.9, True, 0.1)
    adam_step(weight, grad, velocity, velocity, 1, 0.1, (0.9, 0.9), 1e-8, 0.1)
    lion_step(weight, grad, velocity, 0.1, (0.9, 0.9), 0.1)
    adagrad_step(weight, grad, velocity, 1, 0.1, 0.1, 0.1, 1e-8)
    rmsprop_step(weight, grad, velocity, velocity, 0.1, 0.9, 1e-8, 0.1, 0.9)
    assert (weight[0], grad[0], velocity[0]) == (1, 2, 3)


def test_a_learning_rate_does_not_widen_float32() -> None:
    for optimizer in OPTIMIZERS.values():
        for tensors in follow(optimizer, lambda w: 2 * w, np.ones(2, np.float32), 2):
            assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float32)}


# ---- one table of optimizers on one table of problems -------------------------------------------------

OPTIMIZERS: dict[str, Optimizer] = {
    "SGD": SGD(lr=0.02),
    "momentum": SGD(lr=0.01, momentum=0.9),
    "Nesterov": SGD(lr=0.01, momentum=0.9, nesterov=True),
    "Lion": Lion(lr=0.02),
    "Adagrad": Adagrad(lr=1.0),
    "RMSprop": RMSprop(lr=0.02),
    "RMSprop with momentum": RMSprop(lr=0.002, momentum=0.9),
    "Adam": Adam(lr=0.05),
    "AdamW": AdamW(lr=0.05, weight_decay=0),
}


def valley(w: np.ndarray) -> np.ndarray:
    """Gradient of ½ (x - 1)² + 10 (y + 2)²: twenty times as steep one way as the other."""
    return np.array([1.0, 20.0]) * (w - np.array([1.0, -2.0]))


def bent(w: np.ndarray) -> np.ndarray:
    """Gradient of log cosh(x - 1) + log cosh(y + 2): straight far out, round at the bottom."""
    return np.tanh(w - np.array([1.0, -2.0]))


def twisted(w: np.ndarray) -> np.ndarray:
    """Gradient of ½ zᵀAz at z = w - (1, -2), where A couples both coordinates."""
    return np.array([[3.0, 2.0], [2.0, 3.0]]) @ (w - np.array([1.0, -2.0]))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("problem", [valley, bent, twisted])
def test_every_optimizer_solves_every_problem(name: str, problem: Callable[[np.ndarray], np.ndarray]) -> None:
    """With a rate that ends near 0: some take a whole step however close they are."""
    path = follow(OPTIMIZERS[name], problem, array(3, 1), 1500, Cosine(epochs=1))
    assert path[-1]["w"] == pytest.approx([1, -2], abs=1e-3)
    assert np.linalg.norm(path[10]["w"] - [1, -2]) < np.linalg.norm(path[0]["w"] - [1, -2])


# ---- schedules ----------------------------------------------------------------------------------------

SCHEDULES: dict[str, tuple[Schedule, list[float]]] = {
    "constant": (Constant(), [1, 1, 1, 1, 1, 1]),
    "step": (StepDecay(every=2, factor_each=0.5), [1, 1, 1, 1, 0.5, 0.5]),
    "exponential": (Exponential(factor_each=0.5), [1, 1, 0.5, 0.5, 0.25, 0.25]),
    "cosine": (Cosine(epochs=2, floor=0.2), [1, 0.2 + 0.4 * (1 + cos(pi / 4)), 0.6, 0.6 - 0.4 * cos(pi / 4), 0.2, 0.2]),
    "warm-up": (WarmUp(epochs=1), [0.5, 1, 1, 1, 1, 1]),
    "warm-up, then step": (WarmUp(epochs=2, then=StepDecay(every=1)), [0.25, 0.5, 0.75, 1, 1, 1]),
    "warm-up, then exponential": (WarmUp(epochs=1, then=Exponential(factor_each=0.5)), [0.5, 1, 1, 1, 0.5, 0.5]),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name: str) -> None:
    """Three epochs of two steps each, at lr 2."""
    schedule, factors = SCHEDULES[name]
    rates = np.concatenate([learning_rates(SGD(lr=2), schedule, epoch, 2) for epoch in range(3)])
    assert rates.dtype == np.float64
    assert rates == pytest.approx([2 * factor for factor in factors])


def test_every_schedule_is_tested() -> None:
    assert {type(schedule) for schedule, _ in SCHEDULES.values()} == set(Schedule.__args__)


# ---- data ---------------------------------------------------------------------------------------------


def test_defaults_and_state() -> None:
    assert SGD(lr=0.1) == SGD(lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.0)
    assert SGD(lr=0.1).state == ()
    assert SGD(lr=0.1, momentum=0.9).state == ("momentum",)
    assert Adam().state == AdamW().state == ("mean", "square")
    assert (Lion().state, Adagrad().state, RMSprop().state) == (("mean",), ("sum",), ("square",))
    assert RMSprop(momentum=0.9).state == ("square", "momentum")
    assert (Adam().lr, Adam().betas, Adam().eps, AdamW().weight_decay) == (1e-3, (0.9, 0.999), 1e-8, 1e-2)


@pytest.mark.parametrize("value", [*OPTIMIZERS.values(), SGD(lr=1, weight_decay=0.1), AdamW(betas=(0.5, 0.9))])
def test_optimizers_survive_json(value: Optimizer) -> None:
    again = msgspec.json.decode(msgspec.json.encode(value), type=Optimizer)
    assert again == value
    assert again.hash == value.hash


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_survive_json(name: str) -> None:
    schedule, _ = SCHEDULES[name]
    assert msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule) == schedule


REFUSED: list[tuple[type, dict[str, Any], str]] = [
    (SGD, {"lr": 0}, r"SGD\(lr=0\)"),
    (SGD, {"lr": -0.1}, r"SGD\(lr=-0\.1\)"),
    (SGD, {"lr": float("nan")}, r"lr=nan"),
    (SGD, {"lr": float("inf")}, r"lr=inf.*<= 1e"),
    (SGD, {"lr": float("nan")}, r"lr=nan.*>= 1e"),
    (SGD, {"lr": "0.1"}, r"lr='0\.1'"),
    (SGD, {"lr": 0.1, "momentum": 1}, r"momentum=1"),
    (SGD, {"lr": 0.1, "nesterov": True}, r"needs a momentum. Use momentum=0\.9"),
    (SGD, {"lr": 0.1, "weight_decay": -1}, r"weight_decay=-1"),
    (SGD, {"lr": 0.1, "weight_decay": float("nan")}, r"weight_decay=nan"),
    (SGD, {"lr": 0.1, "momentum": float("nan")}, r"momentum=nan"),
    (Cosine, {"epochs": 2, "floor": float("nan")}, r"floor=nan"),
    (Lion, {"betas": (0.9, 1.0)}, r"betas=\(0\.9, 1\.0\)"),
    (Lion, {"weight_decay": -1}, r"Lion\(weight_decay=-1\)"),
    (Adagrad, {"lr_decay": -1}, r"lr_decay=-1"),
    (Adagrad, {"eps": 0}, r"eps=0"),
    (RMSprop, {"alpha": 1}, r"alpha=1"),
    (RMSprop, {"momentum": -0.1}, r"momentum=-0\.1"),
    (Adam, {"betas": (0.9, 1.0)}, r"betas=\(0\.9, 1\.0\)"),
    (Adam, {"eps": 0}, r"eps=0"),
    (AdamW, {"betas": (0.9,)}, r"betas=\(0\.9,\)"),
    (StepDecay, {"every": 0}, r"every=0"),
    (Exponential, {"factor_each": 0}, r"factor_each=0"),
    (Cosine, {"epochs": 2, "floor": 2}, r"floor=2"),
    (WarmUp, {"epochs": 0}, r"epochs=0"),
    (SGD, {"lr": 1e31}, r"lr=1e\+31\): Expected `float` <= 1e\+30"),
    (SGD, {"lr": 1e-31}, r"lr=1e-31\): Expected `float` >= 1e-30"),
    (SGD, {"lr": 0.1, "weight_decay": 1e31}, r"weight_decay=1e\+31"),
    (Adam, {"eps": 1e-40}, r"eps=1e-40"),
    (Exponential, {"factor_each": 1e300}, r"factor_each=1e\+300"),
    (StepDecay, {"every": 1, "factor_each": 1e-300}, r"factor_each=1e-300"),
]


@pytest.mark.parametrize("schedule", [Exponential(1e30), StepDecay(1, 1e30), WarmUp(1, Exponential(10.0))])
def test_a_rate_that_grows_without_end_stays_one_that_float32_can_hold(schedule: Schedule) -> None:
    assert learning_rates(SGD(lr=1e10), schedule, 1000, 2) == pytest.approx([1e30, 1e30])


@pytest.mark.parametrize(("kind", "arguments", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_refusals_name_the_field_and_its_value(kind: type, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        kind(**arguments)
