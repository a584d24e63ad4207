# SPDX-License-Identifier: Apache-2.0
"""What a learner should see of a network's weights while they form, as plain data for the page.

Gradients layer by layer, the first layer's weights as images, which classes are taken for which, the worst mistakes,
and how sharply the loss bends. Pure functions of weights and data: nothing here reads a store, keeps a result or
trains. Each is bounded, since training goes on meanwhile: together they take a fraction of a second for LeNet.
"""

from base64 import b64encode
from math import isfinite
from typing import TypedDict

import numpy as np

from shoal.data import Dataset
from shoal.engines import Engine, Tensors, portions, scaling
from shoal.models import GELU, Conv2d, Flatten, LeakyReLU, Linear, Model, ReLU, Sigmoid, SiLU, Tanh
from shoal.optimizers import SGD
from shoal.probes import gradients as probes
from shoal.probes.gradients import LayerGradient
from shoal.study import Config

IMAGES = 256
"""Training images that gradients and curvature are computed on: the same ones every time."""
OPERATIONS = 6e9
"""For either, at most: some tenths of a second."""
FEWEST = 64
"""On fewer images the curvature would say more of them than of the loss."""
UNITS = 64
MISTAKES = 9
PRODUCTS = 12
"""Hessian-vector products at most: the largest eigenvalue is then known to about a hundredth."""
PERCEPTRON = (Flatten, Linear, ReLU, LeakyReLU, Sigmoid, Tanh, GELU, SiLU)


class Filters(TypedDict):
    """The weights of the first layer, an image each."""

    shape: tuple[int, int, int]
    """(n, height, width)."""
    limit: float
    """The weight that the largest byte, 127, stands for: one for all images."""
    pixels: str
    """base64 of int8 (n, height, width)."""
    names: list[str]
    """What each image speaks for, where that is a class; else none."""


class Confusion(TypedDict):
    """How often each class, a row, was taken for each class, a column, over the test split."""

    classes: list[str]
    counts: list[list[int]]


class Mistake(TypedDict):
    """One image that the network was wrong about, and how sure it was."""

    pixels: str
    """base64 of uint8 (height, width)."""
    shape: tuple[int, int]
    label: str
    said: str
    probability: float


class Bend(TypedDict):
    """The largest eigenvalue of the training loss's Hessian, and the learning rate beyond which descent sways."""

    eigenvalue: float
    critical_lr: float | None
    """2/λ, or what momentum and weight decay make of it; None where the loss bends nowhere upwards."""
    lr: float
    """The rate of the step to come."""
    momentum: float
    images: int
    """Training images that it was computed on."""


class Insight(TypedDict):
    """All of it, after one epoch of one run."""

    epoch: int
    images: int
    """Training images behind ``gradients``."""
    gradients: list[LayerGradient]
    filters: Filters | None
    confusion: Confusion
    worst: list[Mistake]
    curvature: Bend | str
    """Or why it cannot be told, as a sentence."""


def insight(config: Config, tensors: Tensors, epoch: int, dataset: Dataset, engine: Engine) -> Insight:
    """Everything there is to see of the weights of a run after an epoch."""
    with np.errstate(over="ignore", invalid="ignore"):  # weights on their way to infinity are part of the lesson
        logits = engine.predict(config.model, tensors, dataset.test.images, config, dataset)
        return Insight(
            epoch=epoch,
            images=len(_sample(config, dataset)),
            gradients=layer_gradients(config, tensors, dataset),
            filters=first_weights(config.model, tensors, dataset.classes),
            confusion=confusion(logits, dataset),
            worst=worst_mistakes(logits, dataset),
            curvature=curvature(config, tensors, epoch, dataset),
        )


def layer_gradients(config: Config, tensors: Tensors, dataset: Dataset) -> list[LayerGradient]:
    """Each layer's gradient and weight on the first images that the config trains on."""
    some = _sample(config, dataset)
    images, labels = dataset.train.images[some], dataset.train.labels[some]
    return probes.layer_gradients(config.model, tensors, images, labels, scaling(config, dataset))


def _sample(config: Config, dataset: Dataset, passes: int = 1) -> np.ndarray:
    """The first `IMAGES` training images, fewer where so many passes over them would take long; at least one."""
    most = max(int(OPERATIONS / (passes * config.model.training_flops)), 1)
    return portions(config, dataset).train[: min(IMAGES, most)]


# ---- weights as images --------------------------------------------------------------------------------


def first_weights(model: Model, tensors: Tensors, classes: tuple[str, ...]) -> Filters | None:
    """The first layer's weights, at most `UNITS` of them in their order; None if it neither weighs nor convolves.

    A unit of `Linear` weighs every pixel, so that its weights have the shape of the image; those of a `Conv2d` are
    its kernel. Of several channels the images stand below each other.
    """
    at = next((at for at, layer in enumerate(model.layers) if layer.parameters()), 0)
    if not isinstance(model.layers[at], Linear | Conv2d):
        return None
    weight = np.asarray(tensors[f"{at}.weight"])
    pictures = [shape for shape in model.shapes()[: at + 1] if len(shape) == 3]
    width = weight.shape[-1] if weight.ndim == 4 else pictures[-1][-1]
    shown = weight.reshape(len(weight), -1, width)[:UNITS]
    limit = float(np.abs(shown).max()) or 1.0
    last = at == len(model.layers) - 1
    return Filters(
        shape=(shown.shape[0], shown.shape[1], shown.shape[2]),
        limit=limit,
        pixels=_base64(np.rint(shown / limit * 127).astype(np.int8)),
        names=list(classes[: len(shown)]) if last else [],
    )


# ---- right and wrong ----------------------------------------------------------------------------------


def confusion(logits: np.ndarray, dataset: Dataset) -> Confusion:
    """Counts over the test split from logits (n_test, classes); what is on the diagonal is right."""
    count = logits.shape[1]
    pairs = dataset.test.labels.astype(np.int64) * count + logits.argmax(axis=1)
    counts = np.bincount(pairs, minlength=count * count).reshape(count, count)
    return Confusion(classes=_names(dataset, count), counts=counts.tolist())


def worst_mistakes(logits: np.ndarray, dataset: Dataset) -> list[Mistake]:
    """The test images it was surest about and wrong, the surest first; logits (n_test, classes)."""
    names, labels, said = _names(dataset, logits.shape[1]), dataset.test.labels, logits.argmax(axis=1)
    sure = np.nan_to_num(_surest(logits))
    wrong = np.flatnonzero(said != labels)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")][:MISTAKES]
    height, width = dataset.image_shape[1:]
    return [
        Mistake(
            pixels=_base64(dataset.test.images[at].mean(axis=0).astype(np.uint8)),
            shape=(height, width),
            label=names[labels[at]],
            said=names[said[at]],
            probability=float(sure[at]),
        )
        for at in worst
    ]


def _surest(logits: np.ndarray) -> np.ndarray:
    """(n,): the probability of each example's likeliest class, 1 / Σ exp(logit - greatest logit)."""
    exact = logits.astype(np.float64)
    return np.asarray(1 / np.exp(exact - exact.max(axis=1, keepdims=True)).sum(axis=1))


def _names(dataset: Dataset, count: int) -> list[str]:
    """A name for each logit: a model may tell more classes apart than the data has."""
    return [*dataset.classes, *map(str, range(len(dataset.classes), count))]


# ---- curvature ----------------------------------------------------------------------------------------


def curvature(config: Config, tensors: Tensors, epoch: int, dataset: Dataset) -> Bend | str:
    """How sharply the loss bends the way it bends most, beside the rate at which gradient descent would sway.

    On a parabola of curvature λ gradient descent diverges beyond 2/λ, with momentum β beyond 2(1 + β)/λ, and with
    Nesterov's beyond that divided by 1 + 2β (Cohen et al. 2021, appendix B). Weight decay adds to λ.

    A sentence for networks that are no small perceptron, which would take long, and for optimizers other than `SGD`,
    whose steps follow no such bound.
    """
    model, rule = config.model, config.optimizer
    some = _sample(config, dataset, passes=2 * PRODUCTS)
    if not isinstance(rule, SGD):
        return f"It is SGD's steps that 2/λ bounds: those of {type(rule).__name__} follow no such bound."
    if len(some) < FEWEST or not all(isinstance(each, PERCEPTRON) for each in model.layers):
        return "It is computed of softmax regression and of small perceptrons; of this network it would take too long."
    images, labels = dataset.train.images[some], dataset.train.labels[some]
    try:
        found = probes.curvature(
            model, tensors, images, labels, scaling(config, dataset), tolerance=1e-2, most=PRODUCTS
        )["eigenvalue"]
    except np.linalg.LinAlgError:  # of numbers that are none
        found = np.nan
    if not isfinite(found):
        return "The weights have grown beyond what the curvature can be computed of."
    bend = found + rule.weight_decay
    reach = 2 * (1 + rule.momentum) / (1 + 2 * rule.momentum * rule.nesterov)
    return Bend(
        eigenvalue=found,
        critical_lr=reach / bend if bend > 0 else None,
        lr=rule.lr * config.schedule.factor(min(epoch, config.epochs - 1)),
        momentum=rule.momentum,
        images=len(some),
    )


def _base64(values: np.ndarray) -> str:
    return b64encode(values.tobytes()).decode()
