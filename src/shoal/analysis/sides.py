# SPDX-License-Identifier: Apache-2.0
"""The sides of a claim as frozen data: one config of a study, one chosen of several, a number made of several.

None is made of what names no config; whether a study has the configs is for the claim to say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shoal.analysis.measures import MEASURES, Measure
from shoal.errors import StudyError
from shoal.study import label

Values = Mapping[str, Any]
"""Grid values that name one point of a study: ``{"lr": 0.1}``."""


@dataclass(frozen=True)
class Chosen:
    """The one of several configs that is best by another measure, on average over the seeds.

    ``Chosen([{"lr": 0.1}, {"lr": 0.2}], by="accuracy")``; with a hold-out in the configs, ``accuracy`` is that on the
    images held out, so that "test-accuracy", which a claim then judges, played no part in the choice.

    Raises:
        StudyError: there is no such measure, or nothing to choose from.
    """

    among: tuple[Values, ...]
    by: str | Measure

    def __post_init__(self) -> None:
        if not isinstance(self.by, Measure) and self.by not in MEASURES:
            raise StudyError(f"Chosen(by={self.by!r}): there is no such measure. Use one of: {', '.join(MEASURES)}.")
        _check_parts("Chosen(among", self.among, Mapping)

    @property
    def measure(self) -> Measure:
        """The one that chooses."""
        return self.by if isinstance(self.by, Measure) else MEASURES[self.by]


@dataclass(frozen=True)
class Combined:
    """A number made of several sides, seed by seed: the lowest of them, an effect in a factorial.

    Args:
        by: from (k, n), a row per side and a column per seed, to (n,).

    Raises:
        StudyError: it is made of nothing, or of what names no config.
    """

    of: tuple["Values | Chosen", ...]
    by: Callable[[np.ndarray], np.ndarray]
    label: str

    def __post_init__(self) -> None:
        _check_parts("Combined(of", self.of, Mapping, Chosen)


def _check_parts(what: str, parts: object, *kinds: type) -> None:
    several = isinstance(parts, Sequence) and len(parts) > 0
    if not several or not all(isinstance(part, kinds) for part in parts):  # type: ignore[attr-defined]
        raise StudyError(f'{what}={parts!r}): name configs by their grid values, as in [{{"lr": 0.1}}, {{"lr": 0.2}}].')


Side = Values | Chosen | Combined


def lowest(*of: Values | Chosen, label: str) -> Combined:
    """The lowest of several sides, seed by seed."""
    return Combined(of, lambda values: np.min(values, axis=0), label)


def highest(*of: Values | Chosen, label: str) -> Combined:
    """The highest of several sides, seed by seed."""
    return Combined(of, lambda values: np.max(values, axis=0), label)


def name(side: Side) -> str:
    """What a side is called if nobody says otherwise: "lr 0.1", "the chosen of lr 0.1 and lr 0.2"."""
    if isinstance(side, Combined):
        return side.label
    if isinstance(side, Chosen):
        return f"the chosen one of {' / '.join(map(name, side.among))}"
    return label(side)


def named(side: Side) -> tuple[Values, ...]:
    """The grid values of every config that a side is made of."""
    if isinstance(side, Chosen):
        return side.among
    return tuple(values for part in side.of for values in named(part)) if isinstance(side, Combined) else (side,)


def choices(side: Side) -> tuple[Chosen, ...]:
    """The choices that a side leaves to the runs."""
    if isinstance(side, Chosen):
        return (side,)
    return tuple(choice for part in side.of for choice in choices(part)) if isinstance(side, Combined) else ()
