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
from shoal.analysis.statistics import mean_interval, t_quantile

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

    Exact for normal values, good for symmetric ones; for skewed ones it stops short on the side of the long tail
    while n is small ("Student" 1908).
    """
    found = mean_interval(values, level)
    return EVERYTHING if found.low is None or found.high is None else Interval(found.low, found.high)


def skewed_t_interval(values: np.ndarray, level: float = 0.95) -> Interval:
    """The t interval of the mean of finite values (n,) with their skewness taken out (Hall 1992).

    Student's t is bent by a cubic with the sample's skewness γ, g(t) = t + bt²/3 + b²t³/27 + b/6 with b = γ/√n, which
    makes it symmetric again; these are the ends at which g(t) meets the quantiles. Needs three values.
    """
    n = len(values)
    if n < 3:
        return EVERYTHING
    found = t_interval(values, level)
    if found.low == found.high:
        return found
    sd = float(values.std(ddof=1))
    skewness = n / (n - 1) / (n - 2) * float(np.sum(((values - values.mean()) / sd) ** 3))
    reach, bend, error = t_quantile(n - 1, level), skewness / n**0.5, sd / n**0.5
    low, high = (float(values.mean()) - error * _unbent(end, bend) for end in (reach, -reach))
    return Interval(low, high)


def _unbent(y: float, bend: float) -> float:
    """The t at which Hall's cubic is y."""
    if abs(bend) < 1e-6:
        return y
    return float(3 / bend * (np.cbrt(1 + bend * (y - bend / 6)) - 1))


def bca_interval(values: np.ndarray, level: float = 0.95) -> Interval:
    """The bias-corrected and accelerated bootstrap interval of the mean of finite values (n,) (Efron 1987).

    It follows the skewness of the values, but takes the n values for all there is and comes out too narrow, so its
    level is raised by what Student's t reaches beyond the normal quantile (Hesterberg 2015); about twenty values
    are needed all the same. The resamples are those of a named stream, the same for every n values.
    """
    if len(values) < 2:
        return EVERYTHING
    if values.min() == values.max():
        return Interval(float(values[0]), float(values[0]))
    from scipy.special import ndtr
    from scipy.stats import bootstrap

    n = len(values)
    raised = float(2 * ndtr((n / (n - 1)) ** 0.5 * t_quantile(n - 1, level)) - 1)
    means = SimpleNamespace(bootstrap_distribution=_resamples(n) @ values)
    found = bootstrap((values,), np.mean, n_resamples=0, bootstrap_result=means, confidence_level=raised)
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
