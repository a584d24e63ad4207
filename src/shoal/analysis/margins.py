# SPDX-License-Identifier: Apache-2.0
"""How much is much: a margin is an amount with a unit, and a margin without one is refused.

".5 points" of an accuracy, "5%" of a loss, "1.25x" of a time, "0.01 per epoch" of a slope. It judges nothing.
"""

import re
from dataclasses import dataclass
from math import inf

from shoal.analysis.measures import Measure
from shoal.errors import StudyError

WRITTEN = re.compile(r"\s*(\d*\.?\d+(?:e-?\d+)?)\s*(\D.*?)?\s*", re.ASCII)
TIMES = ("x", "×", "times")


@dataclass(frozen=True)
class Margin:
    """An amount in a unit: ``Margin(5, "%")``.

    Raises:
        StudyError: the amount is below 0, infinite or NaN.
    """

    amount: float
    unit: str

    def __post_init__(self) -> None:
        if not 0 <= self.amount < inf:
            raise StudyError(f"Margin({self.amount}, {self.unit!r}): the amount must be 0 or more, and finite.")

    @classmethod
    def read(cls, text: object) -> "Margin":
        """From what an author writes.

        Raises:
            StudyError: it has no unit, or no amount.
        """
        found = WRITTEN.fullmatch(text) if isinstance(text, str) else None
        if not found or not found[2]:
            raise StudyError(
                f'margin={text!r}: a margin needs an amount and a unit, as in "0.5 points" of an accuracy, "5%" of a '
                f'loss, "1.25x" of a time.'
            )
        unit = "x" if found[2] in TIMES else "points" if found[2] == "point" else found[2]
        return cls(float(found[1]), unit)

    def __str__(self) -> str:
        """ "5%", "10×", "0.5 points"."""
        unit = {"%": "%", "x": "×"}.get(self.unit, f" {self.unit}")
        return f"{self.amount:g}{unit}"

    def of(self, measure: Measure) -> float:
        """What must be added to the other side, or for a measure compared by ratio, what it must be multiplied with.

        Raises:
            StudyError: the unit is not one that the measure has.
        """
        if measure.scale == "ratio":
            factor = {"%": 1 + self.amount / 100, "x": self.amount}.get(self.unit)
            if factor is None or factor < 1:
                raise StudyError(
                    f'margin "{self}": {measure.name} is compared by ratio. Use "5%" or "1.25x", 1x or more.'
                )
            return factor
        share = (
            0.01 if not measure.unit and self.unit in ("points", "%") else 1.0 if self.unit == measure.unit else None
        )
        if share is None:
            units = f'"{measure.unit}"' if measure.unit else '"points" (hundredths) or "%"'
            raise StudyError(f'margin "{self}": {measure.name} is compared by difference, in {units}. Use that unit.')
        return self.amount * share
