# SPDX-License-Identifier: Apache-2.0
"""The compiled epoch of `jax_scan.py` for many models at once: `vmap` over weights and learning rates.

All models see the same minibatches, so that images are gathered once for all.
"""

import time

import jax
import jax.numpy as jnp
from jax_models import MODELS, batches_of, train
from serve import Request, given, serve

images, labels, _ = given()
images, labels = jax.device_put((images, labels))
ensemble = jax.jit(
    lambda model, lrs, weights, batches, rest: jax.vmap(train, in_axes=(None, None, None, 0, 0, None, None))(
        model, images, labels, lrs, weights, batches, rest
    ),
    static_argnums=0,
)


def epoch(request: Request) -> tuple[float, list[float]]:
    count = len(request.lrs)
    weights = {name: jnp.stack([jnp.asarray(value)] * count) for name, value in request.weights.items()}
    lrs, (batches, rest) = jnp.asarray(request.lrs), batches_of(request.order, request.batch)
    start = time.perf_counter()
    _, losses = jax.block_until_ready(ensemble(request.model, lrs, weights, batches, rest))
    return time.perf_counter() - start, losses[0].tolist()


if __name__ == "__main__":
    serve(f"JAX {jax.__version__}", epoch, list(MODELS))
