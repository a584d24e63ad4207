# SPDX-License-Identifier: Apache-2.0
"""Section 1.3: softmax regression at three batch sizes, against epochs, steps and seconds."""

from math import sqrt

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
    told,
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
    blocks: list[Block] = [opening, *_figures(group)]
    blocks.append(compose.outcome_table("batch-sizes", group, "The end of training.", (LOSS, ACCURACY, NOISE)))
    if len(group) > 1:
        blocks.append(compose.paragraph(per_epoch(group), per_step(group), per_second(small, large)))
        blocks.append(compose.paragraph(noise(group), ranking(group, ACCURACY, "highest", "at"), end(group)))
    return blocks


def per_epoch(group: list[Curves]) -> str:
    small, large = group[0], group[-1]
    gap = versus(difference(small, large, FIRST), "the loss", f"at {small.label}", f"at {large.label}")
    return f"Per epoch: after the first, validation loss is {each(group, FIRST, 'at')}; {gap}."


def per_step(group: list[Curves]) -> str:
    """At the step where the largest batch has done all its epochs."""
    small, large = group[0], group[-1]
    last = large.steps_per_epoch * large.config.epochs
    then = Quantity("validation loss", lambda curves: metrics.value_at(clock(curves), curves.validation_loss, last))
    gap = versus(difference(small, large, then), "the loss", f"at {small.label}", f"at {large.label}")
    return (
        f"Per step: when {large.label} has done all its {last:,} steps, validation loss is {each(group, then, 'at')} "
        f"after as many steps (between epochs, on a straight line); {gap}."
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
        f"Per second: the loss at which {large.label} ends is reached at {small.label}{some} after {when} epochs and "
        f"{wording.duration(took.mean)} of training, where {large.label} takes {wording.duration(whole.mean)}."
    )


def noise(group: list[Curves]) -> str:
    small, large = group[0], group[-1]
    root = sqrt(large.config.batch_size / small.config.batch_size)
    return (
        f"The losses of successive steps scatter in the last epoch by {each(group, NOISE, 'at')}: "
        f"{fold(ratio(small, large, NOISE))} times as much at {small.label} as at {large.label}, where means of "
        f"independent examples would give √({large.config.batch_size}/{small.config.batch_size}) = "
        f"{wording.significant(root)}."
    )


def end(group: list[Curves]) -> str:
    small, large = group[0], group[-1]
    left, right = rows(large, small)
    lower = ACCURACY.of(large)[left] < ACCURACY.of(small)[right]
    gap = versus(difference(large, small, ACCURACY), "accuracy", f"at {large.label}", f"at {small.label}")
    return (
        f"The original saw large batches end lower at times: here "
        f"{large.label} ends below {small.label} {how_often(lower)}, and {gap}."
    )


def _figures(group: list[Curves]) -> list[Figure]:
    from shoal import figures

    n = compose.seeds(group)
    by_step = [(one.label, clock(one)[1:], one.validation_loss[:, 1:]) for one in group]
    by_second = [
        (one.label, np.cumsum(one.seconds, axis=1).mean(axis=0)[1:], one.validation_loss[:, 1:]) for one in group
    ]
    losses = [(one.label, np.arange(one.step_losses.shape[1]) / one.steps_per_epoch, one.step_losses) for one in group]
    took = wording.listed([f"{wording.duration(SECONDS.of(one).mean())} at {one.label}" for one in group])
    best = min(group, key=lambda one: float(np.nan_to_num(LOSS.of(one), nan=np.inf).mean()))
    return [
        compose.epoch_figure(
            "batch-sizes-epochs",
            "validation_loss",
            group,
            f"Against epochs: after ten, {best.label} is lowest, at {told(best, LOSS)}. {n}.",
            ordered=True,
            since=1,
        ),
        Figure(
            "batch-sizes-steps",
            figures.curves(by_step, x_title="step", y_title="validation loss", ordered=True, log_x=True),
            f"The same runs against steps: {group[-1].label} stops after {int(clock(group[-1])[-1]):,}, "
            f"{group[0].label} after {int(clock(group[0])[-1]):,}. {n}.",
            figures.curve_rows(by_step, x="step", y="validation_loss"),
        ),
        Figure(
            "batch-sizes-seconds",
            figures.curves(
                by_second, x_title="seconds of training", y_title="validation loss", ordered=True, log_x=True
            ),
            f"And against the seconds that training took on one thread, without evaluation: {took} in all. {n}.",
            figures.curve_rows(by_second, x="seconds", y="validation_loss"),
        ),
        compose.epoch_figure(
            "batch-sizes-accuracy",
            "validation_accuracy",
            group,
            f"Validation accuracy ends at {each(group, ACCURACY, 'at')}. {n}.",
            ordered=True,
            since=1,
        ),
        Figure(
            "batch-sizes-step-losses",
            figures.steps(losses, x_title="epoch", facet=True, ordered=True, log_y=True),
            f"The loss of every step while training. In the last epoch it scatters by {each(group, NOISE, 'at')}. {n}.",
            figures.steps_rows(losses, x="epoch"),
            wide=True,
        ),
    ]


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
