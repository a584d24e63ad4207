# SPDX-License-Identifier: Apache-2.0
"""Where softmax breaks in floating point, and how far three ways to write it are from the truth.

    naive          p = exp(z) / Σ exp(z)
    shifted        p = exp(z - max z) / Σ exp(z - max z)
    log-sum-exp    log p = z - max z - log Σ exp(z - max z)

The points at which something breaks are found by bisection over the representable numbers, so they are
exact for the exponential and logarithm of the NumPy in use; the truth is mpmath's, at 50 digits. Source of
the error analysis: Blanchard, Higham and Higham 2021.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypedDict

import numpy as np

FORMATS = {"float16": np.uint16, "float32": np.uint32, "float64": np.uint64}
"""Each format and the integer type with the same bits: positive floats are ordered as their bits are."""

DIGITS = 50
CLASSES = 10


class Outcome(NamedTuple):
    """What one form makes of logits (n,) and a label: p (n,), log p (n,), and d(-log p[label]) / dz (n,)."""

    p: np.ndarray
    log_p: np.ndarray
    gradient: np.ndarray


# ---- three forms --------------------------------------------------------------------------------------


def naive(z: np.ndarray, label: int) -> Outcome:
    """As the formula stands."""
    powers = np.exp(z)
    return _through_probabilities(powers / powers.sum(dtype=z.dtype), label)


def shifted(z: np.ndarray, label: int) -> Outcome:
    """With the largest logit subtracted first."""
    powers = np.exp(z - z.max())
    return _through_probabilities(powers / powers.sum(dtype=z.dtype), label)


def log_sum_exp(z: np.ndarray, label: int) -> Outcome:
    """Logarithms first: the probability is never divided by, nor is its logarithm taken."""
    down = z - z.max()
    log_p = down - np.log(np.exp(down).sum(dtype=z.dtype))
    p = np.exp(log_p)
    return Outcome(p, log_p, p - _onehot(p, label))


def _through_probabilities(p: np.ndarray, label: int) -> Outcome:
    """The logarithm, and the gradient by the chain rule as a framework takes it: -1/p[label] · dp[label]/dz."""
    return Outcome(p, np.log(p), (-1 / p[label]) * (p[label] * (_onehot(p, label) - p)))


def _onehot(p: np.ndarray, label: int) -> np.ndarray:
    return np.asarray(np.arange(len(p)) == label, p.dtype)


FORMS: dict[str, Callable[[np.ndarray, int], Outcome]] = {
    "naive": naive,
    "shifted": shifted,
    "log-sum-exp": log_sum_exp,
}


# ---- where they break ---------------------------------------------------------------------------------


class Format(TypedDict):
    """One floating-point format: its rounding unit and its limits."""

    format: str
    unit_roundoff: float
    largest: float
    smallest_normal: float
    smallest_subnormal: float


class BreakingPoint(TypedDict):
    """The first representable number at which something happens; ``at`` is None where it never does."""

    format: str
    form: str
    event: str
    variable: str
    """What grows: "logit" beside nine zeros, ten "equal logits" or "equal negative logits", the "gap" of two logits."""
    at: float | None


def formats() -> list[Format]:
    """The formats' limits, for the theory beside the measured points: exp overflows past log(largest)."""
    return [_limits(np.finfo(name), name) for name in FORMATS]


def _limits(info: "np.finfo[Any]", name: str) -> Format:
    return Format(
        format=name,
        unit_roundoff=float(info.eps) / 2,
        largest=float(info.max),
        smallest_normal=float(info.smallest_normal),
        smallest_subnormal=float(info.smallest_subnormal),
    )


def first_where(happens: Callable[[np.floating[Any]], bool], name: str) -> float | None:
    """The smallest positive finite number of a format at which ``happens``, by bisection over its bits.

    ``happens`` must stay true once it is. None if it is not even true at the format's largest number.
    """
    kind, bits = np.dtype(name), FORMATS[name]

    def number(index: int) -> np.floating[Any]:
        return np.array([index], bits).view(kind)[0]  # type: ignore[no-any-return]

    low, high = 0, int(np.array([np.finfo(kind).max]).view(bits)[0])
    if not happens(number(high)):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if happens(number(middle)) else (middle, high)
    return float(number(high))


@np.errstate(all="ignore")
def breaking_points() -> list[BreakingPoint]:
    """Every event of the list below, in every format."""
    rows: list[BreakingPoint] = []
    for name in FORMATS:
        for form, event, variable, happens in _events(name):
            at = first_where(happens, name)
            rows.append(BreakingPoint(format=name, form=form, event=event, variable=variable, at=at))
    return rows


Event = tuple[str, str, str, Callable[[np.floating[Any]], bool]]


def _events(name: str) -> list[Event]:
    smallest = np.finfo(name).smallest_normal
    events: list[Event] = [
        ("naive", "exp overflows", "logit", lambda x: bool(np.isinf(np.exp(x)))),
        ("naive", "the sum of ten overflows", "equal logits", lambda x: not (naive(_equal(x), 0).p > 0).all()),
        ("naive", "probabilities become NaN", "logit", lambda x: _broken(naive(_beside_zeros(x), 0).p)),
        ("naive", "all exponentials are zero", "equal negative logits", lambda x: _nan(naive(_equal(-x), 0).p)),
        ("shifted", "the sum of ten overflows", "equal logits", lambda x: not (shifted(_equal(x), 0).p > 0).all()),
        ("shifted", "probabilities become NaN", "logit", lambda x: _broken(shifted(_beside_zeros(x), 0).p)),
        ("shifted", "all exponentials are zero", "equal negative logits", lambda x: _nan(shifted(_equal(-x), 0).p)),
        ("shifted", "exp becomes subnormal", "gap", lambda gap: bool(np.exp(-gap) < smallest)),
        ("shifted", "exp becomes zero", "gap", lambda gap: bool(np.exp(-gap) == 0)),
    ]
    for form, compute in FORMS.items():
        events += [
            (form, "the loss is infinite or NaN", "gap", _fails(compute, "log_p")),
            (form, "the gradient is infinite or NaN", "gap", _fails(compute, "gradient")),
        ]
    return events


def _fails(compute: Callable[[np.ndarray, int], Outcome], what: str) -> Callable[[np.floating[Any]], bool]:
    """Whether the lower of two logits, gap and 0, has an infinite loss (or gradient): confident, and wrong."""

    def happens(gap: np.floating[Any]) -> bool:
        return not bool(np.isfinite(getattr(compute(np.array([gap, 0], gap.dtype), 1), what)).all())

    return happens


def _equal(x: np.floating[Any]) -> np.ndarray:
    return np.full(CLASSES, x)


def _beside_zeros(x: np.floating[Any]) -> np.ndarray:
    z = np.zeros(CLASSES, x.dtype)
    z[0] = x
    return z


def _broken(p: np.ndarray) -> bool:
    return bool(np.isnan(p).any())


def _nan(p: np.ndarray) -> bool:
    return bool(np.isnan(p).all())


# ---- how far they are from the truth ------------------------------------------------------------------


class ErrorRow(TypedDict):
    """The errors of one form in one format at one scale; None where the result is infinite or NaN."""

    format: str
    form: str
    scale: float
    gap: float
    """Largest minus smallest logit: twice the scale."""
    probability_error: float | None
    """Largest absolute error of a probability."""
    loss_error: float | None
    """Relative error of the loss of the least likely class."""
    gradient_error: float | None
    """Largest absolute error of that loss's gradient by a logit."""


def logits_at(scale: float, name: str) -> np.ndarray:
    """Ten logits (10,) evenly spaced from -scale to scale, rounded to the format."""
    return (scale * np.linspace(-1, 1, CLASSES)).astype(name)


def default_scales() -> list[float]:
    """From 0.1 to 10,000, ten to a factor of ten."""
    return [float(scale) for scale in np.geomspace(0.1, 1e4, 51)]


@np.errstate(all="ignore")
def errors(scales: Sequence[float] | None = None) -> list[ErrorRow]:
    """The error of every form in every format, by the scale of the logits.

    The label is the class with the lowest logit: a network that is confident and wrong. The truth is that
    of the rounded logits, so that only the computation's own error is counted.
    """
    rows = []
    for name in FORMATS:
        for scale in scales if scales is not None else default_scales():
            z = logits_at(scale, name)
            exact = truth(z, 0)
            rows += [_error_row(name, form, scale, compute(z, 0), exact) for form, compute in FORMS.items()]
    return rows


def _error_row(name: str, form: str, scale: float, found: Outcome, exact: "Truth") -> ErrorRow:
    return ErrorRow(
        format=name,
        form=form,
        scale=scale,
        gap=2 * scale,
        probability_error=_worst(found.p, exact.p),
        loss_error=_worst(found.log_p[:1], exact.log_p[:1], relative=True),
        gradient_error=_worst(found.gradient, exact.gradient),
    )


class Truth(NamedTuple):
    """As `Outcome`, in mpmath's numbers."""

    p: list[Any]
    log_p: list[Any]
    gradient: list[Any]


def truth(z: np.ndarray, label: int) -> Truth:
    """The outcome for exactly these logits (n,), at 50 digits."""
    import mpmath

    with mpmath.workdps(DIGITS):
        powers = [mpmath.exp(mpmath.mpf(float(value)) - float(z.max())) for value in z]
        p = [power / mpmath.fsum(powers) for power in powers]
        log_p = [mpmath.log(each) for each in p]
        return Truth(p, log_p, [each - (index == label) for index, each in enumerate(p)])


def _worst(found: np.ndarray, exact: list[Any], relative: bool = False) -> float | None:
    import mpmath

    if not np.isfinite(found).all():
        return None
    with mpmath.workdps(DIGITS):
        off = [abs(mpmath.mpf(float(a)) - b) for a, b in zip(found, exact, strict=True)]
        return float(max(error / abs(b) if relative else error for error, b in zip(off, exact, strict=True)))
