# SPDX-License-Identifier: Apache-2.0
"""Of section 3.2, what can be asked of its two changes: activation × pooling, each of the four networks at the best of
two learning rates. Rates are chosen by images held out; the test split has no part in that and judges afterwards.
`corners` tells what comes of it."""

from dataclasses import replace

import numpy as np

from shoal.analysis import metrics
from shoal.analysis.claims import Claim, Untestable
from shoal.analysis.measures import MEASURES
from shoal.analysis.outcomes import Evidence, outcome
from shoal.analysis.sides import Chosen, Combined
from shoal.models import lenet
from shoal.optimizers import SGD
from shoal.study import Config, Grid

RATES = {"sigmoid": (0.9, 1.8), "relu": (0.1, 0.2)}
"""The rate with which the textbook trains each activation, and twice that."""
ACTIVATION = {"sigmoid": "sigmoid", "relu": "ReLU"}
POOLING = {"avg": "average pooling", "max": "max pooling"}
HELD_OUT = 20_000
"""Training images that choose the rates."""

Corner = tuple[str, str]
"""Activation and pooling."""


def config(activation: str, pooling: str, lr: float) -> Config:
    return Config(
        data="fashion-mnist",
        model=lenet(activation, pooling),
        optimizer=SGD(lr=lr),
        batch_size=128,
        epochs=10,
        holdout=HELD_OUT,
    )


def _grid(activation: str) -> Grid:
    return Grid(activation=[activation], pooling=list(POOLING), lr=RATES[activation])


GRID = _grid("sigmoid") + _grid("relu")


def called(corner: Corner) -> str:
    """ "ReLU + max pooling"."""
    activation, pooling = corner
    return f"{ACTIVATION[activation]} + {POOLING[pooling]}"


# ---- what is claimed ----------------------------------------------------------------------------------

CORNERS: dict[Corner, Chosen] = {
    (activation, pooling): Chosen(
        tuple({"activation": activation, "pooling": pooling, "lr": lr} for lr in rates), by="accuracy"
    )
    for activation, rates in RATES.items()
    for pooling in POOLING
}
"""In the order that `metrics.factorial` asks for. ``accuracy`` is that on the images held out."""

EFFECTS = {
    "first": "ReLU in place of the sigmoid",
    "second": "max in place of average pooling",
    "interaction": "both together, beyond the sum of each",
}

TEST = MEASURES["test-accuracy"]
EFFECT = replace(
    TEST, name="effect on final test accuracy", unit="points", of=lambda curves, results: 100 * TEST.of(curves, results)
)


def effect(which: str) -> Combined:
    """A contrast of the four corners, seed by seed."""

    def contrast(corners: np.ndarray) -> np.ndarray:
        return metrics.factorial(corners.reshape(2, 2, -1))[which]

    return Combined(tuple(CORNERS.values()), contrast, EFFECTS[which])


_FAIR = (
    "After 10 epochs of LeNet with sigmoid or ReLU and average or max pooling, each of the four at the better of "
    "two learning rates for it, chosen on training images held out,"
)

CLAIMS = (
    Claim(
        "18a",
        "… because ReLU avoids vanishing gradients …",
        tested=f"{_FAIR} ReLU in place of the sigmoid raises test accuracy by more than half a point, on average over "
        "both poolings.",
        measure=EFFECT,
        a=effect("first"),
        b=0.0,
        direction="above",
        margin="0.5 points",
    ),
    Claim(
        "18b",
        "… because ReLU avoids vanishing gradients …",
        tested=f"{_FAIR} the gain in test accuracy from ReLU in place of the sigmoid is more than half a point above "
        "that from max in place of average pooling.",
        measure=EFFECT,
        a=effect("first"),
        b=effect("second"),
        direction="above",
        margin="0.5 points",
    ),
    Claim(
        "18c",
        "… max pooling keeps the strongest parts …",
        tested=f"{_FAIR} max in place of average pooling raises test accuracy by more than half a point, on average "
        "over both activations.",
        measure=EFFECT,
        a=effect("second"),
        b=0.0,
        direction="above",
        margin="0.5 points",
    ),
    Claim(
        "18d",
        "… max pooling keeps the strongest parts …",
        tested=f"{_FAIR} max pooling adds as much to test accuracy with ReLU as with the sigmoid, to within half a "
        "point.",
        measure=EFFECT,
        a=effect("interaction"),
        b=0.0,
        direction="within",
        margin="0.5 points",
        primary=False,
    ),
    Untestable(
        "18e",
        "… because ReLU avoids vanishing gradients …",
        "Accuracies show what a change does and not how: that it works through gradients that do not vanish, or "
        "through the strongest parts, no such run can refute.",
        "Whether the one change does it, or the other, is claims 18a to 18c; the gradients themselves are measured in "
        "section 2.1.",
    ),
)


def contrasts(results: Evidence) -> dict[str, np.ndarray]:
    """Main effects and interaction on test accuracy, a value per seed, by `EFFECTS`: what the claims judge."""
    return {which: outcome(effect(which), TEST, results).values for which in EFFECTS}
