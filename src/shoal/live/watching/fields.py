# SPDX-License-Identifier: Apache-2.0
"""A configuration, as the store's JSON has it, as flat named values: what tables compare and charts group by.

No `Config` is built: a store may hold ten thousand. The names and defaults of fields are read off the specs.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import msgspec

from shoal.losses import CrossEntropy
from shoal.models import Init
from shoal.optimizers import Optimizer, Schedule
from shoal.spec import Spec, content_hash
from shoal.spec import fields as fields_of
from shoal.study import Config
from shoal.training import Clipping, EarlyStopping

KINDS: dict[str, type[Spec]] = {
    kind.__name__: kind
    for kind in (
        *(kind for union in (Optimizer, Init, Schedule, Clipping) for kind in get_args(union)),
        CrossEntropy,
        EarlyStopping,
    )
}
TITLES = {
    "optimizer.lr": "learning rate",
    "init": "initial weights",
    "init.std": "initial deviation",
    "data": "data set",
}


@dataclass(frozen=True)
class Field:
    """One named value of the configurations that have it, by the configuration's key."""

    key: str
    title: str
    values: Mapping[str, Any]

    @property
    def numeric(self) -> bool:
        """Whether all of them are numbers, so that they have an order."""
        return all(isinstance(one, int | float) and not isinstance(one, bool) for one in self.values.values())

    def division(self, among: Collection[str] | None = None) -> frozenset[frozenset[str]]:
        """Which configurations share a value; of these configurations only, if some are given."""
        sets: dict[str, set[str]] = {}
        for key, value in self.values.items():
            if among is None or key in among:
                sets.setdefault(told(value), set()).add(key)
        return frozenset(frozenset(one) for one in sets.values())


def different(given: Iterable[Field], among: Collection[str]) -> list[Field]:
    """Those whose values differ; of several that divide ``among`` alike, and so say the same, only the first."""
    seen: set[frozenset[frozenset[str]]] = set()
    found = []
    for field in given:
        if len(field.division()) > 1 and (division := field.division(among)) not in seen:
            seen.add(division)
            found.append(field)
    return found


# ---- reading a configuration ----------------------------------------------------------------------------


def flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Path to value, what is left out as its default: ``{"batch_size": 256, "optimizer": "SGD", "optimizer.lr": 0.1}``.

    Of the model only its name: see `told_apart`.
    """
    found: dict[str, Any] = {}
    for field in fields_of(Config):
        found |= _parts(field.name, config.get(field.name, field.default))
    return found


def _parts(path: str, value: Any) -> dict[str, Any]:
    value = msgspec.to_builtins(value) if isinstance(value, Spec) else value
    if not isinstance(value, Mapping):
        return {path: value}
    if path == "model":
        return {path: value.get("name", "model")}
    kind = KINDS.get(value.get("type", ""))
    inner = {field.name: value.get(field.name, field.default) for field in fields_of(kind)} if kind else {}
    parts = {path: _words(value.get("type", ""))}
    for name, one in inner.items():
        parts |= _parts(f"{path}.{name}", one)
    return parts


def _words(kind: str) -> str:
    """The name of a class as words: "SGD", "Xavier uniform"."""
    first, *others = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+", kind) or [kind]
    return " ".join([first, *(other if other.isupper() else other.lower() for other in others)])


def told_apart(configs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`flat` of each; models that differ under one name get a few letters of their hash."""
    every, hashes = [flat(config) for config in configs], [_model_hash(config) for config in configs]
    named: dict[str, set[str]] = {}
    for one, content in zip(every, hashes, strict=True):
        named.setdefault(one["model"], set()).add(content)
    crowded = {name for name, contents in named.items() if len(contents) > 1}
    for one, content in zip(every, hashes, strict=True):
        if one["model"] in crowded:
            one["model"] += f" ({content[:6]})"
    return every


def _model_hash(config: Mapping[str, Any]) -> str:
    return content_hash({name: value for name, value in config.get("model", {}).items() if name != "name"})


# ---- words ----------------------------------------------------------------------------------------------


def title(path: str) -> str:
    """ "learning rate", "momentum", "schedule epochs"."""
    return TITLES.get(path) or path.removeprefix("optimizer.").replace(".", " ").replace("_", " ")


def told(value: Any) -> str:
    """A value as text: "0.1", "yes", "none", "0.9, 0.999"."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(told, value))
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def named(field: Field, value: Any) -> str:
    """A value that says of what it is: "lr 0.1"; words speak for themselves."""
    return told(value) if isinstance(value, str) else f"{field.title} {told(value)}"
