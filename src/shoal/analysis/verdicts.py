# SPDX-License-Identifier: Apache-2.0
"""Verdicts: what the runs say about claims. The only place that calls one supported or refuted.

A claim is a region on the scale of its measure: above a margin, below it, or within a range. It is *supported* when
the interval lies in the region (and three quarters of the seeds are on its side), *refuted* when the interval lies
outside, *inconclusive* when it does both. A study's primary claims share its error level (Holm 1979). Fewer than 6
seeds give no verdict. Nothing here trains, reads a store or writes a sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from shoal.analysis.claims import Claim, Fact, Found, Sentence
from shoal.analysis.comparison import FEWEST, Comparison, compare, seeds_needed
from shoal.analysis.measures import Scale
from shoal.analysis.outcomes import Evidence, Outcome, outcome
from shoal.analysis.significance import holm_levels
from shoal.analysis.two_way import TwoWay, two_scopes
from shoal.shown import as_html

Word = Literal["supported", "refuted", "inconclusive", "not testable", "too few seeds"]
How = Literal["", "equal", "opposite", "less"]

BETTER = 0.75
"""The share of seeds that must be on the claim's side (Bouthillier et al. 2021)."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """What there is to say about one sentence.

    Of a fact there is only `found`, of an untestable sentence nothing but the word.
    """

    claim: Sentence
    word: Word
    how: How = ""
    """Of what is refuted: "equal" (no difference, within the margin), "opposite", or "less" than the margin; of a
    constant or a range ""."""
    comparison: Comparison | None = None
    """At the level that the study's other claims leave; its margin is the end of the region that decides: of a range
    the one that is still open, or harder to tell from, or nearer."""
    p_better: float | None = None
    """P(A > B), or P(A < B) for a claim of "below": the share of seeds on the claim's side of no difference or of the
    constant, ties counting half; the share in the range."""
    a: Outcome | None = None
    b: Outcome | None = None
    seeds: tuple[int, ...] = ()
    """Those that both sides have, in the order of the comparison's `each`."""
    needed: int | None = None
    """About how many more seeds would settle it; 0 if it is settled, None where that cannot be told, or where the
    margin is cleared and too few of the seeds are on the claim's side."""
    so_far: bool = False
    """Whether more seeds were asked for than have arrived."""
    found: Found | None = None
    elsewhere: TwoWay | None = None
    """The estimate with an interval, at the comparison's level, for other test images of the kind as well; of
    accuracies on the test split only."""
    p: float = 1.0
    """Of the claim, by which claims that share a level are ranked: the larger of those at the ends of its region."""

    _repr_html_ = as_html

    def __repr__(self) -> str:
        seeds = "" if self.n is None else f", {self.n} seeds"
        return f"Verdict({self.claim.id}: {self.word}{seeds})"

    @property
    def n(self) -> int | None:
        """Seeds; None of a fact, which needs none."""
        return len(self.seeds) if isinstance(self.claim, Claim) else None

    @property
    def leaning(self) -> Literal["towards", "against"] | None:
        """Of what is open: on which side of the margin the estimate is."""
        if self.comparison is None:
            return None
        low, high = self.claim.region if isinstance(self.claim, Claim) else (-np.inf, np.inf)
        return "towards" if low < self.comparison.estimate < high else "against"

    @property
    def flip(self) -> float | None:
        """What would change the verdict: the end of the interval that is nearest to the margin that decides. With a
        margin beyond it the verdict would be another."""
        found = self.comparison
        return min((found.low, found.high), key=lambda end: abs(end - found.margin)) if found else None


class Verdicts(tuple[Verdict, ...]):
    """Those of a study, in the order of its claims; in a notebook they stand one below the other."""

    __slots__ = ()
    _repr_html_ = as_html


def judge(
    claims: Sequence[Sentence],
    evidence: Evidence,
    *,
    asked: int | None = None,
    level: float = 0.95,
    alone: float | None = None,
) -> tuple[Verdict, ...]:
    """Judge a study's claims together, by the runs that are there.

    Args:
        evidence: the study's results.
        asked: how many seeds are to arrive in the end; a verdict of fewer is one "so far".
        level: of all primary claims together at this look (see `looks.family_level` for several looks).
        alone: of each exploratory claim; by default the same (see `looks.shared_level`).

    Returns:
        A verdict per claim, in their order.
    """
    gathered = [_gather(claim, evidence) if isinstance(claim, Claim) else None for claim in claims]
    primary = [i for i, claim in enumerate(claims) if isinstance(claim, Claim) and claim.primary]
    levels = [level if alone is None else alone] * len(claims)
    p_values = [_p(claims[i], gathered[i], level) for i in primary]  # p does not depend on the level
    for index, own in zip(primary, holm_levels(p_values, level), strict=True):
        levels[index] = float(own)
    return tuple(
        _verdict(claim, pairs, evidence, own, asked or 0)
        for claim, pairs, own in zip(claims, gathered, levels, strict=True)
    )


class _Pairs(NamedTuple):
    """Both sides of a claim, and the seeds that they share."""

    a: Outcome
    b: Outcome | None
    seeds: tuple[int, ...]


def _gather(claim: Claim, evidence: Evidence) -> _Pairs:
    a, b = _outcomes(claim, evidence)
    return _Pairs(a, b, tuple(seed for seed in a.seeds if b is None or seed in b.seeds))


def _p(claim: Sentence, pairs: _Pairs | None, level: float) -> float:
    """Of a claim, as `Verdict.p`; 1 while there is no seed."""
    if not isinstance(claim, Claim) or pairs is None or not pairs.seeds:
        return 1.0
    return max(end.p for end in _compare(claim, pairs, level))


def _verdict(claim: Sentence, pairs: _Pairs | None, evidence: Evidence, level: float, asked: int) -> Verdict:
    """The verdict at a level, as if the claim were the only one."""
    if isinstance(claim, Fact):
        found = claim.find(evidence)
        return Verdict(claim, "supported" if found.holds else "refuted", found=found)
    if not isinstance(claim, Claim) or pairs is None:
        return Verdict(claim, "not testable")
    a, b, seeds = pairs
    so_far = len(seeds) < asked
    if not seeds:
        return Verdict(claim, "too few seeds", a=a, b=b, so_far=so_far)
    ends = _compare(claim, pairs, level)
    comparison = _deciding(claim, ends)
    better = _p_better(claim, comparison)
    word = _word(claim, ends, better)
    return Verdict(
        claim,
        word,
        _how(claim, comparison) if word == "refuted" else "",
        comparison,
        better,
        a,
        b,
        seeds,
        0 if word in ("supported", "refuted") else seeds_needed(comparison) or None,
        so_far,
        elsewhere=_elsewhere(claim, [a, b] if b else [a], seeds, evidence, level),
        p=max(end.p for end in ends),
    )


def _elsewhere(
    claim: Claim, sides: Sequence[Outcome], seeds: Sequence[int], evidence: Evidence, level: float
) -> TwoWay | None:
    """The second scope, where each side is one config, and both were tested on the same images."""
    configs = [config for side in sides for config in side.configs]
    ended = all(np.isfinite(side.at(seeds)).all() for side in sides)
    alike = len(configs) == len(sides) and len({config.data for config in configs}) == 1
    tested = claim.measure.of_images and (claim.measure.deep or not any(config.holdout for config in configs))
    if not (tested and alike and ended):
        return None
    right = [np.array([evidence.correct(side.configs[0], seed) for seed in seeds]) for side in sides]
    return two_scopes(right[0], right[1] if len(right) > 1 else None, level)


def _outcomes(claim: Claim, evidence: Evidence) -> tuple[Outcome, Outcome | None]:
    """What was measured on both sides, by the names that the claim has for them; no B where that is a constant."""
    found = [outcome(side, claim.measure, evidence) for side in claim.sides]
    found[: len(claim.called)] = [replace(one, label=name) for one, name in zip(found, claim.called, strict=False)]
    return found[0], found[1] if len(found) > 1 else None


# ---- the verdict --------------------------------------------------------------------------------------


def _compare(claim: Claim, pairs: _Pairs, level: float) -> list[Comparison]:
    """The comparisons with the ends of the region, one or two."""
    a, b = pairs.a.at(pairs.seeds), pairs.b.at(pairs.seeds) if pairs.b else None
    least, most = (0.0 if claim.by_ratio else -np.inf), np.inf
    worst, best = (most, least) if claim.direction == "below" else (least, most)
    a = np.where(np.isnan(a), worst, a)  # what is unknown speaks against the claim
    other = _constant(claim) if b is None else np.where(np.isnan(b), best, b)
    scale: Scale = "ratio" if claim.by_ratio else "difference"
    ends = [end for end in claim.region if np.isfinite(end) and (end or not claim.by_ratio)]
    outcome = claim.measure.outcome
    return [compare(a, other, scale=scale, level=level, margin=end, outcome=outcome) for end in ends]


def _deciding(claim: Claim, ends: list[Comparison]) -> Comparison:
    """The end beyond which the truth lies, or else the one that keeps the claim open; else the one that is harder to
    tell the truth from, and where they are alike, as when every seed lies between them, the nearer."""
    low, high = claim.region
    middle = (low * high) ** 0.5 if claim.by_ratio else (low + high) / 2
    nearer = high if ends[0].estimate > middle else low

    def weight(end: Comparison) -> tuple[bool, bool, float, bool]:
        beyond = end.decision == ("below" if end.margin == low else "above")
        return beyond, end.decision == "open", end.p, end.margin == nearer

    return max(ends, key=weight)


def _constant(claim: Claim) -> float:
    """What A is divided by; by difference its own value is told, which is that to 0."""
    return (claim.constant or 0.0) if claim.by_ratio else 0.0


def _word(claim: Claim, ends: list[Comparison], better: float) -> Word:
    """Beyond any end it is refuted; it is supported on the right side of all. What lies so, `compare` decides."""
    if ends[0].n < FEWEST:
        return "too few seeds"
    low = claim.region[0]
    right = ["above" if end.margin == low else "below" for end in ends]
    found = [end.decision for end in ends]
    if any(there not in (side, "open") for there, side in zip(found, right, strict=True)):
        return "refuted"
    own = claim.measure.outcome and claim.constant is not None  # a bound on a share of seeds says itself how many
    return "supported" if found == right and (own or better >= BETTER) else "inconclusive"


def _p_better(claim: Claim, found: Comparison) -> float:
    """The share of seeds on the claim's side of no difference, or of the constant, ties counting half; of a range, in
    it."""
    each = found.each
    if claim.direction == "within":
        low, high = claim.region
        return float(np.mean((each >= low) & (each <= high)))
    none = 1.0 if claim.by_ratio else 0.0 if claim.constant is None else claim.constant
    beyond = each > none if claim.direction == "above" else each < none  # NaN, of two that never arrive, is neither
    return float(np.mean(beyond + 0.5 * (each == none)))


def _how(claim: Claim, found: Comparison) -> How:
    """In which way a comparison of two configs is refuted."""
    if claim.margin is None or len(claim.sides) < 2 or claim.direction == "within":
        return ""
    by = claim.margin.of(claim.measure)
    none, least = (1.0, 1 / by) if claim.by_ratio else (0.0, -by)
    if found.high < none if claim.direction == "above" else found.low > none:
        return "opposite"
    return "equal" if least < found.low <= none <= found.high < by else "less"
