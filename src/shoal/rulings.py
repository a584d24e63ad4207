# SPDX-License-Identifier: Apache-2.0
"""A verdict in words, one hand for report, terminal and page: its mark, its number, its sentence, what would flip it.

Everything is composed from the verdict; nothing here judges, and nothing is known of any particular claim.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isfinite
from typing import Any, Literal

from shoal import wording
from shoal.analysis.claims import Claim, Fact, Sentence, Untestable, statement
from shoal.analysis.comparison import FEWEST, Comparison
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
        """Supported or refuted if all parts that count are; partly if some are supported and others refuted."""
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


# ---- short -------------------------------------------------------------------------------------------


def mark(verdict: Verdict | Statement) -> str:
    """ "✓", "✗", "?", "–", "…" or, for a statement, "◐"."""
    return MARKS[verdict.word]


def word(verdict: Verdict | Statement) -> str:
    """ "Supported", "Refuted (equal)", "Too few seeds"."""
    how = getattr(verdict, "how", "")
    return verdict.word.capitalize() + (f" ({how})" if how else "")


def deciding(verdict: Verdict) -> str:
    """The number that decides with its interval: "5.7 points [5.2, 6.2]", "1.23× [1.20, 1.26]", or "" without one."""
    if verdict.found:
        return _with_unit(_exact(verdict.found.value), verdict.found.unit)
    found, claim = verdict.comparison, verdict.claim
    if found is None or not isinstance(claim, Claim):
        return ""
    scale = _Scale(claim)
    places = scale.places(found.low, found.high)
    number = scale.told(found.estimate, places)
    return f"{number} [{scale.bare(found.low, places)}, {scale.bare(found.high, places)}]" if _shown(found) else number


def _shown(found: Comparison) -> bool:
    """Whether the interval says something: there are seeds enough, and it has an end."""
    return found.n >= wording.FEWEST and (isfinite(found.low) or isfinite(found.high))


def bound(verdict: Verdict) -> str:
    """What the number is held against: "> 0.5 points", "< 0.95×", ".70 to .74"; "" where there is nothing."""
    claim = verdict.claim
    if verdict.found:
        return _with_unit(_exact(verdict.found.bound), verdict.found.unit)
    if not isinstance(claim, Claim):
        return ""
    scale, (low, high) = _Scale(claim), claim.region
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
    scale, name, a = _Scale(claim), claim.measure.name, verdict.a.label
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


def _spread(scale: "_Scale", found: Comparison, unit: str | None = None, sign: int = 1) -> str:
    """ "5.7 points (5.2 to 6.2)"."""
    places = scale.places(found.low, found.high)
    number = scale.bare(sign * found.estimate, places) + (scale.unit if unit is None else unit)
    low, high = sorted((sign * found.low, sign * found.high))
    return f"{number} ({scale.bare(low, places)} to {scale.bare(high, places)})" if _shown(found) else number


def _asks(claim: Claim, low: float | None = None, high: float | None = None) -> str:
    """The region as a phrase: "more than 0.5 points higher", "less than .95 times"; with other ends if given."""
    scale, (least, most) = _Scale(claim), claim.region
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


# ---- numbers ------------------------------------------------------------------------------------------


class _Scale:
    """How a claim's numbers are written: ratios as 1.23×, differences of shares in points, shares of runs in percent,
    values as they are."""

    def __init__(self, claim: Claim) -> None:
        measure = claim.measure
        own = claim.constant is not None or isinstance(claim.b, tuple)
        in_points = not measure.unit and not claim.by_ratio and not own and not measure.outcome
        unit = "%" if measure.outcome else " points" if in_points else f" {measure.unit}" if measure.unit else ""
        self.unit = "×" if claim.by_ratio else unit
        self._factor = 100.0 if in_points or measure.outcome else 1.0
        self._whole = measure.outcome

    def places(self, low: float, high: float) -> int | None:
        """Decimals that the interval allows; None where it says nothing."""
        half = (high - low) / 2 * self._factor
        if self._whole:
            return 0
        return wording.decimals_for(half) if isfinite(half) and half > 0 else None

    def bare(self, value: float, places: int | None = None) -> str:
        """A measured number, without its unit; beyond a thousand with three significant digits."""
        scaled = value * self._factor
        if abs(scaled) >= 1000 and isfinite(scaled):
            scaled = float(f"{scaled:.2e}")
        return wording.rounded(scaled) if places is None else wording.fixed(scaled, places)

    def told(self, value: float, places: int | None = None) -> str:
        """With its unit."""
        return self.bare(value, places) + self.unit

    def ends(self, *bounds: float) -> str:
        """A bound that somebody chose, with the digits it has; a range with as many for both its ends."""
        scaled = [float(f"{bound * self._factor:.3g}") for bound in bounds]
        places = max(len(f"{bound:.9f}".rstrip("0").partition(".")[2]) for bound in scaled)
        return " to ".join(wording.fixed(bound, places) for bound in scaled)


def _exact(value: float) -> str:
    if not isfinite(value):
        return wording.fixed(value, 0)
    return wording.significant(value, 4) if value != round(value) or abs(value) >= 1e5 else f"{value:,.0f}"


def _with_unit(number: str, unit: str) -> str:
    return number + ("" if not unit else unit if unit in ("%", "×") else f" {unit}")


# ---- report.json -------------------------------------------------------------------------------------


def record(verdict: Verdict, section: str) -> dict[str, Any]:
    """Everything about a verdict as plain data: an entry of report.json's "claims". What is infinite is None."""
    return {name: _finite(value) for name, value in _record(verdict, section).items()}


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _record(verdict: Verdict, section: str) -> dict[str, Any]:
    claim, found, exact = verdict.claim, verdict.comparison, verdict.found
    return {
        "id": claim.id,
        "section": section,
        "says": claim.says,
        "tested": claim.tested,
        "verdict": verdict.word,
        "how": verdict.how,
        "estimate": found.estimate if found else exact.value if exact else None,
        "low": found.low if found else None,
        "high": found.high if found else None,
        "margin": found.margin if found else exact.bound if exact else None,
        "n": verdict.n,
        "p": found.p if found else None,
        "p_better": verdict.p_better,
        "needed": verdict.needed,
        "measure": claim.measure.name if isinstance(claim, Claim) else None,
        "unit": _Scale(claim).unit.strip() if isinstance(claim, Claim) else exact.unit if exact else None,
        "direction": claim.direction if isinstance(claim, Claim) else None,
        "region": list(claim.region) if isinstance(claim, Claim) else None,
        "level": found.level if found else None,
        "method": found.method if found else "exact" if exact else None,
        "correlation": found.correlation if found else None,
        "flip": verdict.flip,
        "primary": claim.primary if isinstance(claim, Claim) else None,
        "so_far": verdict.so_far,
        "seeds": list(verdict.seeds),
        "each": found.each.tolist() if found else [],
        "a": {"label": verdict.a.label, "configs": list(verdict.a.hashes)} if verdict.a else None,
        "b": {"label": verdict.b.label, "configs": list(verdict.b.hashes)} if verdict.b else None,
        "elsewhere": verdict.elsewhere._asdict() if verdict.elsewhere else None,
        "why": claim.why if isinstance(claim, Untestable) else None,
    }
