# SPDX-License-Identifier: Apache-2.0
"""What the original says of softmax in floating point and arithmetic alone decides: claims 7, 8, and half of 9.

Each fact is found by the probes of `probes/softmax.py`. Nothing here trains; what training says stands in
`training`.
"""

from collections.abc import Sequence
from math import exp, log
from typing import Any

from shoal import wording
from shoal.analysis.claims import Fact, Found
from shoal.probes import softmax
from shoal.studies.section import Results

Rows = Sequence[dict[str, Any]]

TOLD = "float32"
"""The format that sentences tell of; the tables have them all."""

IN_TOLD = f"in {TOLD}"
NEAR = 4
"""A point found by bisection is where theory has it if it is no further off than so many half rounding steps."""

ENOUGH = "… stable enough for nearly all applications."


def points_in(results: Results) -> Rows:
    rows: Rows = results.probe("softmax/where-it-breaks", softmax.breaking_points)
    return rows


def errors_in(results: Results) -> Rows:
    rows: Rows = results.probe("softmax/errors", softmax.errors)
    return rows


def limits_in(results: Results) -> Rows:
    rows: Rows = results.probe("softmax/formats", softmax.formats)
    return rows


def at(points: Rows, form: str, event: str, variable: str) -> dict[str, float | None]:
    """Where it happens, by format."""
    return {
        row["format"]: row["at"]
        for row in points
        if (row["form"], row["event"], row["variable"]) == (form, event, variable)
    }


def _as_in_theory(places: dict[str, float | None], theory: dict[str, float], limits: Rows, measure: str) -> Found:
    """Whether it happens in every format, and where it must."""
    near = {row["format"]: NEAR * row["unit_roundoff"] for row in limits}
    holds = all(abs((places[name] or 0) / expected - 1) <= near[name] for name, expected in theory.items())
    others = [f"{wording.significant(place or 0, 4)} in {name}" for name, place in places.items() if name != TOLD]
    return Found(holds, places[TOLD] or 0, theory[TOLD], measure=f"{measure} {IN_TOLD}", beside=wording.listed(others))


def _overflow(results: Results) -> Found:
    limits = limits_in(results)
    theory = {row["format"]: log(row["largest"]) for row in limits}
    return _as_in_theory(
        at(points_in(results), "naive", "exp overflows", "logit"), theory, limits, "logit at which exp overflows"
    )


def _underflow(results: Results) -> Found:
    """Half the smallest number is rounded to zero, which is even."""
    limits = limits_in(results)
    theory = {row["format"]: log(2) - log(row["smallest_subnormal"]) for row in limits}
    places = at(points_in(results), "shifted", "exp becomes zero", "gap")
    return _as_in_theory(places, theory, limits, "logit, with its sign turned, at which exp becomes zero")


def _unreliable(results: Results) -> Found:
    points = points_in(results)
    over = at(points, "naive", "probabilities become NaN", "logit")
    under = at(points, "naive", "all exponentials are zero", "equal negative logits")
    broken = sum(over[name] is not None and under[name] is not None for name in over)
    return Found(broken == len(over), broken, len(over), f"of {len(over)} formats", "formats in which both break")


def _unchanged(results: Results) -> Found:
    """A probability that is infinite or NaN is off by as much as one can be, 1."""
    unit = {row["format"]: row["unit_roundoff"] for row in limits_in(results)}
    rows = [row for row in errors_in(results) if row["form"] == "shifted"]
    off = [(1.0 if row["probability_error"] is None else row["probability_error"], row) for row in rows]
    worst = max(error / unit[row["format"]] for error, row in off)
    return Found(
        worst <= softmax.CLASSES, worst, softmax.CLASSES, "roundings", "largest error of a shifted probability"
    )


def _never_overflows(results: Results) -> Found:
    events = [
        ("the sum of ten overflows", "equal logits"),
        ("probabilities become NaN", "logit"),
        ("all exponentials are zero", "equal negative logits"),
    ]
    points = points_in(results)
    broken = sum(place is not None for event in events for place in at(points, "shifted", *event).values())
    return Found(not broken, broken, 0, measure="numbers at which a shifted probability becomes NaN")


def _little_lost(results: Results) -> Found:
    gaps = at(points_in(results), "shifted", "exp becomes zero", "gap")
    zeros = [(gap, row["unit_roundoff"]) for row in limits_in(results) if (gap := gaps[row["format"]]) is not None]
    lost = [exp(-gap) / unit for gap, unit in zeros]
    most = max(lost, default=0.0)
    return Found(most < 1, most, 1, measure="largest probability that is lost, in roundings")


def _loss_stays_finite(results: Results) -> Found:
    points = points_in(results)
    (largest,) = (row["largest"] for row in limits_in(results) if row["format"] == TOLD)
    events = "the loss is infinite or NaN", "the gradient is infinite or NaN"
    places = [at(points, "shifted", event, "gap")[TOLD] for event in events]
    first = min((place for place in places if place is not None), default=largest)
    said = [
        f"the {what} {'never' if place is None else f'at {wording.significant(place, 4)}'}"
        for what, place in zip(("loss", "gradient"), places, strict=True)
    ]
    measure = f"gap of logits at which loss or gradient breaks {IN_TOLD}"
    return Found(first >= largest, first, largest, measure=measure, beside=wording.listed(said))


FACTS = (
    Fact(
        "7a",
        "The exponential … causing to overflow …",
        "In float16, float32 and float64, exp becomes infinite at a finite logit, where theory has it: at the "
        "logarithm of the largest number that the format has.",
        _overflow,
    ),
    Fact(
        "7b",
        "… rounds down to zero …",
        "In all three formats, exp becomes zero at a finite negative logit, where theory has it: at the logarithm of "
        "half the smallest number that the format has.",
        _underflow,
    ),
    Fact(
        "7c",
        "… probabilities to become unreliable.",
        "In all three formats, the naive form gives NaN both for one large logit beside nine zeros and for ten equal "
        "logits that are far enough below zero.",
        _unreliable,
    ),
    Fact(
        "8a",
        "Shifting them … does not change the final probabilities …",
        "In all three formats and at every gap tried, the shifted probabilities are within "
        f"{softmax.CLASSES} roundings, one for each class, of the exact ones, known to 50 digits; a rounding is half "
        "the step from 1 to the next number.",
        _unchanged,
    ),
    Fact(
        "8b",
        "… prevents overflow.",
        "In no format is there a finite number at which the shifted probabilities become NaN: not one logit beside "
        "nine zeros, nor ten equal logits, above zero or below.",
        _never_overflows,
    ),
    Fact(
        "9a",
        "… almost no probability anyway. …",
        "In all three formats, a class whose shifted exponential rounds down to zero had a probability of less than a "
        "rounding, half the step from 1 to the next number.",
        _little_lost,
    ),
    Fact(
        "9b",
        ENOUGH,
        f"In {TOLD}, a loss taken as the logarithm of the shifted probability stays finite, and its gradient too, "
        "however far the logit of the true class lies below the largest.",
        _loss_stays_finite,
    ),
)
