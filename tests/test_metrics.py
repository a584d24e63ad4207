# SPDX-License-Identifier: Apache-2.0
"""The numbers that sentences are made of, on curves small enough to work out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.analysis import metrics

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
