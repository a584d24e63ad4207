# SPDX-License-Identifier: Apache-2.0
"""The register blocks of the products: how many sums, loads and registers, by the constants and rules in native/."""

import re
from pathlib import Path
from typing import NamedTuple

from drawings.pen import WIDTH, Picture
from drawings.tile import LANES

NATIVE = Path(__file__).parent.parent.parent / "native"
RULES = {
    "linear.cpp": (
        "MOST = at_most(TILE, (REGISTERS - TILES * VECS - 1) / (TILES * VECS))",
        "TOGETHER = REGISTERS / VECS >= 32 ? 2 : 1",
        "MOST = at_most(14, (REGISTERS - PANELS * VECS - 1) / (PANELS * VECS))",
        "MOST_PANELS = LANES == 16 ? 4 : 1",
    ),
    "conv2d.cpp": (
        "MOST = at_most(8, (REGISTERS - 1) / (PIXELS + 1))",
        "cheapest<true, 1, 2, 3, 4, 5, 7>",
        "MOST_COLUMNS = 5",
        "MOST = at_most(8, (REGISTERS - 1) / (COLUMNS + 1))",
    ),
}
"""The rules that `blocks` follows, as they stand in native/kernels/."""
SETS = {"AVX-512": "__AVX512F__", "AVX2": "__AVX2__"}
CELL = 13
COLUMNS = 5
"""Of a kernel of 5: MOST_COLUMNS in native/kernels/conv2d.cpp."""


class Block(NamedTuple):
    """``down`` × ``across`` sums. For each step of the sums what stands at both sides is loaded, and one side held."""

    product: str
    down: int
    down_is: str
    across: int
    across_is: str
    held: int
    """Registers for the side that is held; the other comes one by one, through one more."""

    @property
    def sums(self) -> int:
        return self.down * self.across

    @property
    def loads(self) -> int:
        return self.down + self.across

    @property
    def registers(self) -> int:
        return self.sums + self.held + 1

    @property
    def ratio(self) -> str:
        """Loads for a multiply-add."""
        return f"{self.loads / self.sums + 1e-9:.2f}"


def machine(macro: str) -> tuple[int, int]:
    """Registers, and vectors of a value, that native/vec.h has for a macro."""
    found = re.search(rf"{macro}\)\n.*LANES = (\d+);\n.*REGISTERS = (\d+);", (NATIVE / "vec.h").read_text())
    assert found, f"native/vec.h no longer says LANES and REGISTERS for {macro}"
    return int(found[2]), LANES // int(found[1])


def blocks(registers: int, vectors: int) -> list[Block]:
    """The largest blocks of wide layers, by `RULES`."""
    tiles = 2 if registers // vectors >= 32 else 1
    across, inputs = tiles * vectors, "tiles" if vectors == 1 else "half tiles"
    most = min(LANES, (registers - across - 1) // across)
    wide, panels = (4, "panels") if vectors == 1 else (vectors, "half panels")
    rows = min(14, (registers - wide - 1) // wide)
    pixels = min((1, 2, 3, 4, 5, 7), key=lambda one: 1 / one + 1 / _beside(one, registers))
    channels, beside = _beside(pixels, registers), _beside(COLUMNS, registers)
    return [
        Block("Linear", _equal(LANES, most), "weights", across, inputs, across),
        Block("Linear, input gradient", most, "weights", across, inputs, across),
        Block("Linear, weight gradient", rows, "inputs", wide, panels, wide),
        Block("Conv2d, there and back", channels, "weights", pixels, "pixels", channels),
        Block("Conv2d, weight gradient", COLUMNS, "pixels", beside, "channels", beside),
    ]


def _equal(count: int, most: int) -> int:
    """The largest of the fewest blocks of at most ``most``, as equal as can be: `split` of native/kernels/blocks.h."""
    return -(-count // -(-count // most))


def _beside(side: int, registers: int) -> int:
    """How many fit beside so many pixels or columns, with one side held."""
    return min(8, (registers - 1) // (side + 1))


def draw() -> Picture:
    """Small multiples: products across, instruction sets down."""
    picture = Picture(WIDTH, 500, "Register blocks: how many loads a multiply-add needs")
    for (name, macro), top in zip(SETS.items(), (34, 320), strict=True):
        registers, vectors = machine(macro)
        floats = f"{registers} registers of {LANES // vectors} floats"
        picture.words(30, top, f"{name}: {floats}", bold=True)
        for column, block in enumerate(blocks(registers, vectors)):
            _draw_block(picture, 30 + column * 160, top + 30, block)
    return picture


def _draw_block(picture: Picture, left: float, top: float, block: Block) -> None:
    for line, words in enumerate(block.product.split(", ")):
        picture.words(left, top + 15 * line, words, "soft" if line else "ink", size=12)
    x0, y0 = left + 10, top + 36
    for across in range(block.across):
        picture.box(x0 + across * CELL, y0 - 9, CELL - 2, 5, "sky", radius=1)
    for down in range(block.down):
        picture.box(x0 - 9, y0 + down * CELL, 5, CELL - 2, "orange", radius=1)
        for across in range(block.across):
            x, y = x0 + across * CELL, y0 + down * CELL
            picture.box(x, y, CELL - 2, CELL - 2, "ink", "ink", tint=0.12, radius=1, thick=0.8)
    x = x0 + block.across * CELL + 8
    picture.words(x, y0 + 9, f"{block.down} {block.down_is}", "orange-text", size=11)
    picture.words(x, y0 + 23, f"+ {block.across} {block.across_is}", "sky-text", size=11)
    picture.words(x, y0 + 41, f"{block.loads} / {block.sums}", size=11.5)
    picture.words(x, y0 + 59, f"= {block.ratio}", size=14, bold=True)
    picture.words(x, y0 + 75, f"{block.registers} registers", "soft", size=11)
