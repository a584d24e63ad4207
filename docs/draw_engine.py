# SPDX-License-Identifier: Apache-2.0
"""Draws the pictures of docs/engine.md. It measures nothing: what is drawn follows from the constants in native/ and
the shapes of LeNet.

    python docs/draw_engine.py
"""

from pathlib import Path

from drawings import arenas, blocks, stages, tile, timeline, tree

IMAGES = Path(__file__).with_name("images")
PICTURES = {
    "engine-tile": tile.draw,
    "engine-arenas": arenas.draw,
    "engine-blocks": blocks.draw,
    "engine-stages": stages.draw,
    "engine-step": timeline.draw,
    "engine-sums": tree.draw,
}

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (IMAGES / f"{name}.svg").write_text(draw().svg())
