# SPDX-License-Identifier: Apache-2.0
"""Ten digits, each a few pen strokes whose points tremble, lean and stretch from image to image.

A stroke is a list of points on a unit square, (0, 0) its upper left. Each digit has one or two ways of being written.
Trembling points are rounded off by cutting corners (Chaikin 1974), then drawn with a round pen.
"""

from itertools import pairwise

import numpy as np

from shoal.data.sketches.canvas import Batch, Canvas, Draws, ink

CLASSES = tuple(str(digit) for digit in range(10))
Stroke = tuple[tuple[float, float], ...]
Strokes = tuple[Stroke, ...]

HIGH = 18
"""The height of the unit square on the canvas, in pixels; its width varies."""

WAYS: tuple[tuple[Strokes, ...], ...] = (
    ((((0.55, 0), (0.1, 0.1), (0, 0.5), (0.12, 0.92), (0.5, 1), (0.88, 0.9), (1, 0.5), (0.9, 0.08), (0.45, 0)),),),
    ((((0.5, 0), (0.5, 0.3), (0.5, 0.7), (0.5, 1)),), (((0.25, 0.22), (0.52, 0), (0.52, 0.5), (0.52, 1)),)),
    (
        (((0.05, 0.25), (0.2, 0), (0.85, 0), (0.9, 0.35), (0.5, 0.7), (0, 1), (0.5, 1), (1, 0.97)),),
        (((0.05, 0.2), (0.5, -0.05), (1, 0.15), (0.75, 0.6), (0.2, 1), (-0.05, 0.85), (0.3, 0.75), (1, 1)),),
    ),
    (
        (
            ((0.05, 0.1), (0.5, -0.05), (0.95, 0.12), (0.85, 0.45), (0.35, 0.48)),
            ((0.35, 0.48), (0.9, 0.5), (1.05, 0.8), (0.6, 1.05), (0, 0.9)),
        ),
    ),
    (
        (((0.15, 0), (0.1, 0.3), (0, 0.55), (0.5, 0.55), (0.95, 0.5)), ((0.8, 0), (0.78, 0.5), (0.75, 1))),
        (((0.7, 0), (0.35, 0.3), (-0.05, 0.65), (0.5, 0.65), (1, 0.62)), ((0.7, 0), (0.7, 0.5), (0.7, 1))),
    ),
    (
        (
            ((0.15, 0.02), (0.1, 0.25), (0.08, 0.46), (0.5, 0.36), (1, 0.52), (0.95, 0.9), (0.45, 1.05), (0, 0.9)),
            ((0.15, 0.02), (0.5, 0.02), (0.95, 0)),
        ),
    ),
    ((((0.75, 0), (0.25, 0.25), (0, 0.7), (0.2, 1), (0.75, 1.02), (0.95, 0.75), (0.65, 0.52), (0.1, 0.72)),),),
    (
        (((0, 0.05), (0.5, 0.03), (1, 0), (0.7, 0.45), (0.45, 1)), ((0.62, 0.6), (0.58, 0.68), (0.54, 0.76))),
        (((0, 0.05), (0.5, 0.03), (1, 0), (0.7, 0.45), (0.45, 1)), ((0.3, 0.52), (0.6, 0.5), (0.9, 0.5))),
    ),
    (
        (
            ((0.9, 0.12), (0.45, -0.03), (0.08, 0.18), (0.3, 0.42), (0.75, 0.58), (1, 0.85), (0.5, 1.04)),
            ((0.5, 1.04), (0, 0.86), (0.25, 0.58), (0.7, 0.42), (0.95, 0.2), (0.9, 0.12)),
        ),
    ),
    (
        (
            ((0.9, 0.15), (0.5, -0.04), (0.05, 0.1), (0.05, 0.42), (0.45, 0.5), (0.9, 0.3), (0.92, 0.12)),
            ((0.92, 0.12), (0.9, 0.4), (0.85, 0.7), (0.8, 1)),
        ),
        (
            ((0.85, 0.12), (0.5, -0.04), (0.1, 0.04), (0.02, 0.35), (0.35, 0.53), (0.7, 0.45), (0.88, 0.25)),
            ((0.9, 0.08), (0.92, 0.55), (0.7, 0.95), (0.2, 1)),
        ),
    ),
)
"""Digit, way of writing it, stroke, point. The ways of one digit have equally many points, so they can be chosen
image by image."""


def draw(label: int, draws: Draws) -> Batch:
    """Images of one digit, float32 (n, 28, 28), nominally in 0 to 1."""
    canvas = Canvas(draws, shift=1.9, stretch=(0.76, 1.1), turn=0.65)
    canvas.x = canvas.x + draws.about(0.12, 0.5) * canvas.y
    pen, wide, tremble = draws.between(0.6, 1.9), draws.between(7, 14), draws.between(0.04, 0.15)
    first, second = WAYS[label][0], WAYS[label][-1]
    chosen = draws.chance(0.5)
    nearest = np.full(canvas.x.shape, 1e6, np.float32)
    for stroke, other in zip(first, second, strict=True):
        mixed = [_mix(chosen, one, two) for one, two in zip(stroke, other, strict=True)]
        points = [_placed(draws, point, wide, tremble) for point in mixed]
        for start, end in pairwise(_cut(_cut(points)) if len(points) < 5 else _cut(points)):
            np.minimum(nearest, _apart(canvas, start, end), out=nearest)
    return ink(pen - np.sqrt(nearest)) * (draws.between(0.75, 1.1) + np.float32(0.12) * draws.grain())


Point = tuple[Batch, Batch]


def _mix(chosen: Batch, one: tuple[float, float], two: tuple[float, float]) -> Point:
    """A stroke's point in the way of writing that each image has chosen."""
    x, y = (chosen * np.float32(a) + (1 - chosen) * np.float32(b) for a, b in zip(one, two, strict=True))
    return x, y


def _placed(draws: Draws, point: Point, wide: Batch, tremble: Batch) -> Point:
    """A stroke's point on the canvas, moved a little at random."""
    x = (point[0] - np.float32(0.5) + tremble * draws.between(-1.5, 1.5)) * wide
    y = (point[1] - np.float32(0.5) + tremble * draws.between(-1, 1)) * np.float32(HIGH)
    return x, y


def _cut(points: list[Point]) -> list[Point]:
    """Every inner corner replaced by two points a quarter of the way to its neighbours; the ends stay."""
    cut = [points[0]]
    for (ax, ay), (bx, by) in pairwise(points):
        cut += [(ax + (bx - ax) / 4, ay + (by - ay) / 4), (bx - (bx - ax) / 4, by - (by - ay) / 4)]
    return [*cut[:1], *cut[2:-1], points[-1]]


def _apart(canvas: Canvas, start: Point, end: Point) -> Batch:
    """The squared distance of every pixel to a straight piece. In place: drawing spends most of its time here."""
    (ax, ay), (bx, by) = start, end
    dx, dy = bx - ax, by - ay
    square = 1 / (dx * dx + dy * dy + np.float32(1e-6))
    px, py = canvas.x - ax, canvas.y - ay
    along = px * (dx * square)
    along += py * (dy * square)
    np.minimum(np.maximum(along, 0, out=along), 1, out=along)
    px -= along * dx
    py -= np.multiply(along, dy, out=along)
    np.multiply(px, px, out=px)
    px += np.multiply(py, py, out=py)
    return px
