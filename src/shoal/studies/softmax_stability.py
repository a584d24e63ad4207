# SPDX-License-Identifier: Apache-2.0
"""Section 1.4: where softmax overflows, underflows and goes wrong, computed exactly. It trains nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal import wording
from shoal.probes import softmax
from shoal.studies.section import Block, Figure, Prose, Results, Section, Table

Rows = Sequence[dict[str, Any]]

FLOOR = 1e-17
"""Smaller errors are drawn as if they were so large: they are beyond every format, and often exactly zero."""


def chapter(results: Results) -> list[Block]:
    points: Rows = results.probe("softmax/breaking-points", softmax.breaking_points)
    errors: Rows = results.probe("softmax/errors", softmax.errors)
    limits: Rows = results.probe("softmax/formats", softmax.formats)
    opening = (
        "Three ways to write it: naive, `exp(z) / Σ exp(z)`; shifted, the same after subtracting the largest logit; "
        "and log-sum-exp, `log p = z − max z − log Σ exp(z − max z)`, which never takes the logarithm of a "
        "probability. Each was computed in three formats. Where something breaks was found by bisection "
        "over the numbers that a format has; errors are against arithmetic of 50 digits."
    )
    return [
        Prose(opening),
        Prose(f"{overflow(points)} {underflow(points)}"),
        _table(points),
        Prose(f"{probabilities(errors, limits)} {losses(points)} {remedy(points, errors, limits)}"),
        _figure(errors, "loss_error", "relative error of the loss"),
        _figure(errors, "gradient_error", "error of the gradient"),
    ]


def at(points: Rows, form: str, event: str, variable: str) -> dict[str, float | None]:
    """Where it happens, by format."""
    return {
        row["format"]: row["at"]
        for row in points
        if (row["form"], row["event"], row["variable"]) == (form, event, variable)
    }


def _where(places: dict[str, float | None]) -> str:
    """ "at 11.1 in float16, 88.7 in float32 and never in float64"."""
    return wording.listed(
        [f"{'never' if x is None else f'at {wording.significant(x, 4)}'} in {name}" for name, x in places.items()]
    )


def overflow(points: Rows) -> str:
    one = at(points, "naive", "probabilities become NaN", "logit")
    ten = at(points, "naive", "the sum of ten overflows", "equal logits")
    return (
        f"Overflow: one logit beside nine zeros makes the naive form undefined {_where(one)}. Ten equal logits, whose "
        f"probabilities are simply a tenth each, break its sum {_where(ten)}."
    )


def underflow(points: Rows) -> str:
    zero = at(points, "naive", "all exponentials are zero", "equal negative logits")
    gap = at(points, "shifted", "exp becomes zero", "gap")
    return (
        f"Underflow: when ten logits are equal and negative, all its exponentials are zero, and the answer 0/0, from "
        f"minus these sizes on: {_where(zero)}. Shifted, the exponential of a logit is zero once it lies so far below "
        f"the largest: {_where(gap)}."
    )


def probabilities(errors: Rows, limits: Rows) -> str:
    """How well the shifted form's probabilities do over all scales tried."""
    shifted = [row for row in errors if row["form"] == "shifted"]
    lost = sum(row["probability_error"] is None for row in shifted)
    most = max(row["gap"] for row in shifted)
    worst = [
        f"{wording.significant(_worst(shifted, 'probability_error', limit['format']), 2)} in {limit['format']} (half a "
        f"rounding step is {wording.significant(limit['unit_roundoff'], 2)})"
        for limit in limits
    ]
    told = "none fails" if not lost else f"{lost} of {len(shifted)} fail"
    return (
        f"With logits spread evenly over gaps up to {most:,.0f}, {told} of the shifted probabilities, and the largest "
        f"error is {wording.listed(worst)}."
    )


def _worst(rows: Rows, field: str, format_: str) -> float:
    values = [row[field] for row in rows if row["format"] == format_ and row[field] is not None]
    return max(values, default=float("nan"))


def losses(points: Rows) -> str:
    loss = at(points, "shifted", "the loss is infinite or NaN", "gap")
    gradient = at(points, "shifted", "the gradient is infinite or NaN", "gap")
    return (
        f"The loss of a confident wrong answer is another matter: taken as the logarithm of the shifted probability it "
        f"ceases to be finite {_where(loss)}, and its gradient, taken through that probability, {_where(gradient)}."
    )


def remedy(points: Rows, errors: Rows, limits: Rows) -> str:
    """What log-sum-exp does there, and so how far the original's remedy reaches."""
    ever = {**at(points, "log-sum-exp", "the loss is infinite or NaN", "gap")}
    ours = [row for row in errors if row["form"] == "log-sum-exp"]
    worst = [
        f"{wording.significant(_worst(ours, 'loss_error', row['format']), 2)} in {row['format']}" for row in limits
    ]
    verdict = f"Subtracting the maximum is {_enough(points, errors)}"
    never = all(place is None for place in ever.values())
    lasts = "has no such point in any format" if never else f"has it {_where(ever)}"
    return f"Log-sum-exp {lasts}; its loss is off by at most {wording.listed(worst)}, relatively. {verdict}."


def _enough(points: Rows, errors: Rows) -> str:
    shifted = [row for row in errors if row["form"] == "shifted"]
    failing = [row for row in points if row["form"] == "shifted" and "infinite or NaN" in row["event"] and row["at"]]
    if any(row["probability_error"] is None for row in shifted):
        return "not enough even for the probabilities"
    return "enough for probabilities" + (", and not for the loss and its gradient" if failing else " and for the loss")


def _table(points: Rows) -> Table:
    events = list(dict.fromkeys((row["form"], row["event"], row["variable"]) for row in points))
    names = list(dict.fromkeys(row["format"] for row in points))
    body = []
    for event in events:
        places = at(points, *event)
        body.append(
            [*event, *("never" if places[n] is None else wording.significant(places[n] or 0, 5) for n in names)]
        )
    caption = (
        "The first representable number at which something breaks. The variable is what grows: one logit beside nine "
        "zeros, ten equal logits, or the gap between two logits of which the lower is the true class."
    )
    return Table("breaking-points", ["form", "event", "variable", *names], body, caption, points)


def _figure(errors: Rows, field: str, name: str) -> Figure:
    from shoal import figures

    panels, ends = [], []
    for format_ in dict.fromkeys(row["format"] for row in errors):
        lines = []
        for form in dict.fromkeys(row["form"] for row in errors):
            rows = [row for row in errors if row["format"] == format_ and row["form"] == form]
            gaps = np.array([row["gap"] for row in rows])
            values = np.array([np.nan if row[field] is None else max(row[field], FLOOR) for row in rows], float)
            lines.append((form, gaps, values))
            if np.isnan(values).any():
                ends.append((form, format_, float(gaps[np.isnan(values)][0])))
        panels.append((format_, lines))
    floor = f"Errors below {wording.significant(FLOOR, 1)} are drawn there."
    stop = [f"{form} in {format_} from {wording.significant(gap, 2)}" for form, format_, gap in ends]
    caption = (
        f"The {name} of the least likely class against the gap between the largest and the smallest logit. A line "
        f"stops where the result is infinite or NaN: {wording.listed(stop)}. {floor}"
        if stop
        else f"The {name} of the least likely class against the gap of the logits; no line stops. {floor}"
    )
    chart = figures.multiples(panels, x_title="gap of the logits", y_title=name, log_x=True, log_y=True)
    return Figure(f"softmax-{field.replace('_', '-')}", chart, caption, errors, wide=True)


SECTION = Section(
    id="1.4",
    title="The stability of softmax",
    question="Where does softmax break in floating point, and what does subtracting the maximum repair?",
    original="If one of the input values is very large and positive, the exponential of that value can exceed the "
    "limits of what floating point numbers can store, causing to overflow … A common way to fix this is to subtract "
    "the largest input value from all of the inputs before taking exponentials. … This fix does not completely "
    "remove the risk of underflow … but those values correspond to classes with almost no probability anyway. For "
    "this reason, subtracting the maximum is the standard approach and is considered stable enough for nearly all "
    "applications.",
    chapter=chapter,
    data=(),
)
