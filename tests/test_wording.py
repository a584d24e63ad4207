# SPDX-License-Identifier: Apache-2.0
"""Numbers in words, and the intervals whose width decides their digits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal import wording
from shoal.analysis.statistics import mean_band, mean_interval, t_quantile


def test_interval_is_students():
    summary = mean_interval([1.0, 2.0, 3.0, 4.0])
    assert summary.mean == 2.5
    assert summary.sd == pytest.approx(math.sqrt(5 / 3))
    assert summary.half == pytest.approx(3.182446 * math.sqrt(5 / 3) / 2, rel=1e-6)
    assert t_quantile(9) == pytest.approx(2.262157, rel=1e-6)


def test_one_seed_has_no_interval_and_diverged_ones_are_counted():
    one = mean_interval([0.8])
    assert (one.n, one.mean, one.sd, one.low, one.half) == (1, 0.8, None, None, None)
    some = mean_interval([0.8, np.nan, 0.9, np.inf])
    assert (some.n, some.diverged) == (2, 2)
    assert some.mean == pytest.approx(0.85)
    assert math.isnan(mean_interval([np.nan]).mean)


def test_band_is_the_interval_of_each_column():
    values = np.array([[1.0, 5.0, np.nan], [2.0, np.nan, np.nan], [4.0, 6.0, np.nan]])
    mean, low, high = mean_band(values)
    assert mean[:2] == pytest.approx([7 / 3, 5.5])
    assert high[0] == pytest.approx(mean_interval([1, 2, 4]).high)
    assert np.isnan([mean[2], low[2], high[2]]).all()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (wording.fixed(0.8312, 3), ".831"),
        (wording.fixed(-0.0001, 3), ".000"),
        (wording.fixed(-1234.5, 1), "−1,234.5"),
        (wording.fixed(math.nan, 1), "undefined"),
        (wording.significant(0.045), ".0450"),
        (wording.significant(1.2e-7, 2), "1.2 × 10⁻⁷"),
        (wording.significant(12.34), "12.3"),
        (wording.interval(0.8288, 0.8331), "[.829, .833]"),
        (wording.interval(None, None), "–"),
        (wording.count(1, "seed"), "1 seed"),
        (wording.count(60_000, "image"), "60,000 images"),
        (wording.seeds(10), "n = 10 seeds"),
        (wording.listed(["a"]), "a"),
        (wording.listed(["a", "b", "c"]), "a, b and c"),
        (wording.size(999), "999 bytes"),
        (wording.size(1_300_000), "1.30 MB"),
        (wording.size(999_999), "1.00 MB"),
        (wording.duration(0.34), "340 ms"),
        (wording.duration(59.7), "1 min"),
        (wording.duration(200), "3 min 20 s"),
        (wording.duration(7500), "2 h 05 min"),
        (wording.times(2.54), "2.5×"),
        (wording.percent(0.834), "83%"),
    ],
)
def test_words(said, expected):
    assert said == expected


def test_digits_follow_the_interval():
    assert wording.measured(mean_interval([0.831, 0.829, 0.834, 0.830])) == ".831 ± .003"
    assert wording.measured(mean_interval([0.8314])) == ".831"
    assert wording.measured(mean_interval([0.8, 1.0])) == ".900"
    assert wording.measured(mean_interval([0.831, 0.829, 0.834])) == ".831"
    assert wording.decimals_for(0.0021) == 3
    assert wording.decimals_for(0.013) == 3
    assert wording.decimals_for(4.2) == 0


@given(st.floats(1e-5, 1e3))
def test_half_an_interval_is_never_rounded_away(half):
    shown = float(f"{half:.{wording.decimals_for(half)}f}")
    assert shown > 0
    assert abs(shown - half) <= half / 2 + 1e-12
