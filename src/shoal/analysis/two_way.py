# SPDX-License-Identifier: Apache-2.0
"""An accuracy for other seeds on other images of the same kind, from which test images each run got right.

An interval over seeds alone speaks of one test set; at 85% accuracy 10,000 images add a standard error of .0036 of
their own, often more than the seeds do. Nothing here compares or judges.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from shoal.analysis.intervals import EVERYTHING
from shoal.analysis.statistics import t_quantile
from shoal.errors import UsageError


class TwoWay(NamedTuple):
    """The mean of a (seeds, images) matrix, with an interval and what it is made of."""

    estimate: float
    low: float
    high: float
    seeds: float
    """Standard error that the seeds alone contribute; NaN with one seed."""
    images: float
    """Standard error that the images alone contribute."""


def two_way_bootstrap(right: ArrayLike, level: float = 0.95) -> TwoWay:
    """The mean of a (seeds, images) matrix with an interval for other seeds on other images of the same kind.

    Seeds and images are drawn anew, independently (the pigeonhole bootstrap, Owen 2007); the standard deviation of
    the resampled means, times Student's t, is half the interval. It is computed, not drawn. One seed fewer is drawn
    than there are, or the few seeds' share of the variance would come out too small. What is neither the seed's nor
    the image's own is counted up to three times, so the interval is rather too wide than too narrow where runs err
    at random.

    Args:
        right: (seeds, images): whether a run got a test image right. For a paired comparison give the difference
            of two such matrices, as numbers.
    """
    values = np.asarray(right, np.float32)
    seeds, images = values.shape
    by_seed, by_image = values.mean(axis=1, dtype=np.float64), values.mean(axis=0, dtype=np.float64)
    of_images = _standard_error(by_image)
    if seeds < 2:
        return TwoWay(float(by_seed.mean()), *EVERYTHING, float("nan"), of_images)
    of_seeds = _standard_error(by_seed)
    reach = t_quantile(_freedom(of_seeds, seeds, of_images, images), level)
    half = reach * _resampled_deviation(values)
    estimate = float(by_seed.mean())
    return TwoWay(estimate, estimate - half, estimate + half, of_seeds, of_images)


def two_scopes(correct_a: ArrayLike, correct_b: ArrayLike | None = None, level: float = 0.95) -> TwoWay:
    """An accuracy, or how far A's is above B's, with an interval for other seeds on other images of the same kind.

    Args:
        correct_a: bool (seeds, images): which test images each run got right.
        correct_b: the same of B, for the same seeds and images in the same order; None for A's accuracy alone.

    Raises:
        UsageError: the two differ in shape.
    """
    a = np.asarray(correct_a, np.float32)
    if correct_b is None:
        return two_way_bootstrap(a, level)
    b = np.asarray(correct_b, np.float32)
    if a.shape != b.shape:
        raise UsageError(
            f"two_scopes compares pairs, but A has {a.shape} seeds and images, B {b.shape}. Give those both have."
        )
    return two_way_bootstrap(a - b, level)


def _standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0


def _freedom(of_seeds: float, seeds: int, of_images: float, images: int) -> float:
    """Degrees of freedom of a sum of two variances (Satterthwaite 1946): few where the few seeds dominate."""
    parts = of_seeds**4 / (seeds - 1) + of_images**4 / max(images - 1, 1)
    return (of_seeds**2 + of_images**2) ** 2 / parts if parts else float(seeds - 1)


def _resampled_deviation(values: np.ndarray) -> float:
    """The standard deviation of the mean of a (seeds, images) matrix over all resamples of seeds - 1 and images.

    A resample's mean is Σ uᵢ vⱼ xᵢⱼ / (k m) with multinomial counts u of k seeds and v of m images. Two counts of one
    kind have E[uᵢ uₗ] = k (k - 1) / n², and k / n more where i = l; so the square's mean is made of four sums.
    """
    values = values - values.mean(dtype=np.float64)
    (n, m), k = values.shape, values.shape[0] - 1
    of_seeds = float(np.sum(values.sum(axis=1, dtype=np.float64) ** 2))
    of_images = float(np.sum(values.sum(axis=0, dtype=np.float64) ** 2))
    of_both = float(np.sum(np.square(values, dtype=np.float64)))
    square = k / n * (m - 1) / m * of_seeds + k * (k - 1) / n**2 * of_images + k / n * of_both
    return float(np.sqrt(square) / (k * m))
