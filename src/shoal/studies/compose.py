# SPDX-License-Identifier: Apache-2.0
"""The blocks that chapters share: a study's curves by grid value, what its configs have in common, how many
seeds there are, the table of outcomes, curves against epochs. Nothing here compares configs, trains or reads
a store.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from shoal import wording
from shoal.analysis.curves import Curves
from shoal.analysis.statistics import Summary
from shoal.data import Dataset
from shoal.models import Init, Normal, XavierUniform
from shoal.optimizers import SGD
from shoal.studies.clauses import ACCURACY, LOSS, Quantity, lowest, single, summary, told
from shoal.studies.section import Figure, Prose, Results, Table
from shoal.study import Config, Study

TITLES = {"fashion-mnist": "Fashion-MNIST", "mnist": "MNIST"}


def title(dataset: Dataset) -> str:
    """The data set's name as people write it; a stand-in keeps its own."""
    return dataset.name if dataset.stand_in else TITLES.get(dataset.name, dataset.name)


def comparable(study: Study, results: Results) -> bool:
    """Whether the study ran on the original's data: what a stand-in gives is not held against the original's words."""
    return not any(results.dataset(point.config.data).stand_in for point in study.points)


def finished(study: Study, results: Results, label: Callable[..., str] | None = None) -> dict[Any, Curves]:
    """The curves that are there, by grid value (a tuple where the grid has several names), in the grid's order.

    Args:
        label: from the grid's values to what the chapter calls the config, if not what its study does.
    """
    found = {}
    for point in study.points:
        curves = results.curves(**point.values)
        values = tuple(point.values.values())
        if curves.seeds:
            found[values if len(values) > 1 else values[0]] = (
                replace(curves, label=label(**point.values)) if label else curves
            )
    return found


def opening(study: Study, found: dict[Any, Curves], model: str, results: Results, varies: str) -> Prose:
    """The first paragraph: what was trained on what and how, what differs, and how many seeds there are.

    Args:
        model: what was trained, as the sentence's beginning: "Softmax regression".
        varies: the clause that says what differs: "only the batch size differs".
    """
    data = title(results.dataset(study.points[0].config.data))
    described = f"{model} on {data}: {setup(study)}; {varies}."
    if not found:
        return Prose(f"{described} No run has finished yet.")
    return paragraph(described, replicates(found.values()), _missing(study, found))


def _missing(study: Study, found: dict[Any, Curves]) -> str:
    lacking = len(study.points) - len(found)
    if not lacking:
        return ""
    return (
        f"{wording.count(lacking, 'configuration')} of {len(study.points)} "
        f"{'has' if lacking == 1 else 'have'} no finished run yet; what would compare them is left out."
    )


def paragraph(*sentences: str) -> Prose:
    """Sentences, of which some may be empty, as one paragraph."""
    return Prose(" ".join(sentence for sentence in sentences if sentence))


# ---- what was done ------------------------------------------------------------------------------------


def setup(study: Study) -> str:
    """What all of a study's configs have in common, as the end of a sentence: "plain SGD, batches of 256, …"."""
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
        claimed = "These are single runs, of one seed: no interval is given."
    elif counts[-1] < wording.FEWEST:
        span = "" if len(counts) == 1 else f"{counts[0]} to "
        claimed = f"{span}{wording.count(counts[-1], 'seed')}: too few for intervals."
    elif len(counts) == 1:
        claimed = f"Numbers after ± are 95% intervals over {counts[0]} seeds."
    else:
        claimed = f"Numbers after ± are 95% intervals over the {counts[0]} to {counts[-1]} seeds that have finished."
        if counts[0] < wording.FEWEST:
            claimed += f" Fewer than {wording.FEWEST} have none."
    return f"{claimed} {diverged(group)}".strip()


def diverged(curves: Iterable[Curves]) -> str:
    """A sentence naming the configs with runs whose loss ceased to be finite, or ""."""
    lost = [(sum(at is not None for at in each.diverged_at), each) for each in curves]
    named = [f"{count} of {len(each.seeds)} at {each.label}" for count, each in lost if count]
    return f"Runs that diverged: {wording.listed(named)}; means are of the others." if named else ""


def stopped(curves: Iterable[Curves]) -> str:
    """A sentence on runs that early stopping ended, for captions of curves, or ""."""
    early = [(sum(after is not None for after in each.stopped_after), each) for each in curves]
    named = [f"{count} of {len(each.seeds)} at {each.label}" for count, each in early if count]
    return f"Runs that were stopped early: {wording.listed(named)}; means end with the first of them." if named else ""


def seeds(curves: Iterable[Curves]) -> str:
    """For captions: "n = 10 seeds", "n = 3 to 5 seeds"."""
    counts = sorted({len(each.seeds) for each in curves})
    return wording.seeds(counts[0]) if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]} seeds"


def spread(group: Sequence[Curves], quantity: Quantity, preposition: str) -> str:
    """For captions: "between .10 ± .01 with a and .90 ± .01 with b"; "at .90 ± .01 with b" where there is but one."""
    ranked = [each for each in lowest(group, quantity) if summary(each, quantity).n]
    if not ranked:
        return "nowhere: every run diverged"
    ends = [f"{told(each, quantity)} {preposition} {each.label}" for each in (ranked[0], ranked[-1])]
    return f"between {ends[0]} and {ends[1]}" if len(ranked) > 1 else f"at {ends[0]}"


# ---- the table ----------------------------------------------------------------------------------------


def outcome_table(
    name: str, curves: Sequence[Curves], caption: str, quantities: Sequence[Quantity] = (LOSS, ACCURACY)
) -> Table:
    """A row per config: n, and of each quantity the mean with its 95% interval and the standard deviation.

    Single runs have only their own values.
    """
    lone = single(curves)
    heads = [head for quantity in quantities for head in ([quantity.name] if lone else [quantity.name, "sd"])]
    body, records = [], []
    for each in curves:
        cells = [each.label] if lone else [each.label, _how_many(each)]
        record: dict[str, Any] = {"label": each.label, "hash": each.config.hash, "n": len(each.seeds)}
        record["diverged"] = sum(at is not None for at in each.diverged_at)
        for quantity in quantities:
            numbers = summary(each, quantity)
            shown = [wording.measured(numbers, quantity.decimals), deviation(numbers)]
            cells += ([shown[0] if numbers.n else "diverged"]) if lone else shown
            key = quantity.name.replace(" ", "_")
            record |= {f"{key}_{part}": getattr(numbers, part) for part in ("mean", "sd", "low", "high")}
        body.append(cells)
        records.append(record)
    told = f"{caption} {spread_note([len(each.seeds) for each in curves])}".strip()
    return Table(name, ["", *heads] if lone else ["", "n", *heads], body, told, records)


def spread_note(counts: Sequence[int]) -> str:
    """For captions of tables: what stands beside a mean over so many seeds; "" of single runs."""
    if max(counts, default=0) < 2:
        return ""
    intervals = " with their 95% intervals," if max(counts) >= wording.FEWEST else ""
    return f"Means{intervals} and the standard deviation over seeds."


def deviation(numbers: Summary) -> str:
    """A standard deviation in two digits, "–" of a single run."""
    return "–" if numbers.sd is None else wording.significant(numbers.sd, 2)


def _how_many(curves: Curves) -> str:
    lost = sum(at is not None for at in curves.diverged_at)
    return f"{len(curves.seeds)}, {lost} diverged" if lost else str(len(curves.seeds))


# ---- the figure ---------------------------------------------------------------------------------------


def epoch_figure(name: str, metric: str, group: Sequence[Curves], caption: str, **options: Any) -> Figure:
    """One curve of each config against epochs, with a band over seeds.

    Args:
        metric: a field of `Curves`: "validation_loss".
        options: those of `figures.curves`; ``since`` leaves out the epochs before it, ``wide`` as in `Figure`.
    """
    from shoal import figures

    since, wide = options.pop("since", 0), options.pop("wide", False)
    options = {"x_ticks": _ticks(group, since), **options}
    series = [(each.label, each.epochs[since:], getattr(each, metric)[:, since:], each.shortest) for each in group]
    chart = figures.curves(series, x_title="epoch", y_title=metric.replace("_", " "), **options)
    told = f"{caption} {stopped(group)}".strip()
    return Figure(name, chart, told, figures.curve_rows(series, x="epoch", y=metric), wide)


def panels(name: str, metric: str, group: Sequence[Curves], caption: str, **options: Any) -> Figure:
    """A panel for each config: training (dashed) and validation against epochs, on shared axes; a loss on a log scale.

    Args:
        metric: "loss" or "accuracy".
        options: those of `figures.multiples`; ``since`` and ``wide`` as in `epoch_figure`.
    """
    from shoal import figures

    since, wide = options.pop("since", 1), options.pop("wide", len(group) > 2)
    options = {"x_ticks": _ticks(group, since), "log_y": metric == "loss", **options}
    drawn, listed = [], []
    for each in group:
        lines = [
            (part, each.epochs[since:], getattr(each, f"{field}_{metric}")[:, since:], each.shortest)
            for part, field in (("training", "train"), ("validation", "validation"))
        ]
        drawn.append((each.label, lines))
        listed += [{"configuration": each.label, **row} for row in figures.curve_rows(lines, x="epoch", y=metric)]
    if len(drawn) == 1:
        options.pop("columns", None)
        chart = figures.curves(drawn[0][1], x_title="epoch", y_title=metric, dashed=("training",), **options)
    else:
        chart = figures.multiples(drawn, x_title="epoch", y_title=metric, dashed=("training",), **options)
    return Figure(name, chart, f"{caption} {stopped(group)}".strip(), listed, wide)


def _ticks(group: Sequence[Curves], since: int) -> list[int]:
    """The first epoch shown, and every fifth."""
    return [since, *range(5 * (since // 5 + 1), max(each.config.epochs for each in group) + 1, 5)]
