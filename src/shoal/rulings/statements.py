# SPDX-License-Identifier: Apache-2.0
"""A sentence of the original with the verdicts on its parts, and what they come to together. It judges nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from shoal.analysis.claims import Sentence, Untestable, statement
from shoal.analysis.verdicts import Verdict

MARKS = {
    "supported": "✓",
    "refuted": "✗",
    "inconclusive": "?",
    "not testable": "–",
    "too few seeds": "…",
    "partly": "◐",
}
"""Beside each word, so that nothing is told by colour alone."""

StatementWord = Literal["supported", "refuted", "partly", "inconclusive", "not testable", "too few seeds"]


@dataclass(frozen=True)
class Statement:
    """One sentence of the original with the verdicts on its parts: "16" with "16a" and "16b"."""

    id: str
    verdicts: tuple[Verdict, ...]

    @property
    def says(self) -> str:
        """The original's words on all parts that count, each once, an ellipsis where something is left out."""
        told: list[str] = []
        for verdict in self.deciders:
            fragments = (fragment.strip() for fragment in verdict.claim.says.split("…"))
            told += [fragment for fragment in fragments if fragment and fragment not in " ".join(told)]
        return re.sub(r"… (?=[,;:.])", "…", " … ".join(told))

    @property
    def deciders(self) -> tuple[Verdict, ...]:
        """The parts that count: the primary claims and the facts, or whatever there is."""
        main = tuple(each for each in self.verdicts if getattr(each.claim, "primary", not _vague(each.claim)))
        return main or self.verdicts

    @property
    def word(self) -> StatementWord:
        """Supported if all parts that count are; partly if some are supported and others refuted; else refuted if one
        is."""
        words: set[StatementWord] = {each.word for each in self.deciders}
        if {"supported", "refuted"} <= words:
            return "partly"
        return next(word for word in _WEIGHTIEST if word in words)

    @property
    def decider(self) -> Verdict:
        """The part whose number stands for the whole: the first with the statement's word, or else the refuted one."""
        wanted = "refuted" if self.word == "partly" else self.word
        return next(each for each in self.deciders if each.word == wanted)

    @property
    def so_far(self) -> bool:
        return any(each.so_far for each in self.verdicts)


_WEIGHTIEST: tuple[StatementWord, ...] = ("too few seeds", "refuted", "inconclusive", "supported", "not testable")


def _vague(claim: Sentence) -> bool:
    return isinstance(claim, Untestable)


def statements(verdicts: Sequence[Verdict]) -> list[Statement]:
    """The verdicts by the sentence they are part of, in the order of its number."""
    ordered = sorted(verdicts, key=lambda verdict: _order(verdict.claim.id))
    return [
        Statement(id, tuple(parts)) for id, parts in groupby(ordered, key=lambda verdict: statement(verdict.claim.id))
    ]


def _order(id: str) -> tuple[bool, int, str]:
    """ "2" before "10" before "10b" before names."""
    number = statement(id)
    return (not number.isdigit(), int(number) if number.isdigit() else 0, id)
