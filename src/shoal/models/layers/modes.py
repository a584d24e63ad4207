# SPDX-License-Identifier: Apache-2.0
"""Layers that do one thing while training and another in evaluation: dropout and batch normalisation."""

from math import prod
from typing import Annotated

import numpy as np
from msgspec import Meta

from shoal.errors import ModelError
from shoal.models.layers.spec import Count, LayerSpec, Parameter, Shape, as_image, show

WORDS = 65536
"""What is drawn for each unit is one of so many: a uint16."""


class Dropout(LayerSpec, frozen=True):
    """While training, each unit is 0 with probability p, and 1 / (1 - p) times itself otherwise; else nothing is done.

    The probability is a whole number of 65,536ths, the nearest to ``p``. Who is dropped is drawn for each example and
    epoch (`streams.dropout_words`), so it depends on nothing else: neither the minibatch nor the engine.
    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014.
    """

    p: Annotated[float, Meta(ge=0, le=1)] = 0.5

    def check(self) -> None:
        if self.threshold == WORDS:
            raise ModelError(f"Dropout(p={self.p}) would leave nothing. Use p <= 0.9999.")

    @property
    def threshold(self) -> int:
        """A unit is dropped where the word drawn for it is less than this."""
        return round(self.p * WORDS)

    @property
    def scale(self) -> float:
        """What stays is multiplied by this; a float32, so that engines of any precision use the same."""
        return float(np.float32(1 / (1 - self.threshold / WORDS)))


class BatchNormSpec(LayerSpec, frozen=True):
    """weight · (inp - mean) / √(var + eps) + bias, with a mean and a variance for each feature or channel.

    While training they are the minibatch's own (its biased variance), over the whole minibatch. In evaluation they are
    running ones, of which every step replaces the share ``momentum`` by the minibatch's mean and unbiased variance.
    The weight begins at 1, the bias at 0, whatever the rule for initial weights. Counted as four operations a value.
    Source: Ioffe and Szegedy 2015.
    """

    num_features: Count
    eps: Annotated[float, Meta(ge=1e-30, le=1e30)] = 1e-5
    momentum: Annotated[float, Meta(ge=0, le=1)] = 0.1

    def parameters(self) -> tuple[Parameter, ...]:
        return self._vector("weight", 1.0), self._vector("bias", 0.0)

    def buffers(self) -> tuple[Parameter, ...]:
        return self._vector("running_mean", 0.0), self._vector("running_var", 1.0)

    def _vector(self, name: str, start: float) -> Parameter:
        return Parameter(name, (self.num_features,), 1, 1, start)

    def flops(self, shape: Shape, out: Shape) -> int:
        return 4 * prod(out)

    def _check_features(self, found: int, shape: Shape, where: str) -> None:
        if found != self.num_features:
            raise ModelError(
                f"{type(self).__name__}(num_features={self.num_features}) does not fit: {where} receives "
                f"{show(shape)}. Use num_features={found}."
            )


class BatchNorm1d(BatchNormSpec, frozen=True):
    """`BatchNormSpec` of flat features, each normalised over the minibatch."""

    def output_shape(self, shape: Shape, where: str) -> Shape:
        if len(shape) != 1:
            raise ModelError(
                f"BatchNorm1d needs a flat input, but {where} receives {show(shape)}. "
                f"Use BatchNorm2d({shape[0]}), or put Flatten() before it."
            )
        self._check_features(shape[0], shape, where)
        return shape


class BatchNorm2d(BatchNormSpec, frozen=True):
    """`BatchNormSpec` of channels, each normalised over the minibatch and all places."""

    def output_shape(self, shape: Shape, where: str) -> Shape:
        channels, _, _ = as_image(self, shape, where)
        self._check_features(channels, shape, where)
        return shape
