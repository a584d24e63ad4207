# SPDX-License-Identifier: Apache-2.0
"""What training and prediction keep in memory: a ledger worked out from shapes, and a measurement beside it.

The ledger counts what must be there at once whatever the engine; the reference engine is measured to keep
just that. Its temporaries (windows of a convolution laid out as a matrix, both sides of an update) come on
top and are reported as a kind of their own, the workspace.
"""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import compress
from math import prod
from typing import TypedDict

import numpy as np

from shoal import streams
from shoal.engines import Tensors, reference
from shoal.models import Dropout, Flatten, Layer, Model, XavierUniform
from shoal.optimizers import Optimizer

IMAGES = 32
"""Drawn for the step after which an optimizer's state is looked at."""


class Ledger(TypedDict):
    """Bytes by kind, at the moment when most is kept."""

    parameters: int
    """Those of a batch normalisation's running statistics too."""
    gradients: int
    """One number for each parameter; none in prediction."""
    optimizer_state: int
    """One or two numbers for each parameter, as the optimizer asks; none in prediction."""
    activations: int
    """Training: all layers' outputs, which the backward pass needs, and a byte for each unit of a `Dropout`.
    Prediction: the largest output, its input, and what an `Add` still waits for."""
    input: int
    """The minibatch as floats."""
    total: int


def ledger(model: Model, batch_size: int, optimizer: Optimizer | None = None, itemsize: int = 4) -> Ledger:
    """The ledger of a training step with ``optimizer``, or of a prediction without one.

    Args:
        batch_size: images at once.
        itemsize: bytes a number: 4 for float32, 8 for float64.
    """
    learnt = model.parameter_count * itemsize
    parameters = learnt + sum(buffer.size for buffer in model.buffers()) * itemsize
    gradients = learnt if optimizer else 0
    state = learnt * len(optimizer.state) if optimizer else 0
    activations = batch_size * (_kept_in_training(model, itemsize) if optimizer else _kept(model) * itemsize)
    inputs = prod(model.input_shape) * batch_size * itemsize
    return Ledger(
        parameters=parameters,
        gradients=gradients,
        optimizer_state=state,
        activations=activations,
        input=inputs,
        total=parameters + gradients + state + activations + inputs,
    )


def _kept_in_training(model: Model, itemsize: int) -> int:
    """Bytes an example that all outputs and the masks of dropout take."""
    dropped = sum(prod(shape) for shape, layer in zip(model.shapes(), model.layers, strict=False) if _drops(layer))
    return sum(_owned(model, training=True)) * itemsize + dropped


def _kept(model: Model) -> int:
    """Numbers an example that are there at once in prediction, right after the layer where it is most."""
    owned, last = _owned(model, training=False), reference.last_uses(model)
    for index in reversed(range(len(model.layers))):
        if not owned[index + 1]:  # the same numbers under another shape
            last[index] = max(last[index], last[index + 1])
    alive = ([at <= index + 1 and last[at] >= index for at in range(len(owned))] for index in range(len(model.layers)))
    return max(sum(compress(owned, now)) for now in alive)


def _owned(model: Model, training: bool) -> list[int]:
    """Numbers an example that the input and each output take. The input's are counted apart, so 0 here; an image
    and the same image flattened share theirs, so `Flatten` counts as 0, and so does what dropout hands on as it is."""
    shared = [isinstance(layer, Flatten) or (_drops(layer) and not training) for layer in model.layers]
    return [0, *(0 if same else prod(shape) for shape, same in zip(model.shapes()[1:], shared, strict=True))]


def _drops(layer: Layer) -> bool:
    return isinstance(layer, Dropout)


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
    learnt = [parameter.name for parameter in model.parameters()]
    tensors |= {f"{kind}/{name}": np.zeros_like(tensors[name]) for kind in optimizer.state for name in learnt}
    training = reference.drawn(model, seed=0, epoch=0, places=range(len(inputs)))
    activations = reference.forward(model, tensors, inputs, training)
    _, dlogits = reference.softmax_cross_entropy(activations[-1], np.zeros(len(inputs), np.uint16))
    grads = reference.backward(model, tensors, activations, dlogits, training)
    del dlogits
    held, _ = tracemalloc.get_traced_memory()
    reference.update(optimizer, tensors, grads, optimizer.lr, 1)
    return held


def _prediction(model: Model, tensors: Tensors, inputs: np.ndarray) -> int:
    """The most traced bytes right after any layer, while its input is there still. `reference.logits`, watched."""
    return max(tracemalloc.get_traced_memory()[0] for _ in reference.outputs(model, tensors, inputs))


def copied(model: Model, optimizer: Optimizer) -> float:
    """The share of an optimizer's kept numbers that equal the weight they are kept for, after one training step.

    The step is on drawn pixels; 0 for an optimizer that keeps nothing.
    """
    weights = streams.initial_weights(model, XavierUniform(), seed=0)
    learnt = [parameter.name for parameter in model.parameters()]
    state = {f"{kind}/{name}": np.zeros_like(weights[name]) for kind in optimizer.state for name in learnt}
    inputs = np.abs(streams.normals(IMAGES * prod(model.input_shape), "drawn pixels", seed=0))
    labels = np.arange(IMAGES, dtype=np.uint16) % model.shapes()[-1][0]
    _, grads = reference.gradients(model, weights, inputs.reshape(IMAGES, *model.input_shape), labels)
    after = reference.update(optimizer, weights | state, grads, optimizer.lr, 1)
    same = [after[f"{kind}/{name}"] == after[name] for kind in optimizer.state for name in learnt]
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
