# SPDX-License-Identifier: Apache-2.0
"""Intervals: from a number per seed to where the quantity behind them lies. Each is a pair (low, high).

The estimand is the mean over seeds, or the median where a seed is infinite. Randomness comes from named streams,
so the same numbers give the same interval. Nothing here compares, tests or judges.
"""

from functools import lru_cache
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from shoal import streams
from shoal.analysis.statistics import mean_interval

RESAMPLES = 9999
"""Bootstrap resamples: the ends of a 95% interval then lie within about 2% of its half-width of their limits."""


class Interval(NamedTuple):
    low: float
    high: float

    def excludes(self, value: float) -> bool:
        return self.low > value or self.high < value


EVERYTHING = Interval(float("-inf"), float("inf"))
"""What fewer than two seeds say."""


def t_interval(values: np.ndarray, level: float = 0.95) -> Interval:
    """Student's t interval of the mean of finite values (n,); of paired differences it is the paired t interval.

    Exact for normal values, good for symmetric ones, too hopeful for skewed ones while n is small ("Student" 1908).
    """
    found = mean_interval(values, level)
    return EVERYTHING if found.low is None or found.high is None else Interval(found.low, found.high)


def bca_interval(values: np.ndarray, level: float = 0.95) -> Interval:
    """The bias-corrected and accelerated bootstrap interval of the mean of finite values (n,) (Efron 1987).

    It follows the skewness of the values, but needs about twenty of them: with fewer it is too narrow.
    The resamples are those of a named stream, the same for every n values.
    """
    if len(values) < 2:
        return EVERYTHING
    if values.min() == values.max():
        return Interval(float(values[0]), float(values[0]))
    from scipy.stats import bootstrap

    means = SimpleNamespace(bootstrap_distribution=_resamples(len(values)) @ values)
    found = bootstrap((values,), np.mean, n_resamples=0, bootstrap_result=means, confidence_level=level)
    return Interval(float(found.confidence_interval.low), float(found.confidence_interval.high))


@lru_cache(maxsize=4)
def _resamples(n: int) -> np.ndarray:
    """(RESAMPLES, n): how much of a resample's mean each value makes up."""
    drawn = (streams.uniforms(RESAMPLES * n, "bootstrap", 0, n) * n).astype(np.int64).reshape(RESAMPLES, n)
    places = drawn + n * np.arange(RESAMPLES)[:, None]
    return np.bincount(places.ravel(), minlength=RESAMPLES * n).reshape(RESAMPLES, n) / n


def median_interval(low: np.ndarray, high: np.ndarray, level: float = 0.95) -> Interval:
    """The order-statistics interval of the median, exact for any distribution; values may be infinite.

    Args:
        low, high: (n,) each: the least and the most that each seed's value can be. They differ where a value is
            not known, as the difference of two infinite ones: the interval then allows for either.

    The interval leaves out as many values at each end as the binomial allows (Thompson 1936); where n is too small
    for the level to be reached, below 6 at 95%, it is everything.
    """
    from scipy.stats import binom

    n = len(low)
    left_out = int(binom.ppf((1 - level) / 2, n, 0.5)) if n else 0
    if not left_out:
        return EVERYTHING
    return Interval(float(np.sort(low)[left_out - 1]), float(np.sort(high)[n - left_out]))


def proportion_interval(count: int, n: int, level: float = 0.95) -> Interval:
    """The exact interval of a proportion of which ``count`` of n were seen (Clopper and Pearson 1934)."""
    from scipy.stats import binomtest

    if not n:
        return Interval(0.0, 1.0)
    found = binomtest(count, n).proportion_ci(level, method="exact")
    return Interval(float(found.low), float(found.high))
