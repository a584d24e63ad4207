# SPDX-License-Identifier: Apache-2.0
"""The way back: from a stored config to the setting that asks for it. It judges by making the config again and finding
it the same, so that whatever else a config may say one day is beyond the form and never left out in silence.
"""

from shoal.data import Dataset
from shoal.errors import UsageError
from shoal.live.asks import INITS, PLAIN, config
from shoal.live.asks_fields import DEFAULTS
from shoal.live.asks_settings import ModelSetting, OptimizerSetting, Setting
from shoal.models import ACTIVATIONS, AvgPool2d, BatchNormSpec, Conv2d, Dropout, Linear, Model
from shoal.optimizers import SGD, Optimizer
from shoal.study import Config


def setting_of(stored: Config, asked: str, dataset: Dataset) -> Setting:
    """The setting that gives a stored config.

    Args:
        asked: the name by which ``dataset``, on which it was trained, is asked for.

    Raises:
        UsageError: it is beyond what Play may ask; the message says in what.
    """
    found = Setting(
        data=asked,
        model=_model(stored.model),
        optimizer=_optimizer(stored.optimizer),
        lr=stored.optimizer.lr,
        batch_size=stored.batch_size,
        epochs=stored.epochs,
        init=next((name for name, init in INITS.items() if init == stored.init), DEFAULTS["init"]),
        standardize=stored.standardize,
        loss=stored.loss.form,
    )
    made = config(found, dataset).replace(data=stored.data).identity()
    real = stored.identity()
    beyond = sorted(name for name in made.keys() | real.keys() if made.get(name) != real.get(name))
    if beyond:
        raise UsageError(f"Its {' and '.join(beyond).replace('_', ' ')} cannot be chosen in Play.")
    return found


def _model(model: Model) -> ModelSetting:
    """What a setting could say of a model; whether that is all of it, shows when the model is made of it again."""
    widths = tuple(layer.out_features for layer in model.layers if isinstance(layer, Linear))[:-1]
    bends = [name for name, layer in ACTIVATIONS.items() if layer in model.layers]
    convolves = any(isinstance(layer, Conv2d) for layer in model.layers)
    return ModelSetting(
        kind="lenet" if convolves else "mlp" if widths else "softmax",
        hidden=DEFAULTS["model.hidden"] if convolves or not widths else widths,
        activation=bends[0].replace("_", "-") if bends else DEFAULTS["model.activation"],
        pooling="avg" if any(isinstance(layer, AvgPool2d) for layer in model.layers) else DEFAULTS["model.pooling"],
        dropout=next((layer.p for layer in model.layers if isinstance(layer, Dropout)), DEFAULTS["model.dropout"]),
        batch_norm=any(isinstance(layer, BatchNormSpec) for layer in model.layers),
    )


def _optimizer(rule: Optimizer) -> OptimizerSetting:
    if not isinstance(rule, SGD):
        plain = next((name for name, made in PLAIN.items() if type(rule) is made), "")
        return OptimizerSetting(plain, DEFAULTS["optimizer.momentum"], rule.weight_decay)
    kind = "nesterov" if rule.nesterov else "momentum" if rule.momentum else "sgd"
    return OptimizerSetting(kind, rule.momentum or DEFAULTS["optimizer.momentum"], rule.weight_decay)
