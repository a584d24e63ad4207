# SPDX-License-Identifier: Apache-2.0
"""The drawing kit: random draws, a posed 28×28 canvas, and shapes, each over a whole batch of images at once.

A shape is a float32 array (n, 28, 28): how many pixels inside it each pixel's centre lies, negative outside. So
union is `maximum`, intersection `minimum`, and an edge is smooth where the value crosses zero. Only + − × ÷, square
roots, comparisons and rounding are used, which IEEE arithmetic fixes to the bit: every machine draws the same image.
No sine, exponential or sum over an axis is to be found here, and none may come in.
"""

from collections.abc import Sequence
from copy import copy
from typing import Any, TypeAlias

import numpy as np

from shoal import streams

SIDE = 28
MOST_DRAWS = 96
Batch: TypeAlias = Any
"""float32: one number, (n, 1, 1) for a number per image, or (n, 28, 28) for one per pixel. All broadcast alike."""


class Draws:
    """The random numbers of one batch of images, taken in the order the drawing asks for them."""

    def __init__(self, count: int, purpose: str, seed: int, index: int) -> None:
        self.count = count
        uniform = streams.uniforms(count * MOST_DRAWS, purpose, seed, index)
        self._rows = iter(uniform.astype(np.float32).reshape(MOST_DRAWS, count, 1, 1))
        self._pixels = streams.bits(count * SIDE * SIDE // 8, f"{purpose}/pixels", seed, index)

    def between(self, low: float, high: float) -> Batch:
        """Uniform in [low, high], a number per image."""
        return np.float32(low) + np.float32(high - low) * next(self._rows)

    def about(self, middle: float, spread: float) -> Batch:
        """Bell-shaped within middle ± spread: the mean of three uniforms."""
        first, second, third = next(self._rows), next(self._rows), next(self._rows)
        return np.float32(middle) + np.float32(spread / 1.5) * (first + second + third - np.float32(1.5))

    def chance(self, probability: float) -> Batch:
        """1 with this probability, else 0."""
        return (next(self._rows) < np.float32(probability)).astype(np.float32)

    def grain(self) -> Batch:
        """White noise in [−½, ½), a number per pixel."""
        values = self._pixels.astype("<u8").view(np.uint8).reshape(self.count, SIDE, SIDE)
        return values.astype(np.float32) * np.float32(1 / 256) - np.float32(0.5)


class Canvas:
    """Pixel coordinates from the centre, x to the right and y down, after each image's own pose.

    Args:
        draws: where the pose comes from.
        shift: how far the drawing moves, in pixels either way.
        stretch: the range of its size, width and height apart.
        turn: how far it leans: about the tangent of the angle, either way.
    """

    def __init__(self, draws: Draws, shift: float, stretch: tuple[float, float], turn: float) -> None:
        line = np.arange(SIDE, dtype=np.float32) - np.float32((SIDE - 1) / 2)
        x = line[np.newaxis, np.newaxis, :] - draws.about(0, shift)
        y = line[np.newaxis, :, np.newaxis] - draws.about(0, shift)
        size = draws.between(*stretch)
        half = draws.about(0, turn / 2)
        # a rotation without sine or cosine: (1 − t²) / (1 + t²) and 2t / (1 + t²) for t the tangent of half the angle
        cosine, sine = (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)
        self.x = (x * cosine + y * sine) / (size * draws.about(1, 0.06))
        self.y = (y * cosine - x * sine) / (size * draws.about(1, 0.06))

    def folded(self) -> "Canvas":
        """The canvas folded along the vertical: what is drawn on the right appears on both sides."""
        both = copy(self)
        both.x = np.abs(self.x)
        return both

    def body(self, heights: Sequence[Batch], halves: Sequence[Batch]) -> Batch:
        """A shape symmetric about the vertical, by its half-width at some heights, straight in between."""
        return np.minimum(self.between(heights[0], heights[-1]), steps(self.y, heights, halves) - np.abs(self.x))

    def between(self, top: Batch, bottom: Batch) -> Batch:
        """Everything between two heights."""
        return np.minimum(self.y - top, bottom - self.y)

    def column(self, left: Batch, right: Batch) -> Batch:
        """Everything between two vertical lines."""
        return np.minimum(self.x - left, right - self.x)

    def limb(self, start: tuple[Batch, Batch], end: tuple[Batch, Batch], thick: Batch, thin: Batch) -> Batch:
        """A rounded bar from one point to another, its half-width going from ``thick`` to ``thin``."""
        (ax, ay), (bx, by) = start, end
        dx, dy = bx - ax, by - ay
        px, py = self.x - ax, self.y - ay
        along = np.clip((px * dx + py * dy) / (dx * dx + dy * dy + np.float32(1e-6)), 0, 1)
        px -= along * dx
        py -= along * dy
        return thick + (thin - thick) * along - np.sqrt(px * px + py * py)

    def oval(self, x: Batch, y: Batch, wide: Batch, high: Batch) -> Batch:
        """An ellipse about (x, y) with these half-axes."""
        px, py = (self.x - x) / wide, (self.y - y) / high
        return (1 - np.sqrt(px * px + py * py)) * np.minimum(wide, high)


def steps(at: Batch, places: Sequence[Batch], values: Sequence[Batch]) -> Batch:
    """Straight lines through (place, value), constant beyond the ends; places ascend."""
    total = values[0]
    for low, high, before, after in zip(places, places[1:], values, values[1:], strict=False):
        total = total + np.clip((at - low) / (high - low), 0, 1) * (after - before)
    return total


def ink(shape: Batch) -> Batch:
    """How much of each pixel a shape covers, 0 to 1."""
    return np.clip(shape + np.float32(0.5), 0, 1)


def line(shape: Batch, width: Batch | float = 0.5) -> Batch:
    """A line of this half-width along a shape's edge, 0 to 1."""
    return np.clip(width + np.float32(0.5) - np.abs(shape), 0, 1)


def waves(at: Batch, period: Batch) -> Batch:
    """A triangle wave between −1 and 1."""
    phase = at / period
    return np.abs(phase - np.floor(phase) - np.float32(0.5)) * 4 - 1


def folds(draws: Draws, cells: int = 4) -> Batch:
    """Soft clouds in about [−1, 1]: random values on a coarse grid, straight lines in between."""
    grid = [[draws.between(-1, 1) for _ in range(cells)] for _ in range(cells)]
    at = np.arange(SIDE, dtype=np.float32) * np.float32((cells - 1) / (SIDE - 1))
    places = [np.float32(cell) for cell in range(cells)]
    rows = [steps(at[np.newaxis, np.newaxis, :], places, row) for row in grid]
    return steps(at[np.newaxis, :, np.newaxis], places, rows)
