# SPDX-License-Identifier: Apache-2.0
"""What was measured on the sides of a claim: a number per seed, of one config, the chosen one, or several together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from shoal.analysis.curves import Curves
from shoal.analysis.measures import Measure, Results
from shoal.analysis.sides import Chosen, Combined, Side
from shoal.study import Config


class Evidence(Results, Protocol):
    """What a judge reads: the results of one study."""

    def curves(self, **values: Any) -> Curves:
        """The curves of one point of the study, by its grid values; only seeds that ended."""
        ...


@dataclass(frozen=True, eq=False)
class Outcome:
    """A side's measured values, a number per seed, and the configs they came from."""

    label: str
    seeds: tuple[int, ...]
    values: np.ndarray
    """(n,), in the order of the seeds."""
    configs: tuple[Config, ...]

    @property
    def hashes(self) -> tuple[str, ...]:
        """Of the configs."""
        return tuple(config.hash for config in self.configs)

    def at(self, seeds: Sequence[int]) -> np.ndarray:
        """The values of these seeds, in this order."""
        return self.values[[self.seeds.index(seed) for seed in seeds]]


def outcome(side: Side, of: Measure, evidence: Evidence) -> Outcome:
    """A side's values, for the seeds that all its configs have."""
    if isinstance(side, Combined):
        parts = [outcome(part, of, evidence) for part in side.of]
        seeds = tuple(seed for seed in parts[0].seeds if all(seed in part.seeds for part in parts))
        rows = np.array([part.at(seeds) for part in parts]).reshape(len(parts), len(seeds))
        with np.errstate(invalid="ignore"):  # what two infinite values differ by is unknown, and stays NaN
            values = side.by(rows) if seeds else np.empty(0)
        return Outcome(side.label, seeds, values, tuple(config for part in parts for config in part.configs))
    curves = _chosen(side, evidence) if isinstance(side, Chosen) else evidence.curves(**side)
    values = of.values(curves, evidence) if curves.seeds else np.empty(0)
    return Outcome(curves.label, curves.seeds, values, (curves.config,))


def _chosen(side: Chosen, evidence: Evidence) -> Curves:
    """The config with the best mean by the measure that chooses, over the seeds that all of them have."""
    by = side.measure
    found = [evidence.curves(**values) for values in side.among]
    shared = [seed for seed in found[0].seeds if all(seed in curves.seeds for curves in found)]
    if not shared:
        return found[0]

    def mean(curves: Curves) -> float:
        values = by.values(curves, evidence)[[curves.seeds.index(seed) for seed in shared]]
        return float(values.mean()) * (1 if by.rising else -1)

    return max(found, key=mean)
