# SPDX-License-Identifier: Apache-2.0
"""How the numbers of a verdict are written: in the unit of its measure, with the digits that its interval allows."""

from math import ceil, floor, isfinite, log10

from shoal import wording
from shoal.analysis.claims import Claim
from shoal.analysis.comparison import Comparison

MOST = 6
"""Decimals at most."""


class Scale:
    """How a claim's numbers are written: ratios as 1.23×, differences of shares in points, shares of runs in percent,
    values as they are."""

    def __init__(self, claim: Claim) -> None:
        measure = claim.measure
        own = claim.constant is not None or isinstance(claim.b, tuple)
        in_points = not measure.unit and not claim.by_ratio and not own and not measure.outcome
        unit = "%" if measure.outcome else " points" if in_points else f" {measure.unit}" if measure.unit else ""
        self.unit = "×" if claim.by_ratio else unit
        self._factor = 100.0 if in_points or measure.outcome else 1.0
        self._whole = measure.outcome

    def places(self, low: float, high: float) -> int | None:
        """Decimals that show two digits of half the interval, so that a number is told from its bound; None where
        the interval says nothing."""
        half = (high - low) / 2 * self._factor
        if self._whole:
            return 0
        return min(max(1 - floor(log10(half)), 0), MOST) if isfinite(half) and half > 0 else None

    def bare(self, value: float, places: int | None = None) -> str:
        """A measured number, without its unit; beyond a thousand with three significant digits."""
        scaled = value * self._factor
        if abs(scaled) >= 1000 and isfinite(scaled):
            scaled = float(f"{scaled:.2e}")
        return wording.rounded(scaled) if places is None else wording.fixed(scaled, places)

    def told(self, value: float, places: int | None = None) -> str:
        """With its unit."""
        return self.bare(value, places) + self.unit

    def beyond(self, value: float, places: int | None, *, up: bool) -> str:
        """A number rounded up, or down, so that what is said of it holds beyond it too; without its unit."""
        scaled = value * self._factor
        if places is None or abs(scaled) >= 1000:
            places = 2 - (floor(log10(abs(scaled))) if scaled else 0)
        steps = scaled * 10.0**places
        nearest = round(steps)
        whole = nearest if abs(steps - nearest) < 1e-9 * max(abs(steps), 1) else ceil(steps) if up else floor(steps)
        return wording.fixed(whole / 10.0**places, max(places, 0))

    def ends(self, *bounds: float) -> str:
        """A bound that somebody chose, with the digits it has; a range with as many for both its ends."""
        scaled = [float(f"{bound * self._factor:.3g}") for bound in bounds]
        places = max(len(f"{bound:.9f}".rstrip("0").partition(".")[2]) for bound in scaled)
        return " to ".join(wording.fixed(bound, places) for bound in scaled)


def exact(value: float) -> str:
    if not isfinite(value):
        return wording.fixed(value, 0)
    return wording.significant(value, 4) if value != round(value) or abs(value) >= 1e5 else f"{value:,.0f}"


def with_unit(number: str, unit: str) -> str:
    return number + ("" if not unit else unit if unit in ("%", "×") else f" {unit}")


def shown(found: Comparison) -> bool:
    """Whether the interval says something: there are seeds enough, they differ, and it has an end."""
    return found.n >= wording.FEWEST and found.low < found.high and (isfinite(found.low) or isfinite(found.high))


def alike(found: Comparison) -> bool:
    """Whether all of enough seeds gave the same."""
    return found.n >= wording.FEWEST and found.low == found.high
