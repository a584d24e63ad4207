# SPDX-License-Identifier: Apache-2.0
"""Claims 11 and 12: how steadily 256 hidden units learn, and whether one unit learns at all or as a linear classifier.

The measures that only they need are made here. It shows nothing; section 2.2 does.
"""

import numpy as np

from shoal.analysis import metrics
from shoal.analysis.claims import Claim
from shoal.analysis.curves import Curves
from shoal.analysis.measures import MEASURES, Measure, Results

LINEAR, ONE, WIDE = {"hidden": 0}, {"hidden": 1}, {"hidden": 256}

STEADY = "… stable decreasing training and validation loss …"
USELESS = "The model fails to improve validation accuracy …"


def _late_against_early(curves: Curves) -> np.ndarray:
    loss = curves.validation_loss
    return metrics.worst(loss[:, -1] / loss[:, 1])


def _rise_after_first(curves: Curves) -> np.ndarray:
    accuracy = curves.validation_accuracy
    return metrics.worst(accuracy[:, -1] - accuracy[:, 1], rising=True)


def _gain(curves: Curves) -> np.ndarray:
    accuracy = curves.validation_accuracy
    return metrics.worst(accuracy[:, -1] - accuracy[:, 0], rising=True)


def _ever_rose(metric: str) -> Measure:
    """1 for a run in which the loss ended some epoch above the one before, or that diverged."""

    def of(curves: Curves) -> np.ndarray:
        return np.where(metrics.rises(getattr(curves, metric)) == 0, 0.0, 1.0)

    loss = {"train_loss": "training loss"}.get(metric, "validation loss")
    return Measure(f"share of runs whose {loss} rose in some epoch after the first", of, epochs=2, outcome=True)


def _all_dead(curves: Curves, results: Results) -> np.ndarray:
    """1 for a run that ended with no unit that any test image switches on; one that diverged did not end so."""
    return np.where(MEASURES["dead-units"].values(curves, results) == 1, 1.0, 0.0)


LATE_LOSS = Measure("share of the validation loss after epoch 1 that is left at the end", _late_against_early, epochs=2)
LATE_RISE = Measure("rise of validation accuracy after epoch 1", _rise_after_first, rising=True, epochs=2)
GAIN = Measure("gain of validation accuracy from before training to the end", _gain, rising=True)
ALL_DEAD = Measure("share of runs without a living hidden unit", _all_dead, deep=True, outcome=True)

CLAIMS = (
    Claim(
        "11a",
        STEADY,
        tested="With 256 units validation loss decreases: after the last epoch it is more than 5% below that after "
        "the first.",
        measure=LATE_LOSS,
        a=WIDE,
        b=0.95,
        direction="below",
    ),
    Claim(
        "11b",
        "… increasing validation accuracy …",
        tested="With 256 units validation accuracy increases: after the last epoch it is more than .5 points above "
        "that after the first.",
        measure=LATE_RISE,
        a=WIDE,
        b=0.0,
        direction="above",
        margin="0.5 points",
    ),
    Claim(
        "11c",
        STEADY,
        tested="With 256 units validation loss falls at every step of the way: in more than half of the runs, no "
        "epoch after the first ends with a higher one than the epoch before.",
        measure=_ever_rose("validation_loss"),
        a=WIDE,
        b=0.5,
        direction="below",
    ),
    Claim(
        "11d",
        STEADY,
        tested="With 256 units validation loss does not sway: after the first epoch, the furthest that it ever rises "
        "above its earlier low is less than 5%, on average over the runs.",
        measure="rebound",
        a=WIDE,
        b=0.05,
        direction="below",
    ),
    Claim(
        "11e",
        STEADY,
        tested="With 256 units training loss falls at every step of the way: in more than half of the runs, no epoch "
        "after the first has a higher one than the epoch before.",
        measure=_ever_rose("train_loss"),
        a=WIDE,
        b=0.5,
        direction="below",
        primary=False,
    ),
    Claim(
        "11f",
        "… enough nonlinear space to learn useful patterns …",
        tested="With 256 units final validation accuracy is more than .5 points above that of softmax regression, "
        "which has no hidden layer.",
        measure="accuracy",
        a=WIDE,
        b=LINEAR,
        direction="above",
        margin="0.5 points",
        primary=False,
    ),
    Claim(
        "12a",
        USELESS,
        tested="With one unit validation accuracy ends less than .5 points above what it was before training.",
        measure=GAIN,
        a=ONE,
        b=0.005,
        direction="below",
    ),
    Claim(
        "12b",
        "… a near linear classifier.",
        tested="With one unit final validation accuracy is within .5 points of that of softmax regression, the linear "
        "classifier.",
        measure="accuracy",
        a=ONE,
        b=LINEAR,
        direction="within",
        margin="0.5 points",
    ),
    Claim(
        "12c",
        "… shows poor loss behavior …",
        tested="With one unit the final validation loss is more than 5% above that of softmax regression.",
        measure="loss",
        a=ONE,
        b=LINEAR,
        direction="above",
        margin="5%",
        primary=False,
    ),
    Claim(
        "12d",
        USELESS,
        tested="In more than half of the runs the one unit ends dead: no test image switches it on, all images get "
        "the same answer, and accuracy is exactly that of guessing.",
        measure=ALL_DEAD,
        a=ONE,
        b=0.5,
        direction="above",
        primary=False,
    ),
)
