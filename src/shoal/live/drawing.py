# SPDX-License-Identifier: Apache-2.0
"""A drawing as the data set would have it: trimmed, scaled and centred as its images once were, step by step.

Every step is kept as a picture with the reason for it. All pictures are uint8 (height, width), 0 the ground and 255
ink. Pure functions: nothing here knows a network, and no step is there to please one.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor

import numpy as np
from PIL import Image, ImageFilter

from shoal import wording
from shoal.errors import UsageError

MOST = 160
"""Pixels a side that a canvas may have."""
FAINT = 12
"""What is no brighter counts as ground: 5% of 255, by which Fashion-MNIST's pictures were trimmed."""
BOX = 20 / 28
"""The part of its field that a digit of MNIST may fill."""
CLOTH = 190
"""What an outline is filled with: about as bright as most cloth of Fashion-MNIST."""
LUMA = np.array([0.299, 0.587, 0.114])
"""How much red, green and blue count in grey (ITU-R BT.601)."""
Area = tuple[int, int]
"""(height, width)."""


@dataclass(frozen=True)
class Step:
    """What has become of the drawing, and why that was done."""

    title: str
    why: str
    image: np.ndarray
    photo: bool = False
    """Whether it is still as it came, so that its ground may be light."""


def prepared(
    canvas: np.ndarray, like: str, area: Area, *, picture: bool = False, fill: bool = False
) -> tuple[Step, ...]:
    """All steps from a canvas to an image of the data set; the last one's image is what networks are given.

    Args:
        canvas: uint8 (height, width), 0 ground and 255 ink; of a picture whatever its ground is, also (height,
            width, 3).
        like: the data set that made its images so: ``"mnist"`` or ``"fashion-mnist"``.
        area: (height, width) of its images.
        picture: whether it is a photograph or a file instead of a drawing, see `from_picture`.
        fill: for clothes, whether to fill what lines enclose.

    Raises:
        UsageError: there is no ink, or too little is left of it, or no such data set is known.
    """
    if like not in RECIPES:
        raise UsageError(f"No recipe makes images like those of {like!r}. Use one of {', '.join(RECIPES)}.")
    first = from_picture(canvas, bilevel=like == "mnist") if picture else (_drawn(canvas),)
    steps = (*first, *RECIPES[like](first[-1].image, area, fill))
    if steps[-1].image.max() <= FAINT:
        raise UsageError(f"Nothing is left of these lines at {show(steps[-1].image)}: they are too thin. Thicken them.")
    return steps


def _drawn(canvas: np.ndarray) -> Step:
    _check("canvas", canvas, [()])
    return Step("Drawn", f"The canvas, {show(canvas)}: 0 where nothing is drawn, 255 in the ink.", canvas)


# ---- MNIST: LeCun, Cortes and Burges ----------------------------------------------------------------------


def as_mnist(ink: np.ndarray, area: Area, fill: bool = False) -> tuple[Step, ...]:
    """Trimmed, scaled to fit a box of 20×20 in 28×28, and centred by mass. Digits are never filled.

    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits".
    """
    box = round(area[0] * BOX), round(area[1] * BOX)
    trimmed = trim(ink, 0)
    scaled = _resized(trimmed, _fitted(trimmed, box), Image.Resampling.HAMMING)
    image = _placed(scaled, area, _mass(scaled))
    return (
        Step("Trimmed", "Only the ink counts, not where on the canvas it is.", trimmed),
        Step(
            "Scaled",
            f"To fit {box[1]} × {box[0]} pixels, its proportions kept, its edges smoothed: in MNIST all digits are of "
            f"one size.",
            scaled,
        ),
        Step("Centred", f"Its centre of mass in the middle of {show(image)}, where MNIST has it.", image),
    )


# ---- Fashion-MNIST: Xiao, Rasul and Vollgraf 2017 ---------------------------------------------------------


def as_fashion_mnist(ink: np.ndarray, area: Area, fill: bool = False) -> tuple[Step, ...]:
    """Trimmed, the longest edge made 28 by leaving out rows and columns, sharpened, and centred.

    The original negates its pictures at the end, white ground becoming black; here ink is bright from the start.
    Source: Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747, section 2.
    """
    why = "What lines enclose is taken for cloth: Fashion-MNIST was made of photographs, which have no outlines."
    whole = (Step("Filled", why, filled(ink)),) if fill else ()
    trimmed = trim(whole[0].image if whole else ink, FAINT)
    scaled = _resized(trimmed, _fitted(trimmed, area), Image.Resampling.NEAREST)
    sharp = np.asarray(Image.fromarray(scaled).filter(ImageFilter.UnsharpMask(radius=1, percent=50, threshold=0)))
    image = _placed(sharp, area, (sharp.shape[0] / 2, sharp.shape[1] / 2))
    return (
        *whole,
        Step("Trimmed", "Edges that are as dark as the ground are cut off.", trimmed),
        Step(
            "Scaled",
            f"Its longest edge made {max(scaled.shape)} pixels by leaving out rows and columns, as Fashion-MNIST did.",
            scaled,
        ),
        Step("Sharpened", "Outlines are made a little stronger, by what a blur of one pixel would take away.", sharp),
        Step("Centred", f"In the middle of {show(image)}.", image),
    )


def filled(ink: np.ndarray) -> np.ndarray:
    """The same with cloth wherever lines enclose the ground, and under their soft inner edge."""
    from scipy.ndimage import binary_dilation, binary_fill_holes

    line = ink > FAINT
    holes = binary_fill_holes(line) & ~line
    return np.where(binary_dilation(holes, iterations=2), np.maximum(ink, np.uint8(CLOTH)), ink)


RECIPES: dict[str, Callable[[np.ndarray, Area, bool], tuple[Step, ...]]] = {
    "mnist": as_mnist,
    "fashion-mnist": as_fashion_mnist,
}


# ---- pictures ---------------------------------------------------------------------------------------------


def from_picture(picture: np.ndarray, *, bilevel: bool = False) -> tuple[Step, ...]:
    """A photograph or a file as if it were drawn: grey, bright on a black ground.

    The ground is what most of the border is. Where it is light, the picture is negated.

    Args:
        picture: uint8 (height, width) or (height, width, 3).
        bilevel: whether ink on paper is either there or not, as in the scans that MNIST was made of.

    Raises:
        UsageError: it is no such array, or one even plane.
    """
    _check("picture", picture, [(), (3,)])
    grey = picture if picture.ndim == 2 else np.rint(picture @ LUMA).astype(np.uint8)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    light = float(np.median(border)) > 127
    ink = 255.0 - grey if light else grey.astype(np.float64)
    ground = float(np.median(255 - border if light else border))
    contrast = float(ink.max()) - ground
    if contrast <= FAINT:
        raise UsageError("Nothing stands out from the ground of this picture. Use one with more contrast.")
    scan = bilevel and light
    low, high = (ground + contrast / 4, ground + contrast * 3 / 4) if scan else (ground, 255.0)
    levelled = np.rint(np.clip((ink - low) * 255 / (high - low), 0, 255)).astype(np.uint8)
    turned = "Its ground is light, so it is negated" if light else "Its ground is dark, so it is not negated"
    shades = ". Half-tones become ink or ground: MNIST was made of black and white scans." if scan else "."
    return (
        Step("Grey", f"{show(grey)}, their colour left out.", grey, photo=True),
        Step("Ground at 0", turned + shades, levelled),
    )


# ---- what recipes share -----------------------------------------------------------------------------------


def trim(ink: np.ndarray, ground: int) -> np.ndarray:
    """The part from the first row and column with something brighter than the ground to the last ones.

    Raises:
        UsageError: there is no ink.
    """
    rows, columns = (np.flatnonzero((ink > ground).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        raise UsageError("Nothing is drawn yet. Draw something first.")
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def show(image: np.ndarray) -> str:
    """ "160 × 120 pixels": the width comes first, as on screens."""
    return f"{image.shape[1]} × {image.shape[0]} pixels"


def _check(what: str, pixels: np.ndarray, colours: Sequence[tuple[int, ...]]) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim < 2 or pixels.shape[2:] not in colours or not pixels.size:
        raise UsageError(
            f"A {what} is uint8 (height, width), at least one pixel each way, not {pixels.dtype} {pixels.shape}."
        )


def _fitted(ink: np.ndarray, area: Area) -> Area:
    """The largest size within an area that keeps the proportions; a thin line stays one pixel thick."""
    ratio = min(area[0] / ink.shape[0], area[1] / ink.shape[1])
    return max(1, round(ink.shape[0] * ratio)), max(1, round(ink.shape[1] * ratio))


def _resized(ink: np.ndarray, size: Area, resampling: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(np.ascontiguousarray(ink)).resize((size[1], size[0]), resampling))


def _mass(ink: np.ndarray) -> tuple[float, float]:
    """The row and column of the centre of mass, counted from 0; the middle of what has none.

    MNIST's own is at 14 of 28, counted so: half a pixel below and to the right of the middle.
    """
    weight = ink.astype(np.float64) + (not ink.any())
    rows, columns = map(np.arange, ink.shape)
    return float(weight.sum(axis=1) @ rows / weight.sum()), float(weight.sum(axis=0) @ columns / weight.sum())


def _placed(ink: np.ndarray, area: Area, centre: tuple[float, float]) -> np.ndarray:
    """A point of the ink in the middle of an area, or as near as all of the ink stays on it. Halves are rounded up."""
    image = np.zeros(area, np.uint8)
    top, left = (
        min(max(floor(size / 2 - at + 0.5), 0), size - extent)
        for size, at, extent in zip(area, centre, ink.shape, strict=True)
    )
    image[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return image


def decoded(pixels: str, width: int, height: int) -> np.ndarray:
    """uint8 (height, width) of a canvas as it travels: base64 of its bytes, row by row.

    Raises:
        UsageError: sides below 1 or above `MOST`, or not as many bytes.
    """
    if not (1 <= width <= MOST and 1 <= height <= MOST):
        raise UsageError(f"A canvas of {width} × {height} pixels: expected 1 to {MOST} a side. Scale it down first.")
    try:
        content = b64decode(pixels, validate=True)
    except (NotBase64, ValueError) as reason:
        raise UsageError(f"The canvas's pixels are not base64: {reason}. Send a byte for each pixel.") from None
    if len(content) != width * height:
        raise UsageError(
            f"{width} × {height} pixels need {wording.count(width * height, 'byte')}, but {len(content):,} came. "
            f"Send one for each."
        )
    return np.frombuffer(content, np.uint8).reshape(height, width)
