# SPDX-License-Identifier: Apache-2.0
"""Section 2.3: the memory of training and of prediction, counted by kind and checked against a measured peak."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from shoal import wording
from shoal.optimizers import Adam
from shoal.studies.memory.ledgers import (
    BATCHES,
    CASES,
    FACTS,
    MODELS,
    PREDICTION,
    SEVERAL,
    SHOWN,
    USES,
    Rows,
    often,
    one,
    ratio,
    rows_in,
)
from shoal.studies.section import Block, Figure, Prose, Results, Section, Table

KINDS = ("parameters", "gradients", "optimizer_state", "activations", "input")

NUMBERS = ("keeps nothing", "one number", "two")


def chapter(results: Results) -> list[Block]:
    rows = rows_in(results)
    opening = (
        "The ledger counts what must be there at once, in float32, whatever the engine: parameters, gradients, the "
        "optimizer's state, the activations that the backward pass will need (in prediction only one layer's output "
        "and its input), and the minibatch itself."
    )
    return [
        Prose(opening),
        _bars(rows),
        Prose(f"{ratios(rows)} {largest(rows)} {growth(rows)} {extremes(rows)}"),
        _batches(rows),
        Prose(f"{state()} {check(rows)}"),
        _table(rows),
    ]


def _times(value: float) -> str:
    return wording.significant(value, 3)


# ---- sentences ----------------------------------------------------------------------------------------


def ratios(rows: Rows) -> str:
    first, *others = [f"{_times(ratio(rows, model, SHOWN, 'SGD'))} times" for model in MODELS]
    named = [
        f"{times} for {model}"
        for times, model in zip([f"{first} the memory of prediction", *others], MODELS, strict=True)
    ]
    return f"With batches of {SHOWN}, training by SGD takes {wording.listed(named)}."


def largest(rows: Rows) -> str:
    """What takes most of the training's memory; kinds of the same size share the place."""
    parts = []
    for model in MODELS:
        row = one(rows, model, SHOWN, "SGD")
        most = max(row[kind] for kind in KINDS)
        kinds = [_name(kind) for kind in KINDS if row[kind] == most]
        each = " each" if len(kinds) > 1 else ""
        parts.append(f"the {wording.listed(kinds)} for {model} ({wording.percent(most / row['total'])}{each})")
    return f"The largest part of it is {wording.listed(parts)}."


def growth(rows: Rows) -> str:
    """What bigger batches do to the ratio of training to prediction, which the original says grows with them."""
    ways = {model: [ratio(rows, model, batch, "SGD") for batch in BATCHES] for model in MODELS}
    falls = [model for model, ratios in ways.items() if all(a > b for a, b in pairwise(ratios))]
    rises = [model for model, ratios in ways.items() if all(a < b for a, b in pairwise(ratios))]
    told = [f"{verb} for {wording.listed(those)}" for verb, those in (("falls", falls), ("rises", rises)) if those]
    mixed = [model for model in MODELS if model not in falls + rises]
    told += [f"goes no one way for {wording.listed(mixed)}"] if mixed else []
    whole = len(falls) == len(MODELS)
    said = "falls for every model here" if whole else wording.listed(told)
    return f"With bigger batches, where the original expects more, the ratio {said}."


def _name(kind: str) -> str:
    return {"input": "minibatch"}.get(kind, kind.replace("_", " "))


def extremes(rows: Rows) -> str:
    """Where training costs most and least beside prediction, and how often it is several times as much."""
    every = {case: ratio(rows, *case) for case in CASES}
    return (
        f"Over all models, batch sizes and optimizers, training takes between {_case(every, min)} and "
        f"{_case(every, max)} times as much by the ledger; more than {SEVERAL:g} times as much in "
        f"{often(rows, 'total')} of {len(CASES)} cases, and by the measured peak alone in {often(rows, 'peak')}."
    )


def _case(every: dict[tuple[str, int, str], float], end: Callable[[Iterable[float]], float]) -> str:
    value = end(every.values())
    model, batch, use = next(case for case, found in every.items() if found == value)
    return f"{_times(value)} ({model}, batches of {batch:,}, {use})"


def state() -> str:
    """What each optimizer keeps, from its own list of tensors."""
    kept = [f"{use} {NUMBERS[len(optimizer.state)]}" for use, optimizer in USES.items() if optimizer]
    adam = wording.listed([f"the running {name}" for name in Adam().state])
    return (
        f"For each parameter, besides its gradient, {kept[0]}, {wording.listed(kept[1:])}. Adam's are {adam} of the "
        f"gradients: as large as the weights, but no copies of them."
    )


def check(rows: Rows) -> str:
    """How well the ledger predicts what the reference engine was measured to hold, and what comes on top."""
    off = max(rows, key=lambda row: abs(row["held"] / row["total"] - 1))
    top = max(rows, key=lambda row: row["peak"] / row["held"])
    return (
        f"Measured in the reference engine, what is held at the fullest moment differs from the ledger by at most "
        f"{wording.percent(abs(off['held'] / off['total'] - 1), 1)} ({_row(off)}). Temporaries come on top, at most "
        f"{_times(top['peak'] / top['held'] - 1)} times what is held ({_row(top)})."
    )


def _row(row: dict[str, Any]) -> str:
    return f"{row['model']}, batches of {row['batch']:,}, {row['use']}"


# ---- figures ------------------------------------------------------------------------------------------


def _bars(rows: Rows) -> Figure:
    from shoal import figures

    shown = [one(rows, model, SHOWN, use) for model in MODELS for use in USES]
    parts = [
        (
            f"{row['model']}, {row['use']}",
            {_name(kind): float(row[kind]) for kind in KINDS if any(r[kind] for r in shown)},
        )
        for row in shown
    ]
    most = max(shown, key=lambda row: row["total"])
    least = min(shown, key=lambda row: row["total"])
    caption = (
        f"The ledger with batches of {SHOWN}: from {wording.size(least['total'])} ({least['model']}, {least['use']}) "
        f"to {wording.size(most['total'])} ({most['model']}, {most['use']})."
    )
    chart = figures.bars(parts, x_title="MB", unit=1e6, show=wording.size)
    return Figure("memory-ledger", chart, caption, shown)


def _batches(rows: Rows) -> Figure:
    from shoal import figures

    panels, listed = [], []
    for model in MODELS:
        lines = []
        for use in USES:
            if use != PREDICTION:
                values = [ratio(rows, model, batch, use) for batch in BATCHES]
                lines.append((use, list(map(float, BATCHES)), values))
                listed += [
                    {"model": model, "use": use, "batch": batch, "ratio": value}
                    for batch, value in zip(BATCHES, values, strict=True)
                ]
        panels.append((model, lines))
    first, last = BATCHES[0], BATCHES[-1]
    ends = {model: [_times(ratio(rows, model, batch, "SGD")) for batch in (first, last)] for model in MODELS}
    ways = [f"{' to '.join(pair)} for {model}" for model, pair in ends.items()]
    caption = (
        f"The memory of training over that of prediction, against the batch size. From batches of {first} to batches "
        f"of {last:,}, SGD's goes from {wording.listed(ways)}."
    )
    chart = figures.multiples(
        panels,
        x_title="batch size",
        y_title="training / prediction",
        log_x=True,
        x_ticks=[1, 32, 256, 1024],
        y_rules=[(1.0, "as much")],
    )
    return Figure("memory-ratio", chart, caption, listed, wide=True)


def _table(rows: Rows) -> Table:
    body = []
    for model in MODELS:
        for batch in BATCHES:
            uses = [one(rows, model, batch, use) for use in USES]
            worst = max((row["held"] / row["total"] for row in uses), key=lambda value: abs(value - 1))
            cells = [wording.size(row["total"]) for row in uses]
            shares = [_times(ratio(rows, model, batch, use)) for use in ("SGD", "Adam")]
            body.append([model, f"{batch:,}", *cells, *shares, wording.fixed(worst, 3)])
    columns = ["", "batch", *USES, "SGD / prediction", "Adam / prediction", "measured / ledger"]
    caption = "The ledger's totals; in the last column, of the four, the measurement that is furthest from its ledger."
    return Table("memory", columns, body, caption, rows)


SECTION = Section(
    id="2.3",
    title="Memory",
    question="How much more memory does training take than prediction, and what takes it?",
    original="Training takes way more memory because the model has to keep all the outputs from every layer to "
    "calculate gradients and update weights. It also stores the gradients themselves and, if using adaptive moment "
    "estimation, extra copies of the weights. That's why training can use several times more memory than prediction, "
    "especially with deeper networks or bigger batch sizes",
    chapter=chapter,
    data=(),
    claims=FACTS,
)
