# SPDX-License-Identifier: Apache-2.0
"""What the native engine does for a tile of sixteen examples, from shapes alone: vector multiply-adds and loads of its
register blocks under AVX-512, and the bytes that pass through the second-level cache. Nothing is measured here.

It repeats the rules of `native/kernels/linear.cpp`, `native/kernels/conv2d.cpp`, `native/kernels/blocks.h`,
`native/layout.cpp` and `native/batch.cpp`, for chains without batch normalisation, dropout and sums. A vector holds one
value of all sixteen examples, so a vector multiply-add a tile is a multiply-add an example.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, prod

from shoal.models import AvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, Model

TILE, REGISTERS = 16, 32
ROW = 4 * TILE
"""Bytes of a value of a tile."""
PIECE_ROWS, PIECE_PANELS = 48, 4
MOST_KEPT, MOST_TILES = 1 << 18, 16
FIRST_CACHE = 32 * 1024
"""Bytes: an array that is larger passes again each time it is read."""
FORWARD, INPUT, WEIGHT = "forward", "input gradient", "weight gradient"


@dataclass(frozen=True)
class Work:
    """Of one layer's product and one tile.

    Args:
        needed: multiply-adds that the formula asks for (the zeros around an image counted, as `Model.flops` does).
        done: those that the blocks execute: overlapping and padded ones too, rows outside an image left out.
        loads: of vectors or broadcast numbers, inside the blocks.
    """

    layer: int
    product: str
    needed: int
    done: int
    loads: float


def split(count: int, largest: int) -> list[int]:
    """`split` of blocks.h: the fewest blocks of at most ``largest``, as equal as they can be."""
    blocks = ceil(count / largest)
    return [ceil((count - start) / (blocks - block)) for block, start in enumerate(_starts(count, blocks))]


def _starts(count: int, blocks: int) -> Iterator[int]:
    start = 0
    for block in range(blocks):
        yield start
        start += ceil((count - start) / (blocks - block))


# ---- linear layers ------------------------------------------------------------------------------------


def multiply(terms: int, outputs: int, tiles: int) -> tuple[int, float]:
    """Multiply-adds and loads a tile of out (outputs, L) = weight (terms, outputs) @ inp (terms, L)."""
    most = min(TILE, (REGISTERS - tiles - 1) // tiles)
    return terms * outputs, sum(terms * (tiles + size) / tiles for size in split(outputs, most))


def linear_forward(inputs: int, outputs: int, tiles: int) -> tuple[int, float]:
    """Panel by panel; the last has only the outputs that are there."""
    panels = [multiply(inputs, min(TILE, outputs - first), tiles) for first in range(0, outputs, TILE)]
    return sum(done for done, _ in panels), sum(loads for _, loads in panels)


def linear_backward_weight(inputs: int, outputs: int) -> tuple[int, float]:
    """Whole panels of sixteen outputs, in pieces."""
    done = loads = 0
    for rows in _pieces(inputs, PIECE_ROWS):
        for piece in _pieces(ceil(outputs / TILE), PIECE_PANELS):
            most = min(14, (REGISTERS - piece - 1) // piece)
            for size in split(rows, most):
                done += TILE * size * piece
                loads += TILE * (size + piece)
    return done, float(loads)


def _pieces(count: int, size: int) -> list[int]:
    return [min(size, count - first) for first in range(0, count, size)]


# ---- convolutions -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Convolution:
    """A convolution of an image of ``channels`` × ``size`` to ``outputs`` × ``out_size``."""

    channels: int
    size: tuple[int, int]
    outputs: int
    out_size: tuple[int, int]
    kernel: int
    stride: int
    padding: int

    def inside(self, at: int, count: int, size: int) -> int:
        """Offsets of the kernel at which some of ``count`` windows, from window ``at`` on, sees a real pixel."""
        first = self.padding - (at + count - 1) * self.stride
        last = size + self.padding - at * self.stride
        return max(min(last, self.kernel) - max(first, 0), 0)

    def columns(self, pixels: int) -> list[int]:
        """Of each block of so many neighbours in a row: the kernel's columns that are not skipped."""
        width = self.out_size[1]
        return [self.inside(min(at, width - pixels), pixels, self.size[1]) for at in range(0, width, pixels)]

    def channels_of(self, pixels: int) -> list[int]:
        """The blocks of outputs beside so many pixels."""
        return split(self.outputs, min(8, (REGISTERS - 1) // (pixels + 1)))

    def cost(self, pixels: int) -> int:
        """`cost` of conv2d.cpp: about the cycles of one row of the kernel over one of the image."""
        columns = self.columns(pixels)
        return sum(sum(columns) * max(c * pixels, c + pixels) + 6 * len(columns) for c in self.channels_of(pixels))

    def pixels(self) -> int:
        """The block's width: the cheapest that fits, of equals the widest."""
        widths = (1, 2, 3, 4, 5, 7) if self.stride == 1 else (1, 2, 4)
        return min((w for w in widths if w <= self.out_size[1]), key=lambda w: (self.cost(w), -w))

    def forward(self) -> tuple[int, float]:
        """Multiply-adds and loads of a tile."""
        pixels = self.pixels()
        rows = sum(self.inside(y, 1, self.size[0]) for y in range(self.out_size[0]))
        steps = self.channels * rows * sum(self.columns(pixels))
        blocks = self.channels_of(pixels)
        return steps * pixels * sum(blocks), float(steps * sum(c + pixels for c in blocks))

    def backward_weight(self) -> tuple[int, float]:
        """The same of the weight gradient: blocks of the kernel's columns × outputs."""
        height, width = self.out_size
        rows = sum(self.inside(y, 1, self.size[0]) for y in range(height))
        done = loads = 0
        for columns in split(self.kernel, 5):
            for channels in split(self.outputs, min(8, (REGISTERS - 1) // (columns + 1))):
                steps = self.channels * rows * width
                done += steps * columns * channels
                loads += steps * (columns + channels)
        return done, float(loads)

    def backward_input(self) -> "Convolution":
        """The convolution that makes the input's gradient, of the output's with zeros between where it strides."""
        height, width = ((n - 1) * self.stride + 1 for n in self.out_size)
        padding = self.kernel - 1 - self.padding
        return Convolution(self.outputs, (height, width), self.channels, self.size, self.kernel, 1, padding)


def convolution(layer: Conv2d, inp: tuple[int, ...], out: tuple[int, ...]) -> Convolution:
    """Of a layer between two shapes."""
    size, out_size = (inp[1], inp[2]), (out[1], out[2])
    return Convolution(inp[0], size, out[0], out_size, layer.kernel_size, layer.stride, layer.padding)


# ---- models -------------------------------------------------------------------------------------------


def tiles_together(model: Model) -> int:
    """Two tiles share every weight unless there are images to convolve."""
    return 1 if any(isinstance(layer, Conv2d) for layer in model.layers) else 2


def work(model: Model) -> list[Work]:
    """The products of one tile there and back, in the model's order."""
    found: list[Work] = []
    shapes, tiles = model.shapes(), tiles_together(model)
    for index, layer in enumerate(model.layers):
        if isinstance(layer, Linear):
            inputs, outputs = layer.in_features, layer.out_features
            counts = {
                FORWARD: linear_forward(inputs, outputs, tiles),
                INPUT: multiply(outputs, inputs, tiles),
                WEIGHT: linear_backward_weight(inputs, outputs),
            }
        elif isinstance(layer, Conv2d):
            conv = convolution(layer, shapes[index], shapes[index + 1])
            counts = {
                FORWARD: conv.forward(),
                INPUT: conv.backward_input().forward(),
                WEIGHT: conv.backward_weight(),
            }
        else:
            continue
        if not found:
            del counts[INPUT]  # nobody needs the gradient of the pixels
        needed = layer.flops(shapes[index], shapes[index + 1]) // 2
        found += [Work(index, product, needed, *count) for product, count in counts.items()]
    return found


def packed(layer: Linear | Conv2d) -> int:
    """Floats of a layer's weight as the engine keeps it: outputs of a linear layer in whole panels."""
    if isinstance(layer, Linear):
        return layer.in_features * _up(layer.out_features)
    return _up(layer.out_channels * layer.in_channels * layer.kernel_size**2)


def weights(model: Model) -> int:
    """Floats of all weights, packed."""
    return sum(packed(layer) for layer in model.layers if isinstance(layer, Linear | Conv2d))


def block(model: Model, tiles: int) -> int:
    """Tiles whose inputs and gradients of linear layers are kept at once."""
    kept = 1
    for layer in model.layers:
        if isinstance(layer, Linear):
            kept += (layer.in_features + _up(layer.out_features)) * TILE
        elif isinstance(layer, Conv2d):
            kept += packed(layer) + _up(layer.out_channels)
    return max(1, min(MOST_KEPT // kept, tiles, MOST_TILES))


def traffic(model: Model, batch: int, moments: int = 0) -> int:
    """Bytes of a step that kernels read and write, each array once a pass; what fits into the first-level cache
    passes once however often a kernel reads it.

    Args:
        moments: arrays as large as the weights that the optimizer keeps.
    """
    shapes, tiles = model.shapes(), ceil(batch / TILE)
    groups, blocks = ceil(tiles / tiles_together(model)), ceil(tiles / block(model, tiles))
    first = next(index for index, layer in enumerate(model.layers) if isinstance(layer, Linear | Conv2d))
    total = tiles * prod(shapes[0]) * (TILE + ROW)  # bytes in, values out
    for index, layer in enumerate(model.layers):
        inp, out = prod(shapes[index]) * ROW, prod(shapes[index + 1]) * ROW
        back = index > first
        if isinstance(layer, Linear):
            weight, turned = 4 * packed(layer), _up(layer.out_features) * ROW
            panels, rows = ceil(turned / ROW / TILE / PIECE_PANELS), ceil(layer.in_features / PIECE_ROWS)
            total += (1 + back) * (groups * weight + tiles * (inp + out)) + tiles * (out + turned)
            total += tiles * (inp * panels + _again(turned, rows)) + (2 * blocks - 1) * weight
        elif isinstance(layer, Conv2d):
            conv = convolution(layer, shapes[index], shapes[index + 1])
            total += tiles * _convolved(conv, inp, out, back)
        elif isinstance(layer, MaxPool2d | AvgPool2d):
            total += tiles * ((1 + back) * (inp + out) + (inp + out) * isinstance(layer, MaxPool2d))
        elif not isinstance(layer, Flatten):  # an activation: there in place; back its output, and in place again
            total += tiles * 5 * out
    return total + (2 + 2 * moments) * 4 * weights(model)


def _convolved(conv: Convolution, inp: int, out: int, back: bool) -> int:
    """Of one tile: there, the weight gradient, and back."""
    total = _again(inp, len(conv.channels_of(conv.pixels()))) + out
    blocks = len(split(conv.outputs, min(8, (REGISTERS - 1) // (min(conv.kernel, 5) + 1))))
    passes = conv.channels * conv.kernel
    total += _again(inp, blocks * conv.kernel) + blocks * _again(out // blocks, passes)
    if back:
        turned = conv.backward_input()
        total += _again(out, len(turned.channels_of(turned.pixels()))) + inp
    return total


def _again(size: int, times: int) -> int:
    return size * times if size > FIRST_CACHE else size


def _up(count: int) -> int:
    return ceil(count / TILE) * TILE
