# SPDX-License-Identifier: Apache-2.0
"""Two sides compared seed by seed: by how much, how sure, and on which side of a margin. The report's one rule.

Under 20 seeds the interval is the paired t interval, with one beside it that allows for skewness; from 20 on it is
the BCa bootstrap's, with the t interval beside it. Both intervals and the sign-flip test must agree, or nothing is
decided. Where a seed is infinite (diverged, target never reached) means mean nothing: the median, its
order-statistics interval and the sign test take their place. Shares of runs with some outcome are compared exactly.
Fewer than 6 seeds decide nothing. What is claimed, and what a claim's verdict is called, is said elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from shoal.analysis.intervals import EVERYTHING, Interval, bca_interval, median_interval, skewed_t_interval, t_interval
from shoal.analysis.measures import Scale
from shoal.analysis.shares import difference_interval, difference_p, share_interval, share_p
from shoal.analysis.significance import pair_correlation, probability_better, sign_flip, sign_test
from shoal.analysis.statistics import t_quantile
from shoal.errors import UsageError

FEWEST = 6
"""Seeds below which nothing is decided: at 5 no sign-flip test can reach p < .05."""
BOOTSTRAP_FROM = 20
"""Seeds from which the bootstrap's interval is the one shown."""
MOST = 1000
"""Seeds beyond which a difference counts as out of reach."""

Method = Literal["t", "BCa", "ranks", "exact"]
Decision = Literal["above", "below", "open", "too few"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What n paired seeds say about a difference A - B, or a ratio A / B. Everything is on that scale."""

    estimate: float
    """The mean difference, the geometric mean ratio, or by ranks the median; it may be infinite."""
    low: float
    high: float
    beside: Interval | None
    """The second opinion: the t interval of which skewness is taken out, beside the bootstrap's the plain one; by
    ranks and of shares there is none."""
    n: int
    level: float
    scale: Scale
    margin: float
    """What the truth is tested against; 0, or a ratio of 1, unless named."""
    method: Method
    p: float
    """Two-sided, of the truth being the margin: the sign-flip test, by ranks the sign test, of shares the exact one."""
    p_better: float
    """The share of seeds with A above B, ties half. "Better" where more is better."""
    correlation: float | None
    """Between A and B over seeds; None for a constant side."""
    each: np.ndarray
    """(n,): the difference or ratio of every seed. Infinite where one side is, or where a ratio is of something to 0;
    NaN where both sides are infinite, or a ratio is of 0 to 0."""

    @property
    def interval(self) -> Interval:
        return Interval(self.low, self.high)

    @property
    def side(self) -> int:
        """On which side of the margin the whole interval lies: 1, -1, or 0 where the margin is in it."""
        return _side(self.interval, self.margin)

    @property
    def agree(self) -> bool:
        """Whether all opinions are the same: both intervals are on one side, and the test finds what they find."""
        found = self.p <= (1 - self.level) * (1 + 1e-9)
        return (self.side != 0) == found and (not self.beside or _side(self.beside, self.margin) == self.side)

    @property
    def decision(self) -> Decision:
        """Above or below the margin, by all opinions; else open. Too few below 6 seeds."""
        if self.n < FEWEST:
            return "too few"
        return "open" if not self.side or not self.agree else "above" if self.side > 0 else "below"


def compare(
    a: ArrayLike,
    b: ArrayLike | None = None,
    *,
    scale: Scale = "difference",
    level: float = 0.95,
    margin: float | None = None,
    outcome: bool = False,
) -> Comparison:
    """Compare A with B seed by seed.

    Args:
        a: (n,), a value per seed; of a run that diverged or never arrived the worst there is, infinity or minus it.
        b: the other side: (n,) for the same seeds in the same order, or a constant. None is 0, or 1 for a ratio.
        scale: ``"ratio"`` compares logarithms, of values that are not negative.
        level: of the interval, and of the agreement asked of the test. Sharing it among claims or looks is the
            caller's part: see `holm_levels` and `shared_level`.
        margin: a difference or a ratio; its sign is that of A - B.
        outcome: whether the values are 0 or 1, so that shares are compared, exactly.

    Raises:
        UsageError: no seed, sides of unequal length, NaN, or what has no logarithm.
    """
    ratio = scale == "ratio"
    left = np.asarray(a, np.float64)
    right = np.asarray(float(ratio) if b is None else b, np.float64)
    against = float(ratio) if margin is None else margin
    _check(left, right, against, ratio)
    both = np.broadcast_to(right, left.shape)
    correlation = None if right.ndim == 0 else pair_correlation(*(_log(x) if ratio else x for x in (left, both)))
    apart = _apart(_log(left), _log(both)) if ratio else _apart(left, both)
    zero = float(np.log(against)) if ratio else against
    tied = np.isclose(left, both * against if ratio else both + against, rtol=1e-12, atol=0)
    apart = np.where(tied & np.isfinite(apart), zero, apart)  # .855 - .85 is .005 and a little more
    back: Callable[[float], float] = (lambda value: float(np.exp(value))) if ratio else float
    if outcome:
        method, estimate, interval, beside, p = _weigh_shares(left, right, zero, level)
    else:
        method, estimate, interval, beside, p = _weigh(apart, zero, level)
    return Comparison(
        estimate=back(estimate),
        low=back(interval.low),
        high=back(interval.high),
        beside=beside and Interval(back(beside.low), back(beside.high)),
        n=len(left),
        level=level,
        scale=scale,
        margin=against,
        method=method,
        p=p,
        p_better=probability_better(left, both),
        correlation=correlation,
        each=np.exp(apart) if ratio else apart,
    )


def _check(a: np.ndarray, b: np.ndarray, margin: float, ratio: bool) -> None:
    if a.ndim != 1 or not len(a) or (b.ndim and b.shape != a.shape):
        raise UsageError(
            f"A comparison is of one value per seed on each side, but was given shapes {a.shape} and {b.shape}. "
            "Give both sides for the same seeds, one at least, in the same order; the second may be a constant."
        )
    if np.isnan(a).any() or np.isnan(b).any():
        raise UsageError(
            "A comparison was given NaN, which has no rank. metrics.worst() makes a diverged run an outcome."
        )
    if ratio and ((a < 0).any() or (b < 0).any() or not margin > 0):
        raise UsageError(
            f"A ratio needs values that are not negative and a margin above 0, but was given {min(a.min(), b.min()):g} "
            f'and a margin of {margin:g}. Use scale="difference".'
        )


def _log(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values))


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a - b; of two infinite values it is not known, NaN."""
    with np.errstate(invalid="ignore"):
        return np.asarray(a - b)


Weighed = tuple[Method, float, Interval, Interval | None, float]


def _weigh_shares(a: np.ndarray, b: np.ndarray, margin: float, level: float) -> Weighed:
    """The same of outcomes, against a constant share or another config's outcomes."""
    estimate = float(a.mean() - b.mean())
    if b.ndim:
        return "exact", estimate, difference_interval(a, b, level), None, difference_p(a, b, margin)
    share, constant = share_interval(a, level), float(b)
    return "exact", estimate, Interval(share.low - constant, share.high - constant), None, share_p(a, constant + margin)


def _weigh(apart: np.ndarray, zero: float, level: float) -> Weighed:
    """By the rule at the top of the file: method, estimate, its interval, the one beside it, and p."""
    if not np.isfinite(apart).all():
        low, high = (np.where(np.isnan(apart), end, apart) for end in EVERYTHING)
        p = sign_test(int(np.sum(apart > zero)), int(np.sum(apart < zero)), len(apart))
        return "ranks", _median(apart), median_interval(low, high, level), None, p
    mean, t, p = float(apart.mean()), t_interval(apart, level), sign_flip(apart - zero)
    if len(apart) < BOOTSTRAP_FROM:
        return "t", mean, t, skewed_t_interval(apart, level), p
    return "BCa", mean, bca_interval(apart, level), t, p


def _median(apart: np.ndarray) -> float:
    """The median, an unknown difference being neither way: 0. Between two infinite middle values the lesser one."""
    known = np.sort(np.where(np.isnan(apart), 0, apart))
    left, right = known[(len(known) - 1) // 2], known[len(known) // 2]
    return float((left + right) / 2 if np.isfinite([left, right]).all() else min(left, right, key=abs))


def _side(interval: Interval, margin: float) -> int:
    return int(interval.low > margin) - int(interval.high < margin)


def seeds_needed(of: Comparison, power: float = 0.8) -> int | None:
    """About how many more seeds would settle on which side of the margin the truth lies; 0 if it is settled.

    As many as give the t test a ``power`` of .8, were the truth what these seeds estimate (noncentral t). None where
    that is out of reach (more than 1,000), or cannot be told: the estimate is on the margin, by ranks, one seed.
    """
    if of.decision in ("above", "below"):
        return 0
    ratio = of.scale == "ratio"
    if of.n < 2 or of.method in ("ranks", "exact"):
        return None
    each = np.log(of.each) if ratio else of.each
    distance = abs(each.mean() - (np.log(of.margin) if ratio else of.margin))
    found = _fewest(float(distance), float(each.std(ddof=1)), of.level, power)
    return None if found is None else max(found - of.n, 1)


def _fewest(distance: float, sd: float, level: float, power: float) -> int | None:
    """The smallest n whose t test at that level finds ``distance`` through ``sd`` with that power."""
    from scipy.special import nctdtr

    if not distance:
        return None
    reachable = int(np.ceil(1 - np.log2(1 - level)))  # the sign-flip test's p is at least 2^(1 - n)
    n = np.arange(max(FEWEST, reachable), MOST + 1)
    if not sd:
        return int(n[0])
    bound = np.array([t_quantile(int(each) - 1, level) for each in n])
    found = 1 - nctdtr(n - 1, distance / sd * np.sqrt(n), bound)
    return int(n[np.argmax(found >= power)]) if (found >= power).any() else None
