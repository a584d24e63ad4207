# SPDX-License-Identifier: Apache-2.0
"""The numbers that sentences are made of, on curves small enough to work out by hand."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagined import Imagined, curves
from shoal.analysis import measures, metrics
from shoal.errors import UsageError
from shoal.models import mlp, softmax_regression
from shoal.optimizers import SGD
from shoal.study import Config, Grid, Study

NAN = np.nan
falling = np.array([[2.0, 1.0, 0.5, 0.25]])
swaying = np.array([[2.0, 1.0, 1.2, 0.8, 1.0]])
diverged = np.array([[2.0, 1.0, NAN, NAN, NAN]])


def test_time_to_lies_between_the_points_it_passes():
    assert metrics.time_to(np.arange(4), falling, 0.75) == pytest.approx([1.5])
    assert metrics.time_to(np.arange(4), 1 - falling, 0.25, rising=True) == pytest.approx([1.5])
    assert metrics.time_to(np.arange(4), falling, 2.0) == [0]


def test_time_to_uses_each_seeds_own_clock():
    clock = np.array([[0.0, 1, 2, 3], [0.0, 10, 20, 30]])
    assert metrics.time_to(clock, np.repeat(falling, 2, axis=0), 0.75) == pytest.approx([1.5, 15])


def test_time_to_is_never_for_a_target_not_reached():
    assert metrics.time_to(np.arange(4), falling, 0.1) == [np.inf]
    assert metrics.time_to(np.arange(5), diverged, 0.5) == [np.inf]


def test_time_to_after_a_gap_is_the_first_point_known():
    training = np.array([[NAN, 0.5, 0.4]])
    assert metrics.time_to(np.arange(3), training, 0.6) == [1]


def test_value_at_interpolates_and_does_not_extrapolate():
    assert metrics.value_at(np.arange(4), falling, 0.5) == pytest.approx([1.5])
    assert np.isnan(metrics.value_at(np.arange(4), falling, 3.5))


def test_worst_rebound_is_over_the_lowest_before_it():
    assert metrics.worst_rebound(swaying) == pytest.approx([0.25])  # 1.0 over 0.8, not 1.2 over 1.0
    assert metrics.worst_rebound(falling) == [0]
    assert metrics.worst_rebound(diverged) == [np.inf]


def test_worst_rebound_ignores_the_first_epoch():
    assert metrics.worst_rebound(np.array([[0.5, 2.0, 1.0]])) == [0]


@given(st.lists(st.floats(0.1, 10), min_size=3, max_size=20))
def test_worst_rebound_is_zero_exactly_for_losses_that_never_rise(values):
    loss = np.array([values])
    assert (metrics.worst_rebound(loss)[0] == 0) == bool((np.diff(loss[:, 1:]) <= 0).all())
    assert (metrics.worst_rebound(loss)[0] == 0) == (metrics.rises(loss)[0] == 0)


def test_rises_counts_epochs_that_end_higher():
    assert metrics.rises(swaying) == [2]
    assert np.isnan(metrics.rises(diverged))


def test_step_noise_finds_the_scatter_through_a_trend():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.05, (3, 5000))
    trend = np.linspace(2, 0.5, 5000)
    assert metrics.step_noise(noise + trend) == pytest.approx(0.05, rel=0.05)
    assert (noise + trend).std() > 0.4  # what a plain standard deviation would say


def test_step_noise_of_a_diverged_run_is_infinite():
    assert metrics.step_noise(np.array([[1.0, 2.0, NAN]])) == [np.inf]


def test_gain_fraction_counts_from_before_training():
    accuracy = np.array([[0.1, 0.5, 0.7, 0.9], [0.1, 0.1, 0.1, 0.1]])
    shares = metrics.gain_fraction(accuracy, 1)
    assert shares[0] == pytest.approx(0.5)
    assert np.isnan(shares[1])


def test_slope_is_that_of_the_last_epochs_only():
    curve = np.array([[9.0, 9.0, 1.0, 1.5, 2.0]])
    assert metrics.slope(curve, 2) == pytest.approx([0.5])
    assert np.isnan(metrics.slope(diverged, 2))


def test_factorial_takes_a_table_apart():
    base, first, second, both = 1.0, 0.5, 0.25, 0.125
    corners = np.array([[[base], [base + second]], [[base + first], [base + first + second + both]]])
    effects = metrics.factorial(corners)
    assert effects["first"] == pytest.approx([first + both / 2])
    assert effects["second"] == pytest.approx([second + both / 2])
    assert effects["interaction"] == pytest.approx([both])


def test_confusion_has_true_classes_in_rows():
    matrix = metrics.confusion(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), 3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_time_to_takes_a_target_for_each_seed():
    two = np.repeat(falling, 2, axis=0)
    assert metrics.time_to(np.arange(4), two, np.array([0.75, 0.5])) == pytest.approx([1.5, 2])


def test_final_is_the_last_and_never_the_best():
    assert metrics.final(swaying) == [1.0]
    assert metrics.final(1 - swaying, rising=True) == [0.0]


def test_a_diverged_run_comes_out_as_the_worst():
    assert metrics.final(diverged) == metrics.area(diverged) == metrics.residual_noise(diverged) == [np.inf]
    assert metrics.final(diverged, rising=True) == metrics.area(diverged, rising=True) == [-np.inf]
    assert metrics.share_of_rises(diverged) == metrics.generalisation_gap(diverged, diverged) == [np.inf]
    assert metrics.worst(np.array([NAN, 1.0]), rising=True).tolist() == [-np.inf, 1.0]


def test_diverged_tells_the_runs_apart():
    assert metrics.diverged(np.vstack([swaying, diverged])).tolist() == [0, 1]


def test_area_is_the_mean_height():
    assert metrics.area(falling) == pytest.approx([(1.5 + 0.75 + 0.375) / 3])
    assert metrics.area(np.array([[NAN, 1.0, 2.0]]), after=1) == pytest.approx([1.5])


def test_the_gap_is_positive_where_validation_is_worse():
    assert metrics.generalisation_gap(np.array([[NAN, 0.5]]), np.array([[2.0, 0.7]])) == pytest.approx([0.2])
    accuracy = metrics.generalisation_gap(np.array([[NAN, 0.9]]), np.array([[0.1, 0.8]]), rising=True)
    assert accuracy == pytest.approx([0.1])


def test_residual_noise_of_steady_progress_of_any_shape_is_zero():
    assert metrics.residual_noise(falling) == [0]
    assert metrics.residual_noise(1 - falling, rising=True) == [0]


def test_residual_noise_is_what_the_best_falling_curve_leaves():
    """1.2, .8, 1 after 1: pooled by hand the fit is 1.1, 1.1, .9, .9."""
    assert metrics.residual_noise(swaying) == pytest.approx([0.1])
    assert metrics.residual_noise(-swaying, rising=True) == pytest.approx([0.1])


def test_share_of_rises_is_out_of_those_possible():
    assert metrics.share_of_rises(swaying) == pytest.approx([2 / 3])


# ---- measures by name ---------------------------------------------------------------------------------

CONFIG = Config(data="fashion-mnist", model=softmax_regression(), optimizer=SGD(lr=0.1), epochs=6, batch_size=64)
two = curves(CONFIG, seeds=(0, 1, 2), diverged=(1,))


@pytest.mark.parametrize("name", measures.MEASURES)
def test_every_measure_ranks_every_run_and_the_diverged_one_last(name):
    measure = measures.measure(name)
    values = measure.values(two, Imagined(None))
    assert values.shape == (3,)
    assert not np.isnan(values).any()
    worse = values[1] < values[[0, 2]] if measure.rising else values[1] > values[[0, 2]]
    assert worse.all()


@pytest.mark.parametrize("name", measures.MEASURES)
def test_every_measure_says_something_of_a_run_of_one_epoch_or_asks_for_more(name):
    """A loss of one epoch cannot rise again, nor sway."""
    measure, short = measures.measure(name), curves(CONFIG.replace(epochs=1))
    if name in ("rebound", "noise", "rises"):
        assert measure.epochs == 2
        longer = curves(CONFIG.replace(epochs=2), rebound=0.5)
        assert np.isfinite(measure.values(longer)).all()
    else:
        assert measure.epochs <= 1
        assert np.isfinite(measure.values(short, Imagined(None))).all()


def test_the_page_on_statistics_lists_every_measure():
    page = (Path(__file__).parent.parent / "docs" / "statistics.md").read_text()
    listed = [line.split("; by")[0] for line in page.splitlines() if "; by " in line]
    units = {name: f", in {measure.unit}" * (measure.unit == "nats") for name, measure in measures.MEASURES.items()}
    assert listed == [f"| `{name}` | {measure.name}{units[name]}" for name, measure in measures.MEASURES.items()]


@pytest.mark.parametrize(
    "measure",
    [measures.time_to(0.7), measures.gained_by(3), measures.late_slope(2), measures.late_slope(2, "train_accuracy")],
)
def test_measures_made_for_a_question_rank_the_diverged_run_last(measure):
    values = measure.of(two)
    assert values[1] == (-np.inf if measure.rising else np.inf)
    assert np.isfinite(values[[0, 2]]).all()


def test_time_to_a_target_in_epochs_steps_and_seconds_is_the_same_moment():
    took = {unit: measures.time_to(0.7, unit=unit).of(two)[0] for unit in ("epochs", "steps", "seconds")}
    assert took["steps"] == pytest.approx(took["epochs"] * two.steps_per_epoch)
    slow = curves(CONFIG, seeds=(0, 1, 2), diverged=(1,), seconds=2.5)
    assert measures.time_to(0.7, unit="seconds").of(slow)[0] == pytest.approx(2.5 * took["epochs"])


def test_time_to_an_accuracy_waits_for_it_to_rise():
    found = measures.time_to(0.6, metric="validation_accuracy")
    assert found.of(two)[0] > 0
    assert not found.rising  # less time is better


def test_a_measure_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(UsageError, match=r"no measure 'speed'.*loss, accuracy"):
        measures.measure("speed")


def test_pairs_are_of_the_seeds_that_both_have():
    other = curves(CONFIG, seeds=(2, 5, 0))
    seeds, left, right = measures.paired(measures.MEASURES["loss"], two, other)
    assert seeds == (0, 2)
    assert left.tolist() == two.validation_loss[[0, 2], -1].tolist()
    assert right.tolist() == other.validation_loss[[2, 0], -1].tolist()


def test_a_measure_that_is_deep_asks_for_the_results():
    deep = measures.MEASURES["test-accuracy"]
    with pytest.raises(UsageError, match=r"accuracy on the test split of 'a' .* Give the results too"):
        deep.values(two)
    with pytest.raises(UsageError, match="Give the results too"):
        measures.paired(deep, two, two)
    assert measures.MEASURES["loss"].values(two).tolist() == measures.MEASURES["loss"].of(two).tolist()


def test_pairs_of_a_deep_measure_are_of_the_same_seeds():
    results = Imagined(None)
    other = curves(CONFIG, seeds=(2, 5, 0))
    seeds, left, right = measures.paired(measures.MEASURES["test-accuracy"], two, other, results)
    assert seeds == (0, 2)
    assert left.tolist() == right.tolist() == [results.correct(CONFIG, seed).mean() for seed in seeds]


def test_the_test_accuracy_of_imagined_runs_is_that_of_their_curves():
    study = Study("one", lambda: CONFIG, Grid())
    results = Imagined(study, lambda: {"seeds": (0, 1, 2), "diverged": (1,)})
    found = measures.MEASURES["test-accuracy"].values(results.curves(), results)
    assert found[[0, 2]] == pytest.approx(results.curves().final("validation_accuracy")[[0, 2]], abs=0.005)
    assert found[1] == -np.inf


def test_dead_units_are_a_share_of_all_and_a_model_without_relu_has_none():
    deep = measures.MEASURES["dead-units"]
    mixed = CONFIG.replace(model=mlp(16, 8, activation="relu"))
    results = Imagined(None)
    asleep = results.weights(mixed, 0) | {"1.bias": np.repeat([-1e6, 1e6], [12, 4]), "3.bias": np.full(8, 1e9)}
    results.weights = lambda config, seed: asleep
    assert deep.values(curves(mixed), results).tolist() == [0.5] * 3
    assert deep.values(two, Imagined(None)).tolist() == [0, np.inf, 0]
