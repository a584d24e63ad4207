# SPDX-License-Identifier: Apache-2.0
"""Claims judged while seeds arrive, at looks that were planned beforehand, so that nobody stops when it suits him.

At each look the claims that are still open are judged together by that look's seeds; what is supported or refuted
there stays so, whatever seeds come later. Between looks the last one's verdict stands. It trains and stores nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, Self

from shoal.analysis.claims import Claim, Sentence
from shoal.analysis.looks import family_level, shared_level
from shoal.analysis.outcomes import Evidence
from shoal.analysis.verdicts import Verdict, judge


class Arriving(Evidence, Protocol):
    """Results that can be looked at by some of their seeds."""

    def on_seeds(self, seeds: Sequence[int]) -> Self:
        """The same results, looking at these seeds only."""
        ...


def judge_by_looks(
    claims: Sequence[Sentence], evidence: Arriving, *, seeds: Sequence[int], looks: Sequence[int] = ()
) -> tuple[Verdict, ...]:
    """Judge a study's claims together, by the looks that the seeds there have reached.

    Args:
        evidence: the study's results.
        seeds: all that may be asked for; a look is at the first of them.
        looks: numbers of seeds, rising; without any there is one look, at all seeds, and before it verdicts "so far".

    Returns:
        A verdict per claim, in their order. Before the first look it is of the seeds there are, and "so far"; after
        it an open claim is "so far" as long as another look is to come.
    """
    if not looks:
        return judge(claims, evidence, asked=len(seeds))
    standing: dict[str, Verdict] = {}
    for at in looks:
        still = [claim for claim in claims if claim.id not in standing or not settled(standing[claim.id])]
        level = family_level(sum(isinstance(claim, Claim) and claim.primary for claim in still), tuple(looks))
        alone = shared_level(tuple(looks))
        found = judge(still, evidence.on_seeds(seeds[:at]), asked=at, level=level, alone=alone)
        if any(verdict.n is not None and verdict.n < at for verdict in found):
            return _in_order(claims, {verdict.claim.id: _so_far(verdict) for verdict in found} | standing)
        later = at < looks[-1]
        standing |= {one.claim.id: one if settled(one) or not later else _so_far(one) for one in found}
    return _in_order(claims, standing)


def settled(verdict: Verdict) -> bool:
    """Whether no further seed is asked to change it: it is decided, or needs none."""
    return verdict.n is None or (verdict.word in ("supported", "refuted") and not verdict.so_far)


def waiting(verdicts: Sequence[Verdict], at: int) -> list[Verdict]:
    """Those that ask for a look at so many seeds: open ones that were judged by fewer."""
    return [verdict for verdict in verdicts if not settled(verdict) and (verdict.n or 0) < at]


def _so_far(verdict: Verdict) -> Verdict:
    return verdict if verdict.n is None else replace(verdict, so_far=True)


def _in_order(claims: Sequence[Sentence], found: dict[str, Verdict]) -> tuple[Verdict, ...]:
    return tuple(found[claim.id] for claim in claims)
