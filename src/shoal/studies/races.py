# SPDX-License-Identifier: Apache-2.0
"""Measures in which one config races another: how long it takes to the loss that the other has after some epoch, seed
by seed. They need both configs' curves, so they are deep; nothing here compares or judges."""

import numpy as np

from shoal.analysis import metrics
from shoal.analysis.curves import Curves
from shoal.analysis.measures import Clock, Measure, clock
from shoal.analysis.sides import Values
from shoal.studies.section import Results


def time_to_loss_of(other: Values, label: str, epoch: int, unit: Clock = "epochs") -> Measure:
    """Epochs, steps or seconds to the validation loss that another config has after an epoch.

    A run that never gets there takes infinitely long; so does every run of a seed whose other run diverged before.

    Args:
        other: its grid values.
        label: what a reader calls it.
    """

    def of(curves: Curves, results: Results) -> np.ndarray:
        return metrics.time_to(clock(curves, unit), curves.validation_loss, _target(curves, results, other, epoch))

    return Measure(f"{unit} to the loss that {label} has after epoch {epoch}", of, unit, scale="ratio", deep=True)


def time_to_loss_of_at_least(other: Values, label: str, epoch: int) -> Measure:
    """The same in epochs, with a run that never gets there counted as all the epochs it had: it takes longer still.

    So it is a lower bound, of use to a claim that something takes long, on the side that does, and to no other.
    """

    def of(curves: Curves, results: Results) -> np.ndarray:
        target = _target(curves, results, other, epoch)
        took = metrics.time_to(curves.epochs, curves.validation_loss, target)
        return np.where(np.isfinite(target), np.minimum(took, curves.epochs[-1]), np.inf)

    return Measure(
        f"epochs (at least) to the loss that {label} has after epoch {epoch}", of, "epochs", scale="ratio", deep=True
    )


def _target(curves: Curves, results: Results, other: Values, epoch: int) -> np.ndarray:
    """(n,): of each seed of the curves the other config's loss then; NaN where it has none."""
    found = results.curves(**other)
    known = dict(zip(found.seeds, found.validation_loss[:, epoch], strict=True))
    return np.array([known.get(seed, np.nan) for seed in curves.seeds], np.float64)
