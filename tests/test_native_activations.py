# SPDX-License-Identifier: Apache-2.0
"""The native activations on their own, value by value: the bounds their kernels state, and the ends of the line."""

from typing import Any

import numpy as np
import pytest
from scipy.special import expit, ndtr

from shoal.engines.native import NativeEngine, instruction_sets
from shoal.models import GELU, Flatten, LeakyReLU, Linear, Model, ReLU, Sigmoid, SiLU, Tanh
from shoal.optimizers import SGD
from shoal.study import Config
from small_data import patches

SETS = instruction_sets()
EXACT: dict[Any, Any] = {  # by layer: what it is in float64
    ReLU(): lambda x: np.where(x <= 0, 0, x),
    LeakyReLU(0.25): lambda x: np.where(x > 0, x, 0.25 * x),
    Sigmoid(): expit,
    Tanh(): np.tanh,
    GELU(): lambda x: x * ndtr(x),
    SiLU(): lambda x: x * expit(x),
}
ULPS = {ReLU(): 0, LeakyReLU(0.25): 0, Sigmoid(): 3, Tanh(): 2, GELU(): 7, SiLU(): 3}
RANGE = {GELU(): 12.5}  # to the left of it, and of -87 for the others, results are no normal floats
LIMITS = {  # at NaN, infinity, minus infinity
    ReLU(): (np.nan, np.inf, 0),
    LeakyReLU(0.25): (np.nan, np.inf, -np.inf),
    Sigmoid(): (np.nan, 1, 0),
    Tanh(): (np.nan, 1, -1),
    GELU(): (np.nan, np.inf, 0),
    SiLU(): (np.nan, np.inf, 0),
}


def activated(layer: Any, slopes: np.ndarray, levels: np.ndarray, isa: str) -> np.ndarray:
    """The layer at slope times level, for every pair: (levels, slopes), with levels of grey from 0 to 255 as 0 to 1."""
    model = Model((Flatten(), Linear(1, len(slopes)), layer), (1, 1, 1), name="one by one")
    tensors = {"1.weight": slopes[:, None], "1.bias": np.zeros_like(slopes)}
    data = patches(train=1, test=1, shape=(1, 1, 1))
    config = Config(data="patches", model=model, optimizer=SGD(lr=1), epochs=1)
    images = levels.astype(np.uint8)[:, None, None, None]
    return NativeEngine(instruction_set=isa).predict(model, tensors, images, config, data)


@pytest.mark.parametrize("layer", EXACT, ids=str)
@pytest.mark.parametrize("isa", SETS)
def test_as_close_as_the_kernels_say(layer: Any, isa: str) -> None:
    reach = RANGE.get(layer, 86)
    slopes = np.concatenate([np.linspace(-end, end, 150) for end in (1, 6, reach)]).astype(np.float32)
    levels = np.arange(256)
    inputs = (levels.astype(np.float32) * np.float32(1 / 255))[:, None] * slopes
    exact = EXACT[layer](inputs.astype(np.float64))
    off = np.abs(activated(layer, slopes, levels, isa) - exact) / np.spacing(np.abs(exact).astype(np.float32))
    unfused = layer == GELU() and isa == "portable"  # what squaring loses is only found by a fused multiply-add
    assert off.max() <= (150 if unfused else ULPS[layer])


@pytest.mark.parametrize("layer", EXACT, ids=str)
@pytest.mark.parametrize("isa", SETS)
def test_right_where_numbers_end(layer: Any, isa: str) -> None:
    ends = np.array([np.nan, np.inf, -np.inf], np.float32)
    assert np.array_equal(activated(layer, ends, np.array([255]), isa)[0], LIMITS[layer], equal_nan=True)


@pytest.mark.parametrize("layer", EXACT, ids=str)
@pytest.mark.skipif({"x86_64_v3", "x86_64_v4"} - set(SETS) != set(), reason="needs both instruction sets")
def test_the_same_bits_whatever_the_width_of_a_vector(layer: Any) -> None:
    slopes, levels = np.linspace(-200, 200, 301).astype(np.float32), np.arange(256)
    narrow, wide = (activated(layer, slopes, levels, isa) for isa in ("x86_64_v3", "x86_64_v4"))
    assert np.array_equal(narrow, wide)
