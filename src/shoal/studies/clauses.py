# SPDX-License-Identifier: Apache-2.0
"""Differences between configs, seed by seed, and the clauses that tell them. Every clause is composed from the
numbers it is given and must be true of any of them: what an interval does not settle is not claimed, a single
run has no interval, a diverged run is named. Nothing here knows a study, trains or draws.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from shoal import wording
from shoal.analysis import metrics
from shoal.analysis.curves import Curves
from shoal.analysis.statistics import Summary, mean_interval


@dataclass(frozen=True)
class Quantity:
    """A number per run and what to call it."""

    name: str
    of: Callable[[Curves], np.ndarray]
    decimals: int = 3
    """At most so many, where no interval chooses."""


LOSS = Quantity("validation loss", lambda curves: curves.final("validation_loss"))
ACCURACY = Quantity("validation accuracy", lambda curves: curves.final("validation_accuracy"))
LAST = 5
"""Overfitting is looked for in the slopes over so many last epochs."""


# ---- numbers ------------------------------------------------------------------------------------------


def summary(curves: Curves, quantity: Quantity) -> Summary:
    return mean_interval(quantity.of(curves))


def told(curves: Curves, quantity: Quantity) -> str:
    """ ".831 ± .002", or without an interval where one run is all there is, or "undefined" after divergence."""
    numbers = summary(curves, quantity)
    return wording.measured(numbers, quantity.decimals) if numbers.n else "undefined (every run diverged)"


def rows(of: Curves, beside: Curves) -> tuple[list[int], list[int]]:
    """The row of each seed that both have, in one and in the other."""
    shared = [seed for seed in of.seeds if seed in beside.seeds]
    return [of.seeds.index(seed) for seed in shared], [beside.seeds.index(seed) for seed in shared]


def difference(a: Curves, b: Curves, quantity: Quantity) -> Summary:
    """a - b, seed by seed."""
    left, right = rows(a, b)
    with np.errstate(invalid="ignore"):
        return mean_interval(quantity.of(a)[left] - quantity.of(b)[right])


def ratio(a: Curves, b: Curves, quantity: Quantity) -> Summary:
    """a / b, seed by seed: a mean on the log scale, and its interval there, both turned back into ratios."""
    left, right = rows(a, b)
    with np.errstate(divide="ignore", invalid="ignore"):
        return geometric(quantity.of(a)[left] / quantity.of(b)[right])


def geometric(values: np.ndarray) -> Summary:
    """The geometric mean with the interval that the logarithms have; sd is theirs."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = mean_interval(np.log(values))
    low, high = (None if end is None else float(np.exp(end)) for end in (logs.low, logs.high))
    return replace(logs, mean=float(np.exp(logs.mean)), low=low, high=high)


def lowest(curves: Iterable[Curves], quantity: Quantity) -> list[Curves]:
    """By mean, lowest first; those without a finite run come last."""
    return sorted(curves, key=lambda each: np.nan_to_num(summary(each, quantity).mean, nan=np.inf))


# ---- clauses ------------------------------------------------------------------------------------------


def versus(
    of: Summary, quantity: str, a: str, b: str, words: tuple[str, str] = ("higher", "lower"), decimals: int = 3
) -> str:
    """A clause for the paired difference a - b: "validation loss is .012 ± .002 lower at a than at b".

    Args:
        a, b: with their preposition: "at lr 0.1", "with batches of 32".
        words: for a positive and a negative difference.
    """
    left_out = _left_out(of)
    if not of.n:
        return f"{quantity} cannot be compared {a} and {b}: no seed finished both"
    if of.mean == 0 and not of.sd:
        return f"{quantity} is the same {a} and {b}{left_out}"
    if not settled(of):
        told = wording.measured(of, decimals)
        return f"{quantity} {a} is not clearly different from that {b}: the difference is {told}{left_out}"
    size = wording.measured(magnitude(of), decimals)
    return f"{quantity} is {size} {words[of.mean < 0]} {a} than {b}{left_out}"


def apart(of: Summary, words: tuple[str, str] = ("higher", "lower"), decimals: int = 3) -> str:
    """The same in few words, after what it is about: ".012 ± .002 lower", "not clearly different (by .01 ± .04)"."""
    if not of.n:
        return "not to be compared, as no seed finished both"
    if of.mean == 0 and not of.sd:
        return f"the same{_left_out(of)}"
    if not settled(of):
        return f"not clearly different (by {wording.measured(of, decimals)}){_left_out(of)}"
    return f"{wording.measured(magnitude(of), decimals)} {words[of.mean < 0]}{_left_out(of)}"


def changed(of: Summary, decimals: int = 3) -> str:
    """ "rises by .012 ± .002", "falls by .012", "does not clearly change (.01 ± .04)"."""
    if not settled(of) or of.mean == 0:
        return f"does not clearly change ({wording.measured(of, decimals)})" if of.sd else "does not change"
    return f"{'falls' if of.mean < 0 else 'rises'} by {wording.measured(magnitude(of), decimals)}"


def _left_out(of: Summary) -> str:
    return f", leaving out {wording.count(of.diverged, 'seed')} in which a run diverged" if of.diverged else ""


def single(curves: Iterable[Curves]) -> bool:
    """Whether each config has a single run, which tells of itself and of no other."""
    return all(len(each.seeds) == 1 for each in curves)


def settled(of: Summary) -> bool:
    """Whether the interval leaves zero out; a single run has none, and only its own sign is told."""
    return of.low is None or of.high is None or of.low > 0 or of.high < 0


def magnitude(of: Summary) -> Summary:
    """The same summary of the opposite difference where the mean is negative."""
    if of.mean >= 0 or of.low is None or of.high is None:
        return replace(of, mean=abs(of.mean))
    return replace(of, mean=-of.mean, low=-of.high, high=-of.low)


def fold(of: Summary) -> str:
    """ "2.8 (2.6 to 3.0)": a ratio with its interval, where there are seeds enough for one."""
    if not of.n:
        return "undefined"
    if of.low is None or of.high is None or of.n < wording.FEWEST:
        return _digits(of.mean)
    return f"{_digits(of.mean)} ({_digits(of.low)} to {_digits(of.high)})"


def _digits(value: float) -> str:
    return wording.significant(value, 2)


def ranking(curves: Sequence[Curves], quantity: Quantity, best: str, preposition: str) -> str:
    """A sentence: which config ends with the lowest (or, for "highest", the highest) mean, which comes next, and
    whether the runs tell the two apart."""
    ordered = lowest(curves, quantity)
    ordered = [each for each in ordered if summary(each, quantity).n]
    if best == "highest":
        ordered.reverse()
    if len(ordered) < 2:
        return ""
    first, second = ordered[:2]
    gap = apart(difference(second, first, quantity), decimals=quantity.decimals)
    name = f"{quantity.name[0].upper()}{quantity.name[1:]}"
    return (
        f"{name} ends {best} {preposition} {first.label}, at {told(first, quantity)}; next comes {second.label}, {gap}."
    )


def each(group: Iterable[Curves], quantity: Quantity, preposition: str) -> str:
    """ ".60 ± .01 at batch 32 and .72 ± .01 at batch 128": the quantity of every config."""
    return wording.listed([f"{told(curves, quantity)} {preposition} {curves.label}" for curves in group])


def how_often(happened: np.ndarray) -> str:
    """ "in 3 of 10 seeds", "in all 10 seeds", "in none of 10 seeds", and of few "in both seeds", "in neither
    seed", "in the one seed", "in no seed"."""
    count, n = int(np.sum(happened)), len(happened)
    if n == 1:
        return "in the one seed" if count else "in no seed"
    if n == 2 and count != 1:
        return "in both seeds" if count else "in neither seed"
    return f"in {'none of' if not count else 'all' if count == n else f'{count} of'} {n} seeds"


# ---- overfitting --------------------------------------------------------------------------------------


def slopes(curves: Curves, where: str = "") -> str:
    """A sentence: whether validation loss turns upwards in the last epochs while training loss still falls.

    It is empty where there are too few epochs or every run diverged.

    Args:
        where: "on MNIST", where a chapter has several data sets.
    """
    if curves.config.epochs <= LAST:
        return ""
    training = mean_interval(metrics.slope(curves.train_loss, LAST))
    validation = mean_interval(metrics.slope(curves.validation_loss, LAST))
    if not training.n or not validation.n:
        return ""
    return (
        f"Over the last {LAST} epochs{where and ' ' + where} training loss {_trend(training)} and validation loss "
        f"{_trend(validation)}: {_sign(training, validation)}."
    )


def _trend(slope: Summary) -> str:
    if not settled(slope):
        return f"neither clearly falls nor rises ({wording.measured(slope, 4)} an epoch)"
    return f"{'falls' if slope.mean < 0 else 'rises'} by {wording.measured(magnitude(slope), 4)} an epoch"


def _sign(training: Summary, validation: Summary) -> str:
    """What the two slopes are a sign of; a single run's own slopes cannot tell."""
    mark = "whose mark is a validation loss that rises while training loss falls"
    if training.n < 2 or validation.n < 2:
        return f"whether that is overfitting, {mark}, one run cannot tell"
    rises, falls = settled(validation) and validation.mean > 0, settled(validation) and validation.mean < 0
    if rises and settled(training) and training.mean < 0:
        return "the mark of overfitting"
    return f"{'no overfitting yet' if falls else 'not clearly overfitting'}, {mark}"
