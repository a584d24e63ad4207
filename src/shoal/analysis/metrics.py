# SPDX-License-Identifier: Apache-2.0
"""From learning curves to single numbers: one number a run, defined before anything is trained.

Curves are (n, E + 1), a row per seed, as in `Curves`; every function gives (n,) unless it says otherwise. A run
that diverged is NaN in its curve and comes out as the worst value there is, never as a gap: infinity, or with
``rising`` (a curve that should rise) minus infinity. Where a mean over seeds is wanted instead (`rises`, `slope`,
`gain_fraction`) it comes out as NaN, and `worst` turns that into an outcome. No function here picks the best epoch,
compares configs or gives a verdict.
"""

import numpy as np


def worst(values: np.ndarray, *, rising: bool = False) -> np.ndarray:
    """The same values with NaN (diverged, or undefined as nothing was learnt) as the worst there is.

    That is infinity, or minus infinity where more is better (``rising``), so that the run keeps its rank.
    """
    return np.where(np.isnan(values), -np.inf if rising else np.inf, values)


def final(curve: np.ndarray, *, rising: bool = False) -> np.ndarray:
    """The value after the last epoch, never the best epoch's: the best of many is biased, and more so the noisier."""
    return worst(curve[:, -1], rising=rising)


def area(curve: np.ndarray, *, after: int = 0, rising: bool = False) -> np.ndarray:
    """The area under the curve by trapezoids, divided by the epochs it spans: the curve's mean height, in its unit.

    A training curve has no value at epoch 0: ask for ``after=1``.
    """
    later = curve[:, after:]
    return worst(np.trapezoid(later, axis=1) / (later.shape[1] - 1), rising=rising)


def diverged(curve: np.ndarray) -> np.ndarray:
    """1 for a run whose curve ends without a finite value, else 0."""
    return np.where(np.isfinite(curve[:, -1]), 0.0, 1.0)


def generalisation_gap(train: np.ndarray, validation: np.ndarray, *, rising: bool = False) -> np.ndarray:
    """How much worse the last epoch's validation value is than its training value; negative where it is better.

    Validation minus training for a loss; with ``rising``, for an accuracy, training minus validation. Training
    values are running means over the epoch, so they lag behind and make the gap look smaller than it is.
    """
    gap = validation[:, -1] - train[:, -1]
    return worst(-gap if rising else gap)


def time_to(times: np.ndarray, curve: np.ndarray, target: float | np.ndarray, *, rising: bool = False) -> np.ndarray:
    """When each curve first reaches a target, by straight lines between its points; infinity if it never does.

    Infinity says "after the last of ``times``, if ever": the run is censored, and worse than any that arrived.

    Args:
        times: (E + 1,) or (n, E + 1), increasing: epochs, steps or seconds at which the curve was measured.
        curve: (n, E + 1).
        target: one for all or (n,); reached when the curve is at or below it, or with ``rising`` at or above it.
    """
    margins = (1 if rising else -1) * (curve - np.reshape(target, (-1, 1)))
    times = np.broadcast_to(times, curve.shape)
    return np.array([_first(clock, margin) for clock, margin in zip(times, margins, strict=True)])


def _first(times: np.ndarray, margin: np.ndarray) -> float:
    """Where ``margin`` first is at least 0."""
    reached = np.flatnonzero(margin >= 0)
    if not len(reached):
        return float("inf")
    after = int(reached[0])
    if after == 0 or not np.isfinite(margin[after - 1]):
        return float(times[after])
    share = -margin[after - 1] / (margin[after] - margin[after - 1])
    return float(times[after - 1] + share * (times[after] - times[after - 1]))


def value_at(times: np.ndarray, curve: np.ndarray, when: float) -> np.ndarray:
    """The curve's value at a time, by straight lines between its points; NaN beyond its end."""
    times = np.broadcast_to(times, curve.shape)
    return np.array([np.interp(when, t, row, right=np.nan) for t, row in zip(times, curve, strict=True)])


def worst_rebound(loss: np.ndarray, after: int = 1) -> np.ndarray:
    """How far the loss ever stood above its own earlier low, as a fraction of that low; 0 for a loss that only falls.

    Counted from epoch ``after``, so that the first plunge plays no part; infinity where the run diverged.
    """
    later = loss[:, after:]
    lows = np.minimum.accumulate(later, axis=1)
    worst = np.max(later / lows - 1, axis=1)
    return np.where(np.isfinite(worst), worst, np.inf)


def rises(loss: np.ndarray, after: int = 1) -> np.ndarray:
    """How many epochs after epoch ``after`` ended above the one before; NaN where the run diverged."""
    steps = np.diff(loss[:, after:], axis=1)
    return np.where(np.isfinite(steps).all(axis=1), (steps > 0).sum(axis=1), np.nan)


def share_of_rises(loss: np.ndarray, after: int = 1) -> np.ndarray:
    """`rises` as a share of the epochs in which the loss could have risen, 0 to 1; infinity where the run diverged."""
    return worst(rises(loss, after) / (loss.shape[1] - after - 1))


def residual_noise(curve: np.ndarray, after: int = 1, *, rising: bool = False) -> np.ndarray:
    """The scatter around the best curve that never rises (with ``rising``: never falls): root mean square residual.

    The fit is the isotonic regression from epoch ``after`` on (Barlow et al. 1972), so steady progress of any shape
    leaves nothing and only the swaying is counted; infinity where the run diverged.
    """
    from scipy.optimize import isotonic_regression

    def scatter(row: np.ndarray) -> float:
        if not np.isfinite(row).all():
            return float("inf")
        return float(np.sqrt(np.mean((row - isotonic_regression(row, increasing=rising).x) ** 2)))

    return np.array([scatter(row) for row in curve[:, after:]])


def step_noise(losses: np.ndarray) -> np.ndarray:
    """The scatter of the losses of successive steps: √(mean of (lᵢ₊₁ - lᵢ)² / 2).

    It equals the standard deviation of independent noise and, unlike that, hardly sees a slow trend
    (von Neumann 1941). ``losses`` is (n, steps), usually one epoch's. Infinity where the run diverged.
    """
    scatter = np.sqrt(np.mean(np.diff(losses, axis=1) ** 2, axis=1) / 2)
    return np.where(np.isfinite(scatter), scatter, np.inf)


def gain_fraction(curve: np.ndarray, epoch: int) -> np.ndarray:
    """Which share of the change from epoch 0 to the last is done by ``epoch``; NaN where nothing changed."""
    gain = curve[:, -1] - curve[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gain == 0, np.nan, (curve[:, epoch] - curve[:, 0]) / gain)


def slope(curve: np.ndarray, epochs: int) -> np.ndarray:
    """The least-squares slope per epoch over the last ``epochs`` epochs (that many plus one points)."""
    x = np.arange(epochs + 1) - epochs / 2
    return np.asarray(curve[:, -epochs - 1 :] @ x / (x @ x))


def factorial(corners: np.ndarray) -> dict[str, np.ndarray]:
    """The three contrasts of a 2 × 2 factorial, a value per seed.

    Args:
        corners: (2, 2, n): first factor off and on, second factor off and on.

    Returns:
        ``first`` and ``second``: each factor's effect averaged over the other; ``interaction``: the second
        factor's effect with the first on, minus its effect with the first off.
    """
    (off_off, off_on), (on_off, on_on) = corners
    return {
        "first": (on_off + on_on - off_off - off_on) / 2,
        "second": (off_on + on_on - off_off - on_off) / 2,
        "interaction": (on_on - on_off) - (off_on - off_off),
    }


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """int64 (classes, classes): how many images of the row's class were taken for the column's."""
    pairs = labels.astype(np.int64) * classes + predicted.astype(np.int64)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
