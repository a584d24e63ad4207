# SPDX-License-Identifier: Apache-2.0
"""Shares of runs with some outcome: their exact intervals cover what they promise, for every truth tried."""

import numpy as np
import pytest
from scipy.stats import binom, multinomial

from shoal.analysis.comparison import compare
from shoal.analysis.shares import difference_interval, difference_p, share_interval, share_p


def outcomes(count: int, n: int = 10) -> np.ndarray:
    return (np.arange(n) < count).astype(float)


@pytest.mark.parametrize("truth", [0.02, 0.2, 0.5, 0.77, 0.99])
def test_the_interval_of_a_share_covers_the_truth(truth):
    covered = [k for k in range(11) if not share_interval(outcomes(k)).excludes(truth)]
    assert binom.pmf(covered, 10, truth).sum() >= 0.95


@pytest.mark.parametrize("truth", [(0.1, 0.1), (0.5, 0.1), (0.8, 0.0), (0.3, 0.3)])
def test_the_interval_of_a_difference_covers_the_truth(truth):
    """All the ways in which eight pairs can come out: A alone, B alone, or both alike."""
    only_a, only_b = truth
    covered = 0.0
    for i in range(9):
        for j in range(9 - i):
            a, b = np.zeros(8), np.zeros(8)
            a[:i], b[i : i + j] = 1, 1
            if not difference_interval(a, b).excludes(only_a - only_b):
                covered += multinomial.pmf([i, j, 8 - i - j], 8, [only_a, only_b, 1 - only_a - only_b])
    assert covered >= 0.95


@pytest.mark.parametrize("count", range(11))
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_interval_and_p_value_of_a_share_agree(count, share):
    outside = share_interval(outcomes(count)).excludes(share)
    assert outside == (share_p(outcomes(count), share) <= 0.05)


def test_interval_and_p_value_of_a_difference_agree_on_a_margin():
    a, b = outcomes(9), outcomes(0)
    error = difference_p(a, b, 0.3)
    assert difference_interval(a, b, 1 - error * 1.01).excludes(0.3)
    assert not difference_interval(a, b, 1 - error * 0.99).excludes(0.3)


def test_equal_shares_are_tested_by_the_pairs_that_differ():
    assert difference_p(outcomes(6), outcomes(0)) == 2 * 0.5**6
    assert difference_p(outcomes(6), outcomes(6)) == 1


def test_ten_of_ten_is_not_certainty():
    found = compare(outcomes(10), 0.0, outcome=True)
    assert (found.method, found.estimate, found.high) == ("exact", 1, 1)
    assert found.low == pytest.approx(0.025**0.1)
    assert compare(outcomes(10), 0.0).low == 1  # which Student's t would take it for


def test_a_constant_shifts_the_share_and_its_interval():
    found, plain = compare(outcomes(7), 0.5, outcome=True), compare(outcomes(7), 0.0, outcome=True)
    assert (found.estimate, found.low, found.high) == pytest.approx((0.2, plain.low - 0.5, plain.high - 0.5))
