# SPDX-License-Identifier: Apache-2.0
"""From a number per seed to a mean, its spread and its interval. It compares nothing and judges nothing.

The replicate is the seed: an interval speaks of other seeds on the same data, not of other data.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Summary:
    """What n seeds say about one quantity.

    ``sd`` and the interval need two seeds: with fewer they are None. Values that are not finite (diverged
    runs) cannot enter a mean; they are counted in ``diverged`` so that whoever prints the mean can say so.
    """

    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None
    diverged: int = 0

    @property
    def half(self) -> float | None:
        """Half the width of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> Summary:
    """Mean, sample standard deviation and Student's t interval of one value per seed, shape (n,).

    With no finite value the mean is NaN; with one there is no interval.
    """
    everything = np.asarray(values, np.float64).ravel()
    finite = everything[np.isfinite(everything)]
    n, diverged = len(finite), len(everything) - len(finite)
    if n < 2:
        return Summary(n, float(finite[0]) if n else float("nan"), None, None, None, diverged)
    alike = finite.min() == finite.max()  # rounding in the mean would give equal values a spread
    mean, sd = (float(finite[0]), 0.0) if alike else (float(finite.mean()), float(finite.std(ddof=1)))
    half = t_quantile(n - 1, confidence) * sd / float(np.sqrt(n))
    return Summary(n, mean, sd, mean - half, mean + half, diverged)


def mean_band(values: ArrayLike, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`mean_interval` of every column of (n, E): mean, low and high, each (E,), NaN where there is none."""
    columns = [mean_interval(column, confidence) for column in np.asarray(values, np.float64).T]
    mean = np.array([column.mean for column in columns])
    low = np.array([np.nan if column.low is None else column.low for column in columns])
    high = np.array([np.nan if column.high is None else column.high for column in columns])
    return mean, low, high


def t_quantile(freedom: float, confidence: float = 0.95) -> float:
    """How many standard errors a two-sided interval reaches: 2.262 for nine degrees of freedom at 95%."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + confidence) / 2))
