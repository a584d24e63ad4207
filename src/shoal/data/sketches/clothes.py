# SPDX-License-Identifier: Apache-2.0
"""Ten classes of clothes, one function a family: what they share, how they vary, and where they cannot be told apart.

Shirts lie on purpose between T-shirts, pullovers and coats, dresses reach into both, and shoes into each other: a
model that sees more still cannot be right every time. Lengths are in pixels of a 28×28 image, y down, 0 its middle.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from shoal.data.sketches.canvas import Batch, Canvas, Draws, folds, ink, line, steps, waves

CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
Range = tuple[float, float]


@dataclass(frozen=True)
class Cut:
    """How a garment for the upper body is cut: the ranges its images vary in.

    Args:
        sleeve: length of the sleeves, 0 none to 1 down to the hem; below 0 counts as none.
        hem: height of the lower edge.
        flare: how much wider the hem is than the waist.
        opening: contrast of the line down the front.
        collar: contrast of the collar.
        neck: depth of the neckline.
        width: half-width of the shoulders.
    """

    sleeve: Range
    hem: Range
    flare: Range
    opening: Range
    collar: Range
    neck: Range
    width: Range


CUTS = {
    "T-shirt/top": Cut((-0.15, 0.46), (8, 12), (-0.5, 1.2), (0, 0.12), (0, 0.15), (1, 5), (5, 7)),
    "Pullover": Cut((0.75, 1.05), (7.8, 11.8), (-1.2, 0.5), (0, 0.12), (0, 0.25), (0.5, 2.5), (5.2, 7)),
    "Coat": Cut((0.8, 1.05), (10.3, 13.2), (-0.2, 2.8), (0.08, 0.85), (0, 0.6), (1.2, 5.5), (5.2, 7)),
    "Shirt": Cut((0.2, 1.05), (9, 12.5), (-0.8, 1.5), (0.02, 0.6), (0.08, 0.85), (0.8, 4.5), (4.8, 6.8)),
    "Dress": Cut((-1.4, 0.9), (11.2, 13), (0, 5), (0, 0.15), (0, 0.2), (1, 5), (3, 5)),
}


def draw(label: int, draws: Draws) -> Batch:
    """Images of one class, float32 (n, 28, 28), nominally in 0 to 1."""
    name = CLASSES[label]
    return _top(draws, CUTS[name]) if name in CUTS else _OTHERS[name](draws)


# ---- what every garment has -------------------------------------------------------------------------------


def _cloth(draws: Draws, canvas: Canvas, shape: Batch, plain: float = 0.45) -> Batch:
    """A shape filled with cloth: a brightness, folds, perhaps stripes either way or a print, brighter or darker."""
    bright = draws.between(0.3, 1.0) + draws.about(0, 0.03) * canvas.x + draws.about(0, 0.03) * canvas.y
    patterned = (1 - draws.chance(plain)) * draws.between(-0.4, 0.4)
    upright, period = draws.chance(0.4), draws.between(2.5, 7)
    stripes = waves(canvas.x * upright + canvas.y * (1 - upright) + draws.between(0, 7), period)
    printed = draws.chance(0.25) * draws.between(-0.6, 0.6)
    print_ = ink(canvas.oval(draws.about(0, 2), draws.about(-2, 4), draws.between(1.5, 4), draws.between(1.5, 4)))
    fabric = bright * (1 + patterned * stripes + printed * print_ + np.float32(0.2) * folds(draws))
    return np.maximum(fabric + draws.between(0.02, 0.2) * draws.grain(), np.float32(0.06)) * ink(shape)


def _pose(draws: Draws) -> Canvas:
    return Canvas(draws, shift=1.8, stretch=(0.83, 1.02), turn=0.14)


# ---- upper body -------------------------------------------------------------------------------------------


def _top(draws: Draws, cut: Cut) -> Batch:
    """Torso, sleeves, neckline; then the collar and the line down the front, which may be hardly there."""
    canvas = _pose(draws)
    shoulder, hem = draws.between(*cut.width), draws.between(*cut.hem)
    waist = shoulder * draws.between(0.75, 1.02)
    high = np.float32(-12)
    heights = [high, high + 2, np.float32(-3), np.float32(2), hem]
    body = canvas.body(
        heights, [shoulder - 3, shoulder, (shoulder + waist) / 2, waist, waist + draws.between(*cut.flare)]
    )
    sleeves, arms = _sleeves(draws, canvas, shoulder, draws.between(*cut.sleeve))
    neck = canvas.oval(np.float32(0), high, draws.between(1.5, 3.2), draws.between(*cut.neck))
    cloth = _cloth(draws, canvas, np.minimum(np.maximum(body, sleeves), -neck))
    creases = line(body) * ink(sleeves) * arms * draws.between(0.2, 0.7)
    front = line(canvas.x - draws.about(0, 0.8), 0.4) * ink(np.minimum(body, -neck)) * draws.between(*cut.opening)
    collar = line(neck + 1, 0.7) * ink(body) * draws.between(*cut.collar)
    return cloth * (1 - creases) * (1 - front) + collar * _sign(draws) * cloth


def _sleeves(draws: Draws, canvas: Canvas, shoulder: Batch, length: Batch) -> tuple[Batch, Batch]:
    """Both sleeves, hanging or spread alike, and whether there are any."""
    worn = (length > 0).astype(np.float32)
    reach = np.maximum(length, 0.05)
    drop, spread = 2.5 + 17 * reach, np.minimum(1.5 + 8 * reach, 3) + draws.between(-0.6, 1.8)
    start = shoulder - 1.5, np.float32(-9.3)
    end = shoulder - 1.5 + spread, np.float32(-9.3) + drop * draws.between(0.8, 1)
    limb = canvas.folded().limb(start, end, draws.between(2, 2.9), draws.between(1.3, 2.2))
    return limb * worn - 9 * (1 - worn), worn


def _sign(draws: Draws) -> Batch:
    return 2 * draws.chance(0.5) - 1


# ---- lower body -------------------------------------------------------------------------------------------


def _trouser(draws: Draws) -> Batch:
    canvas = _pose(draws)
    hip, bottom = draws.between(3.2, 5.5), draws.between(10.5, 13)
    outer = canvas.body([np.float32(-12.5), np.float32(-5), bottom], [hip * 0.85, hip, hip + draws.between(-1.2, 1.2)])
    crotch, inner = draws.between(-6.5, -1.5), draws.between(0.1, 1.9)
    gap = canvas.body([crotch, bottom + 3], [np.float32(-0.3), inner])
    cloth = _cloth(draws, canvas, np.minimum(outer, -gap))
    seam = line(canvas.x, 0.3) * ink(canvas.between(np.float32(-12.5), crotch)) * draws.between(0, 0.5)
    belt = line(canvas.y + 11, 0.5) * draws.between(-0.5, 0.5)
    return cloth * (1 - seam) * (1 + belt)


# ---- shoes ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Last:
    """What a shoe is built on: the ranges of its shape. Heights are above the ground.

    Args:
        shaft: height where the foot goes in.
        toe: height over the toes.
        sole: thickness of the sole.
        heel: height of the heel; below 0 counts as none.
        holes: share of the upper left open between straps; below 0 counts as none.
    """

    shaft: Range
    toe: Range
    sole: Range
    heel: Range
    holes: Range


LASTS = {
    "Sandal": Last((3, 10), (1.5, 4), (0.9, 2.4), (-2, 5), (0.3, 0.9)),
    "Sneaker": Last((6, 9.8), (3, 5), (1.2, 3), (-3, 1.2), (-1, 0.3)),
    "Ankle boot": Last((9.2, 19), (3, 5.5), (0.8, 2.6), (-2, 4.5), (-1.5, 0.2)),
}


def _shoe(draws: Draws, last: Last) -> Batch:
    """A shoe from the side, toe to the left: upper, sole, heel, and straps or laces."""
    canvas = Canvas(draws, shift=1.6, stretch=(0.84, 1.04), turn=0.1)
    shaft, toe, sole = draws.between(*last.shaft), draws.between(*last.toe), draws.between(*last.sole)
    heel, back = np.maximum(draws.between(*last.heel), 0), draws.between(10, 12.8)
    ground = np.float32(3.5) + shaft * np.float32(0.45) + heel * np.float32(0.4)
    over = ground - heel * np.clip((canvas.x + 4) / 9, 0, 1) - canvas.y
    across = canvas.column(np.float32(-13), back)
    below_top = _outline(draws, canvas, shaft, toe, back) - over
    upper = np.minimum(np.minimum(below_top, over), across)
    cloth = _cloth(draws, canvas, upper, plain=0.7) * (1 - _gaps(draws, canvas, upper, over - sole, last.holes))
    laces = ink(np.minimum(upper - 0.8, 2.2 - np.abs(below_top - 1.5))) * waves(canvas.x, np.float32(2.6))
    under = np.minimum(np.minimum(over + 0.6, sole - over), across)
    block = np.minimum(np.minimum(ground - canvas.y, 1 - over), canvas.column(back - draws.between(1.5, 5), back))
    rubber = np.maximum(ink(under), ink(block) * (heel > 1)) * draws.between(0.25, 1)
    return np.maximum(cloth * (1 + laces * draws.between(-0.3, 0.3)), rubber)


def _outline(draws: Draws, canvas: Canvas, shaft: Batch, toe: Batch, back: Batch) -> Batch:
    """Height of the shoe's upper edge: round over the toes, up the instep, down into the opening, up at the back."""
    ankle, rise, dip = draws.between(0, 4), shaft - toe, draws.between(-0.2, 0.3)
    far = np.float32(-13)
    places = [far, far + 1, far + 3, far + 6, ankle - 3, ankle, ankle + 1.5, (ankle + 1.5 + back) / 2, back - 0.5]
    instep = draws.between(0.25, 0.5)
    heights = [toe * 0.4, toe * 0.75, toe, toe, toe + rise * instep * 0.6, toe + rise * (instep + 0.3)]
    return steps(canvas.x, places, [*heights, shaft, shaft - rise * np.maximum(dip, 0), shaft])


def _gaps(draws: Draws, canvas: Canvas, upper: Batch, above_sole: Batch, share: Range) -> Batch:
    """Where an upper is cut out between its straps; its rim stays."""
    holes = np.maximum(draws.between(*share), 0)
    straps = waves(canvas.x + draws.about(0, 0.8) * canvas.y + draws.between(0, 9), draws.between(4.5, 10))
    inside = ink(np.minimum(upper - draws.between(0.7, 1.4), above_sole))
    return inside * ink((straps - 1 + 2 * holes) * 3) * (holes > 0)


# ---- bags -------------------------------------------------------------------------------------------------


def _bag(draws: Draws) -> Batch:
    canvas = _pose(draws)
    top, bottom, wide = draws.between(-7, 1), draws.between(7, 12), draws.between(7, 12.5)
    slant = draws.between(-2.5, 1.5)
    box = canvas.body([top, bottom - 1.5, bottom], [wide + slant, wide, wide - 1.2])
    span, rise = wide * draws.between(0.35, 0.9), draws.between(2, 9)
    handle = np.minimum(
        draws.between(0.5, 1.2) - np.abs(canvas.oval(np.float32(0), top, span, rise)), top - canvas.y + 0.5
    )
    held = draws.chance(0.8)
    cloth = _cloth(draws, canvas, np.maximum(box, handle * held - 9 * (1 - held)))
    flap = line(canvas.y - top - draws.between(1, 6) + draws.about(0, 0.2) * np.abs(canvas.x), 0.5) * ink(box)
    clasp = ink(canvas.oval(np.float32(0), top + 3, draws.between(0.6, 1.8), draws.between(0.6, 1.8))) * draws.chance(
        0.5
    )
    return cloth * (1 - flap * draws.between(0, 0.6)) * (1 + clasp * draws.between(-0.7, 0.5))


_OTHERS: dict[str, Callable[[Draws], Batch]] = {
    "Trouser": _trouser,
    "Bag": _bag,
    **{name: partial(_shoe, last=last) for name, last in LASTS.items()},
}
