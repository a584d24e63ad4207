# SPDX-License-Identifier: Apache-2.0
"""Section 3.3: LeNet with ReLU and max pooling on MNIST, beside the same network on Fashion-MNIST."""

from functools import partial

import numpy as np

from shoal import wording
from shoal.analysis import metrics
from shoal.analysis.claims import Claim, Untestable
from shoal.analysis.curves import Curves
from shoal.analysis.measures import at
from shoal.analysis.statistics import Summary, mean_interval
from shoal.data import Dataset
from shoal.models import lenet
from shoal.optimizers import SGD
from shoal.studies import compose
from shoal.studies.clauses import ACCURACY, LOSS, Quantity, difference, each, magnitude, settled, slopes, told, versus
from shoal.studies.section import Block, Figure, Prose, Results, Section
from shoal.study import Config, Grid, Study


def config(data: str) -> Config:
    return Config(
        data=data,
        model=lenet("relu", "max"),
        optimizer=SGD(lr=0.1),
        batch_size=128,
        epochs=20,
    )


_LENET = "LeNet with ReLU and max pooling (learning rate 0.1, batches of 128)"

CLAIMS = (
    Claim(
        "19a",
        "… climb quickly above 97% by epoch 2 …",
        tested=f"On MNIST {_LENET} has a test accuracy above 97% after 2 epochs.",
        measure=at(2, "validation_accuracy"),
        a={"data": "mnist"},
        b=0.97,
    ),
    Claim(
        "19b",
        "… final test accuracy of about 98.9% …",
        tested=f"On MNIST the test accuracy of {_LENET} lies between 98.5% and 99.2% after 20 epochs.",
        measure="accuracy",
        a={"data": "mnist"},
        b=(0.985, 0.992),
        direction="within",
    ),
    Claim(
        "19c",
        "… climb quickly above 97% by epoch 2 …",
        tested=f"On MNIST {_LENET} has a training accuracy, taken while the weights still change, above 97% in epoch "
        "2.",
        measure=at(2, "train_accuracy"),
        a={"data": "mnist"},
        b=0.97,
        primary=False,
    ),
    Claim(
        "20a",
        "… minimal overfitting.",
        tested=f"On MNIST the training accuracy of {_LENET}, taken in epoch 20 while the weights still change, is "
        "less than one point above its test accuracy.",
        measure="gap",
        a={"data": "mnist"},
        b=0.01,
        direction="below",
    ),
    Claim(
        "20b",
        "… this simpler dataset compared to FashionMNIST …",
        tested=f"After 20 epochs {_LENET} has a test accuracy more than half a point higher on MNIST than on "
        "Fashion-MNIST.",
        measure="accuracy",
        a={"data": "mnist"},
        b={"data": "fashion-mnist"},
        direction="above",
        margin="0.5 points",
    ),
    Untestable(
        "20c",
        "… handwritten digits are less complex …",
        "Accuracies show that one data set is easier than the other, and not what makes it so.",
        "Whether it is easier, and by how much, is claim 20b.",
    ),
)


def label(data: str) -> str:
    """ "digits" or "clothes", which is true of a stand-in too; the chapter, which sees the data, has its title."""
    return {"mnist": "digits", "fashion-mnist": "clothes"}[data]


STUDY = Study("mnist", config, Grid(data=["mnist", "fashion-mnist"]), label=label, claims=CLAIMS)
EARLY = Quantity("validation accuracy after epoch 2", lambda curves: curves.validation_accuracy[:, 2])
GAP = Quantity(
    "training minus validation accuracy", lambda curves: curves.final("train_accuracy") - ACCURACY.of(curves)
)
SHOWN = 10
"""The worst mistakes that are shown."""


def chapter(results: Results) -> list[Block]:
    found = compose.finished(STUDY, results, lambda data: compose.title(results.dataset(data)))
    group = list(found.values())
    varies = "beside it the same network on the clothes of section 3.2"
    blocks: list[Block] = [compose.opening(STUDY, found, "LeNet with ReLU and max pooling", results, varies)]
    if group:
        n = compose.seeds(group)
        losses = f"Training loss, a running mean, and validation loss, which ends at {each(group, LOSS, 'on')}. {n}."
        accuracies = f"Training and validation accuracy: validation ends at {each(group, ACCURACY, 'on')}. {n}."
        blocks += [
            compose.panels("mnist-loss", "loss", group, losses, columns=2),
            compose.panels("mnist-accuracy", "accuracy", group, accuracies, columns=2),
            compose.paragraph(
                learning(group), slopes(group[0], f"on {group[0].label}"), overfitting(group), beside(found)
            ),
            compose.outcome_table(
                "mnist",
                group,
                f"The same network on both, after {group[0].config.epochs} epochs.",
                (EARLY, LOSS, ACCURACY, GAP),
            ),
        ]
    if "mnist" in found and any(at is None for at in found["mnist"].diverged_at):
        blocks += _mistakes(results, found["mnist"])
    return blocks


def learning(group: list[Curves]) -> str:
    digits = group[0]
    return (
        f"On {digits.label} validation accuracy is {told(digits, EARLY)} after two epochs and {told(digits, ACCURACY)} "
        f"after {digits.config.epochs}."
    )


def overfitting(group: list[Curves]) -> str:
    """The gap between training and test, with the sign it has."""
    gaps = {one.label: mean_interval(GAP.of(one)) for one in group}
    parts = [f"{_apart(gap)} validation accuracy on {label}" for label, gap in gaps.items() if gap.n]
    if not parts:
        return ""
    return f"Training accuracy, taken while the weights still change, ends {wording.listed(parts)}."


def _apart(gap: Summary) -> str:
    if not settled(gap) or gap.mean == 0:
        return f"not clearly apart ({wording.measured(gap)}) from"
    return f"{wording.measured(magnitude(gap))} {'above' if gap.mean > 0 else 'below'}"


def beside(found: dict[str, Curves]) -> str:
    if len(found) < 2:
        return ""
    digits, clothes = found["mnist"], found["fashion-mnist"]
    gap = versus(
        difference(digits, clothes, ACCURACY), "validation accuracy", f"on {digits.label}", f"on {clothes.label}"
    )
    return f"With the same network and training, {gap}."


# ---- what it gets wrong -------------------------------------------------------------------------------


def _mistakes(results: Results, curves: Curves) -> list[Block]:
    dataset = results.dataset(curves.config.data)
    ended = [seed for seed, at in zip(curves.seeds, curves.diverged_at, strict=True) if at is None]
    key = f"confusion/{curves.config.hash}"
    each_seed = [results.probe(f"{key}/{seed}", partial(_confusion, results, curves, seed)) for seed in ended]
    counts = np.sum(each_seed, axis=0)
    return [
        Prose(confused(counts, dataset.classes, len(ended))),
        _matrix(counts, dataset, len(ended)),
        _worst(dataset, results.logits(curves.config, ended[0]), ended[0]),
        _filters(results, curves, ended[0]),
    ]


def _confusion(results: Results, curves: Curves, seed: int) -> np.ndarray:
    dataset = results.dataset(curves.config.data)
    predicted = results.logits(curves.config, seed).argmax(axis=1)
    return metrics.confusion(dataset.test.labels, predicted, len(dataset.classes))


def confused(counts: np.ndarray, classes: tuple[str, ...], n: int) -> str:
    """Where the errors are: how many, the commonest, the class with the highest and the lowest rate."""
    wrong = counts - np.diag(np.diag(counts))
    if not wrong.any():
        return f"Not one of the {counts.sum():,} answers is wrong."
    rates = wrong.sum(axis=1) / np.maximum(counts.sum(axis=1), 1)
    pairs = np.argwhere(wrong == wrong.max())
    errors = [f"{classes[true]} is taken for {classes[taken]}" for true, taken in pairs]
    often = f"{wording.count(int(wrong.max()), 'time')}{' each' if len(pairs) > 1 else ''}"
    return (
        f"Of {counts.sum():,} answers ({wording.count(n, 'seed')}, all test images) {wrong.sum():,} are wrong. The "
        f"commonest error{'s' if len(pairs) > 1 else ''}, made {often}: {wording.listed(errors)}. The rate of "
        f"errors is highest for {_at(classes, rates, rates.max())} ({wording.percent(rates.max(), 1)}) and lowest for "
        f"{_at(classes, rates, rates.min())} ({wording.percent(rates.min(), 1)})."
    )


def _at(classes: tuple[str, ...], rates: np.ndarray, rate: float) -> str:
    """The classes with this rate: there may be several."""
    return wording.listed([name for name, own in zip(classes, rates, strict=True) if own == rate])


def _matrix(counts: np.ndarray, dataset: Dataset, n: int) -> Figure:
    from shoal import figures

    right = np.trace(counts) / counts.sum()
    caption = (
        f"Which class was taken for which, counted over {wording.count(n, 'seed')}: {wording.percent(right, 2)} of the "
        f"answers lie on the diagonal, the right ones."
    )
    chart = figures.heatmap(counts, dataset.classes)
    return Figure("mnist-confusion", chart, caption, figures.heatmap_rows(counts, dataset.classes))


def _worst(dataset: Dataset, logits: np.ndarray, seed: int) -> Figure | Prose:
    """The images whose own class got the lowest probability, among those that were taken for another."""
    from shoal import figures

    labels = dataset.test.labels.astype(int)
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    predicted = logits.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    if not len(wrong):
        return Prose(f"Seed {seed} makes no mistake.")
    worst = wrong[np.argsort(-losses[wrong], kind="stable")][:SHOWN]
    between = " as " if max(map(len, dataset.classes)) < 5 else " as\n"
    words = [f"{dataset.classes[labels[index]]}{between}{dataset.classes[predicted[index]]}" for index in worst]
    half = (len(worst) + 1) // 2
    pictures = [dataset.test.images[index, 0] for index in worst]
    chart = figures.images(
        [row for row in (pictures[:half], pictures[half:]) if row],
        [row for row in (words[:half], words[half:]) if row],
        size=84,
    )
    first = worst[0]
    caption = (
        f"The images that seed {seed} is most wrong about, with their own class and the one they are taken for. The "
        f"first, test image {first}, gives its own class a probability of "
        f"{wording.significant(float(np.exp(-losses[first])), 2)}."
    )
    named = [(f"test image {index}", dataset.test.images[index]) for index in worst]
    return Figure("mnist-mistakes", chart, caption, figures.image_rows(named))


def _filters(results: Results, curves: Curves, seed: int) -> Figure:
    from shoal import figures

    weight = np.asarray(results.weights(curves.config, seed)["0.weight"], np.float64)[:, 0]
    norms = np.sqrt((weight**2).sum(axis=(1, 2)))
    caption = (
        f"The first layer's {len(weight)} filters of 5×5 weights after training, seed {seed}; blue below zero, "
        f"vermillion above, the largest weight {wording.significant(float(np.abs(weight).max()), 2)}. The strongest, "
        f"filter {norms.argmax() + 1}, has {wording.significant(norms.max() / norms.min(), 2)} times the norm of the "
        f"weakest, filter {norms.argmin() + 1}."
    )
    captions = [f"filter {number}" for number in range(1, len(weight) + 1)]
    rows = figures.image_rows(list(zip(captions, weight, strict=True)))
    return Figure("mnist-filters", figures.filters(list(weight), captions), caption, rows)


SECTION = Section(
    id="3.3",
    title="MNIST",
    question="How well does the modified LeNet read digits, what does it get wrong, and does it overfit?",
    original="The training loss drops rapidly within the first few epochs and continues to decrease steadily, while "
    "both training and test accuracy climb quickly above 97% by epoch 2 and flatten out near 99% by the end of "
    "training. The final test accuracy of about 98.9% highlights how well the model generalizes on this simpler "
    "dataset compared to FashionMNIST, since handwritten digits are less complex and more consistent in structure "
    "than clothing images. Overall, MNIST confirms the effectiveness of the modified LeNet architecture, achieving "
    "high accuracy with fast convergence and minimal overfitting.",
    chapter=chapter,
    study=STUDY,
    data=("mnist", "fashion-mnist"),
)
