# SPDX-License-Identifier: Apache-2.0
"""How much of the gradient reaches the first layer: measured at given weights, as a measure of runs, and the claims of
section 2.1 on it. It compares sigmoids with ReLUs seed by seed; the section shows what it finds.
"""

from functools import partial

import numpy as np

from shoal import streams
from shoal.analysis import metrics
from shoal.analysis.claims import Claim, Fact, Found
from shoal.analysis.curves import Curves
from shoal.analysis.measures import Measure
from shoal.engines import scaling
from shoal.studies.section import Results

MOMENTS = {"start": "before training", "end": "after training"}
PROBED_IMAGES = 1_000
"""Gradients are measured on so many training images, the first ones."""

SAYS = "Vanishing Gradients with Sigmoid"
"""A heading is all that the original has on it."""

LOST = "10x"
"""Vanishing is to lose this much more on the way from the last layer to the first than with ReLUs."""


def gradient_norms(results: Results, curves: Curves, moment: str) -> np.ndarray:
    """(seeds, layers): the norm of each layer's weight gradient, first layer to last; NaN after divergence."""
    measured = []
    for seed, lost in zip(curves.seeds, curves.diverged_at, strict=True):
        if moment == "end" and lost is not None:
            measured.append([np.nan] * (len(curves.config.model.parameters()) // 2))
            continue
        key = f"layer-gradients/{PROBED_IMAGES}/{curves.config.hash}/{seed}/{moment}"
        measured.append(results.probe(key, partial(_norms, results, curves, seed, moment)))
    return np.array(measured, float)


def _norms(results: Results, curves: Curves, seed: int, moment: str) -> list[float]:
    from shoal.probes import gradients

    config, dataset = curves.config, results.dataset(curves.config.data)
    start = moment == "start"
    weights = streams.initial_weights(config.model, config.init, seed) if start else results.weights(config, seed)
    some = dataset.train.images[:PROBED_IMAGES], dataset.train.labels[:PROBED_IMAGES]
    layers = gradients.layer_gradients(config.model, weights, *some, scaling(config, dataset))
    return [layer["gradient_norm"] for layer in layers]


def fading(moment: str) -> Measure:
    """The last layer's gradient norm over the first layer's; infinity where nothing is left, or the run diverged."""

    def of(curves: Curves, results: Results) -> np.ndarray:
        norms = gradient_norms(results, curves, moment)
        with np.errstate(divide="ignore", invalid="ignore"):
            return metrics.worst(norms[:, -1] / norms[:, 0])

    name = f"fading of the gradient {MOMENTS[moment]}"
    return Measure(name, of, scale="ratio", deep=True)


def sigmoid_curve(results: Results) -> list[dict[str, float]]:
    from shoal.probes import gradients

    points: list[dict[str, float]] = results.probe("sigmoid", gradients.sigmoid_curve)
    return points


def _at_most_a_quarter(results: Results) -> Found:
    steepest = max(point["derivative"] for point in sigmoid_curve(results))
    return Found(steepest <= 0.25, steepest, 0.25, measure="steepest slope of the sigmoid")


def _loses(id: str, depth: int, moment: str, primary: bool = True) -> Claim:
    layers = "1 hidden layer" if depth == 1 else f"{depth} hidden layers"
    return Claim(
        id,
        SAYS,
        tested=f"{MOMENTS[moment].capitalize()}, in networks with {layers}, the gradient's norm shrinks from the last "
        f"layer's weights to the first layer's more than {LOST.removesuffix('x')} times as much with sigmoids as with "
        "ReLUs.",
        measure=fading(moment),
        a={"activation": "sigmoid", "depth": depth},
        b={"activation": "relu", "depth": depth},
        direction="above",
        margin=LOST,
        primary=primary,
    )


CLAIMS = (
    Fact("10a", SAYS, "The sigmoid's derivative is nowhere above a quarter.", _at_most_a_quarter),
    _loses("10b", 8, "start"),
    _loses("10c", 8, "end"),
    _loses("10d", 3, "start"),
    _loses("10e", 3, "end"),
    _loses("10f", 2, "start", primary=False),
    _loses("10g", 1, "start", primary=False),
)
