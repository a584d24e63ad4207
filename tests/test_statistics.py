# SPDX-License-Identifier: Apache-2.0
"""Intervals, tests and comparisons against numbers worked out by hand, against SciPy's own, and against what must
hold for any numbers: turning the sides around turns the answer around, more of a margin decides less."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shoal import streams
from shoal.analysis import intervals, looks, significance, two_way
from shoal.analysis.comparison import Comparison, compare, seeds_needed
from shoal.analysis.statistics import mean_interval
from shoal.analysis.two_way import two_way_bootstrap
from shoal.errors import UsageError

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


# ---- comparisons --------------------------------------------------------------------------------------


def test_a_comparison_is_paired():
    a = 0.8 + np.linspace(0, 1, 8)
    found = compare(a + some / 100, a)
    alone = mean_interval(some / 100)
    assert (found.estimate, found.low, found.high) == pytest.approx((alone.mean, alone.low, alone.high))
    assert found.method == "t"
    assert found.correlation == pytest.approx(1, abs=0.001)
    assert found.p_better == 7 / 8
    assert found.each == pytest.approx(some / 100)


def test_a_ratio_is_compared_on_the_log_scale():
    ratios = np.array([2.0, 2.5, 2.2, 1.9, 2.4, 2.1])
    found = compare(3 * ratios, np.full(6, 3.0), scale="ratio", margin=1.5)
    logs = mean_interval(np.log(ratios))
    assert np.log([found.estimate, found.low, found.high]) == pytest.approx([logs.mean, logs.low, logs.high])
    assert found.each == pytest.approx(ratios)
    assert found.decision == "above"
    assert compare(ratios, scale="ratio").margin == 1


def test_a_difference_on_the_margin_is_on_it_whatever_rounding_says():
    assert 0.855 - 0.85 > 0.005
    assert compare(np.full(8, 0.855), np.full(8, 0.85), margin=0.005).decision == "open"
    assert compare(np.full(8, 0.3), np.full(8, 0.1), scale="ratio", margin=3.0).decision == "open"


def test_sign_flip_does_not_take_rounding_for_a_difference():
    assert significance.sign_flip(np.array([0.1, 0.2, -0.3])) == 1


def test_p_is_of_the_truth_being_the_margin():
    assert compare(some + 5, margin=5.0).p == pytest.approx(compare(some).p)
    assert compare(some + 5, margin=some.mean() + 5).p == 1


def test_a_constant_may_be_the_other_side():
    found = compare(0.8 + some / 100, 0.8)
    assert found.estimate == pytest.approx(some.mean() / 100)
    assert found.correlation is None


def test_from_twenty_seeds_on_the_bootstraps_interval_is_shown_beside_the_t_interval():
    found = compare(lopsided)
    assert found.method == "BCa"
    assert found.interval == intervals.bca_interval(lopsided)
    assert found.beside == intervals.t_interval(lopsided)
    assert compare(lopsided[:19]).method == "t"


def test_with_five_seeds_nothing_is_decided():
    assert compare(np.full(5, 3.0)).decision == "too few"
    assert compare(np.full(6, 3.0)).decision == "above"
    assert compare(np.full(6, -3.0)).decision == "below"


def test_a_single_seed_says_that_everything_is_possible():
    found = compare([2.0], scale="ratio")
    assert (found.estimate, found.low, found.high, found.p) == (pytest.approx(2), 0, INF, 1)
    assert seeds_needed(found) is None


def test_opinions_that_differ_decide_nothing_and_show_it():
    by_test = np.array([0.2, 1, 1, 1, 1, -0.01])  # t: above 0; all signs: .0625
    found = compare(by_test)
    assert found.side == 1
    assert found.p > 0.05
    assert not found.agree
    assert found.decision == "open"


def test_a_long_tail_towards_the_margin_is_seen_by_the_interval_beside():
    tail = 1.62 - lopsided[:10]
    found = compare(tail, margin=tail.mean() - 1.001 * (tail.mean() - intervals.t_interval(tail).low))
    assert found.side == 1
    assert found.beside is not None
    assert found.beside.low < found.margin
    assert found.decision == "open"


def test_a_diverged_run_keeps_its_rank_and_is_never_dropped():
    a, b = np.full(10, 1.0), np.full(10, 0.5)
    a[3] = INF
    found = compare(a, b)
    assert (found.method, found.n, found.decision) == ("ranks", 10, "above")
    assert (found.estimate, found.low, found.high) == (0.5, 0.5, 0.5)
    assert found.p == 2 / 1024
    assert compare(b, a).decision == "below"


def test_most_runs_diverged_is_an_infinite_difference():
    a = np.where(np.arange(10) < 9, INF, 1.0)
    found = compare(a, np.ones(10))
    assert (found.estimate, found.low, found.high, found.decision) == (INF, INF, INF, "above")


def test_two_runs_that_both_never_arrive_speak_for_neither_side():
    a, b = np.array([INF] * 4 + [9.0] * 6), np.array([INF] * 4 + [1.0] * 6)
    found = compare(a, b, scale="ratio")
    assert np.isnan(found.each[:4]).all()
    assert found.decision == "open"
    assert (found.low, found.high) == (0, INF)
    assert compare(a[4:], b[4:], scale="ratio").decision == "above"


def test_a_time_of_zero_is_a_ratio_of_zero():
    found = compare([0.0, 1, 1, 1, 1, 1, 1], np.full(7, 2.0), scale="ratio")
    assert (found.method, found.estimate, found.decision) == ("ranks", pytest.approx(0.5), "below")


@given(outcomes, outcomes, st.sampled_from([0.0, 0.5, 3.0]))
def test_turned_around_sides_turn_the_answer_around(a, b, margin):
    n = min(len(a), len(b))
    one, other = compare(a[:n], b[:n], margin=margin), compare(b[:n], a[:n], margin=-margin)
    assert {"above": "below", "below": "above"}.get(one.decision, one.decision) == other.decision
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.p == pytest.approx(other.p)
    assert one.p_better == pytest.approx(1 - other.p_better)


@given(outcomes, st.floats(0, 2), st.floats(0.01, 3))
def test_a_larger_margin_never_makes_more_of_a_difference(values, margin, more):
    wider = compare(values, margin=margin + more)
    if wider.side > 0:
        assert compare(values, margin=margin).side > 0


@given(numbers.filter(lambda values: len(values) >= 6), st.sampled_from([0.01, 7.0, 1000.0]))
def test_the_unit_does_not_matter(values, unit):
    one, other = compare(values, margin=0.5), compare(unit * np.array(values), margin=0.5 * unit)
    assert one.decision == other.decision
    assert one.p == pytest.approx(other.p)


@pytest.mark.parametrize(
    ("a", "b", "scale", "said"),
    [
        ([], None, "difference", "one value per seed"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], "difference", "shapes"),
        ([1.0, np.nan], None, "difference", "worst"),
        ([1.0, -2.0], None, "ratio", "not negative"),
    ],
)
def test_what_cannot_be_compared_is_refused(a, b, scale, said):
    with pytest.raises(UsageError, match=said):
        compare(a, b, scale=scale)


def test_a_ratios_margin_must_be_a_ratio():
    with pytest.raises(UsageError, match="margin above 0"):
        compare(some + 1, scale="ratio", margin=0.0)


# ---- seeds still needed -------------------------------------------------------------------------------


def unsettled(effect: float, n: int = 10, **options) -> Comparison:
    values = np.array([-1.0, 1.0] * (n // 2))
    return compare(effect + values / values.std(ddof=1), **options)


def test_seeds_needed_are_those_that_give_the_t_test_its_power():
    """Half a standard deviation at power .8: 34 seeds, as in Cohen's tables."""
    assert seeds_needed(unsettled(0.5)) == 34 - 10


def test_seeds_needed_grow_as_the_estimate_nears_the_margin():
    needed = [seeds_needed(unsettled(0.5, margin=margin)) for margin in (0.0, 0.2, 0.4)]
    assert needed == sorted(needed)
    assert seeds_needed(unsettled(0.5, margin=0.5)) is None
    assert seeds_needed(unsettled(0.001)) is None


def test_a_settled_difference_needs_no_more():
    assert seeds_needed(unsettled(5.0)) == 0


def test_too_few_seeds_need_as_many_as_can_decide_at_all():
    assert seeds_needed(compare(np.array([3.0, 3.01, 3.02, 3.0]))) == 2
    assert seeds_needed(compare(np.array([3.0, 3.01, 3.02, 3.0]), level=0.99)) == 8 - 4


def test_seeds_needed_of_a_ratio_are_those_of_its_logarithm():
    of = unsettled(0.5)
    assert seeds_needed(compare(np.exp(of.each), scale="ratio")) == seeds_needed(of)


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
