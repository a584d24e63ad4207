# SPDX-License-Identifier: Apache-2.0
"""What each layer of a network makes of one drawing, as pictures: pure functions of weights and an image.

All pictures of a layer are on one scale, so that a weak one looks weak. Layers whose outputs have no places have none.
"""

from base64 import b64encode
from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from shoal import wording
from shoal.data import Dataset
from shoal.engines import Tensors, reference, scaling
from shoal.live.draw_models import classes
from shoal.models import Conv2d, Dropout, Layer, Linear, MaxPool2d, PoolSpec, describe
from shoal.models.layers import ActivationSpec
from shoal.study import Config

MOST = 32
"""Pictures of a layer that are shown."""


class Maps(TypedDict):
    """The pictures that one layer makes."""

    name: str
    words: str
    """What to see in them."""
    shape: tuple[int, int, int]
    """(pictures, height, width)."""
    scheme: str
    """``"ink"``: uint8, 0 for low and 255 for high; ``"signed"``: int8, ±127 for high and its negative, low."""
    low: float
    high: float
    pixels: str
    """base64 of the bytes of all pictures."""
    names: list[str]
    """What each picture stands for; empty where that has no name."""
    left_out: int
    """Further pictures that are not shown."""


def layers(config: Config, tensors: Tensors, image: np.ndarray, dataset: Dataset) -> list[Maps]:
    """What each layer makes of an image uint8 (channels, height, width), as far as its output is images.

    Of a network that has no such layer: what its first `Linear` weighs, weight × pixel.
    """
    model, float32 = config.model, np.dtype(np.float32)
    single = {name: np.asarray(tensor, float32) for name, tensor in tensors.items()}
    with np.errstate(over="ignore", invalid="ignore"):
        inputs = reference.pixels(image[np.newaxis], scaling(config, dataset), float32)
        received = reference.forward(model, single, inputs)
    found = [
        maps(describe(layer), sentence(layer), out[0])
        for layer, out in zip(model.layers, received[1:], strict=True)
        if out.ndim == 4 and not isinstance(layer, Dropout)
    ]
    return found or weighed(config, single, received, image.shape, classes(model, dataset))


def weighed(
    config: Config, tensors: Tensors, received: Sequence[np.ndarray], shape: tuple[int, ...], names: Sequence[str]
) -> list[Maps]:
    """Weight × pixel for each unit of the first `Linear`, if that sees the image (of this shape) and nothing less.

    Args:
        received: what each layer received, then the logits; of one example.
        names: of the classes.
    """
    linear = config.model.layers
    at = next((at for at, layer in enumerate(linear) if isinstance(layer, Linear)), None)
    if at is None or received[at].size != np.prod(shape):
        return []
    shares = (tensors[f"{at}.weight"] * received[at]).reshape(-1, *shape).sum(axis=1)
    if at == len(linear) - 1:
        words = "Weight × pixel for each class: vermillion speaks for it, blue against it. The largest sum wins."
        return [maps(describe(linear[at]), words, shares, names)]
    order = np.argsort(-np.abs(received[at + 1][0]), kind="stable")[:MOST]
    words = (
        f"Weight × pixel for the {len(order)} of {wording.count(len(shares), 'unit')} that this drawing moves most: "
        f"vermillion raises a unit, blue lowers it. Later layers see no places any more."
    )
    return [maps(describe(linear[at]), words, shares[order], [f"unit {unit + 1}" for unit in order])]


def maps(name: str, words: str, values: np.ndarray, names: Sequence[str] = ()) -> Maps:
    """Pictures (n, height, width) on one scale: around zero where any is negative, else from the least to the most."""
    shown = np.nan_to_num(values[:MOST].astype(np.float64))
    low, high = float(shown.min()), float(shown.max())
    signed = low < 0
    if signed:
        high = max(high, -low)
        low = -high
        pixels = np.rint(shown / high * 127).astype(np.int8)
    else:
        pixels = np.rint((shown - low) / ((high - low) or 1.0) * 255).astype(np.uint8)
    return Maps(
        name=name,
        words=words,
        shape=(shown.shape[0], shown.shape[1], shown.shape[2]),
        scheme="signed" if signed else "ink",
        low=low,
        high=high,
        pixels=b64encode(pixels.tobytes()).decode(),
        names=list(names[:MOST]),
        left_out=len(values) - len(shown),
    )


def sentence(layer: Layer) -> str:
    """What to see in a layer's pictures."""
    if isinstance(layer, Conv2d):
        kernel = f"{layer.kernel_size} × {layer.kernel_size}"
        return f"Each slides its own {kernel} kernel over the input: vermillion where they agree, blue where not."
    if isinstance(layer, PoolSpec):
        kept = "largest value" if isinstance(layer, MaxPool2d) else "mean"
        window = f"{layer.kernel_size} × {layer.kernel_size}"
        return f"The {kept} of every {window} window stays: fewer pixels, and a small shift matters less."
    if isinstance(layer, ActivationSpec):
        return "The same curve bends every value, each in its place."
    return ""
