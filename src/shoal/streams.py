# SPDX-License-Identifier: Apache-2.0
"""The random streams: initial weights, example orders, hold-outs. Every engine gets its numbers here.

A stream is named by what it is for: ``(purpose, seed, index)``. The name is hashed into the key of a
counter-based generator (Philox 4x64-10; Salmon et al. 2011), so a stream depends on nothing drawn before
it. Only raw bits are taken from NumPy, whose distributions may change between versions. Within a seed all
configs share their draws (common random numbers); two seeds share nothing.
"""

import hashlib
from functools import lru_cache

import numpy as np

from shoal.models import Init, Model, Normal


def bits(count: int, purpose: str, seed: int, index: int = 0) -> np.ndarray:
    """uint64 (count,): the stream's first ``count`` words."""
    name = f"shoal/{purpose}/{seed}/{index}".encode()
    key = int.from_bytes(hashlib.sha256(name).digest()[:16], "little")
    return np.random.Philox(key=key).random_raw(count)


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
    """The weights a run of this seed begins with: parameter name to float32 array in PyTorch's layout.

    The underlying draws of a parameter are keyed by its position among the model's parameters, so models
    with equal shapes begin equal, and different `init` rules stretch the same draws.
    """
    weights = {}
    for index, parameter in enumerate(model.parameters()):
        if isinstance(init, Normal):
            draws = np.zeros(parameter.size) if parameter.is_bias else normals(parameter.size, "weights", seed, index)
            values = init.std * draws
        else:
            values = init.bound(parameter) * (2 * uniforms(parameter.size, "weights", seed, index) - 1)
        weights[parameter.name] = values.astype(np.float32).reshape(parameter.shape)
    return weights
