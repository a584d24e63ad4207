# SPDX-License-Identifier: Apache-2.0
"""A range has two ends: opinions must agree at each that a verdict depends on, and one is told, that which decides."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.analysis.comparison import compare
from shoal.analysis.verdicts import _deciding
from test_verdicts import ACCURACY, LOSS, TEN, claim, one, seeds


def ranged(values, low=0.70, high=0.74):
    return one(claim(b=(low, high), direction="within", margin=None), np.asarray(values))


LONG_TAIL_UP = [0.759, 0.703, 0.729, 0.722, 0.738, 0.712, 0.709, 0.716]
LONG_TAIL_DOWN = [0.626, 0.69, 0.674, 0.66, 0.683, 0.685, 0.688]


def test_a_range_is_supported_only_if_all_agree_at_its_upper_end_too():
    low, high = 0.7063, 0.7459
    at_low, at_high = (compare(LONG_TAIL_UP, 0.0, margin=end) for end in (low, high))
    assert (at_low.decision, at_high.side, at_high.agree) == ("above", -1, False)
    verdict = ranged(LONG_TAIL_UP, low, high)
    assert (verdict.word, verdict.comparison.margin) == ("inconclusive", high)


def test_a_range_is_refuted_only_if_all_agree_at_the_end_it_is_beyond():
    low, high = 0.5245, 0.6245
    at_high = compare(LONG_TAIL_DOWN, 0.0, margin=high)
    assert (at_high.side, at_high.agree) == (1, False)
    verdict = ranged(LONG_TAIL_DOWN, low, high)
    assert (verdict.word, verdict.comparison.margin) == ("inconclusive", high)


@pytest.mark.parametrize(
    ("mean", "word", "margin"),
    [
        (0.690, "refuted", 0.70),
        (0.710, "supported", 0.70),
        (0.735, "supported", 0.74),
        (0.760, "refuted", 0.74),
        (0.740, "inconclusive", 0.74),
        (0.700, "inconclusive", 0.70),
    ],
)
def test_the_end_that_decides_is_the_nearest_and_the_flip_is_nearest_to_it(mean, word, margin):
    verdict = ranged(seeds(mean))
    assert (verdict.word, verdict.comparison.margin) == (word, margin)
    ends = verdict.comparison.low, verdict.comparison.high
    assert verdict.flip == min(ends, key=lambda end: abs(end - margin))


def test_of_a_range_that_is_missed_the_missed_end_decides_whatever_the_other_end_s_p():
    made = claim(b=(0.70, 0.74), direction="within", margin=None)
    missed, farther = (compare(seeds(0.69), 0.0, margin=end) for end in made.region)
    assert _deciding(made, [missed, replace(farther, p=0.02)]) is missed


@pytest.mark.parametrize(("ratio", "margin"), [(1.2, 1.05), (0.9, 1 / 1.05), (1.01, 1.05), (0.99, 1 / 1.05)])
def test_so_it_is_of_ratios(ratio, margin):
    verdict = one(claim(LOSS, direction="within", margin="5%"), TEN * seeds(ratio), TEN)
    assert verdict.comparison.margin == pytest.approx(margin)


@pytest.mark.parametrize("never", [np.inf, -np.inf])
def test_a_side_that_never_arrives_is_beyond_the_end_it_passes(never):
    verdict = ranged(np.full(10, never))
    assert (verdict.word, verdict.comparison.margin) == ("refuted", 0.74 if never > 0 else 0.70)


@given(st.lists(st.integers(-20, 20), min_size=6, max_size=12), st.sampled_from([5, 10]))
def test_a_range_turned_upside_down_has_the_same_verdict(steps, half):
    """Whatever holds of the lower end holds of the upper one."""
    values = np.array(steps) / 1000
    there, back = (ranged(side, -half / 1000, half / 1000) for side in (values, -values))
    assert there.word == back.word
    assert there.p == pytest.approx(back.p)


def test_claims_that_share_a_level_are_ranked_by_the_end_that_is_harder_to_tell_from():
    values = seeds(0.735, 0.005)
    at_ends = [compare(values, 0.0, margin=end).p for end in (0.70, 0.74)]
    assert ranged(values).p == at_ends[1] > at_ends[0]


# ---- what is told of an open claim --------------------------------------------------------------------


def test_two_runs_that_never_arrive_do_not_speak_for_below():
    b = TEN.copy()
    b[:3] = np.inf
    a = b / 2
    verdict = one(claim(LOSS, direction="below", margin="5%"), a, b)
    assert np.isnan(verdict.comparison.each).sum() == 3
    assert verdict.p_better == one(claim(LOSS, margin="5%", a={"side": "b"}, b={"side": "a"}), a, b).p_better == 0.7


def test_no_number_of_seeds_is_promised_where_too_few_are_on_the_claims_side():
    few = np.array([0.30] * 7 + [-0.001] * 3)
    few[:7] += seeds(0, 0.001, n=7)
    verdict = one(claim(ACCURACY, margin="0 points"), TEN + few, TEN)
    assert (verdict.comparison.decision, verdict.word, verdict.needed) == ("above", "inconclusive", None)
    assert one(claim(), TEN + 0.02, TEN).needed == 0
