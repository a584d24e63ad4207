# SPDX-License-Identifier: Apache-2.0
"""What sections 1.4 and 2.1 to 2.3 say of losses, gradients, widths and memory follows the numbers."""

import re

import numpy as np

from imagined import of
from shoal.studies import (
    hidden_units,
    memory,
    softmax_stability,
    vanishing_gradients,
)
from shoal.studies.memory import ledgers


def test_what_is_left_of_a_gradient_is_a_ratio_of_its_layers():
    norms = {("sigmoid", 2, "start"): np.array([[0.01, 0.1, 1.0]]), ("relu", 2, "start"): np.array([[3.0, 2, 1]])}
    assert vanishing_gradients.left(norms, 2, "start") == (
        "Before training, with 2 hidden layers, the first layer's gradient is .010 times the last layer's with "
        "sigmoids and 3.0 times with ReLUs."
    )
    assert vanishing_gradients.left(norms, 2, "end") == ""


def test_a_steady_network_is_called_so_only_if_its_loss_never_rose():
    assert "fell in each of the 9 epochs" in hidden_units.steady(of("2.2", label="256 units"))
    assert "rose in 1 ± 0 of the 9" in hidden_units.steady(of("2.2", rebound=0.5, seeds=range(4)))


def test_one_unit_is_compared_with_the_linear_classifier():
    linear = of("2.2", label="softmax regression", accuracy=0.8, seeds=range(4))
    worse = hidden_units.alone(of("2.2", label="1 unit", accuracy=0.3, seeds=range(4)), linear, np.eye(4)[0])
    assert re.search(r"which ends at \.\d+ ± \.\d+, that is \.\d+ ± \S+ lower\.", worse)
    assert "in 1 of 4 seeds" in worse
    better = hidden_units.alone(of("2.2", label="1 unit", accuracy=0.9), linear, np.zeros(3))
    assert " higher." in better
    assert "in none of 3 seeds" in better
    assert "The unit is alive" in hidden_units.alone(linear, linear, np.zeros(1))
    assert "The unit is dead: no test image" in hidden_units.alone(linear, linear, np.ones(1))


def test_the_narrowest_network_above_a_linear_one():
    found = {0: of("2.2", label="softmax regression"), 1: of("2.2", label="1 unit", accuracy=0.3)}
    assert "No width here" in hidden_units.between(found)
    found |= {4: of("2.2", label="4 units", accuracy=0.9), 16: of("2.2", label="16 units", accuracy=0.95)}
    assert "the one with 4 units" in hidden_units.between(found)


def test_dead_units_are_counted():
    found = {1: of("2.2", label="1 unit"), 2: of("2.2", label="2 units")}
    assert "No width has a dead unit" in hidden_units.asleep(found, {1: np.zeros(3), 2: np.zeros(3)})
    some = hidden_units.asleep(found, {1: np.zeros(2), 2: np.array([0.5, 0.0])})
    assert "25.0% with 2 units and none elsewhere" in some


def rows_of(factor):
    def row(model, batch, use):
        total = 100 if use == "prediction" else 100 * factor
        kinds = {"parameters": total, "gradients": 0, "optimizer_state": 0, "activations": 0, "input": 0}
        return {"model": model, "batch": batch, "use": use, "total": total, "held": total, "peak": total, **kinds}

    return [row(model, batch, use) for model in memory.MODELS for batch in memory.BATCHES for use in memory.USES]


def test_memory_is_several_times_as_much_only_where_it_is():
    assert "more than 2 times as much in 0 of 45 cases, and by the measured peak alone in 0." in memory.extremes(
        rows_of(1.5)
    )
    assert "more than 2 times as much in 45 of 45 cases, and by the measured peak alone in 45." in memory.extremes(
        rows_of(3)
    )
    assert "3.00 times the memory of prediction for softmax regression" in memory.ratios(rows_of(3))
    assert "the parameters for LeNet (100%)" in memory.largest(rows_of(3))


def test_kinds_of_the_same_size_share_the_first_place():
    rows = [row | {"gradients": row["parameters"], "total": 2 * row["parameters"]} for row in rows_of(3)]
    assert "the parameters and gradients for LeNet (50% each)" in memory.largest(rows)


def test_the_ratio_of_memory_is_followed_along_the_batch_sizes():
    def growing(order):
        factor = dict(zip(order, range(2, 2 + len(order)), strict=True))
        return [
            row | {"total": row["total"] * (1 if row["use"] == "prediction" else factor[row["batch"]])}
            for row in rows_of(1)
        ]

    assert "falls for every model here" in memory.growth(growing(memory.BATCHES[::-1]))
    assert "rises for softmax regression, MLP-256 and LeNet." in memory.growth(growing(memory.BATCHES))
    assert "goes no one way for" in memory.growth(rows_of(3))


def test_memory_is_measured_again_where_another_thread_added_to_it():
    def fake(*held):
        given = iter(held)
        return lambda: {"held": next(given), "peak": 500}

    assert ledgers.undisturbed(fake(100, 100)) == {"held": 100, "peak": 500}
    assert ledgers.undisturbed(fake(150, 100, 100))["held"] == 100
    assert ledgers.undisturbed(fake(100, 150, 120, 100))["held"] == 100


def breaking(at):
    events = ["the loss is infinite or NaN", "the gradient is infinite or NaN"]
    return [
        {"format": "float32", "form": form, "event": event, "variable": "gap", "at": at if form == "shifted" else None}
        for form in ("shifted", "log-sum-exp")
        for event in events
    ]


def test_subtracting_the_maximum_is_enough_only_for_what_never_breaks():
    rows = [{"form": "shifted", "format": "float32", "gap": 9, "probability_error": 1e-8, "loss_error": 1e-8}]
    rows.append({**rows[0], "form": "log-sum-exp"})
    limits = [{"format": "float32", "unit_roundoff": 6e-8}]
    assert "enough for probabilities, and not for the loss" in softmax_stability.remedy(breaking(104.0), rows, limits)
    assert "enough for probabilities and for the loss" in softmax_stability.remedy(breaking(None), rows, limits)
    lost = [{**row, "probability_error": None} for row in rows]
    assert "not enough even for the probabilities" in softmax_stability.remedy(breaking(104.0), lost, limits)
    assert "none fails" in softmax_stability.probabilities(rows)
    assert "1 of 1 fail" in softmax_stability.probabilities(lost)
    worse = [{**row, "loss_error": 6e-7} for row in rows]
    assert "at most 10 times half a rounding step" in softmax_stability.remedy(breaking(104.0), worse, limits)
