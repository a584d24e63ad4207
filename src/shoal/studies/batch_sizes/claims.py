# SPDX-License-Identifier: Apache-2.0
"""What the original says of batch sizes (4 to 6), as claims on section 1.3's runs. It neither trains nor judges."""

import numpy as np

from shoal.analysis import metrics
from shoal.analysis.claims import Claim, Sentence, Untestable
from shoal.analysis.curves import Curves
from shoal.analysis.measures import MEASURES, Measure, at, clock
from shoal.analysis.sides import Combined
from shoal.studies.races import time_to_loss_of
from shoal.studies.section import Results

SMALL, MEDIUM, LARGE = {"batch_size": 32}, {"batch_size": 128}, {"batch_size": 256}
EPOCHS, RATE, TIMES = 10, 0.05, LARGE["batch_size"] // SMALL["batch_size"]
STEPS_ALIKE = LARGE | {"epochs": EPOCHS * TIMES}
"""Batch 256 with as many steps as batch 32 takes."""
RATE_SCALED = {**LARGE, "lr": RATE * TIMES}
"""Batch 256 with a learning rate that is larger by as much as the batch (Goyal et al. 2017)."""
FAR = 0.005
"""Half a point of accuracy, the difference worth speaking of."""
SOMETIMES = 0.25
"""More than one run in four: a side that is ahead in three of four is called better, and where the other is ahead in
fewer than one of four, nothing is gained by speaking of it."""


def far_below(of: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n,): 1 where an accuracy lies more than half a point below the other, else 0; a diverged run is below all."""
    with np.errstate(invalid="ignore"):
        return np.where(of - other < -FAR - 1e-9, 1.0, 0.0)


def _after_steps(curves: Curves, results: Results) -> np.ndarray:
    steps = results.curves(**SMALL).steps_per_epoch
    return metrics.worst(metrics.value_at(clock(curves, "steps"), curves.validation_loss, steps))


AFTER_STEPS = Measure(
    "validation loss after as many steps as batch 32 takes in an epoch", _after_steps, "nats", scale="ratio", deep=True
)
"""By straight lines between epochs, where an epoch ends at another step."""
LOWER = Measure("share of runs whose accuracy ends more than 0.5 points lower", MEASURES["accuracy"].of, outcome=True)
"""What `far_below` makes of two accuracies."""

CLAIMS: tuple[Sentence, ...] = (
    Claim(
        "4a",
        "Small batch (32): faster initial convergence …",
        tested="After one epoch validation loss at batch 32 is more than 5% below that at batch 256.",
        measure=at(1),
        a=SMALL,
        b=LARGE,
        direction="below",
        margin="5%",
    ),
    Claim(
        "4b",
        "Small batch (32): faster initial convergence …",
        tested="After equally many steps, as many as batch 32 takes in its first epoch, validation loss at batch 32 "
        "is more than 5% below that at batch 256.",
        measure=AFTER_STEPS,
        a=SMALL,
        b=LARGE,
        direction="below",
        margin="5%",
    ),
    Claim(
        "4c",
        "… noisy loss curves …",
        tested="In the last epoch the training loss scatters from step to step more than 1.5 times as much at batch "
        "32 as at batch 256.",
        measure="step-noise",
        a=SMALL,
        b=LARGE,
        direction="above",
        margin="1.5x",
    ),
    Claim(
        "4d",
        "Small batch (32): faster initial convergence …",
        tested="In seconds of training on one machine, batch 32 gets to the validation loss at which batch 256 ends "
        "more than 1.25 times as fast as it.",
        measure=time_to_loss_of(LARGE, "batch 256", EPOCHS, "seconds"),
        a=SMALL,
        b=LARGE,
        direction="below",
        margin="1.25x",
        primary=False,
    ),
    Untestable(
        "5",
        "Medium batch (128): smooth training, good balance of speed and accuracy",
        "it does not say how much accuracy is worth how much time, so no run could show it false. Section 1.3 draws "
        "loss against time, which is what there is to balance.",
    ),
    Claim(
        "6a",
        "Large batch (256): stable curves …",
        tested="At batch 256 the furthest that validation loss, after the first epoch, rises above its earlier low is "
        "less than 5%, on average over the runs.",
        measure="rebound",
        a=LARGE,
        b=0.05,
        direction="below",
    ),
    Claim(
        "6b",
        "… slightly slower early improvement …",
        tested="After one epoch validation loss at batch 256 is more than 5% above that at batch 128.",
        measure=at(1),
        a=LARGE,
        b=MEDIUM,
        direction="above",
        margin="5%",
    ),
    Claim(
        "6c",
        "… sometimes lower final accuracy",
        tested="After 10 epochs, in more than a quarter of runs, accuracy at batch 256 is more than 0.5 points below "
        "that at batch 32.",
        measure=LOWER,
        a=Combined((LARGE, SMALL), lambda values: far_below(*values), "batch 256 beside batch 32"),
        b=SOMETIMES,
    ),
    *(
        Claim(
            id,
            "… lower final accuracy",
            tested=f"With {given}, accuracy at batch 256 ends on average more than 0.5 points below that at batch 32.",
            measure="accuracy",
            a=other,
            b=SMALL,
            direction="below",
            margin="0.5 points",
            primary=False,
        )
        for id, given, other in (
            ("6d", "equally many steps, 80 epochs against 10", STEPS_ALIKE),
            ("6e", "equally many epochs and 8 times the learning rate, 0.4 against 0.05", RATE_SCALED),
        )
    ),
)
