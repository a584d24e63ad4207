# SPDX-License-Identifier: Apache-2.0
"""A verdict in words: its mark, the number that decides, its sentence. It is all composed from the verdict."""

import numpy as np

from shoal import wording
from shoal.analysis.claims import Claim, Fact, Untestable
from shoal.analysis.comparison import FEWEST, Comparison
from shoal.analysis.verdicts import Verdict
from shoal.rulings.flips import asks
from shoal.rulings.numbers import Scale, alike, exact, shown, with_unit
from shoal.rulings.statements import MARKS, Statement

# ---- short -------------------------------------------------------------------------------------------


def mark(verdict: Verdict | Statement) -> str:
    """ "✓", "✗", "?", "–", "…" or, for a statement, "◐"."""
    return MARKS[verdict.word]


def word(verdict: Verdict | Statement) -> str:
    """ "Supported", "Refuted (equal)", "Too few seeds"; of a sentence whose parts differ "Partly (1 of 2)"."""
    if isinstance(verdict, Statement):
        hold = [each.word for each in verdict.deciders].count("supported")
        note = f"{hold} of {len(verdict.deciders)}" if 0 < hold < len(verdict.deciders) else ""
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


def measured(verdict: Verdict) -> str:
    """What the number is of: "final validation loss"; "" where nothing is measured."""
    if isinstance(verdict.claim, Claim):
        return verdict.claim.measure.name
    return verdict.found.measure if verdict.found else ""


# ---- sentences ----------------------------------------------------------------------------------------


def sentence(verdict: Verdict) -> str:
    """What the runs say, in one or two plain sentences."""
    claim = verdict.claim
    if isinstance(claim, Untestable):
        return f"Not testable: {claim.why}"
    if isinstance(claim, Fact):
        return _exactly(verdict)
    if verdict.comparison is None:
        return "No run that it needs has ended yet."
    parts = [f"{_standing(verdict)}: {_told(claim, verdict)}; the claim asks for {asks(claim)}.", _after(verdict)]
    return " ".join(part for part in parts if part)


def _exactly(verdict: Verdict) -> str:
    number, against, found = deciding(verdict), bound(verdict), verdict.found
    held = ", just what it is held against" if against == number else f", held against {against}"
    beside = f" Beside it: {found.beside}." if found and found.beside else ""
    name = measured(verdict) or "the number that decides"
    return f"{word(verdict)}, exactly, without seeds; {name}: {number}{held}.{beside}"


def _standing(verdict: Verdict) -> str:
    seeds = wording.count(verdict.n or 0, "seed")
    by = {
        "supported": f"Supported by {seeds}",
        "refuted": f"Refuted by {seeds}",
        "inconclusive": f"Inconclusive after {seeds}",
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
    if alike(found):
        return f"{number} (the same in every seed)"
    low, high = sorted((sign * found.low, sign * found.high))
    return f"{number} ({scale.bare(low, places)} to {scale.bare(high, places)})" if shown(found) else number


def _after(verdict: Verdict) -> str:
    """What follows: in which way it is refuted, how many seeds are on its side, what is still needed."""
    claim, found = verdict.claim, verdict.comparison
    assert isinstance(claim, Claim)
    assert found is not None
    if verdict.word == "refuted":
        return _in_which_way(verdict, claim, found)
    if verdict.word == "supported":
        return "" if claim.measure.outcome else _counted(claim, found)
    if verdict.word == "inconclusive":
        return f"It leans {verdict.leaning} the claim; {_needed(verdict)}."
    return ""


def _in_which_way(verdict: Verdict, claim: Claim, found: Comparison) -> str:
    if not verdict.how or claim.margin is None:
        return ""
    by = claim.margin.of(claim.measure)
    none, least = (1.0, 1 / by) if claim.by_ratio else (0.0, -by)
    if verdict.how == "equal":
        return "Within that margin the two are equal."
    above = claim.direction == "above"
    if verdict.how == "opposite":
        small = found.low > least if above else found.high < by
        return f"{'If anything it' if small else 'It'} is the other way round{', by less than that margin' * small}."
    sure = found.low > none if above else found.high < none
    return f"{'It is so, but' if sure else 'If it is so at all, then'} by less than that."


def _counted(claim: Claim, found: Comparison) -> str:
    """In how many seeds it is so, not counting by how much: "It is higher in 9 of 10 seeds."."""
    each, (low, high) = found.each, claim.region
    if claim.direction == "within":
        return f"It lies there in {_of((each >= low) & (each <= high))}."
    above, pair = claim.direction == "above", len(claim.sides) == 2
    none = 1.0 if claim.by_ratio else claim.constant or 0.0
    same = int(np.sum(each == none))
    way = ("higher" if above else "lower") if pair else f"{claim.direction} {Scale(claim).ends(claim.constant or 0.0)}"
    ties = f", and the same in {same}" if same else ""
    return f"It is {way} in {_of(each > none if above else each < none)}{ties}."


def _of(seeds: np.ndarray) -> str:
    """In how many of these seeds, (n,), it is so."""
    some, n = int(np.sum(seeds)), len(seeds)
    return "every seed" if some == n else f"{some} of {wording.count(n, 'seed')}"


def _needed(verdict: Verdict) -> str:
    if not verdict.needed:
        return "how many more seeds would settle it cannot be told"
    return f"about {wording.count(verdict.needed, 'more seed')} would settle it"
