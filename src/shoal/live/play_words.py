# SPDX-License-Identifier: Apache-2.0
"""What Play says beside a chart: where each setting stands, and what its seeds say of the difference between two.
Words follow the numbers; none is said of what has not come, and no verdict is given before all runs have ended.
"""

from collections.abc import Sequence
from math import isfinite, log

import numpy as np

from shoal import wording
from shoal.analysis.comparison import FEWEST, Comparison
from shoal.analysis.statistics import mean_interval
from shoal.data import Dataset
from shoal.live.play_sides import METRICS, Pairs, Side

LETTERS = ("A", "B")
"""What the form calls two settings."""
LONGEST = 24
"""Letters of a setting's name that can be said more than once; longer ones are called by their letter."""

# ---- where each setting stands ------------------------------------------------------------------------


def caption(sides: Sequence[Side], metric: str, data: Sequence[Dataset], cut: bool = False) -> str:
    """Where each setting ends or has come to, over how many seeds, what is drawn, and what the numbers are of.

    Args:
        data: what the sides are trained on.
        cut: whether lines that rise far leave the plane.
    """
    name = METRICS[metric][0].upper() + METRICS[metric][1:]
    letters = [f"{letter}: " for letter in LETTERS] if len(sides) > 1 else [""]
    told = "; ".join(letter + standing(side) for letter, side in zip(letters, sides, strict=True))
    so_far = "" if all(side.ended.all() for side in sides) else ", so far"
    parts = [
        f"{name}{'. ' if len(sides) > 1 else ': '}{told} ({wording.seeds(len(sides[0].last))}{so_far}).",
        _drawn(sides),
    ]
    parts += ["What rises far is cut off, with ↑ where it ends above; a log scale shows all of it."] if cut else []
    parts += [_nats(max(len(one.classes) for one in data))] if metric.endswith("loss") else []
    stand_ins = sorted({one.stand_in for one in data} - {""})
    parts += [f"Drawn images stand in for {one}: this says nothing of it." for one in stand_ins]
    return " ".join(part for part in parts if part)


def _drawn(sides: Sequence[Side]) -> str:
    """What the lines are; of one seed there is nothing to say."""
    meant = max(int(side.meant.sum()) for side in sides)
    lost = any(side.diverged.any() for side in sides)
    cross = " A × is where a run was seen last before it diverged." if lost else ""
    if len(sides[0].last) == 1 or not any(np.isfinite(side.values).any() for side in sides):
        return cross.strip()
    bands = "; bands, and numbers after ±, are its 95% interval" if meant >= wording.FEWEST else ""
    return f"Thin lines are seeds{', thick ones their mean' if meant else ''}{bands}.{cross}"


def _nats(classes: int) -> str:
    return (
        f"Loss is in nats: who gives each of {classes} classes the same chance has ln {classes} = {log(classes):.2f}."
    )


def standing(side: Side) -> str:
    """ "lr 0.1 ends at .812 ± .003", "lr 10 diverged in 2 of 3 seeds and ends at 2.1 in the other"."""
    seeds, lost, meant = len(side.last), int(side.diverged.sum()), int(side.meant.sum())
    if not lost and not meant:
        return f"{side.label} has not begun"
    fate = f"diverged in {_share(lost, seeds)}" if lost else ""
    if not meant:
        return f"{side.label} {fate}"
    if lost + meant < seeds:
        where = f" in {meant} of {wording.count(seeds, 'seed')}"
    else:
        where = f" in the other{f' {meant}' if meant > 1 else ''}" if lost else ""
    return f"{side.label} {fate}{' and ' if fate else ''}{_place(side)}{where}"


def _place(side: Side) -> str:
    within = side.meant
    epoch = int(side.last[within].min())
    summary = mean_interval(side.values[within, epoch])
    if not summary.n:
        return "is in its first epoch"  # before training there is no training loss
    if epoch == side.epochs:
        return f"ends at {wording.measured(summary)}"
    return f"is at {wording.measured(summary)} {_when(epoch)}"


def _when(epoch: int) -> str:
    return f"after epoch {epoch}" if epoch else "before training"


def _share(count: int, n: int) -> str:
    """ "all 6 seeds", "2 of 6 seeds", "its only seed"."""
    if n == 1:
        return "its only seed" if count else "no seed"
    return f"all {n} seeds" if count == n else f"{count or 'none'} of {n} seeds"


# ---- the difference -----------------------------------------------------------------------------------


def difference(pairs: Pairs) -> str:
    """By how much the settings differ, or how many of their runs diverged, and what that settles."""
    found = pairs.comparison
    if found is None:
        return "There is nothing to compare yet: no seed has been trained with both settings."
    broken = int(pairs.broken[pairs.compared].sum())
    if _whole(pairs) and np.isnan(found.each).all():  # as the difference of two infinities is
        return f"Both settings diverged in {'every' if found.n > 1 else 'the only'} seed: there is nothing to compare."
    if broken:
        median = _median(pairs, found) if 2 * broken < found.n else ""
        counted = "A run that diverged counts as worse than any other."
        return " ".join(part for part in (_fates(pairs), median, counted, _verdict(pairs, found)) if part)
    if (found.each == 0).all():
        return f"{_what(pairs)} is 0 in {'the only' if found.n == 1 else 'every'} seed{_over(pairs, found, ' of')}."
    return f"{_what(pairs)} is {_amount(found)} over{_over(pairs, found, '')}. {_verdict(pairs, found)}"


def _called(pairs: Pairs) -> tuple[str, str]:
    """The settings' names, or their letters where those are long."""
    names = pairs.a.label, pairs.b.label
    return names if max(map(len, names)) <= LONGEST else LETTERS


def _what(pairs: Pairs) -> str:
    a, b = _called(pairs)
    when = _when(pairs.epoch)
    return f"{when[0].upper()}{when[1:]} the {METRICS[pairs.metric]} of {b} minus that of {a}"


def _over(pairs: Pairs, found: Comparison, joint: str) -> str:
    """ " 6 seeds", " 3 of 6 seeds so far"; with " of", the number only where not all are there."""
    asked = len(pairs.a.last)
    if found.n < asked:
        return f"{joint} {found.n} of {wording.count(asked, 'seed')} so far"
    return "" if joint else f" {wording.count(asked, 'seed')}"


def _fates(pairs: Pairs) -> str:
    """How many runs of each diverged."""
    seeds, so_far = len(pairs.a.last), "" if _whole(pairs) else " so far"
    counts = [int(side.diverged.sum()) for side in (pairs.a, pairs.b)]
    a, b = (f"{name} diverged in {_of_all(count, seeds)}" for name, count in zip(_called(pairs), counts, strict=True))
    return f"Of {wording.count(seeds, 'seed')}, {a} and {b}{so_far}."


def _of_all(count: int, n: int) -> str:
    return "all" if count == n > 1 else str(count or "none")


def _whole(pairs: Pairs) -> bool:
    """Whether all pairs are at their end."""
    return bool((pairs.reach == pairs.epochs).all())


def _median(pairs: Pairs, found: Comparison) -> str:
    """The difference where most seeds have one. There is no mean of it: what diverged has no number."""
    what = _what(pairs).replace(" the ", ", in the middle one of the seeds, the ", 1)
    return f"{what} is {_amount(found)}; drawn are the seeds in which neither diverged."


def _verdict(pairs: Pairs, found: Comparison) -> str:
    """What that settles, in a sentence."""
    _, b = _called(pairs)
    if not _whole(pairs):
        return "There is no verdict before all runs have ended."
    if found.decision == "too few":
        return f"Fewer than {FEWEST} seeds settle nothing."
    if found.decision == "open":
        return "Not settled: the luck of the seeds could explain it."
    better = (found.decision == "above") == pairs.metric.endswith("accuracy")
    where = f"{found.decision}, which is " if found.method != "ranks" else ""
    return f"Settled: {b} is {where}{'better' if better else 'worse'}."


def _amount(found: Comparison) -> str:
    """The estimate with its sign, as many digits as its interval allows, and where enough seeds give one, that."""
    sure = found.n >= wording.FEWEST and isfinite(found.low) and isfinite(found.high) and found.low < found.high
    places = wording.decimals_for((found.high - found.low) / 2) if sure else None
    text = wording.rounded(found.estimate) if places is None else wording.fixed(found.estimate, places)
    sign = "+" if found.estimate > 0 and any(digit in text for digit in "123456789") else ""
    return f"{sign}{text} (95% interval {wording.interval(found.low, found.high)})" if sure else f"{sign}{text}"
