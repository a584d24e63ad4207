# SPDX-License-Identifier: Apache-2.0
"""What Play says beside a chart: where each setting stands, and what its seeds say so far of the difference between
two. Words follow the numbers; none is said of what has not come.
"""

from collections.abc import Sequence
from math import isfinite, log

from shoal import wording
from shoal.analysis.comparison import FEWEST, Comparison
from shoal.analysis.statistics import mean_interval
from shoal.data import Dataset
from shoal.live.play_sides import METRICS, Pairs, Side

# ---- where each setting stands ------------------------------------------------------------------------


def caption(sides: list[Side], metric: str, data: Sequence[Dataset]) -> str:
    """Where each setting ends or has come to, over how many seeds, and what the numbers are of.

    Args:
        data: what the sides are trained on.
    """
    name = METRICS[metric][0].upper() + METRICS[metric][1:]
    seeds, ended = len(sides[0].last), min(int(side.ended.sum()) for side in sides)
    meant = min(int(side.meant.sum()) for side in sides)
    so_far = f"n = {meant} of {wording.count(seeds, 'seed')} so far, {ended or 'none'} at the end"
    count = so_far if ended < seeds else wording.seeds(seeds)
    bands = ", bands its 95% interval" if meant >= wording.FEWEST else ""
    thin = f" Thin lines are seeds, thick ones their mean{bands}." if seeds > 1 else ""
    unit = f" {_nats(max(len(one.classes) for one in data))}" if metric.endswith("loss") else ""
    stand_ins = sorted({one.stand_in for one in data} - {""})
    drawn = "".join(f" Drawn images stand in for {one}: this says nothing of it." for one in stand_ins)
    return f"{name}: {'; '.join(map(standing, sides))} ({count}).{thin}{unit}{drawn}"


def _nats(classes: int) -> str:
    return (
        f"Loss is in nats: who gives each of {classes} classes the same chance has ln {classes} = {log(classes):.2f}."
    )


def standing(side: Side) -> str:
    """ "lr 0.1 ends at .812 ± .003", "lr 10 diverged in 2 of 3 seeds, else ends at 2.1"."""
    begun = side.last >= 0
    if not begun.any():
        return f"{side.label} has not begun"
    lost, within = int(side.diverged.sum()), side.meant
    fate = f"{side.label} diverged in {lost} of {wording.count(int(side.ended.sum()), 'seed')}"
    if lost == begun.sum():
        return fate
    epoch = int(side.last[within].min())
    value = wording.measured(mean_interval(side.values[within, epoch]))
    place = f"ends at {value}" if epoch == side.epochs else f"is at {value} after epoch {epoch}"
    return f"{fate}, else {place}" if lost else f"{side.label} {place}"


# ---- the difference -----------------------------------------------------------------------------------


def difference(pairs: Pairs) -> str:
    """By how much the settings differ, or how many of their runs diverged, and what that settles."""
    found = pairs.comparison
    if found is None:
        return "No seed of both settings has come so far that they could be compared."
    what = f"After epoch {pairs.epoch} the {METRICS[pairs.metric]} of {pairs.b.label} minus that of {pairs.a.label}"
    over = f"over {_seeds(found.n, len(pairs.a.last))}"
    verdict = _verdict(found, pairs.b.label, rising=pairs.metric.endswith("accuracy"))
    if not pairs.broken[pairs.compared].any():
        return f"{what} is {_amount(found)} {over}{verdict}."
    fates = f"Of {_seeds(found.n, len(pairs.a.last))}, {_lost(pairs, pairs.a)} and {_lost(pairs, pairs.b)}"
    counted = "a run that diverged counts as worse than any other"
    if not isfinite(found.estimate):
        return f"{fates}. {counted.capitalize()}{verdict}."
    return f"{fates}. {what}, in the middle one of the seeds, is {_amount(found)}, where {counted}{verdict}."


def _lost(pairs: Pairs, side: Side) -> str:
    """ "lr 10 diverged in all", "lr 0.1 diverged in none"."""
    lost, n = int(side.diverged[pairs.compared].sum()), int(pairs.compared.sum())
    return f"{side.label} diverged in {'all' if lost == n > 1 else lost or 'none'}"


def _seeds(n: int, asked: int) -> str:
    return wording.count(n, "seed") if n == asked else f"{n} of {wording.count(asked, 'seed')} so far"


def _verdict(found: Comparison, label: str, *, rising: bool) -> str:
    if found.decision == "too few":
        return f". Fewer than {FEWEST} seeds settle nothing"
    if found.decision == "open":
        return ": not settled"
    return f": {label} is {found.decision}, which is {'better' if (found.decision == 'above') == rising else 'worse'}"


def _amount(found: Comparison) -> str:
    """The estimate with its sign and as many digits as its interval allows, and where enough seeds give one, that."""
    sure = found.n >= wording.FEWEST and isfinite(found.low) and isfinite(found.high)
    text = wording.fixed(found.estimate, wording.decimals_for((found.high - found.low) / 2)) if sure else ""
    text = text or wording.rounded(found.estimate)
    sign = "+" if found.estimate > 0 and any(digit in text for digit in "123456789") else ""
    return f"{sign}{text} {wording.interval(found.low, found.high)}" if sure else f"{sign}{text}"
