# SPDX-License-Identifier: Apache-2.0
"""Section 1.3: softmax regression at three batch sizes, against epochs, steps and seconds."""

from dataclasses import replace
from math import sqrt

import numpy as np

from shoal import wording
from shoal.analysis import metrics
from shoal.analysis.curves import Curves
from shoal.analysis.statistics import mean_interval
from shoal.models import normal, softmax_regression
from shoal.optimizers import SGD
from shoal.studies import compose
from shoal.studies.batch_sizes import drawings
from shoal.studies.batch_sizes.claims import (
    CLAIMS,
    EPOCHS,
    LARGE,
    MEDIUM,
    RATE,
    RATE_SCALED,
    SMALL,
    STEPS_ALIKE,
    TIMES,
    far_below,
)
from shoal.studies.batch_sizes.drawings import SECONDS, last_step, step_clock
from shoal.studies.clauses import (
    ACCURACY,
    LOSS,
    Quantity,
    difference,
    fold,
    how_often,
    ranking,
    ratio,
    rows,
    versus,
)
from shoal.studies.section import Block, Results, Section
from shoal.study import Config, Grid, Study


def config(batch_size: int, lr: float = RATE, epochs: int = EPOCHS) -> Config:
    return Config(
        data="fashion-mnist",
        model=softmax_regression(),
        optimizer=SGD(lr=lr),
        init=normal(0.01),
        batch_size=batch_size,
        epochs=epochs,
    )


SIZES = Grid(batch_size=[point["batch_size"] for point in (SMALL, MEDIUM, LARGE)])
BEYOND = Grid(**{name: [value] for name, value in STEPS_ALIKE.items()}) + Grid(
    **{name: [value] for name, value in RATE_SCALED.items()}
)


def label(batch_size: int, lr: float = RATE, epochs: int = EPOCHS) -> str:
    """ "batch 256", and what else is its own."""
    more = [f"lr {lr:g}"] if lr != RATE else []
    more += [f"{epochs} epochs"] if epochs > EPOCHS else []
    return ", ".join([f"batch {batch_size}", *more])


STUDY = Study("batch-sizes", config, SIZES + BEYOND, label=label, claims=CLAIMS)
MAIN = replace(STUDY, grid=SIZES, claims=())
"""What is shown side by side; the others give the largest batch as many steps, or a larger learning rate."""

FIRST = Quantity("validation loss after one epoch", lambda curves: curves.validation_loss[:, 1])
NOISE = Quantity("step-loss noise", lambda curves: metrics.step_noise(curves.step_losses[:, -curves.steps_per_epoch :]))


def chapter(results: Results) -> list[Block]:
    found = compose.finished(MAIN, results)
    group = list(found.values())
    opening = compose.opening(MAIN, found, "Softmax regression", results, "only the batch size differs")
    if not group:
        return [opening]
    large = group[-1]
    progress = (
        f"The way: {last_step(large):,} steps are all that {large.label} takes; the losses of the others at that step "
        f"are interpolated between epochs."
    )
    ending = f"The end: after {large.config.epochs} epochs. Noise is how far training loss scatters in the last epoch."
    compared = compose.comparable(STUDY, results)
    several = len(group) > 1
    way = [compose.paragraph(per_epoch(group), per_step(group), per_second(group[0], large))] if several else []
    said = [compose.paragraph(noise(group), ranking(group, ACCURACY, "highest", "at"), end(group, compared))]
    return [
        opening,
        *drawings.progress(group),
        *way,
        compose.outcome_table("batch-sizes-way", group, progress, (FIRST, _then(large))),
        drawings.steps(group),
        *(said if several else []),
        compose.outcome_table("batch-sizes", group, ending, (LOSS, ACCURACY, NOISE)),
        *_beyond(results, found),
    ]


def per_epoch(group: list[Curves]) -> str:
    small, large = group[0], group[-1]
    gap = versus(difference(small, large, FIRST), "validation loss", f"at {small.label}", f"at {large.label}")
    return f"After one epoch {gap}."


def per_step(group: list[Curves]) -> str:
    """At the step where the largest batch has done all its epochs."""
    small, large = group[0], group[-1]
    gap = versus(difference(small, large, _then(large)), "it", f"at {small.label}", f"at {large.label}")
    return f"After equally many steps, the {last_step(large):,} that {large.label} takes, {gap}."


def _then(large: Curves) -> Quantity:
    """Validation loss at the step with which the largest batch ends."""
    last = last_step(large)
    return Quantity(
        f"validation loss after {last:,} steps",
        lambda curves: metrics.value_at(step_clock(curves), curves.validation_loss, last),
    )


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


# ---- beyond equal epochs ------------------------------------------------------------------------------


def _beyond(results: Results, found: dict[int, Curves]) -> list[Block]:
    """The largest batch with as many steps as the smallest, and with a learning rate larger by as much."""
    small, long, fast = found.get(SMALL["batch_size"]), results.curves(**STEPS_ALIKE), results.curves(**RATE_SCALED)
    if not small or not long.seeds or not fast.seeds:
        return []
    lines = [curves for size, curves in found.items() if size != LARGE["batch_size"]]
    return [
        compose.paragraph(equal_steps(small, long), scaled(small, fast)),
        drawings.balance([*lines, long]),
    ]


def equal_steps(small: Curves, long: Curves) -> str:
    """What is left of the difference when the large batch has taken as many steps."""
    alike = long.steps_per_epoch * small.config.epochs
    return (
        f"In {small.config.epochs} epochs {small.label} takes {last_step(small):,} steps and batch 256 {alike:,}. With "
        f"{long.config.epochs} epochs, {last_step(long):,} steps, {_below(long, small)}."
    )


def scaled(small: Curves, fast: Curves) -> str:
    """What is left of it with a learning rate that is as many times larger as the batch."""
    return (
        f"With {fast.config.epochs} epochs and {TIMES} times the learning rate, {fast.config.optimizer.lr:g}, "
        f"{_below(fast, small)}."
    )


def _below(large: Curves, small: Curves) -> str:
    left, right = rows(large, small)
    pairs = (large, left), (small, right)
    ends = [metrics.final(curves.validation_accuracy[seeds], rising=True) for curves, seeds in pairs]
    gap = versus(difference(large, small, ACCURACY), "accuracy", "at batch 256", f"at {small.label}")
    return f"{gap}; it ends more than half a point lower {how_often(far_below(*ends))}"


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
