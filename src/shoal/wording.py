# SPDX-License-Identifier: Apache-2.0
"""From numbers to words, one hand for report, terminal and figures. It rounds and joins; it never judges.

A number is printed with as many digits as its interval allows, without the zero before the point: .831 ± .002.
"""

from collections.abc import Sequence
from math import floor, isfinite, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shoal.analysis.statistics import Summary

FEWEST = 4
"""Seeds that an interval needs to be printed: with two or three, Student's t makes it wider than it is useful."""

MINUS = "−"
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def fixed(value: float, decimals: int) -> str:
    """``fixed(0.8312, 3)`` is ".831", ``fixed(-1234.5, 0)`` is "−1,234"; "∞" and "undefined" when not finite."""
    if not isfinite(value):
        return "undefined" if value != value else "∞" if value > 0 else MINUS + "∞"
    text = f"{abs(value):,.{decimals}f}"
    if text.startswith("0."):
        text = text[1:]
    negative = value < 0 and any(digit in text for digit in "123456789")
    return MINUS + text if negative else text


def decimals_for(half: float, most: int = 6) -> int:
    """Decimals that half an interval allows: one significant digit, or two when the first is a 1.

    .0021 allows three, .013 three, 4.2 none.
    """
    if not isfinite(half) or half <= 0:
        return most
    exponent = floor(log10(half))
    first = half / 10.0**exponent
    return min(max(-exponent + (1 if first < 1.95 else 0), 0), most)


def rounded(value: float, decimals: int = 3) -> str:
    """What no interval rounds: at most so many decimals and three significant digits.

    ".831", "1.03", "31.8" and "238" with one decimal or more; zero is "0".
    """
    if value == 0 or not isfinite(value):
        return "0" if value == 0 else fixed(value, 0)
    exponent = int(f"{abs(value):.2e}".partition("e")[2])
    return fixed(value, min(decimals, max(2 - exponent, 0)))


def measured(summary: "Summary", decimals: int = 3) -> str:
    """Mean and half its interval: ".831 ± .002". Fewer than `FEWEST` seeds have none: ".831"; no seed has "–".

    Args:
        decimals: at most so many when there is no interval to choose by.
    """
    if not isfinite(summary.mean):
        return "–"
    if summary.half is None or summary.n < FEWEST:
        return rounded(summary.mean, decimals)
    if summary.half < 1e-6:  # seeds that are all alike, but for rounding
        return f"{rounded(summary.mean, decimals)} ± 0"
    places = decimals_for(summary.half)
    return f"{fixed(summary.mean, places)} ± {fixed(summary.half, places)}"


def interval(low: float | None, high: float | None, decimals: int | None = None) -> str:
    """ "[.829, .833]", or "–" where one seed gives no interval."""
    if low is None or high is None or not isfinite(low) or not isfinite(high):
        return "–"
    places = decimals_for((high - low) / 2) if decimals is None else decimals
    return f"[{fixed(low, places)}, {fixed(high, places)}]"


def significant(value: float, digits: int = 3) -> str:
    """Rounded to so many significant digits; beyond ten thousand and below a thousandth as a power of ten.

    "12.3", ".0450", "1.2 × 10⁻⁷", "0".
    """
    if value == 0:
        return "0"
    if not isfinite(value):
        return fixed(value, 0)
    mantissa, _, power = f"{abs(value):.{digits - 1}e}".partition("e")
    exponent = int(power)
    if not -4 < exponent < 5:
        sign = MINUS if value < 0 else ""
        return f"{sign}{mantissa} × 10{str(exponent).translate(SUPERSCRIPT)}"
    return fixed(round(value, digits - 1 - exponent), max(digits - 1 - exponent, 0))


def percent(fraction: float, decimals: int = 0) -> str:
    """``percent(0.834)`` is "83%"."""
    return f"{abs(100 * fraction):.{decimals}f}%" if fraction >= 0 else f"{MINUS}{abs(100 * fraction):.{decimals}f}%"


def times(ratio: float, digits: int = 2) -> str:
    """ "2.5×"."""
    return f"{significant(ratio, digits)}×"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """ "1 seed", "10 seeds", "60,000 images", "2 classes" with ``plural="classes"``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def seeds(n: int) -> str:
    """What every caption carries: "n = 10 seeds"."""
    return f"n = {count(n, 'seed')}"


def listed(items: Sequence[object], joint: str = "and") -> str:
    """ "a", "a and b", "a, b and c"; "none" of nothing."""
    words = [str(item) for item in items]
    if len(words) < 2:
        return words[0] if words else "none"
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"


def size(number: float) -> str:
    """Bytes in decimal units with three digits: "812 bytes", "1.23 kB", "245 MB"."""
    if number < 1000:
        return count(int(number), "byte")
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 999.5:
            return f"{number:.{2 if number < 9.995 else 1 if number < 99.95 else 0}f} {unit}"
    return f"{number / 1000:,.2f} TB"


def duration(seconds: float) -> str:
    """ "340 ms", "2.3 s", "48 s", "3 min 20 s", "2 h 05 min"."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"
