# SPDX-License-Identifier: Apache-2.0
"""Section 1.3: softmax regression at three batch sizes, against epochs, steps and seconds."""

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from shoal import wording
from shoal.analysis import metrics
from shoal.analysis.curves import Curves
from shoal.analysis.statistics import mean_interval
from shoal.models import normal, softmax_regression
from shoal.optimizers import SGD
from shoal.studies import compose
from shoal.studies.clauses import (
    ACCURACY,
    LOSS,
    Quantity,
    difference,
    each,
    fold,
    how_often,
    ranking,
    ratio,
    rows,
    versus,
)
from shoal.studies.section import Block, Figure, Results, Section
from shoal.study import Config, Grid, Study


def config(batch_size: int) -> Config:
    return Config(
        data="fashion-mnist",
        model=softmax_regression(),
        optimizer=SGD(lr=0.05),
        init=normal(0.01),
        batch_size=batch_size,
        epochs=10,
    )


STUDY = Study("batch-sizes", config, Grid(batch_size=[32, 128, 256]))

FIRST = Quantity("validation loss after one epoch", lambda curves: curves.validation_loss[:, 1])
NOISE = Quantity("step-loss noise", lambda curves: metrics.step_noise(curves.step_losses[:, -curves.steps_per_epoch :]))
SECONDS = Quantity("seconds", lambda curves: np.nansum(curves.seconds, axis=1))


def chapter(results: Results) -> list[Block]:
    found = compose.finished(STUDY, results, lambda batch_size: f"batch {batch_size}")
    group = list(found.values())
    opening = compose.opening(STUDY, found, "Softmax regression", results, "only the batch size differs")
    if not group:
        return [opening]
    small, large = group[0], group[-1]
    progress = (
        f"The way: {_last(large):,} steps are all that {large.label} takes; the losses of the others at that step lie "
        f"between epochs, on a straight line."
    )
    ending = f"The end: after {large.config.epochs} epochs. Noise is how far training loss scatters in the last epoch."
    said = per_epoch(group), per_step(group), per_second(small, large)
    several, compared = len(group) > 1, compose.comparable(STUDY, results)
    return [
        opening,
        *_progress(group),
        *([compose.paragraph(*said)] if several else []),
        compose.outcome_table("batch-sizes-way", group, progress, (FIRST, _then(large))),
        _steps(group),
        *(
            [compose.paragraph(noise(group), ranking(group, ACCURACY, "highest", "at"), end(group, compared))]
            if several
            else []
        ),
        compose.outcome_table("batch-sizes", group, ending, (LOSS, ACCURACY, NOISE)),
    ]


def per_epoch(group: list[Curves]) -> str:
    small, large = group[0], group[-1]
    gap = versus(difference(small, large, FIRST), "validation loss", f"at {small.label}", f"at {large.label}")
    return f"After one epoch {gap}."


def per_step(group: list[Curves]) -> str:
    """At the step where the largest batch has done all its epochs."""
    small, large = group[0], group[-1]
    gap = versus(difference(small, large, _then(large)), "it", f"at {small.label}", f"at {large.label}")
    return f"After equally many steps, the {_last(large):,} that {large.label} takes, {gap}."


def _last(large: Curves) -> int:
    return large.steps_per_epoch * large.config.epochs


def _then(large: Curves) -> Quantity:
    """Validation loss at the step with which the largest batch ends."""
    last = _last(large)
    return Quantity(
        f"validation loss after {last:,} steps",
        lambda curves: metrics.value_at(clock(curves), curves.validation_loss, last),
    )


def clock(curves: Curves) -> np.ndarray:
    """Steps done at the end of each epoch, (E + 1,)."""
    return curves.epochs * curves.steps_per_epoch


def per_second(small: Curves, large: Curves) -> str:
    """When the small batch reaches the loss at which the large one ends, in epochs and in seconds of training."""
    left, right = rows(small, large)
    target = large.final("validation_loss")[right]
    loss, seconds = small.validation_loss[left], np.cumsum(small.seconds[left], axis=1)
    epochs = metrics.time_to(small.epochs, loss, target)
    reached = np.isfinite(epochs)
    if not reached.any():
        return f"The loss at which {large.label} ends is never reached at {small.label}."
    when = wording.measured(mean_interval(epochs[reached]), 1)
    took = mean_interval(metrics.time_to(seconds, loss, target)[reached])
    whole = mean_interval(SECONDS.of(large)[right][reached])
    some = "" if reached.all() else f", {how_often(reached)},"
    return (
        f"The loss at which {large.label} ends is reached at {small.label}{some} after {when} epochs and "
        f"{wording.duration(took.mean)} of training, where {large.label} takes {wording.duration(whole.mean)}."
    )


def noise(group: list[Curves]) -> str:
    small, large = group[0], group[-1]
    root = sqrt(large.config.batch_size / small.config.batch_size)
    return (
        f"In the last epoch the losses of successive steps scatter {fold(ratio(small, large, NOISE))} times as much at "
        f"{small.label} as at {large.label}; means of independent examples would give "
        f"√({large.config.batch_size}/{small.config.batch_size}) = {wording.significant(root)}."
    )


def end(group: list[Curves], compared: bool = True) -> str:
    """Where the largest batch ends beside the smallest, and, where it is to be compared, what the original saw."""
    small, large = group[0], group[-1]
    left, right = rows(large, small)
    lower = ACCURACY.of(large)[left] < ACCURACY.of(small)[right]
    gap = versus(difference(large, small, ACCURACY), "accuracy", f"at {large.label}", f"at {small.label}")
    often = "" if len(lower) < 2 else f", and {large.label} ends below {small.label} {how_often(lower)}"
    return f"{'The original saw large batches end lower at times: here' if compared else 'At the end'} {gap}{often}."


# ---- figures ------------------------------------------------------------------------------------------


def _progress(group: list[Curves]) -> list[Figure]:
    n, small, large = compose.seeds(group), group[0], group[-1]
    took = wording.listed([f"{wording.duration(SECONDS.of(one).mean())} at {one.label}" for one in group])
    loss = (
        f"Validation loss of the same runs by three clocks. {large.label.capitalize()} stops after {_last(large):,} "
        f"steps, {small.label} after {_last(small):,}; training took {took}, on one thread and without evaluation. "
        f"Seconds were measured once, on one machine, while other runs may have trained beside. {n}."
    )
    accuracy = f"Validation accuracy by the same clocks. It ends at {each(group, ACCURACY, 'at')}. {n}."
    return [
        _clocks("batch-sizes-loss", "validation_loss", group, loss, log_y=True),
        _clocks("batch-sizes-accuracy", "validation_accuracy", group, accuracy),
    ]


def _clocks(name: str, metric: str, group: list[Curves], caption: str, **look: Any) -> Figure:
    """A metric against epochs, steps and seconds, side by side."""
    from shoal import figures

    clocks: dict[str, Callable[[Curves], np.ndarray]] = {
        "epoch": lambda curves: curves.epochs,
        "step": clock,
        "seconds of training": lambda curves: np.cumsum(curves.seconds, axis=1).mean(axis=0),
    }
    panels, listed = [], []
    for x, of in clocks.items():
        lines = [(one.label, of(one)[1:], getattr(one, metric)[:, 1:]) for one in group]
        panels.append((f"by {x.partition(' ')[0].removesuffix('s')}", lines))
        rows = figures.curve_rows(lines, x="at", y=metric)
        listed += [{"clock": x, **row} for row in rows]
    titles = list(clocks)
    chart = figures.multiples(
        panels, x_title=titles, y_title=metric.replace("_", " "), ordered=True, log_x=True, **look
    )
    return Figure(name, chart, caption, listed, wide=True)


def _steps(group: list[Curves]) -> Figure:
    from shoal import figures

    losses = [(one.label, np.arange(one.step_losses.shape[1]) / one.steps_per_epoch, one.step_losses) for one in group]
    whole = (0, group[0].config.epochs)
    chart = figures.steps(losses, x_title="epoch", facet=True, ordered=True, log_y=True, x_domain=whole)
    sizes = wording.listed(
        [f"{wording.count(-(-len(x) // figures.BINS), 'step')} at {label}" for label, x, _ in losses]
    )
    caption = (
        f"Training loss, step by step. Each point stands for {sizes}: the line is their mean, the band reaches from "
        f"their lowest to their highest. {compose.seeds(group)}."
    )
    return Figure("batch-sizes-step-losses", chart, caption, figures.steps_rows(losses, x="epoch"), wide=True)


SECTION = Section(
    id="1.3",
    title="Batch sizes",
    question="What does the batch size change: progress per epoch, per step or per second, noise, or the end?",
    original="Small batch (32): faster initial convergence but noisy loss curves; generalization okay. Medium batch "
    "(128): smooth training, good balance of speed and accuracy. Large batch (256): stable curves, but slightly "
    "slower early improvement; sometimes lower final accuracy.",
    chapter=chapter,
    study=STUDY,
)
