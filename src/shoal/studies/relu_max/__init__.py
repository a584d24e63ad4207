# SPDX-License-Identifier: Apache-2.0
"""Section 3.2: LeNet with ReLU and max pooling against the original. Which of the two changes does it, `factorial`
tells."""

import numpy as np

from shoal import wording
from shoal.analysis import metrics
from shoal.analysis.claims import Claim
from shoal.analysis.curves import Curves
from shoal.analysis.measures import Measure
from shoal.analysis.outcomes import Evidence
from shoal.analysis.statistics import mean_interval
from shoal.models import lenet
from shoal.optimizers import SGD
from shoal.studies import compose
from shoal.studies.clauses import ACCURACY, LOSS, apart, changed, difference, how_often, rows, summary, told
from shoal.studies.relu_max import corners, factorial
from shoal.studies.section import Block, Figure, Results, Section
from shoal.study import Config, Grid, Study

NETWORKS = {"original": ("sigmoid", "avg", 0.9, 256), "modified": ("relu", "max", 0.1, 128)}
"""Activation, pooling, learning rate and batch size, as the textbook's two editions train their LeNet."""
ORIGINAL, MODIFIED = ({"network": name} for name in NETWORKS)


def told_of(network: str) -> Config:
    activation, pooling, lr, batch_size = NETWORKS[network]
    return Config(
        data="fashion-mnist",
        model=lenet(activation, pooling),
        optimizer=SGD(lr=lr),
        batch_size=batch_size,
        epochs=20,
    )


def config(network: str = "", activation: str = "", pooling: str = "", lr: float = 0.0) -> Config:
    """One of the two that the original tells of, or a point of the factorial."""
    return told_of(network) if network else factorial.config(activation, pooling, lr)


def _time_to_original(curves: Curves, results: Evidence) -> np.ndarray:
    """Epochs until the accuracy at which the original of the same seed ends; unknown where that one diverged."""
    original = results.curves(**ORIGINAL)
    ends = dict(zip(original.seeds, ACCURACY.of(original), strict=True))
    targets = np.array([ends.get(seed, np.nan) for seed in curves.seeds])
    return metrics.time_to(curves.epochs, curves.validation_accuracy, targets, rising=True)


TIME = Measure("time to the accuracy at which the original ends", _time_to_original, "epochs", scale="ratio", deep=True)

_TOLD = "LeNet with ReLU and max pooling (learning rate 0.1, batches of 128)"
_AGAINST = "that with sigmoid and average pooling (0.9, 256)"

CLAIMS = (
    Claim(
        "17a",
        "The modified LeNet … works better than the original. …",
        tested=f"After 20 epochs {_TOLD} has a test accuracy more than half a point above {_AGAINST}.",
        measure="accuracy",
        a=MODIFIED,
        b=ORIGINAL,
        direction="above",
        margin="0.5 points",
    ),
    Claim(
        "17b",
        "… rises more quickly …",
        tested=f"{_TOLD} takes less than four fifths of the epochs that {_AGAINST} takes, to the accuracy at which "
        "the latter ends with the same seed.",
        measure=TIME,
        a=MODIFIED,
        b=ORIGINAL,
        direction="below",
        margin="1.25x",
    ),
    Claim(
        "17c",
        "… about 90% by 20 epochs …",
        tested=f"After 20 epochs the test accuracy of {_TOLD} lies between 89% and 91%.",
        measure="accuracy",
        a=MODIFIED,
        b=0.9,
        direction="within",
        margin="1 point",
    ),
    Claim(
        "17d",
        "Both training and validation loss drop faster and end up lower …",
        tested=f"After 20 epochs {_TOLD} has a validation loss more than 5% below {_AGAINST}.",
        measure="loss",
        a=MODIFIED,
        b=ORIGINAL,
        direction="below",
        margin="5%",
        primary=False,
    ),
    Claim(
        "17e",
        "Both training and validation loss drop faster and end up lower …",
        tested=f"After 20 epochs {_TOLD} has a training loss more than 5% below {_AGAINST}.",
        measure="train-loss",
        a=MODIFIED,
        b=ORIGINAL,
        direction="below",
        margin="5%",
        primary=False,
    ),
    *factorial.CLAIMS,
)

TOLD = Study("relu-max", told_of, Grid(network=list(NETWORKS)))
"""The two that the original tells of."""


def label(network: str = "", activation: str = "", pooling: str = "", lr: float = 0.0) -> str:
    """ "ReLU + max pooling, lr 0.1"."""
    if network:
        activation, pooling, lr, _ = NETWORKS[network]
    return f"{factorial.called((activation, pooling))}, lr {lr:g}"


STUDY = Study("relu-max", config, Grid(network=list(NETWORKS)) + factorial.GRID, label=label, claims=CLAIMS)


def chapter(results: Results) -> list[Block]:
    found = compose.finished(TOLD, results)
    varies = (
        "activation and pooling differ, and with them learning rate and batch size: 0.9 and 256 with the sigmoid, as "
        "in the textbook's older edition, 0.1 and 128 with ReLU, as in its newer one"
    )
    blocks: list[Block] = [compose.opening(TOLD, found, "LeNet", results, varies)]
    group = list(found.values())
    if len(found) == len(NETWORKS):
        original, modified = group
        caption = (
            f"Training and validation loss. Validation ends at {told(original, LOSS)} with {original.label} and at "
            f"{told(modified, LOSS)} with {modified.label}. {compose.seeds(group)}."
        )
        said = better(modified, original), sooner(modified, original), rest(modified)
        blocks += [
            compose.panels("relu-max-loss", "loss", group, caption, columns=2),
            compose.paragraph(*said),
            _accuracy(original, modified),
        ]
    if group:
        blocks.append(compose.outcome_table("relu-max", group, f"LeNet after {group[0].config.epochs} epochs."))
    return blocks + corners.blocks(results)


def _accuracy(original: Curves, modified: Curves) -> Figure:
    """Validation accuracy of both, with the height at which the original ends."""
    group = [original, modified]
    end = summary(original, ACCURACY)
    caption = (
        f"Validation accuracy, which ends {compose.spread(group, ACCURACY, 'with')}. "
        f"{'The dashed line is where the original ends. ' if end.n else ''}{compose.seeds(group)}."
    )
    rules = [(end.mean, "")] if end.n else []
    return compose.epoch_figure("relu-max-accuracy", "validation_accuracy", group, caption, since=1, y_rules=rules)


def better(modified: Curves, original: Curves) -> str:
    accuracy, loss = (apart(difference(modified, original, quantity)) for quantity in (ACCURACY, LOSS))
    return (
        f"After {modified.config.epochs} epochs the modified LeNet ({modified.label}) has a validation accuracy of "
        f"{told(modified, ACCURACY)}, the original ({original.label}) one of {told(original, ACCURACY)}: the modified "
        f"one's accuracy is {accuracy}, its loss {loss}."
    )


def sooner(modified: Curves, original: Curves) -> str:
    """When the modified network has the accuracy at which the original ends."""
    left, right = rows(modified, original)
    target = ACCURACY.of(original)[right]
    epochs = metrics.time_to(modified.epochs, modified.validation_accuracy[left], target, rising=True)
    reached = np.isfinite(epochs)
    if not reached.any():
        return "It never reaches the accuracy at which the original ends."
    when = wording.measured(mean_interval(epochs[reached]), 1)
    some = "" if reached.all() else f" {how_often(reached)}"
    return f"After {when} epochs it has the accuracy at which the original ends{some}."


def rest(modified: Curves) -> str:
    """What the second half of its training still adds."""
    half = modified.config.epochs // 2
    gain = mean_interval(ACCURACY.of(modified) - modified.validation_accuracy[:, half])
    if not gain.n:
        return ""
    return f"From epoch {half} to the end its accuracy {changed(gain)}."


SECTION = Section(
    id="3.2",
    title="ReLU and max pooling",
    question="Do ReLU and max pooling make LeNet better, and which of the two does it?",
    original="The modified LeNet … works better than the original. … Both training and "
    "validation loss drop faster and end up lower, and validation accuracy rises more quickly, reaching about 90% by "
    "20 epochs compared to the mid 80s with sigmoid and average pooling. … This happens because ReLU avoids "
    "vanishing gradients and max pooling keeps the strongest parts, so the network trains faster and generalizes "
    "better than the original.",
    chapter=chapter,
    study=STUDY,
)
