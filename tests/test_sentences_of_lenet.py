# SPDX-License-Identifier: Apache-2.0
"""What sections 3.1 to 3.3 say of LeNet follows the numbers."""

import re
from dataclasses import replace

import numpy as np
import pytest

from imagined import curves, of, shifted
from shoal.studies import (
    clauses,
    find,
    hidden_units,
    learning_rates,
    lenet_epochs,
    mnist,
    relu_max,
    vanishing_gradients,
)
from shoal.studies.clauses import ACCURACY
from shoal.studies.relu_max import corners
from shoal.studies.relu_max.factorial import EFFECTS
from shoal.studies.vanishing_gradients.gradient_flow import MOMENTS


def lenet_curves(validation_slope, training_slope=-0.01):
    config = find("3.1").study.points[2].config
    run = curves(config, label="20 epochs", spread=0.001)
    line = np.arange(21) - 20.0
    noise = np.array([[0.999], [1.0], [1.001]])
    return replace(
        run, validation_loss=1 + noise * validation_slope * line, train_loss=1 + noise * training_slope * line
    )


def test_overfitting_is_a_rising_validation_loss_while_training_loss_falls():
    assert "the mark of overfitting." in lenet_epochs.overfitting(lenet_curves(0.01))
    assert "training loss falls by .0100 an epoch" in lenet_epochs.overfitting(lenet_curves(0.01))
    assert "validation loss rises by .0100 an epoch" in lenet_epochs.overfitting(lenet_curves(0.01))
    assert "no overfitting yet" in lenet_epochs.overfitting(lenet_curves(-0.01))
    assert "not clearly overfitting" in lenet_epochs.overfitting(lenet_curves(0.01, training_slope=0.01))
    assert "not clearly overfitting" in lenet_epochs.overfitting(lenet_curves(0.0))

    one = lenet_curves(-0.01)
    one = replace(one, seeds=(0,), validation_loss=one.validation_loss[:1], train_loss=one.train_loss[:1])
    assert "one run cannot tell" in clauses.slopes(one)
    assert "no overfitting yet" not in clauses.slopes(one)
    assert "Over the last 5 epochs on MNIST training loss falls" in clauses.slopes(one, "on MNIST")


def test_each_longer_training_tells_what_it_adds():
    points = find("3.1").study.points[:3]
    accuracies = (0.7, 0.85, 0.999)
    ends = [
        curves(point.config, label="x", accuracy=a, spread=1e-4) for point, a in zip(points, accuracies, strict=True)
    ]
    assert lenet_epochs.levels(ends).count("rises") == 1
    assert "and by .1" in lenet_epochs.levels(ends)
    assert "rises by .29" in lenet_epochs.levels([ends[0], ends[2], ends[1]])
    assert "and falls by .1" in lenet_epochs.levels([ends[0], ends[2], ends[1]])


def test_a_lead_that_the_ranking_tells_is_not_told_again():
    stable, unstable = (of("1.2", label=name, loss=loss) for name, loss in (("lr 0.1", 0.5), ("lr 0.12", 0.51)))
    both = {0.1: stable, 0.12: unstable}
    assert "The loss at which it ends" not in learning_rates.notable(both)
    assert "The loss at which it ends" in learning_rates.notable({0.05: of("1.2", label="lr 0.05", loss=0.4), **both})


def test_a_rebound_has_a_decimal_beside_the_difference_it_is_part_of():
    shape = {"spread": 0.05, "seeds": range(10)}
    made = {rate: of("1.2", label=f"lr {rate}", rebound=by, **shape) for rate, by in ((0.1, 0.2), (0.12, 0.4))}
    ends = re.search(r"rebounds by (\S+) ± (\S+)%, against (\S+) ± (\S+)% at", learning_rates.notable(made))
    assert ends
    assert all(re.fullmatch(r"\d*\.\d", number) for number in ends.groups())


def test_the_lowest_point_told_is_one_of_the_line_that_is_drawn():
    norms = {(own, 1, moment): np.array([[1.0, 4.0], [4.0, 4.0]]) for own in ("sigmoid", "relu") for moment in MOMENTS}
    figure = vanishing_gradients._gradients(norms)
    assert min(row["gradient_norm"] for row in figure.rows) == pytest.approx(2)
    assert "is 2.0 with sigmoids and 2.0 with ReLUs. n = 2 seeds, a geometric mean." in figure.caption


def test_a_dead_unit_is_explained_once():
    found = {hidden: of("2.2", label=f"{hidden} units") for hidden in (0, 1, 256)}
    dead = {hidden: np.array([0.5, 0.0]) for hidden in (1, 256)}
    assert "test image" not in hidden_units.asleep(found, dead)
    assert "test image" in hidden_units.asleep({1: found[1]}, {1: dead[1]})


def test_networks_that_guess_are_named():
    guessing, learning = of("2.1", accuracy=0.1, spread=0.001), of("2.1", accuracy=0.8)
    found = {("sigmoid", 1): learning, ("sigmoid", 4): guessing, ("sigmoid", 5): guessing, ("relu", 4): learning}
    within = "end within .01 of the accuracy of guessing."
    assert vanishing_gradients.stuck(found) == f"In every seed, sigmoid networks with 4 and 5 hidden layers {within}"
    assert vanishing_gradients.stuck({("relu", 1): learning}) == ""
    alone = {("sigmoid", 4): of("2.1", accuracy=0.1, spread=0.001, seeds=(0,))}
    assert vanishing_gradients.stuck(alone) == f"Sigmoid networks with 4 hidden layers {within}"


def test_gains_are_shares_of_the_whole_gain():
    config = find("3.1").study.points[2].config
    run = curves(config, label="20 epochs", seeds=(0,))
    accuracy = np.interp(np.arange(21), [0, 5, 10, 20], [0.1, 0.5, 0.8, 0.9])[None]
    said = lenet_epochs.gains(replace(run, validation_accuracy=accuracy), [5, 10, 20])
    assert said == "Of what 20 epochs gain over no training, 50% is there after 5 epochs and 88% after 10 epochs."


def test_the_modified_network_is_better_only_if_it_is():
    original, modified = of("3.2", label="old"), of("3.2", label="new", accuracy=0.95, loss=0.2)
    assert "one's accuracy is .150 higher, its loss .300 lower." in relu_max.better(modified, original)
    assert "one's accuracy is .150 lower, its loss .300 higher." in relu_max.better(original, modified)
    assert "never reaches" in relu_max.sooner(original, modified)
    assert "epochs it has the accuracy at which the original ends." in relu_max.sooner(modified, original)


def test_the_change_that_does_more_is_named_as_far_as_it_is_settled():
    small, large, none = np.array([0.010, 0.011, 0.012]), np.array([0.11, 0.10, 0.12]), np.array([0.001, -0.002, 0.001])
    tell = lambda *effects: corners.causes(dict(zip(EFFECTS, effects, strict=True)))  # noqa: E731
    assert "the activation does more" in tell(large, small, none)
    assert "the pooling does more" in tell(small, -large, none)
    assert "is not settled" in tell(small, small, none)
    assert "does not clearly depend on the activation" in tell(large, small, none)
    assert "more with ReLU than with the sigmoid" in tell(large, small, small)
    assert "less with ReLU than with the sigmoid" in tell(large, small, -small)
    assert "(not clearly different from nothing)" in tell(large, none, none)
    assert "In every seed a run diverged" in tell(large * np.nan, small * np.nan, none * np.nan)


def test_errors_are_told_with_all_their_ties():
    counts = np.array([[8, 2, 0], [0, 10, 0], [0, 2, 8]])
    said = mnist.confused(counts, ("zero", "one", "two"), 1)
    assert "30 answers (1 seed, all test images) 4 are wrong" in said
    assert "errors, made 2 times each: zero is taken for one and two is taken for one" in said
    assert "highest for zero and two (20.0%) and lowest for one (0.0%)" in said
    assert mnist.confused(np.diag([5, 5]), ("zero", "one"), 2) == "Not one of the 10 answers is wrong."


def test_the_gap_between_training_and_test_keeps_its_sign():
    run = of("3.3", label="MNIST")
    assert "above validation accuracy on MNIST" in mnist.overfitting([shifted(run, "train_accuracy", 0.1)])
    assert "below validation accuracy on MNIST" in mnist.overfitting([shifted(run, "train_accuracy", -0.1)])


def test_the_two_data_sets_are_compared_as_they_came_out():
    digits, clothes = of("3.3", label="digits", accuracy=0.99), of("3.3", label="clothes", accuracy=0.9)
    assert "higher on digits than on clothes" in mnist.beside({"mnist": digits, "fashion-mnist": clothes})
    assert "lower on digits than on clothes" in mnist.beside(
        {"mnist": replace(clothes, label="digits"), "fashion-mnist": replace(digits, label="clothes")}
    )
    assert ACCURACY.of(digits).mean() > ACCURACY.of(clothes).mean()
