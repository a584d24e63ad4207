# SPDX-License-Identifier: Apache-2.0
"""The difference of two accuracies for other seeds on other images: that its interval holds what it says."""

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from shoal import streams
from shoal.analysis.statistics import mean_interval
from shoal.analysis.two_way import two_scopes, two_way_bootstrap
from shoal.errors import UsageError

NORMAL = NormalDist()


def study(number: int, seeds: int = 8, images: int = 300) -> tuple[np.ndarray, np.ndarray, float]:
    """Two configs on the same seeds and images, and how far A's accuracy truly is above B's.

    A run is right where its skill, which both sides of a seed share in part, the image's ease and luck of its own add
    up to more than nothing; A is better by a little, on average over images: their ease differs for A and B.
    """
    hard = streams.normals(images, "hard", number)
    both, skill = streams.normals(seeds, "both", number), streams.normals(2 * seeds, "skill", number).reshape(2, -1)
    ease = hard + 0.4 * streams.normals(2 * images, "ease", number).reshape(2, -1)
    luck = streams.normals(2 * seeds * images, "luck", number).reshape(2, seeds, images)
    level = 0.06 * both + 0.06 * skill
    bars = np.array([1.2, 1.0])
    right = bars[:, None, None] + ease[:, None, :] + level[:, :, None] + 0.3 * luck > 0
    spread = (1 + 0.4**2 + 2 * 0.06**2 + 0.3**2) ** 0.5
    above, below = (NORMAL.cdf(bar / spread) for bar in bars)
    return right[0], right[1], above - below


def covered(interval: Callable[[np.ndarray, np.ndarray], Any], studies: int = 200) -> float:
    """In what share of studies the interval holds the truth."""
    held = []
    for number in range(studies):
        a, b, truth = study(number)
        found = interval(a, b)
        held.append(found.low <= truth <= found.high)
    return float(np.mean(held))


def test_the_difference_is_covered():
    assert covered(two_scopes) > 0.92
    assert covered(lambda a, b: two_scopes(a, b, level=0.5)) < 0.8, "nor is everything"


def test_an_interval_over_seeds_alone_would_not_cover_it():
    """Why images are drawn too."""
    assert covered(lambda a, b: mean_interval(a.mean(axis=1) - b.mean(axis=1))) < 0.85


def test_images_that_are_hard_for_both_do_not_blur_the_difference():
    a, b, _ = study(0)
    apart = two_scopes(a, b)
    assert apart.estimate == pytest.approx(a.mean() - b.mean())
    assert apart.images < two_scopes(a).images
    assert two_scopes(b, a).estimate == -apart.estimate


def test_one_side_alone_is_its_accuracy():
    a, _, _ = study(0)
    assert two_scopes(a) == two_way_bootstrap(a)
    assert two_scopes(a, level=0.99).low < two_scopes(a).low


def test_sides_that_are_no_pairs_are_refused():
    a, b, _ = study(0)
    with pytest.raises(UsageError, match=r"A has \(8, 300\) seeds and images, B \(7, 300\)"):
        two_scopes(a, b[:7])
