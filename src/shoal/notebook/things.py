# SPDX-License-Identifier: Apache-2.0
"""Each kind of thing as a fragment: its question, its shape, its results. It computes no number but means of seeds."""

from collections.abc import Sequence
from functools import singledispatch

import numpy as np

from shoal import wording
from shoal.analysis.curves import Curves
from shoal.analysis.statistics import mean_interval
from shoal.analysis.verdicts import Verdict, Verdicts
from shoal.models import Model, show
from shoal.notebook import fragments
from shoal.notebook.place import shown_here
from shoal.results import StoredResults
from shoal.study import Point, Study

MOST_ROWS = 40


@singledispatch
def html(thing: object) -> str | None:
    """What a notebook shows of a thing; None where its ``repr`` is enough."""
    return None


# ---- questions ----------------------------------------------------------------------------------------


@html.register
def _(study: Study) -> str:
    """The points with what tells them apart, and the claims."""
    runs = len(study.points) * len(study.seeds)
    asked = f"{wording.count(len(study.points), 'config')} × {wording.count(len(study.seeds), 'seed')} = {runs:,} runs"
    epochs = sum(point.config.epochs for point in study.points) * len(study.seeds)
    claims = [fragments.claim(claim.id, *_said(claim)) for claim in study.claims]
    same, rows = _told_apart(study.points)
    return fragments.fragment(
        fragments.line("title", study.name),
        fragments.line("about", asked, wording.count(epochs, "epoch"), *same),
        rows,
        *claims,
    )


def _said(claim: object) -> tuple[str, str]:
    return getattr(claim, "says", ""), getattr(claim, "tested", "")


def _told_apart(points: Sequence[Point]) -> tuple[list[str], str]:
    """What all points have in common, and a table of the rest."""
    columns = {
        "data": [point.config.data for point in points],
        "model": [point.config.model.name for point in points],
        "parameters": [f"{point.config.model.parameter_count:,}" for point in points],
        "optimizer": [f"{type(point.config.optimizer).__name__} lr {point.config.optimizer.lr:g}" for point in points],
        "batch size": [str(point.config.batch_size) for point in points],
        "epochs": [str(point.config.epochs) for point in points],
    }
    phrases = {"parameters": "{} parameters", "batch size": "batches of {}", "epochs": "{} epochs each"}
    same = [phrases.get(name, "{}").format(one[0]) for name, one in columns.items() if len(set(one)) == 1]
    apart = {name: one for name, one in columns.items() if len(set(one)) > 1}
    head = ["", *apart, "config"]
    rows = [
        [point.label, *(one[at] for one in apart.values()), point.config.hash[:8]]
        for at, point in enumerate(points[:MOST_ROWS])
    ]
    right = [at for at, name in enumerate(head) if name in ("parameters", "batch size", "epochs")]
    more = len(points) - MOST_ROWS
    return same, fragments.table(head, rows, right) + (fragments.line("caption", f"and {more:,} more") * (more > 0))


@html.register
def _(model: Model) -> str:
    """Layers with their shapes, parameters and operations."""
    summary = model.summary()
    rows = [(row.layer, show(row.output_shape), f"{row.parameters:,}", f"{row.flops:,}") for row in summary]
    takes = f"takes {show(model.input_shape)} and tells {wording.count(model.classes, 'class', 'classes')} apart"
    total = ("together", "", f"{model.parameter_count:,}", f"{model.flops:,}")
    return fragments.fragment(
        fragments.line("title", model.name),
        fragments.line("about", takes, f"{model.parameter_count:,} parameters"),
        fragments.table(("layer", "output", "parameters", "FLOPs"), rows, right=(1, 2, 3), foot=total),
    )


# ---- answers ------------------------------------------------------------------------------------------


@html.register
def _(curves: Curves) -> str:
    """Training and validation of one config, and where they end."""
    lost = sum(at is not None for at in curves.diverged_at)
    diverged = f"{wording.count(lost, 'run')} diverged" if lost else ""
    drawn = [
        fragments.curves(
            metric,
            [
                (part, curves.epochs, getattr(curves, f"{name}_{metric}"), curves.shortest)
                for part, name in (("training", "train"), ("validation", "validation"))
            ],
            dashed=("training",),
        )
        for metric in ("loss", "accuracy")
    ]
    return fragments.fragment(
        fragments.line("title", curves.label),
        fragments.line(
            "about", curves.config.model.name, curves.config.data, wording.seeds(len(curves.seeds)), diverged
        ),
        fragments.charts(*drawn),
        finals([curves]),
    )


@html.register
def _(verdict: Verdict) -> str:
    return fragments.fragment(fragments.verdict(verdict))


@html.register
def _(verdicts: Verdicts) -> str:
    return fragments.fragment(*map(fragments.verdict, verdicts))


@html.register
def _(results: StoredResults) -> str | None:
    """Curves, where they end, and verdicts; the same cell does not show it twice."""
    return None if shown_here(results) else answered(results)


def answered(results: StoredResults) -> str:
    """All that there is to see of a study's results."""
    found = results.all()
    study = results.study
    if not study:
        return fragments.fragment(fragments.line("about", "Results of probes: no study, no curves."))
    ended, asked = sum(len(each.seeds) for each in found), len(study.points) * len(results.seeds)
    return fragments.fragment(
        fragments.line("title", study.name),
        fragments.line("about", f"{ended:,} of {asked:,} runs ended", results.store.path.name),
        stamp(results),
        *(_drawn(study, found) if found else [fragments.line("about", "No run has finished yet.")]),
        finals(found),
        *map(fragments.verdict, results.verdicts()),
    )


def _drawn(study: Study, found: Sequence[Curves]) -> list[str]:
    counts = sorted({len(each.seeds) for each in found})
    n = wording.seeds(counts[0]) if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]} seeds"
    how = "each seed a thin line, the mean a thick one" if counts[-1] > 1 else "single runs"
    how += ", its 95% interval a band" if counts[-1] >= wording.FEWEST else ""
    both = [
        fragments.curves(
            metric.replace("_", " "),
            [(one.label, one.epochs, getattr(one, metric), one.shortest) for one in found],
            ordered=is_ordered(study),
        )
        for metric in ("validation_loss", "validation_accuracy")
    ]
    return [fragments.charts(*both), fragments.line("caption", f"{n}; {how}{fragments.left_out(len(found))}.")]


def is_ordered(study: Study) -> bool:
    """Whether the points are steps of one quantity, so that one hue from weak to strong tells them apart."""
    names = {name for point in study.points for name in point.values}
    values = [value for point in study.points for value in point.values.values()]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return len(names) == 1 and numbers and values == sorted(values)


def finals(found: Sequence[Curves]) -> str:
    """Where each config's runs end: n, and the mean with half its interval."""
    if not found:
        return ""
    some_lost = any(step is not None for each in found for step in each.diverged_at)
    rows = []
    for each in found[:MOST_ROWS]:
        loss, accuracy = (mean_interval(each.final(name)) for name in ("validation_loss", "validation_accuracy"))
        lost = sum(step is not None for step in each.diverged_at)
        row = [each.label, len(each.seeds), wording.measured(loss), wording.measured(accuracy)]
        rows.append([*row, lost or ""] if some_lost else row)
    head = ["", "n", "validation loss", "validation accuracy", *(["diverged"] if some_lost else [])]
    more = len(found) - MOST_ROWS
    below = fragments.line("caption", f"and {more:,} more") if more > 0 else ""
    return fragments.table(head, rows, right=(1, 2, 3, 4)) + below


def stamp(results: StoredResults) -> str:
    """That the data is a stand-in, wherever it is one."""
    names = dict.fromkeys(point.config.data for point in results.study.points) if results.study else ()
    drawn = [dataset for dataset in map(results.dataset, names) if dataset.stand_in]
    said = [f"{each.name} stands in for {each.stand_in}: drawings that say nothing about it." for each in drawn]
    return "".join(fragments.line("stamp", text) for text in said)


def unfinished(results: StoredResults, metric: str) -> list[fragments.Line]:
    """A metric of every point as it stands: of the seeds that have ended, or while none has of those that go on.

    A mean over seeds of which some are half-way would jump where these stop.
    """
    found: list[fragments.Line] = []
    for point in results.study.points if results.study else ():
        histories = results.histories(point.config)
        rows = [each for each in histories if each.status != "unfinished"] or histories
        if not rows:
            continue
        values = np.full((len(rows), point.config.epochs + 1), np.nan)
        for row, history in zip(values, rows, strict=True):
            upto = history.epochs + (history.diverged_at is None)
            row[:upto] = getattr(history, metric)[:upto]
        shortest = min((each.epochs for each in rows if each.diverged_at is None), default=point.config.epochs)
        found.append((point.label, np.arange(values.shape[1]), values, shortest))
    return found
