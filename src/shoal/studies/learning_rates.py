# SPDX-License-Identifier: Apache-2.0
"""Section 1.2: softmax regression at seven learning rates, and the curvature that decides which are stable."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from shoal import wording
from shoal.analysis import metrics
from shoal.analysis.curves import Curves
from shoal.analysis.statistics import mean_interval
from shoal.engines import scaling
from shoal.models import normal, softmax_regression
from shoal.optimizers import SGD
from shoal.studies import compose
from shoal.studies.clauses import (
    ACCURACY,
    LOSS,
    Quantity,
    apart,
    difference,
    geometric,
    how_often,
    ranking,
    rows,
    single,
    summary,
    told,
)
from shoal.studies.section import Block, Figure, Prose, Results, Section
from shoal.study import Config, Grid, Study


def config(lr: float) -> Config:
    return Config(
        data="fashion-mnist",
        model=softmax_regression(),
        optimizer=SGD(lr=lr),
        init=normal(0.01),
        batch_size=256,
        epochs=10,
    )


STUDY = Study("learning-rates", config, Grid(lr=[0.001, 0.05, 0.1, 0.12, 0.2, 0.5, 1.0]), keep_weights=True)
NOTABLE = "lr 0.12"
SWAY = 5.0
"""Percent: a loss that rises further than this above its earlier low is said to sway."""
REBOUND = Quantity("rebound in %", lambda curves: 100 * metrics.worst_rebound(curves.validation_loss), decimals=1)
NOISE = Quantity("step-loss noise", lambda curves: metrics.step_noise(curves.step_losses[:, -curves.steps_per_epoch :]))
PROBED_SEEDS, PROBED_EPOCHS, PROBED_IMAGES = 3, (0, 1, 3, 10), 2_000
"""Where curvature is measured: the first seeds, the epochs, and how many training images."""


def chapter(results: Results) -> list[Block]:
    found = compose.finished(STUDY, results, lambda lr: f"lr {lr:g}")
    opening = compose.opening(STUDY, found, "Softmax regression", results, "only the learning rate differs")
    split = "Validation is the test split, here and in all chapters, as in the textbook; no choice is made by it."
    blocks: list[Block] = [compose.paragraph(opening.text, split)]
    group = list(found.values())
    if not group:
        return blocks
    blocks += _curves(group)
    blocks.append(compose.paragraph(slow(found), ranking(group, LOSS, "lowest", "at")))
    blocks.append(compose.paragraph(sway(group), notable(found, compose.comparable(STUDY, results))))
    blocks.append(compose.outcome_table("learning-rates", group, _caption(group), (LOSS, ACCURACY, REBOUND)))
    products = {one.label: stability(results, one) for one in group}
    blocks += [_curvature(group, products), Prose(critical(group, products))]
    return blocks


def slow(found: dict[float, Curves]) -> str:
    """When lr 0.05 has the loss at which lr 0.001 ends."""
    if 0.001 not in found or 0.05 not in found:
        return ""
    slowest, medium = found[0.001], found[0.05]
    left, right = rows(slowest, medium)
    target = LOSS.of(slowest)[left]
    epochs = metrics.time_to(medium.epochs, medium.validation_loss[right], target)
    ends = f"At {slowest.label} validation loss is {told(slowest, LOSS)} after {slowest.config.epochs} epochs"
    reached = np.isfinite(epochs)
    if not reached.any():
        return f"{ends}, which {medium.label} never reaches."
    some = "" if reached.all() else f" {how_often(reached)}"
    if (epochs[reached] <= 1).all():
        return f"{ends}, which {medium.label} passes{some} within its first epoch."
    when = wording.measured(mean_interval(epochs[reached]), 1)
    return f"{ends}, which {medium.label} reaches{some} after {when} epochs."


def sways(curves: Curves) -> bool:
    """Whether the rebound is beyond `SWAY` in most seeds; where a run diverged, it is."""
    return bool(np.mean(REBOUND.of(curves) > SWAY) > 0.5)


def sway(group: Sequence[Curves]) -> str:
    """Which rates sway, and whether all larger ones do; of single runs only what each of them did."""
    rise = f"after the first epoch, rises more than {SWAY:g}% above its earlier low"
    swaying = [one for one in group if sways(one)]
    if single(group):
        if not swaying:
            return f"At none of these rates does validation loss, in its one run, {rise.replace('rises', 'rise')}."
        told_each = wording.listed([f"{one.label} ({_far(one)})" for one in swaying])
        return f"In these runs validation loss, {rise} at {told_each}."
    meaning = f"Say that a rate sways if in most seeds its validation loss, {rise}, or diverges."
    if not swaying:
        return f"{meaning} None of these rates does."
    smallest = swaying[0]
    first = group.index(smallest)
    calm = [one.label for one in group[first:] if one not in swaying]
    beyond = f"but not {wording.listed(calm)}" if calm else "and so does every larger one"
    by = f"{how_often(REBOUND.of(smallest) > SWAY)}, {_far(smallest)}"
    if first == len(group) - 1:
        return f"{meaning} Only {smallest.label} does, {by}."
    return f"{meaning} The smallest that does is {smallest.label} ({by}), {beyond}."


def _far(curves: Curves) -> str:
    return f"by {told(curves, REBOUND)}%" if summary(curves, REBOUND).n else "by diverging"


def notable(found: dict[float, Curves], compared: bool = True) -> str:
    """The rate that the original calls unstable beside the largest it calls stable."""
    if 0.1 not in found or 0.12 not in found:
        return ""
    stable, unstable = found[0.1], found[0.12]
    rebound, loss = difference(unstable, stable, REBOUND), difference(unstable, stable, LOSS)
    points = "" if rebound.sd is None else f"; in percentage points, that is {apart(rebound, decimals=2)}"
    lead = f"The original calls {unstable.label} unstable: here its" if compared else f"At {unstable.label} the"
    return (
        f"{lead} loss rebounds by {told(unstable, REBOUND)}%, against "
        f"{told(stable, REBOUND)}% at {stable.label}{points}. The loss at which it ends is {apart(loss)}."
    )


def _caption(group: Sequence[Curves]) -> str:
    return (
        f"Softmax regression after {group[0].config.epochs} epochs. The rebound is how far validation loss, after the "
        f"first epoch, ever rose above its earlier low."
    )


# ---- curvature ----------------------------------------------------------------------------------------


def stability(results: Results, curves: Curves) -> np.ndarray:
    """lr · λ / 2 of the first seeds, (seeds, epochs probed): above 1 a parabola of that curvature is unstable."""
    seeds = curves.seeds[:PROBED_SEEDS]
    eigenvalues = [[_eigenvalue(results, curves, seed, epoch) for epoch in PROBED_EPOCHS] for seed in seeds]
    return curves.config.optimizer.lr * np.array(eigenvalues, float) / 2


def _eigenvalue(results: Results, curves: Curves, seed: int, epoch: int) -> float:
    """The largest eigenvalue of the Hessian of the training loss; NaN after divergence."""
    row = curves.seeds.index(seed)
    if not np.isfinite(curves.validation_loss[row, epoch]):
        return float("nan")
    key = f"curvature/{curves.config.hash if epoch else 'start'}/{seed}/{epoch}"
    return float(results.probe(key, partial(_measure, results, curves, seed, epoch)))


def _measure(results: Results, curves: Curves, seed: int, epoch: int) -> float:
    from shoal.probes import gradients

    dataset = results.dataset(curves.config.data)
    images, labels = dataset.train.images[:PROBED_IMAGES], dataset.train.labels[:PROBED_IMAGES]
    weights, scaled = results.weights(curves.config, seed, epoch), scaling(curves.config, dataset)
    return gradients.curvature(curves.config.model, weights, images, labels, scaled, tolerance=3e-3)["eigenvalue"]


def critical(group: Sequence[Curves], products: dict[str, np.ndarray]) -> str:
    """The critical rate at the start, which rates lie above it, and whether those are the ones that sway."""
    rate = group[0].config.optimizer.lr
    start = geometric(rate / products[group[0].label][:, 0])
    above = [one for one in group if geometric(products[one.label][:, 0]).mean > 1]
    last = [one.label for one in group if geometric(products[one.label][:, -1]).mean > 1]
    which = "at which the loss rose so far" if single(group) else "that sway"
    beyond = f": {wording.listed([one.label for one in above])} {_lie(len(above))} above it. " if above else ". "
    still = f"it is above 1 at {wording.listed(last)}" if last else "it is above 1 at none of these rates"
    return (
        f"On a parabola of curvature λ, gradient descent is unstable above a learning rate of 2/λ. Before training, "
        f"the largest curvature of the training loss, measured on the first {PROBED_IMAGES:,} training images, puts "
        f"that rate at {wording.measured(start)}{beyond}{_agree(group, above, which)} The figure shows the product "
        f"lr · λ / 2, which is 1 at that rate: after {PROBED_EPOCHS[-1]} epochs {still}."
    )


def _lie(count: int) -> str:
    return "lies" if count == 1 else "lie"


def _agree(group: Sequence[Curves], above: Sequence[Curves], which: str) -> str:
    """Whether the rates above the critical one are those that sway, and which are more or fewer."""
    over, swaying = [one.label for one in above], [one.label for one in group if sways(one)]
    if over == swaying:
        none = f"None of these rates lies above it, nor are there any {which}."
        return f"These are the rates {which}." if over else none
    if not swaying:
        return f"Yet there are no rates {which}."
    if not over:
        return f"None of these rates lies above it, yet there are some {which}: {wording.listed(swaying)}."
    more, fewer = ([label for label in a if label not in b] for a, b in ((swaying, over), (over, swaying)))
    if len(fewer) == len(over):
        return f"The rates {which} are others: {wording.listed(swaying)}."
    parts = [f"without {wording.listed(fewer)}"] if fewer else []
    parts += [f"also {wording.listed(more)}"] if more else []
    return f"The rates {which} are these, {' but '.join(parts)}."


# ---- figures ------------------------------------------------------------------------------------------


def _curves(group: list[Curves]) -> list[Figure]:
    from shoal import figures

    n, epochs = compose.seeds(group), group[0].config.epochs
    look: dict[str, Any] = {"ordered": True, "accent": NOTABLE, "facet": True, "columns": 4}
    losses = [(one.label, np.arange(one.step_losses.shape[1]) / one.steps_per_epoch, one.step_losses) for one in group]
    loss = f"Validation loss after each epoch, a panel for each rate, the others in grey. It ends {_span(group, LOSS)}."
    accuracy = f"Validation accuracy of the same runs. It ends {_span(group, ACCURACY)}."
    step = (
        f"Training loss, step by step. In the last epoch it scatters, from one step to the next, "
        f"{_span(group, NOISE)}. {figures.steps_note(len(losses[0][1]))}"
    ).strip()
    chart = figures.steps(losses, x_title="epoch", log_y=True, x_ticks=(0, 5, 10), x_domain=(0, epochs), **look)
    return [
        compose.epoch_figure(
            "learning-rates-loss", "validation_loss", group, f"{loss} {n}.", since=1, log_y=True, wide=True, **look
        ),
        compose.epoch_figure(
            "learning-rates-accuracy", "validation_accuracy", group, f"{accuracy} {n}.", since=1, wide=True, **look
        ),
        Figure("learning-rates-step-losses", chart, f"{step} {n}.", figures.steps_rows(losses, x="epoch"), wide=True),
    ]


def _beside_one(value: float) -> str:
    """With as many digits, up to six, as tell it from 1."""
    digits = next((digits for digits in range(2, 6) if float(f"{value:.{digits - 1}e}") != 1), 6)
    return wording.significant(value, digits)


def _span(group: Sequence[Curves], quantity: Quantity) -> str:
    return compose.spread(group, quantity, "at")


def _curvature(group: list[Curves], products: dict[str, np.ndarray]) -> Figure:
    from shoal import figures

    epochs = np.array(PROBED_EPOCHS, float)
    lines = [(one.label, epochs, np.exp(np.log(products[one.label]).mean(axis=0))) for one in group]
    most = max(len(values) for values in products.values())
    ends = {one.label: geometric(products[one.label][:, -1]).mean for one in group}
    known = {label: end for label, end in ends.items() if np.isfinite(end)}
    nearest = min(known, key=lambda label: abs(np.log(known[label])), default="")
    caption = (
        "Learning rate times curvature, lr · λ / 2, along the run. Above the dashed line, which is 1, gradient descent "
        "is unstable on a parabola so curved."
        + (f" Nearest to it at the end is {nearest}, at {_beside_one(known[nearest])}." if nearest else "")
        + f" {wording.seeds(most)}{', a geometric mean' if most > 1 else ''}."
    )
    chart = figures.curves(
        lines,
        x_title="epoch",
        y_title="lr · λ / 2",
        ordered=True,
        accent=NOTABLE,
        log_y=True,
        y_rules=[(1.0, "")],
    )
    return Figure("learning-rates-curvature", chart, caption, figures.curve_rows(lines, x="epoch", y="lr_lambda_2"))


SECTION = Section(
    id="1.2",
    title="Learning rates",
    question="How does the learning rate change the training of softmax regression, and where does it become unstable?",
    original="Small LR (0.001): very slow convergence, high validation loss. Medium LR (0.05–0.1, .05): fast "
    "convergence, lowest validation loss, stable training. Large LR (>0.1, .12): unstable, swaying validation loss.",
    chapter=chapter,
    study=STUDY,
)
