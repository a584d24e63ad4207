# SPDX-License-Identifier: Apache-2.0
"""Configs and tensors in the terms of the native session (`native/bindings.cpp`), and back. It trains nothing."""

import numpy as np

from shoal import _native, streams
from shoal.data import Split
from shoal.engines import Tensors
from shoal.models import (
    GELU,
    Add,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Model,
    Parameter,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
)
from shoal.optimizers import SGD, Adagrad, Adam, AdamW, Lion, Optimizer, RMSprop
from shoal.study import Config, Run
from shoal.training import ClipNorm, ClipValue

FORMS = {"log-sum-exp": _native.Form.LOG_SUM_EXP, "shifted": _native.Form.SHIFTED, "naive": _native.Form.NAIVE}
PLAIN: dict[type[Layer], str] = {
    Flatten: "flatten",
    GlobalAvgPool2d: "global_avg_pool2d",
    ReLU: "relu",
    Sigmoid: "sigmoid",
    Tanh: "tanh",
    GELU: "gelu",
    SiLU: "silu",
}
"""Layers without arguments, and how the session calls them."""


def layout(model: Model) -> "_native.Layout":
    """The network of a model, and where its values lie while it trains."""
    network = _native.Network(*model.input_shape)
    for layer in model.layers:
        _append(network, layer)
    return _native.Layout(network)


def _append(network: "_native.Network", layer: Layer) -> None:
    match layer:
        case Linear():
            network.linear(layer.out_features)
        case Conv2d():
            network.conv2d(layer.out_channels, layer.kernel_size, layer.stride, layer.padding)
        case MaxPool2d():
            network.max_pool2d(layer.kernel_size, layer.step, layer.padding)
        case AvgPool2d():
            network.avg_pool2d(layer.kernel_size, layer.step, layer.padding)
        case BatchNorm1d() | BatchNorm2d():
            network.batch_norm(layer.eps, layer.momentum)
        case Dropout():
            network.dropout(layer.threshold)
        case Add():
            network.add(layer.back)
        case LeakyReLU():
            network.leaky_relu(layer.negative_slope)
        case _:  # the others have nothing to say
            getattr(network, PLAIN[type(layer)])()


def optimizer(config: Config) -> "_native.Optimizer":
    """The rule of an update, gradient clipping included."""
    made = _rule(config.optimizer)
    match config.gradient_clipping:
        case ClipNorm(max_norm=norm):
            made.clip_norm = norm
        case ClipValue(clip_value=value):
            made.clip_value = value
    return made


def _rule(optimizer: Optimizer) -> "_native.Optimizer":
    match optimizer:
        case SGD(momentum=momentum, nesterov=nesterov, weight_decay=decay):
            return _native.Optimizer.sgd(momentum, nesterov, decay)
        case Lion(betas=betas, weight_decay=decay):
            return _native.Optimizer.lion(*betas, decay)
        case Adagrad(lr_decay=lr_decay, eps=eps, weight_decay=decay):
            return _native.Optimizer.adagrad(lr_decay, eps, decay)
        case RMSprop(alpha=alpha, eps=eps, weight_decay=decay, momentum=momentum):
            return _native.Optimizer.rmsprop(alpha, eps, decay, momentum)
        case Adam(betas=betas, eps=eps, weight_decay=decay) | AdamW(betas=betas, eps=eps, weight_decay=decay):
            return _native.Optimizer.adam(*betas, eps, decay, isinstance(optimizer, AdamW))


def objective(run: Run) -> "_native.Objective":
    """The loss, and the keys of the random streams by which dropouts choose."""
    loss, layers = run.config.loss, run.config.model.layers
    dropouts = [index for index, layer in enumerate(layers) if isinstance(layer, Dropout)]
    keys = np.array([streams.dropout_key(run.seed, index) for index in dropouts], np.uint64).reshape(-1, 2)
    return _native.Objective(FORMS[loss.form], loss.label_smoothing, keys)


def split(given: Split) -> "_native.Split":
    return _native.Split(given.images, given.labels)


def _tensors(model: Model, prefix: str) -> tuple[Parameter, ...]:
    """What the session holds one after the other: parameters, and, of the weights themselves, running statistics."""
    return model.parameters() if prefix else (*model.parameters(), *model.buffers())


def flat(model: Model, tensors: Tensors, prefix: str = "") -> np.ndarray:
    """All tensors one after the other, float32; those of optimizer state have its name before theirs."""
    return np.concatenate(
        [np.asarray(tensors[prefix + one.name], np.float32).ravel() for one in _tensors(model, prefix)]
    )


def named(model: Model, flat: np.ndarray, prefix: str = "") -> dict[str, np.ndarray]:
    """The inverse of `flat`, as views."""
    parts = _tensors(model, prefix)
    pieces = np.split(np.asarray(flat), np.cumsum([one.size for one in parts])[:-1])
    return {prefix + one.name: piece.reshape(one.shape) for one, piece in zip(parts, pieces, strict=True)}
