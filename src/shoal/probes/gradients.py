# SPDX-License-Identifier: Apache-2.0
"""What the gradient and the curvature of a loss are at given weights, in float64 by the reference engine.

Images are uint8 (n, channels, height, width) and are scaled on the way, a block at a time, so that a whole
training split may be given. Networks are taken as in evaluation: nothing is dropped, and batch normalisation goes
by its running statistics. Nothing here changes a weight.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypedDict

import numpy as np

from shoal import streams
from shoal.engines import Scaling, Tensors, reference
from shoal.models import Flatten, Linear, Model, ReLU, describe

BLOCK = 250
"""Images that go through the network at once, so that their activations stay small."""

Gradients = dict[str, np.ndarray]


# ---- the sigmoid itself -------------------------------------------------------------------------------


class SigmoidPoint(TypedDict):
    """The sigmoid and its derivative σ(x)(1 - σ(x)) at x; the derivative is never above ¼."""

    x: float
    sigmoid: float
    derivative: float


def sigmoid_curve(reach: float = 8.0, points: int = 161) -> list[SigmoidPoint]:
    """The curve from -reach to reach; an odd number of points includes 0."""
    x = np.linspace(-reach, reach, points)
    out = reference.sigmoid_forward(x)
    slope = reference.sigmoid_backward(np.ones_like(x), out)
    return [
        SigmoidPoint(x=a, sigmoid=b, derivative=c)
        for a, b, c in zip(x.tolist(), out.tolist(), slope.tolist(), strict=True)
    ]


# ---- gradients per layer ------------------------------------------------------------------------------


class LayerGradient(TypedDict):
    """One layer with weights, seen from the mean loss of the images given."""

    layer: int
    """1 for the first layer with weights."""
    name: str
    """``"Linear(784, 64)"``."""
    gradient_norm: float
    """L2 norm of the gradient of the weight (without the bias)."""
    gradient_rms: float
    """The same per parameter: norm / √size. Compares layers of different sizes."""
    weight_rms: float
    """Root mean square of the weight itself."""


def layer_gradients(
    model: Model, tensors: Tensors, images: np.ndarray, labels: np.ndarray, scaling: Scaling
) -> list[LayerGradient]:
    """The norms of every layer with weights, first to last; images uint8 (n, C, H, W), labels (n)."""
    weights = _double(model, tensors)
    grads = mean_gradient(model, weights, images, labels, scaling)
    learnt = [index for index, layer in enumerate(model.layers) if layer.parameters()]
    return [
        LayerGradient(
            layer=number,
            name=describe(model.layers[index]),
            gradient_norm=float(np.linalg.norm(grads[f"{index}.weight"])),
            gradient_rms=_rms(grads[f"{index}.weight"]),
            weight_rms=_rms(weights[f"{index}.weight"]),
        )
        for number, index in enumerate(learnt, start=1)
    ]


def mean_gradient(
    model: Model, tensors: Tensors, images: np.ndarray, labels: np.ndarray, scaling: Scaling
) -> Gradients:
    """The gradient of the mean loss over all images, by parameter name, in float64."""
    return _mean_gradient(model, tensors, _blocks(images, labels, scaling))


def _mean_gradient(model: Model, tensors: Tensors, blocks: Iterable[tuple[np.ndarray, np.ndarray]]) -> Gradients:
    total, count = {parameter.name: np.zeros(parameter.shape) for parameter in model.parameters()}, 0
    for inputs, labels in blocks:
        _, grads = reference.gradients(model, tensors, inputs, labels)
        count += len(labels)
        for name, grad in grads.items():
            total[name] += grad * len(labels)
    return {name: grad / count for name, grad in total.items()}


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


class DeadUnits(TypedDict):
    """The units of one ReLU layer that no image given makes positive."""

    layer: int
    """1 for the first ReLU."""
    units: int
    """Units of a flat layer, channels of an image."""
    dead: int
    share: float


def dead_units(model: Model, tensors: Tensors, images: np.ndarray, scaling: Scaling) -> list[DeadUnits]:
    """Every ReLU layer's dead units, first to last; a channel is dead if it is so everywhere in the image."""
    weights = _double(model, tensors)
    found = [index for index, layer in enumerate(model.layers) if isinstance(layer, ReLU)]
    shapes = model.shapes()
    awake = {index: np.zeros(shapes[index + 1][0], bool) for index in found}
    for inputs, _ in _blocks(images, np.zeros(len(images)), scaling):
        activations = reference.forward(model, weights, inputs)
        for index in found:
            out = activations[index + 1]
            awake[index] |= (out > 0).any(axis=tuple(axis for axis in range(out.ndim) if axis != 1))
    return [
        DeadUnits(layer=number, units=alive.size, dead=int((~alive).sum()), share=float((~alive).mean()))
        for number, alive in enumerate(awake.values(), start=1)
    ]


def dead_share(model: Model, tensors: Tensors, images: np.ndarray, scaling: Scaling) -> float:
    """The share of dead units among those of all ReLU layers; 0 for a model without any."""
    layers = dead_units(model, tensors, images, scaling) if ReLU() in model.layers else []
    return sum(layer["dead"] for layer in layers) / max(sum(layer["units"] for layer in layers), 1)


# ---- curvature ----------------------------------------------------------------------------------------


class Curvature(TypedDict):
    """The largest eigenvalue of the loss Hessian: how sharply the loss bends the way it bends most."""

    eigenvalue: float
    residual: float
    """‖Hv - λv‖ for the unit vector v found: an eigenvalue lies within this of ``eigenvalue``."""
    products: int
    """Hessian-vector products it took."""
    critical_lr: float | None
    """2 / λ: gradient descent on a parabola of this curvature diverges beyond it. None if λ <= 0."""


def curvature(
    model: Model,
    tensors: Tensors,
    images: np.ndarray,
    labels: np.ndarray,
    scaling: Scaling,
    *,
    tolerance: float = 1e-3,
    most: int = 60,
) -> Curvature:
    """The largest Hessian eigenvalue of the mean loss over the images, at these weights, biases included.

    By the Lanczos iteration with full reorthogonalisation from a fixed random start, until the residual is below
    ``tolerance`` · λ (λ itself is then far closer) or after ``most`` products. Products are exact for softmax
    regression; for other models they are central differences of exact gradients, good to about eight digits
    where the loss is smooth.
    """
    weights = _double(model, tensors)
    product = hessian_product(model, weights, images, labels, scaling)
    value, residual, products = largest_eigenvalue(product, model.parameter_count, tolerance, most)
    return Curvature(
        eigenvalue=value, residual=residual, products=products, critical_lr=2 / value if value > 0 else None
    )


Product = Callable[[np.ndarray], np.ndarray]
Blocks = Sequence[tuple[np.ndarray, np.ndarray]]


def hessian_product(
    model: Model, tensors: Tensors, images: np.ndarray, labels: np.ndarray, scaling: Scaling
) -> Product:
    """v ↦ Hv for flat vectors (parameter_count,), parameters in the model's order.

    It keeps the scaled images: 8 bytes a pixel, 6 kB for a 28×28 image.
    """
    blocks = list(_blocks(images, labels, scaling))
    if all(isinstance(layer, Flatten | Linear) for layer in model.layers) and len(model.parameters()) == 2:
        return _softmax_regression_product(model, tensors, blocks)
    return lambda v: _difference_product(model, tensors, blocks, v)


def _softmax_regression_product(model: Model, tensors: Tensors, blocks: Blocks) -> Product:
    """H = mean over examples of (diag(p) - p pᵀ) ⊗ x xᵀ, where x (I + 1) ends in 1 for the bias."""
    weight, bias = (tensors[parameter.name] for parameter in model.parameters())
    x = np.concatenate([reference.flatten_forward(inputs) for inputs, _ in blocks])
    p = np.exp(reference.log_softmax(reference.linear_forward(x, weight, bias)))

    def product(v: np.ndarray) -> np.ndarray:
        along, along_bias = v[: weight.size].reshape(weight.shape), v[weight.size :]
        moved = reference.linear_forward(x, along, along_bias)  # what v does to the logits
        bent = p * (moved - (p * moved).sum(axis=1, keepdims=True)) / len(x)
        return np.concatenate([(bent.T @ x).ravel(), bent.sum(axis=0)])

    return product


def _difference_product(model: Model, tensors: Tensors, blocks: Blocks, v: np.ndarray) -> np.ndarray:
    """(g(w + h v) - g(w - h v)) / 2h with h such that the weights move by 1e-4 in all."""
    step = 1e-4 / max(float(np.linalg.norm(v)), 1e-30)
    up = _flat(_mean_gradient(model, _moved(model, tensors, step * v), blocks))
    down = _flat(_mean_gradient(model, _moved(model, tensors, -step * v), blocks))
    return np.asarray((up - down) / (2 * step))


def largest_eigenvalue(product: Product, size: int, tolerance: float, most: int) -> tuple[float, float, int]:
    """The largest eigenvalue of a symmetric ``size`` × ``size`` matrix, its residual, and the products it took.

    Each product adds a basis vector; in that basis the matrix is tridiagonal, with ``alphas`` on the diagonal and
    ``betas`` beside it. Source: Golub and Van Loan, Matrix Computations, chapter 10.
    """
    start = streams.normals(size, "lanczos", seed=0)
    basis = [start / np.linalg.norm(start)]
    alphas: list[float] = []
    betas: list[float] = []
    while True:
        after = product(basis[-1])
        alphas.append(float(after @ basis[-1]))
        for _ in range(2):  # once leaves rounding behind
            for vector in basis:
                after = after - (after @ vector) * vector
        betas.append(float(np.linalg.norm(after)))
        values, vectors = np.linalg.eigh(np.diag(alphas) + np.diag(betas[:-1], 1) + np.diag(betas[:-1], -1))
        value, residual = float(values[-1]), betas[-1] * abs(float(vectors[-1, -1]))
        if residual <= tolerance * abs(value) or len(alphas) >= min(most, size):
            return value, residual, len(alphas)
        basis.append(after / betas[-1])


# ---- small print --------------------------------------------------------------------------------------


def _blocks(images: np.ndarray, labels: np.ndarray, scaling: Scaling) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, len(images), BLOCK):
        some = slice(start, start + BLOCK)
        yield reference.pixels(images[some], scaling, np.dtype(np.float64)), labels[some]


def _double(model: Model, tensors: Tensors) -> dict[str, np.ndarray]:
    return {one.name: np.asarray(tensors[one.name], np.float64) for one in (*model.parameters(), *model.buffers())}


def _flat(tensors: Tensors) -> np.ndarray:
    return np.concatenate([tensor.ravel() for tensor in tensors.values()])


def _moved(model: Model, tensors: Tensors, by: np.ndarray) -> dict[str, np.ndarray]:
    moved, start = dict(tensors), 0
    for parameter in model.parameters():
        moved[parameter.name] = tensors[parameter.name] + by[start : start + parameter.size].reshape(parameter.shape)
        start += parameter.size
    return moved
