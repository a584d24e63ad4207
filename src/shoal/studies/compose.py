# SPDX-License-Identifier: Apache-2.0
"""The pieces that chapters share: curves by grid value, the table of outcomes, paired differences and the
clauses that tell them. Every clause is composed from the numbers it is given and must be true of any of them:
what an interval does not settle is not claimed. Nothing here trains, reads a store or draws.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from shoal import wording
from shoal.analysis.curves import Curves
from shoal.analysis.statistics import Summary, mean_interval
from shoal.data import Dataset
from shoal.models import Init, Normal, XavierUniform
from shoal.optimizers import SGD
from shoal.studies.section import Results, Table
from shoal.study import Config, Study

TITLES = {"fashion-mnist": "Fashion-MNIST", "mnist": "MNIST"}


@dataclass(frozen=True)
class Quantity:
    """A number per run and what to call it."""

    name: str
    of: Callable[[Curves], np.ndarray]


LOSS = Quantity("validation loss", lambda curves: curves.final("validation_loss"))
ACCURACY = Quantity("validation accuracy", lambda curves: curves.final("validation_accuracy"))


def title(dataset: Dataset) -> str:
    """The data set's name as people write it; a stand-in keeps its own."""
    return dataset.name if dataset.stand_in else TITLES.get(dataset.name, dataset.name)


def finished(study: Study | None, results: Results, label: Callable[..., str]) -> dict[Any, Curves]:
    """The curves that are there, by grid value (a tuple where the grid has several names), in the grid's order.

    Args:
        label: from the grid's values to what the chapter calls the config.
    """
    assert study is not None
    there = {curves.config.hash: curves for curves in results.all()}
    found = {}
    for point in study.points:
        if point.config.hash in there:
            values = tuple(point.values.values())
            name = label(**point.values)
            found[values if len(values) > 1 else values[0]] = replace(there[point.config.hash], label=name)
    return found


def missing(study: Study | None, found: dict[Any, Curves]) -> str:
    """A sentence about configs without a finished run, or "" when all are there."""
    assert study is not None
    lacking = len(study.points) - len(found)
    if not lacking:
        return ""
    return (
        f"{wording.count(lacking, 'configuration')} of {len(study.points)} "
        f"{'has' if lacking == 1 else 'have'} no finished run yet, so what would compare them is left out."
    )


# ---- what was done ------------------------------------------------------------------------------------


def setup(study: Study | None) -> str:
    """What all of a study's configs have in common, as the end of a sentence: "plain SGD, batches of 256, …"."""
    assert study is not None
    configs = [point.config for point in study.points]
    phrases = [_optimizer(configs), _shared(configs, lambda c: f"batches of {c.batch_size}")]
    phrases.append(_shared(configs, lambda c: wording.count(c.epochs, "epoch")))
    phrases.append(_shared(configs, lambda c: f"initial weights {_init(c.init)}"))
    return wording.listed([phrase for phrase in phrases if phrase])


def _optimizer(configs: Sequence[Config]) -> str:
    kinds = _shared(configs, lambda c: "plain SGD" if c.optimizer == SGD(lr=c.optimizer.lr) else repr(c.optimizer))
    rates = _shared(configs, lambda c: f"learning rate {c.optimizer.lr:g}")
    return f"{kinds} with {rates}" if kinds and rates else kinds or rates


def _shared(configs: Sequence[Config], phrase: Callable[[Config], str]) -> str:
    phrases = {phrase(config) for config in configs}
    return phrases.pop() if len(phrases) == 1 else ""


def _init(init: Init) -> str:
    if isinstance(init, Normal):
        return f"drawn from N(0, {init.std:g}²)"
    return "drawn by Xavier's uniform rule" if isinstance(init, XavierUniform) else f"from {type(init).__name__}"


def replicates(curves: Iterable[Curves]) -> str:
    """A sentence about how many seeds there are and what is therefore claimed, and about runs that diverged."""
    group = list(curves)
    counts = sorted({len(each.seeds) for each in group})
    if counts == [1]:
        told = "One seed has run: these are single runs, and no interval is given."
    elif len(counts) == 1:
        told = f"Numbers after ± are 95% intervals over {counts[0]} seeds."
    else:
        told = f"Numbers after ± are 95% intervals over the {counts[0]} to {counts[-1]} seeds that have finished."
    return f"{told} {diverged(group)}".strip()


def diverged(curves: Iterable[Curves]) -> str:
    """A sentence naming the configs with runs whose loss ceased to be finite, or ""."""
    lost = [(sum(at is not None for at in each.diverged_at), each) for each in curves]
    named = [f"{count} of {len(each.seeds)} at {each.label}" for count, each in lost if count]
    return f"Runs that diverged: {wording.listed(named)}; means are of the others." if named else ""


def seeds(curves: Iterable[Curves]) -> str:
    """For captions: "n = 10 seeds", "n = 3 to 5 seeds"."""
    counts = sorted({len(each.seeds) for each in curves})
    return wording.seeds(counts[0]) if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]} seeds"


# ---- numbers ------------------------------------------------------------------------------------------


def summary(curves: Curves, quantity: Quantity) -> Summary:
    return mean_interval(quantity.of(curves))


def told(curves: Curves, quantity: Quantity, decimals: int = 3) -> str:
    """ ".831 ± .002", or without an interval where one run is all there is, or "undefined" after divergence."""
    numbers = summary(curves, quantity)
    return wording.measured(numbers, decimals) if numbers.n else "undefined (every run diverged)"


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
    left_out = f", leaving out {wording.count(of.diverged, 'seed')} in which a run diverged" if of.diverged else ""
    if not of.n:
        return f"{quantity} {a} and {b} cannot be compared: no seed finished both"
    if of.mean == 0 and not of.sd:
        return f"{quantity} is the same {a} and {b}{left_out}"
    if not settled(of):
        told = wording.measured(of, decimals)
        return f"{quantity} {a} is not clearly different from that {b}: the difference is {told}{left_out}"
    size = wording.measured(magnitude(of), decimals)
    return f"{quantity} is {size} {words[of.mean < 0]} {a} than {b}{left_out}"


def settled(of: Summary) -> bool:
    """Whether the interval leaves zero out; a single run has none, and only its own sign is told."""
    return of.low is None or of.high is None or of.low > 0 or of.high < 0


def magnitude(of: Summary) -> Summary:
    """The same summary of the opposite difference where the mean is negative."""
    if of.mean >= 0 or of.low is None or of.high is None:
        return replace(of, mean=abs(of.mean))
    return replace(of, mean=-of.mean, low=-of.high, high=-of.low)


def fold(of: Summary) -> str:
    """ "2.8× (2.6 to 3.0)": a ratio with its interval, where there is one."""
    if not of.n:
        return "an undefined number of times"
    ends = "" if of.low is None or of.high is None else f" ({_digits(of.low)} to {_digits(of.high)})"
    return f"{wording.times(of.mean)}{ends}"


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
    a, b = f"{preposition} {first.label}", f"{preposition} {second.label}"
    gap = versus(difference(first, second, quantity), quantity.name, a, b)
    return f"The {best} {quantity.name} is {told(first, quantity)}, {a}; next comes {second.label}: {gap}."


# ---- the table ----------------------------------------------------------------------------------------


def outcome_table(
    name: str, curves: Sequence[Curves], caption: str, quantities: Sequence[Quantity] = (LOSS, ACCURACY)
) -> Table:
    """A row per config: n, and of each quantity the mean, the standard deviation and the 95% interval of the mean."""
    heads = [head for quantity in quantities for head in (quantity.name, "sd", "95% interval")]
    body, records = [], []
    for each in curves:
        cells = [each.label, _how_many(each)]
        record: dict[str, Any] = {"label": each.label, "hash": each.config.hash, "n": len(each.seeds)}
        record["diverged"] = sum(at is not None for at in each.diverged_at)
        for quantity in quantities:
            numbers = summary(each, quantity)
            cells += row_cells(numbers)
            key = quantity.name.replace(" ", "_")
            record |= {f"{key}_{part}": getattr(numbers, part) for part in ("mean", "sd", "low", "high")}
        body.append(cells)
        records.append(record)
    return Table(name, ["", "n", *heads], body, caption, records)


def row_cells(numbers: Summary) -> list[str]:
    """Mean, standard deviation and interval, with the digits that the interval allows."""
    sd = "–" if numbers.sd is None else wording.significant(numbers.sd, 2)
    return [wording.mean(numbers), sd, wording.interval(numbers.low, numbers.high)]


def _how_many(curves: Curves) -> str:
    lost = sum(at is not None for at in curves.diverged_at)
    return f"{len(curves.seeds)}, {lost} diverged" if lost else str(len(curves.seeds))
