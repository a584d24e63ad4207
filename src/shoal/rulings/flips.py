# SPDX-License-Identifier: Apache-2.0
"""What would change a verdict, in words: the bound at which it would be another, or what keeps it open. It judges
nothing anew."""

from math import isfinite

from shoal import wording
from shoal.analysis.claims import Claim
from shoal.analysis.comparison import Comparison, Method
from shoal.analysis.verdicts import Verdict
from shoal.rulings.numbers import Scale, shown

TESTS: dict[Method, str] = {
    "t": "the sign-flip test",
    "BCa": "the sign-flip test",
    "ranks": "the sign test",
    "exact": "the exact test",
}
BESIDE = {"t": "the interval that allows for skewness", "BCa": "Student’s t interval"}


def asks(claim: Claim, low: str = "", high: str = "") -> str:
    """The region as a phrase: "more than 0.5 points higher", "less than .95 times"; with other ends if given."""
    scale, (least, most) = Scale(claim), claim.region
    unit = " times" if claim.by_ratio else scale.unit
    if claim.direction == "within":
        moved = f"{low or scale.ends(least)} to {high or scale.ends(most)}"
        return f"{moved if low or high else scale.ends(least, most)}{unit}"
    end = low or high or scale.ends(least if claim.direction == "above" else most)
    if claim.by_ratio or claim.constant is not None or len(claim.sides) < 2:
        return f"{'more' if claim.direction == 'above' else 'less'} than {end}{unit}"
    return f"more than {end.removeprefix(wording.MINUS)}{unit} {'higher' if claim.direction == 'above' else 'lower'}"


def flips(verdict: Verdict) -> str:
    """What would change the verdict: a bound at which it would be another at the latest (the second interval, the
    test or the count of seeds may change it sooner), or what keeps it open; "" for others."""
    claim, found = verdict.claim, verdict.comparison
    if found is None or verdict.flip is None or not isinstance(claim, Claim):
        return ""
    if verdict.word == "inconclusive":
        return _open(claim, found)
    if verdict.how == "opposite":
        return "No margin would support it."
    margin, flip = found.margin, verdict.flip
    if verdict.word == "too few seeds" or not isfinite(flip):
        return ""
    scale = Scale(claim)
    end = scale.beyond(flip, scale.places(found.low, found.high), up=flip > margin)
    moved = asks(claim, low=end) if margin == claim.region[0] else asks(claim, high=end)
    other = "be inconclusive" if shown(found) else f"no longer be {verdict.word}"
    return f"Had the claim asked for {moved}, it would {other}."


def _open(claim: Claim, found: Comparison) -> str:
    """What keeps a claim open: where its interval lies, or an opinion that differs."""
    if any(found.low <= end <= found.high for end in claim.region if isfinite(end)):
        return "It would be settled by an interval that does not hold the bound."
    if not found.agree:
        return f"The interval does not hold the bound, but {_dissent(claim, found)}."
    where = "in the range" if claim.direction == "within" else "on one side of the bound"
    return f"The interval lies {where}, but not three quarters of the seeds do."


def _dissent(claim: Claim, found: Comparison) -> str:
    """Who disagrees with the interval, and the number that shows it."""
    error = 1 - found.level
    if found.p > error:
        digits = next(digits for digits in (2, 3, 6) if digits == 6 or _differ(found.p, error, digits))
        p, needed = wording.significant(found.p, digits), wording.significant(error, digits)
        return f"{TESTS[found.method]} does not agree: p = {p}, where {needed} is needed"
    assert found.beside is not None
    scale, beside = Scale(claim), found.beside
    places = scale.places(beside.low, beside.high)
    reach = f"{scale.bare(beside.low, places)} to {scale.told(beside.high, places)}"
    return f"{BESIDE[found.method]} does not agree: it is {reach}"


def _differ(one: float, other: float, digits: int) -> bool:
    return wording.significant(one, digits) != wording.significant(other, digits)
