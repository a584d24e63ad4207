# SPDX-License-Identifier: Apache-2.0
"""What `--until-settled` asks for next: the configs that open claims name, up to the next planned look. It is pure."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shoal.analysis.verdicts import Verdict
    from shoal.study import Study


def next_look(verdicts: "Sequence[Verdict]", looks: Sequence[int]) -> int | None:
    """The first look that an open claim waits for; None if there is none."""
    from shoal.analysis.sequential import waiting

    return next((at for at in looks if waiting(verdicts, at)), None)


def narrowed(study: "Study | None", open_: "Sequence[Verdict]") -> "Study | None":
    """The study with only the open claims and the points that they look at; None if they look at none."""
    from shoal.analysis.claims import Claim
    from shoal.study import Grid

    if study is None:
        return None
    claims = [one.claim for one in open_ if isinstance(one.claim, Claim)]
    named = [dict(values) for claim in claims for values in claim.points]
    points = [point.values for point in study.points if point.values in named]
    if not points:
        return None
    grids = [Grid(**{name: [value] for name, value in values.items()}) for values in points]
    return replace(study, grid=reduce(add, grids), claims=claims)


def announced(open_: "Sequence[Verdict]", configs: int, at: int, looks: Sequence[int]) -> str:
    """ "3 claims are open: 2, 11b, 16b; training seeds 10 to 19 of 7 configs."."""
    from shoal.wording import count

    before = max((look for look in looks if look < at), default=0)
    are = "claim is" if len(open_) == 1 else "claims are"
    ids = ", ".join(one.claim.id for one in open_)
    return f"{len(open_)} {are} open: {ids}; training seeds {before} to {at - 1} of {count(configs, 'config')}."


def concluded(verdicts: "Sequence[Verdict]", most: int) -> str:
    """What came of it: every claim settled, or those that stay open."""
    from shoal.analysis.sequential import settled

    left = [one.claim.id for one in verdicts if not settled(one)]
    if not left:
        return "Every claim is settled."
    stay = "claim stays" if len(left) == 1 else "claims stay"
    return f"{len(left)} {stay} open after {most} seeds: {', '.join(left)}."
