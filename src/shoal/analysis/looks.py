# SPDX-License-Identifier: Apache-2.0
"""Looking more than once: at 10, 20 and 30 seeds, with the error level of one look shared among all three.

Whoever tests at every look at 95% and stops at the first success errs far more often than in 5% of studies. Here
every look uses one stricter level, the same for all (Pocock 1977), computed for the looks planned: it is simple to
tell, stops early where the difference is plain, and asks for fewer seeds than dividing the error by three would.
A study that is looked at once keeps the whole level.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

LOOKS = (10, 20, 30)


def planned(most: int) -> tuple[int, ...]:
    """The looks of a study that ends with so many seeds: every ten, and the last; `LOOKS` for 30."""
    return (*range(LOOKS[0], most, LOOKS[0]), most)


@lru_cache(maxsize=32)
def shared_level(looks: tuple[int, ...] = LOOKS, level: float = 0.95) -> float:
    """The confidence level of every look that makes the level of all together ``level``: .978 for 10, 20, 30.

    Under the margin's truth the standardised means at the looks are a Gaussian walk with known correlations; this
    finds the bound that it leaves with probability 1 - level.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    bound = brentq(lambda z: crossing(looks, z) - (1 - level), 0.5, 8.0, xtol=1e-9)
    return float(2 * ndtr(bound) - 1)


def family_level(claims: int, looks: tuple[int, ...] = LOOKS, level: float = 0.95) -> float:
    """The level of one look for several claims together, which Holm's steps then divide among them.

    A part of `shared_level` would be a little too lax: the smaller an error, the less of it is shared between looks
    (of eleven claims at three looks one would be false in 5.6% of studies). So each claim's part is divided among
    the looks, and the parts of one look are put together again: .980 for eleven claims at 10, 20, 30.
    """
    count = max(claims, 1)
    return 1 - count * (1 - shared_level(tuple(looks), 1 - (1 - level) / count))


def crossing(looks: Sequence[int], bound: float, points: int = 200) -> float:
    """The probability that a standardised mean is beyond ± ``bound`` at one look at least.

    By recursion over the looks (Armitage, McPherson and Rowe 1969): the density of the sum among the studies that
    have not stopped, carried from look to look by quadrature.
    """
    from scipy.special import ndtr

    grid, weights = _nodes(points)
    start, sums, density = 0, np.zeros(1), np.ones(1)
    stopped = 0.0
    for at in looks:
        spread, edge = np.sqrt(at - start), bound * np.sqrt(at)
        beyond = ndtr((-edge - sums) / spread) + ndtr((sums - edge) / spread)
        stopped += float(density @ beyond)
        reached = grid * edge
        steps = np.exp(-(((reached[:, None] - sums) / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi))
        start, sums, density = at, reached, (steps @ density) * weights * edge
    return stopped


@lru_cache(maxsize=4)
def _nodes(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Where on [-1, 1] to look, and how much each counts (Gauss and Legendre)."""
    grid, weights = np.polynomial.legendre.leggauss(points)
    return grid, weights
