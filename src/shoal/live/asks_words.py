# SPDX-License-Identifier: Apache-2.0
"""Settings in words: what tells one from the other, and the study file that asks the same.

It makes no config. Every word in the file is a number, a truth value, a string that is quoted, or stands here.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any

from shoal.data import Dataset
from shoal.live.asks_fields import FIELDS
from shoal.live.asks_settings import Ask, Setting
from shoal.wording import count

CHOICES = {field.name: dict(field.choices) for field in FIELDS}

# ---- labels -------------------------------------------------------------------------------------------


def labels(settings: Sequence[Setting]) -> tuple[str, ...]:
    """What a reader calls each: of one its model and rate, of two what tells them apart."""
    said = [one.said() for one in settings]
    if len(said) == 1:
        return (f"{_model_words(said[0])}, {_words('lr', said[0])}",)
    names = _differing(said)
    if "model.kind" in names:
        names = ["model.kind", *(name for name in names if not name.startswith("model."))]
    return tuple(", ".join(_words(name, one) for name in names if name in one) for one in said)


def title(ask: Ask) -> str:
    """What is asked, in one line: "softmax regression, lr 0.1 against lr 0.3, 6 seeds"."""
    words, first = " against ".join(labels(ask.settings)), ask.settings[0].said()
    differing = _differing([one.said() for one in ask.settings])
    if differing and "model.kind" not in differing:
        model = _model_words(first)
        parts = any(name.startswith("model.") for name in differing)
        words = f"{model.split()[0] if parts else model}, {words}"
    return f"{words}, {count(ask.seeds, 'seed')}"


def _differing(said: Sequence[Mapping[str, Any]]) -> list[str]:
    first, *others = said
    return [field.name for field in FIELDS if any(one.get(field.name) != first.get(field.name) for one in others)]


def _model_words(said: Mapping[str, Any]) -> str:
    """ "softmax regression", "MLP 256–64 relu, dropout 0.2", "LeNet sigmoid+avg"."""
    kind = said["model.kind"]
    if kind == "softmax":
        return "softmax regression"
    if kind == "lenet":
        return f"LeNet {said['model.activation']}+{said['model.pooling']}"
    extra = [_words(name, said) for name in ("model.batch_norm", "model.dropout") if said[name]]
    return ", ".join([f"MLP {_joined(said['model.hidden'])} {said['model.activation']}", *extra])


def _words(name: str, said: Mapping[str, Any]) -> str:
    value = said[name]
    match name:
        case "model.kind":
            return _model_words(said)
        case "model.hidden":
            return f"{_joined(value)} {'unit' if value == (1,) else 'units'}"
        case "model.pooling":
            return f"{value} pooling"
        case "model.dropout" | "optimizer.weight_decay":
            word = name.partition(".")[2].replace("_", " ")
            return f"{word} {_number(value)}" if value else f"no {word}"
        case "model.batch_norm":
            return "batch norm" if value else "no batch norm"
        case "standardize":
            return "standardized pixels" if value else "pixels as they are"
        case "epochs":
            return f"{value} {'epoch' if value == 1 else 'epochs'}"
        case "lr" | "batch_size" | "optimizer.momentum":
            word = {"batch_size": "batch", "optimizer.momentum": "momentum"}.get(name, name)
            return f"{word} {_number(value)}"
    return str(CHOICES[name].get(value, value) if name in ("optimizer.kind", "init", "loss") else value)


def _joined(widths: Sequence[int]) -> str:
    return "–".join(map(str, widths))


def _number(value: float) -> str:
    """Short, but never the same for two numbers."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


# ---- the study file -----------------------------------------------------------------------------------

FREE = {
    "data",
    "model.activation",
    "model.pooling",
    "model.dropout",
    "optimizer.momentum",
    "optimizer.weight_decay",
    "lr",
    "batch_size",
    "epochs",
    "standardize",
    "loss",
}
"""What can be a parameter of the file's function: plain values."""
INITS = {"kaiming": "kaiming_uniform()", "pytorch": "pytorch_default()", "normal": "normal(0.01)"}
DECAYS = {"adamw": 0.01}
"""Weight decay that an optimizer has unsaid, if it has any."""
OPTIMIZERS = {"rmsprop": "RMSprop", "adagrad": "Adagrad", "adam": "Adam", "adamw": "AdamW", "lion": "Lion"}
BENDS = {
    "relu": "ReLU",
    "leaky-relu": "LeakyReLU",
    "gelu": "GELU",
    "silu": "SiLU",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
}
PUBLIC = (
    *("GELU", "SGD", "Adagrad", "Adam", "AdamW", "BatchNorm1d", "Claim", "Config", "CrossEntropy", "Dropout"),
    *("Flatten", "Grid", "LeakyReLU", "Linear", "Lion", "Model", "RMSprop", "ReLU", "SiLU", "Sigmoid", "Study", "Tanh"),
    *("kaiming_uniform", "lenet", "mlp", "normal", "pytorch_default", "softmax_regression"),
)
"""What a file may import, in the order of its line."""
OPENING = (
    '''"""A study for Shoal: `shoal run` with this file's name trains what is missing, and says what came of it."""'''
)


def python(ask: Ask, data: Mapping[str, Dataset]) -> str:
    """The study file that does the same: the same configs and seeds, and for two settings the claim they bear on.

    Settings of one shape become a function of what differs; others stand beside each other.

    Args:
        data: by the name asked for; models are written to fit it.
    """
    said = [one.said() for one in ask.settings]
    free = [name for name in _differing(said) if name in FREE and _is_said(name, said)] if len(said) > 1 else ["lr"]
    bodies = {_config(one, data[one["data"]], free) for one in said}
    names = labels(ask.settings)
    if len(bodies) == 1:
        points = [{_short(name): _literal(name, one[name]) for name in free} for one in said]
        top = f"def config({', '.join(map(_short, free))}):\n    return {_indented(bodies.pop())}\n\n\n"
        grid, label = _grid(points), ""
    else:
        points = [{"setting": json.dumps(name, ensure_ascii=False)} for name in names]
        each = zip(points, (_config(one, data[one["data"]], ()) for one in said), strict=True)
        listed = "".join(f"    {point['setting']}: {_indented(code)},\n" for point, code in each)
        top = f"SETTINGS = {{\n{listed}}}\n\n\ndef config(setting):\n    return SETTINGS[setting]\n\n\n"
        grid, label = "Grid(setting=list(SETTINGS))", "    label=lambda setting: setting,\n"
    claim = f"    claims=[{_indented(_claim(points, names))}],\n" if len(said) > 1 else ""
    last = f'study = Study(\n    "play",\n    config,\n    {grid},\n    seeds=range({ask.seeds}),\n{label}{claim})\n'
    used = [name for name in PUBLIC if re.search(rf"\b{name}\(", top + last)]
    imports = "".join(f"    {name},\n" for name in used)
    return f"{OPENING}\n\nfrom shoal import (\n{imports})\n\n\n{top}{last}"


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _literal(name: str, value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value.replace("-", "_") if name == "model.activation" else value)
    return repr(value)


def _indented(code: str) -> str:
    return code.replace("\n", "\n    ")


def _grid(points: Sequence[Mapping[str, str]]) -> str:
    """One grid of one parameter, or the sum of single points."""
    if len(points[0]) == 1:
        (name,) = points[0]
        return f"Grid({name}=[{', '.join(point[name] for point in points)}])"
    return " + ".join(f"Grid({', '.join(f'{name}=[{code}]' for name, code in point.items())})" for point in points)


def _claim(points: Sequence[Mapping[str, str]], names: Sequence[str]) -> str:
    """That the second setting ends with the higher accuracy."""
    first, second = (_dict(point) for point in points)
    quoted = [json.dumps(name, ensure_ascii=False) for name in names]
    says = json.dumps(f"{names[1]} ends with a higher accuracy than {names[0]}.", ensure_ascii=False)
    sides = [f"a={second}", f"b={first}", 'margin="0 points"', f"called=({quoted[1]}, {quoted[0]})"]
    return _call("Claim", ['"higher"', says, 'measure="accuracy"', *sides])


def _dict(point: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{json.dumps(key)}: {code}' for key, code in point.items())}}}"


def _call(name: str, given: Sequence[str]) -> str:
    """A call with an argument on each line."""
    inside = ",\n".join(given)
    return f"{name}(\n    {_indented(inside)},\n)"


def _config(said: Mapping[str, Any], dataset: Dataset, free: Collection[str]) -> str:
    """The code of a setting's config; what is ``free`` stands in it by its name."""

    def code(name: str) -> str:
        return _short(name) if name in free else _literal(name, said[name])

    given = {"data": code("data"), "model": _model(said, dataset, code), "optimizer": _optimizer(said, code)}
    given |= {"batch_size": code("batch_size"), "epochs": code("epochs")}
    if said["init"] in INITS:
        given["init"] = INITS[said["init"]]
    if said["standardize"] or "standardize" in free:
        given["standardize"] = code("standardize")
    if said["loss"] != "log-sum-exp" or "loss" in free:
        given["loss"] = f"CrossEntropy(form={code('loss')})"
    return _call("Config", [f"{name}={value}" for name, value in given.items()])


def _is_said(name: str, said: Sequence[Mapping[str, Any]]) -> bool:
    """Whether none of the settings has the default of a weight decay, which is not said: a default that is said is
    hashed."""
    return name != "optimizer.weight_decay" or all(one[name] != DECAYS.get(one["optimizer.kind"], 0.0) for one in said)


def _optimizer(said: Mapping[str, Any], code: Callable[[str], str]) -> str:
    kind, given = said["optimizer.kind"], [f"lr={code('lr')}"]
    if "optimizer.momentum" in said:
        given += [f"momentum={code('optimizer.momentum')}", *["nesterov=True"] * (kind == "nesterov")]
    if _is_said("optimizer.weight_decay", [said]):
        given += [f"weight_decay={code('optimizer.weight_decay')}"]
    return f"{OPTIMIZERS.get(kind, 'SGD')}({', '.join(given)})"


def _model(said: Mapping[str, Any], dataset: Dataset, code: Callable[[str], str]) -> str:
    kind, shape, classes = said["model.kind"], dataset.image_shape, len(dataset.classes)
    fit = ([f"classes={classes}"] if classes != 10 else []) + ([f"input_shape={shape}"] if shape != (1, 28, 28) else [])
    if kind == "softmax":
        return f"softmax_regression({', '.join(fit)})"
    bends = f"activation={code('model.activation')}"
    if kind == "lenet":
        pools = f"pooling={code('model.pooling')}"
        return f"lenet({', '.join([bends, pools, *fit])})"
    if not said["model.dropout"] and not said["model.batch_norm"]:
        return f"mlp({', '.join([*map(str, said['model.hidden']), bends, *fit])})"
    widths = (prod(shape), *said["model.hidden"])
    layers = ["Flatten()"]
    for before, width in pairwise(widths):
        layers += [f"Linear({before}, {width})", *[f"BatchNorm1d({width})"] * said["model.batch_norm"]]
        layers += [f"{BENDS[said['model.activation']]}()"]
        layers += [f"Dropout({code('model.dropout')})"] * bool(said["model.dropout"])
    listed = _call("", [*layers, f"Linear({widths[-1]}, {classes})"])
    return _call("Model", [listed, *([f"input_shape={shape}"] if shape != (1, 28, 28) else [])])
