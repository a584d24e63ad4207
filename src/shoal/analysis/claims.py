# SPDX-License-Identifier: Apache-2.0
"""Claims: sentences that can be false, as frozen data that a study carries and its runs are to judge.

A `Claim` compares measured values of the study's configs, a `Fact` is exact and needs no seeds, an `Untestable`
sentence says why it is one. Whatever a study could not judge is refused when the study is built; `verdicts` judges.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Any, Literal

from shoal.analysis.margins import Margin
from shoal.analysis.measures import MEASURES, Measure
from shoal.analysis.sides import Chosen, Combined, Side, Values, choices, name, named
from shoal.errors import StudyError
from shoal.study import Point, Study

Direction = Literal["above", "below", "within"]


@dataclass(frozen=True)
class Claim:
    """A sentence about a measure, on one side against another.

    Args:
        id: "16b": the number of the sentence, and a letter where it makes several claims.
        says: the original words.
        measure: of one run: a name from `MEASURES`, or a `Measure`.
        a: the config that the claim is about, by its grid values.
        b: the config to compare with, seed by seed; or a constant; or with "within" a range, (low, high).
        direction: that A is "above" B, "below" it, or "within" the margin of it (or within the range).
        margin: by how much at least ("within": at most), with its unit: "0.5 points", "5%", "10x". May be left out
            against a constant, which then is the bound itself.
        tested: the wording tested, a plain sentence; by default one made of the above.
        primary: decided before the runs, and part of the study's shared error level; else exploratory.
        called: what A, and B, are called in sentences; by default their grid values.

    Example:
        >>> Claim("slow", "Small rates are slow.",
        ...       measure="loss", a={"lr": 0.001}, b={"lr": 0.05}, direction="above", margin="5%").tested
        'The final validation loss for lr 0.001 is more than 5% above that for lr 0.05.'

    Raises:
        StudyError: an unknown measure, a side that is none, a margin without a unit or with another than the
            measure's, or none where one is needed.
    """

    id: str
    says: str
    measure: Measure
    a: Side
    b: Side | float | tuple[float, float]
    direction: Direction
    margin: Margin | None
    tested: str
    primary: bool
    called: tuple[str, ...]

    def __init__(
        self,
        id: str,
        says: str,
        *,
        measure: str | Measure,
        a: Side,
        b: Side | float | tuple[float, float],
        direction: Direction = "above",
        margin: str | Margin | None = None,
        tested: str = "",
        primary: bool = True,
        called: tuple[str, ...] = (),
    ) -> None:
        found = _measure(id, measure)
        _check_sides(id, a, b)
        by = self._margin(id, margin, b, direction, found)
        given = {"id": id, "says": says, "measure": found, "a": a, "b": b, "direction": direction, "margin": by}
        given |= {"primary": primary, "called": called}
        for field_, value in given.items():
            object.__setattr__(self, field_, value)
        object.__setattr__(self, "tested", tested or self._worded())
        _check_words(id, says, self.tested)

    def _worded(self) -> str:
        """The wording tested, where its author leaves it to us."""
        names = [*self.called, *map(name, self.sides[len(self.called) :])]
        opening = f"The {self.measure.name} for {names[0]} is"
        if isinstance(self.b, tuple):
            return f"{opening} {self.b[0]:g} to {self.b[1]:g}."
        other = f"that for {names[1]}" if len(names) > 1 else f"{self.constant:g}"
        by = f"more than {self.margin} " if self.margin else ""
        if self.direction == "within":
            return f"{opening} within {self.margin} of {other}."
        return f"{opening} {by}{self.direction} {other}."

    @staticmethod
    def _margin(id: str, given: object, b: object, direction: Direction, measure: Measure) -> Margin | None:
        if direction not in ("above", "below", "within"):
            raise StudyError(f"claim {id}: direction={direction!r}. Use above, below or within.")
        if isinstance(b, tuple) and (direction != "within" or given is not None or not _in_order(b)):
            raise StudyError(
                f'claim {id}: b={b!r}: a range, low before high, goes with direction="within" and no margin.'
            )
        if given is None:
            if isinstance(b, tuple) or (isinstance(b, int | float) and direction != "within"):
                return None
            raise StudyError(f'claim {id}: by how much? Say margin=, with its unit, such as "0.5 points" or "5%".')
        try:
            margin = given if isinstance(given, Margin) else Margin.read(given)
            margin.of(measure)
        except StudyError as reason:
            raise StudyError(f"claim {id}: {reason}") from None
        if measure.scale == "ratio" and isinstance(b, int | float) and b <= 0:
            raise StudyError(f"claim {id}: b={b}: {measure.name} is compared by ratio, with a number above 0.")
        return margin

    @property
    def constant(self) -> float | None:
        """B, if it is a constant."""
        return float(self.b) if isinstance(self.b, int | float) else None

    @property
    def sides(self) -> tuple[Side, ...]:
        """A, and B unless it is a constant or a range."""
        return (self.a,) if isinstance(self.b, int | float | tuple) else (self.a, self.b)

    @property
    def by_ratio(self) -> bool:
        """Whether A is compared with B by ratio; else by difference, or for its own value with a constant or range."""
        return self.measure.scale == "ratio" and self.margin is not None

    @property
    def region(self) -> tuple[float, float]:
        """Where the truth must lie: A / B, or A - B, or A itself held against a constant or a range."""
        if isinstance(self.b, tuple):
            return self.b
        middle = 0.0 if self.constant is None else self.constant
        if self.margin is None:
            return (middle, inf) if self.direction == "above" else (-inf, middle)
        by = self.margin.of(self.measure)
        low, high = (1 / by, by) if self.by_ratio else (middle - by, middle + by)
        least = 0.0 if self.by_ratio else -inf
        return {"above": (high, inf), "below": (least, low), "within": (low, high)}[self.direction]

    @property
    def points(self) -> tuple[Values, ...]:
        """The grid values of every config that it looks at."""
        return tuple(values for side in self.sides for values in named(side))

    def check(self, study: Study) -> None:
        """See that the study has the configs, and their runs the epochs, that the claim looks at, and that no test
        image has a part in a choice.

        Raises:
            StudyError: it lacks one, or one has.
        """
        for values in self.points:
            self._check_length(study, values, self.measure)
        for choice in (choice for side in self.sides for choice in choices(side)):
            for values in choice.among:
                point = self._check_length(study, values, choice.measure)
                reads = choice.measure.reads
                if reads == "test" or (reads == "validation" and not point.config.holdout):
                    raise StudyError(
                        f"{study.name}: claim {self.id} chooses by the {choice.measure.name}, which for {point.label} "
                        f"is read from test images. Hold training images out (holdout=) and choose by those."
                    )

    def _check_length(self, study: Study, values: Values, measure: Measure) -> Point:
        """The study's point of these values, with runs long enough for a measure."""
        point = next((point for point in study.points if point.values == values), None)
        if point is None:
            known = "; ".join(point.label for point in study.points)
            raise StudyError(
                f"{study.name}: claim {self.id} names {dict(values)}, which the study lacks. Its points: {known}."
            )
        if point.config.epochs < measure.epochs:
            raise StudyError(
                f"{study.name}: claim {self.id} asks for the {measure.name}, which needs {measure.epochs} epochs; "
                f"{point.label} has {point.config.epochs}. Train it longer."
            )
        return point


@dataclass(frozen=True)
class Found:
    """What an exact check found.

    Args:
        holds: whether the wording tested is true.
        value: the number that decides.
        bound: what it was held against.
        unit: of both.
        measure: what was measured, in few words: "memory of training over that of prediction".
        beside: other numbers that a reader should see with it: "1.39× by the ledger, 3.21× at the measured peak".
    """

    holds: bool
    value: float
    bound: float
    unit: str = ""
    measure: str = ""
    beside: str = ""


@dataclass(frozen=True)
class Fact:
    """A sentence that an exact computation proves or refutes: no seeds, no interval.

    Args:
        find: from the section's results (for their probes and data) to what was found.
    """

    id: str
    says: str
    tested: str
    find: Callable[[Any], Found] = field(repr=False)

    def __post_init__(self) -> None:
        _check_words(self.id, self.says, self.tested)

    def check(self, study: Study) -> None:
        """A fact asks for no runs."""


@dataclass(frozen=True)
class Untestable:
    """A sentence that no run can make false, with the reason, and what is shown instead."""

    id: str
    says: str
    why: str
    tested: str = ""

    def __post_init__(self) -> None:
        _check_words(self.id, self.says, self.why)

    def check(self, study: Study) -> None:
        """It asks for no runs."""


Sentence = Claim | Fact | Untestable


def statement(id: str) -> str:
    """The number of the sentence that a claim is part of: "16" of "16b"; a name stands for itself."""
    part = re.fullmatch(r"(\d+)[a-z]", id)
    return part[1] if part else id


def _check_words(id: str, *words: str) -> None:
    if not re.fullmatch(r"\w[\w.-]*", id):
        raise StudyError(f"a claim's id is {id!r}. Use a number or a short name, such as 16b.")
    if not all(isinstance(text, str) and text.strip() for text in words):
        raise StudyError(f"claim {id}: it needs the words said and the wording tested.")


def _check_sides(id: str, a: object, b: object) -> None:
    if isinstance(b, int | float) and not isfinite(b):
        raise StudyError(f"claim {id}: b={b}: a constant must be a finite number.")
    for which, side in (("a", a), ("b", b)):
        number = which == "b" and isinstance(side, int | float | tuple)
        if not number and not isinstance(side, Mapping | Chosen | Combined):
            raise StudyError(f'claim {id}: {which}={side!r}: name a config by its grid values, as in {{"lr": 0.1}}.')


def _in_order(ends: tuple[object, ...]) -> bool:
    """Whether they are two finite numbers, the lower one first."""
    numbers = [end for end in ends if isinstance(end, int | float) and isfinite(end)]
    return len(ends) == len(numbers) == 2 and numbers[0] < numbers[1]


def _measure(id: str, given: str | Measure) -> Measure:
    if isinstance(given, Measure):
        return given
    if given not in MEASURES:
        raise StudyError(f"claim {id}: there is no measure {given!r}. Use one of: {', '.join(MEASURES)}.")
    return MEASURES[given]
