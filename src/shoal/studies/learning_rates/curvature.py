# SPDX-License-Identifier: Apache-2.0
"""The curvature of the training loss along runs at several learning rates, and which of these it makes unstable. A part
of section 1.2, which says what the rates do; nothing here looks at how a loss sways."""

from collections.abc import Collection, Sequence
from functools import partial

import numpy as np

from shoal import wording
from shoal.analysis.curves import Curves
from shoal.engines import scaling
from shoal.studies.clauses import geometric, single
from shoal.studies.section import Figure, Results

PROBED_SEEDS, PROBED_EPOCHS, PROBED_IMAGES = 3, (0, 1, 3, 10), 2_000
"""Where curvature is measured: the first seeds, the epochs, and how many training images."""


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


def critical(group: Sequence[Curves], products: dict[str, np.ndarray], swaying: Collection[str]) -> str:
    """The critical rate at the start, which rates lie above it, and whether those are the ones that sway.

    Args:
        products: `stability` of each, by label.
        swaying: the labels of those that sway.
    """
    rate = group[0].config.optimizer.lr
    start = geometric(rate / products[group[0].label][:, 0])
    above = [one.label for one in group if geometric(products[one.label][:, 0]).mean > 1]
    last = [one.label for one in group if geometric(products[one.label][:, -1]).mean > 1]
    which = "at which the loss rose so far" if single(group) else "that sway"
    beyond = f": {wording.listed(above)} {_lie(len(above))} above it. " if above else ". "
    still = f"it is above 1 at {wording.listed(last)}" if last else "it is above 1 at none of these rates"
    return (
        f"On a parabola of curvature λ, gradient descent is unstable above a learning rate of 2/λ. Before training, "
        f"the largest curvature of the training loss, measured on the first {PROBED_IMAGES:,} training images, puts "
        f"that rate at {wording.measured(start)}{beyond}{_agree(above, swaying, which)} The figure shows the product "
        f"lr · λ / 2, which is 1 at that rate: after {PROBED_EPOCHS[-1]} epochs {still}."
    )


def _lie(count: int) -> str:
    return "lies" if count == 1 else "lie"


def _agree(over: Sequence[str], swaying: Collection[str], which: str) -> str:
    """Whether the rates above the critical one are those that sway, and which are more or fewer."""
    if set(over) == set(swaying):
        none = f"None of these rates lies above it, nor are there any {which}."
        return f"These are the rates {which}." if over else none
    if not swaying:
        return f"Yet there are no rates {which}."
    if not over:
        return f"None of these rates lies above it, yet there are some {which}: {wording.listed([*swaying])}."
    more, fewer = ([label for label in a if label not in b] for a, b in ((swaying, over), (over, swaying)))
    if len(fewer) == len(over):
        return f"The rates {which} are others: {wording.listed([*swaying])}."
    parts = [f"without {wording.listed(fewer)}"] if fewer else []
    parts += [f"also {wording.listed(more)}"] if more else []
    return f"The rates {which} are these, {' but '.join(parts)}."


def figure(group: Sequence[Curves], products: dict[str, np.ndarray], accent: str) -> Figure:
    """The product along the runs.

    Args:
        accent: the label of the notable rate.
    """
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
        accent=accent,
        log_y=True,
        y_rules=[(1.0, "")],
    )
    return Figure("learning-rates-curvature", chart, caption, figures.curve_rows(lines, x="epoch", y="lr_lambda_2"))


def _beside_one(value: float) -> str:
    """With as many digits, up to six, as tell it from 1."""
    digits = next((digits for digits in range(2, 6) if float(f"{value:.{digits - 1}e}") != 1), 6)
    return wording.significant(value, digits)
