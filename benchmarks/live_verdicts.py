# SPDX-License-Identifier: Apache-2.0
"""From what `live.py` measured to a word: whether a promise is kept. Shoal's own rule judges what has an interval.

Nothing is measured here, and no verdict is typed: each follows from the numbers, whichever way they fall.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from shoal.analysis.comparison import Comparison, compare

Facts = Mapping[str, Any]
SLOWER = 0.02
"""The share by which watchers may slow training."""


def slowdown(segments: Sequence[Facts]) -> Comparison:
    """How many times as long an epoch takes while watched, from pairs of neighbouring segments, against the promise."""
    pairs = list(zip(segments[::2], segments[1::2], strict=True))
    alone, watched = ([_speed(pair, kind) for pair in pairs] for kind in (False, True))
    return compare(alone, watched, scale="ratio", margin=1 + SLOWER)


def _speed(pair: Sequence[Facts], watched: bool) -> float:
    (speed,) = (one["epochs_per_second"] for one in pair if one["watched"] is watched)
    return float(speed)


def settled(found: Comparison) -> str:
    """Whether the truth is below the margin: only where interval and test agree is there a yes or a no."""
    return {"below": "yes", "above": "no"}.get(found.decision, "not shown")


def shares(segments: Sequence[Facts], seconds: float, cores: int) -> dict[str, float]:
    """What watching takes of all cores: the CPU seconds of watched segments beyond those of the others, by who took
    them, as shares of what all cores could have given."""
    many, room = len(segments) / 2, seconds * cores
    each = {True: dict.fromkeys(("page", "crowd"), 0.0), False: dict.fromkeys(("page", "crowd"), 0.0)}
    for one in segments:
        for name, spent in each[one["watched"]].items():
            each[one["watched"]][name] = spent + one[name]
    return {name: (each[True][name] - each[False][name]) / (many * room) for name in ("page", "crowd")}


def below(value: float, limit: float) -> str:
    """Of one number that has no noise to speak of."""
    return "yes" if value < limit else "no"


def always(found: Facts) -> str:
    """Of times that are all promised to be under a limit."""
    if not found["n"]:
        return "not shown"
    if found["within"] in (0, found["n"]):
        return "yes" if found["within"] else "no"
    return f"in {found['within']:,} of {found['n']:,}"


def nearly_always(found: Facts, lost: int = 0) -> str:
    """Of times of which 99 in a hundred are promised to be under a limit; what never came was over it."""
    every = found["n"] + lost
    return "not shown" if not every else "yes" if found.get("within", 0) >= 0.99 * every else "no"
