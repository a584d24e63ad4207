# SPDX-License-Identifier: Apache-2.0
"""What training and prediction keep in memory: a ledger worked out from shapes, and a measurement beside it.

The ledger counts what must be there at once whatever the engine; the reference engine is measured to keep
just that. Its temporaries (windows of a convolution laid out as a matrix, both sides of an update) come on
top and are reported as a kind of their own, the workspace.
"""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from math import prod
from typing import TypedDict

import numpy as np

from shoal import streams
from shoal.engines import Tensors, reference
from shoal.models import Flatten, Model, XavierUniform
from shoal.optimizers import Optimizer

IMAGES = 32
"""Drawn for the step after which an optimizer's state is looked at."""


class Ledger(TypedDict):
    """Bytes by kind, at the moment when most is kept."""

    parameters: int
    gradients: int
    """One number for each parameter; none in prediction."""
    optimizer_state: int
    """One or two numbers for each parameter, as the optimizer asks; none in prediction."""
    activations: int
    """Training: all layers' outputs, which the backward pass needs. Prediction: the largest output and its input."""
    input: int
    """The minibatch as floats."""
    total: int


def ledger(model: Model, batch_size: int, optimizer: Optimizer | None = None, itemsize: int = 4) -> Ledger:
    """The ledger of a training step with ``optimizer``, or of a prediction without one.

    Args:
        batch_size: images at once.
        itemsize: bytes a number: 4 for float32, 8 for float64.
    """
    outputs = _owned(model)
    kept = sum(outputs) if optimizer else max(map(sum, pairwise(outputs)))
    parameters = model.parameter_count * itemsize
    gradients = parameters if optimizer else 0
    state = parameters * len(optimizer.state) if optimizer else 0
    activations = kept * batch_size * itemsize
    inputs = prod(model.input_shape) * batch_size * itemsize
    return Ledger(
        parameters=parameters,
        gradients=gradients,
        optimizer_state=state,
        activations=activations,
        input=inputs,
        total=parameters + gradients + state + activations + inputs,
    )


def _owned(model: Model) -> list[int]:
    """Numbers an example that the input and each output take. The input's are counted apart, so 0 here; an image
    and the same image flattened share theirs, so `Flatten` is passed over."""
    outputs = zip(model.shapes()[1:], model.layers, strict=True)
    return [0, *(prod(shape) for shape, layer in outputs if not isinstance(layer, Flatten))]


class Measured(TypedDict):
    """Bytes the reference engine's step was measured to take."""

    held: int
    """Kept at the moment when the ledger is longest: what the ledger's total predicts."""
    peak: int
    """The most at any moment, temporaries included."""
    workspace: int
    """peak - held."""


def measured(
    model: Model, batch_size: int, optimizer: Optimizer | None = None, dtype: type[np.floating] = np.float32
) -> Measured:
    """One training step (or one prediction, without an optimizer) of the reference engine, by tracemalloc.

    Every array of the step is made while measured. Anything other threads allocate meanwhile counts too.
    """
    _step(model, 1, optimizer, dtype)  # whatever is imported or cached on first use is not the step's
    with _traced():
        before, _ = tracemalloc.get_traced_memory()
        held = _step(model, batch_size, optimizer, dtype)
        _, peak = tracemalloc.get_traced_memory()
    return Measured(held=held - before, peak=peak - before, workspace=peak - held)


def _step(model: Model, batch_size: int, optimizer: Optimizer | None, dtype: type[np.floating]) -> int:
    """Make what a step needs, take it, and return the bytes traced when the ledger is longest."""
    weights = streams.initial_weights(model, XavierUniform(), seed=0)
    tensors = {name: value.astype(dtype) for name, value in weights.items()}
    inputs = np.full((batch_size, *model.input_shape), 0.5, dtype)
    del weights
    tracemalloc.reset_peak()  # drawing weights takes more than having them
    return _training(model, tensors, inputs, optimizer) if optimizer else _prediction(model, tensors, inputs)


def _training(model: Model, tensors: dict[str, np.ndarray], inputs: np.ndarray, optimizer: Optimizer) -> int:
    """The traced bytes between the backward pass and the update, when everything the ledger counts is there."""
    tensors |= {f"{kind}/{name}": np.zeros_like(value) for kind in optimizer.state for name, value in tensors.items()}
    activations = reference.forward(model, tensors, inputs)
    _, dlogits = reference.softmax_cross_entropy(activations[-1], np.zeros(len(inputs), np.uint16))
    grads = reference.backward(model, tensors, activations, dlogits)
    del dlogits
    held, _ = tracemalloc.get_traced_memory()
    reference.update(optimizer, tensors, grads, optimizer.lr, 1)
    return held


def _prediction(model: Model, tensors: Tensors, inputs: np.ndarray) -> int:
    """The most traced bytes right after any layer, while its input is there still. `reference.logits`, watched."""
    held, out = 0, inputs
    for index, layer in enumerate(model.layers):
        before = out
        out = reference.layer_forward(layer, before, *reference.layer_tensors(tensors, index))
        held = max(held, tracemalloc.get_traced_memory()[0])
    return held


def copied(model: Model, optimizer: Optimizer) -> float:
    """The share of an optimizer's kept numbers that equal the weight they are kept for, after one training step.

    The step is on drawn pixels; 0 for an optimizer that keeps nothing.
    """
    weights = streams.initial_weights(model, XavierUniform(), seed=0)
    state = {f"{kind}/{name}": np.zeros_like(value) for kind in optimizer.state for name, value in weights.items()}
    inputs = np.abs(streams.normals(IMAGES * prod(model.input_shape), "drawn pixels", seed=0))
    labels = np.arange(IMAGES, dtype=np.uint16) % model.shapes()[-1][0]
    _, grads = reference.gradients(model, weights, inputs.reshape(IMAGES, *model.input_shape), labels)
    after = reference.update(optimizer, weights | state, grads, optimizer.lr, 1)
    same = [after[f"{kind}/{name}"] == after[name] for kind in optimizer.state for name in weights]
    return float(np.concatenate([each.ravel() for each in same]).mean()) if same else 0.0


@contextmanager
def _traced() -> Iterator[None]:
    """Tracing on, and off again unless somebody else had it on."""
    already = tracemalloc.is_tracing()
    if not already:
        tracemalloc.start()
    try:
        yield
    finally:
        if not already:
            tracemalloc.stop()
