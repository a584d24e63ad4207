# SPDX-License-Identifier: Apache-2.0
"""Section 1.2: softmax regression at seven learning rates, which of them are slow, fast and unstable."""

from collections.abc import Sequence
from dataclasses import replace
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
    apart,
    difference,
    fold,
    geometric,
    how_often,
    lowest,
    ranking,
    rows,
    single,
    summary,
    told,
)
from shoal.studies.learning_rates import curvature
from shoal.studies.learning_rates.claims import CLAIMS, HALF, LONG, SWAY
from shoal.studies.section import Block, Figure, Prose, Results, Section
from shoal.study import Config, Grid, Study


def config(lr: float, epochs: int = 10) -> Config:
    return Config(
        data="fashion-mnist",
        model=softmax_regression(),
        optimizer=SGD(lr=lr),
        init=normal(0.01),
        batch_size=256,
        epochs=epochs,
    )


RATES = Grid(lr=[0.001, 0.05, 0.1, 0.12, 0.2, 0.5, 1.0])
LONGER = Grid(lr=[LONG["lr"]], epochs=[LONG["epochs"]])


def label(lr: float, epochs: int = 10) -> str:
    """ "lr 0.1", and how long if longer than the others."""
    return f"lr {lr:g}" + (f" for {epochs} epochs" if epochs > 10 else "")


STUDY = Study("learning-rates", config, RATES + LONGER, keep_weights=True, label=label, claims=CLAIMS)
MAIN = replace(STUDY, grid=RATES, claims=())
"""What is shown side by side; the longer run only times the slow rate."""

# ---- the chapter --------------------------------------------------------------------------------------

NOTABLE = "lr 0.12"
REBOUND = Quantity("rebound in %", lambda curves: 100 * metrics.worst_rebound(curves.validation_loss), decimals=1)
NOISE = Quantity("step-loss noise", lambda curves: metrics.step_noise(curves.step_losses[:, -curves.steps_per_epoch :]))


def chapter(results: Results) -> list[Block]:
    found = compose.finished(MAIN, results)
    opening = compose.opening(MAIN, found, "Softmax regression", results, "only the learning rate differs")
    split = (
        "Validation is the test split, as in the textbook, and nothing is chosen by it: a chapter that chooses holds "
        "training images out for that."
    )
    blocks: list[Block] = [compose.paragraph(opening.text, split)]
    group = list(found.values())
    if not group:
        return blocks
    blocks += _curves(group)
    trained_on = longer(results.curves(**LONG), found.get(0.05))
    blocks.append(compose.paragraph(slow(found), trained_on, ranking(group, LOSS, "lowest", "at")))
    blocks.append(compose.paragraph(sway(group), notable(found, compose.comparable(STUDY, results))))
    blocks.append(compose.outcome_table("learning-rates", group, _caption(group), (LOSS, ACCURACY, REBOUND)))
    products = {one.label: curvature.stability(results, one) for one in group}
    swaying = [one.label for one in group if sways(one)]
    blocks.append(curvature.figure(group, products, NOTABLE))
    blocks.append(Prose(curvature.critical(group, products, swaying)))
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


def longer(slowest: Curves, medium: Curves | None) -> str:
    """How many times as many epochs lr 0.001, trained on, takes to the loss that lr 0.05 has halfway."""
    if medium is None:
        return ""
    left, right = rows(slowest, medium)
    target = medium.validation_loss[right, HALF]
    took = metrics.time_to(slowest.epochs, slowest.validation_loss[left], target)
    beside = metrics.time_to(medium.epochs, medium.validation_loss[right], target)
    took, beside = took[np.isfinite(beside)], beside[np.isfinite(beside)]
    if not len(took):
        return ""
    reached, budget = np.isfinite(took), slowest.config.epochs
    lead, goal = f"Trained on to {budget} epochs, lr {LONG['lr']:g}", f"that {medium.label} has after {HALF}"
    if not reached.any():
        return f"{lead} does not get to the loss {goal}: {budget / HALF:g} times as many are not enough."
    if not reached.all():
        return f"{lead} gets to the loss {goal} {how_often(reached)}."
    when = wording.measured(mean_interval(took), 1)
    return f"{lead} gets to the loss {goal} after {when}, {fold(geometric(took / beside))} times as many."


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
    """The rate that the original calls unstable beside the largest it calls stable; of the two that lead the ranking
    of losses the ranking has told already."""
    if 0.1 not in found or 0.12 not in found:
        return ""
    stable, unstable = found[0.1], found[0.12]
    rebound, loss = difference(unstable, stable, REBOUND), difference(unstable, stable, LOSS)
    points = "" if rebound.sd is None else f"; in percentage points, that is {apart(rebound, decimals=2)}"
    lead = f"The original calls {unstable.label} unstable: here its" if compared else f"At {unstable.label} the"
    ranked = [one.label for one in lowest(found.values(), LOSS) if summary(one, LOSS).n][:2]
    end = "" if {*ranked} == {stable.label, unstable.label} else f" The loss at which it ends is {apart(loss)}."
    return f"{lead} loss rebounds by {_tenths(unstable)}%, against {_tenths(stable)}% at {stable.label}{points}.{end}"


def _tenths(curves: Curves) -> str:
    """The rebound with a decimal, however wide its interval: beside their difference two of them are subtracted."""
    of = summary(curves, REBOUND)
    if of.half is None or of.n < wording.FEWEST or of.diverged:
        return told(curves, REBOUND)
    places = max(1, wording.decimals_for(of.half, most=1))
    return f"{wording.fixed(of.mean, places)} ± {wording.fixed(of.half, places)}"


def _caption(group: Sequence[Curves]) -> str:
    return (
        f"Softmax regression after {group[0].config.epochs} epochs. The rebound is how far validation loss, after the "
        f"first epoch, ever rose above its earlier low."
    )


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


def _span(group: Sequence[Curves], quantity: Quantity) -> str:
    return compose.spread(group, quantity, "at")


SECTION = Section(
    id="1.2",
    title="Learning rates",
    question="How does the learning rate change the training of softmax regression, and where does it become unstable?",
    original="Small LR (0.001): very slow convergence, high validation loss. Medium LR (0.05–0.1, .05): fast "
    "convergence, lowest validation loss, stable training. Large LR (>0.1, .12): unstable, swaying validation loss.",
    chapter=chapter,
    study=STUDY,
)
