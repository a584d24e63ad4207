# SPDX-License-Identifier: Apache-2.0
"""The random streams: initial weights, example orders, hold-outs. Every engine gets its numbers here.

A stream is named by what it is for: ``(purpose, seed, index)``. The name is hashed into the key of a
counter-based generator (Philox 4x64-10; Salmon et al. 2011), so a stream depends on nothing drawn before
it. Only raw bits are taken from NumPy, whose distributions may change between versions. Within a seed all
configs share their draws (common random numbers); two seeds share nothing.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from shoal.models import Init, Model, Normal


def bits(count: int, purpose: str, seed: int, index: int = 0) -> np.ndarray:
    """uint64 (count,): the stream's first ``count`` words."""
    return np.random.Philox(key=_key(purpose, seed, index)).random_raw(count)


def _key(purpose: str, seed: int, index: int) -> int:
    """128 bits: the key of the generator behind the stream of that name."""
    name = f"shoal/{purpose}/{seed}/{index}".encode()
    return int.from_bytes(hashlib.sha256(name).digest()[:16], "little")


def uniforms(count: int, purpose: str, seed: int, index: int = 0) -> np.ndarray:
    """float64 (count,), uniform in the open interval (0, 1)."""
    words = bits(count, purpose, seed, index)
    return ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def normals(count: int, purpose: str, seed: int, index: int = 0) -> np.ndarray:
    """float64 (count,), standard normal: the inverse distribution function of `uniforms`."""
    from scipy.special import ndtri

    return np.asarray(ndtri(uniforms(count, purpose, seed, index)))


@lru_cache(maxsize=64)
def order(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of examples in an epoch: a permutation of ``range(count)``, uint32 (count,), read-only.

    It depends on neither model nor batch size: all configs of a seed see the same order.
    """
    permutation = np.argsort(bits(count, "order", seed, epoch), kind="stable").astype(np.uint32)
    permutation.flags.writeable = False
    return permutation


def holdout(count: int, held: int) -> tuple[np.ndarray, np.ndarray]:
    """Which training examples to train on and which ``held`` ones to choose by: two sorted uint32 arrays.

    The same for every seed, so that choices made on it are about one set of images.
    """
    shuffled = np.argsort(bits(count, "holdout", 0), kind="stable").astype(np.uint32)
    return np.sort(shuffled[held:]), np.sort(shuffled[:held])


def initial_weights(model: Model, init: Init, seed: int) -> dict[str, np.ndarray]:
    """The weights and buffers a run of this seed begins with: name to float32 array in PyTorch's layout.

    The underlying draws of a parameter are keyed by its position among those of the model that are drawn, so models
    with equal shapes begin equal, with and without batch normalisation, and different `init` rules stretch the same
    draws.
    """
    weights = {}
    drawn = (parameter for parameter in model.parameters() if parameter.start is None)
    for index, parameter in enumerate(drawn):
        if isinstance(init, Normal):
            draws = np.zeros(parameter.size) if parameter.is_bias else normals(parameter.size, "weights", seed, index)
            values = init.std * draws
        else:
            values = init.bound(parameter) * (2 * uniforms(parameter.size, "weights", seed, index) - 1)
        weights[parameter.name] = values.astype(np.float32).reshape(parameter.shape)
    tensors = (*model.parameters(), *model.buffers())
    weights |= {one.name: np.full(one.shape, one.start, np.float32) for one in tensors if one.start is not None}
    return {one.name: weights[one.name] for one in tensors}


def dropout_key(seed: int, layer: int) -> tuple[int, int]:
    """The two words, low and high, of the key behind `dropout_words`, for engines that draw them themselves."""
    key = _key("dropout", seed, layer)
    return key & (2**64 - 1), key >> 64


def dropout_words(seed: int, layer: int, epoch: int, places: Sequence[int] | np.ndarray, units: int) -> np.ndarray:
    """What decides who is dropped: uint16 (len(places), units), one word a unit, channel-major.

    The words of one example in one epoch at one layer are a stretch of a stream of their own, so they depend neither
    on the minibatch that the example is in nor on who computes it.

    Args:
        layer: index of the `Dropout` among the model's layers.
        epoch: epochs done before this one.
        places: where in the epoch's order the examples stand, 0 for its first.
    """
    key, blocks = _key("dropout", seed, layer), -(-units // 16)
    words = np.empty((len(places), blocks * 4), "<u8")
    for row, place in zip(words, places, strict=True):
        row[:] = np.random.Philox(key=key, counter=[0, int(place), epoch, 0]).random_raw(blocks * 4)
    return words.view("<u2")[:, :units]
