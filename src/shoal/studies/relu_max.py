# SPDX-License-Identifier: Apache-2.0
"""Section 3.2: LeNet with ReLU and max pooling against the original, and which of the two changes does it."""

import numpy as np

from shoal import wording
from shoal.analysis import metrics
from shoal.analysis.curves import Curves
from shoal.analysis.statistics import Summary, mean_interval
from shoal.models import lenet
from shoal.optimizers import SGD
from shoal.studies import compose
from shoal.studies.clauses import ACCURACY, LOSS, apart, changed, difference, how_often, magnitude, rows, settled, told
from shoal.studies.section import Block, Figure, Results, Section, Table
from shoal.study import Config, Grid, Study

SETTINGS = {
    "sigmoid, lr 0.9": ("sigmoid", 0.9, 256),
    "sigmoid, lr 0.1": ("sigmoid", 0.1, 128),
    "ReLU, lr 0.1": ("relu", 0.1, 128),
}
"""Activation, learning rate and batch size: each activation as the textbook trains it (sigmoid at lr 0.9), and
both at lr 0.1."""

POOLING = {"avg": "average pooling", "max": "max pooling"}

FACTORIALS = {
    "each activation as the textbook trains it": ("sigmoid, lr 0.9", "ReLU, lr 0.1"),
    "both at lr 0.1, batches of 128": ("sigmoid, lr 0.1", "ReLU, lr 0.1"),
}
"""Off and on of the activation, from two ways of being fair."""


def config(activation: str, pooling: str) -> Config:
    name, lr, batch_size = SETTINGS[activation]
    return Config(
        data="fashion-mnist",
        model=lenet(name, pooling),
        optimizer=SGD(lr=lr),
        batch_size=batch_size,
        epochs=20,
    )


STUDY = Study("relu-max", config, Grid(activation=list(SETTINGS), pooling=["avg", "max"]))
ORIGINAL, MODIFIED = ("sigmoid, lr 0.9", "avg"), ("ReLU, lr 0.1", "max")


def chapter(results: Results) -> list[Block]:
    found = compose.finished(STUDY, results, _label)
    varies = (
        "activation and pooling differ, and with the sigmoid also learning rate and batch size, which are 0.9 and 256 "
        "as in the textbook's older edition or 0.1 and 128 as in its newer one"
    )
    blocks: list[Block] = [compose.opening(STUDY, found, "LeNet", results, varies)]
    group = list(found.values())
    if ORIGINAL in found and MODIFIED in found:
        original, modified = found[ORIGINAL], found[MODIFIED]
        caption = (
            f"Training and validation loss. Validation ends at {told(original, LOSS)} with {original.label} and at "
            f"{told(modified, LOSS)} with {modified.label}. {compose.seeds([original, modified])}."
        )
        blocks.append(compose.panels("relu-max-loss", "loss", [original, modified], caption, columns=2))
        said = better(modified, original), sooner(modified, original), rest(modified)
        blocks.append(compose.paragraph(*said))
    if group:
        blocks += [
            _pooling(found),
            compose.outcome_table("relu-max", group, f"LeNet after {group[0].config.epochs} epochs."),
        ]
    effects = {name: contrasts(found, sides) for name, sides in FACTORIALS.items()}
    effects = {name: contrast for name, contrast in effects.items() if contrast}
    if effects:
        blocks += [compose.paragraph(*(causes(name, contrast) for name, contrast in effects.items())), _table(effects)]
    return blocks


def _label(activation: str, pooling: str) -> str:
    name, _, rate = activation.partition(", ")
    return f"{name} + {pooling}, {rate}"


def _name(setting: str) -> str:
    """The way to train, with its batch size: "sigmoid, lr 0.9, batches of 256"."""
    return f"{setting}, batches of {SETTINGS[setting][2]}"


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


def contrasts(found: dict[tuple[str, str], Curves], sides: tuple[str, str]) -> dict[str, np.ndarray]:
    """Main effects and interaction on final accuracy, a value per seed; empty while a corner is missing."""
    keys = [(side, pooling) for side in sides for pooling in ("avg", "max")]
    corners = [found[key] for key in keys if key in found]
    if len(corners) < 4:
        return {}
    seeds = [seed for seed in corners[0].seeds if all(seed in corner.seeds for corner in corners)]
    values = [ACCURACY.of(corner)[[corner.seeds.index(seed) for seed in seeds]] for corner in corners]
    names = {"first": "ReLU for sigmoid", "second": "max for average pooling", "interaction": "interaction"}
    effects = metrics.factorial(np.array(values).reshape(2, 2, -1))
    return {names[key]: effect for key, effect in effects.items()}


def causes(name: str, contrast: dict[str, np.ndarray]) -> str:
    """Which change does more, and whether one depends on the other, as far as the intervals tell."""
    relu, pool, interaction = contrast.values()
    effects = {"ReLU for sigmoid": mean_interval(relu), "max for average pooling": mean_interval(pool)}
    if not effects["ReLU for sigmoid"].n:
        return f"With {name}, a run diverged in every seed: there is no effect to tell."
    parts = [f"by {_effect(effect)} with {what}" for what, effect in effects.items()]
    depends = _depends(mean_interval(interaction))
    return f"With {name}, accuracy changes {wording.listed(parts)}; {_larger(relu, pool)}. {depends}."


def _larger(relu: np.ndarray, pool: np.ndarray) -> str:
    gap = mean_interval(np.abs(relu) - np.abs(pool))
    if not settled(gap) or gap.mean == 0:
        return "which of the two does more is not settled"
    return f"{'the activation' if gap.mean > 0 else 'the pooling'} does more"


def _depends(interaction: Summary) -> str:
    if not settled(interaction) or interaction.mean == 0:
        return f"What max pooling adds does not clearly depend on the activation ({wording.measured(interaction)})"
    word = "more" if interaction.mean > 0 else "less"
    return f"Max pooling adds {wording.measured(magnitude(interaction))} {word} with ReLU than with the sigmoid"


def _effect(effect: Summary) -> str:
    return wording.measured(effect) + ("" if settled(effect) else " (not clearly different from nothing)")


def _table(effects: dict[str, dict[str, np.ndarray]]) -> Table:
    """An effect a row; of each setting the mean with its interval and, of several seeds, the deviation."""
    records, columns = [], ["effect on validation accuracy"]
    body: dict[str, list[str]] = {}
    for name, contrast in effects.items():
        numbers = {effect: mean_interval(values) for effect, values in contrast.items()}
        lone = all(one.n < 2 for one in numbers.values())
        columns += [name] if lone else [name, "sd"]
        for effect, one in numbers.items():
            cells = [wording.measured(one)] if lone else [wording.measured(one), compose.deviation(one)]
            body.setdefault(effect, [effect]).extend(cells)
            parts = {part: getattr(one, part) for part in ("n", "mean", "sd", "low", "high")}
            records.append({"setting": name, "effect": effect, **parts})
    caption = (
        "The two-by-two factorial, paired by seed. An effect is a mean over both levels of the other change; the "
        "interaction is what max pooling adds with ReLU minus what it adds with the sigmoid."
    )
    note = compose.spread_note([record["n"] for record in records])
    return Table("factorial", columns, list(body.values()), f"{caption} {note}".strip(), records)


def _pooling(found: dict[tuple[str, str], Curves]) -> Figure:
    """A panel for each way to train, average beside max pooling."""
    from shoal import figures

    panels, listed = [], []
    for setting in SETTINGS:
        both = {pooling: found[setting, pooling] for pooling in POOLING if (setting, pooling) in found}
        lines = [(POOLING[pooling], one.epochs, one.validation_accuracy) for pooling, one in both.items()]
        if lines:
            panels.append((_name(setting), lines))
            rows = figures.curve_rows(lines, x="epoch", y="validation_accuracy")
            listed += [{"configuration": _name(setting), **row} for row in rows]
    group = list(found.values())
    caption = (
        f"Validation accuracy with average and with max pooling, a panel for each way to train. It ends "
        f"{compose.spread(group, ACCURACY, 'with')}. {compose.seeds(group)}."
    )
    chart = figures.multiples(panels, x_title="epoch", y_title="validation accuracy", x_ticks=range(0, 21, 5))
    return Figure("relu-max-accuracy", chart, caption, listed, wide=True)


SECTION = Section(
    id="3.2",
    title="ReLU and max pooling",
    question="Do ReLU and max pooling make LeNet better, and which of the two does it?",
    original="The modified LeNet with ReLU and max pooling works better than the original. Both training and "
    "validation loss drop faster and end up lower, and validation accuracy rises more quickly, reaching about 90% by "
    "20 epochs compared to the mid 80s with sigmoid and average pooling. … This happens because ReLU avoids "
    "vanishing gradients and max pooling keeps the strongest parts, so the network trains faster and generalizes "
    "better than the original.",
    chapter=chapter,
    study=STUDY,
)
