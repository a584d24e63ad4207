# SPDX-License-Identifier: Apache-2.0
"""Tests: how surprising the seeds would be if the truth were on the margin. Each gives a two-sided p value.

They rest on few assumptions where intervals rest on more, which is why one stands beside the other. Randomness
comes from named streams. Nothing here gives a verdict: a small p value with a small difference is not a claim.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from shoal import streams

EXACT_UP_TO = 16
"""Seeds up to which all 2^n signs are tried."""
DRAWS = 2**16 - 1
"""Sign patterns drawn beyond that: p values of .05 then have a standard error of .001."""


def sign_flip(differences: np.ndarray) -> float:
    """The sign-flip test that paired differences (n,), finite, are symmetric about zero (Fisher 1935).

    The share of all 2^n ways to give the differences signs in which their mean is as far from zero as it is, or
    farther; so no p value is below 2^(1 - n). Beyond 16 seeds drawn patterns stand for all, the real one among them.
    """
    n = len(differences)
    if not n:
        return 1.0
    rounding = 1e-12 * np.abs(differences).sum()  # equal sums, added up in another order, count as equal
    observed = abs(differences.sum()) - rounding
    as_far = int(np.sum(np.abs(_signs(n) @ differences) >= observed))
    return as_far / 2 ** (n - 1) if n <= EXACT_UP_TO else (as_far + 1) / (DRAWS + 1)


@lru_cache(maxsize=8)
def _signs(n: int) -> np.ndarray:
    """(patterns, n) of ±1: all that begin with +1 (the others mirror them), or ``DRAWS`` drawn ones."""
    if n <= EXACT_UP_TO:
        patterns = np.arange(2 ** (n - 1), dtype=np.uint64)[:, None]
        bits = patterns >> np.arange(n, dtype=np.uint64)[::-1]
    else:
        words = -(-n // 64)
        drawn = streams.bits(DRAWS * words, "sign flip", 0, n).reshape(DRAWS, words)
        bits = np.unpackbits(drawn.astype("<u8").view(np.uint8), axis=1, count=n)
    return 1.0 - 2.0 * (bits & 1)


def sign_test(above: int, below: int, n: int) -> float:
    """The exact test that values fall above a margin as often as below it; they may be infinite (Arbuthnott 1710).

    Of n values those neither above nor below, ties and unknown ones, count for the lesser side: they never help.
    """
    from scipy.stats import binom

    return min(1.0, 2 * float(binom.sf(max(above, below) - 1, n, 0.5))) if n else 1.0


def mcnemar(a: ArrayLike, b: ArrayLike) -> float:
    """The exact test that two paired outcomes are equally likely (McNemar 1947): images right, runs diverged.

    Only the pairs that differ speak: of ``a`` and ``b``, boolean and of one shape, a binomial test of which won.
    """
    left, right = np.asarray(a, bool), np.asarray(b, bool)
    only_a, only_b = int(np.sum(left & ~right)), int(np.sum(right & ~left))
    return sign_test(only_a, only_b, only_a + only_b)


def holm_levels(p_values: ArrayLike, level: float = 0.95) -> np.ndarray:
    """The confidence level at which each one's own interval is to be read, there being m of them (Holm 1979).

    In the order given. The smallest p is held against (1 - level) / m, the next against (1 - level) / (m - 1) and so
    on until one fails; that one and all after it stay at its step. So they are wrong about any with probability
    1 - level at most.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    errors = (1 - level) / np.arange(len(p), 0, -1)
    failed = np.flatnonzero(p[order] > errors)
    if len(failed):
        errors[failed[0] :] = errors[failed[0]]
    levels = np.empty_like(p)
    levels[order] = 1 - errors
    return levels


def probability_better(a: np.ndarray, b: np.ndarray | float) -> float:
    """P(A > B): the share of seeds in which A is above B, ties counting as half (Bouthillier et al. 2021).

    Infinite values have their rank: two infinite ones are a tie. "Better" is "larger": swap them for a loss.
    """
    return float(np.mean((a > b) + 0.5 * (a == b))) if len(a) else float("nan")


def pair_correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Pearson's correlation of (n,) and (n,) over seeds, of ranks where one is infinite; None where there is none.

    What pairing is worth: the variance of the mean difference shrinks by 1 - correlation for equal spreads.
    """
    from scipy.stats import rankdata

    if not np.isfinite([a, b]).all():
        a, b = rankdata(a), rankdata(b)
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])
