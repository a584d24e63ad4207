# SPDX-License-Identifier: Apache-2.0
"""A whole epoch as one compiled program: `jit` of a `lax.scan` over minibatches, images on the device."""

import time
from functools import partial

import jax
from jax_models import MODELS, batches_of, train
from serve import Request, given, serve

images, labels, _ = given()
images, labels = jax.device_put((images, labels))
compiled = jax.jit(train, static_argnums=0)


def epoch(request: Request) -> tuple[float, list[float]]:
    weights = jax.device_put(request.weights)
    batches, rest = batches_of(request.order, request.batch)
    run = partial(compiled, request.model, images, labels, request.lrs[0])
    start = time.perf_counter()
    _, losses = jax.block_until_ready(run(weights, batches, rest))
    return time.perf_counter() - start, losses.tolist()


if __name__ == "__main__":
    serve(f"JAX {jax.__version__}", epoch, list(MODELS))
