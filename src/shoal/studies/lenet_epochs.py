# SPDX-License-Identifier: Apache-2.0
"""Section 3.1: LeNet as it was, sigmoid and average pooling, for 5, 10 and 20 epochs of one trajectory."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from shoal import wording
from shoal.analysis import metrics
from shoal.analysis.claims import Claim
from shoal.analysis.curves import Curves
from shoal.analysis.measures import Measure, gained_by
from shoal.analysis.statistics import mean_interval
from shoal.models import lenet
from shoal.optimizers import SGD
from shoal.studies import compose
from shoal.studies.clauses import (
    ACCURACY,
    LAST,
    LOSS,
    Quantity,
    changed,
    difference,
    each,
    magnitude,
    settled,
    slopes,
    told,
    versus,
)
from shoal.studies.section import Block, Results, Section
from shoal.study import Config, Grid, Study

LENGTHS = (5, 10, 20)


def config(epochs: int, lr: float = 0.9, batch_size: int = 256) -> Config:
    return Config(
        data="fashion-mnist",
        model=lenet("sigmoid", "avg"),
        optimizer=SGD(lr=lr),
        batch_size=batch_size,
        epochs=epochs,
    )


def _overfitting(curves: Curves) -> np.ndarray:
    """A run that diverged, or whose training loss does not fall, is no sign of it: minus infinity."""
    rise, training = (metrics.slope(losses, LAST) for losses in (curves.validation_loss, curves.train_loss))
    return np.where((training < 0) & np.isfinite(rise), rise, -np.inf)


OVERFITTING = Measure(
    f"slope of validation loss over the last {LAST} epochs, while training loss falls",
    _overfitting,
    "per epoch",
    epochs=LAST,
)
NEWER = {"epochs": 5, "lr": 0.1, "batch_size": 128}
"""As the textbook's newer edition trains LeNet."""

_LENET = "LeNet with sigmoid and average pooling, trained with a learning rate of 0.9 and batches of 256,"

CLAIMS = (
    Claim(
        "15a",
        "… low 70s at 5 epochs …",
        tested=f"{_LENET} has a test accuracy between 70% and 74% after 5 epochs.",
        measure="accuracy",
        a={"epochs": 5},
        b=(0.70, 0.74),
        direction="within",
    ),
    Claim(
        "15b",
        "… mid 80s by 20 epochs.",
        tested=f"{_LENET} has a test accuracy between 83% and 87% after 20 epochs.",
        measure="accuracy",
        a={"epochs": 20},
        b=(0.83, 0.87),
        direction="within",
    ),
    Claim(
        "15c",
        "… low 70s at 5 epochs …",
        tested="LeNet with sigmoid and average pooling, trained with a learning rate of 0.1 and batches of 128 as in "
        "the textbook's newer edition, has a test accuracy between 70% and 74% after 5 epochs.",
        measure="accuracy",
        a=NEWER,
        b=(0.70, 0.74),
        direction="within",
        primary=False,
    ),
    Claim(
        "16a",
        "Most of the gains occur by 10 epochs …",
        tested=f"{_LENET} has, after 10 epochs, more than four fifths of what 20 epochs add to its test accuracy.",
        measure=gained_by(10),
        a={"epochs": 20},
        b=0.8,
    ),
    Claim(
        "16b",
        "… the start of overfitting …",
        tested=f"{_LENET} begins to overfit within 20 epochs: over the last {LAST} the slope of its validation loss "
        "is above zero, while its training loss falls.",
        measure=OVERFITTING,
        a={"epochs": 20},
        b=0.0,
    ),
)


def label(epochs: int, lr: float = 0.9, batch_size: int = 256) -> str:
    """ "5 epochs", and how else if not as the original is thought to have done it."""
    return wording.count(epochs, "epoch") + (f", lr {lr:g}, batch {batch_size}" if lr != 0.9 else "")


TOLD = Study("lenet-epochs", config, Grid(epochs=LENGTHS), label=label)
"""What the original tells of."""
STUDY = Study(
    "lenet-epochs",
    config,
    Grid(epochs=LENGTHS) + Grid(**{name: [value] for name, value in NEWER.items()}),
    label=label,
    claims=CLAIMS,
)
TRAINING = Quantity("training loss", lambda curves: curves.final("train_loss"))


def chapter(results: Results) -> list[Block]:
    found = compose.finished(TOLD, results)
    varies = "the runs of 5 and 10 epochs are the beginnings of those of 20, so the three are one trajectory"
    blocks: list[Block] = [compose.opening(TOLD, found, "LeNet with sigmoid and average pooling", results, varies)]
    if not found:
        return blocks
    group = list(found.values())
    longest = group[-1]
    marks = [(float(epochs), wording.count(epochs, "epoch")) for epochs in list(found)[:-1]]
    loss = f"Training loss, a running mean, and validation loss, which ends at {told(longest, LOSS)}."
    accuracy = f"Training and validation accuracy; validation is at {each(group, ACCURACY, 'after')}."
    n = compose.seeds(group)
    newer = _newer(results)
    blocks += [
        compose.panels("lenet-loss", "loss", [longest], f"{loss} {n}.", x_rules=marks, height=240),
        compose.panels("lenet-accuracy", "accuracy", [longest], f"{accuracy} {n}.", x_rules=marks, height=240),
        compose.paragraph(levels(group), gains(longest, list(found)), overfitting(longest)),
        compose.paragraph(edition(newer, found.get(newer.config.epochs))),
        compose.outcome_table(
            "lenet-epochs",
            [*group, newer] if newer.seeds else group,
            "LeNet at the end of each.",
            (TRAINING, LOSS, ACCURACY),
        ),
    ]
    return blocks


def _newer(results: Results) -> Curves:
    """The run as in the textbook's newer edition; it may have no seeds yet."""
    curves = results.curves(**NEWER)
    epochs = wording.count(curves.config.epochs, "epoch")
    return replace(curves, label=f"{epochs} at lr {curves.config.optimizer.lr:g}, batch {curves.config.batch_size}")


def edition(newer: Curves, older: Curves | None) -> str:
    """How far the newer edition's learning rate and batch size come in as many epochs."""
    if not newer.seeds:
        return ""
    of = newer.config
    said = (
        f"Trained as in the textbook's newer edition, with a learning rate of {of.optimizer.lr:g} and batches of "
        f"{of.batch_size}, it has a validation accuracy of {told(newer, ACCURACY)} after "
        f"{wording.count(of.epochs, 'epoch')}"
    )
    if older is None:
        return f"{said}."
    gap = difference(newer, older, ACCURACY)
    return f"{said}: {versus(gap, 'accuracy', f'with {_rate(newer)}', f'with {_rate(older)}')}."


def _rate(curves: Curves) -> str:
    return f"{curves.config.optimizer.lr:g} and {curves.config.batch_size}"


def levels(group: list[Curves]) -> str:
    """What each longer training adds to the one before."""
    parts: list[str] = []
    for shorter, longer in pairwise(group):
        gap = difference(longer, shorter, ACCURACY)
        if gap.n:
            verb, by, size = changed(gap).partition(" by ")
            again = by and any(part.startswith(verb) for part in parts)
            parts.append(
                f"{'' if again else verb}{by.lstrip() if again else by}{size} from epoch {shorter.config.epochs} to "
                f"epoch {longer.config.epochs}"
            )
    said = wording.listed(parts) if parts else f"is {each(group, ACCURACY, 'after')}"
    return f"Validation accuracy {said}."


def gains(longest: Curves, epochs: list[int]) -> str:
    """How much of the whole gain each shorter training has."""
    shares = [mean_interval(100 * metrics.gain_fraction(longest.validation_accuracy, end)) for end in epochs[:-1]]
    named = [
        f"{wording.measured(share, 0)}% after {wording.count(end, 'epoch')}"
        for share, end in zip(shares, epochs, strict=False)
        if share.n
    ]
    if not named:
        return ""
    first, *others = named
    first = first.replace("% ", "% is there ")
    return f"Of what {longest.label} gain over no training, {wording.listed([first, *others])}."


def overfitting(longest: Curves) -> str:
    """Whether it begins, by the slopes of both losses, and how far training and validation accuracy are apart."""
    trends = slopes(longest)
    gap = mean_interval(longest.final("train_accuracy") - longest.final("validation_accuracy"))
    if not trends or not gap.n:
        return ""
    above = f"{wording.measured(magnitude(gap))} {'above' if gap.mean > 0 else 'below'}"
    near = above if settled(gap) else f"not clearly different ({wording.measured(gap)}) from"
    return f"{trends} Training accuracy, taken while the weights still change, ends {near} validation accuracy."


SECTION = Section(
    id="3.1",
    title="LeNet for 5, 10 and 20 epochs",
    question="How far does LeNet come in 5, 10 and 20 epochs, and does it begin to overfit?",
    original="Training and validation loss drop often, while validation accuracy goes from the low 70s at 5 epochs "
    "to the mid 80s by 20 epochs. Most of the gains occur by 10 epochs, with smaller improvements after that, "
    "indicating bad returns and the start of overfitting if training is continued.",
    chapter=chapter,
    study=STUDY,
)
