# SPDX-License-Identifier: Apache-2.0
"""Comparisons of two sides: turning them around turns the answer around, more of a margin decides less, and what is
still needed to decide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal import streams
from shoal.analysis import intervals, significance
from shoal.analysis.comparison import Comparison, compare, seeds_needed
from shoal.analysis.statistics import mean_interval
from shoal.errors import UsageError

INF = np.inf
some = np.array([0.3, -0.1, 0.5, 0.9, 0.2, 0.4, 0.7, 0.1])
lopsided = -np.log(streams.uniforms(25, "test statistics", 0))
numbers = st.lists(st.integers(-40, 40).map(lambda whole: whole / 8), min_size=1, max_size=12)
outcomes = st.lists(st.one_of(st.integers(-9, 9).map(float), st.just(INF)), min_size=6, max_size=12)


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
