# SPDX-License-Identifier: Apache-2.0
"""Keras 3 on JAX: `compile` and `fit`, the way its guides train, with several steps to each call of the compiled
function. Images and kernels are channels-last, as Keras has them on a CPU."""

import os
import time
from collections.abc import Callable

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import layers
from serve import Request, given, serve

images, labels, _ = given()
images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def lenet(activation: str, pooling: type[layers.Layer]) -> list[layers.Layer]:
    return [
        *(layers.Conv2D(6, 5, padding="same", activation=activation), pooling(2)),
        *(layers.Conv2D(16, 5, activation=activation), pooling(2)),
        layers.Flatten(),
        *(layers.Dense(120, activation=activation), layers.Dense(84, activation=activation)),
        layers.Dense(10),
    ]


MODELS: dict[str, Callable[[], list[layers.Layer]]] = {
    "softmax": lambda: [layers.Flatten(), layers.Dense(10)],
    "mlp-256": lambda: [layers.Flatten(), layers.Dense(256, activation="relu"), layers.Dense(10)],
    "lenet": lambda: lenet("sigmoid", layers.AveragePooling2D),
    "lenet-relu-max": lambda: lenet("relu", layers.MaxPooling2D),
}


class Losses(keras.callbacks.Callback):
    """The loss of every step, out of the running mean that Keras keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.each: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.each.append(float(logs["loss"]) * (batch + 1) - sum(self.each))


def translated(weights: dict[str, np.ndarray]) -> list[np.ndarray]:
    """PyTorch's arrays in Keras's layout; the first dense layer after the pictures reads them channels-last."""
    arrays = []
    for value in weights.values():
        if value.ndim == 4:
            value = value.transpose(2, 3, 1, 0)
        elif value.shape == (120, 400):
            value = value.reshape(120, 16, 5, 5).transpose(2, 3, 1, 0).reshape(400, 120)
        elif value.ndim == 2:
            value = value.T
        arrays.append(value)
    return arrays


models: dict[tuple[str, bool], keras.Model] = {}


def model_of(request: Request) -> keras.Model:
    """Made and compiled once for each use; then only its weights begin again."""
    key = request.model, request.losses
    if key not in models:
        model = keras.Sequential([keras.Input((28, 28, 1)), *MODELS[request.model]()])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(), loss, steps_per_execution=1 if request.losses else 16)
        models[key] = model
    models[key].set_weights(translated(request.weights))
    models[key].optimizer.learning_rate = request.lrs[0]
    return models[key]


def epoch(request: Request) -> tuple[float, list[float]]:
    model, losses = model_of(request), Losses()
    x, y = images[request.order], labels[request.order]
    watch = [losses] if request.losses else []
    start = time.perf_counter()
    model.fit(x, y, batch_size=request.batch, shuffle=False, verbose=0, callbacks=watch)
    return time.perf_counter() - start, losses.each


if __name__ == "__main__":
    serve(f"Keras {keras.__version__} on JAX", epoch, list(MODELS))
