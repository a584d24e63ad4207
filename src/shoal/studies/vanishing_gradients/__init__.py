# SPDX-License-Identifier: Apache-2.0
"""Section 2.1: the sigmoid's derivative, and what is left of the gradient in networks of one to eight hidden layers."""

from typing import Any

import numpy as np

from shoal import wording
from shoal.analysis.curves import Curves
from shoal.models import mlp
from shoal.optimizers import SGD
from shoal.studies import compose
from shoal.studies.clauses import ACCURACY, difference, each, fold, geometric, single, versus
from shoal.studies.section import Block, Figure, Prose, Results, Section
from shoal.studies.vanishing_gradients import gradient_flow
from shoal.studies.vanishing_gradients.gradient_flow import CLAIMS, MOMENTS, gradient_norms, sigmoid_curve
from shoal.study import Config, Grid, Study

WIDTH = 64


def config(activation: str, depth: int) -> Config:
    return Config(
        data="fashion-mnist",
        model=mlp(*[WIDTH] * depth, activation=activation),
        optimizer=SGD(lr=0.1),
        batch_size=256,
        epochs=5,
    )


NAMES = {"sigmoid": "sigmoid", "relu": "ReLU"}


def label(activation: str, depth: int) -> str:
    """ "8 sigmoid layers"."""
    return wording.count(depth, f"{NAMES[activation]} layer")


STUDY = Study(
    "vanishing-gradients", config, Grid(activation=["sigmoid", "relu"], depth=range(1, 9)), label=label, claims=CLAIMS
)

CHANCE = 0.1
"""The accuracy of guessing among ten classes of the same size."""
NEAR = 0.01
"""Within so much of it a network has learned nothing worth telling."""

Found = dict[tuple[str, int], Curves]
Norms = dict[tuple[str, int, str], np.ndarray]
"""(activation, depth, moment) to gradient norms (seeds, layers), first layer to last."""


def chapter(results: Results) -> list[Block]:
    found: Found = compose.finished(STUDY, results)
    varies = f"activation and depth differ, and each hidden layer has {WIDTH} units"
    blocks: list[Block] = [_sigmoid(results), compose.opening(STUDY, found, "Multilayer perceptrons", results, varies)]
    if not found:
        return blocks
    norms = {
        (*key, moment): gradient_norms(results, curves, moment) for key, curves in found.items() for moment in MOMENTS
    }
    deepest = max(depth for _, depth in found)
    said = [left(norms, deepest, moment) for moment in MOMENTS] + [shrink(norms, deepest)]
    blocks += [_gradients(norms), compose.paragraph(*said)]
    blocks += [_accuracy(found), Prose(cost(found, deepest))]
    group = list(found.values())
    blocks.append(
        compose.outcome_table("vanishing-gradients", group, f"Perceptrons after {group[0].config.epochs} epochs.")
    )
    return blocks


# ---- sentences ----------------------------------------------------------------------------------------


def left(norms: Norms, depth: int, moment: str) -> str:
    """How much of the last layer's gradient the first layer has, in the deepest networks."""
    parts: list[str] = []
    for activation, name in NAMES.items():
        if (activation, depth, moment) in norms:
            values = norms[activation, depth, moment]
            whose = "" if parts else " the last layer's"
            parts.append(f"{fold(geometric(values[:, 0] / values[:, -1]))} times{whose} with {name}s")
    if not parts:
        return ""
    when = MOMENTS[moment]
    return (
        f"{when[0].upper()}{when[1:]}, with {wording.count(depth, 'hidden layer')}, the first layer's gradient is "
        f"{wording.listed(parts)}."
    )


def shrink(norms: Norms, depth: int) -> str:
    """What one more layer does to the first layer's gradient before training."""
    parts = []
    for activation, name in NAMES.items():
        shallow, deep = norms.get((activation, 1, "start")), norms.get((activation, depth, "start"))
        if shallow is not None and deep is not None and len(shallow) == len(deep) and depth > 1:
            factor = geometric((deep[:, 0] / shallow[:, 0]) ** (1 / (depth - 1)))
            parts.append(f"{fold(factor)} with {name}s")
    if not parts:
        return ""
    told = wording.listed(parts)
    return f"Before training, each hidden layer beyond the first multiplies the first layer's gradient by {told}."


def cost(found: Found, depth: int) -> str:
    """What the deepest and the shallowest networks reach."""
    sigmoid, relu = (found.get((activation, depth)) for activation in NAMES)
    parts = []
    if sigmoid and relu:
        a, b = f"with {sigmoid.label}", f"with {relu.label}"
        gap = versus(difference(sigmoid, relu, ACCURACY), "validation accuracy", a, b)
        parts.append(f"After {sigmoid.config.epochs} epochs {gap}.")
    for activation, name in NAMES.items():
        group = [curves for (own, _), curves in found.items() if own == activation]
        if group:
            parts.append(f"{name[0].upper()}{name[1:]} networks end {compose.spread(group, ACCURACY, 'with')}.")
    return " ".join([*parts, stuck(found)]).strip()


def stuck(found: Found) -> str:
    """Which networks have learned nothing: every seed ends near the accuracy of guessing."""
    lost = []
    for activation, name in NAMES.items():
        depths = [
            depth
            for (own, depth), one in found.items()
            if own == activation and (np.abs(ACCURACY.of(one) - CHANCE) < NEAR).all()
        ]
        if depths:
            lost.append(f"{name} networks with {wording.listed(depths)} hidden layer{'s' if depths != [1] else ''}")
    said = f"{wording.listed(lost)} end within {wording.fixed(NEAR, 2)} of the accuracy of guessing."
    if not lost:
        return ""
    return f"{said[0].upper()}{said[1:]}" if single(found.values()) else f"In every seed, {said}"


# ---- figures ------------------------------------------------------------------------------------------


def _sigmoid(results: Results) -> Figure:
    from shoal import figures

    curve = sigmoid_curve(results)
    x = np.array([point["x"] for point in curve])
    lines: list[tuple[str, Any, Any]] = [
        ("sigmoid", x, np.array([point["sigmoid"] for point in curve])),
        ("derivative", x, np.array([point["derivative"] for point in curve])),
    ]
    peak = max(curve, key=lambda point: point["derivative"])
    far = min(curve, key=lambda point: abs(point["x"] - 5))
    caption = (
        f"The sigmoid and its derivative, which is at most {wording.significant(peak['derivative'], 3)} (at "
        f"{peak['x']:g}) and {wording.significant(far['derivative'], 2)} at {far['x']:g}: eight in a row hand on at "
        f"most {wording.significant(peak['derivative'] ** 8, 2)} of what comes in, not counting the weights."
    )
    chart = figures.lines(lines, x_title="x", y_title="value")
    return Figure("sigmoid", chart, caption, curve)


def _mean(norms: np.ndarray) -> np.ndarray:
    """(layers,): the geometric mean over seeds, which is what a line shows."""
    return np.asarray(np.exp(np.log(norms).mean(axis=0)))


def _gradients(norms: Norms) -> Figure:
    from shoal import figures

    panels, listed = [], []
    for moment, when in MOMENTS.items():
        for activation, name in NAMES.items():
            depths = sorted(depth for own, depth, at in norms if (own, at) == (activation, moment))
            means = {depth: _mean(norms[activation, depth, moment]) for depth in depths}
            lines = [(str(depth), np.arange(1.0, depth + 2), mean) for depth, mean in means.items()]
            panels.append((f"{name}, {when}", lines))
            rows = figures.curve_rows(lines, x="layer", y="gradient_norm")
            listed += [{"activation": name, "moment": when, "depth": row.pop("series"), **row} for row in rows]
    deepest = max(depth for _, depth, _ in norms)
    ends = {own: _mean(norms[own, deepest, "start"]).min() for own in NAMES if (own, deepest, "start") in norms}
    lowest = [f"{wording.significant(value, 2)} with {NAMES[activation]}s" for activation, value in ends.items()]
    most = max(len(values) for values in norms.values())
    n = wording.seeds(most)
    caption = (
        f"The norm of the loss's gradient by each layer's weights, from the first layer to the last, measured on "
        f"{gradient_flow.PROBED_IMAGES:,} training images. The number at the end of a line is the network's number of "
        f"hidden layers. Before training the lowest point for the deepest networks is {wording.listed(lowest)}. "
        f"{n}{', a geometric mean' if most > 1 else ''}."
    )
    values = np.concatenate([mean for _, lines in panels for _, _, mean in lines])
    reach = np.nanmin(values) / 2, 8 * np.nanmax(values)  # room for the numbers above the lines
    look: dict[str, Any] = {"ordered": True, "log_y": True, "columns": 2, "width": 380, "height": 230}
    look |= {"y_domain": reach, "x_ticks": range(1, deepest + 2)}
    chart = figures.multiples(panels, x_title="layer", y_title="gradient norm", **look)
    return Figure("gradient-norms", chart, caption, listed, wide=True)


def _accuracy(found: Found) -> Figure:
    from shoal import figures

    lines = []
    for activation, name in NAMES.items():
        group = {depth: curves for (own, depth), curves in found.items() if own == activation}
        if group:
            n = min(len(curves.seeds) for curves in group.values())
            values = np.stack([ACCURACY.of(curves)[:n] for curves in group.values()], axis=1)
            lines.append((name, np.array(list(group), float), values))
    deepest = max(depth for _, depth in found)
    ends = [curves for (_, depth), curves in found.items() if depth == deepest]
    caption = (
        f"Validation accuracy after {ends[0].config.epochs} epochs against the number of hidden layers: "
        f"{each(ends, ACCURACY, 'with')}. {compose.seeds(found.values())}."
    )
    chart = figures.curves(lines, x_title="hidden layers", y_title="validation accuracy", x_ticks=range(1, 9))
    return Figure("depth-accuracy", chart, caption, figures.curve_rows(lines, x="depth", y="validation_accuracy"))


SECTION = Section(
    id="2.1",
    title="Vanishing gradients",
    question="How much of the gradient reaches the first layer through sigmoids, and how much through ReLUs?",
    original=gradient_flow.SAYS,
    chapter=chapter,
    study=STUDY,
)
