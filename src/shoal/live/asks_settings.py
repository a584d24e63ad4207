# SPDX-License-Identifier: Apache-2.0
"""What a browser may send to Play: one or two settings, as plain data, held against `FIELDS` when they are made.

Nothing in them is code or a path, and no name is looked up but in a table.
"""

from operator import attrgetter
from typing import Any

import msgspec

from shoal.errors import UsageError
from shoal.live.asks_fields import DEFAULTS, FIELDS

SEEDS = next(field for field in FIELDS if field.name == "seeds")
OF_SETTING = tuple(field for field in FIELDS if field is not SEEDS)


class ModelSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which network; what the kind has no use for is not looked at."""

    kind: str = DEFAULTS["model.kind"]
    hidden: tuple[int, ...] = DEFAULTS["model.hidden"]
    activation: str = DEFAULTS["model.activation"]
    pooling: str = DEFAULTS["model.pooling"]
    dropout: float = DEFAULTS["model.dropout"]
    batch_norm: bool = DEFAULTS["model.batch_norm"]


class OptimizerSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which optimizer, but for its learning rate."""

    kind: str = DEFAULTS["optimizer.kind"]
    momentum: float = DEFAULTS["optimizer.momentum"]
    weight_decay: float = DEFAULTS["optimizer.weight_decay"]


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one network is to be trained. ``data`` is a name as asked for: "fashion-mnist", also where a stand-in is.

    Raises:
        UsageError: a value that is not in the table of fields.
    """

    data: str = DEFAULTS["data"]
    model: ModelSetting = ModelSetting()
    optimizer: OptimizerSetting = OptimizerSetting()
    lr: float = DEFAULTS["lr"]
    batch_size: int = DEFAULTS["batch_size"]
    epochs: int = DEFAULTS["epochs"]
    init: str = DEFAULTS["init"]
    standardize: bool = DEFAULTS["standardize"]
    loss: str = DEFAULTS["loss"]

    def __post_init__(self) -> None:
        for field in OF_SETTING:
            field.check(attrgetter(field.name)(self))

    def said(self) -> dict[str, Any]:
        """Field to value, of those fields that matter: a linear model has no activation."""
        value = {field.name: attrgetter(field.name)(self) for field in OF_SETTING}
        return {
            field.name: value[field.name]
            for field in OF_SETTING
            if all(value[other] in words for other, words in field.when.items())
        }


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One setting, or two to hold against each other, over so many seeds, from 0.

    Raises:
        UsageError: neither one setting nor two, or no number of seeds to choose.
    """

    settings: tuple[Setting, ...]
    seeds: int = SEEDS.default

    def __post_init__(self) -> None:
        if len(self.settings) not in (1, 2):
            raise UsageError(f"settings: {len(self.settings)} of them. Use one, or two to compare.")
        SEEDS.check(self.seeds)
