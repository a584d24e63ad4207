# SPDX-License-Identifier: Apache-2.0
"""A study's configurations as the series of a chart: one each, or together by a field, but never by the seed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from statistics import fmean
from typing import Any

from shoal.errors import UsageError
from shoal.live.watching.fields import Field, named, told
from shoal.live.watching.gathering import Replicate, Setup, Watched
from shoal.store.rows import METRICS

MOST = 12
"""Series that one chart shows."""
BY_CONFIG = "config"


@dataclass(frozen=True)
class Group:
    """What one series shows."""

    label: str
    setups: tuple[Setup, ...]
    replicates: tuple[Replicate, ...]
    """Those of which something is stored."""


@dataclass(frozen=True)
class Grouping:
    """The series of a chart."""

    groups: tuple[Group, ...]
    noun: str
    """What differs between them: "configuration", "value of learning rate"."""
    ordered: bool
    """Whether they are steps of one quantity."""
    left_out: int = 0
    """Groups beyond the best."""


def grouped(study: Watched, by: str, metric: str) -> Grouping:
    """The groups that there are runs of, in the field's order or the study's.

    Args:
        by: `BY_CONFIG`, or the key of a field in which configurations differ.
        metric: one of `METRICS`, by which the best are found where there are more than `MOST`.

    Raises:
        UsageError: the configurations do not differ in such a field.
    """
    began: defaultdict[str, list[Replicate]] = defaultdict(list)
    for one in study.replicates:
        if one.began:
            began[one.setup.key].append(one)
    field = _field(study, by)
    sets = _by_config(study) if field is None else _by_field(study, field)
    groups = [
        Group(label, tuple(setups), tuple(one for setup in setups for one in began[setup.key]))
        for label, setups in sets
        if any(began[setup.key] for setup in setups)
    ]
    steps = field or (study.differing[0] if len(study.differing) == 1 else None)
    ordered = steps is not None and steps.numeric and all(setup.key in steps.values for setup in study.setups)
    kept = _best(groups, metric)
    return Grouping(
        tuple(kept), f"value of {field.title}" if field else "configuration", ordered, len(groups) - len(kept)
    )


def _field(study: Watched, by: str) -> Field | None:
    if by == BY_CONFIG:
        return None
    for field in study.differing:
        if field.key == by:
            return field
    known = ", ".join(repr(key) for key in (BY_CONFIG, *(field.key for field in study.differing)))
    raise UsageError(f"by={by!r}: the runs of {study.title} cannot be grouped so. Use one of {known}.")


def _by_config(study: Watched) -> list[tuple[str, Sequence[Setup]]]:
    return [(setup.label, [setup]) for setup in study.setups]


def _by_field(study: Watched, field: Field) -> list[tuple[str, Sequence[Setup]]]:
    """Numbers in their order, words in that of their first appearance; what lacks the field comes last."""
    sets: dict[str, list[Setup]] = {}
    values: dict[str, Any] = {}
    for setup in study.setups:
        there = setup.key in field.values
        label = named(field, field.values[setup.key]) if there else f"no {field.title}"
        values[label] = field.values[setup.key] if there else inf
        sets.setdefault(label, []).append(setup)
    order = sorted(sets, key=lambda label: values[label]) if field.numeric else list(sets)
    return [(label, sets[label]) for label in order]


def _best(groups: Sequence[Group], metric: str) -> list[Group]:
    """At most `MOST`: those with the best mean of the last values, in the order they had."""
    if len(groups) <= MOST:
        return list(groups)
    better = 1 if metric.endswith("accuracy") else -1
    scores = [better * _score(group.replicates, metric, worst=-better * inf) for group in groups]
    places = sorted(range(len(groups)), key=lambda at: -scores[at])[:MOST]
    return [groups[at] for at in sorted(places)]


def _score(replicates: Iterable[Replicate], metric: str, worst: float) -> float:
    values = [_last(one, metric) for one in replicates]
    finite = [value for value in values if isfinite(value)]
    return fmean(finite) if finite else worst


def _last(one: Replicate, metric: str) -> float:
    """The metric after the last epoch; of seconds, those of an epoch."""
    value = one.last[METRICS.index(metric)]
    return value / max(one.done, 1) if metric == "seconds" else value


def choices(study: Watched) -> list[dict[str, str]]:
    """What runs can be grouped by: each configuration, or a field in which they differ; never the seed."""
    fields = [{"key": field.key, "title": field.title} for field in study.differing]
    return [{"key": BY_CONFIG, "title": "configuration"}, *fields]


def facts(study: Watched) -> list[list[str]]:
    """What all configurations share and is worth telling, as (name, value)."""
    return [
        [field.title, told(value)]
        for field in study.shared
        for value in [next(iter(field.values.values()))]
        if value and (field.key, told(value)) not in USUAL
    ]


USUAL = {("loss", "Cross entropy"), ("loss.form", "log-sum-exp"), ("schedule", "Constant")}
