# SPDX-License-Identifier: Apache-2.0
"""The figures of section 1.3: batch sizes by three clocks, step by step, and what there is to balance. It compares
nothing but which line lies lowest, and when."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from shoal import wording
from shoal.analysis.curves import Curves
from shoal.studies import compose
from shoal.studies.clauses import ACCURACY, LOSS, Quantity, each, single
from shoal.studies.section import Figure

SECONDS = Quantity("seconds", lambda curves: np.nansum(curves.seconds, axis=1))


def last_step(curves: Curves) -> int:
    """The step with which its runs end."""
    return curves.steps_per_epoch * curves.config.epochs


def step_clock(curves: Curves) -> np.ndarray:
    """Steps done at the end of each epoch, (E + 1,)."""
    return curves.epochs * curves.steps_per_epoch


def second_clock(curves: Curves) -> np.ndarray:
    """Seconds of training done at the end of each epoch, on average over the runs that did not diverge, (E + 1,)."""
    whole = np.isfinite(curves.validation_loss[:, -1])
    seconds = curves.seconds[whole] if whole.any() else curves.seconds
    return np.asarray(np.nancumsum(seconds, axis=1).mean(axis=0))


# ---- three clocks -------------------------------------------------------------------------------------


def progress(group: Sequence[Curves]) -> list[Figure]:
    """Validation loss, and accuracy, of every batch size against epochs, steps and seconds."""
    n, small, large = compose.seeds(group), group[0], group[-1]
    took = wording.listed([f"{wording.duration(SECONDS.of(one).mean())} at {one.label}" for one in group])
    loss = (
        f"Validation loss of the same runs by three clocks. {large.label.capitalize()} stops after "
        f"{last_step(large):,} steps, {small.label} after {last_step(small):,}; training took {took}, on one thread "
        f"and without evaluation. Seconds were measured once, on one machine, while other runs may have trained "
        f"alongside. {n}."
    )
    accuracy = f"Validation accuracy by the same clocks. It ends at {each(group, ACCURACY, 'at')}. {n}."
    return [
        _clocks("batch-sizes-loss", "validation_loss", group, loss, log_y=True),
        _clocks("batch-sizes-accuracy", "validation_accuracy", group, accuracy),
    ]


CLOCKS: dict[str, Callable[[Curves], np.ndarray]] = {
    "epoch": lambda curves: curves.epochs,
    "step": step_clock,
    "seconds of training": second_clock,
}


def _clocks(name: str, metric: str, group: Sequence[Curves], caption: str, **look: Any) -> Figure:
    """A metric against epochs, steps and seconds, side by side."""
    from shoal import figures

    panels, listed = [], []
    for x, of in CLOCKS.items():
        lines = [(one.label, of(one)[1:], getattr(one, metric)[:, 1:]) for one in group]
        panels.append((f"by {x.partition(' ')[0].removesuffix('s')}", lines))
        listed += [{"clock": x, **row} for row in figures.curve_rows(lines, x="at", y=metric)]
    titles = list(CLOCKS)
    chart = figures.multiples(
        panels, x_title=titles, y_title=metric.replace("_", " "), ordered=True, log_x=True, **look
    )
    return Figure(name, chart, caption, listed, wide=True)


# ---- every step ---------------------------------------------------------------------------------------


def steps(group: Sequence[Curves]) -> Figure:
    """The training loss of every step."""
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


# ---- what there is to balance -------------------------------------------------------------------------


def balance(group: Sequence[Curves]) -> Figure:
    """Validation loss against seconds of training: what a balance of speed and accuracy could be struck between."""
    from shoal import figures

    lines = [(one.label, second_clock(one)[1:], one.validation_loss[:, 1:]) for one in group]
    caption = (
        f"Validation loss against the time spent on it: whatever the time, the lowest line is the best buy. "
        f"{_leaders(group)} It ends at {each(group, LOSS, 'at')}. {compose.seeds(group)}."
    )
    x, y = "seconds of training", "validation loss"
    chart = figures.curves(lines, x_title=x, y_title=y, ordered=True, log_x=True, log_y=True)
    return Figure("batch-sizes-balance", chart, caption, figures.curve_rows(lines, x="seconds", y="validation_loss"))


def _leaders(group: Sequence[Curves]) -> str:
    """Which line is the lowest while all are there, from their first epochs' ends on, and when that changes."""
    start = max(second_clock(one)[1] for one in group)
    end = min(second_clock(one)[-1] for one in group)
    known = [one for one in group if np.isfinite(one.validation_loss).all()]
    if start >= end or len(known) < len(group):
        return "They have no time in common, or a run diverged: which is the best buy when is not said."
    times = np.geomspace(start, end, 200)
    losses = [np.interp(times, second_clock(one), one.validation_loss.mean(axis=0)) for one in group]
    lowest = [group[index].label for index in np.argmin(losses, axis=0)]
    turns = [(label, next(part)[0]) for label, part in groupby(zip(times, lowest, strict=True), lambda at: at[1])]
    span = f"between {wording.duration(start)} and {wording.duration(end)}, while all are under way,"
    run = "its one run" if single(group) else "the mean"
    return f"By {run}, {span} that is {_turns(turns)}."


def _turns(turns: Sequence[tuple[str, float]]) -> str:
    if len(turns) > 3:
        return f"now {', now '.join(dict.fromkeys(label for label, _ in turns))}"
    later = [f"from {wording.duration(at)} on {label}" for label, at in turns[1:]]
    return ", ".join([f"{turns[0][0]}{' throughout' if not later else ' at first'}", *later])
