# SPDX-License-Identifier: Apache-2.0
"""A verdict in words: its mark, the number that decides, its sentence, what would flip it. It is all composed
from the verdict."""

from math import isfinite

from shoal import wording
from shoal.analysis.claims import Claim, Fact, Untestable
from shoal.analysis.comparison import FEWEST, Comparison
from shoal.analysis.verdicts import Verdict
from shoal.rulings.numbers import Scale, exact, shown, with_unit
from shoal.rulings.statements import MARKS, Statement

# ---- short -------------------------------------------------------------------------------------------


def mark(verdict: Verdict | Statement) -> str:
    """ "✓", "✗", "?", "–", "…" or, for a statement, "◐"."""
    return MARKS[verdict.word]


def word(verdict: Verdict | Statement) -> str:
    """ "Supported", "Refuted (equal)", "Too few seeds"; of a sentence whose parts differ "Partly (1 of 2 hold)"."""
    if isinstance(verdict, Statement):
        hold = [each.word for each in verdict.deciders].count("supported")
        note = f"{hold} of {len(verdict.deciders)} hold" if 0 < hold < len(verdict.deciders) else ""
    else:
        note = verdict.how
    return verdict.word.capitalize() + (f" ({note})" if note else "")


def deciding(verdict: Verdict) -> str:
    """The number that decides with its interval: "5.7 points [5.2, 6.2]", "1.23× [1.20, 1.26]", or "" without one."""
    if verdict.found:
        return with_unit(exact(verdict.found.value), verdict.found.unit)
    found, claim = verdict.comparison, verdict.claim
    if found is None or not isinstance(claim, Claim):
        return ""
    scale = Scale(claim)
    places = scale.places(found.low, found.high)
    number = scale.told(found.estimate, places)
    return f"{number} [{scale.bare(found.low, places)}, {scale.bare(found.high, places)}]" if shown(found) else number


def bound(verdict: Verdict) -> str:
    """What the number is held against: "> 0.5 points", "< 0.95×", ".70 to .74"; "" where there is nothing."""
    claim = verdict.claim
    if verdict.found:
        return with_unit(exact(verdict.found.bound), verdict.found.unit)
    if not isinstance(claim, Claim):
        return ""
    scale, (low, high) = Scale(claim), claim.region
    if claim.direction == "within":
        return f"{scale.ends(low, high)}{scale.unit}"
    return f"> {scale.ends(low)}{scale.unit}" if claim.direction == "above" else f"< {scale.ends(high)}{scale.unit}"


# ---- sentences ----------------------------------------------------------------------------------------


def sentence(verdict: Verdict) -> str:
    """What the runs say, in one or two plain sentences."""
    claim = verdict.claim
    if isinstance(claim, Untestable):
        return f"Not testable: {claim.why}"
    if isinstance(claim, Fact):
        against = f", held against {bound(verdict)}" if bound(verdict) else ""
        return f"{word(verdict)}, exactly, without seeds: the number that decides is {deciding(verdict)}{against}."
    if verdict.comparison is None:
        return "No run that it needs has ended yet."
    parts = [f"{_standing(verdict)}: {_told(claim, verdict)}; the claim asks for {_asks(claim)}.", _after(verdict)]
    return " ".join(part for part in parts if part)


def _standing(verdict: Verdict) -> str:
    seeds = wording.count(verdict.n or 0, "seed")
    by = {
        "supported": f"Supported by {seeds}",
        "refuted": f"Refuted by {seeds}",
        "inconclusive": f"Open after {seeds}",
        "too few seeds": f"Too few seeds for a verdict, {verdict.n} of at least {FEWEST}",
    }[verdict.word]
    return f"So far {by[0].lower()}{by[1:]}" if verdict.so_far else by


def _told(claim: Claim, verdict: Verdict) -> str:
    """The estimate as a clause: "final validation accuracy is 5.7 points (5.2 to 6.2) higher for A than for B"."""
    found = verdict.comparison
    assert found is not None
    assert verdict.a is not None
    scale, name, a = Scale(claim), claim.measure.name, verdict.a.label
    if verdict.b is None and not claim.by_ratio:
        return f"{name} is {_spread(scale, found)} for {a}"
    if claim.by_ratio:
        b = f"that for {verdict.b.label}" if verdict.b else f"{claim.constant:g}"
        return f"{name} for {a} is {_spread(scale, found, ' times')} {b}"
    assert verdict.b is not None
    if found.estimate == 0 and found.low == found.high == 0:
        return f"{name} is the same for {a} and for {verdict.b.label}"
    sign, way = (1, "higher") if found.estimate >= 0 else (-1, "lower")
    return f"{name} is {_spread(scale, found, sign=sign)} {way} for {a} than for {verdict.b.label}"


def _spread(scale: Scale, found: Comparison, unit: str | None = None, sign: int = 1) -> str:
    """ "5.7 points (5.2 to 6.2)"."""
    places = scale.places(found.low, found.high)
    number = scale.bare(sign * found.estimate, places) + (scale.unit if unit is None else unit)
    low, high = sorted((sign * found.low, sign * found.high))
    return f"{number} ({scale.bare(low, places)} to {scale.bare(high, places)})" if shown(found) else number


def _asks(claim: Claim, low: float | None = None, high: float | None = None) -> str:
    """The region as a phrase: "more than 0.5 points higher", "less than .95 times"; with other ends if given."""
    scale, (least, most) = Scale(claim), claim.region
    low, high = least if low is None else low, most if high is None else high
    unit = " times" if claim.by_ratio else scale.unit
    if claim.direction == "within":
        return f"{scale.ends(low, high)}{unit}"
    end = low if claim.direction == "above" else high
    if claim.by_ratio or claim.constant is not None:
        return f"{'more' if claim.direction == 'above' else 'less'} than {scale.ends(end)}{unit}"
    way = "higher" if claim.direction == "above" else "lower"
    return f"more than {scale.ends(abs(end))}{unit} {way}"


def _after(verdict: Verdict) -> str:
    """What follows: in which way it is refuted, how many seeds are on its side, what is still needed."""
    if verdict.word == "refuted":
        return {
            "equal": "Within that margin the two are equal.",
            "opposite": "It is the other way round.",
            "less": "If it is so at all, then by less than that.",
            "": "",
        }[verdict.how]
    if verdict.word == "supported":
        if verdict.claim.measure.outcome or verdict.p_better is None:  # type: ignore[union-attr]
            return ""
        share = verdict.p_better
        return f"So it is in {wording.percent(share)} of the seeds." if share < 1 else "So it is in every seed."
    if verdict.word == "inconclusive":
        return f"It leans {verdict.leaning} the claim; {_needed(verdict)}."
    return ""


def _needed(verdict: Verdict) -> str:
    if verdict.needed is None:
        return "how many more seeds would settle it cannot be told"
    return f"about {wording.count(verdict.needed, 'more seed')} would settle it"


def flips(verdict: Verdict) -> str:
    """What would change the verdict: the nearest bound at which it would be another, or what keeps it open; "" for
    others."""
    claim, found = verdict.claim, verdict.comparison
    if found is None or not isinstance(claim, Claim) or verdict.flip is None:
        return ""
    if verdict.word == "inconclusive":
        return _open(claim, found)
    if verdict.word == "too few seeds" or not isfinite(verdict.flip):
        return ""
    if verdict.how == "opposite":
        return "No margin would support it."
    moved = {"low": verdict.flip} if found.margin == claim.region[0] else {"high": verdict.flip}
    return f"Had the claim asked for {_asks(claim, **moved)}, it would be open."


def _open(claim: Claim, found: Comparison) -> str:
    """What keeps a claim open: where its interval lies, or an opinion that differs."""
    if not found.side:
        return "It would be settled by an interval that does not hold the bound."
    if not found.agree:
        return "The interval lies on one side of the bound, but not all tests agree at this level."
    return "The interval lies on one side of the bound, but not three quarters of the seeds do."
