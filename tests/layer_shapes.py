# SPDX-License-Identifier: Apache-2.0
"""Layers of random arguments with batches of random shapes that fit them, odd ones included; and losses likewise."""

from hypothesis import strategies as st

from shoal import models
from shoal.losses import CrossEntropy

Case = tuple[models.Layer, tuple[int, ...]]

few = st.integers(1, 3)
flat = st.tuples(st.integers(1, 4), st.integers(1, 9))
images = st.tuples(few, few, st.integers(1, 5), st.integers(1, 5))


@st.composite
def linear(draw: st.DrawFn) -> Case:
    batch, features = draw(flat)
    return models.Linear(features, draw(st.integers(1, 6))), (batch, features)


@st.composite
def conv2d(draw: st.DrawFn) -> Case:
    kernel, padding = draw(st.integers(1, 4)), draw(st.integers(0, 6))
    sizes = st.integers(max(1, kernel - 2 * padding), max(1, kernel - 2 * padding) + 4)
    channels = draw(few)
    layer = models.Conv2d(channels, draw(few), kernel, stride=draw(few), padding=padding)
    return layer, (draw(few), channels, draw(sizes), draw(sizes))


@st.composite
def pooling(draw: st.DrawFn, kind: type) -> Case:
    kernel = draw(st.integers(1, 4))
    padding = draw(st.integers(0, kernel // 2))
    sizes = st.integers(max(1, kernel - 2 * padding), max(1, kernel - 2 * padding) + 4)
    return kind(kernel, draw(few), padding), (draw(few), draw(few), draw(sizes), draw(sizes))


@st.composite
def batch_norm(draw: st.DrawFn) -> Case:
    """At least three values a channel: two are always normalised to ±1, and no gradient is left."""
    eps = draw(st.sampled_from([1e-5, 0.1, 1.0]))
    channels = draw(st.integers(1, 5))
    if draw(st.booleans()):
        return models.BatchNorm1d(channels, eps=eps), (draw(st.integers(3, 6)), channels)
    batch, height, width = draw(st.tuples(few, few, few).filter(lambda sizes: sizes[0] * sizes[1] * sizes[2] > 2))
    return models.BatchNorm2d(channels, eps=eps), (batch, channels, height, width)


def of_any_shape(layer: st.SearchStrategy[models.Layer]) -> st.SearchStrategy[Case]:
    return st.tuples(layer, flat | images)


LAYERS: dict[str, st.SearchStrategy[Case]] = {
    "Linear": linear(),
    "Conv2d": conv2d(),
    "MaxPool2d": pooling(models.MaxPool2d),
    "AvgPool2d": pooling(models.AvgPool2d),
    "GlobalAvgPool2d": st.tuples(st.just(models.GlobalAvgPool2d()), images),
    "Flatten": of_any_shape(st.just(models.Flatten())),
    "ReLU": of_any_shape(st.just(models.ReLU())),
    "LeakyReLU": of_any_shape(st.floats(0, 2).map(models.LeakyReLU)),
    "Sigmoid": of_any_shape(st.just(models.Sigmoid())),
    "Tanh": of_any_shape(st.just(models.Tanh())),
    "GELU": of_any_shape(st.just(models.GELU())),
    "SiLU": of_any_shape(st.just(models.SiLU())),
    "BatchNorm": batch_norm(),
    "Dropout": of_any_shape(st.floats(0, 0.99).map(models.Dropout)),
    "Add": of_any_shape(few.map(models.Add)),
}

LOSSES: dict[str, st.SearchStrategy[CrossEntropy]] = {
    "log-sum-exp": st.just(CrossEntropy()),
    "label smoothing": st.floats(0.01, 0.99).map(lambda e: CrossEntropy(label_smoothing=e)),
    "shifted": st.just(CrossEntropy(form="shifted")),
    "naive": st.just(CrossEntropy(form="naive")),
}
