# SPDX-License-Identifier: Apache-2.0
"""From a setting to what is trained: the only way from a browser to a `Config`.

Each setting is within bounds when it comes here. How long all of it would train, and how much it would keep, is for
`check_work`; that a network fits its data, for Shoal's own checks.
"""

from collections.abc import Mapping
from typing import Any

from shoal.data import Dataset
from shoal.errors import UsageError
from shoal.live.asks_settings import Ask, ModelSetting, Setting
from shoal.live.asks_words import labels
from shoal.losses import CrossEntropy
from shoal.models import (
    BatchNorm1d,
    Dropout,
    Flatten,
    Init,
    Layer,
    Linear,
    Model,
    kaiming_uniform,
    lenet,
    mlp,
    normal,
    pytorch_default,
    softmax_regression,
)
from shoal.optimizers import SGD, Adagrad, Adam, AdamW, Lion, Optimizer, RMSprop
from shoal.study import Config, Grid, Study
from shoal.wording import duration, size

NAME = "play"
"""What the study of every ask is called."""

INITS: dict[str, Init] = {
    "kaiming": kaiming_uniform(),
    "pytorch": pytorch_default(),
    "normal": normal(0.01),
}
"""Other than a config's own, `xavier_uniform`."""
PLAIN: dict[str, Any] = {"rmsprop": RMSprop, "adagrad": Adagrad, "adam": Adam, "adamw": AdamW, "lion": Lion}
"""Optimizers of which nothing is chosen but learning rate and weight decay."""

# ---- from a setting to a config -----------------------------------------------------------------------


def study(ask: Ask, data: Mapping[str, Dataset]) -> Study:
    """The study of an ask: a point for each setting, called by what tells it from the other.

    Args:
        data: by the name asked for; the study names it so as well (see `shoal.results.on_data`).

    Raises:
        UsageError: both settings say the same, no such data, or a network that does not fit its data.
    """
    made = [config(one, _dataset(one, data)) for one in ask.settings]
    configs = dict(zip(labels(ask.settings), made, strict=True))
    if len({one.hash for one in configs.values()}) < len(ask.settings):
        raise UsageError("Both settings say the same. Change one of them, or train one alone.")
    grid = Grid(setting=list(configs))
    return Study(NAME, lambda setting: configs[setting], grid, seeds=range(ask.seeds), label=lambda setting: setting)


def config(setting: Setting, dataset: Dataset) -> Config:
    """The config of a setting, under the name of the data asked for, with a model that fits ``dataset``.

    Raises:
        UsageError: the network does not fit the images, or what else Shoal's own checks refuse.
    """
    given: dict[str, Any] = {"init": INITS[setting.init]} if setting.init in INITS else {}
    return Config(
        data=setting.data,
        model=_model(setting.model, dataset),
        optimizer=_optimizer(setting),
        epochs=setting.epochs,
        batch_size=setting.batch_size,
        standardize=setting.standardize,
        loss=CrossEntropy(form=setting.loss),  # type: ignore[arg-type]
        **given,
    )


def _dataset(setting: Setting, data: Mapping[str, Dataset]) -> Dataset:
    if setting.data not in data:
        raise UsageError(f"data={setting.data!r} is not here. Use one of {', '.join(data) or 'none'}.")
    return data[setting.data]


def _model(setting: ModelSetting, dataset: Dataset) -> Model:
    fit: Any = {"classes": len(dataset.classes), "input_shape": dataset.image_shape}
    activation = setting.activation.replace("-", "_")
    if setting.kind == "softmax":
        return softmax_regression(**fit)
    if setting.kind == "lenet":
        return lenet(activation, setting.pooling, **fit)
    plain = mlp(*setting.hidden, activation=activation, **fit)
    if not setting.dropout and not setting.batch_norm:
        return plain
    extra = ", batch norm" * setting.batch_norm + f", dropout {setting.dropout:g}" * bool(setting.dropout)
    return Model(tuple(_dressed(plain, setting)), plain.input_shape, name=plain.name + extra)


def _dressed(plain: Model, setting: ModelSetting) -> list[Layer]:
    """A perceptron's layers with batch normalisation before, and dropout after, every activation."""
    layers: list[Layer] = []
    for layer, shape in zip(plain.layers, plain.shapes(), strict=False):
        bends = not isinstance(layer, Linear | Flatten)
        layers += [BatchNorm1d(shape[0])] if bends and setting.batch_norm else []
        layers += [layer, Dropout(setting.dropout)] if bends and setting.dropout else [layer]
    return layers


def _optimizer(setting: Setting) -> Optimizer:
    chosen = setting.optimizer
    given = {"lr": setting.lr, "weight_decay": chosen.weight_decay}
    if chosen.kind in PLAIN:
        return PLAIN[chosen.kind](**given)  # type: ignore[no-any-return]
    if chosen.kind != "sgd":
        given["momentum"] = chosen.momentum
    return SGD(nesterov=chosen.kind == "nesterov", **given)


# ---- how much it is -----------------------------------------------------------------------------------

LANES = 16
"""Examples that the engine computes together; a smaller minibatch costs as much."""
SPEED = 3e10
"""Operations a second of one thread: the half or third of what the engine reaches on processors of recent years."""
UPDATE = 10
"""Operations that one weight's update counts as, above all for its way to memory and back."""
LONGEST_EPOCH, LONGEST = 60.0, 600.0
"""Seconds: of one epoch of one run, and of everything that one ask trains."""
MOST_KEPT = 500e6
"""Bytes of weights and optimizer state."""


def epoch_seconds(config: Config, dataset: Dataset) -> float:
    """About how long an epoch takes on one thread, rather too much than too little."""
    images, batch = len(dataset.train), min(config.batch_size, len(dataset.train))
    steps, rounded = -(-images // batch), -(-batch // LANES) * LANES
    training = steps * (rounded * config.model.training_flops + UPDATE * config.model.parameter_count)
    return (training + len(dataset.test) * config.model.flops) / SPEED


def check_work(study: Study, data: Mapping[str, Dataset], threads: int) -> None:
    """See that it is a matter of minutes, and leaves no heap behind.

    Raises:
        UsageError: it is not; the message says what to lower.
    """
    total, kept, seeds = 0.0, 0.0, len(study.seeds)
    for point in study.points:
        one, dataset = point.config, data[point.config.data]
        seconds = epoch_seconds(one, dataset)
        if seconds > LONGEST_EPOCH:
            raise UsageError(
                f"{point.label}: an epoch in batches of {one.batch_size} would take about {duration(seconds)}, and "
                f"Play allows {duration(LONGEST_EPOCH)}. Use {_remedy(one, dataset)}."
            )
        total += seeds * one.epochs * seconds / min(threads, seeds * len(study.points))
        kept += seeds * 4 * one.model.parameter_count * (1 + len(one.optimizer.state))
    if total > LONGEST:
        raise UsageError(
            f"This would train for about {duration(total)}, and Play allows {duration(LONGEST)}. Use fewer seeds than "
            f"{seeds}, fewer epochs, larger batches, or a smaller model; `shoal run` trains as long as you like."
        )
    if kept > MOST_KEPT:
        raise UsageError(
            f"This would keep {size(kept)} of weights, and Play allows {size(MOST_KEPT)}. Use fewer seeds than "
            f"{seeds}, or fewer hidden units."
        )


def _remedy(config: Config, dataset: Dataset) -> str:
    """The least power of two that is batch size enough."""
    sizes = (2**power for power in range(14))
    larger = (one for one in sizes if epoch_seconds(config.replace(batch_size=one), dataset) <= LONGEST_EPOCH)
    found = next(larger, None)
    return f"a batch size of {found} or more" if found else "a smaller model"
