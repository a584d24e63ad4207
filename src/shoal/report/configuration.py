# SPDX-License-Identifier: Apache-2.0
"""The exact configuration of a study, in words: what all its configs share, and the values of what differs.

It reads configs and judges nothing.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from shoal import wording
from shoal.analysis.curves import Curves
from shoal.data import Dataset
from shoal.losses import CrossEntropy
from shoal.models import Linear
from shoal.spec import Spec
from shoal.studies.compose import title
from shoal.study import Config

FEW = 8
"""Up to so many different short values are all written out."""


def described(
    configs: Sequence[Config], curves: Sequence[Curves], datasets: Sequence[Dataset]
) -> tuple[tuple[str, str], ...]:
    """Rows of (what, value) for the margin of a chapter; none of a config for a section of probes."""
    if not configs:
        return tuple(("data", _images(dataset)) for dataset in datasets)
    by_name = {dataset.name: dataset for dataset in datasets}
    used = [by_name[name] for name in dict.fromkeys(config.data for config in configs) if name in by_name]
    rows = [("data", "; ".join(_images(dataset) for dataset in used))]
    rows += [(name, _values([show(config) for config in configs])) for name, show in FIELDS]
    rows.insert(3, ("optimizer", _specs([config.optimizer for config in configs])))
    rows.append(("loss", _losses(configs)))
    rows += [(name, _optional(name, configs)) for name in ("gradient clipping", "early stopping")]
    rows.append(("validation", _validation(configs, used)))
    rows.append(("seeds done", seeds_done(curves)))
    return tuple(row for row in rows if row[1])


FIELDS: tuple[tuple[str, Callable[[Config], str]], ...] = (
    ("model", lambda config: f"{model_name(config)}, {wording.count(config.model.parameter_count, 'parameter')}"),
    ("initial weights", lambda config: spec_text(config.init)),
    ("schedule", lambda config: spec_text(config.schedule).lower()),
    ("batch size", lambda config: f"{config.batch_size:,}"),
    ("epochs", lambda config: str(config.epochs)),
    ("pixels", lambda config: "zero mean, unit deviation" if config.standardize else "uint8 / 255"),
)


def seeds_done(curves: Sequence[Curves]) -> str:
    """ "3", or "2 to 3" where configs differ."""
    counts = sorted({len(one.seeds) for one in curves})
    if not counts:
        return "none yet"
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def spec_text(spec: Spec) -> str:
    """ "SGD, lr 0.1", "Normal, std 0.01", "Xavier uniform": the kind, and every field that is not its default."""
    return ", ".join([_kind(spec), *(f"{_words(name)} {_value(value)}" for name, value in spec_fields(spec).items())])


def _kind(spec: Spec) -> str:
    """The name of its class as words: "Xavier uniform", "SGD"."""
    first, *others = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+[A-Z]?(?![a-z])|[A-Z][a-z]+", type(spec).__name__)
    return " ".join([first, *(other.lower() for other in others)])


def _words(name: str) -> str:
    return name.replace("_", " ")


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def model_name(config: Config) -> str:
    """ "MLP 784–8×64–10 sigmoid": the model's name with equal widths in a row counted; a single layer's own name."""
    layers = [layer for layer in config.model.layers if isinstance(layer, Linear)]
    if config.model.name.startswith("MLP") and len(layers) == 1:
        return "softmax regression"
    widths = re.sub(r"(\b\d+)(?:–\1\b)+", lambda run: f"{len(run[0].split('–'))}×{run[1]}", config.model.name)
    return widths.replace(" relu", " ReLU").replace("+", " + ").replace("avg", "average")


def spec_fields(spec: Spec) -> dict[str, Any]:
    """The fields of a spec as plain data, those that are always worth telling and those that differ from default."""
    told = {"lr", "std"}
    given = msgspec.to_builtins(spec)
    return {name: getattr(spec, name) for name in spec.__struct_fields__ if name in given or name in told}


def _specs(specs: Sequence[Spec]) -> str:
    """Specs that differ only in values, merged: "SGD, lr 0.001, 0.05 and 0.1"."""
    kinds = list(dict.fromkeys(type(spec) for spec in specs))
    return "; ".join(_merged([spec for spec in specs if type(spec) is kind]) for kind in kinds)


def _merged(specs: Sequence[Spec]) -> str:
    fields = [spec_fields(spec) for spec in specs]
    names = list(dict.fromkeys(name for one in fields for name in one))
    values = [f"{_words(name)} {_values([_value(one[name]) for one in fields if name in one])}" for name in names]
    return ", ".join([_kind(specs[0]), *values])


def _values(values: Sequence[str], joint: str = "and") -> str:
    """Different values, once each; of long ones or many only the first and the last."""
    different = list(dict.fromkeys(values))
    compound = any(", " in value for value in different)
    if len(different) > (3 if compound else FEW):
        return f"{len(different)} different ones, from {different[0]}, to {different[-1]}"
    return "; ".join(different) if compound else wording.listed(different, joint)


def _images(dataset: Dataset) -> str:
    return f"{title(dataset)}: {len(dataset.train):,} training and {len(dataset.test):,} test images"


def _losses(configs: Sequence[Config]) -> str:
    """How the loss is computed, where it is a matter: not where every config computes it as usual."""
    usual = all(config.loss == CrossEntropy() for config in configs)
    return "" if usual else f"cross-entropy, {_values([_loss(config.loss) for config in configs])}"


def _loss(loss: CrossEntropy) -> str:
    """ "naive", or "log-sum-exp with labels smoothed by 0.1"."""
    return f"{loss.form} with labels smoothed by {loss.label_smoothing:g}" if loss.label_smoothing else loss.form


def _optional(name: str, configs: Sequence[Config]) -> str:
    """What is not always there: "clip norm, max norm 1", "patience 3"; nothing where no config has it."""
    specs = [getattr(config, name.replace(" ", "_")) for config in configs]
    told = [spec_text(spec).lower().removeprefix(f"{name}, ") if spec else "none" for spec in specs]
    return _values(told) if any(specs) else ""


def _validation(configs: Sequence[Config], datasets: Sequence[Dataset]) -> str:
    test = "on the test split" if any(one.stand_in for one in datasets) else "on the official test split"
    held = sorted({config.holdout for config in configs})
    counts = wording.listed([f"{count:,}" for count in held if count])
    parts = ([test] if 0 in held else []) + ([f"on {counts} training images held out"] if any(held) else [])
    return wording.listed(parts)
