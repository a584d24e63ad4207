# SPDX-License-Identifier: Apache-2.0
"""Outcomes that a run has or has not, such as having diverged: exact intervals and tests of a share, or of the
difference of two shares over the same seeds.

Ten of ten is not certainty, which Student's t would take it for. Nothing here judges.
"""

import numpy as np

from shoal.analysis.intervals import Interval, proportion_interval
from shoal.analysis.significance import mcnemar


def share_interval(outcomes: np.ndarray, level: float = 0.95) -> Interval:
    """The exact interval of the share of outcomes (n,), 0 or 1 (Clopper and Pearson 1934)."""
    return proportion_interval(int(np.sum(outcomes)), len(outcomes), level)


def share_p(outcomes: np.ndarray, share: float) -> float:
    """The two-sided p value of the true share being ``share``: twice the smaller tail, which the interval inverts."""
    from scipy.stats import binom

    count, n = int(np.sum(outcomes)), len(outcomes)
    return min(1.0, 2 * float(min(binom.cdf(count, n, share), binom.sf(count - 1, n, share))))


def difference_interval(a: np.ndarray, b: np.ndarray, level: float = 0.95) -> Interval:
    """An interval of the difference of two shares over the same seeds, (n,) each.

    Only pairs that differ speak: the share of pairs with A alone less that of pairs with B alone, each in its exact
    interval at half the error (Bonferroni), so that it is rather too wide than too narrow.
    """
    halved = (1 + level) / 2
    only_a, only_b = share_interval(a > b, halved), share_interval(a < b, halved)
    return Interval(only_a.low - only_b.high, only_a.high - only_b.low)


def difference_p(a: np.ndarray, b: np.ndarray, margin: float = 0.0) -> float:
    """The two-sided p value of the shares differing by ``margin``: McNemar's exact test where that is 0, else the
    error at which the interval just excludes it."""
    if margin == 0:
        return mcnemar(a > b, a < b)
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if difference_interval(a, b, 1 - middle).excludes(margin) else (middle, high)
    return high
