# SPDX-License-Identifier: Apache-2.0
"""What the formulas are written in: arrays, and the windows that slide over images.

Shapes, in all files here: B examples, C channels of H×W, O output channels or features, I input features, K kernel
size, Y×X places a window takes. ``d`` before a name is the derivative of the loss by it.
"""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Array = npt.NDArray[np.floating]
Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.integer]
Mask = npt.NDArray[np.bool_]


def windows(inp: Array, kernel: int, stride: int, padding: int, fill: float = 0.0) -> Array:
    """What a window sees at each place: a view (B, C, Y, X, K, K) of inp (B, C, H, W) inside its padding."""
    if padding:
        edge = (padding, padding)
        inp = np.pad(inp, ((0, 0), (0, 0), edge, edge), constant_values=fill)
    return sliding_window_view(inp, (kernel, kernel), axis=(2, 3))[:, :, ::stride, ::stride]


def fold(dseen: Array, shape: tuple[int, ...], stride: int, padding: int) -> Array:
    """The transpose of `windows`: dinp (B, C, H, W), each pixel summed over all windows (B, C, Y, X, K, K) on it."""
    batch, channels, high, wide = shape
    rows, columns, kernel = dseen.shape[2], dseen.shape[3], dseen.shape[4]
    padded = np.zeros((batch, channels, high + 2 * padding, wide + 2 * padding), dseen.dtype)
    for y in range(kernel):
        for x in range(kernel):
            padded[:, :, y : y + stride * rows : stride, x : x + stride * columns : stride] += dseen[..., y, x]
    return padded[:, :, padding : padding + high, padding : padding + wide]
