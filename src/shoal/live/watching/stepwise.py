# SPDX-License-Identifier: Apache-2.0
"""The training loss of every single step, for the axis of steps: as many runs as can be read at once, no more."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from shoal.live.watching.gathering import Replicate
from shoal.live.watching.grouping import Group, Grouping
from shoal.live.watching.lines import chosen, smoothed
from shoal.store import History, Store

if TYPE_CHECKING:
    from shoal.figures import Series

RUNS = 120
"""Runs whose steps one chart reads."""


def steps_of(grouping: Grouping, store: Store) -> dict[str, int]:
    """Minibatches in an epoch, by the key of a setup: read off one run for each batch size, data set and hold-out."""
    known: dict[tuple[object, ...], int] = {}
    found = {}
    for group in grouping.groups:
        for one in sorted(group.replicates, key=lambda one: one.status == "diverged"):
            config = one.setup.config or {}
            alike = (config.get("data"), config.get("batch_size"), config.get("holdout"), one.setup.engine)
            if alike not in known and one.done:
                known[alike] = _steps(one, store)
            if alike in known:
                found[one.setup.key] = known[alike]
    return found


def _steps(one: Replicate, store: Store) -> int:
    """Of the runs' epochs all are equally long, but for that in which one diverges."""
    history = _history(one, store)
    return -(-len(history.step_losses) // max(history.epochs, 1)) if history else 0


def _history(one: Replicate, store: Store) -> History | None:
    stored = store.run_of(one.row.id) if one.row else None
    if stored is None:
        return None
    return store.history(stored.run.replace(config=stored.config.replace(epochs=one.setup.epochs)), stored.engine)


def series(grouping: Grouping, steps: Mapping[str, int], store: Store, factor: float) -> "list[Series]":
    """A series for each group: x (steps,), a row for each seed; empty where the steps of runs cannot be laid over
    each other, or are too many to read.

    A line is as long as the shortest of its runs; runs that diverged are left out.
    """
    every = [group for group in grouping.groups if group.setups]
    if any(len({steps.get(setup.key) for setup in group.setups}) > 1 for group in every):
        return []
    share = RUNS // max(sum(len(group.setups) for group in every), 1)
    if not share:
        return []
    found = [_series(group, share, store, factor) for group in every]
    return [one for one in found if one is not None]


def _series(group: Group, most: int, store: Store, factor: float) -> "Series | None":
    from shoal.figures import Series
    from shoal.figures.curves import BINS

    kept, _, _ = chosen(group, most)
    rows: list[np.ndarray] = []
    for runs in kept.values():
        losses = [history.step_losses for one in runs if one.status != "diverged" and (history := _history(one, store))]
        if len(losses) == len(runs) and min(map(len, losses)):
            shortest = min(map(len, losses))
            rows.append(np.array([row[:shortest] for row in losses], np.float64).mean(axis=0))
    if not rows:
        return None
    length = min(map(len, rows))
    values = np.array([row[:length] for row in rows])
    size = max(-(-length // BINS), 1)
    return Series(group.label, np.arange(1, length + 1, dtype=np.float64), smoothed(values, factor ** (1 / size)))
