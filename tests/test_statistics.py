# SPDX-License-Identifier: Apache-2.0
"""Intervals and tests against numbers worked out by hand, against SciPy's own, and against what must hold for any
numbers."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shoal import streams
from shoal.analysis import intervals, looks, significance, two_way
from shoal.analysis.comparison import compare
from shoal.analysis.statistics import mean_interval
from shoal.analysis.two_way import two_way_bootstrap

INF = np.inf
some = np.array([0.3, -0.1, 0.5, 0.9, 0.2, 0.4, 0.7, 0.1])
lopsided = -np.log(streams.uniforms(25, "test statistics", 0))
numbers = st.lists(st.integers(-40, 40).map(lambda whole: whole / 8), min_size=1, max_size=12)
outcomes = st.lists(st.one_of(st.integers(-9, 9).map(float), st.just(INF)), min_size=6, max_size=12)


# ---- intervals ----------------------------------------------------------------------------------------


def test_the_t_interval_is_scipys():
    expected = stats.ttest_1samp(some, 0).confidence_interval(0.9)
    assert intervals.t_interval(some, 0.9) == pytest.approx((expected.low, expected.high))


def test_fewer_seeds_than_an_interval_needs_leave_everything_possible():
    assert intervals.t_interval(some[:1]) == intervals.EVERYTHING
    assert intervals.skewed_t_interval(some[:2]) == intervals.EVERYTHING
    assert intervals.bca_interval(some[:1]) == intervals.EVERYTHING


@pytest.mark.parametrize("interval", [intervals.t_interval, intervals.skewed_t_interval, intervals.bca_interval])
def test_equal_values_have_an_interval_of_a_point(interval):
    assert interval(np.full(20, 0.1)) == (0.1, 0.1)


def test_the_skewed_interval_solves_halls_cubic_at_both_ends():
    n, mean, sd = len(lopsided), lopsided.mean(), lopsided.std(ddof=1)
    bend = stats.skew(lopsided, bias=False) / np.sqrt(n)
    for end, quantile in zip(intervals.skewed_t_interval(lopsided), (0.975, 0.025), strict=True):
        t = (mean - end) / (sd / np.sqrt(n))
        bent = t + bend * t**2 / 3 + bend**2 * t**3 / 27 + bend / 6
        assert bent == pytest.approx(stats.t.ppf(quantile, n - 1))


def test_without_skewness_the_skewed_interval_is_the_t_interval():
    even = np.array([-3.0, -1, -1, 0, 1, 1, 3])
    assert intervals.skewed_t_interval(even) == pytest.approx(intervals.t_interval(even))


@pytest.mark.parametrize("interval", [intervals.skewed_t_interval, intervals.bca_interval])
def test_the_interval_of_skewed_values_reaches_farther_to_their_long_tail(interval):
    low, high = interval(lopsided)
    assert high - lopsided.mean() > 1.2 * (lopsided.mean() - low)


def test_the_bootstrap_interval_is_scipys_at_the_raised_level():
    n = len(lopsided)
    raised = 2 * stats.norm.cdf(np.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1)) - 1
    drawn = stats.bootstrap((lopsided,), np.mean, confidence_level=raised, random_state=1)
    expected = drawn.confidence_interval
    assert intervals.bca_interval(lopsided) == pytest.approx((expected.low, expected.high), abs=0.03)


def test_the_bootstrap_draws_the_same_again():
    first = intervals.bca_interval(lopsided)
    intervals._resamples.cache_clear()
    assert intervals.bca_interval(lopsided) == first


def test_resamples_are_of_n_values_each():
    weights = intervals._resamples(5)
    assert weights.shape == (intervals.RESAMPLES, 5)
    assert weights.sum(axis=1) == pytest.approx(1)
    assert weights.mean(axis=0) == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("n", [6, 10, 15, 20, 30])
def test_the_medians_interval_leaves_out_what_the_binomial_allows(n):
    values = np.arange(float(n))
    low, high = intervals.median_interval(values, values)
    left_out = int(low)
    assert high == n - 1 - left_out
    assert 2 * stats.binom.cdf(left_out, n, 0.5) <= 0.05 < 2 * stats.binom.cdf(left_out + 1, n, 0.5)


def test_five_values_give_the_median_no_interval():
    assert intervals.median_interval(some[:5], some[:5]) == intervals.EVERYTHING


def test_clopper_and_pearson_on_eight_of_ten():
    assert intervals.proportion_interval(8, 10) == pytest.approx((0.4439, 0.9748), abs=1e-4)
    assert intervals.proportion_interval(0, 10).low == 0
    assert intervals.proportion_interval(0, 0) == (0, 1)


# ---- tests --------------------------------------------------------------------------------------------


@given(numbers)
def test_sign_flip_counts_all_signs(values):
    differences = np.array(values)
    flips = itertools.product([1, -1], repeat=len(values))
    sums = [abs(float(np.dot(signs, differences))) for signs in flips]
    expected = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-9)
    assert significance.sign_flip(differences) == pytest.approx(expected)


def test_sign_flip_reaches_two_in_two_to_the_n_at_best():
    assert significance.sign_flip(np.ones(6)) == 2 / 64
    assert significance.sign_flip(np.array([0.1, 0.2, 0.3, 0.4, 0.5])) > 0.05


def test_sign_flip_beyond_sixteen_is_drawn_and_near_the_truth():
    values = np.concatenate([some, some - 0.35])
    exact = significance.sign_flip(values)
    padded = significance.sign_flip(np.append(values, 0.0))  # a zero changes nothing but the way it is computed
    assert 0.03 < exact < 0.2
    assert padded == pytest.approx(exact, abs=0.005)
    assert padded != exact


def test_the_sign_test_counts_ties_for_the_lesser_side():
    assert significance.sign_test(6, 0, 6) == 2 / 64
    assert significance.sign_test(6, 0, 7) == pytest.approx(stats.binomtest(6, 7).pvalue)
    assert significance.sign_test(0, 0, 0) == significance.sign_test(3, 3, 6) == 1


def test_mcnemar_looks_at_pairs_that_differ_only():
    a = np.array([1] * 9 + [0] * 1 + [1] * 50 + [0] * 7, bool)
    b = np.array([0] * 9 + [1] * 1 + [1] * 50 + [0] * 7, bool)
    assert significance.mcnemar(a, b) == pytest.approx(stats.binomtest(9, 10).pvalue)
    assert significance.mcnemar(a, a) == 1


def test_holms_levels_of_the_textbooks_four():
    """Adjusted, these p values are .03, .06, .06 and .02: two of four stand at 5%, and the third stops at .05 / 2."""
    levels = significance.holm_levels([0.01, 0.04, 0.03, 0.005])
    assert levels == pytest.approx([1 - 0.05 / 3, 1 - 0.05 / 2, 1 - 0.05 / 2, 1 - 0.05 / 4])


@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=8))
def test_holms_levels_decide_as_its_adjusted_p_values_do(p_values):
    p = np.array(p_values)
    by_level = p <= (1 - significance.holm_levels(p)) * (1 + 1e-12)
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    assert by_level[order].tolist() == (adjusted <= 0.05 * (1 + 1e-12)).tolist()


def test_probability_better_halves_ties():
    a, b = np.array([1.0, 2, 3, INF]), np.array([0.0, 2, 4, INF])
    assert significance.probability_better(a, b) == 0.5
    assert significance.probability_better(a, 0.0) == 1


def test_pair_correlation_is_pearsons_and_of_ranks_where_one_is_infinite():
    other = some**2 + np.arange(8)
    assert significance.pair_correlation(some, other) == pytest.approx(stats.pearsonr(some, other).statistic)
    one_lost = np.append(other[:-1], INF)
    assert significance.pair_correlation(some, one_lost) == pytest.approx(stats.spearmanr(some, one_lost).statistic)
    assert significance.pair_correlation(some, np.ones(8)) is None


# ---- looks --------------------------------------------------------------------------------------------


def test_one_look_has_the_whole_level():
    assert looks.shared_level((10,)) == pytest.approx(0.95)


def test_pococks_constants_come_out():
    """Pocock 1977, table 1: 2.178, 2.289, 2.361 for two, three, four looks at 5%."""
    for count, constant in ((2, 2.178), (3, 2.289), (4, 2.361)):
        level = looks.shared_level(tuple(range(1, count + 1)))
        assert stats.norm.ppf((1 + level) / 2) == pytest.approx(constant, abs=5e-4)


def test_looks_share_less_than_bonferroni_takes():
    assert 0.95 < looks.shared_level() < 1 - 0.05 / 3


# ---- seeds × images -----------------------------------------------------------------------------------


def matrix(seeds: int, images: int, own: float, skill: float) -> np.ndarray:
    """Right where the image's ease plus the seed's skill plus noise of its own is above zero."""
    ease, skills = streams.normals(images, "ease", 0), streams.normals(seeds, "skill", 0)
    noise = streams.normals(seeds * images, "noise", 0).reshape(seeds, images)
    return 1 + ease + skill * skills[:, None] + own * noise > 0


def test_when_all_seeds_agree_the_images_make_the_interval():
    right = matrix(8, 1000, own=0, skill=0)
    found = two_way_bootstrap(right)
    expected = np.sqrt(right[0].mean() * (1 - right[0].mean()) / 999)
    assert found.seeds == 0
    assert found.images == pytest.approx(expected)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * expected, rel=0.1)


def test_when_seeds_differ_much_they_make_the_interval():
    right = np.repeat(np.linspace(0, 1, 400) < np.array([[0.2], [0.5], [0.6], [0.7], [0.8], [0.9]]), 5, axis=1)
    found = two_way_bootstrap(right)
    by_seeds = mean_interval(right.mean(axis=1))
    assert by_seeds.half is not None
    assert found.seeds > 5 * found.images
    assert (found.high - found.low) / 2 == pytest.approx(by_seeds.half, rel=0.04)


def test_the_interval_is_what_drawing_seeds_and_images_would_give():
    right = matrix(5, 60, own=0.5, skill=0.5).astype(float)
    drawn = streams.uniforms(4000 * 64, "drawing", 0).reshape(4000, 64)
    means = [right[np.ix_((d[:4] * 5).astype(int), (d[4:] * 60).astype(int))].mean() for d in drawn]
    assert two_way._resampled_deviation(right) == pytest.approx(np.std(means), rel=0.05)


def test_seeds_and_images_make_a_wider_interval_than_seeds_alone():
    right = matrix(6, 300, own=0.5, skill=0.1)
    found = two_way_bootstrap(right)
    assert found == two_way_bootstrap(right.astype(float))
    assert found.low < right.mean() < found.high
    wider = mean_interval(right.mean(axis=1))
    assert wider.low is not None
    assert found.low < wider.low


def test_one_seed_has_no_interval_over_seeds():
    found = two_way_bootstrap(matrix(1, 100, 0.5, 0.1))
    assert (found.low, found.high) == intervals.EVERYTHING
    assert np.isnan(found.seeds)


@pytest.mark.parametrize("values", [np.zeros(20), np.zeros(6), np.full(8, INF)])
def test_sides_that_are_the_same_are_compared_without_a_warning_and_left_open(values):
    found = compare(values, values)
    assert (found.decision, found.p, found.p_better, found.correlation) == ("open", 1, 0.5, None)
