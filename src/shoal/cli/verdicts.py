# SPDX-License-Identifier: Apache-2.0
"""How verdicts look in a terminal: in full for `shoal verify`, a line each for `shoal run`. It judges nothing.

Every verdict has a mark and a word; colour only repeats them, and is left out where it is not wanted (`NO_COLOR`).
"""

import os
import shutil
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from shoal.analysis.outcomes import Outcome
    from shoal.analysis.verdicts import Verdict
    from shoal.data import Dataset

COLOURS = {"supported": "green", "refuted": "red", "inconclusive": "yellow"}
WIDEST = 100
INDENT = 8


def width() -> int:
    """Columns to fill: the terminal's, or a page's."""
    return min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST)


def say(text: str = "") -> None:
    """A line on stdout; colours only where a terminal takes them and nobody minds."""
    click.echo(text, color=False if os.environ.get("NO_COLOR") else None)


def print_in_full(verdicts: "Sequence[Verdict]") -> None:
    """Each claim with the wording tested, what was found, what would change it, and the runs it was read off."""
    for verdict in verdicts:
        say()
        say(_head(verdict))
        for label, text in _lines(verdict):
            say(_hanging(label, text))


def print_short(verdicts: "Sequence[Verdict]") -> None:
    """A line each: mark, id, word, the number that decides; below it the wording tested."""
    from shoal import rulings

    for verdict in verdicts:
        number, bound = rulings.deciding(verdict), rulings.bound(verdict)
        against = f" (asked for: {bound})" if number and bound else ""
        say(f"{_head(verdict)}{'   ' if number else ''}{number}{against}")
        if tested := verdict.claim.tested:
            say(_hanging("", tested))


def stamped(stand_ins: "Sequence[Dataset]") -> str:
    """ "On the stand-in; says nothing of Fashion-MNIST."."""
    from shoal.report.document import stamp

    said = stamp(stand_ins)
    return f"{said[0].upper()}{said[1:]}."


def tally(verdicts: "Sequence[Verdict]") -> str:
    """ "7 claims: 3 supported, 2 refuted, 1 inconclusive, 1 not testable"; and how many of them so far."""
    from shoal.rulings import MARKS
    from shoal.wording import count

    words = Counter(verdict.word for verdict in verdicts)
    parts = [f"{words[word]} {word}" for word in MARKS if word in words]  # type: ignore[index]
    open_ = sum(verdict.so_far for verdict in verdicts)
    return f"{count(len(verdicts), 'claim')}: {', '.join(parts)}{f'; {open_} so far' if open_ else ''}"


def _head(verdict: "Verdict") -> str:
    from shoal import rulings

    standing = rulings.word(verdict) + (", so far" if verdict.so_far else "")
    colour = COLOURS.get(verdict.word)
    exploratory = "" if getattr(verdict.claim, "primary", True) else "  (exploratory)"
    marked = click.style(f"{rulings.mark(verdict)} {verdict.claim.id:<5} {standing}", fg=colour, bold=True)
    return marked + exploratory


def _lines(verdict: "Verdict") -> list[tuple[str, str]]:
    from shoal import rulings

    found = [
        ("says", f"“{verdict.claim.says}”"),
        ("tested", verdict.claim.tested),
        ("found", rulings.sentence(verdict)),
        ("number", _numbers(verdict)),
        ("flips", rulings.flips(verdict)),
        ("runs", _runs(verdict)),
    ]
    return [(label, text) for label, text in found if text]


def _numbers(verdict: "Verdict") -> str:
    """ "12.3× [11.2, 13.5] · asked for > 10× · n = 10 seeds · interval 95% · p .002 · 100% of seeds on its side".

    Of what needs no seeds the sentence says it all.
    """
    from shoal import rulings
    from shoal.wording import percent, rounded, seeds

    found = verdict.comparison
    if not found:
        return ""
    parts = [rulings.deciding(verdict), f"asked for {rulings.bound(verdict)}", seeds(found.n)]
    parts += [f"interval {_level(found.level)}", f"p {rounded(found.p)}"]
    parts += [f"{percent(verdict.p_better)} of seeds on its side"] if verdict.p_better is not None else []
    return " · ".join(part for part in parts if part)


def _level(level: float) -> str:
    """ "95%", "99.38%": with Holm's steps and looks it is seldom round."""
    return f"{100 * level:.4g}%"


def _runs(verdict: "Verdict") -> str:
    sides = [_side(side) for side in (verdict.a, verdict.b) if side]
    return " against ".join(sides) + (f"; seeds {spans(verdict.seeds)}" if verdict.seeds else "")


def _side(side: "Outcome") -> str:
    """ "lr 0.1 (4b1f09aa)"."""
    return f"{side.label} ({', '.join(dict.fromkeys(hash[:8] for hash in side.hashes))})"


def spans(numbers: Sequence[int]) -> str:
    """ "0 to 9, 12": runs of whole numbers that follow each other, rising."""
    groups: list[list[int]] = []
    for number in sorted(numbers):
        if groups and number == groups[-1][-1] + 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    return ", ".join(f"{group[0]} to {group[-1]}" if len(group) > 1 else str(group[0]) for group in groups)


def _hanging(label: str, text: str) -> str:
    return textwrap.fill(
        text,
        width(),
        initial_indent=f"  {label}".ljust(INDENT + 2),
        subsequent_indent=" " * (INDENT + 2),
        break_on_hyphens=False,
    )
