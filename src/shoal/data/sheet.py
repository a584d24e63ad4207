# SPDX-License-Identifier: Apache-2.0
"""A contact sheet: one row per class, pixels shown as squares, nothing smoothed.

``python -m shoal.data.sheet FILE.png`` draws the one of the sketches in the documentation.
"""

import sys
from typing import TYPE_CHECKING

import numpy as np

from shoal.data.dataset import Dataset

if TYPE_CHECKING:
    from PIL.Image import Image

ZOOM, GAP = 3, 6


def contact_sheet(dataset: Dataset, columns: int = 12) -> "Image":
    """The first test images of every class, row by row, light on dark as they are stored."""
    from PIL import Image

    size = dataset.image_shape[1] * ZOOM, dataset.image_shape[2] * ZOOM
    step = size[0] + GAP, size[1] + GAP
    sheet = np.full((len(dataset.classes) * step[0] + GAP, columns * step[1] + GAP), 24, np.uint8)
    for row in range(len(dataset.classes)):
        for column, place in enumerate(np.flatnonzero(dataset.test.labels == row)[:columns]):
            pixels = dataset.test.images[place, 0].repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
            top, left = GAP + row * step[0], GAP + column * step[1]
            sheet[top : top + size[0], left : left + size[1]] = pixels
    return Image.fromarray(sheet)


def main(path: str) -> None:
    """Garments on the left, digits on the right."""
    from PIL import Image

    from shoal.data import sketches

    sheets = [contact_sheet(drawn(train=10, test=1000)) for drawn in (sketches.garments, sketches.digits)]
    both = Image.new("L", (sum(sheet.width for sheet in sheets) + 4 * GAP, sheets[0].height), 255)
    both.paste(sheets[0], (0, 0))
    both.paste(sheets[1], (sheets[0].width + 4 * GAP, 0))
    both.save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
