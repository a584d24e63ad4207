# SPDX-License-Identifier: Apache-2.0
"""The measures of a run by name, fixed before anything is trained: what claims and comparisons may ask for.

A measure makes one number per seed of a config's `Curves`, says which way is better and whether two configs are
compared by difference or by ratio. A diverged run comes out as the worst value, a target not reached as infinity;
none is ever NaN. A deep measure needs more than the curves, and asks the results for it. Nothing here compares or
judges.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from shoal.analysis import metrics
from shoal.analysis.curves import Curves
from shoal.data import Dataset
from shoal.errors import UsageError
from shoal.study import Config

Scale = Literal["difference", "ratio"]
Clock = Literal["epochs", "steps", "seconds"]
Images = Literal["training", "validation", "test"]


class Results(Protocol):
    """What a deep measure may ask of finished runs, besides their curves."""

    def weights(self, config: Config, seed: int, epoch: int | None = None) -> Mapping[str, np.ndarray]:
        """The weights after an epoch, by default the last, by parameter name."""
        ...

    def dataset(self, name: str) -> Dataset:
        """The data set a config names."""
        ...

    def correct(self, config: Config, seed: int) -> np.ndarray:
        """bool (n_test,): which test images the run gets right in the end."""
        ...

    def dead_units(self, config: Config, seed: int) -> float:
        """The share of hidden ReLU units that no test image switches on in the end."""
        ...


@dataclass(frozen=True)
class Measure:
    """One number per run, and how to read it."""

    name: str
    """In words: "final validation loss"."""
    of: Callable[..., np.ndarray]
    """From `Curves`, and from `Results` after it if ``deep``: (n,), a value per seed, never NaN."""
    unit: str = ""
    rising: bool = False
    """Whether more is better."""
    scale: Scale = "difference"
    """How two configs are compared: losses and times by ratio, accuracies by difference."""
    deep: bool = False
    """Whether ``of`` takes the results as its second argument: weights, test images."""
    epochs: int = 0
    """How long a run must be to have it."""
    of_images: bool = False
    """Whether it is the share of test images that a run gets right in the end, unless it holds images out to validate
    on: then there is also an interval for other images."""
    reads: Images = "validation"
    """The images that it is read from. Those of the test split may judge, but choose nothing; validation is the test
    split unless a config holds images out."""
    outcome: bool = False
    """Whether it is 0 or 1 of each run, such as having diverged: its mean is a share."""

    def values(self, curves: Curves, results: Results | None = None) -> np.ndarray:
        """(n,): a value per seed of the curves, in their order, never NaN.

        That of a run that early stopping ended is read from its own epochs; where it has fewer than the measure needs,
        it stays as it ended.

        Args:
            results: what the runs left besides their curves; only a deep measure looks at it.

        Raises:
            UsageError: the measure is deep, and there are no results.
        """
        if not self.deep and any(curves.stopped_after):
            parts = [(rows, self.of(alike)) for rows, alike in curves.by_length(self.epochs)]
            order = np.argsort(np.concatenate([rows for rows, _ in parts]))
            return np.concatenate([values for _, values in parts])[order]
        if not self.deep:
            return self.of(curves)
        if results is None:
            raise UsageError(
                f"The {self.name} of {curves.label!r} cannot be told from curves: it is read from the weights. "
                f"Give the results too: values(curves, results)."
            )
        return self.of(curves, results)


def clock(curves: Curves, unit: Clock) -> np.ndarray:
    """(n, E + 1): the epochs, steps or seconds of training that each point of a curve comes after."""
    if unit == "seconds":
        return np.cumsum(curves.seconds, axis=1)
    each = 1 if unit == "epochs" else curves.steps_per_epoch
    return np.broadcast_to(curves.epochs * float(each), curves.seconds.shape)


def _images(metric: str) -> Images:
    return "training" if metric.startswith("train_") else "validation"


def at(epoch: int, metric: str = "validation_loss") -> Measure:
    """A metric after an epoch."""
    rising = metric.endswith("accuracy")

    def of(curves: Curves) -> np.ndarray:
        return metrics.worst(getattr(curves, metric)[:, epoch], rising=rising)

    name = f"{metric.replace('_', ' ')} after epoch {epoch}"
    if rising:
        return Measure(name, of, rising=True, epochs=epoch, reads=_images(metric))
    return Measure(name, of, "nats", scale="ratio", epochs=epoch, reads=_images(metric))


def time_to(target: float, *, metric: str = "validation_loss", unit: Clock = "epochs") -> Measure:
    """Epochs, steps or seconds until a curve first reaches a target; infinity for a run that never does."""
    rising = metric.endswith("accuracy")

    def of(curves: Curves) -> np.ndarray:
        return metrics.time_to(clock(curves, unit), getattr(curves, metric), target, rising=rising)

    name = f"{unit} to a {metric.replace('_', ' ')} of {target:g}"
    return Measure(name, of, unit, scale="ratio", reads=_images(metric))


def gained_by(epoch: int, metric: str = "validation_accuracy") -> Measure:
    """The share of the whole run's gain that is there after ``epoch``; minus infinity for a run that gained nothing."""

    def of(curves: Curves) -> np.ndarray:
        return metrics.worst(metrics.gain_fraction(getattr(curves, metric), epoch), rising=True)

    name = f"share of the gain in {metric.replace('_', ' ')} by epoch {epoch}"
    return Measure(name, of, rising=True, epochs=epoch + 1, reads=_images(metric))


def late_slope(epochs: int = 5, metric: str = "validation_loss") -> Measure:
    """The slope per epoch over the last ``epochs`` epochs."""
    rising = metric.endswith("accuracy")

    def of(curves: Curves) -> np.ndarray:
        return metrics.worst(metrics.slope(getattr(curves, metric), epochs), rising=rising)

    name = f"slope of {metric.replace('_', ' ')} over the last {epochs} epochs"
    return Measure(name, of, "per epoch", rising, epochs=epochs, reads=_images(metric))


def _step_noise(curves: Curves) -> np.ndarray:
    return metrics.step_noise(curves.step_losses[:, -curves.steps_per_epoch :])


def _seconds(curves: Curves) -> np.ndarray:
    """A run that diverged stopped early, which is no merit."""
    return np.where(np.isfinite(curves.validation_loss[:, -1]), clock(curves, "seconds")[:, -1], np.inf)


def _gap(curves: Curves) -> np.ndarray:
    return metrics.generalisation_gap(curves.train_accuracy, curves.validation_accuracy, rising=True)


def _test_accuracy(curves: Curves, results: Results) -> np.ndarray:
    """The validation accuracy too, where validation is the test split; for a run with a hold-out, never looked at."""
    return metrics.worst(_of_each(curves, lambda seed: results.correct(curves.config, seed).mean()), rising=True)


def _dead_units(curves: Curves, results: Results) -> np.ndarray:
    """A unit is a feature of a flat layer or a channel of an image; it is dead if no test image makes it positive."""
    return metrics.worst(_of_each(curves, lambda seed: results.dead_units(curves.config, seed)))


def _of_each(curves: Curves, ask: Callable[[int], float]) -> np.ndarray:
    """(n,): what is said of each seed's finished run; NaN for one that diverged, which has no final weights."""
    runs = zip(curves.seeds, curves.diverged_at, strict=True)
    return np.array([np.nan if step is not None else ask(seed) for seed, step in runs], np.float64)


MEASURES = {
    "loss": Measure(
        "final validation loss", lambda curves: metrics.final(curves.validation_loss), "nats", scale="ratio"
    ),
    "accuracy": Measure(
        "final validation accuracy",
        lambda curves: metrics.final(curves.validation_accuracy, rising=True),
        rising=True,
        of_images=True,
    ),
    "train-loss": Measure(
        "final training loss",
        lambda curves: metrics.final(curves.train_loss),
        "nats",
        scale="ratio",
        reads="training",
    ),
    "train-accuracy": Measure(
        "final training accuracy",
        lambda curves: metrics.final(curves.train_accuracy, rising=True),
        rising=True,
        reads="training",
    ),
    "area": Measure(
        "mean validation loss over training", lambda curves: metrics.area(curves.validation_loss), "nats", scale="ratio"
    ),
    "seconds": Measure("training time", _seconds, "seconds", scale="ratio", reads="training"),
    "rebound": Measure(
        "worst rebound of validation loss",
        lambda curves: metrics.worst_rebound(curves.validation_loss),
        epochs=2,
    ),
    "noise": Measure(
        "noise of validation loss around its trend",
        lambda curves: metrics.residual_noise(curves.validation_loss),
        epochs=2,
    ),
    "rises": Measure(
        "share of epochs in which validation loss rose",
        lambda curves: metrics.share_of_rises(curves.validation_loss),
        epochs=2,
    ),
    "step-noise": Measure(
        "noise of step losses in the last epoch", _step_noise, "nats", scale="ratio", reads="training"
    ),
    "gap": Measure("gap between training and validation accuracy", _gap),
    "test-accuracy": Measure(
        "final accuracy on the test split", _test_accuracy, rising=True, deep=True, of_images=True, reads="test"
    ),
    "dead-units": Measure(
        "share of hidden ReLU units that no test image switches on", _dead_units, deep=True, reads="test"
    ),
    "diverged": Measure("share diverged", lambda curves: metrics.diverged(curves.validation_loss), outcome=True),
}
"""By the name that a command line or a claim calls it."""


def measure(name: str) -> Measure:
    """The measure of that name.

    Raises:
        UsageError: there is none; the message lists those there are.
    """
    if name not in MEASURES:
        raise UsageError(f"There is no measure {name!r}. Use one of: {', '.join(MEASURES)}.")
    return MEASURES[name]


def paired(
    of: Measure, a: Curves, b: Curves, results: Results | None = None
) -> tuple[tuple[int, ...], np.ndarray, np.ndarray]:
    """The seeds that two configs share, and the measure of both in that order."""
    shared = tuple(seed for seed in a.seeds if seed in b.seeds)
    left, right = of.values(a, results), of.values(b, results)
    return (
        shared,
        left[[a.seeds.index(seed) for seed in shared]],
        right[[b.seeds.index(seed) for seed in shared]],
    )
