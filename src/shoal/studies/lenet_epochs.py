# SPDX-License-Identifier: Apache-2.0
"""Section 3.1: LeNet as it was, sigmoid and average pooling, for 5, 10 and 20 epochs of one trajectory."""

from itertools import pairwise

from shoal import wording
from shoal.analysis import metrics
from shoal.analysis.curves import Curves
from shoal.analysis.statistics import mean_interval
from shoal.models import lenet
from shoal.optimizers import SGD
from shoal.studies import compose
from shoal.studies.clauses import ACCURACY, LOSS, Quantity, changed, difference, each, magnitude, settled, slopes, told
from shoal.studies.section import Block, Results, Section
from shoal.study import Config, Grid, Study


def config(epochs: int) -> Config:
    return Config(
        data="fashion-mnist",
        model=lenet("sigmoid", "avg"),
        optimizer=SGD(lr=0.9),
        batch_size=256,
        epochs=epochs,
    )


STUDY = Study("lenet-epochs", config, Grid(epochs=[5, 10, 20]))
TRAINING = Quantity("training loss", lambda curves: curves.final("train_loss"))


def chapter(results: Results) -> list[Block]:
    found = compose.finished(STUDY, results, lambda epochs: wording.count(epochs, "epoch"))
    varies = "the runs of 5 and 10 epochs are the beginnings of those of 20, so the three are one trajectory"
    blocks: list[Block] = [compose.opening(STUDY, found, "LeNet with sigmoid and average pooling", results, varies)]
    if not found:
        return blocks
    group = list(found.values())
    longest = group[-1]
    marks = [(float(epochs), wording.count(epochs, "epoch")) for epochs in list(found)[:-1]]
    loss = f"Training loss, a running mean, and validation loss, which ends at {told(longest, LOSS)}."
    accuracy = f"Training and validation accuracy; validation is at {each(group, ACCURACY, 'after')}."
    n = compose.seeds(group)
    blocks += [
        compose.panels("lenet-loss", "loss", [longest], f"{loss} {n}.", x_rules=marks, height=240),
        compose.panels("lenet-accuracy", "accuracy", [longest], f"{accuracy} {n}.", x_rules=marks, height=240),
        compose.paragraph(levels(group), gains(longest, list(found)), overfitting(longest)),
        compose.outcome_table("lenet-epochs", group, "LeNet at the end of each.", (TRAINING, LOSS, ACCURACY)),
    ]
    return blocks


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
