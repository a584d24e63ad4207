# SPDX-License-Identifier: Apache-2.0
"""Section 1.4: where softmax overflows, underflows and goes wrong, computed exactly, and what that does to training.

It shows and tells; the facts are `facts`', the runs and what became of them `training`'s.
"""

import numpy as np

from shoal import wording
from shoal.studies import compose
from shoal.studies.section import Block, Figure, Prose, Results, Section, Table
from shoal.studies.softmax_stability import training
from shoal.studies.softmax_stability.facts import TOLD, Rows, at, errors_in, limits_in, points_in

FLOOR = 1e-17
"""Smaller errors are drawn as if they were so large: they are beyond every format, and often exactly zero."""


def chapter(results: Results) -> list[Block]:
    points, errors, limits = points_in(results), errors_in(results), limits_in(results)
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
        compose.paragraph(probabilities(errors), losses(points), remedy(points, errors, limits)),
        _accuracy(errors, limits),
        _figure(errors, "loss_error", "relative error of the loss"),
        _figure(errors, "gradient_error", "error of the gradient"),
        *_training(results),
    ]


def _training(results: Results) -> list[Block]:
    study = training.STUDY
    found = compose.finished(study, results)
    varies = "only the way to write the loss and the learning rate differ; validation is by log-sum-exp in all"
    opening = compose.opening(study, found, "And in training, softmax regression", results, varies)
    if not found:
        return [opening]
    said = compose.paragraph(training.saved(found), training.together(found))
    return [opening, training.fates(found, results), said]


def _where(places: dict[str, float | None]) -> str:
    """ "at 88.72", in the format that is told; "never"."""
    place = places.get(TOLD)
    return "never" if place is None else f"at {wording.significant(place, 4)}"


def overflow(points: Rows) -> str:
    one = at(points, "naive", "probabilities become NaN", "logit")
    ten = at(points, "naive", "the sum of ten overflows", "equal logits")
    return (
        f"In {TOLD}, a single logit beside nine zeros makes the naive form undefined {_where(one)}; ten equal logits, "
        f"whose probabilities are simply a tenth each, overflow its sum {_where(ten)}."
    )


def underflow(points: Rows) -> str:
    zero = at(points, "naive", "all exponentials are zero", "equal negative logits")
    gap = at(points, "shifted", "exp becomes zero", "gap")
    far = gap.get(TOLD)
    kept = (
        "no exponential becomes zero"
        if far is None
        else (
            f"only single exponentials become zero, of logits {wording.significant(far, 4)} or more below the largest"
        )
    )
    return f"Ten equal logits below zero leave it with 0/0 {_where(zero).replace('at ', 'at −')}. Shifted, {kept}."


def probabilities(errors: Rows) -> str:
    """How well the shifted form's probabilities do over all scales tried."""
    shifted = [row for row in errors if row["form"] == "shifted"]
    lost = sum(row["probability_error"] is None for row in shifted)
    most = max(row["gap"] for row in shifted)
    told = "none fails" if not lost else f"{lost} of {len(shifted)} fail"
    return f"Of the shifted probabilities, tried with gaps between logits of up to {most:,.0f}, {told}."


def _worst(rows: Rows, field: str, format_: str) -> float:
    values = [row[field] for row in rows if row["format"] == format_ and row[field] is not None]
    return max(values, default=float("nan"))


def losses(points: Rows) -> str:
    loss = at(points, "shifted", "the loss is infinite or NaN", "gap")
    gradient = at(points, "shifted", "the gradient is infinite or NaN", "gap")
    return (
        f"The loss of a confident wrong answer is another matter: taken as the logarithm of the shifted probability it "
        f"ceases to be finite {_where(loss)} in {TOLD}, and its gradient, taken through that probability, "
        f"{_where(gradient)}."
    )


def remedy(points: Rows, errors: Rows, limits: Rows) -> str:
    """What log-sum-exp does there, and so how far the original's remedy reaches."""
    ever = at(points, "log-sum-exp", "the loss is infinite or NaN", "gap")
    ours = [row for row in errors if row["form"] == "log-sum-exp"]
    steps = max(_worst(ours, "loss_error", row["format"]) / row["unit_roundoff"] for row in limits)
    never = all(place is None for place in ever.values())
    lasts = "has no such point in any format" if never else f"has it {_where(ever)}"
    return (
        f"Log-sum-exp {lasts}; relative to the loss, its error is at most {wording.significant(steps, 2)} times half a "
        f"rounding step. Subtracting the maximum is {_enough(points, errors)}."
    )


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


def _accuracy(errors: Rows, limits: Rows) -> Table:
    records = [
        {
            "format": limit["format"],
            "unit_roundoff": limit["unit_roundoff"],
            "shifted_probability": _worst_of(errors, "shifted", "probability_error", limit["format"]),
            "log_sum_exp_loss": _worst_of(errors, "log-sum-exp", "loss_error", limit["format"]),
        }
        for limit in limits
    ]
    cells = [[row["format"], *(wording.significant(value, 2) for value in list(row.values())[1:])] for row in records]
    columns = ["format", "half a rounding step", "shifted, probability", "log-sum-exp, loss"]
    caption = "The largest errors over all gaps tried, where the result is finite; the loss's relative to the loss."
    return Table("softmax-accuracy", columns, cells, caption, records)


def _worst_of(errors: Rows, form: str, field: str, format_: str) -> float:
    return _worst([row for row in errors if row["form"] == form], field, format_)


def _figure(errors: Rows, field: str, name: str) -> Figure:
    from shoal import figures

    panels, stops = [], False
    for format_ in dict.fromkeys(row["format"] for row in errors):
        lines = []
        for form in dict.fromkeys(row["form"] for row in errors):
            rows = [row for row in errors if row["format"] == format_ and row["form"] == form]
            gaps = np.array([row["gap"] for row in rows])
            values = np.array([np.nan if row[field] is None else max(row[field], FLOOR) for row in rows], float)
            lines.append((form, gaps, values))
            stops = stops or bool(np.isnan(values).any())
        panels.append((format_, lines))
    stop = "A line stops where the result is infinite or NaN." if stops else "No line stops: all results are finite."
    caption = (
        f"The {name}, for the least likely class, against the gap between the largest and the smallest logit. {stop} "
        f"Errors below {wording.significant(FLOOR, 1).removeprefix('1 × ')} are drawn there."
    )
    chart = figures.multiples(panels, x_title="gap of the logits", y_title=name, log_x=True, log_y=True)
    return Figure(f"softmax-{field.replace('_', '-')}", chart, caption, errors, wide=True)


SECTION = Section(
    id="1.4",
    title="The stability of softmax",
    question="Where does softmax break in floating point, and what does subtracting the maximum repair?",
    original="If one of the input values is very large and positive, the exponential of that value can exceed the "
    "limits of what floating point numbers can store, causing to overflow … if an input value is very large and "
    "negative, the exponential becomes so close to zero that it rounds down to zero, which is called underflow. Both "
    "of these situations cause the computed probabilities to become unreliable. A common way to fix this is to "
    "subtract the largest input value from all of the inputs before taking exponentials. … shifting them all down by "
    "the same amount does not change the final probabilities. By doing this, the biggest input is always reduced to "
    "zero, which keeps its exponential at a safe size of one and prevents overflow. This fix does not completely "
    "remove the risk of underflow … but those values correspond to classes with almost no probability anyway. For "
    "this reason, subtracting the maximum is the standard approach and is considered stable enough for nearly all "
    "applications.",
    chapter=chapter,
    study=training.STUDY,
)
