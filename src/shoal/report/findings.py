# SPDX-License-Identifier: Apache-2.0
"""What verdicts look like in a report: how many of each, a chapter's figure of them, and all that stands behind one.

It lays out what `rulings` words and `figures` draws. It judges nothing, and no sentence here is about a result.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shoal import rulings, wording
from shoal.analysis.claims import Claim
from shoal.analysis.outcomes import Outcome
from shoal.analysis.verdicts import Verdict
from shoal.studies.section import Figure

if TYPE_CHECKING:
    from shoal.figures import ClaimRow

LEVEL = 0.95
"""Of all of a study's primary claims together."""
HASH = 8
"""Letters of a config's hash that are shown; the whole one is its title."""
NOTE = 150
"""Letters that fit beside a row of the figure."""
PARTS: dict[rulings.StatementWord, str] = {
    "supported": "{n} {is_} supported",
    "refuted": "{n} {is_} refuted",
    "partly": "{n} {is_} supported only in part",
    "inconclusive": "{n} {is_} inconclusive",
    "too few seeds": "{n} {has} too few seeds for a verdict",
    "not testable": "{n} cannot be tested",
}


def counted(statements: Sequence[rulings.Statement], stand_in: bool = False) -> str:
    """The outcome as one sentence: "Of the original's 20 statements, 9 are supported, 4 are refuted, ..."."""
    words = [statement.word for statement in statements]
    parts = []
    for word, phrase in PARTS.items():
        n = words.count(word)
        verbs = {"is_": "is", "has": "has"} if n == 1 else {"is_": "are", "has": "have"}
        parts += [phrase.format(n=n, **verbs)] if n else []
    openings = ["so far"] * any(statement.so_far for statement in statements) + ["on the stand-in"] * stand_in
    subject = (
        "of the original’s statements, the one here"
        if len(words) == 1
        else f"of the original’s {len(words)} statements"
    )
    rest = f" {parts[0].partition(' ')[2]}" if len(words) == 1 else f", {wording.listed(parts)}"
    said = f"{', '.join([*openings, subject])}{rest}."
    return said[0].upper() + said[1:]


# ---- the figure -----------------------------------------------------------------------------------------


def drawable(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Those that have seeds to draw."""
    return [each for each in verdicts if each.comparison is not None and isinstance(each.claim, Claim)]


def figure(verdicts: Sequence[Verdict]) -> Figure | None:
    """A row per claim that seeds were compared for; None where there is none."""
    from shoal import figures

    drawn = drawable(verdicts)
    if not drawn:
        return None
    rows = [_row(verdict) for verdict in drawn]
    data = figures.verdict_rows(rows, [verdict.seeds for verdict in drawn])
    return Figure("claims", figures.verdicts(rows), _caption(drawn), data)


def _row(verdict: Verdict) -> "ClaimRow":
    from shoal.figures import ClaimRow

    claim, found = verdict.claim, verdict.comparison
    assert isinstance(claim, Claim)
    assert found is not None
    number, _, interval = rulings.deciding(verdict).partition(" [")
    so_far = ", so far" if verdict.so_far else ""
    low, high = (found.low, found.high) if rulings.shown(found) else (np.nan, np.nan)
    return ClaimRow(
        title=f"{claim.id} {rulings.word(verdict)}{so_far}",
        note=re.sub(r" (?=[\d.÷−]|B$)", "\N{NO-BREAK SPACE}", _note(verdict)),
        each=found.each,
        estimate=found.estimate,
        low=low,
        high=high,
        region=claim.region,
        bound=rulings.bound(verdict),
        none=_none(claim),
        told=(number, f"[{interval}" if interval else ""),
        log=claim.by_ratio,
    )


def _note(verdict: Verdict) -> str:
    """What is measured, and which side is held against which; by their letters where their names are long."""
    claim = verdict.claim
    assert isinstance(claim, Claim)
    if len(claim.sides) < 2 or not verdict.a or not verdict.b:
        return f"{claim.measure.name}, {verdict.a.label}" if verdict.a else claim.measure.name
    sign = "÷" if claim.by_ratio else "−"
    named = f"{claim.measure.name}, {verdict.a.label} {sign} {verdict.b.label}"
    return named if len(named) <= NOTE else f"{claim.measure.name}, A {sign} B"


def _none(claim: Claim) -> tuple[float, str] | None:
    """The value of no difference between two sides; a constant has none but its own bound."""
    if claim.by_ratio:
        return 1.0, "1×"
    return (0.0, "0") if len(claim.sides) == 2 else None


def _caption(drawn: Sequence[Verdict]) -> str:
    """What to see, from the numbers: which intervals lie wholly where their claim holds, which wholly outside."""
    places = ("wholly where the claim holds", "wholly outside", "across the bound")
    sure = [each for each in drawn if each.comparison and rulings.shown(each.comparison)]
    sorted_out = {place: [each.claim.id for each in sure if _place(each) == place] for place in places}
    said = "; ".join(f"{place}: {wording.listed(ids)}" for place, ids in sorted_out.items() if ids)
    where = f"The interval lies {said}" if said else "Seeds, too few for intervals, and their mean"
    counts = sorted({each.n or 0 for each in drawn})
    n = wording.seeds(counts[-1]) if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]} seeds"
    scale = "Each row has its own scale"
    if any(each.claim.by_ratio for each in drawn):  # type: ignore[union-attr]
        scale += ", that of a ratio (×) a log scale"
    return f"{where}. {scale}. {_edges(drawn)}{n}."


def _place(verdict: Verdict) -> str:
    found, (low, high) = verdict.comparison, verdict.claim.region  # type: ignore[union-attr]
    assert found is not None
    endless = low == -np.inf or (verdict.claim.by_ratio and not low)  # type: ignore[union-attr]
    if (endless or found.low > low) and (high == np.inf or found.high < high):
        return "wholly where the claim holds"
    return "wholly outside" if found.high < low or found.low > high else "across the bound"


def _edges(drawn: Sequence[Verdict]) -> str:
    """What the triangles at the edge are, and which seeds could not be drawn, each with its reasons."""
    each = [value for verdict in drawn for value in verdict.comparison.each]  # type: ignore[union-attr]
    lost = [_never_ended(verdict, place) for verdict in drawn for place in range(verdict.n or 0)]
    said = ""
    endless = [gone for value, gone in zip(each, lost, strict=True) if np.isinf(value)]
    if endless:
        why = _reasons(endless, "a run diverged or did not get there", "it is divided by 0")
        said += f"A triangle at the edge is a seed whose value is infinite, {why} ({len(endless)} of {len(each)}). "
    unknown = [gone for value, gone in zip(each, lost, strict=True) if np.isnan(value)]
    if unknown:
        why = _reasons(unknown, "both sides are infinite", "both sides are 0")
        are = "is" if len(unknown) == 1 else "are"
        said += f"{wording.count(len(unknown), 'seed')} {are} not drawn, {why}. "
    return said


def _never_ended(verdict: Verdict, place: int) -> bool:
    """Whether a side is infinite in a seed, so that a run of it diverged or never arrived."""
    seed = verdict.seeds[place]
    return any(not np.isfinite(side.at([seed])).all() for side in (verdict.a, verdict.b) if side)


def _reasons(lost: Sequence[bool], run: str, zero: str) -> str:
    """ "since ..., or ...": those that apply."""
    return "since " + wording.listed([run] * any(lost) + [zero] * (not all(lost)), "or")


# ---- what stands behind a verdict -----------------------------------------------------------------------


@dataclass(frozen=True)
class SeedRow:
    """One seed of a claim, as it is printed."""

    seed: int
    a: str
    b: str
    compared: str


def per_seed(verdict: Verdict) -> list[SeedRow]:
    """A row per seed: A, B, and what is compared."""
    found = verdict.comparison
    if found is None or verdict.a is None:
        return []
    a = _by_seed(verdict.a)
    b = _by_seed(verdict.b) if verdict.b else {}
    return [
        SeedRow(seed, number(a[seed]), number(b[seed]) if b else "", number(float(value)))
        for seed, value in zip(verdict.seeds, found.each, strict=True)
    ]


def _by_seed(outcome: Outcome) -> dict[int, float]:
    return dict(zip(outcome.seeds, map(float, outcome.values), strict=True))


def number(value: float) -> str:
    """Four significant digits, as beside other numbers of one run."""
    return wording.significant(value, 4)


def compared_as(claim: Claim) -> str:
    """The heading over what is compared."""
    if claim.by_ratio:
        return "A / B" if len(claim.sides) == 2 else f"A / {claim.constant:g}"
    return "A − B" if len(claim.sides) == 2 else "A"


def facts(verdict: Verdict) -> list[tuple[str, str]]:
    """Rows of (what, value): everything about the comparison that is one number or a word."""
    claim, found = verdict.claim, verdict.comparison
    if found is None or not isinstance(claim, Claim):
        return []
    side = {"above": "above", "below": "below", "within": "in the range"}[claim.direction]
    rows = [
        ("measure", claim.measure.name),
        ("estimate and interval", rulings.deciding(verdict)),
        ("interval", f"{_level(found.level)}, {METHODS[found.method]}"),
        ("the claim holds", rulings.bound(verdict)),
        ("seeds", str(found.n)),
        ("p, if the truth were on the bound", wording.significant(found.p, 2)),
        (f"seeds {side}", "" if verdict.p_better is None else wording.percent(verdict.p_better)),
        (f"on {_kind(verdict)} like these", elsewhere(verdict)),
        ("correlation of the pairs", "" if found.correlation is None else wording.fixed(found.correlation, 2)),
        ("decided", "before the runs (primary)" if claim.primary else "beyond what was said (exploratory)"),
    ]
    return [row for row in rows if row[1]]


METHODS = {
    "t": "Student’s t",
    "BCa": "bootstrap (BCa)",
    "ranks": "of the median, by ranks",
    "exact": "exact, of shares",
}


def _level(level: float) -> str:
    return f"{100 * level:.3g}%"


def elsewhere(verdict: Verdict) -> str:
    """The same accuracy for other seeds on other images of the same kind; "" where that cannot be told."""
    scope, claim = verdict.elsewhere, verdict.claim
    if scope is None or verdict.comparison is None or not isinstance(claim, Claim):
        return ""
    factor, unit = (100.0, " points") if len(claim.sides) == 2 else (1.0, "")
    places = wording.decimals_for(factor * (scope.high - scope.low) / 2)
    estimate, low, high = (wording.fixed(factor * end, places) for end in (scope.estimate, scope.low, scope.high))
    return f"{estimate}{unit} [{low}, {high}], {_level(verdict.comparison.level)}"


def _kind(verdict: Verdict) -> str:
    """What the images show."""
    names = [config.data for config in verdict.a.configs] if verdict.a else []
    return {"fashion-mnist": "clothes", "mnist": "digits"}.get(names[0] if names else "", "images")
