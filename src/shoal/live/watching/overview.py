# SPDX-License-Identifier: Apache-2.0
"""How every study stands: runs, epochs, what diverged, how long still. It decides nothing about who trains."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from shoal.live.watching.gathering import Gathered, Replicate, Watched
from shoal.live.watching.pulse import Pulse

OPEN = 500
"""Runs on their way that a page follows by itself; beyond, it waits for the next overview."""


@dataclass(frozen=True)
class Standing:
    """The numbers of one study."""

    study: Watched

    @cached_property
    def counts(self) -> Counter[str]:
        return Counter(one.status for one in self.study.replicates)

    @cached_property
    def epochs(self) -> tuple[int, int]:
        """Done and in all; of a run that ended early all are done."""
        every = self.study.replicates
        return sum(one.setup.epochs - one.left for one in every), sum(one.setup.epochs for one in every)

    @cached_property
    def seconds(self) -> float:
        """Of training, of all runs together."""
        return sum(one.last[-1] for one in self.study.replicates)

    @cached_property
    def work(self) -> float:
        """Seconds of training still to come, by what epochs of the same configuration, or of any, have taken."""
        costs = self._costs
        usual = sum(costs.values()) / len(costs) if costs else 0.0
        return sum(one.left * costs.get(one.setup.key, usual) for one in self.study.replicates)

    @property
    def epoch(self) -> float:
        """Seconds of the slowest configuration's epoch."""
        return max(self._costs.values(), default=0.0)

    @cached_property
    def _costs(self) -> dict[str, float]:
        """Seconds an epoch by configuration."""
        spent: defaultdict[str, float] = defaultdict(float)
        epochs: Counter[str] = Counter()
        for one in self.study.replicates:
            spent[one.setup.key] += one.last[-1]
            epochs[one.setup.key] += one.done
        return {key: spent[key] / epochs[key] for key in spent if epochs[key]}

    @cached_property
    def open(self) -> list[Replicate]:
        """Runs that began and have not ended."""
        return [one for one in self.study.replicates if one.status == "unfinished"]


def overview(standings: Iterable[Standing], gathered: Gathered, pulse: Pulse) -> dict[str, Any]:
    """All studies with their totals, as the page has them."""
    entries = [_entry(standing, pulse) for standing in standings]
    counted = ("runs", "finished", "diverged", "running")
    totals: dict[str, Any] = {name: sum(entry[name] for entry in entries) for name in counted}
    totals["epochs"] = [sum(entry["epochs"][at] for entry in entries) for at in (0, 1)]
    return {"stored": gathered.stored, "studies": entries, "totals": totals}


def _entry(standing: Standing, pulse: Pulse) -> dict[str, Any]:
    study, counts = standing.study, standing.counts
    trains = standing.epochs[0] < standing.epochs[1] and pulse.trains(study.name, standing.epoch)
    speed = pulse.speed(study.name, standing.epoch) if trains else None
    return {
        "name": study.name,
        "title": study.title,
        "runs": len(study.replicates),
        "finished": counts["finished"],
        "diverged": counts["diverged"],
        "unfinished": counts["unfinished"],
        "waiting": counts["waiting"],
        "running": counts["unfinished"] if trains else 0,
        "training": trains,
        "epochs": list(standing.epochs),
        "left": standing.work / speed if speed and standing.work else None,
        "latest": study.latest,
        "open": [[one.row.id, one.done, one.setup.epochs] for one in standing.open[:OPEN] if one.row],
    }
